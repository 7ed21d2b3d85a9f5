//! Writes scenarios as they are read.

use super::matches::{Conditions, Match, Wanted, Which};
use super::model::{Branch, Scenario, ScriptedTask, Step};
use super::said::{Beside, Choice, Until, When};
use super::turn::{ScriptedTurn, TurnStep};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

impl Serialize for Scenario {
    fn serialize<S: Serializer>(&self, target: S) -> Result<S::Ok, S::Error> {
        let tasks: Vec<_> = self.tasks.iter().map(task).collect();
        let mut scenario = json!({});
        if self.seed != 0 {
            scenario["seed"] = self.seed.into();
        }
        // One of turns alone says nothing of tasks.
        if !tasks.is_empty() || self.turns.is_empty() {
            scenario["tasks"] = tasks.into();
        }
        if !self.turns.is_empty() {
            scenario["turns"] = self.turns.iter().map(turn).collect();
        }
        if let Some(dialect) = &self.dialect {
            scenario["dialect"] = dialect.switches().into();
        }
        if !self.recorded.is_empty() {
            scenario["recorded"] = json!(self.recorded);
        }
        scenario.serialize(target)
    }
}

fn task(task: &ScriptedTask) -> Value {
    let mut fields = matching(task.matches.as_ref(), &task.wanted, "task");
    fields.insert("steps".to_owned(), task.steps.iter().map(step).collect());
    if task.once {
        fields.insert("once".to_owned(), true.into());
    }
    if task.verbatim {
        fields.insert("verbatim".to_owned(), true.into());
    }
    fields.into()
}

fn answer(branch: &Branch) -> Value {
    let mut fields = matching(branch.matches.as_ref(), &Wanted::default(), "");
    fields.insert("steps".to_owned(), branch.steps.iter().map(step).collect());
    fields.into()
}

fn turn(turn: &ScriptedTurn) -> Value {
    let mut fields = matching(turn.matches.as_ref(), &turn.wanted, "prompt");
    if let Some(mode) = &turn.mode {
        fields.insert("mode".to_owned(), mode.as_str().into());
    }
    fields.insert(
        "steps".to_owned(),
        turn.steps.iter().map(turn_step).collect(),
    );
    if turn.once {
        fields.insert("once".to_owned(), true.into());
    }
    if turn.verbatim {
        fields.insert("verbatim".to_owned(), true.into());
    }
    fields.into()
}

/// The `match` of an entry; `text` is the name of its text beside other wishes.
fn matching(matches: Option<&Match>, wanted: &Wanted, text: &str) -> Map<String, Value> {
    let value = if *wanted == Wanted::default() {
        matches.map(one_match)
    } else {
        let mut all = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                all.insert(name.to_owned(), value);
            }
        };
        put(text, matches.map(one_match));
        put("start_url", wanted.start_url.as_ref().map(one_match));
        put("agent", wanted.agent.as_ref().map(one_match));
        put(
            "session",
            wanted.session.as_ref().map(|which| match which {
                Which::Number(number) => json!(number),
                Which::Id(id) => json!(id),
            }),
        );
        put("nth", wanted.nth.map(Value::from));
        put("nth_in_session", wanted.nth_in_session.map(Value::from));
        let answers = (!wanted.answers.is_empty()).then(|| conditions(&wanted.answers));
        put("answers", answers);
        put(
            "file",
            wanted.file.as_ref().map(|file| {
                let parts = [("name", &file.name), ("content", &file.content)];
                let given = parts.into_iter().filter_map(|(name, wanted)| {
                    Some((name.to_owned(), one_match(wanted.as_ref()?)))
                });
                Value::Object(given.collect())
            }),
        );
        Some(all.into())
    };
    value
        .map(|value| Map::from_iter([("match".to_owned(), value)]))
        .unwrap_or_default()
}

fn one_match(matches: &Match) -> Value {
    match matches {
        Match::Contains(text) => text.as_str().into(),
        Match::Regex(regex) => json!({ "regex": regex.as_str() }),
        Match::Equals(text) => json!({ "equals": text }),
    }
}

fn conditions(conditions: &Conditions) -> Value {
    let wanted = |wanted: &Option<Match>| wanted.as_ref().map(one_match).unwrap_or_default();
    let all = conditions
        .iter()
        .map(|(name, value)| (name.clone(), wanted(value)));
    Value::Object(all.collect())
}

type Writer<S> = fn(&S) -> Value;

fn when<S>(when: &When<S>, step: Writer<S>) -> Value {
    let mut value = json!({
        "if": conditions(&when.conditions),
        "steps": when.steps.iter().map(step).collect::<Value>(),
    });
    otherwise(&mut value, &when.otherwise, step);
    value
}

fn until<S>(until: &Until<S>, step: Writer<S>) -> Value {
    let mut value = json!({
        "repeat": until.times,
        "until": conditions(&until.conditions),
        "steps": until.steps.iter().map(step).collect::<Value>(),
    });
    otherwise(&mut value, &until.otherwise, step);
    value
}

fn otherwise<S>(value: &mut Value, steps: &[S], step: Writer<S>) {
    if !steps.is_empty() {
        value["else"] = steps.iter().map(step).collect();
    }
}

fn choices<S>(choices: &[Choice<S>], step: Writer<S>) -> Value {
    let write = |choice: &Choice<S>| {
        let is_default_weight = (choice.weight - 1.0).abs() < f64::EPSILON;
        if let (Some(text), true, true) = (&choice.text, is_default_weight, choice.steps.is_empty())
        {
            return text.as_str().into();
        }
        let mut value = json!({});
        if !is_default_weight {
            value["weight"] = choice.weight.into();
        }
        if let Some(text) = &choice.text {
            value["text"] = text.as_str().into();
        }
        if !choice.steps.is_empty() {
            value["steps"] = choice.steps.iter().map(step).collect();
        }
        value
    };
    json!({ "choose": choices.iter().map(write).collect::<Value>() })
}

/// The step with what stands beside it.
fn with(mut value: Value, beside: &Beside) -> Value {
    if let Some(name) = &beside.save {
        value["save"] = name.as_str().into();
    }
    for (name, fields) in [
        ("data", &beside.data),
        ("metadata", &beside.metadata),
        ("context", &beside.context),
        ("details", &beside.details),
    ] {
        if !fields.is_empty() {
            value[name] = fields.clone().into();
        }
    }
    value
}

fn step(step: &Step) -> Value {
    match step {
        Step::Thought(text) => json!({ "thought": text }),
        Step::Step { text, url, action } => {
            let mut value = json!({ "step": text });
            for (name, text) in [("url", url), ("action", action)] {
                if let Some(text) = text {
                    value[name] = text.as_str().into();
                }
            }
            value
        }
        Step::Log(text) => json!({ "log": text }),
        Step::Question { text, answers } if answers.is_empty() => json!({ "question": text }),
        Step::Question { text, answers } => {
            let answers: Vec<_> = answers.iter().map(answer).collect();
            json!({ "question": text, "answers": answers })
        }
        Step::Delay(seconds) => json!({ "delay": seconds }),
        Step::Repeat { times, steps } => {
            let steps: Vec<_> = steps.iter().map(self::step).collect();
            json!({ "repeat": times, "steps": steps })
        }
        Step::RepeatUntil(again) => until(again, self::step),
        Step::If(branch) => when(branch, self::step),
        Step::Choose(all) => choices(all, self::step),
        Step::With { step, beside } => with(self::step(step), beside),
        Step::Event { name, data, id } => {
            let mut value = json!({ "event": name });
            if !data.is_empty() {
                value["data"] = data.clone().into();
            }
            if *id {
                value["id"] = true.into();
            }
            value
        }
        Step::Stream(cut) => json!({ "stream": cut.word() }),
        Step::Fault(fault) => json!({ "fault": fault }),
        Step::WaitForStream => json!({ "wait_for_stream": true }),
        Step::Navigate(url) => json!({ "navigate": url }),
        Step::Pause => json!({ "pause": true }),
        Step::WaitForPause => json!({ "wait_for_pause": true }),
        Step::WaitForMessage => json!({ "wait_for_message": true }),
        Step::Done(result) => json!({ "done": result }),
        Step::Error { text, status_code } => json!({ "error": text, "status_code": status_code }),
    }
}

fn turn_step(step: &TurnStep) -> Value {
    let mut value = match step {
        TurnStep::Thought { text, finalize, .. } if *finalize => json!({ "thought": text }),
        TurnStep::Thought { text, .. } => json!({ "thought": text, "finalize": false }),
        TurnStep::Text { text, .. } => json!({ "text": text }),
        TurnStep::Tool {
            name,
            output,
            status,
            takes,
        } => json!({ "tool": name, "output": output, "status": status, "takes": takes }),
        TurnStep::Plan(todos) => {
            let todos: Vec<_> = todos
                .iter()
                .map(
                    |todo| json!({ "id": todo.id, "content": todo.content, "status": todo.status }),
                )
                .collect();
            json!({ "plan": todos })
        }
        TurnStep::Snapshot { written, deleted } if deleted.is_empty() => {
            json!({ "snapshot": written })
        }
        TurnStep::Snapshot { written, deleted } => {
            json!({ "snapshot": written, "deleted": deleted })
        }
        TurnStep::Event {
            kind,
            payload,
            frame,
            ..
        } => {
            let mut event = json!({ "event": kind, "payload": payload });
            if !frame.is_empty() {
                event["frame"] = frame.clone().into();
            }
            event
        }
        TurnStep::Delay(seconds) => json!({ "delay": seconds }),
        TurnStep::Repeat { times, steps } => {
            let steps: Vec<_> = steps.iter().map(turn_step).collect();
            json!({ "repeat": times, "steps": steps })
        }
        TurnStep::RepeatUntil(again) => until(again, turn_step),
        TurnStep::If(branch) => when(branch, turn_step),
        TurnStep::Choose(all) => choices(all, turn_step),
        TurnStep::With { step, beside } => with(turn_step(step), beside),
        TurnStep::Socket(cut) => json!({ "socket": cut.word() }),
        TurnStep::Fault(fault) => json!({ "fault": fault }),
        TurnStep::WaitForMessage => json!({ "wait_for_message": true }),
        TurnStep::WaitForSocket => json!({ "wait_for_socket": true }),
        TurnStep::WaitForStop => json!({ "wait_for_stop": true }),
        TurnStep::Complete { content: None } => json!({ "complete": true }),
        TurnStep::Complete { content } => json!({ "complete": content }),
        TurnStep::Abort { reason } => json!({ "abort": reason }),
        TurnStep::Error { text, code: None } => json!({ "error": text }),
        TurnStep::Error { text, code } => json!({ "error": text, "code": code }),
    };
    let block = match step {
        TurnStep::Thought { block, .. } | TurnStep::Text { block, .. } => ("block", block),
        TurnStep::Event { block_id, .. } => ("block_id", block_id),
        _ => return value,
    };
    if let (name, Some(block)) = block {
        value[name] = block.as_str().into();
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_step_survives_a_round_trip() {
        let all = json!({"tasks": [{"match": "x", "once": true, "steps": [
            {"thought": "a"}, {"step": "b", "url": "http://h/", "action": "click"}, {"log": "c"}, {"question": "d"},
            {"question": "e", "answers": [{"match": {"regex": "^no"}, "steps": [{"pause": true}]}, {"steps": []}]},
            {"delay": 0.5}, {"repeat": 2, "steps": [{"thought": "{n}"}]}, {"navigate": "http://h/"},
            {"pause": true}, {"wait_for_pause": true}, {"wait_for_message": true},
            {"done": null}, {"error": "e", "status_code": 418}]}]});
        let scenario: Scenario = serde_json::from_value(all.clone()).unwrap();
        assert_eq!(scenario.tasks[0].steps.len(), 13);
        assert_eq!(serde_json::to_value(&scenario).unwrap(), all);
    }

    #[test]
    fn every_kind_of_turn_step_survives_a_round_trip() {
        let all = json!({"dialect": {"text": "cumulative", "kinds": {"text": "TEXT"}}, "turns": [{"match": "x", "mode": "code", "once": true, "verbatim": true, "steps": [
            {"thought": "a"}, {"thought": "b", "finalize": false, "block": "plan"}, {"text": "c"}, {"text": "d", "block": "e"},
            {"tool": "browser", "output": [1], "status": "error", "takes": 0.5},
            {"plan": [{"id": "1", "content": "f", "status": "active"}]}, {"snapshot": ["g"]},
            {"snapshot": [], "deleted": ["h"]}, {"event": "task.phase", "payload": {"phase": "i"}, "block_id": "j", "frame": {"usage": 1}},
            {"delay": 0.5}, {"repeat": 2, "steps": [{"text": "{n}"}]},
            {"wait_for_message": true}, {"wait_for_socket": true}, {"wait_for_stop": true},
            {"complete": true}, {"complete": "k"}, {"abort": "l"}, {"error": "m"}, {"error": "n", "code": "o"}]}]});
        let scenario: Scenario = serde_json::from_value(all.clone()).unwrap();
        assert_eq!(scenario.turns[0].steps.len(), 19);
        assert_eq!(serde_json::to_value(&scenario).unwrap(), all);
    }
}

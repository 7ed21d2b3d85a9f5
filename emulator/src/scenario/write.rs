//! Writes scenarios as they are read.

use super::matches::Match;
use super::model::{Branch, Scenario, ScriptedTask, Step};
use super::turn::{ScriptedTurn, TurnStep};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

impl Serialize for Scenario {
    fn serialize<S: Serializer>(&self, target: S) -> Result<S::Ok, S::Error> {
        let tasks: Vec<_> = self.tasks.iter().map(task).collect();
        let mut scenario = json!({});
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
        scenario.serialize(target)
    }
}

fn task(task: &ScriptedTask) -> Value {
    let mut fields = entry(task.matches.as_ref(), &task.steps);
    if task.once {
        fields.insert("once".to_owned(), true.into());
    }
    if task.verbatim {
        fields.insert("verbatim".to_owned(), true.into());
    }
    fields.into()
}

fn answer(branch: &Branch) -> Value {
    entry(branch.matches.as_ref(), &branch.steps).into()
}

fn turn(turn: &ScriptedTurn) -> Value {
    let mut fields = matching(turn.matches.as_ref());
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

fn entry(matches: Option<&Match>, steps: &[Step]) -> Map<String, Value> {
    let mut fields = matching(matches);
    fields.insert("steps".to_owned(), steps.iter().map(step).collect());
    fields
}

fn matching(matches: Option<&Match>) -> Map<String, Value> {
    let mut fields = Map::new();
    if let Some(matches) = matches {
        let value = match matches {
            Match::Contains(text) => text.as_str().into(),
            Match::Regex(regex) => json!({ "regex": regex.as_str() }),
        };
        fields.insert("match".to_owned(), value);
    }
    fields
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
        TurnStep::Event { kind, payload, .. } => json!({ "event": kind, "payload": payload }),
        TurnStep::Delay(seconds) => json!({ "delay": seconds }),
        TurnStep::Repeat { times, steps } => {
            let steps: Vec<_> = steps.iter().map(turn_step).collect();
            json!({ "repeat": times, "steps": steps })
        }
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
            {"snapshot": [], "deleted": ["h"]}, {"event": "task.phase", "payload": {"phase": "i"}, "block_id": "j"},
            {"delay": 0.5}, {"repeat": 2, "steps": [{"text": "{n}"}]},
            {"wait_for_message": true}, {"wait_for_socket": true}, {"wait_for_stop": true},
            {"complete": true}, {"complete": "k"}, {"abort": "l"}, {"error": "m"}, {"error": "n", "code": "o"}]}]});
        let scenario: Scenario = serde_json::from_value(all.clone()).unwrap();
        assert_eq!(scenario.turns[0].steps.len(), 19);
        assert_eq!(serde_json::to_value(&scenario).unwrap(), all);
    }
}

//! A turn that was recorded, as a scenario that plays it again.

use super::model::Scenario;
use super::recording::{LONGEST_DELAY, matching};
use super::scrub::{Scrubber, Secrets};
use super::turn::{ScriptedTurn, TurnStep};
use crate::raccoon::Dialect;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// What a turn told, and in which words. Fields that are not known are skipped.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct TurnRecording {
    /// What the agent was to do.
    pub prompt: String,
    /// The events in their order, in the documented form.
    pub events: Vec<RecordedTurnEvent>,
    /// The content of the agent's message in the history; `None` where it is not known.
    pub content: Option<String>,
    /// How the service spoke.
    pub dialect: Dialect,
}

/// An event of a turn's recording.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RecordedTurnEvent {
    /// Its kind.
    pub kind: String,
    /// Its block.
    pub block_id: Option<String>,
    /// Milliseconds since 1970.
    pub timestamp: Option<i64>,
    /// What it says; of a text, the piece that it adds.
    pub payload: Value,
    /// What else its frame has.
    pub frame: Map<String, Value>,
}

impl Scenario {
    /// The scenario that plays a recorded turn again, in the words of the service that it came from: the same events with
    /// the same payloads and pauses.
    ///
    /// Secrets are replaced as by [`Self::from_recording`].
    #[must_use]
    pub fn from_turn_recording(recording: &TurnRecording, secrets: &[String]) -> Self {
        let mut known = Secrets::default();
        secrets.iter().for_each(|secret| known.tell(secret));
        recording.teach(&mut known);
        Self::of_turn(recording, &Scrubber::new(&known))
    }

    /// The same, where it is known what is secret.
    pub(crate) fn of_turn(recording: &TurnRecording, scrubber: &Scrubber) -> Self {
        let mut steps = Vec::new();
        let events = without_split_secrets(&recording.events, scrubber);
        let mut last = None;
        let mut ended = false;
        let received = |event: &RecordedTurnEvent| event.kind == "message.received";
        for (index, event) in events.iter().enumerate() {
            let at = event.timestamp.or(last);
            if let (Some(last), Some(at)) = (last, at)
                && at > last
            {
                let seconds = (at - last) as f64 / 1000.0;
                steps.push(TurnStep::Delay(seconds.min(LONGEST_DELAY)));
            }
            last = at;
            // Every turn begins with that of its prompt.
            if index == 0 && received(event) {
                continue;
            }
            steps.push(step(event, scrubber));
            ended = ENDS.contains(&event.kind.as_str());
            if ended {
                break;
            }
        }
        let is_end = |event: &RecordedTurnEvent| ENDS.contains(&event.kind.as_str());
        let told = recording.events.iter().take_while(|event| !is_end(event));
        let texts = told.filter(|event| event.kind == "text");
        let said: String = texts.filter_map(piece).collect();
        let other = recording.content.as_ref().filter(|content| {
            **content != said && !(recording.dialect.without_content && content.is_empty())
        });
        if let (Some(TurnStep::Complete { content }), Some(other)) = (steps.last_mut(), other) {
            *content = Some(scrubber.text(other));
        }
        if !ended {
            steps.push(TurnStep::Error {
                text: "The recording ends here: the turn was stopped, or still running".to_owned(),
                code: None,
            });
        }
        let mut turn = ScriptedTurn {
            matches: matching(&scrubber.text(&recording.prompt)),
            steps,
            ..ScriptedTurn::default()
        };
        let fills = |text: &str| {
            let names = ["{prompt}", "{mode}", "{message}"];
            names.iter().any(|name| text.contains(name))
        };
        turn.verbatim = turn.steps.iter().any(|step| fills(&format!("{step:?}")));
        Self {
            turns: vec![turn],
            dialect: Some(recording.dialect.clone())
                .filter(|dialect| *dialect != Dialect::default()),
            ..Self::default()
        }
    }
}

impl TurnRecording {
    /// Says what is secret in it.
    pub(crate) fn teach(&self, secrets: &mut Secrets) {
        secrets.learn_text(&self.prompt);
        secrets.learn_text(self.content.as_deref().unwrap_or_default());
        for event in &self.events {
            event
                .frame
                .values()
                .for_each(|value| secrets.learn_value(value));
            if piece(event).is_none() {
                secrets.learn_value(&event.payload);
            }
        }
        for (_, _, indices) in blocks(&self.events) {
            let pieces = indices
                .iter()
                .filter_map(|&index| piece(&self.events[index]));
            secrets.learn_text(&pieces.collect::<String>());
        }
    }
}

/// What an event adds to the text of its block.
fn piece(event: &RecordedTurnEvent) -> Option<&str> {
    let kind = event.kind.as_str();
    let field = event
        .payload
        .get(kind)
        .filter(|_| matches!(kind, "text" | "thought"));
    field.and_then(Value::as_str)
}

/// The events that tell the pieces of one text, by their kind and block.
fn blocks(events: &[RecordedTurnEvent]) -> Vec<(&str, Option<&str>, Vec<usize>)> {
    let mut blocks: Vec<(&str, Option<&str>, Vec<usize>)> = Vec::new();
    let mut places: HashMap<(&str, Option<&str>), usize> = HashMap::new();
    for (index, event) in events.iter().enumerate() {
        let (kind, block) = (event.kind.as_str(), event.block_id.as_deref());
        if piece(event).is_none() {
            continue;
        }
        let place = *places.entry((kind, block)).or_insert(blocks.len());
        match blocks.get_mut(place) {
            Some((_, _, indices)) => indices.push(index),
            None => blocks.push((kind, block, vec![index])),
        }
    }
    blocks
}

/// The events, with secrets left out that go from one piece of a block into the next. A piece of a text of which nothing is left goes.
fn without_split_secrets(
    events: &[RecordedTurnEvent],
    scrubber: &Scrubber,
) -> Vec<RecordedTurnEvent> {
    let mut scrubbed: Vec<_> = events.iter().cloned().map(Some).collect();
    for (kind, _, indices) in blocks(events) {
        let pieces: Vec<&str> = indices
            .iter()
            .filter_map(|&index| piece(&events[index]))
            .collect();
        let texts = scrubber.pieces(&pieces);
        for ((index, was), text) in indices.into_iter().zip(pieces).zip(texts) {
            match (
                &mut scrubbed[index],
                kind == "text" && text.is_empty() && !was.is_empty(),
            ) {
                (event, true) => *event = None,
                (Some(event), false) => event.payload[kind] = text.into(),
                (None, false) => {}
            }
        }
    }
    scrubbed.into_iter().flatten().collect()
}

/// The kinds that end a turn.
const ENDS: [&str; 3] = ["task.completed", "task.aborted", "task.error"];

/// What plays the event: the step of its kind where that says all of it.
fn step(event: &RecordedTurnEvent, scrubber: &Scrubber) -> TurnStep {
    let payload = match scrubber.value(&event.payload) {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    let only = |names: &[&str]| payload.keys().all(|name| names.contains(&name.as_str()));
    let text = |name: &str| payload.get(name).and_then(Value::as_str).map(str::to_owned);
    let block = |prefix: &str| {
        let block = event.block_id.as_deref()?.strip_prefix(prefix)?;
        Some(block.to_owned()).filter(|block| !block.is_empty())
    };
    let no_block = event.block_id.is_none();
    let kind = match event.frame.is_empty() {
        true => event.kind.as_str(),
        // No step of its own says all of it.
        false => "",
    };
    let step = match kind {
        "text" if only(&["text"]) => text("text").zip(block("text:")).map(|(text, block)| {
            let block = Some(block).filter(|block| block != "answer");
            TurnStep::Text { text, block }
        }),
        "thought" if only(&["thought", "finalize"]) => {
            let finalize = payload.get("finalize").and_then(Value::as_bool);
            let said = text("thought").zip(block("thought:")).zip(finalize);
            said.map(|((text, block), finalize)| TurnStep::Thought {
                text,
                block: Some(block),
                finalize,
            })
        }
        "task.completed" if payload.is_empty() && no_block => {
            Some(TurnStep::Complete { content: None })
        }
        "task.aborted" if only(&["reason"]) && no_block => {
            text("reason").map(|reason| TurnStep::Abort { reason })
        }
        "task.error" if only(&["message"]) && no_block => {
            text("message").map(|text| TurnStep::Error { text, code: None })
        }
        "task.error" if only(&["message", "code"]) && no_block => {
            text("message").zip(text("code")).map(|(text, code)| {
                let code = Some(code);
                TurnStep::Error { text, code }
            })
        }
        "sandbox.snapshot" if no_block => snapshot(&event.payload, scrubber),
        _ => None,
    };
    step.unwrap_or_else(|| TurnStep::Event {
        kind: scrubber.name(&event.kind),
        payload,
        block_id: event.block_id.as_deref().map(|block| scrubber.name(block)),
        frame: match scrubber.value(&Value::Object(event.frame.clone())) {
            Value::Object(frame) => frame,
            _ => Map::new(),
        },
    })
}

/// The step for a snapshot that says no more than it does: its keys are those of the session that plays it.
fn snapshot(payload: &Value, scrubber: &Scrubber) -> Option<TurnStep> {
    let only = |fields: &Map<String, Value>, names: &[&str]| {
        fields.keys().all(|name| names.contains(&name.as_str()))
    };
    let fields = payload.as_object()?;
    if !only(fields, &["sandbox_id", "snapshot", "deleted"]) {
        return None;
    }
    let files = fields.get("snapshot")?.as_object()?;
    let is_usual = |(path, file): (&String, &Value)| {
        let name = path.rsplit('/').next();
        let file = file.as_object();
        file.is_some_and(|file| {
            only(file, &["key", "name", "updatedAt"])
                && file.get("name").and_then(Value::as_str) == name
        })
    };
    if !files.iter().all(is_usual) {
        return None;
    }
    let deleted = fields.get("deleted")?.as_array()?.iter();
    let deleted: Option<Vec<String>> = deleted
        .map(|path| Some(scrubber.text(path.as_str()?)))
        .collect();
    Some(TurnStep::Snapshot {
        written: files.keys().map(|path| scrubber.text(path)).collect(),
        deleted: deleted?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scenario(recording: Value, secrets: &[&str]) -> Value {
        let recording: TurnRecording = serde_json::from_value(recording).unwrap();
        let secrets: Vec<_> = secrets.iter().map(|&secret| secret.to_owned()).collect();
        let scenario = Scenario::from_turn_recording(&recording, &secrets);
        // Whatever is recorded can be read back.
        for text in [scenario.to_yaml(), scenario.to_json()] {
            assert_eq!(Scenario::from_text(&text).unwrap(), scenario, "{text}");
        }
        serde_json::from_str(&scenario.to_json()).unwrap()
    }

    #[test]
    fn a_turn_with_pauses_and_its_dialect() {
        let scenario = scenario(
            json!({
                "prompt": "Compare", "content": "ab", "dialect": {"text": "cumulative"}, "other": 1,
                "events": [
                    {"kind": "message.received", "timestamp": 1000, "payload": {"text": "Compare"}},
                    {"kind": "thought", "block_id": "thought:1", "timestamp": 1000, "payload": {"thought": "hm", "finalize": true}},
                    {"kind": "tool.start", "block_id": "tool:x", "timestamp": 3500, "payload": {"tool": "x"}},
                    {"kind": "text", "block_id": "text:answer", "timestamp": 3500, "payload": {"text": "a"}},
                    {"kind": "text", "block_id": "text:b", "timestamp": 3600, "payload": {"text": "b"}},
                    {"kind": "text", "payload": {"text": "", "lang": "en"}},
                    {"kind": "task.completed", "timestamp": 3600, "payload": {}},
                    {"kind": "late", "payload": {}}],
            }),
            &[],
        );
        let expected = json!({"turns": [{"match": "Compare", "steps": [
            {"thought": "hm", "block": "1"},
            {"event": "tool.start", "payload": {"tool": "x"}, "block_id": "tool:x", "after": 2.5},
            {"text": "a"}, {"text": "b", "block": "b", "after": 0.1},
            {"event": "text", "payload": {"text": "", "lang": "en"}}, {"complete": true}]}],
            "dialect": {"text": "cumulative"}});
        assert_eq!(scenario, expected);
    }

    #[test]
    fn each_end_is_played_as_it_was() {
        for (event, step) in [
            (
                json!({"kind": "task.aborted", "payload": {"reason": "Budget"}}),
                json!({"abort": "Budget"}),
            ),
            (
                json!({"kind": "task.error", "payload": {"message": "No"}}),
                json!({"error": "No"}),
            ),
            (
                json!({"kind": "task.error", "payload": {"message": "No", "code": "c"}}),
                json!({"error": "No", "code": "c"}),
            ),
            (
                json!({"kind": "task.error", "payload": {}}),
                json!({"event": "task.error", "payload": {}}),
            ),
            (
                json!({"kind": "task.completed", "payload": {"usage": 3}}),
                json!({"event": "task.completed", "payload": {"usage": 3}}),
            ),
            (
                json!({"kind": "task.completed", "payload": {}}),
                json!({"complete": "from the history"}),
            ),
            (
                json!({"kind": "task.completed", "payload": {}, "frame": {"usage": 3}}),
                json!({"event": "task.completed", "payload": {}, "frame": {"usage": 3}}),
            ),
        ] {
            let recording =
                json!({"prompt": "x", "content": "from the history", "events": [event]});
            assert_eq!(scenario(recording, &[])["turns"][0]["steps"], json!([step]));
        }
        let open = scenario(json!({"prompt": "x", "events": []}), &[]);
        let said = open["turns"][0]["steps"][0]["error"].as_str().unwrap();
        assert!(said.starts_with("The recording ends here"), "{said}");
    }

    #[test]
    fn secrets_in_pieces_are_left_out() {
        let text = |text: &str| json!({"kind": "text", "block_id": "text:answer", "payload": {"text": text}});
        let recorded = scenario(
            json!({"prompt": "Pay", "content": "It is hunter22. Thanks", "events": [
                text("It is hun"), {"kind": "tool.start", "payload": {"tool": "x"}}, text("ter22. "), text("Thanks"),
                {"kind": "task.completed", "payload": {}}]}),
            &["hunter22"],
        );
        let expected = json!([{"text": "It is [redacted]. "}, {"event": "tool.start", "payload": {"tool": "x"}},
            {"text": "Thanks"}, {"complete": true}]);
        assert_eq!(recorded["turns"][0]["steps"], expected);
    }

    #[test]
    fn secrets_are_left_out_and_braces_stay() {
        let recorded = scenario(
            json!({"prompt": "Log in with hunter22", "content": null, "events": [
                {"kind": "text", "block_id": "text:answer", "payload": {"text": "hunter22 is {prompt}"}},
                {"kind": "tool.result", "payload": {"password": "x", "output": ["hunter22"]}}]}),
            &["hunter22"],
        );
        let turn = &recorded["turns"][0];
        assert!(!recorded.to_string().contains("hunter22"), "{recorded}");
        assert_eq!(turn["verbatim"], true);
        assert_eq!(turn["match"]["regex"], "(?s)Log in with .*");
    }
}

//! What a turn's events add up to: its text, its plan, its files. Pure.

use serde::Serialize;
use serde_json::{Map, Value};

use super::blocks::Blocks;
use super::dialect::is_of_turns;
use super::models::TextMode;
use crate::event::{Event, EventType};

/// The state of a turn's work, kept up to date event by event
/// (docs/spec/raccoon.md, sections 5.3 and 5.6).
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Assembly {
    #[serde(skip)]
    mode: TextMode,
    #[serde(skip)]
    texts: Blocks,
    #[serde(skip)]
    thoughts: Blocks,
    /// The text as the history has it.
    #[serde(skip)]
    settled: Option<String>,
    /// There were frames of text, or of a kind that nobody knows.
    #[serde(skip)]
    may_say: bool,
    plan: Vec<Map<String, Value>>,
    files: Map<String, Value>,
}

impl Assembly {
    /// Of a turn that did nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, with the frames of texts read in this way.
    pub fn reading(mode: TextMode) -> Self {
        Self {
            mode,
            ..Self::default()
        }
    }

    /// Of the same turn, told from the start.
    pub(super) fn anew(&self) -> Self {
        Self::reading(self.mode)
    }

    /// Adds the next event.
    pub fn add(&mut self, event: &Event) {
        match event.event_type() {
            EventType::Text => {
                self.settled = None;
                self.may_say = true;
                self.texts.add(event, "text");
            }
            EventType::Thought => self.thoughts.add(event, "thought"),
            EventType::PlanUpdate => self.update_plan(&event.data()),
            EventType::SandboxSnapshot => self.update_files(&event.data()),
            kind => self.may_say |= !is_of_turns(kind),
        }
    }

    /// Whether there were frames that should have said something, or may have.
    pub(super) fn may_say(&self) -> bool {
        self.may_say
    }

    /// The agent's visible text: all its blocks, in the order in which they
    /// began.
    pub fn text(&self) -> String {
        match &self.settled {
            Some(text) => text.clone(),
            None => self.texts.read(self.mode),
        }
    }

    /// Whether the frames can be read to another text, too: each of a block's
    /// may add to it, or repeat it; and blocks that go on beside others may stand one
    /// after another, or in the order of their frames.
    pub fn is_ambiguous(&self) -> bool {
        let repeats = || self.mode == TextMode::Auto && self.texts.is_ambiguous();
        self.settled.is_none() && (repeats() || self.texts.is_interleaved(self.mode))
    }

    /// Takes the history's text, if the frames can be read to it.
    pub fn settle(&mut self, whole: &str) -> bool {
        let fits = self.texts.can_be(whole) || self.texts.can_be_by_time(whole, self.mode);
        if fits {
            self.settled = Some(whole.to_owned());
        }
        fits
    }

    /// The text of one block of text or thought, such as `text:answer`.
    pub fn block(&self, block_id: &str) -> Option<String> {
        let text = self.texts.block(block_id, self.mode);
        text.or_else(|| self.thoughts.block(block_id, self.mode))
    }

    /// What the block of this event says so far, which was added.
    pub(crate) fn block_of(&self, event: &Event) -> String {
        let id = event.block_id();
        let blocks = match event.event_type() {
            EventType::Text => &self.texts,
            _ => &self.thoughts,
        };
        let text = blocks.block(&id.unwrap_or_default(), self.mode);
        text.unwrap_or_default()
    }

    /// What the agent plans: each entry with `id`, `content` and `status`.
    pub fn plan(&self) -> &[Map<String, Value>] {
        &self.plan
    }

    /// The sandbox's files, by path.
    pub fn files(&self) -> &Map<String, Value> {
        &self.files
    }

    /// Merges a list of todos by their ids. The newest list's order counts;
    /// what it leaves out stays, behind it.
    fn update_plan(&mut self, payload: &Value) {
        let patch = payload.get("patch").filter(|patch| patch.is_object());
        let patch = patch.unwrap_or(payload);
        let Some(todos) = patch.get("todos").and_then(Value::as_array) else {
            return;
        };
        let mut old = std::mem::take(&mut self.plan);
        for todo in todos.iter().filter_map(Value::as_object) {
            let known = todo
                .get("id")
                .and_then(|id| old.iter().position(|known| known.get("id") == Some(id)));
            let mut merged = known.map(|at| old.remove(at)).unwrap_or_default();
            merged.extend(todo.clone());
            self.plan.push(merged);
        }
        self.plan.append(&mut old);
    }

    fn update_files(&mut self, payload: &Value) {
        if let Some(snapshot) = payload.get("snapshot").and_then(Value::as_object) {
            self.files.extend(snapshot.clone());
        }
        let deleted = payload.get("deleted").and_then(Value::as_array);
        for path in deleted.into_iter().flatten().filter_map(Value::as_str) {
            self.files.shift_remove(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(frames: &[(&str, &str, Value)]) -> Assembly {
        let mut assembly = Assembly::new();
        for (kind, block, payload) in frames {
            let frame = json!({"kind": kind, "block_id": block, "payload": payload});
            assembly.add(&Event::from_frame(frame.to_string()));
        }
        assembly
    }

    #[test]
    fn the_history_settles_what_can_be_read_in_two_ways() {
        let part = |text: &str| ("text", "text:a", json!({"text": text}));
        let mut assembly = of(&[part("1"), part("10")]);
        assert!(assembly.is_ambiguous());
        assert_eq!(assembly.text(), "10");
        assert!(!assembly.settle("A summary"), "it is no reading of them");
        assert!(assembly.is_ambiguous());
        assert!(assembly.settle("110"));
        assert_eq!(
            (assembly.text(), assembly.is_ambiguous()),
            ("110".to_owned(), false)
        );

        let frame = json!({"kind": "text", "block_id": "text:a", "payload": {"text": " EUR"}});
        assembly.add(&Event::from_frame(frame.to_string()));
        assert_eq!(assembly.text(), "110 EUR", "the turn went on");
    }

    #[test]
    fn a_mode_that_is_given_leaves_nothing_open() {
        for (mode, text) in [(TextMode::Delta, "110"), (TextMode::Cumulative, "10")] {
            let mut assembly = Assembly::reading(mode);
            for text in ["1", "10"] {
                let frame = json!({"kind": "text", "payload": {"text": text}});
                assembly.add(&Event::from_frame(frame.to_string()));
            }
            assert_eq!(
                (assembly.text(), assembly.is_ambiguous()),
                (text.to_owned(), false)
            );
        }
    }

    #[test]
    fn blocks_stand_in_the_order_in_which_they_began() {
        let assembly = of(&[
            (
                "thought",
                "thought:x",
                json!({"thought": "hm", "finalize": false}),
            ),
            ("text", "text:a", json!({"text": "A1"})),
            ("text", "text:b", json!({"text": "B1"})),
            ("text", "text:a", json!({"text": "A2"})),
            (
                "thought",
                "thought:x",
                json!({"thought": "hm, yes", "finalize": true}),
            ),
            (
                "thought",
                "thought:x",
                json!({"thought": "anew", "finalize": true}),
            ),
        ]);
        assert_eq!(assembly.text(), "A1A2B1");
        assert!(assembly.is_ambiguous(), "they went on beside one another");
        assert_eq!(assembly.block("text:a"), Some("A1A2".to_owned()));
        assert_eq!(
            assembly.block("thought:x"),
            Some("anew".to_owned()),
            "a finished one is not added to"
        );
        assert_eq!(assembly.block("text:c"), None);
    }

    #[test]
    fn a_plan_is_merged_by_id_in_the_newest_order() {
        let todos = |list: Value| {
            (
                "plan.update",
                "plan:root",
                json!({"patch": {"todos": list}}),
            )
        };
        let assembly = of(&[
            todos(
                json!([{"id": "1", "content": "Read", "status": "active"}, {"id": "2", "content": "Write", "status": "pending"}]),
            ),
            todos(json!([{"id": "2", "status": "active"}])),
            todos(
                json!([{"id": "3", "content": "Send", "status": "pending"}, {"id": "1", "status": "completed"}]),
            ),
        ]);
        let plan: Vec<_> = assembly
            .plan()
            .iter()
            .map(|todo| Value::Object(todo.clone()))
            .collect();
        assert_eq!(
            plan,
            [
                json!({"id": "3", "content": "Send", "status": "pending"}),
                json!({"id": "1", "content": "Read", "status": "completed"}),
                json!({"id": "2", "content": "Write", "status": "active"}),
            ]
        );
    }

    #[test]
    fn files_come_and_go() {
        let assembly = of(&[
            (
                "sandbox.snapshot",
                "",
                json!({"snapshot": {"a": {"key": "k/a"}, "b": {"key": "k/b"}}}),
            ),
            (
                "sandbox.snapshot",
                "",
                json!({"snapshot": {"c": {}, "b": {"key": "k/b2"}}, "deleted": ["a", "z"]}),
            ),
        ]);
        assert_eq!(
            Value::Object(assembly.files().clone()),
            json!({"b": {"key": "k/b2"}, "c": {}})
        );
    }

    #[test]
    fn odd_payloads_change_nothing() {
        let before = of(&[("text", "text:a", json!({"text": "A"}))]);
        let mut after = before.clone();
        for payload in [
            json!(null),
            json!([]),
            json!({"text": 1, "patch": 1, "snapshot": 1, "deleted": 1}),
        ] {
            for kind in [
                "text",
                "thought",
                "plan.update",
                "sandbox.snapshot",
                "tomorrow",
            ] {
                let frame = json!({"kind": kind, "payload": payload});
                after.add(&Event::from_frame(frame.to_string()));
            }
        }
        assert_eq!(after, before);
    }
}

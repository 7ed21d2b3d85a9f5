//! What a turn's events add up to: its text, its plan, its files. Pure.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::event::{Event, EventType};

/// The state of a turn's work, kept up to date event by event
/// (docs/spec/raccoon.md, sections 5.3 and 5.6).
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Assembly {
    #[serde(skip)]
    texts: Blocks,
    #[serde(skip)]
    thoughts: Blocks,
    plan: Vec<Map<String, Value>>,
    files: Map<String, Value>,
}

/// Texts in the order in which they began.
#[derive(Debug, Clone, Default, PartialEq)]
struct Blocks {
    list: Vec<Block>,
    /// Where the newest block of an id is.
    newest: HashMap<String, usize>,
}

/// The text of one block.
#[derive(Debug, Clone, Default, PartialEq)]
struct Block {
    text: String,
    finished: bool,
}

impl Assembly {
    /// Of a turn that did nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next event.
    pub fn add(&mut self, event: &Event) {
        match event.event_type() {
            EventType::Text => self.texts.add(event, "text"),
            EventType::Thought => self.thoughts.add(event, "thought"),
            EventType::PlanUpdate => self.update_plan(&event.data()),
            EventType::SandboxSnapshot => self.update_files(&event.data()),
            _ => {}
        }
    }

    /// The agent's visible text: all its blocks, in the order in which they
    /// began.
    pub fn text(&self) -> String {
        self.texts
            .list
            .iter()
            .map(|block| block.text.as_str())
            .collect()
    }

    /// The text of one block of text or thought, such as `text:answer`.
    pub fn block(&self, block_id: &str) -> Option<&str> {
        self.texts
            .get(block_id)
            .or_else(|| self.thoughts.get(block_id))
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

impl Blocks {
    /// Adds to a block. Whether a frame appends to its block or replaces it is
    /// not documented: one that begins with the text so far is taken to replace
    /// it.
    fn add(&mut self, event: &Event, field: &str) {
        let payload = event.data();
        let Some(text) = payload.get(field).and_then(Value::as_str) else {
            return;
        };
        let id = event
            .frame()
            .and_then(|frame| frame.block_id)
            .unwrap_or_default();
        let at = match self.newest.get(&id) {
            Some(at) if !self.list[*at].finished => *at,
            _ => {
                self.newest.insert(id, self.list.len());
                self.list.push(Block::default());
                self.list.len() - 1
            }
        };
        let block = &mut self.list[at];
        if text.starts_with(&block.text) {
            block.text.clear();
        }
        block.text.push_str(text);
        block.finished = payload.get("finalize").and_then(Value::as_bool) == Some(true);
    }

    fn get(&self, id: &str) -> Option<&str> {
        let at = self.newest.get(id)?;
        Some(&self.list[*at].text)
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
    fn texts_append_unless_they_repeat_what_was_there() {
        for (parts, whole) in [
            (&["Five", " bullets"][..], "Five bullets"),
            (&["Five", "Five bullets"], "Five bullets"),
            (&["Five", "Five"], "Five"),
            (&["", "a", ""], "a"),
            (&["a", "b", "abc"], "abc"),
        ] {
            let frames: Vec<_> = parts
                .iter()
                .map(|part| ("text", "text:a", json!({"text": part})))
                .collect();
            assert_eq!(of(&frames).text(), whole, "{parts:?}");
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
        assert_eq!(assembly.block("text:a"), Some("A1A2"));
        assert_eq!(
            assembly.block("thought:x"),
            Some("anew"),
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

//! The events of one turn, stored as they go over the wire.

use super::dialect::{Dialect, Said, TextFrames};
use crate::clock::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::HashMap;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Where an entry is in a stream: the millisecond, and a number within it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EntryId(u64, u64);

impl EntryId {
    /// Reads `1772615727418-0`; a missing number is 0.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (ms, number) = text.split_once('-').unwrap_or((text, "0"));
        Some(Self(ms.parse().ok()?, number.parse().ok()?))
    }

    fn after(self, now: Timestamp) -> Self {
        let ms = now.as_millis();
        if ms > self.0 {
            Self(ms, 0)
        } else {
            Self(self.0, self.1 + 1)
        }
    }
}

impl std::fmt::Display for EntryId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

/// A new event.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) kind: Cow<'static, str>,
    pub(super) block: Option<String>,
    pub(super) payload: Value,
    /// Further fields of its frame.
    pub(super) more: Map<String, Value>,
}

impl Draft {
    pub(super) fn new(kind: impl Into<Cow<'static, str>>, payload: Value) -> Self {
        Self {
            kind: kind.into(),
            block: None,
            payload,
            more: Map::new(),
        }
    }

    pub(super) fn in_block(self, block: impl Into<String>) -> Self {
        Self {
            block: Some(block.into()),
            ..self
        }
    }

    pub(super) fn received(text: &str, files: &[Value], references: &[Value]) -> Self {
        let payload = json!({ "text": text, "files": files, "references": references });
        Self::new("message.received", payload)
    }

    pub(super) fn thought(block: &str, text: &str, finalize: bool) -> Self {
        let payload = json!({ "thought": text, "finalize": finalize });
        Self::new("thought", payload).in_block(format!("thought:{block}"))
    }

    pub(super) fn text(block: &str, text: &str) -> Self {
        Self::new("text", json!({ "text": text })).in_block(format!("text:{block}"))
    }

    pub(super) fn tool_start(block: &str, name: &str) -> Self {
        Self::new("tool.start", json!({ "tool_name": name })).in_block(block)
    }

    pub(super) fn tool_result(block: &str, status: &str, output: Value) -> Self {
        let payload = json!({ "status": status, "output": output, "finalize": true });
        Self::new("tool.result", payload).in_block(block)
    }

    pub(super) fn plan(todos: Vec<Value>) -> Self {
        let payload = json!({ "patch": { "todos": todos } });
        Self::new("plan.update", payload).in_block("plan:root")
    }

    pub(super) fn aborted(reason: &str) -> Self {
        Self::new("task.aborted", json!({ "reason": reason }))
    }

    /// A `sandbox.snapshot` event.
    pub(super) fn snapshot(
        session_id: &str,
        at: Timestamp,
        written: &[String],
        deleted: &[String],
    ) -> Self {
        let file = |path: &String| {
            let name = path.rsplit('/').next().unwrap_or(path);
            let key = format!("{session_id}/{path}");
            let file = json!({ "key": key, "name": name, "updatedAt": at.as_millis() });
            (path.clone(), file)
        };
        let files: Map<String, Value> = written.iter().map(file).collect();
        let payload = json!({ "sandbox_id": format!("sb_{session_id}"), "snapshot": files, "deleted": deleted });
        Self::new("sandbox.snapshot", payload)
    }

    pub(super) fn completed() -> Self {
        Self::new("task.completed", json!({}))
    }

    pub(super) fn failed(message: &str, code: Option<String>) -> Self {
        let mut payload = json!({ "message": message });
        if let Some(code) = code {
            payload["code"] = code.into();
        }
        Self::new("task.error", payload)
    }

    /// How a turn ends with it.
    pub(super) fn ending(&self) -> Option<Ending> {
        match &*self.kind {
            "task.completed" => Some(Ending::Completed),
            "task.aborted" => Some(Ending::Aborted),
            "task.error" => Some(Ending::Failed),
            _ => None,
        }
    }
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Completed,
    Aborted,
    Failed,
}

/// One event.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) event_id: u64,
    pub(super) id: EntryId,
    /// The event as it is sent.
    pub(super) frame: Utf8Bytes,
    /// Where its `stream_entry_id` begins.
    cut: usize,
}

impl Entry {
    /// The event without its `stream_entry_id`.
    pub(super) fn without_entry_id(&self) -> Utf8Bytes {
        format!("{}}}", &self.frame[..self.cut]).into()
    }

    /// The event without any id.
    pub(super) fn without_ids(&self) -> Utf8Bytes {
        let begin = self.frame.find(',').map_or(1, |at| at + 1);
        format!("{{{}}}", &self.frame[begin..self.cut]).into()
    }
}

/// An entry that can be written down.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SavedEntry {
    event_id: u64,
    id: String,
    frame: String,
    cut: usize,
}

/// The events of one turn, in order.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: Vec<Entry>,
    /// The texts, put together.
    pub(super) text: String,
    /// The text of each block so far.
    blocks: HashMap<String, String>,
}

impl Log {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// All entries as data.
    pub(super) fn save(&self) -> Vec<SavedEntry> {
        let saved = |entry: &Entry| SavedEntry {
            event_id: entry.event_id,
            id: entry.id.to_string(),
            frame: entry.frame.to_string(),
            cut: entry.cut,
        };
        self.entries.iter().map(saved).collect()
    }

    /// The log of a turn that is over; the text says which entry cannot be used.
    pub(super) fn restore(text: String, saved: Vec<SavedEntry>) -> Result<Self, String> {
        let mut last = None;
        let entries = saved.into_iter().enumerate().map(|(index, entry)| {
            let is_frame = serde_json::from_str::<Value>(&entry.frame).is_ok();
            if !is_frame || !entry.frame.is_char_boundary(entry.cut) {
                return Err(format!("log[{index}].frame is no event with its `cut`"));
            }
            let id = EntryId::parse(&entry.id)
                .ok_or_else(|| format!("log[{index}].id is no stream entry id"))?;
            if last.is_some_and(|last| id <= last) {
                let id = &entry.id;
                return Err(format!(
                    "log[{index}].id is {id}, and one as high was there before; ids only grow"
                ));
            }
            last = Some(id);
            Ok(Entry {
                event_id: entry.event_id,
                id,
                frame: entry.frame.into(),
                cut: entry.cut,
            })
        });
        Ok(Self {
            entries: entries.collect::<Result<_, String>>()?,
            text,
            blocks: HashMap::new(),
        })
    }

    pub(super) fn from(&self, cursor: usize) -> &[Entry] {
        self.entries.get(cursor..).unwrap_or_default()
    }

    /// The first entry after `id`; with `inclusive` the one it names.
    pub(super) fn position(&self, id: EntryId, inclusive: bool) -> usize {
        self.entries
            .partition_point(|entry| entry.id < id || (entry.id == id && !inclusive))
    }

    pub(super) fn append(
        &mut self,
        message_id: &str,
        drafts: Vec<Draft>,
        at: Timestamp,
        dialect: &Dialect,
    ) {
        for mut draft in drafts {
            if let ("text", Some(text)) = (&*draft.kind, draft.payload["text"].as_str()) {
                self.text.push_str(text);
                if dialect.text == TextFrames::Cumulative {
                    let block = draft.block.clone().unwrap_or_default();
                    let so_far = self.blocks.entry(block).or_default();
                    so_far.push_str(text);
                    draft.payload["text"] = so_far.as_str().into();
                }
            }
            let event_id = self.entries.len() as u64 + 1;
            let last = self.entries.last().map(|entry| entry.id);
            let id = last.unwrap_or_default().after(at);
            let said = Said {
                number: event_id,
                at,
                kind: &draft.kind,
                block: draft.block.as_deref(),
                message_id,
                payload: &draft.payload,
                more: &draft.more,
            };
            let (frame, cut) = dialect.frame(&said, &id.to_string());
            self.entries.push(Entry {
                event_id,
                id,
                frame: frame.into(),
                cut,
            });
        }
    }

    /// All events as a JSON array.
    pub(super) fn write(&self, out: &mut Vec<u8>, dialect: &Dialect) {
        out.push(b'[');
        for (index, entry) in self.entries.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(dialect.sealed_frame(&entry.frame).as_bytes());
        }
        out.push(b']');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_have_ascending_ids_and_can_go_without() {
        let mut log = Log::default();
        let now = Timestamp::now();
        let drafts = vec![
            Draft::thought("a", "b, c", true),
            Draft::new("task.phase", json!({"phase": 1})),
            Draft::text("a", "d"),
        ];
        log.append("msg_1", drafts, now, &Dialect::default());
        let ids: Vec<_> = log
            .from(0)
            .iter()
            .map(|entry| entry.id.to_string())
            .collect();
        let ms = now.as_millis();
        assert_eq!(
            ids,
            [format!("{ms}-0"), format!("{ms}-1"), format!("{ms}-2")]
        );

        let read = |text: Utf8Bytes| serde_json::from_str::<Value>(&text).unwrap();
        let first = &log.from(0)[0];
        let mut event = read(first.frame.clone());
        assert_eq!(
            event,
            json!({"event_id": 1, "timestamp": ms, "kind": "thought", "block_id": "thought:a", "message_id": "msg_1",
                   "payload": {"thought": "b, c", "finalize": true}, "stream_entry_id": ids[0]})
        );
        event.as_object_mut().unwrap().remove("stream_entry_id");
        assert_eq!(read(first.without_entry_id()), event);
        event.as_object_mut().unwrap().remove("event_id");
        assert_eq!(read(first.without_ids()), event);

        let second = EntryId::parse(&ids[1]).unwrap();
        assert_eq!(log.position(second, false), 2);
        assert_eq!(log.position(second, true), 1);
        assert_eq!(log.position(EntryId::default(), false), 0);
        assert_eq!(log.text, "d");
    }

    #[test]
    fn entry_ids_are_compared_as_numbers() {
        let id = |text| EntryId::parse(text).unwrap();
        assert!(id("9-0") < id("10-0") && id("10-9") < id("10-10"));
        assert_eq!(id("0-0"), EntryId::default());
        assert_eq!(id("7"), id("7-0"));
        assert!(EntryId::parse("x-1").is_none());
    }
}

//! The log of a session: its messages and events, stored as they go over the wire.
//!
//! An entry holds the bytes of its event and knows where in them the message's content lies, so that a stream copies
//! nothing and encodes nothing, and `/messages` is put together from the same bytes.
//!
//! A `step` event takes an id from the counter of the messages and is replayed like the others. The API has no message
//! type of its own for it, but calls a `THOUGHT` "reasoning or action": `/messages` lists a step as a `THOUGHT` with
//! `metadata.origin` `step`, so that a client that missed the stream misses nothing.

use crate::clock::Timestamp;
use crate::faults::Stop;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::io::Write;
use std::ops::Range;

/// The kinds of entries; also the names of a stream's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Step,
    Thought,
    Question,
    Done,
    Error,
    Log,
    User,
    Paused,
    Resumed,
    Heartbeat,
    /// An event of any other type.
    Other,
    /// No event: streams end here.
    Cut,
}

impl Kind {
    /// The kinds that a stream can be asked for.
    pub(crate) const EVENTS: [Self; 9] = [
        Self::Step,
        Self::Thought,
        Self::Question,
        Self::Done,
        Self::Error,
        Self::Log,
        Self::Paused,
        Self::Resumed,
        Self::Heartbeat,
    ];

    /// The kind of this name.
    fn named(name: &str) -> Option<Self> {
        let all = Self::EVENTS.into_iter().chain([Self::User, Self::Other]);
        all.into_iter().find(|kind| kind.event_name() == name)
    }

    pub(crate) fn event_name(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Thought => "thought",
            Self::Question => "question",
            Self::Done => "done",
            Self::Error => "error",
            Self::Log => "log",
            Self::User => "user",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Heartbeat => "heartbeat",
            Self::Other => "event",
            Self::Cut => "cut",
        }
    }

    /// The `type` in `/messages`; `None`: not a message.
    fn message_type(self) -> Option<&'static str> {
        match self {
            Self::Thought | Self::Step => Some("THOUGHT"),
            Self::Question => Some("QUESTION"),
            Self::User => Some("USER"),
            Self::Done => Some("DONE"),
            Self::Error => Some("ERROR"),
            Self::Log => Some("LOG"),
            Self::Paused | Self::Resumed | Self::Heartbeat | Self::Other | Self::Cut => None,
        }
    }

    /// Whether a stream shows it at all.
    pub(crate) fn is_event(self) -> bool {
        !matches!(self, Self::User | Self::Cut)
    }
}

/// A set of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kinds(u16);

impl Kinds {
    pub(crate) const ALL: Self = Self(u16::MAX);
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn with(self, kind: Kind) -> Self {
        Self(self.0 | 1 << kind as u16)
    }

    pub(crate) fn has(self, kind: Kind) -> bool {
        self.0 & 1 << kind as u16 != 0
    }
}

/// Something new for the log.
#[derive(Debug, Clone)]
pub(crate) enum Draft {
    Thought(String),
    Step {
        text: String,
        url: Option<String>,
        action: Option<String>,
    },
    Log(String),
    /// A `LOG` that `sanitize` hides.
    System(String),
    Question(String),
    User(String),
    Done(Value),
    Error {
        text: String,
        status_code: u16,
    },
    /// The `LOG` of a cancelled task: streams end after it.
    Cancelled,
    Paused,
    Resumed,
    /// One with more in its data, and metadata.
    With {
        draft: Box<Draft>,
        data: Map<String, Value>,
        metadata: Map<String, Value>,
    },
    /// An event of any type, which is no message.
    Event {
        name: String,
        data: Map<String, Value>,
        id: bool,
    },
    /// The streams that are open end here.
    Cut(Stop),
}

/// One entry.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// 0: none.
    pub(crate) id: u64,
    pub(crate) at: Timestamp,
    pub(crate) kind: Kind,
    /// Left out under `sanitize=true`.
    pub(crate) hidden: bool,
    /// A stream that sees it live ends after it.
    pub(crate) closes: bool,
    /// A stream that sees it live ends with it, in this way.
    pub(crate) cut: Option<Stop>,
    /// The kind that a stream asks for to see it.
    pub(crate) asked_as: Kind,
    /// The metadata of the message, as JSON; `None`: what its kind has.
    metadata: Option<Box<str>>,
    /// The event as it is sent; for a user's message just its content.
    pub(crate) frame: Bytes,
    /// The message's content in `frame`, as JSON.
    content: (u32, u32),
}

impl Entry {
    /// Where the event starts when its `id` line is left out.
    pub(crate) fn frame_without_id(&self) -> Bytes {
        let start = if self.id == 0 {
            0
        } else {
            self.frame
                .iter()
                .position(|&byte| byte == b'\n')
                .map_or(0, |at| at + 1)
        };
        self.frame.slice(start..)
    }

    pub(crate) fn content(&self) -> &[u8] {
        let (start, end) = self.content;
        self.frame
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }

    /// The event's data, a JSON object; a user's message is no event.
    pub(crate) fn data(&self) -> Option<&[u8]> {
        if !self.kind.is_event() {
            return None;
        }
        let name = b"\ndata: ";
        let start = self.frame.windows(name.len()).position(|at| at == name)? + name.len();
        self.frame.get(start..).map(<[u8]>::trim_ascii_end)
    }
}

/// An entry that can be written down.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SavedEntry {
    id: u64,
    /// Milliseconds since 1970.
    at: u64,
    kind: String,
    asked_as: String,
    /// Of the message, as JSON.
    metadata: Option<String>,
    hidden: bool,
    closes: bool,
    frame: String,
    /// Where in the frame its content begins and ends.
    content: (u32, u32),
}

/// The messages and events of one session, in order.
#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: Vec<Entry>,
    last_id: u64,
}

impl Log {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The content of the newest entry of this kind, as JSON.
    pub(crate) fn newest(&self, kind: Kind) -> Option<&[u8]> {
        let newest = self.entries.iter().rev().find(|entry| entry.kind == kind);
        newest.map(Entry::content)
    }

    pub(crate) fn from(&self, cursor: usize) -> &[Entry] {
        self.entries.get(cursor..).unwrap_or_default()
    }

    /// All entries as data, but for the cuts of streams, which are over.
    pub(super) fn save(&self) -> Vec<SavedEntry> {
        let saved = |entry: &Entry| SavedEntry {
            id: entry.id,
            at: entry.at.as_millis(),
            kind: entry.kind.event_name().to_owned(),
            asked_as: entry.asked_as.event_name().to_owned(),
            metadata: entry.metadata.as_deref().map(str::to_owned),
            hidden: entry.hidden,
            closes: entry.closes,
            frame: String::from_utf8_lossy(&entry.frame).into_owned(),
            content: entry.content,
        };
        let kept = self.entries.iter();
        let kept = kept.filter(|entry| entry.kind != Kind::Cut);
        kept.map(saved).collect()
    }

    /// Takes over the entries of a saved log; the text says which of them cannot be used.
    pub(super) fn restore(&mut self, saved: Vec<SavedEntry>) -> Result<(), String> {
        for (index, entry) in saved.into_iter().enumerate() {
            let (start, end) = entry.content;
            let content = entry.frame.get(start as usize..end as usize);
            let kinds = (Kind::named(&entry.kind), Kind::named(&entry.asked_as));
            let (Some(kind), Some(asked_as)) = kinds else {
                return Err(format!(
                    "log[{index}] has an unknown kind: {:?}",
                    entry.kind
                ));
            };
            if content.is_none_or(|text| serde_json::from_str::<Value>(text).is_err()) {
                return Err(format!("log[{index}].content names no JSON in its frame"));
            }
            if entry.id != 0 && entry.id <= self.last_id {
                return Err(format!(
                    "log[{index}].id is {}, and {} was there before; ids only grow",
                    entry.id, self.last_id
                ));
            }
            self.last_id = self.last_id.max(entry.id);
            self.entries.push(Entry {
                id: entry.id,
                at: Timestamp::from_millis(entry.at),
                kind,
                asked_as,
                cut: None,
                metadata: entry.metadata.map(String::into_boxed_str),
                hidden: entry.hidden,
                closes: entry.closes,
                frame: entry.frame.into(),
                content: entry.content,
            });
        }
        Ok(())
    }

    /// Adds drafts in order; all of them share one block of memory.
    pub(crate) fn append(&mut self, drafts: Vec<Draft>, at: Timestamp) {
        let mut block = Vec::with_capacity(drafts.len() * 160);
        let mut cuts = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let (draft, data, metadata) = match draft {
                Draft::With {
                    draft,
                    data,
                    metadata,
                } => (*draft, data, metadata),
                draft => (draft, Map::new(), Map::new()),
            };
            let kind = draft.kind();
            let mut metadata = metadata;
            if kind == Kind::Step && !metadata.is_empty() {
                metadata.entry("origin").or_insert_with(|| "step".into());
            }
            let id = if draft.has_id() {
                self.last_id += 1;
                self.last_id
            } else {
                0
            };
            let start = block.len();
            let content = encode(&mut block, kind, id, at, &draft, &data);
            cuts.push(Cut {
                frame: start..block.len(),
                content: (narrow(content.start - start), narrow(content.end - start)),
                kind,
                asked_as: draft.asked_as(),
                id,
                cut: match draft {
                    Draft::Cut(how) => Some(how),
                    _ => None,
                },
                metadata: (!metadata.is_empty())
                    .then(|| Value::Object(metadata).to_string().into_boxed_str()),
                hidden: matches!(draft, Draft::System(_)),
                closes: matches!(
                    draft,
                    Draft::Done(_) | Draft::Error { .. } | Draft::Cancelled
                ),
            });
        }
        let block = Bytes::from(block);
        self.entries.extend(cuts.into_iter().map(|cut| Entry {
            id: cut.id,
            at,
            kind: cut.kind,
            asked_as: cut.asked_as,
            cut: cut.cut,
            metadata: cut.metadata,
            hidden: cut.hidden,
            closes: cut.closes,
            frame: block.slice(cut.frame),
            content: cut.content,
        }));
    }

    /// The messages with an id above `after`, as a JSON array.
    pub(crate) fn messages(&self, after: u64, sanitize: bool, out: &mut Vec<u8>) {
        // Ids ascend, but for the entries that have none: those are few.
        let start = self
            .entries
            .partition_point(|entry| entry.id != 0 && entry.id <= after);
        out.push(b'[');
        let mut first = true;
        for entry in &self.entries[start..] {
            let Some(kind) = entry.kind.message_type() else {
                continue;
            };
            if entry.id <= after || (sanitize && entry.hidden) {
                continue;
            }
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            put(
                out,
                format_args!("{{\"id\":{},\"type\":\"{kind}\",\"content\":", entry.id),
            );
            out.extend_from_slice(entry.content());
            let metadata = match &entry.metadata {
                Some(metadata) => metadata,
                None if entry.hidden => "{\"origin\":\"system\"}",
                None if entry.kind == Kind::Step => "{\"origin\":\"step\"}",
                None => "{}",
            };
            put(
                out,
                format_args!(",\"timestamp\":\"{}\",\"metadata\":{metadata}}}", entry.at),
            );
        }
        out.push(b']');
    }
}

/// An entry whose block is still growing.
struct Cut {
    frame: Range<usize>,
    content: (u32, u32),
    kind: Kind,
    asked_as: Kind,
    cut: Option<Stop>,
    metadata: Option<Box<str>>,
    id: u64,
    hidden: bool,
    closes: bool,
}

impl Draft {
    fn kind(&self) -> Kind {
        match self {
            Self::Thought(_) => Kind::Thought,
            Self::Step { .. } => Kind::Step,
            Self::Log(_) | Self::System(_) | Self::Cancelled => Kind::Log,
            Self::Question(_) => Kind::Question,
            Self::User(_) => Kind::User,
            Self::Done(_) => Kind::Done,
            Self::Error { .. } => Kind::Error,
            Self::Paused => Kind::Paused,
            Self::Resumed => Kind::Resumed,
            Self::With { draft, .. } => draft.kind(),
            Self::Event { .. } => Kind::Other,
            Self::Cut(_) => Kind::Cut,
        }
    }

    /// The kind that a stream asks for to see it: that of its name, where it is a known one.
    fn asked_as(&self) -> Kind {
        match self {
            Self::Event { name, .. } => Kind::EVENTS
                .into_iter()
                .find(|kind| kind.event_name() == name)
                .unwrap_or(Kind::Other),
            draft => draft.kind(),
        }
    }

    fn has_id(&self) -> bool {
        match self {
            Self::Paused | Self::Resumed | Self::Cut(_) => false,
            Self::Event { id, .. } => *id,
            _ => true,
        }
    }
}

/// Writes one entry to `block`, with further fields in its data; returns where its content lies there.
fn encode(
    block: &mut Vec<u8>,
    kind: Kind,
    id: u64,
    at: Timestamp,
    draft: &Draft,
    data: &Map<String, Value>,
) -> Range<usize> {
    match draft {
        Draft::User(text) => return json(block, text),
        Draft::Cut(_) => return json(block, &Value::Null),
        _ => {}
    }
    if id != 0 {
        put(block, format_args!("id: {id}\n"));
    }
    if let Draft::Event { name, data, .. } = draft {
        put(block, format_args!("event: {name}\ndata: "));
        let content = json(block, data);
        block.extend_from_slice(b"\n\n");
        return content;
    }
    put(
        block,
        format_args!("event: {}\ndata: {{", kind.event_name()),
    );
    let content = match draft {
        Draft::Thought(text)
        | Draft::Log(text)
        | Draft::System(text)
        | Draft::Question(text)
        | Draft::User(text) => field(block, "text", text),
        Draft::Cancelled => field(block, "text", "The task was cancelled"),
        Draft::Step { text, url, action } => {
            let content = field(block, "text", text);
            for (name, value) in [("url", url), ("action", action)] {
                if let Some(value) = value {
                    block.push(b',');
                    field(block, name, value);
                }
            }
            content
        }
        Draft::Done(result) => {
            if !data.contains_key("text") {
                field(block, "text", done_text(result));
                block.push(b',');
            }
            field(block, "result", result)
        }
        Draft::Error { text, status_code } => {
            let content = field(block, "error", text);
            block.push(b',');
            field(block, "status_code", status_code);
            content
        }
        Draft::Paused | Draft::Resumed => field(block, "timestamp", &at.to_string()),
        // Neither comes here: what is beside an event was taken apart, the others are written above.
        Draft::With { .. } | Draft::Event { .. } | Draft::Cut(_) => block.len()..block.len(),
    };
    for (name, value) in data {
        block.push(b',');
        json(block, name);
        block.push(b':');
        json(block, value);
    }
    // An `error` names none (docs/spec/agi.md, section 7).
    if id != 0 && kind != Kind::Error {
        put(block, format_args!(",\"message_id\":{id}"));
    }
    block.extend_from_slice(b"}\n\n");
    content
}

/// The one-line form of a result: the text itself, or the `summary` of an object.
pub(crate) fn done_text(result: &Value) -> &str {
    match result {
        Value::String(text) => text,
        other => other
            .get("summary")
            .and_then(Value::as_str)
            .unwrap_or("Task completed"),
    }
}

/// A heartbeat event.
pub(crate) fn heartbeat(at: Timestamp) -> Bytes {
    format!("event: heartbeat\ndata: {{\"timestamp\":\"{at}\"}}\n\n").into()
}

/// Writes `"name":value`; returns where the value lies.
fn field<T: Serialize + ?Sized>(block: &mut Vec<u8>, name: &str, value: &T) -> Range<usize> {
    put(block, format_args!("\"{name}\":"));
    json(block, value)
}

fn json<T: Serialize + ?Sized>(block: &mut Vec<u8>, value: &T) -> Range<usize> {
    let start = block.len();
    // Writing text, numbers and `Value`s to memory has no way to fail.
    serde_json::to_writer(&mut *block, value).unwrap_or_default();
    start..block.len()
}

fn put(block: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Nor has this.
    block.write_fmt(text).unwrap_or_default();
}

fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn log(drafts: Vec<Draft>) -> Log {
        let mut log = Log::default();
        log.append(drafts, Timestamp::now());
        log
    }

    fn frames(log: &Log) -> Vec<String> {
        log.from(0)
            .iter()
            .map(|entry| String::from_utf8(entry.frame.to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn events_are_framed_with_id_event_and_one_line_of_data() {
        let log = log(vec![
            Draft::User("hi".into()),
            Draft::Thought("a\nb".into()),
            Draft::Step {
                text: "s".into(),
                url: Some("http://h/".into()),
                action: None,
            },
            Draft::Done(json!({"summary": "two", "n": 2})),
            Draft::Done(json!("text")),
            Draft::Error {
                text: "e".into(),
                status_code: 502,
            },
        ]);
        let frames = frames(&log);
        assert_eq!(
            frames[1],
            "id: 2\nevent: thought\ndata: {\"text\":\"a\\nb\",\"message_id\":2}\n\n"
        );
        assert_eq!(
            frames[2],
            "id: 3\nevent: step\ndata: {\"text\":\"s\",\"url\":\"http://h/\",\"message_id\":3}\n\n"
        );
        assert_eq!(
            frames[3],
            "id: 4\nevent: done\ndata: {\"text\":\"two\",\"result\":{\"summary\":\"two\",\"n\":2},\"message_id\":4}\n\n"
        );
        assert_eq!(
            frames[4],
            "id: 5\nevent: done\ndata: {\"text\":\"text\",\"result\":\"text\",\"message_id\":5}\n\n"
        );
        assert_eq!(
            frames[5],
            "id: 6\nevent: error\ndata: {\"error\":\"e\",\"status_code\":502}\n\n"
        );
        let without = log.from(1)[0].frame_without_id();
        assert!(without.starts_with(b"event: thought\n"), "{without:?}");
    }

    #[test]
    fn messages_list_steps_as_thoughts_and_hide_the_system_ones() {
        let log = log(vec![
            Draft::User("hi \"you\"".into()),
            Draft::System("prompt".into()),
            Draft::Step {
                text: "s".into(),
                url: None,
                action: None,
            },
            Draft::Paused,
            Draft::Done(json!({"a": [1]})),
        ]);
        let read = |after, sanitize| -> Value {
            let mut out = Vec::new();
            log.messages(after, sanitize, &mut out);
            serde_json::from_slice(&out).unwrap()
        };
        let all = read(0, false);
        let ids = |value: &Value| {
            value
                .as_array()
                .unwrap()
                .iter()
                .map(|m| m["id"].as_u64().unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(ids(&all), [1, 2, 3, 4]);
        assert_eq!(all[0]["content"], "hi \"you\"");
        assert_eq!(all[1]["metadata"]["origin"], "system");
        assert_eq!(
            (&all[2]["type"], &all[2]["content"]),
            (&json!("THOUGHT"), &json!("s"))
        );
        assert_eq!(all[2]["metadata"]["origin"], "step");
        assert_eq!(all[3]["content"], json!({"a": [1]}));
        assert_eq!(ids(&read(0, true)), [1, 3, 4]);
        assert_eq!(ids(&read(1, true)), [3, 4]);
        assert_eq!(read(4, true), json!([]));
    }
}

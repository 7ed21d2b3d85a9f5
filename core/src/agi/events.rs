//! One item of a session's event stream.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::models::Message;

/// The type of an event (spec, section 7).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventType {
    /// An action of the agent.
    Step,
    /// The agent's reasoning.
    Thought,
    /// The agent waits for an answer.
    Question,
    /// The task ended with a result.
    Done,
    /// The task failed.
    Error,
    /// Context for debugging.
    Log,
    /// The session was paused.
    Paused,
    /// The session went on.
    Resumed,
    /// The stream is alive.
    Heartbeat,
    /// A message of the user.
    User,
    /// A type that this version does not know.
    Other(Box<str>),
}

impl EventType {
    /// The type of this name on the wire.
    pub fn from_name(name: &str) -> Self {
        match name {
            "step" => Self::Step,
            "thought" => Self::Thought,
            "question" => Self::Question,
            "done" => Self::Done,
            "error" => Self::Error,
            "log" => Self::Log,
            "paused" => Self::Paused,
            "resumed" => Self::Resumed,
            "heartbeat" => Self::Heartbeat,
            "user" => Self::User,
            other => Self::Other(other.into()),
        }
    }

    /// The name on the wire.
    pub fn name(&self) -> &str {
        match self {
            Self::Step => "step",
            Self::Thought => "thought",
            Self::Question => "question",
            Self::Done => "done",
            Self::Error => "error",
            Self::Log => "log",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Heartbeat => "heartbeat",
            Self::User => "user",
            Self::Other(name) => name,
        }
    }
}

/// One event of a session: its type, its id and its data as they came.
///
/// The data is kept as one text and parsed when it is asked for: most consumers
/// read a field of some events only.
#[derive(Clone)]
pub struct Event {
    event_type: EventType,
    id: Option<i64>,
    raw: Box<str>,
}

impl Event {
    /// An event from its parts. An id that is missing on the wire is taken
    /// from the data's `message_id`, which is the same number (spec, section 7).
    pub fn new(event_type: EventType, id: Option<i64>, raw: impl Into<Box<str>>) -> Self {
        let raw = raw.into();
        let id = match (&event_type, id) {
            (EventType::Heartbeat, id) | (_, id @ Some(_)) => id,
            (_, None) => message_id(&raw),
        };
        Self {
            event_type,
            id,
            raw,
        }
    }

    /// The event that a stored message stands for, where there is one: the
    /// user's own messages are none.
    pub fn from_message(message: &Message) -> Option<Self> {
        use serde_json::json;
        let (event_type, data) = match message.message_type.as_str() {
            "THOUGHT" => (EventType::Thought, text_data(message)),
            "QUESTION" => (EventType::Question, text_data(message)),
            "LOG" => (EventType::Log, text_data(message)),
            "DONE" => (
                EventType::Done,
                json!({
                    "text": message.done_text(),
                    "result": message.content,
                    "message_id": message.id,
                }),
            ),
            "ERROR" => (
                EventType::Error,
                json!({"error": message.text(), "message_id": message.id}),
            ),
            "USER" => return None,
            // The open world: what this version does not know is passed on.
            other => (
                EventType::from_name(&other.to_ascii_lowercase()),
                text_data(message),
            ),
        };
        Some(Self::new(event_type, Some(message.id), data.to_string()))
    }

    /// The type.
    pub fn event_type(&self) -> &EventType {
        &self.event_type
    }

    /// The message id, where the event has one.
    pub fn id(&self) -> Option<i64> {
        self.id
    }

    /// The data as it came, character by character.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The data as it came, without a copy.
    pub fn into_raw(self) -> Box<str> {
        self.raw
    }

    /// The data as JSON, or as a JSON string of the raw text where it is none.
    pub fn data(&self) -> serde_json::Value {
        serde_json::from_str(&self.raw)
            .unwrap_or_else(|_| serde_json::Value::String(self.raw.to_string()))
    }

    /// The text for a person: the data's `text`, else its `error`, else its
    /// `message`; the raw text where the data is no JSON; else empty.
    pub fn text(&self) -> String {
        #[derive(Deserialize)]
        struct Texts<'a> {
            #[serde(borrow, default)]
            text: Option<&'a RawValue>,
            #[serde(borrow, default)]
            error: Option<&'a RawValue>,
            #[serde(borrow, default)]
            message: Option<&'a RawValue>,
        }
        let string = |value: Option<&RawValue>| {
            value.and_then(|value| {
                serde_json::from_str::<Cow<'_, str>>(value.get())
                    .ok()
                    .map(Cow::into_owned)
            })
        };
        match object::<Texts<'_>>(&self.raw) {
            Some(texts) => string(texts.text)
                .or_else(|| string(texts.error))
                .or_else(|| string(texts.message))
                .unwrap_or_default(),
            None => match serde_json::from_str::<serde_json::Value>(&self.raw) {
                Ok(serde_json::Value::String(text)) => text,
                Ok(_) => String::new(),
                Err(_) => self.raw.to_string(),
            },
        }
    }

    /// Whether the data is JSON.
    pub fn is_json(&self) -> bool {
        serde_json::from_str::<serde::de::IgnoredAny>(&self.raw).is_ok()
    }

    /// Whether a task ends with this event.
    pub fn is_terminal(&self) -> bool {
        matches!(self.event_type, EventType::Done | EventType::Error)
    }

    /// The same for two events without an id that say the same.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.event_type.hash(&mut hasher);
        self.raw.hash(&mut hasher);
        hasher.finish()
    }

    /// What the event takes in a queue, in bytes.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Self>() + self.raw.len()
    }
}

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Event")
            .field("type", &self.event_type.name())
            .field("id", &self.id)
            .field("raw", &self.raw)
            .finish()
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("type", self.event_type.name())?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("raw", self.raw())?;
        map.end()
    }
}

fn message_id(raw: &str) -> Option<i64> {
    #[derive(Deserialize)]
    struct Data {
        message_id: Option<i64>,
    }
    object::<Data>(raw)?.message_id
}

/// Reads a JSON object; nothing else. (An array would do for serde, its items
/// taken as the fields.)
fn object<'a, T: Deserialize<'a>>(raw: &'a str) -> Option<T> {
    if !raw.trim_start().starts_with('{') {
        return None;
    }
    serde_json::from_str(raw).ok()
}

fn text_data(message: &Message) -> serde_json::Value {
    serde_json::json!({"text": message.text(), "message_id": message.id})
}

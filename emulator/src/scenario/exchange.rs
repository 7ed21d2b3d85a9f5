//! What was asked of a service and how it answered, for asking again.

use super::shape::Shape;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One request of a recording, and what the answer looked like: `sessionwire verify` asks the same again.
///
/// A request keeps what it said, without its secrets; an answer keeps names and types alone. Requests that were the same,
/// such as polls, are one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Exchange {
    /// The method and the path, such as `GET /v1/sessions/{session_id}`.
    pub request: String,
    /// The number of the session in the recording, from 1, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<u32>,
    /// How the session stood when it was sent, if that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Standing>,
    /// The query; ids stand in braces.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub query: Map<String, Value>,
    /// The JSON body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// The body was a file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub upload: bool,
    /// What was said on a WebSocket.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sends: Vec<Sent>,
    /// The status of the answer.
    pub status: u16,
    /// The JSON body of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Shape>,
    /// The events of a stream, by their type: their data, or the frame of a WebSocket.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub events: BTreeMap<String, Shape>,
    /// The types of a stream's events in their order; several of one type in a row are one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<String>,
    /// How the task or turn ended that the request began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

/// How a task or turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// With a result.
    Done,
    /// It failed.
    Error,
    /// The turn was aborted.
    Aborted,
}

impl Outcome {
    /// The one that an event of that type tells.
    pub(crate) fn of_event(kind: &str) -> Option<Self> {
        Some(match kind {
            "done" | "task.completed" => Self::Done,
            "error" | "task.error" => Self::Error,
            "task.aborted" => Self::Aborted,
            _ => return None,
        })
    }

    /// The one that a session's status tells.
    pub(crate) fn of_status(status: &str) -> Option<Self> {
        Some(match status {
            "finished" => Self::Done,
            "error" => Self::Error,
            _ => return None,
        })
    }

    /// As it is written.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Error => "error",
            Self::Aborted => "aborted",
        }
    }
}

/// What a client said on a WebSocket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    /// After how many frames of the service.
    pub after: usize,
    /// The frame.
    pub frame: Value,
}

/// How the task of the session stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The agent had asked.
    Question,
    /// The task or turn had ended.
    Ended,
}

//! Words and objects of the wire.

use crate::clock::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The agents a session can be created with.
pub(crate) const AGENTS: [&str; 5] = ["agi-0", "agi-0-fast", "agi-1", "agi-2-claude", "agi-2-qwen"];
/// Those of them that drive a desktop.
pub(crate) const DESKTOP_AGENTS: [&str; 2] = ["agi-2-claude", "agi-2-qwen"];

/// Life-cycle status of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SessionStatus {
    Initializing,
    Ready,
    Running,
    Paused,
    Completed,
    Error,
}

/// Status of a session's task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExecutionStatus {
    Running,
    WaitingForInput,
    Finished,
    Error,
    /// Only with `extended_status`.
    Ready,
    /// Only with `extended_status`.
    Paused,
}

/// A session as the API shows it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SessionObject {
    pub(crate) session_id: String,
    pub(crate) agent_name: String,
    pub(crate) status: SessionStatus,
    #[serde(serialize_with = "as_text")]
    pub(crate) created_at: Timestamp,
    /// The session's page of the live view.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) vnc_url: Option<String>,
    /// What the caller set beyond the reference: `goal`, `agent_session_type`, `environment_id`.
    #[serde(flatten)]
    pub(crate) extras: Map<String, Value>,
}

impl SessionObject {
    /// As the list shows it: its documented fields are these alone (docs/spec/agi.md, section 4.2).
    pub(crate) fn listed(self) -> Self {
        Self {
            vnc_url: None,
            extras: Map::new(),
            ..self
        }
    }
}

fn as_text<S: serde::Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

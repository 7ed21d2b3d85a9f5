//! What a WebSocket resumes from.

use serde::{Deserialize, Serialize};

/// What a WebSocket makes of the `last_stream_entry_id` it is opened with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resume {
    /// It sends the events after that entry.
    #[default]
    Honoured,
    /// It sends all events of the turn.
    Ignored,
    /// It sends that entry again, and the events after it.
    Inclusive,
}

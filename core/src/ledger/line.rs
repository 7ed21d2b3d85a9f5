//! The lines of a ledger, one JSON object each. Pure.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::agi::SnapshotOptions;
use crate::key_mark::KeyMark;

/// The version of the lines that are written. It grows when a line means something that
/// an earlier version must not miss.
pub(super) const VERSION: u32 = 1;

/// One line: what a process notes, with the same fields around it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Line {
    #[serde(rename = "v")]
    pub(super) version: u32,
    /// ISO 8601, UTC.
    pub(super) time: String,
    /// The process that has the session, by the name of its lock; empty where none has
    /// it for this.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) owner: String,
    /// The service's address.
    pub(super) service: String,
    /// Which key.
    pub(super) key: KeyMark,
    #[serde(flatten)]
    pub(super) note: Note,
}

/// What is noted. Nothing of what is said to an agent is in it, and no key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Note {
    /// A create is about to be sent.
    Creating { attempt: String, agent_name: String },
    /// It made this session.
    Created {
        attempt: String,
        session_id: String,
        agent_name: String,
        /// What its delete shall keep.
        #[serde(default)]
        snapshot: SnapshotOptions,
    },
    /// It made none.
    Failed { attempt: String },
    /// Somebody was told that it may have made one.
    Told { attempt: String },
    /// A message is about to be sent.
    Sent { session_id: String },
    /// The session's task has ended.
    Ended { session_id: String },
    /// The session is gone.
    Deleted { session_id: String },
    /// All sessions of this service and key are gone.
    DeletedAll {},
    /// The session is no process's any more, and not the ledger's either.
    Released { session_id: String },
    /// A process goes on with the session.
    Adopted { session_id: String },
}

/// What a line turned out to be.
#[derive(Debug)]
pub(super) enum Read {
    Line(Box<Line>),
    /// Of a later version: all that is understood is that this process has the session.
    Held {
        owner: String,
        service: String,
        session_id: String,
    },
    /// Torn, or of no use.
    Unreadable,
}

/// Reads what a ledger holds; blank lines are nothing.
pub(super) fn read(text: &str) -> impl Iterator<Item = Read> + '_ {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(read_line)
}

fn read_line(line: &str) -> Read {
    match serde_json::from_str::<Line>(line) {
        Ok(line) if line.version <= VERSION => Read::Line(Box::new(line)),
        _ => held(line).unwrap_or(Read::Unreadable),
    }
}

fn held(line: &str) -> Option<Read> {
    let fields: Value = serde_json::from_str(line).ok()?;
    let text = |name: &str| fields.get(name)?.as_str().map(str::to_owned);
    Some(Read::Held {
        owner: text("owner")?,
        service: text("service")?,
        session_id: text("session_id")?,
    })
}

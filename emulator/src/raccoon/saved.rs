//! A session and its turns, as data.

use super::dialect::Dialect;
use super::log::{Draft, Ending, Log, SavedEntry};
use super::turn::{Phase, Turn};
use super::validate::StartTurn;
use crate::clock::{Clock, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use tokio_util::sync::CancellationToken;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SavedSession {
    pub(super) number: u64,
    pub(super) session_id: String,
    pub(super) title: String,
    /// Milliseconds since 1970, like all times here.
    pub(super) created_at: u64,
    pub(super) updated_at: u64,
    pub(super) now: u64,
    #[serde(default)]
    pub(super) clock: Clock,
    #[serde(default)]
    pub(super) dialect: Dialect,
    /// Those of the sandbox.
    #[serde(default)]
    pub(super) files: BTreeMap<String, Value>,
    /// What the scripts of its turns kept, by name.
    #[serde(default)]
    pub(super) saved: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) turns: Vec<SavedTurn>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SavedTurn {
    request: StartTurn,
    user_message_id: String,
    agent_message_id: String,
    begun_at: u64,
    outcome: SavedOutcome,
    /// The content of the agent's message.
    content: String,
    /// The texts that it said, put together.
    text: String,
    log: Vec<SavedEntry>,
}

impl SavedSession {
    /// The ids of the messages, with their places.
    pub(super) fn message_ids(&self) -> impl Iterator<Item = (String, &str)> {
        let turns = self.turns.iter().enumerate();
        turns.flat_map(|(index, turn)| {
            let place = |name: &str| format!("turns[{index}].{name}");
            [
                (place("user_message_id"), turn.user_message_id.as_str()),
                (place("agent_message_id"), turn.agent_message_id.as_str()),
            ]
        })
    }
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SavedOutcome {
    Completed,
    Aborted,
    Failed,
    /// It ran, or waited.
    Running,
}

impl Turn {
    pub(super) fn to_saved(&self) -> SavedTurn {
        SavedTurn {
            request: self.request.clone(),
            user_message_id: self.user_message_id.clone(),
            agent_message_id: self.agent_message_id.clone(),
            begun_at: self.begun_at.as_millis(),
            outcome: match self.phase {
                Phase::Queued | Phase::Running => SavedOutcome::Running,
                Phase::Ended(Ending::Completed) => SavedOutcome::Completed,
                Phase::Ended(Ending::Aborted) => SavedOutcome::Aborted,
                Phase::Ended(Ending::Failed) => SavedOutcome::Failed,
            },
            content: self.content.clone(),
            text: self.log.text.clone(),
            log: self.log.save(),
        }
    }

    /// A saved turn, which has ended: one that ran has failed, since nobody works on it any more.
    pub(super) fn restore(
        saved: SavedTurn,
        now: Timestamp,
        dialect: &Dialect,
    ) -> Result<Self, String> {
        let mut log = Log::restore(saved.text, saved.log)?;
        let ending = match saved.outcome {
            SavedOutcome::Completed => Ending::Completed,
            SavedOutcome::Aborted => Ending::Aborted,
            SavedOutcome::Failed => Ending::Failed,
            SavedOutcome::Running => {
                let why = "The emulator was restarted while the turn ran; start it again";
                let drafts = vec![Draft::failed(why, None)];
                log.append(&saved.agent_message_id, drafts, now, dialect);
                Ending::Failed
            }
        };
        let stopped = CancellationToken::new();
        stopped.cancel();
        Ok(Self {
            request: saved.request,
            user_message_id: saved.user_message_id,
            agent_message_id: saved.agent_message_id,
            begun_at: Timestamp::from_millis(saved.begun_at),
            phase: Phase::Ended(ending),
            content: match saved.outcome {
                SavedOutcome::Running => log.text.clone(),
                _ => saved.content,
            },
            log,
            inbox: VecDeque::new(),
            sockets: 0,
            cuts: Vec::new(),
            stopped,
        })
    }
}

//! What a key owns at Raccoon, as data: its sessions with their turns and files, and its uploads.

use super::account::Account;
use super::dialect::Dialect;
use super::log::{Draft, Ending, Log, SavedEntry};
use super::owner::{Owner, Upload};
use super::session::Session;
use super::turn::{Phase, Turn};
use super::validate::StartTurn;
use crate::clock::{Clock, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// An account that can be written down.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavedAccount {
    user_id: String,
    /// Counts the sessions and messages there ever were.
    counter: u64,
    #[serde(default)]
    sessions: Vec<SavedSession>,
    /// By the key they are stored under.
    #[serde(default)]
    uploads: BTreeMap<String, SavedUpload>,
}

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

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedUpload {
    name: String,
    content_type: String,
    size: u64,
    /// Its first 64 KiB, in Base64.
    begin: String,
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

/// What was read of a saved account, and was found to be right.
pub(crate) struct RestoredAccount {
    user_id: String,
    counter: u64,
    sessions: Vec<Session>,
    uploads: Vec<(String, Upload)>,
}

impl RestoredAccount {
    /// The text says what cannot be used.
    pub(crate) fn new(saved: SavedAccount) -> Result<Self, String> {
        let sessions = saved.sessions.into_iter().map(Session::restore);
        let uploads = saved.uploads.into_iter().map(|(key, upload)| {
            let begin = STANDARD.decode(&upload.begin);
            let begin = begin.map_err(|error| format!("the upload {key}: {error}"))?;
            let upload = Upload {
                name: upload.name,
                content_type: upload.content_type,
                size: upload.size,
                begin,
            };
            Ok((key, upload))
        });
        Ok(Self {
            user_id: saved.user_id,
            counter: saved.counter,
            sessions: sessions.collect::<Result<_, String>>()?,
            uploads: uploads.collect::<Result<_, String>>()?,
        })
    }
}

impl Account {
    pub(crate) fn to_saved(&self) -> SavedAccount {
        let mut sessions: Vec<_> = self.sessions().map(|session| session.to_saved()).collect();
        sessions.sort_by_key(|session| session.number);
        let uploads = crate::sync::lock(&self.owner.uploads);
        let uploads = uploads.iter().map(|(key, upload)| {
            let saved = SavedUpload {
                name: upload.name.clone(),
                content_type: upload.content_type.clone(),
                size: upload.size,
                begin: STANDARD.encode(&upload.begin),
            };
            (key.clone(), saved)
        });
        SavedAccount {
            user_id: self.owner.user_id.clone(),
            counter: self.counter(),
            sessions,
            uploads: uploads.collect(),
        }
    }

    /// Takes over what was restored. A key without sessions becomes the user that it was.
    pub(crate) fn take_over(&mut self, restored: RestoredAccount) {
        if self.sessions().next().is_none() {
            self.owner.user_id = restored.user_id;
        }
        self.count_from(restored.counter);
        let owner: Owner = self.owner.clone();
        crate::sync::lock(&owner.uploads).extend(
            restored
                .uploads
                .into_iter()
                .map(|(key, upload)| (key, Arc::new(upload))),
        );
        for mut session in restored.sessions {
            session.owner = owner.clone();
            self.add(Arc::new(session));
        }
    }
}

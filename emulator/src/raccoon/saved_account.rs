//! What a key owns at Raccoon, as data: its sessions and its uploads.

use super::account::Account;
use super::owner::{Owner, Upload};
use super::saved::SavedSession;
use super::session::Session;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

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
struct SavedUpload {
    name: String,
    content_type: String,
    size: u64,
    /// Its first 64 KiB, in Base64.
    begin: String,
}

impl SavedAccount {
    /// The ids of its sessions and their messages, with their places; each is there once.
    pub(crate) fn ids(&self) -> impl Iterator<Item = (String, &str)> {
        let sessions = self.sessions.iter().enumerate();
        sessions.flat_map(|(index, session)| {
            let place = format!("sessions[{index}]");
            let own = (format!("{place}.session_id"), session.session_id.as_str());
            let messages = session.message_ids();
            let messages = messages.map(move |(below, id)| (format!("{place}.{below}"), id));
            std::iter::once(own).chain(messages)
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

//! What one client writes to a ledger.

use std::path::Path;
use std::sync::Arc;

use super::file::LedgerFile;
use super::line::Note;
use super::owner::random_id;
use crate::agi::SnapshotOptions;
use crate::config::ClientConfig;
use crate::error::{Error, Result};
use crate::key_mark::KeyMark;

/// What one client writes to a ledger. Its copies share it.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    file: Arc<LedgerFile>,
    client: Arc<Client>,
}

/// Whose notes they are.
#[derive(Debug)]
struct Client {
    /// The service's address: the same session id elsewhere is another session.
    service: String,
    /// Tells the sessions of one key from those of another; gives nothing of it away.
    key: KeyMark,
}

/// A create whose request is about to be sent.
#[derive(Debug)]
pub(crate) struct Creating {
    attempt: String,
    agent_name: String,
    snapshot: SnapshotOptions,
}

impl Ledger {
    /// The ledger of a client's configuration, if it has one.
    pub(crate) fn open(config: &ClientConfig) -> Result<Option<Self>> {
        let Some(path) = &config.ledger else {
            return Ok(None);
        };
        let client = Client {
            service: config.base_url().to_owned(),
            key: KeyMark::new(&config.api_key)?,
        };
        Ok(Some(Self {
            file: LedgerFile::open(path)?,
            client: Arc::new(client),
        }))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Notes that a session is about to be created. What cannot be noted must not be
    /// created: nobody would find it.
    pub(crate) fn creating(
        &self,
        agent_name: &str,
        snapshot: &SnapshotOptions,
    ) -> Result<Creating> {
        let creating = Creating {
            attempt: random_id()?,
            agent_name: agent_name.to_owned(),
            snapshot: snapshot.clone(),
        };
        let note = Note::Creating {
            attempt: creating.attempt.clone(),
            agent_name: creating.agent_name.clone(),
        };
        self.write(note).map_err(|why| {
            Error::config(format!(
                "No session was created, because the ledger {} cannot be written: {why}. Make room or see to its \
                 permissions, or leave `ledger` out",
                self.path().display()
            ))
        })?;
        Ok(creating)
    }

    /// Notes what became of a create; nothing where nobody knows.
    pub(crate) fn tried(&self, creating: Creating, outcome: Result<&str, &Error>) {
        let Creating {
            attempt,
            agent_name,
            snapshot,
        } = creating;
        match outcome {
            Ok(session_id) => self.note(Note::Created {
                attempt,
                session_id: session_id.to_owned(),
                agent_name,
                snapshot,
            }),
            Err(error) if error.maybe_delivered() => {}
            Err(_) => self.note(Note::Failed { attempt }),
        }
    }

    /// Notes that a message is about to be sent.
    pub(crate) fn sent(&self, session_id: &str) {
        let session_id = session_id.to_owned();
        self.note(Note::Sent { session_id });
    }

    /// Notes that a session's task has ended.
    pub(crate) fn ended(&self, session_id: &str) {
        let session_id = session_id.to_owned();
        self.note(Note::Ended { session_id });
    }

    /// Notes that a session is gone.
    pub(crate) fn deleted(&self, session_id: &str) {
        let session_id = session_id.to_owned();
        self.note(Note::Deleted { session_id });
    }

    /// Notes that every session of this key is gone.
    pub(crate) fn deleted_all(&self) {
        self.note(Note::DeletedAll {});
    }

    /// Notes that this process goes on with a session that another one may have created:
    /// from here on it lives as long as this process, too.
    pub(crate) fn adopted(&self, session_id: &str) {
        let session_id = session_id.to_owned();
        self.note(Note::Adopted { session_id });
    }

    /// Notes that a session is handed over to whoever keeps its id: nobody reaps it.
    pub(crate) fn released(&self, session_id: &str) -> Result<()> {
        let note = Note::Released {
            session_id: session_id.to_owned(),
        };
        self.write(note).map_err(|why| {
            Error::config(format!(
                "The session {session_id} was not released, because the ledger {} cannot be written: {why}. Make room \
                 or see to its permissions, then release it again",
                self.path().display()
            ))
        })
    }

    /// Whether a line is of this client's service and key.
    pub(super) fn is_own(&self, service: &str, key: &KeyMark) -> bool {
        service == self.client.service && self.client.key.is_same(key)
    }

    /// Writes a note. One that cannot be written is not worth losing what it is about.
    pub(super) fn note(&self, note: Note) {
        if let Err(why) = self.write(note) {
            tracing::warn!(
                "The ledger {} cannot be written: {why}. It may miss sessions that this process leaves, or keep \
                 those that are gone",
                self.path().display()
            );
        }
    }

    fn write(&self, note: Note) -> std::io::Result<()> {
        let Client { service, key } = &*self.client;
        self.file.append(service, key, note)
    }
}

//! Sessions and files as a Rust program uses them.

use std::collections::HashSet;

use super::api::Api;
use super::models::{
    DeleteResult, EventOptions, History, ListSessions, Message, SessionInfo, StartTurn,
    SuccessResult, TurnResult, Upload, UploadedFile,
};
use super::run_turn::RunTurn;
use super::turn::Turn;
use super::{handle, watch};
use crate::error::Result;
use crate::stream::EventStream;
use crate::transport::{UploadProgress, UploadSource};

/// The sessions of a client's key.
///
/// # Panics
/// Every async call, where no tokio runtime polls it.
#[derive(Debug, Clone)]
pub struct Sessions {
    api: Api,
}

impl Sessions {
    pub(super) fn new(api: Api) -> Self {
        Self { api }
    }

    /// Lists the sessions; the next page is read when it is needed.
    pub fn list(&self, list: ListSessions) -> SessionList {
        SessionList {
            api: self.api.clone(),
            next: Some(list),
            read: Vec::new().into_iter(),
            seen: HashSet::new(),
        }
    }

    /// A session with its history.
    ///
    /// # Errors
    /// Those of [every call](crate#errors), `NotFound` among them.
    pub async fn get(&self, session_id: &str) -> Result<History> {
        self.api.get(session_id).await
    }

    /// Gives a session another title: 1 to 255 characters.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn rename(&self, session_id: &str, title: &str) -> Result<SuccessResult> {
        self.api.rename(session_id, title).await
    }

    /// Deletes a session. One that is gone is no error: `deleted` is false.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn delete(&self, session_id: &str) -> Result<DeleteResult> {
        self.api.delete(session_id).await
    }
}

/// The sessions of a list, page by page.
///
/// # Panics
/// Every async call, where no tokio runtime polls it.
#[derive(Debug)]
pub struct SessionList {
    api: Api,
    /// The page to read next.
    next: Option<ListSessions>,
    read: std::vec::IntoIter<SessionInfo>,
    seen: HashSet<String>,
}

impl SessionList {
    /// The next session; `None` at the end.
    ///
    /// # Errors
    /// Those of [every call](crate#errors), once: then the list is over.
    pub async fn next(&mut self) -> Option<Result<SessionInfo>> {
        loop {
            if let Some(session) = self.read.next() {
                return Some(Ok(session));
            }
            let page = self.next.take()?;
            let api = self.api.clone();
            let answer = match api.list(&page).await {
                Ok(answer) => answer,
                Err(error) => return Some(Err(error)),
            };
            let mut sessions = answer.sessions;
            sessions.retain(|session| self.seen.insert(session.session_id.clone()));
            // A service that ignores the page's number repeats the first one.
            if !answer.last && !sessions.is_empty() {
                self.next = Some(ListSessions {
                    page: Some(page.page.unwrap_or(1) + 1),
                    ..page
                });
            }
            self.read = sessions.into_iter();
        }
    }
}

/// Files for turns.
///
/// # Panics
/// Every async call, where no tokio runtime polls it.
#[derive(Debug, Clone)]
pub struct Media {
    api: Api,
}

impl Media {
    pub(super) fn new(api: Api) -> Self {
        Self { api }
    }

    /// Uploads a file; see [`Client::upload`](super::Client::upload).
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn upload(
        &self,
        upload: Upload,
        source: UploadSource,
        progress: UploadProgress,
    ) -> Result<UploadedFile> {
        self.api.send_file(&upload, source, progress).await
    }
}

/// One session: a sandbox, its files and its conversation. The first turn
/// creates it; it stays until it is deleted.
///
/// # Panics
/// Every async call, where no tokio runtime polls it.
#[derive(Debug, Clone)]
pub struct Session {
    api: Api,
    session_id: String,
}

impl Session {
    pub(super) fn new(api: Api, session_id: String) -> Self {
        Self { api, session_id }
    }

    /// The UUID that names the session.
    pub fn id(&self) -> &str {
        &self.session_id
    }

    /// Starts a turn and gives a handle on it.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn start_turn(&self, start: StartTurn) -> Result<Turn> {
        Box::pin(Turn::start(
            self.api.clone(),
            self.session_id.clone(),
            start,
        ))
        .await
    }

    /// Prepares a turn without starting it: gives a handle that
    /// [`Client::resume`](super::Client::resume) starts, unless the session's history shows that it
    /// was started already. Keep the handle first, and the turn is started at most once, whatever
    /// dies when.
    ///
    /// The handle holds the prompt and the turn's other parameters, no key, and may be longer
    /// than 200 bytes. Its files are uploaded before. How the events are read is told to `resume`.
    ///
    /// # Errors
    /// Those of [every call](crate#errors). `InvalidRequest` for a file that is not uploaded,
    /// `Conflict` where a turn of the session has not ended.
    pub async fn prepare_turn(&self, start: StartTurn) -> Result<String> {
        Box::pin(handle::prepare(&self.api, &self.session_id, start)).await
    }

    /// Runs a turn to its end.
    ///
    /// # Errors
    /// Those of [every call](crate#errors), and those of [`Turn::result`](super::Turn::result).
    pub async fn run_turn(&self, turn: impl Into<RunTurn>) -> Result<TurnResult> {
        turn.into().run(&self.api, &self.session_id).await
    }

    /// The session's events over all its turns, whoever starts them: each once, with
    /// its turn's [`message_id`](super::Frame::message_id), in the order of the history, which is
    /// read again and again. A session that is not there yet is waited for: its first
    /// turn creates it. For the events of one turn as they happen, see
    /// [`Turn::events`](super::Turn::events).
    ///
    /// The stream ends without an error after [`EventOptions::timeout`] alone. It
    /// ends with `Stream` where the session is deleted (the reason is `session_gone`),
    /// where its history cannot be read any more (`reconnect_failed`), and where that
    /// does not have the message of [`EventOptions::after`] (`unknown_resume_point`).
    ///
    /// # Errors
    /// `InvalidRequest` for options of no use; all else comes through the stream.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn events(&self, options: EventOptions) -> Result<EventStream> {
        watch::open(&self.api, &self.session_id, options).map(EventStream::new)
    }

    /// The session's record and all its messages.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn history(&self) -> Result<History> {
        Sessions::new(self.api.clone()).get(&self.session_id).await
    }

    /// The agent's message of the session's newest turn, also of one that another
    /// process started; `None` where there is none. Reads the history: no socket
    /// is needed to see where the turn is.
    ///
    /// # Errors
    /// Those of [every call](crate#errors): `NotFound` among them for a session that
    /// had no turn yet, since the first one creates it.
    pub async fn last_turn(&self) -> Result<Option<Message>> {
        Ok(self.history().await?.last_turn().cloned())
    }

    /// Gives the session another title: 1 to 255 characters.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn rename(&self, title: &str) -> Result<SuccessResult> {
        Sessions::new(self.api.clone())
            .rename(&self.session_id, title)
            .await
    }

    /// Deletes the session. One that is gone is no error: `deleted` is false.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn delete(&self) -> Result<DeleteResult> {
        Sessions::new(self.api.clone())
            .delete(&self.session_id)
            .await
    }

    /// Uploads a file for the session's turns.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn upload(&self, source: UploadSource) -> Result<UploadedFile> {
        let upload = Upload {
            session_id: self.session_id.clone(),
            ..Upload::default()
        };
        self.api
            .send_file(&upload, source, UploadProgress::new())
            .await
    }
}

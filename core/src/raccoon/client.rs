//! The client: configuration, connection pools, and every request.

use std::sync::Arc;

use http::Method;
use serde_json::{Map, Value, json};

use super::config::{RaccoonConfig, RaccoonOptions};
use super::models::{
    Attach, DeleteResult, History, ListSessions, Operation, Output, PageInfo, RawRequest,
    RawResponse, SessionInfo, SessionPage, StartTurn, SuccessResult, TurnFile, Upload,
    UploadedFile,
};
use super::places::{Place, Places};
use super::sessions::{Media, Session, Sessions};
use super::turn::Turn;
use super::wire_names::WireNames;
use super::{media, validate};
use crate::config::OptionChanges;
use crate::error::{Error, ErrorKind, Result};
use crate::transport::{Answer, Closing, Request, Transport, UploadProgress, UploadSource};
use crate::ws::{KeepAlive, Socket};

/// A client of the Raccoon AI Agents API. Clones share everything.
#[derive(Clone)]
pub struct Client {
    config: Arc<RaccoonConfig>,
    rest: Transport,
    sockets: Transport,
    places: Arc<Places>,
}

impl Client {
    /// A client with this configuration. Sends nothing.
    ///
    /// # Errors
    /// `Config` where the HTTP client cannot be set up.
    pub fn new(config: RaccoonConfig) -> Result<Self> {
        let rest = Transport::new(config.rest.clone());
        Ok(Self {
            sockets: rest.for_upgrades(config.sockets.clone()),
            rest,
            config: Arc::new(config),
            places: Arc::default(),
        })
    }

    /// A client configured by `RACCOON_API_KEY` and `RACCOON_BASE_URL`.
    ///
    /// # Errors
    /// `Config` where the environment has no key, or holds a value of no use.
    pub fn from_env() -> Result<Self> {
        Self::new(RaccoonConfig::resolve(RaccoonOptions::default())?)
    }

    /// The configuration.
    pub fn config(&self) -> &RaccoonConfig {
        &self.config
    }

    /// A copy with other timeouts, retries or headers that shares the
    /// connection pools.
    ///
    /// # Errors
    /// `Config` for a value of no use.
    pub fn with_options(&self, changes: OptionChanges) -> Result<Self> {
        let config = self.config.changed(changes)?;
        Ok(Self {
            rest: self.rest.with_config(config.rest.clone()),
            sockets: self.sockets.with_config(config.sockets.clone()),
            config: Arc::new(config),
            places: self.places.clone(),
        })
    }

    /// A fresh session, named by a new UUID. Sends nothing: its first turn
    /// creates it.
    ///
    /// # Errors
    /// `Config` where the system gives no random numbers.
    pub fn session(&self) -> Result<Session> {
        self.continue_session(&new_session_id()?)
    }

    /// A handle on an existing session. Sends nothing.
    ///
    /// # Errors
    /// `InvalidRequest` for an id that no session can have.
    pub fn continue_session(&self, session_id: &str) -> Result<Session> {
        validate::session_id(session_id)?;
        Ok(Session::new(self.clone(), session_id.to_owned()))
    }

    /// The sessions of this key.
    pub fn sessions(&self) -> Sessions {
        Sessions::new(self.clone())
    }

    /// Files for turns.
    pub fn media(&self) -> Media {
        Media::new(self.clone())
    }

    /// How many turns may run at once, as the service said last
    /// (docs/spec/raccoon.md, section 6); `None` before its first answer.
    pub fn max_concurrent(&self) -> Option<u32> {
        self.rest
            .max_concurrent()
            .or_else(|| self.sockets.max_concurrent())
    }

    /// Sends any request below the base URL, with the same key, retries and
    /// errors as every call.
    ///
    /// # Errors
    /// `InvalidRequest` for a method or path that no request can have; else what
    /// the service answers.
    pub async fn request(&self, request: RawRequest) -> Result<RawResponse> {
        self.rest.raw(request).await
    }

    /// Carries an operation out. Dropping the future drops the request.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub fn execute(
        &self,
        operation: Operation,
    ) -> impl Future<Output = Result<Output>> + Send + 'static {
        let client = self.clone();
        // On the heap at once: see `agi::Client::execute`.
        Box::pin(async move { client.run(operation).await })
    }

    /// Starts a turn and gives a handle on it. Must be polled on a tokio
    /// runtime.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub fn start_turn(
        &self,
        session_id: &str,
        start: StartTurn,
    ) -> impl Future<Output = Result<Turn>> + Send + 'static {
        let client = self.clone();
        let session_id = session_id.to_owned();
        Box::pin(Turn::start(client, session_id, start))
    }

    /// Gives a handle on a turn that was started before, or elsewhere. Must be
    /// polled on a tokio runtime.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub fn attach(&self, attach: Attach) -> impl Future<Output = Result<Turn>> + Send + 'static {
        let client = self.clone();
        Box::pin(Turn::attach(client, attach))
    }

    /// Uploads a file. It is streamed: `progress` tells how far it is. Dropping
    /// the future cancels it. The client's `timeout` limits how long it may
    /// stand still, not how long it may take.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub fn upload(
        &self,
        upload: Upload,
        source: UploadSource,
        progress: UploadProgress,
    ) -> impl Future<Output = Result<UploadedFile>> + Send + 'static {
        let client = self.clone();
        Box::pin(async move { client.send_file(&upload, source, progress).await })
    }

    /// Ends every stream, wait and call of this client and of its copies at
    /// once, and closes their connections. Can be called twice.
    pub fn close(&self) {
        self.rest.close();
        self.sockets.close();
    }

    /// Requests end at a close by themselves; other waits ask this.
    pub(super) fn closing(&self) -> &Closing {
        self.rest.closing()
    }

    async fn run(&self, operation: Operation) -> Result<Output> {
        Ok(match operation {
            Operation::ListSessions(list) => Output::Sessions(self.list(&list).await?),
            Operation::GetSession { session_id } => {
                Output::History(Box::new(self.get(&session_id).await?))
            }
            Operation::RenameSession { session_id, title } => {
                Output::Success(self.rename(&session_id, &title).await?)
            }
            Operation::DeleteSession { session_id } => {
                Output::Delete(self.delete(&session_id).await?)
            }
            Operation::Request(request) => Output::Raw(self.rest.raw(request).await?),
        })
    }

    pub(super) async fn list(&self, list: &ListSessions) -> Result<SessionPage> {
        validate::list_sessions(list)?;
        let wire = &self.config.wire;
        let page = list.page.map(|page| page.to_string());
        let limit = list.limit.map(|limit| limit.to_string());
        let mut request = self.api(Method::GET, &["sessions"]);
        for (name, value) in [
            (&wire.page, &page),
            (&wire.limit, &limit),
            (&wire.search, &list.search),
            (&wire.sort_by, &list.sort_by),
            (&wire.sort_order, &list.sort_order),
        ] {
            if let Some(value) = value {
                request = request.query(name, value);
            }
        }
        let answer = self.rest.send(&request).await?.json()?;
        page_of(answer, wire)
    }

    pub(super) async fn get(&self, session_id: &str) -> Result<History> {
        let request = self.of_session(Method::GET, session_id, &[])?;
        self.rest.send(&request).await?.json()
    }

    pub(super) async fn rename(&self, session_id: &str, title: &str) -> Result<SuccessResult> {
        let title = validate::title(title)?;
        let request = self
            .of_session(Method::PUT, session_id, &["title"])?
            .json(&json!({ &self.config.wire.title: title }))?;
        Ok(success(&self.rest.send(&request).await?))
    }

    pub(super) async fn delete(&self, session_id: &str) -> Result<DeleteResult> {
        let request = self.of_session(Method::DELETE, session_id, &[])?;
        let answer = self.rest.send(&request).await;
        DeleteResult::or_gone(answer.map(|answer| {
            let SuccessResult { success, message } = success(&answer);
            DeleteResult {
                success,
                deleted: success,
                message,
            }
        }))
    }

    pub(super) async fn send_file(
        &self,
        upload: &Upload,
        source: UploadSource,
        progress: UploadProgress,
    ) -> Result<UploadedFile> {
        let (body, sent) = media::form(upload, source, progress)?;
        let request = self.api(Method::PUT, &["media", "upload"]).multipart(body);
        let mut file: UploadedFile = self.rest.send(&request).await?.json()?;
        if file.name.is_empty() {
            file.name = sent.name;
        }
        if file.content_type.is_empty() {
            file.content_type = sent.content_type;
        }
        Ok(file)
    }

    /// Waits for a place for a turn, if the client is to respect the service's
    /// limit.
    pub(super) async fn place(&self) -> Result<Option<Place>> {
        if !self.config.respect_max_concurrent {
            return Ok(None);
        }
        let rest = self.rest.config();
        let wait = rest.wait_for_limit().unwrap_or(rest.timeout());
        let place = async { Ok(self.places.take(|| self.max_concurrent()).await) };
        let place = self.closing().until_closed(place);
        let place = tokio::time::timeout(wait, place).await.map_err(|_| {
            Error::new(
                ErrorKind::Timeout,
                format!(
                    "The turn was not started: no place became free within {} s. This client runs as many turns as \
                     the service allows at once ({}). Wait longer with `wait_for_limit`, or stop a turn",
                    wait.as_secs_f64(),
                    self.places.taken(),
                ),
            )
        })??;
        Ok(Some(place))
    }

    /// Sends the request that starts a turn. It is repeated only if it was not
    /// sent, or refused with 429 (docs/spec/raccoon.md, section 6).
    pub(super) async fn submit(
        &self,
        session_id: &str,
        start: &StartTurn,
        files: &[UploadedFile],
    ) -> Result<Started> {
        let wire = &self.config.wire;
        let mut body = Map::new();
        body.insert("session_id".to_owned(), session_id.into());
        for name in &wire.prompt {
            body.insert(name.clone(), start.prompt.as_str().into());
        }
        body.insert("mode".to_owned(), start.mode.as_str().into());
        if !files.is_empty() {
            body.insert("files".to_owned(), media::references(files, wire));
        }
        for (name, value) in [
            (
                &wire.sdk_version,
                start.sdk_version.clone().map(Value::String),
            ),
            (
                &wire.base_prompt,
                start.base_prompt.clone().map(Value::String),
            ),
            (&wire.references, start.references.clone().map(Value::Array)),
            (&wire.history, start.history.clone().map(Value::Array)),
            (
                &wire.continuation,
                start.continuation.clone().map(Value::String),
            ),
        ] {
            if let Some(value) = value {
                body.insert(name.clone(), value);
            }
        }
        body.extend(start.extra.clone());
        let request = self.api(Method::POST, &["sessions", "new"]).json(&body)?;
        let answer = self.rest.send(&request).await.map_err(Error::or_unknown);
        self.places.answered();
        let answer = answer?;
        let started = answer
            .json()
            .and_then(|answer| Started::read(&answer, wire));
        started.map_err(|error| {
            error.with_maybe_delivered(
                "The turn may run all the same: look at the session's history before you start it again.",
            )
        })
    }

    /// Uploads those of a turn's files that are on this machine.
    pub(super) async fn upload_files(
        &self,
        session_id: &str,
        files: &[TurnFile],
    ) -> Result<Vec<UploadedFile>> {
        let mut uploaded = Vec::with_capacity(files.len());
        for file in files {
            uploaded.push(match file {
                TurnFile::Uploaded(file) => file.clone(),
                TurnFile::Path(path) => {
                    let upload = Upload {
                        session_id: session_id.to_owned(),
                        ..Upload::default()
                    };
                    let source = UploadSource::path(path);
                    self.send_file(&upload, source, UploadProgress::new())
                        .await?
                }
            });
        }
        Ok(uploaded)
    }

    /// Opens the socket of a turn. Its URL holds the key: it is shown nowhere.
    pub(super) async fn open_socket(
        &self,
        session_id: &str,
        message_id: &str,
        after: Option<&str>,
        keep_alive: KeepAlive,
    ) -> Result<Socket> {
        let config = self.sockets.config();
        let mut query = vec![
            ("token", config.api_key.expose().trim()),
            ("message_id", message_id),
        ];
        query.extend(after.map(|entry| ("last_stream_entry_id", entry)));
        let request = Request::new(config, Method::GET, &["ws", "sessions", session_id])
            .secret_query(&query)
            .without_authorization();
        Socket::open(&self.sockets, request, keep_alive).await
    }

    /// A text of the service without the key that it may echo.
    pub(super) fn redact(&self, text: &str) -> String {
        self.sockets.config().api_key.redact(text)
    }

    fn api(&self, method: Method, segments: &[&str]) -> Request {
        Request::new(self.rest.config(), method, segments)
    }

    /// A request below `/sessions/{session_id}`.
    fn of_session(&self, method: Method, session_id: &str, rest: &[&str]) -> Result<Request> {
        validate::session_id(session_id)?;
        Ok(Request::of_session(
            self.rest.config(),
            method,
            session_id,
            rest,
        ))
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.config.base_url())
            .finish_non_exhaustive()
    }
}

/// The answer to the start of a turn (docs/spec/raccoon.md, section 4.1).
#[derive(Debug, Clone, Default)]
pub(super) struct Started {
    pub(super) agent_message_id: String,
    pub(super) user_message_id: Option<String>,
    pub(super) workflow_id: Option<String>,
    pub(super) status: Option<String>,
    pub(super) queue_position: Option<u64>,
}

impl Started {
    fn read(answer: &Map<String, Value>, wire: &WireNames) -> Result<Self> {
        let text = |name: &String| answer.get(name)?.as_str().map(str::to_owned);
        let Some(agent_message_id) = wire.agent_message_id.iter().find_map(text) else {
            let names = wire.agent_message_id.join("` or `");
            return Err(Error::new(
                ErrorKind::Connection,
                format!("The service's answer names no agent message: it has no `{names}`"),
            )
            .with_reason("bad_answer"));
        };
        Ok(Self {
            agent_message_id,
            user_message_id: text(&wire.user_message_id),
            workflow_id: text(&wire.workflow_id),
            status: text(&wire.turn_status),
            queue_position: answer.get(&wire.queue_position).and_then(Value::as_u64),
        })
    }
}

/// A new UUID of version 4.
///
/// # Errors
/// `Config` where the system gives no random numbers.
pub fn new_session_id() -> Result<String> {
    let mut bytes = random_bytes()?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    Ok(text)
}

/// Bytes that nobody can guess.
pub(super) fn random_bytes() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| Error::config("The system gives no random numbers"))?;
    Ok(bytes)
}

/// A command's answer, also where it has no body or an unknown one: its success
/// is in the status (docs/spec/raccoon.md, sections 4.4 and 4.5).
fn success(answer: &Answer) -> SuccessResult {
    answer.json().unwrap_or_else(|_| SuccessResult::new(""))
}

/// Reads a list in one of the forms that it may have: bare, or in a field
/// (docs/spec/raccoon.md, section 4.2).
fn page_of(answer: Value, wire: &WireNames) -> Result<SessionPage> {
    let (sessions, meta) = match answer {
        Value::Object(mut fields) => {
            let meta = fields.remove(&wire.meta).unwrap_or_default();
            let sessions = wire.sessions.iter().find_map(|name| fields.remove(name));
            (sessions.unwrap_or_default(), meta)
        }
        bare => (bare, Value::Null),
    };
    let sessions: Vec<SessionInfo> = serde_json::from_value(sessions).map_err(|error| {
        Error::new(
            ErrorKind::Connection,
            format!(
                "The service's list cannot be read: {error}. It should be in the field `{}`",
                wire.sessions.join("` or `")
            ),
        )
        .with_reason("bad_answer")
    })?;
    let number = |name: &String| meta.get(name).and_then(Value::as_u64);
    let page = meta.is_object().then(|| PageInfo {
        total_count: number(&wire.total_count),
        total_pages: number(&wire.total_pages),
        current_page: number(&wire.current_page),
    });
    let more = page.as_ref().is_some_and(|page| {
        // Without these two numbers nothing says that there is more.
        matches!((page.current_page, page.total_pages), (Some(current), Some(total)) if current < total)
    });
    Ok(SessionPage {
        last: sessions.is_empty() || !more,
        sessions,
        page,
    })
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn new_session_ids_are_uuids_and_differ() {
        let ids: std::collections::HashSet<String> = (0..100)
            .map(|_| new_session_id().expect("random numbers"))
            .collect();
        assert_eq!(ids.len(), 100);
        for id in ids {
            assert!(validate::session_id(&id).is_ok(), "{id}");
            assert_eq!(&id[14..15], "4", "{id}");
            assert!(matches!(&id[19..20], "8" | "9" | "a" | "b"), "{id}");
        }
    }

    #[test]
    fn a_list_is_read_in_each_of_its_forms() {
        let session = json!({"sessionId": "s"});
        let meta = |current, total| json!({"current_page": current, "total_pages": total});
        for (answer, count, last) in [
            (json!([session]), 1, true),
            (json!({"sessions": [session]}), 1, true),
            (json!({"chats": [session], "meta": meta(1, 2)}), 1, false),
            (json!({"data": [session], "meta": meta(2, 2)}), 1, true),
            (json!({"sessions": [session], "meta": meta(3, 2)}), 1, true),
            (json!({"sessions": [], "meta": meta(1, 2)}), 0, true),
            (json!({"sessions": [session], "meta": null}), 1, true),
            (
                json!({"sessions": [session], "meta": {"total_count": 7}}),
                1,
                true,
            ),
        ] {
            let page = page_of(answer.clone(), &WireNames::default()).expect("a list");
            assert_eq!((page.sessions.len(), page.last), (count, last), "{answer}");
        }
        let own = WireNames {
            sessions: vec!["items".to_owned()],
            meta: "paging".to_owned(),
            current_page: "at".to_owned(),
            total_pages: "of".to_owned(),
            ..WireNames::default()
        };
        let answer = json!({"items": [session], "paging": {"at": 1, "of": 2}});
        let page = page_of(answer, &own).expect("a list");
        assert_eq!((page.sessions.len(), page.last), (1, false));
        for (answer, wire) in [
            (json!({"rows": [session]}), &WireNames::default()),
            (json!({"sessions": [session]}), &own),
            (json!("sessions"), &own),
        ] {
            let error = page_of(answer, wire).expect_err("no list");
            assert!(error.to_string().contains(&wire.sessions[0]), "{error}");
        }
    }
}

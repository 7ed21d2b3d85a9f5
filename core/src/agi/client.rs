//! The client: configuration, a connection pool, and every request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Method;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::live::{Live, Scope};
use super::models::{
    CleanupOptions, CleanupReport, CreateSession, DeleteResult, EventOptions, ExecutionStatus,
    ListMessages, Message, Messages, Navigation, Operation, Output, RawRequest, RawResponse,
    SendMessage, SessionInfo, SnapshotOptions, StartTask, SuccessResult, WaitOptions, is_terminal,
};
use super::screenshot::{self, Screenshot};
use super::session::Sessions;
use super::task::Task;
use super::time::seconds_since_1970;
use super::validate;
use crate::config::{ClientConfig, ClientOptions, OptionChanges};
use crate::error::{Error, ErrorKind, Result};
use crate::stream::{EventQueue, Producer, queue};
use crate::transport::{Closing, Request, Transport, stream_headers};

/// How long a look for a message may take after an ambiguous failure.
const LOOK_FOR_MESSAGE: Duration = Duration::from_secs(10);
/// How many sessions `cleanup` deletes at once.
const CLEANUP_AT_ONCE: usize = 8;
/// How often a finished status must be seen without a result to be believed.
const QUIET_LOOKS: u32 = 3;

/// How many sessions are deleted at the same time at a program's end.
const DELETES_AT_ONCE: usize = 32;

/// A client of the AGI Agent Sessions API. Clones share everything.
#[derive(Clone)]
pub struct Client {
    transport: Transport,
    shared: Arc<Shared>,
}

/// What all copies of a client share.
#[derive(Default)]
struct Shared {
    known: Mutex<HashMap<String, Known>>,
}

/// What this client knows of a session's message ids.
#[derive(Debug, Clone, Default)]
struct Known {
    /// The highest id seen.
    high: i64,
    /// Created here, and nothing was sent since: there are no messages.
    fresh: bool,
    /// `high` at the time of the last message sent.
    sent_after: Option<i64>,
    /// Texts sent whose entries in the history were not read yet. Such an entry
    /// may be above `high`, and must not be taken for another message's.
    unread: Vec<String>,
    /// Created by this client, and not deleted since: what a delete keeps.
    created: Option<SnapshotOptions>,
}

impl Client {
    /// A client with this configuration. Sends nothing.
    ///
    /// # Errors
    /// `Config` where the HTTP client cannot be set up.
    pub fn new(config: ClientConfig) -> Result<Self> {
        Ok(Self {
            transport: Transport::new(config),
            shared: Arc::default(),
        })
    }

    /// A client configured by `AGI_API_KEY` and `AGI_BASE_URL`.
    ///
    /// # Errors
    /// `Config` where the environment has no key, or holds a value of no use.
    pub fn from_env() -> Result<Self> {
        Self::new(ClientConfig::resolve(ClientOptions::default())?)
    }

    /// The configuration.
    pub fn config(&self) -> &ClientConfig {
        self.transport.config()
    }

    /// A copy with other timeouts, retries or headers that shares the
    /// connection pool.
    ///
    /// # Errors
    /// `Config` for a value of no use.
    pub fn with_options(&self, changes: OptionChanges) -> Result<Self> {
        let config = self.config().changed(changes)?;
        Ok(Self {
            transport: self.transport.with_config(config),
            shared: self.shared.clone(),
        })
    }

    /// The sessions of this key.
    pub fn sessions(&self) -> Sessions {
        Sessions::new(self.clone())
    }

    /// The names of the agents that a session may have; `filter` is a CDP type
    /// or a text of the service's own (docs/spec/agi.md, section 14).
    ///
    /// # Errors
    /// What the service answers; no service needs to offer it.
    pub async fn models(&self, filter: Option<&str>) -> Result<Vec<String>> {
        self.list_models(filter).await
    }

    /// Sends any request below the base URL, with the same key, retries and
    /// errors as every call.
    ///
    /// # Errors
    /// `InvalidRequest` for a method or path that no request can have; else what
    /// the service answers.
    pub async fn request(&self, request: RawRequest) -> Result<RawResponse> {
        self.transport.raw(request).await
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
        // On the heap at once: it is large, and a binding moves it through many
        // frames on a thread whose stack the language limits.
        Box::pin(async move { client.run(operation).await })
    }

    /// Opens a session's event stream; it connects in the background and
    /// reports failures through the queue. Must be called inside a tokio
    /// runtime.
    ///
    /// # Errors
    /// `InvalidRequest` for options of no use; all else comes through the queue.
    pub fn events(&self, session_id: &str, options: EventOptions) -> Result<EventQueue> {
        validate::session_id(session_id)?;
        validate::event_options(&options)?;
        self.closing().check()?;
        let (producer, queue) = queue();
        self.spawn(session_id, options, Scope::Session, producer);
        Ok(queue)
    }

    /// Starts a task and gives a handle on it alone.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub fn start_task(
        &self,
        session_id: &str,
        start: StartTask,
    ) -> impl Future<Output = Result<Task>> + Send + 'static {
        let client = self.clone();
        let session_id = session_id.to_owned();
        Box::pin(Task::start(client, session_id, start))
    }

    /// Deletes every session that this client or a copy of it created and did
    /// not delete, all at once, also after [`close`](Self::close). For the end
    /// of a program; after `limit` it gives up. Which sessions are left, and
    /// why.
    ///
    /// A library installs no signal handlers: await
    /// `tokio::signal::ctrl_c()`, for example, and call this then.
    pub async fn delete_created_sessions(&self, limit: Duration) -> Vec<(String, Error)> {
        let client = self.outliving_close();
        let mut left: HashMap<String, SnapshotOptions> = client
            .known()
            .iter()
            .filter_map(|(id, known)| Some((id.clone(), known.created.clone()?)))
            .collect();
        let places = Arc::new(Semaphore::new(DELETES_AT_ONCE));
        let mut deletes = JoinSet::new();
        for (id, snapshot) in left.clone() {
            let (client, places) = (client.clone(), places.clone());
            deletes.spawn(async move {
                let _place = places.acquire_owned().await;
                let deleted = client.delete(&id, &snapshot).await;
                (id, deleted)
            });
        }
        let mut failures = Vec::new();
        let all = async {
            while let Some(done) = deletes.join_next().await {
                let Ok((id, deleted)) = done else { continue };
                left.remove(&id);
                match deleted {
                    Ok(result) if result.success => {}
                    Ok(result) => {
                        failures.push((id, Error::new(ErrorKind::Status, result.message)));
                    }
                    Err(error) => failures.push((id, error)),
                }
            }
        };
        let _ = tokio::time::timeout(limit, all).await;
        failures.extend(left.into_keys().map(|id| {
            let why = format!("no answer within {} s", limit.as_secs_f64());
            (id, Error::new(ErrorKind::Timeout, why).without_advice())
        }));
        failures
    }

    /// Ends every stream, wait and call of this client and of its copies at
    /// once, and closes their connections. Can be called twice.
    pub fn close(&self) {
        self.transport.close();
    }

    /// A copy whose requests a close does not end: for sessions that would go
    /// on costing. Use it for one request, and let it go.
    pub(super) fn outliving_close(&self) -> Self {
        Self {
            transport: self.transport.outliving_close(),
            shared: self.shared.clone(),
        }
    }

    pub(super) fn spawn(
        &self,
        session_id: &str,
        options: EventOptions,
        scope: Scope,
        queue: Producer,
    ) {
        let live = Live::new(
            self.clone(),
            session_id.to_owned(),
            options,
            scope,
            queue.clone(),
        );
        queue.drive(live.run());
    }

    /// Requests end at a close by themselves; other waits ask this.
    pub(super) fn closing(&self) -> &Closing {
        self.transport.closing()
    }

    async fn run(&self, operation: Operation) -> Result<Output> {
        Ok(match operation {
            Operation::CreateSession(create) => Output::Session(self.create(&create).await?),
            Operation::ListSessions => Output::Sessions(self.list().await?),
            Operation::GetSession { session_id } => Output::Session(self.get(&session_id).await?),
            Operation::DeleteSession {
                session_id,
                snapshot,
            } => Output::Delete(self.delete(&session_id, &snapshot).await?),
            Operation::DeleteAllSessions => Output::Delete(self.delete_all().await?),
            Operation::Cleanup(options) => Output::Cleanup(self.cleanup(&options).await?),
            Operation::SendMessage {
                session_id,
                message,
            } => Output::Success(self.send_message(&session_id, &message).await?),
            Operation::ExecutionStatus { session_id } => {
                Output::Status(self.status(&session_id).await?)
            }
            Operation::Messages {
                session_id,
                options,
            } => Output::Messages(self.messages(&session_id, &options).await?),
            Operation::NextMessages {
                session_id,
                options,
                poll_interval,
            } => Output::Messages(
                self.next_messages(&session_id, &options, poll_interval)
                    .await?,
            ),
            Operation::Record { session_id } => Output::Recording(Box::new(
                self.record(&session_id, std::future::pending()).await?,
            )),
            Operation::Pause { session_id } => {
                Output::Success(self.command(&session_id, "pause").await?)
            }
            Operation::Resume { session_id } => {
                Output::Success(self.command(&session_id, "resume").await?)
            }
            Operation::Cancel { session_id } => {
                Output::Success(self.command(&session_id, "cancel").await?)
            }
            Operation::Stop { session_id } => Output::Success(self.stop(&session_id).await?),
            Operation::Navigate { session_id, url } => {
                Output::Navigation(self.navigate(&session_id, &url).await?)
            }
            Operation::Screenshot { session_id } => {
                Output::Screenshot(self.screenshot(&session_id).await?)
            }
            Operation::Wait {
                session_id,
                options,
            } => Output::Status(self.wait(&session_id, &options).await?),
            Operation::Models { filter } => {
                Output::Models(self.list_models(filter.as_deref()).await?)
            }
            Operation::Request(request) => Output::Raw(self.transport.raw(request).await?),
        })
    }

    pub(super) async fn create(&self, create: &CreateSession) -> Result<SessionInfo> {
        validate::create(create)?;
        let mut body = serde_json::to_value(create).map_err(|error| {
            Error::invalid(format!("The parameters of `create` are not valid: {error}"))
        })?;
        if let Value::Object(fields) = &mut body {
            fields.extend(create.extra_body.clone());
        }
        let mut request = self.api(Method::POST, &["sessions"]).json(&body)?;
        if let Some(wait) = create.wait_for_limit {
            request = request.wait_for_limit(wait.min(crate::seconds::LONGEST));
        }
        let session: SessionInfo = self.transport.send(&request).await?.json()?;
        self.known().insert(
            session.session_id.clone(),
            Known {
                fresh: true,
                created: Some(create.snapshot.clone()),
                ..Known::default()
            },
        );
        Ok(session)
    }

    pub(super) async fn list(&self) -> Result<Vec<SessionInfo>> {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Answer {
            Bare(Vec<SessionInfo>),
            Wrapped { sessions: Vec<SessionInfo> },
        }
        let answer = self
            .transport
            .send(&self.api(Method::GET, &["sessions"]))
            .await?;
        Ok(match answer.json()? {
            Answer::Bare(sessions) | Answer::Wrapped { sessions } => sessions,
        })
    }

    pub(super) async fn get(&self, session_id: &str) -> Result<SessionInfo> {
        let request = self.of_session(Method::GET, session_id, &[])?;
        self.transport.send(&request).await?.json()
    }

    pub(super) async fn delete(
        &self,
        session_id: &str,
        snapshot: &SnapshotOptions,
    ) -> Result<DeleteResult> {
        validate::snapshot(snapshot)?;
        let mut request = self.of_session(Method::DELETE, session_id, &[])?;
        if let Some(mode) = &snapshot.save_snapshot_mode {
            request = request.query("save_snapshot_mode", mode);
        }
        if let Some(default) = snapshot.save_as_default {
            request = request.query("save_as_default", bool_text(default));
        }
        let answer = self.transport.send(&request).await;
        let result = DeleteResult::or_gone(answer.and_then(|answer| answer.json()))?;
        if result.success {
            self.known().remove(session_id);
        }
        Ok(result)
    }

    pub(super) async fn delete_all(&self) -> Result<DeleteResult> {
        let result = self
            .transport
            .send(&self.api(Method::DELETE, &["sessions"]))
            .await?
            .json()?;
        self.known().clear();
        Ok(result)
    }

    /// Deletes the sessions that match, a few at once. Each delete is a call of
    /// its own.
    pub(super) async fn cleanup(&self, options: &CleanupOptions) -> Result<Vec<CleanupReport>> {
        let older_than = validate::cleanup(options)?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs_f64();
        let matches = |session: &SessionInfo| {
            let created = session.created_at.as_deref().and_then(seconds_since_1970);
            let old = older_than
                .is_none_or(|age| created.is_some_and(|created| now - created > age.as_secs_f64()));
            old && options.statuses.contains(&session.status)
        };
        let sessions = self.list().await?.into_iter().filter(matches);
        let places = Arc::new(Semaphore::new(CLEANUP_AT_ONCE));
        let mut deletes = JoinSet::new();
        for (index, session) in sessions.enumerate() {
            let (client, places) = (self.clone(), places.clone());
            deletes.spawn(async move {
                let _place = places.acquire().await;
                (index, client.clean(session).await)
            });
        }
        let deleted = async { Ok(deletes.join_all().await) };
        let mut reports = self.closing().until_closed(deleted).await?;
        reports.sort_by_key(|(index, _)| *index);
        Ok(reports.into_iter().map(|(_, report)| report).collect())
    }

    async fn clean(&self, session: SessionInfo) -> CleanupReport {
        let deleted = self
            .delete(&session.session_id, &SnapshotOptions::default())
            .await;
        CleanupReport {
            session_id: session.session_id,
            status: session.status,
            created_at: session.created_at,
            deleted: deleted.as_ref().is_ok_and(|answer| answer.deleted),
            error: deleted.err(),
        }
    }

    /// Sends a message once. After an ambiguous failure it is looked up in the
    /// history, never sent again.
    pub(super) async fn send_message(
        &self,
        session_id: &str,
        message: &SendMessage,
    ) -> Result<SuccessResult> {
        validate::message(&message.message, message.start_url.as_deref())?;
        let request = self
            .of_session(Method::POST, session_id, &["message"])?
            .json(message)?;
        let before = self.known_of(session_id);
        let sent_after = before.as_ref().map(|before| before.high);
        let sent = match self.transport.send(&request).await {
            Ok(answer) => answer.json(),
            Err(error) if error.maybe_delivered() => match before {
                Some(before) if self.was_delivered(session_id, &before, message).await => Ok(
                    SuccessResult::new("Message found in the history after its answer was lost"),
                ),
                _ => Err(error.or_unknown()),
            },
            Err(error) => Err(error),
        };
        if let Some(known) = self.known().get_mut(session_id) {
            known.fresh = false;
            known.sent_after = sent_after;
            if sent.is_ok() {
                known.unread.push(message.message.clone());
            }
        }
        sent
    }

    /// Whether the history shows this message: a user's entry with its text
    /// above the highest id known before, and one more of them than earlier
    /// messages account for.
    async fn was_delivered(&self, session_id: &str, before: &Known, message: &SendMessage) -> bool {
        let options = ListMessages {
            after_id: before.high,
            sanitize: true,
        };
        let Ok(request) = self.messages_request(session_id, &options) else {
            return false;
        };
        let Ok(answer) = self.transport.send_within(&request, LOOK_FOR_MESSAGE).await else {
            return false;
        };
        let Ok(seen) = answer.json::<Messages>() else {
            return false;
        };
        let same = |found: &&Message| {
            found.id > before.high
                && found.message_type == "USER"
                && found.content.as_str() == Some(&message.message)
        };
        let earlier = before
            .unread
            .iter()
            .filter(|text| **text == message.message);
        seen.messages.iter().filter(same).count() > earlier.count()
    }

    pub(super) async fn status(&self, session_id: &str) -> Result<ExecutionStatus> {
        let request = self.of_session(Method::GET, session_id, &["status"])?;
        self.transport.send(&request).await?.json()
    }

    pub(super) async fn messages(
        &self,
        session_id: &str,
        options: &ListMessages,
    ) -> Result<Messages> {
        validate::list_messages(options)?;
        let request = self.messages_request(session_id, options)?;
        let unread = self
            .known_of(session_id)
            .map_or(0, |known| known.unread.len());
        let mut seen: Messages = self.transport.send(&request).await?.json()?;
        seen.messages
            .retain(|message| message.id > options.after_id);
        seen.messages.sort_by_key(|message| message.id);
        if let Some(newest) = seen.messages.last() {
            self.saw_id(session_id, newest.id);
            if let Some(known) = self.known().get_mut(session_id) {
                // Sent before this answer, so not above its newest id.
                known.unread.drain(..unread.min(known.unread.len()));
            }
        }
        Ok(seen)
    }

    fn messages_request(&self, session_id: &str, options: &ListMessages) -> Result<Request> {
        let mut request = self.of_session(Method::GET, session_id, &["messages"])?;
        if options.after_id > 0 {
            request = request.query("after_id", &options.after_id.to_string());
        }
        if !options.sanitize {
            request = request.query("sanitize", "false");
        }
        Ok(request)
    }

    /// Polls until there is a new message or the task has ended.
    async fn next_messages(
        &self,
        session_id: &str,
        options: &ListMessages,
        poll_interval: f64,
    ) -> Result<Messages> {
        let interval = validate::seconds("poll_interval", poll_interval)?;
        let mut quiet = 0;
        loop {
            let seen = self.messages(session_id, options).await?;
            quiet = if is_terminal(&seen.status) {
                quiet + 1
            } else {
                0
            };
            if !seen.messages.is_empty() || quiet >= QUIET_LOOKS {
                return Ok(seen);
            }
            self.closing().sleep(interval).await?;
        }
    }

    /// Pause, resume or cancel. One that meets its own success on a retry has
    /// succeeded.
    pub(super) async fn command(&self, session_id: &str, name: &str) -> Result<SuccessResult> {
        let request = self
            .of_session(Method::POST, session_id, &[name])?
            .repeatable();
        let answer = self.transport.send(&request).await;
        if let (Ok(_), "cancel", Some(known)) = (&answer, name, self.known().get_mut(session_id)) {
            // No result will come: a wait need not look for one.
            known.sent_after = None;
        }
        match answer {
            Ok(answer) if answer.body.is_empty() => Ok(SuccessResult::new("")),
            Ok(answer) => answer.json(),
            Err(error)
                if error.attempts() > 1
                    && matches!(
                        (name, error.code()),
                        ("pause", Some("already_paused")) | ("resume", Some("not_paused"))
                    ) =>
            {
                Ok(SuccessResult::new(error.message()))
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn stop(&self, session_id: &str) -> Result<SuccessResult> {
        match self.command(session_id, "cancel").await {
            Ok(done) if done.success => Ok(done),
            Err(error) if error.kind() == ErrorKind::InvalidRequest => Err(error),
            _ => {
                let gone = self.delete(session_id, &SnapshotOptions::default()).await?;
                Ok(SuccessResult {
                    success: gone.success,
                    message: gone.message,
                })
            }
        }
    }

    pub(super) async fn navigate(&self, session_id: &str, url: &str) -> Result<Navigation> {
        validate::web_url("url", url)?;
        let request = self
            .of_session(Method::POST, session_id, &["navigate"])?
            .json(&serde_json::json!({ "url": url }))?;
        self.transport.send(&request).await?.json()
    }

    pub(super) async fn screenshot(&self, session_id: &str) -> Result<Screenshot> {
        let request = self.of_session(Method::GET, session_id, &["screenshot"])?;
        screenshot::parse(&self.transport.send(&request).await?.body)
    }

    /// Polls until the task ends or asks.
    pub(super) async fn wait(
        &self,
        session_id: &str,
        options: &WaitOptions,
    ) -> Result<ExecutionStatus> {
        let interval = validate::duration("poll_interval", options.poll_interval)?;
        let waiting = self.wait_for_end(session_id, interval);
        let Some(timeout) = options.timeout else {
            return waiting.await;
        };
        let deadline = Instant::now() + validate::duration("timeout", timeout)?;
        tokio::time::timeout_at(deadline, waiting)
            .await
            .unwrap_or_else(|_| {
                Err(Error::new(
                    ErrorKind::TaskTimeout,
                    format!(
                        "The task did not end within {} s. It goes on: wait again, or cancel it",
                        timeout.as_secs_f64()
                    ),
                )
                .with_session(session_id))
            })
    }

    async fn wait_for_end(&self, session_id: &str, interval: Duration) -> Result<ExecutionStatus> {
        let mut quiet = 0;
        loop {
            let status = self.status(session_id).await?;
            if status.status == "waiting_for_input" {
                return Ok(status);
            }
            if status.is_terminal() {
                quiet += 1;
                if quiet >= QUIET_LOOKS || self.has_ended(session_id).await? {
                    return Ok(status);
                }
            } else {
                quiet = 0;
            }
            self.closing().sleep(interval).await?;
        }
    }

    /// Whether a finished status is about the last message sent: right after
    /// one, the service may still report the end of the task before.
    async fn has_ended(&self, session_id: &str) -> Result<bool> {
        let Some(after_id) = self.known_of(session_id).and_then(|known| known.sent_after) else {
            return Ok(true);
        };
        let seen = self
            .messages(
                session_id,
                &ListMessages {
                    after_id,
                    sanitize: true,
                },
            )
            .await?;
        Ok(first_outcome(&seen).is_some())
    }

    async fn list_models(&self, filter: Option<&str>) -> Result<Vec<String>> {
        let mut request = self.api(Method::GET, &["models"]);
        if let Some(filter) = filter {
            request = request.query("filter", filter);
        }
        let answer: Value = self.transport.send(&request).await?.json()?;
        let list = answer
            .get("models")
            .unwrap_or(&answer)
            .as_array()
            .cloned()
            .unwrap_or_default();
        Ok(list
            .iter()
            .filter_map(|model| {
                model
                    .as_str()
                    .or_else(|| {
                        model
                            .get("id")
                            .or_else(|| model.get("name"))
                            .and_then(Value::as_str)
                    })
                    .map(str::to_owned)
            })
            .collect())
    }

    pub(super) fn events_request(
        &self,
        session_id: &str,
        options: &EventOptions,
        include_history: bool,
    ) -> Result<Request> {
        let mut request = stream_headers(self.of_session(Method::GET, session_id, &["events"])?);
        if let Some(types) = &options.event_types {
            // The stream needs these to know its end and that it is alive.
            let mut names: Vec<&str> = types.iter().map(String::as_str).collect();
            for needed in ["question", "done", "error", "heartbeat"] {
                if !names.contains(&needed) {
                    names.push(needed);
                }
            }
            request = request.query("event_types", &names.join(","));
        }
        if !options.sanitize {
            request = request.query("sanitize", "false");
        }
        if !include_history {
            request = request.query("include_history", "false");
        }
        Ok(request)
    }

    pub(super) async fn open(&self, request: &Request) -> Result<reqwest::Response> {
        self.transport.open(request).await
    }

    /// The highest message id before a new task (docs/spec/agi.md, section 12).
    pub(super) async fn baseline(&self, session_id: &str) -> Result<i64> {
        let known = self.known_of(session_id).unwrap_or_default();
        if known.fresh {
            return Ok(0);
        }
        let options = ListMessages {
            after_id: known.high,
            sanitize: true,
        };
        let seen = self.messages(session_id, &options).await?;
        let newest = seen
            .messages
            .last()
            .map_or(known.high, |message| message.id);
        // Known from now on, so that a message sent next can be looked up.
        let mut known = self.known();
        let known = known.entry(session_id.to_owned()).or_default();
        known.high = known.high.max(newest);
        Ok(newest)
    }

    /// Notes that a session has a message with this id.
    pub(super) fn saw_id(&self, session_id: &str, id: i64) {
        if id <= 0 {
            return;
        }
        let mut known = self.known();
        match known.get_mut(session_id) {
            Some(known) => known.high = known.high.max(id),
            None => {
                known.insert(
                    session_id.to_owned(),
                    Known {
                        high: id,
                        ..Known::default()
                    },
                );
            }
        }
    }

    fn known_of(&self, session_id: &str) -> Option<Known> {
        self.known().get(session_id).cloned()
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.shared
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn api(&self, method: Method, segments: &[&str]) -> Request {
        Request::new(self.config(), method, segments)
    }

    /// A request below `/sessions/{session_id}`.
    fn of_session(&self, method: Method, session_id: &str, rest: &[&str]) -> Result<Request> {
        validate::session_id(session_id)?;
        Ok(Request::of_session(self.config(), method, session_id, rest))
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.config().base_url())
            .finish_non_exhaustive()
    }
}

/// The message that ends the first task among these.
pub(super) fn first_outcome(seen: &Messages) -> Option<&Message> {
    seen.messages
        .iter()
        .find(|message| matches!(message.message_type.as_str(), "DONE" | "ERROR"))
}

fn bool_text(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

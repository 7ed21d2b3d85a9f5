//! Every request of the AGI API, and what is known of its sessions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::Method;
use http::header::LOCATION;
use serde_json::Value;
use serde_json::value::RawValue;

use super::claim::{Claim, LastTask, is_outcome};
use super::models::{
    DeleteResult, EventOptions, ExecutionStatus, ListMessages, Message, Messages, Navigation,
    RawRequest, RawResponse, SendMessage, SessionInfo, SnapshotOptions, SuccessResult,
};
use super::screenshot::{self, Screenshot};
use super::taking::Taking;
use super::validate;
use crate::background::Background;
use crate::config::ClientConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::Ledger;
use crate::responses::{entries, readable_texts};
use crate::telemetry::Trace;
use crate::transport::{Closing, Lease, Request, Response, Transport, stream_headers};

/// How long finding a message may take after an ambiguous failure.
const FIND_MESSAGE_LIMIT: Duration = Duration::from_secs(10);

/// What the handles of a client share: its connections, and what it knows of
/// the sessions' messages.
#[derive(Clone)]
pub(crate) struct Api {
    transport: Transport,
    cache: Arc<Mutex<HashMap<String, SessionCache>>>,
    background: Background,
    ledger: Option<Ledger>,
    taking: Taking,
    /// Held by the one who deletes what this client created.
    deleting: Arc<tokio::sync::Mutex<()>>,
}

/// What this client knows of one session.
#[derive(Debug, Clone, Default)]
pub(super) struct SessionCache {
    /// The highest id seen.
    pub(super) high: i64,
    /// Whether the history up to `high` was read, or there is none.
    pub(super) read: bool,
    /// When it was created here, if nothing was sent since.
    pub(super) fresh: Option<Instant>,
    /// `high` at the time of the last message sent, until the end of its task is
    /// seen.
    pub(super) sent_after: Option<i64>,
    /// Texts sent whose entries in the history were not read yet. Such an entry
    /// may be above `high`, and must not be taken for another message's.
    pub(super) unread: Vec<String>,
    /// Created by this client, and not deleted since: what a delete keeps.
    pub(super) created: Option<SnapshotOptions>,
    /// The last task.
    pub(super) last: LastTask,
    /// The baseline of a task that was prepared here, if nothing was sent since: no earlier
    /// process can have sent it.
    prepared: Option<i64>,
    /// Held by the one who starts a task.
    start: Arc<tokio::sync::Mutex<()>>,
}

impl SessionCache {
    /// Notes the ends of tasks among these messages.
    /// Whether a task of this client has ended by them.
    fn saw_outcomes(&mut self, seen: &Messages) -> bool {
        let outcomes = seen.messages.iter().filter(|message| is_outcome(message));
        let newest = outcomes.map(|message| message.id).max();
        let mut ended = false;
        if self.sent_after < newest {
            ended = self.sent_after.take().is_some();
        }
        if let LastTask::Open(claim) = &self.last
            && Some(claim.baseline()) < newest
        {
            self.last = LastTask::Over;
            ended = true;
        }
        ended
    }

    /// Of a session that this client just created.
    pub(super) fn of_new(snapshot: SnapshotOptions) -> Self {
        Self {
            fresh: Some(Instant::now()),
            read: true,
            created: Some(snapshot),
            ..Self::default()
        }
    }
}

impl Api {
    pub(super) fn new(config: ClientConfig) -> Result<Self> {
        let ledger = Ledger::open(&config)?;
        let transport = Transport::new(config);
        Ok(Self {
            background: Background::new(
                transport.closing().clone(),
                transport.config().api_key.clone(),
            ),
            transport,
            cache: Arc::default(),
            ledger,
            taking: Taking::default(),
            deleting: Arc::default(),
        })
    }

    pub(super) fn config(&self) -> &ClientConfig {
        self.transport.config()
    }

    /// A copy with another configuration that shares everything else.
    pub(super) fn with_config(&self, config: ClientConfig) -> Self {
        Self {
            transport: self.transport.with_config(config),
            cache: self.cache.clone(),
            background: self.background.clone(),
            ledger: self.ledger.clone(),
            taking: self.taking.clone(),
            deleting: self.deleting.clone(),
        }
    }

    /// A copy whose requests and waits also end with this lease.
    pub(super) fn by(&self, lease: &Lease) -> Self {
        Self {
            transport: self.transport.by(lease),
            ..self.clone()
        }
    }

    /// A copy whose requests belong to this span.
    pub(crate) fn traced(&self, trace: &Trace) -> Self {
        Self {
            transport: self.transport.traced(trace),
            ..self.clone()
        }
    }

    /// The span that the requests belong to.
    pub(crate) fn trace(&self) -> Option<&Trace> {
        self.transport.trace()
    }

    /// Sends any request below the base URL.
    pub(crate) async fn raw(&self, request: RawRequest) -> Result<RawResponse> {
        self.transport.raw(request).await
    }

    /// An error that shows the key nowhere.
    pub(super) fn without_key(&self, error: Error) -> Error {
        error.redacted(&self.config().api_key)
    }

    /// Ends every request and wait, and closes the connections.
    pub(super) fn close(&self) {
        self.transport.close();
    }

    /// Requests end at a close by themselves; other waits ask this.
    pub(super) fn closing(&self) -> &Closing {
        self.transport.closing()
    }

    /// What goes on although nobody waits for it.
    pub(super) fn background(&self) -> &Background {
        &self.background
    }

    /// What takes pictures for the bindings.
    pub(crate) fn taking(&self) -> &Taking {
        &self.taking
    }

    /// Waits until nobody else deletes what this client created.
    pub(super) async fn begin_deleting(&self) -> tokio::sync::OwnedMutexGuard<()> {
        self.deleting.clone().lock_owned().await
    }

    /// Where sessions are noted, if somewhere.
    pub(super) fn ledger(&self) -> Option<&Ledger> {
        self.ledger.as_ref()
    }

    pub(super) async fn send(&self, request: &Request) -> Result<Response> {
        self.transport.send(request).await
    }

    /// A copy whose requests a close does not end: for sessions that would go
    /// on costing. Use it for one request, and let it go.
    pub(super) fn outliving_close(&self) -> Self {
        Self {
            transport: self.transport.outliving_close(),
            cache: self.cache.clone(),
            background: self.background.clone(),
            ledger: self.ledger.clone(),
            taking: self.taking.clone(),
            deleting: self.deleting.clone(),
        }
    }

    /// The session that a create made, where the answer's body does not say it but
    /// its head does: 201, and the address (RFC 9110, section 15.3.2).
    pub(super) async fn created_at(&self, answer: &Response) -> Option<SessionInfo> {
        if answer.status != 201 {
            return None;
        }
        let location = answer.headers.get(LOCATION)?.to_str().ok()?;
        let sessions = self.api(Method::GET, &["sessions"]);
        let id = sessions.id_of(location)?;
        self.get(&id).await.ok()
    }

    pub(super) async fn list(&self) -> Result<Vec<SessionInfo>> {
        let answer = self
            .transport
            .send(&self.api(Method::GET, &["sessions"]))
            .await?;
        let whole: Box<RawValue> = answer.json_text()?;
        let sessions = entries(&whole, "sessions")
            .ok_or_else(|| answer.useless("it is no list of sessions"))?;
        Ok(readable_texts(sessions))
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
        let result = DeleteResult::or_gone(answer.and_then(|answer| deleted(&answer)))?;
        if result.success {
            self.forget(session_id);
        }
        Ok(result)
    }

    pub(super) async fn delete_all(&self) -> Result<DeleteResult> {
        let request = self.api(Method::DELETE, &["sessions"]);
        let result = deleted(&self.transport.send(&request).await?)?;
        self.cache().clear();
        self.noted(Ledger::deleted_all);
        Ok(result)
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
            .status_is_enough()
            .json(message)?;
        let before = self.cached(session_id);
        if let Some(known) = self.cache().get_mut(session_id) {
            // Before it is sent: nobody may be there any more when it was.
            known.fresh = None;
            known.prepared = None;
            known.sent_after = Some(known.high);
        }
        self.noted(|ledger| ledger.sent(session_id));
        let sent = match self.transport.send(&request).await {
            Ok(answer) => Ok(answer.success()),
            Err(error) if error.maybe_delivered() => match &before {
                Some(before)
                    if before.read && self.was_delivered(session_id, before, message).await =>
                {
                    Ok(SuccessResult::new(
                        "Message found in the history after its answer was lost",
                    ))
                }
                _ => Err(error),
            },
            Err(error) => Err(error),
        };
        if let Some(known) = self.cache().get_mut(session_id) {
            match &sent {
                Ok(_) => known.unread.push(message.message.clone()),
                Err(error) if !error.maybe_delivered() => {
                    known.sent_after = before.and_then(|before| before.sent_after);
                }
                Err(_) => {}
            }
        }
        sent
    }

    /// Whether the history shows this message: a user's entry with its text
    /// above the highest id known before, and one more of them than earlier
    /// messages account for.
    async fn was_delivered(
        &self,
        session_id: &str,
        before: &SessionCache,
        message: &SendMessage,
    ) -> bool {
        let options = ListMessages {
            after_id: before.high,
            sanitize: true,
        };
        let Ok(request) = self.messages_request(session_id, &options) else {
            return false;
        };
        let Ok(answer) = self
            .transport
            .send_within(&request, FIND_MESSAGE_LIMIT)
            .await
        else {
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
            .cached(session_id)
            .map_or(0, |known| known.unread.len());
        let mut seen: Messages = self.transport.send(&request).await?.json_text()?;
        // One whose id cannot be read has 0.
        seen.messages
            .retain(|message| message.id > options.after_id || message.id == 0);
        seen.messages.sort_by_key(|message| message.id);
        if let Some(newest) = seen.messages.last() {
            self.saw_id(session_id, newest.id);
            let mut ended = false;
            if let Some(known) = self.cache().get_mut(session_id) {
                // Sent before this answer, so not above its newest id.
                known.unread.drain(..unread.min(known.unread.len()));
                ended = known.saw_outcomes(&seen);
            }
            if ended {
                self.noted(|ledger| ledger.ended(session_id));
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

    /// Pause, resume or cancel. One that meets its own success on a retry has
    /// succeeded.
    pub(super) async fn command(&self, session_id: &str, name: &str) -> Result<SuccessResult> {
        let request = self
            .of_session(Method::POST, session_id, &[name])?
            .status_is_enough()
            .repeatable();
        let answer = self.transport.send(&request).await;
        if let (Ok(_), "cancel", Some(known)) = (&answer, name, self.cache().get_mut(session_id)) {
            // No result will come: a wait need not look for one.
            known.sent_after = None;
            known.last = LastTask::Cancelled;
        }
        if let (Ok(_), "cancel") = (&answer, name) {
            self.noted(|ledger| ledger.ended(session_id));
        }
        match answer {
            Ok(answer) => Ok(answer.success()),
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
        let answer = self.transport.send(&request).await?;
        screenshot::parse(&answer.body).map_err(|why| answer.useless(&why))
    }

    pub(crate) async fn list_models(&self, filter: Option<&str>) -> Result<Vec<String>> {
        let mut request = self.api(Method::GET, &["models"]);
        if let Some(filter) = filter {
            request = request.query("filter", filter);
        }
        let answer: Value = self.transport.send(&request).await?.json_text()?;
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

    /// Notes the newest message id of a session; gives the highest that is known.
    /// A message that is sent next can be looked up from now on.
    pub(super) fn knows(&self, session_id: &str, newest: i64) -> i64 {
        let mut known = self.cache();
        let known = known.entry(session_id.to_owned()).or_default();
        known.high = known.high.max(newest);
        known.read = true;
        known.high
    }

    /// What a session's next start of a task has to hold.
    pub(super) fn start_lock(&self, session_id: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut known = self.cache();
        known
            .entry(session_id.to_owned())
            .or_default()
            .start
            .clone()
    }

    /// Notes that a task was prepared after this message.
    pub(super) fn prepared_a_task(&self, session_id: &str, baseline: i64) {
        let mut known = self.cache();
        known.entry(session_id.to_owned()).or_default().prepared = Some(baseline);
    }

    /// Whether a task was prepared here after this message, and nothing was sent since.
    pub(super) fn has_only_prepared(&self, session_id: &str, baseline: i64) -> bool {
        let known = self.cached(session_id);
        known.is_some_and(|known| known.prepared == Some(baseline))
    }

    /// Notes that a task is about to be sent.
    pub(super) fn task_begins(&self, session_id: &str, claim: Claim) {
        if let Some(known) = self.cache().get_mut(session_id) {
            known.last = LastTask::Open(claim);
        }
    }

    /// Notes that a task runs which was sent before: not where a later one is known.
    pub(super) fn task_goes_on(&self, session_id: &str, claim: Claim) {
        let mut known = self.cache();
        let known = known.entry(session_id.to_owned()).or_default();
        known.fresh = None;
        known.read = true;
        let is_latest = match &known.last {
            LastTask::Open(other) => other.baseline() <= claim.baseline(),
            LastTask::Unknown | LastTask::Over => true,
            LastTask::Cancelled => false,
        };
        if is_latest {
            known.last = LastTask::Open(claim);
        }
    }

    /// Notes that the task with this baseline is over, or never began.
    pub(super) fn task_is_over(&self, session_id: &str, baseline: i64) {
        if let Some(known) = self.cache().get_mut(session_id)
            && matches!(&known.last, LastTask::Open(claim) if claim.baseline() == baseline)
        {
            known.last = LastTask::Over;
            known.sent_after = None;
        } else {
            return;
        }
        self.noted(|ledger| ledger.ended(session_id));
    }

    /// Notes that a session is gone.
    pub(super) fn forget(&self, session_id: &str) {
        self.cache().remove(session_id);
        self.noted(|ledger| ledger.deleted(session_id));
    }

    /// Writes to the ledger, where there is one.
    pub(super) fn noted(&self, write: impl FnOnce(&Ledger)) {
        if let Some(ledger) = &self.ledger {
            write(ledger);
        }
    }

    /// Notes that a session has a message with this id.
    pub(super) fn saw_id(&self, session_id: &str, id: i64) {
        if id <= 0 {
            return;
        }
        let mut known = self.cache();
        match known.get_mut(session_id) {
            Some(known) => {
                known.high = known.high.max(id);
                known.read = true;
            }
            None => {
                known.insert(
                    session_id.to_owned(),
                    SessionCache {
                        high: id,
                        read: true,
                        ..SessionCache::default()
                    },
                );
            }
        }
    }

    pub(super) fn cached(&self, session_id: &str) -> Option<SessionCache> {
        self.cache().get(session_id).cloned()
    }

    pub(super) fn cache(&self) -> MutexGuard<'_, HashMap<String, SessionCache>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
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

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api")
            .field("base_url", &self.config().base_url())
            .finish_non_exhaustive()
    }
}

/// The message that ends the first task among these.
pub(super) fn first_outcome(seen: &Messages) -> Option<&Message> {
    seen.messages
        .iter()
        // Whose it is, only an id says.
        .filter(|message| message.id > 0)
        .find(|message| is_outcome(message))
}

/// What a delete did. A success without a body has deleted it.
fn deleted(answer: &Response) -> Result<DeleteResult> {
    if answer.body.is_empty() {
        return Ok(DeleteResult {
            success: true,
            deleted: true,
            message: String::new(),
        });
    }
    answer.json()
}

fn bool_text(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

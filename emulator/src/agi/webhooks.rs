//! Webhooks: what a session tells the address it was created with.

use super::models::{SessionObject, SessionStatus};
use crate::clock::{Clock, Timestamp};
use crate::faults::{Faults, WebhookFault};
use crate::requests::BODY;
use crate::sync::lock;
use crate::timeline::Timeline;
use crate::web::{self, Web};
use crate::workers::Workers;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

const ATTEMPTS: u32 = 3;
/// No attempt starts later than this after the first.
const WINDOW: Duration = Duration::from_secs(30);
/// How long a fault holds a webhook back for the next one.
const HELD: Duration = Duration::from_secs(1);
/// How many events are kept to be sent once more.
const REPLAYED: usize = 1000;
/// How many attempts are kept.
const KEPT: usize = 10_000;
/// How many bytes of their bodies.
const BYTES: usize = 64 * 1024 * 1024;
/// How long the body of a receiver's response is read: its status counts, whatever comes of the rest.
const READ: Duration = Duration::from_secs(1);

/// What a session tells. It is read as somebody wants it sent: `{"event": "task.question", "text": "Which colour?"}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "Told")]
pub(crate) enum WebhookEvent {
    Created,
    /// Told before the session is destroyed: it carries the last status.
    Deleted,
    StatusChanged {
        old: SessionStatus,
        new: SessionStatus,
    },
    /// The message that started the task.
    TaskStarted(String),
    /// The text of the result.
    Completed(String),
    /// The question, and its context.
    Question(String, Map<String, Value>),
    /// The error, and its details.
    Failed(String, Map<String, Value>),
}

/// An event by its name on the wire.
#[derive(Deserialize)]
#[serde(tag = "event")]
enum Told {
    #[serde(rename = "session.created")]
    Created,
    #[serde(rename = "session.deleted")]
    Deleted,
    #[serde(rename = "session.status_changed")]
    StatusChanged {
        #[serde(rename = "old_status")]
        old: SessionStatus,
        #[serde(rename = "new_status")]
        new: SessionStatus,
    },
    #[serde(rename = "task.started")]
    TaskStarted { text: String },
    #[serde(rename = "task.completed")]
    Completed { text: String },
    #[serde(rename = "task.question")]
    Question {
        text: String,
        #[serde(default)]
        context: Map<String, Value>,
    },
    #[serde(rename = "task.error")]
    Failed {
        text: String,
        #[serde(default)]
        details: Map<String, Value>,
    },
}

impl From<Told> for WebhookEvent {
    fn from(told: Told) -> Self {
        match told {
            Told::Created => Self::Created,
            Told::Deleted => Self::Deleted,
            Told::StatusChanged { old, new } => Self::StatusChanged { old, new },
            Told::TaskStarted { text } => Self::TaskStarted(text),
            Told::Completed { text } => Self::Completed(text),
            Told::Question { text, context } => Self::Question(text, context),
            Told::Failed { text, details } => Self::Failed(text, details),
        }
    }
}

impl WebhookEvent {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Created => "session.created",
            Self::Deleted => "session.deleted",
            Self::StatusChanged { .. } => "session.status_changed",
            Self::TaskStarted(_) => "task.started",
            Self::Completed(_) => "task.completed",
            Self::Question(..) => "task.question",
            Self::Failed(..) => "task.error",
        }
    }

    /// The status that it reports in place of the session's own.
    fn status(&self) -> Option<SessionStatus> {
        match self {
            Self::Created | Self::Deleted => None,
            Self::StatusChanged { new, .. } => Some(*new),
            Self::TaskStarted(_) => Some(SessionStatus::Running),
            // The documented samples say `ready`, whatever the session's status is.
            Self::Completed(_) | Self::Question(..) | Self::Failed(..) => {
                Some(SessionStatus::Ready)
            }
        }
    }

    /// Its fields beside the session.
    fn fields(&self) -> Value {
        match self {
            Self::Created | Self::Deleted => json!({}),
            Self::StatusChanged { old, new } => json!({ "old_status": old, "new_status": new }),
            Self::TaskStarted(message) => json!({ "message": message }),
            Self::Completed(message) => {
                json!({ "result": { "status": "success", "message": message } })
            }
            Self::Question(question, context) => {
                json!({ "question": question, "context": context })
            }
            Self::Failed(error, details) => json!({ "error": error, "details": details }),
        }
    }
}

/// Sends the events of the sessions, and keeps what came of it.
#[derive(Debug)]
pub(crate) struct Webhooks {
    web: Arc<Web>,
    workers: Workers,
    /// Seconds before the second try.
    backoff: f64,
    /// Seconds that a receiver has for its response.
    timeout: f64,
    faults: Arc<Mutex<Faults>>,
    timeline: Arc<Mutex<Timeline>>,
    attempts: Mutex<Deliveries>,
    /// The newest events, to send them once more.
    sent: Mutex<VecDeque<Sent>>,
    /// Cancelled when the world begins anew: what was sent before is of no world any more.
    epoch: Mutex<CancellationToken>,
    /// How often an attempt ended.
    changes: watch::Sender<u64>,
}

impl Webhooks {
    pub(crate) fn new(
        web: Arc<Web>,
        workers: Workers,
        backoff: f64,
        timeout: f64,
        faults: Arc<Mutex<Faults>>,
        timeline: Arc<Mutex<Timeline>>,
    ) -> Self {
        Self {
            faults,
            timeline,
            web,
            workers,
            backoff,
            timeout,
            attempts: Mutex::default(),
            sent: Mutex::default(),
            epoch: Mutex::default(),
            changes: watch::Sender::default(),
        }
    }

    /// The attempts to deliver, as they ended.
    pub(crate) fn attempts(&self) -> Vec<WebhookAttempt> {
        lock(&self.attempts).list()
    }

    /// Forgets the attempts so far.
    pub(crate) fn clear(&self) {
        lock(&self.attempts).clear();
        lock(&self.sent).clear();
    }

    /// Forgets the attempts so far, and sends nothing more of what the sessions so far told.
    pub(crate) fn begin_anew(&self) {
        std::mem::take(&mut *lock(&self.epoch)).cancel();
        self.clear();
    }

    fn epoch(&self) -> CancellationToken {
        lock(&self.epoch).clone()
    }

    /// Says when an attempt ends.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Sends the newest event that is meant once more, with the same body, by which receivers know it; its name and its
    /// session. `now` has the time of a session that is still there.
    pub(crate) fn replay(
        self: &Arc<Self>,
        event: Option<&str>,
        session_id: Option<&str>,
        now: impl FnOnce(&str) -> Option<Timestamp>,
    ) -> Option<(String, String)> {
        let meant = |sent: &&Sent| {
            event.is_none_or(|event| event == sent.event)
                && session_id.is_none_or(|id| id == sent.session_id)
        };
        let mut sent = lock(&self.sent).iter().rev().find(meant).cloned()?;
        sent.begin = now(&sent.session_id).unwrap_or_else(Timestamp::now);
        sent.replay = true;
        let told = (sent.event.clone(), sent.session_id.clone());
        let queue = self.queue(sent.url.clone(), sent.clock);
        queue.put(sent, WebhookFault::default());
        Some(told)
    }

    fn take_note(&self, attempt: &WebhookAttempt) {
        let answer = match (attempt.status, &attempt.error) {
            (Some(status), _) => status.to_string(),
            (None, Some(error)) => error.clone(),
            (None, None) => "no answer".to_owned(),
        };
        let what = format!("webhook {} -> {answer}", attempt.event);
        lock(&self.timeline).played(&attempt.session_id, &what);
    }

    /// Another text after each attempt.
    pub(crate) fn version(&self) -> String {
        let attempts = lock(&self.attempts);
        let last = attempts.kept.back();
        let last = last.map(|last| (&last.session_id, &last.event, &last.at, last.attempt));
        format!("{} {last:?}", attempts.kept.len())
    }

    /// The events of one session, which leave for this address in the order in which they are sent.
    pub(super) fn queue(self: &Arc<Self>, url: String, clock: Clock) -> Queue {
        let (sender, deliveries) = mpsc::unbounded_channel();
        let workers = self.workers.clone();
        self.workers.spawn(deliver(deliveries, workers));
        Queue {
            epoch: Mutex::new(self.epoch()),
            webhooks: self.clone(),
            url,
            clock,
            sender,
        }
    }
}

/// What a session has to tell; the background sends it.
pub(super) struct Queue {
    webhooks: Arc<Webhooks>,
    /// That of the world in which its session lives.
    epoch: Mutex<CancellationToken>,
    url: String,
    /// The session's.
    clock: Clock,
    sender: mpsc::UnboundedSender<Delivery>,
}

/// Without the address, which may hold a secret.
impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

impl Queue {
    /// Where it sends them.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Its session lives in the world as that is now.
    pub(super) fn join(&self) {
        *lock(&self.epoch) = self.webhooks.epoch();
    }

    /// Puts an event behind those that were sent before; `now` is the session's time.
    pub(super) fn send(&self, event: &WebhookEvent, session: &SessionObject, now: Timestamp) {
        // Locked as long as the world might begin anew: the event would meet the faults of that one.
        let mut log = lock(&self.webhooks.sent);
        if lock(&self.epoch).is_cancelled() {
            return;
        }
        let struck = lock(&self.webhooks.faults).match_webhook(event.name(), &session.session_id);
        let fault = struck.map(|(fault, text)| {
            let struck = format!("the fault `{text}` strikes: {}", event.name());
            lock(&self.webhooks.timeline).struck(struck);
            fault
        });
        let sent = Sent {
            url: self.url.clone(),
            clock: self.clock,
            event: event.name().to_owned(),
            session_id: session.session_id.clone(),
            begin: now,
            body: body(session, now, event).to_string(),
            replay: false,
        };
        if log.len() == REPLAYED {
            log.pop_front();
        }
        log.push_back(sent.clone());
        drop(log);
        self.put(sent, fault.unwrap_or_default());
    }

    /// Puts what was made behind the others.
    fn put(&self, sent: Sent, fault: WebhookFault) {
        let delivery = Delivery {
            webhooks: self.webhooks.clone(),
            epoch: lock(&self.epoch).clone(),
            sent,
            fault,
        };
        if self.sender.send(delivery).is_err() {
            tracing::debug!("the emulator stops: a webhook is not sent");
        }
    }
}

/// Delivers one after another: the next one leaves when the first attempt with the one before has ended. What is tried again
/// holds nobody up.
async fn deliver(mut deliveries: mpsc::UnboundedReceiver<Delivery>, workers: Workers) {
    // By a fault: those that leave last to first once there are so many.
    let (mut held, mut group) = (Vec::new(), 0);
    loop {
        let next = if held.is_empty() {
            deliveries.recv().await
        } else {
            let next = tokio::time::timeout(HELD, deliveries.recv()).await;
            next.unwrap_or_default()
        };
        match next {
            Some(delivery) => {
                if held.is_empty() {
                    group = delivery.fault.reorder.unwrap_or(0);
                }
                held.push(delivery);
                if held.len() < group {
                    continue;
                }
            }
            None if held.is_empty() => return,
            None => {}
        }
        for delivery in held.drain(..).rev() {
            leave(Arc::new(delivery), &workers).await;
        }
    }
}

/// Returns when the first attempt has ended, or the world began anew.
async fn leave(delivery: Arc<Delivery>, workers: &Workers) {
    let epoch = delivery.epoch.clone();
    tokio::select! {
        biased;
        () = epoch.cancelled() => {}
        () = try_first(delivery, workers) => {}
    }
}

async fn try_first(delivery: Arc<Delivery>, workers: &Workers) {
    let fault = delivery.fault.clone();
    if fault.lose {
        tracing::info!(event = delivery.sent.event, "a fault loses a webhook");
        return;
    }
    if let Some(delay) = fault.delay {
        tokio::time::sleep(delay).await;
    }
    for _ in 0..if fault.duplicate { 2 } else { 1 } {
        let (ended, tried) = oneshot::channel();
        workers.spawn(delivery.clone().run(ended));
        if tried.await.is_err() {
            tracing::debug!("the emulator stops: a webhook is not delivered");
        }
    }
}

fn body(session: &SessionObject, now: Timestamp, event: &WebhookEvent) -> Value {
    let mut body = Map::new();
    body.insert("event".to_owned(), event.name().into());
    body.insert("timestamp".to_owned(), now.to_string().into());
    let mut object = json!({
        "id": session.session_id,
        "status": event.status().unwrap_or(session.status),
        "agent_name": session.agent_name,
        "created_at": session.created_at.to_string(),
    });
    if let Some(url) = &session.vnc_url {
        object["vnc_url"] = url.as_str().into();
    }
    body.insert("session".to_owned(), object);
    if let Value::Object(fields) = event.fields() {
        body.extend(fields);
    }
    Value::Object(body)
}

/// One attempt to deliver a webhook, as it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WebhookAttempt {
    /// The event, such as `task.completed`.
    pub event: String,
    /// The session it is about.
    pub session_id: String,
    /// 1, 2 or 3: the tries of one delivery. A replay is a delivery of its own.
    pub attempt: u32,
    /// Whether somebody had an event sent once more. The receiver gets the same body, and so the time of the first delivery in
    /// `timestamp`.
    #[serde(default)]
    pub replay: bool,
    /// When it was sent, ISO 8601 in UTC; on a fast clock in the time of the session.
    pub at: String,
    /// What came of it.
    pub outcome: WebhookOutcome,
    /// The status of the receiver's response; `None` if there was none.
    pub status: Option<u16>,
    /// Why it failed; `None` if it did not.
    pub error: Option<String>,
    /// Seconds until the next attempt; `None` if there is none.
    pub retry_in: Option<f64>,
    /// The headers that were sent, with lower-case names. The address is not told: it may hold a secret.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body that was sent: JSON.
    #[serde(default)]
    pub body: String,
    /// The headers of the receiver's response, with lower-case names; `None` if there was none.
    #[serde(default)]
    pub response_headers: Option<BTreeMap<String, String>>,
    /// The body of the receiver's response as text: at most 64 KiB of it, and what came within a second. `None` if there was
    /// none.
    #[serde(default)]
    pub response_body: Option<String>,
}

impl WebhookAttempt {
    /// About how many bytes it takes.
    fn size(&self) -> usize {
        let headers = |headers: &BTreeMap<String, String>| -> usize {
            let sizes = headers.iter();
            sizes
                .map(|(name, value)| name.len() + value.len() + 64)
                .sum()
        };
        let response = self.response_headers.as_ref().map_or(0, headers);
        let response_body = self.response_body.as_ref().map_or(0, String::len);
        512 + self.body.len() + headers(&self.headers) + response + response_body
    }
}

/// What came of an attempt; the names are those of the service's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WebhookOutcome {
    /// The receiver took it: a status from 200 to 299.
    #[serde(rename = "webhook_delivered")]
    Delivered,
    /// It failed and will be tried again.
    #[serde(rename = "webhook_retry")]
    Retry,
    /// It failed for the last time: the event is dropped.
    #[serde(rename = "webhook_failed_permanently")]
    FailedPermanently,
    /// It could not be sent at all, on this side.
    #[serde(rename = "webhook_notification_error")]
    NotificationError,
}

impl WebhookOutcome {
    /// As the service's log calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Delivered => "webhook_delivered",
            Self::Retry => "webhook_retry",
            Self::FailedPermanently => "webhook_failed_permanently",
            Self::NotificationError => "webhook_notification_error",
        }
    }
}

/// The attempts so far.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    kept: VecDeque<WebhookAttempt>,
    /// What they take.
    bytes: usize,
}

impl Deliveries {
    pub(crate) fn list(&self) -> Vec<WebhookAttempt> {
        self.kept.iter().cloned().collect()
    }

    /// The newest always is kept.
    fn push(&mut self, attempt: WebhookAttempt) {
        self.bytes += attempt.size();
        self.kept.push_back(attempt);
        while self.kept.len() > 1 && (self.kept.len() > KEPT || self.bytes > BYTES) {
            if let Some(oldest) = self.kept.pop_front() {
                self.bytes -= oldest.size();
            }
        }
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

/// How long to wait after a failed attempt that ended so long after the first began; `None`: that was the last.
fn wait_after(attempt: u32, passed: Duration, backoff: Duration) -> Option<Duration> {
    let wait = backoff * 2_u32.pow(attempt.saturating_sub(1));
    (attempt < ATTEMPTS && passed + wait <= WINDOW).then_some(wait)
}

/// An event as it was made.
#[derive(Clone)]
struct Sent {
    url: String,
    clock: Clock,
    event: String,
    session_id: String,
    /// When it was first sent, in the session's time.
    begin: Timestamp,
    body: String,
    /// Somebody has it sent once more.
    replay: bool,
}

/// Without the address, which may hold a secret.
impl std::fmt::Debug for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sent")
            .field("event", &self.event)
            .finish_non_exhaustive()
    }
}

/// An event on its way.
struct Delivery {
    webhooks: Arc<Webhooks>,
    /// Cancelled when it is of no world any more.
    epoch: CancellationToken,
    sent: Sent,
    fault: WebhookFault,
}

/// What a receiver responded.
struct ReceiverResponse {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl ReceiverResponse {
    /// Reads what comes of the body in a short time; that it breaks off is no failure.
    async fn read(mut response: reqwest::Response) -> Self {
        let mut headers = BTreeMap::<String, String>::new();
        for (name, value) in response.headers() {
            let entry = headers.entry(name.as_str().to_owned()).or_default();
            if !entry.is_empty() {
                entry.push_str(", ");
            }
            entry.push_str(&String::from_utf8_lossy(value.as_bytes()));
        }
        let mut body = Vec::new();
        let until = Instant::now() + READ;
        while body.len() < BODY
            && let Ok(Ok(Some(chunk))) = tokio::time::timeout_at(until, response.chunk()).await
        {
            body.extend_from_slice(&chunk);
        }
        body.truncate(BODY);
        Self {
            status: response.status().as_u16(),
            headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }
}

/// Why an attempt failed.
enum Failure {
    /// The receiver responded with another status.
    Status(ReceiverResponse),
    /// Nothing came back.
    Unanswered { why: String, timeout: bool },
    /// Nothing was sent.
    Unsent(String),
}

impl Delivery {
    /// All attempts, unless its world begins anew; `tried` hears of the end of the first.
    async fn run(self: Arc<Self>, tried: oneshot::Sender<()>) {
        let mut tried = Some(tried);
        let all = self.try_all(|attempt| {
            if tried.take().is_some_and(|tried| tried.send(()).is_err()) {
                tracing::debug!("the emulator stops");
            }
            let mut attempts = lock(&self.webhooks.attempts);
            if self.epoch.is_cancelled() {
                return;
            }
            self.webhooks.take_note(&attempt);
            attempts.push(attempt);
            drop(attempts);
            self.webhooks.changes.send_modify(|changes| *changes += 1);
        });
        tokio::select! {
            biased;
            () = self.epoch.cancelled() => {}
            () = all => {}
        }
    }

    /// Tries until the receiver took it, or it is given up; tells of each attempt as it ends.
    async fn try_all(&self, mut tell: impl FnMut(WebhookAttempt)) {
        let clock = self.sent.clock;
        let backoff = Duration::from_secs_f64(self.webhooks.backoff);
        let begun = Instant::now();
        // On a fast clock: the waits so far, none of which takes real time.
        let mut skipped = Duration::ZERO;
        for attempt in 1..=ATTEMPTS {
            let real = if clock == Clock::Fast {
                Duration::ZERO
            } else {
                begun.elapsed()
            };
            let at = self.sent.begin.plus(real + skipped);
            let failure = match self.attempt().await {
                Ok(response) => return tell(self.ended(attempt, at, Ok(response), None)),
                Err(failure) => failure,
            };
            let passed = match clock {
                Clock::Real => begun.elapsed(),
                Clock::Fast => {
                    if matches!(failure, Failure::Unanswered { timeout: true, .. }) {
                        skipped += Duration::from_secs_f64(self.webhooks.timeout);
                    }
                    skipped
                }
            };
            let wait = wait_after(attempt, passed, backoff)
                .filter(|_| !matches!(failure, Failure::Unsent(_)));
            tell(self.ended(attempt, at, Err(failure), wait));
            let Some(wait) = wait else { return };
            match clock {
                Clock::Real => tokio::time::sleep(wait).await,
                Clock::Fast => skipped += wait,
            }
        }
    }

    /// The headers of its own that it sends.
    fn headers(&self) -> [(&'static str, &str); 3] {
        [
            ("content-type", "application/json"),
            ("x-event-type", &self.sent.event),
            ("user-agent", "AgencyAPI-Webhooks/1.0"),
        ]
    }

    async fn attempt(&self) -> Result<ReceiverResponse, Failure> {
        let client = self
            .webhooks
            .web
            .for_webhooks(&self.sent.url)
            .map_err(Failure::Unsent)?;
        let mut request = client
            .post(&self.sent.url)
            .timeout(Duration::from_secs_f64(self.webhooks.timeout))
            .body(self.sent.body.clone());
        for (name, value) in self.headers() {
            request = request.header(name, value);
        }
        match request.send().await {
            Ok(answer) => {
                let is_success = answer.status().is_success();
                let response = ReceiverResponse::read(answer).await;
                if is_success {
                    Ok(response)
                } else {
                    Err(Failure::Status(response))
                }
            }
            Err(error) => Err(Failure::Unanswered {
                timeout: error.is_timeout(),
                // Names the host alone.
                why: match Url::parse(&self.sent.url) {
                    Ok(url) => web::reason(&error, &url),
                    Err(_) => error.without_url().to_string(),
                },
            }),
        }
    }

    /// Logs an attempt and says what it was, both without the address: that may hold a secret.
    fn ended(
        &self,
        attempt: u32,
        at: Timestamp,
        ended: Result<ReceiverResponse, Failure>,
        wait: Option<Duration>,
    ) -> WebhookAttempt {
        let (event, session_id) = (self.sent.event.as_str(), self.sent.session_id.as_str());
        let (outcome, response, error) = match ended {
            Ok(response) => {
                tracing::info!(event, session_id, attempt, "webhook_delivered");
                (WebhookOutcome::Delivered, Some(response), None)
            }
            Err(Failure::Unsent(error)) => {
                tracing::error!(
                    event,
                    session_id,
                    attempt,
                    error,
                    "webhook_notification_error"
                );
                (WebhookOutcome::NotificationError, None, Some(error))
            }
            Err(failure) => {
                let (response, error) = match failure {
                    Failure::Status(response) => {
                        let said = format!("the receiver answered {}", response.status);
                        (Some(response), said)
                    }
                    Failure::Unanswered {
                        why,
                        timeout: false,
                    } => (None, why),
                    Failure::Unanswered { .. } | Failure::Unsent(_) => {
                        let limit = self.webhooks.timeout;
                        (None, format!("no answer within {limit} seconds"))
                    }
                };
                if wait.is_some() {
                    tracing::info!(event, session_id, attempt, ?wait, error, "webhook_retry");
                    (WebhookOutcome::Retry, response, Some(error))
                } else {
                    tracing::warn!(
                        event,
                        session_id,
                        attempt,
                        error,
                        "webhook_failed_permanently"
                    );
                    (WebhookOutcome::FailedPermanently, response, Some(error))
                }
            }
        };
        let (status, response_headers, response_body) = match response {
            None => (None, None, None),
            Some(it) => (Some(it.status), Some(it.headers), Some(it.body)),
        };
        let headers = self.headers().into_iter();
        WebhookAttempt {
            event: self.sent.event.clone(),
            session_id: self.sent.session_id.clone(),
            attempt,
            replay: self.sent.replay,
            at: at.to_string(),
            outcome,
            status,
            error,
            retry_in: wait.map(|wait| wait.as_secs_f64()),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: self.sent.body.clone(),
            response_headers,
            response_body,
        }
    }
}

/// Sends webhooks to one address as the service does: with its headers, up to three times, and a
/// growing wait between them. For programs that stand in for the service, such as
/// `sessionwire listen`.
#[derive(Clone)]
pub struct WebhookSender {
    webhooks: Arc<Webhooks>,
    url: String,
}

/// Without the address, which may hold a secret.
impl std::fmt::Debug for WebhookSender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookSender").finish_non_exhaustive()
    }
}

impl WebhookSender {
    /// A sender for this address, http or https. `backoff` is the wait before the second attempt, in
    /// seconds, doubled for the third; `timeout` is how long the receiver may take for
    /// its response. The service has 1 and 10.
    pub fn new(url: impl Into<String>, backoff: f64, timeout: f64) -> Self {
        let workers = Workers::new(tokio::runtime::Handle::current());
        let web = Arc::new(Web::default());
        Self {
            webhooks: Arc::new(Webhooks::new(
                web,
                workers,
                backoff,
                timeout,
                Arc::default(),
                Arc::new(Mutex::new(Timeline::new())),
            )),
            url: url.into(),
        }
    }

    /// Sends the event of this name, with this body; `tell` hears of each attempt as it ends.
    pub async fn send(
        &self,
        event: &str,
        session_id: &str,
        body: &Value,
        tell: impl FnMut(WebhookAttempt),
    ) {
        let delivery = Delivery {
            webhooks: self.webhooks.clone(),
            epoch: CancellationToken::new(),
            sent: Sent {
                url: self.url.clone(),
                clock: Clock::Real,
                event: event.to_owned(),
                session_id: session_id.to_owned(),
                begin: Timestamp::now(),
                body: body.to_string(),
                replay: false,
            },
            fault: WebhookFault::default(),
        };
        delivery.try_all(tell).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The times of the attempts when each fails after that many seconds.
    fn times(each: f64) -> Vec<f64> {
        let (mut at, mut times) = (0.0, vec![0.0]);
        for attempt in 1.. {
            at += each;
            let passed = Duration::from_secs_f64(at);
            let Some(wait) = wait_after(attempt, passed, Duration::from_secs(1)) else {
                break;
            };
            at += wait.as_secs_f64();
            times.push(at);
        }
        times
    }

    #[test]
    fn faults_know_every_event() {
        let (old, new) = (SessionStatus::Running, SessionStatus::Paused);
        let events = [
            WebhookEvent::Created,
            WebhookEvent::StatusChanged { old, new },
            WebhookEvent::Deleted,
            WebhookEvent::TaskStarted(String::new()),
            WebhookEvent::Completed(String::new()),
            WebhookEvent::Question(String::new(), Map::new()),
            WebhookEvent::Failed(String::new(), Map::new()),
        ];
        assert_eq!(
            events.map(|event| event.name()),
            crate::faults::WEBHOOK_EVENTS
        );
    }

    #[test]
    fn attempts_wait_one_second_then_two() {
        assert_eq!(times(0.0), [0.0, 1.0, 3.0]);
        assert_eq!(times(0.5), [0.0, 1.5, 4.0]);
        assert_eq!(times(10.0), [0.0, 11.0, 23.0], "all of them time out");
    }

    #[test]
    fn none_starts_after_the_window() {
        assert_eq!(times(28.0), [0.0, 29.0]);
        assert_eq!(times(29.0), [0.0, 30.0]);
        assert_eq!(times(29.5), [0.0]);
        let slow = Duration::from_secs(11);
        assert_eq!(wait_after(1, Duration::ZERO, slow), Some(slow));
        assert_eq!(wait_after(2, slow, slow), None);
    }
}

//! The one error type of this crate.
//!
//! An [`Error`] is flat: a [`ErrorKind`] and plain fields, so that every
//! language binding can build its own exception from the same data. The kinds
//! and their public names are those of `tests/contract/errors.json`.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::event::Event;
use crate::transport::Secret;

/// What went wrong, one kind per public error name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Bad options, a missing key, no CA roots.
    Config,
    /// The caller's input was refused before anything was sent.
    InvalidRequest,
    /// The service could not be reached, or the connection broke.
    Connection,
    /// The deadline of a call passed.
    Timeout,
    /// HTTP 400.
    BadRequest,
    /// HTTP 401.
    Authentication,
    /// HTTP 403.
    PermissionDenied,
    /// HTTP 404.
    NotFound,
    /// HTTP 409, or a body that says `already_paused` or `not_paused`; a task that was refused
    /// here, because the session's last one has not ended (`code` is `task_in_progress`).
    Conflict,
    /// HTTP 422.
    UnprocessableEntity,
    /// HTTP 429, and a 503 that says `Rate limit exceeded`.
    RateLimit,
    /// HTTP 500 and above.
    InternalServer,
    /// Any other HTTP status that is not a success, and a success whose content is of
    /// no use (its `reason` is `bad_answer`).
    Status,
    /// An event stream ended for good.
    Stream,
    /// One event was larger than the limit of 16 MiB.
    EventTooLarge,
    /// The agent reported an error, or the task ended without a result.
    Task,
    /// The task waits for an answer and nobody is there to give it.
    QuestionPending,
    /// A task did not end within the caller's timeout.
    TaskTimeout,
    /// A webhook payload was not understood or not authentic.
    Webhook,
}

impl ErrorKind {
    /// Every kind that this version knows.
    pub const fn all() -> &'static [Self] {
        &Self::ALL
    }

    const ALL: [Self; 19] = [
        Self::Config,
        Self::InvalidRequest,
        Self::Connection,
        Self::Timeout,
        Self::BadRequest,
        Self::Authentication,
        Self::PermissionDenied,
        Self::NotFound,
        Self::Conflict,
        Self::UnprocessableEntity,
        Self::RateLimit,
        Self::InternalServer,
        Self::Status,
        Self::Stream,
        Self::EventTooLarge,
        Self::Task,
        Self::QuestionPending,
        Self::TaskTimeout,
        Self::Webhook,
    ];

    /// The name of the class that users of Python and Node catch.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Config => "ConfigError",
            Self::InvalidRequest => "InvalidRequestError",
            Self::Connection => "APIConnectionError",
            Self::Timeout => "APITimeoutError",
            Self::BadRequest => "BadRequestError",
            Self::Authentication => "AuthenticationError",
            Self::PermissionDenied => "PermissionDeniedError",
            Self::NotFound => "NotFoundError",
            Self::Conflict => "ConflictError",
            Self::UnprocessableEntity => "UnprocessableEntityError",
            Self::RateLimit => "RateLimitError",
            Self::InternalServer => "InternalServerError",
            Self::Status => "APIStatusError",
            Self::Stream => "StreamError",
            Self::EventTooLarge => "EventTooLarge",
            Self::Task => "TaskError",
            Self::QuestionPending => "QuestionPending",
            Self::TaskTimeout => "TaskTimeout",
            Self::Webhook => "WebhookError",
        }
    }

    /// The kind of an HTTP status that is not a success. The body's text can
    /// overrule it: see [`Error::from_response`].
    pub(crate) const fn of_status(status: u16) -> Self {
        match status {
            400 => Self::BadRequest,
            401 => Self::Authentication,
            403 => Self::PermissionDenied,
            404 => Self::NotFound,
            409 => Self::Conflict,
            422 => Self::UnprocessableEntity,
            429 => Self::RateLimit,
            500.. => Self::InternalServer,
            _ => Self::Status,
        }
    }

    /// What the user can do next; the last sentence of the error's text.
    const fn advice(self) -> &'static str {
        match self {
            Self::Connection => {
                "Check the network, the base URL and the proxy settings, then try again."
            }
            Self::Timeout => "Try again, or raise `timeout`.",
            Self::Authentication => {
                "Check the API key (`api_key`, or AGI_API_KEY; for Raccoon RACCOON_API_KEY)."
            }
            Self::PermissionDenied => {
                "Check that this API key may use the session and the feature."
            }
            Self::NotFound => {
                "The session may be deleted or belong to another key: list the sessions, or create a new one."
            }
            Self::Conflict => {
                "Look at the session first: it is not in the state that this call needs."
            }
            Self::RateLimit => {
                "Wait (see `retry_after`; `wait_for_limit` lets the client do it), delete sessions that are not needed, or run fewer turns at once."
            }
            Self::InternalServer => "Try again later; if it stays, report it with the request id.",
            Self::BadRequest | Self::UnprocessableEntity => "Correct the request.",
            _ => "",
        }
    }
}

impl Serialize for ErrorKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// An error of this crate: a kind and everything that is known about it.
#[derive(Clone)]
pub struct Error(Box<Fields>);

/// The result of a call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Clone, Serialize)]
struct Fields {
    #[serde(rename = "name")]
    kind: ErrorKind,
    text: String,
    /// What went wrong and where: the text without its advice.
    #[serde(skip)]
    lead: String,
    message: String,
    status_code: Option<u16>,
    code: Option<String>,
    body: Option<String>,
    headers: BTreeMap<String, String>,
    request_id: Option<String>,
    /// Seconds.
    retry_after: Option<f64>,
    maybe_delivered: bool,
    /// How often the request was sent.
    #[serde(skip)]
    attempts: u32,
    session_id: Option<String>,
    reason: Option<String>,
    last_event_id: Option<i64>,
    message_id: Option<String>,
    last_stream_entry_id: Option<String>,
    question: Option<Event>,
    events: Vec<Event>,
    /// A handle on what the error is about, of a type of its own service.
    #[serde(skip)]
    handle: Option<Arc<dyn Any + Send + Sync>>,
    #[serde(skip)]
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of this kind with a text for the user.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Fields {
            kind,
            text: sentence(&message, kind.advice()),
            lead: message.clone(),
            message,
            status_code: None,
            code: None,
            body: None,
            headers: BTreeMap::new(),
            request_id: None,
            retry_after: None,
            maybe_delivered: false,
            attempts: 1,
            session_id: None,
            reason: None,
            last_event_id: None,
            message_id: None,
            last_stream_entry_id: None,
            question: None,
            events: Vec::new(),
            handle: None,
            source: None,
        }))
    }

    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidRequest, message)
    }

    /// Whether it says that the client was closed, or the session given back.
    pub(crate) fn is_of_the_end(&self) -> bool {
        matches!(self.reason(), Some("client_closed" | "given_back"))
    }

    pub(crate) fn closed() -> Self {
        Self::new(
            ErrorKind::Connection,
            "The client is closed. Create a new one to go on",
        )
        .with_reason("client_closed")
        .without_advice()
    }

    /// The error of a session that somebody had of a pool.
    pub(crate) fn given_back() -> Self {
        Self::invalid(
            "The session was given back to its pool, and may be another user's by now. Use it before that, or take one \
             anew with `session` of the pool",
        )
        .with_reason("given_back")
    }

    /// The error of an HTTP response that is not a success. `context` names the
    /// request, such as `GET /v1/sessions`. The caller has redacted the key.
    pub(crate) fn from_response(
        status: u16,
        headers: BTreeMap<String, String>,
        body: String,
        retry_after: Option<Duration>,
        context: &str,
    ) -> Self {
        let json = crate::meaning::value(&body);
        // The page of a gateway is no sign of a wrong address; nor is that of a guard.
        let is_page = status < 500
            && !matches!(status, 401 | 403 | 407 | 429)
            && crate::meaning::is_web_page(body.as_bytes());
        let message = if is_page {
            "A web page answered, not the API".to_owned()
        } else {
            answer_message(json.as_ref(), &body, status)
        };
        let pause_code = pause_conflict(status, &body);
        let limited = status == 503 && body.contains("Rate limit exceeded");
        let kind = match (pause_code, limited) {
            (Some(_), _) => ErrorKind::Conflict,
            (None, true) => ErrorKind::RateLimit,
            (None, false) => ErrorKind::of_status(status),
        };
        let mut error = Self::new(kind, message);
        let fields = &mut *error.0;
        fields.lead = format!("{context} answered {status}: {}", fields.message);
        let advice = match kind {
            _ if is_page => "This is no API: check the base URL.",
            ErrorKind::Status => "Check the request and the base URL.",
            kind => kind.advice(),
        };
        fields.text = sentence(&fields.lead, advice);
        fields.status_code = Some(status);
        fields.code = pause_code
            .map(str::to_owned)
            .or_else(|| answer_code(json.as_ref()));
        fields.request_id = headers.get("x-request-id").cloned();
        fields.retry_after = retry_after.map(|wait| wait.as_secs_f64());
        fields.headers = headers;
        fields.body = Some(body);
        error
    }

    /// Of a response that was not read whole: it says so, in place of what its
    /// beginning seems to say.
    pub(crate) fn too_large(mut self, limit: usize) -> Self {
        let fields = &mut *self.0;
        let message = format!(
            "The response is larger than {} MiB, the most that is read",
            limit >> 20
        );
        let context = fields.lead.strip_suffix(&fields.message);
        fields.lead = format!("{}{message}", context.unwrap_or_default());
        fields.text = sentence(
            &fields.lead,
            "Ask for less, or check that the base URL is the service's.",
        );
        fields.message = message;
        self.with_reason("too_large")
    }

    /// The error of an HTTP success whose content is of no use: `why` says so. It may
    /// still hold the key.
    pub(crate) fn of_useless_response(
        status: u16,
        headers: BTreeMap<String, String>,
        body: String,
        why: &str,
        context: &str,
    ) -> Self {
        let mut error = Self::new(ErrorKind::Status, why)
            .with_reason("bad_answer")
            .with_status(status);
        let fields = &mut *error.0;
        fields.lead = format!("{context} answered {status}, but the response is not usable: {why}");
        fields.text = sentence(
            &fields.lead,
            "Check that the base URL is that of the API, and that no proxy answers in its place.",
        );
        fields.request_id = headers.get("x-request-id").cloned();
        fields.headers = headers;
        fields.body = Some(body);
        error
    }

    pub(crate) fn with_reason(mut self, reason: &str) -> Self {
        self.0.reason = Some(reason.to_owned());
        self
    }

    /// Keeps the error of another crate that led to this one. It must hold no
    /// secret: users print it.
    pub(crate) fn with_source(
        mut self,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    pub(crate) fn with_code(mut self, code: &str) -> Self {
        self.0.code = Some(code.to_owned());
        self
    }

    /// With another text before its advice; `message` stays.
    pub(crate) fn with_lead(mut self, lead: String) -> Self {
        self.0.text = sentence(&lead, self.0.kind.advice());
        self.0.lead = lead;
        self
    }

    /// With other words on what to do next.
    pub(crate) fn with_advice(mut self, advice: &str) -> Self {
        self.0.text = sentence(&self.0.lead, advice);
        self
    }

    pub(crate) fn with_handle(mut self, handle: impl Any + Send + Sync) -> Self {
        self.0.handle = Some(Arc::new(handle));
        self
    }

    /// For a task whose session is deleted by now: no handle on it is of use, and
    /// nor is the advice to go on there.
    pub(crate) fn without_handle(mut self) -> Self {
        self.0.handle = None;
        if let Some(question) = &self.0.question {
            let said = Self::unanswered(&question.text());
            (self.0.message, self.0.lead, self.0.text) = (said.0.message, said.0.lead, said.0.text);
        }
        self
    }

    /// The error of a task whose question nobody answered, and whose session is deleted by now.
    #[doc(hidden)]
    pub fn unanswered(question: &str) -> Self {
        Self::new(
            ErrorKind::QuestionPending,
            format!("The agent asks: {question}"),
        )
        .with_advice(
            "Its session is deleted by now: pass `on_question`, or run the task in a session of \
             your own, and answer there.",
        )
    }

    /// The handle that it carries, if it is of this type.
    pub(crate) fn handle<T: Any>(&self) -> Option<&T> {
        self.0.handle.as_ref()?.downcast_ref()
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.0.status_code = Some(status);
        self
    }

    pub(crate) fn with_session(mut self, session_id: &str) -> Self {
        self.0.session_id = Some(session_id.to_owned());
        self
    }

    pub(crate) fn with_last_event_id(mut self, id: i64) -> Self {
        self.0.last_event_id = Some(id);
        self
    }

    /// Names the turn, and how far its stream was read.
    pub(crate) fn with_turn(
        mut self,
        message_id: &str,
        last_stream_entry_id: Option<&str>,
    ) -> Self {
        self.0.message_id = Some(message_id.to_owned());
        self.0.last_stream_entry_id = last_stream_entry_id.map(str::to_owned);
        self
    }

    pub(crate) fn with_question(mut self, question: Event) -> Self {
        self.0.question = Some(question);
        self
    }

    pub(crate) fn with_events(mut self, events: Vec<Event>) -> Self {
        self.0.events = events;
        self
    }

    pub(crate) fn with_maybe_delivered(mut self, note: &str) -> Self {
        self.0.maybe_delivered = true;
        self.0.text = sentence(&self.0.lead, note);
        self
    }

    /// The error without this key, wherever it may have come in: by an answer, by
    /// an event, or by another crate's words.
    pub(crate) fn redacted(mut self, key: &Secret) -> Self {
        let clean = |text: &mut String| {
            if let Some(redacted) = key.found_in(text) {
                *text = redacted;
            }
        };
        let fields = &mut *self.0;
        let texts = [&mut fields.text, &mut fields.lead, &mut fields.message];
        texts.into_iter().for_each(clean);
        let more = [
            &mut fields.code,
            &mut fields.body,
            &mut fields.request_id,
            &mut fields.session_id,
            &mut fields.reason,
            &mut fields.message_id,
            &mut fields.last_stream_entry_id,
        ];
        more.into_iter().flatten().for_each(clean);
        fields.headers.values_mut().for_each(clean);
        let events = fields.events.iter_mut().chain(&mut fields.question);
        for event in events {
            if let Some(raw) = key.found_in(event.raw()) {
                *event = event.with_raw(raw);
            }
        }
        let source = fields.source.as_deref();
        if source.is_some_and(|source| is_in_chain(source, key)) {
            fields.source = None;
        }
        self
    }

    pub(crate) fn with_attempts(mut self, attempts: u32) -> Self {
        self.0.attempts = attempts;
        self
    }

    /// A limit that did not end while the caller let us wait for it.
    pub(crate) fn after_waiting(mut self, wait: Duration, timeout: Duration) -> Self {
        let (wait, timeout) = (wait.as_secs_f64(), timeout.as_secs_f64());
        let advice = format!(
            "A wait within `wait_for_limit` ({wait} s) and `timeout` ({timeout} s) was no help: raise both, \
             delete sessions that are not needed, or run fewer turns at once."
        );
        self.0.text = sentence(&self.0.lead, &advice);
        self
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Whether another attempt to open a stream would fail the same way: the
    /// service refuses it, or the setup is wrong.
    pub(crate) fn is_final(&self) -> bool {
        match self.status_code() {
            // A success that makes no sense may be another's answer; an older stream
            // may still count (409), or it is too early (425).
            Some(status) => {
                (300..500).contains(&status) && !matches!(status, 408 | 409 | 425 | 429)
            }
            None => matches!(self.kind(), ErrorKind::Config | ErrorKind::InvalidRequest),
        }
    }

    pub(crate) fn without_advice(mut self) -> Self {
        self.0.text = sentence(&self.0.lead, "");
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The service's own words, or ours where there are none. The whole text
    /// with advice is in `Display`.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do next: the last part of the text. Empty where there is nothing to say.
    pub fn advice(&self) -> &str {
        let fields = &*self.0;
        let told = sentence(&fields.lead, "");
        fields.text.strip_prefix(&told).unwrap_or("").trim_start()
    }

    /// The HTTP status, if the service answered.
    pub fn status_code(&self) -> Option<u16> {
        self.0.status_code
    }

    /// A machine-readable word: the service's, such as `already_paused`, or ours:
    /// `task_in_progress`.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// The response's raw body.
    pub fn body(&self) -> Option<&str> {
        self.0.body.as_deref()
    }

    /// The response's headers, names in lower case.
    pub fn headers(&self) -> &BTreeMap<String, String> {
        &self.0.headers
    }

    /// The service's id of the request, if it gave one.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// How long the service asked to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0
            .retry_after
            .and_then(|s| Duration::try_from_secs_f64(s).ok())
    }

    /// True when a request with an effect may have been carried out: no answer came,
    /// or one that does not say so. It is never sent again on a guess.
    pub fn maybe_delivered(&self) -> bool {
        self.0.maybe_delivered
    }

    /// The session of a failed task.
    pub fn session_id(&self) -> Option<&str> {
        self.0.session_id.as_deref()
    }

    /// Why a stream or task ended, such as `ended_without_result`.
    pub fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// The highest event id seen before a stream ended for good.
    pub fn last_event_id(&self) -> Option<i64> {
        self.0.last_event_id
    }

    /// The agent message that names a turn, where the error is about one.
    pub fn message_id(&self) -> Option<&str> {
        self.0.message_id.as_deref()
    }

    /// The stream entry of the last event seen before a turn's stream ended for
    /// good: with the session and the message id, attach there to go on.
    pub fn last_stream_entry_id(&self) -> Option<&str> {
        self.0.last_stream_entry_id.as_deref()
    }

    /// The open question of a [`ErrorKind::QuestionPending`], or of the task that is
    /// in progress.
    pub fn question(&self) -> Option<&Event> {
        self.0.question.as_ref()
    }

    /// The task's latest events (at most 256), oldest first.
    pub fn events(&self) -> &[Event] {
        &self.0.events
    }

    /// What a journal keeps of it: not what came with a response, nor its events.
    pub(crate) fn kept(&self) -> serde_json::Value {
        let mut kept = serde_json::to_value(&self.0).unwrap_or_default();
        if let Some(fields) = kept.as_object_mut() {
            fields.retain(|name, value| {
                !matches!(name.as_str(), "body" | "headers" | "events") && !value.is_null()
            });
        }
        kept
    }

    /// The error of which a journal kept this.
    pub(crate) fn of_kept(kept: &serde_json::Value) -> Self {
        let text = |name: &str| kept[name].as_str().map(str::to_owned);
        let kind = ErrorKind::ALL
            .into_iter()
            .find(|kind| Some(kind.name()) == kept["name"].as_str())
            .unwrap_or(ErrorKind::Task);
        let mut error = Self::new(kind, text("message").unwrap_or_default());
        let fields = &mut *error.0;
        if let Some(whole) = text("text") {
            fields.lead.clone_from(&whole);
            fields.text = whole;
        }
        fields.status_code = kept["status_code"]
            .as_u64()
            .and_then(|status| u16::try_from(status).ok());
        fields.maybe_delivered = kept["maybe_delivered"].as_bool().unwrap_or_default();
        fields.last_event_id = kept["last_event_id"].as_i64();
        fields.question = Event::of_kept(&kept["question"]);
        (fields.code, fields.reason) = (text("code"), text("reason"));
        (fields.session_id, fields.request_id) = (text("session_id"), text("request_id"));
        error
    }

    /// All fields as one JSON object, for language bindings.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_else(|_| "{}".to_owned())
    }
}

impl Serialize for Error {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = &self.0;
        let mut debug = f.debug_struct(fields.kind.name());
        debug.field("text", &fields.text);
        if let Some(status) = fields.status_code {
            debug.field("status_code", &status);
        }
        if let Some(reason) = &fields.reason {
            debug.field("reason", reason);
        }
        debug.finish_non_exhaustive()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = self.0.source.as_deref()?;
        Some(source)
    }
}

/// Whether an error or what led to it shows the key.
fn is_in_chain(error: &(dyn std::error::Error + 'static), key: &Secret) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if key.found_in(&format!("{error} {error:?}")).is_some() {
            return true;
        }
        next = error.source();
    }
    false
}

/// Joins a message and an advice into sentences.
fn sentence(message: &str, advice: &str) -> String {
    let whole = |text: &str| {
        let text = text.trim_end();
        let stop = if text.ends_with(['.', '!', '?']) {
            ""
        } else {
            "."
        };
        format!("{text}{stop}")
    };
    match advice {
        "" => whole(message),
        advice => format!("{} {}", whole(message), whole(advice)),
    }
}

/// The human message of an error body (docs/spec/agi.md, section 3).
fn answer_message(json: Option<&serde_json::Value>, body: &str, status: u16) -> String {
    let text = |value: &serde_json::Value| {
        let text = value.as_str().filter(|text| !text.trim().is_empty());
        text.map(str::to_owned)
    };
    if let Some(object) = json.and_then(|json| json.as_object()) {
        let detail = object.get("detail").and_then(|detail| match detail {
            serde_json::Value::Array(items) if !items.is_empty() => {
                Some(items.iter().map(detail_item).collect::<Vec<_>>().join("; "))
            }
            serde_json::Value::Object(map) => map
                .get("message")
                .and_then(text)
                .or_else(|| map.get("code").and_then(text)),
            other => text(other),
        });
        let error = object.get("error");
        let found = detail
            .or_else(|| object.get("message").and_then(text))
            .or_else(|| error.and_then(text))
            .or_else(|| error.and_then(|error| error.get("message")).and_then(text));
        if let Some(found) = found {
            return found;
        }
    }
    let cut: String = body.trim().chars().take(500).collect();
    if cut.is_empty() {
        http::StatusCode::from_u16(status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or("no reason given")
            .to_owned()
    } else {
        cut
    }
}

/// One entry of a validation list: `body.message: too short`.
fn detail_item(item: &serde_json::Value) -> String {
    let place = item.get("loc").and_then(|loc| loc.as_array()).map(|parts| {
        parts
            .iter()
            .map(|part| {
                part.as_str()
                    .map_or_else(|| part.to_string(), str::to_owned)
            })
            .collect::<Vec<_>>()
            .join(".")
    });
    let words = item
        .get("msg")
        .unwrap_or(item)
        .as_str()
        .map_or_else(|| item.to_string(), str::to_owned);
    match place.filter(|place| !place.is_empty()) {
        Some(place) => format!("{place}: {words}"),
        None => words,
    }
}

fn answer_code(json: Option<&serde_json::Value>) -> Option<String> {
    let json = json?;
    [
        json.get("code"),
        json.get("detail").and_then(|detail| detail.get("code")),
        json.get("error").and_then(|error| error.get("code")),
    ]
    .into_iter()
    .flatten()
    .find_map(|code| code.as_str().map(str::to_owned))
}

/// The documented conflicts are recognised by their text, never by status.
fn pause_conflict(status: u16, body: &str) -> Option<&'static str> {
    if !(400..500).contains(&status) || matches!(status, 401 | 403 | 404 | 429) {
        return None;
    }
    ["already_paused", "not_paused"]
        .into_iter()
        .find(|code| body.contains(code))
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: impl Into<String>) -> Error {
        Error::from_response(
            status,
            BTreeMap::new(),
            body.into(),
            None,
            "POST /v1/sessions",
        )
    }

    #[test]
    fn the_message_of_an_answer() {
        for (body, message) in [
            // The order: detail, message, error, raw text.
            (json!({"detail": "d", "message": "m", "error": "e"}), "d"),
            (json!({"message": "m", "error": "e"}), "m"),
            (json!({"error": "e"}), "e"),
            (json!({"error": {"message": "em", "code": "ec"}}), "em"),
            // Details of every kind.
            (json!({"detail": {"message": "dm", "code": "dc"}}), "dm"),
            (json!({"detail": {"code": "dc"}}), "dc"),
            (json!({"detail": {"message": null, "code": "dc"}}), "dc"),
            (json!({"detail": {"other": 1}, "message": "m"}), "m"),
            (json!({"detail": null, "message": "m"}), "m"),
            (json!({"detail": 5, "message": "m"}), "m"),
            (json!({"detail": [], "message": "m"}), "m"),
            // What is empty says nothing.
            (json!({"detail": "", "message": "m"}), "m"),
            (json!({"detail": "", "message": " ", "error": "e"}), "e"),
            (json!({"detail": {"message": "", "code": "dc"}}), "dc"),
            (json!({"message": 5, "error": {"message": "em"}}), "em"),
            // Lists of a validation.
            (
                json!({"detail": [{"loc": ["body", "message"], "msg": "too short", "type": "x"}]}),
                "body.message: too short",
            ),
            (
                json!({"detail": [{"loc": ["body", "items", 0], "msg": "a"}, {"loc": ["query"], "msg": "b"}]}),
                "body.items.0: a; query: b",
            ),
            (json!({"detail": [{"msg": "no place"}]}), "no place"),
            (
                json!({"detail": [{"loc": [], "msg": "no place"}]}),
                "no place",
            ),
            (json!({"detail": ["a", "b"]}), "a; b"),
            (json!({"detail": [{"odd": 1}]}), r#"{"odd":1}"#),
            // JSON without a message, and no object.
            (json!({"code": 7}), r#"{"code":7}"#),
            (json!(["a"]), r#"["a"]"#),
        ] {
            let error = answer(422, body.to_string());
            assert_eq!(error.message(), message, "{body}");
            assert_eq!(error.body(), Some(body.to_string().as_str()));
        }
    }

    #[test]
    fn the_message_of_an_answer_that_is_no_json() {
        let page = format!("<html>{}", "é".repeat(1000));
        assert_eq!(answer(502, page).message().chars().count(), 500);
        assert_eq!(answer(502, "  upstream down \n").message(), "upstream down");
        assert_eq!(answer(502, "").message(), "Bad Gateway");
        assert_eq!(answer(502, " \n").message(), "Bad Gateway");
        assert_eq!(answer(599, "").message(), "no reason given");
        assert_eq!(
            answer(404, "{\"detail\": \"cut").message(),
            "{\"detail\": \"cut"
        );
    }

    #[test]
    fn the_kind_of_each_status() {
        for (status, kind) in [
            (400, ErrorKind::BadRequest),
            (401, ErrorKind::Authentication),
            (402, ErrorKind::Status),
            (403, ErrorKind::PermissionDenied),
            (404, ErrorKind::NotFound),
            (406, ErrorKind::Status),
            (409, ErrorKind::Conflict),
            (410, ErrorKind::Status),
            (418, ErrorKind::Status),
            (422, ErrorKind::UnprocessableEntity),
            (429, ErrorKind::RateLimit),
            (499, ErrorKind::Status),
            (500, ErrorKind::InternalServer),
            (503, ErrorKind::InternalServer),
            (599, ErrorKind::InternalServer),
            (304, ErrorKind::Status),
        ] {
            let error = answer(status, r#"{"detail": "why"}"#);
            assert_eq!(error.kind(), kind, "{status}");
            assert_eq!(error.status_code(), Some(status));
            assert!(!error.maybe_delivered());
        }
    }

    #[test]
    fn a_conflict_of_pause_and_resume_is_known_by_its_text() {
        for code in ["already_paused", "not_paused"] {
            for body in [
                json!({"detail": code}).to_string(),
                json!({"detail": {"code": code}}).to_string(),
                json!({"error": format!("cannot: {code}")}).to_string(),
                format!("plain {code} text"),
            ] {
                for status in [400, 405, 406, 409, 418, 422, 423, 499] {
                    let error = answer(status, body.clone());
                    assert_eq!(error.kind(), ErrorKind::Conflict, "{status} {body}");
                    assert_eq!(error.code(), Some(code), "{status} {body}");
                    assert_eq!(error.status_code(), Some(status));
                }
                for status in [401, 403, 404, 429, 500, 503] {
                    let error = answer(status, body.clone());
                    assert_eq!(
                        error.kind(),
                        ErrorKind::of_status(status),
                        "{status} {body}"
                    );
                }
            }
        }
        let other = answer(409, r#"{"detail": "not_running"}"#);
        assert_eq!((other.kind(), other.code()), (ErrorKind::Conflict, None));
        assert_eq!(other.message(), "not_running");
    }

    #[test]
    fn the_limit_of_sessions_is_a_rate_limit() {
        let limit = r#"{"detail": "Rate limit exceeded"}"#;
        for status in [429, 503] {
            assert_eq!(answer(status, limit).kind(), ErrorKind::RateLimit);
        }
        for status in [500, 502, 504] {
            assert_eq!(answer(status, limit).kind(), ErrorKind::InternalServer);
        }
        assert_eq!(answer(503, "maintenance").kind(), ErrorKind::InternalServer);
    }

    #[test]
    fn the_code_of_an_answer() {
        for (body, code) in [
            (json!({"code": "a", "detail": {"code": "b"}}), Some("a")),
            (
                json!({"detail": {"code": "b"}, "error": {"code": "c"}}),
                Some("b"),
            ),
            (json!({"error": {"code": "c"}}), Some("c")),
            (json!({"code": 5, "error": {"code": "c"}}), Some("c")),
            (json!({"code": 5}), None),
            (json!({"detail": "words"}), None),
            (json!("words"), None),
        ] {
            assert_eq!(answer(422, body.to_string()).code(), code, "{body}");
        }
    }

    #[test]
    fn the_text_says_what_was_asked_what_came_and_what_to_do() {
        for status in [400, 401, 403, 404, 409, 410, 422, 429, 500, 503] {
            let text = answer(status, r#"{"detail": "Why it is so"}"#).to_string();
            let start = format!("POST /v1/sessions answered {status}: Why it is so. ");
            let advice = text.strip_prefix(&start).unwrap_or_default();
            assert!(advice.len() > 10 && advice.ends_with('.'), "{text}");
        }
        // No stop after a stop.
        let text = answer(401, r#"{"detail": "Who are you?"}"#).to_string();
        assert!(text.contains("Who are you? Check"), "{text}");
    }

    #[test]
    fn an_ambiguous_answer_keeps_its_status_in_the_text() {
        let error = answer(500, r#"{"detail": "Internal error"}"#)
            .with_maybe_delivered("It may have happened: look first.");
        assert!(error.maybe_delivered());
        assert_eq!(error.message(), "Internal error");
        assert_eq!(
            error.to_string(),
            "POST /v1/sessions answered 500: Internal error. It may have happened: look first."
        );
        // Said twice, it is there once.
        let again = error.with_maybe_delivered("Look first.").to_string();
        assert_eq!(again.matches("ook first").count(), 1, "{again}");
    }

    #[test]
    fn advice_can_be_left_out() {
        let error = answer(401, r#"{"detail": "no"}"#);
        let text = error.to_string();
        let advice = error.advice().to_owned();
        assert!(advice.len() > 10 && text.ends_with(&advice), "{text}");
        let error = error.without_advice();
        assert_eq!(error.advice(), "");
        assert_eq!(error.to_string(), "POST /v1/sessions answered 401: no.");
        let error = Error::new(ErrorKind::Timeout, "Too slow!").without_advice();
        assert_eq!(error.to_string(), "Too slow!");
        assert_eq!(
            Error::new(ErrorKind::Timeout, "Too slow").to_string(),
            "Too slow. Try again, or raise `timeout`."
        );
    }

    #[test]
    fn an_answer_brings_its_headers_id_and_wait() {
        let headers = BTreeMap::from([
            ("x-request-id".to_owned(), "req-7".to_owned()),
            ("retry-after".to_owned(), "2".to_owned()),
        ]);
        let wait = Some(Duration::from_millis(2500));
        let error = Error::from_response(429, headers.clone(), "{}".to_owned(), wait, "GET /v1/x");
        assert_eq!(error.request_id(), Some("req-7"));
        assert_eq!(error.retry_after(), wait);
        assert_eq!(error.headers(), &headers);
    }

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        let names: std::collections::HashSet<_> =
            ErrorKind::all().iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), ErrorKind::all().len());
        for kind in ErrorKind::all() {
            assert_eq!(json!(kind), json!(kind.name()));
        }
    }

    #[test]
    fn an_error_as_json_has_every_field_for_the_bindings() {
        let question = Event::new(crate::agi::EventType::Question, Some(4), "{}");
        let error = Error::new(ErrorKind::QuestionPending, "Asks")
            .with_session("s1")
            .with_reason("why")
            .with_last_event_id(9)
            .with_turn("m1", Some("1-0"))
            .with_question(question.clone())
            .with_events(vec![question]);
        let found: serde_json::Value = serde_json::from_str(&error.to_json()).expect("JSON");
        let event = json!({"type": "question", "id": 4, "raw": "{}"});
        assert_eq!(
            found,
            json!({
                "name": "QuestionPending", "text": "Asks.", "message": "Asks", "status_code": null,
                "code": null, "body": null, "headers": {}, "request_id": null, "retry_after": null,
                "maybe_delivered": false, "session_id": "s1", "reason": "why", "last_event_id": 9,
                "message_id": "m1", "last_stream_entry_id": "1-0", "question": event, "events": [event],
            })
        );
    }

    #[test]
    fn the_debug_text_has_neither_body_nor_headers() {
        let headers = BTreeMap::from([("x-echo".to_owned(), "header-text".to_owned())]);
        let body = r#"{"detail": "why", "echo": "body-text"}"#.to_owned();
        let error = Error::from_response(401, headers, body, None, "GET /v1/x");
        let shown = format!("{error:?} {error:#?}");
        assert!(shown.contains("AuthenticationError") && shown.contains("401"));
        assert!(!shown.contains("header-text") && !shown.contains("body-text"));
    }
}

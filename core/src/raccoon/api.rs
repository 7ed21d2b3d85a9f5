//! Every request of the Raccoon API.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use http::Method;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::answers::{Started, page_of, running_turn};
use super::config::RaccoonConfig;
use super::hooks::{AnswerDecoder, FrameDecoder};
use super::keys::Keys;
use super::lost_start::{KnownTurns, LostStart};
use super::models::{
    DeleteResult, History, ListSessions, Message, RawRequest, RawResponse, SessionPage, StartTurn,
    SuccessResult, TurnFile, Upload, UploadedFile,
};
use super::prepared::Prepared;
use super::tap::Tap;
use super::turn_limiter::{Permit, Seen, TurnLimiter, TurnName};
use super::wire_names::WireNames;
use super::{media, validate};
use crate::background::{Background, Ended};
use crate::error::{Error, ErrorKind, Result};
use crate::meaning;
use crate::telemetry::Trace;
use crate::transport::retry::parse_http_date;
use crate::transport::{Closing, Request, Response, Transport, UploadProgress, UploadSource};
use crate::ws::{KeepAlive, Socket};

/// The operation that a session is deleted by, at whatever time.
const DELETE: &str = "delete_session";

/// The waits before the history is asked for a turn whose start was not understood.
const LOOKS: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];
/// The same of one whose answer was lost, or was an error.
const LOOKS_FOR_LOST: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_millis(250),
    Duration::from_millis(750),
];

/// Why there is no turn.
pub(super) struct NotStarted {
    pub(super) error: Error,
    /// It may run all the same, for all that the history says.
    pub(super) may_run: bool,
}

impl From<Error> for NotStarted {
    fn from(error: Error) -> Self {
        Self {
            may_run: error.maybe_delivered(),
            error,
        }
    }
}

/// What the handles of a client share: its configuration and connections.
#[derive(Clone)]
pub(crate) struct Api {
    config: Arc<RaccoonConfig>,
    rest: Transport,
    sockets: Transport,
    limiter: Arc<TurnLimiter>,
    background: Background,
    keys: Keys,
    turns: KnownTurns,
    prepared: Prepared,
    /// The one name of the prompt that the service takes, once that is known.
    prompt_name: Arc<OnceLock<String>>,
    /// Who writes down what the service says.
    tap: Option<Tap>,
}

impl Api {
    pub(super) fn new(config: RaccoonConfig) -> Self {
        let rest = Transport::new(config.rest.clone());
        Self {
            background: Background::new(rest.closing().clone(), rest.config().api_key.clone()),
            sockets: rest.for_upgrades(config.sockets.clone()),
            rest,
            config: Arc::new(config),
            limiter: Arc::default(),
            keys: Keys::default(),
            turns: KnownTurns::default(),
            prepared: Prepared::default(),
            prompt_name: Arc::default(),
            tap: None,
        }
    }

    /// A copy of which what the service says is written down, too.
    pub(super) fn with_tap(&self, tap: Tap) -> Self {
        Self {
            tap: Some(tap),
            ..self.clone()
        }
    }

    /// A turn's socket was opened.
    pub(super) fn see_connection(&self) {
        if let Some(tap) = &self.tap {
            tap.connected();
        }
    }

    /// A frame of a turn's socket came.
    pub(super) fn see_frame(&self, frame: &str) {
        if let Some(tap) = &self.tap {
            tap.frame(frame);
        }
    }

    /// The one name of the prompt that the service takes, once that is known.
    pub(super) fn prompt_name(&self) -> Option<&str> {
        self.prompt_name.get().map(String::as_str)
    }

    pub(super) fn config(&self) -> &RaccoonConfig {
        &self.config
    }

    /// A copy with another configuration that shares everything else.
    pub(super) fn with_config(&self, config: RaccoonConfig) -> Self {
        Self {
            rest: self.rest.with_config(config.rest.clone()),
            sockets: self.sockets.with_config(config.sockets.clone()),
            config: Arc::new(config),
            limiter: self.limiter.clone(),
            background: self.background.clone(),
            keys: self.keys.clone(),
            turns: self.turns.clone(),
            prepared: self.prepared.clone(),
            prompt_name: self.prompt_name.clone(),
            tap: self.tap.clone(),
        }
    }

    /// A copy whose requests belong to this span.
    pub(crate) fn traced(&self, trace: &Trace) -> Self {
        Self {
            rest: self.rest.traced(trace),
            sockets: self.sockets.traced(trace),
            ..self.clone()
        }
    }

    /// The span that the requests belong to.
    pub(crate) fn trace(&self) -> Option<&Trace> {
        self.rest.trace()
    }

    /// The turns that this client followed.
    pub(super) fn turns(&self) -> &KnownTurns {
        &self.turns
    }

    /// How many turns may run at once, as the service said last.
    pub(super) fn max_concurrent(&self) -> Option<u32> {
        self.rest
            .max_concurrent()
            .or_else(|| self.sockets.max_concurrent())
    }

    pub(crate) async fn raw(&self, request: RawRequest) -> Result<RawResponse> {
        self.rest.raw(request).await
    }

    /// Ends every request and wait, and closes the connections.
    pub(super) fn close(&self) {
        self.rest.close();
        self.sockets.close();
    }

    /// Requests end at a close by themselves; other waits ask this.
    pub(super) fn closing(&self) -> &Closing {
        self.rest.closing()
    }

    /// What goes on although nobody waits for it.
    pub(super) fn background(&self) -> &Background {
        &self.background
    }

    pub(crate) async fn list(&self, list: &ListSessions) -> Result<SessionPage> {
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
        let answer = self.send("list_sessions", &request).await?;
        let page = answer.json();
        let page =
            page.and_then(|page| page_of(page, wire, list).map_err(|why| answer.useless(&why)));
        page.map_err(curable)
    }

    pub(super) async fn get(&self, session_id: &str) -> Result<History> {
        let mut history = self.history(session_id).await?;
        for message in &mut history.messages {
            if let Err(error) = self.read_events(message).await {
                tracing::warn!(session = %session_id, %error, "an event of the history stays as it came");
            }
        }
        Ok(history)
    }

    /// One message of a session's history, if it is there.
    ///
    /// # Errors
    /// Those of every call, and that of `decode_frame` for an event that nobody knows.
    pub(super) async fn message(
        &self,
        session_id: &str,
        message_id: &str,
    ) -> Result<Option<Message>> {
        let history = self.history(session_id).await?;
        let mut messages = history.messages.into_iter();
        let Some(mut message) = messages.find(|message| message.id == message_id) else {
            return Ok(None);
        };
        self.read_events(&mut message).await?;
        Ok(Some(message))
    }

    /// A session's history, its events as they came.
    async fn history(&self, session_id: &str) -> Result<History> {
        Ok(self.history_at(session_id).await?.0)
    }

    /// The same, and when it was told by the service's clock: in seconds since 1970.
    async fn history_at(&self, session_id: &str) -> Result<(History, Option<u64>)> {
        let request = self.of_session(Method::GET, session_id, &[])?;
        let answer = self.send("get_session", &request).await?;
        let date = answer.headers.get(http::header::DATE);
        let now = date.and_then(|date| parse_http_date(date.to_str().ok()?, 0));
        let mut history: History = answer.json_text().map_err(curable)?;
        if history.session.session_id.is_empty() {
            session_id.clone_into(&mut history.session.session_id);
        }
        Ok((history, now))
    }

    /// Brings the events of a message to their documented form. One that
    /// `decode_frame` fails on stays as it came: it is an error unless it is known as
    /// it is.
    async fn read_events(&self, message: &mut Message) -> Result<()> {
        let mut outcome = Ok(());
        if let Some(decoder) = &self.config.decode_frame {
            let came = std::mem::take(&mut message.events);
            let mut rest = &came[..];
            while !rest.is_empty() {
                let frames = rest.iter().map(|event| frame_of(event.get())).collect();
                let (decoded, failed) = decoder.decode(frames).await;
                rest = rest.get(decoded.len()..).unwrap_or_default();
                let events = decoded.into_iter().flatten().map(RawValue::from_string);
                message.events.extend(events.filter_map(Result::ok));
                if let (Some(why), Some((odd, after))) = (failed, rest.split_first()) {
                    if !self.config.dialect.knows(odd.get()) {
                        outcome = outcome.and(Err(FrameDecoder::error(&why, odd.get())));
                    }
                    message.events.push(odd.clone());
                    rest = after;
                }
            }
        }
        message.read_events_by(&self.config.dialect);
        outcome
    }

    /// The response to a request, as `decode_answer` gives it.
    async fn send(&self, operation: &str, request: &Request) -> Result<Response> {
        let answer = self.rest.send(request).await?;
        self.decoded(operation, answer).await
    }

    async fn decoded(&self, operation: &str, answer: Response) -> Result<Response> {
        if let Some(tap) = &self.tap
            && let Some(body) = answer.value()
        {
            tap.response(operation, body);
        }
        let Some(decoder) = &self.config.decode_answer else {
            return Ok(answer);
        };
        // What cannot be read at all is told by whoever reads it.
        let Some(body) = answer.value() else {
            return Ok(answer);
        };
        // A delete at the end of the program is none the less for its response.
        let is_enough = operation == DELETE;
        let decoded = decoder.decode(operation, answer.status, body, is_enough);
        match decoded.await {
            Ok(Some(body)) => Ok(answer.with_body(&body)),
            Ok(None) => Ok(answer),
            Err(why) => {
                let error = answer.useless(&why).with_reason(AnswerDecoder::NAME);
                Err(error.with_advice(
                    "The service did what it was asked for; only its response was not read: correct `decode_answer`",
                ))
            }
        }
    }

    pub(super) async fn rename(&self, session_id: &str, title: &str) -> Result<SuccessResult> {
        let title = validate::title(title)?;
        let request = self
            .of_session(Method::PUT, session_id, &["title"])?
            .status_is_enough()
            .json(&json!({ &self.config.wire.title: title }))?;
        Ok(self.send("rename_session", &request).await?.success())
    }

    pub(super) async fn delete(&self, session_id: &str) -> Result<DeleteResult> {
        let request = self
            .of_session(Method::DELETE, session_id, &[])?
            .status_is_enough();
        deleted(self.send(DELETE, &request).await)
    }

    /// Deletes a session at the end of its use: also where the client is closed,
    /// and to the end where the caller leaves. Begins at once.
    pub(crate) fn end_session(
        &self,
        session_id: &str,
    ) -> Result<impl Future<Output = Ended> + Send + 'static + use<>> {
        let request = self
            .of_session(Method::DELETE, session_id, &[])?
            .status_is_enough();
        let api = self.clone();
        let delete = async move {
            let answer = api.rest.outliving_close().send(&request).await;
            deleted(match answer {
                Ok(answer) => api.decoded(DELETE, answer).await,
                answer => answer,
            })
        };
        Ok(self.background.end_session(session_id, delete))
    }

    pub(super) async fn send_file(
        &self,
        upload: &Upload,
        source: UploadSource,
        progress: UploadProgress,
    ) -> Result<UploadedFile> {
        let (body, sent) = media::form(upload, source, progress, &self.keys)?;
        let request = self.api(Method::PUT, &["media", "upload"]).multipart(body);
        let answer = self.rest.send(&request).await.inspect_err(|error| {
            if upload.key.is_none() && error.kind() == ErrorKind::InvalidRequest {
                self.keys.give_back(&sent.key);
            }
        })?;
        let answer = self.decoded("upload", answer).await;
        let file = answer.and_then(|answer| {
            answer.json().and_then(|fields| {
                UploadedFile::read(fields)
                    .ok_or_else(|| answer.useless("it names no file: it has no `key`"))
            })
        });
        let mut file = file.map_err(|error| {
            error.with_maybe_delivered(
                "The file was uploaded all the same, as far as anybody knows: look at the session before you repeat it. \
                 Where the service answers in another form, bring it into the documented one with `decode_answer`.",
            )
        })?;
        if file.name.is_empty() {
            file.name = sent.name;
        }
        if file.content_type.is_empty() {
            file.content_type = sent.content_type;
        }
        Ok(file)
    }

    /// Waits for the permit of a turn, if the client is to respect the service's
    /// limit.
    pub(super) async fn permit(&self) -> Result<Option<Permit>> {
        if !self.config.respect_max_concurrent {
            return Ok(None);
        }
        let rest = self.rest.config();
        let wait = rest.wait_for_limit().unwrap_or(rest.timeout());
        let see = |turn| self.clone().see(turn);
        let permit = self.closing().until_closed(async {
            let waiting = self.limiter.acquire(|| self.max_concurrent(), &see);
            if let Ok(permit) = tokio::time::timeout(wait, waiting).await {
                return Ok(permit);
            }
            // One who does not wait looks once all the same.
            self.limiter.look(&see).await;
            let free = self.limiter.try_acquire(self.max_concurrent());
            free.ok_or_else(|| self.no_place(wait))
        });
        let permit = permit.await?;
        Ok(Some(permit))
    }

    /// Waits for the permit of a turn, for as long as it takes: also where the client
    /// does not respect the service's limit otherwise.
    pub(super) async fn place(&self) -> Result<Permit> {
        let see = |turn| self.clone().see(turn);
        let waiting = async {
            let limit = || self.max_concurrent();
            Ok(self.limiter.acquire(limit, &see).await)
        };
        self.closing().until_closed(waiting).await
    }

    fn no_place(&self, waited: Duration) -> Error {
        let left = match self.limiter.left() {
            0 => String::new(),
            left => format!(
                "; nobody follows {left} of them any more, but the history does not say that they are over"
            ),
        };
        Error::new(
            ErrorKind::Timeout,
            format!(
                "The turn was not started: no place became free within {} s. This client runs as many turns as \
                 the service allows at once ({}{left}). Wait longer with `wait_for_limit`, or stop a turn",
                waited.as_secs_f64(),
                self.limiter.taken(),
            ),
        )
    }

    /// What the history says of a turn.
    async fn see(self, turn: TurnName) -> Seen {
        let ended = match &turn.message_id {
            Some(message_id) => {
                let message = self.message(&turn.session_id, message_id).await;
                message.map(|message| Some(message?.ended().is_some()))
            }
            // Whether it runs is all that can be known of one without a name.
            None => {
                let history = self.get(&turn.session_id).await;
                history.map(|history| running_turn(&history).map(|_| false))
            }
        };
        match ended {
            Ok(Some(true)) => Seen::Over,
            Ok(Some(false)) => Seen::Running,
            Ok(None) => Seen::Nothing,
            Err(error) if error.kind() == ErrorKind::NotFound => Seen::Nothing,
            Err(_) => Seen::Unknown,
        }
    }

    /// Sends the request that starts a turn. It is repeated only if it was not
    /// sent, or refused with 429 (docs/spec/raccoon.md, section 6), or with 422 by a
    /// service that may know one name of the prompt only: both start nothing.
    pub(super) async fn submit(
        &self,
        session_id: &str,
        start: &StartTurn,
        files: &[UploadedFile],
    ) -> Result<Started, NotStarted> {
        let known = self.prompt_name.get();
        let names = known.map_or(&self.config.wire.prompt[..], std::slice::from_ref);
        let is_422 = |failed: &NotStarted| failed.error.status_code() == Some(422);
        let refused = match self.submit_as(session_id, start, files, names).await {
            Err(failed) if names.len() > 1 && is_422(&failed) => failed.error,
            answer => return answer,
        };
        for name in names {
            let one = std::slice::from_ref(name);
            match self.submit_as(session_id, start, files, one).await {
                Err(failed) if is_422(&failed) => {}
                answer => {
                    if answer.is_ok() {
                        tracing::warn!(%name, "the service takes one name of the prompt only: set `wire` to it");
                        // Another turn may have learned the same.
                        let _ = self.prompt_name.set(name.clone());
                    }
                    return answer;
                }
            }
        }
        let error = refused.with_advice(
            "Read what the service says of the request. Where it names a field, `wire` gives it another name \
             (`WireNames`), and `extra` adds fields",
        );
        Err(error.into())
    }

    async fn submit_as(
        &self,
        session_id: &str,
        start: &StartTurn,
        files: &[UploadedFile],
        prompt_names: &[String],
    ) -> Result<Started, NotStarted> {
        let wire = &self.config.wire;
        let body = turn_body(session_id, start, files, prompt_names, wire);
        let request = self
            .api(Method::POST, &["sessions", "new"])
            .status_is_enough()
            .json(&body)?;
        let sent = Instant::now();
        let answer = self.rest.send(&request).await;
        self.limiter.answered();
        let answer = match answer {
            Err(error) if error.status_code() == Some(409) => {
                return Err(self.busy(session_id, error).await.into());
            }
            Err(error) if error.kind() == ErrorKind::RateLimit => {
                let error = error.with_advice(
                    "Wait (see `retry_after`; `wait_for_limit` lets the client do it), stop a turn, or run fewer \
                     at once (`respect_max_concurrent`)",
                );
                return Err(error.into());
            }
            // The time is over: whoever waits wants to know.
            Err(error) if error.maybe_delivered() && error.kind() != ErrorKind::Timeout => {
                return self.find_lost(session_id, start, sent, error).await;
            }
            answer => answer?,
        };
        let answer = self.decoded("start_turn", answer).await.map_err(|error| {
            error.with_maybe_delivered(
                "The turn may run all the same: look at the session's history before you start it again, and correct \
                 `decode_answer`",
            )
        })?;
        let started = answer
            .json()
            .and_then(|body| Started::read(body, wire).map_err(|why| answer.useless(&why)));
        match started {
            Ok(started) => Ok(started),
            Err(error) => self.find_started(session_id, start, sent, error).await,
        }
    }

    /// Looks up a turn that was started by a response which does not say so.
    async fn find_started(
        &self,
        session_id: &str,
        start: &StartTurn,
        sent: Instant,
        error: Error,
    ) -> Result<Started, NotStarted> {
        let found = self.look_for(session_id, start, sent, &LOOKS, true).await?;
        found.map_err(|_| {
            let error = error.with_maybe_delivered(
                "The turn may run all the same: look at the session's history before you start it again. Where the \
                 response names its agent message otherwise, tell `wire` how (`agent_message_id`), or bring it into the \
                 documented form with `decode_answer`",
            );
            error.into()
        })
    }

    /// Looks up a turn whose start got no answer, or an error that may stand for one.
    async fn find_lost(
        &self,
        session_id: &str,
        start: &StartTurn,
        sent: Instant,
        error: Error,
    ) -> Result<Started, NotStarted> {
        let looking = self.look_for(session_id, start, sent, &LOOKS_FOR_LOST, false);
        let left = self.rest.config().timeout().saturating_sub(sent.elapsed());
        let seen = match tokio::time::timeout(left, looking).await {
            Ok(found) => match found? {
                Ok(started) => return Ok(started),
                Err(seen) => seen,
            },
            Err(_) => Seen::Unknown,
        };
        let says = match seen {
            Seen::Nothing => "The session's history does not have the turn, but it may still come",
            _ => "The turn may run all the same, and the session's history could not be read",
        };
        Err(NotStarted {
            error: error.with_maybe_delivered(&format!(
                "{says}: look at it before you start the turn again. It was not started twice"
            )),
            may_run: seen != Seen::Nothing,
        })
    }

    /// The turn of a start in the session's history; else whether that could be read.
    async fn look_for(
        &self,
        session_id: &str,
        start: &StartTurn,
        sent: Instant,
        looks: &[Duration],
        is_sure: bool,
    ) -> Result<Result<Started, Seen>> {
        let mut seen = Seen::Unknown;
        for wait in looks {
            let sleeping = async {
                tokio::time::sleep(*wait).await;
                Ok(())
            };
            self.closing().until_closed(sleeping).await?;
            seen = match self.history_at(session_id).await {
                Ok((mut history, now)) => {
                    for message in &mut history.messages {
                        // One that nobody knows does not say that the turn is over.
                        let _ = self.read_events(message).await;
                    }
                    let lost = LostStart {
                        session_id,
                        prompt: &start.prompt,
                        is_sure,
                        age: sent.elapsed(),
                        known: &self.turns,
                    };
                    if let Some(started) = lost.find(&history, now) {
                        return Ok(Ok(started));
                    }
                    Seen::Nothing
                }
                Err(error) if error.kind() == ErrorKind::NotFound => Seen::Nothing,
                Err(_) => Seen::Unknown,
            };
        }
        Ok(Err(seen))
    }

    /// The error of a session that works on a turn: it says on which.
    async fn busy(&self, session_id: &str, error: Error) -> Error {
        let error = error.with_session(session_id);
        let history = self.get(session_id).await;
        let running = history.as_ref().ok().and_then(running_turn);
        still_runs(match running {
            Some(message_id) => error.with_turn(message_id, None),
            None => error,
        })
    }

    /// The same without asking the service.
    pub(super) fn busy_with(session_id: &str, message_id: &str) -> Error {
        let error = Error::new(ErrorKind::Conflict, "A turn of this session has not ended");
        still_runs(error.with_session(session_id).with_turn(message_id, None))
    }

    /// What was prepared here.
    pub(super) fn prepared(&self) -> &Prepared {
        &self.prepared
    }

    /// Uploads those of a turn's files that are on this machine.
    pub(super) async fn upload_files(
        &self,
        session_id: &str,
        files: &[TurnFile],
    ) -> Result<Vec<UploadedFile>> {
        if !files.is_empty() {
            let files = files.to_vec();
            let checked = tokio::task::spawn_blocking(move || media::check_files(&files)).await;
            // Where that did not come to its end, the upload finds out.
            checked.unwrap_or(Ok(()))?;
        }
        for file in files {
            // It may be from another process.
            if let TurnFile::Uploaded(file) = file {
                self.keys.take(&file.key);
            }
        }
        let mut uploaded: Vec<UploadedFile> = Vec::with_capacity(files.len());
        for file in files {
            uploaded.push(match file {
                TurnFile::Uploaded(file) => file.clone(),
                TurnFile::Path(path) => {
                    let upload = Upload::new(session_id);
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
            .of_a_session()
            .secret_query(&query)
            .without_authorization();
        Socket::open(&self.sockets, request, keep_alive).await
    }

    /// An error that shows the key nowhere.
    pub(super) fn without_key(&self, error: Error) -> Error {
        error.redacted(&self.sockets.config().api_key)
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

/// The error of a response that a hook may cure, if this is one: it is JSON.
fn curable(error: Error) -> Error {
    let is_json = error.body().is_some_and(meaning::is_json);
    if !is_json || error.reason() != Some("bad_answer") {
        return error;
    }
    error.with_advice(
        "Check that the base URL is that of the API. Where the service answers in another form, bring it into the \
         documented one with `decode_answer`",
    )
}

/// A frame of the service's as a value: its JSON, else its text.
pub(super) fn frame_of(text: &str) -> Value {
    meaning::value(text).unwrap_or_else(|| text.into())
}

fn deleted(answer: Result<Response>) -> Result<DeleteResult> {
    DeleteResult::or_gone(answer.map(|answer| {
        let SuccessResult { success, message } = answer.success();
        DeleteResult {
            success,
            deleted: success,
            message,
        }
    }))
}

/// The error of a session whose last turn has not ended.
fn still_runs(error: Error) -> Error {
    error.with_code("turn_in_progress").with_advice(
        "A turn of this session still runs: `attach` to it with the error's `message_id`, stop it, or wait for \
         its end. Turns that shall run at once need sessions of their own",
    )
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api")
            .field("base_url", &self.config().base_url())
            .finish_non_exhaustive()
    }
}

/// The body of the request that starts a turn.
fn turn_body(
    session_id: &str,
    start: &StartTurn,
    files: &[UploadedFile],
    prompt_names: &[String],
    wire: &WireNames,
) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("session_id".to_owned(), session_id.into());
    for name in prompt_names {
        body.insert(name.clone(), start.prompt.as_str().into());
    }
    body.insert("mode".to_owned(), start.mode.as_str().into());
    if !files.is_empty() {
        body.insert("files".to_owned(), media::references(files, wire));
    }
    let text = |text: &Option<String>| text.clone().map(Value::String);
    for (name, value) in [
        (&wire.sdk_version, text(&start.sdk_version)),
        (&wire.base_prompt, text(&start.base_prompt)),
        (&wire.references, start.references.clone().map(Value::Array)),
        (&wire.history, start.history.clone().map(Value::Array)),
        (&wire.continuation, text(&start.continuation)),
    ] {
        if let Some(value) = value {
            body.insert(name.clone(), value);
        }
    }
    body.extend(start.extra.clone());
    body
}

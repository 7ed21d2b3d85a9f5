//! The driver of one event stream: connects, reads, reconnects, and hands on
//! what [`Resume`] lets through.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

use super::api::Api;
use super::arriving::Arriving;
use super::claim::is_outcome;
use super::models::{EventOptions, ListMessages, Messages, is_terminal};
use super::progress::Progress;
use super::validate;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, EventType};
use crate::responses::says_gone;
use crate::sse::Decoder;
use crate::stream::resume::{Backoff, Resume, Step};
use crate::stream::{EventQueue, Producer, queue, within};
use crate::transport::jitter;
use crate::unix_time;

/// Most chunks that are decoded before the events go to the queue.
const CHUNKS_PER_BATCH: usize = 64;
/// From so many events on no other chunk joins them: other streams and calls
/// have their turn.
const EVENTS_PER_BATCH: usize = 4096;

/// How often a finished status must be seen without a result to be believed:
/// the service may lag behind a message it just took.
const IDLE_POLLS: u32 = 3;

/// How often the messages are read before the stream is tried again.
const POLLS_PER_TRY: u32 = 15;

/// Whose events a stream gives.
pub(super) enum Scope {
    /// All of the session.
    Session,
    /// Those of one task; the stream ends with it.
    Task(Arc<Progress>),
}

/// Opens a session's event stream. Must be called inside a tokio runtime.
pub(super) fn open(api: &Api, session_id: &str, options: EventOptions) -> Result<EventQueue> {
    validate::session_id(session_id)?;
    validate::event_options(&options)?;
    api.closing().check()?;
    let (producer, queue) = queue();
    spawn(api, session_id, options, Scope::Session, producer);
    queue.want();
    Ok(queue)
}

fn timed_out(limit: Option<Duration>) -> Error {
    let seconds = limit.unwrap_or_default().as_secs_f64();
    Error::new(
        ErrorKind::TaskTimeout,
        format!("The events went on for longer than {seconds} s, the `timeout` of this stream"),
    )
    .with_advice(
        "The session goes on: open its events again, without its history, or cancel its task.",
    )
}

/// Runs a stream in the background, from the first look for an event on, as long
/// as its queue is there.
pub(super) fn spawn(
    api: &Api,
    session_id: &str,
    options: EventOptions,
    scope: Scope,
    queue: Producer,
) {
    let driver = Driver::new(
        api.clone(),
        session_id.to_owned(),
        options,
        scope,
        queue.clone(),
    );
    queue.drive(Box::new(driver).run());
}

/// One stream and its position.
struct Driver {
    api: Api,
    session_id: String,
    options: EventOptions,
    scope: Scope,
    queue: Producer,
    resume: Resume,
    decoder: Decoder,
    batch: Arriving,
    /// The last event delivered was a `done` or an `error`.
    at_terminal: bool,
    /// Something new was delivered since the last connection was opened.
    progress: bool,
    /// Connections in a row that brought nothing new.
    empty_connections: u32,
    /// The wait before a reconnect that the server asked for last.
    server_retry: Option<Duration>,
    /// Polls in a row that saw a finished task without result.
    idle_polls: u32,
}

/// How a connection, or the whole stream, came to its end.
enum End {
    /// The stream's end: the task is over or the session's stream was closed.
    Stream,
    /// The consumer is gone.
    Consumer,
    /// The task ended and left no result.
    WithoutResult,
    /// The connection ended or broke: another one may bring more.
    Connection(Lost),
}

/// What the messages said.
enum Poll {
    /// The stream is over.
    End(End),
    /// There may be more.
    Open,
    /// They could not be read.
    Unread,
}

/// How a time of polling ended.
enum Polled {
    /// The stream is over.
    End(End),
    /// The stream may work again.
    TryStream,
    /// The messages cannot be read either.
    Failed,
}

/// Why a connection ended.
enum Lost {
    /// The server ended it properly.
    Closed,
    /// It broke, was silent, or could not be opened.
    Broken(Error),
}

impl Driver {
    fn new(
        api: Api,
        session_id: String,
        options: EventOptions,
        scope: Scope,
        queue: Producer,
    ) -> Self {
        let resume = match &scope {
            Scope::Session => position(0, &options),
            Scope::Task(task) => {
                position(task.baseline(), &options).going_on_after(task.begins_after)
            }
        };
        Self {
            api,
            session_id,
            options,
            scope,
            queue,
            resume,
            decoder: Decoder::new(),
            batch: Arriving::default(),
            at_terminal: false,
            progress: false,
            empty_connections: 0,
            server_retry: None,
            idle_polls: 0,
        }
    }

    /// Runs the stream from the first look for an event to its end, and reports that to the queue.
    ///
    /// What asks the service is boxed, here and below: a stream that rests would keep the room.
    async fn run(mut self: Box<Self>) {
        self.queue.wanted().await;
        let closing = self.api.closing().clone();
        let limit = self.options.timeout;
        let until = match self.scope {
            Scope::Session => limit.and_then(|limit| Instant::now().checked_add(limit)),
            Scope::Task(_) => None,
        };
        let end = within(until, Box::pin(closing.until_closed(self.drive()))).await;
        let end = end.unwrap_or_else(|| Err(timed_out(limit)));
        let end = match end {
            Ok(End::Stream | End::Consumer | End::Connection(_)) => Ok(false),
            Ok(End::WithoutResult) => Ok(true),
            Err(error) => Err(self.api.without_key(error.with_session(&self.session_id))),
        };
        if let Scope::Task(progress) = &self.scope {
            progress.stream_ended(&end);
            if matches!(end, Ok(true)) {
                self.api.task_is_over(&self.session_id, progress.baseline());
            }
        }
        self.queue.finish(end.map(|_| ()));
    }

    async fn drive(&mut self) -> Result<End> {
        let mut backoff = Backoff::new(self.options.max_reconnects);
        if !self.options.include_history {
            // Without it a reconnect could not tell old events from new ones.
            let known = Box::pin(self.messages(0)).await?;
            let newest = known.messages.last().map_or(0, |message| message.id);
            self.resume = position(newest, &self.options);
        }
        loop {
            self.progress = false;
            let lost = match self.connection().await? {
                End::Connection(lost) => lost,
                end => return Ok(end),
            };
            if let Some(end) = Box::pin(self.after_disconnect(&lost)).await? {
                return Ok(end);
            }
            if self.progress {
                backoff.progress();
            }
            self.server_retry = self.decoder.retry().or(self.server_retry);
            let Some(mut wait) = backoff.next(self.server_retry, jitter()) else {
                match Box::pin(self.poll()).await? {
                    Polled::End(end) => return Ok(end),
                    Polled::TryStream => continue,
                    Polled::Failed => return Err(self.given_up(lost)),
                }
            };
            if self.idle_polls > 0 {
                // No task was seen to start: the service may need a moment.
                wait = wait.max(self.idle_wait());
            }
            let reason = match &lost {
                Lost::Closed => "the server ended it",
                Lost::Broken(error) => error.message(),
            };
            tracing::debug!(session = %self.session_id, ?wait, after = self.resume.high(), reason, "reconnecting the event stream");
            tokio::time::sleep(wait).await;
        }
    }

    /// After a lost connection: is the stream over, and did the messages bring
    /// what the stream did not?
    async fn after_disconnect(&mut self, lost: &Lost) -> Result<Option<End>> {
        let clean = matches!(lost, Lost::Closed);
        self.empty_connections = if self.progress {
            0
        } else {
            self.empty_connections + 1
        };
        // The history on the stream is richer than the messages: these serve
        // where the server says that it has no more to replay, or where the
        // stream fails twice.
        let try_again = self.progress || (!clean && self.empty_connections < 2);
        if try_again && !self.at_terminal {
            return Ok(None);
        }
        // An error here is a failed attempt like any other.
        match self.poll_messages().await? {
            Poll::End(end) => Ok(Some(end)),
            Poll::Open | Poll::Unread => Ok(None),
        }
    }

    /// Reads the messages beyond the stream, delivers them, and says whether
    /// the stream is over.
    async fn poll_messages(&mut self) -> Result<Poll> {
        let session_scope = matches!(self.scope, Scope::Session);
        let Ok(seen) = self.messages(self.resume.high()).await else {
            return Ok(self.poll_status().await);
        };
        let finished = is_terminal(&seen.status);
        if let Some(end) = self.deliver_messages(seen).await? {
            return Ok(Poll::End(end));
        }
        if !finished {
            self.idle_polls = 0;
            return Ok(Poll::Open);
        }
        if session_scope && self.at_terminal {
            return Ok(Poll::End(End::Stream));
        }
        self.idle_polls += 1;
        Ok(match (self.idle_polls < IDLE_POLLS, session_scope) {
            (true, _) => Poll::Open,
            (false, true) => Poll::End(End::Stream),
            (false, false) => Poll::End(End::WithoutResult),
        })
    }

    /// Where the messages cannot be read: the status may say that a stream whose
    /// end was delivered is over.
    async fn poll_status(&self) -> Poll {
        if self.at_terminal
            && let Ok(status) = self.api.status(&self.session_id).await
            && is_terminal(&status.status)
        {
            return Poll::End(End::Stream);
        }
        Poll::Unread
    }

    /// Serves the consumer from the messages while the stream cannot be
    /// opened, until it is time to try the stream again.
    async fn poll(&mut self) -> Result<Polled> {
        tracing::debug!(session = %self.session_id, "polling the messages instead of the event stream");
        let interval = validate::duration("poll_interval", self.options.poll_interval)?;
        for _ in 0..POLLS_PER_TRY {
            match self.poll_messages().await? {
                Poll::End(end) => return Ok(Polled::End(end)),
                Poll::Open => {}
                // The transport tried it several times: all is lost.
                Poll::Unread => return Ok(Polled::Failed),
            }
            tokio::time::sleep(interval).await;
        }
        Ok(Polled::TryStream)
    }

    /// Opens one connection and reads it to its end.
    async fn connection(&mut self) -> Result<End> {
        let mut response = match Box::pin(self.open()).await {
            Ok(response) => response,
            Err(error) => return Box::pin(self.failed_to_open(error)).await,
        };
        self.resume.connected();
        self.decoder = Decoder::new();
        let idle = validate::duration("idle_timeout", self.options.idle_timeout)?;
        let mut silent_after = Instant::now() + idle;
        let mut check_at = silent_after;
        // One timer for all waits: a new one wakes the runtime that would wait for it.
        let mut silence = pin!(tokio::time::sleep_until(silent_after));
        loop {
            let chunk = tokio::select! {
                biased;
                chunk = response.chunk() => match chunk {
                    Ok(Some(chunk)) => chunk,
                    Ok(None) => return Ok(End::Connection(Lost::Closed)),
                    Err(error) => return Ok(End::Connection(Lost::Broken(broken(&error)))),
                },
                () = &mut silence => {
                    if Instant::now() >= silent_after {
                        return Ok(End::Connection(Lost::Broken(self.silent())));
                    }
                    silence.as_mut().reset(silent_after);
                    continue;
                }
            };
            let (events, end) = self.decode_ready(chunk, &mut response).await;
            let heartbeats = self.batch.take_heartbeats();
            if let Some(end) = self.flush().await? {
                return Ok(end);
            }
            if let Some(lost) = end {
                return lost.map(End::Connection);
            }
            if events > 0 {
                // Also where the consumer was slow: nobody was reading then.
                silent_after = Instant::now() + idle;
            }
            if events > heartbeats {
                check_at = silent_after;
            } else if Instant::now() >= check_at {
                // Alive, but is it speaking? The messages tell.
                check_at = silent_after;
                if let Some(end) = Box::pin(self.check_messages()).await? {
                    return Ok(end);
                }
            }
        }
    }

    /// Delivers what the messages hold beyond a stream that brings heartbeats
    /// only, and says whether the task is over.
    async fn check_messages(&mut self) -> Result<Option<End>> {
        let Ok(seen) = self.messages(self.resume.high()).await else {
            return Ok(None);
        };
        let finished = is_terminal(&seen.status);
        if let Some(end) = self.deliver_messages(seen).await? {
            return Ok(Some(end));
        }
        if !finished || matches!(self.scope, Scope::Session) {
            return Ok(None);
        }
        self.idle_polls += 1;
        Ok((self.idle_polls >= IDLE_POLLS).then_some(End::WithoutResult))
    }

    /// Decodes a chunk and those that are there already into the batch. Gives
    /// the number of events, and how the connection ended if it did.
    async fn decode_ready(
        &mut self,
        first: Bytes,
        response: &mut reqwest::Response,
    ) -> (usize, Option<Result<Lost>>) {
        let mut events = 0;
        let mut chunk = first;
        for remaining in (0..CHUNKS_PER_BATCH).rev() {
            match self.decode(&chunk) {
                Ok(count) => events += count,
                Err(error) => return (events, Some(Err(error))),
            }
            if remaining == 0 || events >= EVENTS_PER_BATCH {
                break;
            }
            chunk = match more(response).await {
                Some(Ok(Some(chunk))) => chunk,
                Some(Ok(None)) => return (events, Some(Ok(Lost::Closed))),
                Some(Err(error)) => return (events, Some(Ok(Lost::Broken(broken(&error))))),
                None => break,
            };
        }
        (events, None)
    }

    /// Decodes a chunk into the batch; says how many events it completed.
    fn decode(&mut self, chunk: &Bytes) -> Result<usize> {
        self.decoder.feed(chunk);
        let mut count = 0;
        loop {
            let frame = match self.decoder.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok(count),
                Err(error) => return Err(error.with_last_event_id(self.resume.high())),
            };
            count += 1;
            let id = frame.id().and_then(|id| id.parse().ok());
            self.batch
                .push(EventType::from_name(frame.event()), id, frame.data());
        }
    }

    /// Gives the batch to the consumer, less what it has or does not want.
    async fn flush(&mut self) -> Result<Option<End>> {
        let arrived = in_order(self.batch.take());
        // One look-up answers for all that arrived before it.
        let newest = arrived.iter().filter_map(Event::id).max().unwrap_or(0);
        let mut ready = Vec::with_capacity(arrived.len());
        let mut outcome = Ok(None);
        let received = unix_time::now();
        for event in arrived {
            let event = event.received_at_ms(received);
            outcome = self.admit(event, newest, &mut ready).await;
            if self.task_is_over() || !matches!(outcome, Ok(None)) {
                break;
            }
        }
        // What was let through counts as delivered, whatever came after it.
        let pushed = self.push(ready).await?;
        Ok(outcome?.map(End::Connection).or(pushed))
    }

    /// Puts an event that the consumer shall have into `ready`, after those
    /// that are missing before it. `newest` is the highest id that arrived with
    /// it. Says so where the missing ones cannot be read now.
    async fn admit(
        &mut self,
        event: Event,
        newest: i64,
        ready: &mut Vec<Event>,
    ) -> Result<Option<Lost>> {
        if *event.event_type() == EventType::Heartbeat {
            if self.wanted(&event) {
                self.keep(event, ready);
            }
            return Ok(None);
        }
        let upcoming = event.id().unwrap_or(0);
        loop {
            self.record_found_before(upcoming, ready);
            if self.task_is_over() {
                return Ok(None);
            }
            if event.id().is_none() && event.is_terminal() {
                // Asked before it counts as seen: an older task's error may
                // read the same as this one's.
                match Box::pin(self.is_ours(&event)).await {
                    Ok(true) => {}
                    Ok(false) => return Ok(None),
                    Err(error) => return self.unread(error).map(Some),
                }
            }
            if self.is_first_and_last(&event) {
                match Box::pin(self.names_no_end(&event)).await {
                    Ok(true) => return Ok(None),
                    Ok(false) => {}
                    Err(error) => return self.unread(error).map(Some),
                }
            }
            match self.resume.admit(&event) {
                Step::Drop => return Ok(None),
                Step::LookUp { after } => {
                    tracing::debug!(session = %self.session_id, after, upcoming, "events are missing: looking in the messages");
                    if let Err(error) = Box::pin(self.look_up(after, newest)).await {
                        match self.unread(error) {
                            // Refused, not failed. On the first connection a
                            // gap need not be a loss: the stream tells more.
                            Err(_) if self.resume.connections() <= 1 => {
                                self.resume.looked_up([], upcoming - 1);
                            }
                            lost => return lost.map(Some),
                        }
                    }
                }
                Step::Deliver => {
                    self.record(event, ready);
                    return Ok(None);
                }
            }
        }
    }

    /// Takes what a look-up found below this id, up to the end of the task.
    fn record_found_before(&mut self, id: i64, ready: &mut Vec<Event>) {
        while !self.task_is_over() {
            let Some(found) = self.resume.next_found_before(id) else {
                return;
            };
            self.record(found, ready);
        }
    }

    /// Notes a new event and keeps it for the consumer if it asked for its
    /// type.
    fn record(&mut self, event: Event, ready: &mut Vec<Event>) {
        self.progress = true;
        self.idle_polls = 0;
        self.at_terminal = event.is_terminal();
        if let Scope::Task(progress) = &self.scope {
            progress.saw(&event);
        }
        if self.wanted(&event) {
            self.keep(event, ready);
        }
    }

    /// Keeps an event for the consumer.
    fn keep(&self, event: Event, ready: &mut Vec<Event>) {
        if let Scope::Task(progress) = &self.scope {
            progress.queued(&event);
        }
        ready.push(event);
    }

    async fn push(&mut self, mut ready: Vec<Event>) -> Result<Option<End>> {
        self.api.saw_id(&self.session_id, self.resume.high());
        if let Scope::Task(progress) = &self.scope {
            if self.at_terminal {
                self.api.task_is_over(&self.session_id, progress.baseline());
            }
            progress.publish();
            progress.handed_over(self.queue.surely_handed_over());
        }
        if !ready.is_empty() && !self.queue.push_batch(&mut ready).await {
            return Ok(Some(End::Consumer));
        }
        Ok(self.task_is_over().then_some(End::Stream))
    }

    fn task_is_over(&self) -> bool {
        self.at_terminal && matches!(self.scope, Scope::Task(_))
    }

    fn wanted(&self, event: &Event) -> bool {
        match &self.options.event_types {
            None => *event.event_type() != EventType::Heartbeat,
            Some(types) => types.iter().any(|name| name == event.event_type().name()),
        }
    }

    /// Whether an `error` or `done` without an id belongs to this task: a
    /// replay holds those of older tasks too.
    async fn is_ours(&self, event: &Event) -> Result<bool> {
        let Scope::Task(progress) = &self.scope else {
            return Ok(true);
        };
        let seen = self.messages(progress.baseline()).await?;
        let Some(end) = seen.messages.iter().find(|message| is_outcome(message)) else {
            return Ok(is_terminal(&seen.status));
        };
        // A `done` that says something else is a stray one: that of the end has an id, and comes.
        let says = event.text();
        let is_stray = *event.event_type() == EventType::Done
            && end.message_type == "DONE"
            && end.id > self.resume.high()
            && ![end.text(), end.done_text()].contains(&says);
        Ok(!is_stray)
    }

    /// Whether a `done` or an `error` has the first id of the task, which is the one
    /// of the user's own message.
    fn is_first_and_last(&self, event: &Event) -> bool {
        match &self.scope {
            Scope::Task(progress) if event.is_terminal() => {
                event.id() == Some(progress.baseline() + 1)
            }
            _ => false,
        }
    }

    /// Whether the message with the event's id is no end.
    async fn names_no_end(&self, event: &Event) -> Result<bool> {
        let first = event.id().unwrap_or_default();
        let seen = self.messages(first - 1).await?;
        let mut messages = seen.messages.iter();
        Ok(messages.any(|message| message.id == first && !is_outcome(message)))
    }

    /// Reads the messages after an id into [`Resume`]. Up to the one before
    /// `arrived` they have what there is.
    async fn look_up(&mut self, after: i64, arrived: i64) -> Result<()> {
        let seen = self.messages(after).await?;
        let newest = seen.messages.last().map_or(0, |message| message.id);
        let events = seen.messages.iter().filter_map(Event::from_message);
        self.resume.looked_up(events, newest.max(arrived - 1));
        Ok(())
    }

    /// What messages that could not be read mean for the stream: another
    /// connection, unless the service will not have it.
    fn unread(&self, error: Error) -> Result<Lost> {
        if is_final(&error, self.resume.connections() > 1) {
            return Err(error);
        }
        Ok(Lost::Broken(error))
    }

    /// Delivers what the messages hold beyond the stream.
    async fn deliver_messages(&mut self, seen: Messages) -> Result<Option<End>> {
        let newest = seen.messages.last().map_or(0, |message| message.id);
        let events = seen.messages.iter().filter_map(Event::from_message);
        self.resume.looked_up(events, newest);
        let mut ready = Vec::new();
        self.record_found_before(i64::MAX, &mut ready);
        self.push(ready).await
    }

    async fn messages(&self, after_id: i64) -> Result<Messages> {
        let options = ListMessages {
            after_id,
            sanitize: self.options.sanitize,
        };
        self.api.messages(&self.session_id, &options).await
    }

    async fn open(&self) -> Result<reqwest::Response> {
        // Only the first connection of a live-only stream goes without.
        let with_history = self.options.include_history || self.reconnecting();
        let mut request = self
            .api
            .events_request(&self.session_id, &self.options, with_history)?;
        if self.reconnecting() && self.resume.high() > 0 {
            // Not documented, so nothing depends on it: a service that honours
            // it saves the replay.
            let position = HeaderValue::from(self.resume.high());
            request = request.header(HeaderName::from_static("last-event-id"), position);
        }
        let mut response = self.api.open(&request).await?;
        let is_stream = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| {
                value
                    .trim_start()
                    .to_ascii_lowercase()
                    .starts_with("text/event-stream")
            });
        if !is_stream {
            return Err(Error::new(
                ErrorKind::Status,
                "The service answered the event stream with something that is no event stream",
            )
            .with_status(response.status().as_u16())
            .with_reason("not_an_event_stream"));
        }
        // Their values keep the connection's first buffer for as long as the stream is open.
        *response.headers_mut() = HeaderMap::new();
        Ok(response)
    }

    fn reconnecting(&self) -> bool {
        self.resume.connections() > 0
    }

    /// Whether an attempt that failed may be repeated.
    async fn failed_to_open(&mut self, error: Error) -> Result<End> {
        match error.status_code() {
            Some(404) => {
                // A gateway may lose the stream's route alone: ask the session.
                match self.api.status(&self.session_id).await {
                    // A page with 404 comes from a server in front of the service.
                    Err(status) if says_gone(&status) && self.reconnecting() => Err(Error::new(
                        ErrorKind::Stream,
                        "The session is gone: it was deleted or it expired",
                    )
                    .with_reason("session_gone")
                    .with_last_event_id(self.resume.high())),
                    Err(status) if status.status_code() == Some(404) && !self.reconnecting() => {
                        Err(error)
                    }
                    _ => Ok(End::Connection(Lost::Broken(error))),
                }
            }
            _ if is_final(&error, self.reconnecting()) => Err(error),
            _ => Ok(End::Connection(Lost::Broken(error))),
        }
    }

    fn silent(&self) -> Error {
        Error::new(
            ErrorKind::Connection,
            format!(
                "The event stream was silent for {} s",
                self.options.idle_timeout.as_secs_f64()
            ),
        )
        .with_reason("idle")
    }

    fn given_up(&self, lost: Lost) -> Error {
        let cause = match lost {
            Lost::Closed => "the service closes it each time before anything new comes".to_owned(),
            Lost::Broken(error) if !self.reconnecting() => return error,
            Lost::Broken(error) => error.message().to_owned(),
        };
        Error::new(
            ErrorKind::Stream,
            format!(
                "The event stream broke and could not be opened again after {} attempts: {cause}. \
                 Open a new one, or read the session's messages",
                self.options.max_reconnects
            ),
        )
        .with_reason("reconnect_failed")
        .with_last_event_id(self.resume.high())
    }

    /// The wait before the next look at a task that shows nothing.
    fn idle_wait(&self) -> Duration {
        match &self.scope {
            Scope::Task(progress) if !progress.has_started() => Duration::from_secs(2),
            _ => Duration::from_millis(250),
        }
    }
}

/// Whether the service will not have this stream. One that it had already is
/// refused by a wrong key only; that its session is gone, the status tells.
fn is_final(error: &Error, after_drop: bool) -> bool {
    match error.status_code() {
        Some(status) if after_drop => status == 401,
        _ => error.is_final(),
    }
}

/// The position after `baseline`. A stream of some types only has gaps by
/// nature.
fn position(baseline: i64, options: &EventOptions) -> Resume {
    match options.event_types {
        None => Resume::new(baseline).checking_first_gaps(),
        Some(_) => Resume::new(baseline),
    }
}

/// Puts events that arrived together into the order of their ids. Those
/// without an id keep their places.
fn in_order(events: Vec<Event>) -> Vec<Event> {
    if events.iter().filter_map(Event::id).is_sorted() {
        return events;
    }
    let numbered_at: Vec<bool> = events.iter().map(|event| event.id().is_some()).collect();
    let (mut numbered, rest): (Vec<_>, Vec<_>) =
        events.into_iter().partition(|event| event.id().is_some());
    numbered.sort_by_key(Event::id);
    let (mut numbered, mut rest) = (numbered.into_iter(), rest.into_iter());
    numbered_at
        .into_iter()
        .filter_map(|has_id| if has_id { numbered.next() } else { rest.next() })
        .collect()
}

/// The next chunk if it is there already.
async fn more(response: &mut reqwest::Response) -> Option<reqwest::Result<Option<Bytes>>> {
    // The connection's own task must run once before it can hand on a chunk.
    tokio::task::yield_now().await;
    tokio::select! {
        biased;
        chunk = response.chunk() => Some(chunk),
        () = std::future::ready(()) => None,
    }
}

fn broken(error: &reqwest::Error) -> Error {
    Error::new(
        ErrorKind::Connection,
        if error.is_timeout() {
            "The event stream timed out"
        } else {
            "The event stream broke"
        },
    )
}

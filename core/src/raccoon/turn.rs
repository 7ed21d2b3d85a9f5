//! One turn: from the request that starts it to its `task.*` end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::answers::Started;
use super::api::Api;
use super::assembly::Assembly;
use super::driver::{Command, Driver, Knows};
use super::ending::{TurnEnd, events_of};
use super::frame::Frame;
use super::models::{
    Attach, Message, ResumePoint, StartTurn, StopResult, SuccessResult, TurnEventOptions,
    TurnMessage, TurnResult, TurnState, UploadedFile,
};
use super::progress::Progress;
use super::turn_limiter::Permit;
use super::validate;
use crate::error::{Error, ErrorKind, Result};
use crate::handle::{Digest, Handle, TurnHandle};
use crate::stream::{EventQueue, EventStream, queue, within};
use crate::telemetry::{Ending, Trace};
use crate::unix_time;

/// How many commands wait for the socket.
const COMMANDS_AHEAD: usize = 16;
/// How long to wait between two looks at the history for a turn that was stopped.
const STOP_POLL: Duration = Duration::from_millis(500);

/// A handle on one turn. Clones share it.
///
/// # Panics
/// Every async call, where no tokio runtime polls it.
#[derive(Clone)]
pub struct Turn {
    api: Api,
    progress: Arc<Progress>,
    queue: EventQueue,
    commands: mpsc::Sender<Command>,
    /// Whether the turn may be over without this handle's knowledge: it was started
    /// elsewhere, and nobody looked.
    may_be_old: Arc<AtomicBool>,
}

impl Turn {
    pub(super) async fn start(api: Api, session_id: String, start: StartTurn) -> Result<Self> {
        validate::session_id_or_none(&session_id)?;
        start.check()?;
        let files = api.upload_files(&session_id, &start.files).await?;
        let permit = api.permit().await?;
        Self::submit(api, session_id, start, files, permit).await
    }

    /// Sends what starts the turn: its files are uploaded, and it has its place.
    pub(super) async fn submit(
        api: Api,
        session_id: String,
        start: StartTurn,
        files: Vec<UploadedFile>,
        mut permit: Option<Permit>,
    ) -> Result<Self> {
        let begun = Instant::now();
        if let Some(permit) = &mut permit {
            permit.begins(&session_id);
        }
        let started = api.submit(&session_id, &start, &files).await;
        if let (Err(failed), Some(permit)) = (&started, &mut permit)
            && !failed.may_run
        {
            permit.over();
        }
        let started = started.map_err(|failed| failed.error.with_session(&session_id))?;
        let prompt = Digest::of(&start.prompt);
        let progress = Progress::new(session_id, started, begun, prompt, start.events.text_mode);
        Ok(Self::follow(
            api,
            progress,
            start.events,
            permit,
            Knows::Soon,
        ))
    }

    pub(super) async fn attach(api: Api, attach: Attach) -> Result<Self> {
        validate::session_id(&attach.session_id)?;
        validate::message_id(&attach.message_id)?;
        Self::go_on(api, attach, Instant::now(), Digest::of(""), Knows::Now).await
    }

    /// Attaches to a turn of which it is known when it began, and with what.
    pub(super) async fn go_on(
        api: Api,
        attach: Attach,
        begun: Instant,
        prompt: Digest,
        knows: Knows,
    ) -> Result<Self> {
        validate::event_options(&attach.events)?;
        api.closing().check()?;
        let started = Started {
            agent_message_id: attach.message_id.clone(),
            ..Started::default()
        };
        let session_id = attach.session_id.clone();
        let text_mode = attach.events.text_mode;
        let mut progress = Progress::new(session_id, started, begun, prompt, text_mode);
        if let Some(after) = &attach.after {
            // What came before that place is part of the turn all the same.
            let history = api.get(&attach.session_id).await?;
            let message = history
                .messages
                .into_iter()
                .find(|message| message.id == attach.message_id);
            progress.skip(after, message.as_ref());
        }
        let turn = Self::follow(api, progress, attach.events, None, knows);
        turn.may_be_old.store(true, Ordering::Relaxed);
        Ok(turn)
    }

    /// Follows a turn; its permit is held until it is over.
    fn follow(
        api: Api,
        progress: Progress,
        options: TurnEventOptions,
        permit: Option<Permit>,
        knows: Knows,
    ) -> Self {
        api.turns()
            .add(&progress.session_id, &progress.started.agent_message_id);
        progress.lock().log.tell(api.trace());
        let progress = Arc::new(progress);
        let (producer, queue) = queue();
        let (commands, receiver) = mpsc::channel(COMMANDS_AHEAD);
        let driver = Driver::new(
            api.clone(),
            progress.clone(),
            options,
            producer.clone(),
            receiver,
            knows,
        );
        let place = permit.map(|permit| {
            permit.runs(&progress.started.agent_message_id, queue.downgrade());
            Taken(permit, progress.clone())
        });
        producer.drive(async move {
            let _place = place;
            driver.run().await;
        });
        Self {
            api,
            progress,
            queue,
            commands,
            may_be_old: Arc::default(),
        }
    }

    /// A copy whose own requests belong to this span.
    #[doc(hidden)]
    #[must_use]
    pub fn traced(&self, trace: &Trace) -> Self {
        Self {
            api: self.api.traced(trace),
            ..self.clone()
        }
    }

    /// What the span of this turn is to say (see [`Trace::report`]), where it has one.
    #[doc(hidden)]
    pub fn report(&self, error: Option<&str>) -> Option<String> {
        let trace = self.api.trace()?;
        trace.of_session(self.session_id());
        let end = self.progress.end().map(|end| self.ending(end));
        Some(trace.told(end, error))
    }

    /// How the turn ended, for its span.
    fn ending(&self, end: TurnEnd) -> Ending {
        let ending = end.ending();
        match ending.text.as_deref() {
            Some("") => ending.with_text(self.progress.lock().assembly.text()),
            _ => ending,
        }
    }

    pub(crate) fn call_trace(&self) -> Option<&Trace> {
        self.api.trace()
    }

    /// A trace for a span of a call about this turn.
    #[doc(hidden)]
    pub fn trace(&self, content: Option<&str>) -> Trace {
        Trace::new(&self.api.config().rest, content)
    }

    /// The turn's session.
    pub fn session_id(&self) -> &str {
        &self.progress.session_id
    }

    /// The agent message that names the turn.
    pub fn message_id(&self) -> &str {
        &self.progress.started.agent_message_id
    }

    /// The turn and how far its events were given to you, as a short text: keep it, and
    /// [`Client::resume`](super::Client::resume) gives the turn again, in any process and any
    /// language. Makes no request.
    ///
    /// An event counts as given once you have it: keep the handle after you handled the event.
    /// The handle holds no key and not what was sent. It has at most 200 bytes, letters, digits,
    /// `.`, `_` and `-`, where ids have at most 40.
    pub fn handle(&self) -> String {
        self.handle_of_reader(self.queue.held())
    }

    /// The same where the reader of the queue holds so many events that it took and gave to
    /// nobody.
    #[doc(hidden)]
    pub fn handle_of_reader(&self, held: usize) -> String {
        let handed_over = self.queue.handed_over(held);
        Handle::Turn(TurnHandle {
            session_id: self.session_id().to_owned(),
            message_id: self.message_id().to_owned(),
            place: self.progress.place_after(handed_over),
            started: unix_time::of(self.progress.begun),
            prompt: self.progress.prompt,
        })
        .encode()
    }

    /// The turn's events as a stream. A turn has one: a second call gives a
    /// stream that only says so, with an error. Dropping it stops reading; the turn goes
    /// on.
    pub fn events(&self) -> EventStream {
        EventStream::only(&self.queue, "turn")
    }

    /// The queue behind [`events`](Self::events).
    pub fn queue(&self) -> &EventQueue {
        &self.queue
    }

    /// The turn as of the newest event that was received.
    pub fn state(&self) -> TurnState {
        self.progress.snapshot()
    }

    /// How many turns went before this one when it was started, as the service
    /// said (docs/spec/raccoon.md, section 4.1): it says no more in between, so that the
    /// number does not go down. 0 once an event came, or the turn is over; `None` where
    /// the service named no number, and after `attach`.
    pub fn queue_position(&self) -> Option<u64> {
        self.progress.lock().queue_position(&self.progress.started)
    }

    /// How far the stream was received. An [`Attach::resume`] goes on there;
    /// for the place after an event that you handled last, take its id and its
    /// [`frame`](crate::raccoon::Event::frame).
    pub fn resume_point(&self) -> ResumePoint {
        let state = self.progress.lock();
        self.progress.resume_point(&state)
    }

    /// Tells the agent more while it works. Sent once: where the socket breaks
    /// meanwhile, the error's `maybe_delivered` is true.
    ///
    /// # Errors
    /// `InvalidRequest` for an empty text and a turn that is over, `Timeout` where its
    /// socket does not open in time.
    pub async fn send_message(&self, message: TurnMessage) -> Result<SuccessResult> {
        validate::message(&message.text)?;
        let limit = self.api.config().timeout();
        let until = tokio::time::Instant::now() + limit;
        let frame = Frame::Message(message);
        let sending = self.api.closing().until_closed(self.command(frame));
        match within(Some(until), sending).await {
            Some(sent) => sent.map(|()| SuccessResult::new("")),
            None => Err(self.failure(
                ErrorKind::Timeout,
                format!(
                    "The message was not sent: the turn's socket could not be opened within {} s",
                    limit.as_secs_f64()
                ),
            )),
        }
    }

    /// Stops the turn and waits for its end, at most so long. The session stays.
    ///
    /// # Errors
    /// Those of [every call](crate#errors). A stop that nobody confirms in time is none.
    pub async fn stop(&self, timeout: Duration) -> Result<StopResult> {
        self.stop_by(timeout, None).await
    }

    pub(crate) async fn stop_by(
        &self,
        timeout: Duration,
        frame: Option<Value>,
    ) -> Result<StopResult> {
        let until = tokio::time::Instant::now().checked_add(timeout);
        let stopping = self.api.closing().until_closed(async {
            if !self.progress.is_over() {
                self.command(Frame::Stop(frame)).await?;
            }
            self.wait_for_stop().await
        });
        // The history may know of an end that a closed stream did not bring.
        let status = match within(until, stopping).await.transpose()? {
            Some(end) => end.status(),
            None => self.progress.lock().status(&self.progress.started),
        };
        Ok(StopResult {
            confirmed: status.is_terminal(),
            status,
        })
    }

    /// Waits for the result. The events need not be read.
    ///
    /// # Errors
    /// `TaskError` when the turn failed, `TaskTimeout` when `timeout` passes (the
    /// turn goes on then), `StreamError` when its stream was lost and the history
    /// does not hold its end. An aborted turn is a result.
    pub async fn result(&self, timeout: Option<Duration>) -> Result<TurnResult> {
        let until = timeout.and_then(|limit| tokio::time::Instant::now().checked_add(limit));
        let waiting = self.api.closing().until_closed(async {
            let end = self.wait_for_end().await?;
            self.conclude(end).await
        });
        within(until, waiting).await.unwrap_or_else(|| {
            let seconds = timeout.unwrap_or_default().as_secs_f64();
            Err(self.failure(
                ErrorKind::TaskTimeout,
                format!(
                    "The turn did not end within {seconds} s. It goes on: wait again, or stop it{}",
                    self.progress.cure()
                ),
            ))
        })
    }

    /// Stops reading the turn's events and frees the socket. The turn goes on.
    pub fn close(&self) {
        self.queue.close();
    }

    /// The frame that [`send_message`](Self::send_message) sends.
    pub(crate) fn message_frame(&self, message: TurnMessage) -> Result<Value> {
        validate::message(&message.text)?;
        Ok(Frame::Message(message).encode(self.api.config()))
    }

    /// The frame that [`stop_by`](Self::stop_by) sends.
    pub(crate) fn stop_frame(&self, frame: Option<Value>) -> Value {
        Frame::Stop(frame).encode(self.api.config())
    }

    /// Hands a frame to the socket, once that is open.
    async fn command(&self, frame: Frame) -> Result<()> {
        if self.progress.is_over() {
            return Err(over());
        }
        let is_stop = matches!(frame, Frame::Stop(_));
        if !is_stop && self.is_known_to_be_over().await {
            return Err(over());
        }
        let text = frame.encode(self.api.config()).to_string();
        if self.queue.is_closed() || self.progress.end().is_some() {
            // Its events are not read any more, or its stream was lost: it has no socket.
            return self.send_alone(text).await;
        }
        let (done, answer) = oneshot::channel();
        let begun = Arc::<AtomicBool>::default();
        let command = Command {
            text: text.clone(),
            done,
            begun: begun.clone(),
        };
        if self.commands.send(command).await.is_err() {
            return self.send_alone(text).await;
        }
        match answer.await {
            Ok(sent) => sent,
            Err(_) if !is_stop && begun.load(Ordering::Relaxed) => Err(Error::new(
                ErrorKind::Connection,
                "The turn's socket was closed while the message was sent",
            )
            .with_maybe_delivered("It may have arrived all the same: look at the turn's events.")),
            Err(_) if self.progress.is_over() => match is_stop {
                true => Ok(()),
                false => Err(over()),
            },
            // Nothing was sent, or stopping twice is stopping once.
            Err(_) => self.send_alone(text).await,
        }
    }

    /// Whether the history says of a turn that was started elsewhere that it is over: its
    /// socket takes messages all the same, which nobody reads. Looks once.
    async fn is_known_to_be_over(&self) -> bool {
        if !self.may_be_old.swap(false, Ordering::Relaxed) {
            return false;
        }
        let message = self.message().await.ok().flatten();
        message.is_some_and(|message| TurnEnd::of_message(&message).is_some())
    }

    /// Sends a frame on a socket of its own.
    async fn send_alone(&self, frame: String) -> Result<()> {
        let keep_alive = TurnEventOptions::default().keep_alive()?;
        let after = self.progress.entry();
        let mut socket = self
            .api
            .open_socket(
                self.session_id(),
                self.message_id(),
                after.as_deref(),
                keep_alive,
            )
            .await?;
        socket.send(frame).await?;
        socket.close().await;
        Ok(())
    }

    /// The end of a turn that was told to stop. Where its stream was lost, the
    /// history tells.
    async fn wait_for_stop(&self) -> Result<TurnEnd> {
        loop {
            let end = self.wait_for_end().await?;
            if end.is_known() {
                return Ok(end);
            }
            if let Some(message) = self.message().await?
                && let Some(end) = TurnEnd::of_message(&message)
            {
                return Ok(end);
            }
            tokio::time::sleep(STOP_POLL).await;
        }
    }

    async fn wait_for_end(&self) -> Result<TurnEnd> {
        loop {
            let change = self.progress.state.change();
            if let Some(end) = self.progress.end() {
                return Ok(end);
            }
            if change.or_time_to_poll(&self.queue).await
                && let Some(message) = self.message().await?
                && let Some(end) = TurnEnd::of_message(&message)
            {
                return Ok(end);
            }
        }
    }

    async fn conclude(&self, end: TurnEnd) -> Result<TurnResult> {
        let status = end.status();
        if let Some(trace) = self.api.trace() {
            trace.concluded(self.ending(end.clone()));
        }
        let (reason, answer, extra) = match end {
            TurnEnd::Completed(said) => (None, said.text, said.extra),
            TurnEnd::Aborted(said) => (
                Some(said.text).filter(|why| !why.is_empty()),
                String::new(),
                said.extra,
            ),
            TurnEnd::Failed(event) => {
                let said = event.text();
                let (said, lead) = match said.trim() {
                    "" | "{}" => ("", NO_WORDS.to_owned()),
                    words => (words, format!("The turn failed: {words}")),
                };
                let message = if said.is_empty() { &lead } else { said };
                let error = Error::new(ErrorKind::Task, message).with_lead(lead.clone());
                return Err(self.named(error).with_reason("agent_error"));
            }
            TurnEnd::Broken(error) => {
                let error = error.with_events(self.progress.recent());
                return Err(self.api.without_key(error));
            }
        };
        let (duration, ended, mut odd, in_pieces, mut work) = {
            let state = self.progress.lock();
            let ended = state.log.end().is_some();
            let (odd, in_pieces) = (state.ids_are_odd, state.in_pieces);
            let work = state.assembly.clone();
            (state.log.duration(), ended, odd, in_pieces, work)
        };
        let nothing_said = work.text().is_empty() && answer.is_empty();
        let mut content = String::new();
        if !ended || odd || in_pieces || nothing_said || work.is_ambiguous() {
            let told = self.told(&mut work, ended, nothing_said).await?;
            // The pieces do not fit together: the whole is in the history.
            if in_pieces && let Some(whole) = told.whole {
                odd = true;
                work = whole;
            }
            content = told.content;
        }
        let settled = match odd {
            true => !content.is_empty(),
            false => !work.is_ambiguous(),
        };
        let texts = match odd {
            true => [content, work.text(), answer],
            false => [work.text(), content, answer],
        };
        let text = texts.into_iter().find(|text| !text.is_empty());
        // Where there is none it may stand where nobody looks for it.
        let text_is_certain = settled && (text.is_some() || !work.may_say());
        if !text_is_certain {
            tracing::warn!(
                session = %self.session_id(),
                "the frames and the history do not say for sure what the turn's text is: where frames repeat, or add to, \
                 their block, set `text_mode`; where their text has another name, tell `wire` (`text_kinds`, `text_fields`)"
            );
        }
        Ok(TurnResult {
            text: text.unwrap_or_default(),
            text_is_certain,
            status,
            reason,
            plan: work.plan().to_vec(),
            files: work.files().clone(),
            session_id: self.session_id().to_owned(),
            message_id: self.message_id().to_owned(),
            duration,
            extra,
        })
    }

    /// What the history says of the answer. It completes the work where not all
    /// of it was read here, and settles how its frames are read.
    async fn told(&self, work: &mut Assembly, ended: bool, nothing_said: bool) -> Result<Told> {
        let message = match self.message().await {
            // The session ended the turn by its end: there is no more than was read.
            Err(error) if ended && error.kind() == ErrorKind::NotFound => None,
            // What was read is worth more than an error.
            Err(_) if ended && !nothing_said => None,
            message => message?,
        };
        let Some(message) = message else {
            return Ok(Told::default());
        };
        let mut told = work.anew();
        events_of(&message).for_each(|event| told.add(&event));
        if told.is_ambiguous() {
            told.settle(&message.content);
        }
        if !ended {
            work.clone_from(&told);
        }
        // The history may keep a block as one frame.
        if work.is_ambiguous() && !work.settle(&message.content) && !told.is_ambiguous() {
            work.settle(&told.text());
        }
        let read = work.text();
        let same = [&message.content, &told.text()].contains(&&read);
        // A history that does not know of the end may lag behind.
        let differs = !same && TurnEnd::of_message(&message).is_some();
        Ok(Told {
            content: message.content,
            whole: differs.then_some(told),
        })
    }

    /// The turn's agent message in the history, if it is there.
    async fn message(&self) -> Result<Option<Message>> {
        self.progress.message(&self.api).await
    }

    /// Which setting may cure that the turn does not end; empty where nothing is odd.
    pub(crate) fn hint(&self) -> String {
        self.progress.cure()
    }

    pub(super) fn failure(&self, kind: ErrorKind, message: impl Into<String>) -> Error {
        self.named(Error::new(kind, message))
    }

    /// An error with what is known of the turn, and without the key.
    fn named(&self, error: Error) -> Error {
        let error = self.progress.name(error);
        self.api
            .without_key(error.with_events(self.progress.recent()))
    }
}

/// Of a turn whose end says no more than that it failed.
const NO_WORDS: &str =
    "The turn failed, and the service does not say why. Look at its events, or start it again";

/// What the history says of a turn's answer.
#[derive(Default)]
struct Told {
    /// The message's own text; may be empty.
    content: String,
    /// What its events add up to, where that is another text than what was read.
    whole: Option<Assembly>,
}

/// A turn's permit while its stream is read: free at once where its end was seen.
struct Taken(Permit, Arc<Progress>);

impl Drop for Taken {
    fn drop(&mut self) {
        let Self(permit, progress) = self;
        if progress.is_over() {
            permit.over();
        }
    }
}

fn over() -> Error {
    Error::invalid(
        "The turn is over: nothing can be sent to it. Start the next turn in its session",
    )
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn")
            .field("session_id", &self.session_id())
            .field("message_id", &self.message_id())
            .finish_non_exhaustive()
    }
}

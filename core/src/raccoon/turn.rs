//! One turn: from the request that starts it to its `task.*` end.

use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};

use super::assembly::Assembly;
use super::client::{Client, Started};
use super::config::RaccoonConfig;
use super::events::is_later;
use super::live::{Command, Live};
use super::models::{
    After, Attach, Message, Output, ResumePoint, StartTurn, StopResult, SuccessResult,
    TurnEventOptions, TurnMessage, TurnOperation, TurnResult, TurnState, TurnStatus,
};
use super::places::Place;
use super::wire_names::WireNames;
use super::{media, validate};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, EventType};
use crate::stream::{Batch, EventQueue, EventStream, Record, Watched, queue, within};

/// How many commands wait for the socket.
const COMMANDS_AHEAD: usize = 16;

/// A handle on one turn. Clones share it.
#[derive(Clone)]
pub struct Turn {
    client: Client,
    progress: Arc<Progress>,
    queue: EventQueue,
    commands: mpsc::Sender<Command>,
}

impl Turn {
    pub(super) async fn start(
        client: Client,
        session_id: String,
        start: StartTurn,
    ) -> Result<Self> {
        validate::session_id(&session_id)?;
        start.check()?;
        let files = client.upload_files(&session_id, &start.files).await?;
        let place = client.place().await?;
        let begun = Instant::now();
        let started = client.submit(&session_id, &start, &files).await?;
        let progress = Progress::new(session_id, started, begun);
        Ok(Self::follow(client, progress, start.events, place))
    }

    pub(super) async fn attach(client: Client, attach: Attach) -> Result<Self> {
        validate::session_id(&attach.session_id)?;
        validate::message_id(&attach.message_id)?;
        validate::event_options(&attach.events)?;
        client.closing().check()?;
        let started = Started {
            agent_message_id: attach.message_id.clone(),
            ..Started::default()
        };
        let mut progress = Progress::new(attach.session_id.clone(), started, Instant::now());
        if let Some(after) = &attach.after {
            // What came before that place is part of the turn all the same.
            let history = client.get(&attach.session_id).await?;
            let message = history
                .messages
                .into_iter()
                .find(|message| message.id == attach.message_id);
            progress.skip(after, message.as_ref());
        }
        Ok(Self::follow(client, progress, attach.events, None))
    }

    /// Follows a turn; its place is kept until its stream ends.
    fn follow(
        client: Client,
        progress: Progress,
        options: TurnEventOptions,
        place: Option<Place>,
    ) -> Self {
        let progress = Arc::new(progress);
        let (producer, queue) = queue();
        let (commands, receiver) = mpsc::channel(COMMANDS_AHEAD);
        let live = Live::new(
            client.clone(),
            progress.clone(),
            options,
            producer.clone(),
            receiver,
        );
        producer.drive(async move {
            let _place = place;
            live.run().await;
        });
        Self {
            client,
            progress,
            queue,
            commands,
        }
    }

    /// The turn's session.
    pub fn session_id(&self) -> &str {
        &self.progress.session_id
    }

    /// The agent message that names the turn.
    pub fn message_id(&self) -> &str {
        &self.progress.started.agent_message_id
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

    /// How many turns go before this one; 0 once it runs.
    pub fn queue_position(&self) -> Option<u64> {
        self.progress.lock().queue_position(&self.progress.started)
    }

    /// How far the stream was received. An [`Attach::resume`] goes on there;
    /// for the place after an event that you handled last, take its id and its
    /// [`frame`](Event::frame).
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
        let limit = self.client.config().timeout();
        let until = tokio::time::Instant::now() + limit;
        let frame = Frame::Message(message);
        let sending = self.client.closing().until_closed(self.command(frame));
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

    async fn stop_by(&self, timeout: Duration, frame: Option<Value>) -> Result<StopResult> {
        let until = tokio::time::Instant::now().checked_add(timeout);
        let stopping = self.client.closing().until_closed(async {
            if self.progress.end().is_none() {
                self.command(Frame::Stop(frame)).await?;
            }
            self.wait_for_end().await
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
        let waiting = self.client.closing().until_closed(async {
            let end = self.wait_for_end().await?;
            self.conclude(end).await
        });
        within(until, waiting).await.unwrap_or_else(|| {
            let seconds = timeout.unwrap_or_default().as_secs_f64();
            Err(self.failure(
                ErrorKind::TaskTimeout,
                format!(
                    "The turn did not end within {seconds} s. It goes on: wait again, or stop it"
                ),
            ))
        })
    }

    /// Stops reading the turn's events and frees the socket. The turn goes on.
    pub fn close(&self) {
        self.queue.close();
    }

    /// Carries an operation out. Dropping the future drops the wait.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub fn execute(
        &self,
        operation: TurnOperation,
    ) -> impl Future<Output = Result<Output>> + Send + 'static {
        let turn = self.clone();
        Box::pin(async move { turn.run(operation).await })
    }

    async fn run(&self, operation: TurnOperation) -> Result<Output> {
        Ok(match operation {
            TurnOperation::SendMessage(message) => {
                Output::Success(self.send_message(message).await?)
            }
            TurnOperation::Stop { timeout, frame } => {
                let timeout = validate::seconds("timeout", timeout)?;
                Output::Stop(self.stop_by(timeout, frame).await?)
            }
            TurnOperation::Result { timeout } => {
                let timeout = timeout
                    .map(|seconds| validate::seconds("timeout", seconds))
                    .transpose()?;
                Output::TurnResult(Box::new(self.result(timeout).await?))
            }
        })
    }

    /// The frame that an operation is to send, for language bindings whose users
    /// write it in their own way; null for one that sends none.
    ///
    /// # Errors
    /// Bad input, as the operation itself would refuse it.
    pub fn frame(&self, operation: TurnOperation) -> Result<Value> {
        let frame = match operation {
            TurnOperation::SendMessage(message) => {
                validate::message(&message.text)?;
                Frame::Message(message)
            }
            TurnOperation::Stop { frame, .. } => Frame::Stop(frame),
            TurnOperation::Result { .. } => return Ok(Value::Null),
        };
        Ok(frame.encode(self.client.config()))
    }

    /// Hands a frame to the socket, once that is open.
    async fn command(&self, frame: Frame) -> Result<()> {
        if self.progress.end().is_some() {
            return Err(Error::invalid(
                "The turn is over: nothing can be sent to it. Start the next turn in its session",
            ));
        }
        let is_stop = matches!(frame, Frame::Stop(_));
        let text = frame.encode(self.client.config()).to_string();
        if self.queue.is_closed() {
            // Its events are not read any more, so that it has no socket.
            return self.send_alone(text).await;
        }
        let (done, answer) = oneshot::channel();
        let command = Command {
            text: text.clone(),
            done,
        };
        if self.commands.send(command).await.is_err() {
            return self.send_alone(text).await;
        }
        match answer.await {
            Ok(sent) => sent,
            // The socket was closed meanwhile. Stopping twice is stopping once.
            Err(_) if is_stop => self.send_alone(text).await,
            Err(_) => Err(Error::new(
                ErrorKind::Connection,
                "The turn's socket was closed while the message was sent",
            )
            .with_maybe_delivered("It may have arrived all the same: look at the turn's events.")),
        }
    }

    /// Sends a frame on a socket of its own.
    async fn send_alone(&self, frame: String) -> Result<()> {
        let keep_alive = TurnEventOptions::default().keep_alive()?;
        let after = self.progress.entry();
        let mut socket = self
            .client
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

    async fn wait_for_end(&self) -> Result<TurnEnd> {
        loop {
            let change = self.progress.state.change();
            if let Some(end) = self.progress.end() {
                return Ok(end);
            }
            if change.or_time_to_look(&self.queue).await
                && let Some(message) = self.message().await?
                && let Some(end) = TurnEnd::of_message(&message)
            {
                return Ok(end);
            }
        }
    }

    async fn conclude(&self, end: TurnEnd) -> Result<TurnResult> {
        let (status, reason) = match end {
            TurnEnd::Completed => (TurnStatus::Completed, None),
            TurnEnd::Aborted(reason) => (TurnStatus::Aborted, reason),
            TurnEnd::Failed(event) => {
                return Err(self
                    .failure(ErrorKind::Task, event.text())
                    .with_reason("agent_error"));
            }
            TurnEnd::Broken(error) => return Err(error.with_events(self.progress.recent())),
        };
        let (duration, ended, mut work) = {
            let state = self.progress.lock();
            let ended = state.record.end().is_some();
            (state.record.duration(), ended, state.assembly.clone())
        };
        let mut text = work.text();
        if !ended || text.is_empty() {
            // Not all of it was read here, or the answer is in no event.
            let message = match self.message().await {
                // The session ended the turn by its end: there is no more than was read.
                Err(error) if ended && error.kind() == ErrorKind::NotFound => None,
                message => message?,
            };
            if !ended && let Some(message) = &message {
                work = Assembly::new();
                events_of(message).for_each(|event| work.add(&event));
                text = work.text();
            }
            if text.is_empty() {
                text = message.map(|message| message.content).unwrap_or_default();
            }
        }
        Ok(TurnResult {
            text,
            status,
            reason,
            plan: work.plan().to_vec(),
            files: work.files().clone(),
            session_id: self.session_id().to_owned(),
            message_id: self.message_id().to_owned(),
            duration,
        })
    }

    /// The turn's agent message in the history, if it is there.
    async fn message(&self) -> Result<Option<Message>> {
        self.progress.message(&self.client).await
    }

    fn failure(&self, kind: ErrorKind, message: impl Into<String>) -> Error {
        self.progress
            .name(Error::new(kind, message))
            .with_events(self.progress.recent())
    }
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn")
            .field("session_id", &self.session_id())
            .field("message_id", &self.message_id())
            .finish_non_exhaustive()
    }
}

/// What a client tells the service on a turn's socket
/// (docs/spec/raccoon.md, section 5.4).
enum Frame {
    Message(TurnMessage),
    /// With the frame to send, where the caller gave one.
    Stop(Option<Value>),
}

impl Frame {
    fn encode(self, config: &RaccoonConfig) -> Value {
        let given = match &self {
            Self::Message(message) => message.frame.clone(),
            Self::Stop(frame) => frame.clone(),
        };
        given.unwrap_or_else(|| {
            let usual = self.usual(&config.wire);
            match &config.encode_frame {
                Some(encoder) => encoder.encode(usual),
                None => Value::Object(usual),
            }
        })
    }

    fn usual(self, wire: &WireNames) -> Map<String, Value> {
        let mut frame = Map::new();
        let name = match &self {
            Self::Message(_) => &wire.message_frame,
            Self::Stop(_) => &wire.stop_frame,
        };
        frame.insert(wire.frame_type.clone(), name.as_str().into());
        if let Self::Message(message) = self {
            frame.insert(wire.message_text.clone(), message.text.into());
            let files = media::references(&message.files, wire);
            frame.insert(wire.message_files.clone(), files);
            frame.insert(wire.message_references.clone(), message.references.into());
        }
        frame
    }
}

/// The events that the history holds of a turn, as it orders them.
pub(super) fn events_of(message: &Message) -> impl Iterator<Item = Event> + '_ {
    message
        .events
        .iter()
        .map(|frame| Event::from_frame(frame.get()))
}

/// How a turn ended.
#[derive(Debug, Clone)]
pub(super) enum TurnEnd {
    Completed,
    Aborted(Option<String>),
    Failed(Event),
    Broken(Error),
}

impl TurnEnd {
    fn of_event(event: &Event) -> Option<Self> {
        match event.event_type() {
            EventType::TaskCompleted => Some(Self::Completed),
            EventType::TaskAborted => Some(Self::Aborted(
                Some(event.text()).filter(|why| !why.is_empty()),
            )),
            EventType::TaskError => Some(Self::Failed(event.clone())),
            _ => None,
        }
    }

    /// The end that the history tells of.
    pub(super) fn of_message(message: &Message) -> Option<Self> {
        events_of(message)
            .find_map(|event| Self::of_event(&event))
            .or_else(|| message.aborted.then_some(Self::Aborted(None)))
    }

    fn status(&self) -> TurnStatus {
        match self {
            Self::Completed => TurnStatus::Completed,
            Self::Aborted(_) => TurnStatus::Aborted,
            Self::Failed(_) => TurnStatus::Failed,
            Self::Broken(_) => TurnStatus::Unknown,
        }
    }
}

/// What is known of a turn: written by its stream, read by its handles.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) session_id: String,
    pub(super) started: Started,
    /// Everything up to this event is left out.
    pub(super) baseline: i64,
    state: Watched<State>,
}

#[derive(Debug)]
struct State {
    record: Record<TurnEnd>,
    assembly: Assembly,
    resume_from: Option<String>,
    /// The newest stream entry seen.
    last_entry: Option<String>,
    /// The newest event.
    last_event: Option<i64>,
    /// Whether that event named its stream entry.
    entry_is_of_event: bool,
}

/// Below every event id: not even the first one is taken for old.
const BEFORE_ALL: i64 = -1;

impl Progress {
    fn new(session_id: String, started: Started, begun: Instant) -> Self {
        Self {
            session_id,
            started,
            baseline: BEFORE_ALL,
            state: Watched::new(State {
                record: Record::new(begun),
                assembly: Assembly::new(),
                resume_from: None,
                last_entry: None,
                last_event: None,
                entry_is_of_event: true,
            }),
        }
    }

    /// Takes what the history tells up to this place as known.
    fn skip(&mut self, after: &After, message: Option<&Message>) {
        let (entry, event_id) = match after {
            After::Entry(entry) => (Some(entry.clone()), None),
            After::Point {
                last_stream_entry_id,
                last_event_id,
            } => (last_stream_entry_id.clone(), *last_event_id),
        };
        let mut baseline = event_id.unwrap_or(BEFORE_ALL);
        let state = self.state.get_mut();
        for event in message.into_iter().flat_map(events_of) {
            let place = event.frame().and_then(|frame| frame.stream_entry_id);
            let known = match (event.id(), event_id, &place, &entry) {
                (Some(id), Some(last), _, _) => id <= last,
                (_, _, Some(place), Some(last)) => !is_later(place, last),
                _ => false,
            };
            if known {
                baseline = baseline.max(event.id().unwrap_or(BEFORE_ALL));
                state.assembly.add(&event);
                state.last_entry = place.or(state.last_entry.take());
            }
        }
        state.last_entry = entry.or(state.last_entry.take());
        state.last_event = (baseline > BEFORE_ALL).then_some(baseline);
        state.entry_is_of_event = state.last_entry.is_some();
        self.baseline = baseline;
    }

    /// Notes an event of this turn.
    pub(super) fn saw(&self, event: &Event) {
        let entry = event.frame().and_then(|frame| frame.stream_entry_id);
        let mut state = self.lock();
        state.assembly.add(event);
        if let Some(id) = event.id() {
            state.last_event = state.last_event.max(Some(id));
            state.entry_is_of_event = entry.is_some();
        }
        if let Some(entry) = entry
            && state
                .last_entry
                .as_deref()
                .is_none_or(|last| is_later(&entry, last))
        {
            state.last_entry = Some(entry);
        }
        if let Some(end) = TurnEnd::of_event(event) {
            state.record.end_with(end);
        }
        state.record.saw(event);
    }

    /// A connection stands, and goes on from there.
    pub(super) fn resumes_from(&self, resume_from: String) {
        self.lock().resume_from = Some(resume_from);
    }

    /// The stream entry to go on from: none where nothing was seen, or where
    /// the newest event did not name its own.
    pub(super) fn entry(&self) -> Option<String> {
        let state = self.lock();
        state.last_entry.clone().filter(|_| state.entry_is_of_event)
    }

    /// Whether any event was seen.
    pub(super) fn has_events(&self) -> bool {
        self.lock().last_event.is_some()
    }

    /// Tells those who wait that something was noted.
    pub(super) fn publish(&self) {
        self.state.publish();
    }

    /// Notes how the turn ended. Only the first end counts.
    pub(super) fn end_with(&self, end: TurnEnd) {
        self.lock().record.end_with(end);
        self.publish();
    }

    /// An error about this turn: it says where to attach.
    pub(super) fn name(&self, error: Error) -> Error {
        let state = self.lock();
        let error = error
            .with_session(&self.session_id)
            .with_turn(&self.started.agent_message_id, state.last_entry.as_deref());
        match state.last_event {
            Some(id) => error.with_last_event_id(id),
            None => error,
        }
    }

    /// The turn's agent message in the history, if it is there.
    pub(super) async fn message(&self, client: &Client) -> Result<Option<Message>> {
        let history = client.get(&self.session_id).await?;
        Ok(history
            .messages
            .into_iter()
            .find(|message| message.id == self.started.agent_message_id))
    }

    fn end(&self) -> Option<TurnEnd> {
        self.lock().record.end()
    }

    fn recent(&self) -> Vec<Event> {
        self.lock().record.recent()
    }

    fn snapshot(&self) -> TurnState {
        let state = self.lock();
        TurnState {
            session_id: self.session_id.clone(),
            message_id: self.started.agent_message_id.clone(),
            user_message_id: self.started.user_message_id.clone(),
            workflow_id: self.started.workflow_id.clone(),
            status: state.status(&self.started),
            queue_position: state.queue_position(&self.started),
            resume_from: state.resume_from.clone(),
            text: state.assembly.text(),
            plan: state.assembly.plan().to_vec(),
            files: state.assembly.files().clone(),
            resume_point: self.resume_point(&state),
        }
    }

    fn resume_point(&self, state: &State) -> ResumePoint {
        ResumePoint {
            session_id: self.session_id.clone(),
            message_id: self.started.agent_message_id.clone(),
            last_stream_entry_id: state.last_entry.clone(),
            last_event_id: state.last_event,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    fn status(&self, started: &Started) -> TurnStatus {
        if let Some(end) = self.record.end() {
            return end.status();
        }
        let queued = started.status.as_deref() == Some("queued")
            || started.queue_position.is_some_and(|position| position > 0);
        match started.status.as_deref() {
            _ if !self.record.is_empty() => TurnStatus::Running,
            _ if queued => TurnStatus::Queued,
            Some("running") => TurnStatus::Running,
            _ => TurnStatus::Submitted,
        }
    }

    fn queue_position(&self, started: &Started) -> Option<u64> {
        if self.record.is_empty() && self.record.end().is_none() {
            started.queue_position
        } else {
            Some(0)
        }
    }
}

type EventHandler = Box<dyn FnMut(&Event) + Send>;

/// Parameters of `run_turn`: a turn, and who watches it.
pub struct RunTurn {
    start: StartTurn,
    timeout: Option<Duration>,
    stop_on_timeout: bool,
    on_event: Option<EventHandler>,
}

impl RunTurn {
    /// A turn with neither a handler nor a timeout.
    pub fn new(prompt: impl Into<String>) -> Self {
        StartTurn::new(prompt).into()
    }

    /// The most time that the turn may take, uploads included. It goes on
    /// afterwards, unless [`stop_on_timeout`](Self::stop_on_timeout) is set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Stops the turn when the timeout passes.
    pub fn stop_on_timeout(mut self) -> Self {
        self.stop_on_timeout = true;
        self
    }

    /// Called with each event.
    pub fn on_event(mut self, handler: impl FnMut(&Event) + Send + 'static) -> Self {
        self.on_event = Some(Box::new(handler));
        self
    }

    /// Runs the turn in a session.
    pub(super) async fn run(mut self, client: &Client, session_id: &str) -> Result<TurnResult> {
        // A limit beyond what the clock can hold is none.
        let until = self
            .timeout
            .and_then(|limit| tokio::time::Instant::now().checked_add(limit));
        let seconds = self.timeout.unwrap_or_default().as_secs_f64();
        let late = format!(
            "The turn did not end within {seconds} s. Unless it was stopped it goes on in its session"
        );
        let turn = within(until, client.start_turn(session_id, self.start.clone()))
            .await
            .unwrap_or_else(|| {
                Err(Error::new(ErrorKind::TaskTimeout, late.as_str()).with_session(session_id))
            })?;
        match within(until, self.follow(&turn)).await {
            Some(result) => result,
            None => {
                if self.stop_on_timeout {
                    // The timeout is what the caller must hear of.
                    let _ = turn.stop(Duration::from_secs(10)).await;
                }
                Err(turn.failure(ErrorKind::TaskTimeout, late))
            }
        }
    }

    async fn follow(&mut self, turn: &Turn) -> Result<TurnResult> {
        // Read also where nobody looks: a full queue would hold the stream back.
        // Not as a stream: dropping that would take the socket from a stop.
        loop {
            match turn.queue.try_take(512) {
                Batch::Events(events) => {
                    if let Some(handler) = &mut self.on_event {
                        events.iter().for_each(handler);
                    }
                }
                Batch::Empty => turn.queue.wait().await,
                Batch::Ended | Batch::Failed(_) => return turn.result(None).await,
            }
        }
    }
}

impl From<StartTurn> for RunTurn {
    fn from(start: StartTurn) -> Self {
        Self {
            start,
            timeout: None,
            stop_on_timeout: false,
            on_event: None,
        }
    }
}

impl std::fmt::Debug for RunTurn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunTurn")
            .field("start", &self.start)
            .finish_non_exhaustive()
    }
}

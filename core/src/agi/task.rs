//! One task: from the message that starts it to its `done` or `error`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::api::{Api, first_outcome};
use super::busy::Busy;
use super::claim::{Claim, LastTask, newest_answered, open_question};
use super::driver::{self, Scope};
use super::models::{
    EventOptions, ExecutionStatus, ListMessages, Message, Messages, SendMessage, StartTask,
    SuccessResult, TaskResult,
};
use super::progress::{Identity, Progress, TaskEnd};
use super::question::Closed;
use super::validate;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::handle::{Digest, Handle, TaskHandle};
use crate::stream::{EventQueue, EventStream, queue};
use crate::telemetry::Trace;
use crate::unix_time;

/// A handle on one task. Clones share it.
///
/// Its events and its result are this task's alone, also in a session that ran
/// tasks before.
///
/// # Panics
/// Every async call, where no tokio runtime polls it.
#[derive(Clone)]
pub struct Task {
    api: Api,
    progress: Arc<Progress>,
    queue: EventQueue,
}

impl Task {
    pub(super) async fn start(api: Api, session_id: String, start: StartTask) -> Result<Self> {
        validate::session_id(&session_id)?;
        start.check()?;
        let message = SendMessage {
            message: start.message,
            start_url: start.start_url,
        };
        let vacancy = match api.vacancy(&session_id, start.if_busy).await? {
            Ok(vacancy) => vacancy,
            Err(busy) => return Err(in_progress(&api, &session_id, busy)),
        };
        Self::send(&api, &session_id, vacancy.baseline, &message, start.events).await
    }

    /// Sends the message of a task to a session that can take one. The caller has its start.
    pub(super) async fn send(
        api: &Api,
        session_id: &str,
        baseline: i64,
        message: &SendMessage,
        events: EventOptions,
    ) -> Result<Self> {
        let identity = Identity {
            baseline,
            started: Instant::now(),
            message: Digest::of(&message.message),
        };
        let task = Self::follow(api, session_id, identity, baseline, events);
        // Said before it is sent: this call may be dropped while nobody knows.
        api.task_begins(session_id, Claim::new(&task.progress, &task.queue));
        if let Err(error) = api.send_message(session_id, message).await {
            if !error.maybe_delivered() {
                api.task_is_over(session_id, baseline);
            }
            return Err(error);
        }
        task.queue.want();
        Ok(task)
    }

    /// A handle on a task that was sent before: its events after `begins_after`, and what the
    /// messages since its baseline say of it.
    pub(super) fn go_on(
        api: &Api,
        session_id: &str,
        identity: Identity,
        begins_after: i64,
        events: EventOptions,
        seen: &Messages,
    ) -> Self {
        let task = Self::follow(api, session_id, identity, begins_after, events);
        let end = first_outcome(seen);
        if let Some(end) = end.filter(|end| end.id <= begins_after)
            && let Some(end) = Event::from_message(end)
        {
            // The stream has nothing more to give.
            task.progress.saw(&end);
            task.queue.end_unread();
            return task;
        }
        // Replayed, it is not open again.
        task.progress.lock().answered = newest_answered(seen);
        if end.is_none() {
            if let Some(question) = open_question(seen) {
                task.progress.saw(&question);
            }
            api.task_goes_on(session_id, Claim::new(&task.progress, &task.queue));
        }
        task.queue.want();
        task
    }

    /// A handle on the task that began after this message. Its events are read once
    /// somebody wants them.
    fn follow(
        api: &Api,
        session_id: &str,
        identity: Identity,
        begins_after: i64,
        events: EventOptions,
    ) -> Self {
        let progress = Progress::new(session_id.to_owned(), identity, begins_after);
        progress.lock().log.tell(api.trace());
        let progress = Arc::new(progress);
        let (producer, queue) = queue();
        // The history covers what happens before the stream is open; older
        // tasks are told apart by the baseline.
        let options = EventOptions {
            include_history: true,
            ..events
        };
        let scope = Scope::Task(progress.clone());
        driver::spawn(api, session_id, options, scope, producer);
        Self {
            api: api.clone(),
            progress,
            queue,
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

    /// What the span of this task is to say (see [`Trace::report`]), where it has one.
    #[doc(hidden)]
    pub fn report(&self, error: Option<&str>) -> Option<String> {
        let trace = self.api.trace()?;
        trace.of_session(self.session_id());
        let end = self.progress.lock().log.end();
        Some(trace.told(end.map(TaskEnd::ending), error))
    }

    pub(crate) fn call_trace(&self) -> Option<&Trace> {
        self.api.trace()
    }

    /// A trace for a span of a call about this task.
    #[doc(hidden)]
    pub fn trace(&self, content: Option<&str>) -> Trace {
        Trace::new(self.api.config(), content)
    }

    /// The task's session.
    pub fn session_id(&self) -> &str {
        &self.progress.session_id
    }

    /// The task's events as a stream. Dropping it stops reading; the task goes
    /// on. A task has one: a second call gives a stream that only says so, with
    /// an error.
    pub fn events(&self) -> EventStream {
        EventStream::only(&self.queue, "task")
    }

    /// The queue behind [`events`](Self::events).
    pub fn queue(&self) -> &EventQueue {
        &self.queue
    }

    /// The task and how far its events were given to you, as a short text: keep it, and
    /// [`Client::resume`](super::Client::resume) gives the task again, in any process and any
    /// language. Makes no request.
    ///
    /// An event counts as given once you have it: keep the handle after you handled the event.
    /// The handle holds no key and not what was sent. It has at most 200 bytes, letters, digits,
    /// `.`, `_` and `-`, unless the session's id is longer than 100 bytes.
    pub fn handle(&self) -> String {
        self.handle_of_reader(self.queue.held())
    }

    /// The same where the reader of the queue holds so many events that it took and gave to
    /// nobody.
    #[doc(hidden)]
    pub fn handle_of_reader(&self, held: usize) -> String {
        let identity = &self.progress.identity;
        let handed_over = self.queue.handed_over(held);
        Handle::Task(TaskHandle {
            session_id: self.session_id().to_owned(),
            baseline: identity.baseline,
            position: self.progress.position_after(handed_over),
            started: unix_time::of(identity.started),
            message: identity.message,
        })
        .encode()
    }

    /// The question that waits for an answer.
    pub fn question(&self) -> Option<Event> {
        self.progress.lock().question.clone()
    }

    /// Answers the open question, after a look whether it is open still: another client, or
    /// another handle, may have answered it, cancelled the task, or started another one.
    ///
    /// # Errors
    /// `InvalidRequest` where no question is open, `TaskError` where it is not any more: nothing
    /// was sent then. Else those of [every call](crate#errors).
    pub async fn answer(&self, text: impl Into<String>) -> Result<SuccessResult> {
        self.answer_to(text.into(), None).await
    }

    /// The same to the question of this id alone: while somebody thought about it, another one
    /// may have been asked, which this is no answer to.
    #[doc(hidden)]
    pub async fn answer_to(&self, text: String, asked: Option<i64>) -> Result<SuccessResult> {
        let message = SendMessage::new(text);
        validate::text("text", &message.message)?;
        // A close ends the stream too, and with it what is known to be open.
        self.api.closing().check()?;
        let Some((question, answered_before)) = self.progress.begin_answer(asked) else {
            if asked.is_some() {
                return Err(self.closed("it has an answer, or its task is over"));
            }
            return Err(Error::invalid(
                "This task has no open question. To tell the agent something else, use `send_message`",
            ));
        };
        let sent = match self.still_asked(&question).await {
            Ok(()) => self.api.send_message(self.session_id(), &message).await,
            Err(error) => Err(error),
        };
        let mut state = self.progress.lock();
        if sent.is_err() {
            state.answered = answered_before;
            if state.question.is_none() && state.log.end().is_none() && state.asked == question.id()
            {
                state.question = Some(question);
            }
        }
        drop(state);
        sent
    }

    /// Looks whether nobody answered this question, and nothing ended its task.
    async fn still_asked(&self, question: &Event) -> Result<()> {
        let before = question.id().map(|asked| asked - 1);
        let after_id = before.unwrap_or_else(|| self.progress.baseline());
        let same = |_: &Messages| Some(question.clone());
        let looked = self
            .api
            .look_for_question(self.session_id(), after_id, same);
        match looked.await? {
            Ok(_) => Ok(()),
            Err(closed) => Err(self.closed(closed.why)),
        }
    }

    fn closed(&self, why: &str) -> Error {
        self.failure(ErrorKind::Task, Closed::text(why))
            .with_reason("question_closed")
    }

    /// Tells the agent more about the same task.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn send_message(&self, text: impl Into<String>) -> Result<SuccessResult> {
        let message = SendMessage::new(text);
        validate::text("text", &message.message)?;
        self.api.send_message(self.session_id(), &message).await
    }

    /// Pauses the task.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn pause(&self) -> Result<SuccessResult> {
        self.api.command(self.session_id(), "pause").await
    }

    /// Goes on with the task.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn resume(&self) -> Result<SuccessResult> {
        self.api.command(self.session_id(), "resume").await
    }

    /// Cancels the task and ends every wait for it. The session stays usable.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn cancel(&self) -> Result<SuccessResult> {
        let last = self.api.cached(self.session_id());
        let cancelled = self.api.command(self.session_id(), "cancel").await?;
        self.progress.end(TaskEnd::Cancelled);
        self.queue.finish(Ok(()));
        // The handle that it was started with, where this is another one.
        if let Some(LastTask::Open(claim)) = last.map(|known| known.last) {
            claim.cancelled();
        }
        Ok(cancelled)
    }

    /// The execution status, asked from the service.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn status(&self) -> Result<ExecutionStatus> {
        self.api.status(self.session_id()).await
    }

    /// Waits for the result. The events need not be read.
    ///
    /// # Errors
    /// `TaskError` when the agent failed or left no result, `QuestionPending`
    /// while a question is open (answer it and call again), `TaskTimeout` when
    /// `timeout` passes; the task goes on then.
    pub async fn result(&self, timeout: Option<Duration>) -> Result<TaskResult> {
        let waiting = async {
            let closing = self.api.closing();
            let result = closing.until_closed(self.wait_for_result()).await;
            // What failed may quote what the agent said.
            result.map_err(|error| self.api.without_key(error))
        };
        let Some(timeout) = timeout else {
            return waiting.await;
        };
        tokio::time::timeout(timeout, waiting)
            .await
            .unwrap_or_else(|_| {
                Err(self.failure(
                    ErrorKind::TaskTimeout,
                    format!(
                        "The task did not end within {} s. It goes on: wait again, or cancel it",
                        timeout.as_secs_f64()
                    ),
                ))
            })
    }

    /// The latest events, oldest first.
    pub(super) fn recent(&self) -> Vec<Event> {
        self.progress.recent()
    }

    /// Stops reading the task's events and frees the socket. The task goes on.
    pub fn close(&self) {
        self.queue.close();
    }

    async fn wait_for_result(&self) -> Result<TaskResult> {
        self.queue.want();
        loop {
            let change = self.progress.state.change();
            let (end, question) = {
                let state = self.progress.lock();
                (state.log.end(), state.question.clone())
            };
            match (end, question) {
                (Some(end), _) => return self.conclude(end).await,
                (None, Some(question)) => {
                    // A replay may show a question that has its answer.
                    if self.status().await?.status == "waiting_for_input" {
                        return Err(self.pending(question));
                    }
                }
                (None, None) => {}
            }
            if change.or_time_to_poll(&self.queue).await
                && let Some(end) = self.poll_messages().await?
            {
                return self.conclude(end).await;
            }
        }
    }

    /// How the task ended or what it asks, by its messages.
    async fn poll_messages(&self) -> Result<Option<TaskEnd>> {
        let seen = self.messages().await?;
        if let Some(outcome) = first_outcome(&seen).and_then(Event::from_message) {
            return Ok(TaskEnd::of_event(&outcome));
        }
        if let Some(question) = open_question(&seen) {
            self.progress.saw(&question);
            return Err(self.pending(question));
        }
        Ok(None)
    }

    async fn conclude(&self, end: TaskEnd) -> Result<TaskResult> {
        let duration = self.progress.duration();
        if let Some(trace) = self.api.trace() {
            trace.concluded(end.clone().ending());
        }
        match end {
            TaskEnd::Done(event) => {
                // The stream proves the end; the history has the whole content.
                let seen = self.messages().await.ok();
                self.build_result(&event, seen, duration)
            }
            TaskEnd::Failed(event) => {
                let text = event.text();
                let text = if text.is_empty() { "no reason given".to_owned() } else { text };
                Err(self.failure(ErrorKind::Task, text).with_reason("agent_error"))
            }
            TaskEnd::WithoutResult => Err(self
                .failure(
                    ErrorKind::Task,
                    "The task ended without a result: it was cancelled elsewhere, or the service lost it. \
                     Read the session's messages, or start it again",
                )
                .with_reason("ended_without_result")),
            TaskEnd::Cancelled => Err(self
                .failure(ErrorKind::Task, "The task was cancelled by this client")
                .with_reason("cancelled")),
            TaskEnd::Broken(error) => Err(error.with_events(self.progress.recent())),
        }
    }

    fn build_result(
        &self,
        event: &Event,
        seen: Option<Messages>,
        duration: Duration,
    ) -> Result<TaskResult> {
        let mut messages = seen.map(|seen| seen.messages).unwrap_or_default();
        if let Some(id) = event.id() {
            // What comes after belongs to a later task.
            messages.retain(|message| message.id <= id);
        }
        let done = messages
            .iter()
            .rev()
            .find(|message| message.message_type == "DONE" && message.id > 0)
            .cloned();
        let done = match done {
            Some(done) => done,
            None => message_of(event).ok_or_else(|| self.unreadable(event))?,
        };
        Ok(TaskResult {
            text: done.done_text(),
            data: done.content,
            message_id: (done.id != 0).then_some(done.id),
            messages,
            duration,
            metadata: done.metadata,
            session_id: self.session_id().to_owned(),
        })
    }

    /// The end that came without a result that can be read.
    fn unreadable(&self, event: &Event) -> Error {
        let begin: String = event.raw().chars().take(200).collect();
        self.failure(
            ErrorKind::Task,
            format!(
                "The task is done, but its result cannot be read: {begin}. Read `raw` of the last event, or the session's \
                 messages"
            ),
        )
        .with_reason("unreadable_result")
    }

    async fn messages(&self) -> Result<Messages> {
        let options = ListMessages {
            after_id: self.progress.baseline(),
            sanitize: true,
        };
        self.api.messages(self.session_id(), &options).await
    }

    fn pending(&self, question: Event) -> Error {
        self.failure(
            ErrorKind::QuestionPending,
            format!(
                "The agent asks: {} Answer with `task.answer(...)` and wait again, or pass `on_question`",
                question.text()
            ),
        )
        .with_question(question)
        .with_handle(self.clone())
    }

    fn failure(&self, kind: ErrorKind, message: impl Into<String>) -> Error {
        let error = Error::new(kind, message)
            .with_session(self.session_id())
            .with_events(self.progress.recent());
        self.api.without_key(error)
    }
}

impl Error {
    /// A handle on the task that the error is about, where it can still be used: the
    /// one that waits for an answer (`QuestionPending`), or the one that runs in a session
    /// that was to start another (`Conflict`), if this client started it.
    pub fn task(&self) -> Option<Task> {
        self.handle::<Task>().cloned()
    }
}

/// Nothing was sent: the session has a task that has not ended.
pub(super) fn in_progress(api: &Api, session_id: &str, busy: Busy) -> Error {
    let question = busy.question;
    let asks = question.as_ref().map(|question| question.text());
    let what = match &asks {
        Some(asks) => format!(
            "The session's last task has not ended: it waits for an answer to \"{asks}\". Nothing was sent"
        ),
        None => "The session's last task has not ended. Nothing was sent".to_owned(),
    };
    let own = busy.claim.is_some();
    let first = match (asks.is_some(), own) {
        (true, true) => "Answer it with `answer` of this error's `task`",
        (true, false) => "Answer it with `send_message` of the session",
        (false, true) => "Wait for it with `result` of this error's `task`",
        (false, false) => "Wait for it with `wait` of the session",
    };
    let advice = format!(
        "{first}, cancel it with `cancel`, or pass `if_busy`: \"wait\" lets it end first, \"cancel\" gives it up."
    );
    let mut error = Error::new(ErrorKind::Conflict, what)
        .with_code("task_in_progress")
        .with_session(session_id)
        .with_advice(&advice);
    if let Some(claim) = busy.claim {
        let baseline = claim.baseline();
        let task = Task::follow(
            api,
            session_id,
            claim.identity,
            baseline,
            EventOptions::default(),
        );
        if let Some(question) = &question {
            task.progress.saw(question);
        }
        error = error.with_handle(task);
    }
    match question {
        Some(question) => error.with_question(question),
        None => error,
    }
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task")
            .field("session_id", &self.session_id())
            .finish_non_exhaustive()
    }
}

/// The `DONE` message that a `done` event stands for. `None` where its data
/// begins as JSON and is none: what it says nobody knows.
fn message_of(event: &Event) -> Option<Message> {
    let data = event.data();
    let begins_as_json = event.raw().trim_start().starts_with(['{', '[', '"']);
    if begins_as_json && !event.is_json() {
        return None;
    }
    Some(Message {
        id: event.id().unwrap_or(0),
        message_type: "DONE".to_owned(),
        content: match data.get("result") {
            Some(result) if !result.is_null() => result.clone(),
            _ => Value::String(event.text()),
        },
        timestamp: None,
        metadata: Map::new(),
        extra: Map::new(),
    })
}

//! Runs a task to its end: who watches it, and who answers its questions.

use std::pin::Pin;
use std::time::Duration;

use super::answer::{Answer, Answering};
use super::api::Api;
use super::models::{IfBusy, StartTask, TaskResult};
use super::task::Task;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, EventType};
use crate::stream::within;

type EventHandler = Box<dyn FnMut(&Event) + Send>;

/// A task on its way to its start.
pub(super) type Starting<'a> = Pin<Box<dyn Future<Output = Result<Task>> + Send + 'a>>;

type QuestionHandler = Box<dyn FnMut(Event) -> Answering + Send>;

/// Parameters of `run_task`: a task, and who answers its questions.
pub struct RunTask {
    start: StartTask,
    timeout: Option<Duration>,
    cancel_on_timeout: bool,
    /// Its session is deleted when it is over.
    session_ends: bool,
    on_event: Option<EventHandler>,
    on_question: Option<QuestionHandler>,
}

impl RunTask {
    /// A task with neither handlers nor a timeout.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            start: StartTask::new(message),
            timeout: None,
            cancel_on_timeout: false,
            session_ends: false,
            on_event: None,
            on_question: None,
        }
    }

    /// The page to open first.
    pub fn start_url(mut self, url: impl Into<String>) -> Self {
        self.start = self.start.start_url(url);
        self
    }

    /// What to do where the session's last task has not ended. Default: refuse.
    pub fn if_busy(mut self, if_busy: IfBusy) -> Self {
        self.start = self.start.if_busy(if_busy);
        self
    }

    /// The most time that the task may take, the start and a wait for another task included.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Cancels the task when the timeout passes; otherwise it goes on.
    pub fn cancel_on_timeout(mut self) -> Self {
        self.cancel_on_timeout = true;
        self
    }

    /// Says that its session is deleted when it is over.
    pub(super) fn in_its_own_session(mut self) -> Self {
        self.session_ends = true;
        self
    }

    /// Called with each event.
    pub fn on_event(mut self, handler: impl FnMut(&Event) + Send + 'static) -> Self {
        self.on_event = Some(Box::new(handler));
        self
    }

    /// Called with each question. What it gives is the answer: a text, `None` to
    /// leave the question open, or a future of either.
    ///
    /// ```
    /// use sessionwire::agi::RunTask;
    ///
    /// let task = RunTask::new("Book a table").on_question(|_| "for two");
    /// let task = RunTask::new("Book a table").on_question(async |question| {
    ///     question.text().contains("many").then(|| "two".to_owned())
    /// });
    /// ```
    pub fn on_question<A, K>(mut self, mut handler: impl FnMut(Event) -> A + Send + 'static) -> Self
    where
        A: Answer<K>,
    {
        self.on_question = Some(Box::new(move |question| handler(question).later()));
        self
    }

    /// Runs the task in a session.
    pub(super) async fn run(self, api: &Api, session_id: &str) -> Result<TaskResult> {
        let start = Task::start(api.clone(), session_id.to_owned(), self.start.clone());
        self.run_started(api, session_id, Box::pin(start)).await
    }

    /// The same of a task that is started like this.
    pub(super) async fn run_started(
        mut self,
        api: &Api,
        session_id: &str,
        start: Starting<'_>,
    ) -> Result<TaskResult> {
        let limit = self.timeout;
        // A limit beyond what the clock can hold is none.
        let until = limit.and_then(|limit| tokio::time::Instant::now().checked_add(limit));
        let task = within(until, start)
            .await
            .unwrap_or_else(|| Err(not_started(limit, session_id, self.session_ends)))?;
        match within(until, self.follow(&task)).await {
            Some(result) => result,
            None => {
                if self.cancel_on_timeout {
                    // The timeout is what the caller must hear of.
                    let _ = task.cancel().await;
                }
                let error = timed_out(limit, session_id, self.session_ends);
                Err(api.without_key(error.with_events(task.recent())))
            }
        }
    }

    async fn follow(&mut self, task: &Task) -> Result<TaskResult> {
        // Read also where nobody looks: a full queue would hold the stream back.
        let mut events = task.events();
        while let Some(event) = events.next().await {
            let event = event?;
            if let Some(handler) = &mut self.on_event {
                handler(&event);
            }
            // One that is not open any more has its answer from elsewhere.
            let is_open = task.question().is_some_and(|open| open.id() == event.id());
            if *event.event_type() == EventType::Question && is_open {
                let asked = event.id();
                let answer = match &mut self.on_question {
                    Some(handler) => handler(event).await,
                    None => None,
                };
                let Some(answer) = answer else { break };
                task.answer_to(answer, asked).await?;
            }
        }
        task.result(None).await
    }
}

impl std::fmt::Debug for RunTask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunTask")
            .field("start", &self.start)
            .finish_non_exhaustive()
    }
}

fn not_started(limit: Option<Duration>, session_id: &str, session_ends: bool) -> Error {
    let seconds = limit.unwrap_or_default().as_secs_f64();
    let next = match session_ends {
        true => "Raise `timeout`",
        false => "Raise `timeout`; look at the session's messages before you start it again",
    };
    let text = format!("The task was not started within {seconds} s. {next}");
    Error::new(ErrorKind::TaskTimeout, text).with_session(session_id)
}

fn timed_out(limit: Option<Duration>, session_id: &str, session_ends: bool) -> Error {
    let seconds = limit.unwrap_or_default().as_secs_f64();
    let next = match session_ends {
        true => "It ends with its session: raise `timeout`",
        false => "Unless it was cancelled it goes on in its session",
    };
    let text = format!("The task did not end within {seconds} s. {next}");
    Error::new(ErrorKind::TaskTimeout, text).with_session(session_id)
}

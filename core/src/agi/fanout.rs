//! Many tasks, one session each, a few at once.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::api::Api;
use super::client::Client;
use super::models::{CreateSession, DeleteResult, RunTasks, SessionInfo, TaskResult};
use super::run_task::RunTask;
use crate::background::Offer;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::outcomes::{Outcomes, Worker};
use crate::runtime;
use crate::transport::{jitter, retry};

/// The first and the longest pause of our own choice while a limit holds.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// What became of one task of [`Client::run_tasks`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TaskOutcome {
    /// The task's place among the tasks, from 0.
    pub index: usize,
    /// The task as it was given.
    pub task: String,
    /// Its result, or why there is none.
    pub result: Result<TaskResult>,
    /// Why its session could not be deleted, if so: it may go on costing.
    pub undeleted: Option<Error>,
}

/// Something that a fan-out has for its caller.
#[derive(Debug)]
#[non_exhaustive]
pub enum FanOutItem {
    /// A task is over.
    Outcome(Box<TaskOutcome>),
    /// A task asks and waits for [`TaskOutcomes::reply`].
    Question {
        /// What the reply refers to.
        number: u64,
        /// The task's place among the tasks.
        index: usize,
        /// The question.
        event: Event,
    },
}

/// The outcomes of [`Client::run_tasks`], each as its task ends: a stream.
///
/// Dropping it ends the tasks and deletes their sessions in the background;
/// [`close`](Self::close) waits for that.
#[derive(Debug)]
pub struct TaskOutcomes(Arc<FanOut>);

struct FanOut {
    api: Api,
    plan: RunTasks,
    started: AtomicUsize,
    questions: Mutex<Questions>,
    outcomes: Arc<Outcomes<FanOutItem>>,
}

#[derive(Default)]
struct Questions {
    replies: HashMap<u64, oneshot::Sender<Option<String>>>,
    asked: u64,
}

impl Client {
    /// Runs tasks, each in a session of its own that is deleted when it is
    /// over, at most `concurrency` at once. One failure stops nothing.
    ///
    /// # Errors
    /// A task or parameter that the service would refuse, or a closed client;
    /// nothing was sent.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn run_tasks(&self, plan: RunTasks) -> Result<TaskOutcomes> {
        plan.check()?;
        self.api.closing().check()?;
        let count = plan.concurrency.min(plan.tasks.len());
        let fan_out = Arc::new(FanOut {
            api: self.api.clone(),
            plan,
            started: AtomicUsize::new(0),
            questions: Mutex::default(),
            outcomes: Arc::new(Outcomes::of_workers(count)),
        });
        for _ in 0..count {
            // On the heap at once: see `Client::execute`.
            runtime::spawn(fan_out.clone().work());
        }
        Ok(TaskOutcomes(fan_out))
    }
}

impl TaskOutcomes {
    /// The next outcome; `None` after the last one. Questions are left open.
    pub async fn next(&mut self) -> Option<TaskOutcome> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<Option<TaskOutcome>> {
        loop {
            match ready!(self.0.outcomes.poll_next(context)) {
                Some(FanOutItem::Outcome(outcome)) => return Poll::Ready(Some(*outcome)),
                Some(FanOutItem::Question { number, .. }) => self.reply(number, None),
                None => return Poll::Ready(None),
            }
        }
    }

    /// What there is to take now, for callers who answer questions themselves.
    pub fn try_take(&self) -> Option<FanOutItem> {
        self.0.outcomes.take()
    }

    /// Whether everything was taken and nothing will follow.
    pub fn is_over(&self) -> bool {
        self.0.outcomes.is_over()
    }

    /// Waits until there is something to take, or nothing will follow.
    pub fn ready(&self) -> impl Future<Output = ()> + Send + 'static {
        self.0.outcomes.ready()
    }

    /// Answers a question; `None` leaves it open, which ends its task with
    /// `QuestionPending`.
    pub fn reply(&self, number: u64, answer: Option<String>) {
        let reply = self.0.lock().replies.remove(&number);
        if let Some(reply) = reply {
            // A task that is over does not wait any more.
            let _ = reply.send(answer);
        }
    }

    /// Ends what still runs, and waits until the sessions are deleted. Can be
    /// called twice.
    pub fn close(&self) -> impl Future<Output = ()> + Send + 'static {
        self.0.outcomes.close()
    }
}

impl Drop for TaskOutcomes {
    fn drop(&mut self) {
        self.0.outcomes.stop();
    }
}

impl futures_core::Stream for TaskOutcomes {
    type Item = TaskOutcome;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<TaskOutcome>> {
        self.poll(context)
    }
}

/// What nobody took is told where the client ends.
impl Drop for FanOut {
    fn drop(&mut self) {
        while let Some(item) = self.outcomes.take() {
            if let FanOutItem::Outcome(outcome) = item
                && let Some(left) = outcome.undeleted
            {
                self.api.background().report(left);
            }
        }
    }
}

impl FanOut {
    async fn work(self: Arc<Self>) {
        let _worker = Worker::of(&self.outcomes);
        loop {
            let index = self.started.fetch_add(1, Ordering::Relaxed);
            let Some(task) = self.plan.tasks.get(index) else {
                return;
            };
            if self.outcomes.is_stopped() {
                return;
            }
            let (result, undeleted) = self.run(index, task).await;
            let outcome = TaskOutcome {
                index,
                task: task.clone(),
                result,
                undeleted,
            };
            self.outcomes.push(FanOutItem::Outcome(Box::new(outcome)));
        }
    }

    /// Runs one task, and deletes its session on every way out.
    async fn run(
        self: &Arc<Self>,
        index: usize,
        task: &str,
    ) -> (Result<TaskResult>, Option<Error>) {
        let offer = match self.create().await {
            Ok(offer) => offer,
            Err(error) => return (Err(error), None),
        };
        let session_id = offer.session_id.clone();
        let (_, mut piece) = offer.hold(&session_id);
        let result = tokio::select! {
            biased;
            error = self.stopped() => Err(error),
            result = self.task(index, task).run(&self.api, &session_id) => result,
        };
        // The session is gone for any handle on its task.
        let result = result.map_err(Error::without_handle);
        let undeleted = self.delete(&session_id).await;
        if let Some(piece) = &mut piece {
            piece.over();
        }
        (result, undeleted)
    }

    /// Creates a session. A request once sent is not dropped: its session
    /// would stay behind.
    async fn create(&self) -> Result<Offer<SessionInfo>> {
        let create = &self.plan.create;
        let wait = match create.wait_for_limit {
            Some(wait) => Some(wait.min(crate::seconds::LONGEST)),
            None => self.api.config().wait_for_limit(),
        };
        let api = self.api.outliving_close();
        let Some(wait) = wait else {
            return api.offer(create).await;
        };
        let impatient = CreateSession {
            wait_for_limit: Some(Duration::ZERO),
            ..create.clone()
        };
        let until = Instant::now() + wait;
        let mut step = 0;
        loop {
            let error = match api.offer(&impatient).await {
                Err(error) if error.kind() == ErrorKind::RateLimit => error,
                done => return done,
            };
            let pause = error
                .retry_after()
                .unwrap_or_else(|| retry::backoff(step, FIRST_PAUSE, LONGEST_PAUSE, jitter()));
            step += 1;
            if Instant::now() + pause > until {
                return Err(error);
            }
            tokio::select! {
                biased;
                error = self.stopped() => return Err(error),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn task(self: &Arc<Self>, index: usize, task: &str) -> RunTask {
        let mut run = RunTask::new(task);
        if let Some(url) = &self.plan.start_url {
            run = run.start_url(url);
        }
        if let Some(timeout) = self.plan.timeout {
            run = run.timeout(timeout);
        }
        if !self.plan.asks {
            return run;
        }
        let fan_out = Arc::downgrade(self);
        run.on_question(move |event| {
            let reply = fan_out.upgrade().map(|it| it.ask(index, event));
            async move { reply?.await.ok().flatten() }
        })
    }

    fn ask(&self, index: usize, event: Event) -> oneshot::Receiver<Option<String>> {
        let (reply, replied) = oneshot::channel();
        let mut state = self.lock();
        state.asked += 1;
        let number = state.asked;
        state.replies.insert(number, reply);
        drop(state);
        self.outcomes.push(FanOutItem::Question {
            number,
            index,
            event,
        });
        replied
    }

    /// Deletes a session also where the client is closed meanwhile.
    async fn delete(&self, session_id: &str) -> Option<Error> {
        let deleting = self.api.last_delete(session_id, &self.plan.snapshot).await;
        let error = deleting.and_then(DeleteResult::confirmed).err()?;
        let error = self.api.without_key(error);
        tracing::warn!(%error, "a session could not be deleted; it may cost money until it expires");
        Some(error.with_session(session_id))
    }

    /// Resolves when the caller, or the client, has closed.
    async fn stopped(&self) -> Error {
        tokio::select! {
            () = self.api.closing().closed() => Error::closed(),
            () = self.outcomes.stopped() => {
                Error::new(ErrorKind::Task, "The task was cancelled by this client")
                    .with_reason("cancelled")
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Questions> {
        self.questions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for FanOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FanOut")
            .field("tasks", &self.plan.tasks.len())
            .finish_non_exhaustive()
    }
}

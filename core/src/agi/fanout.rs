//! Many tasks, one session each, a few at once; by a journal, if there is one.

use std::collections::{HashMap, HashSet};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::api::Api;
use super::batch::{self, Batch, Begun, Ran};
use super::client::Client;
use super::handle;
use super::models::{
    BatchTask, CreateSession, DeleteResult, RunTasks, SessionInfo, StartTask, TaskResult,
};
use super::run_task::RunTask;
use crate::background::Offer;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::journal::Step;
use crate::outcomes::{Outcomes, Worker};
use crate::runtime;
use crate::stream::within;
use crate::telemetry::{Call, Trace};
use crate::transport::{jitter, retry};

/// The first and the longest pause of our own choice while a limit holds.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How long a task is looked at whose time is up, and how long its result may take then.
const LAST_LOOK: Duration = Duration::from_secs(10);

const LAST_WAIT: Duration = Duration::from_secs(1);

/// What became of one task of [`Client::run_tasks`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TaskOutcome {
    /// The task's place among the tasks, from 0.
    pub index: usize,
    /// Its own id; without one its index as text.
    pub id: String,
    /// The task's message.
    pub task: String,
    /// Its result, or why there is none.
    pub result: Result<TaskResult>,
    /// With a journal: it did not end here, and the next call with the same journal goes on
    /// with it. Its session is left, unless nothing was sent.
    pub unfinished: bool,
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
    ids: Vec<String>,
    batch: Option<Batch>,
    started: AtomicUsize,
    working: AtomicUsize,
    /// Each task so far is over, and none was left for the next process.
    all_over: AtomicBool,
    questions: Mutex<Questions>,
    outcomes: Arc<Outcomes<Queued>>,
}

/// What waits for its caller.
enum Queued {
    Item(FanOutItem),
    /// The outcome of the task with this index, which stands in the journal there, and why its
    /// session is still not deleted.
    Kept(usize, u64, Option<Error>),
}

#[derive(Default)]
struct Questions {
    /// By the number of the question: the index of its task, and who waits.
    replies: HashMap<u64, (usize, oneshot::Sender<Option<String>>)>,
    asked: u64,
    /// The tasks whose question nobody could answer.
    unanswerable: HashSet<usize>,
}

impl Client {
    /// Runs tasks, each in a session of its own that is deleted when it is
    /// over, at most `concurrency` at once. One failure stops nothing.
    ///
    /// With a `journal`, a call after a process that was killed goes on where that was, and
    /// gives the outcomes that it had once more.
    ///
    /// # Errors
    /// A task or parameter that the service would refuse, a journal that cannot be used, or a
    /// closed client; nothing was sent.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn run_tasks(&self, plan: RunTasks) -> Result<TaskOutcomes> {
        plan.check()?;
        self.api.closing().check()?;
        let count = plan.concurrency.min(plan.tasks.len());
        let ids = plan.ids();
        let batch = Batch::open(&self.api, &plan, &ids)?;
        if let Some(batch) = batch.as_ref().filter(|_| count == 0) {
            batch.release();
        }
        let fan_out = Arc::new(FanOut {
            api: self.api.clone(),
            plan,
            ids,
            batch,
            started: AtomicUsize::new(0),
            working: AtomicUsize::new(count),
            all_over: AtomicBool::new(true),
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
            let Some(queued) = ready!(self.0.outcomes.poll_next(context)) else {
                return Poll::Ready(None);
            };
            match self.0.item(queued) {
                FanOutItem::Outcome(outcome) => return Poll::Ready(Some(*outcome)),
                FanOutItem::Question { number, .. } => self.reply(number, None),
            }
        }
    }

    /// What there is to take now, for callers who answer questions themselves.
    pub fn try_take(&self) -> Option<FanOutItem> {
        self.0.outcomes.take().map(|queued| self.0.item(queued))
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
        if let Some((_, reply)) = reply {
            // A task that is over does not wait any more.
            let _ = reply.send(answer);
        }
    }

    /// Says that whoever was to answer a question failed. Its task ends here with
    /// `QuestionPending`; with a journal it is `unfinished`, and the next call asks again.
    pub fn fail(&self, number: u64) {
        let mut questions = self.0.lock();
        if let Some((index, reply)) = questions.replies.remove(&number) {
            questions.unanswerable.insert(index);
            drop(questions);
            let _ = reply.send(None);
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
            if let Queued::Item(FanOutItem::Outcome(outcome)) = item
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
                break;
            };
            if self.outcomes.is_stopped() {
                self.all_over.store(false, Ordering::Release);
                break;
            }
            let queued = match &self.batch {
                Some(batch) => self.run_by(batch, index, task).await,
                None => {
                    let (result, undeleted) = self.run(index, task).await;
                    let unfinished = false;
                    let ran = Ran {
                        result,
                        undeleted,
                        unfinished,
                    };
                    Queued::Item(self.outcome(index, ran))
                }
            };
            self.outcomes.push(queued);
        }
        let is_last = self.working.fetch_sub(1, Ordering::AcqRel) == 1;
        let Some(batch) = self.batch.as_ref().filter(|_| is_last) else {
            return;
        };
        if self.all_over.load(Ordering::Acquire) {
            batch.finished().await;
        }
        // Before this worker ends: who waits for the last one may take the journal again.
        batch.release();
    }

    fn outcome(&self, index: usize, ran: Ran) -> FanOutItem {
        FanOutItem::Outcome(Box::new(TaskOutcome {
            index,
            id: self.ids[index].clone(),
            task: self.plan.tasks[index].message.clone(),
            result: ran.result,
            undeleted: ran.undeleted,
            unfinished: ran.unfinished,
        }))
    }

    /// What a caller gets. An outcome of an earlier process is read only now: there may be
    /// very many.
    fn item(&self, queued: Queued) -> FanOutItem {
        match (queued, &self.batch) {
            (Queued::Kept(index, at, undeleted), Some(batch)) => {
                self.outcome(index, batch.outcome_at(at, undeleted))
            }
            (Queued::Kept(index, ..), None) => {
                self.outcome(index, Ran::unfinished(Error::closed()))
            }
            (Queued::Item(item), _) => item,
        }
    }

    /// Runs one task by the journal, or goes on with it.
    async fn run_by(self: &Arc<Self>, batch: &Batch, index: usize, task: &BatchTask) -> Queued {
        let id = &self.ids[index];
        if let Some((at, session_id)) = batch.ended(id) {
            let undeleted = match session_id {
                Some(session_id) => self.delete_ended(batch, id, &session_id).await,
                None => None,
            };
            return Queued::Kept(index, at, undeleted);
        }
        let ran = match Box::pin(self.begin(batch, index, task)).await {
            Ok(begun) => Box::pin(self.go_on(batch, index, task, begun)).await,
            Err(error) => Ran::unfinished(error),
        };
        if ran.unfinished {
            self.all_over.store(false, Ordering::Release);
        }
        Queued::Item(self.outcome(index, ran))
    }

    /// Makes a session for a task and prepares the task in it, as far as that was not done.
    async fn begin(&self, batch: &Batch, index: usize, task: &BatchTask) -> Result<Begun> {
        let id = &self.ids[index];
        let mut start = StartTask::new(&task.message);
        start.start_url = self.plan.start_url_of(task).map(str::to_owned);
        match batch.step(id) {
            Step::Prepared(handle) => return batch.begun(id, handle, false),
            Step::Sent(handle) => return batch.begun(id, handle, true),
            Step::Created(session_id) => {
                let prepared = batch.prepare(&self.api, id, &session_id, start.clone(), None);
                match prepared.await {
                    // It is gone, and nothing was sent in it.
                    Err(error) if batch::is_gone(&error) && !batch.is_of_another_key(id) => {}
                    Err(error) => return Err(self.by_key(batch, id, error)),
                    prepared => return prepared,
                }
            }
            // It failed, and is sent once more.
            Step::Ended {
                session_id,
                deleted: false,
                ..
            } => {
                // It would be forgotten.
                if let Some(undeleted) = self.delete_ended(batch, id, &session_id).await {
                    return Err(undeleted);
                }
            }
            Step::Ended { .. } | Step::None | Step::Creating => {}
        }
        let create = self.plan.create_of(task).unwrap_or_default();
        let digest = self.plan.digest_of(task);
        batch.creating(id, digest, &create.agent_name).await?;
        let offer = match self.create(task).await {
            Ok(offer) => offer,
            // The next process says of it that it may be there.
            Err(error) if error.maybe_delivered() => return Err(error),
            Err(error) => {
                batch.dropped(id).await;
                return Err(error);
            }
        };
        // Where this cannot be noted, the offer deletes it.
        batch.created(id, &offer.session_id).await?;
        let (session_id, mut piece) = batch::keep(&self.api, offer);
        // It is the journal's: whoever reaps the ledger leaves it alone.
        if let Some(ledger) = self.api.ledger() {
            ledger.released(&session_id)?;
        }
        if let Some(piece) = &mut piece {
            // Also where this process ends here, the journal has it.
            piece.over();
        }
        batch
            .prepare(&self.api, id, &session_id, start, piece)
            .await
    }

    /// Follows a task to its end, which is noted before its session is deleted. What did not end
    /// keeps its session for the next process.
    async fn go_on(
        self: &Arc<Self>,
        batch: &Batch,
        index: usize,
        task: &BatchTask,
        begun: Begun,
    ) -> Ran {
        let (id, session_id) = (&self.ids[index], &begun.session_id);
        let (api, trace) = self.traced();
        let start = Box::pin(batch.start(&api, id, &begun));
        let result = tokio::select! {
            biased;
            error = self.stopped() => return Ran::unfinished(error.with_session(session_id)),
            result = self.task(index, task).run_started(&api, session_id, start) => result,
        };
        self.told(trace, Some(session_id), task, &result);
        let was_sent = matches!(batch.step(id), Step::Sent(_));
        let result = match result {
            Err(error) if error.kind() == ErrorKind::TaskTimeout => {
                match self.last_look(batch, id, error).await {
                    Ok(ended) => ended,
                    Err(error) => return Ran::unfinished(error.with_session(session_id)),
                }
            }
            Err(error) if batch::is_gone(&error) && batch.is_of_another_key(id) => {
                let error = self.by_key(batch, id, error);
                return Ran::unfinished(error.with_session(session_id));
            }
            // It still asks, and who answers may be mended by then.
            Err(error) if self.is_unanswerable(index, &error) => {
                let error = self.api.without_key(error.without_handle());
                return Ran::unfinished(error.with_session(session_id));
            }
            result => result,
        };
        let is_over =
            |error: &Error| batch::is_over(error) || (!was_sent && batch::is_refused(error));
        let result = match result {
            Err(error) if !is_over(&error) => {
                let error = error.with_session(session_id);
                if batch.is_unsent(id, &begun, &error) && self.delete(session_id).await.is_ok() {
                    batch.dropped(id).await;
                }
                return Ran::unfinished(error);
            }
            // The session will be gone for any handle on its task.
            ended => ended.map_err(|error| self.api.without_key(error.without_handle())),
        };
        if let Err(error) = batch.over(id, session_id, &result).await {
            return Ran::unfinished(error.with_session(session_id));
        }
        Ran {
            undeleted: self.delete_ended(batch, id, session_id).await,
            result,
            unfinished: false,
        }
    }

    /// How a task ended whose time is up, or why nobody can tell: the service may be out of
    /// reach.
    async fn last_look(
        &self,
        batch: &Batch,
        id: &str,
        timeout: Error,
    ) -> Result<Result<TaskResult>> {
        let Step::Sent(handle) = batch.step(id) else {
            // The request may be on its way.
            return Err(timeout);
        };
        let until = Instant::now().checked_add(LAST_LOOK);
        let looking = handle::resume_noted(&self.api, &handle);
        let Some(task) = within(until, Box::pin(looking)).await else {
            return Err(timeout.with_lead(
                "The time of the task is up, and the service is out of reach".to_owned(),
            ));
        };
        match task?.result(Some(LAST_WAIT)).await {
            Err(error) if error.kind() == ErrorKind::TaskTimeout => Ok(Err(timeout)),
            Err(error) if !batch::is_over(&error) => Err(error),
            ended => Ok(ended),
        }
    }

    /// The error, by what it means where another key made the session.
    fn by_key(&self, batch: &Batch, id: &str, error: Error) -> Error {
        if !batch.is_of_another_key(id) {
            return error;
        }
        error.with_advice(
            "Another API key created the session of this task. Start the batch again with that key: it goes on then.",
        )
    }

    /// Deletes the session of a task whose end is noted.
    async fn delete_ended(&self, batch: &Batch, id: &str, session_id: &str) -> Option<Error> {
        let undeleted = match self.delete(session_id).await {
            Ok(false) if batch.is_of_another_key(id) => {
                let gone = Error::new(
                    ErrorKind::NotFound,
                    format!("The session {session_id} is not there for this API key"),
                );
                Some(self.by_key(batch, id, gone).with_session(session_id))
            }
            deleted => deleted.err(),
        };
        if undeleted.is_none() {
            batch.deleted(id).await;
        }
        undeleted
    }

    /// Runs one task, and deletes its session on every way out.
    async fn run(
        self: &Arc<Self>,
        index: usize,
        task: &BatchTask,
    ) -> (Result<TaskResult>, Option<Error>) {
        let (api, trace) = self.traced();
        let offer = match self.create(task).await {
            Ok(offer) => offer,
            Err(error) => {
                let failed = Err(error);
                self.told(trace, None, task, &failed);
                return (failed, None);
            }
        };
        let session_id = offer.session_id.clone();
        let (_, mut piece) = offer.hold(&session_id);
        let result = tokio::select! {
            biased;
            error = self.stopped() => Err(error),
            result = self.task(index, task).run(&api, &session_id) => result,
        };
        self.told(trace, Some(&session_id), task, &result);
        // The session is gone for any handle on its task.
        let result = result.map_err(Error::without_handle);
        let undeleted = self.delete(&session_id).await.err();
        if let Some(piece) = &mut piece {
            piece.over();
        }
        (result, undeleted)
    }

    /// For one task: requests that belong to a span of its own, if there are spans.
    fn traced(&self) -> (Api, Option<Trace>) {
        let trace = self.api.trace().map(Trace::child);
        let api = match &trace {
            Some(trace) => self.api.traced(trace),
            None => self.api.clone(),
        };
        (api, trace)
    }

    /// Tells the span of all how one task ended.
    fn told(
        &self,
        trace: Option<Trace>,
        session_id: Option<&str>,
        task: &BatchTask,
        result: &Result<TaskResult>,
    ) {
        let (Some(all), Some(trace)) = (self.api.trace(), trace) else {
            return;
        };
        let create = self.plan.create_of(task).unwrap_or_default();
        let call = Call {
            operation: "start_task",
            session_id,
            agent: Some(&create.agent_name),
            input: Some(&task.message),
        };
        all.ran(&trace, call, result);
    }

    /// Creates a session. A request once sent is not dropped: its session
    /// would stay behind.
    async fn create(&self, task: &BatchTask) -> Result<Offer<SessionInfo>> {
        let create = &self
            .plan
            .create_of(task)
            .map_err(|why| Error::invalid(why.to_string()))?;
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

    fn task(self: &Arc<Self>, index: usize, task: &BatchTask) -> RunTask {
        let mut run = RunTask::new(&task.message).in_its_own_session();
        if let Some(url) = self.plan.start_url_of(task) {
            run = run.start_url(url);
        }
        if let Some(timeout) = task.timeout.or(self.plan.timeout) {
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
        state.replies.insert(number, (index, reply));
        drop(state);
        self.outcomes.push(Queued::Item(FanOutItem::Question {
            number,
            index,
            event,
        }));
        replied
    }

    /// Whether a task ended here because whoever was to answer its question failed.
    fn is_unanswerable(&self, index: usize, error: &Error) -> bool {
        error.kind() == ErrorKind::QuestionPending && self.lock().unanswerable.contains(&index)
    }

    /// Deletes a session also where the client is closed meanwhile; whether it was there.
    async fn delete(&self, session_id: &str) -> Result<bool> {
        let deleting = self.api.last_delete(session_id, &self.plan.snapshot).await;
        deleting
            .and_then(DeleteResult::confirmed)
            .map(|result| result.deleted)
            .map_err(|error| {
                let error = self.api.without_key(error);
                tracing::warn!(%error, "a session could not be deleted; it may cost money until it expires");
                error.with_session(session_id)
            })
    }

    /// Resolves when the caller, or the client, has closed.
    async fn stopped(&self) -> Error {
        tokio::select! {
            () = self.api.closing().closed() => self.api.closing().why(),
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

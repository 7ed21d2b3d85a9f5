//! Sessions as a Rust program uses them.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::api::Api;
use super::models::{
    CleanupOptions, CleanupReport, CreateSession, DeleteResult, EventOptions, ExecutionStatus,
    IfBusy, ListMessages, Messages, Navigation, ReapOptions, ReapReport, ScreenshotsOptions,
    SendMessage, SessionInfo, SnapshotOptions, StartTask, SuccessResult, TaskResult, WaitOptions,
};
use super::recording::Recording;
use super::run_task::RunTask;
use super::screenshot::Screenshot;
use super::taking::Screenshots;
use super::task::Task;
use super::validate;
use super::{driver, handle, pictures, recording};
use crate::background::{Piece, Work};
use crate::error::Result;
use crate::event::Event;
use crate::runtime;
use crate::stream::EventStream;

/// The sessions of a client's key.
///
/// # Panics
/// Every async call, where no tokio runtime polls it.
#[derive(Debug, Clone)]
pub struct Sessions {
    pub(super) api: Api,
}

impl Sessions {
    pub(super) fn new(api: Api) -> Self {
        Self { api }
    }

    /// Creates a session. It lives until it is deleted.
    ///
    /// # Errors
    /// Those of [every call](crate#errors). `RateLimit` where there are too many sessions, `maybe_delivered` where the
    /// session may exist all the same.
    pub async fn create(&self, create: CreateSession) -> Result<Session> {
        let created = self.api.create(&create).await?;
        Ok(Session {
            api: self.api.clone(),
            info: created.take(),
        })
    }

    /// All sessions, in no promised order.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn list(&self) -> Result<Vec<Session>> {
        let sessions = self.api.list().await?;
        Ok(sessions
            .into_iter()
            .map(|info| Session {
                api: self.api.clone(),
                info,
            })
            .collect())
    }

    /// A session with its fields.
    ///
    /// # Errors
    /// Those of [every call](crate#errors), `NotFound` among them.
    pub async fn get(&self, session_id: &str) -> Result<Session> {
        let info = self.api.get(session_id).await?;
        Ok(Session {
            api: self.api.clone(),
            info,
        })
    }

    /// A handle on a session, without a request: only the id is known.
    ///
    /// # Errors
    /// `InvalidRequest` for an id that no session can have.
    pub fn attach(&self, session_id: &str) -> Result<Session> {
        validate::session_id(session_id)?;
        Ok(Session {
            api: self.api.clone(),
            info: SessionInfo::of(session_id.to_owned()),
        })
    }

    /// The sessions with one of these statuses, such as `running`.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn list_by_status<T: Into<String>>(
        &self,
        statuses: impl IntoIterator<Item = T>,
    ) -> Result<Vec<Session>> {
        let statuses: Vec<String> = statuses.into_iter().map(Into::into).collect();
        let found = self.api.list_by_status(&statuses).await?;
        let session = |info| Session::of(self.api.clone(), info);
        Ok(found.into_iter().map(session).collect())
    }

    /// The newest session of this agent that rests (`ready` or `completed`); where there is
    /// none, a new one. Two processes at once may find the same.
    ///
    /// # Errors
    /// Those of [every call](crate#errors), and of [`create`](Self::create).
    pub async fn find_or_create(&self, create: CreateSession) -> Result<Session> {
        match self.api.reusable(&create).await? {
            Some(info) => Ok(Session::of(self.api.clone(), info)),
            None => self.create(create).await,
        }
    }

    /// Deletes the sessions that this client and its copies created and that were not deleted
    /// since, and says what became of each. Only their ids are known: a report's `status` is
    /// empty.
    ///
    /// # Errors
    /// Those of [every call](crate#errors). What fails for one session is in its report.
    pub async fn delete_created(&self) -> Result<Vec<CleanupReport>> {
        self.api.delete_created().await
    }

    /// Deletes the sessions that match, and says what became of each.
    ///
    /// # Errors
    /// Those of [every call](crate#errors). What fails for one session is in its report.
    pub async fn cleanup(&self, options: CleanupOptions) -> Result<Vec<CleanupReport>> {
        self.api.cleanup(&options).await
    }

    /// Deletes the sessions that dead processes left, by the client's ledger, and says what
    /// became of each. It touches nothing of a process that lives, and nothing that another
    /// key or address created. A create whose answer never came is listed as `Perhaps`.
    ///
    /// # Errors
    /// `Config` where the client has no ledger, or it cannot be read; `Conflict` (`code` is
    /// `reap_in_progress`) while another process reaps it. What fails for one session is in
    /// its report.
    pub async fn reap(&self, options: ReapOptions) -> Result<Vec<ReapReport>> {
        self.api.reap(&options).await
    }

    /// Deletes a session. One that is gone is no error: `deleted` is false.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn delete(
        &self,
        session_id: &str,
        snapshot: SnapshotOptions,
    ) -> Result<DeleteResult> {
        self.api.delete(session_id, &snapshot).await
    }

    /// Deletes every session of this key. Cannot be undone.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn delete_all(&self) -> Result<DeleteResult> {
        self.api.delete_all().await
    }
}

/// One session: an agent and its browser.
///
/// # Panics
/// Every async call, where no tokio runtime polls it.
#[derive(Debug, Clone)]
pub struct Session {
    api: Api,
    info: SessionInfo,
}

impl Session {
    /// The session's id.
    pub fn id(&self) -> &str {
        &self.info.session_id
    }

    /// The fields as last read.
    pub fn info(&self) -> &SessionInfo {
        &self.info
    }

    pub(super) fn of(api: Api, info: SessionInfo) -> Self {
        Self { api, info }
    }

    pub(crate) fn into_info(self) -> SessionInfo {
        self.info
    }

    /// Reads the fields again.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn refresh(&mut self) -> Result<&SessionInfo> {
        self.info = self.api.get(self.id()).await?;
        Ok(&self.info)
    }

    /// Starts a task, answers a question, or adds to the running task.
    ///
    /// # Errors
    /// Those of [every call](crate#errors), with `maybe_delivered` where nobody knows whether the message arrived.
    pub async fn send_message(&self, message: SendMessage) -> Result<SuccessResult> {
        self.api.send_message(self.id(), &message).await
    }

    /// The question that is open in the session, whoever started its task.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn question(&self) -> Result<Option<Event>> {
        Ok(self.api.open_question_of(self.id()).await?.ok())
    }

    /// Answers the question that is open in the session, whoever started its task: another
    /// program, for example.
    ///
    /// # Errors
    /// `InvalidRequest` where no question is open: nothing was sent then. Else those of
    /// [every call](crate#errors).
    pub async fn answer(&self, text: impl Into<String>) -> Result<SuccessResult> {
        self.api.answer_question(self.id(), text.into(), None).await
    }

    /// The same to this question alone: while somebody thought about it, another one may have been
    /// asked, which this is no answer to. `TaskError` (`question_closed`) then.
    #[doc(hidden)]
    pub async fn answer_to(&self, text: String, question: &Event) -> Result<SuccessResult> {
        self.api
            .answer_question(self.id(), text, question.id())
            .await
    }

    /// Asks for the execution status.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn execution_status(&self) -> Result<ExecutionStatus> {
        self.api.status(self.id()).await
    }

    /// Reads messages, in the order of their ids.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn messages(&self, options: ListMessages) -> Result<Messages> {
        self.api.messages(self.id(), &options).await
    }

    /// The session's events: each exactly once, in order, over any number of
    /// disconnects.
    ///
    /// # Errors
    /// `InvalidRequest` for options of no use; all else comes through the stream.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn events(&self, options: EventOptions) -> Result<EventStream> {
        driver::open(&self.api, self.id(), options).map(EventStream::new)
    }

    /// Starts a task and gives a handle on it alone.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn start_task(&self, start: StartTask) -> Result<Task> {
        Box::pin(Task::start(self.api.clone(), self.id().to_owned(), start)).await
    }

    /// Prepares a task without sending it: gives a handle that
    /// [`Client::resume`](super::Client::resume) sends, unless the session's history shows that it
    /// was sent already. Keep the handle first, and the task is sent at most once, whatever dies
    /// when.
    ///
    /// The handle holds the message and the start page, no key, and may be longer than 200
    /// bytes. How the events are read is told to `resume`.
    ///
    /// # Errors
    /// Those of [every call](crate#errors), for what [`start_task`](Self::start_task) would
    /// refuse, too.
    pub async fn prepare_task(&self, start: StartTask) -> Result<String> {
        Box::pin(handle::prepare(&self.api, self.id(), start)).await
    }

    /// Runs a task to its end.
    ///
    /// # Errors
    /// Those of [every call](crate#errors), and those of [`Task::result`](super::Task::result).
    pub async fn run_task(&self, task: RunTask) -> Result<TaskResult> {
        task.run(&self.api, self.id()).await
    }

    /// Waits by polling until the task ends or asks a question.
    ///
    /// # Errors
    /// Those of [every call](crate#errors); `TaskTimeout` when the time is over.
    pub async fn wait(&self, options: WaitOptions) -> Result<ExecutionStatus> {
        self.api.wait(self.id(), &options).await
    }

    /// Records the session, history included, until its task ends: with
    /// `Scenario::from_recording` of the crate `sessionwire-emulator` the
    /// emulator plays it again.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn record(&self) -> Result<Recording> {
        recording::record(&self.api, self.id(), std::future::pending()).await
    }

    /// Pauses the task.
    ///
    /// # Errors
    /// Those of [every call](crate#errors); `Conflict` where it is paused already.
    pub async fn pause(&self) -> Result<SuccessResult> {
        self.api.command(self.id(), "pause").await
    }

    /// Pauses the task, if one runs. Whether it did: not where it was paused already, where no
    /// task runs, or where the session is gone.
    ///
    /// # Errors
    /// Those of [every call](crate#errors), but for these.
    pub async fn try_pause(&self) -> Result<bool> {
        self.api.attempt(self.id(), "pause").await
    }

    /// Goes on with the task, if it is paused. Whether it did.
    ///
    /// # Errors
    /// Those of [every call](crate#errors), but for a task that is not paused and a session
    /// that is gone.
    pub async fn try_resume(&self) -> Result<bool> {
        self.api.attempt(self.id(), "resume").await
    }

    /// Goes on with the task.
    ///
    /// # Errors
    /// Those of [every call](crate#errors); `Conflict` where it is not paused.
    pub async fn resume(&self) -> Result<SuccessResult> {
        self.api.command(self.id(), "resume").await
    }

    /// Cancels the task; the session stays usable.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn cancel(&self) -> Result<SuccessResult> {
        self.api.command(self.id(), "cancel").await
    }

    /// Cancels the task; if that fails, deletes the session.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn stop(&self) -> Result<SuccessResult> {
        self.api.stop(self.id()).await
    }

    /// Opens a page and gives its URL after redirects.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn navigate(&self, url: &str) -> Result<String> {
        let navigation = self.api.navigate(self.id(), url).await?;
        Ok(navigation.current_url)
    }

    /// Opens a page, waits for so long that it can settle, and says where the browser is, and
    /// whether that is another site.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn goto(&self, url: &str, settle: Option<Duration>) -> Result<Navigation> {
        self.api.open_page(self.id(), url, settle).await
    }

    /// Whether the service has this session, and it takes tasks: its status is neither `error`
    /// nor `terminated`.
    ///
    /// # Errors
    /// Those of [every call](crate#errors), but for a session that is gone.
    pub async fn is_alive(&self) -> Result<bool> {
        self.api.is_alive(self.id()).await
    }

    /// Cancels the task that runs, if one does, and starts another one.
    ///
    /// # Errors
    /// Those of [`start_task`](Self::start_task).
    pub async fn switch_to(&self, start: StartTask) -> Result<Task> {
        self.start_task(start.if_busy(IfBusy::Cancel)).await
    }

    /// Takes a picture of the browser.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn screenshot(&self) -> Result<Screenshot> {
        self.api.screenshot(self.id()).await
    }

    /// Takes a picture of the browser every so often, beside the session's task, until the
    /// value that it gives is stopped or dropped, or the session is gone. One that fails is a
    /// warning in the log.
    ///
    /// # Errors
    /// `InvalidRequest` for a time or a folder of no use.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn screenshots(&self, options: ScreenshotsOptions) -> Result<Screenshots> {
        pictures::start(&self.api, self.id(), options)
    }

    /// Deletes the session.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn delete(&self) -> Result<DeleteResult> {
        self.delete_with(SnapshotOptions::default()).await
    }

    /// Deletes the session and keeps a snapshot.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn delete_with(&self, snapshot: SnapshotOptions) -> Result<DeleteResult> {
        self.api.delete(self.id(), &snapshot).await
    }

    /// Runs `work` with this session and deletes it on every way out, also
    /// when `work` fails, when the client is closed, and when the future is
    /// dropped, be it before its first poll. Then the delete runs in the
    /// background; [`Client::settle`](super::Client::settle) waits for it. A
    /// delete that fails is a warning in the log, and `settle` tells it.
    pub fn scoped<T, F>(self, work: impl FnOnce(Session) -> F) -> impl Future<Output = T>
    where
        F: Future<Output = T>,
    {
        let guard = DeleteGuard::new(&self);
        async move {
            let outcome = work(self).await;
            guard.delete().await;
            outcome
        }
    }
}

/// Deletes its session when it is dropped.
struct DeleteGuard {
    api: Api,
    session_id: String,
    runtime: Option<Handle>,
    /// Nothing of it is left: [`Client::settle`](super::Client::settle) waits until then.
    piece: Option<Piece>,
}

impl DeleteGuard {
    fn new(session: &Session) -> Self {
        let session_id = session.id().to_owned();
        Self {
            piece: Some(
                session
                    .api
                    .background()
                    .begin(Work::Hold(session_id.clone())),
            ),
            api: session.api.clone(),
            session_id,
            // A future may be dropped where no runtime is entered.
            runtime: Handle::try_current().ok(),
        }
    }

    async fn delete(mut self) {
        if let Some(deleting) = self.begin() {
            // Goes on where this future is dropped.
            let _ = deleting.await;
        }
    }

    fn begin(&mut self) -> Option<JoinHandle<()>> {
        let mut piece = self.piece.take()?;
        let runtime = self.runtime.take().or_else(|| Handle::try_current().ok())?;
        let (api, session_id) = (self.api.clone(), self.session_id.clone());
        Some(runtime::spawn_on(&runtime, async move {
            api.delete_held(&session_id, &SnapshotOptions::default())
                .await;
            piece.over();
        }))
    }
}

impl Drop for DeleteGuard {
    fn drop(&mut self) {
        self.begin();
    }
}

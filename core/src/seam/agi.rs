//! The operations of AGI.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use crate::agi::{
    CleanupOptions, CleanupReport, Client, CreateSession, DeleteResult, EventOptions,
    ExecutionStatus, ListMessages, Messages, Navigation, NextMessages, PooledSession, RawRequest,
    RawResponse, ReapOptions, ReapReport, Recording, ResumeOptions, RunTasks, Screenshot,
    ScreenshotsOptions, ScreenshotsReport, SendMessage, Session, SessionInfo, SessionPool,
    SnapshotOptions, StartTask, SuccessResult, Task, TaskResult, WaitOptions,
};
use crate::background::Offer;
use crate::error::Result;
use crate::responses::to_json;
use crate::validate;

/// Every request that a client makes, as data: the one entry for the language
/// bindings, which send `{"op": "create_session", "agent_name": "agi-0"}`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Operation {
    /// Creates a session.
    CreateSession(CreateSession),
    /// Lists the sessions.
    ListSessions {
        /// Only those with one of these statuses.
        #[serde(default)]
        status: Option<Vec<String>>,
    },
    /// Finds a session that rests, or creates one.
    FindOrCreate {
        /// How it is created.
        create: Box<CreateSession>,
    },
    /// Deletes what this client created.
    DeleteCreated {},
    /// Asks whether a session takes tasks.
    IsAlive {
        /// Which session.
        session_id: String,
    },
    /// Answers the question that is open in a session.
    AnswerQuestion {
        /// Which session.
        session_id: String,
        /// The answer.
        text: String,
    },
    /// Pauses the task, if one runs.
    TryPause {
        /// Which session.
        session_id: String,
    },
    /// Goes on with the task, if it is paused.
    TryResume {
        /// Which session.
        session_id: String,
    },
    /// Reads a session's fields.
    GetSession {
        /// Which session.
        session_id: String,
    },
    /// Deletes a session; one that is gone is no error.
    DeleteSession {
        /// Which session.
        session_id: String,
        /// What to keep.
        #[serde(default)]
        snapshot: SnapshotOptions,
    },
    /// Deletes a session at the end of its use: also where the client is closed
    /// meanwhile, and to the end where the caller leaves.
    EndSession {
        /// Which session.
        session_id: String,
        /// What to keep.
        #[serde(default)]
        snapshot: SnapshotOptions,
    },
    /// Deletes all sessions of this key.
    DeleteAllSessions {},
    /// Deletes the sessions that match.
    Cleanup(CleanupOptions),
    /// Deletes what dead processes left, by the ledger.
    Reap(ReapOptions),
    /// Hands a session over: no reap deletes it.
    ReleaseSession {
        /// Which session.
        session_id: String,
    },
    /// Sends a task, an answer or an update.
    SendMessage {
        /// Which session.
        session_id: String,
        /// What to send.
        message: SendMessage,
    },
    /// Prepares a task: gives a handle, and sends nothing.
    PrepareTask {
        /// Which session.
        session_id: String,
        /// The task.
        task: StartTask,
    },
    /// Asks for the execution status.
    ExecutionStatus {
        /// Which session.
        session_id: String,
    },
    /// Reads messages.
    Messages {
        /// Which session.
        session_id: String,
        /// Which messages.
        #[serde(default)]
        options: ListMessages,
    },
    /// Waits by polling for messages with a higher id, or for the task's end:
    /// the answer holds the new messages and the status. The building block
    /// of `follow_messages`.
    NextMessages {
        /// Which session.
        session_id: String,
        /// Which messages.
        #[serde(default)]
        options: ListMessages,
        /// Seconds between two looks.
        poll_interval: f64,
    },
    /// Records the session until its task ends (see [`crate::agi::Client::record`]).
    Record {
        /// Which session.
        session_id: String,
    },
    /// Pauses the task.
    Pause {
        /// Which session.
        session_id: String,
    },
    /// Goes on with the task.
    Resume {
        /// Which session.
        session_id: String,
    },
    /// Cancels the task; the session stays usable.
    Cancel {
        /// Which session.
        session_id: String,
    },
    /// Cancels the task; if that fails, deletes the session.
    Stop {
        /// Which session.
        session_id: String,
    },
    /// Opens a page.
    Navigate {
        /// Which session.
        session_id: String,
        /// http or https, at most 2,000 characters.
        url: String,
        /// How long to wait then, in seconds.
        #[serde(default, with = "crate::seconds::settle")]
        #[cfg_attr(feature = "schema", schemars(with = "Option<f64>"))]
        settle: Option<Duration>,
    },
    /// Takes a picture every so often, and keeps it in a folder.
    StartScreenshots {
        /// Which session.
        session_id: String,
        /// How often, and where to.
        options: ScreenshotsOptions,
    },
    /// Ends that.
    StopScreenshots {
        /// What `start_screenshots` gave.
        number: u64,
    },
    /// Takes a picture of the browser.
    Screenshot {
        /// Which session.
        session_id: String,
    },
    /// Waits by polling until the task ends or asks a question.
    Wait {
        /// Which session.
        session_id: String,
        /// How long, how often.
        #[serde(default)]
        options: WaitOptions,
    },
    /// The names of the models (docs/spec/agi.md, section 14).
    Models {
        /// `cdp` or `desktop`.
        #[serde(default)]
        filter: Option<String>,
    },
    /// Any other request.
    Request(RawRequest),
}

/// What an [`Operation`] gives.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Output {
    /// Of `create_session`: deleted unless somebody takes it.
    Created(Offer<SessionInfo>),
    /// Of `get_session`.
    Session(SessionInfo),
    /// Of `list_sessions`.
    Sessions(Vec<SessionInfo>),
    /// Of `delete_session` and `delete_all_sessions`.
    Delete(DeleteResult),
    /// Of `end_session`: told at the client's end unless somebody takes it.
    Ended(Offer<Result<DeleteResult>>),
    /// Of `cleanup` and `delete_created`.
    Cleanup(Vec<CleanupReport>),
    /// Of `reap`.
    Reap(Vec<ReapReport>),
    /// Of `release_session`.
    Nothing,
    /// Of the commands.
    Success(SuccessResult),
    /// Of `execution_status` and `wait`.
    Status(ExecutionStatus),
    /// Of `is_alive`, `try_pause` and `try_resume`.
    Told(bool),
    /// Of `start_screenshots`.
    Number(u64),
    /// Of `stop_screenshots`.
    Screenshots(ScreenshotsReport),
    /// Of `prepare_task`.
    Handle(String),
    /// Of `messages`.
    Messages(Messages),
    /// Of `next_messages`.
    NextMessages(NextMessages),
    /// Of `record`.
    Recording(Box<Recording>),
    /// Of `navigate`.
    Navigation(Navigation),
    /// Of `screenshot`; the image is not part of the JSON.
    Screenshot(Screenshot),
    /// Of `models`.
    Models(Vec<String>),
    /// Of `request`.
    Raw(RawResponse),
    /// Of a task's `result`.
    TaskResult(Box<TaskResult>),
}

impl Output {
    /// The output as JSON, for language bindings.
    pub fn to_json(&self) -> String {
        to_json(self)
    }

    /// Takes what somebody must take, where the caller is sure to have it.
    ///
    /// # Errors
    /// That of `end_session`.
    pub fn take(self) -> Result<Self> {
        Ok(match self {
            Self::Created(session) => Self::Session(session.take()),
            Self::Ended(outcome) => Self::Delete(outcome.take()?),
            output => output,
        })
    }

    /// The image of a screenshot.
    pub fn into_image(self) -> Option<Bytes> {
        match self {
            Self::Screenshot(screenshot) => Some(screenshot.image),
            _ => None,
        }
    }
}

/// Every request about one task, as data (see [`Operation`]).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum TaskOperation {
    /// Answers the open question.
    Answer {
        /// 1 to 10,000 characters.
        text: String,
        /// Only the question of this id; else whichever is open.
        #[serde(default)]
        question_id: Option<i64>,
    },
    /// Sends more information about the same task.
    SendMessage {
        /// 1 to 10,000 characters.
        text: String,
    },
    /// Pauses the task.
    Pause {},
    /// Goes on.
    Resume {},
    /// Cancels the task and ends every wait for it.
    Cancel {},
    /// Asks for the execution status.
    Status {},
    /// Waits for the result.
    Result {
        /// Seconds; `None`: no limit.
        #[serde(default)]
        timeout: Option<f64>,
    },
}

/// What `resume` takes; a task is what it gives.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Resume {
    /// What `handle` of a task gave, or `prepare_task`.
    pub handle: String,
    /// Gives all of the task's events again.
    #[serde(default)]
    pub from_start: bool,
    /// How the task's events are read.
    #[serde(default)]
    pub events: EventOptions,
}

impl Resume {
    /// Carries it out.
    pub fn of(self, client: &Client) -> impl Future<Output = Result<Task>> + Send + use<> {
        let options = ResumeOptions::new()
            .from_start(self.from_start)
            .events(self.events);
        client.resume(&self.handle, options)
    }
}

/// Every request about a pool of sessions, as data (see [`Operation`]).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum PoolOperation {
    /// Waits for a session.
    Acquire {
        /// Seconds; `None`: no limit.
        #[serde(default)]
        timeout: Option<f64>,
    },
    /// Gives a session back.
    Release {
        /// Which one.
        lease: u64,
        /// Whether it is to be deleted and not used again.
        #[serde(default)]
        discard: bool,
    },
    /// Ends the pool.
    Close {},
}

/// What a [`PoolOperation`] gives.
#[derive(Debug)]
#[non_exhaustive]
pub enum PoolOutput {
    /// Of `acquire`: it goes back to the pool unless somebody takes it.
    Acquired(Box<PooledSession>),
    /// Of the others.
    Done,
}

/// A session of a pool that somebody took, and gives back by its number.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Lease {
    /// What `release` takes.
    pub lease: u64,
    /// The session.
    pub session: SessionInfo,
}

impl PoolOutput {
    /// Takes it, as JSON.
    pub fn into_json(self) -> String {
        match self {
            Self::Acquired(pooled) => {
                let (lease, session) = pooled.taken();
                to_json(&Lease { lease, session })
            }
            Self::Done => to_json(&true),
        }
    }
}

impl SessionPool {
    /// Carries an operation out. Dropping the future drops the wait; a session that is
    /// given back is seen to all the same.
    ///
    /// # Errors
    /// Those of [`SessionPool::session`].
    pub fn execute(
        &self,
        operation: PoolOperation,
    ) -> impl Future<Output = Result<PoolOutput>> + Send + 'static {
        type Work = Pin<Box<dyn Future<Output = Result<PoolOutput>> + Send>>;
        let work: Work = match operation {
            PoolOperation::Acquire { timeout } => {
                let pool = self.clone();
                Box::pin(async move {
                    let timeout = timeout
                        .map(|seconds| validate::seconds("timeout", seconds))
                        .transpose()?;
                    let acquired = pool.acquire(timeout).await?;
                    Ok(PoolOutput::Acquired(Box::new(acquired)))
                })
            }
            // Not at the first poll, which a caller that leaves may not wait for.
            PoolOperation::Release { lease, discard } => {
                let released = self.give_back(lease, discard);
                Box::pin(async move {
                    released.await;
                    Ok(PoolOutput::Done)
                })
            }
            PoolOperation::Close {} => {
                let closed = self.close();
                Box::pin(async move {
                    closed.await;
                    Ok(PoolOutput::Done)
                })
            }
        };
        work
    }
}

/// Input to be checked before it is used: by callers who keep it for later, or
/// who do something else first (see [`Operation`] for the form).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "check", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Check {
    /// The id of a session.
    SessionId {
        /// The id.
        session_id: String,
    },
    /// What a delete shall keep.
    Snapshot(SnapshotOptions),
    /// A task.
    Task(StartTask),
    /// Tasks for one session each.
    RunTasks(Box<RunTasks>),
}

impl Check {
    /// Refuses what the call itself would refuse. Sends nothing.
    ///
    /// # Errors
    /// `InvalidRequest` for what would be refused.
    pub fn run(&self) -> Result<()> {
        match self {
            Self::SessionId { session_id } => validate::session_id(session_id),
            Self::Snapshot(options) => options.check(),
            Self::Task(task) => task.check(),
            Self::RunTasks(plan) => plan.check(),
        }
    }
}

impl Client {
    /// Carries an operation out. Dropping the future drops the request.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub fn execute(
        &self,
        operation: Operation,
    ) -> impl Future<Output = Result<Output>> + Send + 'static {
        let client = self.clone();
        // Not at the first poll, which a caller that leaves may not wait for.
        let ending = match &operation {
            Operation::EndSession {
                session_id,
                snapshot,
            } if Handle::try_current().is_ok() => Some(self.api.end_session(session_id, snapshot)),
            _ => None,
        };
        // On the heap at once: it is large, and a binding moves it through many
        // frames on a thread whose stack the language limits.
        Box::pin(async move {
            let outcome = match ending {
                Some(Ok(ending)) => ending.await.map(Output::Ended),
                Some(Err(refused)) => Err(refused),
                None => client.run(operation).await,
            };
            if let Some(trace) = client.api.trace() {
                trace.answered(&outcome);
                if let Ok(Output::Created(session)) = &outcome {
                    trace.of_session(&session.session_id);
                }
            }
            outcome
        })
    }

    async fn run(&self, operation: Operation) -> Result<Output> {
        let sessions = self.sessions();
        Ok(match operation {
            Operation::CreateSession(create) => Output::Created(self.api.create(&create).await?),
            Operation::ListSessions { status } => {
                let found = match status {
                    Some(statuses) => sessions.list_by_status(statuses).await?,
                    None => sessions.list().await?,
                };
                Output::Sessions(found.into_iter().map(Session::into_info).collect())
            }
            Operation::GetSession { session_id } => {
                Output::Session(sessions.get(&session_id).await?.into_info())
            }
            Operation::DeleteSession {
                session_id,
                snapshot,
            } => Output::Delete(sessions.delete(&session_id, snapshot).await?),
            Operation::EndSession {
                session_id,
                snapshot,
            } => Output::Ended(self.api.end_session(&session_id, &snapshot)?.await?),
            Operation::FindOrCreate { create } => match self.api.reusable(&create).await? {
                Some(found) => Output::Session(found),
                None => Output::Created(self.api.create(&create).await?),
            },
            Operation::DeleteCreated {} => Output::Cleanup(sessions.delete_created().await?),
            Operation::IsAlive { session_id } => {
                Output::Told(sessions.attach(&session_id)?.is_alive().await?)
            }
            Operation::AnswerQuestion { session_id, text } => {
                Output::Success(sessions.attach(&session_id)?.answer(text).await?)
            }
            Operation::TryPause { session_id } => {
                Output::Told(sessions.attach(&session_id)?.try_pause().await?)
            }
            Operation::TryResume { session_id } => {
                Output::Told(sessions.attach(&session_id)?.try_resume().await?)
            }
            Operation::StartScreenshots {
                session_id,
                options,
            } => {
                let screenshots = sessions.attach(&session_id)?.screenshots(options)?;
                Output::Number(self.api.taking().keep(screenshots))
            }
            Operation::StopScreenshots { number } => {
                Output::Screenshots(self.api.taking().stop(number).await)
            }
            Operation::DeleteAllSessions {} => Output::Delete(sessions.delete_all().await?),
            Operation::Cleanup(options) => Output::Cleanup(sessions.cleanup(options).await?),
            Operation::Reap(options) => Output::Reap(sessions.reap(options).await?),
            Operation::ReleaseSession { session_id } => {
                sessions.release(&session_id)?;
                Output::Nothing
            }
            Operation::Models { filter } => Output::Models(self.models(filter.as_deref()).await?),
            Operation::Request(request) => Output::Raw(self.request(request).await?),
            Operation::SendMessage {
                session_id,
                message,
            } => Output::Success(sessions.attach(&session_id)?.send_message(message).await?),
            Operation::PrepareTask { session_id, task } => {
                Output::Handle(sessions.attach(&session_id)?.prepare_task(task).await?)
            }
            Operation::ExecutionStatus { session_id } => {
                Output::Status(sessions.attach(&session_id)?.execution_status().await?)
            }
            Operation::Messages {
                session_id,
                options,
            } => Output::Messages(sessions.attach(&session_id)?.messages(options).await?),
            Operation::NextMessages {
                session_id,
                options,
                poll_interval,
            } => {
                let next = self.api.next_messages(&session_id, &options, poll_interval);
                Output::NextMessages(next.await?)
            }
            Operation::Record { session_id } => {
                let recording = sessions.attach(&session_id)?.record().await?;
                Output::Recording(Box::new(recording))
            }
            Operation::Pause { session_id } => {
                Output::Success(sessions.attach(&session_id)?.pause().await?)
            }
            Operation::Resume { session_id } => {
                Output::Success(sessions.attach(&session_id)?.resume().await?)
            }
            Operation::Cancel { session_id } => {
                Output::Success(sessions.attach(&session_id)?.cancel().await?)
            }
            Operation::Stop { session_id } => {
                Output::Success(sessions.attach(&session_id)?.stop().await?)
            }
            Operation::Navigate {
                session_id,
                url,
                settle,
            } => Output::Navigation(sessions.attach(&session_id)?.goto(&url, settle).await?),
            Operation::Screenshot { session_id } => {
                Output::Screenshot(sessions.attach(&session_id)?.screenshot().await?)
            }
            Operation::Wait {
                session_id,
                options,
            } => Output::Status(sessions.attach(&session_id)?.wait(options).await?),
        })
    }
}

impl Task {
    /// Carries an operation out. Dropping the future drops the request.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub fn execute(
        &self,
        operation: TaskOperation,
    ) -> impl Future<Output = Result<Output>> + Send + 'static {
        let task = self.clone();
        // On the heap at once: see `Client::execute`.
        Box::pin(async move {
            let outcome = task.run(operation).await;
            if let Some(trace) = task.call_trace() {
                trace.answered(&outcome);
            }
            outcome
        })
    }

    async fn run(&self, operation: TaskOperation) -> Result<Output> {
        Ok(match operation {
            TaskOperation::Answer { text, question_id } => {
                Output::Success(self.answer_to(text, question_id).await?)
            }
            TaskOperation::SendMessage { text } => Output::Success(self.send_message(text).await?),
            TaskOperation::Pause {} => Output::Success(self.pause().await?),
            TaskOperation::Resume {} => Output::Success(self.resume().await?),
            TaskOperation::Cancel {} => Output::Success(self.cancel().await?),
            TaskOperation::Status {} => Output::Status(self.status().await?),
            TaskOperation::Result { timeout } => {
                let timeout = timeout
                    .map(|seconds| validate::seconds("timeout", seconds))
                    .transpose()?;
                Output::TaskResult(Box::new(self.result(timeout).await?))
            }
        })
    }
}

/// What each operation takes and gives, for the bindings' types.
#[cfg(all(feature = "schema", feature = "raccoon"))]
pub(super) fn schema() -> serde_json::Value {
    super::schema::service(
        |inputs| {
            inputs.root::<Operation>("Operation");
            inputs.root::<TaskOperation>("TaskOperation");
            inputs.root::<PoolOperation>("PoolOperation");
            inputs.root::<Check>("Check");
            inputs.define::<crate::agi::PoolOptions>();
            inputs.define::<StartTask>();
            inputs.define::<Resume>();
            inputs.define::<RunTasks>();
        },
        |outputs| {
            outputs.group("Outputs", |of| {
                of.gives::<SessionInfo>(&["create_session", "get_session", "find_or_create"]);
                of.gives::<bool>(&["is_alive", "try_pause", "try_resume"]);
                of.gives::<u64>(&["start_screenshots"]);
                of.gives::<ScreenshotsReport>(&["stop_screenshots"]);
                of.gives::<Vec<SessionInfo>>(&["list_sessions"]);
                of.gives::<DeleteResult>(&["delete_session", "end_session", "delete_all_sessions"]);
                of.gives::<Vec<CleanupReport>>(&["cleanup", "delete_created"]);
                of.gives::<Vec<ReapReport>>(&["reap"]);
                of.gives::<()>(&["release_session"]);
                of.gives::<SuccessResult>(&[
                    "send_message",
                    "answer_question",
                    "pause",
                    "resume",
                    "cancel",
                    "stop",
                ]);
                of.gives::<String>(&["prepare_task"]);
                of.gives::<ExecutionStatus>(&["execution_status", "wait"]);
                of.gives::<Messages>(&["messages"]);
                of.gives::<NextMessages>(&["next_messages"]);
                of.gives::<Recording>(&["record"]);
                of.gives::<Navigation>(&["navigate"]);
                of.gives::<Screenshot>(&["screenshot"]);
                of.gives::<Vec<String>>(&["models"]);
                of.gives::<RawResponse>(&["request"]);
            });
            outputs.group("PoolOutputs", |of| {
                of.gives::<Lease>(&["acquire"]);
                of.gives::<bool>(&["release", "close"]);
            });
            outputs.group("TaskOutputs", |of| {
                of.gives::<SuccessResult>(&["answer", "send_message", "pause", "resume", "cancel"]);
                of.gives::<ExecutionStatus>(&["status"]);
                of.gives::<TaskResult>(&["result"]);
            });
        },
    )
}

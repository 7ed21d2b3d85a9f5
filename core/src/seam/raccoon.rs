//! The operations of Raccoon.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::runtime::Handle;

use crate::background::Offer;
use crate::error::{Error, ErrorKind, Result};
pub use crate::raccoon::hooks::{HookBridge, HookReply};
use crate::raccoon::validate as raccoon_validate;
use crate::raccoon::{
    AnswerDecoder, Client, DeleteResult, DirectoryFile, FileToCheck, FrameDecoder, History,
    ListSessions, RaccoonConfig, RawRequest, RawResponse, ResumeOptions, RunTurns, SessionPage,
    StartTurn, StopResult, SuccessResult, Turn, TurnEventOptions, TurnMessage, TurnResult,
    UploadedFile, check_files, check_given, directory_files,
};
use crate::responses::to_json;
use crate::validate;

/// Every request that a client makes, as data: the one entry for the language
/// bindings, which send `{"op": "get_session", "session_id": "..."}`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Operation {
    /// Lists one page of the sessions.
    ListSessions(ListSessions),
    /// Reads a session with its history.
    GetSession {
        /// Which session.
        session_id: String,
    },
    /// Prepares a turn: gives a handle, and sends nothing.
    PrepareTurn {
        /// Which session.
        session_id: String,
        /// The turn.
        turn: Box<StartTurn>,
    },
    /// Gives a session another title.
    RenameSession {
        /// Which session.
        session_id: String,
        /// 1 to 255 characters.
        title: String,
    },
    /// Deletes a session; one that is gone is no error.
    DeleteSession {
        /// Which session.
        session_id: String,
    },
    /// Deletes a session at the end of its use: also where the client is closed
    /// meanwhile, and to the end where the caller leaves.
    EndSession {
        /// Which session.
        session_id: String,
    },
    /// The files of a directory of this machine that a pattern names.
    DirectoryFiles {
        /// Where.
        directory: String,
        /// Which, such as `**/*.csv`.
        #[serde(default = "all_files")]
        pattern: String,
    },
    /// Any other request.
    Request(RawRequest),
}

/// A configuration whose `decode_frame` and `decode_answer` are functions of another
/// language.
pub fn with_hooks(
    config: RaccoonConfig,
    decode_frame: Option<HookBridge>,
    decode_answer: Option<HookBridge>,
) -> RaccoonConfig {
    config.with_hooks(
        decode_frame.map(FrameDecoder::across),
        decode_answer.map(AnswerDecoder::across),
    )
}

/// A text without the key of a client of this configuration: what one of its hooks threw,
/// for example.
pub fn redacted(config: &RaccoonConfig, text: &str) -> String {
    config.redacted(text)
}

/// What an [`Operation`] or a [`TurnOperation`] gives.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Output {
    /// Of `list_sessions`.
    Sessions(SessionPage),
    /// Of `prepare_turn`.
    Handle(String),
    /// Of `get_session`.
    History(Box<History>),
    /// Of `delete_session`.
    Delete(DeleteResult),
    /// Of `end_session`: told at the client's end unless somebody takes it.
    Ended(Offer<Result<DeleteResult>>),
    /// Of `rename_session` and `send_message`.
    Success(SuccessResult),
    /// Of an upload.
    File(UploadedFile),
    /// Of `directory_files`.
    DirectoryFiles(Vec<DirectoryFile>),
    /// Of a turn's `stop`.
    Stop(StopResult),
    /// Of a turn's `result`.
    TurnResult(Box<TurnResult>),
    /// Of `request`.
    Raw(RawResponse),
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
            Self::Ended(outcome) => Self::Delete(outcome.take()?),
            output => output,
        })
    }
}

/// Every request about one turn, as data (see [`Operation`]).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum TurnOperation {
    /// Tells the agent more.
    SendMessage(TurnMessage),
    /// Stops the turn and waits for its end.
    Stop {
        /// Seconds to wait. Default: 10.
        #[serde(default = "ten_seconds")]
        timeout: f64,
        /// The frame to send instead of the usual one.
        #[serde(default)]
        frame: Option<Value>,
    },
    /// Waits for the result.
    Result {
        /// Seconds; `None`: no limit.
        #[serde(default)]
        timeout: Option<f64>,
    },
}

fn all_files() -> String {
    "**/*".to_owned()
}

fn ten_seconds() -> f64 {
    10.0
}

/// What `resume` takes; a turn is what it gives.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Resume {
    /// What `handle` of a turn gave, or `prepare_turn`.
    pub handle: String,
    /// Gives all of the turn's events again.
    #[serde(default)]
    pub from_start: bool,
    /// How the turn's events are read.
    #[serde(default)]
    pub events: TurnEventOptions,
}

impl Resume {
    /// Carries it out.
    pub fn of(self, client: &Client) -> impl Future<Output = Result<Turn>> + Send + use<> {
        let options = ResumeOptions::new()
            .from_start(self.from_start)
            .events(self.events);
        client.resume(&self.handle, options)
    }
}

/// Input to be checked before it is used (see [`Operation`] for the form).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "check", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Check {
    /// The id of a session.
    SessionId {
        /// A UUID.
        session_id: String,
    },
    /// A turn but its files.
    Turn(Box<StartTurn>),
    /// Turns, each in a session of its own unless it names one. Looks whether files of
    /// this machine can be read.
    RunTurns(Box<RunTurns>),
    /// Files for a turn. Looks whether those of this machine can be read.
    Files {
        /// Which.
        files: Vec<FileToCheck>,
    },
}

impl Check {
    /// Refuses what the call itself would refuse. Sends nothing.
    ///
    /// # Errors
    /// `InvalidRequest` for what would be refused.
    pub fn run(&self) -> Result<()> {
        match self {
            Self::SessionId { session_id } => raccoon_validate::session_id_or_none(session_id),
            Self::Turn(turn) => turn.check(),
            Self::RunTurns(plan) => {
                plan.check()?;
                let mut turns = plan.turns.iter().enumerate();
                turns.try_for_each(|(index, given)| {
                    check_files(&given.turn.files)
                        .map_err(|error| raccoon_validate::of_turn(index, &error))
                })
            }
            Self::Files { files } => check_given(files),
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
        // As in `agi::Client::execute`.
        let ending = match &operation {
            Operation::EndSession { session_id } if Handle::try_current().is_ok() => {
                Some(self.api.end_session(session_id))
            }
            _ => None,
        };
        Box::pin(async move {
            let outcome = match ending {
                Some(Ok(ending)) => ending.await.map(Output::Ended),
                Some(Err(refused)) => Err(refused),
                None => client.run(operation).await,
            };
            if let Some(trace) = client.api.trace() {
                trace.answered(&outcome);
            }
            outcome
        })
    }

    async fn run(&self, operation: Operation) -> Result<Output> {
        let sessions = self.sessions();
        Ok(match operation {
            Operation::ListSessions(list) => Output::Sessions(self.api.list(&list).await?),
            Operation::GetSession { session_id } => {
                Output::History(Box::new(sessions.get(&session_id).await?))
            }
            Operation::PrepareTurn { session_id, turn } => {
                let session = self.continue_session(&session_id)?;
                Output::Handle(session.prepare_turn(*turn).await?)
            }
            Operation::RenameSession { session_id, title } => {
                Output::Success(sessions.rename(&session_id, &title).await?)
            }
            Operation::DeleteSession { session_id } => {
                Output::Delete(sessions.delete(&session_id).await?)
            }
            Operation::EndSession { session_id } => {
                Output::Ended(self.api.end_session(&session_id)?.await?)
            }
            Operation::DirectoryFiles { directory, pattern } => {
                let read = move || directory_files(Path::new(&directory), &pattern);
                let read = tokio::task::spawn_blocking(read).await;
                let gone = |_| Err(Error::new(ErrorKind::Config, "The runtime is gone"));
                Output::DirectoryFiles(read.unwrap_or_else(gone)?)
            }
            Operation::Request(request) => Output::Raw(self.request(request).await?),
        })
    }
}

impl Turn {
    /// Carries an operation out. Dropping the future drops the wait.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub fn execute(
        &self,
        operation: TurnOperation,
    ) -> impl Future<Output = Result<Output>> + Send + 'static {
        let turn = self.clone();
        Box::pin(async move {
            let outcome = turn.run(operation).await;
            if let Some(trace) = turn.call_trace() {
                trace.answered(&outcome);
            }
            outcome
        })
    }

    /// Which setting may cure that the turn does not end: a sentence that follows another,
    /// without its stop. Empty where its newest event is understood.
    pub fn cure(&self) -> String {
        self.hint()
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
        Ok(match operation {
            TurnOperation::SendMessage(message) => self.message_frame(message)?,
            TurnOperation::Stop { frame, .. } => self.stop_frame(frame),
            TurnOperation::Result { .. } => Value::Null,
        })
    }
}

/// What each operation takes and gives, for the bindings' types.
#[cfg(feature = "schema")]
pub(super) fn schema() -> Value {
    use crate::raccoon::{Attach, EventOptions, ToldOutcome, TurnState, Upload};
    super::schema::service(
        |inputs| {
            inputs.root::<Operation>("Operation");
            inputs.root::<TurnOperation>("TurnOperation");
            inputs.root::<Check>("Check");
            inputs.define::<StartTurn>();
            inputs.define::<Attach>();
            inputs.define::<Resume>();
            inputs.define::<Upload>();
            inputs.define::<RunTurns>();
            inputs.define::<EventOptions>();
        },
        |outputs| {
            outputs.define::<TurnState>();
            outputs.define::<ToldOutcome<'_>>();
            outputs.group("Outputs", |of| {
                of.gives::<SessionPage>(&["list_sessions"]);
                of.gives::<History>(&["get_session"]);
                of.gives::<String>(&["prepare_turn"]);
                of.gives::<SuccessResult>(&["rename_session"]);
                of.gives::<DeleteResult>(&["delete_session", "end_session"]);
                of.gives::<Vec<DirectoryFile>>(&["directory_files"]);
                of.gives::<RawResponse>(&["request"]);
            });
            outputs.group("TurnOutputs", |of| {
                of.gives::<SuccessResult>(&["send_message"]);
                of.gives::<StopResult>(&["stop"]);
                of.gives::<TurnResult>(&["result"]);
            });
        },
    )
}

//! An agent of one's own for turns: a function that works on them in place of the built-in agent.

use super::handle::WorkHandle;
use super::log::Draft;
use super::validate::StartTurn;
use crate::agent::{AgentFunction, Detached, TaskOver, seconds};
use crate::scenario::Todo;
use crate::sync::lock;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A function that works on the turns which no scenario plays, for [`Options::turn_agent`](crate::Options::turn_agent) and
/// [`Emulator::turn_agent`](crate::Emulator::turn_agent).
///
/// It is called once per turn; turns of different sessions run at the same time. When the turn is stopped, its session
/// deleted or the emulator closed, the function's future is dropped. A function that returns without `done`, `abort` or
/// `fail` completes its turn; one that returns an error or panics ends it with a `task.error`.
///
/// ```
/// use sessionwire_emulator::{Options, TurnAgent};
///
/// let agent = TurnAgent::new(|turn, agent| async move {
///     agent.plan(vec!["Read".into(), "Answer".into()]).await?;
///     agent.think(format!("Working on: {}", turn.prompt)).await?;
///     agent.tool("calculator", serde_json::json!({ "sum": 22.4 })).await?;
///     agent.say("Both mugs cost 22.40 EUR").await?;
///     Ok(())
/// });
/// let options = Options { turn_agent: Some(agent), ..Options::default() };
/// # let _ = options;
/// ```
pub type TurnAgent = AgentFunction<AgentTurn, TurnHandle>;

/// A turn, as an agent gets it. Fields that the request left out are empty.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AgentTurn {
    /// What to do.
    pub prompt: String,
    /// `auto`, `plan`, `code`, `deepsearch` or `slides`.
    pub mode: String,
    /// The session it runs in.
    pub session_id: String,
    /// The agent message that names the turn.
    pub message_id: String,
    /// The references to uploads, as they came: `key`, `name`, `type`, `size`. See [`TurnHandle::read_file`].
    pub files: Vec<Value>,
    /// The objects to refer to, as they came.
    pub references: Vec<Value>,
    /// The conversation so far, as it came.
    pub history: Vec<Value>,
    /// The system instructions.
    pub base_prompt: Option<String>,
    /// `fast` or `think`.
    pub sdk_version: Option<String>,
    /// The continuation data.
    pub continuation: Option<String>,
    /// What else the request had.
    pub extra: Map<String, Value>,
}

impl AgentTurn {
    fn new(request: StartTurn, message_id: String) -> Self {
        Self {
            prompt: request.prompt,
            mode: request.mode,
            session_id: request.session_id,
            message_id,
            files: request.files,
            references: request.references,
            history: request.history,
            base_prompt: request.base_prompt,
            sdk_version: request.sdk_version,
            continuation: request.continuation,
            extra: request.extra,
        }
    }
}

/// An uploaded file, as an agent reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AgentFile {
    /// What it is stored under.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Its media type.
    pub content_type: String,
    /// How many bytes it has.
    pub size: u64,
    /// Its first 64 KiB: the emulator keeps no more. In JSON as base64.
    #[serde(serialize_with = "base64")]
    pub content: Vec<u8>,
}

fn base64<S: Serializer>(bytes: &[u8], sink: S) -> Result<S::Ok, S::Error> {
    sink.serialize_str(&STANDARD.encode(bytes))
}

/// What an agent does with its turn. Clones act on the same turn.
///
/// A call fails with [`TaskOver`] when the turn is no longer the agent's. What several calls at the same time report appears
/// in the order of the calls.
#[derive(Clone)]
pub struct TurnHandle {
    work: WorkHandle,
    /// Cancelled when the emulator stops.
    stop: CancellationToken,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Counts the thoughts that have a block of their own.
    thoughts: AtomicU64,
    tools: AtomicU64,
    /// The agent ended the turn itself.
    ended: Mutex<bool>,
}

impl fmt::Debug for TurnHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnHandle")
            .field("session_id", &self.work.session.session_id)
            .finish_non_exhaustive()
    }
}

impl TurnHandle {
    fn new(work: WorkHandle, stop: CancellationToken) -> Self {
        Self {
            work,
            stop,
            shared: Arc::default(),
        }
    }

    /// Reports a thought, in a block of its own.
    pub async fn think(&self, text: impl Into<String>) -> Result<(), TaskOver> {
        let number = self.shared.thoughts.fetch_add(1, Ordering::Relaxed) + 1;
        self.think_in(&number.to_string(), text, true).await
    }

    /// Reports a piece of a thought in the block `thought:<block>`; the last piece has `finalize`.
    pub async fn think_in(
        &self,
        block: &str,
        text: impl Into<String>,
        finalize: bool,
    ) -> Result<(), TaskOver> {
        self.report(Draft::thought(block, &text.into(), finalize))
            .await
    }

    /// Says a piece of the answer. The pieces, put together, are the turn's text.
    pub async fn say(&self, text: impl Into<String>) -> Result<(), TaskOver> {
        self.say_in("answer", text).await
    }

    /// Says a piece of the answer in the block `text:<block>`.
    pub async fn say_in(&self, block: &str, text: impl Into<String>) -> Result<(), TaskOver> {
        self.report(Draft::text(block, &text.into())).await
    }

    /// Reports that a tool begins; gives its block, for [`end_tool`](Self::end_tool).
    pub async fn start_tool(&self, name: &str) -> Result<String, TaskOver> {
        let number = self.shared.tools.fetch_add(1, Ordering::Relaxed) + 1;
        let block = format!("tool:{name}:run-{number}");
        self.report(Draft::tool_start(&block, name)).await?;
        Ok(block)
    }

    /// Reports what a tool gave, and how it went: `success`, `error`, ...
    pub async fn end_tool(
        &self,
        block_id: &str,
        status: &str,
        output: impl Into<Value>,
    ) -> Result<(), TaskOver> {
        self.report(Draft::tool_result(block_id, status, output.into()))
            .await
    }

    /// Reports a tool that began and succeeded.
    pub async fn tool(&self, name: &str, output: impl Into<Value>) -> Result<(), TaskOver> {
        let block = self.start_tool(name).await?;
        self.end_tool(&block, "success", output).await
    }

    /// Reports the whole plan as it is now. An empty id stands for the entry's place in it, from 1.
    pub async fn plan(&self, todos: Vec<Todo>) -> Result<(), TaskOver> {
        let todos = todos.into_iter().enumerate().map(|(index, todo)| {
            let id = match todo.id.as_str() {
                "" => (index + 1).to_string(),
                id => id.to_owned(),
            };
            json!({ "id": id, "content": todo.content, "status": todo.status })
        });
        self.report(Draft::plan(todos.collect())).await
    }

    /// Reports files of the sandbox that were written and deleted, by their paths.
    pub async fn snapshot(&self, written: &[String], deleted: &[String]) -> Result<(), TaskOver> {
        let session_id = &self.work.session.session_id;
        self.report(Draft::snapshot(
            session_id,
            self.work.now(),
            written,
            deleted,
        ))
        .await
    }

    /// Reports an event of any kind. One that ends a turn ends this one.
    pub async fn event(
        &self,
        kind: impl Into<String>,
        payload: Map<String, Value>,
        block_id: Option<String>,
    ) -> Result<(), TaskOver> {
        let mut draft = Draft::new(kind.into(), Value::Object(payload));
        draft.block = block_id;
        match draft.ending() {
            Some(_) => self.end(draft, None),
            None => self.report(draft).await,
        }
    }

    /// An uploaded file by its key; `None` where nothing was uploaded under it.
    pub fn read_file(&self, key: &str) -> Result<Option<AgentFile>, TaskOver> {
        self.check()?;
        let file = lock(&self.work.session.owner.uploads).get(key).cloned();
        Ok(file.map(|file| AgentFile {
            key: key.to_owned(),
            name: file.name.clone(),
            content_type: file.content_type.clone(),
            size: file.size,
            content: file.begin.clone(),
        }))
    }

    /// Waits so long; on a fast clock the time passes at once.
    pub async fn sleep(&self, time: Duration) -> Result<(), TaskOver> {
        self.while_mine(self.work.sleep(time)).await
    }

    /// The messages that the user sent since the last look.
    pub fn messages(&self) -> Result<Vec<String>, TaskOver> {
        self.check()?;
        Ok(self.work.take_messages())
    }

    /// Waits for a message of the user; one that came since the last look counts.
    pub async fn wait_for_message(&self) -> Result<String, TaskOver> {
        self.while_mine(self.work.wait_for_message()).await
    }

    /// Completes the turn.
    pub async fn done(&self) -> Result<(), TaskOver> {
        self.end(Draft::completed(), None)
    }

    /// Completes the turn; this is the content of the agent's message in the history, in place of what was said.
    pub async fn done_with(&self, content: impl Into<String>) -> Result<(), TaskOver> {
        self.end(Draft::completed(), Some(content.into()))
    }

    /// Ends the turn as aborted.
    pub async fn abort(&self, reason: impl Into<String>) -> Result<(), TaskOver> {
        self.end(Draft::aborted(&reason.into()), None)
    }

    /// Ends the turn as a failure.
    pub async fn fail(&self, error: impl Into<String>) -> Result<(), TaskOver> {
        self.end(Draft::failed(&error.into(), None), None)
    }

    /// Ends the turn as a failure with this code.
    pub async fn fail_with(
        &self,
        error: impl Into<String>,
        code: impl Into<String>,
    ) -> Result<(), TaskOver> {
        self.end(Draft::failed(&error.into(), Some(code.into())), None)
    }

    /// Whether the turn is no longer the agent's, and why.
    #[must_use]
    pub fn over(&self) -> Option<TaskOver> {
        if *lock(&self.shared.ended) {
            Some(TaskOver::Ended)
        } else if self.stop.is_cancelled() {
            Some(TaskOver::Closed)
        } else if !self.work.has_ended() {
            None
        } else if self.work.session.is_deleted() {
            Some(TaskOver::Deleted)
        } else {
            Some(TaskOver::Stopped)
        }
    }

    /// Waits until the turn is no longer the agent's.
    pub async fn wait_until_over(&self) -> TaskOver {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.work.ended() => {}
        }
        self.over().unwrap_or(TaskOver::Closed)
    }

    /// Carries out a call that came as data, and gives its reply as JSON.
    pub async fn execute(&self, call: TurnCall) -> Result<Value, TaskOver> {
        let done = |()| Value::Null;
        match call {
            TurnCall::Think {
                text,
                block: None,
                finalize: _,
            } => self.think(text).await.map(done),
            TurnCall::Think {
                text,
                block: Some(block),
                finalize,
            } => self.think_in(&block, text, finalize).await.map(done),
            TurnCall::Say { text, block } => self.say_in(&block, text).await.map(done),
            TurnCall::StartTool { name } => self.start_tool(&name).await.map(Value::String),
            TurnCall::EndTool {
                block_id,
                status,
                output,
            } => self.end_tool(&block_id, &status, output).await.map(done),
            TurnCall::Plan { todos } => self.plan(todos).await.map(done),
            TurnCall::Snapshot { written, deleted } => {
                self.snapshot(&written, &deleted).await.map(done)
            }
            TurnCall::Event {
                kind,
                payload,
                block_id,
            } => self.event(kind, payload, block_id).await.map(done),
            TurnCall::ReadFile { key } => self.read_file(&key).map(|file| json!(file)),
            TurnCall::Sleep { seconds } => {
                let time = Duration::from_secs_f64(seconds);
                self.sleep(time).await.map(done)
            }
            TurnCall::Messages {} => self.messages().map(|messages| json!(messages)),
            TurnCall::WaitForMessage {} => self.wait_for_message().await.map(Value::String),
            TurnCall::Done { content } => self.end(Draft::completed(), content).map(done),
            TurnCall::Abort { reason } => self.abort(reason).await.map(done),
            TurnCall::Fail { error, code } => self.end(Draft::failed(&error, code), None).map(done),
        }
    }

    async fn report(&self, draft: Draft) -> Result<(), TaskOver> {
        self.check()?;
        self.work
            .say(vec![draft])
            .map_err(|Detached| self.taken_away())?;
        // An agent that only talks must not keep its thread from the sockets.
        tokio::task::yield_now().await;
        Ok(())
    }

    fn end(&self, draft: Draft, content: Option<String>) -> Result<(), TaskOver> {
        self.check()?;
        // Held while the turn ends: whoever sees the end sees whose it is.
        let mut ended = lock(&self.shared.ended);
        let done = self.work.end(draft, content);
        *ended |= done.is_ok();
        drop(ended);
        done.map_err(|Detached| self.taken_away())
    }

    fn check(&self) -> Result<(), TaskOver> {
        self.over().map_or(Ok(()), Err)
    }

    /// Why a turn has ended that this agent thought its own.
    fn taken_away(&self) -> TaskOver {
        self.over().unwrap_or(TaskOver::Stopped)
    }

    /// Does `work` until the turn is over, and says why it was.
    async fn while_mine<T>(&self, work: impl Future<Output = T>) -> Result<T, TaskOver> {
        tokio::select! {
            biased;
            over = self.wait_until_over() => Err(over),
            done = work => Ok(done),
        }
    }
}

/// A call of the [`TurnHandle`] as data, such as `{"op": "say", "text": "Here it is"}`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
#[allow(missing_docs)] // They are the methods of the handle.
pub enum TurnCall {
    Think {
        text: String,
        #[serde(default)]
        block: Option<String>,
        #[serde(default = "yes")]
        finalize: bool,
    },
    Say {
        text: String,
        #[serde(default = "answer")]
        block: String,
    },
    StartTool {
        name: String,
    },
    EndTool {
        block_id: String,
        #[serde(default = "success")]
        status: String,
        #[serde(default)]
        output: Value,
    },
    Plan {
        #[serde(deserialize_with = "todos")]
        todos: Vec<Todo>,
    },
    Snapshot {
        #[serde(default)]
        written: Vec<String>,
        #[serde(default)]
        deleted: Vec<String>,
    },
    Event {
        kind: String,
        #[serde(default)]
        payload: Map<String, Value>,
        #[serde(default)]
        block_id: Option<String>,
    },
    ReadFile {
        key: String,
    },
    Sleep {
        #[serde(deserialize_with = "seconds")]
        seconds: f64,
    },
    Messages {},
    WaitForMessage {},
    Done {
        #[serde(default)]
        content: Option<String>,
    },
    Abort {
        reason: String,
    },
    Fail {
        error: String,
        #[serde(default)]
        code: Option<String>,
    },
}

fn yes() -> bool {
    true
}

fn answer() -> String {
    "answer".to_owned()
}

fn success() -> String {
    "success".to_owned()
}

fn todos<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<Todo>, D::Error> {
    Todo::list(&Value::deserialize(source)?).map_err(serde::de::Error::custom)
}

/// Lets the agent work on the turn, and ends the turn in its name if it does not.
pub(super) async fn work(
    work: WorkHandle,
    agent: TurnAgent,
    stop: CancellationToken,
    request: StartTurn,
) -> Result<(), Detached> {
    let handle = TurnHandle::new(work.clone(), stop);
    let turn = AgentTurn::new(request, work.message_id());
    let result = tokio::select! {
        biased;
        () = taken_away(&handle) => return Err(Detached),
        result = agent.run(turn, handle.clone()) => result.ok_or(Detached)?,
    };
    let over = handle.over().is_some();
    match result {
        Ok(()) if over => Ok(()),
        Ok(()) => handle.end(Draft::completed(), None).map_err(|_| Detached),
        Err(error) if over && error.is::<TaskOver>() => Ok(()),
        Err(error) => {
            let text = error.to_string();
            let session_id = &work.session.session_id;
            tracing::error!(session_id, error = text, "the agent failed");
            handle
                .end(Draft::failed(&text, None), None)
                .map_err(|_| Detached)
        }
    }
}

/// Waits until somebody else ends the turn. After its own end an agent may still clear up.
async fn taken_away(handle: &TurnHandle) {
    if handle.wait_until_over().await == TaskOver::Ended {
        std::future::pending::<()>().await;
    }
}

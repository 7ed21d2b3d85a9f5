//! An agent of one's own: a function that works on the tasks in place of the built-in agent.

use super::handle::TaskHandle;
use super::log::Draft;
use crate::agent::{AgentFunction, Detached, TaskOver, seconds};
use crate::page::Page;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use url::Url;

/// A function that works on the tasks which no scenario plays, for [`Options::agent`](crate::Options::agent) and
/// [`Emulator::agent`](crate::Emulator::agent).
///
/// It is called once per task; tasks of different sessions run at the same time. When the task is cancelled, its session
/// deleted or the emulator closed, the function's future is dropped. A function that returns without `done` or `fail` ends
/// its task with `done("Task completed")`; one that returns an error or panics, with that failure.
///
/// ```
/// use sessionwire_emulator::{Agent, Options};
///
/// let agent = Agent::new(|task, agent| async move {
///     agent.think(format!("Working on: {}", task.text)).await?;
///     let colour = agent.ask("Which colour?").await?;
///     agent.done(serde_json::json!({ "summary": format!("A {colour} mug") })).await?;
///     Ok(())
/// });
/// let options = Options { agent: Some(agent), ..Options::default() };
/// # let _ = options;
/// ```
pub type Agent = AgentFunction<AgentTask, AgentHandle>;

/// A task, as an agent gets it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AgentTask {
    /// What to do: the text of the message that started the task.
    pub text: String,
    /// The page to start on, where the message names one; nobody opened it yet.
    pub start_url: Option<String>,
    /// The session it runs in.
    pub session_id: String,
    /// The agent that the session was created with, such as `agi-0`.
    pub agent_name: String,
    /// What else the session was created with: `goal`, `max_steps`, ...
    pub extra: Map<String, Value>,
}

/// A page that an agent opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AgentPage {
    /// Where it ended up, after redirects.
    pub url: String,
    /// Its title; empty where it has none.
    pub title: String,
    /// What is readable on it, one piece a line.
    pub text: String,
    /// Why it could not be opened or read, as sentences; `None` if it could.
    pub problem: Option<String>,
}

/// What an agent does with its task. Clones act on the same task.
///
/// A call waits while the session is paused or still initializing, and fails with [`TaskOver`] when the task is no longer
/// the agent's. What several calls at the same time report appears in the order of the calls.
#[derive(Clone)]
pub struct AgentHandle {
    task: TaskHandle,
    /// Cancelled when the emulator stops.
    stop: CancellationToken,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Whoever holds it reports next.
    reporting: Mutex<()>,
    /// Whoever holds it waits for an answer.
    asking: Mutex<()>,
    ended: AtomicBool,
}

impl fmt::Debug for AgentHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentHandle")
            .field("session_id", &self.task.session().id)
            .finish_non_exhaustive()
    }
}

impl AgentHandle {
    fn new(task: TaskHandle, stop: CancellationToken) -> Self {
        Self {
            task,
            stop,
            shared: Arc::default(),
        }
    }

    /// Reports a thought.
    pub async fn think(&self, text: impl Into<String>) -> Result<(), TaskOver> {
        self.say(Draft::Thought(text.into())).await
    }

    /// Reports an action.
    pub async fn step(&self, text: impl Into<String>) -> Result<(), TaskOver> {
        self.step_at(text, None, None).await
    }

    /// Reports an action with the page it happens on and a word for its kind, such as `click`.
    pub async fn step_at(
        &self,
        text: impl Into<String>,
        url: Option<String>,
        action: Option<String>,
    ) -> Result<(), TaskOver> {
        let text = text.into();
        self.say(Draft::Step { text, url, action }).await
    }

    /// Reports context for debugging.
    pub async fn log(&self, text: impl Into<String>) -> Result<(), TaskOver> {
        self.say(Draft::Log(text.into())).await
    }

    /// Asks the user and waits for the answer, however long it takes. Dropping the future withdraws the question;
    /// several questions are asked one after the other.
    pub async fn ask(&self, question: impl Into<String>) -> Result<String, TaskOver> {
        let question = question.into();
        self.while_mine(async {
            let _order = self.shared.asking.lock().await;
            let mut open = OpenQuestion(Some(&self.task));
            {
                let _order = self.shared.reporting.lock().await;
                let draft = Draft::Question(question.clone());
                self.task.pose(question, draft, Map::new()).await?;
            }
            let answer = self.task.answer().await?;
            open.0 = None;
            Ok(answer)
        })
        .await
    }

    /// Opens a page in the session's browser and reports that as a step. A page that cannot be opened is no error: see
    /// [`AgentPage::problem`].
    pub async fn navigate(&self, url: impl AsRef<str>) -> Result<AgentPage, TaskOver> {
        self.while_mine(async {
            let _order = self.shared.reporting.lock().await;
            let page = self.task.navigate(url.as_ref()).await?;
            Ok(AgentPage::of(page))
        })
        .await
    }

    /// Waits so long; on a fast clock the time passes at once.
    pub async fn sleep(&self, time: Duration) -> Result<(), TaskOver> {
        self.while_mine(self.task.sleep(time)).await
    }

    /// Pauses the session as a `pause` request does, and waits until it is resumed.
    pub async fn pause(&self) -> Result<(), TaskOver> {
        self.while_mine(async {
            let _order = self.shared.reporting.lock().await;
            self.task.pause().await
        })
        .await
    }

    /// The messages of the user that came since the last look, other than answers.
    pub fn messages(&self) -> Result<Vec<String>, TaskOver> {
        match self.over() {
            Some(over) => Err(over),
            None => Ok(self.task.take_updates()),
        }
    }

    /// Waits for a message of the user, other than an answer; one that came since the last look counts.
    pub async fn wait_for_message(&self) -> Result<String, TaskOver> {
        self.while_mine(self.task.wait_for_message()).await
    }

    /// Ends the task with a result: a text or any JSON. Of an object the `summary` is the text.
    pub async fn done(&self, result: impl Into<Value>) -> Result<(), TaskOver> {
        let result = result.into();
        self.end(self.task.done(result)).await
    }

    /// Ends the task as a failure, with the status code 500.
    pub async fn fail(&self, error: impl Into<String>) -> Result<(), TaskOver> {
        self.fail_with(error, 500).await
    }

    /// Ends the task as a failure with this `status_code`.
    pub async fn fail_with(
        &self,
        error: impl Into<String>,
        status_code: u16,
    ) -> Result<(), TaskOver> {
        self.end(self.task.fail(error.into(), status_code)).await
    }

    /// Whether the task is no longer the agent's, and why.
    #[must_use]
    pub fn over(&self) -> Option<TaskOver> {
        if self.shared.ended.load(Ordering::Acquire) {
            Some(TaskOver::Ended)
        } else if self.stop.is_cancelled() {
            Some(TaskOver::Closed)
        } else if self.task.is_mine() {
            None
        } else if self.task.session().is_deleted() {
            Some(TaskOver::Deleted)
        } else {
            Some(TaskOver::Cancelled)
        }
    }

    /// Waits until the task is no longer the agent's.
    pub async fn wait_until_over(&self) -> TaskOver {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.task.lost() => {}
        }
        self.over().unwrap_or(TaskOver::Closed)
    }

    /// Carries out a call that came as data, and gives its reply as JSON.
    pub async fn execute(&self, call: AgentCall) -> Result<Value, TaskOver> {
        match call {
            AgentCall::Think { text } => self.think(text).await.map(|()| Value::Null),
            AgentCall::Step { text, url, action } => {
                self.step_at(text, url, action).await.map(|()| Value::Null)
            }
            AgentCall::Log { text } => self.log(text).await.map(|()| Value::Null),
            AgentCall::Ask { question } => self.ask(question).await.map(Value::String),
            AgentCall::Navigate { url } => self.navigate(url).await.map(|page| json!(page)),
            AgentCall::Sleep { seconds } => self
                .sleep(Duration::from_secs_f64(seconds))
                .await
                .map(|()| Value::Null),
            AgentCall::Pause {} => self.pause().await.map(|()| Value::Null),
            AgentCall::Messages {} => self.messages().map(|messages| json!(messages)),
            AgentCall::WaitForMessage {} => self.wait_for_message().await.map(Value::String),
            AgentCall::Done { result } => self.done(result).await.map(|()| Value::Null),
            AgentCall::Fail { error, status_code } => self
                .fail_with(error, status_code)
                .await
                .map(|()| Value::Null),
        }
    }

    async fn say(&self, draft: Draft) -> Result<(), TaskOver> {
        self.while_mine(async {
            let _order = self.shared.reporting.lock().await;
            self.task.say(vec![draft]).await
        })
        .await
    }

    async fn end(&self, end: impl Future<Output = Result<(), Detached>>) -> Result<(), TaskOver> {
        self.while_mine(async {
            let _order = self.shared.reporting.lock().await;
            end.await?;
            self.shared.ended.store(true, Ordering::Release);
            Ok(())
        })
        .await
    }

    /// Does `work` until the task is taken away or the emulator closed, and says why it was.
    async fn while_mine<T>(
        &self,
        work: impl Future<Output = Result<T, Detached>>,
    ) -> Result<T, TaskOver> {
        let done = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(TaskOver::Closed),
            // The wait for another call does not see that the task is gone.
            () = self.task.lost() => Err(Detached),
            done = work => done,
        };
        done.map_err(|Detached| self.over().unwrap_or(TaskOver::Cancelled))
    }
}

/// Withdraws the question if the wait for its answer is given up.
struct OpenQuestion<'a>(Option<&'a TaskHandle>);

impl Drop for OpenQuestion<'_> {
    fn drop(&mut self) {
        if let Some(task) = self.0 {
            task.withdraw_question();
        }
    }
}

impl AgentPage {
    fn of(page: Page) -> Self {
        let lines: Vec<_> = page
            .blocks
            .iter()
            .map(|block| block.text.as_str())
            .collect();
        Self {
            text: lines.join("\n"),
            problem: page.problem.map(|problem| problem.text),
            url: page.url,
            title: page.title,
        }
    }
}

/// A call of the [`AgentHandle`] as data, such as `{"op": "ask", "question": "Which colour?"}`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
#[allow(missing_docs)] // They are the methods of the handle.
pub enum AgentCall {
    Think {
        text: String,
    },
    Step {
        text: String,
        #[serde(default)]
        url: Option<String>,
        #[serde(default)]
        action: Option<String>,
    },
    Log {
        text: String,
    },
    Ask {
        question: String,
    },
    Navigate {
        #[serde(deserialize_with = "address")]
        url: String,
    },
    Sleep {
        #[serde(deserialize_with = "seconds")]
        seconds: f64,
    },
    Pause {},
    Messages {},
    WaitForMessage {},
    Done {
        result: Value,
    },
    Fail {
        error: String,
        status_code: u16,
    },
}

fn address<'de, D: Deserializer<'de>>(source: D) -> Result<String, D::Error> {
    let text = String::deserialize(source)?;
    match Url::parse(&text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(text),
        _ => Err(serde::de::Error::custom(format!(
            "`{text}` is not an http or https address; write it out, such as https://example.com/"
        ))),
    }
}

/// Lets the agent work on the task, and ends the task in its name if it does not.
pub(super) async fn work(
    handle: &TaskHandle,
    agent: Agent,
    stop: &CancellationToken,
    text: String,
    start_url: Option<String>,
) -> Result<(), Detached> {
    if let Some(url) = &start_url {
        handle.session().show(Page::unopened(url));
    }
    let session = handle.session();
    let task = AgentTask {
        text,
        start_url,
        session_id: session.id.clone(),
        agent_name: session.agent_name().to_owned(),
        extra: session.extras().clone(),
    };
    handle.ready().await?;
    let agent_handle = AgentHandle::new(handle.clone(), stop.clone());
    let failure = match agent.run(task, agent_handle.clone()).await {
        None => return Err(Detached),
        Some(Ok(())) if agent_handle.over().is_some() => return Ok(()),
        Some(Ok(())) => return handle.done("Task completed".into()).await,
        Some(Err(error)) if error.is::<TaskOver>() && agent_handle.over().is_some() => {
            return Ok(());
        }
        Some(Err(error)) => error.to_string(),
    };
    tracing::error!(session_id = session.id, error = failure, "the agent failed");
    handle.fail(failure, 500).await
}

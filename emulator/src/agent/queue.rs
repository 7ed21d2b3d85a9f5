//! Work taken by hand, for agents that cannot be called from here: functions of another language, in their own thread.

use super::function::{AgentFunction, AgentResult, TaskOver};
use crate::agi::AgentHandle;
use crate::raccoon::TurnHandle;
use serde::Serialize;
use serde_json::{Value, json};
use std::future::Future;
use std::pin::Pin;
use tokio::sync::{Mutex, mpsc, oneshot};

/// The tasks or turns of an agent that was made by [`AgentFunction::queue`].
#[derive(Debug)]
pub struct AgentJobs(Mutex<mpsc::UnboundedReceiver<AgentJob>>);

impl AgentJobs {
    /// Waits for work; `None` once the emulator is closed or has another agent: none will come any more.
    pub async fn next(&self) -> Option<AgentJob> {
        self.0.lock().await.recv().await
    }
}

/// A task or turn to work on. Dropping it without [`finish`](Self::finish) ends it as a failure.
#[derive(Debug)]
pub struct AgentJob {
    /// What to do: an [`AgentTask`](crate::AgentTask) or an [`AgentTurn`](crate::AgentTurn), as JSON.
    pub task: Value,
    /// What can be done with it.
    pub handle: JobHandle,
    ended: oneshot::Sender<AgentResult>,
}

impl AgentJob {
    /// Says how the work went, as the function of an agent does by returning.
    pub fn finish(self, result: AgentResult) {
        // Nobody listens once the work was taken away.
        let _ = self.ended.send(result);
    }
}

/// A call of an agent under way; its reply is JSON.
pub type PendingReply = Pin<Box<dyn Future<Output = Result<Value, TaskOver>> + Send>>;

/// The handle on a job, of whichever kind it is.
#[derive(Debug, Clone)]
pub enum JobHandle {
    /// On a task.
    Task(AgentHandle),
    /// On a turn.
    Turn(TurnHandle),
}

impl JobHandle {
    /// Reads a call of the agent, such as `{"op": "think", "text": "Hm"}`: an [`AgentCall`](crate::AgentCall) or a
    /// [`TurnCall`](crate::TurnCall). The future carries it out.
    ///
    /// # Errors
    /// When it is no call of this handle.
    pub fn start(&self, call: Value) -> Result<PendingReply, serde_json::Error> {
        Ok(match self.clone() {
            Self::Task(handle) => {
                let call = serde_json::from_value(call)?;
                Box::pin(async move { handle.execute(call).await })
            }
            Self::Turn(handle) => {
                let call = serde_json::from_value(call)?;
                Box::pin(async move { handle.execute(call).await })
            }
        })
    }

    /// Whether the job is no longer the agent's, and why.
    #[must_use]
    pub fn over(&self) -> Option<TaskOver> {
        match self {
            Self::Task(handle) => handle.over(),
            Self::Turn(handle) => handle.over(),
        }
    }

    /// Waits until the job is no longer the agent's.
    pub async fn wait_until_over(&self) -> TaskOver {
        match self {
            Self::Task(handle) => handle.wait_until_over().await,
            Self::Turn(handle) => handle.wait_until_over().await,
        }
    }
}

impl From<AgentHandle> for JobHandle {
    fn from(handle: AgentHandle) -> Self {
        Self::Task(handle)
    }
}

impl From<TurnHandle> for JobHandle {
    fn from(handle: TurnHandle) -> Self {
        Self::Turn(handle)
    }
}

impl<W: Serialize, H: Into<JobHandle>> AgentFunction<W, H> {
    /// An agent whose work goes to a queue.
    #[must_use]
    pub fn queue() -> (Self, AgentJobs) {
        let (jobs, receiver) = mpsc::unbounded_channel();
        let agent = Self::new(move |work: W, handle: H| {
            let (ended, end) = oneshot::channel();
            let job = AgentJob {
                task: json!(work),
                handle: handle.into(),
                ended,
            };
            // A job that nobody takes is dropped, which the receiver sees too.
            let _ = jobs.send(job);
            async move {
                end.await
                    .unwrap_or_else(|_| Err("The agent went away before its work ended".into()))
            }
        });
        (agent, AgentJobs(Mutex::new(receiver)))
    }
}

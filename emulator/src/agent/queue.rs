//! Tasks taken by hand, for agents that cannot be called from here: functions of another language, in their own thread.

use super::own::{Agent, AgentHandle, AgentResult, AgentTask};
use tokio::sync::{Mutex, mpsc, oneshot};

/// The tasks of an [`Agent`] that was made by [`Agent::queue`].
#[derive(Debug)]
pub struct AgentJobs(Mutex<mpsc::UnboundedReceiver<AgentJob>>);

impl AgentJobs {
    /// Waits for a task; `None` once the emulator is closed or has another agent: none will come any more.
    pub async fn next(&self) -> Option<AgentJob> {
        self.0.lock().await.recv().await
    }
}

/// A task to work on. Dropping it without [`finish`](Self::finish) ends the task as a failure.
#[derive(Debug)]
pub struct AgentJob {
    /// What to do.
    pub task: AgentTask,
    /// What can be done with it.
    pub handle: AgentHandle,
    ended: oneshot::Sender<AgentResult>,
}

impl AgentJob {
    /// Says how the work went, as the function of an [`Agent`] does by returning.
    pub fn finish(self, result: AgentResult) {
        // Nobody listens once the task was taken away.
        let _ = self.ended.send(result);
    }
}

impl Agent {
    /// An agent whose tasks go to a queue.
    #[must_use]
    pub fn queue() -> (Self, AgentJobs) {
        let (jobs, receiver) = mpsc::unbounded_channel();
        let agent = Self::new(move |task, handle| {
            let (ended, end) = oneshot::channel();
            let job = AgentJob {
                task,
                handle,
                ended,
            };
            // A job that nobody takes is dropped, which the receiver sees too.
            let _ = jobs.send(job);
            async move {
                end.await
                    .unwrap_or_else(|_| Err("The agent went away before its task ended".into()))
            }
        });
        (agent, AgentJobs(Mutex::new(receiver)))
    }
}

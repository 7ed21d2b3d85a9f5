//! A function that works in place of the built-in agent, and how its work ends.

use serde::{Deserialize, Deserializer};
use std::any::Any;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tokio_util::task::AbortOnDropHandle;

/// In seconds: a day, as in scenarios.
const LONGEST_SLEEP: f64 = 86_400.0;

/// How an agent's work went. An error that it returns ends the work as a failure with the error's text.
pub type AgentResult = Result<(), Box<dyn Error + Send + Sync>>;

type Work = Pin<Box<dyn Future<Output = AgentResult> + Send>>;

/// A function that gets some work of this kind, and a handle to do it with: an [`Agent`](crate::Agent) or a
/// [`TurnAgent`](crate::TurnAgent).
///
/// It is called once for each task or turn; those of different sessions run at the same time. When the work is taken away
/// (a task is cancelled, a turn stopped, the session deleted, the emulator closed), the function's future is dropped.
pub struct AgentFunction<W, H>(Arc<dyn Fn(W, H) -> Work + Send + Sync>);

impl<W, H> AgentFunction<W, H> {
    /// An agent that works by this function.
    pub fn new<F, R>(work: F) -> Self
    where
        F: Fn(W, H) -> R + Send + Sync + 'static,
        R: Future<Output = AgentResult> + Send + 'static,
    {
        Self(Arc::new(move |task, agent| Box::pin(work(task, agent))))
    }

    /// Lets the function work. An error and a panic are the text of its failure; `None`: the runtime ends.
    pub(crate) async fn run(&self, work: W, handle: H) -> Option<AgentResult> {
        // A task of its own, so that its panic is an error like others.
        let working = tokio::spawn((self.0)(work, handle));
        match AbortOnDropHandle::new(working).await {
            Ok(result) => Some(result),
            Err(error) => {
                let panic = error.try_into_panic().ok()?;
                Some(Err(
                    format!("The agent panicked: {}", panic_text(&*panic)).into()
                ))
            }
        }
    }
}

impl<W, H> Clone for AgentFunction<W, H> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<W, H> fmt::Debug for AgentFunction<W, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentFunction").finish_non_exhaustive()
    }
}

/// The same function.
impl<W, H> PartialEq for AgentFunction<W, H> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no reason given")
}

/// The task or turn is no longer the agent's: whatever it says is not heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskOver {
    /// A request cancelled the task.
    Cancelled,
    /// The user stopped the turn.
    Stopped,
    /// The session was deleted.
    Deleted,
    /// The emulator was closed.
    Closed,
    /// The agent itself ended it.
    Ended,
}

impl TaskOver {
    /// The reason in a word: `cancelled`, `stopped`, `deleted`, `closed` or `ended`.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Stopped => "stopped",
            Self::Deleted => "deleted",
            Self::Closed => "closed",
            Self::Ended => "ended",
        }
    }
}

impl fmt::Display for TaskOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cancelled => "The task was cancelled. Stop working on it",
            Self::Stopped => "The turn was stopped. Stop working on it",
            Self::Deleted => "Its session was deleted. Stop working on it",
            Self::Closed => "The emulator was closed. Stop working on it",
            Self::Ended => {
                "The agent has ended its work before, with done, fail or abort. Make that the last call"
            }
        })
    }
}

impl Error for TaskOver {}

/// Reads a wait, in seconds.
pub(crate) fn seconds<'de, D: Deserializer<'de>>(source: D) -> Result<f64, D::Error> {
    let seconds = f64::deserialize(source)?;
    if (0.0..=LONGEST_SLEEP).contains(&seconds) {
        Ok(seconds)
    } else {
        Err(serde::de::Error::custom(format!(
            "sleep takes a number of seconds from 0 to 86400, not {seconds}"
        )))
    }
}

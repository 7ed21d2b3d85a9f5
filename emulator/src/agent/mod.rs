//! What the agents of both services share.

mod detached;
mod function;
mod queue;
pub(crate) mod reading;
pub(crate) mod task_text;

pub(crate) use detached::Detached;
pub(crate) use function::seconds;
pub use function::{AgentFunction, AgentResult, TaskOver};
pub use queue::{AgentJob, AgentJobs, JobHandle, PendingReply};

//! The AGI Agent Sessions API: sessions with an agent and a real browser.

mod answer;
mod client;
mod events;
mod fanout;
mod live;
mod models;
mod recording;
mod screenshot;
mod session;
mod task;
mod time;
pub(crate) mod validate;

pub use crate::event::{Event, EventType};
pub use answer::Answer;
pub use client::Client;
pub use fanout::{FanOutItem, TaskOutcome, TaskOutcomes};
pub use models::{
    Check, CleanupOptions, CleanupReport, CreateSession, DeleteResult, EventOptions,
    ExecutionStatus, ListMessages, Message, Messages, Navigation, Operation, Output, RawRequest,
    RawResponse, RunTasks, SendMessage, SessionInfo, SnapshotOptions, StartTask, SuccessResult,
    TaskOperation, TaskResult, WaitOptions,
};
pub use recording::Recording;
pub use screenshot::Screenshot;
pub use session::{Session, Sessions};
pub use task::{RunTask, Task};

//! The AGI Agent Sessions API: sessions with an agent and a real browser.

mod answer;
mod api;
mod busy;
mod claim;
mod cleanup;
mod client;
mod driver;
mod events;
mod fanout;
mod handle;
mod lifecycle;
mod models;
mod places;
mod polling;
mod pool;
mod progress;
mod reap;
mod recording;
mod run_task;
mod screenshot;
mod session;
mod standing;
mod task;
mod times;
pub(crate) mod validate;

pub use crate::event::{Event, EventType};
pub use answer::Answer;
pub use client::Client;
pub use fanout::{FanOutItem, TaskOutcome, TaskOutcomes};
pub use models::*;
pub use pool::{PooledSession, SessionPool};
pub use recording::Recording;
pub use run_task::RunTask;
pub use screenshot::Screenshot;
pub use session::{Session, Sessions};
pub use task::Task;

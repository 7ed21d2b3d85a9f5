//! Raccoon: sessions, turns, uploads, and the WebSocket that a turn's events come over.
//!
//! # Decisions where the wire is silent
//!
//! - A turn's events are numbered from 1; the first is its `message.received`. An entry's id is the millisecond and a
//!   number within it.
//! - A session has one turn at a time: a second one gets 409 `turn_in_progress`.
//! - A stop ends a turn at once, whatever its agent does; a turn that waits for its permit is stopped in the queue.
//! - Of an upload only the size and the first 64 KiB are kept, for the agent to look at.

mod account;
mod agent;
mod call;
mod dialect;
mod frames;
mod function_agent;
mod handle;
mod limiter;
mod log;
mod owner;
mod pieces;
mod resume;
mod routes;
mod saved;
mod saved_account;
mod script;
mod session;
mod stream;
mod turn;
mod upload;
mod validate;
mod work;

pub(crate) use account::Account;
pub(crate) use call::account;
pub use dialect::{Dialect, Envelope, EventIds, PageMarks, PayloadPlace, TextFrames};
pub use function_agent::{AgentFile, AgentTurn, TurnAgent, TurnCall, TurnHandle};
pub use resume::Resume;
pub(crate) use routes::router;
pub(crate) use saved_account::{RestoredAccount, SavedAccount};
pub(crate) use session::Glance;

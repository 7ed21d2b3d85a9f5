//! Faults: failures that the emulator injects on demand.
//!
//! A [`Fault`] is plain data (`fault.rs`), and a line of text says the same: `events cut_after=7` (`text.rs`). The
//! `resolve*.rs` check it and turn it into its effect on a request (`effect.rs`); `queue.rs` chooses the requests that it is for.

mod body;
mod effect;
mod fault;
mod queue;
mod resolve;
mod resolve_response;
mod resolve_stream;
mod seconds;
mod text;

pub(crate) use body::FaultyBody;
pub(crate) use effect::{BodyFault, CannedResponse, LateStatus, Replacement, Stop, StreamFault};
pub use fault::{Endpoint, Fault, FaultError};
pub(crate) use queue::Faults;

//! Faults: failures that the emulator injects on demand.
//!
//! A [`Fault`] is plain data (`fault.rs`), and a line of text says the same: `events cut_after=7` (`text.rs`). The
//! `resolve*.rs` check it and turn it into its effect on a request (`effect.rs`); `queue.rs` chooses the requests that it is
//! for. `altered.rs` changes a response, `put.rs` and `place.rs` its JSON, `body.rs` how its bytes come.
//! `endpoint.rs` has the table of all endpoints.

mod altered;
mod body;
mod bomb;
mod effect;
mod endpoint;
mod fault;
mod place;
mod put;
mod queue;
mod resolve;
mod resolve_answer;
mod resolve_response;
mod resolve_stream;
mod resolve_webhook;
mod seconds;
mod text;

pub use altered::{BodyAs, Then};
pub(crate) use body::FaultyBody;
pub(crate) use effect::{
    BodyFault, CannedResponse, LateStatus, Replacement, Stop, StreamFault, WebhookFault,
};
pub use endpoint::Endpoint;
pub use fault::{Fault, FaultError};
pub use put::Put;
pub(crate) use queue::{Asking, Faults, Unstruck};
#[cfg(test)]
pub(crate) use resolve_webhook::WEBHOOK_EVENTS;

//! One turn of a session.

use super::log::{Ending, Log};
use super::validate::StartTurn;
use crate::clock::Timestamp;
use crate::faults::Stop;
use std::collections::VecDeque;
use tokio_util::sync::CancellationToken;

/// One request and what the agent makes of it.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) request: StartTurn,
    pub(super) user_message_id: String,
    pub(super) agent_message_id: String,
    pub(super) begun_at: Timestamp,
    pub(super) phase: Phase,
    pub(super) log: Log,
    /// Messages the agent has not taken yet.
    pub(super) inbox: VecDeque<String>,
    /// How many WebSockets were opened on it since the last cut.
    pub(super) sockets: u64,
    /// Where the script cuts the sockets that are open then: after so many events.
    pub(super) cuts: Vec<(usize, Stop)>,
    /// The content of the agent's message.
    pub(super) content: String,
    pub(super) stopped: CancellationToken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Queued,
    Running,
    Ended(Ending),
}

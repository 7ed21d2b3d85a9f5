//! Runs a turn to its end, and tells who watches it.

use std::time::Duration;

use super::api::Api;
use super::models::{StartTurn, TurnResult};
use super::turn::Turn;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::stream::{Batch, within};

pub(super) type EventHandler = Box<dyn FnMut(&Event) + Send>;

/// Parameters of `run_turn`: a turn, and who watches it.
pub struct RunTurn {
    start: StartTurn,
    timeout: Option<Duration>,
    stop_on_timeout: bool,
    on_event: Option<EventHandler>,
}

impl RunTurn {
    /// A turn with neither a handler nor a timeout.
    pub fn new(prompt: impl Into<String>) -> Self {
        StartTurn::new(prompt).into()
    }

    /// The most time that the turn may take, uploads included. It goes on
    /// afterwards, unless [`stop_on_timeout`](Self::stop_on_timeout) is set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Stops the turn when the timeout passes.
    pub fn stop_on_timeout(mut self) -> Self {
        self.stop_on_timeout = true;
        self
    }

    /// Called with each event.
    pub fn on_event(mut self, handler: impl FnMut(&Event) + Send + 'static) -> Self {
        self.on_event = Some(Box::new(handler));
        self
    }

    /// Runs the turn in a session.
    pub(super) async fn run(mut self, api: &Api, session_id: &str) -> Result<TurnResult> {
        // A limit beyond what the clock can hold is none.
        let until = self
            .timeout
            .and_then(|limit| tokio::time::Instant::now().checked_add(limit));
        let seconds = self.timeout.unwrap_or_default().as_secs_f64();
        let late = format!(
            "The turn did not end within {seconds} s. Unless it was stopped it goes on in its session"
        );
        let starting = Turn::start(api.clone(), session_id.to_owned(), self.start.clone());
        let turn = within(until, starting).await;
        let turn = turn.unwrap_or_else(|| Err(started_late(session_id, self.timeout)))?;
        match within(until, follow(&turn, &mut self.on_event)).await {
            Some(result) => result,
            None => {
                if self.stop_on_timeout {
                    // The timeout is what the caller must hear of.
                    let _ = turn.stop(Duration::from_secs(10)).await;
                }
                let late = format!("{late}{}", turn.hint());
                Err(turn.failure(ErrorKind::TaskTimeout, late))
            }
        }
    }
}

/// Reads a turn's events to their end, for its handler, and gives its result.
pub(super) async fn follow(turn: &Turn, handler: &mut Option<EventHandler>) -> Result<TurnResult> {
    // Read also where nobody looks: a full queue would hold the stream back.
    // Not as a stream: dropping that would take the socket from a stop.
    loop {
        match turn.queue().try_take(512) {
            Batch::Events(events) => {
                if let Some(handler) = handler {
                    events.iter().for_each(handler);
                }
            }
            Batch::Empty => turn.queue().wait().await,
            Batch::Ended | Batch::Failed(_) => return turn.result(None).await,
        }
    }
}

/// The error of a turn whose start was not answered in time.
pub(super) fn started_late(session_id: &str, timeout: Option<Duration>) -> Error {
    let seconds = timeout.unwrap_or_default().as_secs_f64();
    let early = format!(
        "The turn was not known to run within {seconds} s: its files, a place among the turns that run at once, \
         or the response to its start took that long. Look at the session's history before you start it again"
    );
    Error::new(ErrorKind::TaskTimeout, early).with_session(session_id)
}

impl From<StartTurn> for RunTurn {
    fn from(start: StartTurn) -> Self {
        Self {
            start,
            timeout: None,
            stop_on_timeout: false,
            on_event: None,
        }
    }
}

impl std::fmt::Debug for RunTurn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunTurn")
            .field("start", &self.start)
            .finish_non_exhaustive()
    }
}

//! Waits by polling: for new messages, and for the end of a task.

use std::time::Duration;

use tokio::time::Instant;

use super::api::{Api, first_outcome};
use super::models::{ExecutionStatus, ListMessages, NextMessages, WaitOptions, is_terminal};
use super::validate;
use crate::error::{Error, ErrorKind, Result};
use crate::meaning;

/// How often a finished status must be seen without a result to be believed.
const IDLE_POLLS: u32 = 3;

impl Api {
    /// Polls until there is a new message or the task has ended.
    pub(crate) async fn next_messages(
        &self,
        session_id: &str,
        options: &ListMessages,
        poll_interval: f64,
    ) -> Result<NextMessages> {
        let interval = validate::seconds("poll_interval", poll_interval)?;
        let mut idle_polls = 0;
        loop {
            let mut seen = self.messages(session_id, options).await?;
            // One without an id that can be read would come again and again.
            seen.messages
                .retain(|message| message.id > options.after_id);
            idle_polls = if is_terminal(&seen.status) {
                idle_polls + 1
            } else {
                0
            };
            if !seen.messages.is_empty() || idle_polls >= IDLE_POLLS {
                let types = seen.messages.iter();
                let types = types.map(|message| message.message_type.as_str());
                return Ok(NextMessages {
                    over: meaning::is_over(&seen.status, types),
                    messages: seen,
                });
            }
            self.closing().sleep(interval).await?;
        }
    }

    /// Polls until the task ends or asks.
    pub(crate) async fn wait(
        &self,
        session_id: &str,
        options: &WaitOptions,
    ) -> Result<ExecutionStatus> {
        let interval = validate::duration("poll_interval", options.poll_interval)?;
        let waiting = self.wait_for_end(session_id, interval);
        let Some(timeout) = options.timeout else {
            return waiting.await;
        };
        let deadline = Instant::now() + validate::duration("timeout", timeout)?;
        tokio::time::timeout_at(deadline, waiting)
            .await
            .unwrap_or_else(|_| {
                Err(Error::new(
                    ErrorKind::TaskTimeout,
                    format!(
                        "The task did not end within {} s. It goes on: wait again, or cancel it",
                        timeout.as_secs_f64()
                    ),
                )
                .with_session(session_id))
            })
    }

    async fn wait_for_end(&self, session_id: &str, interval: Duration) -> Result<ExecutionStatus> {
        let mut idle_polls = 0;
        loop {
            let status = self.status(session_id).await?;
            if status.status == "waiting_for_input" {
                return Ok(status);
            }
            if status.is_terminal() {
                idle_polls += 1;
                if idle_polls >= IDLE_POLLS || self.has_ended(session_id).await? {
                    return Ok(status);
                }
            } else {
                idle_polls = 0;
            }
            self.closing().sleep(interval).await?;
        }
    }

    /// Whether a finished status is about the last message sent: right after
    /// one, the service may still report the end of the task before.
    async fn has_ended(&self, session_id: &str) -> Result<bool> {
        let Some(after_id) = self.cached(session_id).and_then(|known| known.sent_after) else {
            return Ok(true);
        };
        let seen = self
            .messages(
                session_id,
                &ListMessages {
                    after_id,
                    sanitize: true,
                },
            )
            .await?;
        Ok(first_outcome(&seen).is_some())
    }
}

//! The open question of a session, for another program than the one that started the task.

use super::api::Api;
use super::busy::LOOK_AGAIN;
use super::claim::{Asked, asked, newest_question};
use super::models::{ListMessages, SendMessage, SuccessResult};
use super::validate;
use crate::error::{Error, Result};
use crate::event::Event;

impl Api {
    /// The question that is open in a session, or the session's status.
    pub(super) async fn look_for_question(
        &self,
        session_id: &str,
    ) -> Result<std::result::Result<Event, String>> {
        let mut pauses = LOOK_AGAIN.iter();
        loop {
            let seen = self.messages(session_id, &ListMessages::default()).await?;
            let Some(question) = newest_question(&seen) else {
                return Ok(Err(seen.status));
            };
            match (asked(&question, &seen), pauses.next()) {
                (Asked::Still, _) => return Ok(Ok(question)),
                // The status may lag behind the question.
                (Asked::Idle, Some(pause)) => self.closing().sleep(*pause).await?,
                (Asked::Idle | Asked::Over(_), _) => return Ok(Err(seen.status)),
            }
        }
    }

    /// Answers the question that is open in a session, whoever started its task.
    pub(super) async fn answer_question(
        &self,
        session_id: &str,
        text: String,
    ) -> Result<SuccessResult> {
        validate::text("text", &text)?;
        if let Err(status) = self.look_for_question(session_id).await? {
            return Err(Error::invalid(format!(
                "No question is open in the session, whose status is `{status}`: nothing was sent. To start a task, or \
                 to tell the agent more, use `send_message`"
            )));
        }
        self.send_message(session_id, &SendMessage::new(text)).await
    }
}

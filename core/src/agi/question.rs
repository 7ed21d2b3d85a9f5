//! Which question of a session is open, by its messages.

use super::api::Api;
use super::busy::LOOK_AGAIN;
use super::claim::{Asked, asked, newest_question};
use super::models::{ListMessages, Messages, SendMessage, SuccessResult};
use super::validate;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;

/// Why no question is open.
pub(super) struct Closed {
    pub(super) why: &'static str,
    status: String,
}

impl Closed {
    /// What the one who answers is told; nothing was sent.
    pub(super) fn text(why: &str) -> String {
        format!("The question is not open any more: {why}. Nothing was sent")
    }
}

impl Api {
    /// Looks in the messages after an id for the question that `pick` finds in them, and whether
    /// it is open.
    pub(super) async fn look_for_question(
        &self,
        session_id: &str,
        after_id: i64,
        pick: impl Fn(&Messages) -> Option<Event>,
    ) -> Result<std::result::Result<Event, Closed>> {
        let options = ListMessages::new().after_id(after_id);
        let mut pauses = LOOK_AGAIN.iter();
        loop {
            let seen = self.messages(session_id, &options).await?;
            let found = pick(&seen);
            let state = found.map_or(Err("nothing is asked"), |question| {
                let state = asked(&question, &seen);
                Ok((question, state))
            });
            let why = match (state, pauses.next()) {
                (Ok((question, Asked::Still)), _) => return Ok(Ok(question)),
                // The status may lag behind the question.
                (Ok((_, Asked::Idle)), Some(pause)) => {
                    self.closing().sleep(*pause).await?;
                    continue;
                }
                (Ok((_, Asked::Idle)), None) => "its task was cancelled or ended elsewhere",
                (Ok((_, Asked::Over(why))) | Err(why), _) => why,
            };
            let status = seen.status;
            return Ok(Err(Closed { why, status }));
        }
    }

    /// The question that is open in a session, whoever started its task.
    pub(super) async fn open_question_of(
        &self,
        session_id: &str,
    ) -> Result<std::result::Result<Event, Closed>> {
        self.look_for_question(session_id, 0, newest_question).await
    }

    /// Answers the question that is open in a session, whoever started its task; if it is the
    /// one of this id.
    pub(super) async fn answer_question(
        &self,
        session_id: &str,
        text: String,
        wanted: Option<i64>,
    ) -> Result<SuccessResult> {
        validate::text("text", &text)?;
        match (self.open_question_of(session_id).await?, wanted) {
            (Ok(question), Some(id)) if question.id() != Some(id) => {
                Err(closed("the agent asks something else"))
            }
            (Err(Closed { why, .. }), Some(_)) => Err(closed(why)),
            (Err(Closed { status, .. }), None) => Err(Error::invalid(format!(
                "No question is open in the session, whose status is `{status}`: nothing was sent. To start a task, or \
                 to tell the agent more, use `send_message`"
            ))),
            (Ok(_), _) => {
                let message = SendMessage::new(text);
                self.send_message(session_id, &message).await
            }
        }
    }
}

fn closed(why: &str) -> Error {
    Error::new(ErrorKind::Task, Closed::text(why)).with_reason("question_closed")
}

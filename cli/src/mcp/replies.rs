//! What a tool answers: a text for the model, the same as data, or why not.

use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::Value;
use sessionwire::Error;

/// What a tool brought.
pub(super) struct Reply {
    pub(super) content: Vec<ContentBlock>,
    pub(super) data: Value,
}

impl Reply {
    pub(super) fn new(text: impl Into<String>, data: Value) -> Self {
        Self {
            content: vec![ContentBlock::text(text)],
            data,
        }
    }
}

/// Why a tool did not do it, and what to do next: for the model to read.
#[derive(Debug, Clone)]
pub(super) struct Refusal(pub(super) String);

/// How many characters of a refusal are shown: it may repeat an argument of any length.
const LONGEST: usize = 2_000;
/// How many of them are its end, which says what to do.
const END: usize = 500;

impl Refusal {
    pub(super) fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let count = text.chars().count();
        if count <= LONGEST {
            return Self(text);
        }
        let begin: String = text.chars().take(LONGEST - END).collect();
        let end: String = text.chars().skip(count - END).collect();
        Self(format!("{begin} [...] {end}"))
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::new(told(&error))
    }
}

/// An error with what it means for whoever would call again.
pub(super) fn told(error: &Error) -> String {
    let name = error.kind().name();
    if error.code() == Some("task_in_progress") {
        return format!(
            "{name}: {}. Wait for it with wait_task, answer its question with answer_question, or end it with cancel_task.",
            error.message()
        );
    }
    if !error.maybe_delivered() {
        return format!("{name}: {error}");
    }
    let session = match error.session_id() {
        Some(id) => format!(" of session_id {id:?}"),
        None => String::new(),
    };
    format!(
        "{name}: {error} It may have been sent: do not send it again. Look first, with the list of sessions and with the \
         history{session}."
    )
}

pub(super) type Answer = Result<Reply, Refusal>;

/// As the protocol has it.
pub(super) fn result_of(answer: Answer) -> CallToolResult {
    match answer {
        Ok(reply) => {
            let mut result = CallToolResult::success(reply.content);
            result.structured_content = Some(reply.data);
            result
        }
        Err(Refusal(text)) => CallToolResult::error(vec![ContentBlock::text(text)]),
    }
}

//! What `--json` prints: each kind of line, once. docs/command-line-json.md is the contract, and a
//! test holds both equal.

use serde_json::{Map, Value, json};
use sessionwire::Error;
use sessionwire::agi::{Event, TaskResult};
use sessionwire::raccoon::TurnResult;

use crate::words;

/// The version of the contract: a number that grows when a field goes away or means something else.
pub(crate) const VERSION: u32 = 1;

/// The first line of a task or turn.
pub(crate) fn started(
    session_id: &str,
    message_id: Option<&str>,
    live_view: Option<&str>,
    handle: &str,
) -> Value {
    json!({
        "type": "started",
        "json_version": VERSION,
        "session_id": session_id,
        "message_id": message_id,
        "vnc_url": live_view,
        "handle": handle,
    })
}

/// An event; a question is one.
pub(crate) fn event(event: &Event) -> Value {
    json!({
        "type": event.event_type().name(),
        "id": event.id(),
        "data": event.data(),
        "text": event.text(),
    })
}

/// The answer that was sent to a question.
pub(crate) fn answer(text: &str, question_id: Option<i64>) -> Value {
    json!({ "type": "answer", "text": text, "question_id": question_id })
}

/// The last line of a task that is done.
pub(crate) fn task_result(result: &TaskResult) -> Value {
    let mut line = Map::new();
    line.insert("type".to_owned(), "result".into());
    line.insert("json_version".to_owned(), VERSION.into());
    line.extend(task_fields(result));
    Value::Object(line)
}

/// What is said of a task's result, on its line and in a batch.
pub(crate) fn task_fields(result: &TaskResult) -> Map<String, Value> {
    fields(json!({
        "text": result.text,
        "data": result.data,
        "session_id": result.session_id,
        "message_id": result.message_id,
        "duration": result.duration.as_secs_f64(),
        "metadata": result.metadata,
    }))
}

/// The last line of a turn that is over.
pub(crate) fn turn_result(result: &TurnResult) -> Value {
    let mut line = json!(result);
    line["type"] = "result".into();
    line["json_version"] = VERSION.into();
    line
}

/// What is said of an error, on its line and in a batch; `message` may say more than the error.
pub(crate) fn error_fields(error: &Error, message: &str) -> Map<String, Value> {
    fields(json!({
        "name": error.kind().name(),
        "status": error.status_code(),
        "message": message,
        "advice": Some(words::advice_of(error))
            .filter(|said| !said.is_empty())
            .or_else(|| advice(message).map(str::to_owned)),
        "code": error.code(),
        "reason": error.reason(),
        "maybe_delivered": error.maybe_delivered(),
    }))
}

/// What a text says to do next: all behind its first sentence.
pub(crate) fn advice(text: &str) -> Option<&str> {
    // Of the usage, what stands behind the empty line.
    let end = text.find("\n\n").or_else(|| text.find(". "))?;
    Some(text[end..].trim_start_matches(['.', ' ', '\n'])).filter(|advice| !advice.is_empty())
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

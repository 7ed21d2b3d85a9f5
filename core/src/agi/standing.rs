//! What a session's messages say of a task that was prepared: pure.

use super::models::{Message, Messages};

/// Whether a prepared task was sent.
#[derive(Debug, PartialEq)]
pub(super) enum Standing<'a> {
    /// It was: this is its message.
    Sent(&'a Message),
    /// It was not, and nothing else happened since it was prepared.
    Unsent,
    /// Something else was sent since; or its message, in words that the service changed.
    Overtaken,
    /// The session is at work, and the messages do not say on what: they may lag behind.
    Unclear,
}

/// What the messages since a task was prepared say of it.
pub(super) fn standing<'a>(message: &str, seen: &'a Messages) -> Standing<'a> {
    let is_ours = |found: &&Message| {
        found.id > 0 && found.message_type == "USER" && found.content.as_str() == Some(message)
    };
    if let Some(ours) = seen.messages.iter().find(is_ours) {
        return Standing::Sent(ours);
    }
    if seen
        .messages
        .iter()
        .any(|found| found.message_type != "LOG")
    {
        return Standing::Overtaken;
    }
    match seen.status.as_str() {
        "running" | "waiting_for_input" | "paused" => Standing::Unclear,
        _ => Standing::Unsent,
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn seen(status: &str, messages: &[Value]) -> Messages {
        let seen = json!({"status": status, "messages": messages, "has_agent": true});
        serde_json::from_value(seen).expect("messages")
    }

    fn entry(id: i64, kind: &str, content: &str) -> Value {
        json!({"id": id, "type": kind, "content": content})
    }

    #[test]
    fn a_task_is_sent_only_where_nothing_speaks_against_it() {
        let (ours, other) = (entry(4, "USER", "buy"), entry(5, "USER", "sell"));
        let (log, thought) = (entry(4, "LOG", "started"), entry(5, "THOUGHT", "hm"));
        for (status, messages, expected) in [
            ("ready", vec![], "unsent"),
            ("finished", vec![log.clone()], "unsent"),
            ("running", vec![], "unclear"),
            ("waiting_for_input", vec![log], "unclear"),
            ("finished", vec![ours.clone()], "sent"),
            ("running", vec![ours.clone(), thought.clone()], "sent"),
            ("finished", vec![other.clone(), ours], "sent"),
            ("finished", vec![other], "overtaken"),
            ("running", vec![thought], "overtaken"),
            // Whose it is, only an id says; and the text may be changed.
            (
                "finished",
                vec![json!({"type": "USER", "content": "buy"})],
                "overtaken",
            ),
            ("finished", vec![entry(4, "USER", "buy ")], "overtaken"),
            (
                "finished",
                vec![json!({"id": 4, "type": "USER", "content": {"text": "buy"}})],
                "overtaken",
            ),
        ] {
            let seen = seen(status, &messages);
            let told = match standing("buy", &seen) {
                Standing::Sent(message) => {
                    assert_eq!(message.content, "buy");
                    "sent"
                }
                Standing::Unsent => "unsent",
                Standing::Overtaken => "overtaken",
                Standing::Unclear => "unclear",
            };
            assert_eq!(told, expected, "{seen:?}");
        }
    }
}

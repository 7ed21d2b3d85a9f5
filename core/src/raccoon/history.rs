//! What a session's history tells of its turns (docs/spec/raccoon.md, section 4.3). Pure.

use super::assembly::Assembly;
use super::ending::{TurnEnd, events_of};
use super::models::{History, Message, Role, TurnStatus};

impl History {
    /// The agent's message of the newest turn; `None` where no turn was started.
    pub fn last_turn(&self) -> Option<&Message> {
        let is_reply = |message: &&Message| message.role == Role::Agent && !message.id.is_empty();
        self.messages.iter().rfind(is_reply)
    }
}

impl Message {
    /// How the turn ended whose message of the agent this is; `None` while nothing
    /// says that it is over.
    pub fn ended(&self) -> Option<TurnStatus> {
        TurnEnd::of_message(self).map(|end| end.status())
    }

    /// What the message says: the texts of its events, put together, else its
    /// content, else what the turn's end says.
    pub fn text(&self) -> String {
        let mut work = Assembly::new();
        events_of(self).for_each(|event| work.add(&event));
        if work.is_ambiguous() {
            work.settle(&self.content);
        }
        let text = Some(work.text()).filter(|text| !text.is_empty());
        let content = || Some(self.content.clone()).filter(|content| !content.is_empty());
        let answer = || match TurnEnd::of_message(self)? {
            TurnEnd::Completed(answer) => Some(answer),
            _ => None,
        };
        text.or_else(content).or_else(answer).unwrap_or_default()
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn history(messages: Value) -> History {
        let history = json!({"session": {"sessionId": "s"}, "messages": messages});
        serde_json::from_str(&history.to_string()).expect("a history")
    }

    #[test]
    fn the_newest_message_of_the_agent_is_the_last_turn() {
        let messages = history(json!([
            {"id": "a1", "type": "agent", "aborted": true}, {"id": "u2", "type": "user"},
            {"id": "a2", "type": "assistant"}, {"id": "u3", "type": "user"}, {"type": "agent"},
        ]));
        let last = messages.last_turn().expect("a turn");
        assert_eq!((&*last.id, last.ended()), ("a2", None));
        assert_eq!(messages.messages[0].ended(), Some(TurnStatus::Aborted));
        let none = history(json!([{"id": "u1", "type": "user"}]));
        assert!(none.last_turn().is_none());
    }

    #[test]
    fn a_message_says_what_its_events_say_or_its_content() {
        let text = |block: &str, text: &str| json!({"kind": "text", "block_id": block, "payload": {"text": text}});
        let done = |payload: Value| json!({"kind": "task.completed", "payload": payload});
        for (message, says) in [
            (json!({"type": "user", "content": "Look"}), "Look"),
            (
                json!({"events": [text("a", "It "), text("a", "works."), done(json!({}))]}),
                "It works.",
            ),
            (
                json!({"content": "It works.", "events": [text("a", "It"), text("a", "It works.")]}),
                "It works.",
            ),
            (
                json!({"content": "Yes.", "events": [done(json!({}))]}),
                "Yes.",
            ),
            (json!({"events": [done(json!({"text": "Yes."}))]}), "Yes."),
            (json!({}), ""),
        ] {
            let history = history(json!([message]));
            assert_eq!(history.messages[0].text(), says, "{message}");
        }
    }
}

//! What a session's history tells of its turns (docs/spec/raccoon.md, section 4.3). Pure.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::assembly::Assembly;
use super::ending::{TurnEnd, events_of};
use super::models::{History, Message, Role, SessionInfo, TurnStatus};

impl History {
    /// The agent's message of the newest turn; `None` where no turn was started.
    pub fn last_turn(&self) -> Option<&Message> {
        self.messages.get(self.place_of_last_turn()?)
    }

    fn place_of_last_turn(&self) -> Option<usize> {
        let is_reply = |message: &Message| message.role == Role::Agent && !message.id.is_empty();
        self.messages.iter().rposition(is_reply)
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
        self.text_of(&self.work())
    }

    /// What the agent planned, as the message's events tell.
    pub fn plan(&self) -> Vec<Map<String, Value>> {
        self.work().plan().to_vec()
    }

    /// The sandbox's files by path, as the message's events tell.
    pub fn sandbox_files(&self) -> Map<String, Value> {
        self.work().files().clone()
    }

    /// What the events brought.
    fn work(&self) -> Assembly {
        let mut work = Assembly::new();
        events_of(self).for_each(|event| work.add(&event));
        if work.is_ambiguous() {
            work.settle(&self.content);
        }
        work
    }

    fn text_of(&self, work: &Assembly) -> String {
        let text = Some(work.text()).filter(|text| !text.is_empty());
        let content = || Some(self.content.clone()).filter(|content| !content.is_empty());
        let answer = || match TurnEnd::of_message(self)? {
            TurnEnd::Completed(said) => Some(said.text),
            _ => None,
        };
        text.or_else(content).or_else(answer).unwrap_or_default()
    }

    /// Where the turn is; of a prompt nothing is to be said.
    fn status(&self) -> Option<TurnStatus> {
        match self.role {
            Role::User => None,
            Role::Agent => Some(self.ended().unwrap_or(TurnStatus::Running)),
        }
    }
}

/// A history as the language bindings get it.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "History")
)]
pub(super) struct ToldHistory {
    /// The session's record.
    session: SessionInfo,
    /// The messages as the service orders them.
    messages: Vec<Message>,
    /// The place of the newest turn's agent message; null where no turn was started.
    last_turn: Option<usize>,
}

impl From<History> for ToldHistory {
    fn from(history: History) -> Self {
        Self {
            last_turn: history.place_of_last_turn(),
            session: history.session,
            messages: history.messages,
        }
    }
}

/// A message as the language bindings get it: what its events tell, put together.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Message")
)]
pub(super) struct ToldMessage {
    /// The message's id.
    id: String,
    /// Who wrote it.
    role: Role,
    /// Its text; may be empty where the events hold it.
    content: String,
    /// The text: its content, or what its events say.
    text: String,
    /// Where the turn of an agent's message is; null of a prompt.
    status: Option<TurnStatus>,
    /// What the agent planned.
    plan: Vec<Map<String, Value>>,
    /// The sandbox's files by path, as the events tell.
    sandbox_files: Map<String, Value>,
    /// Milliseconds since 1970.
    created_at: Option<i64>,
    /// The mode of a prompt's turn.
    mode: Option<String>,
    /// Whether the turn was stopped.
    aborted: bool,
    /// The files of a prompt.
    files: Vec<Value>,
    /// The turn's events, each frame as it came.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<Value>"))]
    events: Vec<Box<RawValue>>,
    /// Every other field, named as on the wire.
    extra: Map<String, Value>,
}

impl From<Message> for ToldMessage {
    fn from(message: Message) -> Self {
        let work = message.work();
        Self {
            text: message.text_of(&work),
            status: message.status(),
            plan: work.plan().to_vec(),
            sandbox_files: work.files().clone(),
            id: message.id,
            role: message.role,
            content: message.content,
            created_at: message.created_at,
            mode: message.mode,
            aborted: message.aborted,
            files: message.files,
            events: message.events,
            extra: message.extra,
        }
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

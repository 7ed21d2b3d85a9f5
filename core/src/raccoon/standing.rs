//! What a session's history says of a turn that was prepared: pure.

use super::models::{History, Message, Role};
use crate::handle::PreparedTurn;

/// Whether a prepared turn was started.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It was: this is its agent message.
    Started(String),
    /// It was not, and nothing else happened since it was prepared.
    Unsent,
    /// Another turn was started since; or its own, in words that the service changed.
    Overtaken,
    /// The history does not say: it does not have what it had, or has the prompt and no reply yet.
    Unclear,
}

/// What a history says of a turn with this prompt.
pub(super) fn standing(turn: &PreparedTurn, prompt: &str, history: &History) -> Standing {
    let Some(since) = messages_since(turn, history) else {
        return Standing::Unclear;
    };
    let is_ours =
        |message: &Message| message.role == Role::User && message.content.trim() == prompt.trim();
    let Some(at) = since.iter().position(is_ours) else {
        return match since.is_empty() {
            true => Standing::Unsent,
            false => Standing::Overtaken,
        };
    };
    let mut replies = since[at + 1..]
        .iter()
        .take_while(|message| message.role == Role::Agent);
    match replies.find(|message| !message.id.is_empty()) {
        Some(agent) => Standing::Started(agent.id.clone()),
        None => Standing::Unclear,
    }
}

/// The messages after the last one that there was; `None` where that is not there any more.
fn messages_since<'a>(turn: &PreparedTurn, history: &'a History) -> Option<&'a [Message]> {
    let messages = &history.messages;
    let after = match &*turn.last_message {
        "" => usize::try_from(turn.messages).ok()?,
        last => 1 + messages.iter().rposition(|message| message.id == last)?,
    };
    messages.get(after..)
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn user(content: &str) -> Value {
        json!({"id": format!("u-{content}"), "type": "user", "content": content})
    }

    fn agent(id: &str) -> Value {
        json!({"id": id, "type": "agent", "content": ""})
    }

    fn told(last: &str, count: u64, messages: &[Value]) -> Standing {
        let history = json!({"session": {"sessionId": "s"}, "messages": messages}).to_string();
        let history = serde_json::from_str(&history).expect("a history");
        let turn = PreparedTurn {
            session_id: "s".to_owned(),
            messages: count,
            last_message: last.to_owned(),
            turn: String::new(),
        };
        standing(&turn, "go", &history)
    }

    #[test]
    fn a_turn_is_started_only_where_nothing_speaks_against_it() {
        let started = |id: &str| Standing::Started(id.to_owned());
        let before = [user("go"), agent("a1")];
        let with = |more: &[Value]| [&before[..], more].concat();
        assert_eq!(told("", 0, &[]), Standing::Unsent);
        assert_eq!(told("a1", 2, &before), Standing::Unsent);
        assert_eq!(told("", 2, &before), Standing::Unsent);
        assert_eq!(told("", 0, &before), started("a1"));
        assert_eq!(
            told("a1", 2, &with(&[user(" go\n"), agent("a2")])),
            started("a2")
        );
        assert_eq!(
            told(
                "a1",
                2,
                &with(&[user("x"), agent("a2"), user("go"), agent("a3")])
            ),
            started("a3")
        );
        assert_eq!(
            told("a1", 2, &with(&[user("stop"), agent("a2")])),
            Standing::Overtaken
        );
        assert_eq!(told("a1", 2, &with(&[agent("a2")])), Standing::Overtaken);
        assert_eq!(told("a1", 2, &with(&[user("go")])), Standing::Unclear);
        assert_eq!(
            told("a1", 2, &with(&[user("go"), user("x"), agent("a2")])),
            Standing::Unclear
        );
        assert_eq!(told("gone", 2, &before), Standing::Unclear);
        assert_eq!(told("", 3, &before), Standing::Unclear);
    }
}

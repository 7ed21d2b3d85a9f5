//! What the history says of a start whose answer was lost
//! (docs/spec/raccoon.md, section 4.3). Pure.

use std::collections::hash_map::RandomState;
use std::collections::{HashSet, VecDeque};
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::answers::Started;
use super::models::{History, Message, Role};

/// How many turns of a client are remembered.
const REMEMBERED: usize = 65_536;
/// How far the clocks of a service's parts may be apart.
const SLACK: Duration = Duration::from_secs(5);

/// The newest turns of a client, by their hashes. Clones share them.
#[derive(Clone, Default)]
pub(super) struct KnownTurns {
    turns: Arc<Mutex<(HashSet<u64>, VecDeque<u64>)>>,
    hasher: RandomState,
}

impl KnownTurns {
    /// Notes a turn.
    pub(super) fn add(&self, session_id: &str, message_id: &str) {
        let turn = self.hasher.hash_one((session_id, message_id));
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, order) = &mut *turns;
        if known.insert(turn) {
            order.push_back(turn);
        }
        if order.len() > REMEMBERED
            && let Some(oldest) = order.pop_front()
        {
            known.remove(&oldest);
        }
    }

    fn has(&self, session_id: &str, message_id: &str) -> bool {
        let turn = self.hasher.hash_one((session_id, message_id));
        let turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.0.contains(&turn)
    }
}

/// A start that may have acted.
pub(super) struct LostStart<'a> {
    pub(super) session_id: &'a str,
    pub(super) prompt: &'a str,
    /// The service's answer says that it acted.
    pub(super) is_sure: bool,
    /// How long ago it was sent.
    pub(super) age: Duration,
    pub(super) known: &'a KnownTurns,
}

impl LostStart<'_> {
    /// The turn that it started, if the history says so: the newest one, of this prompt,
    /// that this client does not know. One that is over may be older than the start, unless
    /// its time says otherwise. `now`: the service's, in seconds since 1970.
    pub(super) fn find(&self, history: &History, now: Option<u64>) -> Option<Started> {
        let is_prompt = |message: &Message| message.role == Role::User;
        let at = history.messages.iter().rposition(is_prompt)?;
        let user = &history.messages[at];
        if user.content.trim() != self.prompt.trim() {
            return None;
        }
        let mut replies = history.messages[at + 1..].iter();
        let agent =
            replies.find(|message| message.role == Role::Agent && !message.id.is_empty())?;
        if self.known.has(self.session_id, &agent.id) {
            return None;
        }
        let is_new = self.is_new(agent.created_at.max(user.created_at), now);
        let is_its_own = is_new.unwrap_or_else(|| agent.ended().is_none());
        (self.is_sure || is_its_own).then(|| Started {
            agent_message_id: agent.id.clone(),
            user_message_id: Some(user.id.clone()).filter(|id| !id.is_empty()),
            ..Started::default()
        })
    }

    /// Whether something was created after the start was sent, where that can be told.
    fn is_new(&self, created_at: Option<i64>, now: Option<u64>) -> Option<bool> {
        let created_at = Duration::from_millis(u64::try_from(created_at?).ok()?);
        let sent_at = Duration::from_secs(now?).saturating_sub(self.age);
        Some(created_at + SLACK >= sent_at)
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

    fn turn(id: &str, prompt: &str, created_at: Value, is_over: bool) -> [Value; 2] {
        let end = json!({"kind": "task.completed", "payload": {}});
        let events = if is_over { json!([end]) } else { json!([]) };
        [
            json!({"id": format!("u-{id}"), "type": "user", "content": prompt, "created_at": created_at}),
            json!({"id": id, "type": "agent", "content": "", "events": events, "created_at": created_at}),
        ]
    }

    #[test]
    fn a_turn_is_that_of_the_start_where_nothing_else_can_be() {
        let known = KnownTurns::default();
        known.add("s", "mine");
        let now = Some(1_000_000);
        let (new, old) = (json!(999_998_000), json!(999_000_000));
        for (messages, now, is_sure, found) in [
            (turn("a", "go", json!(null), false), now, false, true),
            (turn("a", " go\n", new.clone(), true), now, false, true),
            (turn("a", "go", json!(null), true), now, false, false),
            (turn("a", "go", json!(null), true), now, true, true),
            (turn("a", "go", new.clone(), true), None, false, false),
            (turn("a", "go", old.clone(), true), now, false, false),
            (turn("a", "go", old.clone(), false), now, false, false),
            (turn("a", "stop", new.clone(), false), now, true, false),
            (turn("mine", "go", new.clone(), false), now, true, false),
        ] {
            let start = LostStart {
                session_id: "s",
                prompt: "go",
                is_sure,
                age: Duration::from_secs(1),
                known: &known,
            };
            let told = start.find(&history(json!(messages)), now);
            assert_eq!(told.is_some(), found, "{messages:?}");
        }
    }

    #[test]
    fn the_turn_is_the_newest_one_and_has_a_message_of_the_agent() {
        let known = KnownTurns::default();
        let two = json!([
            {"id": "u1", "type": "user", "content": "One"}, {"id": "a1", "type": "agent", "content": "1"},
            {"id": "u2", "type": "user", "content": " Two\n"}, {"id": "a2", "type": "assistant", "aborted": false},
        ]);
        let find = |messages: &Value, prompt: &str| {
            let start = LostStart {
                session_id: "s",
                prompt,
                is_sure: true,
                age: Duration::ZERO,
                known: &known,
            };
            start.find(&history(messages.clone()), None)
        };
        let started = find(&two, "Two").expect("the newest");
        assert_eq!(started.agent_message_id, "a2");
        assert_eq!(started.user_message_id.as_deref(), Some("u2"));
        assert!(find(&two, "One").is_none(), "that is an older one");
        let prompt = json!([{"id": "u", "type": "user", "content": "x"}]);
        assert!(find(&prompt, "x").is_none());
    }

    #[test]
    fn the_newest_turns_are_remembered() {
        let known = KnownTurns::default();
        for turn in 0..=REMEMBERED {
            known.add("s", &turn.to_string());
        }
        assert!(!known.has("s", "0"));
        assert!(known.has("s", "1"));
        assert!(!known.has("t", "1"));
    }
}

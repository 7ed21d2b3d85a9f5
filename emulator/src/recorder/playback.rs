//! A scenario out of what passed.

use super::exchanges::session_of;
use super::place::is_of_agi;
use super::seen::{Seen, unwrapped};
use crate::clock::Timestamp;
use crate::raccoon::Dialect;
use crate::scenario::{
    Asking, OF_A_FRAME, RecordedEvent, RecordedMessage, RecordedTurnEvent, Scenario, Scrubber,
    Secrets, SessionRecording, TurnRecording,
};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// The tasks and turns in the order in which their sessions were met, and what cannot be said of them.
pub(super) fn scenario(requests: &[Seen], scrubber: &Scrubber) -> (Scenario, Vec<String>) {
    let mut scenario = Scenario::default();
    let mut notes = Vec::new();
    let mut sessions: Vec<(String, Vec<&Seen>)> = Vec::new();
    for seen in requests.iter().filter(|seen| is_of_agi(&seen.path)) {
        let Some(id) = session_of(seen) else { continue };
        match sessions.iter_mut().find(|(known, _)| *known == id) {
            Some((_, of_it)) => of_it.push(seen),
            None => sessions.push((id, vec![seen])),
        }
    }
    for (_, of_it) in &sessions {
        let played = Scenario::of_session(&session(of_it), scrubber);
        scenario.tasks.extend(played.tasks);
    }
    for start in requests.iter().filter(|seen| is_start(seen)) {
        match turn(start, requests) {
            Some(recording) => {
                let played = Scenario::of_turn(&recording, scrubber);
                scenario.turns.extend(played.turns);
                scenario.dialect = scenario.dialect.or(played.dialect);
            }
            None => notes.push(
                "A turn passed whose events are not in the documented words: it is left out. `sessionwire raccoon record` learns \
                 how such a service speaks."
                    .to_owned(),
            ),
        }
    }
    scenario.play_in_order();
    (scenario, notes)
}

/// What happened in a session, in the order in which it passed.
fn session(requests: &[&Seen]) -> SessionRecording {
    let mut story = Story::default();
    let mut metadata: HashMap<i64, Value> = HashMap::new();
    let mut shown = Value::Null;
    for (stream, seen) in requests.iter().enumerate() {
        let Some(at) = seen.at.filter(|_| seen.is_success()) else {
            continue;
        };
        let answer = seen.answer_json().unwrap_or_default();
        if let Some(address) = unwrapped(&answer)
            .get("vnc_url")
            .filter(|url| url.is_string())
        {
            shown = json!({ "vnc_url": address });
        }
        if seen.method == "POST" && seen.path.ends_with("/message") {
            let body = seen.json().unwrap_or_default();
            story.happened.push(Happened {
                order: seen.order,
                at,
                what: What::Said(body["message"].clone()),
            });
        }
        if seen.method == "GET" && seen.path.ends_with("/messages") {
            let messages = answer["messages"].as_array();
            for message in messages.into_iter().flatten() {
                if let Some((kind, data)) = event_of(message) {
                    let id = message["id"].as_i64();
                    if let (Some(id), Some(said)) = (id, message.get("metadata")) {
                        metadata.insert(id, said.clone());
                    }
                    story.tell((seen.order, at), stream, (kind, id, &data), false);
                }
            }
        }
        for event in &seen.events {
            if event.kind != "heartbeat" {
                let told = (event.kind.as_str(), event.id, &event.data);
                story.tell((event.order, event.at), stream, told, true);
            }
        }
    }
    let mut happened = story.happened;
    happened.sort_by_key(|happened| happened.order);
    numbered(happened, metadata, shown)
}

/// Learns what answered a question that asks for a secret, also where the service did not take the answer.
pub(super) fn learn_answers(requests: &[Seen], secrets: &mut Secrets) {
    let mut sessions: HashMap<String, Vec<(u64, Option<i64>, Heard)>> = HashMap::new();
    for seen in requests.iter().filter(|seen| is_of_agi(&seen.path)) {
        let Some(id) = session_of(seen) else { continue };
        let heard = sessions.entry(id).or_default();
        if seen.method == "POST" && seen.path.ends_with("/message") {
            let body = seen.json().unwrap_or_default();
            if let Some(text) = body.get("message") {
                let said = Heard::Said(text.clone(), seen.is_success());
                heard.push((seen.order, None, said));
            }
        }
        if seen.method == "POST" && seen.path.ends_with("/cancel") && seen.is_success() {
            let ended = Heard::Told("done".to_owned(), Value::Null);
            heard.push((seen.order, None, ended));
        }
        if seen.method == "GET" && seen.path.ends_with("/messages") {
            let answer = seen.answer_json().unwrap_or_default();
            // The list has questions and answers in their order, also those that nobody saw in time.
            let mut asking = Asking::default();
            for message in answer["messages"].as_array().into_iter().flatten() {
                if let Some((kind, data)) = event_of(message) {
                    asking.hears(kind, &data);
                    let told = Heard::Told(kind.to_owned(), data);
                    heard.push((seen.order, message["id"].as_i64(), told));
                } else if message["type"] == "USER" {
                    hear(&mut asking, &message["content"], true, secrets);
                }
            }
        }
        for event in &seen.events {
            let told = Heard::Told(event.kind.clone(), event.data.clone());
            heard.push((event.order, event.id, told));
        }
    }
    for mut heard in sessions.into_values() {
        heard.sort_by_key(|(order, ..)| *order);
        let mut known = HashSet::new();
        let mut asking = Asking::default();
        for (_, id, heard) in heard {
            match heard {
                // It was told before: it is no new question.
                Heard::Told(..) if id.is_some_and(|id| !known.insert(id)) => {}
                Heard::Told(kind, data) => asking.hears(&kind, &data),
                Heard::Said(text, taken) => hear(&mut asking, &text, taken, secrets),
            }
        }
    }
}

/// What was heard in a session.
enum Heard {
    /// An event of the agent: its kind and data.
    Told(String, Value),
    /// By the user, and whether the service took it.
    Said(Value, bool),
}

fn hear(asking: &mut Asking, text: &Value, taken: bool, secrets: &mut Secrets) {
    match text {
        Value::String(text) => asking.said(text, secrets),
        other => asking.said(&other.to_string(), secrets),
    }
    if taken {
        asking.ends();
    }
}

struct Happened {
    order: u64,
    at: Timestamp,
    what: What,
}

enum What {
    /// By the user.
    Said(Value),
    Told {
        kind: String,
        id: Option<i64>,
        data: Value,
        /// The request that told it, and whether as an event, which says more than a message.
        stream: usize,
        by_event: bool,
    },
}

/// What happened so far, and where in it to look for what is told again: a look at all of it for each event would take
/// the square of a long session.
#[derive(Default)]
struct Story {
    happened: Vec<Happened>,
    /// The places of events by their id.
    by_id: HashMap<i64, usize>,
    /// The same by a hash of what they say.
    by_content: HashMap<u64, Vec<usize>>,
}

impl Story {
    /// Notes an event, unless it was told before: by another stream, or as a message.
    fn tell(
        &mut self,
        (order, at): (u64, Timestamp),
        from: usize,
        (kind, id, data): (&str, Option<i64>, &Value),
        is_event: bool,
    ) {
        let content = hash_of(kind, data);
        let known = match id {
            Some(id) => self.by_id.get(&id).copied(),
            None => {
                let alike = self.by_content.get(&content).into_iter().flatten();
                alike
                    .copied()
                    .find(|&at| self.is_told_elsewhere(at, from, kind, data))
            }
        };
        let Some(place) = known else {
            let place = self.happened.len();
            self.by_content.entry(content).or_default().push(place);
            if let Some(id) = id {
                self.by_id.insert(id, place);
            }
            self.happened.push(Happened {
                order,
                at,
                what: What::Told {
                    kind: kind.to_owned(),
                    id,
                    data: data.clone(),
                    stream: from,
                    by_event: is_event,
                },
            });
            return;
        };
        let known = &mut self.happened[place];
        if let What::Told {
            kind: known_kind,
            data: known_data,
            by_event,
            ..
        } = &mut known.what
            && is_event
            && !*by_event
        {
            kind.clone_into(known_kind);
            known_data.clone_from(data);
            *by_event = true;
            self.by_content.entry(content).or_default().push(place);
        }
        // It was there when it was told first.
        if order < known.order {
            (known.order, known.at) = (order, at);
        }
    }

    /// Whether another stream said the same at that place.
    fn is_told_elsewhere(&self, place: usize, from: usize, kind: &str, data: &Value) -> bool {
        let What::Told {
            kind: known_kind,
            data: known_data,
            stream,
            ..
        } = &self.happened[place].what
        else {
            return false;
        };
        *stream != from && known_kind == kind && known_data == data
    }
}

fn hash_of(kind: &str, data: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    (kind, data.to_string()).hash(&mut hasher);
    hasher.finish()
}

/// The event that a message stands for; the user's are seen when they are sent.
fn event_of(message: &Value) -> Option<(&'static str, Value)> {
    let content = &message["content"];
    let text = || json!({ "text": content });
    Some(match message["type"].as_str()? {
        "THOUGHT" => ("thought", text()),
        "QUESTION" => ("question", text()),
        "LOG" => ("log", text()),
        "DONE" => ("done", json!({ "result": content })),
        "ERROR" => ("error", json!({ "error": content })),
        _ => return None,
    })
}

/// As the stream and `/messages` of one service would tell it: numbered anew, with the times at which it passed.
fn numbered(
    happened: Vec<Happened>,
    mut metadata: HashMap<i64, Value>,
    session: Value,
) -> SessionRecording {
    let mut recording = SessionRecording {
        session,
        ..SessionRecording::default()
    };
    for (id, Happened { at, what, .. }) in (1..).zip(happened) {
        let (kind, content, metadata) = match what {
            What::Said(text) => ("USER", text, Value::Null),
            What::Told {
                kind,
                data,
                id: told_id,
                ..
            } => {
                recording.events.push(RecordedEvent {
                    kind,
                    id: Some(id),
                    data,
                });
                let metadata = told_id.and_then(|id| metadata.remove(&id));
                ("", Value::Null, metadata.unwrap_or_default())
            }
        };
        recording.messages.push(RecordedMessage {
            id,
            kind: kind.to_owned(),
            content,
            timestamp: Some(at.to_string()),
            metadata,
        });
    }
    recording
}

fn is_start(seen: &Seen) -> bool {
    seen.method == "POST" && seen.path == "/sessions/new" && seen.is_success()
}

/// A turn; nothing where its events are not in the documented words.
fn turn(start: &Seen, requests: &[Seen]) -> Option<TurnRecording> {
    let body = start.json()?;
    let prompt = ["prompt", "task"]
        .iter()
        .find_map(|name| body[*name].as_str())?;
    let answer = start.answer_json()?;
    let answer = unwrapped(&answer);
    let message_id = ["agent_message_id", "assistant_message_id"]
        .iter()
        .find_map(|name| answer[*name].as_str())?;
    let mut events: Vec<Value> = Vec::new();
    let mut content = None;
    let mut odd = false;
    for seen in requests {
        if seen.parameter("message_id") == Some(message_id) {
            for frame in seen.frames.iter().filter(|frame| !frame.from_client) {
                let frame = &frame.frame;
                match frame["kind"].is_string() && frame["payload"].is_object() {
                    true => add(&mut events, frame),
                    // The first frame is another one.
                    false => odd |= !frame["type"].is_string(),
                }
            }
        }
        if let Some(message) = history(seen, message_id) {
            content = message["content"].as_str().map(str::to_owned).or(content);
            for event in message["events"].as_array().into_iter().flatten() {
                add(&mut events, event);
            }
        }
    }
    if odd || events.is_empty() {
        return None;
    }
    let without_entry_ids = events
        .iter()
        .all(|event| event.get("stream_entry_id").is_none());
    let event = |event: &Value| RecordedTurnEvent {
        kind: event["kind"].as_str().unwrap_or_default().to_owned(),
        block_id: event["block_id"].as_str().map(str::to_owned),
        timestamp: event["timestamp"].as_i64(),
        payload: event["payload"].clone(),
        frame: event
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| !OF_A_FRAME.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    };
    Some(TurnRecording {
        prompt: prompt.to_owned(),
        events: events.iter().map(event).collect(),
        content,
        dialect: Dialect {
            without_entry_ids,
            ..Dialect::default()
        },
    })
}

/// Adds an event that another socket, or the history, has not told.
fn add(events: &mut Vec<Value>, event: &Value) {
    let is_same = |known: &Value| {
        let same = |name: &str| known.get(name) == event.get(name);
        event.get("event_id").is_some() && same("event_id") && same("kind")
    };
    if event["kind"].is_string() && !events.iter().any(is_same) {
        events.push(event.clone());
    }
}

/// The agent's message in a session's history.
fn history(seen: &Seen, message_id: &str) -> Option<Value> {
    let answer = seen.answer_json().filter(|_| seen.method == "GET")?;
    let messages = unwrapped(&answer).get("messages")?.as_array()?;
    let mut messages = messages.iter();
    messages
        .find(|message| message["id"] == message_id)
        .cloned()
}

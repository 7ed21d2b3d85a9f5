//! What was asked, and what the answers looked like, out of what passed.

use super::place::{Place, is_of_a_service, place};
use super::seen::{Seen, unwrapped};
use crate::scenario::{Exchange, Outcome, Scrubber, Sent, Shape, Standing};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Parameters that name a place in a stream or a list, which is another one next time.
const PLACES: [&str; 3] = ["after_id", "last_stream_entry_id", "token"];

pub(super) fn exchanges(requests: &[Seen], scrubber: &Scrubber) -> Vec<Exchange> {
    let sessions = Sessions::of(requests);
    let mut found: Vec<Exchange> = Vec::new();
    // Where the reads of a session are since something was last done to it.
    let mut reads: HashMap<Option<u32>, usize> = HashMap::new();
    for seen in requests.iter().filter(|seen| is_of_a_service(&seen.path)) {
        let Some(status) = seen.status else {
            continue;
        };
        let exchange = exchange(seen, status, &sessions, scrubber);
        let since = *reads.entry(exchange.session).or_default();
        let is_read = seen.method == "GET";
        let same = found.iter_mut().skip(since).find(|known| {
            is_read
                && known.sends.is_empty()
                && exchange.sends.is_empty()
                && is_same(known, &exchange)
        });
        match same {
            Some(known) => merge(known, exchange),
            None => {
                if !is_read {
                    reads.insert(exchange.session, found.len() + 1);
                }
                found.push(exchange);
            }
        }
    }
    found
}

fn exchange(seen: &Seen, status: u16, sessions: &Sessions, scrubber: &Scrubber) -> Exchange {
    let Place { template, .. } = place(&seen.path);
    let id = session_of(seen);
    let session = id.as_deref().and_then(|id| sessions.number(id));
    let mut query = Map::new();
    for (name, value) in &seen.query {
        let is_beginning = name == "last_stream_entry_id" && value == "0-0";
        if PLACES.contains(&name.as_str()) && !is_beginning {
            continue;
        }
        let named = sessions.named(value);
        let value = match name == "message_id" {
            true => "{message_id}".to_owned(),
            // The id of a session that is known stands in braces already.
            false if named.starts_with("{session:") => named,
            false => scrubber.parameter(name, &named),
        };
        query.insert(scrubber.name(name), value.into());
    }
    let when = session.and_then(|session| sessions.when(session, seen.order));
    let body = seen.json().filter(|_| !seen.upload).map(|body| {
        let mut scrubbed = scrubber.value(&sessions.named_in(&body));
        let said = body.get("message").and_then(Value::as_str);
        if let (Some(said), Some(Standing::Question)) = (said, when) {
            // As short or plain as it may be.
            scrubbed["message"] = scrubber.answer(said).into();
        }
        scrubbed
    });
    Exchange {
        request: format!("{} {}", seen.method, scrubber.name(&template)),
        session,
        when,
        query,
        body,
        upload: seen.upload,
        sends: sends(seen, scrubber),
        status,
        answer: seen
            .answer_json()
            .map(|answer| Shape::of(&answer).named(&|name| scrubber.name(name))),
        events: events(seen, scrubber),
        order: order(seen, scrubber),
        outcome: session
            .filter(|_| seen.is_start() && seen.is_success())
            .and_then(|session| sessions.outcome(session, seen.order)),
    }
}

fn sends(seen: &Seen, scrubber: &Scrubber) -> Vec<Sent> {
    let mut after = 0;
    let mut sends = Vec::new();
    for frame in &seen.frames {
        match frame.from_client {
            true => {
                let mut sent = scrubber.value(&frame.frame);
                for name in ["kind", "type"] {
                    if let Some(kind) = frame.frame.get(name).and_then(Value::as_str) {
                        sent[name] = scrubber.name(kind).into();
                    }
                }
                sends.push(Sent { after, frame: sent });
            }
            false => after += 1,
        }
    }
    sends
}

/// The types of a stream's events in their order.
fn order(seen: &Seen, scrubber: &Scrubber) -> Vec<String> {
    let events = seen.events.iter().map(|event| event.kind.clone());
    let frames = seen.frames.iter().filter(|frame| !frame.from_client);
    let mut order: Vec<String> = events
        .chain(frames.map(|frame| kind_of(&frame.frame)))
        .collect();
    order.retain(|kind| kind != "heartbeat");
    order.dedup();
    order.iter().map(|kind| scrubber.name(kind)).collect()
}

/// The shapes of a stream's events by their type.
fn events(seen: &Seen, scrubber: &Scrubber) -> BTreeMap<String, Shape> {
    let events = seen
        .events
        .iter()
        .map(|event| (event.kind.clone(), &event.data));
    let frames = seen.frames.iter().filter(|frame| !frame.from_client);
    let frames = frames.map(|frame| (kind_of(&frame.frame), &frame.frame));
    let mut shapes = BTreeMap::new();
    for (kind, data) in events.chain(frames) {
        let shape = Shape::of(data).named(&|name| scrubber.name(name));
        let known: &mut Shape = shapes.entry(scrubber.name(&kind)).or_default();
        *known = std::mem::take(known).or(shape);
    }
    shapes
}

/// What kind of frame one of a WebSocket is.
pub(crate) fn kind_of(frame: &Value) -> String {
    let name = |name: &str| frame.get(name).and_then(Value::as_str);
    let kind = name("kind").or_else(|| name("type"));
    kind.unwrap_or("frame").to_owned()
}

fn is_same(one: &Exchange, other: &Exchange) -> bool {
    (&one.request, one.session, one.when, &one.query, one.status)
        == (
            &other.request,
            other.session,
            other.when,
            &other.query,
            other.status,
        )
}

fn merge(known: &mut Exchange, other: Exchange) {
    known.answer = match (known.answer.take(), other.answer) {
        (Some(one), Some(other)) => Some(one.or(other)),
        (one, other) => one.or(other),
    };
    // The one that saw more: another begins where that one was cut.
    if other.order.len() > known.order.len() {
        known.order = other.order;
    }
    for (kind, shape) in other.events {
        let of_kind = known.events.entry(kind).or_default();
        *of_kind = std::mem::take(of_kind).or(shape);
    }
}

/// The session that a request is about, or makes.
pub(super) fn session_of(seen: &Seen) -> Option<String> {
    if let Some(id) = place(&seen.path).session {
        return Some(id);
    }
    let text = |value: &Value| value.get("session_id")?.as_str().map(str::to_owned);
    if seen.method != "POST" {
        return None;
    }
    match seen.path.as_str() {
        "/v1/sessions" => text(unwrapped(&seen.answer_json()?)),
        "/sessions/new" => text(&seen.json()?),
        _ => None,
    }
}

/// The sessions of a recording, and how each stood when.
struct Sessions {
    /// In the order in which they were met.
    ids: Vec<String>,
    told: Vec<Vec<(u64, Told)>>,
}

/// What was told of a session's task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// The client said something, and it goes on.
    Said,
    Asks,
    Ends(Outcome),
}

impl Sessions {
    fn of(requests: &[Seen]) -> Self {
        let mut sessions = Self {
            ids: Vec::new(),
            told: Vec::new(),
        };
        // A stream begins with what others told before.
        let mut ends: HashSet<(usize, i64)> = HashSet::new();
        for seen in requests {
            let Some(id) = session_of(seen) else { continue };
            let at = match sessions.ids.iter().position(|known| *known == id) {
                Some(at) => at,
                None => {
                    sessions.ids.push(id);
                    sessions.told.push(Vec::new());
                    sessions.ids.len() - 1
                }
            };
            let is_new = |id: Option<i64>| id.is_none_or(|id| ends.insert((at, id)));
            sessions.told[at].extend(told(seen, is_new));
        }
        for told in &mut sessions.told {
            told.sort_by_key(|(at, _)| *at);
        }
        sessions
    }

    fn number(&self, id: &str) -> Option<u32> {
        let at = self.ids.iter().position(|known| known == id)?;
        u32::try_from(at + 1).ok()
    }

    /// How a session stood then; nothing is known before its first task.
    fn when(&self, session: u32, at: u64) -> Option<Standing> {
        match self.before(session, at)? {
            Told::Said => None,
            Told::Asks => Some(Standing::Question),
            Told::Ends(_) => Some(Standing::Ended),
        }
    }

    /// How the task ended that a message began then; nothing for one that said more to a task.
    fn outcome(&self, session: u32, at: u64) -> Option<Outcome> {
        let begins = matches!(self.before(session, at), None | Some(Told::Ends(_)));
        let told = self.told.get(session as usize - 1).filter(|_| begins)?;
        let mut after = told.iter().skip_while(|(then, _)| *then <= at);
        after.find_map(|(_, told)| match told {
            Told::Ends(outcome) => Some(*outcome),
            _ => None,
        })
    }

    fn before(&self, session: u32, at: u64) -> Option<Told> {
        let told = self.told.get(session as usize - 1)?;
        let before = told.iter().take_while(|(then, _)| *then < at);
        before.last().map(|(_, told)| *told)
    }

    /// The text with `{session:1}` for the id of the first session.
    fn named(&self, text: &str) -> String {
        let mut named = text.to_owned();
        for (index, id) in self.ids.iter().enumerate() {
            if id.len() > 3 && named.contains(id.as_str()) {
                named = named.replace(id.as_str(), &format!("{{session:{}}}", index + 1));
            }
        }
        named
    }

    fn named_in(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.named(text).into(),
            Value::Array(items) => items.iter().map(|item| self.named_in(item)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(name, value)| (name.clone(), self.named_in(value)))
                .collect::<Map<_, _>>()
                .into(),
            other => other.clone(),
        }
    }
}

/// What a request tells of its session's task; `is_new` says so of the id of an event.
fn told(seen: &Seen, mut is_new: impl FnMut(Option<i64>) -> bool) -> Vec<(u64, Told)> {
    let at = seen.order;
    if seen.is_start() && seen.is_success() {
        return vec![(at, Told::Said)];
    }
    let of = |kind: &str| match kind {
        "question" => Some(Told::Asks),
        kind => Outcome::of_event(kind).map(Told::Ends),
    };
    let events = seen.events.iter().filter_map(|event| {
        let told = of(&event.kind)?;
        is_new(event.id).then_some((event.order, told))
    });
    let mut told: Vec<_> = events.collect();
    let frames = seen.frames.iter().filter(|frame| !frame.from_client);
    told.extend(frames.filter_map(|frame| {
        let kind = frame.frame["kind"].as_str().unwrap_or_default();
        Some((frame.order, of(kind)?))
    }));
    // `/status` and `/messages` say it, too.
    let says = seen.path.ends_with("/status") || seen.path.ends_with("/messages");
    if let (true, Some(answer)) = (says, seen.answer_json()) {
        told.extend(match answer["status"].as_str() {
            Some("waiting_for_input") => Some((at, Told::Asks)),
            // Also that of a session that never had a task: then nothing needs to be waited for either.
            Some(status) => Outcome::of_status(status).map(|outcome| (at, Told::Ends(outcome))),
            None => None,
        });
    }
    told
}

//! Which events of a session's history are new to who reads it again and again
//! (docs/spec/raccoon.md, section 5.9). Pure.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::ending::events_of;
use super::events::is_later;
use super::models::{History, Message, ResumePoint};
use crate::event::Event;

/// What was taken of a session's messages.
#[derive(Debug, Default)]
pub(super) struct News {
    messages: HashMap<String, Taken>,
}

/// What was taken of one message, by all that may tell its events apart.
#[derive(Debug, Default)]
struct Taken {
    ids: HashSet<i64>,
    entries: HashSet<String>,
    /// How often each text was there.
    words: HashMap<u64, usize>,
}

impl News {
    /// The events that were not taken yet, in the order of the history, each with its
    /// message's id. They count as taken from now on.
    pub(super) fn take(&mut self, history: &History) -> Vec<Event> {
        let mut news = Vec::new();
        for (name, message) in named(history) {
            let events: Vec<Event> = events_of(message).collect();
            if events.is_empty() {
                continue;
            }
            let taken = self.messages.entry(name).or_default();
            let new = taken.take(events).into_iter();
            news.extend(new.map(|event| of_message(event, &message.id)));
        }
        news
    }

    /// Takes what the history has up to this place. Says whether it has the place's
    /// message: else nothing is taken.
    pub(super) fn skip(&mut self, history: &History, point: &ResumePoint) -> bool {
        let is_there = |message: &Message| message.id == point.message_id;
        if !history.messages.iter().any(is_there) {
            return false;
        }
        for (name, message) in named(history) {
            let is_last = is_there(message);
            let known = events_of(message).filter(|event| !is_last || is_before(event, point));
            let known = known.collect();
            self.messages.entry(name).or_default().take(known);
            if is_last {
                break;
            }
        }
        true
    }
}

impl Taken {
    fn take(&mut self, events: Vec<Event>) -> Vec<Event> {
        let odd = ids_are_odd(&events);
        let mut words: HashMap<u64, usize> = HashMap::new();
        let mut new = Vec::new();
        for event in events {
            let entry = entry_of(&event);
            let said = words.entry(event.fingerprint()).or_default();
            *said += 1;
            let is_new = match (event.id().filter(|_| !odd), &entry) {
                (Some(id), _) => !self.ids.contains(&id),
                (None, Some(entry)) => !self.entries.contains(entry),
                (None, None) => {
                    let before = self.words.get(&event.fingerprint());
                    *said > before.copied().unwrap_or_default()
                }
            };
            if is_new {
                self.ids.extend(event.id());
                self.entries.extend(entry);
                new.push(event);
            }
        }
        for (fingerprint, count) in words {
            let before = self.words.entry(fingerprint).or_default();
            *before = count.max(*before);
        }
        new
    }
}

/// Each message with what it is known by: its id, else its place.
fn named(history: &History) -> impl Iterator<Item = (String, &Message)> {
    let messages = history.messages.iter().enumerate();
    messages.map(|(place, message)| match message.id.is_empty() {
        true => (format!("#{place}"), message),
        false => (message.id.clone(), message),
    })
}

/// Whether ids do not tell the events of a message apart: two that differ have the same
/// one (docs/spec/raccoon.md, section 5.7).
fn ids_are_odd(events: &[Event]) -> bool {
    let mut seen: HashMap<i64, (Option<String>, u64)> = HashMap::new();
    events.iter().any(|event| {
        let Some(id) = event.id() else {
            return false;
        };
        let (entry, words) = (entry_of(event), event.fingerprint());
        match seen.get(&id) {
            // Its place says whether it is the same; else its words do.
            Some((Some(before), _)) if entry.is_some() => entry.as_ref() != Some(before),
            Some((_, before)) => *before != words,
            None => {
                seen.insert(id, (entry, words));
                false
            }
        }
    })
}

/// Whether an event of the place's message is at that place, or before it.
fn is_before(event: &Event, point: &ResumePoint) -> bool {
    match (
        entry_of(event),
        &point.last_stream_entry_id,
        event.id(),
        point.last_event_id,
    ) {
        // Places in the stream rise, whatever the ids do.
        (Some(entry), Some(last), _, _) => !is_later(&entry, last),
        (_, _, Some(id), Some(last)) => id <= last,
        _ => false,
    }
}

fn entry_of(event: &Event) -> Option<String> {
    event.stream_entry_id().map(Cow::into_owned)
}

/// The event with the id of the message that it stands in, where it names none.
fn of_message(event: Event, message_id: &str) -> Event {
    let names_one = event
        .frame()
        .is_some_and(|frame| frame.message_id.is_some());
    if names_one || message_id.is_empty() {
        return event;
    }
    let Some((head, _)) = event.raw().rsplit_once('}') else {
        return event;
    };
    let is_object = head.trim_start().starts_with('{');
    if !is_object {
        return event;
    }
    let comma = match head.trim_end().ends_with('{') {
        true => "",
        false => ",",
    };
    let id = Value::from(message_id);
    // Of a name that comes twice the last one counts.
    let raw = format!("{head}{comma}\"message_id\":{id}}}");
    event.with_raw(raw)
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn history(messages: &Value) -> History {
        let history = json!({"session": {"sessionId": "s"}, "messages": messages});
        serde_json::from_str(&history.to_string()).expect("a history")
    }

    /// What is new in each reading of one message's events, by their payloads.
    fn read(readings: &[Value]) -> Vec<Vec<Value>> {
        let mut news = News::default();
        let mut new = |events: &Value| -> Vec<Value> {
            let history = history(&json!([{"id": "m", "type": "agent", "events": events}]));
            let events = news.take(&history).into_iter();
            events.map(|event| event.data()).collect()
        };
        readings.iter().map(&mut new).collect()
    }

    fn event(id: Value, entry: Value, payload: &str) -> Value {
        json!({"event_id": id, "stream_entry_id": entry, "kind": "text", "payload": payload})
    }

    #[test]
    fn what_was_there_before_is_not_new() {
        let null = || Value::Null;
        let [a, b, c] = [(1, "1-0"), (2, "2-0"), (3, "3-0")]
            .map(|(id, entry)| event(id.into(), entry.into(), entry));
        let bare = |payload| event(null(), null(), payload);
        let entry = |entry: &str, payload| event(7.into(), entry.into(), payload);
        for (readings, expected) in [
            // By their ids, one that comes late as well, and one whose words change.
            (
                vec![json!([a]), json!([a, c]), json!([a, b, c])],
                vec![json!(["1-0"]), json!(["3-0"]), json!(["2-0"])],
            ),
            (
                vec![json!([a]), json!([event(1.into(), null(), "longer")])],
                vec![json!(["1-0"]), json!([])],
            ),
            // The same one twice.
            (
                vec![json!([a, a]), json!([a])],
                vec![json!(["1-0"]), json!([])],
            ),
            // By their places, where ids stand still.
            (
                vec![
                    json!([entry("1-0", "x")]),
                    json!([entry("1-0", "x"), entry("2-0", "x")]),
                ],
                vec![json!(["x"]), json!(["x"])],
            ),
            // By what they say, and how often.
            (
                vec![json!([bare("x")]), json!([bare("x"), bare("x"), bare("y")])],
                vec![json!(["x"]), json!(["x", "y"])],
            ),
            (
                vec![
                    json!([event(1.into(), null(), "x")]),
                    json!([event(1.into(), null(), "x"), event(1.into(), null(), "y")]),
                ],
                vec![json!(["x"]), json!(["y"])],
            ),
        ] {
            let new: Vec<Value> = read(&readings).into_iter().map(Value::from).collect();
            assert_eq!(new, expected, "{readings:?}");
        }
    }

    #[test]
    fn each_event_has_its_message() {
        let odd = json!({"kind": "text", "payload": {}, "message_id": null});
        let messages = json!([
            {"id": "m1", "type": "agent", "events": [{"kind": "text"}, odd, {}]},
            {"type": "agent", "events": [{"kind": "text"}]},
            {"id": "m2", "type": "agent", "events": [{"message_id": "other"}, "odd"]},
        ]);
        let events = News::default().take(&history(&messages));
        let named: Vec<Option<String>> = events
            .iter()
            .map(|event| event.frame().and_then(|frame| frame.message_id))
            .collect();
        let named: Vec<_> = named.iter().map(Option::as_deref).collect();
        let m1 = Some("m1");
        assert_eq!(named, [m1, m1, m1, None, Some("other"), None]);
    }

    #[test]
    fn up_to_a_place_all_is_known() {
        let of = |id: &str, numbers: &[i64]| {
            let events = numbers
                .iter()
                .map(|&number| event(number.into(), format!("{number}-0").into(), id));
            json!({"id": id, "type": "agent", "events": events.collect::<Vec<_>>()})
        };
        let whole = history(&json!([
            of("m1", &[1, 2]),
            of("m2", &[3, 4, 5]),
            of("m3", &[6])
        ]));
        let point = ResumePoint::new("s", "m2");
        for (point, first) in [
            (point.clone(), 3),
            (point.clone().last_event_id(4), 5),
            (point.clone().last_stream_entry_id("4-0"), 5),
            (
                point.clone().last_stream_entry_id("4-0").last_event_id(1),
                5,
            ),
            (point.last_event_id(9), 6),
        ] {
            let mut news = News::default();
            assert!(news.skip(&whole, &point));
            let ids: Vec<_> = news.take(&whole).iter().filter_map(Event::id).collect();
            assert_eq!(ids, (first..=6).collect::<Vec<_>>(), "{point:?}");
        }
        let mut news = News::default();
        assert!(!news.skip(&whole, &ResumePoint::new("s", "m4")));
        assert_eq!(news.take(&whole).len(), 6);
    }
}

//! Many events as one JSON text, so that JavaScript parses once.
//!
//! The text is `[[data, ...], [type, id, end, text, received, ...], {"at": original}, first]`: the
//! data of all events side by side, since a parser is fast with objects that follow their like;
//! then five entries for each event. `type` is its place among the known types, or its name;
//! `end` where its data ends in the text, in UTF-16 units: the data of the next begins one unit
//! later, so that the original characters can be cut out. Where they cannot, `end` is negative:
//! the original of event `at` is in the object, or it is the data itself, which was no JSON and
//! is carried as a string; data that only the core reads is carried as strict JSON. Nothing that
//! a server sends can forge the structure. `text` is the event's text, or the index of its field
//! among the [`TEXT_FIELDS`](sessionwire::meaning::TEXT_FIELDS) of the data. `first` is when the
//! batch's first event was received, in milliseconds since 1970, and `received` how much later
//! the event was; 0 is never.

use std::borrow::Cow;

use napi_derive::napi;
use sessionwire::agi::{Event, EventType};
use sessionwire::meaning::{TEXT_FIELDS, Text};

/// Most bytes of a batch that holds more than one event. A kept event keeps
/// its batch alive for the sake of its original text, so a batch is small.
const MAX_BYTES: usize = 256 * 1024;
/// What an event takes besides its data, about.
const OVERHEAD: usize = 40;

/// Glues events into as few texts as the size limit allows.
pub fn glue(events: &[Event]) -> Vec<Glued> {
    let mut glued = Vec::new();
    let size: usize = events
        .iter()
        .map(|event| event.raw().len() + OVERHEAD)
        .sum();
    let mut batch = Batch::with_capacity(size.min(MAX_BYTES + OVERHEAD));
    for event in events {
        if batch.count > 0 && batch.size() + event.raw().len() > MAX_BYTES {
            glued.push(std::mem::take(&mut batch).finish());
        }
        batch.push(event);
    }
    if batch.count > 0 {
        glued.push(batch.finish());
    }
    glued
}

/// Some events as one text.
pub struct Glued {
    pub text: String,
    pub count: usize,
}

/// One event of a session by its parts, as a batch.
#[napi(catch_unwind)]
pub fn one_event(event_type: String, id: Option<i64>, raw: String) -> String {
    batch_of(&Event::new(EventType::from_name(&event_type), id, raw))
}

/// One event of a turn by its frame, as a batch.
#[napi(catch_unwind)]
pub fn one_turn_event(frame: String) -> String {
    batch_of(&Event::from_frame(frame))
}

/// The names of the types that a batch tells by their place.
#[napi(catch_unwind)]
pub fn known_event_types() -> Vec<&'static str> {
    EventType::KNOWN
        .iter()
        .map(|(known, ..)| known.name())
        .collect()
}

/// The fields that an event's text may be in.
#[napi(catch_unwind)]
pub fn text_fields() -> Vec<&'static str> {
    TEXT_FIELDS.to_vec()
}

fn batch_of(event: &Event) -> String {
    let mut batch = Batch::default();
    batch.push(event);
    batch.finish().text
}

#[derive(Default)]
struct Batch {
    /// The text up to the end of the data.
    data: String,
    /// The entries of each event.
    rows: String,
    /// The originals that cannot be cut out.
    originals: String,
    count: usize,
    /// The data's length in UTF-16 units, up to `counted`.
    units: usize,
    counted: usize,
    /// When the first event was received.
    first: u64,
}

impl Batch {
    fn with_capacity(bytes: usize) -> Self {
        Self {
            data: String::with_capacity(bytes),
            ..Self::default()
        }
    }

    fn push(&mut self, event: &Event) {
        let raw = event.raw();
        if self.count == 0 {
            self.data.push_str("[[");
            self.first = event.received_ms();
        } else {
            self.data.push(',');
            self.rows.push(',');
        }
        let (plain, event_text) = event.plain_and_text();
        let is_original = match plain {
            Some(Cow::Borrowed(same)) => {
                self.data.push_str(same);
                true
            }
            Some(Cow::Owned(ref strict)) => {
                self.data.push_str(strict);
                self.push_original(raw);
                false
            }
            None => {
                push_string(&mut self.data, raw);
                false
            }
        };
        push_type(&mut self.rows, event.event_type());
        self.rows.push(',');
        match event.id() {
            Some(id) => push_number(&mut self.rows, id),
            None => self.rows.push_str("null"),
        }
        self.rows.push_str(if is_original { "," } else { ",-" });
        let end = self.units();
        push_number(&mut self.rows, end);
        self.rows.push(',');
        match event_text {
            Text::Field(at, _) => push_number(&mut self.rows, at),
            Text::Own(text) => push_string(&mut self.rows, &text),
        }
        self.rows.push(',');
        let later = event.received_ms().cast_signed() - self.first.cast_signed();
        push_number(&mut self.rows, later);
        self.count += 1;
    }

    fn push_original(&mut self, raw: &str) {
        if !self.originals.is_empty() {
            self.originals.push(',');
        }
        self.originals.push('"');
        push_number(&mut self.originals, self.count);
        self.originals.push_str("\":");
        push_string(&mut self.originals, raw);
    }

    /// The data's length in UTF-16 units.
    fn units(&mut self) -> usize {
        let new = &self.data[self.counted..];
        self.units += if new.is_ascii() {
            new.len()
        } else {
            new.encode_utf16().count()
        };
        self.counted = self.data.len();
        self.units
    }

    /// How many bytes it has, nearly.
    fn size(&self) -> usize {
        self.data.len() + self.rows.len() + self.originals.len()
    }

    fn finish(self) -> Glued {
        let mut text = self.data;
        text.reserve_exact(self.rows.len() + self.originals.len() + OVERHEAD);
        for part in ["],[", &self.rows, "],{", &self.originals, "},"] {
            text.push_str(part);
        }
        push_number(&mut text, self.first);
        text.push(']');
        Glued {
            text,
            count: self.count,
        }
    }
}

/// A type by its place among the known ones, or by its name.
fn push_type(text: &mut String, event_type: &EventType) {
    let mut known = EventType::KNOWN.iter();
    match known.position(|(known, ..)| known == event_type) {
        Some(place) => push_number(text, place),
        None => push_string(text, event_type.name()),
    }
}

fn push_number(text: &mut String, number: impl itoa::Integer) {
    text.push_str(itoa::Buffer::new().format(number));
}

fn push_string(text: &mut String, value: &str) {
    // A string always serialises.
    text.push_str(&serde_json::to_string(value).unwrap_or_else(|_| "\"\"".to_owned()));
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sessionwire::agi::EventType;

    use super::*;

    fn event(name: &str, id: Option<i64>, raw: &str) -> Event {
        Event::new(EventType::from_name(name), id, raw)
    }

    /// The parts of a batch.
    struct Parts {
        data: Vec<Value>,
        rows: Vec<Vec<Value>>,
        originals: Value,
        first: u64,
    }

    fn parts(text: &str) -> Parts {
        let (data, rows, originals, first): (Vec<Value>, Vec<Value>, Value, u64) =
            serde_json::from_str(text).unwrap();
        let rows: Vec<Vec<Value>> = rows.chunks_exact(5).map(<[Value]>::to_vec).collect();
        assert_eq!(data.len(), rows.len());
        Parts {
            data,
            rows,
            originals,
            first,
        }
    }

    /// The one text of these events.
    fn only(events: &[Event]) -> String {
        let mut texts = glue(events);
        assert_eq!(texts.len(), 1);
        texts.remove(0).text
    }

    #[test]
    fn the_ends_find_the_original_text_in_utf_16() {
        let raws = [
            r#"{"text": "grüße 🎈"}"#,
            " [1, 2]\n",
            r#"{"a" :1.50}"#,
            "no json: é",
            "\"é\"",
        ];
        let events: Vec<Event> = raws
            .iter()
            .map(|raw| event("thought", Some(1), raw))
            .collect();
        let text = only(&events);
        let units: Vec<u16> = text.encode_utf16().collect();
        let mut start = 2;
        for (row, raw) in parts(&text).rows.iter().zip(raws) {
            let end = row[2].as_i64().unwrap();
            let cut = start..usize::try_from(end.abs()).unwrap();
            start = cut.end + 1;
            if end > 0 {
                assert_eq!(String::from_utf16(&units[cut]).unwrap(), raw);
            } else {
                assert_eq!(raw, "no json: é");
            }
        }
    }

    #[test]
    fn data_cannot_forge_events() {
        for raw in [
            r#"{"text":"x"}],[9,1,2,"x",0],{},0]"#,
            r#"{"text":"x"},"done",9,1,2,{"text":"y"}"#,
            "1,2",
            "]",
            "",
            "not json",
            "\"open",
            "{\"a\":1}}",
            "// {}",
        ] {
            let text = only(&[event("log", None, raw), event("done", Some(2), "{}")]);
            let Parts {
                data,
                rows,
                originals,
                ..
            } = parts(&text);
            assert_eq!(data, [json!(raw), json!({})]);
            assert_eq!(name_of(&rows[0]), "log");
            assert_eq!(rows[0][1], Value::Null);
            assert!(rows[0][2].as_i64().unwrap() < 0);
            assert_eq!(rows[0][3], raw);
            assert_eq!(originals, json!({}));
            assert_eq!(name_of(&rows[1]), "done");
        }
    }

    #[test]
    fn what_only_the_core_reads_is_carried_as_strict_json() {
        for (raw, data, text) in [
            (
                r#"{"text": "7 \ud83d"}"#,
                json!({"text": "7 \u{fffd}"}),
                json!(0),
            ),
            (r#"[NaN, "done", 9]"#, json!(["NaN", "done", 9]), json!("")),
            (
                "\u{feff}{\"thought\": \"x\"}",
                json!({"thought": "x"}),
                json!(1),
            ),
        ] {
            let one = only(&[event("log", None, "{}"), event("log", Some(1), raw)]);
            let parts = parts(&one);
            assert_eq!(parts.data[1], data, "{raw}");
            assert!(parts.rows[1][2].as_i64().unwrap() < 0);
            assert_eq!(parts.rows[1][3], text, "{raw}");
            assert_eq!(parts.originals, json!({"1": raw}));
        }
    }

    #[test]
    fn each_event_says_when_it_was_received() {
        let at = |ms: u64| event("log", None, "{}").received_at_ms(ms);
        let never = event("log", None, "{}");
        let parts = parts(&only(&[
            at(1_700_000_000_000),
            at(1_700_000_000_007),
            never,
        ]));
        let later: Vec<i64> = parts
            .rows
            .iter()
            .map(|row| row[4].as_i64().unwrap())
            .collect();
        assert_eq!(later, [0, 7, -1_700_000_000_000]);
        assert_eq!(parts.first, 1_700_000_000_000);
    }

    #[test]
    fn a_type_is_a_place_or_a_name_that_is_quoted() {
        let parts = parts(&only(&[
            event("a\"],[\"b", Some(1), "{}"),
            event("thought", Some(2), "{}"),
        ]));
        assert_eq!(parts.rows[0][0], "a\"],[\"b");
        assert_eq!(name_of(&parts.rows[1]), "thought");
    }

    /// The type of a known event.
    fn name_of(row: &[Value]) -> &'static str {
        known_event_types()[usize::try_from(row[0].as_u64().unwrap()).unwrap()]
    }

    #[test]
    fn large_events_are_spread_over_batches() {
        let big = format!("\"{}\"", "x".repeat(100_000));
        let events: Vec<Event> = (0..7).map(|id| event("log", Some(id), &big)).collect();
        let texts = glue(&events);
        let ids: Vec<i64> = texts
            .iter()
            .flat_map(|glued| parts(&glued.text).rows)
            .map(|row| row[1].as_i64().unwrap())
            .collect();
        assert_eq!(ids, (0..7).collect::<Vec<i64>>());
        assert!(texts.len() > 1);
        let counts: Vec<usize> = texts.iter().map(|glued| glued.count).collect();
        assert_eq!(counts.iter().sum::<usize>(), events.len(), "{counts:?}");
        let are_small = |glued: &Glued| glued.text.len() < MAX_BYTES + 1024;
        assert!(texts.iter().all(are_small));
    }
}

//! Many events as one JSON text, so that JavaScript parses once.
//!
//! The text is one flat array, seven entries for each event and one more at the end:
//! `[data, type, id, start, length, text, received, ..., first]`. `start` and `length` say where
//! in the text the data lies, in UTF-16 units, so that the original characters
//! can be cut out. Data that is no JSON is carried as a JSON string with `start`
//! -1; data that only the core reads is carried as strict JSON, with the original
//! as `start`: nothing that a server sends can forge the array's structure.
//! `text` is the event's text, or the index of its field among the
//! [`TEXT_FIELDS`](sessionwire::meaning::TEXT_FIELDS) of the data. `first` is when the batch's
//! first event was received, in milliseconds since 1970, and `received` how much later the event
//! was; 0 is never.

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
    let mut count = 0;
    for event in events {
        if count > 0 && batch.text.len() + event.raw().len() > MAX_BYTES {
            let text = std::mem::take(&mut batch).finish();
            glued.push(Glued { text, count });
            count = 0;
        }
        batch.push(event);
        count += 1;
    }
    if count > 0 {
        let text = batch.finish();
        glued.push(Glued { text, count });
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

/// The fields that an event's text may be in.
#[napi(catch_unwind)]
pub fn text_fields() -> Vec<&'static str> {
    TEXT_FIELDS.to_vec()
}

fn batch_of(event: &Event) -> String {
    let mut batch = Batch::default();
    batch.push(event);
    batch.finish()
}

#[derive(Default)]
struct Batch {
    text: String,
    /// The text's length in UTF-16 units, up to `counted`.
    units: usize,
    counted: usize,
    /// When the first event was received.
    first: u64,
}

impl Batch {
    fn with_capacity(bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            ..Self::default()
        }
    }

    fn push(&mut self, event: &Event) {
        let raw = event.raw();
        if self.text.is_empty() {
            self.text.push('[');
            self.first = event.received_ms();
        }
        let start = self.units();
        let (plain, event_text) = event.plain_and_text();
        let index = match plain {
            Some(Cow::Borrowed(same)) => {
                self.text.push_str(same);
                Some((start, self.units() - start))
            }
            Some(Cow::Owned(ref strict)) => {
                self.text.push_str(strict);
                None
            }
            None => {
                push_string(&mut self.text, raw);
                None
            }
        };
        self.text.push(',');
        push_type(&mut self.text, event.event_type());
        self.text.push(',');
        match event.id() {
            Some(id) => push_number(&mut self.text, id),
            None => self.text.push_str("null"),
        }
        self.text.push(',');
        match index {
            Some((start, length)) => {
                push_number(&mut self.text, start);
                self.text.push(',');
                push_number(&mut self.text, length);
            }
            None if plain.is_none() => self.text.push_str("-1,0"),
            None => {
                push_string(&mut self.text, raw);
                self.text.push_str(",0");
            }
        }
        self.text.push(',');
        match event_text {
            Text::Field(at, _) => push_number(&mut self.text, at),
            Text::Own(text) => push_string(&mut self.text, &text),
        }
        self.text.push(',');
        let later = event.received_ms().cast_signed() - self.first.cast_signed();
        push_number(&mut self.text, later);
        self.text.push(',');
    }

    /// The text's length in UTF-16 units.
    fn units(&mut self) -> usize {
        let new = &self.text[self.counted..];
        self.units += if new.is_ascii() {
            new.len()
        } else {
            new.encode_utf16().count()
        };
        self.counted = self.text.len();
        self.units
    }

    fn finish(mut self) -> String {
        push_number(&mut self.text, self.first);
        self.text.push(']');
        self.text
    }
}

fn push_type(text: &mut String, event_type: &EventType) {
    match event_type {
        EventType::Other(name) => push_string(text, name),
        // Plain words: there is nothing to escape.
        known => {
            text.push('"');
            text.push_str(known.name());
            text.push('"');
        }
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

    fn rows(text: &str) -> Vec<Vec<Value>> {
        let flat: Vec<Value> = serde_json::from_str(text).unwrap();
        flat.chunks_exact(7).map(<[Value]>::to_vec).collect()
    }

    #[test]
    fn the_place_finds_the_original_text_in_utf_16() {
        let raws = [
            r#"{"text": "grüße 🎈"}"#,
            " [1, 2]\n",
            r#"{"a" :1.50}"#,
            "\"é\"",
        ];
        let events: Vec<Event> = raws
            .iter()
            .map(|raw| event("thought", Some(1), raw))
            .collect();
        let texts = glue(&events);
        assert_eq!(texts.len(), 1);
        let units: Vec<u16> = texts[0].text.encode_utf16().collect();
        for (row, raw) in rows(&texts[0].text).iter().zip(raws) {
            let start = row[3].as_u64().unwrap() as usize;
            let length = row[4].as_u64().unwrap() as usize;
            assert_eq!(
                String::from_utf16(&units[start..start + length]).unwrap(),
                raw
            );
        }
    }

    #[test]
    fn data_cannot_forge_events() {
        for raw in [
            r#"{"text":"x"},"done",9,1,2,{"text":"y"}"#,
            "1,2",
            "]",
            "",
            "not json",
            "\"open",
            "{\"a\":1}}",
            "// {}",
        ] {
            let texts = glue(&[event("log", None, raw), event("done", Some(2), "{}")]);
            let rows = rows(&texts[0].text);
            assert_eq!(rows.len(), 2, "{raw}");
            assert_eq!(
                rows[0],
                [
                    json!(raw),
                    json!("log"),
                    Value::Null,
                    json!(-1),
                    json!(0),
                    json!(raw),
                    json!(0)
                ]
            );
            assert_eq!(rows[1][1], "done");
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
            let texts = glue(&[event("log", Some(1), raw)]);
            let row = &rows(&texts[0].text)[0];
            let wanted = [
                data,
                json!("log"),
                json!(1),
                json!(raw),
                json!(0),
                text,
                json!(0),
            ];
            assert_eq!(row[..], wanted, "{raw}");
        }
    }

    #[test]
    fn each_event_says_when_it_was_received() {
        let at = |ms: u64| event("log", None, "{}").received_at_ms(ms);
        let never = event("log", None, "{}");
        let texts = glue(&[at(1_700_000_000_000), at(1_700_000_000_007), never]);
        let flat: Vec<i64> = (0..3)
            .map(|row| rows(&texts[0].text)[row][6].as_i64().unwrap())
            .collect();
        assert_eq!(flat, [0, 7, -1_700_000_000_000]);
        assert!(texts[0].text.ends_with(",1700000000000]"));
    }

    #[test]
    fn a_type_is_quoted() {
        let texts = glue(&[event("a\"],[\"b", Some(1), "{}")]);
        assert_eq!(rows(&texts[0].text)[0][1], "a\"],[\"b");
    }

    #[test]
    fn large_events_are_spread_over_batches() {
        let big = format!("\"{}\"", "x".repeat(100_000));
        let events: Vec<Event> = (0..7).map(|id| event("log", Some(id), &big)).collect();
        let texts = glue(&events);
        let ids: Vec<i64> = texts
            .iter()
            .flat_map(|glued| rows(&glued.text))
            .map(|row| row[2].as_i64().unwrap())
            .collect();
        assert_eq!(ids, (0..7).collect::<Vec<i64>>());
        assert!(texts.len() > 1);
        let counts: Vec<usize> = texts.iter().map(|glued| glued.count).collect();
        assert_eq!(counts.iter().sum::<usize>(), events.len(), "{counts:?}");
        let are_small = |glued: &Glued| glued.text.len() < MAX_BYTES + 1024;
        assert!(texts.iter().all(are_small));
    }
}

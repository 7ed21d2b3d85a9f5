//! Many events as one JSON text, so that JavaScript parses once, and a row of numbers for each.
//!
//! The text is `[[data, ...], {"at": original}, {"at": type}, {"at": text}, first]`: the data of
//! all events side by side, since a parser is fast with objects that follow their like. A row has
//! [`ROW`] UTF-16 units, the lower ones of a number first:
//!
//! | units | what |
//! |---|---|
//! | 1 | the type's place among the known ones |
//! | 1 | the place of the field of the data that has the event's text, and flags |
//! | 2 | where the data ends in the text, in UTF-16 units; the next begins one unit later |
//! | 4 | the id, signed |
//! | 3 | how many milliseconds after the first event this was received, signed |
//!
//! The flags say what stands by the event's number in one of the objects of the text, or not at
//! all: [`NO_ID`]; [`NOT_AS_IT_CAME`]: the original characters cannot be cut out, since the data
//! is strict JSON of what only the core reads, or was no JSON and is a string, its own original;
//! [`OWN_TYPE`]: one that this version does not know; [`OWN_TEXT`]: one that is no field. Nothing
//! that a server sends can forge the structure. `first` is when the first event was received, in
//! milliseconds since 1970; 0 is never.

use std::borrow::Cow;

use napi::bindgen_prelude::ToNapiValue;
use napi::{check_status, sys};
use napi_derive::napi;
use sessionwire::agi::{Event, EventType};
use sessionwire::meaning::{TEXT_FIELDS, Text};

/// Most bytes of a batch that holds more than one event. A kept event keeps
/// its batch alive for the sake of its original text, so a batch is small. V8
/// asks the system for each string of more than some 128 KiB: half of the time
/// of larger batches went there.
const MAX_BYTES: usize = 96 * 1024;
/// What an event takes besides its data, about.
const OVERHEAD: usize = 40;

/// How many units an event's row has.
const ROW: usize = 11;
const NO_ID: u16 = 1 << 8;
const NOT_AS_IT_CAME: u16 = 1 << 9;
const OWN_TYPE: u16 = 1 << 10;
const OWN_TEXT: u16 = 1 << 11;

/// Glues events into as few texts as the size limit allows.
pub fn glue(events: &[Event]) -> Vec<Glued> {
    let mut glued = Vec::new();
    let size: usize = events
        .iter()
        .map(|event| event.raw().len() + OVERHEAD)
        .sum();
    let mut batch = Batch::with_capacity(size.min(MAX_BYTES + OVERHEAD), events.len());
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

/// Some events as one text, and their rows.
pub struct Glued {
    pub text: String,
    pub rows: Vec<u16>,
}

impl Glued {
    /// How many events they are.
    pub fn count(&self) -> usize {
        self.rows.len() / ROW
    }
}

/// A pair of strings. The rows are one too: of all that has numbers in it, it is made and read the
/// fastest.
impl ToNapiValue for Glued {
    unsafe fn to_napi_value(env: sys::napi_env, glued: Self) -> napi::Result<sys::napi_value> {
        // SAFETY: the caller's promise about `env` is passed on.
        let text = unsafe { string(env, glued.text) }?;
        let [mut rows, mut pair] = [std::ptr::null_mut(); 2];
        let length = glued.rows.len().cast_signed();
        // SAFETY: `env` is valid by the caller's promise; V8 copies `length` units of the rows
        // before the call returns.
        check_status!(unsafe {
            sys::napi_create_string_utf16(env, glued.rows.as_ptr(), length, &mut rows)
        })?;
        // SAFETY: `env` is valid by the caller's promise.
        check_status!(unsafe { sys::napi_create_array_with_length(env, 2, &mut pair) })?;
        for (at, value) in (0..).zip([text, rows]) {
            // SAFETY: `pair` is the array of two from above, and `value` a string of this `env`.
            check_status!(unsafe { sys::napi_set_element(env, pair, at, value) })?;
        }
        Ok(pair)
    }
}

/// The text as a string of JavaScript.
///
/// # Safety
/// `env` is valid, and this is its thread.
unsafe fn string(env: sys::napi_env, text: String) -> napi::Result<sys::napi_value> {
    if !text.is_ascii() {
        // SAFETY: the caller's promise about `env` is passed on.
        return unsafe { String::to_napi_value(env, text) };
    }
    let length = text.len().cast_signed();
    let mut value = std::ptr::null_mut();
    // Much cheaper than decoding UTF-8, and the same for ASCII.
    // SAFETY: `env` is valid by the caller's promise; V8 copies `length` bytes of `text` before
    // the call returns.
    check_status!(unsafe {
        sys::napi_create_string_latin1(env, text.as_ptr().cast(), length, &mut value)
    })?;
    Ok(value)
}

/// One event of a session by its parts, as a batch.
#[napi(catch_unwind, ts_return_type = "[text: string, rows: string]")]
pub fn one_event(event_type: String, id: Option<i64>, raw: String) -> Glued {
    batch_of(&Event::new(EventType::from_name(&event_type), id, raw))
}

/// One event of a turn by its frame, as a batch.
#[napi(catch_unwind, ts_return_type = "[text: string, rows: string]")]
pub fn one_turn_event(frame: String) -> Glued {
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

fn batch_of(event: &Event) -> Glued {
    let mut batch = Batch::default();
    batch.push(event);
    batch.finish()
}

#[derive(Default)]
struct Batch {
    /// The text up to the end of the data.
    data: String,
    rows: Vec<u16>,
    /// What is in no row, by the events' numbers.
    originals: String,
    types: String,
    texts: String,
    count: usize,
    /// The data's length in UTF-16 units, up to `counted`.
    units: usize,
    counted: usize,
    /// When the first event was received.
    first: u64,
}

impl Batch {
    fn with_capacity(bytes: usize, events: usize) -> Self {
        Self {
            data: String::with_capacity(bytes),
            rows: Vec::with_capacity(events * ROW),
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
        }
        let mut flags = 0;
        let (plain, event_text) = event.plain_and_text();
        match plain {
            Some(Cow::Borrowed(same)) => self.data.push_str(same),
            Some(Cow::Owned(ref strict)) => {
                self.data.push_str(strict);
                note(&mut self.originals, self.count, raw);
                flags |= NOT_AS_IT_CAME;
            }
            None => {
                push_string(&mut self.data, raw);
                flags |= NOT_AS_IT_CAME;
            }
        }
        let place = place_of(event.event_type()).unwrap_or_else(|| {
            note(&mut self.types, self.count, event.event_type().name());
            flags |= OWN_TYPE;
            0
        });
        let field = match event_text {
            Text::Field(at, _) => u16::try_from(at).unwrap_or_default(),
            Text::Own(text) => {
                note(&mut self.texts, self.count, &text);
                flags |= OWN_TEXT;
                0
            }
        };
        if event.id().is_none() {
            flags |= NO_ID;
        }
        let end = u64::try_from(self.units()).unwrap_or_default();
        let id = event.id().unwrap_or_default().cast_unsigned();
        let later = event.received_ms().wrapping_sub(self.first);
        let [a, b, ..] = units_of(end);
        let [c, d, e, f] = units_of(id);
        let [g, h, i, _] = units_of(later);
        let row: [u16; ROW] = [place, field | flags, a, b, c, d, e, f, g, h, i];
        self.rows.extend_from_slice(&row);
        self.count += 1;
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

    /// How many bytes the text has, nearly.
    fn size(&self) -> usize {
        self.data.len() + self.originals.len() + self.types.len() + self.texts.len()
    }

    fn finish(self) -> Glued {
        let mut text = self.data;
        text.push(']');
        for noted in [self.originals, self.types, self.texts] {
            text.push_str(",{");
            text.push_str(&noted);
            text.push('}');
        }
        text.push(',');
        push_number(&mut text, self.first);
        text.push(']');
        Glued {
            text,
            rows: self.rows,
        }
    }
}

/// A number as UTF-16 units, the lowest first.
fn units_of(number: u64) -> [u16; 4] {
    let [a, b, c, d, e, f, g, h] = number.to_le_bytes();
    [[a, b], [c, d], [e, f], [g, h]].map(u16::from_le_bytes)
}

/// The place of a type among the known ones.
fn place_of(event_type: &EventType) -> Option<u16> {
    let mut known = EventType::KNOWN.iter();
    let place = known.position(|(known, ..)| known == event_type)?;
    u16::try_from(place).ok()
}

/// Adds what stands by the number of an event.
fn note(noted: &mut String, at: usize, text: &str) {
    if !noted.is_empty() {
        noted.push(',');
    }
    noted.push('"');
    push_number(noted, at);
    noted.push_str("\":");
    push_string(noted, text);
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
        rows: Vec<Row>,
        originals: Value,
        first: u64,
    }

    /// What is said of an event.
    struct Row {
        event_type: String,
        text: Value,
        id: Option<i64>,
        end: usize,
        as_it_came: bool,
        later: i64,
    }

    fn parts(glued: &Glued) -> Parts {
        type Noted = std::collections::HashMap<usize, String>;
        let (data, originals, types, texts, first): (Vec<Value>, Value, Noted, Noted, u64) =
            serde_json::from_str(&glued.text).unwrap();
        let number = |units: &[u16]| {
            let units = units.iter().rev();
            units.fold(0, |number, unit| (number << 16) | u64::from(*unit))
        };
        let row = |(at, row): (usize, &[u16])| Row {
            event_type: match row[1] & OWN_TYPE {
                0 => known_event_types()[usize::from(row[0])].to_owned(),
                _ => types[&at].clone(),
            },
            text: match row[1] & OWN_TEXT {
                0 => json!(row[1] & 0xff),
                _ => json!(texts[&at]),
            },
            id: (row[1] & NO_ID == 0).then(|| number(&row[4..8]).cast_signed()),
            end: usize::try_from(number(&row[2..4])).unwrap(),
            as_it_came: row[1] & NOT_AS_IT_CAME == 0,
            later: (number(&row[8..]) << 16).cast_signed() >> 16,
        };
        let rows: Vec<Row> = glued.rows.chunks(ROW).enumerate().map(row).collect();
        assert_eq!((data.len(), data.len()), (rows.len(), glued.count()));
        Parts {
            data,
            rows,
            originals,
            first,
        }
    }

    /// The one text of these events.
    fn only(events: &[Event]) -> Glued {
        let mut texts = glue(events);
        assert_eq!(texts.len(), 1);
        texts.remove(0)
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
        let glued = only(&events);
        let units: Vec<u16> = glued.text.encode_utf16().collect();
        let mut start = 2;
        for (row, raw) in parts(&glued).rows.iter().zip(raws) {
            let cut = start..row.end;
            start = cut.end + 1;
            if row.as_it_came {
                assert_eq!(String::from_utf16(&units[cut]).unwrap(), raw);
            } else {
                assert_eq!(raw, "no json: é");
            }
        }
    }

    #[test]
    fn data_cannot_forge_events() {
        for raw in [
            r#"{"text":"x"}],{},{},{},0]"#,
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
            assert_eq!(rows[0].event_type, "log");
            assert_eq!(rows[0].id, None);
            assert!(!rows[0].as_it_came);
            assert_eq!(rows[0].text, raw);
            assert_eq!(originals, json!({}));
            assert_eq!(rows[1].event_type, "done");
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
            assert!(!parts.rows[1].as_it_came);
            assert_eq!(parts.rows[1].text, text, "{raw}");
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
        let later: Vec<i64> = parts.rows.iter().map(|row| row.later).collect();
        assert_eq!(later, [0, 7, -1_700_000_000_000]);
        assert_eq!(parts.first, 1_700_000_000_000);
    }

    #[test]
    fn a_type_is_a_place_or_a_name_that_is_quoted() {
        let parts = parts(&only(&[
            event("a\"],[\"b", Some(1), "{}"),
            event("thought", Some(2), "{}"),
        ]));
        assert_eq!(parts.rows[0].event_type, "a\"],[\"b");
        assert_eq!(parts.rows[1].event_type, "thought");
    }

    #[test]
    fn an_id_is_any_number_or_none() {
        let ids = [None, Some(0), Some(-1), Some(i64::MIN), Some(i64::MAX)];
        let events = ids.map(|id| event("heartbeat", id, "{}"));
        let rows = parts(&only(&events)).rows;
        assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), ids);
    }

    #[test]
    fn large_events_are_spread_over_batches() {
        let big = format!("{{\"text\":\"{}\"}}", "x".repeat(30_000));
        let events: Vec<Event> = (0..7).map(|id| event("log", Some(id), &big)).collect();
        let texts = glue(&events);
        let ids: Vec<i64> = texts
            .iter()
            .flat_map(|glued| parts(glued).rows)
            .map(|row| row.id.unwrap())
            .collect();
        assert_eq!(ids, (0..7).collect::<Vec<i64>>());
        assert!(texts.len() > 1);
        let counts: Vec<usize> = texts.iter().map(Glued::count).collect();
        assert_eq!(counts.iter().sum::<usize>(), events.len(), "{counts:?}");
        let are_small = |glued: &Glued| glued.text.len() < MAX_BYTES + 1024;
        assert!(texts.iter().all(are_small));
    }
}

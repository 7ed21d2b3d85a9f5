//! The frames of a turn's socket, and the places in its stream.

use serde_json::Value;

use super::dialect::Dialect;
use crate::event::Event;
use crate::meaning;

/// What a text of the service's is.
#[derive(Debug)]
pub(super) enum Incoming {
    /// The first one: the connection stands.
    Ack {
        /// The place it goes on from; empty for the beginning.
        resume_from: String,
    },
    /// An event.
    Event(Event),
}

impl Incoming {
    pub(super) fn read(text: &str, dialect: &Dialect) -> Self {
        let event = Event::from_frame(text);
        // Its kind, or where it has none its type: most frames need no second parser.
        if event.event_type().name() == "ack"
            && let Some(Value::Object(frame)) = meaning::value(text)
            && frame.get("type").and_then(Value::as_str) == Some("ack")
            && frame.get("kind").is_none_or(Value::is_null)
        {
            let from = frame.get("resume_from").and_then(Value::as_str);
            return Self::Ack {
                resume_from: from.unwrap_or_default().to_owned(),
            };
        }
        Self::Event(dialect.documented(event).received_now())
    }
}

/// A `stream_entry_id`: `<milliseconds>-<number>`. Its order is that of the two
/// numbers, not of the text (docs/spec/raccoon.md, section 5.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EntryId(u64, u64);

impl EntryId {
    /// The place before every event.
    pub(super) const BEGINNING: &'static str = "0-0";

    pub(super) fn parse(text: &str) -> Option<Self> {
        let dash = text.bytes().position(|byte| byte == b'-')?;
        let (milliseconds, number) = (&text[..dash], &text[dash + 1..]);
        Some(Self(milliseconds.parse().ok()?, number.parse().ok()?))
    }
}

/// Whether this entry comes after that one. What is not of the usual form is
/// taken to be newer than what came before it.
pub(super) fn is_later(entry: &str, than: &str) -> bool {
    match (EntryId::parse(entry), EntryId::parse(than)) {
        (Some(entry), Some(than)) => entry > than,
        _ => entry != than,
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire_names::WireNames;
    use super::*;

    #[test]
    fn entries_are_compared_as_numbers() {
        for (entry, than, later) in [
            ("2-0", "1-9", true),
            ("10-0", "9-0", true),
            ("1-10", "1-9", true),
            ("1-9", "1-9", false),
            ("1-9", "1-10", false),
            ("9-0", "10-0", false),
            ("1772615727418-0", "0-0", true),
            ("odd", "1-1", true),
            ("odd", "odd", false),
        ] {
            assert_eq!(is_later(entry, than), later, "{entry} after {than}");
        }
        for bad in [
            "",
            "-",
            "1",
            "1-",
            "-1",
            "a-1",
            "1-1-1",
            "18446744073709551616-0",
        ] {
            assert_eq!(EntryId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_first_frame_is_no_event() {
        let dialect = Dialect::new(&WireNames::new());
        let resume_from = |text: &str| match Incoming::read(text, &dialect) {
            Incoming::Ack { resume_from } => Some(resume_from),
            Incoming::Event(_) => None,
        };
        for (text, from) in [
            (r#"{"type":"ack","resume_from":""}"#, Some("")),
            (
                r#"{"type":"ack","resume_from":"1-0","more":1}"#,
                Some("1-0"),
            ),
            (r#"{"type":"ack","resume_from":null}"#, Some("")),
            (r#"{"type":"ack"}"#, Some("")),
            (r#"{"type":"ack","kind":"text","payload":{}}"#, None),
            (r#"{"kind":"text","payload":{"text":"\"ack\""}}"#, None),
            ("\"ack\"", None),
        ] {
            assert_eq!(resume_from(text).as_deref(), from, "{text}");
        }
    }
}

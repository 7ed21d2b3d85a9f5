//! Other ways in which the service may say the same: its documentation is thin, and whoever knows the real service sets the
//! emulator to it.

use crate::clock::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// How the emulator speaks. The defaults are what is documented, or assumed first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dialect {
    /// What the frames of a text are.
    pub text: TextFrames,
    /// Names are written in camelCase, also in the frames.
    pub camel_case: bool,
    /// Where a frame has what it says.
    pub payload: PayloadPlace,
    /// The field of a text in there. Default: `text`.
    pub text_field: Option<String>,
    /// Kinds by what they are called here, such as `{"task.completed": "task_completed"}`.
    pub kinds: Map<String, Value>,
    /// The numbers of a turn's events.
    pub event_ids: EventIds,
    /// Responses stand in a field `data`.
    pub wrapped: bool,
    /// The field that names the agent message of a new turn; empty: none does. Default: `agent_message_id`.
    pub agent_message_id: Option<String>,
    /// How a page of the list says where it stands.
    pub page_marks: PageMarks,
    /// The one name of the prompt that is taken: a request with another is refused with 422.
    pub prompt: Option<String>,
    /// The history leaves the text of the agent's message out.
    pub without_content: bool,
    /// The frames of a socket have no `stream_entry_id`, as with the option `entry_ids` off; those of a history have one.
    pub without_entry_ids: bool,
    /// What is sent as a text in a field `envelope`: no name tells a client how to read it.
    pub envelope: Envelope,
}

/// What the frames of a block of text are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextFrames {
    /// Each adds to the block.
    #[default]
    Delta,
    /// Each is all of the block so far.
    Cumulative,
}

/// What stands as JSON in a text: `{"envelope": "{...}"}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Envelope {
    /// Nothing.
    #[default]
    None,
    /// The frames of a socket, and the events of a history.
    Frames,
    /// The responses.
    Responses,
    /// Both.
    All,
}

/// Where a frame has what it says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayloadPlace {
    /// In `payload`.
    #[default]
    Payload,
    /// In `data`.
    Data,
    /// Beside the ids.
    Flat,
    /// A text in `content`; all else in `payload`.
    Content,
}

/// The numbers of a turn's events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventIds {
    /// They rise by one.
    #[default]
    Rising,
    /// They begin anew after every third.
    Restarting,
    /// They rise by one, and begin anew with each socket; the history has its own.
    PerSocket,
    /// Each is 1.
    Still,
    /// They are texts.
    Text,
}

/// How a page of the list says where it stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageMarks {
    /// `meta` with `total_count`, `total_pages`, `current_page`.
    #[default]
    Meta,
    /// The same as texts.
    Text,
    /// `pagination` with `page` and `pages`.
    Pagination,
    /// `has_more`.
    HasMore,
    /// Not at all.
    None,
}

/// An event to be written.
pub(super) struct Said<'a> {
    pub(super) number: u64,
    pub(super) at: Timestamp,
    pub(super) kind: &'a str,
    pub(super) block: Option<&'a str>,
    pub(super) message_id: &'a str,
    pub(super) payload: &'a Value,
    pub(super) more: &'a Map<String, Value>,
}

impl Dialect {
    /// The switches that are not at their defaults.
    pub(crate) fn switches(&self) -> Map<String, Value> {
        let usual = Self::default().all();
        let mut switches = self.all();
        switches.retain(|name, value| usual.get(name) != Some(value));
        switches
    }

    /// What its switches are called.
    pub(crate) fn names() -> Vec<String> {
        Self::default()
            .all()
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    }

    fn all(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(switches)) => switches,
            _ => Map::new(),
        }
    }

    /// The frame of an event, and where in it the place in the stream begins.
    pub(super) fn frame(&self, said: &Said<'_>, id: &str) -> (String, usize) {
        let number = match self.event_ids {
            EventIds::Rising | EventIds::PerSocket => json!(said.number),
            EventIds::Restarting => json!((said.number - 1) % 3 + 1),
            EventIds::Still => json!(1),
            EventIds::Text => json!(said.number.to_string()),
        };
        let kind = self
            .kinds
            .get(said.kind)
            .and_then(Value::as_str)
            .unwrap_or(said.kind);
        let mut frame = format!(
            "{{{}:{number},\"timestamp\":{},\"kind\":{}",
            self.name("event_id"),
            said.at.as_millis(),
            Value::from(kind),
        );
        if let Some(block) = said.block {
            frame.push_str(&format!(
                ",{}:{}",
                self.name("block_id"),
                Value::from(block)
            ));
        }
        frame.push_str(&format!(
            ",{}:\"{}\"",
            self.name("message_id"),
            said.message_id
        ));
        frame.push_str(&self.payload(said.payload));
        for (name, value) in said.more {
            frame.push_str(&format!(",{}:{value}", Value::from(name.as_str())));
        }
        let cut = frame.len();
        frame.push_str(&format!(",{}:\"{id}\"}}", self.name("stream_entry_id")));
        (frame, cut)
    }

    /// The frame of an event as the `count`th of a socket.
    pub(super) fn renumbered(&self, frame: &str, count: u64) -> Option<String> {
        if self.event_ids != EventIds::PerSocket {
            return None;
        }
        let (id, rest) = frame.split_once(',')?;
        let (name, _) = id.split_once(':')?;
        Some(format!("{name}:{count},{rest}"))
    }

    /// A frame as it is sent.
    pub(super) fn sealed_frame<'a>(&self, frame: &'a str) -> Cow<'a, str> {
        match self.envelope {
            Envelope::Frames | Envelope::All => sealed(frame).into(),
            Envelope::None | Envelope::Responses => frame.into(),
        }
    }

    /// The body of a response as it is sent.
    pub(super) fn sealed_response(&self, body: Vec<u8>) -> Vec<u8> {
        match self.envelope {
            Envelope::Responses | Envelope::All => {
                sealed(&String::from_utf8_lossy(&body)).into_bytes()
            }
            Envelope::None | Envelope::Frames => body,
        }
    }

    fn payload(&self, payload: &Value) -> String {
        let mut payload = payload.clone();
        if let Some(name) = &self.text_field
            && let Some(fields) = payload.as_object_mut()
            && let Some(text) = fields.remove("text")
        {
            fields.insert(name.clone(), text);
        }
        match (self.payload, &payload) {
            (PayloadPlace::Data, _) => format!(",\"data\":{payload}"),
            (PayloadPlace::Flat, Value::Object(fields)) => fields
                .iter()
                .map(|(name, value)| format!(",{}:{value}", Value::from(name.as_str())))
                .collect(),
            (PayloadPlace::Content, Value::Object(fields)) => {
                match fields.get(self.text_field.as_deref().unwrap_or("text")) {
                    Some(text) => format!(",\"content\":{text}"),
                    None => format!(",\"payload\":{payload}"),
                }
            }
            _ => format!(",\"payload\":{payload}"),
        }
    }

    /// A name as JSON.
    fn name(&self, name: &str) -> String {
        let name = if self.camel_case {
            camel(name)
        } else {
            name.to_owned()
        };
        Value::from(name).to_string()
    }

    /// The response to the start of a turn.
    pub(super) fn started(&self, mut fields: Value) -> Value {
        if let Some(name) = &self.agent_message_id
            && let Some(fields) = fields.as_object_mut()
            && let Some(id) = fields.remove("agent_message_id")
            && !name.is_empty()
        {
            fields.insert(name.clone(), id);
        }
        self.response(fields)
    }

    /// A response, its own names in the emulator's spelling.
    pub(super) fn response(&self, fields: Value) -> Value {
        let fields = match fields {
            Value::Object(fields) if self.camel_case => Value::Object(
                fields
                    .into_iter()
                    .map(|(name, value)| (camel(&name), value))
                    .collect(),
            ),
            fields => fields,
        };
        if self.wrapped {
            json!({ "data": fields })
        } else {
            fields
        }
    }

    /// The response to a list.
    pub(super) fn page(&self, sessions: Vec<Value>, count: u64, pages: u64, page: u64) -> Value {
        let marks = json!({ "total_count": count, "total_pages": pages, "current_page": page });
        self.response(match self.page_marks {
            PageMarks::Meta if self.camel_case => {
                json!({ "sessions": sessions, "meta": { "totalCount": count, "totalPages": pages, "currentPage": page } })
            }
            PageMarks::Meta => json!({ "sessions": sessions, "meta": marks }),
            PageMarks::Text => {
                let texts: Map<String, Value> = marks
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, number)| (name.clone(), number.to_string().into()))
                    .collect();
                json!({ "sessions": sessions, "meta": texts })
            }
            PageMarks::Pagination => {
                json!({ "sessions": sessions, "pagination": { "page": page, "pages": pages } })
            }
            PageMarks::HasMore => json!({ "sessions": sessions, "has_more": page < pages }),
            PageMarks::None => json!({ "sessions": sessions }),
        })
    }
}

fn sealed(text: &str) -> String {
    json!({ "envelope": text }).to_string()
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut joined, word| {
        let mut letters = word.chars();
        joined.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        joined.push_str(letters.as_str());
        joined
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(dialect: Value, kind: &str, payload: Value) -> Value {
        let dialect: Dialect = serde_json::from_value(dialect).unwrap();
        let said = Said {
            number: 5,
            at: Timestamp::now(),
            kind,
            block: Some("text:a"),
            message_id: "m",
            payload: &payload,
            more: &Map::new(),
        };
        let (frame, cut) = dialect.frame(&said, "1-0");
        assert!(frame[cut..].contains("1-0") && !frame[..cut].contains("1-0"));
        let mut frame: Value = serde_json::from_str(&frame).unwrap();
        assert!(frame.as_object_mut().unwrap().remove("timestamp").is_some());
        frame
    }

    #[test]
    fn each_switch_changes_what_it_says() {
        let says = |text: &str| json!({ "text": text });
        for (dialect, wanted) in [
            (
                json!({}),
                json!({"event_id": 5, "kind": "text", "block_id": "text:a", "message_id": "m", "payload": {"text": "x"}, "stream_entry_id": "1-0"}),
            ),
            (
                json!({"camel_case": true, "event_ids": "text"}),
                json!({"eventId": "5", "kind": "text", "blockId": "text:a", "messageId": "m", "payload": {"text": "x"}, "streamEntryId": "1-0"}),
            ),
            (
                json!({"payload": "flat", "event_ids": "restarting"}),
                json!({"event_id": 2, "kind": "text", "block_id": "text:a", "message_id": "m", "text": "x", "stream_entry_id": "1-0"}),
            ),
            (
                json!({"payload": "content", "event_ids": "still"}),
                json!({"event_id": 1, "kind": "text", "block_id": "text:a", "message_id": "m", "content": "x", "stream_entry_id": "1-0"}),
            ),
            (
                json!({"payload": "data", "text_field": "delta", "kinds": {"text": "TEXT"}}),
                json!({"event_id": 5, "kind": "TEXT", "block_id": "text:a", "message_id": "m", "data": {"delta": "x"}, "stream_entry_id": "1-0"}),
            ),
        ] {
            assert_eq!(frame(dialect, "text", says("x")), wanted);
        }
    }

    #[test]
    fn a_socket_may_count_for_itself() {
        let dialect =
            |ids: &str| -> Dialect { serde_json::from_value(json!({ "event_ids": ids })).unwrap() };
        let frame = r#"{"event_id":7,"kind":"text"}"#;
        assert_eq!(
            dialect("per_socket").renumbered(frame, 2).as_deref(),
            Some(r#"{"event_id":2,"kind":"text"}"#)
        );
        assert_eq!(dialect("rising").renumbered(frame, 2), None);
    }

    #[test]
    fn an_envelope_holds_what_it_shall() {
        for (envelope, frame, response) in [
            ("none", "{}", "{}"),
            ("frames", r#"{"envelope":"{}"}"#, "{}"),
            ("responses", "{}", r#"{"envelope":"{}"}"#),
            ("all", r#"{"envelope":"{}"}"#, r#"{"envelope":"{}"}"#),
        ] {
            let dialect: Dialect = serde_json::from_value(json!({ "envelope": envelope })).unwrap();
            assert_eq!(dialect.sealed_frame("{}"), frame, "{envelope}");
            assert_eq!(
                dialect.sealed_response(b"{}".into()),
                response.as_bytes(),
                "{envelope}"
            );
        }
    }

    #[test]
    fn a_switch_that_is_not_known_is_refused() {
        for odd in [
            json!({"texts": "delta"}),
            json!({"text": "deltas"}),
            json!({"kinds": []}),
            json!({"envelope": true}),
        ] {
            assert!(
                serde_json::from_value::<Dialect>(odd.clone()).is_err(),
                "{odd}"
            );
        }
    }
}

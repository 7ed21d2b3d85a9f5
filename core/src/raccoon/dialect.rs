//! What the service may say in other words than documented, brought to the
//! documented form (docs/spec/raccoon.md, section 5.7). Pure.
//!
//! Nothing is lost on the way: a field that nobody knows stays where it is.

use serde_json::{Map, Value};

use super::wire_names::WireNames;
use crate::event::{Event, EventType};
use crate::meaning;

/// Objects that a frame or a response may be wrapped in.
pub(super) const WRAPPERS: [&str; 6] = ["data", "result", "response", "event", "turn", "payload"];

/// Most characters of a kind that an error shows.
const LONGEST_KIND: usize = 80;

/// The names by which frames are read.
#[derive(Debug)]
pub(super) struct Dialect {
    wire: WireNames,
    /// They are the documented ones.
    usual: bool,
}

impl Dialect {
    pub(super) fn new(wire: &WireNames) -> Self {
        Self {
            usual: wire.reads_as_documented(),
            wire: wire.clone(),
        }
    }

    /// Whether this is a frame of a kind that is known, whatever its form.
    pub(super) fn knows(&self, text: &str) -> bool {
        is_of_turns(self.event(text).event_type())
    }

    /// The event of a frame, whatever its form.
    pub(super) fn event(&self, text: &str) -> Event {
        self.documented(Event::from_frame(text))
    }

    /// The same of an event whose frame was read as documented.
    pub(super) fn documented(&self, event: Event) -> Event {
        if self.usual && is_documented(&event) {
            return event;
        }
        match documented(event.raw(), &event, &self.wire) {
            Some(frame) => Event::from_frame(Value::Object(frame).to_string()),
            None => event,
        }
    }
}

/// Whether an event may end its turn without saying so in words that are known:
/// the history has to say.
pub(super) fn may_be_the_end(event: &Event) -> bool {
    if is_of_turns(event.event_type()) {
        return false;
    }
    let words = words(event.event_type().name());
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [one] => end_of(one).is_some(),
        [first, last] if is_the_turn(first) || is_a_part(first) => !is_on_the_way(last),
        _ => false,
    }
}

/// Which setting tells what an event is, where nobody knows: a sentence without its stop.
pub(super) fn cure_of(event: &Event) -> Option<String> {
    let kind = event.event_type();
    if is_of_turns(kind) {
        return None;
    }
    // The name of what names no kind.
    if kind.name() == "message" {
        return Some(
            "Its newest frame names no kind that can be read: tell `wire` where it stands (`frame_kind`), or bring the \
             frames into the documented form with `decode_frame`"
                .to_owned(),
        );
    }
    let kind: String = kind.name().chars().take(LONGEST_KIND).collect();
    Some(format!(
        "Its newest event is of the kind {kind:?}, which is not known: where a turn ends with it, tell `wire` so \
         (`completed_kinds`, `failed_kinds`, `aborted_kinds`)"
    ))
}

/// What kind of end this is, for an event that stands last in the history.
pub(super) fn end_it_may_be(event: &Event) -> Option<EventType> {
    if is_of_turns(event.event_type()) {
        return None;
    }
    end_of(words(event.event_type().name()).last()?)
}

/// The same for the word in a message's `status`.
pub(super) fn end_of_status(status: &str) -> Option<EventType> {
    end_of(words(status).last()?)
}

/// Nothing about it needs to be read by another name.
fn is_documented(event: &Event) -> bool {
    let payload = event.raw_data();
    let field = match event.event_type() {
        other if !is_of_turns(other) => return false,
        EventType::Text => "\"text\"",
        EventType::Thought => "\"thought\"",
        _ => "",
    };
    event.id().is_some()
        && event.has_payload()
        && payload.starts_with('{')
        && payload.contains(field)
}

/// The frame in its documented form; `None` where that is the form it has, and
/// where nobody knows what it is.
fn documented(text: &str, event: &Event, wire: &WireNames) -> Option<Map<String, Value>> {
    let Some(Value::Object(original)) = meaning::value(text) else {
        return None;
    };
    let mut fields = original.clone();
    let kind_in = |fields: &Map<String, Value>| {
        let kinds = wire
            .frame_kind
            .iter()
            .filter_map(|name| at_path(fields, name));
        let mut kinds = kinds.filter_map(Value::as_str);
        kinds.next().map(|kind| kind_of(kind, wire))
    };
    if !kind_in(&fields).is_some_and(|kind| is_of_turns(&kind)) {
        fields = unwrapped(fields, |inner| kind_in(inner).is_some());
    }
    let event_type = kind_in(&fields)?;
    let id = take(&mut fields, &wire.frame_event_id, meaning::whole_number);
    if !is_of_turns(&event_type) && event.id() == id {
        return None;
    }
    take(&mut fields, &wire.frame_kind, |kind| {
        kind.as_str().map(drop)
    });
    let mut frame = Map::new();
    frame.extend(id.map(|id| ("event_id".to_owned(), id.into())));
    let timestamp = take(&mut fields, &wire.frame_timestamp, |at| {
        meaning::milliseconds(at).map(|_| at.clone())
    });
    frame.extend(timestamp.map(|at| ("timestamp".to_owned(), at)));
    frame.insert("kind".to_owned(), event_type.name().into());
    for (name, names) in [
        ("block_id", &wire.frame_block_id),
        ("message_id", &wire.frame_message_id),
        ("stream_entry_id", &wire.frame_entry_id),
    ] {
        // Only a message is known by a number elsewhere, too.
        let id = take(&mut fields, names, |id| match name {
            "message_id" => id_of(id),
            _ => id.as_str().map(str::to_owned),
        });
        frame.extend(id.map(|id| (name.to_owned(), id.into())));
    }
    let payload = payload_of(&event_type, &mut fields, wire);
    frame.extend(payload.map(|payload| ("payload".to_owned(), payload.into())));
    for (name, value) in fields {
        frame.entry(name).or_insert(value);
    }
    (frame != original).then_some(frame)
}

/// What a frame says, wherever it says it: in an object or a text of its own, or
/// beside the frame's ids.
fn payload_of(
    event_type: &EventType,
    fields: &mut Map<String, Value>,
    wire: &WireNames,
) -> Option<Map<String, Value>> {
    let field = main_field(event_type);
    let payload = take(fields, &wire.frame_payload, |payload| {
        let is_text = payload.is_string() && has_text(event_type);
        (payload.is_object() || is_text).then(|| payload.clone())
    });
    let mut payload = match payload {
        Some(Value::Object(payload)) => payload,
        Some(text) => Map::from_iter([(field.to_owned(), text)]),
        None if fields.is_empty() || fields.contains_key("payload") => return None,
        None => std::mem::take(fields),
    };
    let names = match event_type {
        EventType::Text => &wire.text_fields,
        EventType::Thought => &wire.thought_fields,
        EventType::TaskCompleted => &wire.result_fields,
        _ => return Some(payload),
    };
    if !payload.get(field).is_some_and(Value::is_string)
        && let Some(text) = take(&mut payload, names, text_in)
    {
        payload.insert(field.to_owned(), text.into());
    }
    Some(payload)
}

/// Whether the payload of such an event is a text above all.
fn has_text(event_type: &EventType) -> bool {
    matches!(
        event_type,
        EventType::Text
            | EventType::Thought
            | EventType::TaskCompleted
            | EventType::MessageReceived
    )
}

/// The field of a payload that its text is in.
fn main_field(event_type: &EventType) -> &'static str {
    match event_type {
        EventType::Thought => "thought",
        EventType::TaskError => "message",
        EventType::TaskAborted => "reason",
        _ => "text",
    }
}

/// What a kind is, by its words: `task_completed`, `TASK.COMPLETED` and
/// `taskCompleted` are `task.completed`.
pub(super) fn kind_of(kind: &str, wire: &WireNames) -> EventType {
    let same = |given: &[String]| given.iter().any(|name| is_same(name, kind));
    for (given, event_type) in [
        (&wire.completed_kinds, EventType::TaskCompleted),
        (&wire.aborted_kinds, EventType::TaskAborted),
        (&wire.failed_kinds, EventType::TaskError),
        (&wire.text_kinds, EventType::Text),
        (&wire.thought_kinds, EventType::Thought),
    ] {
        if same(given) {
            return event_type;
        }
    }
    let words = words(kind);
    let joined = words.join(".");
    let known = EventType::from_name(&joined);
    if is_of_turns(&known) {
        return known;
    }
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [first, last] if is_the_turn(first) => end_of(last),
        ["text", "delta" | "chunk" | "part" | "update"] => Some(EventType::Text),
        [
            "thought" | "thinking" | "reasoning",
            "delta" | "chunk" | "part" | "update",
        ]
        | ["thinking" | "reasoning"] => Some(EventType::Thought),
        ["tool", "started" | "begin" | "call"] => Some(EventType::ToolStart),
        ["tool", "end" | "ended" | "completed" | "finished"] => Some(EventType::ToolResult),
        ["plan", "updated"] | ["plan"] => Some(EventType::PlanUpdate),
        _ => None,
    }
    .unwrap_or_else(|| EventType::from_name(kind))
}

/// Whether it is documented for turns.
pub(super) fn is_of_turns(event_type: &EventType) -> bool {
    EventType::KNOWN
        .iter()
        .any(|(known, _, sources)| known == event_type && sources.contains(&"turn"))
}

fn is_the_turn(word: &str) -> bool {
    matches!(word, "task" | "turn")
}

/// Words for the turn, or for a part of it.
fn is_a_part(word: &str) -> bool {
    matches!(word, "run" | "workflow" | "agent" | "session")
}

/// How something ended that is said to be this.
fn end_of(word: &str) -> Option<EventType> {
    Some(match word {
        "completed" | "complete" | "done" | "finished" | "succeeded" | "success" => {
            EventType::TaskCompleted
        }
        "failed" | "failure" | "fail" | "error" | "errored" => EventType::TaskError,
        "aborted" | "abort" | "cancelled" | "canceled" | "cancel" | "stopped" | "interrupted" => {
            EventType::TaskAborted
        }
        _ => return None,
    })
}

/// Words for a turn that goes on.
fn is_on_the_way(word: &str) -> bool {
    matches!(
        word,
        "started"
            | "start"
            | "phase"
            | "progress"
            | "update"
            | "updated"
            | "queued"
            | "running"
            | "created"
            | "accepted"
    )
}

/// The words of a name, in lower case, however they are joined.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for letter in name.chars() {
        let begins = letter.is_uppercase() && after_lower;
        if !letter.is_alphanumeric() || begins {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        after_lower = letter.is_lowercase() || letter.is_numeric();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether two names are the same but for how their words are joined.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    one == other || {
        let letters = |name: &str| -> String { words(name).concat() };
        letters(one) == letters(other)
    }
}

/// The first of these fields that is there and not null. A name may be a path,
/// such as `data.agent_message_id`; how its words are joined does not matter.
pub(super) fn find<'a>(fields: &'a Map<String, Value>, names: &[String]) -> Option<&'a Value> {
    let found = names.iter().filter_map(|name| at_path(fields, name));
    found.into_iter().find(|value| !value.is_null())
}

pub(super) fn at_path<'a>(fields: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(value) = field(fields, path) {
        return Some(value);
    }
    let (first, rest) = path.split_once('.')?;
    at_path(field(fields, first)?.as_object()?, rest)
}

pub(super) fn field<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let exact = fields.get(name);
    exact.or_else(|| Some(fields.iter().find(|(other, _)| is_same(other, name))?.1))
}

/// Takes the first of these fields that `read` understands.
fn take<T>(
    fields: &mut Map<String, Value>,
    names: &[String],
    read: impl Fn(&Value) -> Option<T>,
) -> Option<T> {
    for path in names {
        let Some(found) = at_path(fields, path).and_then(&read) else {
            continue;
        };
        // What a path leads to stays: other fields of its object are read too.
        let own = fields.keys().find(|name| is_same(name, path)).cloned();
        if let Some(own) = own {
            fields.shift_remove(&own);
        }
        return Some(found);
    }
    None
}

/// The object within, where that is what is looked for; what stands beside it
/// stays.
pub(super) fn unwrapped(
    mut fields: Map<String, Value>,
    is_it: impl Fn(&Map<String, Value>) -> bool,
) -> Map<String, Value> {
    let wrapper = WRAPPERS.iter().find(|name| {
        fields
            .get(**name)
            .and_then(Value::as_object)
            .is_some_and(&is_it)
    });
    let Some(Value::Object(mut inner)) = wrapper.and_then(|name| fields.shift_remove(*name)) else {
        return fields;
    };
    for (name, value) in fields {
        inner.entry(name).or_insert(value);
    }
    inner
}

/// An id: a text, or a whole number as text.
pub(super) fn id_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    }
}

/// A text, or that of an object that holds it.
pub(super) fn text_in(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Object(object) => {
            let text = object.get("text").or_else(|| object.get("content"));
            text?.as_str().map(str::to_owned)
        }
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(frame: &Value, wire: &WireNames) -> Event {
        Dialect::new(wire).event(&frame.to_string())
    }

    #[test]
    fn a_frame_is_read_wherever_it_says_what_it_says() {
        let usual = WireNames::new();
        for frame in [
            json!({"event_id": 3, "kind": "text", "block_id": "text:a", "message_id": "m", "stream_entry_id": "1-0", "payload": {"text": "hi"}}),
            json!({"eventId": 3, "kind": "text", "blockId": "text:a", "messageId": "m", "streamEntryId": "1-0", "payload": {"text": "hi"}}),
            json!({"event_id": "3", "kind": "TEXT", "block_id": "text:a", "message_id": "m", "stream_entry_id": "1-0", "payload": {"content": "hi"}}),
            json!({"event_id": 3, "type": "text.delta", "block_id": "text:a", "message_id": "m", "stream_entry_id": "1-0", "data": {"delta": "hi"}}),
            json!({"event_id": 3, "kind": "text", "block_id": "text:a", "message_id": "m", "stream_entry_id": "1-0", "text": "hi"}),
            json!({"event_id": 3, "kind": "text", "block_id": "text:a", "message_id": "m", "stream_entry_id": "1-0", "content": "hi"}),
            json!({"event_id": 3, "kind": "text", "block_id": "text:a", "message_id": "m", "stream_entry_id": "1-0", "delta": {"text": "hi"}}),
            json!({"event": {"event_id": 3, "kind": "text", "block_id": "text:a", "message_id": "m", "stream_entry_id": "1-0", "payload": {"text": "hi"}}}),
            json!({"type": "event", "data": {"event_id": 3, "kind": "text", "block_id": "text:a", "message_id": "m", "stream_entry_id": "1-0", "payload": {"text": "hi"}}}),
        ] {
            let event = read(&frame, &usual);
            assert_eq!(event.event_type(), &EventType::Text, "{frame}");
            assert_eq!((event.id(), &*event.text()), (Some(3), "hi"), "{frame}");
            let ids = event.frame().expect("of a turn");
            assert_eq!(ids.block_id.as_deref(), Some("text:a"), "{frame}");
            assert_eq!(ids.message_id.as_deref(), Some("m"), "{frame}");
            assert_eq!(ids.stream_entry_id.as_deref(), Some("1-0"), "{frame}");
        }
    }

    #[test]
    fn ends_are_known_by_their_words() {
        let usual = WireNames::new();
        for (kind, end) in [
            ("task.completed", EventType::TaskCompleted),
            ("task_completed", EventType::TaskCompleted),
            ("TASK.COMPLETED", EventType::TaskCompleted),
            ("taskCompleted", EventType::TaskCompleted),
            ("turn.done", EventType::TaskCompleted),
            ("task.failed", EventType::TaskError),
            ("task.cancelled", EventType::TaskAborted),
            ("turn_canceled", EventType::TaskAborted),
        ] {
            let event = read(&json!({"event_id": 1, "kind": kind, "payload": {}}), &usual);
            assert_eq!(event.event_type(), &end, "{kind}");
            assert!(event.is_terminal(), "{kind}");
        }
        for (kind, may_be) in [
            ("error", true),
            ("done", true),
            ("task.closed", true),
            ("run.failed", true),
            ("workflow.started", false),
            ("task.phase", false),
            ("turn.progress", false),
            ("tool.error", false),
            ("thing", false),
            ("text", false),
            ("task.completed", false),
        ] {
            let event = read(&json!({"event_id": 1, "type": kind, "payload": {}}), &usual);
            assert_eq!(may_be_the_end(&event), may_be, "{kind}");
        }
        let own = WireNames::new().completed_kinds(["task.closed"]);
        let event = read(&json!({"event_id": 1, "kind": "task_closed"}), &own);
        assert_eq!(event.event_type(), &EventType::TaskCompleted);
    }

    #[test]
    fn what_is_documented_or_unknown_stays_as_it_came() {
        let usual = WireNames::new();
        for frame in [
            r#"{"event_id": 1, "kind": "text", "payload": {"text": "1.50", "n": 1.50}}"#,
            r#"{"kind":"text","payload":{"text":"x"},"timestamp":1}"#,
            r#"{"event_id": 1, "kind": "task.completed", "payload": {}}"#,
            r#"{"kind": "markdown.chunk", "payload": {"delta": "x"}}"#,
            r#"{"event_id": 1, "kind": "task.phase", "payload": {"phase": 1}}"#,
            r#"{"type":"ack"}"#,
            "no JSON",
            "[1]",
            "{}",
            "",
        ] {
            let event = Dialect::new(&usual).event(frame);
            assert_eq!(event.raw(), frame);
            assert_eq!(event.event_type(), Event::from_frame(frame).event_type());
        }
    }

    #[test]
    fn nothing_that_came_is_lost() {
        let frame = json!({"eventId": 1, "kind": "text", "data": {"content": "x", "lang": "en"}, "trace": {"a": [1]}});
        let event = read(&frame, &WireNames::new());
        let read: Value = serde_json::from_str(event.raw()).expect("JSON");
        assert_eq!(
            read,
            json!({"event_id": 1, "kind": "text", "payload": {"lang": "en", "text": "x"}, "trace": {"a": [1]}})
        );
    }

    #[test]
    fn a_path_leads_to_a_name_of_the_service() {
        let own = WireNames::new()
            .frame_kind(["meta.what"])
            .frame_event_id(["meta.no"])
            .frame_payload(["says"]);
        let frame = json!({"meta": {"what": "text", "no": 4}, "says": {"text": "hi"}});
        let event = read(&frame, &own);
        assert_eq!((event.id(), &*event.text()), (Some(4), "hi"));
    }
}

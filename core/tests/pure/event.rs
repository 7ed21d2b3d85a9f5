//! Events: the text for a person, the id, and data of every kind.

use serde_json::{Value, json};
use sessionwire::agi::{Event, EventType, Message};

fn event(raw: &str) -> Event {
    Event::new(EventType::Thought, None, raw)
}

#[test]
fn the_text_is_text_else_error_else_message() {
    for (raw, text) in [
        (r#"{"text": "a"}"#, "a"),
        (r#"{"error": "b"}"#, "b"),
        (r#"{"message": "c"}"#, "c"),
        (r#"{"message": "c", "error": "b", "text": "a"}"#, "a"),
        (r#"{"message": "c", "error": "b"}"#, "b"),
        (r#"{"text": null, "error": "b"}"#, "b"),
        (r#"{"text": 5, "message": "c"}"#, "c"),
        (r#"{"text": {"text": "x"}, "message": "c"}"#, "c"),
        (r#"{"text": ""}"#, ""),
        (
            r#"{"text": "a\n\u00e9 \ud83d\ude80 \"b\""}"#,
            "a\né 🚀 \"b\"",
        ),
        (r#"{"timestamp": "2026-03-04T09:15:57Z"}"#, ""),
        ("{}", ""),
        (r#" {"text": "a"} "#, "a"),
        // JSON, but no object.
        (r#""a text""#, "a text"),
        ("5", ""),
        ("null", ""),
        ("true", ""),
        ("[]", ""),
        (r#"["a"]"#, ""),
        (r#"["a", "b", "c"]"#, ""),
        (r#"[null, "b"]"#, ""),
        // No JSON.
        ("plain words", "plain words"),
        ("", ""),
        (r#"{"text": "cut"#, r#"{"text": "cut"#),
        ("{'text': 'a'}", "{'text': 'a'}"),
    ] {
        assert_eq!(event(raw).text(), text, "{raw}");
    }
}

#[test]
fn the_id_is_the_streams_else_the_datas() {
    for (id, raw, expected) in [
        (Some(5), r#"{"message_id": 7}"#, Some(5)),
        (Some(5), "plain", Some(5)),
        (None, r#"{"message_id": 7}"#, Some(7)),
        (
            None,
            r#"{"text": "a", "message_id": 7, "more": [1, {"message_id": 9}]}"#,
            Some(7),
        ),
        (None, r#"{"message_id": null}"#, None),
        (None, r#"{"message_id": "7"}"#, Some(7)),
        (None, r#"{"message_id": 7.0}"#, Some(7)),
        (None, r#"{"message_id": 7.5}"#, None),
        (None, r#"{"message_id": 99999999999999999999}"#, None),
        (None, r#"{"inner": {"message_id": 7}}"#, None),
        (None, "{}", None),
        (None, "plain", None),
        (None, "", None),
        // An array has no names.
        (None, "[7]", None),
        (None, "[7, 8]", None),
        (None, "7", None),
    ] {
        let event = Event::new(EventType::Done, id, raw);
        assert_eq!(event.id(), expected, "{id:?} {raw}");
    }
}

#[test]
fn a_heartbeat_takes_no_id_from_its_data() {
    let beat = Event::new(EventType::Heartbeat, None, r#"{"message_id": 7}"#);
    assert_eq!(beat.id(), None);
}

#[test]
fn the_data_is_what_came() {
    let raw = r#"{"b": 1.50, "a": [1e3], "text": "x"}"#;
    let as_json = event(raw);
    assert_eq!(as_json.raw(), raw);
    assert!(as_json.is_json());
    assert_eq!(
        as_json.data(),
        json!({"b": 1.5, "a": [1000.0], "text": "x"})
    );
    let names: Vec<_> = as_json
        .data()
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert_eq!(names, ["b", "a", "text"]);

    let plain = event("no JSON");
    assert!(!plain.is_json());
    assert_eq!(plain.data(), Value::String("no JSON".to_owned()));
    assert_eq!(plain.into_raw().as_ref(), "no JSON");
}

#[test]
fn every_type_has_its_name_and_unknown_ones_stay() {
    for (known, ..) in EventType::KNOWN {
        assert_eq!(EventType::from_name(known.name()), *known);
        assert!(!matches!(known, EventType::Other(_)), "{known:?}");
    }
    for name in ["message", "Thought", "future", "", "考え"] {
        assert_eq!(EventType::from_name(name), EventType::Other(name.into()));
        assert_eq!(EventType::from_name(name).name(), name);
    }
}

#[test]
fn done_and_error_end_a_task() {
    for (name, ends) in [
        ("done", true),
        ("error", true),
        ("question", false),
        ("log", false),
        ("Done", false),
    ] {
        let event = Event::new(EventType::from_name(name), None, "{}");
        assert_eq!(event.is_terminal(), ends, "{name}");
    }
}

#[test]
fn an_event_as_json() {
    let event = Event::new(EventType::Other("new".into()), None, "a \"b\"");
    assert_eq!(
        serde_json::to_value(&event).unwrap(),
        json!({"type": "new", "id": null, "raw": "a \"b\""})
    );
}

fn message(message_type: &str, content: Value) -> Message {
    serde_json::from_value(json!({"id": 9, "type": message_type, "content": content})).unwrap()
}

#[test]
fn a_stored_message_is_the_event_that_the_stream_sends() {
    for (message_type, content, event_type, text) in [
        ("THOUGHT", json!("a"), "thought", "a"),
        ("QUESTION", json!("b?"), "question", "b?"),
        ("LOG", json!("c"), "log", "c"),
        ("ERROR", json!("d"), "error", "d"),
        ("ERROR", json!({"code": 1}), "error", r#"{"code":1}"#),
        ("DONE", json!("e"), "done", "e"),
        ("DONE", json!({"summary": "f", "offers": [1]}), "done", "f"),
        ("DONE", json!({"offers": [1]}), "done", r#"{"offers":[1]}"#),
        ("DONE", json!(null), "done", ""),
        ("DONE", json!([1, 2]), "done", "[1,2]"),
        (
            "THOUGHT",
            json!([{"type": "text"}]),
            "thought",
            r#"[{"type":"text"}]"#,
        ),
    ] {
        let message = message(message_type, content.clone());
        let event = Event::from_message(&message).expect("it is an event");
        assert_eq!(event.event_type().name(), event_type);
        assert_eq!(event.text(), text, "{message_type} {content}");
        assert_eq!(event.id(), Some(9));
        assert_eq!(event.data()["message_id"], 9);
        if event_type == "done" {
            assert_eq!(event.data()["result"], content);
        }
    }
    assert!(Event::from_message(&message("USER", json!("x"))).is_none());
}

#[test]
fn messages_are_read_whatever_is_missing() {
    for raw in [
        json!({"id": 1, "type": "LOG"}),
        json!({"id": 1, "type": "NEW", "content": [1], "timestamp": null, "metadata": null}),
        json!({"id": 1, "type": "DONE", "content": {"a": 1}, "metadata": {"x": 1}, "future": true}),
    ] {
        let message: Message = serde_json::from_value(raw.clone()).unwrap();
        assert_eq!(message.id, 1, "{raw}");
    }
}

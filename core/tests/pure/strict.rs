//! What the bindings send: every field is known, or an error that names it.

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sessionwire::raccoon::{After, Attach, StartTurn, TurnFile};
use sessionwire::seam::{
    self,
    agi::{Operation, TaskOperation},
};

fn parse<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{value}: {error}"))
}

/// The input is fine as it is, and an error that names the field once an object
/// in it has one more.
fn strict<T: DeserializeOwned>(inputs: &[Value]) {
    for input in inputs {
        parse::<T>(input.clone());
        for place in objects(input) {
            let mut wrong = input.clone();
            wrong.pointer_mut(&place).unwrap()["filtr"] = json!("cdp");
            let error = serde_json::from_value::<T>(wrong.clone())
                .err()
                .unwrap_or_else(|| panic!("{wrong} is taken"));
            // Node gives a text, Python a tree: both are read.
            let of_text = serde_json::from_str::<T>(&wrong.to_string()).err().unwrap();
            for error in [error, of_text] {
                assert!(
                    error.to_string().contains("unknown field `filtr`"),
                    "{wrong}: {error}"
                );
            }
        }
    }
}

/// Where the objects are, but for those that hold what the caller likes.
fn objects(value: &Value) -> Vec<String> {
    const FREE: [&str; 9] = [
        "extra_body",
        "query",
        "headers",
        "body",
        "extra",
        "references",
        "history",
        "frame",
        "env",
    ];
    let Value::Object(fields) = value else {
        let items = value.as_array().into_iter().flatten().enumerate();
        return items
            .flat_map(|(index, item)| {
                objects(item)
                    .into_iter()
                    .map(move |rest| format!("/{index}{rest}"))
            })
            .collect();
    };
    let below = fields
        .iter()
        .filter(|(name, _)| !FREE.contains(&name.as_str()))
        .flat_map(|(name, item)| {
            objects(item)
                .into_iter()
                .map(move |rest| format!("/{name}{rest}"))
        });
    [String::new()].into_iter().chain(below).collect()
}

#[test]
fn an_unknown_field_of_an_agi_operation_is_an_error() {
    let of_session = |name: &str| json!({"op": name, "session_id": "s"});
    let mut inputs: Vec<Value> = [
        "get_session",
        "execution_status",
        "record",
        "pause",
        "resume",
        "cancel",
        "stop",
        "screenshot",
        "delete_session",
        "messages",
        "wait",
    ]
    .map(of_session)
    .into();
    inputs.extend([
        json!({"op": "create_session", "snapshot": {}, "extra_body": {"x": 1}}),
        json!({"op": "list_sessions"}),
        json!({"op": "delete_session", "session_id": "s", "snapshot": {}}),
        json!({"op": "delete_all_sessions"}),
        json!({"op": "cleanup"}),
        json!({"op": "send_message", "session_id": "s", "message": {"message": "x"}}),
        json!({"op": "messages", "session_id": "s", "options": {}}),
        json!({"op": "next_messages", "session_id": "s", "options": {}, "poll_interval": 1.0}),
        json!({"op": "navigate", "session_id": "s", "url": "https://x.example"}),
        json!({"op": "wait", "session_id": "s", "options": {}}),
        json!({"op": "models"}),
        json!({"op": "request", "method": "GET", "path": "/x", "query": {"a": "b"}, "headers": {}, "body": {"x": 1}}),
    ]);
    strict::<Operation>(&inputs);
    strict::<TaskOperation>(&[
        json!({"op": "answer", "text": "x"}),
        json!({"op": "send_message", "text": "x"}),
        json!({"op": "pause"}),
        json!({"op": "resume"}),
        json!({"op": "cancel"}),
        json!({"op": "status"}),
        json!({"op": "result", "timeout": null}),
    ]);
    strict::<seam::agi::Check>(&[
        json!({"check": "session_id", "session_id": "s"}),
        json!({"check": "snapshot"}),
        json!({"check": "task", "message": "x", "events": {}}),
        json!({"check": "run_tasks", "tasks": ["x"], "create": {"snapshot": {}}, "snapshot": {}}),
    ]);
}

#[test]
fn an_unknown_field_of_a_raccoon_operation_is_an_error() {
    let file =
        json!({"key": "k", "name": "n", "type": "text/plain", "size": 1, "uploaded_at": null});
    strict::<seam::raccoon::Operation>(&[
        json!({"op": "list_sessions"}),
        json!({"op": "get_session", "session_id": "s"}),
        json!({"op": "rename_session", "session_id": "s", "title": "t"}),
        json!({"op": "delete_session", "session_id": "s"}),
        json!({"op": "request", "method": "GET", "path": "/x"}),
    ]);
    strict::<seam::raccoon::TurnOperation>(&[
        json!({"op": "send_message", "text": "x", "files": [file], "references": [{"x": 1}], "frame": {"x": 1}}),
        json!({"op": "stop", "frame": {"x": 1}}),
        json!({"op": "result"}),
    ]);
    let turn = json!({"prompt": "x", "files": ["a.txt", file], "references": [{"x": 1}],
        "history": [{"x": 1}], "extra": {"x": 1}, "events": {}});
    strict::<StartTurn>(std::slice::from_ref(&turn));
    let mut check = turn;
    check["check"] = json!("turn");
    strict::<seam::raccoon::Check>(&[json!({"check": "session_id", "session_id": "s"}), check]);
    strict::<Attach>(&[
        json!({"session_id": "s", "message_id": "m", "after": {"last_event_id": 1}, "events": {}}),
    ]);
}

#[test]
fn files_and_places_of_a_turn_in_each_form() {
    let path: TurnFile = parse(json!("a.txt"));
    assert_eq!(path, TurnFile::Path(PathBuf::from("a.txt")));
    let TurnFile::Uploaded(file) = parse(json!({"key": "k"})) else {
        panic!("an object is a file that was uploaded");
    };
    assert_eq!(
        (file.key.as_str(), file.size, file.uploaded_at),
        ("k", 0, None)
    );
    let entry: After = parse(json!("1-0"));
    assert_eq!(entry, After::Entry("1-0".to_owned()));
    let point: After = parse(json!({"last_stream_entry_id": "1-0"}));
    assert_eq!(
        point,
        After::Point {
            last_stream_entry_id: Some("1-0".to_owned()),
            last_event_id: None,
        }
    );
    for wrong in [json!(1), json!(null), json!([])] {
        assert!(
            serde_json::from_value::<TurnFile>(wrong.clone()).is_err(),
            "{wrong}"
        );
        assert!(
            serde_json::from_value::<After>(wrong.clone()).is_err(),
            "{wrong}"
        );
    }
}

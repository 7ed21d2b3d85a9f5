//! What the tests of the core share: an emulator and a client on it.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

pub mod calls;
pub mod cases;
pub mod chaos;
pub mod hostile;
pub mod ledger;
pub mod logs;
#[cfg(doctest)]
mod pages;
pub mod proxy;
pub mod raw;
pub mod soak;
pub mod turn_chaos;
pub mod turns;

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sessionwire::agi::{Client, CreateSession, Event, Session};
use sessionwire::{ClientConfig, ClientOptions, Error, ErrorKind, EventStream};
use sessionwire_emulator::{Emulator, Options};

/// An emulator whose agent does not dawdle.
pub async fn emulator() -> Emulator {
    emulator_with(json!({})).await
}

/// An emulator with some options set: the same on every machine, whether it has a Chromium or not.
pub async fn emulator_with(mut options: Value) -> Emulator {
    options["step_delay"] = json!(0.0);
    options["browser"] = json!("builtin");
    let options: Options = serde_json::from_value(options).expect("the options are known");
    Emulator::start(options).await.expect("a free port")
}

/// A client of this emulator.
pub fn client(emulator: &Emulator) -> Client {
    client_with(emulator, json!({}))
}

/// A client with some options set.
pub fn client_with(emulator: &Emulator, mut options: Value) -> Client {
    options["base_url"] = json!(emulator.url());
    options["api_key"] = json!(emulator.api_key());
    build(options).expect("the options are right")
}

/// Parameters from JSON, as a binding reads them.
pub fn read<T: DeserializeOwned>(value: Value, kind: ErrorKind) -> sessionwire::Result<T> {
    serde_json::from_value(value)
        .map_err(|error| Error::new(kind, sessionwire::meaning::misread(&error.to_string())))
}

/// A client from options alone, with an empty environment.
pub fn build(options: Value) -> sessionwire::Result<Client> {
    let options: ClientOptions = read(options, ErrorKind::Config)?;
    Client::new(ClientConfig::resolve_with(options, &|_| None)?)
}

/// A fresh session.
pub async fn session(client: &Client) -> Session {
    client
        .sessions()
        .create(CreateSession::default())
        .await
        .expect("a session")
}

/// Sets what the agent does.
pub fn script(emulator: &Emulator, tasks: Value) {
    emulator.scenario(serde_json::from_value(json!({ "tasks": tasks })).expect("a scenario"));
}

/// Injects a fault.
pub fn fail(emulator: &Emulator, fault: Value) {
    emulator
        .fail(serde_json::from_value(fault).expect("a fault"))
        .expect("a fault with a meaning");
}

/// A task of `count` thoughts and a result.
pub fn long_task(count: usize) -> Value {
    json!([{"steps": [
        {"repeat": count, "steps": [{"thought": "thought {n}"}]},
        {"done": {"summary": "all thought through", "count": count}},
    ]}])
}

/// Reads a stream to its end.
pub async fn all(stream: &mut EventStream) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        events.push(event.expect("the stream holds"));
    }
    events
}

/// The ids of events, in their order.
pub fn ids(events: &[Event]) -> Vec<i64> {
    events.iter().filter_map(Event::id).collect()
}

/// How often the emulator received a request, by method and end of the path.
pub fn count(emulator: &Emulator, method: &str, path_end: &str) -> usize {
    emulator
        .requests()
        .iter()
        .filter(|request| request.method == method && request.path.ends_with(path_end))
        .count()
}

/// Waits until a condition holds. Panics after ten seconds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    while !holds() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "{what} did not come about"
        );
        tokio::task::yield_now().await;
    }
}

/// A file of `tests/contract/`.
pub fn contract(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../contract")
        .join(file);
    let text = std::fs::read_to_string(path).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Every file of cases in `tests/contract/`: `turns.json`, `endpoints/get.json`, `sse/id.json`.
pub fn contract_files() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contract");
    let mut files = Vec::new();
    for folder in ["", "endpoints", "sse"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&root).unwrap().display().to_string();
            if name.ends_with(".json") && name != "api-surface.json" {
                files.push(name);
            }
        }
    }
    files.sort();
    files
}

/// The list of a file that has cases of this one's: that of an endpoint has `answers` for `answers.json`.
pub fn list_in<'a>(other: &str, file: &'a str, list: &'a str) -> Option<&'a str> {
    if other == file {
        return Some(list);
    }
    let of_an_endpoint = list == "cases" && other.starts_with("endpoints/");
    file.strip_suffix(".json").filter(|_| of_an_endpoint)
}

/// The cases of a file of `tests/contract/`, and those that the files of the endpoints have for it.
pub fn cases_of(file: &str) -> Vec<Value> {
    let mut cases = Vec::new();
    for other in contract_files() {
        if let Some(list) = list_in(&other, file, "cases") {
            cases.extend(
                contract(&other)[list]
                    .as_array()
                    .cloned()
                    .unwrap_or_default(),
            );
        }
    }
    assert!(!cases.is_empty());
    cases
}

/// The kind by its name, every field, and the parts of the text.
pub fn check(id: &str, error: &Error, expect: &Value) {
    let fields: Value = serde_json::from_str(&error.to_json()).unwrap();
    for (name, wanted) in expect.as_object().unwrap() {
        if name == "text" {
            for part in wanted.as_array().unwrap() {
                let shown = error.to_string();
                assert!(
                    shown.contains(part.as_str().unwrap()),
                    "{id}: {shown:?} lacks {part}"
                );
            }
        } else {
            assert_eq!(&fields[name], wanted, "{id}: {name}");
        }
    }
}

/// A value of a case: as it stands, or a long text described.
pub fn value(described: &Value) -> Value {
    match described.get("repeat").and_then(Value::as_str) {
        Some(part) => {
            let count = described["count"].as_u64().unwrap() as usize;
            let prefix = described
                .get("prefix")
                .and_then(Value::as_str)
                .unwrap_or_default();
            json!(format!("{prefix}{}", part.repeat(count)))
        }
        None => described.clone(),
    }
}

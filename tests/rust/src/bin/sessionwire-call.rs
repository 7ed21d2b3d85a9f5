//! One call with the process's own environment: for cases that set variables.
//!
//! Reads a line of JSON, `{"call", "args", "client"}`; writes one,
//! `{"error", "text", "shown"}`: the error as JSON and as text (null without
//! one), and whatever a user could look at, the log included.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use sessionwire::agi::{Client, CreateSession};
use sessionwire::{ClientConfig, ClientOptions};
use sessionwire_tests::logs;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let log = logs::capture();
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).expect("a line");
    let case: Value = serde_json::from_str(&line).expect("JSON");
    let mut shown = Vec::new();
    let outcome = call(&case, &mut shown).await;
    let error = outcome.err();
    shown.push(format!("{error:?}"));
    shown.push(log.text());
    let report = json!({
        "error": error.as_ref().map(|error| serde_json::from_str::<Value>(&error.to_json()).expect("JSON")),
        "text": error.as_ref().map(ToString::to_string),
        "shown": shown,
    });
    let mut stdout = std::io::stdout();
    std::io::Write::write_all(&mut stdout, report.to_string().as_bytes()).expect("stdout");
}

async fn call(case: &Value, shown: &mut Vec<String>) -> sessionwire::Result<()> {
    let options: ClientOptions = serde_json::from_value(case["client"].clone()).expect("options");
    shown.push(format!("{options:?}"));
    let config = ClientConfig::resolve(options)?;
    shown.push(format!("{config:?}"));
    let client = Client::new(config)?;
    shown.push(format!("{client:?}"));
    let sessions = client.sessions();
    match case["call"].as_str() {
        Some("list") => sessions.list().await.map(drop),
        Some("create") => sessions.create(CreateSession::default()).await.map(drop),
        Some("get") => {
            let id = case["args"]["session_id"].as_str().expect("an id");
            sessions.get(id).await.map(drop)
        }
        other => panic!("unknown call {other:?}"),
    }
}

//! One call with the process's own environment: for cases that set variables.
//!
//! Reads a line of JSON, `{"call", "args", "client"}`; writes one,
//! `{"error", "text", "shown"}`: the error as JSON and as text (null without
//! one), and whatever a user could look at, the log included.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use sessionwire::agi::{Client, CreateSession};
use sessionwire::raccoon::{
    self, Attach, ListSessions, RaccoonConfig, RaccoonOptions, StartTurn, TurnResult, Upload,
    UploadProgress, UploadSource,
};
use sessionwire::{ClientConfig, ClientOptions};
use sessionwire_tests::logs;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let log = logs::capture();
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).expect("a line");
    let case: Value = serde_json::from_str(&line).expect("JSON");
    let mut shown = Vec::new();
    let outcome = match case["call"]
        .as_str()
        .and_then(|call| call.strip_prefix("raccoon."))
    {
        Some(name) => raccoon_call(name, &case, &mut shown).await,
        None => call(&case, &mut shown).await,
    };
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

async fn raccoon_call(
    call: &str,
    case: &Value,
    shown: &mut Vec<String>,
) -> sessionwire::Result<()> {
    let options: RaccoonOptions = serde_json::from_value(case["client"].clone()).expect("options");
    shown.push(format!("{options:?}"));
    let config = RaccoonConfig::resolve(options)?;
    shown.push(format!("{config:?}"));
    let client = raccoon::Client::new(config)?;
    shown.push(format!("{client:?}"));
    let arg = |name: &str| case["args"][name].as_str().expect("an argument").to_owned();
    match call {
        "list" => {
            let mut list = client.sessions().list(ListSessions::default());
            list.next().await.transpose().map(drop)
        }
        "get" => client.sessions().get(&arg("session_id")).await.map(drop),
        "upload" => {
            let upload = Upload::new(arg("session_id")).name("a.txt");
            let bytes = UploadSource::bytes("hello");
            let sent = client.upload(upload, bytes, UploadProgress::new());
            sent.await.map(drop)
        }
        "run_turn" => {
            let session = client.continue_session(&arg("session_id"))?;
            let mut start = StartTurn::new("go");
            start.events.max_reconnects = 0;
            read(session.start_turn(start).await?, case, shown).await
        }
        "attach" => {
            let mut attach = Attach::new(arg("session_id"), arg("message_id"));
            attach.events.max_reconnects = 0;
            read(client.attach(attach).await?, case, shown).await
        }
        other => panic!("unknown call {other:?}"),
    }
}

/// The turn's result, which is the case's.
async fn read(
    turn: raccoon::Turn,
    case: &Value,
    shown: &mut Vec<String>,
) -> sessionwire::Result<()> {
    shown.push(format!("{turn:?}"));
    let TurnResult { text, .. } = turn.result(None).await?;
    shown.push(format!("{turn:?}"));
    assert_eq!(json!(text), case["text"]);
    Ok(())
}

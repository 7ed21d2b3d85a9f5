//! Clients of an emulator that speaks TLS.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use sessionwire::ErrorKind;
use sessionwire::agi::StartTask;
use sessionwire::raccoon::StartTurn;
use sessionwire_emulator::Emulator;
use sessionwire_tests::{all, build, emulator_with, fail, session, turns};

/// The options of a client that trusts it, or not.
fn options(emulator: &Emulator, trusting: bool) -> Value {
    let mut options = json!({
        "base_url": emulator.url(), "api_key": emulator.api_key(), "max_retries": 0,
    });
    if trusting {
        options["ca_file"] = json!(emulator.ca_file().unwrap());
    }
    options
}

#[tokio::test]
async fn with_its_ca_file_tasks_and_turns_come_over_tls() {
    let emulator = emulator_with(json!({"tls": true, "scenario": {
        "tasks": [{"steps": [{"thought": "hm"}, {"thought": "ha"}, {"done": "42"}]}],
        "turns": [{"steps": [{"text": "For"}, {"text": "ty"}]}],
    }}))
    .await;
    // The stream comes back after a cut, over TLS again.
    fail(&emulator, json!("events cut_after=1"));
    let client = build(options(&emulator, true)).unwrap();
    let session = session(&client).await;
    let task = session.start_task(StartTask::new("work")).await.unwrap();
    let events = all(&mut task.events()).await;
    let texts: Vec<_> = events.iter().map(|event| event.text()).collect();
    assert_eq!(texts, ["hm", "ha", "42"]);

    let raccoon = turns::build(options(&emulator, true)).unwrap();
    let session = raccoon.session().unwrap();
    let turn = session.start_turn(StartTurn::new("count")).await.unwrap();
    assert_eq!(turn.result(None).await.unwrap().text, "Forty");
}

#[tokio::test]
async fn without_it_the_error_speaks_of_the_certificate() {
    let emulator = emulator_with(json!({"tls": true})).await;
    let client = build(options(&emulator, false)).unwrap();
    let error = client.sessions().list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(error.to_string().contains("ca_file"), "{error}");
    assert!(emulator.requests().is_empty());
}

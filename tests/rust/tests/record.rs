//! A session recorded against one emulator and played in another.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use sessionwire::agi::{Client, Event, EventOptions, EventType, RunTask, Session};
use sessionwire_emulator::{Emulator, Scenario, SessionRecording};
use sessionwire_tests::{all, client, emulator_with, session};

const KEY: &str = "sk-live-4711";

async fn emulator(scenario: Value) -> Emulator {
    emulator_with(json!({"scenario": scenario, "api_keys": [KEY], "clock": "fast"})).await
}

/// Runs the task; its events, without what is counted anew in each session.
async fn played(client: &Client) -> (Session, Value) {
    let session = session(client).await;
    let task = RunTask::new("Buy").on_question(|_| "blue".to_owned());
    session.run_task(task).await.unwrap();
    let mut events = session.events(EventOptions::default()).unwrap();
    let told = |event: &Event| {
        let mut data = event.data();
        data.as_object_mut().unwrap().remove("message_id");
        assert_ne!(*event.event_type(), EventType::Error);
        json!([event.event_type().name(), data])
    };
    let events = all(&mut events).await.iter().map(told).collect();
    (session, events)
}

#[tokio::test]
async fn what_was_recorded_is_played_again_without_the_key() {
    let first = emulator(json!({"tasks": [{"steps": [
        {"thought": format!("echo {KEY}")}, {"question": "Which colour?", "after": 60},
        {"step": "Click", "url": "http://shop.example/", "action": "click"}, {"log": "{answer}"},
        {"done": {"summary": "A mug", "offers": [12.5, null]}}]}]}))
    .await;
    let (session, events) = played(&client(&first)).await;
    let recorded = serde_json::to_value(session.record().await.unwrap()).unwrap();
    assert!(!recorded.to_string().contains(KEY), "{recorded}");
    let recording: SessionRecording = serde_json::from_value(recorded).unwrap();
    let scenario = Scenario::from_recording(&recording, &[]);
    let second = emulator(serde_json::to_value(&scenario).unwrap()).await;
    let (session, again) = played(&client(&second)).await;
    let expected = events.to_string().replace(KEY, "[redacted]");
    assert_eq!(again.to_string(), expected);
    // What was played is recorded as the same scenario.
    let recorded = serde_json::to_value(session.record().await.unwrap()).unwrap();
    let recording: SessionRecording = serde_json::from_value(recorded).unwrap();
    assert_eq!(Scenario::from_recording(&recording, &[]), scenario);
}

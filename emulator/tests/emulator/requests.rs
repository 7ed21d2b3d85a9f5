//! Waiting for requests without missing one.

use crate::support::{Client, quick, start, within};
use serde_json::json;
use sessionwire_emulator::RequestFilter;

#[tokio::test]
async fn a_change_before_the_wait_is_not_missed() {
    let emulator = start(quick()).await;
    let seen = emulator.request_changes();
    Client::new(&emulator).get("/sessions").await;
    assert!(within(emulator.requests_changed(seen)).await);
    assert_eq!(
        emulator.request_changes(),
        seen + 2,
        "an arrival and an answer"
    );
}

#[tokio::test]
async fn a_wait_ends_with_the_next_request_and_with_the_emulator() {
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    let waiting = emulator.requests_changed(emulator.request_changes());
    let (changed, session) = within(async {
        tokio::join!(
            waiting,
            client.session(json!({"agent_name": "agi-0", "goal": "x"}))
        )
    })
    .await;
    assert!(changed);
    client.get(&format!("/sessions/{session}")).await;
    let found = |filter| {
        let filter: RequestFilter = serde_json::from_value(filter).unwrap();
        emulator.requests_matching(&filter).len()
    };
    assert_eq!(found(json!({})), 2);
    assert_eq!(
        found(json!({"json": {"goal": "x"}, "path": "/v1/sessions"})),
        1
    );
    assert_eq!(found(json!({"session_id": session, "status": 200})), 1);

    let seen = emulator.request_changes();
    let (changed, ()) =
        within(async { tokio::join!(emulator.requests_changed(seen), emulator.close()) }).await;
    assert!(!changed);
}

#[tokio::test]
async fn a_filter_looks_at_the_whole_body() {
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    for size in [60_000, 70_000, 900_000, 1_100_000] {
        let path = format!("/sessions/{session}/message");
        let body = json!({"a": "x".repeat(size), "message": "Buy", "size": size});
        client.post(&path, body).await;
    }
    let found = |filter| {
        let filter: RequestFilter = serde_json::from_value(filter).unwrap();
        emulator.requests_matching(&filter).len()
    };
    for size in [60_000, 70_000, 900_000] {
        assert_eq!(found(json!({"json": {"size": size}})), 1, "{size}");
    }
    // What is larger is refused, and that was asked for, too.
    assert_eq!(
        found(json!({"path": "/v1/sessions/*/message", "status": 413})),
        1
    );
    let missed: RequestFilter = serde_json::from_value(json!({"json": {"size": 5}})).unwrap();
    assert!(
        emulator
            .explain(Some(&missed))
            .contains("json.size: expected 5")
    );
}

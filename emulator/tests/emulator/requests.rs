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

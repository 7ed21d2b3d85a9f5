//! Waiting for the service's limits.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use serde_json::json;
use sessionwire::ErrorKind;
use sessionwire::agi::CreateSession;
use sessionwire_tests::{client_with, count, emulator, emulator_with, fail, session, until};

#[tokio::test]
async fn a_session_that_is_deleted_makes_room() {
    let emulator = emulator_with(json!({"session_limit": 1})).await;
    let client = client_with(&emulator, json!({"wait_for_limit": 30}));
    let first = session(&client).await;
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { session(&client).await }
    });
    until("a refused create", || {
        count(&emulator, "POST", "/sessions") >= 2
    })
    .await;
    first.delete().await.unwrap();
    assert_ne!(waiting.await.unwrap().id(), first.id());
}

#[tokio::test]
async fn g06_a_dropped_wait_leaves_the_client_usable() {
    let emulator = emulator().await;
    let client = client_with(&emulator, json!({"wait_for_limit": 50}));
    fail(
        &emulator,
        json!({"on": "create", "status": 429, "times": 0, "headers": {"Retry-After": "40"}}),
    );
    {
        let sessions = client.sessions();
        let creating = sessions.create(CreateSession::default());
        tokio::pin!(creating);
        let refused = until("a refused create", || {
            count(&emulator, "POST", "/sessions") == 1
        });
        tokio::select! {
            outcome = &mut creating => panic!("it did not wait: {outcome:?}"),
            () = refused => {}
        }
    }
    emulator.clear_faults();
    session(&client).await;
    assert_eq!(count(&emulator, "POST", "/sessions"), 2);
}

#[tokio::test]
async fn g04_closing_the_client_ends_the_wait() {
    let emulator = emulator().await;
    let client = client_with(&emulator, json!({"wait_for_limit": 50}));
    fail(
        &emulator,
        json!({"on": "create", "status": 429, "times": 0, "headers": {"Retry-After": "40"}}),
    );
    let sessions = client.sessions();
    let close = async {
        until("a refused create", || {
            count(&emulator, "POST", "/sessions") == 1
        })
        .await;
        client.close();
    };
    let (outcome, ()) = tokio::join!(sessions.create(CreateSession::default()), close);
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert_eq!(error.reason(), Some("client_closed"));
}

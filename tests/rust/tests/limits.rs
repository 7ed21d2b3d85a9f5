//! The service's limits: as errors, and as waiting where the caller asked for
//! it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use sessionwire::agi::{Client, CreateSession, ListMessages, SendMessage, Session};
use sessionwire::{ErrorKind, Result};
use sessionwire_tests::cases::passed;
use sessionwire_tests::{
    cases_of, check, client_with, count, emulator, emulator_with, fail, session, until,
};

async fn call(case: &Value, client: &Client, session: &Session) -> Result<()> {
    let args = case.get("args").cloned().unwrap_or(json!({}));
    let create = || serde_json::from_value::<CreateSession>(args.clone()).unwrap();
    match case["call"].as_str().unwrap() {
        "create" => client.sessions().create(create()).await.map(drop),
        "list" => client.sessions().list().await.map(drop),
        "message" => session
            .send_message(SendMessage::new("hello"))
            .await
            .map(drop),
        // In Rust running a task on a client is these two steps.
        "run_task" => {
            let session = client.sessions().create(create()).await?;
            session
                .run_task(sessionwire::agi::RunTask::new("hello"))
                .await
                .map(drop)
        }
        other => panic!("unknown call {other}"),
    }
}

#[tokio::test]
async fn limits() {
    let mut runs = tokio::task::JoinSet::new();
    for case in cases_of("limits.json") {
        runs.spawn(limit(case));
    }
    runs.join_all().await;
}

async fn limit(case: Value) {
    let id = case["id"].as_str().unwrap();
    let emulator = emulator().await;
    let changes = case.get("with_options").cloned().unwrap_or(json!({}));
    let client = client_with(&emulator, case["client"].clone())
        .with_options(serde_json::from_value(changes).unwrap())
        .unwrap();
    let session = session(&client).await;
    emulator.clear_requests();
    for fault in case["faults"].as_array().unwrap() {
        fail(&emulator, fault.clone());
    }
    let expect = &case["expect"];
    match (call(&case, &client, &session).await, expect.get("error")) {
        (Ok(()), None) => {}
        (Err(error), Some(wanted)) => check(id, &error, wanted),
        (outcome, _) => panic!("{id}: {outcome:?}"),
    }
    let (method, path) = match case["faults"][0]["on"].as_str().unwrap() {
        "list" => ("GET", "/sessions"),
        "message" => ("POST", "/message"),
        _ => ("POST", "/sessions"),
    };
    let wanted = expect["requests"].as_u64().unwrap() as usize;
    assert_eq!(count(&emulator, method, path), wanted, "{id}");
    if let Some(wanted) = expect.get("user_messages") {
        let seen = session.messages(ListMessages::default()).await.unwrap();
        let users = seen.messages.iter().filter(|m| m.message_type == "USER");
        assert_eq!(json!(users.count()), *wanted, "{id}");
    }
    passed(id);
}

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

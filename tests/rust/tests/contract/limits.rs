//! The service's limits: as errors, and as waiting where the caller asked for
//! it.

use serde_json::{Value, json};
use sessionwire::Result;
use sessionwire::agi::{Client, CreateSession, ListMessages, SendMessage, Session};
use sessionwire_tests::{check, client_with, count, emulator, fail, session};

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

pub(crate) async fn limit(case: Value) {
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
}

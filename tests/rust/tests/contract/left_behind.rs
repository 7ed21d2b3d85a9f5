//! Creates whose caller leaves, and the delete at the end of a block.

use std::time::Duration;

use serde_json::Value;
use sessionwire::agi::{Client, CreateSession, Session};
use sessionwire_emulator::Emulator;
use sessionwire_tests::{client, count, emulator, fail, session, until};

pub(crate) async fn g05_nothing_is_left_behind(case: Value) {
    let emulator = emulator().await;
    for fault in case["faults"].as_array().unwrap() {
        fail(&emulator, fault.clone());
    }
    let client = client(&emulator);
    let cut = case["cut"].as_str().unwrap();
    match case["call"].as_str().unwrap() {
        "create" => create(&emulator, &client, cut).await,
        _ => {
            let closing = client.clone();
            session(&client)
                .await
                .scoped(|_: Session| async move { closing.close() })
                .await;
        }
    }
    client.close();
    let told: Vec<String> = client
        .settle(Duration::from_secs(10))
        .await
        .iter()
        .map(ToString::to_string)
        .collect();
    let id = case["id"].as_str().unwrap();
    assert_eq!(emulator.session_count(), case["sessions"], "{id}: {told:?}");
    let parts = case["reports"].as_array().cloned().unwrap_or_default();
    assert_eq!(told.len(), usize::from(!parts.is_empty()), "{id}: {told:?}");
    for part in parts {
        assert!(told[0].contains(part.as_str().unwrap()), "{id}: {told:?}");
    }
    assert_eq!(count(&emulator, "POST", "/sessions"), 1, "{id}");
}

async fn create(emulator: &Emulator, client: &Client, cut: &str) {
    let sessions = client.sessions();
    let creating = sessions.create(CreateSession::default());
    let under_way = until("the request", || count(emulator, "POST", "/sessions") > 0);
    tokio::select! {
        created = creating => panic!("{created:?}"),
        () = under_way => if cut == "close" { client.close() },
    }
}

//! The cases of `tests/contract/turns.json`, for Rust.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use sessionwire::raccoon::{Client, StartTurn, TurnResult};
use sessionwire::{Batch, Result};
use sessionwire_tests::cases::passed;
use sessionwire_tests::turns::{client_with, fail, kinds, script};
use sessionwire_tests::{cases_of, check, emulator_with, ids};

#[tokio::test]
async fn turns() {
    let mut runs = tokio::task::JoinSet::new();
    for case in cases_of("turns.json") {
        runs.spawn(run(case));
    }
    runs.join_all().await;
}

async fn run(case: Value) {
    let id = case["id"].as_str().unwrap();
    let part = |name: &str| case.get(name).cloned().unwrap_or(json!({}));
    let emulator = emulator_with(part("emulator")).await;
    let usual = json!([
        {"wait_for_socket": true},
        {"repeat": 40, "steps": [{"text": "{n} "}]},
        {"complete": true},
    ]);
    let steps = case.get("steps").cloned().unwrap_or(usual);
    script(&emulator, json!([{"steps": steps}]));
    for fault in case
        .get("faults")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        fail(&emulator, fault.clone());
    }
    let client = client_with(&emulator, part("client"));
    let mut events = Vec::new();
    let outcome = turn(&client, part("events"), &mut events).await;
    let expect = &case["expect"];
    match (&outcome, expect.get("error")) {
        (Ok(_), None) => {}
        (Err(error), Some(wanted)) => check(id, error, wanted),
        _ => panic!("{id}: {outcome:?}"),
    }
    if let Some(range) = expect.get("ids") {
        let (first, last) = (range[0].as_i64().unwrap(), range[1].as_i64().unwrap());
        assert_eq!(ids(&events), (first..=last).collect::<Vec<_>>(), "{id}");
    }
    if let Some(wanted) = expect.get("kinds") {
        assert_eq!(json!(kinds(&events)), *wanted, "{id}");
    }
    for name in ["status", "text", "reason"] {
        if let (Some(wanted), Ok(result)) = (expect.get(name), &outcome) {
            assert_eq!(json!(result)[name], *wanted, "{id}: {name}");
        }
    }
    let made = |method: &str, path: &str| {
        let requests = emulator.requests();
        let same = requests
            .iter()
            .filter(|request| request.method == method && request.path.starts_with(path));
        same.count() as u64
    };
    if let Some(wanted) = expect.get("requests") {
        assert_eq!(json!(made("POST", "/sessions/new")), *wanted, "{id}");
    }
    if let Some(least) = expect.get("sockets") {
        let sockets = made("GET", "/ws/sessions/");
        assert!(
            sockets >= least.as_u64().unwrap(),
            "{id}: {sockets} sockets"
        );
    }
    passed(id);
}

/// Starts a turn, reads all its events, and gives its result.
async fn turn(
    client: &Client,
    options: Value,
    events: &mut Vec<sessionwire::raccoon::Event>,
) -> Result<TurnResult> {
    let mut start = StartTurn::new("go");
    start.events = serde_json::from_value(options).unwrap();
    let turn = client.session()?.start_turn(start).await?;
    loop {
        match turn.queue().try_take(512) {
            Batch::Events(more) => events.extend(more),
            Batch::Empty => turn.queue().wait().await,
            // An error of the stream is the result's too.
            Batch::Ended | Batch::Failed(_) => return turn.result(None).await,
        }
    }
}

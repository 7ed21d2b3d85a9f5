//! Many tasks at once, and the cleaning up of sessions.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use serde_json::json;
use sessionwire::ErrorKind;
use sessionwire::agi::{CleanupOptions, CreateSession, RunTask, RunTasks};
use sessionwire_tests::{client, client_with, count, emulator, emulator_with, fail, script, until};

fn mixed() -> serde_json::Value {
    json!([
        {"match": "fail", "steps": [{"error": "sold out"}]},
        {"match": "ask", "steps": [{"question": "colour?"}, {"done": "asked"}]},
        {"match": "long", "steps": [{"thought": "on it"}, {"done": "late", "after": 3600}]},
        {"steps": [{"done": "ready"}]},
    ])
}

#[tokio::test]
async fn each_task_has_its_outcome() {
    let emulator = emulator_with(json!({"session_limit": 2})).await;
    script(&emulator, mixed());
    let client = client(&emulator);
    let tasks = ["one", "fail", "two", "ask", "three"];
    let mut outcomes = client
        .run_tasks(RunTasks::new(tasks).concurrency(2))
        .unwrap();
    let mut kinds = vec![None; tasks.len()];
    while let Some(outcome) = outcomes.next().await {
        assert_eq!(outcome.task, tasks[outcome.index]);
        assert!(outcome.undeleted.is_none());
        kinds[outcome.index] = Some(match outcome.result {
            Ok(result) => result.text,
            Err(error) => error.kind().name().to_owned(),
        });
    }
    let kinds: Vec<_> = kinds.into_iter().map(Option::unwrap).collect();
    assert_eq!(
        kinds,
        ["ready", "TaskError", "ready", "QuestionPending", "ready"]
    );
    assert_eq!(emulator.session_count(), 0);
    assert!(outcomes.next().await.is_none());
}

#[tokio::test]
async fn g05_dropping_the_outcomes_deletes_the_sessions() {
    let emulator = emulator().await;
    script(&emulator, mixed());
    let client = client(&emulator);
    let outcomes = client.run_tasks(RunTasks::new(["long"; 9])).unwrap();
    until("four sessions", || emulator.session_count() == 4).await;
    drop(outcomes);
    until("no session", || emulator.session_count() == 0).await;
    assert_eq!(count(&emulator, "POST", "/sessions"), 4);
}

#[tokio::test]
async fn g05_closing_waits_for_the_deletes_also_of_sessions_on_their_way() {
    let emulator = emulator().await;
    script(&emulator, mixed());
    fail(&emulator, json!({"on": "create", "delay": 0.2, "times": 0}));
    let client = client(&emulator);
    let outcomes = client.run_tasks(RunTasks::new(["long"; 3])).unwrap();
    until("the creates", || count(&emulator, "POST", "/sessions") == 3).await;
    outcomes.close().await;
    assert_eq!(emulator.session_count(), 0);
    assert_eq!(count(&emulator, "POST", "/message"), 0);
}

#[tokio::test]
async fn bad_input_sends_nothing() {
    let emulator = emulator().await;
    let client = client(&emulator);
    for plan in [
        RunTasks::new(["fine", ""]),
        RunTasks::new(["fine"]).concurrency(0),
    ] {
        let error = client.run_tasks(plan).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    }
    let mut none = client
        .run_tasks(RunTasks::new(Vec::<String>::new()))
        .unwrap();
    assert!(none.next().await.is_none());
    assert_eq!(emulator.requests().len(), 0);
}

#[tokio::test]
async fn cleanup_says_what_became_of_each() {
    let emulator = emulator().await;
    script(&emulator, mixed());
    let client = client_with(&emulator, json!({"max_retries": 0}));
    let mut ids = Vec::new();
    for task in ["one", "fail"] {
        let session = client
            .sessions()
            .create(CreateSession::default())
            .await
            .unwrap();
        let _ = session.run_task(RunTask::new(task)).await;
        ids.push(session.id().to_owned());
    }
    let old = CleanupOptions::default().older_than(Duration::from_secs(3600));
    assert_eq!(client.sessions().cleanup(old).await.unwrap().len(), 0);
    fail(
        &emulator,
        json!({"on": "delete", "status": 500, "session_id": ids[0]}),
    );
    let reports = client
        .sessions()
        .cleanup(CleanupOptions::default())
        .await
        .unwrap();
    let seen: Vec<_> = reports
        .iter()
        .map(|report| (&report.session_id, report.deleted, report.error.is_some()))
        .collect();
    assert_eq!(seen, [(&ids[0], false, true), (&ids[1], true, false)]);
    assert_eq!(emulator.session_count(), 1);
}

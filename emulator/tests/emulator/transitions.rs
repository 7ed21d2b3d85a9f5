//! The table of transitions, cell by cell.

use crate::support::*;
use serde_json::{Value, json};
use sessionwire_emulator::{Emulator, Options};

/// A script whose task runs until it is cancelled.
fn endless() -> Value {
    json!([{"thought": "working"}, {"delay": 3600}])
}

fn asking() -> Value {
    json!([{"question": "Which colour?"}, {"thought": "You said {answer}"}, {"done": "{answer} it is"}])
}

async fn with(steps: Value) -> (Emulator, Client, String) {
    let emulator = start(Options {
        scenario: script(steps),
        ..quick()
    })
    .await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    (emulator, client, session)
}

async fn statuses(client: &Client, session: &str) -> String {
    let (session, execution) = client.statuses(session).await;
    format!("{session} {execution}")
}

/// Sends a control command; returns the status and, for an error, its code.
async fn command(client: &Client, session: &str, name: &str) -> (u16, String) {
    let answer = client.command(&format!("/sessions/{session}/{name}")).await;
    let body = answer.json();
    if answer.status == 409 {
        assert!(body["message"].is_string(), "readers of `message` find one");
    }
    let text = body["detail"]
        .as_str()
        .or(body["message"].as_str())
        .unwrap()
        .to_owned();
    (answer.status, text)
}

async fn conflicts(client: &Client, session: &str, commands: &[(&str, &str)]) {
    for (name, code) in commands {
        assert_eq!(
            command(client, session, name).await,
            (409, (*code).to_owned()),
            "{name}"
        );
    }
}

const NOTHING_RUNS: [(&str, &str); 2] = [("pause", "not_running"), ("resume", "not_paused")];

#[tokio::test]
async fn initializing() {
    let emulator = start(Options {
        init_delay: 3600.0,
        ..quick()
    })
    .await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    assert_eq!(statuses(&client, &session).await, "initializing finished");
    let answer = client
        .get(&format!("/sessions/{session}/messages"))
        .await
        .json();
    assert_eq!(answer["has_agent"], false);
    conflicts(&client, &session, &NOTHING_RUNS).await;

    client.task(&session, "go").await;
    client.task(&session, "and be quick").await;
    assert_eq!(statuses(&client, &session).await, "initializing running");
    conflicts(&client, &session, &NOTHING_RUNS).await;
    assert_eq!(command(&client, &session, "cancel").await.0, 200);
    assert_eq!(statuses(&client, &session).await, "initializing finished");
}

#[tokio::test]
async fn a_task_sent_while_initializing_starts_when_ready() {
    let emulator = start(Options {
        init_delay: 0.2,
        scenario: script(json!([{"done": "x"}])),
        ..quick()
    })
    .await;
    let client = Client::new(&emulator);
    let (queued, dropped) = (
        client.session(json!({})).await,
        client.session(json!({})).await,
    );
    client.task(&queued, "a").await;
    assert_eq!(client.result(&queued).await, "x");
    assert_eq!(statuses(&client, &queued).await, "completed finished");
    eventually(|| async { (statuses(&client, &dropped).await == "ready finished").then_some(()) })
        .await;
}

#[tokio::test]
async fn ready() {
    let (_emulator, client, session) = with(endless()).await;
    assert_eq!(statuses(&client, &session).await, "ready finished");
    conflicts(&client, &session, &NOTHING_RUNS).await;
    assert_eq!(
        command(&client, &session, "cancel").await,
        (200, "Session cancelled successfully".into())
    );
    assert_eq!(
        client.messages(&session).await,
        Vec::<Value>::new(),
        "a cancel without a task has no effect"
    );
    client.task(&session, "go").await;
    // Set before the answer is sent: there is no moment at which the task looks finished.
    assert_eq!(statuses(&client, &session).await, "running running");
}

#[tokio::test]
async fn running() {
    let (_emulator, client, session) = with(endless()).await;
    client.task(&session, "go").await;
    client.task(&session, "and be quick").await;
    assert_eq!(statuses(&client, &session).await, "running running");
    let texts: Vec<Value> = client
        .messages(&session)
        .await
        .into_iter()
        .filter(|m| m["type"] == "USER")
        .map(|m| m["content"].clone())
        .collect();
    assert_eq!(texts, ["go", "and be quick"]);
    conflicts(&client, &session, &[("resume", "not_paused")]).await;
    assert_eq!(
        command(&client, &session, "pause").await,
        (200, "Session paused successfully".into())
    );
    assert_eq!(statuses(&client, &session).await, "paused running");
    assert_eq!(
        command(&client, &session, "resume").await,
        (200, "Session resumed successfully".into())
    );
    assert_eq!(command(&client, &session, "cancel").await.0, 200);
    assert_eq!(statuses(&client, &session).await, "ready finished");
}

#[tokio::test]
async fn waiting_for_input() {
    let (_emulator, client, session) = with(asking()).await;
    client.task(&session, "go").await;
    client.until_execution(&session, "waiting_for_input").await;
    assert_eq!(
        statuses(&client, &session).await,
        "running waiting_for_input"
    );
    conflicts(&client, &session, &[("resume", "not_paused")]).await;

    assert_eq!(command(&client, &session, "pause").await.0, 200);
    assert_eq!(
        statuses(&client, &session).await,
        "paused waiting_for_input"
    );
    assert_eq!(command(&client, &session, "resume").await.0, 200);
    assert_eq!(
        statuses(&client, &session).await,
        "running waiting_for_input"
    );

    client.task(&session, "blue").await;
    assert_eq!(client.result(&session).await, "blue it is");

    client.task(&session, "again").await;
    client.until_execution(&session, "waiting_for_input").await;
    assert_eq!(command(&client, &session, "cancel").await.0, 200);
    assert_eq!(statuses(&client, &session).await, "ready finished");
}

#[tokio::test]
async fn an_answer_takes_effect_at_once() {
    let (_emulator, client, session) = with(json!([{"question": "Which?"}, {"delay": 3600}])).await;
    client.task(&session, "go").await;
    client.until_execution(&session, "waiting_for_input").await;
    client.task(&session, "this one").await;
    assert_eq!(statuses(&client, &session).await, "running running");
}

#[tokio::test]
async fn paused() {
    let (_emulator, client, session) =
        with(json!([{"question": "Which?"}, {"done": "got {answer}"}])).await;
    client.task(&session, "go").await;
    client.until_execution(&session, "waiting_for_input").await;
    assert_eq!(command(&client, &session, "pause").await.0, 200);
    conflicts(&client, &session, &[("pause", "already_paused")]).await;

    client.task(&session, "this one").await;
    assert_eq!(
        statuses(&client, &session).await,
        "paused waiting_for_input",
        "a message does not resume"
    );
    assert_eq!(
        client.messages(&session).await.last().unwrap()["content"],
        "this one"
    );
    assert_eq!(command(&client, &session, "resume").await.0, 200);
    assert_eq!(client.result(&session).await, "got this one");

    client.task(&session, "again").await;
    client.until_execution(&session, "waiting_for_input").await;
    assert_eq!(command(&client, &session, "pause").await.0, 200);
    assert_eq!(command(&client, &session, "cancel").await.0, 200);
    assert_eq!(statuses(&client, &session).await, "ready finished");
}

#[tokio::test]
async fn a_paused_task_says_nothing_until_it_goes_on() {
    let (_emulator, client, session) =
        with(json!([{"thought": "one"}, {"delay": 0.2}, {"thought": "two"}])).await;
    let mut stream = client.stream(&session, "").await;
    client.task(&session, "go").await;
    stream.until("thought").await;
    assert_eq!(command(&client, &session, "pause").await.0, 200);
    assert_eq!(stream.next().await.unwrap().name, "paused");
    client.task(&session, "an update").await;
    assert_eq!(command(&client, &session, "resume").await.0, 200);
    assert_eq!(names(&stream.all().await), ["resumed", "thought", "done"]);
}

#[tokio::test]
async fn completed_and_error() {
    let emulator = start(quick()).await;
    emulator.scenario(scenario(json!([
        {"match": "good", "steps": [{"thought": "t"}]}, {"match": "bad", "steps": [{"error": "no", "status_code": 418}]}])));
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    for (text, after) in [
        ("good", "completed finished"),
        ("bad", "error error"),
        ("good", "completed finished"),
    ] {
        client.task(&session, text).await;
        eventually(|| async { (statuses(&client, &session).await == after).then_some(()) }).await;
        conflicts(&client, &session, &NOTHING_RUNS).await;
        let before = client.messages(&session).await.len();
        assert_eq!(command(&client, &session, "cancel").await.0, 200);
        assert_eq!(
            statuses(&client, &session).await,
            after,
            "a cancel without a task has no effect"
        );
        assert_eq!(client.messages(&session).await.len(), before);
    }
}

#[tokio::test]
async fn control_bodies_may_be_absent_empty_or_an_object() {
    let (_emulator, client, session) = with(endless()).await;
    client.task(&session, "go").await;
    for (name, body) in [
        ("pause", None),
        ("resume", Some("")),
        ("pause", Some("{}")),
        ("resume", Some("{}")),
        ("cancel", Some("")),
    ] {
        let answer = client
            .raw("POST", &format!("/v1/sessions/{session}/{name}"), body)
            .await
            .unwrap();
        assert_eq!(answer.status, 200, "{name} {body:?}");
    }
}

#[tokio::test]
async fn extended_status_reports_ready_and_paused() {
    let emulator = start(Options {
        extended_status: true,
        scenario: script(endless()),
        ..quick()
    })
    .await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    assert_eq!(client.statuses(&session).await.1, "ready");
    client.task(&session, "go").await;
    command(&client, &session, "pause").await;
    assert_eq!(client.statuses(&session).await.1, "paused");
    command(&client, &session, "cancel").await;
    assert_eq!(client.statuses(&session).await.1, "ready");
}

#[tokio::test]
async fn messages_carry_status_and_ids_from_one() {
    let (_emulator, client, session) = with(json!([{"thought": "{task}"}, {"step": "s"}, {"log": "l"}, {"done": {"summary": "s", "n": 1}}])).await;
    client.task(&session, "say hi").await;
    client.until_execution(&session, "finished").await;
    let answer = client
        .get(&format!("/sessions/{session}/messages"))
        .await
        .json();
    let shape: Vec<(u64, &str, &Value)> = answer["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| {
            (
                m["id"].as_u64().unwrap(),
                m["type"].as_str().unwrap(),
                &m["content"],
            )
        })
        .collect();
    // The messages have no type for a step: it is an action of the agent's.
    let done = json!({"summary": "s", "n": 1});
    assert_eq!(
        shape,
        [
            (1, "USER", &json!("say hi")),
            (2, "THOUGHT", &json!("say hi")),
            (3, "THOUGHT", &json!("s")),
            (4, "LOG", &json!("l")),
            (5, "DONE", &done)
        ]
    );
    assert_eq!(
        (&answer["status"], &answer["has_agent"]),
        (&json!("finished"), &json!(true))
    );
    assert!(
        answer["messages"][0]["timestamp"]
            .as_str()
            .unwrap()
            .ends_with('Z')
    );
    assert_eq!(answer["messages"][0]["metadata"], json!({}));
    let rest = client
        .get(&format!("/sessions/{session}/messages?after_id=3"))
        .await
        .json();
    assert_eq!(rest["messages"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_task_cancelled_while_initializing_never_starts() {
    let emulator = start(Options {
        init_delay: 0.2,
        scenario: script(json!([{"thought": "{task}"}, {"done": "{task}"}])),
        ..quick()
    })
    .await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    client.task(&session, "dropped").await;
    assert_eq!(command(&client, &session, "cancel").await.0, 200);
    eventually(|| async { (statuses(&client, &session).await == "ready finished").then_some(()) })
        .await;
    client.task(&session, "wanted").await;
    assert_eq!(client.result(&session).await, "wanted");
    let thoughts = client.messages(&session).await;
    let thoughts = thoughts
        .iter()
        .filter(|message| message["type"] == "THOUGHT");
    assert_eq!(
        thoughts
            .map(|message| &message["content"])
            .collect::<Vec<_>>(),
        ["wanted"]
    );
}

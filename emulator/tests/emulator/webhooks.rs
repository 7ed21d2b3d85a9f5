//! Webhooks, at a receiver.

use crate::support::*;
use serde_json::{Value, json};
use sessionwire_emulator::Options;
use std::sync::atomic::{AtomicUsize, Ordering};

fn options() -> Options {
    Options {
        webhook_backoff: 0.01,
        scenario: Some(scenario(json!([
            {"match": "ask", "steps": [{"question": "Which colour?"}, {"done": {"summary": "Bought {answer}"}}]},
            {"match": "fail", "steps": [{"error": "It broke"}]},
            {"steps": [{"delay": 3600}]}]))),
        ..quick()
    }
}

fn bodies(site: &Site, event: &str) -> Vec<Value> {
    let all = site
        .received()
        .into_iter()
        .map(|request| serde_json::from_str(&request.body).unwrap());
    all.filter(|body: &Value| body["event"] == event).collect()
}

async fn one(site: &Site, event: &str) -> Value {
    eventually(|| async { bodies(site, event).into_iter().next() }).await
}

#[tokio::test]
async fn each_event_has_its_documented_shape() {
    let site = Site::start(|_| (204, vec![], vec![])).await;
    let emulator = start(options()).await;
    let client = Client::new(&emulator);
    let url = format!("{}/hook?token=t", site.url);
    let session = client
        .session(json!({"webhook_url": url, "agent_name": "agi-0-fast"}))
        .await;
    let created = one(&site, "session.created").await;
    let object = client.get(&format!("/sessions/{session}")).await.json();
    assert_eq!(
        created["session"],
        json!({"id": session, "status": "ready", "agent_name": "agi-0-fast", "created_at": object["created_at"], "vnc_url": object["vnc_url"]})
    );
    assert!(created["timestamp"].as_str().unwrap().ends_with('Z'));
    let request = site.received().remove(0);
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/hook?token=t")
    );
    assert_eq!(request.headers["content-type"], "application/json");
    assert_eq!(request.headers["x-event-type"], "session.created");
    assert_eq!(request.headers["user-agent"], "AgencyAPI-Webhooks/1.0");

    client.task(&session, "ask me").await;
    let started = one(&site, "task.started").await;
    assert_eq!(
        (&started["message"], &started["session"]["status"]),
        (&json!("ask me"), &json!("running"))
    );
    let question = one(&site, "task.question").await;
    assert_eq!(
        (&question["question"], &question["context"]),
        (&json!("Which colour?"), &json!({}))
    );
    assert_eq!(question["session"]["status"], "ready");
    client.task(&session, "blue").await;
    let completed = one(&site, "task.completed").await;
    assert_eq!(
        completed["result"],
        json!({"status": "success", "message": "Bought blue"})
    );
    assert_eq!(completed["session"]["status"], "ready");

    client.task(&session, "fail").await;
    let error = one(&site, "task.error").await;
    assert_eq!(
        (
            &error["error"],
            &error["details"],
            &error["session"]["status"]
        ),
        (&json!("It broke"), &json!({}), &json!("ready"))
    );

    client.task(&session, "stay").await;
    for (command, old, new) in [
        ("pause", "running", "paused"),
        ("resume", "paused", "running"),
        ("cancel", "running", "ready"),
    ] {
        client
            .command(&format!("/sessions/{session}/{command}"))
            .await;
        let changed = eventually(|| async {
            bodies(&site, "session.status_changed")
                .into_iter()
                .find(|body| body["old_status"] == old && body["new_status"] == new)
        })
        .await;
        assert_eq!(changed["session"]["status"], new);
    }
    client.delete(&format!("/sessions/{session}")).await;
    assert_eq!(
        one(&site, "session.deleted").await["session"]["status"],
        "ready"
    );

    // An answer starts no task; three tasks did.
    assert_eq!(bodies(&site, "task.started").len(), 3);
    assert_eq!(bodies(&site, "session.status_changed").len(), 3);
}

#[tokio::test]
async fn a_receiver_that_fails_twice_gets_a_third_try() {
    let tries = AtomicUsize::new(0);
    let site = Site::start(move |_| {
        (
            if tries.fetch_add(1, Ordering::Relaxed) < 2 {
                500
            } else {
                200
            },
            vec![],
            vec![],
        )
    })
    .await;
    let emulator = start(options()).await;
    let client = Client::new(&emulator);
    client.session(json!({"webhook_url": site.url})).await;
    eventually(|| async { (site.received().len() == 3).then_some(()) }).await;
    let received = site.received();
    assert!(
        received
            .iter()
            .all(|request| request.body == received[0].body),
        "a retry repeats the body"
    );
    // The API did not wait for any of it, and nothing follows the success.
    client
        .session(json!({"webhook_url": format!("{}/second", site.url)}))
        .await;
    eventually(|| async {
        site.received()
            .iter()
            .any(|request| request.path == "/second")
            .then_some(())
    })
    .await;
    assert_eq!(
        site.received()
            .iter()
            .filter(|request| request.path == "/")
            .count(),
        3
    );
}

#[tokio::test]
async fn three_tries_and_no_more() {
    let site = Site::start(|request| match request.path.as_str() {
        "/bad" => (302, vec![("location", "/elsewhere".to_owned())], vec![]),
        _ => (200, vec![], vec![]),
    })
    .await;
    let emulator = start(options()).await;
    let client = Client::new(&emulator);
    client
        .session(json!({"webhook_url": format!("{}/bad", site.url)}))
        .await;
    let count = |path: &str| {
        site.received()
            .iter()
            .filter(|request| request.path == path)
            .count()
    };
    eventually(|| async { (count("/bad") == 3).then_some(()) }).await;
    // Another session's delivery goes through after that; the failed one is given up.
    client
        .session(json!({"webhook_url": format!("{}/good", site.url)}))
        .await;
    eventually(|| async { (count("/good") == 1).then_some(()) }).await;
    assert_eq!((count("/bad"), count("/elsewhere")), (3, 0));
}

#[tokio::test]
async fn an_unreachable_receiver_harms_nobody() {
    let emulator = start(options()).await;
    let client = Client::new(&emulator);
    let session = client
        .session(json!({"webhook_url": "http://127.0.0.1:9/none"}))
        .await;
    client.task(&session, "ask").await;
    client.until_execution(&session, "waiting_for_input").await;
    client.task(&session, "x").await;
    assert_eq!(client.result(&session).await["summary"], "Bought x");
}

//! Faults, as they show on the wire.

use crate::support::*;
use serde_json::{Value, json};
use sessionwire_emulator::{Emulator, Options};
use std::io::ErrorKind;
use std::time::{Duration, Instant};

async fn begin() -> (Emulator, Client, String) {
    let steps = json!([{"repeat": 9, "steps": [{"thought": "thought {n}"}]}, {"done": "end"}]);
    let emulator = start(Options {
        scenario: script(steps),
        ..quick()
    })
    .await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    (emulator, client, session)
}

async fn finished() -> (Emulator, Client, String) {
    let (emulator, client, session) = begin().await;
    client.task(&session, "go").await;
    client.until_execution(&session, "finished").await;
    (emulator, client, session)
}

#[tokio::test]
async fn a_status_replaces_the_answer_and_the_request_is_not_processed() {
    let (emulator, client, _) = begin().await;
    emulator.fail(fault(json!({"on": "create", "status": 429, "headers": {"Retry-After": "7"}, "body": {"detail": "Rate limit exceeded"}}))).unwrap();
    let answer = client.post("/sessions", json!({})).await;
    assert_eq!(
        (answer.status, answer.detail()),
        (429, json!("Rate limit exceeded"))
    );
    assert_eq!(answer.headers["retry-after"], "7");
    assert_eq!(emulator.session_count(), 1);
    assert_eq!(client.post("/sessions", json!({})).await.status, 200);

    emulator
        .fail(fault(
            json!({"on": "*", "times": 0, "status": 500, "body": "plain text"}),
        ))
        .unwrap();
    let answer = client.get("/models").await;
    assert_eq!((answer.status, answer.text.as_str()), (500, "plain text"));
    emulator.clear_faults();
    assert_eq!(client.get("/models").await.status, 200);
    emulator
        .fail(fault(json!({"on": "delete", "status": 500})))
        .unwrap();
    assert_eq!(
        client.delete("/sessions/x").await.detail(),
        "Internal error"
    );
}

#[tokio::test]
async fn after_processes_the_request_first() {
    let (emulator, client, _) = begin().await;
    emulator
        .fail(fault(json!({"on": "create", "status": 502, "after": true})))
        .unwrap();
    assert_eq!(client.post("/sessions", json!({})).await.status, 502);
    assert_eq!(emulator.session_count(), 2);
    emulator
        .fail(fault(json!({"on": "create", "reset": true, "after": true})))
        .unwrap();
    assert!(
        client
            .raw("POST", "/v1/sessions", Some("{}"))
            .await
            .is_err()
    );
    assert_eq!(emulator.session_count(), 3);
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let (emulator, client, _) = begin().await;
    emulator
        .fail(fault(json!({"on": "list", "reset": true})))
        .unwrap();
    assert_eq!(
        client
            .raw("GET", "/v1/sessions", None)
            .await
            .unwrap_err()
            .kind(),
        ErrorKind::ConnectionReset
    );
    let requests = emulator.requests();
    assert_eq!(requests.last().unwrap().status, None);
    assert_eq!(client.get("/sessions").await.status, 200);
}

#[tokio::test]
async fn a_hang_never_answers() {
    let (emulator, client, _) = begin().await;
    emulator
        .fail(fault(json!({"on": "list", "hang": true})))
        .unwrap();
    let waiting = tokio::spawn(async move { client.raw("GET", "/v1/sessions", None).await });
    eventually(|| async {
        emulator
            .requests()
            .iter()
            .any(|request| request.path == "/v1/sessions" && request.method == "GET")
            .then_some(())
    })
    .await;
    assert!(!waiting.is_finished());
    emulator.close().await;
    assert!(within(waiting).await.unwrap().is_err());
}

#[tokio::test]
async fn a_delay_is_a_delay() {
    let (emulator, client, _) = begin().await;
    emulator
        .fail(fault(json!({"on": "create", "delay": 0.2})))
        .unwrap();
    let begun = Instant::now();
    assert_eq!(client.post("/sessions", json!({})).await.status, 200);
    assert!(begun.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn a_fault_can_be_for_one_session_and_later() {
    let (emulator, client, session) = begin().await;
    let other = client.session(json!({})).await;
    emulator
        .fail(fault(
            json!({"on": "get", "session_id": session, "skip": 1, "times": 2, "status": 500}),
        ))
        .unwrap();
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(client.get(&format!("/sessions/{session}")).await.status);
        assert_eq!(client.get(&format!("/sessions/{other}")).await.status, 200);
    }
    assert_eq!(seen, [200, 500, 500, 200]);
}

#[tokio::test]
async fn streams_are_cut_closed_or_ended_after_so_many_events() {
    let (emulator, client, session) = finished().await;
    for (action, end) in [
        ("cut_after", End::Reset),
        ("close_after", End::Unfinished),
        ("end_after", End::Proper),
    ] {
        for count in [0, 1, 7] {
            emulator
                .fail(fault(json!({"on": "events", action: count})))
                .unwrap();
            let mut stream = client.stream(&session, "").await;
            let events = stream.all().await;
            assert_eq!(
                (events.len(), stream.end),
                (count, Some(end)),
                "{action} {count}"
            );
            assert_eq!(ids(&events), (2..2 + count as u64).collect::<Vec<_>>());
        }
    }
    assert_eq!(client.stream(&session, "").await.all().await.len(), 10);
}

#[tokio::test]
async fn heartbeats_do_not_count_and_live_streams_are_cut_too() {
    let steps = json!([{"thought": "one"}, {"question": "?"}, {"thought": "two"}]);
    let emulator = start(Options {
        heartbeat_interval: 0.01,
        scenario: script(steps),
        ..quick()
    })
    .await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    emulator
        .fail(fault(json!({"on": "events", "cut_after": 3})))
        .unwrap();
    let mut stream = client.stream(&session, "").await;
    stream.until("heartbeat").await;
    client.task(&session, "go").await;
    stream.until("question").await;
    stream.until("heartbeat").await;
    client.task(&session, "yes").await;
    stream.until("thought").await;
    assert_eq!(stream.all().await, []);
    assert_eq!(stream.end, Some(End::Reset));
}

#[tokio::test]
async fn every_connection_of_a_fault_is_struck() {
    let (emulator, client, session) = finished().await;
    emulator
        .fail(fault(json!({"on": "events", "times": 0, "cut_after": 7})))
        .unwrap();
    for _ in 0..5 {
        let mut stream = client.stream(&session, "").await;
        assert_eq!(
            (stream.all().await.len(), stream.end),
            (7, Some(End::Reset))
        );
    }
}

#[tokio::test]
async fn a_split_stream_is_the_same_in_pieces() {
    let (emulator, client, session) = finished().await;
    let whole = client.stream(&session, "").await.all().await;
    for size in [1, 3, 1000] {
        emulator
            .fail(fault(json!({"on": "events", "split": size})))
            .unwrap();
        let mut stream = client.stream(&session, "").await;
        assert_eq!(stream.all().await, whole, "{size}");
        assert!(stream.chunks.iter().all(|&chunk| chunk <= size));
        assert_eq!(stream.end, Some(End::Proper));
    }
}

#[tokio::test]
async fn events_are_repeated_left_out_or_without_an_id() {
    let (emulator, client, session) = finished().await;
    let read = |action: Value| {
        let (emulator, client, session) = (&emulator, client.clone(), session.clone());
        emulator.fail(fault(action)).unwrap();
        async move { client.stream(&session, "").await.all().await }
    };
    let twice = read(json!({"on": "events", "duplicate": true})).await;
    assert_eq!(
        ids(&twice),
        (2..12).flat_map(|id| [id, id]).collect::<Vec<_>>()
    );
    let without = read(json!({"on": "events", "omit_ids": true})).await;
    assert_eq!((without.len(), ids(&without)), (10, vec![]));
    assert_eq!(without[0].data["message_id"], 2);
    let gaps = read(json!({"on": "events", "drop_ids": [5, 9, 11]})).await;
    assert_eq!(ids(&gaps), [2, 3, 4, 6, 7, 8, 10]);
    let both = read(json!({"on": "events", "duplicate": true, "end_after": 3})).await;
    assert_eq!(ids(&both), [2, 2, 3]);
}

#[tokio::test]
async fn a_silent_stream_sends_nothing_at_all() {
    let steps = json!([{"thought": "one"}]);
    let emulator = start(Options {
        heartbeat_interval: 0.005,
        scenario: script(steps),
        ..quick()
    })
    .await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    client.task(&session, "go").await;
    emulator
        .fail(fault(json!({"on": "events", "silence": true})))
        .unwrap();
    let mut silent = client.stream(&session, "").await;
    let mut other = client.stream(&session, "?include_history=false").await;
    for _ in 0..5 {
        other.until("heartbeat").await;
    }
    emulator.close().await;
    assert_eq!(silent.all().await, []);
    assert_ne!(silent.end, Some(End::Proper));
}

#[tokio::test]
async fn a_stream_can_be_refused() {
    let (emulator, client, session) = finished().await;
    emulator
        .fail(fault(json!({"on": "events", "status": 503})))
        .unwrap();
    let refused = client.stream_with(&session, "", &[]).await.err().unwrap();
    assert_eq!(refused.status, 503);
}

#[tokio::test]
async fn a_fault_without_a_meaning_is_refused() {
    let (emulator, _, _) = begin().await;
    let error = emulator
        .fail(fault(json!({"on": "list", "cut_after": 3})))
        .unwrap_err();
    assert!(error.to_string().contains("\"on\": \"events\""), "{error}");
}

//! Faults of the WebSocket and of Raccoon's endpoints, as they show on the wire.

use crate::support::*;
use crate::turn_support::*;
use serde_json::{Value, json};
use sessionwire_emulator::{Emulator, Options};
use tokio_tungstenite::tungstenite::Message;

/// An emulator, a client, and a turn that has ended after 10 events.
async fn finished() -> (Emulator, Client, String) {
    let steps = json!([{"repeat": 8, "steps": [{"text": "text {n}"}]}]);
    let (emulator, client) = playing(steps, Options::default()).await;
    let message = client.turn(SESSION, "go").await;
    let frames = client.frames(SESSION, &message, "").await.0;
    assert_eq!(frames.len(), 11);
    (emulator, client, message)
}

/// The frames after a fault.
async fn with_fault(fault_: Value) -> Frames {
    let (emulator, client, message) = finished().await;
    emulator.fail(fault(fault_)).unwrap();
    let met = client.frames(SESSION, &message, "").await;
    let (frames, end) = client.frames(SESSION, &message, "").await;
    assert_eq!(
        (frames.len(), end),
        (11, Ended::Closed(1000, String::new())),
        "it acts once"
    );
    met
}

#[tokio::test]
async fn sockets_are_cut_closed_or_ended_after_so_many_events() {
    for (action, end) in [
        ("cut_after", Ended::Reset),
        ("close_after", Ended::Unfinished),
        ("end_after", Ended::Closed(1000, String::new())),
    ] {
        for count in [0, 1, 7] {
            let (frames, ended) = with_fault(json!({"on": "socket", action: count})).await;
            assert_eq!(
                event_ids(&frames),
                (1..=count).collect::<Vec<_>>(),
                "{action} {count}"
            );
            assert_eq!(ended, end, "{action} {count}");
        }
    }
}

#[tokio::test]
async fn a_socket_ends_with_the_code_and_reason_of_the_fault() {
    for code in [1001, 1008, 1011, 1012, 1013, 4404] {
        let fault =
            json!({"on": "socket", "end_after": 2, "close_code": code, "close_reason": "Not now"});
        let (frames, ended) = with_fault(fault).await;
        assert_eq!(event_ids(&frames), [1, 2]);
        assert_eq!(ended, Ended::Closed(code, "Not now".to_owned()));
    }
}

#[tokio::test]
async fn a_socket_is_cut_after_so_many_bytes() {
    let (frames, ended) = with_fault(json!({"on": "socket", "cut_after_bytes": 0})).await;
    assert_eq!((frames.len(), ended), (0, Ended::Reset));
    let mut seen = Vec::new();
    for bytes in [1, 40, 300, 700] {
        let (frames, ended) = with_fault(json!({"on": "socket", "cut_after_bytes": bytes})).await;
        assert_eq!(ended, Ended::Reset, "{bytes}");
        seen.push(frames.len());
    }
    assert!(
        seen.is_sorted() && seen[0] == 0 && (2..11).contains(&seen[3]),
        "{seen:?}"
    );
}

#[tokio::test]
async fn bytes_and_fragments_do_not_change_what_is_read() {
    for fault in [
        json!({"on": "socket", "split": 1}),
        json!({"on": "socket", "split": 500, "split_delay": 0.001}),
        json!({"on": "socket", "fragment": 7}),
        json!({"on": "socket", "fragment": 1, "split": 3}),
    ] {
        let (frames, _) = with_fault(fault.clone()).await;
        assert_eq!(event_ids(&frames), (1..=10).collect::<Vec<_>>(), "{fault}");
    }
}

#[tokio::test]
async fn events_come_twice_without_ids_or_not_at_all() {
    let (frames, _) = with_fault(json!({"on": "socket", "duplicate": true, "drop_ids": [3]})).await;
    let expected = [1, 1, 2, 2, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10];
    assert_eq!(event_ids(&frames), expected);
    let (frames, _) = with_fault(json!({"on": "socket", "omit_ids": true})).await;
    assert_eq!(event_ids(&frames), Vec::<u64>::new());
    assert_eq!(kinds(&frames)[1..3], ["message.received", "text"]);
    assert!(
        frames
            .iter()
            .all(|frame| frame.get("stream_entry_id").is_none())
    );
}

#[tokio::test]
async fn there_may_be_garbage_and_no_ack() {
    let fault = json!({"on": "socket", "no_ack": true, "insert": "{not JSON", "insert_after": 1});
    let (frames, _) = with_fault(fault).await;
    assert_eq!(frames.len(), 11);
    assert_eq!(frames[0]["event_id"], 1);
    assert_eq!(frames[1], json!({"unreadable": "{not JSON"}));
    assert_eq!(frames[2]["event_id"], 2);
}

#[tokio::test]
async fn events_may_come_as_binary_or_too_large() {
    let (emulator, client, message) = finished().await;
    emulator
        .fail(fault(json!({"on": "socket", "binary": true})))
        .unwrap();
    let mut socket = client.socket(SESSION, &message, "").await;
    assert!(matches!(socket.message().await, Ok(Message::Binary(_))));
    emulator
        .fail(fault(
            json!({"on": "socket", "insert_after": 2, "oversize": (16 << 20) + 1}),
        ))
        .unwrap();
    let mut socket = client.socket(SESSION, &message, "").await;
    for _ in 0..3 {
        assert!(socket.message().await.unwrap().len() < 1000);
    }
    assert_eq!(socket.message().await.unwrap().len(), (16 << 20) + 1);
    assert_eq!(socket.next().await.unwrap()["event_id"], 3);
}

#[tokio::test]
async fn a_silent_socket_says_nothing_and_a_deaf_one_hears_nothing() {
    let options = Options {
        ping_interval: 0.001,
        ..Options::default()
    };
    let (emulator, client) = playing(json!([{"wait_for_stop": true}]), options).await;
    let message = client.turn(SESSION, "go").await;
    emulator
        .fail(fault(json!({"on": "socket", "silence": true})))
        .unwrap();
    let mut silent = client.socket(SESSION, &message, "").await;
    assert!(silent.is_silent().await);
    emulator
        .fail(fault(json!({"on": "socket", "silence_after": 1})))
        .unwrap();
    let mut silent = client.socket(SESSION, &message, "").await;
    silent.until("message.received").await;
    assert!(silent.is_silent().await);
    emulator
        .fail(fault(json!({"on": "socket", "heartbeat_only": true})))
        .unwrap();
    let mut beating = client.socket(SESSION, &message, "").await;
    assert_eq!(beating.next().await.unwrap()["type"], "ack");
    beating.pings(3).await;
    emulator
        .fail(fault(json!({"on": "socket", "no_heartbeats": true})))
        .unwrap();
    let mut calm = client.socket(SESSION, &message, "").await;
    calm.until("message.received").await;
    assert!(calm.is_silent().await);
    emulator
        .fail(fault(json!({"on": "socket", "ignore_frames": true})))
        .unwrap();
    let mut deaf = client.socket(SESSION, &message, "").await;
    deaf.until("message.received").await;
    deaf.send(json!({"type": "stop"})).await;
    deaf.send(json!({"type": "message", "text": "hello"})).await;
    let mut hearing = client.socket(SESSION, &message, "").await;
    hearing.until("message.received").await;
    hearing
        .send_message(Message::binary(r#"{"type": "stop"}"#))
        .await;
    let (frames, _) = hearing.rest().await;
    assert_eq!(kinds(&frames), ["task.aborted"]);
}

#[tokio::test]
async fn the_limit_is_said_as_raccoon_says_it() {
    let (emulator, client, _) = finished().await;
    for on in ["upload", "list"] {
        emulator
            .fail(fault(json!({"on": on, "limit": 429, "retry_after": 3})))
            .unwrap();
    }
    let list = client.fetch("/sessions").await;
    let upload = client.raw("PUT", "/media/upload", None).await.unwrap();
    for answer in [list, upload] {
        assert_eq!(answer.status, 429);
        assert_eq!(answer.headers["x-rate-limit-retry-after"], "3");
    }
}

#[tokio::test]
async fn requests_and_handshakes_are_refused_on_demand() {
    let (emulator, client, message) = finished().await;
    let query = format!("token={}&message_id={message}", client.key());
    for status in [401, 404, 429, 503] {
        emulator
            .fail(fault(json!({"on": "socket", "status": status})))
            .unwrap();
        let refused = client.open_socket(SESSION, &query).await;
        assert_eq!(refused.err(), Some(status));
    }
    for (on, method, path) in [
        ("start_turn", "POST", "/sessions/new".to_owned()),
        ("list", "GET", "/sessions".to_owned()),
        ("get", "GET", format!("/sessions/{SESSION}")),
        ("rename", "PUT", format!("/sessions/{SESSION}/title")),
        ("delete", "DELETE", format!("/sessions/{SESSION}")),
        ("upload", "PUT", "/media/upload".to_owned()),
    ] {
        let headers = json!({"X-Rate-Limit-Retry-After": "7"});
        emulator
            .fail(fault(
                json!({"on": on, "status": 429, "headers": headers, "body": {"detail": "Slow down"}}),
            ))
            .unwrap();
        let answer = client.raw(method, &path, Some("{}")).await.unwrap();
        assert_eq!(
            (answer.status, answer.detail()),
            (429, json!("Slow down")),
            "{on}"
        );
        assert_eq!(answer.headers["x-rate-limit-retry-after"], "7");
        assert_eq!(answer.headers["x-rate-limit-max-concurrent"], "10");
    }
    emulator
        .fail(fault(
            json!({"on": "start_turn", "session_id": session_id(3), "status": 502, "after": true}),
        ))
        .unwrap();
    client.turn(&session_id(4), "go").await;
    let body = json!({"session_id": session_id(3), "prompt": "go"});
    let answer = client.send_json("POST", "/sessions/new", body).await;
    assert_eq!(answer.status, 502);
    client.turn_history(&session_id(3)).await;
}

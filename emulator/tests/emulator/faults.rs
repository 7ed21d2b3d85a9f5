//! Faults, as they show on the wire.

use crate::support::*;
use serde_json::{Value, json};
use sessionwire_emulator::{Emulator, Endpoint, Fault, Options};
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

/// What a stream brings with this fault.
async fn with_fault(emulator: &Emulator, client: &Client, session: &str, text: &str) -> Stream {
    emulator.fail(text.parse().unwrap()).unwrap();
    client.stream(session, "").await
}

#[tokio::test]
async fn limits_answer_as_the_service_does() {
    let (emulator, client, _) = begin().await;
    for (text, status, wait) in [
        ("create limit=429", 429, Some("1")),
        ("create limit=429 retry_after=60", 429, Some("60")),
        ("create limit=503", 503, None),
        ("create limit=503 retry_after=2", 503, Some("2")),
    ] {
        emulator.fail(fault(text)).unwrap();
        let answer = client.post("/sessions", json!({})).await;
        assert_eq!(
            (answer.status, answer.detail()),
            (status, json!("Rate limit exceeded"))
        );
        assert_eq!(
            answer.headers.get("retry-after").map(String::as_str),
            wait,
            "{text}"
        );
    }
    assert_eq!(emulator.session_count(), 1);
}

#[tokio::test]
async fn redirects_lead_elsewhere_or_round() {
    let (emulator, client, _) = begin().await;
    for (text, status, location) in [
        ("list redirect=/v1/models", 307, "/v1/models"),
        (
            "list redirect=http://other.example{path} status=302",
            302,
            "http://other.example/v1/sessions?a=b",
        ),
        ("list redirect={path} times=3", 307, "/v1/sessions?a=b"),
    ] {
        emulator.fail(fault(text)).unwrap();
        let answer = client.get("/sessions?a=b").await;
        assert_eq!(
            (answer.status, answer.headers["location"].as_str()),
            (status, location)
        );
    }
    // A loop of three: the fourth answer is the real one.
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(client.get("/sessions?a=b").await.status);
    }
    assert_eq!(statuses, [307, 307, 200]);
}

#[tokio::test]
async fn a_deletion_can_fail() {
    let (emulator, client, session) = begin().await;
    let path = format!("/sessions/{session}");
    let success = json!({"success": true, "deleted": false, "message": "Session not found"});
    emulator.fail(fault("delete deleted=false")).unwrap();
    let answer = client.delete(&path).await;
    assert_eq!((answer.status, answer.json()), (200, success));
    emulator.fail(fault("delete status=500")).unwrap();
    assert_eq!(client.delete(&path).await.status, 500);
    emulator.fail(fault("delete_all deleted=true")).unwrap();
    assert_eq!(client.delete("/sessions").await.json()["deleted"], true);
    assert_eq!(emulator.session_count(), 1, "none of them deleted it");
    emulator.fail(fault("delete deleted=false after")).unwrap();
    assert_eq!(client.delete(&path).await.json()["deleted"], false);
    assert_eq!(emulator.session_count(), 0, "this one did");
}

#[tokio::test]
async fn a_status_can_lag_behind_a_message() {
    let steps = json!([{"question": "?"}, {"delay": 3600}]);
    let emulator = start(Options {
        scenario: script(steps),
        ..quick()
    })
    .await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    let status = |name: &'static str| {
        let (client, session) = (client.clone(), session.clone());
        async move {
            client
                .get(&format!("/sessions/{session}/{name}"))
                .await
                .json()["status"]
                .clone()
        }
    };
    emulator.fail(fault("message late_status=3")).unwrap();
    client.task(&session, "go").await;
    assert_eq!(
        [
            status("status").await,
            status("messages").await,
            status("status").await
        ],
        ["finished"; 3]
    );
    client.until_execution(&session, "waiting_for_input").await;
    emulator.fail(fault("message late_status=2")).unwrap();
    client.task(&session, "an answer").await;
    let seen = [
        status("messages").await,
        status("status").await,
        status("status").await,
    ];
    assert_eq!(seen, ["waiting_for_input", "waiting_for_input", "running"]);
}

#[tokio::test]
async fn an_answer_comes_in_pieces_and_slowly() {
    let (emulator, client, session) = begin().await;
    let path = format!("/sessions/{session}");
    let whole = client.get(&path).await.text;
    emulator
        .fail(fault("get split=50 split_delay=0.02"))
        .unwrap();
    let begun = Instant::now();
    let answer = client.get(&path).await;
    assert_eq!(
        (
            answer.text.as_str(),
            answer.headers["content-length"].as_str()
        ),
        (whole.as_str(), whole.len().to_string().as_str())
    );
    let pieces = u32::try_from(whole.len().div_ceil(50)).unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(20) * (pieces - 1));
    // Also an answer that a fault gives.
    emulator
        .fail(fault("get split=1 status=503 body=busy"))
        .unwrap();
    let answer = client.get(&path).await;
    assert_eq!((answer.status, answer.text.as_str()), (503, "busy"));
}

#[tokio::test]
async fn an_answer_breaks_off_in_its_body() {
    let (emulator, client, session) = begin().await;
    let path = format!("/v1/sessions/{session}");
    let whole = client.raw("GET", &path, None).await.unwrap().text;
    emulator.fail(fault("get cut_after_bytes=10")).unwrap();
    let error = client.raw("GET", &path, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    emulator.fail(fault("get close_after_bytes=10")).unwrap();
    let answer = client.raw("GET", &path, None).await.unwrap();
    assert_eq!(answer.text, whole[..10]);
    assert_eq!(
        answer.headers["content-length"],
        whole.len().to_string(),
        "more was announced"
    );
    emulator.fail(fault("get end_after_bytes=10")).unwrap();
    let answer = client.raw("GET", &path, None).await.unwrap();
    assert_eq!(
        (
            answer.text.as_str(),
            answer.headers["content-length"].as_str()
        ),
        (&whole[..10], "10")
    );
}

#[tokio::test]
async fn a_stream_breaks_off_inside_an_event() {
    let (emulator, client, session) = finished().await;
    let first = "id: 2\nevent: thought\ndata: {\"text\":\"thought 1\",\"message_id\":2}\n\n".len();
    for (action, end) in [
        ("cut", End::Reset),
        ("close", End::Unfinished),
        ("end", End::Proper),
    ] {
        for more in [0, 5] {
            let text = format!("events {action}_after_bytes={}", first + more);
            let mut stream = with_fault(&emulator, &client, &session, &text).await;
            assert_eq!(
                (ids(&stream.all().await), stream.end),
                (vec![2], Some(end)),
                "{text}"
            );
            assert_eq!(stream.chunks.iter().sum::<usize>(), first + more, "{text}");
        }
    }
    // In pieces, it comes to the same.
    let text = format!("events split=7 close_after_bytes={}", first + 5);
    let mut stream = with_fault(&emulator, &client, &session, &text).await;
    assert_eq!(
        (ids(&stream.all().await), stream.end),
        (vec![2], Some(End::Unfinished))
    );
    assert!(stream.chunks.iter().all(|&size| size <= 7));
}

#[tokio::test]
async fn a_split_stream_can_be_slow_and_cut() {
    let (emulator, client, session) = finished().await;
    let begun = Instant::now();
    let text = "events split=40 split_delay=0.002 cut_after=3";
    let mut stream = with_fault(&emulator, &client, &session, text).await;
    assert_eq!(
        (ids(&stream.all().await), stream.end),
        (vec![2, 3, 4], Some(End::Reset))
    );
    assert!(
        begun.elapsed()
            >= Duration::from_millis(2) * u32::try_from(stream.chunks.len() - 1).unwrap()
    );
}

#[tokio::test]
async fn events_come_out_of_order() {
    let (emulator, client, session) = finished().await;
    for (group, order) in [
        (2, vec![3, 2, 5, 4, 7, 6, 9, 8, 10, 11]),
        (4, vec![5, 4, 3, 2, 9, 8, 7, 6, 10, 11]),
    ] {
        let mut stream = with_fault(
            &emulator,
            &client,
            &session,
            &format!("events reorder={group}"),
        )
        .await;
        assert_eq!(
            (ids(&stream.all().await), stream.end),
            (order, Some(End::Proper))
        );
    }
    let mut stream = with_fault(&emulator, &client, &session, "events reorder=3 cut_after=4").await;
    assert_eq!(
        (ids(&stream.all().await), stream.end),
        (vec![4, 3, 2, 7], Some(End::Reset))
    );
}

#[tokio::test]
async fn what_is_held_back_comes_before_a_question_and_with_a_heartbeat() {
    let steps = json!([{"thought": "a"}, {"thought": "b"}, {"thought": "c"}, {"question": "?"}, {"thought": "d"}, {"question": "?"}, {"log": "e"}, {"delay": 3600}]);
    let emulator = start(Options {
        heartbeat_interval: 0.02,
        scenario: script(steps),
        ..quick()
    })
    .await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    let mut stream = with_fault(&emulator, &client, &session, "events reorder=2").await;
    client.task(&session, "go").await;
    let mut order = Vec::new();
    for answer in [5, 8] {
        loop {
            let event = stream.next().await.unwrap();
            order.extend(event.id);
            if event.id == Some(answer) {
                break;
            }
        }
        client.task(&session, "yes").await;
    }
    assert_eq!(order, [3, 2, 4, 5, 7, 8]);
    assert_eq!(
        stream.until("log").await.id,
        Some(10),
        "a heartbeat brings it"
    );
}

#[tokio::test]
async fn a_stream_falls_silent_after_so_many_events() {
    let steps = json!([{"thought": "one"}, {"thought": "two"}, {"done": "end"}]);
    let emulator = start(Options {
        heartbeat_interval: 0.005,
        scenario: script(steps),
        ..quick()
    })
    .await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    client.task(&session, "go").await;
    client.until_execution(&session, "finished").await;
    let mut silent = with_fault(&emulator, &client, &session, "events silence_after=2").await;
    let mut other = client.stream(&session, "?include_history=false").await;
    assert_eq!(
        ids(&[silent.next().await.unwrap(), silent.next().await.unwrap()]),
        [2, 3]
    );
    for _ in 0..5 {
        other.until("heartbeat").await;
    }
    emulator.close().await;
    assert_eq!(silent.all().await, []);
    assert_ne!(silent.end, Some(End::Proper));
}

#[tokio::test]
async fn heartbeats_alone_or_none_at_all() {
    let steps = json!([{"thought": "one"}, {"question": "?"}]);
    let emulator = start(Options {
        heartbeat_interval: 0.005,
        scenario: script(steps),
        ..quick()
    })
    .await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    client.task(&session, "go").await;
    client.until_execution(&session, "waiting_for_input").await;
    let mut beats = with_fault(&emulator, &client, &session, "events heartbeat_only").await;
    let mut quiet = with_fault(&emulator, &client, &session, "events no_heartbeats").await;
    assert_eq!(
        names(&[quiet.next().await.unwrap(), quiet.next().await.unwrap()]),
        ["thought", "question"]
    );
    for _ in 0..5 {
        assert_eq!(beats.next().await.unwrap().name, "heartbeat");
    }
    client.task(&session, "yes").await;
    assert_eq!(
        names(&quiet.all().await),
        ["done"],
        "it was as quiet in between"
    );
    // The end of the task is none for the other stream.
    for _ in 0..5 {
        assert_eq!(beats.next().await.unwrap().name, "heartbeat");
    }
    client.delete(&format!("/sessions/{session}")).await;
    assert!(
        beats
            .all()
            .await
            .iter()
            .all(|event| event.name == "heartbeat")
    );
    assert_eq!(beats.end, Some(End::Proper));
}

#[tokio::test]
async fn an_old_end_is_replayed_first() {
    for (query, text, order) in [
        (
            "",
            "events replay_done",
            vec![Some(2), Some(2), Some(4), Some(6)],
        ),
        (
            "?include_history=false",
            "events replay_done",
            vec![Some(2), Some(6)],
        ),
        (
            "?include_history=false",
            "events replay_done omit_ids",
            vec![None, None],
        ),
    ] {
        let emulator = start(quick()).await;
        emulator.scenario(scenario(json!([
            {"once": true, "steps": [{"done": "old"}]}, {"steps": [{"question": "?"}, {"done": "new"}]}])));
        let client = Client::new(&emulator);
        let session = client.session(json!({})).await;
        for (task, status) in [("one", "finished"), ("two", "waiting_for_input")] {
            client.task(&session, task).await;
            client.until_execution(&session, status).await;
        }
        emulator.fail(fault(text)).unwrap();
        let mut stream = client.stream(&session, query).await;
        let mut events = vec![stream.next().await.unwrap()];
        assert_eq!(
            (events[0].name.as_str(), &events[0].data["text"]),
            ("done", &json!("old"))
        );
        client.task(&session, "yes").await;
        events.extend(stream.all().await);
        assert_eq!(
            events.iter().map(|event| event.id).collect::<Vec<_>>(),
            order,
            "{text}"
        );
        assert_eq!(events.last().unwrap().data["text"], "new");
    }
}

#[tokio::test]
async fn any_text_can_stand_between_the_events() {
    let (emulator, client, session) = finished().await;
    for text in [
        r#"events insert="event: thought\ndata: this is no JSON\n\n""#,
        r#"events insert="id: 3\nevent: nobody-knows-this\ndata: {}\n\n" insert_after=2"#,
        r#"events insert=": a comment\nretry: 5\n\n" insert_after=10"#,
    ] {
        let wanted = text.parse::<Fault>().unwrap();
        let (inserted, place) = (
            wanted.insert.clone().unwrap(),
            wanted.insert_after.unwrap_or(0),
        );
        emulator.fail(wanted).unwrap();
        let mut stream = client.stream(&session, "").await;
        let mut blocks = Vec::new();
        while let Some(block) = stream.block().await {
            blocks.push(block);
        }
        assert_eq!(blocks.len(), 11, "{text}");
        assert_eq!(blocks[usize::try_from(place).unwrap()], inserted);
    }
    // An event that is not finished.
    let text = r#"events insert="id: 9\nevent: tho" cut_after=2 insert_after=2"#;
    let mut stream = with_fault(&emulator, &client, &session, text).await;
    assert_eq!(
        (ids(&stream.all().await), stream.end),
        (vec![2, 3], Some(End::Reset))
    );
    assert_eq!(stream.rest(), "id: 9\nevent: tho");
}

#[tokio::test]
async fn an_event_can_be_as_large_as_one_likes() {
    let (emulator, client, session) = finished().await;
    let mut stream = with_fault(
        &emulator,
        &client,
        &session,
        "events oversize=1000000 insert_after=1",
    )
    .await;
    assert_eq!(stream.next().await.unwrap().id, Some(2));
    let large = stream.block().await.unwrap();
    assert_eq!(large.len(), 1_000_000);
    assert!(
        large.starts_with("event: log\ndata: {\"text\":\"xxx"),
        "{}",
        &large[..50]
    );
    assert_eq!(stream.all().await.len(), 9);
}

#[tokio::test]
async fn faults_wait_from_the_start_and_can_be_listed() {
    let texts = ["list status=500 times=2", "* hang skip=9"];
    let options = json!({"faults": [texts[0], {"on": "*", "hang": true, "skip": 9}]});
    let emulator = start(serde_json::from_value(options).unwrap()).await;
    let left = || {
        emulator
            .faults()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(left(), texts);
    assert_eq!(Client::new(&emulator).get("/sessions").await.status, 500);
    assert_eq!(left(), ["list status=500", "* hang skip=9"]);
    emulator.clear_faults();
    assert_eq!(left(), Vec::<String>::new());
    let options = serde_json::from_value(json!({"faults": ["list cut_after=1"]})).unwrap();
    let error = Emulator::start(options).await.unwrap_err().to_string();
    assert!(
        error.starts_with("the fault `list cut_after=1` cannot be used: "),
        "{error}"
    );
}

/// The shared table of faults.
fn shared() -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/contract/scenarios/faults.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[tokio::test]
async fn both_forms_of_the_shared_faults_are_the_same() {
    let emulator = start(quick()).await;
    for case in shared()["cases"].as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        for form in [&case["text"], &case["fault"]] {
            emulator.fail(fault(form.clone())).unwrap();
            let left = emulator.faults();
            assert_eq!(left.len(), 1);
            assert_eq!(left[0].to_string(), text);
            assert_eq!(
                serde_json::to_value(&left[0]).unwrap(),
                case["fault"],
                "{text}"
            );
            emulator.clear_faults();
        }
    }
    for case in shared()["refused"].as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        let refused = text.parse::<Fault>().and_then(|fault| fault.validate());
        let (error, wanted) = (
            refused.unwrap_err().to_string(),
            case["error"].as_str().unwrap(),
        );
        assert!(error.contains(wanted), "{text}: {error}");
    }
}

#[test]
fn every_part_of_a_fault_is_in_the_shared_table_and_in_the_manual() {
    let error = "list no_such_name"
        .parse::<Fault>()
        .unwrap_err()
        .to_string();
    let names: Vec<&str> = error.split('`').skip(3).step_by(2).collect();
    assert!(
        names.len() > 30 && names.contains(&"insert_after"),
        "{error}"
    );
    let manual = include_str!("../../README.md")
        .split("## Faults")
        .nth(1)
        .unwrap();
    let table = shared();
    for name in names {
        let cases = table["cases"].as_array().unwrap();
        assert!(
            cases.iter().any(|case| case["fault"].get(name).is_some()),
            "{name}"
        );
        let told = [format!("`{name}`"), format!("`{name}: ")];
        assert!(
            told.iter().any(|text| manual.contains(text)),
            "{name} is not in the README"
        );
    }
    for endpoint in Endpoint::all() {
        let text = format!("{} hang", endpoint.name());
        let fault: Fault = text.parse().unwrap();
        assert_eq!((fault.on, fault.to_string()), (endpoint, text));
        assert!(manual.contains(&format!("`{}`", endpoint.name())));
        assert!(endpoint.requests().all(|request| manual.contains(&request)));
    }
}

#[tokio::test]
async fn values_of_a_real_answer_are_set_and_latency_adds_to_other_faults() {
    let (emulator, client, session) = finished().await;
    let fail = |text: &str| emulator.fail(text.parse().unwrap()).unwrap();
    fail(r#"messages set={"status":"running","messages[type=DONE].content":"other"}"#);
    let answer = client
        .get(&format!("/sessions/{session}/messages"))
        .await
        .json();
    assert_eq!(answer["status"], "running");
    let done = answer["messages"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&done["type"], &done["content"]),
        (&json!("DONE"), &json!("other"))
    );
    // The rest of it is the real one, and so is the next answer.
    assert_eq!(answer["messages"][1]["content"], "thought 1");
    let answer = client
        .get(&format!("/sessions/{session}/messages"))
        .await
        .json();
    assert_eq!(answer["status"], "finished");

    fail("* latency=0.05 times=2");
    fail("list status=500 delay=0.05");
    for (status, least) in [(500, 100), (200, 50), (200, 0)] {
        let begin = Instant::now();
        assert_eq!(client.get("/sessions").await.status, status);
        assert!(begin.elapsed() >= Duration::from_millis(least), "{status}");
    }
    assert!(emulator.faults().is_empty());
}

#[tokio::test]
async fn a_task_a_header_and_a_key_choose_who_is_struck() {
    let (emulator, client, session) = begin().await;
    let fail = |text: &str| emulator.fail(text.parse().unwrap()).unwrap();
    fail("message status=503 task=mug times=0");
    let other = client.session(json!({})).await;
    let say = async |session: &str, text: &str| {
        let path = format!("/sessions/{session}/message");
        client.post(&path, json!({"message": text})).await.status
    };
    assert_eq!(say(&session, "Buy a mug").await, 503);
    assert_eq!(say(&other, "Buy a cup").await, 200);
    emulator.clear_faults();
    assert_eq!(say(&session, "Buy a mug").await, 200);
    client.until_execution(&session, "finished").await;
    // Of a session whose task it is, too.
    fail("status status=503 task=mug times=0");
    let status = async |session: &str| {
        client
            .get(&format!("/sessions/{session}/status"))
            .await
            .status
    };
    assert_eq!((status(&session).await, status(&other).await), (503, 200));
    emulator.clear_faults();

    fail("list status=503 key=another times=0");
    assert_eq!(client.get("/sessions").await.status, 200);
    let another = Client::with_key(&emulator, "another");
    assert_eq!(another.get("/sessions").await.status, 503);
}

#[tokio::test]
async fn an_outage_ends_by_itself_and_a_limit_says_how_long_to_wait() {
    let (emulator, client, _) = begin().await;
    let fail = |text: &str| emulator.fail(text.parse().unwrap()).unwrap();
    fail("list status=503 lasts=0.2");
    assert_eq!(client.get("/sessions").await.status, 503);
    eventually(async || (client.get("/sessions").await.status == 200).then_some(())).await;
    assert!(emulator.faults().is_empty());

    fail("list per_minute=2");
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(client.get("/sessions").await);
    }
    let found: Vec<_> = statuses.iter().map(|answer| answer.status).collect();
    assert_eq!(found, [200, 200, 429, 429]);
    let wait: u64 = statuses[2].headers["retry-after"].parse().unwrap();
    assert!((50..=60).contains(&wait), "{wait}");
}

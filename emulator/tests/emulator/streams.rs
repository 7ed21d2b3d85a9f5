//! The rules of the event stream.

use crate::support::*;
use serde_json::{Value, json};
use sessionwire_emulator::{Emulator, Options};

/// Tasks that contain "wait" stay open at a question, all others end at once.
fn two_kinds() -> Option<sessionwire_emulator::Scenario> {
    Some(scenario(json!([
        {"match": "wait", "steps": [{"thought": "{task}"}, {"question": "Go on?"}, {"done": "{task} {answer}"}]},
        {"match": "fail", "steps": [{"error": "it broke", "status_code": 502}]},
        {"steps": [{"thought": "{task}"}, {"done": "{task} done"}]}])))
}

async fn begin(options: Options) -> (Emulator, Client, String) {
    let emulator = start(options).await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    (emulator, client, session)
}

async fn with_two_kinds() -> (Emulator, Client, String) {
    begin(Options {
        scenario: two_kinds(),
        ..quick()
    })
    .await
}

#[tokio::test]
async fn the_head_and_the_frames_are_as_documented() {
    let (_emulator, client, session) = with_two_kinds().await;
    client.task(&session, "a").await;
    let mut stream = client.stream(&session, "").await;
    assert!(stream.headers["content-type"].starts_with("text/event-stream"));
    assert_eq!(stream.headers["cache-control"], "no-cache");
    assert_eq!(stream.headers["x-accel-buffering"], "no");
    assert_eq!(stream.headers["transfer-encoding"], "chunked");
    assert_eq!(
        stream.block().await.unwrap(),
        "id: 2\nevent: thought\ndata: {\"text\":\"a\",\"message_id\":2}\n\n"
    );
    assert_eq!(
        stream.block().await.unwrap(),
        "id: 3\nevent: done\ndata: {\"text\":\"a done\",\"result\":\"a done\",\"message_id\":3}\n\n"
    );
    assert_eq!(stream.block().await, None);
    assert_eq!(stream.end, Some(End::Proper));
    assert_eq!(stream.chunks.len(), 2, "one event is one chunk");
}

#[tokio::test]
async fn a_stream_opened_before_the_task_stays_open_until_it_ends() {
    let (emulator, client, session) = with_two_kinds().await;
    let mut stream = client.stream(&session, "").await;
    assert_eq!(emulator.open_streams(), 1);
    client.task(&session, "wait").await;
    stream.until("question").await;
    client.task(&session, "yes").await;
    assert_eq!(names(&stream.all().await), ["done"]);
    eventually(|| async { (emulator.open_streams() == 0).then_some(()) }).await;
}

#[tokio::test]
async fn a_finished_session_is_replayed_and_closed() {
    let (_emulator, client, session) = with_two_kinds().await;
    for text in ["one", "two", "fail"] {
        client.task(&session, text).await;
        eventually(|| async { (client.statuses(&session).await.1 != "running").then_some(()) })
            .await;
    }
    let mut stream = client.stream(&session, "").await;
    let events = stream.all().await;
    assert_eq!(
        names(&events),
        ["thought", "done", "thought", "done", "error"]
    );
    assert_eq!(ids(&events), [2, 3, 5, 6, 8]);
    assert_eq!(
        events[4].data,
        json!({"error": "it broke", "status_code": 502})
    );
    assert_eq!(stream.end, Some(End::Proper));
}

#[tokio::test]
async fn a_replayed_end_does_not_close_while_a_later_task_runs() {
    let (_emulator, client, session) = with_two_kinds().await;
    client.task(&session, "one").await;
    client.until_execution(&session, "finished").await;
    client.task(&session, "wait").await;
    client.until_execution(&session, "waiting_for_input").await;
    let mut stream = client.stream(&session, "").await;
    for name in ["thought", "done", "thought", "question"] {
        assert_eq!(stream.next().await.unwrap().name, name);
    }
    client.task(&session, "yes").await;
    let rest = stream.all().await;
    assert_eq!((names(&rest), ids(&rest)), (vec!["done"], vec![8]));
}

#[tokio::test]
async fn without_history_only_new_events_come() {
    let (_emulator, client, session) = with_two_kinds().await;
    client.task(&session, "one").await;
    client.until_execution(&session, "finished").await;
    // Nothing runs: the stream waits for the next task.
    let mut stream = client.stream(&session, "?include_history=False").await;
    client.task(&session, "two").await;
    assert_eq!(ids(&stream.all().await), [5, 6]);
}

#[tokio::test]
async fn filters_choose_events_and_still_close() {
    let (_emulator, client, session) = with_two_kinds().await;
    client.task(&session, "wait").await;
    client.until_execution(&session, "waiting_for_input").await;
    let mut questions = client
        .stream(&session, "?event_types=question,%20nonsense")
        .await;
    let mut nothing = client.stream(&session, "?event_types=step").await;
    let mut all = client.stream(&session, "?event_types=").await;
    client.task(&session, "yes").await;
    assert_eq!(names(&questions.all().await), ["question"]);
    assert_eq!(names(&nothing.all().await), Vec::<&str>::new());
    assert_eq!(nothing.end, Some(End::Proper));
    assert_eq!(names(&all.all().await), ["thought", "question", "done"]);
}

#[tokio::test]
async fn sanitize_hides_system_entries_in_both_places() {
    let (_emulator, client, session) = begin(quick()).await;
    client.task(&session, "Count these words").await;
    client.until_execution(&session, "finished").await;
    let clean = client.stream(&session, "").await.all().await;
    let full = client.stream(&session, "?sanitize=false").await.all().await;
    assert!(!names(&clean).contains(&"log"));
    assert_eq!(full.len(), clean.len() + 1);
    assert_eq!(names(&full)[0], "log");
    let messages = |query: &'static str| {
        let (client, path) = (
            client.clone(),
            format!("/sessions/{session}/messages{query}"),
        );
        async move {
            client.get(&path).await.json()["messages"]
                .as_array()
                .unwrap()
                .clone()
        }
    };
    let (clean, full) = (messages("").await, messages("?sanitize=false").await);
    assert!(clean.iter().all(|message| message["type"] != "LOG"));
    let system: Vec<&Value> = full
        .iter()
        .filter(|message| message["metadata"]["origin"] == "system")
        .collect();
    assert_eq!(system.len(), 1);
}

#[tokio::test]
async fn heartbeats_keep_an_idle_stream_alive() {
    let (_emulator, client, session) = begin(Options {
        heartbeat_interval: 0.02,
        ..quick()
    })
    .await;
    let mut stream = client.stream(&session, "").await;
    for _ in 0..3 {
        let event = stream.next().await.unwrap();
        assert_eq!((event.name.as_str(), event.id), ("heartbeat", None));
        assert!(event.data["timestamp"].as_str().unwrap().ends_with('Z'));
    }
    let mut only = client.stream(&session, "?event_types=heartbeat").await;
    assert_eq!(only.next().await.unwrap().name, "heartbeat");
    let mut filtered = client.stream(&session, "?event_types=done").await;
    assert_eq!(filtered.block().await.unwrap(), ": keep-alive\n\n");
}

#[tokio::test]
async fn a_cancel_says_so_and_closes() {
    let (_emulator, client, session) = with_two_kinds().await;
    client.task(&session, "wait").await;
    let mut stream = client.stream(&session, "").await;
    stream.until("question").await;
    client.command(&format!("/sessions/{session}/cancel")).await;
    assert_eq!(names(&stream.all().await), ["log"]);
    assert_eq!(stream.end, Some(End::Proper));
    // A later stream replays it and closes as well.
    assert_eq!(
        names(&client.stream(&session, "").await.all().await),
        ["thought", "question", "log"]
    );
}

#[tokio::test]
async fn a_delete_closes_streams() {
    let (emulator, client, session) = with_two_kinds().await;
    client.task(&session, "wait").await;
    let mut busy = client.stream(&session, "").await;
    busy.until("question").await;
    let other = client.session(json!({})).await;
    let mut idle = client.stream(&other, "").await;
    assert_eq!(client.delete("/sessions").await.json()["deleted"], true);
    assert_eq!(names(&busy.all().await), Vec::<&str>::new());
    assert_eq!(names(&idle.all().await), Vec::<&str>::new());
    assert_eq!((busy.end, idle.end), (Some(End::Proper), Some(End::Proper)));
    eventually(|| async { (emulator.open_streams() == 0).then_some(()) }).await;
}

#[tokio::test]
async fn pauses_are_live_events_without_an_id() {
    let (_emulator, client, session) = with_two_kinds().await;
    client.task(&session, "wait").await;
    let mut stream = client.stream(&session, "").await;
    stream.until("question").await;
    client.command(&format!("/sessions/{session}/pause")).await;
    client.command(&format!("/sessions/{session}/resume")).await;
    for name in ["paused", "resumed"] {
        let event = stream.next().await.unwrap();
        assert_eq!((event.name.as_str(), event.id), (name, None));
        assert!(event.data["timestamp"].is_string());
    }
    client.task(&session, "yes").await;
    stream.until("done").await;
    assert_eq!(
        names(&client.stream(&session, "").await.all().await),
        ["thought", "question", "done"]
    );
}

#[tokio::test]
async fn steps_have_ids_and_are_replayed() {
    let steps = json!([{"step": "Click", "url": "http://h/", "action": "click"}, {"done": {"summary": "s"}}]);
    let (_emulator, client, session) = begin(Options {
        scenario: script(steps),
        ..quick()
    })
    .await;
    client.task(&session, "go").await;
    client.until_execution(&session, "finished").await;
    let events = client.stream(&session, "").await.all().await;
    assert_eq!(
        events[0].data,
        json!({"text": "Click", "url": "http://h/", "action": "click", "message_id": 2})
    );
    assert_eq!((events[0].id, &events[0].name[..]), (Some(2), "step"));
    assert_eq!(
        events[1].data,
        json!({"text": "s", "result": {"summary": "s"}, "message_id": 3})
    );
}

#[tokio::test]
async fn last_event_id_is_honoured_only_on_request() {
    for (honour, expected) in [(false, vec![2, 3]), (true, vec![3])] {
        let (_emulator, client, session) = begin(Options {
            honour_last_event_id: honour,
            scenario: two_kinds(),
            ..quick()
        })
        .await;
        client.task(&session, "one").await;
        client.until_execution(&session, "finished").await;
        let mut stream = client
            .stream_with(&session, "", &[("last-event-id", "2")])
            .await
            .ok()
            .unwrap();
        assert_eq!(ids(&stream.all().await), expected);
    }
}

#[tokio::test]
async fn history_and_live_events_meet_without_a_gap_or_a_repeat() {
    let steps = json!([{"repeat": 3000, "steps": [{"thought": "thought {n}"}]}, {"done": "end"}]);
    let (_emulator, client, session) = begin(Options {
        scenario: script(steps),
        ..quick()
    })
    .await;
    client.task(&session, "go").await;
    // Each stream starts at another moment of the task.
    let mut streams = Vec::new();
    for _ in 0..6 {
        streams.push(client.stream(&session, "").await);
    }
    for stream in &mut streams {
        let events = stream.all().await;
        assert_eq!(ids(&events), (2..=3002).collect::<Vec<_>>());
        assert_eq!(events[2999].data["text"], "thought 3000");
    }
}

#[tokio::test]
async fn a_slow_reader_is_held_back_by_the_socket() {
    let steps = json!([{"repeat": 200_000, "steps": [{"thought": "thought {n} with a text of a usual length, so that it fills the buffers"}]}]);
    let (_emulator, client, session) = begin(Options {
        scenario: script(steps),
        ..quick()
    })
    .await;
    client.task(&session, "go").await;
    // It does not read while the whole flood is written...
    let mut slow = client.stream(&session, "").await;
    client.until_execution(&session, "finished").await;
    // ...and still gets every event, in order.
    let mut next = 2;
    while let Some(block) = slow.block().await {
        let id: u64 = block
            .strip_prefix("id: ")
            .unwrap()
            .split('\n')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(id, next);
        next += 1;
    }
    assert_eq!((next, slow.end), (200_003, Some(End::Proper)));
}

#[tokio::test]
async fn a_stream_that_the_reader_leaves_is_given_up() {
    let (emulator, client, session) = with_two_kinds().await;
    let stream = client.stream(&session, "").await;
    assert_eq!(emulator.open_streams(), 1);
    drop(stream);
    eventually(|| async { (emulator.open_streams() == 0).then_some(()) }).await;
}

#[tokio::test]
async fn every_event_has_its_documented_data() {
    let emulator = start(quick()).await;
    emulator.scenario(scenario(json!([
        {"match": "bad", "steps": [{"error": "It broke", "status_code": 504}]},
        {"match": "bare", "steps": [{"done": {"n": 1}}]},
        {"match": "list", "steps": [{"done": [1, 2]}]},
        {"match": "text", "steps": [{"done": "plain"}]},
        {"steps": [{"thought": "Hm"}, {"log": "noted"}, {"question": "Which?"}, {"done": {"summary": "It is {answer}"}}]}])));
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    client.task(&session, "go").await;
    client.until_execution(&session, "waiting_for_input").await;
    client.task(&session, "blue").await;
    client.until_execution(&session, "finished").await;
    for (text, status) in [
        ("bare", "finished"),
        ("list", "finished"),
        ("text", "finished"),
        ("bad", "error"),
    ] {
        client.task(&session, text).await;
        client.until_execution(&session, status).await;
    }
    let events = client.stream(&session, "").await.all().await;
    let seen: Vec<(&str, Option<u64>, &Value)> = events
        .iter()
        .map(|event| (event.name.as_str(), event.id, &event.data))
        .collect();
    assert_eq!(
        seen,
        [
            ("thought", Some(2), &json!({"text": "Hm", "message_id": 2})),
            ("log", Some(3), &json!({"text": "noted", "message_id": 3})),
            (
                "question",
                Some(4),
                &json!({"text": "Which?", "message_id": 4})
            ),
            (
                "done",
                Some(6),
                &json!({"text": "It is blue", "result": {"summary": "It is blue"}, "message_id": 6})
            ),
            (
                "done",
                Some(8),
                &json!({"text": "Task completed", "result": {"n": 1}, "message_id": 8})
            ),
            (
                "done",
                Some(10),
                &json!({"text": "Task completed", "result": [1, 2], "message_id": 10})
            ),
            (
                "done",
                Some(12),
                &json!({"text": "plain", "result": "plain", "message_id": 12})
            ),
            (
                "error",
                Some(14),
                &json!({"error": "It broke", "status_code": 504})
            ),
        ],
        "and no user events"
    );
}

#[tokio::test]
async fn a_refused_stream_is_plain_json() {
    let emulator = start(Options {
        barred_keys: vec!["barred".into()],
        ..quick()
    })
    .await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    let accept = [("accept", "text/event-stream")];
    let nobody = Client::with_authorization(&emulator, "");
    let barred = Client::with_key(&emulator, "barred");
    for (client, session, query, headers, status) in [
        (&nobody, session.as_str(), "", &accept, 401),
        (&barred, &session, "", &accept, 403),
        (&client, "nobody", "", &accept, 404),
        (&client, &session, "?sanitize=perhaps", &accept, 422),
        (
            &client,
            &session,
            "",
            &[("accept", "application/json")],
            406,
        ),
    ] {
        let refused = client
            .stream_with(session, query, headers)
            .await
            .err()
            .unwrap();
        assert_eq!(refused.status, status);
        assert_eq!(refused.headers["content-type"], "application/json");
        assert!(refused.json().get("detail").is_some());
    }
    assert_eq!(emulator.open_streams(), 0);
}

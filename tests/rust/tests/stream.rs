//! Event streams: filters, ends, limits and what they leave behind.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, SystemTime};

use serde_json::json;
use sessionwire::ErrorKind;
use sessionwire::agi::{Event, EventOptions, EventType, SendMessage, StartTask};
use sessionwire_tests::{
    all, build, client, client_with, count, emulator, emulator_with, fail, ids, long_task, script,
    session, until,
};

fn types(events: &[Event]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event.event_type().name())
        .collect()
}

#[tokio::test]
async fn only_the_wanted_types_come() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"thought": "a"}, {"step": "b"}, {"log": "c"}, {"done": "d"}]}]),
    );
    let client = client(&emulator);
    let session = session(&client).await;
    session.send_message(SendMessage::new("go")).await.unwrap();
    let only_steps = EventOptions::default().event_types(["step"]);
    let events = all(&mut session.events(only_steps).unwrap()).await;
    assert_eq!(types(&events), ["step"]);
    let everything = all(&mut session.events(EventOptions::default()).unwrap()).await;
    assert_eq!(types(&everything), ["thought", "step", "log", "done"]);
}

#[tokio::test]
async fn heartbeats_come_when_asked_for() {
    let emulator = emulator_with(json!({"heartbeat_interval": 0.02})).await;
    let client = client(&emulator);
    let session = session(&client).await;
    let options = EventOptions::default().event_types(["heartbeat"]);
    let mut events = session.events(options).unwrap();
    for _ in 0..3 {
        let event = events.next().await.unwrap().unwrap();
        assert_eq!((event.event_type().name(), event.id()), ("heartbeat", None));
    }
}

#[tokio::test]
async fn an_event_says_when_it_was_received_and_when_it_happened() {
    let emulator = emulator_with(json!({"heartbeat_interval": 0.02})).await;
    let client = client(&emulator);
    let session = session(&client).await;
    let options = EventOptions::default().event_types(["heartbeat"]);
    let mut events = session.events(options).unwrap();
    // An event has milliseconds, the clock more.
    let mut before = SystemTime::now() - Duration::from_millis(1);
    for _ in 0..2 {
        let event = events.next().await.unwrap().unwrap();
        let received = event.received_at().unwrap();
        assert!(before <= received && received <= SystemTime::now());
        before = received;
        let said = event.data()["timestamp"].as_str().unwrap().to_owned();
        let moment = sessionwire::meaning::moment(&said).unwrap();
        assert_eq!(event.timestamp(), Some(moment.milliseconds()));
    }
    let own = Event::new(EventType::Thought, Some(1), r#"{"timestamp": "soon"}"#);
    assert_eq!((own.received_at(), own.timestamp()), (None, None));
}

#[tokio::test]
async fn a_live_only_stream_skips_the_history() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([
            {"match": "old", "steps": [{"thought": "old"}, {"done": "old"}]},
            {"match": "new", "steps": [{"question": "go?"}, {"thought": "new"}, {"done": "new"}]},
        ]),
    );
    let client = client(&emulator);
    let session = session(&client).await;
    session
        .start_task(StartTask::new("old"))
        .await
        .unwrap()
        .result(None)
        .await
        .unwrap();
    let task = session.start_task(StartTask::new("new")).await.unwrap();
    task.result(None).await.unwrap_err();
    let options = EventOptions::default().include_history(false);
    fail(&emulator, json!({"on": "events", "cut_after": 1}));
    let mut events = session.events(options).unwrap();
    until("the live stream", || emulator.open_streams() == 2).await;
    task.answer("yes").await.unwrap();
    let texts: Vec<String> = all(&mut events).await.iter().map(Event::text).collect();
    assert_eq!(texts, ["new", "new"]);
}

#[tokio::test]
async fn g05_a_dropped_stream_frees_its_socket() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let session = session(&client).await;
    let events = session.events(EventOptions::default()).unwrap();
    until("the stream", || emulator.open_streams() == 1).await;
    drop(events);
    until("the end of the stream", || emulator.open_streams() == 0).await;
    script(&emulator, json!([{"steps": [{"question": "?"}]}]));
    let task = session.start_task(StartTask::new("ask")).await.unwrap();
    until("the task's stream", || emulator.open_streams() == 1).await;
    drop(task);
    until("the end of the task's stream", || {
        emulator.open_streams() == 0
    })
    .await;
}

#[tokio::test]
async fn a_wrong_key_and_a_missing_session_end_the_stream_at_once() {
    let emulator = emulator_with(json!({"api_keys": ["right-key"]})).await;
    let client = client(&emulator);
    let error = client
        .sessions()
        .attach("nope")
        .unwrap()
        .events(EventOptions::default())
        .unwrap()
        .next()
        .await;
    assert_eq!(error.unwrap().unwrap_err().kind(), ErrorKind::NotFound);
    let session = session(&client).await;
    let stranger = build(json!({"base_url": emulator.url(), "api_key": "wrong-key"})).unwrap();
    let attached = stranger.sessions().attach(session.id()).unwrap();
    let error = attached
        .events(EventOptions::default())
        .unwrap()
        .next()
        .await;
    assert_eq!(
        error.unwrap().unwrap_err().kind(),
        ErrorKind::Authentication
    );
    assert_eq!(count(&emulator, "GET", "/events"), 2);
}

#[tokio::test]
async fn a_session_deleted_elsewhere_ends_the_stream_with_a_reason() {
    let emulator = emulator().await;
    script(&emulator, json!([{"steps": [{"question": "?"}]}]));
    let client = client(&emulator);
    let session = session(&client).await;
    let mut events = session.events(EventOptions::default()).unwrap();
    session.send_message(SendMessage::new("ask")).await.unwrap();
    assert_eq!(events.next().await.unwrap().unwrap().text(), "?");
    session.delete().await.unwrap();
    let error = events.next().await.unwrap().unwrap_err();
    assert_eq!(
        (error.kind(), error.reason()),
        (ErrorKind::Stream, Some("session_gone"))
    );
    assert_eq!(error.last_event_id(), Some(2));
}

#[tokio::test]
async fn a_stream_that_cannot_be_opened_gives_up_with_the_cause() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let session = session(&client).await;
    fail(
        &emulator,
        json!({"on": "events", "status": 503, "times": 0}),
    );
    fail(
        &emulator,
        json!({"on": "messages", "status": 503, "headers": {"Retry-After": "0"}, "times": 0}),
    );
    let options = EventOptions::default().max_reconnects(1);
    let error = session
        .events(options)
        .unwrap()
        .next()
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InternalServer);
}

#[tokio::test]
async fn g01_any_splitting_of_the_bytes_gives_the_same_events() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"thought": "grüße — 你好"}, {"log": "two\nlines"}, {"done": {"a": [1, 2]}}]}]),
    );
    let client = client(&emulator);
    let session = session(&client).await;
    session.send_message(SendMessage::new("go")).await.unwrap();
    let whole = all(&mut session.events(EventOptions::default()).unwrap()).await;
    for size in [1, 2, 3, 7] {
        fail(&emulator, json!({"on": "events", "split": size}));
        let split = all(&mut session.events(EventOptions::default()).unwrap()).await;
        let raw = |events: &[Event]| {
            events
                .iter()
                .map(|event| event.raw().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(raw(&split), raw(&whole), "{size} bytes at a time");
    }
}

#[tokio::test]
async fn g01_events_without_ids_come_once() {
    let emulator = emulator().await;
    script(&emulator, long_task(20));
    fail(
        &emulator,
        json!({"on": "events", "omit_ids": true, "cut_after": 12}),
    );
    let client = client(&emulator);
    let session = session(&client).await;
    let task = session.start_task(StartTask::new("think")).await.unwrap();
    assert_eq!(
        ids(&all(&mut task.events()).await),
        (2..=22).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn g10_a_slow_reader_holds_the_server_back() {
    let emulator = emulator().await;
    script(&emulator, long_task(50_000));
    let client = client(&emulator);
    let session = session(&client).await;
    let task = session.start_task(StartTask::new("flood")).await.unwrap();
    until("a full queue", || task.queue().len() >= 4096).await;
    assert!(
        task.queue().len() < 10_000,
        "{} events wait",
        task.queue().len()
    );
    assert_eq!(all(&mut task.events()).await.len(), 50_001);
}

#[tokio::test]
async fn g01_a_gap_that_cannot_be_looked_up_at_once_loses_nothing() {
    let emulator = emulator().await;
    script(&emulator, long_task(30));
    fail(&emulator, json!({"on": "events", "cut_after": 10}));
    fail(&emulator, json!({"on": "events", "drop_ids": [20, 21]}));
    fail(
        &emulator,
        json!({"on": "messages", "status": 503, "times": 1}),
    );
    let client = client_with(&emulator, json!({"max_retries": 0}));
    let session = session(&client).await;
    let task = session.start_task(StartTask::new("think")).await.unwrap();
    assert_eq!(
        ids(&all(&mut task.events()).await),
        (2..=32).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn g01_a_clean_end_at_an_old_result_is_not_the_end() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([
            {"match": "old", "steps": [{"done": "old"}]},
            {"match": "new", "steps": [{"question": "?"}, {"done": "new"}]},
        ]),
    );
    let client = client(&emulator);
    let session = session(&client).await;
    session
        .start_task(StartTask::new("old"))
        .await
        .unwrap()
        .result(None)
        .await
        .unwrap();
    let task = session.start_task(StartTask::new("new")).await.unwrap();
    task.result(None).await.unwrap_err();
    // A proxy that ends the stream properly right after the first task's result.
    fail(&emulator, json!({"on": "events", "end_after": 1}));
    let mut events = session.events(EventOptions::default()).unwrap();
    assert_eq!(events.next().await.unwrap().unwrap().text(), "old");
    assert_eq!(events.next().await.unwrap().unwrap().text(), "?");
    task.answer("yes").await.unwrap();
    assert_eq!(all(&mut events).await.len(), 1);
}

#[tokio::test]
async fn g01_a_filtered_stream_fills_its_gaps_too() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"log": "a"}, {"thought": "b"}, {"log": "c"}, {"thought": "d"}, {"done": "e"}]}]),
    );
    let client = client(&emulator);
    let session = session(&client).await;
    fail(&emulator, json!({"on": "events", "cut_after": 1}));
    fail(&emulator, json!({"on": "events", "drop_ids": [4]}));
    session.send_message(SendMessage::new("go")).await.unwrap();
    let logs = EventOptions::default().event_types(["log"]);
    let events = all(&mut session.events(logs).unwrap()).await;
    assert_eq!(ids(&events), [2, 4]);
}

#[tokio::test]
async fn g01_steps_survive_constant_cuts() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"repeat": 20, "steps": [{"step": "click {n}"}]}, {"done": "x"}]}]),
    );
    fail(
        &emulator,
        json!({"on": "events", "cut_after": 3, "times": 0}),
    );
    let client = client(&emulator);
    let session = session(&client).await;
    let task = session.start_task(StartTask::new("click")).await.unwrap();
    assert_eq!(
        ids(&all(&mut task.events()).await),
        (2..=22).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn g04_without_a_stream_the_messages_serve() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"thought": "a"}, {"delay": 0.1}, {"step": "b"}, {"done": "c"}]}]),
    );
    fail(
        &emulator,
        json!({"on": "events", "status": 503, "times": 0}),
    );
    let client = client(&emulator);
    let session = session(&client).await;
    let mut start = StartTask::new("go");
    start.events = EventOptions::default()
        .max_reconnects(1)
        .poll_interval(Duration::from_millis(10));
    let task = session.start_task(start).await.unwrap();
    assert_eq!(ids(&all(&mut task.events()).await), [2, 3, 4]);
    assert_eq!(task.result(None).await.unwrap().text, "c");
}

#[tokio::test]
async fn g04_polling_goes_back_to_the_stream() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"thought": "a"}, {"question": "?"}, {"step": "b"}, {"done": "c"}]}]),
    );
    fail(
        &emulator,
        json!({"on": "events", "status": 503, "times": 2}),
    );
    let client = client(&emulator);
    let session = session(&client).await;
    session.send_message(SendMessage::new("go")).await.unwrap();
    let options = EventOptions::default()
        .max_reconnects(1)
        .poll_interval(Duration::from_millis(1));
    let mut events = session.events(options).unwrap();
    until("the stream", || emulator.open_streams() == 1).await;
    session.send_message(SendMessage::new("yes")).await.unwrap();
    // A step is a thought in the messages: this one came on the stream.
    assert_eq!(
        types(&all(&mut events).await),
        ["thought", "question", "step", "done"]
    );
}

#[tokio::test]
async fn g06_a_cancelled_read_loses_no_event() {
    let emulator = emulator().await;
    script(&emulator, long_task(2000));
    let client = client(&emulator);
    let session = session(&client).await;
    let task = session.start_task(StartTask::new("think")).await.unwrap();
    let mut events = task.events();
    let (mut seen, mut cancelled) = (Vec::new(), 0);
    loop {
        // A read that is given up after its first poll: what it was about to
        // take stays in the queue.
        let given_up = tokio::select! {
            biased;
            event = events.next() => event,
            () = std::future::ready(()) => {
                cancelled += 1;
                match events.next().await {
                    Some(event) => Some(event),
                    None => break,
                }
            }
        };
        match given_up {
            Some(event) => seen.extend(event.unwrap().id()),
            None => break,
        }
    }
    assert_eq!(seen, (2..=2002).collect::<Vec<_>>());
    assert!(cancelled > 0, "no read was given up");
}

#[tokio::test]
async fn g06_a_dropped_call_drops_its_request() {
    let emulator = emulator().await;
    fail(&emulator, json!({"on": "list", "hang": true}));
    let client = client(&emulator);
    let sessions = client.sessions();
    tokio::select! {
        outcome = sessions.list() => panic!("it was answered: {outcome:?}"),
        () = until("the request", || emulator.requests().len() == 1) => {}
    }
    assert!(sessions.list().await.unwrap().is_empty());
}

#[test]
fn g11_a_call_does_not_need_the_runtime_of_another_one() {
    let home = tokio::runtime::Runtime::new().unwrap();
    let emulator = home.block_on(emulator());
    let client = client(&emulator);
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    // Nothing drives it between its calls, nor the connection that it opened.
    let resting = runtime();
    let other = runtime();
    for _ in 0..2 {
        for runtime in [&resting, &other] {
            let listed = runtime.block_on(client.sessions().list()).unwrap();
            assert!(listed.is_empty());
        }
    }
    drop(resting);
    other.block_on(client.sessions().list()).unwrap();
}

#[test]
fn g11_one_client_serves_threads_and_successive_runtimes() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let home = tokio::runtime::Runtime::new().unwrap();
    let emulator = home.block_on(emulator());
    script(&emulator, long_task(20));
    let client = client(&emulator);
    for _ in 0..3 {
        // Each runtime ends, and its connections with it.
        runtime().block_on(async {
            let session = session(&client).await;
            let task = session.start_task(StartTask::new("think")).await.unwrap();
            assert_eq!(all(&mut task.events()).await.len(), 21);
        });
    }
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                runtime().block_on(async {
                    let session = session(&client).await;
                    let task = session.start_task(StartTask::new("think")).await.unwrap();
                    assert_eq!(all(&mut task.events()).await.len(), 21);
                });
            });
        }
    });
    assert_eq!(emulator.session_count(), 11);
}

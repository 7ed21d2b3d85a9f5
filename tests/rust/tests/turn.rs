//! Turns against the emulator, over real sockets.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use serde_json::{Value, json};
use sessionwire::raccoon::{
    Attach, Client, FrameEncoder, ListSessions, RaccoonConfig, RaccoonOptions, ResumePoint,
    RunTurn, StartTurn, TurnEventOptions, TurnMessage, TurnStatus, Upload, UploadProgress,
    UploadSource,
};
use sessionwire::seam::raccoon::TurnOperation;
use sessionwire::{Batch, ErrorKind, EventStream};
use sessionwire_tests::turns::{client, client_with, fail, kinds, script};
use sessionwire_tests::{all, emulator, emulator_with, ids, until};

#[tokio::test]
async fn g02_a_turn_that_ended_with_its_session_still_has_its_result() {
    let emulator = emulator().await;
    script(&emulator, json!([{"steps": [{"wait_for_stop": true}]}]));
    let client = client(&emulator);
    let session = client.session().unwrap();
    let turn = session.start_turn(StartTurn::new("wait")).await.unwrap();
    let mut events = turn.events();
    let first = events.next().await.unwrap().unwrap();
    assert_eq!(first.text(), "wait");
    session.delete().await.unwrap();
    // There is no text, and no history to look for one.
    let result = turn.result(None).await.unwrap();
    assert_eq!(
        (
            result.status,
            result.reason.as_deref(),
            result.text.as_str()
        ),
        (TurnStatus::Aborted, Some("Session deleted"), "")
    );
}

#[tokio::test]
async fn g01_a_turn_gives_its_events_and_its_result() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [
            {"thought": "hm"},
            {"text": "Five"}, {"text": " bullets"},
            {"tool": "browser", "output": {"pages": 3}},
            {"plan": [{"id": "1", "content": "Read", "status": "completed"}]},
            {"snapshot": ["out/report.md"]},
            {"complete": true},
        ]}]),
    );
    let client = client(&emulator);
    let session = client.session().unwrap();
    let turn = session
        .start_turn(StartTurn::new("digest").mode("deepsearch"))
        .await
        .unwrap();
    let events = all(&mut turn.events()).await;
    assert_eq!(
        kinds(&events),
        [
            "message.received",
            "thought",
            "text",
            "text",
            "tool.start",
            "tool.result",
            "plan.update",
            "sandbox.snapshot",
            "task.completed"
        ]
    );
    assert_eq!(ids(&events), (1..=9).collect::<Vec<_>>());
    let frame = events[2].frame().unwrap();
    assert_eq!(frame.message_id.as_deref(), Some(turn.message_id()));
    assert!(frame.block_id.unwrap().starts_with("text:"));
    assert_eq!(events[2].text(), "Five");
    assert_eq!(events[5].data()["output"], json!({"pages": 3}));
    let result = turn.result(None).await.unwrap();
    assert_eq!(
        (result.text.as_str(), result.status),
        ("Five bullets", TurnStatus::Completed)
    );
    assert_eq!(result.plan[0]["content"], "Read");
    assert!(
        result.files.contains_key("out/report.md"),
        "{:?}",
        result.files
    );
    let state = turn.state();
    assert_eq!(
        (state.status, state.queue_position),
        (TurnStatus::Completed, Some(0))
    );
    assert_eq!(state.resume_point.last_event_id, Some(9));
    assert_eq!(client.max_concurrent(), Some(10));
}

#[tokio::test]
async fn g02_a_turn_that_fails_is_an_error_and_one_that_is_aborted_a_result() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([
            {"match": "fail", "steps": [{"error": "No such shop", "code": "shop"}]},
            {"match": "abort", "steps": [{"text": "half"}, {"abort": "Budget used up"}]},
            {"match": "content", "steps": [{"complete": "from the history"}]},
        ]),
    );
    let session = client(&emulator).session().unwrap();
    let error = session.run_turn(RunTurn::new("fail")).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Task, "No such shop")
    );
    assert_eq!(error.session_id(), Some(session.id()));
    assert_eq!(kinds(error.events()), ["message.received", "task.error"]);
    let aborted = session.run_turn(RunTurn::new("abort")).await.unwrap();
    assert_eq!(aborted.status, TurnStatus::Aborted);
    assert_eq!(
        (aborted.text.as_str(), aborted.reason.as_deref()),
        ("half", Some("Budget used up"))
    );
    let content = session.run_turn(RunTurn::new("content")).await.unwrap();
    assert_eq!(content.text, "from the history");
}

#[tokio::test]
async fn g03_a_turn_is_submitted_once() {
    let emulator = emulator().await;
    let client = client(&emulator);
    for (fault, kind, requests, maybe) in [
        (
            json!({"on": "start_turn", "status": 500}),
            ErrorKind::InternalServer,
            1,
            true,
        ),
        (
            json!({"on": "start_turn", "status": 503}),
            ErrorKind::InternalServer,
            1,
            true,
        ),
        (
            json!({"on": "start_turn", "reset": true}),
            ErrorKind::Connection,
            1,
            true,
        ),
        (
            json!({"on": "start_turn", "status": 409}),
            ErrorKind::Conflict,
            1,
            false,
        ),
        (
            // Each name of the prompt is tried alone.
            json!({"on": "start_turn", "status": 422, "times": 3}),
            ErrorKind::UnprocessableEntity,
            3,
            false,
        ),
        (
            json!({"on": "start_turn", "status": 429, "headers": {"X-Rate-Limit-Retry-After": "61"}}),
            ErrorKind::RateLimit,
            1,
            false,
        ),
    ] {
        let before = sessionwire_tests::count(&emulator, "POST", "/sessions/new");
        fail(&emulator, fault.clone());
        let session = client.session().unwrap();
        let error = session
            .start_turn(StartTurn::new("once"))
            .await
            .unwrap_err();
        let made = sessionwire_tests::count(&emulator, "POST", "/sessions/new") - before;
        assert_eq!(
            (error.kind(), made, error.maybe_delivered()),
            (kind, requests, maybe),
            "{fault}"
        );
    }
    let before = sessionwire_tests::count(&emulator, "POST", "/sessions/new");
    for wait in ["0", "Sun, 06 Nov 1994 08:49:37 GMT"] {
        fail(
            &emulator,
            json!({"on": "start_turn", "status": 429, "headers": {"X-Rate-Limit-Retry-After": wait}}),
        );
        client
            .session()
            .unwrap()
            .start_turn(StartTurn::new("again"))
            .await
            .unwrap();
    }
    assert_eq!(
        sessionwire_tests::count(&emulator, "POST", "/sessions/new") - before,
        4
    );
}

#[tokio::test]
async fn a_turn_is_steered_and_stopped() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [
            {"text": "waiting"},
            {"wait_for_message": true},
            {"text": ", got {message}"},
            {"wait_for_stop": true},
        ]}]),
    );
    let session = client(&emulator).session().unwrap();
    let turn = session.start_turn(StartTurn::new("steer")).await.unwrap();
    let message = TurnMessage::new("more");
    assert!(turn.send_message(message).await.unwrap().success);
    until("the message", || turn.state().text.ends_with("more")).await;
    let stopped = turn.stop(Duration::from_secs(10)).await.unwrap();
    assert_eq!(
        (stopped.confirmed, stopped.status),
        (true, TurnStatus::Aborted)
    );
    let events = all(&mut turn.events()).await;
    assert_eq!(
        kinds(&events),
        [
            "message.received",
            "text",
            "message.received",
            "text",
            "task.aborted"
        ]
    );
    let again = turn.stop(Duration::from_secs(10)).await.unwrap();
    assert!(again.confirmed);
    let late = turn.send_message(TurnMessage::new("late"));
    assert_eq!(late.await.unwrap_err().kind(), ErrorKind::InvalidRequest);
}

#[tokio::test]
async fn a_turn_whose_stream_was_lost_is_steered_and_stopped_all_the_same() {
    let emulator = emulator().await;
    let steps = json!([{"wait_for_message": true}, {"text": "Noted"}, {"wait_for_stop": true}]);
    script(&emulator, json!([{"steps": steps}]));
    fail(&emulator, json!({"on": "socket", "status": 503}));
    let client = client(&emulator);
    let session = client.session().unwrap();
    let start = StartTurn::new("wait").events(TurnEventOptions::new().max_reconnects(0));
    let turn = session.start_turn(start).await.unwrap();
    let mut events = turn.events();
    while events.next().await.unwrap().is_ok() {}
    turn.send_message(TurnMessage::new("more")).await.unwrap();
    let attach = Attach::new(session.id(), turn.message_id());
    let mut events = client.attach(attach).await.unwrap().events();
    while events.next().await.unwrap().unwrap().text() != "Noted" {}
    let stopped = turn.stop(Duration::from_secs(10)).await.unwrap();
    assert_eq!(
        (stopped.confirmed, stopped.status),
        (true, TurnStatus::Aborted)
    );
}

#[tokio::test]
async fn a_turn_that_nobody_knows_is_not_said_to_be_over() {
    let emulator = emulator().await;
    script(&emulator, json!([{"steps": []}]));
    let client = client(&emulator);
    let session = client.session().unwrap();
    session.run_turn(RunTurn::new("x")).await.unwrap();
    let attach = || client.attach(Attach::new(session.id(), "none"));
    // Before its stream says so.
    let message = TurnMessage::new("more");
    let error = attach().await.unwrap().send_message(message).await;
    let error = error.unwrap_err();
    assert_eq!(
        (error.kind(), error.maybe_delivered()),
        (ErrorKind::NotFound, false)
    );
    let turn = attach().await.unwrap();
    assert!(turn.events().next().await.unwrap().is_err());
    let error = turn
        .send_message(TurnMessage::new("more"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let error = turn.stop(Duration::from_secs(10)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[tokio::test]
async fn a_stop_that_nobody_confirms_says_so() {
    let emulator = emulator().await;
    script(&emulator, json!([{"steps": [{"wait_for_stop": true}]}]));
    fail(&emulator, json!({"on": "socket", "ignore_frames": true}));
    let session = client(&emulator).session().unwrap();
    let turn = session.start_turn(StartTurn::new("stay")).await.unwrap();
    let stopped = turn.stop(Duration::from_millis(300)).await.unwrap();
    assert_eq!(
        (stopped.confirmed, stopped.status),
        (false, TurnStatus::Running)
    );
}

#[tokio::test]
async fn a_turn_whose_events_nobody_reads_can_be_stopped_and_ended() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"text": "x"}, {"wait_for_stop": true}]}]),
    );
    let session = client(&emulator).session().unwrap();
    let turn = session.start_turn(StartTurn::new("alone")).await.unwrap();
    turn.close();
    assert!(turn.stop(Duration::from_secs(10)).await.unwrap().confirmed);
    let result = turn.result(Some(Duration::from_secs(10))).await.unwrap();
    assert_eq!(
        (result.status, result.text.as_str()),
        (TurnStatus::Aborted, "x")
    );
}

#[tokio::test]
async fn g04_a_timeout_leaves_the_turn_running_unless_it_shall_stop() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"text": "x"}, {"wait_for_stop": true}]}]),
    );
    let client = client(&emulator);
    let session = client.session().unwrap();
    let limit = Duration::from_millis(300);
    let error = session
        .run_turn(RunTurn::new("go on").timeout(limit))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TaskTimeout);
    assert!(!kinds(error.events()).is_empty());
    let busy = session
        .start_turn(StartTurn::new("second"))
        .await
        .unwrap_err();
    assert_eq!(
        (busy.kind(), busy.message()),
        (ErrorKind::Conflict, "turn_in_progress")
    );
    let other = client.session().unwrap();
    let stopped = other
        .run_turn(RunTurn::new("stop").timeout(limit).stop_on_timeout())
        .await;
    assert_eq!(stopped.unwrap_err().kind(), ErrorKind::TaskTimeout);
    let history = other.history().await.unwrap();
    assert!(
        history.messages.iter().any(|message| message.aborted),
        "{history:?}"
    );
}

#[tokio::test]
async fn g01_attach_goes_on_where_it_stopped() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"repeat": 8, "steps": [{"text": "{n} "}]}, {"complete": true}]}]),
    );
    let client = client(&emulator);
    let session = client.session().unwrap();
    let turn = session.start_turn(StartTurn::new("count")).await.unwrap();
    let events = all(&mut turn.events()).await;
    let whole = turn.result(None).await.unwrap();
    let again = client
        .attach(Attach::new(session.id(), turn.message_id()))
        .await
        .unwrap();
    assert_eq!(ids(&all(&mut again.events()).await), ids(&events));
    for (entry, event_id) in [(true, true), (true, false), (false, true)] {
        let frame = events[4].frame().unwrap();
        let mut point = ResumePoint::new(session.id(), turn.message_id());
        point.last_stream_entry_id = frame.stream_entry_id.filter(|_| entry);
        point.last_event_id = events[4].id().filter(|_| event_id);
        let later = client.attach(Attach::resume(&point)).await.unwrap();
        assert_eq!(
            ids(&all(&mut later.events()).await),
            ids(&events[5..]),
            "{point:?}"
        );
        let result = later.result(None).await.unwrap();
        assert_eq!(
            result.text, whole.text,
            "the whole answer, also after a late start"
        );
    }
    let mut whole_turn = ResumePoint::new(session.id(), turn.message_id());
    whole_turn.last_event_id = events.last().and_then(|event| event.id());
    let over = client.attach(Attach::resume(&whole_turn)).await.unwrap();
    assert!(all(&mut over.events()).await.is_empty());
    assert_eq!(over.result(None).await.unwrap().text, whole.text);
    let unknown = client
        .attach(Attach::new(session.id(), "msg_unknown"))
        .await
        .unwrap();
    let error = unknown.result(None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn g01_each_resume_mode_loses_nothing_and_repeats_nothing() {
    for options in [
        json!({"resume": "honoured"}),
        json!({"resume": "ignored"}),
        json!({"resume": "inclusive"}),
        json!({"entry_ids": false}),
        json!({"entry_ids": false, "resume": "ignored"}),
    ] {
        let emulator = emulator_with(options.clone()).await;
        script(
            &emulator,
            json!([{"steps": [{"wait_for_socket": true}, {"repeat": 40, "steps": [{"text": "{n} "}]}, {"complete": true}]}]),
        );
        fail(&emulator, json!({"on": "socket", "cut_after": 7}));
        fail(&emulator, json!({"on": "socket", "close_after": 3}));
        fail(
            &emulator,
            json!({"on": "socket", "end_after": 5, "close_code": 1012}),
        );
        fail(
            &emulator,
            json!({"on": "socket", "duplicate": true, "cut_after": 20}),
        );
        let session = client(&emulator).session().unwrap();
        let turn = session.start_turn(StartTurn::new("count")).await.unwrap();
        let events = all(&mut turn.events()).await;
        assert_eq!(ids(&events), (1..=42).collect::<Vec<_>>(), "{options}");
    }
}

#[tokio::test]
async fn g06_a_message_of_one_who_stopped_waiting_is_not_sent() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"wait_for_message": true}, {"text": "{message}"}]}]),
    );
    // The socket opens late: by then nobody waits for the first message.
    fail(&emulator, json!({"on": "socket", "delay": 0.5}));
    let session = client(&emulator).session().unwrap();
    let turn = session.start_turn(StartTurn::new("talk")).await.unwrap();
    let message = |text: &str| TurnMessage::new(text);
    let given_up = turn.send_message(message("first"));
    assert!(
        tokio::time::timeout(Duration::from_millis(50), given_up)
            .await
            .is_err()
    );
    turn.send_message(message("second")).await.unwrap();
    assert_eq!(turn.result(None).await.unwrap().text, "second");
}

#[tokio::test]
async fn g06_a_wait_that_is_dropped_loses_no_event() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"text": "a"}, {"wait_for_message": true}, {"text": "b"}]}]),
    );
    let client = client(&emulator);
    let session = client.session().unwrap();
    let turn = session.start_turn(StartTurn::new("x")).await.unwrap();
    let mut events = turn.events();
    let mut seen = vec![
        events.next().await.unwrap().unwrap(),
        events.next().await.unwrap().unwrap(),
    ];
    let limit = Duration::from_millis(50);
    // Nothing comes until somebody speaks.
    assert!(tokio::time::timeout(limit, events.next()).await.is_err());
    let result = tokio::time::timeout(limit, turn.result(None)).await;
    assert!(result.is_err());
    fail(&emulator, json!({"on": "upload", "hang": true}));
    let upload = tokio::time::timeout(limit, session.upload(UploadSource::bytes("x"))).await;
    assert!(upload.is_err());
    let file = session.upload(UploadSource::bytes("x")).await.unwrap();
    assert_eq!(file.size, 1);
    let message = TurnMessage::new("go on");
    turn.send_message(message).await.unwrap();
    seen.extend(all(&mut events).await);
    assert_eq!(ids(&seen), [1, 2, 3, 4, 5]);
    assert_eq!(turn.result(None).await.unwrap().text, "ab");
}

#[tokio::test]
async fn g07_an_unencrypted_socket_needs_leave() {
    use sessionwire_tests::turns::build;
    let far = |more: Value| {
        let mut options = json!({"api_key": "key-1", "base_url": "https://api.example"});
        options
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        build(options)
    };
    let error = far(json!({"websocket_url": "ws://api.example"})).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(far(json!({"websocket_url": "ws://127.0.0.1:9"})).is_ok());
    assert!(far(json!({"websocket_url": "wss://api.example/ws"})).is_ok());
    assert!(far(json!({"websocket_url": "ws://api.example", "allow_insecure_http": true})).is_ok());
    assert!(far(json!({"websocket_url": "https://api.example"})).is_err());
    assert!(far(json!({"base_url": "http://api.example"})).is_err());
}

#[tokio::test]
async fn g04_a_proxy_that_opens_no_tunnel_is_not_waited_for() {
    let proxy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = proxy.local_addr().unwrap();
    let client = sessionwire_tests::turns::build(json!({
        "api_key": "key-1", "base_url": "http://127.0.0.1:9", "proxy": format!("http://{place}"),
        "timeout": 0.5, "connect_timeout": 0.2, "max_retries": 0,
    }))
    .unwrap();
    let session = client.session().unwrap();
    let mut attach = Attach::new(session.id(), "msg_1");
    attach.events.max_reconnects = 0;
    let turn = client.attach(attach).await.unwrap();
    let error = turn.result(None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stream);
    for part in ["opened no tunnel in time", &place.to_string()] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[tokio::test]
async fn g04_closing_the_client_ends_everything_at_once() {
    let emulator = emulator().await;
    script(&emulator, json!([{"steps": [{"wait_for_stop": true}]}]));
    let client = client(&emulator);
    let session = client.session().unwrap();
    let turn = session.start_turn(StartTurn::new("x")).await.unwrap();
    until("the socket", || turn.state().resume_from.is_some()).await;
    let mut events = turn.events();
    let closer = tokio::spawn({
        let client = client.clone();
        async move { client.close() }
    });
    while let Some(event) = events.next().await {
        if let Err(error) = event {
            assert_eq!(error.reason(), Some("client_closed"));
        }
    }
    closer.await.unwrap();
    assert_eq!(
        turn.result(None).await.unwrap_err().reason(),
        Some("client_closed")
    );
    until("the socket is free", || emulator.open_streams() == 0).await;
}

#[tokio::test]
async fn g10_a_slow_reader_holds_the_socket_back_and_the_result_comes_all_the_same() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"repeat": 9000, "steps": [{"thought": "{n}"}]}, {"text": "done"}, {"complete": true}]}]),
    );
    let session = client(&emulator).session().unwrap();
    let turn = session.start_turn(StartTurn::new("much")).await.unwrap();
    let result = turn.result(Some(Duration::from_secs(60))).await.unwrap();
    assert_eq!(result.text, "done");
    assert!(
        turn.queue().len() < 6000,
        "{} events wait",
        turn.queue().len()
    );
    let mut count = 0;
    loop {
        match turn.queue().try_take(512) {
            Batch::Events(events) => count += events.len(),
            Batch::Empty => turn.queue().wait().await,
            Batch::Ended => break,
            Batch::Failed(error) => panic!("{error}"),
        }
    }
    assert_eq!(count, 9003);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn g11_one_client_serves_many_threads() {
    let emulator = emulator_with(json!({"max_turns": 100})).await;
    script(&emulator, json!([{"steps": [{"text": "ok"}]}]));
    let client = client(&emulator);
    let mut runs = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let client = client.clone();
        runs.spawn(async move {
            for _ in 0..3 {
                let session = client.session().unwrap();
                let turn = session.start_turn(StartTurn::new("x")).await.unwrap();
                assert_eq!(ids(&all(&mut turn.events()).await), [1, 2, 3]);
                assert_eq!(turn.result(None).await.unwrap().text, "ok");
            }
        });
    }
    while let Some(ran) = runs.join_next().await {
        ran.unwrap();
    }
    until("the sockets are free", || emulator.open_streams() == 0).await;
}

#[test]
fn g11_one_client_serves_runtimes_one_after_another() {
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let served = runtime();
    let (emulator, client) = served.block_on(async {
        let emulator = emulator().await;
        script(&emulator, json!([{"steps": [{"text": "ok"}]}]));
        let client = client(&emulator);
        (emulator, client)
    });
    for _ in 0..3 {
        // The connections of the one before went with it.
        let result = runtime().block_on(async {
            let session = client.session().unwrap();
            session.run_turn(RunTurn::new("x")).await
        });
        assert_eq!(result.unwrap().text, "ok");
    }
    drop(emulator);
}

#[tokio::test]
async fn g05_a_dropped_stream_frees_its_socket() {
    let emulator = emulator().await;
    script(&emulator, json!([{"steps": [{"wait_for_stop": true}]}]));
    let session = client(&emulator).session().unwrap();
    let turn = session.start_turn(StartTurn::new("x")).await.unwrap();
    until("the socket", || emulator.open_streams() == 1).await;
    let events: EventStream = turn.events();
    drop(events);
    until("the socket is free", || emulator.open_streams() == 0).await;
}

#[tokio::test]
async fn sessions_are_listed_page_by_page_renamed_and_deleted() {
    let emulator = emulator().await;
    script(&emulator, json!([{"steps": [{"complete": true}]}]));
    let client = client(&emulator);
    let mut made = Vec::new();
    for n in 0..5 {
        let session = client.session().unwrap();
        session
            .run_turn(RunTurn::new(format!("turn {n}")))
            .await
            .unwrap();
        made.push(session.id().to_owned());
    }
    let list = ListSessions::default().limit(2);
    let mut found = Vec::new();
    let mut sessions = client.sessions().list(list);
    while let Some(session) = sessions.next().await {
        found.push(session.unwrap().session_id);
    }
    found.sort();
    made.sort();
    assert_eq!(found, made);
    let session = client.continue_session(&made[0]).unwrap();
    session.rename("  Digest ").await.unwrap();
    assert_eq!(session.history().await.unwrap().session.title, "Digest");
    assert!(session.delete().await.unwrap().deleted);
    assert!(!session.delete().await.unwrap().deleted);
    assert_eq!(
        session.history().await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn files_are_uploaded_from_a_path_from_bytes_and_from_a_reader() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"text": "read"}, {"complete": true}]}]),
    );
    let client = client(&emulator);
    let session = client.session().unwrap();
    let path = std::env::temp_dir().join(format!("sessionwire-{}.csv", session.id()));
    std::fs::write(&path, vec![b'x'; 300_000]).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    let upload = |name: Option<&str>| {
        let mut upload = Upload::new(session.id());
        upload.name = name.map(str::to_owned);
        upload
    };
    let progress = UploadProgress::new();
    let file = client
        .upload(upload(None), UploadSource::path(&path), progress.clone())
        .await
        .unwrap();
    assert_eq!(
        (file.name.as_str(), file.size, file.content_type.as_str()),
        (name.as_str(), 300_000, "text/csv")
    );
    assert_eq!(
        (progress.sent(), progress.total()),
        (300_000, Some(300_000))
    );
    assert_eq!(file.key, format!("{}/{name}", session.id()));
    let bytes = client
        .upload(
            upload(Some("../a b.md")),
            UploadSource::bytes("# hi"),
            UploadProgress::new(),
        )
        .await
        .unwrap();
    assert_eq!(
        (bytes.key.as_str(), bytes.size),
        (format!("{}/a b.md", session.id()).as_str(), 4)
    );
    let reader = UploadSource::reader(std::io::Cursor::new(vec![7; 200_000]));
    let read = client
        .upload(upload(Some("r.bin")), reader, UploadProgress::new())
        .await
        .unwrap();
    assert_eq!(read.size, 200_000);
    // A retry reads a file again.
    fail(&emulator, json!({"on": "upload", "status": 503}));
    let again = client.upload(
        upload(None),
        UploadSource::path(&path),
        UploadProgress::new(),
    );
    assert_eq!(again.await.unwrap().size, 300_000);
    let turn = StartTurn::new("read it")
        .file(path.to_str().unwrap())
        .file(bytes);
    let result = session.run_turn(RunTurn::from(turn)).await.unwrap();
    assert_eq!(result.text, "read");
    let history = session.history().await.unwrap();
    assert_eq!(history.messages[0].files.len(), 2, "{history:?}");
    std::fs::remove_file(&path).unwrap();
    let missing = client.upload(
        upload(None),
        UploadSource::path(&path),
        UploadProgress::new(),
    );
    assert_eq!(missing.await.unwrap_err().kind(), ErrorKind::InvalidRequest);
}

#[cfg(unix)]
#[tokio::test]
async fn g08_what_is_no_regular_file_is_refused() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let session = client.session().unwrap();
    let pipe = std::env::temp_dir().join(format!("sessionwire-{}.pipe", session.id()));
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    for (path, what) in [
        (pipe.clone(), "a named pipe"),
        (std::env::temp_dir(), "a directory"),
        ("/dev/null".into(), "a device"),
    ] {
        let upload = session.upload(UploadSource::path(&path));
        let error = upload.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
        assert!(error.to_string().contains(what), "{error}");
    }
    std::fs::remove_file(&pipe).unwrap();
    assert!(emulator.requests().is_empty());
}

#[tokio::test]
async fn an_upload_that_is_given_up_ends() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let session = client.session().unwrap();
    let upload = Upload::new(session.id());
    let (writer, source) = UploadSource::channel();
    let sending = tokio::spawn(client.upload(upload.clone(), source, UploadProgress::new()));
    assert!(writer.send(vec![1; 1000]).await);
    drop(writer);
    let error = sending.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    let (writer, source) = UploadSource::channel();
    let sending = tokio::spawn(client.upload(upload, source, UploadProgress::new()));
    for _ in 0..10 {
        assert!(writer.send(vec![1; 100_000]).await);
    }
    writer.finish();
    assert_eq!(sending.await.unwrap().unwrap().size, 1_000_000);
}

/// The wait before an attempt is not taken off the time for which an upload may stand still.
#[tokio::test]
async fn an_upload_that_was_put_off_has_its_whole_limit_again() {
    let emulator = emulator().await;
    let client = client_with(&emulator, json!({"timeout": 4}));
    fail(
        &emulator,
        json!({"on": "upload", "status": 429, "headers": {"Retry-After": "3"}}),
    );
    fail(&emulator, json!({"on": "upload", "delay": 2}));
    let session = client.session().unwrap();
    let uploaded = session.upload(UploadSource::bytes("x")).await.unwrap();
    assert_eq!(uploaded.size, 1);
}

/// What is read once is kept while it is little: an answer that took nothing of it is no reason to give up.
#[tokio::test]
async fn a_stream_is_sent_again_while_little_of_it_was_read() {
    const CHUNK: usize = 1 << 20;
    let emulator = emulator().await;
    let client = client(&emulator);
    let session = client.session().unwrap();
    let send = async |chunks: usize| {
        let (writer, source) = UploadSource::channel();
        let upload = Upload::new(session.id());
        let sending = tokio::spawn(client.upload(upload, source, UploadProgress::new()));
        for at in 0..chunks {
            if !writer.send(vec![u8::try_from(at).unwrap(); CHUNK]).await {
                break;
            }
        }
        writer.finish();
        sending.await.unwrap()
    };
    for fault in [
        json!({"on": "upload", "status": 429, "headers": {"Retry-After": "0"}}),
        json!({"on": "upload", "status": 503, "headers": {"Retry-After": "0"}}),
        json!({"on": "upload", "status": 503}),
        json!({"on": "upload", "status": 429, "headers": {"Retry-After": "0"}, "times": 2}),
        json!({"on": "upload", "reset": true}),
    ] {
        fail(&emulator, fault.clone());
        assert_eq!(send(3).await.unwrap().size, 3 << 20, "{fault}");
    }
    let before = emulator.requests().len();
    for (fault, ambiguous) in [
        (
            json!({"on": "upload", "status": 429, "headers": {"Retry-After": "0"}}),
            false,
        ),
        (
            json!({"on": "upload", "status": 503, "headers": {"Retry-After": "0"}}),
            false,
        ),
        (json!({"on": "upload", "status": 500}), true),
    ] {
        fail(&emulator, fault.clone());
        let error = send(20).await.unwrap_err();
        assert_eq!(error.maybe_delivered(), ambiguous, "{fault}: {error}");
        let text = error.to_string();
        assert_eq!(text.contains("pass its path"), !ambiguous, "{text}");
    }
    assert_eq!(emulator.requests().len(), before + 3);
}

#[tokio::test]
async fn names_that_the_documentation_leaves_open_can_be_set() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"wait_for_message": true}, {"text": "{message}"}, {"wait_for_stop": true}]}]),
    );
    let wire = json!({
        "prompt": ["task"], "sdk_version": "ace_version", "base_prompt": "system",
        "agent_message_id": ["answer_id"], "user_message_id": "asked_id", "workflow_id": "flow",
        "turn_status": "state", "queue_position": "before",
        "message_frame": "user_message", "message_text": "content", "message_files": "attached",
        "message_references": "about", "stop_frame": "abort",
    });
    let client = client_with(&emulator, json!({ "wire": wire }));
    // What the service calls otherwise: the first turn's messages are these.
    fail(
        &emulator,
        json!({"on": "start_turn", "status": 200, "after": true,
               "body": {"answer_id": "msg_a3", "asked_id": "msg_u2", "flow": "wf", "state": "queued", "before": 2}}),
    );
    let session = client.session().unwrap();
    let start = StartTurn::new("go")
        .sdk_version("fast")
        .base_prompt("Be brief");
    let turn = session.start_turn(start).await.unwrap();
    let body: Value = serde_json::from_str(&emulator.requests()[0].body).unwrap();
    assert_eq!(
        body,
        json!({"session_id": session.id(), "task": "go", "mode": "auto", "ace_version": "fast", "system": "Be brief"})
    );
    let state = turn.state();
    assert_eq!(
        (
            turn.message_id(),
            state.user_message_id.as_deref(),
            state.workflow_id.as_deref()
        ),
        ("msg_a3", Some("msg_u2"), Some("wf"))
    );
    let mut events = turn.events();
    turn.send_message(TurnMessage::new("more")).await.unwrap();
    let mut texts = Vec::new();
    while let Some(event) = events.next().await {
        texts.push(event.unwrap().text());
        if texts.last().is_some_and(|text| text == "more") && texts.len() == 3 {
            break;
        }
    }
    assert_eq!(texts, ["go", "more", "more"]);
    let stopped = turn.stop(Duration::from_secs(10)).await.unwrap();
    assert!(stopped.confirmed);
    assert_eq!(stopped.status, TurnStatus::Aborted);

    // A list, and a file that a turn refers to.
    let wire = json!({
        "sessions": ["rows"], "meta": "paging", "current_page": "at", "total_pages": "of",
        "file_key": "stored", "file_name": "called", "file_type": "kind", "file_size": "bytes",
    });
    let client = client_with(&emulator, json!({ "wire": wire }));
    for (page, id) in [(1, "one"), (2, "two")] {
        let body = json!({"rows": [{"sessionId": id}], "paging": {"at": page, "of": 2}});
        fail(
            &emulator,
            json!({"on": "list", "status": 200, "body": body}),
        );
    }
    let mut list = client.sessions().list(ListSessions::default());
    let mut ids = Vec::new();
    while let Some(session) = list.next().await {
        ids.push(session.unwrap().session_id);
    }
    assert_eq!(ids, ["one", "two"]);
    let source = UploadSource::bytes(b"words".as_slice());
    let session = client.session().unwrap();
    let file = session.upload(source).await.unwrap();
    let start = StartTurn::new("read").file(file.clone());
    // The emulator knows no such name.
    let refused = session.start_turn(start).await.unwrap_err();
    assert_eq!(refused.status_code(), Some(422));
    let body: Value = serde_json::from_str(&emulator.requests().last().unwrap().body).unwrap();
    assert_eq!(
        body["files"],
        json!([{"stored": file.key, "called": file.name, "kind": file.content_type, "bytes": 5}])
    );
}

#[tokio::test]
async fn a_start_that_names_no_agent_message_is_found_in_the_history() {
    let emulator = emulator().await;
    let client = client(&emulator);
    fail(
        &emulator,
        json!({"on": "start_turn", "status": 200, "after": true, "body": {"message_id": "msg_1"}}),
    );
    let session = client.session().unwrap();
    let turn = session.start_turn(StartTurn::new("go")).await.unwrap();
    assert_eq!(turn.message_id(), "msg_a3");
    assert_eq!(turn.state().user_message_id.as_deref(), Some("msg_u2"));
    assert_eq!(
        sessionwire_tests::count(&emulator, "POST", "/sessions/new"),
        1
    );
}

#[test]
fn a_name_that_is_missing_or_empty_is_refused() {
    for (wire, text) in [
        (json!({"prompt": []}), "no name for `prompt`"),
        (json!({"prompt": [""]}), "an empty name for `prompt`"),
        (json!({"file_key": ""}), "an empty name for `file_key`"),
        (json!({"sessions": []}), "no name for `sessions`"),
    ] {
        let options = json!({"api_key": "key", "base_url": "http://127.0.0.1:9", "wire": wire});
        let error = sessionwire_tests::turns::build(options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{wire}");
        assert!(error.to_string().contains(text), "{error}");
    }
}

fn refused(emulator: &sessionwire_emulator::Emulator) -> usize {
    let starts = emulator.requests().into_iter();
    let starts = starts.filter(|request| request.path == "/sessions/new");
    starts.filter(|request| request.status == Some(429)).count()
}

#[tokio::test]
async fn a_client_can_keep_to_the_number_of_turns_that_the_service_allows() {
    for respects in [false, true] {
        let emulator = emulator_with(json!({"max_turns": 3})).await;
        script(
            &emulator,
            json!([{"steps": [{"text": "x"}, {"delay": 0.02}]}]),
        );
        let options = json!({
            "respect_max_concurrent": respects, "wait_for_limit": 30, "max_retries": 0, "timeout": 60,
        });
        let client = client_with(&emulator, options);
        let runs = (0..12).map(|n| {
            let session = client.session().unwrap();
            tokio::spawn(async move { session.run_turn(RunTurn::new(format!("turn {n}"))).await })
        });
        for run in runs.collect::<Vec<_>>() {
            assert_eq!(run.await.unwrap().unwrap().text, "x");
        }
        assert_eq!(client.max_concurrent(), Some(3));
        // Without it the service has to say that it is too much.
        assert_eq!(refused(&emulator) > 0, !respects, "{}", refused(&emulator));
    }
}

#[tokio::test]
async fn a_turn_without_a_place_is_not_started_and_a_place_comes_back_in_every_way() {
    let emulator = emulator_with(json!({"max_turns": 1})).await;
    script(
        &emulator,
        json!([
            {"match": "fail", "steps": [{"error": "sold out"}]},
            {"match": "wait", "steps": [{"wait_for_stop": true}]},
            {"steps": [{"text": "x"}]},
        ]),
    );
    let options = json!({"respect_max_concurrent": true, "wait_for_limit": 0.05});
    let client = client_with(&emulator, options);
    let start = async |prompt: &str| {
        let session = client.session().unwrap();
        session.start_turn(StartTurn::new(prompt)).await
    };
    let first = start("wait").await.unwrap();
    let error = start("second").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(!error.maybe_delivered());
    let text = error.to_string();
    assert!(
        text.contains("no place became free within 0.05 s"),
        "{text}"
    );
    assert!(text.contains("allows at once (1)"), "{text}");
    let sent = || {
        emulator
            .requests()
            .iter()
            .filter(|request| request.path == "/sessions/new")
            .count()
    };
    assert_eq!(sent(), 1);
    // Stopped, refused, failed, completed: each gives its place back.
    assert!(first.stop(Duration::from_secs(10)).await.unwrap().confirmed);
    fail(
        &emulator,
        json!({"on": "start_turn", "status": 422, "times": 3}),
    );
    assert_eq!(start("refused").await.unwrap_err().status_code(), Some(422));
    let failed = start("fail").await.unwrap();
    failed.result(None).await.unwrap_err();
    let done = start("done").await.unwrap();
    done.result(None).await.unwrap();
    // A copy of the client has the same places; a turn that nobody follows any more keeps its own.
    let copy = client
        .with_options(sessionwire::OptionChanges::default())
        .unwrap();
    let left = start("wait").await.unwrap();
    let session = copy.session().unwrap();
    let error = session
        .start_turn(StartTurn::new("second"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    left.close();
    let error = session.start_turn(StartTurn::new("second")).await;
    let text = error.unwrap_err().to_string();
    assert!(text.contains("nobody follows 1 of them"), "{text}");
    assert_eq!(refused(&emulator), 0);
    let options = json!({"respect_max_concurrent": true, "max_retries": 0, "wait_for_limit": 0});
    let impatient = client_with(&emulator, options);
    let session = impatient.session().unwrap();
    let error = session
        .start_turn(StartTurn::new("third"))
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::RateLimit,
        "the service still runs it"
    );
    assert!(left.stop(Duration::from_secs(10)).await.unwrap().confirmed);
    let done = start("after it").await.unwrap();
    assert_eq!(done.result(None).await.unwrap().text, "x");
}

#[tokio::test]
async fn a_message_to_a_turn_that_was_over_before_it_was_attached_to_says_so() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([
            {"match": "wait", "steps": [{"wait_for_message": true}, {"text": "{message}"}]},
            {"steps": [{"text": "x"}]},
        ]),
    );
    let client = client(&emulator);
    let session = client.session().unwrap();
    let over = session.run_turn(RunTurn::new("go")).await.unwrap();
    let attached = client.attach(Attach::new(session.id(), over.message_id));
    let attached = attached.await.unwrap();
    let error = attached.send_message(TurnMessage::new("more")).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
    assert!(error.to_string().contains("is over"), "{error}");
    // One that runs takes it.
    let running = session.start_turn(StartTurn::new("wait")).await.unwrap();
    let attached = client.attach(Attach::new(session.id(), running.message_id()));
    let attached = attached.await.unwrap();
    attached
        .send_message(TurnMessage::new("more"))
        .await
        .unwrap();
    assert_eq!(running.result(None).await.unwrap().text, "more");
}

/// The history tells one turn of a prompt from another: nothing is started twice, and no old result is given for a new one.
#[tokio::test]
async fn g03_a_start_whose_answer_was_lost_is_looked_up() {
    let emulator = emulator().await;
    script(&emulator, json!([{"steps": [{"text": "x"}]}]));
    let session = client(&emulator).session().unwrap();
    let first = session.run_turn(RunTurn::new("go on")).await.unwrap();
    let starts = || sessionwire_tests::count(&emulator, "POST", "/sessions/new");
    for (fault, acts) in [
        (json!({"on": "start_turn", "reset": true}), false),
        (json!({"on": "start_turn", "status": 500}), false),
        (
            json!({"on": "start_turn", "reset": true, "after": true}),
            true,
        ),
        (
            json!({"on": "start_turn", "status": 504, "after": true}),
            true,
        ),
    ] {
        let before = starts();
        fail(&emulator, fault.clone());
        let run = session.run_turn(RunTurn::new("go on")).await;
        match run {
            Ok(result) => {
                assert!(acts, "{fault}");
                assert_ne!(result.message_id, first.message_id);
            }
            Err(error) => {
                assert!(!acts, "{fault}: {error}");
                assert!(error.maybe_delivered());
                let text = error.to_string();
                assert!(text.contains("history does not have the turn"), "{text}");
            }
        }
        assert_eq!(starts(), before + 1, "{fault}");
    }
    // Where nobody can read the history, nobody knows.
    fail(&emulator, json!({"on": "get", "status": 500, "times": 100}));
    fail(
        &emulator,
        json!({"on": "start_turn", "reset": true, "after": true}),
    );
    let options = json!({"max_retries": 0});
    let session = client_with(&emulator, options).session().unwrap();
    let error = session.run_turn(RunTurn::new("go on")).await.unwrap_err();
    assert!(error.maybe_delivered());
    let text = error.to_string();
    assert!(text.contains("history could not be read"), "{text}");
}

/// Whoever is told that nothing runs need not wait for its end.
#[tokio::test]
async fn a_start_that_started_nothing_gives_its_place_back_at_once() {
    let emulator = emulator_with(json!({"max_turns": 1})).await;
    script(&emulator, json!([{"steps": [{"text": "x"}]}]));
    let client = client_with(
        &emulator,
        json!({"respect_max_concurrent": true, "wait_for_limit": 2, "max_retries": 0}),
    );
    let first = client.session().unwrap();
    first.run_turn(RunTurn::new("first")).await.unwrap();
    for fault in [
        json!({"status": 400}),
        json!({"status": 401}),
        json!({"status": 404}),
        json!({"status": 409}),
        json!({"status": 422, "times": 3}),
        json!({"status": 429, "headers": {"Retry-After": "61"}}),
        json!({"status": 500}),
        json!({"status": 502}),
        json!({"reset": true}),
    ] {
        let mut all = json!({"on": "start_turn"});
        all.as_object_mut()
            .unwrap()
            .extend(fault.as_object().unwrap().clone());
        for session in [
            client.session().unwrap(),
            client.continue_session(first.id()).unwrap(),
        ] {
            fail(&emulator, all.clone());
            let error = session.start_turn(StartTurn::new("refused")).await;
            assert!(error.is_err(), "{fault}");
            let after = client.session().unwrap();
            let result = after.run_turn(RunTurn::new("after")).await;
            assert_eq!(result.unwrap().text, "x", "{fault}");
        }
    }
}

#[tokio::test]
async fn a_run_whose_time_is_up_before_its_turn_began_does_not_say_that_it_goes_on() {
    let emulator = emulator_with(json!({"max_turns": 1})).await;
    script(&emulator, json!([{"steps": [{"wait_for_stop": true}]}]));
    let client = client_with(&emulator, json!({"respect_max_concurrent": true}));
    let session = client.session().unwrap();
    let first = session.start_turn(StartTurn::new("wait")).await.unwrap();
    let second = client.session().unwrap();
    let run = RunTurn::new("second").timeout(Duration::from_millis(100));
    let error = second.run_turn(run).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TaskTimeout);
    let text = error.to_string();
    assert!(text.contains("not known to run within 0.1 s"), "{text}");
    assert_eq!(error.session_id(), Some(second.id()));
    assert_eq!(
        sessionwire_tests::count(&emulator, "POST", "/sessions/new"),
        1
    );
    assert!(first.stop(Duration::from_secs(10)).await.unwrap().confirmed);
}

/// Whoever runs turns by the service's limit is refused none, whatever becomes
/// of those who wait for them.
#[tokio::test]
async fn turns_that_were_left_do_not_make_room_before_they_end() {
    let emulator = emulator_with(json!({"max_turns": 3})).await;
    script(
        &emulator,
        json!([
            {"match": "slow", "steps": [{"delay": 0.4}, {"text": "x"}]},
            {"steps": [{"delay": 0.01}, {"text": "x"}]},
        ]),
    );
    // Starts that take long are cut off too.
    fail(
        &emulator,
        json!({"on": "start_turn", "delay": 0.15, "times": 2}),
    );
    let client = client_with(
        &emulator,
        json!({"respect_max_concurrent": true, "wait_for_limit": 60, "max_retries": 0, "timeout": 60}),
    );
    let mut runs = tokio::task::JoinSet::new();
    for n in 0..50 {
        let session = client.session().unwrap();
        runs.spawn(async move {
            let is_left = n % 6 == 0;
            let turn = match is_left {
                true => RunTurn::new("slow").timeout(Duration::from_millis(100)),
                false => RunTurn::new(format!("turn {n}")),
            };
            match session.run_turn(turn).await {
                Ok(result) => assert_eq!(result.text, "x"),
                Err(error) => assert!(is_left && error.kind() == ErrorKind::TaskTimeout, "{error}"),
            }
        });
    }
    while let Some(run) = runs.join_next().await {
        run.unwrap();
    }
    assert_eq!(refused(&emulator), 0);
}

#[tokio::test]
async fn frames_can_be_written_in_another_way() {
    let emulator = emulator_with(json!({"strict_frames": true})).await;
    script(
        &emulator,
        json!([{"steps": [{"wait_for_message": true}, {"text": "{message}"}, {"wait_for_stop": true}]}]),
    );
    // A service that knows other words than assumed, two of them at once.
    let encoder = FrameEncoder::new(|frame| match frame["type"].as_str() {
        Some("message") => {
            json!({"type": "user_message", "content": frame["text"], "n": frame.len()})
        }
        _ => json!({"type": "stop_task"}),
    });
    let mut options: RaccoonOptions = serde_json::from_value(json!({
        "base_url": emulator.raccoon_url(), "api_key": emulator.api_key(),
    }))
    .unwrap();
    options.encode_frame = Some(encoder);
    let config = RaccoonConfig::resolve_with(options, &|_| None).unwrap();
    let client = Client::new(config).unwrap();
    let turn = client
        .session()
        .unwrap()
        .start_turn(StartTurn::new("go"))
        .await
        .unwrap();
    let message = TurnMessage::new("more");
    let operation = TurnOperation::SendMessage(message.clone());
    assert_eq!(
        turn.frame(operation).unwrap(),
        json!({"type": "user_message", "content": "more", "n": 4})
    );
    turn.send_message(message).await.unwrap();
    let stopped = turn.stop(Duration::from_secs(10)).await.unwrap();
    assert!(stopped.confirmed);
    assert_eq!(turn.result(None).await.unwrap().status, TurnStatus::Aborted);

    // One frame by hand goes past the encoder.
    let turn = client
        .session()
        .unwrap()
        .start_turn(StartTurn::new("go"))
        .await
        .unwrap();
    turn.send_message(
        TurnMessage::new("unheard").frame(json!({"type": "message", "text": "by hand"})),
    )
    .await
    .unwrap();
    let mut events = turn.events();
    loop {
        let event = events.next().await.unwrap().unwrap();
        if event.event_type().name() == "text" {
            assert_eq!(event.text(), "by hand");
            break;
        }
    }
    let bad = turn.frame(TurnOperation::SendMessage(TurnMessage::default()));
    assert_eq!(bad.unwrap_err().kind(), ErrorKind::InvalidRequest);
}

#[tokio::test]
async fn a_turns_text_is_read_as_json() {
    let emulator = emulator().await;
    let text = "Prices [1]: {\"prices\": [41.5, 12]}";
    script(
        &emulator,
        json!([{"steps": [{"text": text}, {"complete": true}]}]),
    );
    let session = client(&emulator).session().unwrap();
    let result = session.run_turn(RunTurn::new("go")).await.unwrap();
    let found: Value = result.json().unwrap();
    assert_eq!(found, json!({"prices": [41.5, 12]}));
    let error = result.json::<Vec<u8>>().unwrap_err();
    assert_eq!(error.reason(), Some("unexpected_shape"));
}

#[tokio::test]
async fn files_of_one_name_and_files_without_one_stay_apart() {
    let emulator = emulator().await;
    script(&emulator, json!([{"steps": [{"complete": true}]}]));
    let client = client(&emulator);
    let session = client.session().unwrap();
    let folder = std::env::temp_dir().join(format!("sessionwire-{}", session.id()));
    let mut start = StartTurn::new("compare");
    for year in ["2024", "2025"] {
        std::fs::create_dir_all(folder.join(year)).unwrap();
        let path = folder.join(year).join("report.csv");
        std::fs::write(&path, year).unwrap();
        start = start.file(path.to_str().unwrap());
    }
    session.run_turn(start).await.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let requests = emulator.requests();
    let started = requests
        .iter()
        .find(|request| request.path == "/sessions/new");
    let body: Value = serde_json::from_str(&started.unwrap().body).unwrap();
    let of = |field: &str| [&body["files"][0][field], &body["files"][1][field]].map(Clone::clone);
    assert_eq!(of("name"), ["report.csv", "report.csv"]);
    assert_eq!(
        of("key"),
        [
            json!(format!("{}/report.csv", session.id())),
            json!(format!("{}/2/report.csv", session.id()))
        ]
    );
    let named = || {
        let upload = Upload::new(session.id()).name("report.csv");
        client.upload(upload, UploadSource::bytes("c"), UploadProgress::new())
    };
    let keys = [named().await.unwrap().key, named().await.unwrap().key];
    assert_eq!(
        keys,
        [3, 4].map(|at| format!("{}/{at}/report.csv", session.id()))
    );
    let first = session
        .upload(UploadSource::bytes(b"a".as_slice()))
        .await
        .unwrap();
    let second = session
        .upload(UploadSource::bytes(b"b".as_slice()))
        .await
        .unwrap();
    assert_ne!(first.key, second.key);
    assert_eq!(
        (first.name.as_str(), second.name.as_str()),
        ("file", "file")
    );
}

#[tokio::test]
async fn a_turn_that_is_one_too_many_says_what_to_do() {
    let emulator = emulator_with(json!({"max_turns": 1})).await;
    script(&emulator, json!([{"steps": [{"wait_for_stop": true}]}]));
    let client = client_with(&emulator, json!({"max_retries": 0}));
    let first = client
        .session()
        .unwrap()
        .start_turn(StartTurn::new("one"))
        .await
        .unwrap();
    let second = client
        .session()
        .unwrap()
        .start_turn(StartTurn::new("two"))
        .await;
    let text = second.unwrap_err().to_string();
    assert!(text.contains("respect_max_concurrent"), "{text}");
    assert!(!text.contains("delete sessions"), "{text}");
    assert!(first.stop(Duration::from_secs(10)).await.unwrap().confirmed);
}

/// Where neither ids nor places tell events apart, a reader that goes on from a
/// place cannot know what it missed: the history does.
#[tokio::test]
async fn a_text_that_was_read_in_pieces_is_that_of_the_history() {
    for (ids, read) in [("still", 1), ("restarting", 1), ("restarting", 2)] {
        let dialect = json!({"dialect": {"event_ids": ids}, "entry_ids": false});
        let emulator = emulator_with(dialect).await;
        script(
            &emulator,
            json!([{"steps": [
                {"wait_for_socket": true}, {"thought": "hm"}, {"text": "Pay 10"}, {"text": " EUR"},
                {"wait_for_message": true}, {"text": " to Bob"},
            ]}]),
        );
        let client = client(&emulator);
        let session = client.session().unwrap();
        let turn = session.start_turn(StartTurn::new("go")).await.unwrap();
        let mut events = turn.events();
        let mut last = None;
        for _ in 0..read {
            last = events.next().await.unwrap().unwrap().id();
        }
        let mut point = turn.resume_point();
        point.last_event_id = last;
        drop(events);
        turn.close();
        let again = client.attach(Attach::resume(&point)).await.unwrap();
        again.send_message(TurnMessage::new("go on")).await.unwrap();
        let result = again.result(Some(Duration::from_secs(20))).await.unwrap();
        assert_eq!(result.text, "Pay 10 EUR to Bob", "{ids} {read}");
        assert!(result.text_is_certain);
    }
}

/// A turn whose stream is lost while it waits for its place was not seen to run.
#[tokio::test]
async fn a_lost_stream_does_not_say_that_the_turn_runs() {
    let emulator = emulator_with(json!({"max_turns": 1, "queue_turns": true})).await;
    script(&emulator, json!([{"steps": [{"wait_for_stop": true}]}]));
    let client = client_with(&emulator, json!({"max_retries": 0}));
    let first = client.session().unwrap();
    let first = first.start_turn(StartTurn::new("first")).await.unwrap();
    fail(
        &emulator,
        json!({"on": "socket", "status": 503, "times": 0}),
    );
    let events = TurnEventOptions::new().max_reconnects(0);
    let start = StartTurn::new("second").events(events);
    let second = client.session().unwrap().start_turn(start).await.unwrap();
    assert_eq!(second.queue_position(), Some(1));
    assert!(second.result(None).await.is_err());
    assert_eq!(second.queue_position(), Some(1), "as the service said last");
    emulator.clear_faults();
    assert!(first.stop(Duration::from_secs(10)).await.unwrap().confirmed);
}

//! The endpoints, one by one, and what a client must never do.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use serde_json::json;
use sessionwire::ErrorKind;
use sessionwire::agi::{
    CreateSession, EventOptions, ListMessages, RawRequest, RunTask, SendMessage, SnapshotOptions,
    StartTask, WaitOptions,
};
use sessionwire::seam::agi::{Operation, Output};
use sessionwire_tests::{
    all, build, client, client_with, count, emulator, emulator_with, fail, script, session,
};

const BUSY: &str = r#"[{"steps": [{"thought": "long"}, {"delay": 600}, {"done": "never"}]}]"#;

#[tokio::test]
async fn every_endpoint_answers() {
    let emulator = emulator().await;
    script(&emulator, serde_json::from_str(BUSY).unwrap());
    let client = client(&emulator);
    let mut session = session(&client).await;
    let id = session.id().to_owned();
    assert_eq!(session.info().agent_name, "agi-0");
    assert!(session.info().created_at.is_some());

    assert_eq!(client.sessions().list().await.unwrap().len(), 1);
    assert_eq!(client.sessions().get(&id).await.unwrap().id(), id);
    assert!(
        session
            .send_message(SendMessage::new("start"))
            .await
            .unwrap()
            .success
    );
    assert_eq!(session.execution_status().await.unwrap().status, "running");
    assert_eq!(session.refresh().await.unwrap().status, "running");
    assert!(session.pause().await.unwrap().success);
    let twice = session.pause().await.unwrap_err();
    assert_eq!(
        (twice.kind(), twice.code()),
        (ErrorKind::Conflict, Some("already_paused"))
    );
    assert!(session.resume().await.unwrap().success);
    let twice = session.resume().await.unwrap_err();
    assert_eq!(
        (twice.kind(), twice.code()),
        (ErrorKind::Conflict, Some("not_paused"))
    );
    let seen = session.messages(ListMessages::default()).await.unwrap();
    assert_eq!(seen.messages[0].message_type, "USER");
    assert_eq!(seen.messages[0].text(), "start");
    assert!(session.cancel().await.unwrap().success);
    assert_eq!(
        session.wait(WaitOptions::default()).await.unwrap().status,
        "finished"
    );
    let shot = session.screenshot().await.unwrap();
    assert_eq!(
        (shot.mime_type.as_str(), shot.width, shot.height),
        ("image/jpeg", 1280, 720)
    );
    assert!(shot.image.starts_with(&[0xff, 0xd8]));
    let Output::Models(models) = client
        .execute(Operation::Models { filter: None })
        .await
        .unwrap()
    else {
        panic!("models gives models");
    };
    assert!(models.contains(&"agi-0".to_owned()));
    let snapshot = SnapshotOptions::default()
        .save_snapshot_mode("filesystem")
        .save_as_default(true);
    assert!(session.delete_with(snapshot).await.unwrap().deleted);
    assert!(!session.delete().await.unwrap().deleted);
    let restored = CreateSession::default().restore_from_session_id(id);
    client.sessions().create(restored).await.unwrap();
    assert!(client.sessions().delete_all().await.unwrap().deleted);
    assert_eq!(emulator.session_count(), 0);
}

#[tokio::test]
async fn navigate_gives_the_address_after_redirects() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let session = session(&client).await;
    // The emulator itself is a page that answers.
    let url = format!("{}/nowhere", emulator.url());
    assert_eq!(session.navigate(&url).await.unwrap(), url);
    assert_eq!(session.screenshot().await.unwrap().url, url);
}

#[tokio::test]
async fn stop_deletes_where_cancel_fails() {
    let emulator = emulator().await;
    fail(
        &emulator,
        json!({"on": "cancel", "status": 400, "times": 0}),
    );
    let client = client(&emulator);
    let session = session(&client).await;
    assert!(session.stop().await.unwrap().success);
    assert_eq!(emulator.session_count(), 0);
}

#[tokio::test]
async fn the_escape_hatch_uses_the_same_rules() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let request = RawRequest::new("get", "/sessions");
    let Output::Raw(answer) = client
        .execute(Operation::Request(request.clone()))
        .await
        .unwrap()
    else {
        panic!("request gives a raw answer");
    };
    assert_eq!((answer.status_code, answer.body.as_str()), (200, "[]"));
    let smuggled = RawRequest::new("get", "/sessions/../../admin");
    let error = client
        .execute(Operation::Request(smuggled))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
}

#[tokio::test]
async fn g03_an_effect_is_never_repeated_on_a_guess() {
    for failure in [
        json!({"status": 500}),
        json!({"reset": true}),
        json!({"status": 503}),
    ] {
        for (on, path) in [
            ("create", "/sessions"),
            ("message", "/message"),
            ("navigate", "/navigate"),
        ] {
            let emulator = emulator().await;
            let client = client(&emulator);
            let session = session(&client).await;
            let already = count(&emulator, "POST", path);
            let mut fault = failure.clone();
            fault["on"] = json!(on);
            fault["times"] = json!(0);
            fail(&emulator, fault);
            let error = match on {
                "create" => client
                    .sessions()
                    .create(CreateSession::default())
                    .await
                    .unwrap_err(),
                "message" => session
                    .send_message(SendMessage::new("buy it"))
                    .await
                    .unwrap_err(),
                _ => session.navigate("http://127.0.0.1:9/").await.unwrap_err(),
            };
            assert!(error.maybe_delivered(), "{on} {failure}: {error:?}");
            assert_eq!(
                count(&emulator, "POST", path) - already,
                1,
                "{on} {failure}"
            );
        }
    }
}

#[tokio::test]
async fn g03_a_message_whose_answer_was_lost_is_found() {
    let emulator = emulator().await;
    script(&emulator, json!([{"steps": [{"done": "bought"}]}]));
    fail(
        &emulator,
        json!({"on": "message", "reset": true, "after": true}),
    );
    let client = client(&emulator);
    let session = session(&client).await;
    let result = session.run_task(RunTask::new("buy it")).await.unwrap();
    assert_eq!(result.text, "bought");
    assert_eq!(count(&emulator, "POST", "/message"), 1);
}

#[tokio::test]
async fn g03_an_earlier_message_with_the_same_text_proves_nothing() {
    let emulator = emulator().await;
    script(&emulator, serde_json::from_str(BUSY).unwrap());
    let client = client(&emulator);
    let session = session(&client).await;
    session
        .send_message(SendMessage::new("go on"))
        .await
        .unwrap();
    fail(&emulator, json!({"on": "message", "reset": true}));
    let error = session
        .send_message(SendMessage::new("go on"))
        .await
        .unwrap_err();
    assert!(error.maybe_delivered());
    fail(
        &emulator,
        json!({"on": "message", "reset": true, "after": true}),
    );
    session
        .send_message(SendMessage::new("go on"))
        .await
        .unwrap();
}

#[tokio::test]
async fn g03_a_request_that_reads_is_repeated() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let session = session(&client).await;
    fail(
        &emulator,
        json!({"on": "status", "status": 503, "headers": {"Retry-After": "0"}, "times": 2}),
    );
    assert_eq!(session.execution_status().await.unwrap().status, "finished");
    assert_eq!(count(&emulator, "GET", "/status"), 3);
    let never = client_with(&emulator, json!({"max_retries": 0}))
        .sessions()
        .attach(session.id())
        .unwrap();
    fail(&emulator, json!({"on": "status", "status": 503}));
    assert_eq!(
        never.execution_status().await.unwrap_err().kind(),
        ErrorKind::InternalServer
    );
    assert_eq!(count(&emulator, "GET", "/status"), 4);
}

#[tokio::test]
async fn g03_a_pause_that_meets_its_own_success_succeeded() {
    let emulator = emulator().await;
    script(&emulator, serde_json::from_str(BUSY).unwrap());
    let client = client(&emulator);
    let session = session(&client).await;
    session
        .send_message(SendMessage::new("start"))
        .await
        .unwrap();
    fail(
        &emulator,
        json!({"on": "pause", "reset": true, "after": true}),
    );
    assert!(session.pause().await.unwrap().success);
    assert_eq!(count(&emulator, "POST", "/pause"), 2);
}

#[tokio::test]
async fn a_rate_limit_carries_its_wait() {
    let emulator = emulator_with(json!({"session_limit": 1})).await;
    let client = client_with(&emulator, json!({"max_retries": 0}));
    let _first = session(&client).await;
    let error = client
        .sessions()
        .create(CreateSession::default())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.status_code()),
        (ErrorKind::RateLimit, Some(503))
    );
    fail(
        &emulator,
        json!({"on": "list", "status": 429, "headers": {"Retry-After": "7"}}),
    );
    let error = client.sessions().list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimit);
    assert_eq!(error.retry_after().unwrap().as_secs(), 7);
}

#[tokio::test]
async fn g04_a_call_ends_at_its_deadline() {
    let emulator = emulator().await;
    let client = client_with(&emulator, json!({"timeout": 0.3}));
    fail(&emulator, json!({"on": "list", "hang": true, "times": 0}));
    let error = client.sessions().list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn g04_a_silent_stream_reconnects() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"thought": "a"}, {"done": "b"}]}]),
    );
    fail(&emulator, json!({"on": "events", "silence": true}));
    let client = client(&emulator);
    let session = session(&client).await;
    session.send_message(SendMessage::new("go")).await.unwrap();
    let options = EventOptions::default().idle_timeout(Duration::from_millis(200));
    let events = all(&mut session.events(options).unwrap()).await;
    assert_eq!(events.len(), 2);
    assert_eq!(count(&emulator, "GET", "/events"), 2);
}

#[tokio::test]
async fn g07_the_key_is_in_no_error_and_no_repr() {
    let emulator = emulator_with(json!({"api_keys": ["right-key-123456"]})).await;
    let key = "wrong-key-987654";
    let client = build(json!({"base_url": emulator.url(), "api_key": key})).unwrap();
    fail(
        &emulator,
        json!({"on": "list", "status": 401, "headers": {"X-Echo": key}, "body": {"detail": format!("bad key {key}")}}),
    );
    let echoed = client.sessions().list().await.unwrap_err();
    let refused = client
        .sessions()
        .create(CreateSession::default())
        .await
        .unwrap_err();
    for error in [echoed, refused] {
        assert_eq!(error.kind(), ErrorKind::Authentication);
        assert!(error.to_string().contains("AGI_API_KEY"));
        let shown = format!(
            "{error} {error:?} {} {client:?} {:?}",
            error.to_json(),
            client.config()
        );
        assert!(!shown.contains(key), "{shown}");
    }
}

#[tokio::test]
async fn g08_bad_input_sends_nothing() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let session = session(&client).await;
    emulator.clear_requests();
    let long = "x".repeat(11_000);
    let mut errors = vec![
        client.sessions().attach("").unwrap_err(),
        client
            .sessions()
            .delete("", SnapshotOptions::default())
            .await
            .unwrap_err(),
        client.sessions().get("..").await.unwrap_err(),
        session
            .send_message(SendMessage::new(""))
            .await
            .unwrap_err(),
        session
            .send_message(SendMessage::new(long))
            .await
            .unwrap_err(),
        session
            .send_message(SendMessage::new("x").start_url("h".repeat(2001)))
            .await
            .unwrap_err(),
        session.navigate("shop.example/cart").await.unwrap_err(),
        session.navigate("ftp://shop.example/").await.unwrap_err(),
        session
            .messages(ListMessages::default().after_id(-1).sanitize(true))
            .await
            .unwrap_err(),
        session.start_task(StartTask::new("")).await.unwrap_err(),
        session
            .events(EventOptions::default().idle_timeout(Duration::ZERO))
            .unwrap_err(),
    ];
    let only_default = SnapshotOptions::default().save_as_default(true);
    errors.push(session.delete_with(only_default).await.unwrap_err());
    let webhook = CreateSession::default().webhook_url("ftp://x");
    errors.push(client.sessions().create(webhook).await.unwrap_err());
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
    }
    assert_eq!(emulator.requests().len(), 0);
}

#[tokio::test]
async fn g08_an_id_cannot_leave_its_path() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let error = client.sessions().get("a/../b?x=1#y").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let requests = emulator.requests();
    assert_eq!(requests.len(), 1);
    assert!(
        requests[0].path.contains("a%2F..%2Fb%3Fx%3D1%23y"),
        "{}",
        requests[0].path
    );
}

#[tokio::test]
async fn an_unreachable_host_is_a_connection_error() {
    // Bound and dropped: nothing listens on this port.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let options = json!({"base_url": format!("http://127.0.0.1:{port}"), "api_key": "some-key", "max_retries": 0});
    let error = build(options).unwrap().sessions().list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(!error.maybe_delivered());
    assert!(error.to_string().contains("base URL"), "{error}");
}

#[tokio::test]
async fn g07_only_a_get_to_the_same_origin_is_redirected() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let session = session(&client).await;
    let here = format!("/v1/sessions/{}", session.id());
    fail(
        &emulator,
        json!({"on": "get", "status": 307, "headers": {"Location": here}}),
    );
    assert_eq!(
        client.sessions().get("moved").await.unwrap().id(),
        session.id()
    );

    let stranger = emulator_with(json!({})).await;
    let there = format!("{}/v1/sessions", stranger.url());
    fail(
        &emulator,
        json!({"on": "list", "status": 307, "headers": {"Location": there}}),
    );
    assert_eq!(
        client.sessions().list().await.unwrap_err().reason(),
        Some("redirect_refused")
    );
    fail(
        &emulator,
        json!({"on": "create", "status": 307, "headers": {"Location": "/v1/sessions"}}),
    );
    let error = client
        .sessions()
        .create(CreateSession::default())
        .await
        .unwrap_err();
    assert_eq!(error.reason(), Some("redirect_refused"));
    assert_eq!(stranger.requests().len(), 0);
    fail(
        &emulator,
        json!({"on": "list", "status": 302, "headers": {"Location": "/v1/sessions"}, "times": 0}),
    );
    assert_eq!(
        client.sessions().list().await.unwrap_err().reason(),
        Some("too_many_redirects")
    );
}

#[tokio::test]
async fn a_header_of_the_caller_wins_and_is_sent_once() {
    let emulator = emulator().await;
    let headers = json!({"Accept": "text/plain", "X-Team": "blue"});
    let client = client_with(&emulator, json!({"headers": headers}));
    client.sessions().list().await.unwrap();
    let request = &emulator.requests()[0];
    assert_eq!(request.headers["accept"], "text/plain");
    assert_eq!(request.headers["x-team"], "blue");
}

#[tokio::test]
async fn an_absurd_wait_is_no_panic() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let session = session(&client).await;
    let run = RunTask::new("count").timeout(Duration::MAX);
    session.run_task(run).await.unwrap();
    let options = WaitOptions::default()
        .timeout(Duration::MAX)
        .poll_interval(Duration::MAX);
    assert_eq!(session.wait(options).await.unwrap().status, "finished");
}

#[tokio::test]
async fn g03_a_patch_is_sent_once() {
    // No route of the emulator takes PATCH: a server that hangs up after each request.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        for count in 1.. {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let length = tokio::io::AsyncReadExt::read(&mut socket, &mut request)
                .await
                .unwrap();
            if request[..length].starts_with(b"GET") {
                return count - 1;
            }
        }
        0
    });
    let options =
        json!({"base_url": format!("http://{address}"), "api_key": "some-key", "max_retries": 3});
    let client = build(options).unwrap();
    let request = RawRequest::new("PATCH", "/sessions");
    let error = client
        .execute(Operation::Request(request))
        .await
        .unwrap_err();
    assert!(error.maybe_delivered(), "{error:?}");
    let brief = client
        .with_options(serde_json::from_value(json!({"max_retries": 0})).unwrap())
        .unwrap();
    brief.sessions().list().await.unwrap_err();
    assert_eq!(served.await.unwrap(), 1);
}

#[tokio::test]
async fn g05_what_a_client_created_can_be_deleted_at_the_end() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let other = session(&client_with(&emulator, json!({}))).await;
    let gone = session(&client).await;
    gone.delete().await.unwrap();
    let copy: sessionwire::OptionChanges = serde_json::from_value(json!({"timeout": 9})).unwrap();
    session(&client.with_options(copy).unwrap()).await;
    for _ in 0..50 {
        session(&client).await;
    }
    client.close();
    emulator.clear_requests();
    let failures = client.delete_created_sessions(LIMIT).await;
    assert!(failures.is_empty(), "{failures:?}");
    assert_eq!(
        (emulator.session_count(), emulator.requests().len()),
        (1, 51)
    );
    assert!(!other.id().is_empty());
    assert!(client.delete_created_sessions(LIMIT).await.is_empty());
    assert_eq!(emulator.requests().len(), 51, "nothing is left to delete");
}

#[tokio::test]
async fn g05_what_cannot_be_deleted_at_the_end_is_told() {
    let emulator = emulator().await;
    let client = client_with(&emulator, json!({"max_retries": 0}));
    let (first, second) = (session(&client).await, session(&client).await);
    let refused = json!({"on": "delete", "status": 403, "session_id": first.id(), "times": 0});
    fail(&emulator, refused);
    let hangs = json!({"on": "delete", "hang": true, "session_id": second.id(), "times": 0});
    fail(&emulator, hangs);
    let limit = Duration::from_millis(200);
    let mut failures = client.delete_created_sessions(limit).await;
    failures.sort_by_key(|(id, _)| id != first.id());
    assert_eq!(failures[0].0, first.id());
    assert_eq!(
        failures[0].1.kind(),
        sessionwire::ErrorKind::PermissionDenied
    );
    assert_eq!(failures[1].0, second.id());
    assert_eq!(failures[1].1.kind(), sessionwire::ErrorKind::Timeout);
}

const LIMIT: Duration = Duration::from_secs(20);

//! What only users of the Rust crate meet: handles, handlers, runtimes.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::error::Error as _;
use std::time::Duration;

use serde_json::json;
use sessionwire::ErrorKind;
use sessionwire::agi::{EventOptions, ListMessages, RawRequest, RunTask, RunTasks, StartTask};
use sessionwire::raccoon::{StartTurn, TurnStatus, UploadSource};
use sessionwire_tests::{all, build, client, emulator, fail, ids, script, session, turns, until};

#[tokio::test]
async fn a_task_has_one_stream() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"thought": "a"}, {"thought": "b"}, {"done": "c"}]}]),
    );
    let client = client(&emulator);
    let session = session(&client).await;
    let task = session.start_task(StartTask::new("go")).await.unwrap();
    let mut events = task.events();
    assert_eq!(events.next().await.unwrap().unwrap().id(), Some(2));
    let mut second = task.events();
    let refused = second.next().await.unwrap().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidRequest);
    assert!(refused.to_string().contains("`events` once"), "{refused}");
    assert!(second.next().await.is_none());
    drop(second);
    // The first one goes on.
    assert_eq!(ids(&all(&mut events).await), [3, 4]);
}

#[tokio::test]
async fn a_turn_has_one_stream() {
    let emulator = emulator().await;
    let client = turns::client(&emulator);
    let session = client.session().unwrap();
    let turn = session.start_turn(StartTurn::new("go")).await.unwrap();
    let mut events = turn.events();
    let refused = turn.events().next().await.unwrap().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidRequest);
    assert!(!all(&mut events).await.is_empty());
}

#[tokio::test]
async fn g04_a_stream_whose_runtime_is_gone_ends_with_an_error() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"question": "?"}, {"done": "b"}]}]),
    );
    let client = client(&emulator);
    let session = session(&client).await;
    session
        .send_message(sessionwire::agi::SendMessage::new("go"))
        .await
        .unwrap();
    let other = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let guard = other.enter();
    let mut events = session.events(EventOptions::new()).unwrap();
    drop(guard);
    let question = events.next().await.unwrap().unwrap();
    assert_eq!(question.text(), "?");
    other.shutdown_background();
    let error = events.next().await.unwrap().unwrap_err();
    assert_eq!(
        (error.kind(), error.reason()),
        (ErrorKind::Stream, Some("runtime_gone"))
    );
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_handler_may_wait_and_may_leave_a_question_open() {
    let emulator = emulator().await;
    let steps = json!({"steps": [{"question": "When?"}, {"done": "At {answer}"}]});
    script(&emulator, json!([steps, steps, steps]));
    let client = client(&emulator);
    let run = async |run: RunTask| session(&client).await.run_task(run).await;
    let sync = run(RunTask::new("book").on_question(|_| "noon")).await;
    assert_eq!(sync.unwrap().text, "At noon");
    let late = RunTask::new("book").on_question(async |question| {
        tokio::task::yield_now().await;
        format!("ten ({})", question.text())
    });
    assert_eq!(run(late).await.unwrap().text, "At ten (When?)");
    let open = RunTask::new("book").on_question(async |_| None::<String>);
    assert_eq!(
        run(open).await.unwrap_err().kind(),
        ErrorKind::QuestionPending
    );
}

#[tokio::test]
async fn g05_a_delete_that_the_service_did_not_carry_out_is_reported() {
    let emulator = emulator().await;
    fail(
        &emulator,
        json!({"on": "delete", "status": 200, "times": 0, "body": {"success": false, "message": "busy"}}),
    );
    let client = client(&emulator);
    let mut outcomes = client.run_tasks(RunTasks::new(["one"])).unwrap();
    let outcome = outcomes.next().await.unwrap();
    assert!(outcome.result.is_ok());
    let undeleted = outcome.undeleted.unwrap();
    assert_eq!(undeleted.reason(), Some("not_deleted"));
    assert!(undeleted.to_string().contains("busy"), "{undeleted}");
    assert!(undeleted.session_id().is_some());
}

#[tokio::test]
async fn a_stop_after_a_close_says_what_the_result_says() {
    let emulator = emulator().await;
    turns::script(
        &emulator,
        json!([{"steps": [{"text": "waiting"}, {"wait_for_stop": true}]}]),
    );
    let client = turns::client(&emulator);
    let session = client.session().unwrap();
    let turn = session.start_turn(StartTurn::new("stay")).await.unwrap();
    until("the text", || !turn.state().text.is_empty()).await;
    turn.close();
    let stopped = turn.stop(Duration::from_secs(10)).await.unwrap();
    assert_eq!(
        (stopped.confirmed, stopped.status),
        (true, TurnStatus::Aborted)
    );
    let result = turn.result(Some(Duration::from_secs(10))).await.unwrap();
    assert_eq!(result.status, TurnStatus::Aborted);
}

#[tokio::test]
async fn an_error_has_its_source() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    drop(silent);
    let options =
        json!({"base_url": format!("http://{address}"), "api_key": "sk-secret", "max_retries": 0});
    let client = build(options).unwrap();
    let error = client.sessions().list().await.unwrap_err();
    let mut chain = Vec::new();
    let mut next = error.source();
    while let Some(source) = next {
        chain.push(source.to_string());
        next = source.source();
    }
    assert!(
        chain.iter().any(|cause| cause.contains("refused")),
        "{chain:?}"
    );
    assert!(chain.iter().all(|cause| !cause.contains("sk-secret")));
}

#[tokio::test]
async fn every_call_is_a_method() {
    let emulator = emulator().await;
    let client = client(&emulator);
    assert!(!client.models(None).await.unwrap().is_empty());
    let filtered = client.models(Some("desktop")).await.unwrap();
    assert!(filtered.len() < client.models(None).await.unwrap().len());
    let response = client
        .request(RawRequest::new("GET", "/sessions"))
        .await
        .unwrap();
    assert_eq!((response.status_code, response.body.as_str()), (200, "[]"));
    let of_turns = turns::client(&emulator);
    let request = sessionwire::raccoon::RawRequest::new("GET", "/sessions");
    assert_eq!(of_turns.request(request).await.unwrap().status_code, 200);
}

/// What the pages say under "Panics": as tokio itself does, and nothing else.
#[test]
fn a_call_without_a_runtime_panics_and_says_why() {
    let client = build(json!({"base_url": "http://127.0.0.1:9", "api_key": "k"})).unwrap();
    let session = client.sessions().attach("s1").unwrap();
    let calls: [Box<dyn Fn()>; 4] = [
        Box::new(|| drop(session.events(EventOptions::default()))),
        Box::new(|| drop(client.run_tasks(RunTasks::new(["go"])))),
        Box::new(|| drop(UploadSource::reader(tokio::io::empty()))),
        Box::new(|| {
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            let mut call = std::pin::pin!(session.messages(ListMessages::default()));
            assert!(call.as_mut().poll(&mut context).is_ready());
        }),
    ];
    for call in calls {
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).unwrap_err();
        let why = panic.downcast_ref::<&str>().map(ToString::to_string);
        let why = why.or_else(|| panic.downcast_ref::<String>().cloned());
        assert!(
            why.as_deref().unwrap_or_default().contains("runtime"),
            "{why:?}"
        );
    }
}

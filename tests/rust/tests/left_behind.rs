//! Sessions whose futures are dropped, at any point.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde_json::json;
use sessionwire::agi::{CreateSession, RunTask, Session};
use sessionwire_tests::{client, count, emulator, fail, script, session, until};
use tokio::task::JoinSet;

const TIMES: usize = 50;
const LIMIT: Duration = Duration::from_secs(10);

#[tokio::test]
async fn g05_a_scope_that_is_never_polled_deletes() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let mut tasks = JoinSet::new();
    for _ in 0..TIMES {
        let scope = session(&client)
            .await
            .scoped(|_: Session| std::future::pending::<()>());
        tasks.spawn(scope);
    }
    // On this runtime's one thread none of them was polled yet.
    tasks.abort_all();
    while tasks.join_next().await.is_some() {}
    assert!(client.settle(LIMIT).await.is_empty());
    assert_eq!(emulator.session_count(), 0);
}

#[tokio::test]
async fn g05_a_scope_that_is_dropped_at_any_poll_deletes() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"thought": "hm"}, {"done": "here"}]}]),
    );
    let client = client(&emulator);
    for polls in 0..TIMES {
        let session = session(&client).await;
        let mut scope = Box::pin(
            session.scoped(|session| async move { session.run_task(RunTask::new("go")).await }),
        );
        for _ in 0..polls {
            let next = std::future::poll_fn(|context| {
                let ready = scope.as_mut().poll(context).is_ready();
                Poll::Ready(ready)
            });
            if next.await {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(scope);
        assert!(client.settle(LIMIT).await.is_empty());
        assert_eq!(emulator.session_count(), 0, "after {polls} polls");
    }
}

#[tokio::test]
async fn g05_creates_that_are_dropped_leave_no_session() {
    let emulator = emulator().await;
    fail(&emulator, json!({"on": "create", "delay": 0.2, "times": 0}));
    let client = client(&emulator);
    let mut tasks = JoinSet::new();
    for _ in 0..TIMES {
        let sessions = client.sessions();
        tasks.spawn(async move { sessions.create(CreateSession::default()).await });
    }
    until("the requests", || {
        count(&emulator, "POST", "/sessions") == TIMES
    })
    .await;
    tasks.abort_all();
    while tasks.join_next().await.is_some() {}
    assert!(client.delete_created_sessions(LIMIT).await.is_empty());
    assert_eq!(emulator.session_count(), 0);
    assert_eq!(count(&emulator, "POST", "/sessions"), TIMES);
    assert!(client.settle(LIMIT).await.is_empty());
}

#[tokio::test]
async fn g05_creates_under_way_are_deleted_at_the_end() {
    let emulator = emulator().await;
    fail(&emulator, json!({"on": "create", "delay": 0.2, "times": 0}));
    let client = client(&emulator);
    let sessions = client.sessions();
    let creating = tokio::spawn(async move { sessions.create(CreateSession::default()).await });
    until("the request", || count(&emulator, "POST", "/sessions") == 1).await;
    assert!(client.delete_created_sessions(LIMIT).await.is_empty());
    assert_eq!(emulator.session_count(), 0);
    creating.await.unwrap().unwrap();
}

#[tokio::test]
async fn g05_a_scope_that_is_dropped_elsewhere_deletes() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let mut scope = Box::pin(
        session(&client)
            .await
            .scoped(|_| std::future::pending::<()>()),
    );
    let mut context = Context::from_waker(Waker::noop());
    assert!(pin!(&mut scope).poll(&mut context).is_pending());
    // A thread of no runtime.
    std::thread::scope(|threads| {
        threads.spawn(|| drop(scope));
    });
    assert!(client.settle(LIMIT).await.is_empty());
    assert_eq!(emulator.session_count(), 0);
}

#[test]
fn g05_a_runtime_that_is_gone_is_told() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (emulator, client, scope) = runtime.block_on(async {
        let emulator = emulator().await;
        let client = client(&emulator);
        let scope = session(&client)
            .await
            .scoped(|_| std::future::pending::<()>());
        (emulator, client, scope)
    });
    runtime.shutdown_background();
    drop(scope);
    let after = tokio::runtime::Runtime::new().unwrap();
    let told = after.block_on(client.settle(LIMIT));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].to_string().contains("may go on costing"),
        "{told:?}"
    );
    drop(emulator);
}

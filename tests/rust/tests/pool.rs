//! Pools of sessions.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use sessionwire::agi::{CreateSession, PoolOptions, RunTask, SnapshotOptions, StartTask};
use sessionwire::{Error, ErrorKind};
use sessionwire_tests::{
    client, client_with, count, emulator, emulator_with, fail, script, session, until,
};
use tokio::task::JoinSet;

const LIMIT: Duration = Duration::from_secs(10);

#[tokio::test]
async fn g08_a_session_that_was_given_back_cannot_be_used() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"done": "here"}], "once": false}]),
    );
    let client = client(&emulator);
    let pool = client.sessions().pool(PoolOptions::new(1)).unwrap();
    let kept = pool
        .with_session(|session| async move {
            session.run_task(RunTask::new("go")).await?;
            Ok::<_, Error>(session)
        })
        .await
        .unwrap();
    let sent = count(&emulator, "POST", "/message");
    for error in [
        kept.execution_status().await.unwrap_err(),
        kept.run_task(RunTask::new("go")).await.unwrap_err(),
        kept.delete().await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert_eq!(error.reason(), Some("given_back"));
        assert!(error.to_string().contains("was given back to its pool"));
    }
    assert_eq!(count(&emulator, "POST", "/message"), sent);
    let again = pool.session().await.unwrap();
    assert_eq!(again.id(), kept.id());
    again.run_task(RunTask::new("go")).await.unwrap();
    assert!(kept.execution_status().await.is_err());
    again.release().await;
    pool.close().await;
    assert_eq!(emulator.session_count(), 0);
}

#[tokio::test]
async fn g05_a_hundred_tasks_share_five_sessions_through_ten_failures() {
    // The service itself refuses a sixth session, and nobody is told of a limit.
    let emulator = emulator_with(json!({"session_limit": 5})).await;
    script(
        &emulator,
        json!([{"steps": [{"thought": "hm"}, {"done": "here"}], "once": false}]),
    );
    let client = client(&emulator);
    // Ten failures: six tasks whose user fails, creates that are refused, deletes that need
    // a second attempt.
    fail(
        &emulator,
        json!({"on": "create", "status": 403, "times": 2}),
    );
    fail(
        &emulator,
        json!({"on": "delete", "status": 500, "times": 2}),
    );
    let pool = client.sessions().pool(PoolOptions::new(8)).unwrap();
    let (failed, at_once) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for number in 0..100 {
        let pool = pool.clone();
        tasks.spawn(async move {
            pool.with_session(|session| async move {
                session.run_task(RunTask::new("go")).await?;
                match number % 17 {
                    5 => Err(Error::new(ErrorKind::Task, "its user failed")),
                    _ => Ok(()),
                }
            })
            .await
        });
    }
    while let Some(outcome) = tasks.join_next().await {
        at_once.fetch_max(emulator.session_count(), Ordering::Relaxed);
        if outcome.unwrap().is_err() {
            failed.fetch_add(1, Ordering::Relaxed);
        }
    }
    assert!(at_once.load(Ordering::Relaxed) <= 5);
    // Every task came to its turn: those failed that were made to.
    assert_eq!(failed.load(Ordering::Relaxed), 6 + 2);
    pool.close().await;
    assert_eq!(emulator.session_count(), 0);
    client.close();
    assert!(client.settle(LIMIT).await.is_empty());
}

#[tokio::test]
async fn a_session_is_used_again() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let pool = client.sessions().pool(PoolOptions::new(1)).unwrap();
    let first = pool.session().await.unwrap();
    let id = first.id().to_owned();
    first.run_task(RunTask::new("go")).await.unwrap();
    first.release().await;
    let second = pool.session().await.unwrap();
    assert_eq!(second.id(), id);
    drop(second);
    pool.close().await;
    assert_eq!(emulator.session_count(), 0);
    assert_eq!(count(&emulator, "POST", "/sessions"), 1);
}

#[tokio::test]
async fn what_is_not_as_new_is_used_by_nobody() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let old = PoolOptions::new(1).max_age(Duration::from_nanos(1));
    for (what, options) in [
        ("discarded", PoolOptions::new(1)),
        ("busy", PoolOptions::new(1)),
        ("deleted", PoolOptions::new(1)),
        ("gone", PoolOptions::new(1)),
        ("old", old),
    ] {
        script(
            &emulator,
            json!([{"steps": [{"delay": 3600}], "once": false}]),
        );
        let pool = client.sessions().pool(options).unwrap();
        let first = pool.session().await.unwrap();
        let id = first.id().to_owned();
        match what {
            "discarded" => first.discard().await,
            "busy" => {
                drop(first.start_task(StartTask::new("go")).await.unwrap());
                first.release().await;
            }
            "deleted" => {
                first.delete().await.unwrap();
                first.release().await;
            }
            "gone" => {
                first.release().await;
                // By another client: this one does not know.
                let other = sessionwire_tests::client(&emulator);
                other
                    .sessions()
                    .delete(&id, SnapshotOptions::default())
                    .await
                    .unwrap();
            }
            _ => first.release().await,
        }
        let second = pool.session().await.unwrap();
        assert_ne!(second.id(), id, "{what}");
        second.release().await;
        pool.close().await;
        assert_eq!(emulator.session_count(), 0, "{what}");
    }
}

#[tokio::test]
async fn those_who_wait_are_served_in_their_order() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let pool = client.sessions().pool(PoolOptions::new(1)).unwrap();
    let held = pool.session().await.unwrap();
    let (order, mut served) = tokio::sync::mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    for number in 0..20 {
        let (pool, order) = (pool.clone(), order.clone());
        tasks.spawn(async move {
            let session = pool.session().await.unwrap();
            order.send(number).unwrap();
            // Some of them break it: the next one waits for another, and no longer.
            if number % 3 == 0 {
                session.discard().await;
            }
        });
        // On this runtime's one thread it waits now.
        tokio::task::yield_now().await;
    }
    held.release().await;
    tasks.join_all().await;
    let mut numbers = Vec::new();
    while let Ok(number) = served.try_recv() {
        numbers.push(number);
    }
    assert_eq!(numbers, Vec::from_iter(0..20));
    pool.close().await;
    assert_eq!(emulator.session_count(), 0);
}

#[tokio::test]
async fn g06_a_wait_that_is_dropped_gives_its_place_on() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let pool = client.sessions().pool(PoolOptions::new(1)).unwrap();
    for round in 0..50 {
        let held = pool.session().await.unwrap();
        let mut leaving = JoinSet::new();
        for _ in 0..5 {
            let pool = pool.clone();
            leaving.spawn(async move { pool.session().await });
        }
        for _ in 0..round % 4 {
            tokio::task::yield_now().await;
        }
        // Before, while and after they are given one.
        drop(held);
        for _ in 0..round % 7 {
            tokio::task::yield_now().await;
        }
        leaving.shutdown().await;
    }
    let last = pool.session_within(LIMIT).await.unwrap();
    last.release().await;
    pool.close().await;
    assert_eq!(emulator.session_count(), 0);
    assert_eq!(count(&emulator, "POST", "/sessions"), 1);
}

#[tokio::test]
async fn g04_a_wait_has_an_end() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let pool = client.sessions().pool(PoolOptions::new(1)).unwrap();
    let held = pool.session().await.unwrap();
    let error = pool
        .session_within(Duration::from_millis(20))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TaskTimeout);
    assert!(error.to_string().contains("1 of at most 1"), "{error}");
    // The end of the pool is the end of the wait, and so is that of the client.
    let (ended, ()) = tokio::join!(pool.session(), pool.close());
    assert_eq!(ended.unwrap_err().reason(), Some("pool_closed"));
    assert_eq!(emulator.session_count(), 1);
    held.release().await;
    assert_eq!(emulator.session_count(), 0);

    let pool = client.sessions().pool(PoolOptions::new(1)).unwrap();
    let _held = pool.session().await.unwrap();
    let (ended, ()) = tokio::join!(pool.session(), async { client.close() });
    assert_eq!(ended.unwrap_err().reason(), Some("client_closed"));
    assert!(client.settle(LIMIT).await.is_empty());
    assert_eq!(emulator.session_count(), 0);
}

#[tokio::test]
async fn a_limit_of_the_service_is_waited_for() {
    let emulator = emulator_with(json!({"session_limit": 2})).await;
    let client = client(&emulator);
    let other = session(&client).await;
    let pool = client.sessions().pool(PoolOptions::new(2)).unwrap();
    let first = pool.session().await.unwrap();
    // The service allows no second one: the first comes back.
    let (second, ()) = tokio::join!(pool.session(), async {
        until("a refused create", || {
            count(&emulator, "POST", "/sessions") >= 3
        })
        .await;
        first.release().await;
    });
    let second = second.unwrap();
    // None of the pool, and no patience: an error. With a time to wait: room is waited for.
    let elsewhere = client.sessions().pool(PoolOptions::new(2)).unwrap();
    let refused = elsewhere.session().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::RateLimit);
    let (third, ()) = tokio::join!(elsewhere.session_within(LIMIT), async {
        until("another refusal", || {
            count(&emulator, "POST", "/sessions") >= 5
        })
        .await;
        other.delete().await.unwrap();
    });
    third.unwrap().discard().await;
    second.discard().await;
    pool.close().await;
    elsewhere.close().await;
    assert_eq!(emulator.session_count(), 0);
}

#[tokio::test]
async fn a_create_that_fails_is_told_once_and_stops_nobody() {
    let emulator = emulator().await;
    let client = client_with(&emulator, json!({"max_retries": 0}));
    fail(
        &emulator,
        json!({"on": "create", "status": 403, "times": 3}),
    );
    let pool = client.sessions().pool(PoolOptions::new(1)).unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..10 {
        let pool = pool.clone();
        tasks.spawn(async move { pool.session().await.map(drop) });
    }
    let outcomes = tasks.join_all().await;
    let failures = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    let kinds: Vec<_> = failures.map(Error::kind).collect();
    assert_eq!(kinds, [ErrorKind::PermissionDenied; 3]);
    pool.close().await;
    assert_eq!(emulator.session_count(), 0);
}

#[tokio::test]
async fn g05_a_pool_that_is_dropped_deletes_its_sessions() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let pool = client.sessions().pool(PoolOptions::new(2)).unwrap();
    let kept = pool.session().await.unwrap();
    pool.session().await.unwrap().release().await;
    assert_eq!(emulator.session_count(), 2);
    drop(pool);
    until("the delete of one", || emulator.session_count() == 1).await;
    kept.release().await;
    assert_eq!(emulator.session_count(), 0);
    client.close();
    assert!(client.settle(LIMIT).await.is_empty());
}

#[tokio::test]
async fn g08_a_pool_of_no_use_is_refused() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let create = CreateSession::default().webhook_url("ftp://shop.example");
    for (options, part) in [
        (PoolOptions::new(0), "`max_sessions`"),
        (PoolOptions::new(1).max_age(Duration::ZERO), "`max_age`"),
        (PoolOptions::new(1).create(create), "webhook_url"),
    ] {
        let error = client.sessions().pool(options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(emulator.requests().len(), 0);
}

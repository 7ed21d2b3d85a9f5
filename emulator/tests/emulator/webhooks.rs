//! Webhooks, at a receiver.

use crate::support::*;
use serde_json::{Value, json};
use sessionwire_emulator::{Clock, Emulator, Options, WebhookOutcome};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn options() -> Options {
    Options {
        webhook_backoff: 0.01,
        scenario: Some(scenario(json!([
            {"match": "ask", "steps": [{"question": "Which colour?"}, {"done": {"summary": "Bought {answer}"}}]},
            {"match": "fail", "steps": [{"error": "It broke"}]},
            {"steps": [{"delay": 3600}]}]))),
        ..quick()
    }
}

fn bodies(site: &Site, event: &str) -> Vec<Value> {
    let all = site
        .received()
        .into_iter()
        .map(|request| serde_json::from_str(&request.body).unwrap());
    all.filter(|body: &Value| body["event"] == event).collect()
}

async fn one(site: &Site, event: &str) -> Value {
    eventually(|| async { bodies(site, event).into_iter().next() }).await
}

#[tokio::test]
async fn each_event_has_its_documented_shape() {
    let site = Site::start(|_| (204, vec![], vec![])).await;
    let emulator = start(options()).await;
    let client = Client::new(&emulator);
    let url = format!("{}/hook?token=t", site.url);
    let session = client
        .session(json!({"webhook_url": url, "agent_name": "agi-0-fast"}))
        .await;
    let created = one(&site, "session.created").await;
    let object = client.get(&format!("/sessions/{session}")).await.json();
    assert_eq!(
        created["session"],
        json!({"id": session, "status": "ready", "agent_name": "agi-0-fast", "created_at": object["created_at"], "vnc_url": object["vnc_url"]})
    );
    assert!(created["timestamp"].as_str().unwrap().ends_with('Z'));
    let request = site.received().remove(0);
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/hook?token=t")
    );

    client.task(&session, "ask me").await;
    let started = one(&site, "task.started").await;
    assert_eq!(
        (&started["message"], &started["session"]["status"]),
        (&json!("ask me"), &json!("running"))
    );
    let question = one(&site, "task.question").await;
    assert_eq!(
        (&question["question"], &question["context"]),
        (&json!("Which colour?"), &json!({}))
    );
    assert_eq!(question["session"]["status"], "ready");
    client.task(&session, "blue").await;
    let completed = one(&site, "task.completed").await;
    assert_eq!(
        completed["result"],
        json!({"status": "success", "message": "Bought blue"})
    );
    assert_eq!(completed["session"]["status"], "ready");

    client.task(&session, "fail").await;
    let error = one(&site, "task.error").await;
    assert_eq!(
        (
            &error["error"],
            &error["details"],
            &error["session"]["status"]
        ),
        (&json!("It broke"), &json!({}), &json!("ready"))
    );

    client.task(&session, "stay").await;
    for (command, old, new) in [
        ("pause", "running", "paused"),
        ("resume", "paused", "running"),
        ("cancel", "running", "ready"),
    ] {
        client
            .command(&format!("/sessions/{session}/{command}"))
            .await;
        let changed = eventually(|| async {
            bodies(&site, "session.status_changed")
                .into_iter()
                .find(|body| body["old_status"] == old && body["new_status"] == new)
        })
        .await;
        assert_eq!(changed["session"]["status"], new);
    }
    client.delete(&format!("/sessions/{session}")).await;
    assert_eq!(
        one(&site, "session.deleted").await["session"]["status"],
        "ready"
    );

    // An answer starts no task; three tasks did.
    assert_eq!(bodies(&site, "task.started").len(), 3);
    assert_eq!(bodies(&site, "session.status_changed").len(), 3);
    // All seven kinds came, each with the documented headers.
    let received = site.received();
    let mut kinds: Vec<&str> = received
        .iter()
        .map(|request| request.headers["x-event-type"].as_str())
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(
        kinds,
        [
            "session.created",
            "session.deleted",
            "session.status_changed",
            "task.completed",
            "task.error",
            "task.question",
            "task.started"
        ]
    );
    for request in received {
        let body: Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(
            request.headers["x-event-type"],
            body["event"].as_str().unwrap()
        );
        assert_eq!(request.headers["content-type"], "application/json");
        assert_eq!(request.headers["user-agent"], "AgencyAPI-Webhooks/1.0");
        for name in [
            "authorization",
            "x-signature",
            "x-webhook-signature",
            "x-delivery-id",
        ] {
            assert!(!request.headers.contains_key(name), "{name}");
        }
        assert_eq!(body["session"]["id"], session);
    }
}

#[tokio::test]
async fn a_receiver_that_fails_twice_gets_a_third_try() {
    let tries = AtomicUsize::new(0);
    let site = Site::start(move |_| {
        (
            if tries.fetch_add(1, Ordering::Relaxed) < 2 {
                500
            } else {
                200
            },
            vec![],
            vec![],
        )
    })
    .await;
    let emulator = start(options()).await;
    let client = Client::new(&emulator);
    client.session(json!({"webhook_url": site.url})).await;
    eventually(|| async { (site.received().len() == 3).then_some(()) }).await;
    let received = site.received();
    assert!(
        received
            .iter()
            .all(|request| request.body == received[0].body),
        "a retry repeats the body"
    );
    // The API did not wait for any of it, and nothing follows the success.
    client
        .session(json!({"webhook_url": format!("{}/second", site.url)}))
        .await;
    eventually(|| async {
        site.received()
            .iter()
            .any(|request| request.path == "/second")
            .then_some(())
    })
    .await;
    assert_eq!(
        site.received()
            .iter()
            .filter(|request| request.path == "/")
            .count(),
        3
    );
}

#[tokio::test]
async fn three_tries_and_no_more() {
    let site = Site::start(|request| match request.path.as_str() {
        "/bad" => (302, vec![("location", "/elsewhere".to_owned())], vec![]),
        _ => (200, vec![], vec![]),
    })
    .await;
    let emulator = start(options()).await;
    let client = Client::new(&emulator);
    client
        .session(json!({"webhook_url": format!("{}/bad", site.url)}))
        .await;
    let count = |path: &str| {
        site.received()
            .iter()
            .filter(|request| request.path == path)
            .count()
    };
    eventually(|| async { (count("/bad") == 3).then_some(()) }).await;
    // Another session's delivery goes through after that; the failed one is given up.
    client
        .session(json!({"webhook_url": format!("{}/good", site.url)}))
        .await;
    eventually(|| async { (count("/good") == 1).then_some(()) }).await;
    assert_eq!((count("/bad"), count("/elsewhere")), (3, 0));
}

#[tokio::test]
async fn an_unreachable_receiver_harms_nobody() {
    let emulator = start(options()).await;
    let client = Client::new(&emulator);
    let session = client
        .session(json!({"webhook_url": "http://127.0.0.1:9/none"}))
        .await;
    client.task(&session, "ask").await;
    client.until_execution(&session, "waiting_for_input").await;
    client.task(&session, "x").await;
    assert_eq!(client.result(&session).await["summary"], "Bought x");
    // created, started, question, completed: three attempts each, and no answer to any.
    let attempts = eventually(|| async {
        let attempts = emulator.webhook_attempts();
        (attempts.len() == 12).then_some(attempts)
    })
    .await;
    assert!(
        attempts
            .iter()
            .all(|attempt| attempt.status.is_none() && attempt.error.is_some())
    );
}

#[tokio::test]
async fn no_attempt_starts_after_the_window() {
    let site = failing(9).await;
    for (backoff, times) in [
        (10.0, vec![0.0, 10.0, 30.0]),
        (10.1, vec![0.0, 10.1]),
        (31.0, vec![0.0]),
    ] {
        let emulator = start(Options {
            clock: Clock::Fast,
            webhook_backoff: backoff,
            ..quick()
        })
        .await;
        Client::new(&emulator)
            .session(json!({"webhook_url": site.url}))
            .await;
        let attempts = attempts(&emulator, times.len()).await;
        assert_eq!(
            attempts.iter().map(|attempt| attempt.2).collect::<Vec<_>>(),
            times
        );
        assert_eq!(
            attempts.last().unwrap().1,
            WebhookOutcome::FailedPermanently
        );
    }
}

/// A receiver that fails so often before it accepts.
async fn failing(times: usize) -> Site {
    let tries = AtomicUsize::new(0);
    Site::start(move |_| {
        let accepts = tries.fetch_add(1, Ordering::Relaxed) >= times;
        (if accepts { 200 } else { 500 }, vec![], vec![])
    })
    .await
}

/// Waits for so many attempts: number, outcome, seconds from the first, seconds to the next.
async fn attempts(
    emulator: &Emulator,
    count: usize,
) -> Vec<(u32, WebhookOutcome, f64, Option<f64>)> {
    let attempts = eventually(|| async {
        let attempts = emulator.webhook_attempts();
        (attempts.len() >= count).then_some(attempts)
    })
    .await;
    let seconds = |at: &str| {
        let number = |range: std::ops::Range<usize>| at[range].parse::<f64>().unwrap();
        number(11..13) * 3600.0 + number(14..16) * 60.0 + number(17..23)
    };
    let first = seconds(&attempts[0].at);
    attempts
        .iter()
        .map(|attempt| {
            // Counted over midnight too, in whole milliseconds.
            let after = (seconds(&attempt.at) - first).rem_euclid(86_400.0);
            let after = (after * 1000.0).round() / 1000.0;
            (attempt.attempt, attempt.outcome, after, attempt.retry_in)
        })
        .collect()
}

#[tokio::test]
async fn the_third_try_comes_at_the_documented_time() {
    let site = failing(2).await;
    let emulator = start(quick()).await;
    Client::new(&emulator)
        .session(json!({"webhook_url": site.url}))
        .await;
    let attempts = attempts(&emulator, 3).await;
    let outcomes: Vec<_> = attempts
        .iter()
        .map(|attempt| (attempt.0, attempt.1, attempt.3))
        .collect();
    assert_eq!(
        outcomes,
        [
            (1, WebhookOutcome::Retry, Some(1.0)),
            (2, WebhookOutcome::Retry, Some(2.0)),
            (3, WebhookOutcome::Delivered, None)
        ]
    );
    // As the receiver saw it: never sooner than after 1 s, and after 2 s more.
    let times: Vec<_> = site.received().iter().map(|request| request.at).collect();
    assert_eq!(times.len(), 3);
    assert!(times[1] - times[0] >= Duration::from_secs(1));
    assert!(times[2] - times[1] >= Duration::from_secs(2));
}

#[tokio::test]
async fn on_a_fast_clock_the_retries_take_no_time_but_keep_theirs() {
    let site = failing(2).await;
    let emulator = start(Options {
        clock: Clock::Fast,
        ..quick()
    })
    .await;
    Client::new(&emulator)
        .session(json!({"webhook_url": site.url}))
        .await;
    assert_eq!(
        attempts(&emulator, 3).await,
        [
            (1, WebhookOutcome::Retry, 0.0, Some(1.0)),
            (2, WebhookOutcome::Retry, 1.0, Some(2.0)),
            (3, WebhookOutcome::Delivered, 3.0, None)
        ]
    );
    let failed = start(Options {
        clock: Clock::Fast,
        ..quick()
    })
    .await;
    let site = failing(9).await;
    Client::new(&failed)
        .session(json!({"webhook_url": site.url}))
        .await;
    assert_eq!(
        attempts(&failed, 3).await[2],
        (3, WebhookOutcome::FailedPermanently, 3.0, None)
    );
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_in_time_is_tried_again() {
    // It accepts connections, and that is all.
    let deaf = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", deaf.local_addr().unwrap());
    let emulator = start(Options {
        clock: Clock::Fast,
        webhook_timeout: 0.05,
        ..quick()
    })
    .await;
    Client::new(&emulator)
        .session(json!({"webhook_url": url}))
        .await;
    let attempts = attempts(&emulator, 3).await;
    let times: Vec<f64> = attempts.iter().map(|attempt| attempt.2).collect();
    assert_eq!(times, [0.0, 1.05, 3.1]);
    let last = emulator.webhook_attempts().remove(2);
    assert_eq!(
        (last.status, last.outcome),
        (None, WebhookOutcome::FailedPermanently)
    );
    assert_eq!(last.error.as_deref(), Some("no answer within 0.05 seconds"));
    assert_eq!(Options::default().webhook_timeout, 10.0, "as documented");
}

#[tokio::test]
async fn a_slow_delivery_holds_up_neither_the_api_nor_another_session() {
    let deaf = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let emulator = start(options()).await;
    let client = Client::new(&emulator);
    let url = format!("http://{}/", deaf.local_addr().unwrap());
    let session = client.session(json!({"webhook_url": url})).await;
    client.task(&session, "ask").await;
    client.until_execution(&session, "waiting_for_input").await;
    // The first event is still unanswered; another session's arrives all the same.
    let waiting = within(deaf.accept()).await.unwrap();
    client.session(json!({"webhook_url": url})).await;
    let other = within(deaf.accept()).await.unwrap();
    assert_eq!(emulator.webhook_attempts(), []);
    drop((waiting, other));
}

#[tokio::test]
async fn the_events_of_a_session_arrive_in_order() {
    let first = json!([
        {"match": "a question", "steps": [{"question": "?"}, {"done": "x"}]},
        {"match": "an error", "steps": [{"error": "e"}]},
        {"steps": [{"done": "d"}]},
    ]);
    for clock in [Clock::Real, Clock::Fast] {
        let site = Site::start(|_| (204, vec![], vec![])).await;
        let emulator = start(Options {
            clock,
            scenario: Some(scenario(first.clone())),
            ..quick()
        })
        .await;
        let client = Client::new(&emulator);
        let session = client.session(json!({"webhook_url": site.url})).await;
        let mut expected = vec!["session.created"];
        for round in 0..10 {
            for (task, status, events) in [
                ("done", "finished", ["task.started", "task.completed"]),
                ("an error", "error", ["task.started", "task.error"]),
                (
                    "a question",
                    "waiting_for_input",
                    ["task.started", "task.question"],
                ),
                ("an answer", "finished", ["task.completed", ""]),
            ] {
                client.task(&session, &format!("{task} {round}")).await;
                client.until_execution(&session, status).await;
                expected.extend(events.iter().filter(|event| !event.is_empty()));
            }
        }
        client.delete(&format!("/sessions/{session}")).await;
        expected.push("session.deleted");
        let arrived = eventually(|| async {
            let received = site.received();
            (received.len() == expected.len()).then_some(received)
        })
        .await;
        let names: Vec<&str> = arrived
            .iter()
            .map(|request| request.headers["x-event-type"].as_str())
            .collect();
        assert_eq!(names, expected);
    }
}

/// The events of a session with one task that arrive with these faults, until the last of them is there.
async fn arriving(faults: &[&str], last: usize) -> Vec<String> {
    let site = Site::start(|_| (204, vec![], vec![])).await;
    let emulator = start(Options {
        faults: faults.iter().map(|text| fault(*text)).collect(),
        ..options()
    })
    .await;
    let client = Client::new(&emulator);
    let session = client.session(json!({"webhook_url": site.url})).await;
    client.task(&session, "fail").await;
    client.until_execution(&session, "error").await;
    client.delete(&format!("/sessions/{session}")).await;
    let arrived = eventually(|| async {
        let received = site.received();
        (received.len() == last).then_some(received)
    })
    .await;
    assert!(emulator.unplayed().is_empty(), "{:?}", emulator.unplayed());
    let names = arrived
        .iter()
        .map(|request| request.headers["x-event-type"].clone());
    names.collect()
}

#[tokio::test]
async fn disorder_duplicates_loss_and_delay_are_faults() {
    let (created, started, failed, deleted) = (
        "session.created",
        "task.started",
        "task.error",
        "session.deleted",
    );
    for (faults, expected) in [
        (
            vec!["webhook lose event=task.started"],
            vec![created, failed, deleted],
        ),
        (
            vec!["webhook lose times=0 event=task.started", "webhook lose"],
            vec![failed, deleted],
        ),
        (
            vec!["webhook duplicate skip=1"],
            vec![created, started, started, failed, deleted],
        ),
        (
            vec!["webhook reorder=2 event=task.started"],
            vec![created, failed, started, deleted],
        ),
        (
            vec!["webhook reorder=3"],
            vec![failed, started, created, deleted],
        ),
        // Nothing comes behind it: it leaves all the same.
        (
            vec!["webhook reorder=2 event=session.deleted"],
            vec![created, started, failed, deleted],
        ),
        // What is behind it waits.
        (
            vec!["webhook delay=0.05 event=task.started"],
            vec![created, started, failed, deleted],
        ),
        (
            vec!["* delay=0 times=0"],
            vec![created, started, failed, deleted],
        ),
    ] {
        assert_eq!(
            arriving(&faults, expected.len()).await,
            expected,
            "{faults:?}"
        );
    }
}

#[tokio::test]
async fn a_late_webhook_leaves_after_its_delay() {
    let begun = std::time::Instant::now();
    arriving(&["webhook delay=0.3"], 4).await;
    assert!(begun.elapsed().as_secs_f64() >= 0.3);
}

#[tokio::test]
async fn only_the_address_a_session_names_is_called() {
    let (own, other) = (
        Site::start(|_| (200, vec![], vec![])).await,
        Site::start(|_| (200, vec![], vec![])).await,
    );
    let emulator = start(options()).await;
    let client = Client::new(&emulator);
    let silent = client.session(json!({})).await;
    let named = client.session(json!({"webhook_url": own.url})).await;
    let elsewhere = client.session(json!({"webhook_url": other.url})).await;
    for session in [&silent, &named, &elsewhere] {
        client.task(session, "fail").await;
        client.until_execution(session, "error").await;
        client.delete(&format!("/sessions/{session}")).await;
    }
    // created, started, error, deleted
    eventually(|| async { (emulator.webhook_attempts().len() == 8).then_some(()) }).await;
    for (site, session) in [(&own, &named), (&other, &elsewhere)] {
        let received = site.received();
        assert_eq!(received.len(), 4);
        for request in received {
            let body: Value = serde_json::from_str(&request.body).unwrap();
            assert_eq!(body["session"]["id"], **session);
        }
    }
    assert!(
        emulator
            .webhook_attempts()
            .iter()
            .all(|attempt| attempt.session_id != silent)
    );
}

#[tokio::test]
async fn a_cancel_while_initializing_changes_no_status_and_says_nothing() {
    let site = Site::start(|_| (200, vec![], vec![])).await;
    let emulator = start(Options {
        init_delay: 3600.0,
        ..options()
    })
    .await;
    let client = Client::new(&emulator);
    let session = client.session(json!({"webhook_url": site.url})).await;
    client.task(&session, "go").await;
    assert_eq!(
        client
            .command(&format!("/sessions/{session}/cancel"))
            .await
            .status,
        200
    );
    client.delete(&format!("/sessions/{session}")).await;
    // created, started, deleted
    eventually(|| async { (emulator.webhook_attempts().len() == 3).then_some(()) }).await;
    assert_eq!(bodies(&site, "session.status_changed"), Vec::<Value>::new());
}

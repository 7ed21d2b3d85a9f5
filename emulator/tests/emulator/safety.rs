//! What the emulator keeps to itself, and whom it serves.

use crate::support::*;
use serde_json::json;
use sessionwire_emulator::{Emulator, Options};
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

#[tokio::test]
async fn other_machines_are_kept_out_unless_it_is_said() {
    for host in ["0.0.0.0", "::", "[::]"] {
        let options = Options {
            host: host.to_owned(),
            ..quick()
        };
        let error = Emulator::start(options.clone())
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("other machines") && error.contains("allow_remote"),
            "{error}"
        );
        let emulator = start(Options {
            allow_remote: true,
            ..options
        })
        .await;
        assert!(emulator.is_remote());
        // Other machines know it by its address, and need its key.
        assert_eq!(Client::new(&emulator).get("/models").await.status, 200);
        let guessed = Client::with_key(&emulator, "emulator-key");
        assert_eq!(guessed.get("/models").await.status, 401);
        let named = Client::new(&emulator).for_host("build-server.example:80");
        assert_eq!(named.get("/models").await.status, 421);
    }
    // Other machines call this one by a name, and it was told which.
    let emulator = start(Options {
        host: "0.0.0.0".to_owned(),
        allow_remote: true,
        allow_hosts: vec!["build-server.example".to_owned()],
        api_keys: Some(vec!["a-key-of-ours".to_owned()]),
        ..quick()
    })
    .await;
    assert_eq!(emulator.api_key(), "a-key-of-ours");
    for (host, status) in [("build-server.example:80", 200), ("evil.example:80", 421)] {
        let client = Client::new(&emulator).for_host(host);
        assert_eq!(client.get("/models").await.status, status, "{host}");
    }
    for host in ["127.0.0.1", "localhost", "::1", "[::1]"] {
        let emulator = start(Options {
            host: host.to_owned(),
            ..quick()
        })
        .await;
        assert!(!emulator.is_remote(), "{host}");
        assert_eq!(Client::new(&emulator).get("/models").await.status, 200);
    }
}

#[tokio::test]
async fn a_web_page_cannot_reach_it_by_a_name_of_its_own() {
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    client.session(json!({})).await;
    let port = emulator.url().rsplit(':').next().unwrap();
    let rebound = client.for_host(&format!("evil.example:{port}"));
    let live = emulator.live_url().split_once(port).unwrap().1;
    for path in ["/v1/sessions", "/v1/models", "/nowhere", live] {
        let answer = rebound.raw("GET", path, None).await.unwrap();
        assert_eq!(answer.status, 421, "{path}");
        assert!(
            answer.detail().as_str().unwrap().contains(emulator.url()),
            "{}",
            answer.text
        );
    }
    assert_eq!(
        rebound
            .raw("DELETE", "/v1/sessions", None)
            .await
            .unwrap()
            .status,
        421
    );
    assert_eq!(emulator.session_count(), 1);
    for name in ["localhost", "shop.localhost"] {
        let local = client.for_host(&format!("{name}:{port}"));
        assert_eq!(local.get("/sessions").await.status, 200, "{name}");
        assert_eq!(
            local.raw("GET", live, None).await.unwrap().status,
            200,
            "{name}"
        );
    }
}

/// Everything that is logged, as text.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<String>>);

impl Subscriber for Logged {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Line(&mut self.0.lock().unwrap()));
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Line(&mut self.0.lock().unwrap()));
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        event.record(&mut Line(&mut self.0.lock().unwrap()));
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        writeln!(self.0, "{field}={value:?}").unwrap();
    }
}

/// Requests of every kind, good and bad, with the key where it belongs and where it does not.
async fn use_it(emulator: &Emulator, key: &str) {
    let client = Client::with_key(emulator, key);
    // Nobody listens there.
    let hook = format!("http://127.0.0.1:9/hook?token={key}");
    let session = client.session(json!({"webhook_url": hook})).await;
    client.task(&session, &format!("Log in with {key}")).await;
    client.stream(&session, "").await.all().await;
    for path in [
        "/nowhere",
        "/sessions/x",
        &format!("/sessions?api_key={key}"),
        &format!("/sessions/{key}"),
    ] {
        client.get(path).await;
    }
    emulator.fail(fault("list reset")).unwrap();
    assert!(client.raw("GET", "/v1/sessions", None).await.is_err());
    for value in [
        key.to_owned(),
        format!("Basic {key}"),
        format!("Bearer {key}x"),
    ] {
        Client::with_authorization(emulator, &value)
            .get("/sessions")
            .await;
    }
    let headers = [
        ("x-api-key", key),
        ("cookie", key),
        ("x-other", key),
        ("proxy-authorization", key),
    ];
    client
        .raw_with("GET", "/v1/models", &headers, None)
        .await
        .unwrap();
    client.for_host("evil.example").get("/sessions").await;
    client.delete(&format!("/sessions/{session}")).await;
}

#[tokio::test]
async fn keys_are_in_no_log_and_no_record_but_where_a_body_has_them() {
    let logged = Logged::default();
    let key = "a-key-that-must-not-be-seen";
    // With one subscriber alone, tracing asks that of the thread that comes first to a line.
    let _another = tracing::Dispatch::new(Logged::default());
    // The test's tasks all run in this thread.
    let guard = tracing::subscriber::set_default(logged.clone());
    let options = Options {
        api_keys: Some(vec![key.to_owned()]),
        webhook_backoff: 0.0,
        ..quick()
    };
    let emulator = start(options).await;
    use_it(&emulator, key).await;
    eventually(|| async {
        let log = logged.0.lock().unwrap();
        log.contains("webhook_failed_permanently").then_some(())
    })
    .await;
    drop(guard);
    let log = logged.0.lock().unwrap().clone();
    for part in ["no such route", "evil.example", "webhook_retry"] {
        assert!(log.contains(part), "{part}: {log}");
    }
    assert!(!log.contains(key), "{log}");
    let mut requests = emulator.requests();
    assert!(requests.iter().any(|request| request.body.contains(key)));
    for request in &mut requests {
        request.body.clear();
    }
    let mut attempts = emulator.webhook_attempts();
    for attempt in &mut attempts {
        attempt.body.clear();
    }
    let record = format!("{requests:?} {attempts:?} {emulator:?}");
    assert!(
        record.contains("x-other") && !record.contains(key),
        "{record}"
    );
}

#[tokio::test]
async fn nobody_fills_its_memory_without_a_key() {
    let emulator = start(quick()).await;
    let body = json!({"message": "x".repeat(60_000)});
    let nobody = Client::with_authorization(&emulator, "");
    let path = "/v1/sessions/s/message";
    let answer = nobody.raw("POST", path, Some(&body.to_string())).await;
    assert_eq!(answer.unwrap().status, 401);
    let client = Client::new(&emulator);
    client.post("/sessions/s/message", body).await;
    let bodies: Vec<usize> = emulator
        .requests()
        .iter()
        .map(|request| request.body.len())
        .collect();
    assert_eq!(bodies, [0, 60_014]);
}

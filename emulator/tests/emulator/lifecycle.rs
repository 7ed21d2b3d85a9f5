//! Starting, the record of requests, isolation, closing.

use crate::support::*;
use serde_json::json;
use sessionwire_emulator::{Emulator, Options};

#[tokio::test]
async fn it_starts_on_loopback_with_a_key_of_its_own() {
    let emulator = start(quick()).await;
    assert!(
        emulator.url().starts_with("http://127.0.0.1:"),
        "{}",
        emulator.url()
    );
    assert_eq!(emulator.api_key(), "emulator-key");
    let keys = Options {
        api_keys: Some(vec!["first".into(), "second".into()]),
        ..quick()
    };
    assert_eq!(start(keys).await.api_key(), "first");
}

#[tokio::test]
async fn bad_options_are_refused_with_what_to_do() {
    let taken = start(quick()).await;
    let port = taken.url().rsplit(':').next().unwrap().parse().unwrap();
    for (options, text) in [
        (Options { port, ..quick() }, "use port 0"),
        (
            Options {
                host: "192.0.2.1".into(),
                allow_remote: true,
                ..quick()
            },
            "cannot listen on",
        ),
        (
            Options {
                heartbeat_interval: 0.0,
                ..quick()
            },
            "heartbeat_interval",
        ),
        (
            Options {
                step_delay: f64::NAN,
                ..quick()
            },
            "step_delay",
        ),
        (
            Options {
                api_keys: Some(vec![]),
                ..quick()
            },
            "api_keys",
        ),
        (
            Options {
                api_keys: Some(vec![" ".into()]),
                ..quick()
            },
            "api_keys",
        ),
    ] {
        let error = Emulator::start(options).await.unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
}

#[tokio::test]
async fn options_come_as_json_with_defaults() {
    let options: Options = serde_json::from_value(
        json!({"port": 0, "scenario": {"tasks": [{"steps": [{"done": 1}]}]}}),
    )
    .unwrap();
    assert_eq!(options.heartbeat_interval, 30.0);
    assert_eq!(options.step_delay, 0.15);
    assert!(serde_json::from_value::<Options>(json!({"prot": 0})).is_err());
    let emulator = start(options).await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    client.task(&session, "x").await;
    assert_eq!(client.result(&session).await, 1);
}

#[tokio::test]
async fn requests_are_recorded_without_keys() {
    let emulator = start(Options {
        api_keys: Some(vec!["s3cret".into()]),
        ..quick()
    })
    .await;
    let client = Client::new(&emulator);
    let session = client.session(json!({"agent_name": "agi-0-fast"})).await;
    client
        .get(&format!(
            "/sessions/{session}/messages?after_id=3&sanitize=false"
        ))
        .await;
    client.get("/nowhere").await;
    let requests = emulator.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(
        (
            requests[0].method.as_str(),
            requests[0].path.as_str(),
            requests[0].status
        ),
        ("POST", "/v1/sessions", Some(200))
    );
    assert_eq!(requests[0].body, r#"{"agent_name":"agi-0-fast"}"#);
    assert_eq!(requests[1].query, "after_id=3&sanitize=false");
    assert_eq!(requests[2].status, Some(404));
    assert!(requests[0].received_at <= requests[1].received_at);
    let text = serde_json::to_string(&requests).unwrap();
    assert!(!text.contains("s3cret") && text.contains("Bearer ***"));
    emulator.clear_requests();
    assert_eq!(emulator.requests(), []);
}

#[tokio::test]
async fn closing_ends_everything_at_once() {
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    let mut stream = client.stream(&session, "").await;
    within(emulator.close()).await;
    assert_eq!(stream.all().await, []);
    assert_ne!(stream.end, Some(End::Proper));
    assert_eq!(emulator.open_streams(), 0);
    assert!(client.raw("GET", "/v1/sessions", None).await.is_err());
    within(emulator.close()).await;
}

#[tokio::test]
async fn dropping_closes_too() {
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    let mut stream = client.stream(&session, "").await;
    drop(emulator);
    assert_eq!(stream.all().await, []);
    eventually(|| async { client.raw("GET", "/v1/sessions", None).await.err() }).await;
}

#[tokio::test]
async fn two_emulators_share_nothing() {
    let (one, two) = (start(quick()).await, start(quick()).await);
    let session = Client::new(&one).session(json!({})).await;
    assert_eq!(
        Client::new(&two)
            .get(&format!("/sessions/{session}"))
            .await
            .status,
        404
    );
    assert_eq!((one.session_count(), two.session_count()), (1, 0));
}

#[tokio::test]
async fn a_connection_serves_many_requests() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let emulator = start(quick()).await;
    let address = emulator.url().trim_start_matches("http://");
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    for _ in 0..3 {
        socket
            .write_all(
                b"GET /v1/sessions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer k\r\n\r\n",
            )
            .await
            .unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"[]") {
            assert_ne!(within(socket.read_buf(&mut answer)).await.unwrap(), 0);
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
    }
}

#[tokio::test]
async fn once_entries_are_used_up_and_a_new_scenario_replaces_the_old() {
    let emulator = start(quick()).await;
    emulator.scenario(scenario(
        json!([{"steps": [{"done": "first"}], "once": true}, {"steps": [{"done": "then"}]}]),
    ));
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    let mut results = Vec::new();
    for _ in 0..3 {
        client.task(&session, "x").await;
        results.push(client.result(&session).await);
    }
    assert_eq!(results, ["first", "then", "then"]);
    emulator.scenario(scenario(
        json!([{"steps": [{"question": "{task}?"}, {"done": {"a": ["{answer}", "{n}"]}}]}]),
    ));
    client.task(&session, "y").await;
    client.until_execution(&session, "waiting_for_input").await;
    client.task(&session, "{task}").await;
    assert_eq!(
        client.result(&session).await,
        json!({"a": ["{task}", "{n}"]})
    );
}

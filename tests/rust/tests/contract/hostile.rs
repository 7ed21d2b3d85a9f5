//! Responses and streams that are made to harm.

use std::time::Duration;

use serde_json::{Value, json};
use sessionwire::Result;
use sessionwire::agi::{
    Client, CreateSession, EventOptions, ListMessages, RawRequest, SendMessage,
};
use sessionwire::raccoon::{self, ListSessions, StartTurn, UploadSource};
use sessionwire_tests::{build, check, hostile, ids, turns};

/// The options of a client whose service gives this response.
async fn options(case: &Value) -> Value {
    let response = case["response"].as_str().unwrap();
    let mut options = case.get("client").cloned().unwrap_or(json!({}));
    options["base_url"] = json!(format!("{}/{response}", hostile::serve().await));
    options["api_key"] = json!("some-key");
    options["max_retries"] = json!(0);
    options
}

pub(crate) async fn g10_a_response_is_read_up_to_a_cap(case: Value) {
    let id = case["id"].as_str().unwrap();
    let call = case["call"].as_str().unwrap();
    let options = options(&case).await;
    let outcome = match call.strip_prefix("raccoon_") {
        Some(call) => turn_call(call, &turns::build(options).unwrap()).await,
        None => agi_call(call, &build(options).unwrap()).await,
    };
    check(id, &outcome.expect_err(id), &case["error"]);
}

async fn agi_call(call: &str, client: &Client) -> Result<()> {
    let session = client.sessions().attach("s").unwrap();
    match call {
        "list" => client.sessions().list().await.map(drop),
        "create" => client
            .sessions()
            .create(CreateSession::default())
            .await
            .map(drop),
        "message" => session
            .send_message(SendMessage::new("hello"))
            .await
            .map(drop),
        "messages" => session.messages(ListMessages::default()).await.map(drop),
        "screenshot" => session.screenshot().await.map(drop),
        "request" => {
            let request = RawRequest::new("GET", "/sessions");
            client.request(request).await.map(drop)
        }
        "events" => {
            let mut stream = session.events(EventOptions::default())?;
            stream.next().await.expect("an error").map(drop)
        }
        other => panic!("unknown call {other}"),
    }
}

async fn turn_call(call: &str, client: &raccoon::Client) -> Result<()> {
    let session = client.session().unwrap();
    match call {
        "list" => {
            let mut list = client.sessions().list(ListSessions::default());
            list.next().await.expect("an error").map(drop)
        }
        "get" => client.sessions().get(session.id()).await.map(drop),
        "upload" => {
            let upload = session.upload(UploadSource::bytes("x"));
            upload.await.map(drop)
        }
        "turn" => session.start_turn(StartTurn::new("go")).await.map(drop),
        other => panic!("unknown call {other}"),
    }
}

pub(crate) async fn g10_other_calls_keep_their_deadlines(case: Value) {
    let id = case["id"].as_str().unwrap();
    let small = case["small_gaps"].as_i64().unwrap();
    let client = build(options(&case).await).unwrap();
    let session = client.sessions().attach("s").unwrap();
    let mut stream = session.events(EventOptions::default()).unwrap();
    let reading = async {
        let mut events = Vec::new();
        while let Some(event) = stream.next().await {
            events.push(event.expect(id));
        }
        let mut found = ids(&events);
        found.sort_unstable();
        found
    };
    let innocent = async {
        let emulator = sessionwire_tests::emulator().await;
        let other = sessionwire_tests::client_with(&emulator, json!({"timeout": 10}));
        for _ in 0..20 {
            other.sessions().list().await.expect(id);
        }
    };
    let both = async { tokio::join!(reading, innocent).0 };
    let found = tokio::time::timeout(Duration::from_secs(60), both).await;
    let expected = (1..=small).map(|number| number * 2).chain([1 << 62]);
    assert_eq!(found.expect(id), expected.collect::<Vec<_>>(), "{id}");
}

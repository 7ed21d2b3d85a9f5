//! The dashboard: what it shows, and who may press its buttons.

use crate::support::*;
use serde_json::{Value, json};
use sessionwire_emulator::Emulator;

/// The path of an address of the emulator.
fn path(url: &str) -> &str {
    &url[url.find("/live/").unwrap()..]
}

fn visitor(emulator: &Emulator) -> Client {
    Client::with_authorization(emulator, "")
}

async fn read(emulator: &Emulator, name: &str) -> Value {
    let path = format!("{}{name}", path(emulator.live_url()));
    let answer = visitor(emulator).raw("GET", &path, None).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

#[tokio::test]
async fn the_dashboard_shows_requests_and_webhooks_the_newest_first() {
    let site = Site::start(|_| (204, Vec::new(), Vec::new())).await;
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    let hook = json!({ "webhook_url": site.url });
    let id = client.session(hook).await;
    client.task(&id, "Count these words").await;
    client.until_execution(&id, "finished").await;
    let requests = read(&emulator, "requests").await;
    assert_eq!(requests[0]["path"], format!("/v1/sessions/{id}/status"));
    let requests = requests.as_array().unwrap();
    assert_eq!(requests.last().unwrap()["path"], "/v1/sessions");
    let task = requests
        .iter()
        .find(|request| request["path"] == format!("/v1/sessions/{id}/message"));
    assert_eq!(task.unwrap()["body"], r#"{"message":"Count these words"}"#);
    assert!(
        !json!(requests).to_string().contains(client.key()),
        "no key"
    );
    let told = eventually(|| async {
        let told = read(&emulator, "webhooks").await;
        (told[0]["event"] == "task.completed").then_some(told)
    })
    .await;
    assert_eq!(told[0]["outcome"], "webhook_delivered");
}

#[tokio::test]
async fn faults_are_pressed_and_taken_back_on_the_dashboard_alone() {
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    let visitor = visitor(&emulator);
    let page = path(emulator.live_url());
    let press = async |name: &str, headers: &[(&str, &str)], body: Option<&str>| {
        let path = format!("{page}{name}");
        visitor
            .raw_with("POST", &path, headers, body)
            .await
            .unwrap()
    };
    let fault = Some(r#"{"fault": "create status=503"}"#);
    assert_eq!(press("faults", &[], fault).await.status, 200);
    assert_eq!(emulator.faults().len(), 1);
    assert_eq!(client.post("/sessions", json!({})).await.status, 503);
    assert_eq!(emulator.faults().len(), 0);

    assert_eq!(press("faults", &[], fault).await.status, 200);
    assert_eq!(press("clear-faults", &[], None).await.status, 200);
    assert_eq!(emulator.faults().len(), 0);

    for (body, why) in [
        (Some(r#"{"fault": "nowhere status=503"}"#), "nowhere"),
        (Some(r#"{"fault": "create cut_after=1"}"#), "cut_after"),
        (Some("{}"), "events cut_after=1"),
    ] {
        let refused = press("faults", &[], body).await;
        assert_eq!(refused.status, 422);
        assert!(refused.text.contains(why), "{}", refused.text);
    }
    // A page of another site, a wrong secret, and the secret of a session press nothing.
    for headers in [
        ("origin", "http://evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("origin", "null"),
    ] {
        assert_eq!(press("faults", &[headers], fault).await.status, 403);
    }
    let created = client.post("/sessions", json!({})).await.json();
    let session = path(created["vnc_url"].as_str().unwrap());
    for at in ["/live/0123456789abcdef0123456789abcdef/", session] {
        let path = format!("{at}faults");
        let refused = visitor.raw("POST", &path, fault).await.unwrap();
        assert_eq!(refused.status, 404, "{at}");
        let read = visitor.raw("GET", &format!("{at}requests"), None).await;
        assert_eq!(read.unwrap().status, 404, "{at}");
    }
    let rebound = visitor.for_host("evil.example");
    let path = format!("{page}faults");
    let refused = rebound.raw("POST", &path, fault).await.unwrap();
    assert_eq!(refused.status, 421);
    assert_eq!(emulator.faults().len(), 0);
}

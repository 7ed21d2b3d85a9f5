//! The built-in agent and its browser, on pages served here.

use crate::support::*;
use base64::Engine as _;
use serde_json::{Value, json};
use sessionwire_emulator::{Emulator, Options};

const SHOP: &str = r#"<!doctype html><title>Mug shop</title><h1>Mugs</h1>
    <ul><li><a href="/blue">Blue mug</a> € 12.50</li><li>Red mug $1,299.00</li></ul>
    <form action="/find" method="get"><input name="q" type="search"></form>"#;

async fn begin() -> (Emulator, Client, String, Site) {
    let site = Site::start(|request| match request.path.as_str() {
        "/" => html_reply(SHOP),
        "/old" => (301, vec![("location", "/".to_owned())], vec![]),
        "/data" => (
            200,
            vec![("content-type", "application/pdf".to_owned())],
            b"%PDF".to_vec(),
        ),
        "/broken" => (
            500,
            vec![("content-type", "text/html".to_owned())],
            b"<h1>Oops".to_vec(),
        ),
        _ => (
            404,
            vec![("content-type", "text/html".to_owned())],
            b"<title>Not here</title>".to_vec(),
        ),
    })
    .await;
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    (emulator, client, session, site)
}

fn check_shop(result: &Value, site: &Site) {
    assert_eq!(result["title"], "Mug shop");
    assert_eq!(result["url"], format!("{}/", site.url));
    assert_eq!(result["headings"], json!(["Mugs"]));
    assert_eq!(
        result["links"],
        json!([{"text": "Blue mug", "url": format!("{}/blue", site.url)}])
    );
    assert_eq!(
        result["prices"],
        json!([{"text": "Blue mug", "price": "12.50", "currency": "EUR"}, {"text": "Red mug", "price": "1299.00", "currency": "$"}])
    );
    assert_eq!(
        result["forms"],
        json!([{"action": format!("{}/find", site.url), "method": "GET", "fields": [{"name": "q", "type": "search"}]}])
    );
    let summary = result["summary"].as_str().unwrap();
    assert!(
        summary.contains("Mug shop") && summary.contains("Blue mug EUR 12.50"),
        "{summary}"
    );
}

#[tokio::test]
async fn it_reads_the_page_named_by_start_url_or_in_the_text() {
    let (_emulator, client, session, site) = begin().await;
    let path = format!("/sessions/{session}/message");
    for body in [
        json!({"message": "Find the prices", "start_url": format!("{}/", site.url)}),
        json!({"message": format!("Find the prices on {}/.", site.url)}),
        json!({"message": "Find the prices", "start_url": format!("{}/old", site.url)}),
    ] {
        assert_eq!(client.post(&path, body).await.status, 200);
        check_shop(&client.result(&session).await, &site);
    }
    assert!(site.received()[0].headers["user-agent"].contains("sessionwire-emulator"));
    let events = client.stream(&session, "").await.all().await;
    let steps: Vec<&Value> = events
        .iter()
        .filter(|event| event.name == "step")
        .map(|event| &event.data["action"])
        .collect();
    assert_eq!(steps[..2], ["navigate", "read"]);
    assert!(events.iter().any(|event| event.name == "thought"
        && event.data["text"] == "Found a price: Blue mug EUR 12.50"));
    assert!(
        events
            .iter()
            .any(|event| event.data["text"] == format!("The page sent me on to {}/", site.url))
    );
}

#[tokio::test]
async fn its_steps_take_their_time() {
    let site = Site::html(&[("/", SHOP)]).await;
    let emulator = start(Options {
        step_delay: 0.05,
        ..plain()
    })
    .await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    let mut stream = client.stream(&session, "").await;
    client.task(&session, &format!("Read {}/", site.url)).await;
    let first = stream.next().await.unwrap();
    assert_eq!(first.name, "step");
    assert_eq!(
        client.statuses(&session).await.1,
        "running",
        "events come while it works"
    );
    stream.until("done").await;
}

#[tokio::test]
async fn a_page_that_cannot_be_read_is_an_honest_error() {
    let (_emulator, client, session, site) = begin().await;
    for (url, text, status) in [
        (
            format!("{}/missing", site.url),
            "answered 404 Not Found",
            404,
        ),
        (format!("{}/broken", site.url), "answered 500", 500),
        (
            format!("{}/data", site.url),
            "it is application/pdf, not an HTML page",
            415,
        ),
        (
            "http://127.0.0.1:9/".to_owned(),
            "refused the connection",
            502,
        ),
    ] {
        client.task(&session, &format!("Read {url}")).await;
        client.until_execution(&session, "error").await;
        let events = client.stream(&session, "").await.all().await;
        let error = events.last().unwrap();
        assert_eq!(error.name, "error");
        let said = error.data["error"].as_str().unwrap();
        assert!(said.contains(text) && said.contains(&url), "{said}");
        assert_eq!(error.data["status_code"], status, "{said}");
        assert_eq!(
            client.messages(&session).await.last().unwrap()["content"],
            said
        );
    }
    client
        .post(
            &format!("/sessions/{session}/message"),
            json!({"message": "x", "start_url": "shop.example"}),
        )
        .await;
    client.until_execution(&session, "error").await;
    let last = client.messages(&session).await.pop().unwrap();
    assert!(
        last["content"]
            .as_str()
            .unwrap()
            .contains("not an http or https address"),
        "{last}"
    );
}

#[tokio::test]
async fn it_works_on_the_page_the_user_opened() {
    let (_emulator, client, session, site) = begin().await;
    let answer = client
        .post(
            &format!("/sessions/{session}/navigate"),
            json!({"url": format!("{}/old", site.url)}),
        )
        .await;
    assert_eq!(
        answer.json(),
        json!({"current_url": format!("{}/", site.url)})
    );
    client.task(&session, "Collect the prices").await;
    check_shop(&client.result(&session).await, &site);
}

#[tokio::test]
async fn a_page_of_an_earlier_task_is_used_only_when_meant() {
    let (_emulator, client, session, site) = begin().await;
    client.task(&session, &format!("Read {}/", site.url)).await;
    client.result(&session).await;
    client.task(&session, "Count these words").await;
    assert_eq!(client.result(&session).await["words"], 3);
    client
        .task(&session, "Which prices does this page have?")
        .await;
    check_shop(&client.result(&session).await, &site);
}

#[tokio::test]
async fn without_a_page_it_says_what_it_is_and_reads_the_task() {
    let (_emulator, client, session, _) = begin().await;
    client
        .task(
            &session,
            "Book 2 rooms from 2026-03-04 under $90. Write to ann@shop.example!",
        )
        .await;
    let result = client.result(&session).await;
    let summary = result["summary"].as_str().unwrap();
    assert!(
        summary.contains("local emulator's agent") && summary.contains("not an AI"),
        "{summary}"
    );
    assert_eq!(
        (&result["sentences"], &result["numbers"], &result["dates"]),
        (&json!(2), &json!(["2"]), &json!(["2026-03-04"]))
    );
    assert_eq!(result["prices"][0]["price"], "90");
    assert_eq!(result["emails"], json!(["ann@shop.example"]));
}

#[tokio::test]
async fn it_asks_when_told_to_and_uses_the_answer() {
    let (_emulator, client, session, site) = begin().await;
    client
        .task(
            &session,
            &format!("Ask me which colour I want, then find it on {}/", site.url),
        )
        .await;
    client.until_execution(&session, "waiting_for_input").await;
    let question = client.messages(&session).await.pop().unwrap();
    assert_eq!(question["type"], "QUESTION");
    assert!(
        question["content"]
            .as_str()
            .unwrap()
            .starts_with("Which colour should I use? You said: “Ask me"),
        "{question}"
    );
    client.task(&session, "blue").await;
    let result = client.result(&session).await;
    assert_eq!(
        (&result["answer"], &result["matches"]),
        (&json!("blue"), &json!(["Blue mug EUR 12.50"]))
    );
    assert!(
        result["summary"]
            .as_str()
            .unwrap()
            .contains("“blue” fits Blue mug EUR 12.50"),
        "{result}"
    );
}

#[tokio::test]
async fn it_notes_updates() {
    let site = Site::html(&[("/", SHOP)]).await;
    let emulator = start(Options {
        step_delay: 0.05,
        ..plain()
    })
    .await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    let mut stream = client.stream(&session, "").await;
    client.task(&session, &format!("Read {}/", site.url)).await;
    stream.until("step").await;
    client.task(&session, "be brief").await;
    let done = stream.until("done").await;
    assert_eq!(done.data["result"]["updates"], json!(["be brief"]));
    let messages = client.messages(&session).await;
    assert!(
        messages
            .iter()
            .any(|message| message["content"] == "Noted: be brief")
    );
}

/// Width and height from the frame header of a JPEG.
fn size(jpeg: &[u8]) -> (u16, u16) {
    assert_eq!(jpeg[..2], [0xff, 0xd8]);
    assert_eq!(jpeg[jpeg.len() - 2..], [0xff, 0xd9]);
    let mut at = 2;
    loop {
        assert_eq!(jpeg[at], 0xff);
        let length = usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        if (0xc0..=0xc2).contains(&jpeg[at + 1]) {
            let number = |at: usize| u16::from_be_bytes([jpeg[at], jpeg[at + 1]]);
            return (number(at + 7), number(at + 5));
        }
        at += 2 + length;
    }
}

async fn screenshot(client: &Client, session: &str) -> (Value, Vec<u8>) {
    let shot = client
        .get(&format!("/sessions/{session}/screenshot"))
        .await
        .json();
    let encoded = shot["screenshot"]
        .as_str()
        .unwrap()
        .strip_prefix("data:image/jpeg;base64,")
        .unwrap()
        .to_owned();
    (
        shot,
        base64::engine::general_purpose::STANDARD
            .decode(encoded)
            .unwrap(),
    )
}

#[tokio::test]
async fn screenshots_show_the_page() {
    let (_emulator, client, session, site) = begin().await;
    let (_, blank) = screenshot(&client, &session).await;
    client
        .post(
            &format!("/sessions/{session}/navigate"),
            json!({"url": format!("{}/", site.url)}),
        )
        .await;
    let (shot, jpeg) = screenshot(&client, &session).await;
    assert_eq!(
        (&shot["url"], &shot["title"]),
        (&json!(format!("{}/", site.url)), &json!("Mug shop"))
    );
    assert_eq!((size(&jpeg), size(&blank)), ((1280, 720), (1280, 720)));
    assert_ne!(jpeg, blank);
}

#[tokio::test]
async fn navigating_to_nowhere_shows_an_error_page() {
    let (_emulator, client, session, site) = begin().await;
    let path = format!("/sessions/{session}/navigate");
    for (url, title) in [
        (
            "http://127.0.0.1:9/x".to_owned(),
            "This page cannot be reached",
        ),
        (format!("{}/missing", site.url), "Not here"),
        (format!("{}/data", site.url), "Not a web page"),
    ] {
        let answer = client.post(&path, json!({ "url": url })).await;
        assert_eq!(
            (answer.status, answer.json()),
            (200, json!({ "current_url": url }))
        );
        let (shot, jpeg) = screenshot(&client, &session).await;
        assert_eq!((&shot["url"], &shot["title"]), (&json!(url), &json!(title)));
        assert_eq!(size(&jpeg), (1280, 720));
    }
}

#[tokio::test]
async fn a_script_can_open_pages() {
    let site = Site::html(&[("/", SHOP)]).await;
    let steps = json!([{"navigate": format!("{}/", site.url)}, {"done": "ok"}]);
    let emulator = start(Options {
        scenario: script(steps),
        ..quick()
    })
    .await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    client
        .post(
            &format!("/sessions/{session}/message"),
            json!({"message": "go", "start_url": "http://start.example/a"}),
        )
        .await;
    client.result(&session).await;
    assert_eq!(screenshot(&client, &session).await.0["title"], "Mug shop");
    let events = client.stream(&session, "").await.all().await;
    assert_eq!(events[0].data["action"], "navigate");
}

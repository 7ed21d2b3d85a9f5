//! The live view: its pages, who may open them, and what they can do.

use crate::support::*;
use serde_json::{Value, json};
use sessionwire_emulator::Emulator;

/// The path of an address of the emulator.
fn path(url: &str) -> &str {
    &url[url.find("/live/").unwrap()..]
}

/// A visitor without a key, and a session that asks a question.
async fn asking() -> (Emulator, Client, Client, String, String) {
    let steps = json!([{"thought": "hm"}, {"question": "Which <b>colour</b>?"}, {"done": {"summary": "A {answer} mug"}}]);
    let emulator = start(sessionwire_emulator::Options {
        scenario: script(steps),
        ..quick()
    })
    .await;
    let client = Client::new(&emulator);
    let created = client.post("/sessions", json!({})).await.json();
    let page = path(created["vnc_url"].as_str().unwrap()).to_owned();
    let id = created["session_id"].as_str().unwrap().to_owned();
    client.task(&id, "Find a mug").await;
    client.until_execution(&id, "waiting_for_input").await;
    let visitor = Client::with_authorization(&emulator, "");
    (emulator, client, visitor, id, page)
}

async fn news(feed: &mut Stream) -> Value {
    let block = feed.block().await.expect("the feed ended");
    serde_json::from_str(block.trim_end().strip_prefix("data: ").unwrap()).unwrap()
}

async fn until(feed: &mut Stream, is: impl Fn(&Value) -> bool) -> Value {
    loop {
        let news = news(feed).await;
        if is(&news) {
            return news;
        }
    }
}

async fn feed(visitor: &Client, page: &str) -> Stream {
    visitor.open(&format!("{page}feed"), &[]).await.unwrap()
}

async fn act(visitor: &Client, page: &str, name: &str, body: Option<&str>) -> Answer {
    let path = format!("{page}{name}");
    visitor.raw("POST", &path, body).await.unwrap()
}

#[tokio::test]
async fn every_answer_about_a_session_names_its_page() {
    let site = Site::start(|_| (200, Vec::new(), Vec::new())).await;
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    let created = client
        .post("/sessions", json!({ "webhook_url": site.url }))
        .await
        .json();
    let url = created["vnc_url"].as_str().unwrap();
    assert!(
        url.starts_with(&format!("{}/live/", emulator.url())),
        "{url}"
    );
    let id = created["session_id"].as_str().unwrap();
    assert_eq!(
        client.get(&format!("/sessions/{id}")).await.json()["vnc_url"],
        url
    );
    let told = eventually(|| async { site.received().first().cloned() }).await;
    let told: Value = serde_json::from_str(&told.body).unwrap();
    assert_eq!(told["session"]["vnc_url"], url);

    let other = client.post("/sessions", json!({})).await.json();
    assert_ne!(other["vnc_url"], url);
    assert!(!url.contains(id) && !url.contains(emulator.api_key()));
}

#[tokio::test]
async fn pages_open_with_the_secret_and_without_a_key() {
    let (emulator, _, visitor, id, page) = asking().await;
    let index = path(emulator.live_url()).to_owned();
    for (page, title) in [
        (&index, "<title>Emulator</title>"),
        (&page, "<title>Session</title>"),
    ] {
        let answer = visitor.raw("GET", page, None).await.unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
        assert!(answer.text.contains(title), "{}", answer.text);
        for (file, kind) in [
            ("page.js", "text/javascript; charset=utf-8"),
            ("live.js", "text/javascript; charset=utf-8"),
            ("live.css", "text/css; charset=utf-8"),
            ("icon.svg", "image/svg+xml"),
        ] {
            let answer = visitor
                .raw("GET", &format!("{page}{file}"), None)
                .await
                .unwrap();
            assert_eq!(
                (answer.status, answer.headers["content-type"].as_str()),
                (200, kind)
            );
            // All that a page needs comes from the emulator.
            let text = answer.text.replace("http://www.w3.org/2000/svg", "");
            assert!(
                !text.contains("http://") && !text.contains("https://"),
                "{file}"
            );
            assert!(!text.contains("innerHTML"), "{file}");
        }
        let short = visitor
            .raw("GET", page.trim_end_matches('/'), None)
            .await
            .unwrap();
        assert_eq!((short.status, &short.headers["location"]), (307, page));
    }
    let picture = visitor
        .raw("GET", &format!("{page}picture"), None)
        .await
        .unwrap();
    assert_eq!(
        (picture.status, picture.headers["content-type"].as_str()),
        (200, "image/jpeg")
    );
    assert!(picture.text.contains("JFIF"));
    let listed = news(&mut feed(&visitor, &index).await).await;
    assert_eq!(listed["total"], 1);
    let row = &listed["sessions"][0];
    assert_eq!(
        (&row["session_id"], &row["path"]),
        (&json!(id), &json!(page))
    );
    assert_eq!(
        (&row["task"], &row["execution"]),
        (&json!("Find a mug"), &json!("waiting_for_input"))
    );
}

#[tokio::test]
async fn without_the_secret_nothing_is_there() {
    let (emulator, client, visitor, id, page) = asking().await;
    let key = emulator.api_key();
    let mut wrong = page.clone().into_bytes();
    let last = wrong.len() - 2;
    wrong[last] = if wrong[last] == b'0' { b'1' } else { b'0' };
    let wrong = String::from_utf8(wrong).unwrap();
    for page in [
        wrong,
        format!("/live/{id}/"),
        format!("/live/{key}/"),
        "/live/0/".to_owned(),
    ] {
        for file in ["", "page.js", "live.css", "feed", "picture"] {
            let answer = client
                .raw("GET", &format!("{page}{file}"), None)
                .await
                .unwrap();
            assert_eq!(answer.status, 404, "{page}{file}");
        }
        for action in ["message", "pause", "resume", "cancel", "delete"] {
            let body = r#"{"message": "x"}"#;
            let answer = act(&client, &page, action, Some(body)).await;
            assert_eq!(answer.status, 404, "{page}{action}");
        }
    }
    for path in ["/live", "/live/", "/live/a/b/c"] {
        let status = visitor.raw("GET", path, None).await.unwrap().status;
        assert_eq!(status, 404, "{path}");
    }
    assert_eq!(client.statuses(&id).await.1, "waiting_for_input");
    // The index shows and drives nothing by itself.
    let index = path(emulator.live_url()).to_owned();
    assert_eq!(act(&visitor, &index, "cancel", None).await.status, 404);
}

#[tokio::test]
async fn the_browser_is_told_to_run_nothing_else() {
    let (_emulator, _, visitor, _, page) = asking().await;
    for path in [
        page.clone(),
        format!("{page}page.js"),
        "/live/wrong/".to_owned(),
    ] {
        let headers = visitor.raw("GET", &path, None).await.unwrap().headers;
        let policy = &headers["content-security-policy"];
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(
            !policy.contains("unsafe") && !policy.contains('*'),
            "{policy}"
        );
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "same-origin");
        assert_eq!(headers["cache-control"], "no-store");
        assert!(!headers.contains_key("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn a_question_is_answered_on_the_page() {
    let (_emulator, client, visitor, id, page) = asking().await;
    let mut feed = feed(&visitor, &page).await;
    let first = news(&mut feed).await;
    assert_eq!(first["question"], "Which <b>colour</b>?");
    assert_eq!(first["session"]["task"], "Find a mug");
    let kinds: Vec<_> = first["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["kind"].clone())
        .collect();
    assert_eq!(kinds, ["user", "thought", "question"]);
    assert_eq!(first["entries"][0]["content"], "Find a mug");
    assert_eq!(
        first["entries"][1]["data"],
        json!({"text": "hm", "message_id": 2})
    );

    let answer = act(&visitor, &page, "message", Some(r#"{"message": "green"}"#)).await;
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({"success": true}))
    );
    let last = until(&mut feed, |news| news["session"]["status"] == "completed").await;
    assert_eq!(last["question"], Value::Null);
    let done = last["entries"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&done["kind"], &done["content"]),
        (&json!("done"), &json!({"summary": "A green mug"}))
    );
    assert_eq!(client.result(&id).await["summary"], "A green mug");

    let empty = act(&visitor, &page, "message", Some(r#"{"message": " "}"#)).await;
    assert_eq!(empty.status, 422);
    // With nothing to do, a message is a new task.
    act(
        &visitor,
        &page,
        "message",
        Some(r#"{"message": "Find a plate"}"#),
    )
    .await;
    client.until_execution(&id, "waiting_for_input").await;
    assert_eq!(news(&mut feed).await["session"]["task"], "Find a plate");
}

#[tokio::test]
async fn a_task_is_paused_resumed_and_cancelled_on_the_page() {
    let (_emulator, client, visitor, id, page) = asking().await;
    let mut feed = feed(&visitor, &page).await;
    for (action, status) in [
        ("pause", "paused"),
        ("resume", "running"),
        ("cancel", "ready"),
    ] {
        assert_eq!(act(&visitor, &page, action, None).await.status, 200);
        assert_eq!(client.statuses(&id).await.0, status);
        until(&mut feed, |news| news["session"]["status"] == status).await;
    }
    let refused = act(&visitor, &page, "resume", None).await;
    assert_eq!(
        (refused.status, refused.detail()),
        (409, json!("not_paused"))
    );
}

#[tokio::test]
async fn a_session_is_deleted_on_its_page() {
    let (emulator, client, visitor, id, page) = asking().await;
    let mut feed = feed(&visitor, &page).await;
    let mut events = client.stream(&id, "").await;
    assert_eq!(act(&visitor, &page, "delete", None).await.status, 200);
    until(&mut feed, |news| news["session"]["status"] == "terminated").await;
    assert_eq!(feed.block().await, None);
    assert_eq!(feed.end, Some(End::Proper));
    events.all().await;
    assert_eq!(emulator.session_count(), 0);
    assert_eq!(client.get(&format!("/sessions/{id}")).await.status, 404);
    let gone = visitor.raw("GET", &page, None).await.unwrap();
    assert_eq!(gone.status, 404);
    assert!(gone.text.contains("was deleted"));
}

#[tokio::test]
async fn another_sites_page_is_refused() {
    let (emulator, client, visitor, id, page) = asking().await;
    let own = emulator.url().to_owned();
    let post = async |name: &'static str, value: &str| {
        let path = format!("{page}cancel");
        let answer = visitor
            .raw_with("POST", &path, &[(name, value)], None)
            .await;
        answer.unwrap().status
    };
    for origin in [
        "http://evil.example",
        "null",
        "https://127.0.0.1",
        &format!("{own}1"),
    ] {
        assert_eq!(post("origin", origin).await, 403, "{origin}");
    }
    assert_eq!(post("sec-fetch-site", "cross-site").await, 403);
    assert_eq!(client.statuses(&id).await.1, "waiting_for_input");
    assert_eq!(post("origin", &own).await, 200);
    assert_eq!(client.statuses(&id).await.0, "ready");
}

#[tokio::test]
async fn watching_leaves_no_trace_and_ends_with_the_emulator() {
    let (emulator, client, visitor, id, page) = asking().await;
    emulator.clear_requests();
    emulator
        .fail(fault(json!({"on": "*", "times": 0, "status": 500})))
        .unwrap();
    let mut one = feed(&visitor, &page).await;
    let mut all = feed(&visitor, path(emulator.live_url())).await;
    news(&mut one).await;
    news(&mut all).await;
    assert_eq!(act(&visitor, &page, "pause", None).await.status, 200);
    assert_eq!(
        visitor
            .raw("GET", "/live/a/b/c", None)
            .await
            .unwrap()
            .status,
        404
    );
    assert_eq!(emulator.open_streams(), 0);
    assert_eq!(emulator.requests(), []);
    emulator.clear_faults();
    client.stream(&id, "").await;
    emulator.close().await;
    while one.block().await.is_some() {}
    while all.block().await.is_some() {}
    assert!(one.end.is_some_and(|end| end != End::Proper));
}

#[tokio::test]
async fn the_index_follows_the_sessions_of_every_key() {
    let emulator = start(quick()).await;
    let visitor = Client::with_authorization(&emulator, "");
    let mut index = feed(&visitor, path(emulator.live_url())).await;
    let first = news(&mut index).await;
    assert_eq!(
        (&first["total"], &first["sessions"]),
        (&json!(0), &json!([]))
    );
    assert_eq!(first["worlds"]["worlds"][0]["faults"], json!([]));
    let (ann, ben) = (
        Client::with_key(&emulator, "ann"),
        Client::with_key(&emulator, "ben"),
    );
    let first = ann.session(json!({})).await;
    ben.session(json!({"agent_name": "agi-0-fast"})).await;
    until(&mut index, |news| news["total"] == 2).await;
    ann.delete(&format!("/sessions/{first}")).await;
    let rest = until(&mut index, |news| news["total"] == 1).await;
    assert_eq!(rest["sessions"][0]["agent_name"], "agi-0-fast");
    assert!(!rest.to_string().contains("ben"), "a key is shown");
}

#[tokio::test]
async fn the_page_changes_its_picture_with_the_browser() {
    let site = Site::html(&[("/", "<title>Shop</title><h1>Mugs</h1>")]).await;
    let (_emulator, client, visitor, id, page) = asking().await;
    let mut feed = feed(&visitor, &page).await;
    let before = news(&mut feed).await["session"]["picture"].clone();
    let url = format!("{}/", site.url);
    client
        .post(&format!("/sessions/{id}/navigate"), json!({ "url": url }))
        .await;
    let after = until(&mut feed, |news| news["session"]["picture"] != before).await;
    assert_eq!(
        (&after["session"]["title"], &after["session"]["url"]),
        (&json!("Shop"), &json!(url))
    );
}

#[tokio::test]
async fn a_page_that_cannot_keep_up_gets_the_newest_events() {
    let steps = json!([{"repeat": 2000, "steps": [{"thought": "{n}"}]}, {"done": "end"}]);
    let emulator = start(sessionwire_emulator::Options {
        scenario: script(steps),
        ..quick()
    })
    .await;
    let client = Client::new(&emulator);
    let created = client.post("/sessions", json!({})).await.json();
    let id = created["session_id"].as_str().unwrap();
    client.task(id, "flood").await;
    client.result(id).await;
    let mut feed = feed(&client, path(created["vnc_url"].as_str().unwrap())).await;
    let first = news(&mut feed).await;
    let entries = first["entries"].as_array().unwrap();
    assert_eq!(
        (entries.len(), &first["session"]["skipped"]),
        (300, &json!(1702))
    );
    assert_eq!(entries.last().unwrap()["kind"], "done");
}

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

/// The newest news of the index that has what is wanted.
async fn index_until(emulator: &Emulator, is: impl Fn(&Value) -> bool) -> Value {
    let feed = format!("{}feed", path(emulator.live_url()));
    let mut feed = visitor(emulator).open(&feed, &[]).await.unwrap();
    loop {
        let block = feed.block().await.expect("the feed ended");
        let news = block.trim_end().strip_prefix("data: ").unwrap();
        let news = serde_json::from_str(news).unwrap();
        if is(&news) {
            return news;
        }
    }
}

#[tokio::test]
async fn a_webhook_is_sent_again_with_a_press() {
    let site = Site::start(|_| (204, Vec::new(), Vec::new())).await;
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    let id = client.session(json!({ "webhook_url": site.url })).await;
    client.task(&id, "Count these words").await;
    eventually(|| async { (site.received().len() == 3).then_some(()) }).await;
    let press = async |body: Value, headers: &[(&str, &str)]| {
        let path = format!("{}replay", path(emulator.live_url()));
        let body = body.to_string();
        let pressed = visitor(&emulator);
        let pressed = pressed.raw_with("POST", &path, headers, Some(&body)).await;
        pressed.unwrap()
    };
    let completed = json!({"event": "task.completed", "session_id": id});
    assert_eq!(press(completed.clone(), &[]).await.status, 200);
    let bodies = eventually(|| async {
        let bodies: Vec<_> = site.received().into_iter().map(|it| it.body).collect();
        (bodies.len() == 4).then_some(bodies)
    })
    .await;
    assert_eq!(bodies[3], bodies[2], "the same body");
    let foreign = [("origin", "http://evil.example")];
    assert_eq!(press(completed, &foreign).await.status, 403);
    let never = json!({"event": "task.error", "session_id": id});
    assert_eq!(press(never, &[]).await.status, 404);
    assert_eq!(press(json!({"event": 1}), &[]).await.status, 422);
    assert_eq!(site.received().len(), 4);
}

#[tokio::test]
async fn the_dashboard_shows_turns_worlds_and_the_step_that_plays() {
    let emulator = start(quick()).await;
    let playing = json!({
        "tasks": [{"match": "never", "steps": [{"done": "x"}]},
            {"steps": [{"thought": "Hm"}, {"repeat": 2, "steps": [{"thought": "{n}"}, {"wait_for_message": true}]}]}],
        "turns": [{"steps": [{"thought": "Reading"}, {"wait_for_stop": true}]}],
    });
    emulator.scenario(serde_json::from_value(playing).unwrap());
    let client = Client::new(&emulator);
    let id = client.session(json!({})).await;
    client.task(&id, "Go").await;
    let session = "2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415";
    let turn = json!({"session_id": session, "prompt": "Read it", "mode": "auto"}).to_string();
    let begun = client.raw("POST", "/sessions/new", Some(&turn)).await;
    assert_eq!(begun.unwrap().status, 200);
    let world = emulator.world(Some("key-of-a-tester-1234")).unwrap();
    let short = emulator.world(Some("short-key")).unwrap();
    let in_world = Client::new(&world).session(json!({})).await;

    let row = |news: &Value, id: &str| {
        let rows = news["sessions"].as_array().unwrap().clone();
        rows.into_iter().find(|row| row["session_id"] == id)
    };
    let news = index_until(&emulator, |news| {
        let at = |id: &str| row(news, id).is_some_and(|row| row["place"].is_string());
        at(&id) && at(session)
    })
    .await;
    assert_eq!(row(&news, &id).unwrap()["place"], "tasks[1], step 2.2 of 2");
    let turned = row(&news, session).unwrap();
    for (name, value) in [
        ("task", "Read it"),
        ("status", "running"),
        ("agent_name", "Raccoon, 1 turn"),
        ("latest", "thought: Reading"),
        ("place", "turns[0], step 2 of 2"),
    ] {
        assert_eq!(turned[name], value);
    }
    assert_eq!(turned["path"], Value::Null, "it has no page");
    assert_eq!(news["total"], 3);
    let worlds = news["worlds"]["worlds"].as_array().unwrap().clone();
    let names: Vec<_> = worlds.iter().map(|world| world["name"].clone()).collect();
    assert_eq!(
        names,
        ["Default world", "World 1, key-…234", "World 2, sho…"]
    );
    let own = row(&news, &in_world).unwrap();
    assert_eq!(own["world"], "World 1, key-…234");
    assert_eq!(turned["world"], "Default world");
    let sessions: Vec<_> = worlds
        .iter()
        .map(|world| world["sessions"].clone())
        .collect();
    assert_eq!(sessions, [2, 1, 0]);
    for key in [world.api_key(), short.api_key()] {
        assert!(!news.to_string().contains(key), "{news}");
    }
    // A task of the built-in agent is at no step.
    emulator.reset();
    emulator.scenario(Default::default());
    let id = client.session(json!({})).await;
    client.task(&id, "Count these words").await;
    let news = index_until(&emulator, |news| row(news, &id).is_some()).await;
    assert_eq!(row(&news, &id).unwrap()["place"], Value::Null);
}

#[tokio::test]
async fn requests_webhooks_and_faults_are_those_of_the_world_that_is_looked_at() {
    let emulator = start(quick()).await;
    let world = emulator.world(Some("key-of-a-tester-1234")).unwrap();
    let id = Client::new(&world).session(json!({})).await;
    assert_eq!(read(&emulator, "requests").await, json!([]));
    let requests = read(&emulator, "requests?world=1").await;
    assert_eq!(requests[0]["path"], "/v1/sessions", "{id}");
    assert_eq!(read(&emulator, "webhooks?world=1").await, json!([]));
    let page = path(emulator.live_url());
    let press = async |name: &str, body: Value| {
        let (path, body) = (format!("{page}{name}"), body.to_string());
        let pressed = visitor(&emulator).raw("POST", &path, Some(&body)).await;
        pressed.unwrap()
    };
    for fault in [
        "list status=503",
        "get status=500 times=2",
        "list status=503",
    ] {
        let pressed = press("faults", json!({"fault": fault, "world": 1})).await;
        assert_eq!(pressed.status, 200, "{}", pressed.text);
    }
    let texts = || -> Vec<String> { world.faults().iter().map(ToString::to_string).collect() };
    let one = json!({"fault": "list status=503", "world": 1});
    assert_eq!(press("remove-fault", one.clone()).await.status, 200);
    assert_eq!(texts(), ["get status=500 times=2", "list status=503"]);
    assert_eq!(press("remove-fault", one.clone()).await.status, 200);
    let gone = press("remove-fault", one).await;
    assert_eq!(gone.status, 404);
    assert!(
        gone.text.contains("does not wait any more"),
        "{}",
        gone.text
    );
    assert_eq!(press("clear-faults", json!({"world": 0})).await.status, 200);
    assert_eq!(texts(), ["get status=500 times=2"]);
    assert_eq!(press("clear-faults", json!({"world": 1})).await.status, 200);
    assert!(texts().is_empty() && emulator.faults().is_empty());
    for (number, status) in [("7", 404), ("x", 422)] {
        let path = format!("{page}requests?world={number}");
        let refused = visitor(&emulator).raw("GET", &path, None).await.unwrap();
        assert_eq!(refused.status, status, "{}", refused.text);
    }
}

#[tokio::test]
async fn a_request_that_gets_no_answer_is_not_open_for_ever() {
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    emulator.fail(fault("models reset")).unwrap();
    assert!(client.raw("GET", "/v1/models", None).await.is_err());
    let requests = read(&emulator, "requests").await;
    assert_eq!(
        (&requests[0]["status"], &requests[0]["unanswered"]),
        (&Value::Null, &json!("reset"))
    );
    emulator.fail(fault("models hang")).unwrap();
    let hangs = tokio::spawn(async move { client.get("/models").await });
    eventually(|| async { (emulator.requests().len() == 2).then_some(()) }).await;
    let requests = read(&emulator, "requests").await;
    assert_eq!(requests[0]["unanswered"], Value::Null, "it is open");
    hangs.abort();
    eventually(|| async {
        let requests = read(&emulator, "requests").await;
        (requests[0]["unanswered"] == "left").then_some(())
    })
    .await;
    let said = emulator.explain(None);
    assert!(
        said.contains("-> reset") && said.contains("-> the client left"),
        "{said}"
    );
}

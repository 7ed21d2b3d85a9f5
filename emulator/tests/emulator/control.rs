//! The control API: everything a program in another language needs to drive the emulator.

use crate::support::*;
use serde_json::{Value, json};
use sessionwire_emulator::{CONTROL_OPENAPI, Emulator, Options};

const TOKEN: &str = "token-of-the-tests";

pub(crate) fn options() -> Options {
    Options {
        control_token: Some(TOKEN.to_owned()),
        webhook_backoff: 0.01,
        ..quick()
    }
}

/// A program that drives the emulator, for one world.
pub(crate) struct Driver {
    pub(crate) client: Client,
    pub(crate) key: Option<String>,
}

impl Driver {
    pub(crate) fn new(emulator: &Emulator) -> Self {
        let client = Client::with_key(emulator, TOKEN);
        Self { client, key: None }
    }

    /// The same for a new world.
    pub(crate) async fn world(&self, body: Value) -> Self {
        let made = self.call("POST", "/worlds", &body.to_string()).await;
        assert_eq!(made.status, 201, "{}", made.text);
        Self {
            client: self.client.clone(),
            key: Some(made.json()["key"].as_str().unwrap().to_owned()),
        }
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: &str) -> Answer {
        let headers: Vec<(&str, &str)> = match &self.key {
            Some(key) => vec![("x-emulator-key", key)],
            None => Vec::new(),
        };
        let path = format!("/_emulator/v1{path}");
        let body = Some(body).filter(|body| !body.is_empty());
        let answer = self.client.raw_with(method, &path, &headers, body).await;
        answer.unwrap()
    }

    pub(crate) async fn ok(&self, method: &str, path: &str, body: Value) -> Value {
        let body = match body {
            Value::Null => String::new(),
            Value::String(text) => text,
            body => body.to_string(),
        };
        let answer = self.call(method, path, &body).await;
        assert!(
            (200..300).contains(&answer.status),
            "{method} {path}: {} {}",
            answer.status,
            answer.text
        );
        if answer.text.is_empty() {
            Value::Null
        } else {
            answer.json()
        }
    }

    /// The program under test.
    pub(crate) fn service(&self, emulator: &Emulator) -> Client {
        Client::with_key(emulator, self.key.as_deref().unwrap_or("any-key"))
    }
}

#[tokio::test]
async fn it_is_off_unless_it_was_asked_for() {
    let emulator = start(quick()).await;
    assert_eq!(
        (emulator.control_url(), emulator.control_token()),
        (None, None)
    );
    let driver = Driver::new(&emulator);
    for path in ["/health", "/worlds", "/state", "/nothing"] {
        let answer = driver.call("GET", path, "").await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text.contains("--control"), "{}", answer.text);
    }
    let on = start(Options {
        control: true,
        ..quick()
    })
    .await;
    let url = on.control_url().unwrap();
    assert_eq!(url, format!("{}/_emulator/v1", on.url()));
    assert_eq!(on.control_token().unwrap().len(), 32);
    let short = Emulator::start(Options {
        control_token: Some("short".to_owned()),
        ..quick()
    });
    let refusal = short.await.unwrap_err().to_string();
    assert!(
        refusal.contains("control_token must be 8 or more"),
        "{refusal}"
    );
}

#[tokio::test]
async fn every_route_but_health_and_its_document_wants_the_token() {
    let emulator = start(options()).await;
    let document: Value = serde_json::from_str(CONTROL_OPENAPI).unwrap();
    let mut routes = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            routes += 1;
            let method = method.to_uppercase();
            let open = ["/health", "/openapi"].contains(&path.as_str());
            for value in ["", "Bearer wrong", "Bearer token-of-the-test", "Basic x"] {
                let client = Client::with_authorization(&emulator, value);
                let path = format!("/_emulator/v1{path}");
                let answer = client.raw(&method, &path, None).await.unwrap();
                let expected = if open { 200 } else { 401 };
                assert_eq!(answer.status, expected, "{method} {path} {value:?}");
            }
        }
    }
    assert_eq!(routes, 28);
    let unknown = Driver::new(&emulator).call("GET", "/scenarios", "").await;
    assert_eq!(unknown.status, 404);
    assert!(
        unknown.text.contains("GET /_emulator/v1/scenario"),
        "{}",
        unknown.text
    );
    let served = Driver::new(&emulator).call("GET", "/openapi", "").await;
    assert_eq!(served.json(), document);
}

#[tokio::test]
async fn a_page_in_a_browser_cannot_drive_it() {
    let emulator = start(options()).await;
    let client = Client::with_key(&emulator, TOKEN);
    let path = "/_emulator/v1/reset";
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://localhost:9"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let answer = client
            .raw_with("POST", path, &[(name, value)], None)
            .await
            .unwrap();
        assert_eq!(answer.status, 403, "{name}: {value}");
        assert!(
            answer
                .headers
                .keys()
                .all(|name| !name.starts_with("access-control"))
        );
    }
    // What a browser asks before it sends a header of its own.
    let asked = [
        ("origin", "https://evil.example"),
        ("access-control-request-method", "POST"),
    ];
    let answer = client
        .raw_with("OPTIONS", path, &asked, None)
        .await
        .unwrap();
    assert!(answer.status >= 400);
    assert!(
        answer
            .headers
            .keys()
            .all(|name| !name.starts_with("access-control"))
    );
    // A name of the page's own that leads here.
    let rebound = client.for_host("evil.example");
    let answer = rebound
        .raw("GET", "/_emulator/v1/worlds", None)
        .await
        .unwrap();
    assert_eq!(answer.status, 421);
    assert_eq!(client.raw("POST", path, None).await.unwrap().status, 204);
}

#[tokio::test]
async fn scenario_and_faults_are_set_in_either_form_for_one_world() {
    let emulator = start(options()).await;
    let all = Driver::new(&emulator);
    let one = all.world(json!({})).await;
    let yaml = "tasks:\n  - match: mug\n    steps:\n      - done: A mug\n";
    assert_eq!(
        one.ok("PUT", "/scenario", yaml.into()).await,
        json!({"tasks": 1, "turns": 0, "warnings": []})
    );
    let scenario = json!({"tasks": [{"match": "mug", "steps": [{"done": "A mug"}]}]});
    assert_eq!(one.ok("GET", "/scenario", Value::Null).await, scenario);
    one.ok("PUT", "/scenario", scenario.clone()).await;
    assert_eq!(
        all.ok("GET", "/scenario", Value::Null).await,
        json!({"tasks": []})
    );

    let client = one.service(&emulator);
    let session = client.session(json!({"agent_name": "agi-0"})).await;
    client.task(&session, "Buy a mug").await;
    assert_eq!(client.result(&session).await, "A mug");

    one.ok(
        "POST",
        "/faults",
        "# two\nlist status=503\nmodels limit=429 times=2".into(),
    )
    .await;
    one.ok("POST", "/faults", json!({"on": "get", "status": 500}))
        .await;
    let listed = one
        .ok(
            "POST",
            "/faults",
            json!(["get reset", {"on": "create", "hang": true}]),
        )
        .await;
    let texts: Vec<&str> = listed["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["text"].as_str().unwrap())
        .collect();
    assert_eq!(
        texts,
        [
            "list status=503",
            "models limit=429 times=2",
            "get status=500",
            "get reset",
            "create hang"
        ]
    );
    assert_eq!(client.get("/sessions").await.status, 503);
    assert_eq!(
        all.ok("GET", "/faults", Value::Null).await,
        json!({"faults": []})
    );
    one.ok("DELETE", "/faults", Value::Null).await;
    assert_eq!(client.get("/models").await.status, 200);
    one.ok("DELETE", "/scenario", Value::Null).await;
    assert_eq!(
        one.ok("GET", "/scenario", Value::Null).await,
        json!({"tasks": []})
    );
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_and_says_what_to_do() {
    let emulator = start(options()).await;
    let driver = Driver::new(&emulator);
    for (method, path, body, status, says) in [
        (
            "PUT",
            "/scenario",
            "tasks: [{steps: [{thougth: x}]}]",
            422,
            "thougth",
        ),
        ("PUT", "/scenario", "", 422, "The scenario cannot be used"),
        ("POST", "/faults", "create states=503", 422, "states"),
        (
            "POST",
            "/faults",
            r#"["list status=503", "create states=503"]"#,
            422,
            "faults[1]",
        ),
        ("POST", "/faults", "", 422, "holds no fault"),
        ("POST", "/faults", "[", 422, "cannot be read"),
        ("GET", "/requests?colour=red", "", 422, "colour"),
        ("GET", "/requests?status=many", "", 422, "whole number"),
        ("GET", "/requests?json=%7B", "", 422, "`json`"),
        (
            "POST",
            "/requests/wait",
            r#"{"timeout": 3600}"#,
            422,
            "from 0 to 300",
        ),
        ("POST", "/requests/wait", r#"{"pfad": "/"}"#, 422, "pfad"),
        (
            "POST",
            "/requests/wait",
            "nonsense",
            422,
            "The body cannot be used",
        ),
        (
            "POST",
            "/webhooks/replay",
            "{}",
            404,
            "No webhook like this",
        ),
        (
            "POST",
            "/webhooks/trigger",
            r#"{"session_id": "x", "event": "task.started", "text": ""}"#,
            404,
            "No such session",
        ),
        (
            "POST",
            "/webhooks/trigger",
            r#"{"session_id": "x", "event": "task.began"}"#,
            422,
            "task.began",
        ),
        ("PUT", "/clock", r#"{"clock": "slow"}"#, 422, "slow"),
        (
            "POST",
            "/clock/advance",
            r#"{"seconds": 60}"#,
            409,
            "real one cannot be moved",
        ),
        (
            "POST",
            "/clock/advance",
            r#"{"seconds": -1}"#,
            422,
            "`seconds` is -1; it must be at least 0",
        ),
        (
            "POST",
            "/worlds",
            r#"{"key": "two words"}"#,
            422,
            "visible ASCII",
        ),
        (
            "POST",
            "/worlds",
            r#"{"scenario": "steps: 1"}"#,
            422,
            "The scenario cannot be used",
        ),
        ("DELETE", "/world", "", 409, "The default world stays"),
        (
            "PUT",
            "/state",
            r#"{"version": 2}"#,
            422,
            "this emulator reads 1",
        ),
        (
            "PUT",
            "/state",
            r#"{"version": 1, "turns": []}"#,
            422,
            "turns",
        ),
    ] {
        let answer = driver.call(method, path, body).await;
        assert_eq!(
            answer.status, status,
            "{method} {path} {body}: {}",
            answer.text
        );
        let detail = answer.detail();
        let detail = detail.as_str().unwrap();
        assert!(detail.contains(says), "{method} {path} {body}: {detail}");
    }
    assert_eq!(
        driver.ok("GET", "/faults", Value::Null).await,
        json!({"faults": []})
    );
    let lost = Driver {
        client: driver.client.clone(),
        key: Some("nobody".to_owned()),
    };
    let answer = lost.call("GET", "/requests", "").await;
    assert_eq!(answer.status, 404, "a misspelt key has no empty list");
    assert!(
        answer.text.contains("POST /_emulator/v1/worlds"),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn requests_are_listed_waited_for_and_forgotten() {
    let emulator = start(options()).await;
    let driver = Driver::new(&emulator).world(json!({})).await;
    let client = driver.service(&emulator);
    let wanted = json!({"method": "post", "path": "/v1/sessions", "json": {"goal": "x"}});
    let waiting = driver.ok("POST", "/requests/wait", wanted);
    let asked = async {
        client.get("/models").await;
        client
            .session(json!({"agent_name": "agi-0", "goal": "x"}))
            .await
    };
    let (found, session) = within(async { tokio::join!(waiting, asked) }).await;
    let request = &found["requests"][0];
    assert!(
        request["body"].as_str().unwrap().contains("\"goal\":\"x\""),
        "{request}"
    );
    assert_eq!(request["headers"]["authorization"], "Bearer ***");

    client.get(&format!("/sessions/{session}")).await;
    let count = |found: Value| found["requests"].as_array().unwrap().len();
    for (query, expected) in [
        ("".to_owned(), 3),
        ("?method=GET&status=200".to_owned(), 2),
        (format!("?session_id={session}"), 1),
        ("?json=%7B%22goal%22%3A%22x%22%7D".to_owned(), 1),
        ("?path=/v1/*&limit=1".to_owned(), 1),
    ] {
        let found = driver
            .ok("GET", &format!("/requests{query}"), Value::Null)
            .await;
        assert_eq!(count(found), expected, "{query}");
    }
    let late = json!({"path": "/v1/models", "times": 2, "timeout": 0.05}).to_string();
    let answer = driver.call("POST", "/requests/wait", &late).await;
    assert_eq!(answer.status, 408);
    let told = answer.json();
    assert!(
        told["detail"]
            .as_str()
            .unwrap()
            .starts_with("Expected /v1/models at least 2 times; it came once within 0.05 seconds."),
        "{told}"
    );
    assert_eq!(told["requests"].as_array().unwrap().len(), 1);
    assert_eq!(told["received"][0], "GET /v1/models 200");
    driver.ok("DELETE", "/requests", Value::Null).await;
    assert_eq!(count(driver.ok("GET", "/requests", Value::Null).await), 0);
}

#[tokio::test]
async fn webhooks_are_waited_for_replayed_and_triggered() {
    let site = Site::start(|_| (204, vec![], vec![])).await;
    let emulator = start(options()).await;
    let driver = Driver::new(&emulator)
        .world(json!({"scenario": {"tasks": [{"steps": [{"done": "Bought"}]}]}}))
        .await;
    let client = driver.service(&emulator);
    let url = format!("{}/hook", site.url);
    let session = client
        .session(json!({"agent_name": "agi-0", "webhook_url": url}))
        .await;
    client.task(&session, "Buy").await;
    let wanted = json!({"event": "task.completed", "outcome": "webhook_delivered"});
    let found = driver.ok("POST", "/webhooks/wait", wanted).await;
    assert_eq!(found["attempts"][0]["session_id"], session.as_str());

    let bodies = |event: &str| -> Vec<Value> {
        let all = site
            .received()
            .into_iter()
            .map(|it| serde_json::from_str(&it.body).unwrap());
        all.filter(|body: &Value| body["event"] == event).collect()
    };
    let sent = driver
        .ok(
            "POST",
            "/webhooks/replay",
            json!({"event": "task.completed"}),
        )
        .await;
    assert_eq!(
        sent,
        json!({"event": "task.completed", "session_id": session})
    );
    let twice = json!({"event": "task.completed", "times": 2});
    driver.ok("POST", "/webhooks/wait", twice).await;
    let completed = bodies("task.completed");
    assert_eq!(completed.len(), 2);
    assert_eq!(completed[0], completed[1], "with the same body");

    let trigger = json!({"session_id": session, "event": "task.question", "text": "Which colour?"});
    driver.ok("POST", "/webhooks/trigger", trigger).await;
    let changed = json!({"session_id": session, "event": "session.status_changed", "old_status": "running", "new_status": "paused"});
    driver.ok("POST", "/webhooks/trigger", changed).await;
    driver
        .ok(
            "POST",
            "/webhooks/wait",
            json!({"event": "session.status_changed"}),
        )
        .await;
    assert_eq!(bodies("task.question")[0]["question"], "Which colour?");
    assert_eq!(bodies("session.status_changed")[0]["new_status"], "paused");

    let listed = driver
        .ok("GET", "/webhooks?event=task.question", Value::Null)
        .await;
    assert_eq!(listed["attempts"].as_array().unwrap().len(), 1);
    driver.ok("DELETE", "/webhooks", Value::Null).await;
    let late = driver
        .call("POST", "/webhooks/wait", r#"{"timeout": 0.01}"#)
        .await;
    assert_eq!((late.status, &late.json()["attempts"]), (408, &json!([])));
    let silent = client.session(json!({"agent_name": "agi-0"})).await;
    let trigger = json!({"session_id": silent, "event": "session.created"}).to_string();
    let refused = driver.call("POST", "/webhooks/trigger", &trigger).await;
    assert_eq!(refused.status, 409);
    assert!(refused.text.contains("webhook_url"), "{}", refused.text);
}

#[tokio::test]
async fn a_world_is_made_with_what_a_test_needs_and_ends_with_it() {
    let emulator = start(options()).await;
    let all = Driver::new(&emulator);
    let body = json!({
        "key": "key-of-a-test",
        "scenario": "tasks: [{steps: [{delay: 36000}, {done: late}]}]",
        "faults": ["create status=503"],
        "clock": "fast",
    });
    let one = all.world(body.clone()).await;
    let again = all
        .call("POST", "/worlds", r#"{"key": "key-of-a-test"}"#)
        .await;
    assert_eq!(again.status, 200);
    let client = one.service(&emulator);
    let create = json!({"agent_name": "agi-0"});
    assert_eq!(client.post("/sessions", create.clone()).await.status, 503);
    let session = client.session(create).await;
    client.task(&session, "Wait").await;
    assert_eq!(client.result(&session).await, "late");
    let told = one.ok("GET", "/world", Value::Null).await;
    assert_eq!(
        (&told["key"], &told["clock"], &told["sessions"]),
        (&json!("key-of-a-test"), &json!("fast"), &json!(1))
    );
    let worlds = all.ok("GET", "/worlds", Value::Null).await;
    assert_eq!(worlds["worlds"].as_array().unwrap().len(), 2);
    assert_eq!(worlds["worlds"][0]["key"], Value::Null);

    let moved = one
        .ok("POST", "/clock/advance", json!({"seconds": 3600}))
        .await;
    assert_eq!(moved, json!({"sessions": 1}));
    one.ok("POST", "/reset", Value::Null).await;
    assert_eq!(
        one.ok("GET", "/clock", Value::Null).await,
        json!({"clock": "fast"})
    );
    assert_eq!(
        one.ok("PUT", "/clock", json!({"clock": "real"})).await,
        json!({"clock": "real"})
    );
    one.ok("DELETE", "/world", Value::Null).await;
    assert_eq!(one.call("GET", "/world", "").await.status, 404);
    assert_eq!(emulator.session_count(), 0);
}

#[tokio::test]
async fn a_state_comes_back_in_another_emulator() {
    let emulator = start(options()).await;
    let one = Driver::new(&emulator)
        .world(json!({"key": "key-of-a-test", "clock": "fast", "faults": ["models status=503"], "scenario": {"tasks": [
            {"match": "ask", "steps": [{"question": "Which?"}]},
            {"steps": [{"thought": "Hm"}, {"step": "Look", "url": "http://shop.example/"}, {"done": {"n": 1}}]}]}}))
        .await;
    let client = one.service(&emulator);
    let done = client
        .session(json!({"agent_name": "agi-0-fast", "goal": "x"}))
        .await;
    client.task(&done, "Go").await;
    client.result(&done).await;
    let asks = client.session(json!({"agent_name": "agi-0"})).await;
    client.task(&asks, "ask me").await;
    client.until_execution(&asks, "waiting_for_input").await;
    let messages = client.messages(&done).await;
    let state = one.ok("GET", "/state", Value::Null).await;
    let text = state.to_string();
    emulator.close().await;

    let other = start(options()).await;
    let driver = Driver::new(&other)
        .world(json!({"key": "key-of-a-test"}))
        .await;
    driver.ok("PUT", "/state", state).await;
    let client = driver.service(&other);
    assert_eq!(client.messages(&done).await, messages);
    let object = client.get(&format!("/sessions/{done}")).await.json();
    assert_eq!(
        (&object["agent_name"], &object["status"], &object["goal"]),
        (&json!("agi-0-fast"), &json!("completed"), &json!("x"))
    );
    assert_eq!(
        client.statuses(&asks).await.1,
        "error",
        "nobody works on it any more"
    );
    assert!(
        client.messages(&asks).await.last().unwrap()["content"]
            .as_str()
            .unwrap()
            .contains("restarted")
    );
    assert_eq!(client.get("/models").await.status, 503);
    // It goes on.
    client.task(&done, "Go again").await;
    client.result(&done).await;
    let stream = client.messages(&done).await;
    assert!(stream.len() > messages.len());
    assert_eq!(
        driver.ok("GET", "/clock", Value::Null).await,
        json!({"clock": "fast"})
    );

    // In its own process, as a file would bring it.
    let third = start(quick()).await;
    third.import_state(&text).unwrap();
    let client = Client::with_key(&third, "key-of-a-test");
    assert_eq!(client.messages(&done).await, messages);
    let bad = third.import_state("{\"version\": 1, \"accounts\": {\"k\": {\"sessions\": [{}]}}}");
    assert!(bad.unwrap_err().to_string().contains("missing field"));
    assert_eq!(
        client.messages(&done).await,
        messages,
        "nothing has changed"
    );
}

/// Each world, the default one too, is again as it was just after it was made, whatever was set since.
#[tokio::test]
async fn a_reset_world_is_as_it_was_just_after_it_was_made() {
    let started = Options {
        scenario: script(json!([{"done": "of the start"}])),
        faults: vec![fault("models status=500")],
        clock: sessionwire_emulator::Clock::Fast,
        ..options()
    };
    let emulator = start(started).await;
    let all = Driver::new(&emulator);
    let one = all
        .world(json!({
            "key": "key-one", "clock": "real", "unmatched": "error", "faults": ["models status=503 times=2"],
            "scenario": {"tasks": [{"once": true, "steps": [{"done": "first"}]}, {"steps": [{"done": "made"}]}]},
        }))
        .await;
    let bare = all.world(json!({"key": "key-bare"})).await;
    let seen = async |driver: &Driver| {
        let mut seen = Vec::new();
        for path in ["/scenario", "/faults", "/clock"] {
            seen.push(driver.ok("GET", path, Value::Null).await);
        }
        let world = driver.ok("GET", "/world", Value::Null).await;
        seen.push(world["unmatched"].clone());
        seen
    };
    let before = [seen(&all).await, seen(&one).await, seen(&bare).await];
    assert_eq!(
        before[0], before[2],
        "made of nothing it begins as the emulator"
    );
    for (driver, before) in [(&all, &before[0]), (&one, &before[1]), (&bare, &before[2])] {
        let client = driver.service(&emulator);
        assert_ne!(client.get("/models").await.status, 200);
        for text in ["first", "made"] {
            let session = client.session(json!({})).await;
            client.task(&session, "x").await;
            if driver.key.as_deref() == Some("key-one") {
                assert_eq!(client.result(&session).await, text);
            }
        }
        driver.ok("PUT", "/clock", json!({"clock": "real"})).await;
        driver.ok("PUT", "/clock", json!({"clock": "fast"})).await;
        driver.ok("DELETE", "/scenario", Value::Null).await;
        driver.ok("POST", "/faults", "list hang".into()).await;
        // Made again it is found: how it began stays.
        if let Some(key) = &driver.key {
            let again = json!({"key": key, "clock": "fast", "unmatched": "agent", "faults": "get reset", "scenario": "tasks: []"});
            assert_eq!(
                all.call("POST", "/worlds", &again.to_string()).await.status,
                200
            );
        }
        assert_ne!(&seen(driver).await, before);
        driver.ok("POST", "/reset", Value::Null).await;
        assert_eq!(&seen(driver).await, before, "{:?}", driver.key);
        let session = client.session(json!({})).await;
        client.task(&session, "x").await;
        if driver.key.as_deref() == Some("key-one") {
            assert_eq!(client.result(&session).await, "first", "once again");
        }
    }
    // A world that ended begins anew.
    one.ok("DELETE", "/world", Value::Null).await;
    let again = all.world(json!({"key": "key-one"})).await;
    assert_eq!(seen(&again).await, before[0]);
    again.ok("POST", "/reset", Value::Null).await;
    assert_eq!(seen(&again).await, before[0]);
}

/// A receiver that refuses what comes to `/old`.
async fn refusing_the_old() -> Site {
    Site::start(|request| {
        (
            if request.path == "/old" { 503 } else { 204 },
            vec![],
            vec![],
        )
    })
    .await
}

fn to(site: &Site, path: &str) -> Value {
    json!({"agent_name": "agi-0", "webhook_url": format!("{}{path}", site.url)})
}

/// The wait before a second try is as long for the new session, which begins later: when its second try is there, one of the
/// old session would be.
#[tokio::test]
async fn nothing_of_a_world_that_was_reset_or_ended_is_sent_or_told() {
    for ends in ["POST /reset", "DELETE /world", "PUT /state"] {
        let site = refusing_the_old().await;
        let emulator = start(Options {
            webhook_backoff: 0.2,
            ..options()
        })
        .await;
        let all = Driver::new(&emulator);
        let one = all.world(json!({"key": "key-one"})).await;
        let client = one.service(&emulator);
        let empty = one.ok("GET", "/state", Value::Null).await;
        let old = client.session(to(&site, "/old")).await;
        let failed = json!({"session_id": old, "outcome": "webhook_retry"});
        one.ok("POST", "/webhooks/wait", failed).await;
        let (method, path) = ends.split_once(' ').unwrap();
        let body = if method == "PUT" { empty } else { Value::Null };
        one.ok(method, path, body).await;
        if method == "DELETE" {
            all.world(json!({"key": "key-one"})).await;
        }
        let sent = site.received().len();
        let next = one.ok("POST", "/webhooks/wait", json!({"timeout": 20}));
        let new = async { client.session(to(&site, "/new")).await };
        let (next, new) = within(async { tokio::join!(next, new) }).await;
        assert_eq!(next["attempts"][0]["session_id"], new.as_str(), "{ends}");
        let again = client.session(to(&site, "/old")).await;
        let given_up = json!({"session_id": again, "outcome": "webhook_failed_permanently"});
        one.ok("POST", "/webhooks/wait", given_up).await;
        let all: Vec<String> = site
            .received()
            .into_iter()
            .skip(sent)
            .map(|it| it.body)
            .collect();
        assert!(
            all.iter().all(|body| !body.contains(&old)),
            "{ends}: {all:?}"
        );
        let kept = one.ok("GET", "/webhooks", Value::Null).await;
        assert!(!kept.to_string().contains(&old), "{ends}: {kept}");
    }
}

/// The receiver gets the same event, which it knows by its timestamp; the record says when it was sent this time.
#[tokio::test]
async fn a_replay_is_told_apart_from_the_first_time() {
    let site = Site::start(|_| (204, vec![], vec![])).await;
    let emulator = start(options()).await;
    let driver = Driver::new(&emulator);
    driver.ok("PUT", "/clock", json!({"clock": "fast"})).await;
    let client = driver.service(&emulator);
    let session = client.session(to(&site, "/hook")).await;
    driver.ok("POST", "/webhooks/wait", json!({})).await;
    let two_days = json!({"seconds": 2 * 86_400});
    let mut dates = Vec::new();
    for times in [2, 3] {
        driver.ok("POST", "/clock/advance", two_days.clone()).await;
        driver.ok("POST", "/webhooks/replay", json!({})).await;
        let waited = driver
            .ok("POST", "/webhooks/wait", json!({"times": times}))
            .await;
        let attempts = waited["attempts"].as_array().unwrap();
        let replays: Vec<bool> = attempts.iter().map(|it| it["replay"] == true).collect();
        assert_eq!(replays[..2], [false, true]);
        assert_eq!(attempts[times - 1]["attempt"], 1, "the first of its own");
        dates = attempts
            .iter()
            .map(|it| it["at"].as_str().unwrap()[..10].to_owned())
            .collect();
    }
    assert!(dates.is_sorted_by(|one, next| one < next), "{dates:?}");
    let bodies: Vec<String> = site.received().into_iter().map(|it| it.body).collect();
    assert_eq!(bodies.len(), 3);
    assert!(
        bodies.iter().all(|body| *body == bodies[0]),
        "one event: {bodies:?}"
    );
    // The session is gone, and its webhook comes all the same.
    client.delete(&format!("/sessions/{session}")).await;
    driver
        .ok(
            "POST",
            "/webhooks/replay",
            json!({"event": "session.created"}),
        )
        .await;
    driver
        .ok(
            "POST",
            "/webhooks/wait",
            json!({"event": "session.created", "times": 4}),
        )
        .await;
}

#[tokio::test]
async fn a_body_beyond_its_door_is_refused_with_the_limit() {
    let emulator = start(options()).await;
    let driver = Driver::new(&emulator);
    for (method, path, limit) in [
        ("POST", "/faults", 1 << 20),
        ("POST", "/requests/wait", 1 << 20),
        ("POST", "/webhooks/wait", 1 << 20),
        ("PUT", "/clock", 1 << 20),
        ("POST", "/reset", 1 << 20),
        ("PUT", "/scenario", 16 << 20),
        ("POST", "/worlds", 16 << 20),
        ("PUT", "/state", 64 << 20),
    ] {
        let answer = driver.call(method, path, &"x".repeat(limit + 1)).await;
        assert_eq!(answer.status, 413, "{method} {path}: {}", answer.text);
        let told = answer.json();
        assert_eq!(told["limit"], limit, "{told}");
        let detail = told["detail"].as_str().unwrap();
        assert!(detail.contains(&format!("{} MiB", limit >> 20)), "{detail}");
    }
}

/// A word is compared with those that it could stand for: one of a million letters is none of them.
#[tokio::test]
async fn a_fault_of_nothing_but_a_word_costs_little_and_is_told_in_short() {
    let emulator = start(options()).await;
    let driver = Driver::new(&emulator);
    let word = "x".repeat(1 << 20);
    let begun = std::time::Instant::now();
    for body in [
        word.clone(),
        format!("{{\"{}\": 1}}", &word[10..]),
        format!("list {}=1", &word[10..]),
    ] {
        let answer = driver.call("POST", "/faults", &body).await;
        assert_eq!(answer.status, 422);
        assert!(answer.text.len() < 4000, "{}", answer.text.len());
    }
    assert!(begun.elapsed().as_secs_f64() < 5.0, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn another_method_is_405_and_says_which_there_are() {
    let emulator = start(options()).await;
    let driver = Driver::new(&emulator);
    for (method, path, allow) in [
        ("PUT", "/faults", "DELETE,GET,HEAD,POST"),
        ("POST", "/health", "GET,HEAD"),
        ("PATCH", "/state", "GET,HEAD,PUT"),
        ("GET", "/reset", "POST"),
        ("OPTIONS", "/world", "DELETE,GET,HEAD"),
    ] {
        let answer = driver.call(method, path, "").await;
        assert_eq!(answer.status, 405, "{method} {path}: {}", answer.text);
        let mut allowed: Vec<&str> = answer.headers["allow"].split(',').map(str::trim).collect();
        allowed.sort_unstable();
        assert_eq!(allowed.join(","), allow, "{method} {path}");
        let detail = answer.detail();
        assert!(detail.as_str().unwrap().contains(path), "{detail}");
    }
    assert_eq!(driver.call("GET", "/faultz", "").await.status, 404);
    // The services, too.
    let client = driver.service(&emulator);
    let answer = client.raw("PUT", "/v1/sessions", None).await.unwrap();
    assert_eq!(answer.status, 405);
    assert!(
        answer.headers["allow"].contains("POST"),
        "{:?}",
        answer.headers
    );
}

#[tokio::test]
async fn a_wait_in_a_world_that_ends_is_answered_at_once() {
    let emulator = start(options()).await;
    for path in ["/requests/wait", "/webhooks/wait"] {
        let all = Driver::new(&emulator);
        let one = all.world(json!({})).await;
        let body = json!({"timeout": 300}).to_string();
        let waiting = one.call("POST", path, &body);
        let ends = async {
            eventually(|| async {
                let told = one.ok("GET", "/world", Value::Null).await;
                (told["waits"] == 1).then_some(())
            })
            .await;
            one.ok("DELETE", "/world", Value::Null).await;
        };
        let (answer, ()) = within(async { tokio::join!(waiting, ends) }).await;
        assert_eq!(answer.status, 410, "{}", answer.text);
        let detail = answer.detail();
        assert!(
            detail.as_str().unwrap().contains("world was ended"),
            "{detail}"
        );
    }
}

/// A stray request, such as that of a health check, uses up no fault of a test.
#[tokio::test]
async fn a_request_that_is_refused_for_its_key_is_struck_by_no_fault() {
    let emulator = start(Options {
        api_keys: Some(vec!["good".to_owned()]),
        barred_keys: vec!["barred".to_owned()],
        ..options()
    })
    .await;
    let driver = Driver::new(&emulator);
    driver.ok("POST", "/faults", "list status=503".into()).await;
    for (value, status) in [
        ("", 401),
        ("Bearer bad", 401),
        ("Basic good", 401),
        ("Bearer barred", 403),
    ] {
        let client = Client::with_authorization(&emulator, value);
        assert_eq!(client.get("/sessions").await.status, status, "{value}");
    }
    let client = Client::with_key(&emulator, "good");
    assert_eq!(client.get("/sessions").await.status, 503);
    assert_eq!(client.get("/sessions").await.status, 200);
}

//! What a test in any language asks at its end, over the control API: what came, how often, what never did, and why not.

use crate::control::{Driver, options};
use crate::support::*;
use serde_json::{Value, json};
use sessionwire_emulator::{Emulator, Options};
use std::time::{Duration, Instant};

async fn world(emulator: &Emulator, body: Value) -> (Driver, Client) {
    let driver = Driver::new(emulator).world(body).await;
    let client = driver.service(emulator);
    (driver, client)
}

/// Creates a session and sends it a task.
async fn begun(client: &Client, body: Value, task: &str) -> String {
    let session = client.session(body).await;
    client.task(&session, task).await;
    session
}

/// The refusal of a wait.
async fn refused(driver: &Driver, path: &str, body: Value) -> (u16, String) {
    let answer = driver.call("POST", path, &body.to_string()).await;
    let detail = answer.detail();
    let detail = detail.as_str().map(str::to_owned);
    (answer.status, detail.unwrap_or(answer.text))
}

#[tokio::test]
async fn a_world_fails_tasks_that_no_entry_fits_where_it_was_asked_to() {
    let emulator = start(options()).await;
    let scenario = json!({"tasks": [{"match": "red cup", "steps": [{"done": 1}]}]});
    let (strict, client) = world(
        &emulator,
        json!({"scenario": scenario, "unmatched": "error"}),
    )
    .await;
    let session = begun(&client, json!({}), "Buy a red cap").await;
    client.until_execution(&session, "error").await;
    let unplayed = strict.ok("GET", "/unplayed", Value::Null).await;
    let said = unplayed["unmatched"][0].as_str().unwrap();
    assert!(
        said.contains("tasks[0]: its `match` says \"red cup\", where the task says \"red cap\""),
        "{said}"
    );
    let told = strict.ok("GET", "/world", Value::Null).await;
    assert_eq!(told["unmatched"], "error");
    // It is how the world is, and stays so.
    strict.ok("POST", "/reset", Value::Null).await;
    let told = strict.ok("GET", "/world", Value::Null).await;
    assert_eq!(told["unmatched"], "error");

    let (lenient, client) = world(&emulator, json!({"scenario": scenario})).await;
    let session = begun(&client, json!({}), "Buy a red cap").await;
    client.until_execution(&session, "finished").await;
    let unplayed = lenient.ok("GET", "/unplayed", Value::Null).await;
    assert_eq!(unplayed["unmatched"], json!([]));
}

#[tokio::test]
async fn a_strict_world_is_one_after_a_restart() {
    let folder = std::env::temp_dir().join(format!("sessionwire-strict-{}", std::process::id()));
    let options = || Options {
        state: Some(folder.clone()),
        ..options()
    };
    let emulator = start(options()).await;
    let body = json!({"key": "key-of-a-test", "unmatched": "error"});
    Driver::new(&emulator).world(body).await;
    emulator.close().await;
    let again = start(options()).await;
    let driver = Driver {
        key: Some("key-of-a-test".to_owned()),
        ..Driver::new(&again)
    };
    let told = driver.ok("GET", "/world", Value::Null).await;
    again.close().await;
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(told["unmatched"], "error");
}

#[tokio::test]
async fn what_never_struck_and_never_played_is_one_get() {
    let emulator = start(options()).await;
    let scenario = json!({"tasks": [
        {"match": "a", "once": true, "steps": [{"done": 1}]}, {"match": "b", "once": true, "steps": [{"done": 2}]}]});
    let (driver, client) = world(
        &emulator,
        json!({"scenario": scenario, "faults": ["list status=503", "status status=503"]}),
    )
    .await;
    client.get("/sessions").await;
    let session = begun(&client, json!({}), "b").await;
    client.stream(&session, "").await.until("done").await;
    assert_eq!(
        driver.ok("GET", "/unplayed", Value::Null).await,
        json!({
            "unmatched": [],
            "unused": [
                "The fault `status status=503` never struck: no request came that it is for. Send the request, or take the fault out",
                "The entry tasks[0] (match \"a\") of the scenario plays `once`, and never played. Send what it is for, or take it out",
            ],
        })
    );
}

#[tokio::test]
async fn the_timeline_is_there_as_json_and_as_the_text_of_a_failed_assertion() {
    let emulator = start(options()).await;
    let body = json!({"scenario": "tasks: [{match: mug, steps: [{done: 1}]}]", "faults": ["list status=503"]});
    let (driver, client) = world(&emulator, body).await;
    client.get("/sessions").await;
    let session = begun(&client, json!({}), "Buy a mug").await;
    client.until_execution(&session, "finished").await;
    let told = driver.ok("GET", "/timeline", Value::Null).await;
    let entries = told["entries"].as_array().unwrap();
    let find = |what: &str| {
        let has = |it: &&Value| it["text"].as_str().is_some_and(|text| text.contains(what));
        entries
            .iter()
            .find(has)
            .unwrap_or_else(|| panic!("no {what} in {told:#}"))
    };
    let list = find("GET /v1/sessions -> 503");
    assert_eq!(
        (
            &list["kind"],
            &list["request"]["method"],
            &list["request"]["status"]
        ),
        (&json!("request"), &json!("GET"), &json!(503))
    );
    assert_eq!(find("the fault `list status=503` strikes")["kind"], "fault");
    let plays = find("task \"Buy a mug\": tasks[0] plays");
    assert_eq!(plays["session_id"], session.as_str());
    let times: Vec<f64> = entries
        .iter()
        .map(|it| it["at"].as_f64().unwrap())
        .collect();
    assert!(times.is_sorted(), "{times:?}");

    let text = driver.call("GET", "/timeline?format=text", "").await;
    assert!(text.headers["content-type"].starts_with("text/plain"));
    assert!(
        text.text
            .starts_with("What happened, in seconds since the emulator's start:\n"),
        "{}",
        text.text
    );
    assert!(
        text.text.contains(": tasks[0] plays\n") && text.text.contains("GET /v1/sessions -> 503"),
        "{}",
        text.text
    );
}

#[tokio::test]
async fn webhooks_show_what_was_sent_and_what_the_receiver_said() {
    let site = Site::start(|_| {
        let headers = vec![("x-receipt", "42".to_owned())];
        (202, headers, b"thanks".to_vec())
    })
    .await;
    let emulator = start(options()).await;
    let body = json!({"scenario": "tasks: [{steps: [{done: Bought}]}]"});
    let (driver, client) = world(&emulator, body).await;
    let url = format!("{}/hook?secret=of-the-receiver", site.url);
    begun(&client, json!({"webhook_url": url}), "Buy").await;
    let wanted = json!({"event": "task.completed", "json": {"result": {"message": "Bought"}}});
    let found = driver.ok("POST", "/webhooks/wait", wanted).await;
    let attempt = &found["attempts"][0];
    let came = site.received();
    let came = came
        .iter()
        .find(|it| it.body.contains("task.completed"))
        .unwrap();
    assert_eq!(attempt["body"], came.body.as_str());
    assert_eq!(attempt["headers"]["x-event-type"], "task.completed");
    assert_eq!(attempt["headers"]["user-agent"], "AgencyAPI-Webhooks/1.0");
    assert_eq!(
        (
            &attempt["status"],
            &attempt["response_headers"]["x-receipt"],
            &attempt["response_body"]
        ),
        (&json!(202), &json!("42"), &json!("thanks"))
    );
    assert!(!found.to_string().contains("of-the-receiver"), "{found}");
    let query = "/webhooks?json=%7B%22result%22%3A%7B%22message%22%3A%22Bought%22%7D%7D";
    let listed = driver.ok("GET", query, Value::Null).await;
    assert_eq!(listed["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(listed["attempts"][0]["body"], came.body.as_str());
    // In the process that started it, likewise.
    let own = emulator.world(driver.key.as_deref()).unwrap();
    let attempts = own.webhook_attempts();
    let last = attempts.last().unwrap();
    assert_eq!(last.body, came.body);
    assert_eq!(last.response_body.as_deref(), Some("thanks"));
}

#[tokio::test]
async fn a_receiver_that_never_ends_its_answer_holds_nothing_up() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", silent.local_addr().unwrap());
    let receiver = tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            let (mut socket, _) = silent.accept().await.unwrap();
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf";
            tokio::io::AsyncWriteExt::write_all(&mut socket, answer)
                .await
                .unwrap();
            open.push(socket);
        }
    });
    let emulator = start(options()).await;
    let (driver, client) = world(&emulator, json!({})).await;
    client.session(json!({"webhook_url": url})).await;
    let wanted = json!({"event": "session.created", "timeout": 5});
    let found = driver.ok("POST", "/webhooks/wait", wanted).await;
    receiver.abort();
    assert_eq!(
        (
            &found["attempts"][0]["outcome"],
            &found["attempts"][0]["response_body"]
        ),
        (&json!("webhook_delivered"), &json!("half"))
    );
}

#[tokio::test]
async fn exactly_so_many_at_least_and_at_most() {
    let emulator = start(options()).await;
    let (driver, client) = world(&emulator, json!({})).await;
    client.get("/models").await;
    client.get("/models").await;
    let models = |more: Value| {
        let mut body = json!({"method": "GET", "path": "/v1/models", "timeout": 0.05});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    for (wanted, expected) in [
        (json!({"count": 2}), None),
        (json!({"at_least": 2}), None),
        (json!({"at_most": 2}), None),
        (json!({"at_least": 1, "at_most": 3}), None),
        (json!({"times": 1}), None),
        (
            json!({"count": 1}),
            Some("Expected GET /v1/models exactly once; it came 2 times."),
        ),
        (
            json!({"count": 3}),
            Some("Expected GET /v1/models exactly 3 times; it came 2 times within 0.05 seconds."),
        ),
        (
            json!({"at_least": 3}),
            Some("Expected GET /v1/models at least 3 times; it came 2 times within 0.05 seconds."),
        ),
        (
            json!({"at_most": 1}),
            Some("Expected GET /v1/models at most once; it came 2 times."),
        ),
        (
            json!({"count": 0}),
            Some("Expected no GET /v1/models; it came 2 times."),
        ),
        (
            json!({"at_least": 3, "at_most": 4}),
            Some("Expected GET /v1/models 3 to 4 times; it came 2 times within 0.05 seconds."),
        ),
    ] {
        let answer = driver
            .call(
                "POST",
                "/requests/wait",
                &models(wanted.clone()).to_string(),
            )
            .await;
        match expected {
            None => {
                assert_eq!(answer.status, 200, "{wanted}: {}", answer.text);
                assert_eq!(answer.json()["requests"].as_array().unwrap().len(), 2);
            }
            Some(says) => {
                let told = answer.json();
                assert_eq!(answer.status, 408, "{wanted}: {told}");
                let detail = told["detail"].as_str().unwrap();
                assert!(detail.starts_with(says), "{wanted}: {detail}");
                assert_eq!(told["requests"].as_array().unwrap().len(), 2);
            }
        }
    }
    for (body, says) in [
        (
            json!({"count": 1, "at_least": 1}),
            "`count` says exactly how many; leave `at_least` and `at_most` out",
        ),
        (
            json!({"at_least": 3, "at_most": 2}),
            "`at_least` is 3, and `at_most` is 2",
        ),
        (
            json!({"times": 1, "count": 1}),
            "`times` is the older name of `at_least`",
        ),
    ] {
        let (status, detail) = refused(&driver, "/requests/wait", body).await;
        assert_eq!(status, 422);
        assert!(detail.contains(says), "{detail}");
    }
}

#[tokio::test]
async fn one_too_many_is_seen_though_it_comes_later() {
    let emulator = start(options()).await;
    let (driver, client) = world(&emulator, json!({})).await;
    // None within the time: the wait ends as soon as one comes.
    let begun = Instant::now();
    let none = json!({"path": "/v1/models", "count": 0, "timeout": 60});
    let (refusal, _) = tokio::join!(refused(&driver, "/requests/wait", none), async {
        client.get("/models").await
    });
    assert_eq!(refusal.0, 408, "{}", refusal.1);
    assert!(
        refusal
            .1
            .starts_with("Expected no /v1/models; it came once."),
        "{}",
        refusal.1
    );
    assert!(begun.elapsed() < Duration::from_secs(30));
    // Exactly one came, but another one follows while it looks on.
    let one = json!({"path": "/v1/models", "count": 1, "timeout": 60, "quiet": 60});
    let (refusal, _) = tokio::join!(refused(&driver, "/requests/wait", one), async {
        client.get("/models").await
    });
    assert!(
        refusal
            .1
            .starts_with("Expected /v1/models exactly once; it came 2 times."),
        "{}",
        refusal.1
    );
    // None, and none came: it says so after that time.
    let begun = Instant::now();
    let none = json!({"path": "/v1/nothing", "at_most": 0, "timeout": 0.2});
    let found = driver.ok("POST", "/requests/wait", none).await;
    assert_eq!(found, json!({"requests": []}));
    assert!(begun.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn a_request_counts_when_it_comes_though_nobody_answers_it() {
    let emulator = start(options()).await;
    let (driver, client) = world(&emulator, json!({"faults": ["models hang"]})).await;
    let hangs = tokio::spawn(async move { client.get("/models").await });
    let wanted = json!({"path": "/v1/models", "count": 1});
    let found = driver.ok("POST", "/requests/wait", wanted).await;
    hangs.abort();
    assert_eq!(found["requests"][0]["status"], Value::Null);
}

#[tokio::test]
async fn a_wait_that_fails_names_the_nearest_and_what_happened() {
    let emulator = start(options()).await;
    let (driver, client) = world(
        &emulator,
        json!({"scenario": "tasks: [{steps: [{done: x}]}]"}),
    )
    .await;
    let session = begun(&client, json!({}), "How much is the cup?").await;
    client.until_execution(&session, "finished").await;
    let wanted = json!({"method": "POST", "path": "/v1/sessions/*/message",
        "json": {"message": "How much is the mug?"}, "timeout": 0});
    let (status, detail) = refused(&driver, "/requests/wait", wanted).await;
    assert_eq!(status, 408);
    for part in [
        "Expected POST /v1/sessions/*/message with json {\"message\":\"How much is the mug?\"} at least once; it came 0 times",
        "  json.message: expected \"How much is the mug?\", got \"How much is the cup?\"",
        "What happened, in seconds since the emulator's start:",
        "tasks[0] plays",
    ] {
        assert!(detail.contains(part), "{part} is not in {detail}");
    }
}

#[tokio::test]
async fn webhooks_are_counted_in_the_same_way_and_the_nearest_is_named() {
    let site = Site::start(|_| (204, vec![], vec![])).await;
    let emulator = start(options()).await;
    let (driver, client) = world(
        &emulator,
        json!({"scenario": "tasks: [{steps: [{done: Bought}]}]"}),
    )
    .await;
    let session = begun(&client, json!({"webhook_url": site.url}), "Buy").await;
    let wanted = json!({"event": "task.completed", "count": 1});
    driver.ok("POST", "/webhooks/wait", wanted).await;
    for (wanted, says) in [
        (
            json!({"event": "task.completed", "count": 2, "timeout": 0.01}),
            vec![
                "Expected the webhook task.completed exactly 2 times; it was tried once within 0.01 seconds.",
            ],
        ),
        (
            json!({"event": "task.completed", "count": 0}),
            vec!["Expected no webhook task.completed; it was tried once."],
        ),
        (
            json!({"event": "task.completed", "json": {"result": {"message": "Sold"}}, "timeout": 0}),
            vec![
                "it was tried 0 times",
                "The nearest is task.completed",
                "  json.result.message: expected \"Sold\", got \"Bought\"",
            ],
        ),
        (
            json!({"session_id": session, "event": "task.error", "timeout": 0}),
            vec!["  event: expected task.error, got task.completed"],
        ),
    ] {
        let (status, detail) = refused(&driver, "/webhooks/wait", wanted).await;
        assert_eq!(status, 408, "{detail}");
        for part in says {
            assert!(detail.contains(part), "{part} is not in {detail}");
        }
    }
    let (driver, client) = world(&emulator, json!({})).await;
    client.session(json!({})).await;
    let wanted = json!({"event": "task.completed", "timeout": 0});
    let (_, detail) = refused(&driver, "/webhooks/wait", wanted).await;
    assert!(
        detail.contains("No webhook was tried: a session without a `webhook_url` sends none"),
        "{detail}"
    );
}

#[tokio::test]
async fn paths_fit_a_regular_expression() {
    let emulator = start(options()).await;
    let (driver, client) = world(&emulator, json!({})).await;
    let session = begun(&client, json!({}), "x").await;
    let wanted = json!({"path_regex": "^/v1/sessions/[0-9a-f-]{36}/message$"});
    let found = driver.ok("POST", "/requests/wait", wanted).await;
    assert_eq!(
        found["requests"][0]["path"],
        format!("/v1/sessions/{session}/message")
    );
    let found = driver
        .ok("GET", "/requests?path_regex=message%24", Value::Null)
        .await;
    assert_eq!(found["requests"].as_array().unwrap().len(), 1);
    let (status, detail) = refused(&driver, "/requests/wait", json!({"path_regex": "["})).await;
    assert_eq!(status, 422);
    assert!(
        detail.contains("`path_regex`") && detail.contains("`[` is no regular expression"),
        "{detail}"
    );
    let wanted = json!({"path_regex": "/v1/session/.*", "timeout": 0});
    let (_, detail) = refused(&driver, "/requests/wait", wanted).await;
    assert!(
        detail.contains("  path: expected one like /v1/session/.*"),
        "{detail}"
    );
}

#[tokio::test]
async fn every_door_refuses_what_it_does_not_know_and_names_the_nearest() {
    let emulator = start(options()).await;
    let driver = Driver::new(&emulator);
    for (method, path, body, says) in [
        (
            "GET",
            "/requests?pth=/v1",
            "",
            "`pth` is no query parameter of GET /requests: write `path`",
        ),
        (
            "GET",
            "/requests?colour=red",
            "",
            "`colour` is no query parameter of GET /requests. It takes method, path, path_regex",
        ),
        (
            "GET",
            "/world?key=x",
            "",
            "`key` is no query parameter of GET /world. It takes none",
        ),
        ("GET", "/webhooks?evnt=task.completed", "", "write `event`"),
        (
            "GET",
            "/webhooks?outcome=delivered",
            "",
            "`outcome` is \"delivered\"; it is one of webhook_delivered, webhook_retry",
        ),
        (
            "GET",
            "/timeline?format=xml",
            "",
            "`format` is \"xml\"; it is one of json, text",
        ),
        (
            "GET",
            "/requests?limit=-1",
            "",
            "`limit` is -1; it must be at least 0",
        ),
        (
            "GET",
            "/requests?method=GET&method=PUT",
            "",
            "`method` is there twice",
        ),
        (
            "POST",
            "/reset?everything=1",
            "",
            "`everything` is no query parameter",
        ),
        (
            "POST",
            "/requests/wait",
            r#"{"timout": 1}"#,
            "`timout` is not known here: write `timeout`",
        ),
        (
            "POST",
            "/requests/wait",
            r#"{"timeout": "soon"}"#,
            "`timeout` is \"soon\"; it must be a number",
        ),
        (
            "POST",
            "/requests/wait",
            r#"{"timeout": -1}"#,
            "`timeout` is -1; it must be from 0 to 300",
        ),
        (
            "POST",
            "/requests/wait",
            r#"{"count": 1.5}"#,
            "`count` is 1.5; it must be a whole number",
        ),
        (
            "POST",
            "/requests/wait",
            "[]",
            "The body is a list; it must be an object",
        ),
        (
            "POST",
            "/webhooks/wait",
            r#"{"evnt": "task.completed"}"#,
            "write `event`",
        ),
        (
            "POST",
            "/webhooks/wait",
            r#"{"event": "task.complete"}"#,
            "`event` is \"task.complete\": write `task.completed`",
        ),
        (
            "POST",
            "/webhooks/trigger",
            r#"{"session_id": "x", "event": "task.started", "txt": ""}"#,
            "write `text`",
        ),
        (
            "POST",
            "/webhooks/trigger",
            r#"{"event": "task.started"}"#,
            "`session_id` is missing",
        ),
        (
            "POST",
            "/worlds",
            r#"{"scenari": {}}"#,
            "`scenari` is not known here: write `scenario`",
        ),
        (
            "POST",
            "/worlds",
            r#"{"unmatched": "fail"}"#,
            "`unmatched` is \"fail\"; it is one of agent, error",
        ),
        ("PUT", "/clock", r#"{"clok": "fast"}"#, "write `clock`"),
        ("PUT", "/clock", "{}", "`clock` is missing"),
        (
            "POST",
            "/clock/advance",
            r#"{"second": 1}"#,
            "write `seconds`",
        ),
        (
            "PUT",
            "/state",
            r#"{"version": 1, "scenari": {}}"#,
            "write `scenario`",
        ),
    ] {
        let answer = driver.call(method, path, body).await;
        assert_eq!(
            answer.status, 422,
            "{method} {path} {body}: {}",
            answer.text
        );
        let detail = answer.detail();
        let detail = detail.as_str().unwrap();
        assert!(detail.contains(says), "{method} {path} {body}: {detail}");
        for leak in ["struct", "expected", "serde", "variant"] {
            assert!(!detail.contains(leak), "{leak}: {detail}");
        }
    }
}

#[tokio::test]
async fn one_fault_is_taken_back_alone() {
    let emulator = start(options()).await;
    let faults = json!({"faults": ["list status=503", "get status=500 times=2", "models reset"]});
    let (driver, _) = world(&emulator, faults).await;
    let path = "/faults?fault=get%20status%3D500%20times%3D2";
    driver.ok("DELETE", path, Value::Null).await;
    let listed = driver.ok("GET", "/faults", Value::Null).await;
    let texts: Vec<&str> = listed["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts, ["list status=503", "models reset"]);
    let gone = driver.call("DELETE", path, "").await;
    assert_eq!(gone.status, 404);
    let detail = gone.detail();
    let detail = detail.as_str().unwrap();
    assert!(
        detail.contains("`get status=500 times=2` does not wait")
            && detail.contains("`list status=503`"),
        "{detail}"
    );
    driver.ok("DELETE", "/faults", Value::Null).await;
    let listed = driver.ok("GET", "/faults", Value::Null).await;
    assert_eq!(listed, json!({"faults": []}));
}

#[tokio::test]
async fn a_client_with_another_key_is_thought_of() {
    let emulator = start(options()).await;
    let (driver, _) = world(&emulator, json!({})).await;
    Client::new(&emulator).get("/models").await;
    let wanted = json!({"path": "/v1/models", "timeout": 0});
    let (_, detail) = refused(&driver, "/requests/wait", wanted.clone()).await;
    assert_eq!(
        detail,
        "Expected /v1/models at least once; it came 0 times.\nNothing came with the key of this world: does the client use \
         the emulator's address, and this key?"
    );
    let all = Driver::new(&emulator);
    all.ok("DELETE", "/requests", Value::Null).await;
    let (_, detail) = refused(&all, "/requests/wait", wanted).await;
    assert_eq!(
        detail,
        "Expected /v1/models at least once; it came 0 times.\nNo request came since the requests were cleared; 1 had come \
         before: search before you clear"
    );
    // As often as it is cleared, and from anew where the world begins anew.
    Client::new(&emulator).get("/models").await;
    all.ok("DELETE", "/requests", Value::Null).await;
    let told = all.call("GET", "/timeline?format=text", "").await;
    assert!(told.text.contains("; 2 had come before"), "{}", told.text);
    all.ok("POST", "/reset", Value::Null).await;
    let told = all.call("GET", "/timeline?format=text", "").await;
    assert!(
        !told.text.contains("key of this world") && told.text.contains("received nothing"),
        "{}",
        told.text
    );
}

#[tokio::test]
async fn a_filter_that_no_request_can_fit_is_refused() {
    let emulator = start(options()).await;
    let (driver, client) = world(&emulator, json!({})).await;
    client.get("/sessions").await;
    for (filter, named, write) in [
        (
            json!({"method": "PSOT"}),
            "`method` is \"PSOT\"",
            "write `POST`",
        ),
        (
            json!({"path": "v1/sessions"}),
            "`path` is \"v1/sessions\"",
            "write `/v1/sessions`",
        ),
        (
            json!({"path": "/v1/sessions?limit=1"}),
            "`path` is \"/v1/sessions?limit=1\"",
            "write `/v1/sessions`",
        ),
        (
            json!({"path": "http://127.0.0.1:80/v1/sessions"}),
            "`path` is \"http://127.0.0.1:80/v1/sessions\"",
            "write `/v1/sessions`",
        ),
        (json!({"status": 999}), "`status` is 999", "from 100 to 599"),
    ] {
        for count in [
            json!({"count": 0}),
            json!({"at_least": 1}),
            json!({"at_most": 3}),
        ] {
            let mut body = filter.clone();
            body["timeout"] = json!(0);
            for (name, value) in count.as_object().unwrap() {
                body[name] = value.clone();
            }
            let (status, detail) = refused(&driver, "/requests/wait", body.clone()).await;
            assert_eq!(status, 422, "{body}: {detail}");
            assert!(detail.contains(named) && detail.contains(write), "{detail}");
        }
        let (name, value) = filter.as_object().unwrap().iter().next().unwrap();
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        let value = value.replace('?', "%3F").replace('=', "%3D");
        let listed = driver
            .call("GET", &format!("/requests?{name}={value}"), "")
            .await;
        assert_eq!(listed.status, 422, "{filter}: {}", listed.text);
        assert!(listed.text.contains(write), "{}", listed.text);
    }
    for path in [
        "/v1/sessions",
        "/v1/*",
        "**",
        "**/sessions",
        "/v?/sessions",
        "/v1/session?",
    ] {
        let body = json!({"path": path, "method": "get", "status": 200});
        let found = driver.ok("POST", "/requests/wait", body).await;
        assert_eq!(found["requests"].as_array().unwrap().len(), 1, "{path}");
    }
}

#[tokio::test]
async fn a_wait_looks_on_no_longer_than_it_waits() {
    let emulator = start(options()).await;
    let (driver, client) = world(&emulator, json!({})).await;
    client.get("/models").await;
    let begun = Instant::now();
    for path in ["/requests/wait", "/webhooks/wait"] {
        for (body, limit) in [
            (json!({"count": 1, "quiet": 60, "timeout": 0.3}), "0.3"),
            (json!({"count": 1, "quiet": 60}), "5"),
            (json!({"at_most": 1, "quiet": 60, "timeout": 59.5}), "59.5"),
        ] {
            let (status, detail) = refused(&driver, path, body.clone()).await;
            assert_eq!(status, 422, "{body}: {detail}");
            let says = format!("`quiet` is 60 and `timeout` {limit} seconds");
            let write = format!("a `quiet` of {limit} at most, or a `timeout` of 60 at least");
            assert!(
                detail.contains(&says) && detail.contains(&write),
                "{detail}"
            );
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(30));
    let same = json!({"count": 1, "quiet": 0.2, "timeout": 0.2});
    driver.ok("POST", "/requests/wait", same).await;
}

#[tokio::test]
async fn an_empty_list_in_a_strict_world_is_warned_of() {
    let emulator = start(options()).await;
    let driver = Driver::new(&emulator);
    let made = async |scenario: Value, unmatched: &str| {
        let body = json!({"scenario": scenario, "unmatched": unmatched});
        let made = driver.ok("POST", "/worlds", body).await;
        let warnings = made["warnings"].as_array().unwrap().clone();
        (made["key"].as_str().unwrap().to_owned(), warnings)
    };
    let (key, warnings) = made(json!({"tasks": []}), "error").await;
    assert_eq!(
        warnings,
        [json!({
            "place": "tasks", "line": null, "column": null,
            "message": "has no entry, so that the built-in agent plays every task, also with `unmatched` set to \"error\": \
                        add an entry, or leave `tasks` out",
        })]
    );
    let (_, warnings) = made(
        json!("turns: [{steps: [{complete: true}]}]\ntasks: []\n"),
        "error",
    )
    .await;
    assert_eq!((warnings.len(), &warnings[0]["line"]), (1, &json!(2)));
    for (scenario, unmatched) in [
        (json!({"tasks": []}), "agent"),
        (json!({"turns": [{"steps": [{"complete": true}]}]}), "error"),
        (json!({"tasks": [{"steps": []}]}), "error"),
    ] {
        let (_, warnings) = made(scenario.clone(), unmatched).await;
        assert!(warnings.is_empty(), "{scenario} {unmatched}: {warnings:?}");
    }
    let strict = Driver {
        key: Some(key),
        ..Driver::new(&emulator)
    };
    let told = strict.ok("PUT", "/scenario", "turns: []".into()).await;
    assert_eq!(told["warnings"][0]["place"], "turns");
}

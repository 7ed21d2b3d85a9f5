//! The table of errors, and the documented answers of each endpoint.

use crate::support::*;
use serde_json::{Value, json};
use sessionwire_emulator::Options;

/// Every endpoint below a session: method and path.
const BELOW: [(&str, &str); 8] = [
    ("GET", "/status"),
    ("GET", "/messages"),
    ("GET", "/events"),
    ("POST", "/pause"),
    ("POST", "/resume"),
    ("POST", "/cancel"),
    ("GET", "/screenshot"),
    ("GET", ""),
];

#[tokio::test]
async fn a_missing_malformed_or_unknown_key_is_401() {
    let emulator = start(Options {
        api_keys: Some(vec!["good".into()]),
        ..quick()
    })
    .await;
    for value in ["", "good", "Basic good", "Bearer", "Bearer bad"] {
        let client = Client::with_authorization(&emulator, value);
        for (method, path) in BELOW
            .into_iter()
            .map(|(method, path)| (method, format!("/v1/sessions/x{path}")))
        {
            let answer = client.raw(method, &path, None).await.unwrap();
            assert_eq!(answer.status, 401, "{value:?} {path}");
            assert_eq!(answer.detail(), "Invalid or missing API key");
        }
        assert_eq!(client.get("/sessions").await.status, 401);
        assert_eq!(client.post("/sessions", json!({})).await.status, 401);
        assert_eq!(client.get("/models").await.status, 401);
    }
    for value in ["Bearer good", "bearer good"] {
        assert_eq!(
            Client::with_authorization(&emulator, value)
                .get("/models")
                .await
                .status,
            200
        );
    }
}

#[tokio::test]
async fn a_barred_key_is_403() {
    let emulator = start(Options {
        barred_keys: vec!["barred".into()],
        ..quick()
    })
    .await;
    let answer = Client::with_key(&emulator, "barred").get("/sessions").await;
    assert_eq!(
        (answer.status, answer.detail()),
        (403, json!("Not authorized"))
    );
}

#[tokio::test]
async fn an_unknown_or_foreign_session_is_404() {
    let emulator = start(quick()).await;
    let (ann, bob) = (
        Client::with_key(&emulator, "ann"),
        Client::with_key(&emulator, "bob"),
    );
    let of_ann = ann.session(json!({})).await;
    for id in [of_ann.as_str(), "nonsense", "%2F"] {
        for (method, path) in BELOW {
            let answer = bob
                .raw(method, &format!("/v1/sessions/{id}{path}"), None)
                .await
                .unwrap();
            assert_eq!(
                (answer.status, answer.detail()),
                (404, json!("Session not found")),
                "{method} {path}"
            );
        }
        assert_eq!(
            bob.post(&format!("/sessions/{id}/message"), json!({"message": "x"}))
                .await
                .status,
            404
        );
        assert_eq!(
            bob.post(
                &format!("/sessions/{id}/navigate"),
                json!({"url": "http://h/"})
            )
            .await
            .status,
            404
        );
    }
    assert_eq!(bob.get("/sessions").await.json(), json!([]));
    assert_eq!(
        bob.delete(&format!("/sessions/{of_ann}")).await.json()["deleted"],
        false
    );
    assert_eq!(bob.delete("/sessions").await.json()["deleted"], false);
    assert_eq!(ann.get(&format!("/sessions/{of_ann}")).await.status, 200);
}

#[tokio::test]
async fn a_created_session_has_the_documented_shape() {
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    for body in [
        None,
        Some(""),
        Some("{}"),
        Some(r#"{"agent_name": null, "webhook_url": null, "unknown": 1}"#),
    ] {
        let answer = client.raw("POST", "/v1/sessions", body).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
        let session = answer.json();
        assert_eq!(session["agent_name"], "agi-0");
        assert_eq!(session["status"], "ready");
        let created = session["created_at"].as_str().unwrap();
        assert!(created.len() == 24 && created.ends_with('Z'), "{created}");
        let id = session["session_id"].as_str().unwrap();
        assert_eq!(client.get(&format!("/sessions/{id}")).await.json(), session);
    }
    let list = client.get("/sessions").await.json();
    assert_eq!(list.as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn the_list_is_in_order_of_creation() {
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    let mut created = Vec::new();
    for _ in 0..5 {
        created.push(json!(
            client.session(json!({"agent_name": "agi-0-fast"})).await
        ));
    }
    let list = client.get("/sessions").await.json();
    let listed: Vec<Value> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|session| session["session_id"].clone())
        .collect();
    assert_eq!(listed, created);
    assert_eq!(emulator.session_count(), 5);
}

#[tokio::test]
async fn extras_of_create_are_echoed_only_when_set() {
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    let plain = client.post("/sessions", json!({})).await.json();
    for name in ["goal", "agent_session_type", "environment_id"] {
        assert!(plain.get(name).is_none(), "{name}");
    }
    let rich = client
        .post(
            "/sessions",
            json!({"goal": "g", "max_steps": 100, "agent_session_type": "managed-cdp"}),
        )
        .await
        .json();
    assert_eq!(
        (&rich["goal"], &rich["agent_session_type"]),
        (&json!("g"), &json!("managed-cdp"))
    );
    assert!(rich["environment_id"].is_string());
}

#[tokio::test]
async fn a_bad_create_is_422_and_names_the_field() {
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    let long = format!("https://h/{}", "x".repeat(2_000));
    for (body, field) in [
        (json!({"agent_name": "agi-99"}), "agent_name"),
        (json!({"agent_name": 7}), "agent_name"),
        (json!({"webhook_url": "ftp://h/"}), "webhook_url"),
        (json!({"webhook_url": "nonsense"}), "webhook_url"),
        (json!({"webhook_url": long}), "webhook_url"),
        (
            json!({"enable_memory_snapshot": 3}),
            "enable_memory_snapshot",
        ),
        (
            json!({"restore_from_session_id": 3}),
            "restore_from_session_id",
        ),
        (json!({"agent_session_type": "external-cdp"}), "cdp_url"),
        (json!({"agent_session_type": "moon"}), "agent_session_type"),
        (json!({"max_steps": "many"}), "max_steps"),
    ] {
        let answer = client.post("/sessions", body.clone()).await;
        assert_eq!(answer.status, 422, "{body}");
        assert_eq!(answer.detail()[0]["loc"], json!(["body", field]), "{body}");
        assert!(answer.detail()[0]["msg"].is_string() && answer.detail()[0]["type"].is_string());
    }
    for body in ["{", "[]", "\"x\""] {
        assert_eq!(
            client
                .raw("POST", "/v1/sessions", Some(body))
                .await
                .unwrap()
                .status,
            422,
            "{body}"
        );
    }
    assert_eq!(emulator.session_count(), 0);
}

#[tokio::test]
async fn a_message_is_1_to_10000_characters() {
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    let path = format!("/sessions/{session}/message");
    for (body, field, kind) in [
        (json!({}), "message", "missing"),
        (json!({"message": null}), "message", "missing"),
        (json!({"message": 5}), "message", "string_type"),
        (json!({"message": ""}), "message", "string_too_short"),
        (json!({"message": " \n"}), "message", "string_too_short"),
        (
            json!({"message": "ü".repeat(10_001)}),
            "message",
            "string_too_long",
        ),
        (
            json!({"message": "x", "start_url": "h".repeat(2_001)}),
            "start_url",
            "string_too_long",
        ),
        (
            json!({"message": "x", "start_url": 1}),
            "start_url",
            "string_type",
        ),
    ] {
        let answer = client.post(&path, body).await;
        assert_eq!(answer.status, 422);
        assert_eq!(answer.detail()[0]["loc"], json!(["body", field]));
        assert_eq!(answer.detail()[0]["type"], kind);
    }
    assert_eq!(client.messages(&session).await, Vec::<Value>::new());
    let answer = client
        .post(&path, json!({"message": "ü".repeat(10_000)}))
        .await;
    assert_eq!(
        answer.json(),
        json!({"success": true, "message": "Message sent successfully"})
    );
}

#[tokio::test]
async fn navigate_checks_the_address() {
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    let path = format!("/sessions/{session}/navigate");
    let long = format!("http://h/{}", "x".repeat(2_000));
    for url in [
        "",
        "shop.example",
        "/cart",
        "ftp://h/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        long.as_str(),
    ] {
        let answer = client.post(&path, json!({ "url": url })).await;
        assert_eq!(
            (answer.status, answer.detail()),
            (400, json!("Invalid URL format")),
            "{url}"
        );
    }
    for body in [json!({}), json!({"url": 5}), json!({"url": null})] {
        assert_eq!(client.post(&path, body).await.status, 422);
    }
}

#[tokio::test]
async fn queries_are_checked() {
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    for query in [
        "messages?after_id=-1",
        "messages?after_id=x",
        "messages?after_id=1.5",
        "messages?sanitize=perhaps",
        "events?sanitize=perhaps",
        "events?include_history=2",
    ] {
        let answer = client.get(&format!("/sessions/{session}/{query}")).await;
        assert_eq!(answer.status, 422, "{query}");
        assert_eq!(answer.detail()[0]["loc"][0], "query");
    }
    for query in [
        "messages?after_id=0&sanitize=True",
        "messages?sanitize=NO",
        "messages?sanitize=1",
    ] {
        assert_eq!(
            client
                .get(&format!("/sessions/{session}/{query}"))
                .await
                .status,
            200,
            "{query}"
        );
    }
    for query in [
        "save_snapshot_mode=disk",
        "save_as_default=perhaps",
        "save_as_default=true",
        "save_as_default=true&save_snapshot_mode=none",
    ] {
        assert_eq!(
            client
                .delete(&format!("/sessions/{session}?{query}"))
                .await
                .status,
            422,
            "{query}"
        );
    }
    assert_eq!(
        client.get(&format!("/sessions/{session}")).await.status,
        200
    );
}

#[tokio::test]
async fn a_stream_needs_an_accept_that_allows_it() {
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    let refused = client
        .stream_with(&session, "", &[("accept", "application/json")])
        .await
        .err()
        .unwrap();
    assert_eq!(
        (refused.status, refused.detail()),
        (406, json!("Must accept text/event-stream"))
    );
    assert!(client.stream_with(&session, "", &[]).await.is_ok());
}

#[tokio::test]
async fn too_many_sessions_are_503() {
    let emulator = start(Options {
        session_limit: Some(2),
        ..quick()
    })
    .await;
    let client = Client::new(&emulator);
    let first = client.session(json!({})).await;
    client.session(json!({})).await;
    let answer = client.post("/sessions", json!({})).await;
    assert_eq!(
        (answer.status, answer.detail()),
        (503, json!("Rate limit exceeded"))
    );
    assert_eq!(
        Client::with_key(&emulator, "another")
            .post("/sessions", json!({}))
            .await
            .status,
        200
    );
    client.delete(&format!("/sessions/{first}")).await;
    assert_eq!(client.post("/sessions", json!({})).await.status, 200);
}

#[tokio::test]
async fn an_unknown_route_says_which_there_are() {
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    for (method, path, status) in [
        ("POST", "/sessions", 405),
        ("GET", "/sessions/x/status", 404),
        ("GET", "/v1/v1/sessions", 404),
        ("POST", "/v1/sessions/x/messages/y", 404),
        ("PUT", "/v1/sessions", 405),
    ] {
        let answer = client.raw(method, path, None).await.unwrap();
        assert_eq!(answer.status, status, "{method} {path}");
        let detail = answer.detail();
        assert!(
            detail
                .as_str()
                .unwrap()
                .contains(&format!("{method} {path}")),
            "{detail}"
        );
        let routes = answer.json()["routes"].clone();
        let named: Vec<_> = routes.as_array().unwrap().iter().collect();
        assert!(named.contains(&&json!("GET /v1/sessions/{session_id}/events")));
        assert!(named.contains(&&json!("GET /ws/sessions/{session_id}")));
        assert!(!named.contains(&&json!("DELETE /message/{message_id}/abort")));
    }
    // An empty session id must not become "delete all".
    client.session(json!({})).await;
    assert_eq!(client.delete("/sessions/").await.status, 404);
    assert_eq!(emulator.session_count(), 1);
}

#[tokio::test]
async fn models_are_listed_by_kind() {
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    let all = client.get("/models").await.json();
    assert_eq!(
        all["models"],
        json!(["agi-0", "agi-0-fast", "agi-1", "agi-2-claude", "agi-2-qwen"])
    );
    assert_eq!(
        client.get("/models?filter=cdp").await.json()["models"],
        json!(["agi-0", "agi-0-fast", "agi-1"])
    );
    assert_eq!(
        client.get("/models?filter=desktop").await.json()["models"],
        json!(["agi-2-claude", "agi-2-qwen"])
    );
    assert_eq!(client.get("/models?filter=x").await.status, 422);
}

#[tokio::test]
async fn a_deleted_session_is_404_everywhere() {
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    client.delete(&format!("/sessions/{session}")).await;
    for (method, path) in BELOW {
        let path = format!("/v1/sessions/{session}{path}");
        let answer = client.raw(method, &path, None).await.unwrap();
        assert_eq!(
            (answer.status, answer.detail()),
            (404, json!("Session not found")),
            "{path}"
        );
    }
    for (name, body) in [
        ("message", json!({"message": "x"})),
        ("navigate", json!({"url": "http://h/"})),
    ] {
        assert_eq!(
            client
                .post(&format!("/sessions/{session}/{name}"), body)
                .await
                .status,
            404
        );
    }
}

#[tokio::test]
async fn both_shapes_of_a_422_are_there() {
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    let answer = client
        .post(
            "/sessions",
            json!({"agent_name": 7, "webhook_url": "ftp://h/"}),
        )
        .await;
    assert_eq!(answer.headers["content-type"], "application/json");
    let list = answer.detail();
    let places: Vec<&Value> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| &problem["loc"])
        .collect();
    assert_eq!(
        places,
        [
            &json!(["body", "agent_name"]),
            &json!(["body", "webhook_url"])
        ]
    );
    let answer = client
        .post("/sessions", json!({"restore_from_session_id": "gone"}))
        .await;
    assert_eq!(answer.status, 422);
    assert!(
        answer
            .detail()
            .as_str()
            .unwrap()
            .contains("`gone` has no snapshot")
    );
}

#[tokio::test]
async fn a_message_may_carry_config_updates() {
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    let body = json!({"message": "Count", "config_updates": {"max_steps": 3}, "start_url": null});
    assert_eq!(
        client
            .post(&format!("/sessions/{session}/message"), body)
            .await
            .status,
        200
    );
    client.until_execution(&session, "finished").await;
}

#[tokio::test]
async fn any_key_is_accepted_without_a_list() {
    let emulator = start(quick()).await;
    for (value, status) in [
        ("Bearer k", 200),
        ("Bearer another one", 200),
        ("Bearer ", 401),
        ("Bearer    ", 401),
    ] {
        let client = Client::with_authorization(&emulator, value);
        assert_eq!(client.get("/sessions").await.status, status, "{value:?}");
    }
}

#[tokio::test]
async fn lengths_are_counted_in_characters_up_to_the_limit() {
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    let url = |length: usize| format!("http://127.0.0.1:9/{}", "ü".repeat(length - 19));
    for (length, status) in [(2_000, 200), (2_001, 422)] {
        let answer = client
            .post("/sessions", json!({"webhook_url": url(length)}))
            .await;
        assert_eq!(answer.status, status, "{length}");
    }
    let session = client.session(json!({})).await;
    for (length, status) in [(2_000, 200), (2_001, 422)] {
        let body = json!({"message": "x", "start_url": url(length)});
        let answer = client
            .post(&format!("/sessions/{session}/message"), body)
            .await;
        assert_eq!(answer.status, status, "{length}");
    }
    for (length, status) in [(2_000, 200), (2_001, 400)] {
        let answer = client
            .post(
                &format!("/sessions/{session}/navigate"),
                json!({"url": url(length)}),
            )
            .await;
        assert_eq!(answer.status, status, "{length}");
    }
}

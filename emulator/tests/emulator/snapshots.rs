//! Deletion and snapshots.

use crate::support::*;
use serde_json::{Value, json};

#[tokio::test]
async fn every_kind_of_session_can_be_deleted_once() {
    let emulator = start(quick()).await;
    emulator.scenario(scenario(
        json!([{"match": "stay", "steps": [{"delay": 3600}]}, {"steps": [{"done": "x"}]}]),
    ));
    let client = Client::new(&emulator);
    for state in ["idle", "running", "paused", "completed"] {
        let session = client.session(json!({})).await;
        match state {
            "idle" => {}
            "completed" => {
                client.task(&session, "x").await;
                client.until_execution(&session, "finished").await;
            }
            _ => client.task(&session, "stay").await,
        }
        if state == "paused" {
            assert_eq!(
                client
                    .command(&format!("/sessions/{session}/pause"))
                    .await
                    .status,
                200
            );
        }
        let path = format!("/sessions/{session}");
        let first = client.delete(&path).await.json();
        assert_eq!(
            first,
            json!({"success": true, "deleted": true, "message": "Session deleted successfully"}),
            "{state}"
        );
        let second = client.delete(&path).await;
        assert_eq!(second.status, 200);
        assert_eq!(
            second.json(),
            json!({"success": true, "deleted": false, "message": "Session not found"})
        );
        for below in ["", "/status", "/messages", "/events", "/screenshot"] {
            assert_eq!(client.get(&format!("{path}{below}")).await.status, 404);
        }
        assert_eq!(client.get("/sessions").await.json(), json!([]));
    }
}

#[tokio::test]
async fn delete_all_says_whether_there_was_anything() {
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    assert_eq!(
        client.delete("/sessions").await.json(),
        json!({"success": true, "deleted": false, "message": "No sessions to delete"})
    );
    client.session(json!({})).await;
    client.session(json!({})).await;
    assert_eq!(
        client.delete("/sessions").await.json(),
        json!({"success": true, "deleted": true, "message": "Sessions deleted successfully"})
    );
    assert_eq!(client.get("/sessions").await.json(), json!([]));
}

async fn shown(client: &Client, session: &str) -> (Value, Value) {
    let shot = client
        .get(&format!("/sessions/{session}/screenshot"))
        .await
        .json();
    (shot["url"].clone(), shot["title"].clone())
}

#[tokio::test]
async fn a_snapshot_brings_the_page_back() {
    let site = Site::html(&[
        ("/cart", "<title>Your cart</title>"),
        ("/login", "<title>Log in</title>"),
    ])
    .await;
    let emulator = start(quick()).await;
    let (client, other) = (Client::new(&emulator), Client::with_key(&emulator, "other"));
    let open = |path: &'static str| {
        let (client, url) = (client.clone(), format!("{}{path}", site.url));
        async move {
            let session = client.session(json!({})).await;
            client
                .post(
                    &format!("/sessions/{session}/navigate"),
                    json!({ "url": url }),
                )
                .await;
            session
        }
    };
    let cart = open("/cart").await;
    assert_eq!(
        client
            .delete(&format!("/sessions/{cart}?save_snapshot_mode=filesystem"))
            .await
            .json()["deleted"],
        true
    );
    let login = open("/login").await;
    client
        .delete(&format!(
            "/sessions/{login}?save_snapshot_mode=memory&save_as_default=True"
        ))
        .await;
    let lost = open("/cart").await;
    client.delete(&format!("/sessions/{lost}")).await;

    let cart_page = (json!(format!("{}/cart", site.url)), json!("Your cart"));
    let login_page = (json!(format!("{}/login", site.url)), json!("Log in"));
    for (body, page) in [
        (json!({"restore_from_session_id": cart}), &cart_page),
        (
            json!({"restore_from_session_id": cart, "enable_memory_snapshot": false}),
            &cart_page,
        ),
        (
            json!({"restore_default_environment_from_user_id": "me"}),
            &login_page,
        ),
        (
            json!({"restore_from_session_id": cart, "restore_default_environment_from_user_id": "me"}),
            &cart_page,
        ),
    ] {
        let session = client.session(body).await;
        assert_eq!(&shown(&client, &session).await, page);
    }
    let plain = client.session(json!({})).await;
    assert_eq!(shown(&client, &plain).await.0, "");
    for body in [
        json!({"restore_from_session_id": lost}),
        json!({"restore_from_session_id": "nonsense"}),
    ] {
        assert_eq!(client.post("/sessions", body).await.status, 422);
    }
    for body in [
        json!({"restore_from_session_id": cart}),
        json!({"restore_default_environment_from_user_id": "me"}),
    ] {
        assert_eq!(
            other.post("/sessions", body).await.status,
            422,
            "snapshots are their owner's"
        );
    }
}

#[tokio::test]
async fn an_unknown_session_is_no_error_to_delete() {
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    for query in ["", "?save_snapshot_mode=filesystem&save_as_default=true"] {
        let answer = client
            .delete(&format!("/sessions/never-there{query}"))
            .await;
        let body = json!({"success": true, "deleted": false, "message": "Session not found"});
        assert_eq!((answer.status, answer.json()), (200, body));
    }
    let body = json!({"restore_from_session_id": "never-there"});
    assert_eq!(
        client.post("/sessions", body).await.status,
        422,
        "nothing was saved"
    );
}

#[tokio::test]
async fn a_deleted_task_says_nothing_more() {
    let emulator = start(quick()).await;
    emulator.scenario(scenario(
        json!([{"steps": [{"question": "?"}, {"done": "late"}]}]),
    ));
    let client = Client::new(&emulator);
    let site = Site::start(|_| (200, vec![], vec![])).await;
    let session = client.session(json!({"webhook_url": site.url})).await;
    client.task(&session, "go").await;
    let mut stream = client.stream(&session, "").await;
    stream.until("question").await;
    client.delete(&format!("/sessions/{session}")).await;
    assert_eq!(stream.all().await, []);
    assert_eq!(
        client
            .post(
                &format!("/sessions/{session}/message"),
                json!({"message": "x"})
            )
            .await
            .status,
        404
    );
    // created, started, question, deleted; a completion would have come before the next session's.
    eventually(|| async { (emulator.webhook_attempts().len() == 4).then_some(()) }).await;
    client.session(json!({"webhook_url": site.url})).await;
    eventually(|| async { (emulator.webhook_attempts().len() == 5).then_some(()) }).await;
    let attempts = emulator.webhook_attempts();
    assert!(
        attempts
            .iter()
            .all(|attempt| attempt.event != "task.completed"),
        "{attempts:?}"
    );
}

#[tokio::test]
async fn a_new_default_replaces_the_old() {
    let site = Site::html(&[
        ("/one", "<title>One</title>"),
        ("/two", "<title>Two</title>"),
    ])
    .await;
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    let default = json!({"restore_default_environment_from_user_id": "me"});
    assert_eq!(
        client.post("/sessions", default.clone()).await.status,
        422,
        "there is none yet"
    );
    for (path, query, title) in [
        (
            "/one",
            "save_snapshot_mode=filesystem&save_as_default=true",
            "One",
        ),
        ("/two", "save_snapshot_mode=memory", "One"),
        ("/two", "save_snapshot_mode=memory&save_as_default=1", "Two"),
    ] {
        let session = client.session(json!({})).await;
        let url = format!("{}{path}", site.url);
        client
            .post(
                &format!("/sessions/{session}/navigate"),
                json!({"url": url}),
            )
            .await;
        client.delete(&format!("/sessions/{session}?{query}")).await;
        let restored = client.session(default.clone()).await;
        assert_eq!(shown(&client, &restored).await.1, title, "{query}");
    }
}

#[tokio::test]
async fn an_environment_is_restored_by_its_id() {
    let site = Site::html(&[("/cart", "<title>Your cart</title>")]).await;
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    let created = client
        .post("/sessions", json!({"environment_type": "chrome-1"}))
        .await
        .json();
    let (session, environment) = (
        created["session_id"].as_str().unwrap(),
        &created["environment_id"],
    );
    let url = format!("{}/cart", site.url);
    client
        .post(
            &format!("/sessions/{session}/navigate"),
            json!({"url": url}),
        )
        .await;
    let restore = json!({"restore_from_environment_id": environment});
    assert_eq!(
        client.post("/sessions", restore.clone()).await.status,
        422,
        "it is not saved yet"
    );
    client
        .delete(&format!("/sessions/{session}?save_snapshot_mode=memory"))
        .await;
    let restored = client.session(restore).await;
    assert_eq!(
        shown(&client, &restored).await,
        (json!(url), json!("Your cart"))
    );
}

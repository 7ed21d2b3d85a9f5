//! A world per key: parallel tests on one emulator, none of which sees another.

use crate::support::*;
use crate::turn_support::session_id;
use serde_json::json;
use sessionwire_emulator::{Clock, Emulator, Options};

fn saying(text: &str) -> sessionwire_emulator::Scenario {
    scenario(json!([{"steps": [{"done": {"said": text}}]}]))
}

/// What the agent says to a task of this key.
async fn said(emulator: &Emulator, key: &str) -> String {
    let client = Client::with_key(emulator, key);
    let session = client.session(json!({"agent_name": "agi-0"})).await;
    client.task(&session, "Say it").await;
    client.result(&session).await["said"]
        .as_str()
        .unwrap_or("its own agent")
        .to_owned()
}

#[tokio::test]
async fn a_scenario_a_fault_and_requests_belong_to_their_key() {
    let emulator = start(quick()).await;
    emulator.scenario(saying("default"));
    let (one, other) = (
        emulator.world(Some("key-one")).unwrap(),
        emulator.world(None).unwrap(),
    );
    assert_ne!(one.api_key(), other.api_key());
    one.scenario(saying("one"));
    other.scenario(saying("other"));
    one.fail(fault("list status=503")).unwrap();

    for (key, text) in [
        (one.api_key(), "one"),
        (other.api_key(), "other"),
        ("somebody", "default"),
    ] {
        assert_eq!(said(&emulator, key).await, text);
    }
    let listed = |key: &str| {
        let client = Client::with_key(&emulator, key);
        async move { client.get("/sessions").await.status }
    };
    assert_eq!(listed(other.api_key()).await, 200);
    assert_eq!(listed("somebody").await, 200);
    assert_eq!(listed(one.api_key()).await, 503);
    assert_eq!(listed(one.api_key()).await, 200);

    let lists = |world: &Emulator| {
        let all = world.requests();
        let lists = all
            .iter()
            .filter(|request| request.method == "GET" && request.path == "/v1/sessions");
        lists.count()
    };
    assert_eq!([lists(&one), lists(&other), lists(&emulator)], [2, 1, 1]);
    assert_eq!([one.session_count(), other.session_count()], [1, 1]);
    assert_eq!(emulator.session_count(), 3, "the emulator counts all");
}

#[tokio::test]
async fn once_is_used_up_for_its_own_key() {
    let emulator = start(Options {
        scenario: Some(scenario(json!([
            {"once": true, "steps": [{"done": {"said": "first"}}]},
            {"steps": [{"done": {"said": "again"}}]}]))),
        ..quick()
    })
    .await;
    let one = emulator.world(None).unwrap();
    assert_eq!(said(&emulator, "somebody").await, "first");
    assert_eq!(said(&emulator, one.api_key()).await, "first");
    assert_eq!(said(&emulator, one.api_key()).await, "again");
    one.reset();
    assert_eq!(said(&emulator, one.api_key()).await, "first");
    assert_eq!(said(&emulator, "somebody").await, "again");
}

#[tokio::test]
async fn a_clock_belongs_to_its_key() {
    let emulator = start(Options {
        scenario: script(json!([{"delay": 36_000}, {"done": {"said": "late"}}])),
        ..quick()
    })
    .await;
    let fast = emulator.world(None).unwrap();
    fast.clock(Clock::Fast);
    assert_eq!(said(&emulator, fast.api_key()).await, "late");
    let real = Client::new(&emulator);
    let session = real.session(json!({"agent_name": "agi-0"})).await;
    real.task(&session, "Wait").await;
    assert_eq!(real.statuses(&session).await.1, "running");
}

#[tokio::test]
async fn webhooks_belong_to_the_key_of_their_session() {
    let site = Site::start(|_| (204, vec![], vec![])).await;
    let emulator = start(quick()).await;
    let (one, other) = (emulator.world(None).unwrap(), emulator.world(None).unwrap());
    let body = json!({"agent_name": "agi-0", "webhook_url": site.url});
    let session = Client::new(&one).session(body).await;
    let attempt = eventually(|| async { one.webhook_attempts().into_iter().next() }).await;
    assert_eq!(attempt.session_id, session);
    assert_eq!(other.webhook_attempts(), []);
    assert_eq!(emulator.webhook_attempts(), []);
}

#[tokio::test]
async fn turns_play_in_the_world_of_their_key() {
    let emulator = start(quick()).await;
    let one = emulator.world(None).unwrap();
    one.scenario(
        serde_json::from_value(json!({
            "dialect": {"payload": "data"},
            "turns": [{"steps": [{"text": "One"}]}]}))
        .unwrap(),
    );
    let start_turn = |world: &Emulator| {
        let client = Client::new(world);
        let body = json!({"session_id": session_id(1), "prompt": "Go"}).to_string();
        async move {
            let answer = client.raw("POST", "/sessions/new", Some(&body)).await;
            answer.unwrap().json()
        }
    };
    assert!(start_turn(&one).await["agent_message_id"].is_string());
    let history = |world: &Emulator| {
        let client = Client::new(world);
        let path = format!("/sessions/{}", session_id(1));
        async move { client.raw("GET", &path, None).await.unwrap() }
    };
    let says = eventually(|| async {
        let text = history(&one).await.text;
        text.contains("One").then_some(text)
    });
    says.await;
    assert_eq!(history(&emulator).await.status, 404);
    assert_eq!(emulator.requests().len(), 1);
}

#[tokio::test]
async fn a_world_makes_its_key_known_and_leaves_with_its_sessions() {
    let emulator = start(Options {
        api_keys: Some(vec!["listed-key".to_owned()]),
        barred_keys: vec!["barred-key".to_owned()],
        ..quick()
    })
    .await;
    let status = |key: &str| {
        let client = Client::with_key(&emulator, key);
        async move { client.get("/sessions").await.status }
    };
    assert_eq!(status("new-key").await, 401);
    let world = emulator.world(Some("new-key")).unwrap();
    assert_eq!(status("new-key").await, 200);
    Client::new(&world)
        .session(json!({"agent_name": "agi-0"}))
        .await;
    world.close().await;
    assert_eq!(status("new-key").await, 401);
    assert_eq!(emulator.session_count(), 0);
    assert_eq!(status("listed-key").await, 200, "the emulator goes on");

    for (key, says) in [
        ("", "visible ASCII"),
        ("a key", "visible ASCII"),
        ("schlüssel", "visible ASCII"),
        ("barred-key", "barred_keys"),
    ] {
        let refusal = emulator.world(Some(key)).unwrap_err().to_string();
        assert!(refusal.contains(says), "{key}: {refusal}");
    }
}

#[tokio::test]
async fn a_request_without_a_key_or_with_an_unknown_one_is_in_the_default_world() {
    let emulator = start(Options {
        api_keys: Some(vec!["listed-key".to_owned()]),
        ..quick()
    })
    .await;
    let world = emulator.world(None).unwrap();
    for value in ["", "Bearer nobody", "Basic x"] {
        let client = Client::with_authorization(&emulator, value);
        assert_eq!(client.get("/sessions").await.status, 401, "{value}");
    }
    assert_eq!(emulator.requests().len(), 3);
    assert_eq!(world.requests(), []);
}

#[tokio::test]
async fn a_reset_forgets_what_a_test_did_to_its_own_world() {
    let emulator = start(Options {
        faults: vec![fault("models status=503")],
        ..quick()
    })
    .await;
    let (one, other) = (emulator.world(None).unwrap(), emulator.world(None).unwrap());
    for world in [&one, &other] {
        world.scenario(saying("mine"));
        world.clear_faults();
        assert_eq!(said(&emulator, world.api_key()).await, "mine");
    }
    one.reset();
    assert_eq!((one.session_count(), one.requests().len()), (0, 0));
    assert_eq!(one.faults(), [fault("models status=503")]);
    assert_ne!(said(&emulator, one.api_key()).await, "mine");
    assert_eq!(other.session_count(), 1);
    assert_eq!(said(&emulator, other.api_key()).await, "mine");
}

/// Fifty tests at once on one server, each with its own scenario, fault and count.
#[tokio::test]
async fn many_worlds_at_once_keep_apart() {
    let emulator = start(quick()).await;
    let tests = (0..50).map(|number| {
        let emulator = &emulator;
        async move {
            let world = emulator.world(None).unwrap();
            let text = format!("number {number}");
            world.scenario(saying(&text));
            world.fail(fault("models status=503")).unwrap();
            let client = Client::new(&world);
            assert_eq!(client.get("/models").await.status, 503);
            assert_eq!(client.get("/models").await.status, 200);
            assert_eq!(said(emulator, world.api_key()).await, text);
            let models = world.requests();
            let models = models.iter().filter(|it| it.path == "/v1/models").count();
            assert_eq!(models, 2);
            world.close().await;
        }
    });
    within(futures_util::future::join_all(tests)).await;
    assert_eq!(emulator.session_count(), 0);
    assert_eq!(emulator.requests(), []);
}

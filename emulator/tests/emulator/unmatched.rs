//! What no entry of a scenario fits, and what never played.

use crate::support::*;
use serde_json::{Value, json};
use sessionwire_emulator::{Agent, Emulator, Options, Unmatched};

fn strict(scenario: Value) -> Options {
    Options {
        scenario: Some(serde_json::from_value(scenario).unwrap()),
        unmatched: Unmatched::Error,
        ..quick()
    }
}

/// Sends a task, waits for its end.
async fn ended(emulator: &Emulator, task: &str) -> (Client, String) {
    let client = Client::new(emulator);
    let session = client.session(json!({})).await;
    let path = format!("/sessions/{session}/message");
    let sent = client.post(&path, json!({"message": task})).await;
    assert_eq!(
        sent.status, 200,
        "it is the task that fails, not the message"
    );
    eventually(async || {
        let messages = client.messages(&session).await;
        let last = messages.last()?["type"].as_str()?;
        ["DONE", "ERROR"].contains(&last).then_some(())
    })
    .await;
    (client, session)
}

/// The last message of a task.
async fn outcome(emulator: &Emulator, task: &str) -> Value {
    let (client, session) = ended(emulator, task).await;
    client.messages(&session).await.pop().unwrap()
}

#[tokio::test]
async fn a_task_that_no_entry_fits_fails_with_the_nearest_entry_and_the_difference() {
    let tasks = json!({"tasks": [
        {"match": "plate", "steps": [{"done": "a plate"}]},
        {"match": "red cup", "steps": [{"error": "sold out"}]}]});
    let emulator = start(strict(tasks.clone())).await;
    let last = outcome(&emulator, "Buy a red cap").await;
    assert_eq!(
        last["type"], "ERROR",
        "the built-in agent must not play it: {last}"
    );
    let said = last["content"].as_str().unwrap();
    for part in [
        "No entry of the scenario fits the task \"Buy a red cap\"",
        "tasks[1]: its `match` says \"red cup\", where the task says \"red cap\"",
        "`unmatched` set to \"agent\"",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(emulator.unplayed().unmatched, [said]);

    let lenient = start(Options {
        unmatched: Unmatched::Agent,
        ..strict(tasks)
    })
    .await;
    assert_eq!(outcome(&lenient, "Buy a red cap").await["type"], "DONE");
    assert!(lenient.unplayed().is_empty());
}

#[tokio::test]
async fn the_built_in_agent_and_an_own_one_play_what_a_scenario_leaves_to_them() {
    let emulator = start(strict(json!({"turns": [{"steps": [{"complete": true}]}]}))).await;
    assert_eq!(outcome(&emulator, "Say hello").await["type"], "DONE");
    let own = start(Options {
        agent: Some(Agent::new(|_, agent| async move {
            Ok(agent.done("own").await?)
        })),
        ..strict(json!({"tasks": [{"match": "x", "steps": []}]}))
    })
    .await;
    assert_eq!(outcome(&own, "Buy a cup").await["content"], "own");
    assert!(emulator.unplayed().is_empty() && own.unplayed().is_empty());
}

#[tokio::test]
async fn a_turn_that_no_entry_fits_fails_in_the_same_way() {
    let emulator = start(strict(json!({"turns": [
        {"match": "report", "mode": "code", "steps": [{"text": "hi"}]}]})))
    .await;
    let client = Client::new(&emulator);
    let body = json!({"session_id": "7c1f9a52-3d0e-4b8e-9a6d-1f2e3c4b5a69", "prompt": "a report", "mode": "auto"});
    let started = client.send_json("POST", "/sessions/new", body).await;
    assert_eq!(started.status, 200, "{}", started.text);
    let unplayed = emulator.unplayed();
    assert_eq!(unplayed.unmatched.len(), 1);
    assert!(
        unplayed.unmatched[0]
            .contains("turns[0]: it wants the mode \"code\", and this turn has \"auto\""),
        "{unplayed:?}"
    );
}

#[tokio::test]
async fn what_never_struck_and_never_played_is_reported() {
    let emulator = start(strict(json!({
        "tasks": [{"match": "a", "once": true, "steps": []}, {"match": "b", "once": true, "steps": []}, {"steps": []}],
        "turns": [{"match": "c", "once": true, "steps": [{"complete": true}]}]})))
    .await;
    emulator.fail(fault("status status=503")).unwrap();
    emulator.fail(fault("message status=503 skip=2")).unwrap();
    emulator
        .fail(fault("message status=503 skip=1 every=3"))
        .unwrap();
    emulator
        .fail(fault("messages delay=0.001 times=0"))
        .unwrap();
    outcome(&emulator, "b").await;
    assert_eq!(
        emulator.unplayed().unused,
        [
            "The fault `status status=503` never struck: no request came that it is for. Send the request, or take the fault out",
            "The fault `message status=503 skip=2` never struck: 1 request came that it is for, and it acts from number 3 on. \
             Send more, or take the fault out",
            "The fault `message status=503 skip=1 every=3` never struck: 1 request came that it is for, and it acts from number \
             4 on. Send more, or take the fault out",
            "The entry tasks[0] (match \"a\") of the scenario plays `once`, and never played. Send what it is for, or take it out",
            "The entry turns[0] (match \"c\") of the scenario plays `once`, and never played. Send what it is for, or take it out",
        ]
    );
    let (client, session) = ended(&emulator, "b").await;
    for (text, strikes) in [("events cut_after=99", false), ("events cut_after=1", true)] {
        emulator.fail(fault(text)).unwrap();
        client.stream(&session, "").await.all().await;
        let said = format!(
            "The fault `{text}` never struck: the stream had fewer events. Use a smaller number, or take the fault out"
        );
        assert_ne!(
            emulator.unplayed().unused.contains(&said),
            strikes,
            "{text}"
        );
    }
    emulator.clear_faults();
    emulator.scenario(scenario(json!([])));
    assert!(emulator.unplayed().is_empty());
}

//! `if`, `choose` and `repeat`: the same in the scripts of tasks and of turns.

use crate::support::*;
use crate::turn_support::*;
use serde_json::{Value, json};
use sessionwire_emulator::{Options, Scenario};

/// Steps of both services: what they think is compared.
fn steps() -> Value {
    json!([
        {"repeat": 2, "steps": [
            {"thought": "round {n}"},
            {"repeat": 2, "steps": [{"thought": "inner {n}"}]}]},
        {"choose": ["red", "green", "blue"], "save": "colour"},
        {"thought": "chose {colour}"},
        {"if": {"colour": {"regex": "^(?<first>.)"}}, "steps": [{"thought": "begins with {first}"}],
            "else": [{"thought": "never"}]},
        {"if": {"colour": "violet"}, "steps": [{"thought": "never"}],
            "else": [{"thought": "not violet"}]},
        {"repeat": 50, "until": {"size": "large"}, "steps": [
            {"choose": ["small", "medium", "large"], "save": "size"}, {"thought": "{n}: {size}"}],
            "else": [{"thought": "never"}]},
        {"repeat": 2, "until": {"colour": "violet"}, "steps": [{"thought": "again {n}"}],
            "else": [{"choose": [{"weight": 1, "steps": [{"thought": "in the end"}]}]}]},
        {"repeat": 0, "steps": [{"thought": "never"}]}
    ])
}

async fn thoughts_of_a_task(options: Options) -> Vec<String> {
    let emulator = start(options).await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    client.task(&session, "go").await;
    client.result(&session).await;
    let messages = client.messages(&session).await;
    let thoughts = messages.iter().filter(|it| it["type"] == "THOUGHT");
    thoughts
        .map(|it| it["content"].as_str().unwrap().to_owned())
        .collect()
}

async fn thoughts_of_a_turn(options: Options) -> Vec<String> {
    let emulator = start(options).await;
    let client = Client::new(&emulator);
    let message = client.turn(SESSION, "go").await;
    let (frames, _) = client.frames(SESSION, &message, "0-0").await;
    let thoughts = frames.iter().filter(|it| it["kind"] == "thought");
    thoughts
        .map(|it| it["payload"]["thought"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn they_play_alike_in_tasks_and_turns() {
    let options = || {
        let both = json!({"seed": 7, "tasks": [{"steps": steps()}], "turns": [{"steps": steps()}]});
        let scenario: Scenario = serde_json::from_value(both).unwrap();
        Options {
            scenario: Some(scenario),
            ..quick()
        }
    };
    let (task, turn) = (
        thoughts_of_a_task(options()).await,
        thoughts_of_a_turn(options()).await,
    );
    let begin = [
        "round 1", "inner 1", "inner 2", "round 2", "inner 1", "inner 2",
    ];
    for thoughts in [&task, &turn] {
        assert_eq!(thoughts[..6], begin);
        let colour = thoughts[6].strip_prefix("chose ").unwrap();
        assert_eq!(thoughts[7], format!("begins with {}", &colour[..1]));
        assert_eq!(thoughts[8], "not violet");
        let sizes = &thoughts[9..thoughts.len() - 3];
        assert!(sizes.last().unwrap().ends_with(": large"), "{sizes:?}");
        assert_eq!(
            sizes.iter().filter(|it| it.ends_with("large")).count(),
            1,
            "{sizes:?}"
        );
        assert_eq!(
            thoughts[thoughts.len() - 3..],
            ["again 1", "again 2", "in the end"]
        );
    }
    // What is drawn depends on the list that the entry is in, and on nothing else.
    assert_eq!(task, thoughts_of_a_task(options()).await);
    assert_eq!(turn, thoughts_of_a_turn(options()).await);
}

/// An end inside of loops ends all of them, in both services.
#[tokio::test]
async fn an_end_inside_of_loops_is_the_end() {
    let inside = |end: Value| {
        json!([{"repeat": 3, "steps": [
            {"thought": "round {n}"},
            {"if": {"session_id": {"regex": "."}}, "steps": [{"choose": [{"steps": [end]}]}]}]},
            {"thought": "never"}])
    };
    let both = json!({
        "tasks": [{"steps": inside(json!({"done": "x"}))}],
        "turns": [{"steps": inside(json!({"complete": true}))}],
    });
    let options = || Options {
        scenario: Some(serde_json::from_value(both.clone()).unwrap()),
        ..quick()
    };
    assert_eq!(thoughts_of_a_task(options()).await, ["round 1"]);
    assert_eq!(thoughts_of_a_turn(options()).await, ["round 1"]);
}

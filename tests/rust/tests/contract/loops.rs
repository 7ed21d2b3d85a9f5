//! Loops over the events of one task or turn. One of Rust has one stream for good.

use std::collections::HashMap;

use serde_json::{Value, json};
use sessionwire::agi::{Event, EventType, StartTask, Task};
use sessionwire::raccoon::{StartTurn, Turn, TurnMessage};
use sessionwire::{ErrorKind, EventStream};
use sessionwire_emulator::Emulator;
use sessionwire_tests::{all, client, emulator, fail, session, turns};

enum Handle {
    Task(Task),
    Turn(Turn),
}

impl Handle {
    async fn start(emulator: &Emulator, of: &str) -> Self {
        if of == "task" {
            let start = StartTask::new("go");
            let session = session(&client(emulator)).await;
            return Self::Task(session.start_task(start).await.unwrap());
        }
        let session = turns::client(emulator).session().unwrap();
        Self::Turn(session.start_turn(StartTurn::new("go")).await.unwrap())
    }

    fn events(&self) -> EventStream {
        match self {
            Self::Task(task) => task.events(),
            Self::Turn(turn) => turn.events(),
        }
    }

    async fn go_on(&self) {
        match self {
            Self::Task(task) => task.send_message("Go on").await.map(drop),
            Self::Turn(turn) => turn.send_message(TurnMessage::new("Go on")).await.map(drop),
        }
        .unwrap();
    }
}

fn scenario() -> Value {
    let steps = |end: Value| json!([{"thought": "a"}, {"thought": "b"}, {"wait_for_message": true}, {"thought": "c"}, end]);
    json!({"tasks": [{"steps": steps(json!({"done": "d"}))}], "turns": [{"steps": steps(json!({"complete": true}))}]})
}

fn thoughts(events: &[Event]) -> Vec<String> {
    let thoughts = events
        .iter()
        .filter(|event| *event.event_type() == EventType::Thought);
    thoughts.map(|event| event.text()).collect()
}

pub(crate) async fn g01_one_loop_at_a_time(case: Value) {
    let (id, of) = (case["id"].as_str().unwrap(), case["of"].as_str().unwrap());
    let emulator = emulator().await;
    emulator.scenario(serde_json::from_value(scenario()).unwrap());
    if let Some(fault) = case.get("fault") {
        fail(&emulator, fault.clone());
    }
    let handle = Handle::start(&emulator, of).await;
    let mut loops: HashMap<&str, EventStream> = HashMap::new();
    for step in case["play"].as_array().unwrap() {
        let Some(name) = step.get("loop") else {
            handle.go_on().await;
            continue;
        };
        let events = loops
            .entry(name.as_str().unwrap())
            .or_insert_with(|| handle.events());
        if let Some(texts) = step.get("rest") {
            assert_eq!(json!(thoughts(&all(events).await)), *texts, "{id}");
            continue;
        }
        let error = events.next().await.unwrap().expect_err(id);
        if let Some(kind) = step.get("fails") {
            assert_eq!(error.kind().name(), kind, "{id}");
        } else {
            assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{id}");
            let wanted = format!("events of this {of}");
            assert!(error.to_string().contains(&wanted), "{id}: {error}");
        }
    }
}

//! Many turns at once, and the events of a session over all its turns.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};
use sessionwire::raccoon::{
    Client, Event, EventOptions, ResumePoint, RunTurn, RunTurns, TurnInSession, TurnOutcome,
    TurnStatus,
};
use sessionwire_tests::turns::{client, client_with, script};
use sessionwire_tests::{check, count, emulator_with, fail};

pub(crate) async fn many_turns(case: Value) {
    let id = case["id"].as_str().unwrap();
    let emulator = emulator_with(options_of(&case, "emulator")).await;
    script(
        &emulator,
        json!([
            {"match": "fail", "steps": [{"error": "sold out"}]},
            {"match": "long", "steps": [{"text": "on it"}, {"wait_for_stop": true}]},
            {"steps": [{"text": "ready"}]},
        ]),
    );
    let client = client_with(&emulator, options_of(&case, "client"));
    for fault in case["faults"].as_array().into_iter().flatten() {
        fail(&emulator, fault.clone());
    }
    let mut sessions: HashMap<&str, String> = HashMap::new();
    let turns = case["turns"].as_array().unwrap().iter().map(|turn| {
        let Some(prompt) = turn["prompt"].as_str() else {
            return TurnInSession::new(turn.as_str().unwrap());
        };
        let mut given = TurnInSession::new(prompt);
        if let Some(name) = turn["session"].as_str() {
            let fresh = || client.session().unwrap().id().to_owned();
            given = given.session_id(sessions.entry(name).or_insert_with(fresh).clone());
        }
        if let Some(session_id) = turn["session_id"].as_str() {
            given = given.session_id(session_id);
        }
        given
    });
    let mut plan = RunTurns::new(turns);
    let options = &case["options"];
    if let Some(concurrency) = options["concurrency"].as_u64() {
        plan = plan.concurrency(concurrency.try_into().unwrap());
    }
    if let Some(timeout) = options["timeout"].as_f64() {
        plan = plan.timeout(Duration::from_secs_f64(timeout));
    }
    if options["stop_on_timeout"] == true {
        plan = plan.stop_on_timeout(true);
    }
    let expect = &case["expect"];
    let starts = || count(&emulator, "POST", "/sessions/new");
    let mut outcomes = match (client.run_turns(plan), expect.get("error")) {
        (Ok(outcomes), None) => outcomes,
        (Err(error), Some(wanted)) => {
            check(id, &error, wanted);
            assert_eq!(emulator.requests().len(), 0, "{id}");
            return;
        }
        (given, _) => panic!("{id}: {given:?}"),
    };
    let all = outcomes.all().await;
    let told: Vec<String> = all.iter().map(told).collect();
    assert_eq!(json!(told), expect["told"], "{id}");
    let sent: Vec<bool> = all.iter().map(|outcome| outcome.sent).collect();
    assert_eq!(json!(sent), expect["sent"], "{id}");
    assert_eq!(json!(starts()), expect["requests"], "{id}");
    for (name, prompts) in expect["prompts"].as_object().into_iter().flatten() {
        let history = client.sessions().get(&sessions[&**name]).await.unwrap();
        let messages = history.messages.iter();
        let said = messages.filter(|message| message.ended().is_none());
        let said: Vec<&str> = said.map(|message| &*message.content).collect();
        assert_eq!(json!(said), *prompts, "{id}");
    }
}

fn told(outcome: &TurnOutcome) -> String {
    match &outcome.result {
        Ok(result) if result.status == TurnStatus::Completed => result.text.clone(),
        Ok(result) => format!("{:?}", result.status),
        Err(error) => error.reason().unwrap_or(error.kind().name()).to_owned(),
    }
}

pub(crate) async fn g01_g04_events_of_a_session(case: Value) {
    let id = case["id"].as_str().unwrap();
    let emulator = emulator_with(options_of(&case, "emulator")).await;
    script(
        &emulator,
        json!([{"steps": [{"text": "a"}, {"text": "b"}]}]),
    );
    let reader = client_with(&emulator, options_of(&case, "client"));
    let session = reader.session().unwrap();
    let other = client(&emulator);
    let turn = async |other: &Client| {
        let session = other.continue_session(session.id()).unwrap();
        session.run_turn(RunTurn::new("go")).await.unwrap()
    };
    let mut messages = Vec::new();
    for _ in 0..case["turns"].as_u64().unwrap() {
        messages.push(turn(&other).await.message_id);
    }
    let quick = EventOptions::new().poll_interval(Duration::from_millis(10));
    let mut options = quick.clone();
    let mut first = 0;
    if let Some(after) = case["after"].as_u64() {
        let mut before = session.events(quick).unwrap();
        let mut last = None;
        for _ in 0..=after {
            last = Some(before.next().await.unwrap().unwrap());
        }
        options = options.after(place(session.id(), &last.unwrap()));
        first = usize::try_from(after).unwrap() + 1;
    }
    let given = &case["options"];
    if let Some(timeout) = given["timeout"].as_f64() {
        options = options.timeout(Duration::from_secs_f64(timeout));
    }
    if let Some(most) = given["max_reconnects"].as_u64() {
        options = options.max_reconnects(most.try_into().unwrap());
    }
    if given["include_history"] == false {
        options = options.include_history(false);
    }
    for fault in case["faults"].as_array().into_iter().flatten() {
        fail(&emulator, fault.clone());
    }
    let mut events = session.events(options).unwrap();
    let mut read = async |wanted: &Value, messages: &[String], first: usize| {
        let wanted = wanted.as_array().unwrap();
        for (at, wanted) in wanted.iter().enumerate() {
            let event = events.next().await.expect(id).expect(id);
            assert_eq!(json!(event.id()), *wanted, "{id}");
            let message_id = event.frame().unwrap().message_id;
            assert_eq!(message_id.as_ref(), messages.get((first + at) / 4), "{id}");
        }
    };
    let expect = &case["expect"];
    read(&expect["ids"], &messages, first).await;
    match case["then"].as_str() {
        Some("turn") => {
            let message_id = turn(&other).await.message_id;
            read(&expect["more"], &[message_id], 0).await;
        }
        Some("delete") => drop(session.delete().await.unwrap()),
        Some("close") => reader.close(),
        _ => {}
    }
    if let Some(wanted) = expect.get("error") {
        let error = events.next().await.expect(id).expect_err(id);
        check(id, &error, wanted);
    }
    if expect["ends"] == true || expect.get("error").is_some() {
        assert!(events.next().await.is_none(), "{id}");
    }
}

fn place(session_id: &str, event: &Event) -> ResumePoint {
    let frame = event.frame().unwrap();
    let mut point = ResumePoint::new(session_id, frame.message_id.unwrap());
    point.last_stream_entry_id = frame.stream_entry_id;
    point.last_event_id = event.id();
    point
}

fn options_of(case: &Value, name: &str) -> Value {
    case.get(name).cloned().unwrap_or_else(|| json!({}))
}

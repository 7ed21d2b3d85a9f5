//! A turn recorded against one emulator and played in another, in the words of the first.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::future::pending;

use serde_json::{Value, json};
use sessionwire::Batch;
use sessionwire::raccoon::{
    AnswerDecoder, Client, FrameDecoder, RaccoonConfig, RaccoonOptions, StartTurn, TurnRecording,
};
use sessionwire_emulator::{Emulator, Scenario};
use sessionwire_tests::emulator_with;
use sessionwire_tests::turns::{client_with, fail, script};

const KEY: &str = "sk-live-4711";

/// What one turn cannot show of a dialect that is set, and what it shows instead.
const NOT_SHOWN: &[(&str, &str)] = &[
    // "1" and then "10" are two pieces, or one that is said again: only the history could tell.
    (
        "variant/deltas-that-look-like-repeats-and-no-content",
        r#"{"text": "cumulative", "without_content": true}"#,
    ),
    // Where each socket brings all of it, its own numbers are those of the turn.
    (
        "variant/ids-begin-anew-with-each-socket-and-all-is-sent-again",
        "{}",
    ),
];

/// Turns of which there is nothing to record: they do not start, or nobody knows them.
const NOT_RECORDED: &[&str] = &[
    "variant/start-answered-with-nothing-and-lost-in-the-history",
    "variant/start-with-an-id-that-names-nothing",
    "variant/prompt-is-called-otherwise",
];

fn cases(list: &str) -> Vec<Value> {
    let text = include_str!("../../contract/variants.json");
    let all: Value = serde_json::from_str(text).unwrap();
    all[list].as_array().unwrap().clone()
}

async fn record(
    emulator: &Emulator,
    client: Value,
    events: Value,
) -> sessionwire::Result<TurnRecording> {
    let client = client_with(emulator, client);
    let mut start = StartTurn::new("go");
    start.events = serde_json::from_value(events).unwrap();
    let session_id = sessionwire::raccoon::new_session_id().unwrap();
    client.record_turn(&session_id, start, pending()).await
}

/// The scenario as it is written to a file and read again.
fn scenario(recording: &TurnRecording) -> Scenario {
    let told = serde_json::to_value(recording).unwrap();
    assert!(!told.to_string().contains(KEY), "{told}");
    let recording = serde_json::from_value(told).unwrap();
    let scenario = Scenario::from_turn_recording(&recording, &[]);
    Scenario::from_text(&scenario.to_yaml()).unwrap()
}

/// A client that reads the service by what was learned, and opens its envelopes.
fn reader(emulator: &Emulator, recording: &TurnRecording) -> Client {
    let mut options: RaccoonOptions = serde_json::from_value(json!({
        "base_url": emulator.raccoon_url(), "api_key": emulator.api_key(), "wire": recording.wire,
    }))
    .unwrap();
    let envelope = recording.dialect.get("envelope").and_then(Value::as_str);
    if matches!(envelope, Some("frames" | "all")) {
        options.decode_frame = Some(FrameDecoder::new(|frame| {
            Ok(Some(serde_json::from_str(
                frame["envelope"].as_str().unwrap_or_default(),
            )?))
        }));
    }
    if matches!(envelope, Some("responses" | "all")) {
        options.decode_answer = Some(AnswerDecoder::new(|_, _, body| {
            Ok(serde_json::from_str(
                body["envelope"].as_str().unwrap_or_default(),
            )?)
        }));
    }
    Client::new(RaccoonConfig::resolve_with(options, &|_| None).unwrap()).unwrap()
}

/// What a turn gives: its events and its result, without what is counted anew for each.
async fn played(client: &Client, events: &Value) -> Value {
    let session = client.session().unwrap();
    let mut start = StartTurn::new("go");
    start.events = serde_json::from_value(events.clone()).unwrap();
    let turn = session.start_turn(start).await.unwrap();
    let mut told = Vec::new();
    loop {
        match turn.queue().try_take(512) {
            Batch::Events(events) => told.extend(events.iter().map(|event| {
                let block = event.frame().unwrap_or_default().block_id;
                let mut data = event.data();
                for file in data
                    .get_mut("snapshot")
                    .and_then(Value::as_object_mut)
                    .into_iter()
                    .flatten()
                {
                    file.1["updatedAt"] = json!(0);
                }
                json!([event.event_type().name(), block, data])
            })),
            Batch::Empty => turn.queue().wait().await,
            Batch::Ended | Batch::Failed(_) => break,
        }
    }
    let result = match turn.result(None).await {
        Ok(result) => {
            json!({"text": result.text, "status": result.status, "reason": result.reason})
        }
        Err(error) => json!({"error": error.kind().name(), "code": error.code()}),
    };
    let history = session.history().await.unwrap();
    let ended = history.last_turn().unwrap();
    let told = json!({"events": told, "result": result, "content": ended.content}).to_string();
    serde_json::from_str(&told.replace(session.id(), "SESSION")).unwrap()
}

/// Records a turn, plays it in an emulator that is started from the file, and compares.
async fn round_trip(id: &str, case: &Value, shown: &Value) {
    let part = |name: &str| case.get(name).cloned().unwrap_or(json!({}));
    let mut options = part("emulator");
    options["api_keys"] = json!([KEY]);
    options["clock"] = json!("fast");
    let usual = json!([{"text": "1 "}, {"text": "2"}, {"complete": true}]);
    let first = emulator_with(options).await;
    script(
        &first,
        json!([{"steps": case.get("steps").cloned().unwrap_or(usual)}]),
    );
    for fault in case
        .get("faults")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        fail(&first, fault.clone());
    }
    let recorded = record(&first, part("client"), part("events")).await;
    if NOT_RECORDED.contains(&id) {
        assert!(recorded.is_err(), "{id}: {recorded:?}");
        return;
    }
    let recording = recorded.unwrap_or_else(|error| panic!("{id}: {error}"));
    assert_eq!(json!(recording.dialect), *shown, "{id}: {recording:#?}");
    first.clear_faults();
    let scenario = scenario(&recording);
    let second = emulator_with(json!({"clock": "fast", "scenario": scenario})).await;
    let before = played(&reader(&first, &recording), &part("events")).await;
    let after = played(&reader(&second, &recording), &part("events")).await;
    assert_eq!(after, before, "{id}: {}", scenario.to_yaml());
    if let Some(text) = case["expect"]
        .get("text")
        .filter(|_| case["expect"]["certain"] != false)
    {
        assert_eq!(after["result"]["text"], *text, "{id}");
    }
    let is_read = case["client"].get("wire").is_none() && case["expect"]["certain"] != false;
    if is_read && !id.ends_with("that-nobody-named") {
        assert_eq!(json!(recording.wire), json!({}), "{id}");
    }
    // What is played is recorded as the same.
    let again = record(&second, json!({"wire": recording.wire}), part("events"))
        .await
        .unwrap();
    // One socket, which nothing breaks, does not show what another one would count.
    if shown["event_ids"] != "per_socket" {
        assert_eq!(again.dialect, recording.dialect, "{id}");
    }
}

/// All rounds at once: each has its own emulators.
async fn round_trips(rounds: impl Iterator<Item = (String, Value, Value)>) {
    let mut running = Vec::new();
    for (id, case, shown) in rounds {
        let name = id.clone();
        let round = tokio::spawn(async move { round_trip(&id, &case, &shown).await });
        running.push((name, round));
    }
    let mut failed = Vec::new();
    for (id, round) in running {
        if round.await.is_err() {
            failed.push(id);
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[tokio::test]
async fn each_variant_is_learned_and_played_again() {
    let rounds = cases("turns").into_iter().map(|case| {
        let id = case["id"].as_str().unwrap().to_owned();
        let mut set = case["emulator"]
            .get("dialect")
            .cloned()
            .unwrap_or(json!({}));
        if case["emulator"]["entry_ids"] == false {
            set["without_entry_ids"] = true.into();
        }
        let other = NOT_SHOWN.iter().find(|(other, _)| *other == id);
        let shown = other.map_or(set, |(_, shown)| serde_json::from_str(shown).unwrap());
        (id, case, shown)
    });
    round_trips(rounds).await;
}

#[tokio::test]
async fn each_variant_of_a_list_is_learned() {
    let rounds = cases("lists").into_iter().map(|case| {
        let id = case["id"].as_str().unwrap().to_owned();
        let dialect = case["dialect"].clone();
        (id, json!({"emulator": {"dialect": dialect}}), dialect)
    });
    round_trips(rounds).await;
}

/// A turn with all that an agent does.
fn rich() -> Value {
    json!([
        {"thought": "Reading {prompt}"}, {"plan": [{"content": "Read", "status": "active"}, "Write"]},
        {"tool": "browser", "output": {"pages": [1, null]}, "takes": 1.5}, {"snapshot": ["a.md"], "deleted": ["b.md"]},
        {"event": "custom.thing", "payload": {"x": "y"}, "block_id": "custom:1"},
        {"text": "One"}, {"text": " two", "block": "b"}, {"text": " three", "block": "b", "after": 2},
        {"complete": "One two three"}
    ])
}

#[tokio::test]
async fn each_switch_is_learned_from_a_rich_turn() {
    let dialects = [
        json!({}),
        json!({"text": "cumulative"}),
        json!({"camel_case": true}),
        json!({"payload": "data"}),
        json!({"payload": "flat"}),
        json!({"payload": "content"}),
        json!({"text_field": "delta"}),
        json!({"text_field": "prose"}),
        json!({"kinds": {"text": "prose", "thought": "musing", "task.completed": "finis", "plan.update": "PLAN_UPDATE"}}),
        json!({"event_ids": "restarting"}),
        json!({"event_ids": "still"}),
        json!({"event_ids": "text"}),
        json!({"wrapped": true}),
        json!({"agent_message_id": "reply"}),
        json!({"agent_message_id": ""}),
        json!({"page_marks": "text"}),
        json!({"page_marks": "pagination"}),
        json!({"page_marks": "has_more"}),
        json!({"page_marks": "none"}),
        json!({"prompt": "task"}),
        json!({"without_content": true}),
        json!({"without_entry_ids": true}),
        json!({"envelope": "frames"}),
        json!({"envelope": "responses"}),
        json!({"envelope": "all"}),
        json!({"camel_case": true, "wrapped": true, "page_marks": "has_more", "payload": "data", "event_ids": "text",
            "text": "cumulative", "agent_message_id": "reply_id", "envelope": "all", "kinds": {"text": "TEXT"}}),
        json!({"camel_case": true, "payload": "flat", "text_field": "delta", "page_marks": "pagination", "prompt": "prompt"}),
    ];
    let rounds = dialects.into_iter().map(|dialect| {
        let case =
            json!({"emulator": {"dialect": dialect}, "steps": rich(), "client": {"wire": {}}, "events": {"max_reconnects": 1}});
        (dialect.to_string(), case, dialect)
    });
    round_trips(rounds).await;
}

#[tokio::test]
async fn neither_the_key_nor_what_was_said_is_in_the_dialect() {
    let emulator = emulator_with(json!({"clock": "fast", "api_keys": [KEY]})).await;
    let said = "Nobody shall read this";
    script(
        &emulator,
        json!([{"steps": [
            {"event": KEY, "payload": {KEY: KEY}}, {"event": said, "payload": {said: said}},
            {"text": said}, {"text": KEY}, {"complete": true}]}]),
    );
    let recording = record(&emulator, json!({}), json!({})).await.unwrap();
    let told = json!([recording.dialect, recording.wire, recording.notes]).to_string();
    assert!(!told.contains(KEY) && !told.contains(said), "{told}");
    let scenario = scenario(&recording).to_yaml();
    assert!(
        !scenario.contains(KEY) && scenario.contains(said),
        "{scenario}"
    );
}

#[tokio::test]
async fn a_turn_that_is_stopped_is_recorded_up_to_there() {
    let emulator = emulator_with(json!({"clock": "fast"})).await;
    script(
        &emulator,
        json!([{"steps": [{"text": "a"}, {"wait_for_stop": true}]}]),
    );
    let client = client_with(&emulator, json!({}));
    let session_id = sessionwire::raccoon::new_session_id().unwrap();
    let started = async {
        let is_open = || {
            emulator
                .requests()
                .iter()
                .any(|request| request.path.starts_with("/ws/"))
        };
        while !is_open() {
            tokio::task::yield_now().await;
        }
    };
    let recording = client
        .record_turn(&session_id, StartTurn::new("go"), started)
        .await
        .unwrap();
    let kinds: Vec<_> = recording
        .events
        .iter()
        .map(|event| &event["kind"])
        .collect();
    assert_eq!(kinds, ["message.received", "text", "task.aborted"]);
    assert_eq!(recording.notes, Vec::<String>::new());
}

#[tokio::test]
async fn the_dialect_of_a_scenario_takes_the_place_of_the_option() {
    let emulator = emulator_with(json!({
        "dialect": {"wrapped": true},
        "scenario": {"dialect": {"camel_case": true}, "turns": [{"steps": [{"text": "{prompt}"}], "verbatim": true}]},
    }))
    .await;
    let recording = record(&emulator, json!({}), json!({})).await.unwrap();
    assert_eq!(json!(recording.dialect), json!({"camel_case": true}));
    assert_eq!(recording.content.as_deref(), Some("{prompt}"));
    // One that has none leaves it to the option again.
    script(&emulator, json!([{"steps": [{"text": "{prompt}"}]}]));
    let recording = record(&emulator, json!({}), json!({})).await.unwrap();
    assert_eq!(json!(recording.dialect), json!({"wrapped": true}));
    assert_eq!(recording.content.as_deref(), Some("go"));
}

//! Scenarios: the format, its branches and waits, and the fast clock.

use crate::support::*;
use serde_json::{Value, json};
use sessionwire_emulator::{Clock, Match, Options, SCENARIO_SCHEMA, Scenario, ScriptedTask, Step};
use std::path::PathBuf;

fn shared(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/contract/scenarios")
        .join(name)
}

fn read(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(shared(name)).unwrap()).unwrap()
}

fn fast(scenario: Option<Scenario>) -> Options {
    Options {
        clock: Clock::Fast,
        scenario,
        ..plain()
    }
}

/// Seconds from one timestamp of a day to a later one, less than a day apart.
fn seconds_between(from: &str, to: &str) -> f64 {
    let of_day = |text: &str| -> f64 {
        let part = |range: std::ops::Range<usize>| text[range].parse::<f64>().unwrap();
        (part(11..13) * 60.0 + part(14..16)) * 60.0 + part(17..23)
    };
    let seconds = of_day(to) - of_day(from);
    let seconds = if seconds < 0.0 {
        seconds + 86_400.0
    } else {
        seconds
    };
    (seconds * 1000.0).round() / 1000.0
}

/// Plays the shared scenario; gives its messages as `[type, content, id, seconds]`, and its events.
async fn tour(file: &str) -> (Vec<Value>, Vec<Event>) {
    let expected = read("tour.expected.json");
    let emulator = start(Options {
        scenario_file: Some(shared(file)),
        ..fast(None)
    })
    .await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    let object = client.get(&format!("/sessions/{session}")).await.json();
    let created = object["created_at"].as_str().unwrap().to_owned();
    let mut stream = client.stream(&session, "").await;
    let say = async |name: &str| {
        let message = json!({"message": expected[name]});
        let path = format!("/sessions/{session}/message");
        assert_eq!(client.post(&path, message).await.status, 200);
    };
    say("task").await;
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        if event.name == "question" {
            say("answer").await;
        } else if event.data["text"] == expected["message_after"] {
            say("message").await;
        }
        events.push(event);
    }
    let messages = client.messages(&session).await;
    let messages = messages.iter().map(|message| {
        let at = message["timestamp"].as_str().unwrap();
        json!([
            message["type"],
            message["content"],
            message["id"],
            seconds_between(&created, at)
        ])
    });
    (messages.collect(), events)
}

#[tokio::test]
async fn two_hours_pass_at_once_and_give_the_same_events_each_time() {
    let expected = read("tour.expected.json");
    // The deadline of the whole test is that of `within`, for each wait: nothing here waits for the scenario's time.
    let (messages, events) = tour("tour.json").await;
    let (again, events_again) = tour("tour.yaml").await;
    assert_eq!(messages, again);

    let beats = |events: &[Event]| {
        events
            .iter()
            .filter(|event| event.name == "heartbeat")
            .count()
    };
    // Two hours and a minute, every 30 seconds from the stream's start.
    assert_eq!((beats(&events), beats(&events_again)), (242, 242));
    let told = |events: Vec<Event>| -> Vec<Event> {
        let kept = events.into_iter().filter(|event| event.name != "heartbeat");
        kept.collect()
    };
    let (events, events_again) = (told(events), told(events_again));
    assert_eq!(events, events_again);

    let times: Vec<_> = messages
        .iter()
        .filter(|message| message[0] != "USER")
        .collect();
    let played: Vec<Value> = events
        .iter()
        .zip(&times)
        .map(|(event, message)| {
            assert_eq!(event.id, message[2].as_u64());
            json!([event.name, event.data["text"], message[3]])
        })
        .collect();
    assert_eq!(json!(played), expected["events"]);
    assert_eq!(times.len(), events.len());
}

#[tokio::test]
async fn heartbeats_lie_where_the_fast_clock_has_them() {
    let scenario =
        script(json!([{"log": "a"}, {"delay": 70}, {"log": "b"}, {"delay": 20}, {"done": 1}]));
    let emulator = start(fast(scenario)).await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    let mut stream = client.stream(&session, "").await;
    client.task(&session, "go").await;
    let events = stream.all().await;
    assert_eq!(
        names(&events),
        ["log", "heartbeat", "heartbeat", "log", "heartbeat", "done"]
    );
    let beats: Vec<_> = events
        .iter()
        .filter_map(|event| event.data["timestamp"].as_str())
        .collect();
    assert_eq!(seconds_between(beats[0], beats[2]), 60.0);
}

#[tokio::test]
async fn the_initialization_and_the_built_in_agent_keep_the_fast_clock() {
    let emulator = start(Options {
        init_delay: 600.0,
        step_delay: 3600.0,
        ..fast(None)
    })
    .await;
    let client = Client::new(&emulator);
    let created = client.post("/sessions", json!({})).await.json();
    assert_eq!(created["status"], "initializing");
    let session = created["session_id"].as_str().unwrap();
    client.task(session, "Count these words").await;
    client.result(session).await;
    let messages = client.messages(session).await;
    let at = |message: &Value| message["timestamp"].as_str().unwrap().to_owned();
    let begin = created["created_at"].as_str().unwrap();
    let end = seconds_between(begin, &at(messages.last().unwrap()));
    // Ten minutes, and an hour after each of the two thoughts.
    assert_eq!(end, 600.0 + 2.0 * 3600.0);
}

#[tokio::test]
async fn an_answer_chooses_its_branch() {
    let emulator = start(Options {
        scenario: script(json!([
            {"question": "Which colour?", "answers": [
                {"match": "red", "steps": [{"error": "no {answer}", "status_code": 410}]},
                {"match": {"regex": "(?i)blue$"}, "steps": [
                    {"question": "Light or dark?", "answers": [
                        {"match": "light", "steps": [{"done": "a light one"}]}]}]},
                {"steps": [{"log": "{answer}?"}]}]},
            {"done": "then {answer}"}])),
        ..quick()
    })
    .await;
    let client = Client::new(&emulator);
    for (answers, told) in [
        (&["red"][..], json!(["question", "no red"])),
        (
            &["Sky BLUE", "light"],
            json!(["question", "question", "a light one"]),
        ),
        (
            &["blue", "dark"],
            json!(["question", "question", "then dark"]),
        ),
        (&["green"], json!(["question", "green?", "then green"])),
    ] {
        let session = client.session(json!({})).await;
        let mut stream = client.stream(&session, "").await;
        client.task(&session, "go").await;
        let mut answers = answers.iter();
        let mut seen = Vec::new();
        while let Some(event) = stream.next().await {
            if event.name == "question" {
                client.task(&session, answers.next().unwrap()).await;
                seen.push("question".to_owned());
            } else {
                let text = event.data.get("text").or(event.data.get("error"));
                seen.push(text.unwrap().as_str().unwrap().to_owned());
            }
        }
        assert_eq!(json!(seen), told);
    }
}

#[tokio::test]
async fn a_script_pauses_and_waits_for_pauses_and_messages() {
    for clock in [Clock::Real, Clock::Fast] {
        let emulator = start(Options {
            clock,
            scenario: script(json!([
                {"log": "one"}, {"wait_for_pause": true}, {"log": "two"}, {"pause": true},
                {"wait_for_message": true}, {"log": "got {message}"}, {"wait_for_message": true},
                {"done": "got {message}"}])),
            ..quick()
        })
        .await;
        let client = Client::new(&emulator);
        let session = client.session(json!({})).await;
        let mut stream = client.stream(&session, "").await;
        let post = async |what: &str| {
            let answer = client
                .post(&format!("/sessions/{session}/{what}"), json!({}))
                .await;
            assert_eq!(answer.status, 200, "{what}");
        };
        client.task(&session, "go").await;
        stream.until("log").await;
        post("pause").await;
        stream.until("paused").await;
        // Messages that come early are kept for the step that waits for them.
        client.task(&session, "hello").await;
        post("resume").await;
        assert_eq!(stream.until("log").await.data["text"], "two");
        stream.until("paused").await;
        assert_eq!(client.statuses(&session).await.0, "paused");
        post("resume").await;
        assert_eq!(stream.until("log").await.data["text"], "got hello");
        client.task(&session, "again").await;
        assert_eq!(stream.until("done").await.data["result"], "got again");
    }
}

#[test]
fn a_wrong_scenario_says_where_and_what_is_allowed() {
    let cases = read("cases.json");
    for good in cases["good"].as_array().unwrap() {
        let scenario: Scenario =
            serde_json::from_value(good.clone()).unwrap_or_else(|error| panic!("{error}: {good}"));
        let written = serde_json::to_string(&scenario).unwrap();
        assert_eq!(Scenario::from_text(&written).unwrap(), scenario);
    }
    // What a schema cannot tell is refused as well.
    let bad = cases["bad"].as_array().unwrap().iter();
    for case in bad.chain(cases["misses"].as_array().unwrap()) {
        let (scenario, wanted) = (&case["scenario"], case["error"].as_str().unwrap());
        let error = Scenario::from_text(&scenario.to_string())
            .unwrap_err()
            .to_string();
        // A list does not look like JSON to the reader, but is YAML as well.
        assert!(error.starts_with(wanted), "{error}\n  wanted: {wanted}");
    }
}

#[test]
fn json_and_yaml_are_told_apart() {
    let tour = Scenario::from_file(shared("tour.json")).unwrap();
    assert_eq!(Scenario::from_file(shared("tour.yaml")).unwrap(), tour);
    for name in ["tour.json", "tour.yaml"] {
        let text = std::fs::read_to_string(shared(name)).unwrap();
        assert_eq!(Scenario::from_text(&text).unwrap(), tour, "{name}");
    }
    assert_eq!(
        Scenario::from_text("{tasks: [{steps: [{done: no}]}]}").unwrap(),
        scenario(json!([{"steps": [{"done": "no"}]}]))
    );
    let error = |text: &str| Scenario::from_text(text).unwrap_err().to_string();
    assert!(
        error("{\"tasks\": [}").starts_with("not JSON: "),
        "{}",
        error("{\"tasks\": [}")
    );
    let yaml = error("tasks:\n  - steps: [\n");
    assert!(yaml.starts_with("not YAML at line "), "{yaml}");
    let place = error("tasks:\n  - steps:\n      - thought: 3\n");
    assert!(
        place.starts_with("tasks[0].steps[0].thought: needs a text"),
        "{place}"
    );
    for (from, kinds) in [("{\"tasks\"", "JSON"), ("tasks", "YAML")] {
        let end = if kinds == "JSON" { "}" } else { "" };
        let nested = |times: usize| {
            let open = "{\"repeat\": 1, \"steps\": [".repeat(times);
            let close = "]}".repeat(times);
            Scenario::from_text(&format!("{from}: [{{\"steps\": [{open}{close}]}}]{end}"))
        };
        assert!(nested(16).is_ok(), "{kinds}: {:?}", nested(16));
        for times in [20, 60] {
            let deep = nested(times).unwrap_err().to_string();
            assert!(
                deep.contains("holds steps in steps, more than 16 deep"),
                "{deep}"
            );
        }
        for times in [70, 500, 20_000] {
            let deep = nested(times).unwrap_err().to_string();
            assert!(deep.starts_with(&format!("not {kinds}")), "{deep}");
        }
    }
    let missing = Scenario::from_file(shared("missing.yaml"))
        .unwrap_err()
        .to_string();
    assert!(
        missing.contains("missing.yaml: cannot be read"),
        "{missing}"
    );
}

#[tokio::test]
async fn an_emulator_refuses_a_scenario_file_it_cannot_use() {
    let refused = async |options: Options| {
        sessionwire_emulator::Emulator::start(options)
            .await
            .unwrap_err()
            .to_string()
    };
    let missing = shared("missing.json");
    let error = refused(Options {
        scenario_file: Some(missing.clone()),
        ..quick()
    })
    .await;
    assert!(error.contains("missing.json: cannot be read"), "{error}");
    let both = Options {
        scenario_file: Some(missing.clone()),
        scenario: script(json!([])),
        ..quick()
    };
    assert!(refused(both).await.contains("use one of them"));
    let emulator = start(quick()).await;
    assert!(emulator.scenario_file(missing).is_err());
    emulator.scenario_file(shared("tour.yaml")).unwrap();
}

#[test]
fn the_documented_examples_are_scenarios() {
    let readme = include_str!("../../README.md");
    let chapter = readme
        .split("\n## ")
        .find(|part| part.starts_with("Scenarios"))
        .unwrap();
    let mut found = Vec::new();
    for block in chapter.split("```").skip(1).step_by(2) {
        let (language, text) = block.split_once('\n').unwrap();
        if matches!(language, "json" | "yaml") {
            found.push(language);
            Scenario::from_text(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        }
    }
    assert_eq!(found, ["json", "yaml", "yaml", "yaml", "yaml"]);
}

#[test]
fn a_scenario_is_the_same_as_data_and_from_a_file() {
    let readme = include_str!("../../README.md");
    let (_, file) = readme
        .split_once("<!-- example: mug.yaml -->\n```yaml\n")
        .unwrap();
    let file = file.split("```").next().unwrap();
    let data = Scenario {
        tasks: vec![ScriptedTask {
            matches: Some(Match::Contains("mug".into())),
            steps: vec![
                Step::Question {
                    text: "Which colour?".into(),
                    answers: vec![],
                },
                Step::Done("A {answer} mug".into()),
            ],
            ..ScriptedTask::default()
        }],
        ..Scenario::default()
    };
    assert_eq!(Scenario::from_text(file).unwrap(), data);
}

#[test]
fn the_schema_names_every_step() {
    let schema: Value = serde_json::from_str(SCENARIO_SCHEMA).unwrap();
    for (steps, entries) in [("step", "tasks"), ("turnStep", "turns")] {
        let kinds = schema["$defs"][steps]["oneOf"].as_array().unwrap();
        let error = Scenario::from_text(&format!("{entries}: [{{steps: [{{}}]}}]"))
            .unwrap_err()
            .to_string();
        let known = kinds
            .iter()
            .map(|kind| kind["title"].as_str().unwrap())
            .collect::<Vec<_>>();
        assert!(error.contains(&known.join(", ")), "{error}");
    }
}

#[tokio::test]
async fn a_loop_without_a_wait_lets_others_have_their_turn() {
    // As code makes it: a text with this number would be refused.
    let endless = Step::Repeat {
        times: u64::MAX,
        steps: vec![],
    };
    let emulator = start(Options {
        scenario: Some(Scenario {
            tasks: vec![ScriptedTask {
                steps: vec![endless],
                ..ScriptedTask::default()
            }],
            ..Scenario::default()
        }),
        ..quick()
    })
    .await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    client.task(&session, "go").await;
    assert_eq!(client.statuses(&session).await.1, "running");
    let cancelled = client.command(&format!("/sessions/{session}/cancel")).await;
    assert_eq!(cancelled.status, 200);
    within(emulator.close()).await;
}

#[tokio::test]
async fn steps_as_deep_as_they_may_be_are_played() {
    let nested = (0..16).fold(json!([{"done": "the bottom"}]), |steps, level| {
        match level % 3 {
            0 => json!([{"repeat": 1, "steps": steps}]),
            1 => json!([{"if": {"task": "a"}, "steps": steps}]),
            _ => json!([{"choose": [{"steps": steps}]}]),
        }
    });
    let scenario = Scenario::from_text(&json!({"tasks": [{"steps": nested}]}).to_string());
    let emulator = start(fast(Some(scenario.unwrap()))).await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    client.task(&session, "a").await;
    let mut stream = client.stream(&session, "").await;
    let mut last = None;
    while let Some(event) = stream.next().await {
        last = Some(event);
    }
    assert_eq!(last.unwrap().data["text"], "the bottom");
}

#[test]
fn every_problem_has_its_line_and_column() {
    let text = "tasks:\n  - match: mug\n    steps:\n      - thougth: a\n      - { log: b, after: x }\nturns: 3\n";
    let error = Scenario::from_text(text).unwrap_err();
    let places: Vec<_> = error
        .problems()
        .iter()
        .map(|problem| (problem.place.as_str(), problem.line, problem.column))
        .collect();
    assert_eq!(
        places,
        [
            ("tasks[0].steps[0]", Some(4), Some(9)),
            ("tasks[0].steps[1].after", Some(5), Some(19)),
            ("turns", Some(6), Some(1)),
        ]
    );
    assert_eq!(
        error.to_string(),
        "tasks[0].steps[0]: `thougth` is not a step: write `thought`; a step is one of thought, step, log, question, delay, \
         repeat, if, choose, navigate, pause, wait_for_pause, wait_for_message, wait_for_stream, event, stream, fault, done, \
         error (line 4, column 9)\n\
         tasks[0].steps[1].after: needs a number of seconds, from 0 to 86400 (line 5, column 19)\n\
         turns: needs a list: [...] (line 6, column 1)"
    );
}

#[tokio::test]
async fn context_and_details_reach_the_webhooks() {
    let receiver = Site::start(|_| (204, vec![], vec![])).await;
    let emulator = start(fast(script(json!([
        {"question": "Which?", "context": {"options": ["{task}", 2]}},
        {"error": "Sold out", "details": {"sku": "{answer}"}}
    ]))))
    .await;
    let client = Client::new(&emulator);
    let session = client.session(json!({"webhook_url": receiver.url})).await;
    client.task(&session, "mug").await;
    client.until_execution(&session, "waiting_for_input").await;
    client.task(&session, "M-7").await;
    client.until_execution(&session, "error").await;
    let bodies = eventually(async || {
        let bodies: Vec<Value> = receiver
            .received()
            .iter()
            .filter_map(|request| serde_json::from_str(&request.body).ok())
            .collect();
        bodies
            .iter()
            .any(|body| body["event"] == "task.error")
            .then_some(bodies)
    })
    .await;
    let field = |event: &str, name: &str| {
        let found = bodies.iter().find(|body| body["event"] == event).unwrap();
        found[name].clone()
    };
    assert_eq!(
        field("task.question", "context"),
        json!({"options": ["mug", 2]})
    );
    assert_eq!(field("task.error", "details"), json!({"sku": "M-7"}));
}

//! What is said of a scenario that is wrong: all of it, each with its line, in words of scenarios; and what can never play.

use crate::control::{Driver, options};
use crate::support::*;
use serde_json::{Value, json};
use sessionwire_emulator::{Fault, Scenario};

/// Words that belong to the libraries that read, and mean nothing to who writes a scenario.
const LEAKS: [&str; 12] = [
    "DuplicateKeyPolicy",
    "from_multiple",
    "struct",
    "variant",
    "expected ",
    "invalid type",
    "unknown field",
    "missing field",
    "EOF",
    "serde",
    "deserial",
    "u16",
];

fn problems(text: &str) -> Vec<String> {
    let error = Scenario::from_text(text).expect_err(text);
    let problems = error.problems().iter();
    let lines: Vec<String> = problems
        .map(|problem| {
            let line = problem.line.map_or(0, |line| line);
            format!("{line} {problem}")
        })
        .collect();
    let all = error.to_string();
    for problem in error.problems() {
        assert!(all.contains(&problem.problem), "{all}");
    }
    lines
}

#[test]
fn one_mistake_hides_no_other() {
    for (text, expected) in [
        // A misspelt `steps`, and a misspelt step in it.
        (
            "tasks:\n  - match: mug\n    stpes:\n      - thougth: x\n      - dleay: 1\n",
            vec![
                "3 tasks[0]: `stpes`",
                "4 tasks[0].steps[0]: `thougth`",
                "5 tasks[0].steps[1]: `dleay`",
            ],
        ),
        // A number as `match`.
        (
            "tasks:\n  - match: 5\n    once: maybe\n    steps:\n      - thougth: x\n",
            vec![
                "2 tasks[0].match: needs a text",
                "3 tasks[0].once: needs true",
                "5 tasks[0].steps[0]: `thougth`",
            ],
        ),
        // Two misspelt names of one entry, and of one step.
        (
            "tasks:\n  - mach: a\n    onec: true\n    steps: []\n  - steps:\n      - question: 7\n        sav: x\n        answers:\n          - mtch: a\n            steps: 3\n",
            vec![
                "2 tasks[0]: `mach`",
                "3 tasks[0]: `onec`",
                "7 tasks[1].steps[0]: `sav`",
                "6 tasks[1].steps[0].question: needs a text",
                "9 tasks[1].steps[0].answers[0]: `mtch`",
                "10 tasks[1].steps[0].answers[0].steps: needs a list",
            ],
        ),
        // At the top, in `match`, in turns.
        (
            "taskss:\n  - steps:\n      - delay: soon\nturns:\n  - match: {promt: a, nth: 0}\n    mode: 3\n    steps:\n      - plan: [{status: lost}]\n      - tool: x\n        takes: long\nseed: -1\ndialect: {txt: a}\n",
            vec![
                "1 the scenario: `taskss`",
                "3 tasks[0].steps[0].delay: needs a number",
                "5 turns[0].match: `promt`",
                "5 turns[0].match.nth: needs a whole number",
                "6 turns[0].mode: needs a text",
                "8 turns[0].steps[0].plan[0]: needs `content`",
                "8 turns[0].steps[0].plan[0].status: needs pending",
                "10 turns[0].steps[1].takes: needs a number",
                "12 dialect: `txt`",
                "11 seed: needs a whole number",
            ],
        ),
        // Inside of loops.
        (
            "tasks:\n  - steps:\n      - repeat: often\n        steps:\n          - thougth: a\n      - if: {}\n        steps:\n          - delay: x\n        esle:\n          - delay: y\n      - choose:\n          - weight: 0\n            steps: [{stp: a}]\n",
            vec![
                "3 tasks[0].steps[0].repeat: needs a whole number",
                "5 tasks[0].steps[0].steps[0]: `thougth`",
                "9 tasks[0].steps[1]: `esle`",
                "6 tasks[0].steps[1].if: needs at least one condition",
                "8 tasks[0].steps[1].steps[0].delay: needs a number",
                "10 tasks[0].steps[1].else[0].delay: needs a number",
                "12 tasks[0].steps[2].choose[0].weight: needs a number",
                "13 tasks[0].steps[2].choose[0].steps[0]: `stp`",
            ],
        ),
        // A name in braces, beside a mistake.
        (
            "tasks:\n  - steps:\n      - question: Which?\n        save: colour\n      - dlay: 1\n      - done: A {color} mug\n",
            vec![
                "5 tasks[0].steps[1]: `dlay`",
                "6 tasks[0].steps[2].done: nothing is known under `{color}`",
            ],
        ),
    ] {
        let found = problems(text);
        for wanted in &expected {
            assert!(
                found.iter().any(|problem| problem.starts_with(wanted)),
                "{wanted} is not in {found:#?}"
            );
        }
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        let mut ordered = found.clone();
        ordered.sort_by_key(|it| it.split(' ').next().unwrap().parse::<u64>().unwrap());
        assert_eq!(found, ordered, "in the order of the text");
    }
}

#[test]
fn it_speaks_of_scenarios_and_not_of_libraries() {
    let yaml = |steps: &str| format!("tasks:\n  - steps:\n{steps}");
    for (text, says) in [
        (
            "tasks: []\ntasks: []\n".to_owned(),
            "`tasks` is there twice",
        ),
        (
            yaml("      - done: a\n        done: b\n"),
            "`done` is there twice",
        ),
        (
            "tasks: []\n---\ntasks: []\n".to_owned(),
            "holds several documents",
        ),
        ("tasks:\n  - [\n".to_owned(), "not YAML"),
        ("tasks: *nobody\n".to_owned(), "not YAML"),
        ("tasks:\n\t- a\n".to_owned(), "not YAML"),
        ("5\n".to_owned(), "needs an object"),
        (String::new(), "needs an object"),
        ("{\"tasks\": [}".to_owned(), "not JSON"),
        ("{\"tasks\": [".to_owned(), "not JSON"),
        (
            "{\"tasks\": [], \"tasks\": [{\"steps\": [{\"done\": 1}]}]}".to_owned(),
            "`tasks` is there twice",
        ),
        (
            yaml("      - fault: {on: create, status: many}\n"),
            "`status` is the text \"many\", and must be a whole number",
        ),
        (yaml("      - fault: {on: nowhere}\n"), "nowhere"),
        (yaml("      - fault: {on: create, stats: 5}\n"), "`stats`"),
        (yaml("      - fault: 5\n"), "needs a fault"),
        (yaml("      - fault: {status: 503}\n"), "`on` is missing"),
        (
            yaml("      - fault: {on: create, status: 70000}\n"),
            "status",
        ),
        ("dialect: {text: loud}\n".to_owned(), "dialect"),
        ("dialect: {text: 5}\n".to_owned(), "dialect"),
        ("recorded: [5]\n".to_owned(), "recorded[0]"),
        ("recorded: [{method: 5}]\n".to_owned(), "recorded[0]"),
        ("recorded: [{colour: red}]\n".to_owned(), "recorded[0]"),
    ] {
        let said = Scenario::from_text(&text).expect_err(&text).to_string();
        assert!(said.contains(says), "{text}: {said}");
        for leak in LEAKS {
            assert!(!said.contains(leak), "{text}: {said}");
        }
    }
    for (text, says) in [
        ("create states=503", "states"),
        ("create status=many", "status"),
        ("create headers=5", "headers"),
        ("create delay=soon", "delay"),
        ("create status=503 times=x", "times"),
        ("create task=[1]", "task"),
        ("create headers={", "headers"),
    ] {
        let said = text.parse::<Fault>().expect_err(text).to_string();
        assert!(said.contains(says), "{text}: {said}");
        for leak in LEAKS {
            assert!(!said.contains(leak), "{text}: {said}");
        }
    }
}

#[tokio::test]
async fn over_http_all_of_it_is_told_with_lines() {
    let emulator = start(options()).await;
    let driver = Driver::new(&emulator);
    let text = "tasks:\n  - stpes:\n      - thougth: x\n";
    let answer = driver.call("PUT", "/scenario", text).await;
    assert_eq!(answer.status, 422);
    let told = answer.json();
    let places: Vec<(&str, u64)> = told["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["place"].as_str().unwrap(), it["line"].as_u64().unwrap()))
        .collect();
    assert_eq!(places, [("tasks[0]", 2), ("tasks[0].steps[0]", 3)]);
    let detail = told["detail"].as_str().unwrap();
    assert!(
        detail.contains("`stpes`") && detail.contains("`thougth`"),
        "{detail}"
    );
    let body = json!({"scenario": text}).to_string();
    let answer = driver.call("POST", "/worlds", &body).await;
    assert!(
        answer.text.contains("`stpes`") && answer.text.contains("`thougth`"),
        "{}",
        answer.text
    );
    let body =
        json!({"scenario": {"tasks": [{"match": 5, "steps": [{"thougth": 1}]}]}}).to_string();
    let answer = driver.call("POST", "/worlds", &body).await;
    assert!(
        answer.text.contains("tasks[0].match") && answer.text.contains("`thougth`"),
        "{}",
        answer.text
    );
    // A world is made with warnings, too; of data without lines.
    let shadowed = "tasks:\n  - steps: [{done: 1}]\n  - match: mug\n    steps: [{done: 2}]\n";
    let told = driver
        .ok("POST", "/worlds", json!({"scenario": shadowed}))
        .await;
    assert_eq!(
        (&told["warnings"][0]["place"], &told["warnings"][0]["line"]),
        (&json!("tasks[1]"), &json!(3))
    );
    let data = json!({"tasks": [{"steps": []}, {"match": "mug", "steps": []}]});
    let told = driver
        .ok("POST", "/worlds", json!({"scenario": data}))
        .await;
    assert_eq!(
        (&told["warnings"][0]["place"], &told["warnings"][0]["line"]),
        (&json!("tasks[1]"), &Value::Null)
    );
    // What can never play is said, and set.
    let text = "tasks:\n  - steps: [{done: 1}]\n  - match: mug\n    steps: [{done: 2}]\n";
    let told = driver.ok("PUT", "/scenario", text.into()).await;
    assert_eq!(
        (&told["tasks"], &told["warnings"][0]["line"]),
        (&json!(2), &json!(3))
    );
    let told = driver
        .ok("PUT", "/scenario", "tasks: [{steps: []}]".into())
        .await;
    assert_eq!(told["warnings"], Value::Array(Vec::new()));
}

fn warnings(text: &str) -> Vec<String> {
    let (_, warnings) = Scenario::check(text).expect(text);
    let lines = warnings.iter();
    lines
        .map(|it| format!("{} {}", it.line.unwrap_or_default(), it))
        .collect()
}

#[test]
fn what_can_never_play_is_told() {
    for (text, expected) in [
        (
            "tasks:\n  - steps: [{done: 1}]\n  - match: mug\n    steps: [{done: 2}]\n",
            vec![
                "3 tasks[1]: never plays: tasks[0] fits every task that it fits, comes first and plays each time. Put it before tasks[0]",
            ],
        ),
        (
            "tasks:\n  - match: mug\n    steps: [{done: 1}]\n  - match: red mug\n    once: true\n    steps: [{done: 2}]\n",
            vec!["4 tasks[1]: never plays: tasks[0]"],
        ),
        (
            "tasks:\n  - match: {regex: 'm.g'}\n    steps: []\n  - match: {equals: mug}\n    steps: []\n  - match: {equals: cup}\n    steps: []\n",
            vec!["4 tasks[1]: never plays: tasks[0]"],
        ),
        (
            "turns:\n  - mode: code\n    steps: []\n  - match: x\n    steps: []\n  - match: x\n    mode: code\n    steps: []\n",
            vec!["6 turns[2]: never plays: turns[0]"],
        ),
        (
            "tasks:\n  - steps:\n      - question: Which?\n        answers:\n          - steps: []\n          - match: blue\n            steps: []\n",
            vec![
                "6 tasks[0].steps[0].answers[1]: never plays: answers[0] fits every answer that it fits, and comes first. Put it before answers[0]",
            ],
        ),
        (
            "tasks:\n  - steps:\n      - done: 1\n      - thought: late\n      - log: later\n",
            vec![
                "4 tasks[0].steps[1]: never plays, nor what follows: the task has ended with steps[0]",
            ],
        ),
        (
            "tasks:\n  - steps:\n      - if: {task: a}\n        steps: [{done: 1}]\n        else: [{error: x}]\n      - thought: late\n",
            vec![
                "6 tasks[0].steps[1]: never plays, nor what follows: the task has ended with steps[0]",
            ],
        ),
        (
            "turns:\n  - steps:\n      - repeat: 2\n        steps:\n          - choose: [{steps: [{complete: true}]}, {steps: [{abort: x}]}]\n          - text: late\n",
            vec![
                "6 turns[0].steps[0].steps[1]: never plays, nor what follows: the turn has ended with steps[0]",
            ],
        ),
        (
            "tasks:\n  - steps:\n      - repeat: 0\n        steps: [{thought: x}]\n",
            vec!["3 tasks[0].steps[0]: its steps never play: `repeat` is 0"],
        ),
        // What may play.
        (
            "tasks:\n  - match: {nth: 1}\n    steps: []\n  - once: true\n    steps: []\n  - match: {task: mug, session: 1}\n    steps: []\n  - match: mug\n    steps: []\n  - match: {agent: x}\n    steps: []\n  - steps:\n      - question: a\n        answers: [{match: b, steps: [{done: 1}]}, {steps: [{thought: c}]}]\n      - if: {task: a}\n        steps: [{done: 1}]\n      - choose: [{steps: [{done: 1}]}, {steps: []}]\n      - repeat: 3\n        until: {task: x}\n        steps: [{thought: a}]\n      - done: 1\n",
            vec![],
        ),
    ] {
        let found = warnings(text);
        assert_eq!(found.len(), expected.len(), "{text}: {found:#?}");
        for (found, expected) in found.iter().zip(&expected) {
            assert!(found.starts_with(expected), "{found}\n{expected}");
        }
    }
}

#[tokio::test]
async fn what_is_told_never_to_play_never_does() {
    let text = "tasks:\n  - match: mug\n    steps: [{done: first}]\n  - match: red mug\n    once: true\n    steps: [{done: second}]\n";
    assert_eq!(warnings(text).len(), 1);
    let emulator = start(options()).await;
    emulator.scenario(Scenario::from_text(text).unwrap());
    let client = Client::new(&emulator);
    for _ in 0..2 {
        let session = client.session(json!({})).await;
        client.task(&session, "a red mug").await;
        assert_eq!(client.result(&session).await, "first");
    }
}

//! Batches with a journal: processes that stop or die in the midst of one, and those that go on.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use sessionwire::agi::{BatchTask, Client, FanOutItem, RunTasks, TaskOutcome};
use sessionwire::{Error, ErrorKind};
use sessionwire_emulator::Emulator;
use sessionwire_tests::ledger::Folder;
use sessionwire_tests::{
    build, client, client_with, count, emulator, emulator_with, fail, script, until,
};

fn shop() -> Value {
    json!([
        {"match": "fail", "once": false, "steps": [{"error": "sold out"}]},
        {"match": "which", "once": false, "steps": [{"question": "colour?"}, {"done": "asked"}]},
        {"match": "long", "once": false, "steps": [{"thought": "on it"}, {"done": "late", "after": 3600}]},
        {"once": false, "steps": [{"thought": "looking", "after": 0.005}, {"done": "{task}: bought", "after": 0.005}]},
    ])
}

async fn serving() -> Emulator {
    let emulator = emulator().await;
    script(&emulator, shop());
    emulator
}

fn plan<T: Into<BatchTask>>(journal: &Path, tasks: impl IntoIterator<Item = T>) -> RunTasks {
    RunTasks::new(tasks).journal(journal)
}

async fn all(client: &Client, plan: RunTasks) -> BTreeMap<String, TaskOutcome> {
    let mut outcomes = client.run_tasks(plan).unwrap();
    let mut all = BTreeMap::new();
    while let Some(outcome) = outcomes.next().await {
        let again = all.insert(outcome.id.clone(), outcome);
        assert!(again.is_none(), "{again:?}");
    }
    all
}

fn text(outcome: &TaskOutcome) -> &str {
    &outcome.result.as_ref().unwrap().text
}

fn error(outcome: &TaskOutcome) -> &Error {
    outcome.result.as_ref().unwrap_err()
}

fn refused(client: &Client, plan: RunTasks) -> Error {
    client.run_tasks(plan).expect_err("it is refused")
}

fn lines(journal: &Path) -> Vec<Value> {
    let text = fs::read_to_string(journal).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn journal(folder: &Folder) -> PathBuf {
    folder.path("batch.journal")
}

#[tokio::test]
async fn g03_a_batch_that_is_over_is_given_again_and_nothing_is_sent() {
    let (emulator, folder) = (serving().await, Folder::new());
    let (client, journal) = (client(&emulator), journal(&folder));
    let tasks = ["one", "fail", "which", "two"];
    let first = all(&client, plan(&journal, tasks)).await;
    assert_eq!(text(&first["0"]), "one: bought");
    assert_eq!(error(&first["1"]).kind(), ErrorKind::Task);
    assert_eq!(error(&first["2"]).kind(), ErrorKind::QuestionPending);
    let requests = emulator.requests().len();
    let again = all(&client, plan(&journal, tasks)).await;
    assert_eq!(emulator.requests().len(), requests);
    for (id, outcome) in &first {
        assert_eq!(outcome.index.to_string(), *id);
        assert!(!outcome.unfinished && !again[id].unfinished);
        match (&outcome.result, &again[id].result) {
            (Ok(one), Ok(other)) => assert_eq!(one, other),
            (Err(one), Err(other)) => {
                assert_eq!(one.kind(), other.kind());
                assert_eq!(one.to_string(), other.to_string());
                assert_eq!(one.message(), other.message());
                assert_eq!(one.session_id(), other.session_id());
                assert_eq!(one.reason(), other.reason());
                let question = |error: &Error| error.question().map(|event| event.text());
                assert_eq!(question(one), question(other));
            }
            pair => panic!("{pair:?}"),
        }
    }
    assert_eq!(
        (
            count(&emulator, "POST", "/message"),
            emulator.session_count()
        ),
        (4, 0)
    );
}

#[tokio::test]
async fn g03_who_stops_early_goes_on_with_the_same_sessions() {
    let (emulator, folder) = (serving().await, Folder::new());
    script(&emulator, shop());
    let (client, journal) = (client(&emulator), journal(&folder));
    let tasks: Vec<_> = (0..20).map(|n| format!("task {n}")).collect();
    for stops in 1.. {
        let mut outcomes = client.run_tasks(plan(&journal, tasks.clone())).unwrap();
        let mut seen = 0;
        while let Some(outcome) = outcomes.next().await {
            seen += usize::from(!outcome.unfinished);
            if seen == 4 * stops {
                break;
            }
        }
        outcomes.close().await;
        if seen == tasks.len() {
            break;
        }
    }
    let over = all(&client, plan(&journal, tasks.clone())).await;
    assert_eq!(over.len(), tasks.len());
    for outcome in over.values() {
        assert_eq!(text(outcome), format!("{}: bought", outcome.task));
    }
    assert_eq!(count(&emulator, "POST", "/message"), tasks.len());
    assert_eq!(count(&emulator, "POST", "/sessions"), tasks.len());
    assert_eq!(emulator.session_count(), 0);
}

/// A runtime that is dropped in the midst of its work does nothing more, as a process that is
/// killed.
#[test]
fn g03_who_dies_at_any_instant_is_followed_by_one_that_sends_nothing_twice() {
    let emulators = tokio::runtime::Runtime::new().unwrap();
    let emulator = emulators.block_on(serving());
    let folder = Folder::new();
    let journal = journal(&folder);
    let tasks: Vec<_> = (0..120).map(|n| format!("task {n}")).collect();
    let mut deaths = 0;
    loop {
        let process = tokio::runtime::Runtime::new().unwrap();
        let client = client(&emulator);
        let over = process.block_on(async {
            let run = async {
                let over = all(&client, plan(&journal, tasks.clone())).await;
                over.values()
                    .all(|outcome| !outcome.unfinished)
                    .then_some(over)
            };
            // Another instant each time; the service works on meanwhile.
            let instant = Duration::from_millis(29 * (deaths * 7 % 37 + 1));
            tokio::time::timeout(instant, run).await.ok().flatten()
        });
        process.shutdown_timeout(Duration::from_secs(5));
        deaths += 1;
        let Some(over) = over else {
            assert!(deaths < 200);
            continue;
        };
        assert_eq!(over.len(), tasks.len());
        for outcome in over.values() {
            assert_eq!(text(outcome), format!("{}: bought", outcome.task));
        }
        break;
    }
    assert!(deaths > 2, "{deaths}");
    assert_eq!(count(&emulator, "POST", "/message"), tasks.len());
    // A create whose answer nobody heard may leave one, in which nothing was sent.
    let created = count(&emulator, "POST", "/sessions");
    assert!(emulator.session_count() <= created - tasks.len());
}

#[tokio::test]
async fn equal_tasks_are_two() {
    let (emulator, folder) = (serving().await, Folder::new());
    let (client, journal) = (client(&emulator), journal(&folder));
    for _ in 0..2 {
        let over = all(&client, plan(&journal, ["one", "one"])).await;
        assert_eq!(
            (text(&over["0"]), text(&over["1"])),
            ("one: bought", "one: bought")
        );
        assert_eq!(count(&emulator, "POST", "/message"), 2);
    }
}

#[tokio::test]
async fn a_torn_line_is_no_entry_and_costs_nothing() {
    let (emulator, folder) = (serving().await, Folder::new());
    let (client, journal) = (client(&emulator), journal(&folder));
    all(&client, plan(&journal, ["one"])).await;
    let whole = fs::read(&journal).unwrap();
    for torn in [
        &b"{"[..],
        b"{\"event\":\"ended\",\"id\":\"0\"",
        b"\0\0\0\0",
        b"\xff\xfe{\"ev",
    ] {
        let mut file = fs::OpenOptions::new().append(true).open(&journal).unwrap();
        file.write_all(torn).unwrap();
        drop(file);
        let again = all(&client, plan(&journal, ["one", "two"])).await;
        assert_eq!(
            (text(&again["0"]), text(&again["1"])),
            ("one: bought", "two: bought")
        );
        assert!(fs::read(&journal).unwrap().starts_with(&whole));
        lines(&journal);
    }
    assert_eq!(count(&emulator, "POST", "/message"), 2);
    // Of a first line that was torn nothing was sent either.
    let first = folder.path("first");
    let begin = whole.split(|byte| *byte == b'\n').next().unwrap();
    for length in [1, 20, begin.len()] {
        fs::write(&first, &begin[..length]).unwrap();
        all(&client, plan(&first, ["one"])).await;
        fs::remove_file(&first).unwrap();
    }
}

#[tokio::test]
async fn what_is_no_journal_of_this_batch_is_refused_and_left_as_it_is() {
    let (emulator, folder) = (serving().await, Folder::new());
    let (client, journal) = (client(&emulator), journal(&folder));
    all(&client, plan(&journal, ["one", "two"])).await;
    let good = fs::read_to_string(&journal).unwrap();
    let requests = emulator.requests().len();
    let middle = good.find("\"sent\"").unwrap();
    let damaged = format!("{}{}", &good[..middle], &good[middle + 3..]);
    for (text, words) in [
        ("{\"message\": \"a task\"}\n".to_owned(), "is no journal"),
        ("a task".to_owned(), "is no journal"),
        (damaged, "is damaged"),
        (good.replacen("\"v\":1", "\"v\":2", 1), "later version"),
        (
            good.replacen(emulator.url(), "https://api.shop.example/v1", 1),
            "sessions of https://api.shop",
        ),
    ] {
        fs::write(&journal, &text).unwrap();
        let error = refused(&client, plan(&journal, ["one", "two"]));
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(fs::read_to_string(&journal).unwrap(), text);
    }
    fs::write(&journal, &good).unwrap();
    for (tasks, words) in [
        (
            vec![BatchTask::new("one"), BatchTask::new("three")],
            ["index 1", "message changed"],
        ),
        (
            vec![BatchTask::new("one").start_url("https://shop.example")],
            ["index 0", "start_url changed"],
        ),
        (
            vec![BatchTask::new("one").agent_name("agi-1")],
            ["index 0", "`create` changed"],
        ),
    ] {
        let error = refused(&client, plan(&journal, tasks));
        for words in words {
            assert!(error.to_string().contains(words), "{error}");
        }
    }
    let paths = [
        folder.path(""),
        folder.path("nowhere/journal"),
        "/dev/full".into(),
    ];
    for path in paths {
        assert_eq!(
            refused(&client, plan(&path, ["one"])).kind(),
            ErrorKind::Config
        );
    }
    assert_eq!(
        refused(&client, plan(Path::new(""), ["one"])).kind(),
        ErrorKind::InvalidRequest
    );
    assert_eq!(emulator.requests().len(), requests);
}

#[tokio::test]
async fn one_at_a_time_works_by_a_journal() {
    let (emulator, folder) = (serving().await, Folder::new());
    let (client, journal) = (client(&emulator), journal(&folder));
    let outcomes = client.run_tasks(plan(&journal, ["long"])).unwrap();
    let error = refused(&client, plan(&journal, ["long"]));
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Conflict, Some("journal_in_use"))
    );
    assert!(
        error
            .to_string()
            .contains("This process works by the journal"),
        "{error}"
    );
    until("the task", || count(&emulator, "POST", "/message") == 1).await;
    outcomes.close().await;
    // Closed, and not yet dropped: the next one may begin.
    let next = client.run_tasks(plan(&journal, ["long"])).unwrap();
    next.close().await;
    assert_eq!(count(&emulator, "POST", "/message"), 1);
    drop(outcomes);
}

#[tokio::test]
async fn g03_what_was_sent_for_sure_not_is_sent_at_the_next_start() {
    let (emulator, folder) = (serving().await, Folder::new());
    let (client, journal) = (client(&emulator), journal(&folder));
    fail(
        &emulator,
        json!({"on": "create", "status": 403, "times": 1}),
    );
    let first = all(&client, plan(&journal, ["one"])).await;
    assert_eq!(error(&first["0"]).kind(), ErrorKind::PermissionDenied);
    assert!(first["0"].unfinished);
    fail(
        &emulator,
        json!({"on": "message", "status": 403, "times": 1}),
    );
    let second = all(&client, plan(&journal, ["one"])).await;
    assert_eq!(error(&second["0"]).kind(), ErrorKind::PermissionDenied);
    assert!(second["0"].unfinished);
    assert_eq!(emulator.session_count(), 0);
    let third = all(&client, plan(&journal, ["one"])).await;
    assert_eq!(text(&third["0"]), "one: bought");
    assert_eq!(emulator.session_count(), 0);
    assert!(client.settle(Duration::from_secs(5)).await.is_empty());
}

#[tokio::test]
async fn g03_failed_tasks_are_sent_once_more_not_once_for_each_start() {
    let (emulator, folder) = (serving().await, Folder::new());
    let (client, journal) = (client(&emulator), journal(&folder));
    let tasks: Vec<_> = (0..6).map(|n| format!("fail {n}")).collect();
    let retrying = || {
        plan(&journal, tasks.clone())
            .retry_failed(true)
            .concurrency(1)
    };
    all(&client, plan(&journal, tasks.clone())).await;
    // Each start is left after the first task that it sends, until one has nothing to leave.
    let mut starts = 0;
    loop {
        starts += 1;
        let mut outcomes = client.run_tasks(retrying()).unwrap();
        let before = count(&emulator, "POST", "/message");
        while count(&emulator, "POST", "/message") == before && outcomes.next().await.is_some() {}
        outcomes.close().await;
        if lines(&journal).last().unwrap()["event"] == "finished" {
            break;
        }
    }
    assert!(starts > 2, "{starts}");
    assert_eq!(count(&emulator, "POST", "/message"), 2 * tasks.len());
    // That was one round; this is another.
    all(&client, retrying()).await;
    assert_eq!(count(&emulator, "POST", "/message"), 3 * tasks.len());
}

/// Sends a task that takes a while, and leaves it in its session.
async fn leave(client: &Client, journal: &Path, task: impl Into<BatchTask>) {
    let outcomes = client.run_tasks(plan(journal, [task.into()])).unwrap();
    until("the task", || {
        lines(journal).iter().any(|line| line["event"] == "sent")
    })
    .await;
    outcomes.close().await;
}

#[tokio::test]
async fn a_task_that_is_refused_as_it_is_failed() {
    let (emulator, folder) = (serving().await, Folder::new());
    let (client, journal) = (client(&emulator), journal(&folder));
    fail(
        &emulator,
        json!({"on": "message", "status": 422, "times": 1}),
    );
    for _ in 0..2 {
        let over = all(&client, plan(&journal, ["one"])).await;
        assert_eq!(error(&over["0"]).kind(), ErrorKind::UnprocessableEntity);
        assert!(!over["0"].unfinished);
    }
    assert_eq!(count(&emulator, "POST", "/message"), 1);
    assert_eq!(emulator.session_count(), 0);
}

#[tokio::test]
async fn g03_a_page_with_404_ends_no_task() {
    let (emulator, folder) = (emulator().await, Folder::new());
    script(
        &emulator,
        json!([{"once": false, "steps": [{"thought": "looking", "after": 0.3}, {"done": "bought"}]}]),
    );
    let (client, journal) = (
        client_with(&emulator, json!({"max_retries": 0})),
        journal(&folder),
    );
    leave(&client, &journal, "one").await;
    fail(
        &emulator,
        json!({"on": "messages", "status": 404, "body": "<html>Not here</html>", "times": 1}),
    );
    let lost = all(&client, plan(&journal, ["one"])).await;
    assert_eq!(error(&lost["0"]).kind(), ErrorKind::NotFound);
    assert!(lost["0"].unfinished);
    let over = all(&client, plan(&journal, ["one"])).await;
    assert_eq!(text(&over["0"]), "bought");
    assert_eq!(count(&emulator, "POST", "/message"), 1);
    assert_eq!(emulator.session_count(), 0);
}

#[tokio::test]
async fn g03_another_key_ends_no_task() {
    let folder = Folder::new();
    let emulator = emulator_with(json!({"api_keys": ["key-a", "key-b"]})).await;
    script(
        &emulator,
        json!([{"once": false, "steps": [{"thought": "looking", "after": 0.3}, {"done": "bought"}]}]),
    );
    let [one, other] = ["key-a", "key-b"].map(|key| {
        build(json!({"api_key": key, "base_url": emulator.url(), "max_retries": 0})).unwrap()
    });
    let journal = journal(&folder);
    leave(&one, &journal, "one").await;
    let lost = all(&other, plan(&journal, ["one"]).retry_failed(true)).await;
    assert!(lost["0"].unfinished);
    let told = error(&lost["0"]).to_string();
    assert!(told.contains("Another API key created"), "{told}");
    let over = all(&one, plan(&journal, ["one"])).await;
    assert_eq!(text(&over["0"]), "bought");
    assert_eq!(count(&emulator, "POST", "/message"), 1);
    assert_eq!(emulator.session_count(), 0);
    // What failed is deleted by its own key alone.
    script(
        &emulator,
        json!([{"once": false, "steps": [{"error": "sold out"}]}]),
    );
    let second = folder.path("second");
    fail(
        &emulator,
        json!({"on": "delete", "status": 500, "times": 100}),
    );
    let left = all(&one, plan(&second, ["two"])).await;
    assert!(left["0"].undeleted.is_some());
    emulator.clear_faults();
    let still = all(&other, plan(&second, ["two"])).await;
    let told = still["0"].undeleted.as_ref().unwrap().to_string();
    assert!(told.contains("Another API key created"), "{told}");
    assert!(
        all(&one, plan(&second, ["two"])).await["0"]
            .undeleted
            .is_none()
    );
    assert_eq!(emulator.session_count(), 0);
}

#[tokio::test]
async fn g03_time_that_is_up_while_the_service_is_out_of_reach_ends_no_task() {
    let (emulator, folder) = (emulator().await, Folder::new());
    script(
        &emulator,
        json!([{"once": false, "steps": [{"thought": "looking", "after": 0.3}, {"done": "bought"}]}]),
    );
    let (client, journal) = (
        client_with(&emulator, json!({"max_retries": 0})),
        journal(&folder),
    );
    let task = || BatchTask::new("one").timeout(Duration::from_millis(500));
    leave(&client, &journal, task()).await;
    fail(
        &emulator,
        json!({"on": "messages", "hang": true, "times": 1}),
    );
    fail(
        &emulator,
        json!({"on": "messages", "status": 503, "times": 1}),
    );
    let lost = all(&client, plan(&journal, [task()])).await;
    assert!(lost["0"].unfinished, "{:?}", lost["0"]);
    // It ended meanwhile: its time says nothing then.
    fail(
        &emulator,
        json!({"on": "messages", "hang": true, "times": 1}),
    );
    let over = all(&client, plan(&journal, [task()])).await;
    assert_eq!(text(&over["0"]), "bought");
    assert_eq!(count(&emulator, "POST", "/message"), 1);
    assert_eq!(emulator.session_count(), 0);
}

#[tokio::test]
async fn g05_a_session_that_could_not_be_deleted_is_told_until_it_is_gone() {
    let (emulator, folder) = (serving().await, Folder::new());
    let (client, journal) = (
        client_with(&emulator, json!({"max_retries": 0})),
        journal(&folder),
    );
    fail(
        &emulator,
        json!({"on": "delete", "status": 500, "times": 100}),
    );
    for retry in [false, false, true] {
        let over = all(&client, plan(&journal, ["fail"]).retry_failed(retry)).await;
        let told = match retry {
            false => over["0"].undeleted.as_ref(),
            true => over["0"].result.as_ref().err(),
        };
        assert_eq!(told.unwrap().kind(), ErrorKind::InternalServer);
        assert_eq!(over["0"].unfinished, retry);
    }
    assert_eq!(count(&emulator, "POST", "/message"), 1);
    // Nobody asks for it any more: it is told where the client ends.
    all(&client, plan(&journal, Vec::<String>::new())).await;
    let told = client.settle(Duration::from_secs(5)).await;
    assert!(
        told.iter().any(|left| left.to_string().contains("\"0\"")),
        "{told:?}"
    );
    emulator.clear_faults();
    let over = all(&client, plan(&journal, ["fail"]).retry_failed(true)).await;
    assert_eq!(error(&over["0"]).kind(), ErrorKind::Task);
    assert_eq!(emulator.session_count(), 0);
}

#[tokio::test]
async fn the_order_of_names_in_a_task_means_nothing() {
    let (emulator, folder) = (serving().await, Folder::new());
    let (client, journal) = (client(&emulator), journal(&folder));
    for text in [
        r#"{"message": "one", "extra_body": {"a": 1, "b": {"c": 2, "d": 3}}}"#,
        r#"{"message": "one", "extra_body": {"b": {"d": 3, "c": 2}, "a": 1}}"#,
    ] {
        let task: BatchTask = serde_json::from_str(text).unwrap();
        assert!(!all(&client, plan(&journal, [task])).await["0"].unfinished);
    }
    assert_eq!(count(&emulator, "POST", "/message"), 1);
}

#[tokio::test]
async fn g03_a_task_that_failed_is_sent_again_only_where_that_is_asked_for() {
    let (emulator, folder) = (serving().await, Folder::new());
    let (client, journal) = (client(&emulator), journal(&folder));
    let tasks = ["one", "fail"];
    all(&client, plan(&journal, tasks)).await;
    all(&client, plan(&journal, tasks)).await;
    assert_eq!(count(&emulator, "POST", "/message"), 2);
    script(
        &emulator,
        json!([{"once": false, "steps": [{"done": "{task}: at last"}]}]),
    );
    let again = all(&client, plan(&journal, tasks).retry_failed(true)).await;
    assert_eq!(text(&again["0"]), "one: bought");
    assert_eq!(text(&again["1"]), "fail: at last");
    assert_eq!(count(&emulator, "POST", "/message"), 3);
    let last = all(&client, plan(&journal, tasks).retry_failed(true)).await;
    assert_eq!(text(&last["1"]), "fail: at last");
    assert_eq!(count(&emulator, "POST", "/message"), 3);
    let error = refused(&client, RunTasks::new(tasks).retry_failed(true));
    assert!(error.to_string().contains("`retry_failed`"), "{error}");
}

#[tokio::test]
async fn g03_a_session_that_is_gone_is_no_reason_to_send_again() {
    let (emulator, folder) = (serving().await, Folder::new());
    let (client, journal) = (client(&emulator), journal(&folder));
    let outcomes = client.run_tasks(plan(&journal, ["long"])).unwrap();
    until("the task", || {
        lines(&journal).iter().any(|line| line["event"] == "sent")
    })
    .await;
    outcomes.close().await;
    client.sessions().delete_all().await.unwrap();
    for _ in 0..2 {
        let over = all(&client, plan(&journal, ["long"])).await;
        assert_eq!(error(&over["0"]).kind(), ErrorKind::NotFound);
        assert!(!over["0"].unfinished);
    }
    assert_eq!(count(&emulator, "POST", "/message"), 1);
}

#[tokio::test]
async fn g05_a_create_whose_answer_was_lost_is_told() {
    let (emulator, folder) = (serving().await, Folder::new());
    let (client, journal) = (client(&emulator), journal(&folder));
    all(&client, plan(&journal, Vec::<String>::new())).await;
    let mut file = fs::OpenOptions::new().append(true).open(&journal).unwrap();
    let digest = {
        let other = folder.path("other");
        all(&client, plan(&other, ["one"])).await;
        let creating = lines(&other)
            .into_iter()
            .find(|line| line["event"] == "creating");
        creating.unwrap()["digest"].clone()
    };
    let line = json!({
        "event": "creating", "id": "0", "digest": digest, "agent_name": "agi-0", "time": "2026-11-29T07:00:00Z",
    });
    writeln!(file, "{line}").unwrap();
    let over = all(&client, plan(&journal, ["one"])).await;
    assert_eq!(text(&over["0"]), "one: bought");
    let told = client.settle(Duration::from_secs(5)).await;
    assert_eq!(told.len(), 1);
    assert!(
        told[0]
            .to_string()
            .contains("agi-0 at 2026-11-29T07:00:00Z"),
        "{}",
        told[0]
    );
    let over = all(&client, plan(&journal, ["one"])).await;
    assert_eq!(text(&over["0"]), "one: bought");
    let again = client.settle(Duration::from_secs(5)).await;
    assert!(again.is_empty(), "{again:?}");
}

#[tokio::test]
async fn g02_a_task_whose_question_could_not_be_answered_goes_on_at_the_next_start() {
    let (emulator, folder) = (serving().await, Folder::new());
    let (client, journal) = (client(&emulator), journal(&folder));
    let outcomes = client
        .run_tasks(plan(&journal, ["which", "one"]).asks(true))
        .unwrap();
    let mut over = BTreeMap::new();
    while !outcomes.is_over() {
        outcomes.ready().await;
        match outcomes.try_take() {
            Some(FanOutItem::Question { number, .. }) => outcomes.fail(number),
            Some(FanOutItem::Outcome(outcome)) => drop(over.insert(outcome.index, outcome)),
            _ => {}
        }
    }
    assert_eq!(error(&over[&0]).kind(), ErrorKind::QuestionPending);
    assert!(over[&0].unfinished && !over[&1].unfinished);
    assert_eq!(emulator.session_count(), 1);
    let outcomes = client
        .run_tasks(plan(&journal, ["which", "one"]).asks(true))
        .unwrap();
    let mut asked = 0;
    while !outcomes.is_over() {
        outcomes.ready().await;
        match outcomes.try_take() {
            Some(FanOutItem::Question { number, .. }) => {
                asked += 1;
                outcomes.reply(number, Some("blue".to_owned()));
            }
            Some(FanOutItem::Outcome(outcome)) => {
                assert!(outcome.result.is_ok() && !outcome.unfinished, "{outcome:?}");
            }
            _ => {}
        }
    }
    assert_eq!(asked, 1);
    // Both tasks, and the answer.
    assert_eq!(count(&emulator, "POST", "/message"), 3);
    assert_eq!(emulator.session_count(), 0);
}

#[tokio::test]
async fn a_task_may_have_its_own_id_page_agent_and_time() {
    let (emulator, folder) = (serving().await, Folder::new());
    let (client, journal) = (client(&emulator), journal(&folder));
    let plan: RunTasks = serde_json::from_value(json!({
        "journal": journal,
        "start_url": "https://shop.example/",
        "create": {"agent_name": "agi-1", "goal": "buy"},
        "tasks": [
            "one",
            {"message": "two", "id": 7, "start_url": "https://shop.example/mugs", "agent_name": "agi-0-fast"},
            {"message": "long", "id": "c\u{2028}d", "timeout": 0.2, "goal": "look", "start_url": null},
        ],
    }))
    .unwrap();
    let over = all(&client, plan).await;
    assert_eq!(over.keys().collect::<Vec<_>>(), ["0", "7", "c\u{2028}d"]);
    assert_eq!(error(&over["c\u{2028}d"]).kind(), ErrorKind::TaskTimeout);
    let bodies = |path: &str| {
        let requests = emulator.requests();
        let sent = requests
            .iter()
            .filter(|request| request.method == "POST" && request.path.ends_with(path));
        let mut bodies: Vec<Value> = sent
            .map(|request| serde_json::from_str(&request.body).unwrap())
            .collect();
        bodies.sort_by_key(Value::to_string);
        bodies
    };
    assert_eq!(
        bodies("/sessions"),
        [
            json!({"agent_name": "agi-0-fast", "goal": "buy"}),
            json!({"agent_name": "agi-1", "goal": "buy"}),
            json!({"agent_name": "agi-1", "goal": "look"}),
        ]
    );
    assert_eq!(
        bodies("/message"),
        [
            json!({"message": "long", "start_url": "https://shop.example/"}),
            json!({"message": "one", "start_url": "https://shop.example/"}),
            json!({"message": "two", "start_url": "https://shop.example/mugs"}),
        ]
    );
}

#[tokio::test]
async fn bad_tasks_are_refused_by_their_place_and_make_no_journal() {
    let (emulator, folder) = (serving().await, Folder::new());
    let (client, journal) = (client(&emulator), journal(&folder));
    for (tasks, words) in [
        (
            json!(["one", {"message": "two", "id": "0"}]),
            "indexes 0 and 1",
        ),
        (
            json!([{"message": "one", "id": 3}, {"message": "two", "id": "3"}]),
            "indexes 0 and 1",
        ),
        (json!([{"message": "one", "id": ""}]), "`id` is empty"),
        (json!([{"message": ""}]), "index 0"),
        (
            json!(["one", {"message": "two", "start_ulr": "https://x"}]),
            "index 1: `start_ulr` is not known",
        ),
        (json!([{"message": "two", "max_steps": "many"}]), "index 0"),
        (
            json!([{"message": "two", "snapshot": {}}]),
            "`snapshot` holds",
        ),
    ] {
        let tasks: Vec<BatchTask> = serde_json::from_value(tasks).unwrap();
        let error = refused(&client, plan(&journal, tasks));
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert!(error.to_string().contains(words), "{error}");
    }
    for task in [
        json!(7),
        json!({"id": "a"}),
        json!({"message": 7}),
        json!({"message": "a", "timeout": -1}),
        json!({"message": "a", "id": 1.5}),
    ] {
        serde_json::from_value::<BatchTask>(task).unwrap_err();
    }
    let late = serde_json::from_value::<BatchTask>(json!({"message": "a", "timeout": "5"}));
    let told = late.unwrap_err().to_string();
    assert!(
        told.contains("a number of seconds, such as 300, not \"5\""),
        "{told}"
    );
    assert!(!journal.exists());
    assert_eq!(emulator.requests().len(), 0);
}

#[tokio::test]
async fn g07_a_journal_is_for_its_user_alone_and_holds_no_key() {
    let (emulator, folder) = (serving().await, Folder::new());
    let (client, journal) = (client(&emulator), journal(&folder));
    fail(
        &emulator,
        json!({"on": "create", "status": 500, "body": emulator.api_key(), "times": 1}),
    );
    all(&client, plan(&journal, ["one", "fail"])).await;
    let text = fs::read_to_string(&journal).unwrap();
    assert!(!text.contains(emulator.api_key()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(&journal).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

//! A ledger, and what `reap` makes of it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sessionwire::ErrorKind;
use sessionwire::agi::{Client, CreateSession, ReapReport, SendMessage, Session};
use sessionwire_emulator::Emulator;
use sessionwire_tests::ledger::{Folder, lock_names, locks_of};
use sessionwire_tests::{build, emulator_with, fail, read};

pub(crate) async fn g05_what_dead_processes_left(case: Value) {
    let emulator = emulator_with(json!({"api_keys": ["first", "other"]})).await;
    let folder = Folder::new();
    let original = folder.path("ledger");
    let client = client(&emulator, "first", &original);
    let mut created = Vec::new();
    for step in case["steps"].as_array().unwrap() {
        take(step.as_str().unwrap(), &emulator, &client, &mut created).await;
    }
    let left = as_if_dead(&case, &folder, &original);
    for fault in case["faults"].as_array().into_iter().flatten() {
        fail(&emulator, fault.clone());
    }
    let reaper = self::client(&emulator, case["key"].as_str().unwrap_or("first"), &left);
    let options = case.get("options").cloned().unwrap_or_else(|| json!({}));
    for name in ["reports", "again"] {
        let options = read(options.clone(), ErrorKind::InvalidRequest).unwrap();
        let reports = reaper.sessions().reap(options).await.unwrap();
        let expected = case[name].as_array().cloned().unwrap_or_default();
        check(&case["id"], &reports, &expected, &created);
    }
    assert_eq!(emulator.session_count(), case["sessions"], "{}", case["id"]);
    let empty = std::fs::read(&left).unwrap().is_empty();
    assert_eq!(empty, case["empty"], "{}", case["id"]);
}

fn client(emulator: &Emulator, key: &str, ledger: &Path) -> Client {
    build(json!({"base_url": emulator.url(), "api_key": key, "ledger": ledger, "max_retries": 0}))
        .unwrap()
}

async fn take(step: &str, emulator: &Emulator, client: &Client, created: &mut Vec<Session>) {
    let sessions = client.sessions();
    let create = sessions.create(CreateSession::default());
    match step {
        "create" => created.push(create.await.unwrap()),
        "lost" | "refused" => {
            let status = if step == "lost" { 500 } else { 403 };
            fail(emulator, json!({"on": "create", "status": status}));
            let error = create.await.unwrap_err();
            assert_eq!(error.maybe_delivered(), step == "lost");
        }
        "send" => {
            let newest = created.last().unwrap();
            newest.send_message(SendMessage::new("go")).await.unwrap();
        }
        "cancel" => drop(created.last().unwrap().cancel().await.unwrap()),
        "release" => sessions.release(created.last().unwrap().id()).unwrap(),
        "delete" => drop(created[0].delete().await.unwrap()),
        other => panic!("unknown step {other}"),
    }
}

/// The ledger as it is found when its process has died.
fn as_if_dead(case: &Value, folder: &Folder, original: &Path) -> PathBuf {
    let lock = case["lock"].as_str().unwrap_or("dead");
    if lock == "held" {
        return original.to_owned();
    }
    let copy = folder.path("copy");
    let mut text = std::fs::read_to_string(original).unwrap();
    for more in case["append"].as_array().into_iter().flatten() {
        text += more.as_str().unwrap();
    }
    std::fs::write(&copy, text).unwrap();
    if lock == "dead" {
        std::fs::create_dir(locks_of(&copy)).unwrap();
        for name in lock_names(original) {
            std::fs::write(locks_of(&copy).join(name), "").unwrap();
        }
    }
    copy
}

fn check(id: &Value, reports: &[ReapReport], expected: &[Value], created: &[Session]) {
    assert_eq!(reports.len(), expected.len(), "{id}: {reports:?}");
    for (report, expected) in reports.iter().zip(expected) {
        let shown = json!(report);
        assert_eq!(shown["outcome"], expected["outcome"], "{id}: {shown}");
        let session = expected["session"].as_u64();
        let session = session.map(|place| created[usize::try_from(place).unwrap()].id());
        assert_eq!(report.session_id.as_deref(), session, "{id}: {shown}");
        assert_eq!(report.agent_name, "agi-0", "{id}");
        assert!(report.created_at.ends_with('Z'), "{id}: {shown}");
        let working = expected["working"].as_bool().unwrap_or_default();
        assert_eq!(report.working, working, "{id}");
        let error = report.error.as_ref().map(|error| error.kind().name());
        assert_eq!(error, expected["error"].as_str(), "{id}: {shown}");
    }
}

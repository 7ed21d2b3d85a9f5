//! Ledgers of processes that are killed, of processes that live, and of paths that cannot
//! be written.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use sessionwire::ErrorKind;
use sessionwire::agi::{
    Client, CreateSession, ReapOptions, ReapOutcome, ReapReport, ResumeOptions, SnapshotOptions,
    StartTask,
};
use sessionwire_emulator::Emulator;
use sessionwire_tests::ledger::{Folder, lock_names, locks_of};
use sessionwire_tests::{build, client, client_with, count, emulator, fail, session, until};

/// A process with a ledger, killed when it is dropped.
struct Process(Child);

impl Process {
    fn start(emulator: &Emulator, ledger: &Path, mode: &str) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_sessionwire-ledger"))
            .arg(emulator.url())
            .arg(emulator.api_key())
            .args([ledger.as_os_str(), mode.as_ref()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// What it says next.
    async fn says(&mut self) -> String {
        let stdout = self.0.stdout.take().unwrap();
        let read = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).unwrap();
            line.trim().to_owned()
        });
        read.await.unwrap()
    }

    /// Ends it as nothing else does: by SIGKILL.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn with_ledger(emulator: &Emulator, ledger: &Path) -> Client {
    client_with(emulator, json!({ "ledger": ledger }))
}

async fn reap(client: &Client) -> Vec<ReapReport> {
    client.sessions().reap(ReapOptions::new()).await.unwrap()
}

fn is_certain(report: &ReapReport) -> bool {
    matches!(report.outcome, ReapOutcome::Deleted | ReapOutcome::Gone)
}

#[tokio::test]
async fn g05_what_killed_processes_left_is_deleted_and_nothing_else() {
    let emulator = emulator().await;
    let folder = Folder::new();
    let ledger = folder.path("ledger");
    // One lives, one is just creating, and one client here has a session, too.
    let mut living = Process::start(&emulator, &ledger, "still");
    let living_session = living.says().await;
    let own = with_ledger(&emulator, &ledger);
    let own_session = session(&own).await;
    // Instants spread over what such a process does, by how much the emulator heard.
    let mut lost = 0;
    for requests in 1..=24 {
        let heard = emulator.requests().len();
        let mut killed = Process::start(&emulator, &ledger, "busy");
        assert_eq!(killed.says().await, "busy");
        until("its requests", || {
            emulator.requests().len() >= heard + requests
        })
        .await;
        killed.kill();
        if requests % 6 == 0 {
            // It may do so while somebody else reaps; what is certain is deleted all the same.
            lost += check_reaped(&reap(&own).await);
        }
    }
    // Always: a create of one that was killed may come late.
    fail(
        &emulator,
        json!({"on": "create", "delay": 3600.0, "times": 0}),
    );
    let mut creating = Process::start(&emulator, &ledger, "creating");
    let owner = format!("\"owner\":\"{}-", creating.0.id());
    until("its create", || {
        std::fs::read_to_string(&ledger).unwrap().contains(&owner)
    })
    .await;
    lost += check_reaped(&reap(&own).await);
    let mut left = remaining(&own).await;
    left.retain(|id| *id != living_session && id != own_session.id());
    // What is left beyond the living are sessions whose creates were cut off.
    assert!(left.len() <= lost, "{left:?}, {lost} were told");
    // Once they die, theirs goes as well; nothing is deleted twice.
    living.kill();
    creating.kill();
    let reports = reap(&own).await;
    let certain: Vec<_> = reports.iter().filter(|report| is_certain(report)).collect();
    assert_eq!(certain.len(), 1, "{reports:?}");
    assert_eq!(certain[0].session_id.as_deref(), Some(&*living_session));
    assert_eq!(reports.len(), 2, "{reports:?}");
    assert_eq!(reports[1].outcome, ReapOutcome::Perhaps);
    assert!(reap(&own).await.is_empty());
    assert!(remaining(&own).await.contains(&own_session.id().to_owned()));
}

/// All was deleted but what nobody knows; how many these are.
fn check_reaped(reports: &[ReapReport]) -> usize {
    for report in reports {
        let known = report.session_id.is_some();
        assert_eq!(known, is_certain(report), "{report:?}");
    }
    reports.iter().filter(|report| !is_certain(report)).count()
}

async fn remaining(client: &Client) -> Vec<String> {
    let sessions = client.sessions().list().await.unwrap();
    sessions.iter().map(|each| each.id().to_owned()).collect()
}

#[tokio::test]
async fn g05_a_task_that_another_process_resumed_keeps_its_session() {
    let emulator = emulator().await;
    let folder = Folder::new();
    let ledger = folder.path("ledger");
    let mut killed = Process::start(&emulator, &ledger, "still");
    let id = killed.says().await;
    let plain = client(&emulator);
    let task = plain.sessions().attach(&id).unwrap();
    let task = task.start_task(StartTask::new("go")).await.unwrap();
    let own = with_ledger(&emulator, &ledger);
    own.resume(&task.handle(), ResumeOptions::default())
        .await
        .unwrap();
    killed.kill();
    assert!(reap(&own).await.is_empty());
    assert_eq!(emulator.session_count(), 1);
    own.sessions()
        .delete(&id, SnapshotOptions::default())
        .await
        .unwrap();
    assert!(reap(&own).await.is_empty());
    assert_eq!(std::fs::read_to_string(&ledger).unwrap(), "");
}

#[tokio::test]
async fn a_process_that_left_nothing_leaves_no_lock() {
    let emulator = emulator().await;
    let folder = Folder::new();
    let ledger = folder.path("ledger");
    let client = with_ledger(&emulator, &ledger);
    let first = session(&client).await;
    let second = session(&client).await;
    assert_eq!(lock_names(&ledger).len(), 1);
    first.delete().await.unwrap();
    assert_eq!(lock_names(&ledger).len(), 1);
    second.delete().await.unwrap();
    assert_eq!(lock_names(&ledger), Vec::<String>::new());
    assert!(reap(&client).await.is_empty());
    assert_eq!(std::fs::read_to_string(&ledger).unwrap(), "");
}

#[tokio::test]
async fn g07_a_ledger_holds_no_key_and_nothing_of_what_is_said() {
    let emulator = emulator().await;
    let folder = Folder::new();
    let ledger = folder.path("ledger");
    let client = with_ledger(&emulator, &ledger);
    let own = session(&client).await;
    let message = sessionwire::agi::SendMessage::new("my password is swordfish");
    own.send_message(message).await.unwrap();
    let text = std::fs::read_to_string(&ledger).unwrap();
    assert!(text.contains(own.id()), "{text}");
    assert!(!text.contains(emulator.api_key()), "{text}");
    assert!(!text.contains("swordfish"), "{text}");
    let events: Vec<Value> = text
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["event"].clone())
        .collect();
    assert_eq!(events, ["creating", "created", "sent"]);
}

#[cfg(unix)]
#[tokio::test]
async fn g07_a_ledger_is_for_its_user_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let emulator = emulator().await;
    let folder = Folder::new();
    let ledger = folder.path("ledger");
    let client = with_ledger(&emulator, &ledger);
    let _session = session(&client).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&ledger), 0o600);
    assert_eq!(mode(&locks_of(&ledger)), 0o700);
    let lock = locks_of(&ledger).join(&lock_names(&ledger)[0]);
    assert_eq!(mode(&lock), 0o600);
}

#[tokio::test]
async fn g08_a_ledger_that_cannot_be_written_is_refused_at_once() {
    let emulator = emulator().await;
    let folder = Folder::new();
    for (path, part) in [
        (folder.path(""), "it is a folder"),
        (folder.path("missing/ledger"), "its folder does not exist"),
    ] {
        let options = json!({"base_url": emulator.url(), "api_key": "key", "ledger": path});
        let error = build(options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(part), "{error}");
        assert!(error.to_string().contains("`ledger`"), "{error}");
    }
    let error = build(json!({"api_key": "key", "ledger": ""})).unwrap_err();
    assert!(error.to_string().contains("`ledger`"), "{error}");
    let client = client_with(&emulator, json!({}));
    let error = client
        .sessions()
        .reap(ReapOptions::new())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("SESSIONWIRE_LEDGER"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn g05_a_create_that_cannot_be_noted_is_not_sent() {
    let emulator = emulator().await;
    let folder = Folder::new();
    // A device that is always full.
    let ledger = folder.path("ledger");
    std::os::unix::fs::symlink("/dev/full", &ledger).unwrap();
    let client = with_ledger(&emulator, &ledger);
    let sessions = client.sessions();
    let error = sessions.create(CreateSession::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(
        error.to_string().contains("No session was created"),
        "{error}"
    );
    assert_eq!(count(&emulator, "POST", "/sessions"), 0);
    let error = sessions.release("s-1").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("was not released"), "{error}");
}

#[tokio::test]
async fn one_process_reaps_at_a_time() {
    let emulator = emulator().await;
    let folder = Folder::new();
    let ledger = folder.path("ledger");
    let mut killed = Process::start(&emulator, &ledger, "still");
    killed.says().await;
    killed.kill();
    let first = with_ledger(&emulator, &ledger);
    let second = with_ledger(&emulator, &ledger);
    fail(&emulator, json!({"on": "delete", "delay": 3600.0}));
    let sessions = first.sessions();
    let reaping = sessions.reap(ReapOptions::new());
    let refused = async {
        until("a delete", || {
            emulator.requests().iter().any(|it| it.method == "DELETE")
        })
        .await;
        let refused = second.sessions().reap(ReapOptions::new()).await;
        first.close();
        refused.unwrap_err()
    };
    let (closed, refused) = tokio::join!(reaping, refused);
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert_eq!(refused.code(), Some("reap_in_progress"));
    assert_eq!(closed.unwrap_err().reason(), Some("client_closed"));
    // The one that was closed let go of it, and its session is still known.
    let reports = reap(&second).await;
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert!(is_certain(&reports[0]));
}

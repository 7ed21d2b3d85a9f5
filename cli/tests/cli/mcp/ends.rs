//! However the client or the server goes, no session is left.

use serde_json::json;

use super::agi::{left, mcp};
use super::client::Mcp;
use crate::support::{Folder, Server, eventually};

fn at_work(server: &Server, command: std::process::Command) -> Mcp {
    let mut mcp = Mcp::start(command, &json!({}));
    mcp.data("start_task", json!({"task": "One"}));
    mcp.send(
        "tools/call",
        json!({"name": "run_task", "arguments": {"task": "Two"}, "_meta": {"progressToken": 1}}),
    );
    mcp.see("I begin");
    assert_eq!(left(server).len(), 2);
    mcp
}

/// One that is killed at work, and leaves its sessions in this ledger.
fn killed_at_work(server: &Server, ledger: &str) {
    let mut killed = at_work(server, mcp(server, &["--ledger", ledger]));
    killed.child.kill().unwrap();
    killed.ended();
}

/// How many deletes of sessions came.
pub(super) fn deletes(server: &Server) -> usize {
    let requests = server.emulator.requests();
    let deletes = requests.iter().filter(|request| request.method == "DELETE");
    deletes.count()
}

fn endless() -> Server {
    Server::playing(json!([{"thought": "I begin"}, {"delay": 3600}]))
}

#[test]
fn a_client_that_closes_its_end_leaves_no_session() {
    let server = endless();
    let mcp = at_work(&server, mcp(&server, &[]));
    assert_eq!(mcp.leave(), (0, String::new()));
    assert!(left(&server).is_empty());
}

#[test]
fn a_signal_leaves_no_session() {
    for signal in ["TERM", "INT"] {
        let server = endless();
        let mut mcp = at_work(&server, mcp(&server, &[]));
        let pid = mcp.child.id().to_string();
        let sent = std::process::Command::new("kill")
            .args(["-s", signal, &pid])
            .status();
        assert!(sent.unwrap().success());
        assert_eq!(mcp.ended(), (0, String::new()));
        assert!(left(&server).is_empty());
    }
}

#[test]
fn a_server_that_is_killed_is_tidied_up_after_by_the_next() {
    let server = endless();
    let folder = Folder::new();
    let ledger = folder.file("ledger");
    killed_at_work(&server, &ledger);
    assert_eq!(left(&server).len(), 2);
    let next = Mcp::start(mcp(&server, &["--ledger", &ledger]), &json!({}));
    eventually("what it left is deleted", || left(&server).is_empty());
    eventually("the next says so", || {
        next.stderr().contains("left by a process that died")
    });
}

#[test]
fn a_client_that_says_nothing_ends_the_server_by_leaving() {
    let server = endless();
    let mcp = Mcp::silent(mcp(&server, &[]));
    assert_eq!(mcp.leave(), (0, String::new()));
}

#[test]
fn a_client_that_leaves_while_the_dead_are_tidied_up_after_hears_of_nothing() {
    let server = endless();
    let folder = Folder::new();
    let ledger = folder.file("ledger");
    killed_at_work(&server, &ledger);
    server.fail(json!({"on": "delete", "hang": true, "times": 2}));
    let next = Mcp::silent(mcp(&server, &["--ledger", &ledger]));
    eventually("it deletes what the dead left", || deletes(&server) == 2);
    assert_eq!(next.leave(), (0, String::new()));
    // What it did not get to is the next one's.
    let last = Mcp::silent(mcp(&server, &["--ledger", &ledger]));
    eventually("what was left is deleted", || left(&server).is_empty());
    assert_eq!(last.leave().0, 0);
}

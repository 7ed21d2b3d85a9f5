//! Turns by the tools of Raccoon.

use serde_json::{Value, json};

use super::client::Mcp;
use crate::support::{Folder, Server, eventually};

fn start(server: &Server, args: &[&str]) -> Mcp {
    let args = [&["mcp"], args].concat();
    Mcp::start(server.turn_command(&args), &json!({}))
}

pub(super) fn left(server: &Server) -> Vec<Value> {
    let done = crate::support::Running::start(
        server.turn_command(&["raccoon", "sessions", "list", "--json"]),
    )
    .finish();
    serde_json::from_str::<Vec<Value>>(&done.stdout).unwrap()
}

pub(super) fn playing(steps: Value) -> Server {
    let server = Server::start();
    let scenario = json!({"turns": [{"steps": steps}]});
    server
        .emulator
        .scenario(serde_json::from_value(scenario).unwrap());
    server
}

#[test]
fn a_turn_runs_with_files_of_allowed_folders_and_written_ones() {
    let server = Server::start();
    let (allowed, other) = (Folder::new(), Folder::new());
    let (file, secret) = (allowed.file("report.txt"), other.file("secret.txt"));
    std::fs::write(&file, "Three mugs").unwrap();
    std::fs::write(&secret, "A key").unwrap();
    let link = allowed.file("link.txt");
    std::os::unix::fs::symlink(&secret, &link).unwrap();
    let mut mcp = start(&server, &["--allow-files", allowed.0.to_str().unwrap()]);
    for path in [&secret, &link, &allowed.file("none.txt")] {
        let refused = mcp.refusal("run_turn", json!({"prompt": "Count", "files": [path]}));
        assert!(
            refused.starts_with("files: ") && refused.contains("Nothing was sent"),
            "{refused}"
        );
    }
    let odd = mcp.refusal(
        "run_turn",
        json!({"prompt": "Count", "texts": [{"name": "a.txt"}]}),
    );
    assert!(odd.starts_with("texts holds one"), "{odd}");
    assert!(server.emulator.requests().is_empty());
    let turn = json!({
        "prompt": "Count these words please", "mode": "code", "files": [file],
        "texts": [{"name": "notes.txt", "text": "Two cups"}],
    });
    let data = mcp.data("run_turn", turn);
    assert_eq!(data["state"], "completed", "{data}");
    let requests = server.emulator.requests();
    let uploads = requests
        .iter()
        .filter(|request| request.path == "/media/upload");
    assert_eq!(uploads.count(), 2);
    assert!(left(&server).is_empty());
}

#[test]
fn files_are_refused_where_no_folder_is_allowed() {
    let server = Server::start();
    let mut mcp = start(&server, &[]);
    let refused = mcp.refusal(
        "run_turn",
        json!({"prompt": "Count", "files": ["/etc/passwd"]}),
    );
    assert!(refused.contains("--allow-files"), "{refused}");
    assert!(server.emulator.requests().is_empty());
}

#[test]
fn a_turn_is_come_back_to_and_its_session_read_and_deleted() {
    let server = Server::start();
    let mut mcp = start(&server, &[]);
    let started = mcp.data("start_turn", json!({"prompt": "Count these words please"}));
    let done = mcp.data("wait_turn", json!({"turn_id": started["turn_id"]}));
    assert_eq!(done["state"], "completed", "{done}");
    let session = json!({"session_id": done["session_id"]});
    let listed = mcp.data("list_raccoon_sessions", json!({}));
    assert_eq!(listed["sessions"][0]["opened_here"], true, "{listed}");
    let history = mcp.data("read_raccoon_history", session.clone());
    assert_eq!(
        history["messages"][0]["text"], "Count these words please",
        "{history}"
    );
    let uri = format!(
        "sessionwire://raccoon/sessions/{}/history",
        done["session_id"].as_str().unwrap()
    );
    let read = mcp.request("resources/read", json!({"uri": uri}));
    assert!(
        read["contents"][0]["text"]
            .as_str()
            .unwrap()
            .contains("Count these words"),
        "{read}"
    );
    assert_eq!(mcp.data("delete_raccoon_session", session)["deleted"], true);
    assert!(left(&server).is_empty());
}

#[test]
fn a_turn_is_told_more_and_stopped_and_a_client_that_goes_leaves_nothing() {
    let server = playing(json!([{"text": "I begin"}, {"delay": 3600}]));
    let mut mcp = start(&server, &[]);
    let started = mcp.data("start_turn", json!({"prompt": "Work"}));
    let turn = json!({"turn_id": started["turn_id"]});
    let waited = mcp.data(
        "wait_turn",
        json!({"turn_id": started["turn_id"], "seconds": 0.2}),
    );
    assert_eq!(waited["state"], "working", "{waited}");
    let more = json!({"turn_id": started["turn_id"], "text": "Also last year"});
    assert_eq!(mcp.data("send_to_turn", more)["state"], "working");
    assert_eq!(mcp.data("cancel_turn", turn)["state"], "cancelled");
    assert_eq!(left(&server).len(), 1);
    mcp.data(
        "start_turn",
        json!({"prompt": "Work on", "session_id": started["session_id"]}),
    );
    assert_eq!(mcp.leave(), (0, String::new()));
    assert!(left(&server).is_empty());
}

#[test]
fn a_client_that_goes_while_a_turn_is_being_started_leaves_nothing() {
    let server = playing(json!([{"text": "I begin"}, {"delay": 3600}]));
    let mut mcp = start(&server, &[]);
    server.fail(json!({"on": "upload", "latency": 0.5}));
    server.fail(json!({"on": "delete", "delay": 1.5, "times": 0}));
    let texts = json!([{"name": "notes.txt", "text": "Two cups"}]);
    let turn = json!({"name": "start_turn", "arguments": {"prompt": "Count", "texts": texts}});
    mcp.send("tools/call", turn);
    eventually("its file is being uploaded", || {
        !server.emulator.requests().is_empty()
    });
    assert_eq!(mcp.leave(), (0, String::new()));
    assert!(left(&server).is_empty());
}

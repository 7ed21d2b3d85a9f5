//! `sessionwire resume`: a task or turn from its handle.

use serde_json::json;

use crate::support::{Done, Running, Server};

fn shop() -> Server {
    Server::playing(json!([{"thought": "Looking"}, {"done": "Bought"}]))
}

fn types(done: &Done) -> Vec<String> {
    let lines = done.json_lines();
    let types = lines.iter().map(|line| line["type"].as_str().unwrap());
    types.map(str::to_owned).collect()
}

fn sent(server: &Server, path_end: &str) -> usize {
    let requests = server.emulator.requests();
    let is_meant = |path: &str| path.ends_with(path_end);
    requests
        .iter()
        .filter(|request| request.method == "POST" && is_meant(&request.path))
        .count()
}

#[test]
fn a_prepared_task_is_sent_once_and_shown_each_time() {
    let server = shop();
    let handle = server.prepared_task("Buy the mug");
    for _ in 0..2 {
        let done = server.run(&["resume", &handle, "--json"]);
        assert_eq!((done.status, done.stderr.as_str()), (0, ""));
        assert_eq!(types(&done), ["started", "thought", "done", "result"]);
    }
    assert_eq!(sent(&server, "/message"), 1);
    let quiet = server.run(&["resume", &handle, "--quiet", "--from-start"]);
    assert_eq!(quiet.stdout, "Bought\n");
}

#[test]
fn a_prepared_turn_is_started_once() {
    let server = Server::start();
    let handle = server.prepared_turn("Say hello");
    for _ in 0..2 {
        let done = Running::start(server.turn_command(&["resume", &handle, "--json"])).finish();
        assert_eq!((done.status, done.stderr.as_str()), (0, ""));
        assert_eq!(types(&done).last().map(String::as_str), Some("result"));
    }
    assert_eq!(sent(&server, "/sessions/new"), 1);
}

#[test]
fn who_leaves_is_told_how_to_go_on() {
    let server = Server::playing(json!([{"thought": "Looking"}, {"delay": 3600}]));
    let handle = server.prepared_task("Buy the mug");
    let mut running = Running::start(server.command(&["resume", &handle]));
    running.read_until("Looking");
    running.signal("INT");
    let left = running.finish();
    assert_eq!(left.status, 130, "{}", left.stderr);
    let (_, rest) = left.stderr.split_once("`sessionwire resume ").unwrap();
    let (short, _) = rest.split_once('`').unwrap();
    assert!(short.starts_with("sw1.") && short.len() < 200, "{short}");
    let again = server.run(&["resume", short, "--timeout", "0.5"]);
    assert_eq!((again.status, again.stdout.as_str()), (4, ""));
    assert_eq!(sent(&server, "/message"), 1);
}

#[test]
fn what_is_no_handle_is_refused() {
    let server = shop();
    let handle = server.prepared_task("Buy the mug");
    let cut = &handle[..handle.len() - 3];
    for (args, text) in [
        (vec!["resume", cut], "damaged"),
        (vec!["resume", "sw2.x"], "Upgrade"),
        (vec!["resume", "session-1", "--from-start"], "is no handle"),
        (vec!["resume", &handle, "--wire", "{}"], "--wire"),
    ] {
        let done = server.run(&args);
        assert_eq!(done.status, 2, "{}", done.stderr);
        assert!(done.stderr.contains(text), "{}", done.stderr);
    }
    assert_eq!(sent(&server, "/message"), 0);
}

//! Ctrl-C and SIGTERM.

use std::process::Stdio;

use serde_json::json;

use crate::support::{Running, Server, eventually};

fn busy() -> Server {
    Server::playing(json!([{"thought": "Thinking"}, {"delay": 3600}]))
}

#[test]
fn a_signal_cancels_the_task_and_deletes_the_session() {
    for signal in ["INT", "TERM"] {
        let server = busy();
        let mut running = Running::start(server.command(&["run", "Think"]));
        running.read_until("Thinking");
        running.signal(signal);
        let done = running.finish();
        assert_eq!(done.status, 130, "{}", done.stderr);
        assert!(
            done.stderr.starts_with("Interrupted: cancelling the task."),
            "{}",
            done.stderr
        );
        assert_eq!(server.emulator.session_count(), 0);
        let paths = server.paths();
        assert_eq!(
            paths[paths.len() - 2..],
            ["POST /v1/sessions/ID/cancel", "DELETE /v1/sessions/ID"]
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_closed_terminal_counts_unless_nohup_started_it() {
    // The tests themselves may run under nohup, which children inherit.
    let start = |flag: &str| {
        let server = Server::playing(json!([{"question": "Which colour?"}]));
        let mut command = server.command_under(&["env", flag], &["run", "Buy a shirt"]);
        command.stdin(Stdio::piped());
        let mut running = Running::start(command);
        running.read_until("Which colour?");
        running.signal("HUP");
        (server, running)
    };
    let (server, running) = start("--default-signal=HUP");
    assert_eq!(running.finish().status, 130);
    assert_eq!(server.emulator.session_count(), 0);

    let (server, mut running) = start("--ignore-signal=HUP");
    running.feed("blue\n");
    assert_eq!(running.finish().status, 0);
    assert_eq!(server.emulator.session_count(), 0);
}

#[test]
fn an_interrupted_session_can_be_kept() {
    let server = busy();
    let mut running = Running::start(server.command(&["run", "Think", "--keep"]));
    running.read_until("Thinking");
    running.signal("INT");
    let done = running.finish();
    assert_eq!(done.status, 130, "{}", done.stderr);
    let id = done
        .stderr
        .lines()
        .find_map(|line| line.strip_prefix("session: "))
        .unwrap();
    assert_eq!(server.run(&["status", id]).stdout, "finished\n");
    assert_eq!(server.emulator.session_count(), 1);
}

#[test]
fn a_signal_that_comes_twice_at_once_is_one() {
    for _ in 0..10 {
        let server = busy();
        let mut running = Running::start(server.command(&["run", "Think"]));
        running.read_until("Thinking");
        // As where a program that runs this one passes on what the terminal sends to both.
        running.signal("INT");
        running.signal("INT");
        let done = running.finish();
        assert_eq!(done.status, 130, "{}", done.stderr);
        assert_eq!(server.emulator.session_count(), 0);
    }
}

#[test]
fn a_signal_during_the_create_leaves_no_session() {
    for signals in [&["INT"][..], &["INT", "INT"], &["TERM"]] {
        let server = busy();
        server.fail(json!({"on": "create", "delay": 0.5, "times": 0}));
        let running = Running::start(server.command(&["run", "Think"]));
        eventually("the create", || !server.paths().is_empty());
        for signal in signals {
            running.signal(signal);
        }
        let done = running.finish();
        assert_eq!(
            (done.status, server.emulator.session_count()),
            (130, 0),
            "{}",
            done.stderr
        );
        assert!(
            !done.stderr.contains("may go on costing"),
            "{}",
            done.stderr
        );
    }
}

#[test]
fn a_later_signal_leaves_at_once() {
    let server = busy();
    server.fail(json!({"on": "cancel", "hang": true, "times": 0}));
    let mut running = Running::start(server.command(&["run", "Think"]));
    running.read_until("Thinking");
    running.signal("INT");
    eventually("the cancel", || {
        server.paths().iter().any(|path| path.ends_with("/cancel"))
    });
    // Those of the first second count as one with the first.
    running.signal_until_it_ends("INT");
    let done = running.finish();
    assert_eq!(done.status, 130);
    assert!(!server.paths().iter().any(|path| path.starts_with("DELETE")));
}

#[test]
fn a_signal_works_while_the_answer_is_awaited() {
    let server = Server::playing(json!([{"question": "Which colour?"}]));
    let mut command = server.command(&["run", "Buy a shirt"]);
    command.stdin(Stdio::piped());
    let mut running = Running::start(command);
    running.read_until("Which colour?");
    running.signal("INT");
    let done = running.finish();
    assert_eq!(done.status, 130, "{}", done.stderr);
    assert_eq!(server.emulator.session_count(), 0);
}

#[test]
fn a_signal_works_while_nobody_reads_the_output() {
    // Far more than a pipe and the program's own queue hold.
    let server = Server::playing(
        json!([{"repeat": 20000, "steps": [{"thought": "thought {n}"}]}, {"delay": 3600}]),
    );
    let mut running = Running::start(server.command(&["run", "Think"]));
    running.read_until("thought 1");
    running.signal("INT");
    assert_eq!(running.wait().code(), Some(130));
    assert_eq!(server.emulator.session_count(), 0);
}

#[test]
fn a_signal_ends_the_other_commands_too() {
    let server = busy();
    server.fail(json!({"on": "list", "hang": true, "times": 0}));
    let running = Running::start(server.command(&["sessions", "list"]));
    eventually("the request", || !server.paths().is_empty());
    running.signal("INT");
    let done = running.finish();
    assert_eq!((done.status, done.stdout.as_str()), (130, ""));
}

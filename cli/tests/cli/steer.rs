//! One session from several commands: created, sent to, watched, answered, waited for.

use std::process::Stdio;

use serde_json::json;

use crate::support::{Folder, Running, Server};

fn curious() -> Server {
    Server::playing(json!([
        {"thought": "On {task}"},
        {"question": "Which colour?"},
        {"done": "Took {answer}"}
    ]))
}

fn created(server: &Server) -> String {
    let done = server.run(&["sessions", "create", "--quiet"]);
    assert_eq!(
        (done.status, done.stderr.as_str()),
        (0, ""),
        "{}",
        done.stdout
    );
    done.stdout.trim().to_owned()
}

#[test]
fn a_session_is_created_with_what_the_command_line_says() {
    let server = curious();
    let args = [
        "sessions",
        "create",
        "--agent",
        "agi-0-fast",
        "--webhook-url",
        "https://hooks.example/x",
        "--goal",
        "Mugs",
        "--max-steps",
        "7",
        "--memory-snapshot",
        "--wait-for-limit",
        "2m",
    ];
    let shown = server.run(&args);
    assert_eq!(shown.status, 0, "{}", shown.stderr);
    assert!(
        shown.stdout.starts_with("session_id: ") && shown.stdout.contains("\nvnc_url: "),
        "{}",
        shown.stdout
    );
    assert_eq!(
        server.request("/v1/sessions"),
        json!({
            "agent_name": "agi-0-fast", "webhook_url": "https://hooks.example/x", "goal": "Mugs", "max_steps": 7,
            "enable_memory_snapshot": true,
        })
    );
    for (option, value) in [
        ("--restore-default-of", "user-1"),
        ("--restore-environment", "environment-1"),
        ("--restore-from", "session-1"),
    ] {
        let refused = server.run(&["sessions", "create", option, value]);
        assert_eq!(refused.status, 3, "{option}");
        let requests = server.emulator.requests();
        assert!(requests.last().unwrap().body.contains(value), "{option}");
    }
    let told = server.run(&["sessions", "create", "--json", "--quiet"]);
    assert!(told.json_lines()[0]["session_id"].is_string());
    assert_eq!(server.emulator.session_count(), 2);
}

#[test]
fn a_session_whose_create_is_interrupted_is_not_left() {
    let server = curious();
    server.fail(json!({"on": "create", "delay": 0.5}));
    let running = Running::start(server.command(&["sessions", "create"]));
    crate::support::eventually("the create", || !server.paths().is_empty());
    running.signal("INT");
    let done = running.finish();
    assert_eq!(done.status, 130, "{}", done.stdout);
    assert_eq!(server.emulator.session_count(), 0, "{}", done.stderr);
}

#[test]
fn a_question_of_one_program_is_answered_by_another() {
    let server = curious();
    let id = created(&server);
    let refused = server.run(&["answer", &id, "blue"]);
    assert_eq!(refused.status, 2, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("No question is open"),
        "{}",
        refused.stderr
    );

    let sent = server.run(&["send", &id, "a mug", "--start-url", "https://shop.example/"]);
    assert_eq!(sent.status, 0, "{}", sent.stderr);
    let message = format!("/v1/sessions/{id}/message");
    assert_eq!(
        server.request(&message),
        json!({"message": "a mug", "start_url": "https://shop.example/"})
    );
    let waited = server.run(&["wait", &id, "--poll-interval", "10ms"]);
    assert_eq!(
        (waited.status, waited.stdout.as_str()),
        (2, "waiting_for_input\n")
    );
    assert!(
        waited
            .stderr
            .contains(&format!("sessionwire answer {id} TEXT")),
        "{}",
        waited.stderr
    );

    let answered = server.run(&["answer", &id, "blue"]);
    assert_eq!(answered.status, 0, "{}", answered.stderr);
    let waited = server.run(&["wait", &id, "--timeout", "1m", "--json"]);
    assert_eq!(
        (waited.status, waited.json_lines()),
        (0, vec![json!({"status": "finished"})])
    );
    let messages = server.run(&["messages", &id]).stdout;
    assert!(messages.contains("Took blue"), "{messages}");
    // It has its answer.
    assert_eq!(server.run(&["answer", &id, "red"]).status, 2);
}

#[test]
fn waiting_for_a_task_that_fails() {
    let server = Server::playing(json!([{"error": "The shop is closed"}]));
    let id = created(&server);
    assert_eq!(server.run(&["send", &id, "a mug"]).status, 0);
    let waited = server.run(&["wait", &id, "--json"]);
    assert_eq!(waited.status, 1, "{}", waited.stderr);
    let lines = waited.json_lines();
    assert_eq!(lines[0], json!({"status": "error"}));
    assert_eq!(
        (lines[1]["name"].as_str(), lines[1]["exit_status"].as_i64()),
        (Some("TaskError"), Some(1))
    );
}

#[test]
fn a_watcher_answers() {
    for piped in [false, true] {
        let server = curious();
        let id = created(&server);
        assert_eq!(server.run(&["send", &id, "a mug"]).status, 0);
        let mut command = server.command(&["watch", &id, "--timeout", "1m"]);
        if piped {
            command.stdin(Stdio::piped());
        } else {
            command.args(["--answer", "blue"]);
        }
        let mut running = Running::start(command);
        if piped {
            running.read_until("Which colour?");
            running.feed("blue\n");
        }
        let done = running.finish();
        assert_eq!((done.status, done.stderr.as_str()), (0, ""));
        assert!(
            done.stdout.contains("answer") && done.stdout.contains("Took blue"),
            "{}",
            done.stdout
        );
    }
}

#[test]
fn a_watcher_sees_the_answer_of_another_program() {
    let server = curious();
    let id = created(&server);
    assert_eq!(server.run(&["send", &id, "a mug"]).status, 0);
    let mut running = Running::start(server.command(&["watch", &id, "--json"]));
    running.read_until("Which colour?");
    assert_eq!(server.run(&["answer", &id, "blue"]).status, 0);
    running.read_until("Took blue");
    let done = running.finish();
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
    // Watched again, nobody is asked what has its answer.
    let again = server.run(&["watch", &id, "--answer", "red"]);
    assert_eq!(again.status, 0, "{}", again.stderr);
    let sent = server.paths();
    let sent = sent.iter().filter(|path| path.ends_with("/message"));
    assert_eq!(sent.count(), 2);
}

#[test]
fn a_watch_that_is_over_speaks_of_the_watch() {
    let server = curious();
    let id = created(&server);
    let done = server.run(&["watch", &id, "--timeout", "200ms"]);
    assert_eq!(done.status, 4);
    assert!(
        done.stderr.contains("was watched for 0.2 s, and goes on")
            && !done.stderr.contains("smaller"),
        "{}",
        done.stderr
    );
}

#[test]
fn a_text_may_stand_in_a_file_or_come_by_standard_input() {
    let server = Server::playing(json!([{"done": "On {task}"}]));
    let folder = Folder::new();
    let file = folder.file("task.txt");
    std::fs::write(&file, "\u{feff}a mug\nand a cup\r\n").unwrap();
    let at = format!("@{file}");
    let done = server.run(&["run", &at, "--quiet"]);
    assert_eq!(done.stdout, "On a mug\nand a cup\n", "{}", done.stderr);

    let mut command = server.command(&["run", "-", "--quiet"]);
    command.stdin(Stdio::piped());
    let mut running = Running::start(command);
    running.feed("a bowl\n");
    assert_eq!(running.finish().stdout, "On a bowl\n");

    for (given, why) in [
        (format!("@{file}.missing"), "cannot be read"),
        (format!("@{}", folder.0.display()), "cannot be read"),
    ] {
        let refused = server.run(&["run", &given]);
        assert_eq!(refused.status, 2);
        assert!(refused.stderr.contains(why), "{}", refused.stderr);
    }
    std::fs::write(&file, b"\xff").unwrap();
    assert!(server.run(&["run", &at]).stderr.contains("not UTF-8"));
}

#[test]
fn what_cannot_be_undone_needs_a_consent() {
    let server = curious();
    let id = created(&server);
    let folder = Folder::new();
    let ledger = folder.file("ledger");
    for command in [
        &["sessions", "delete-all"][..],
        &["sessions", "reap", "--ledger", &ledger],
    ] {
        let refused = server.run(command);
        assert_eq!(refused.status, 2);
        assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
    }
    // Not even a file was made.
    assert!(!std::fs::exists(&ledger).unwrap());
    assert!(
        server
            .run(&["sessions", "delete-all"])
            .stderr
            .contains("ALL 1 sessions")
    );
    assert_eq!(server.emulator.session_count(), 1);
    let second = created(&server);
    let deleted = server.run(&["sessions", "rm", &id, &second]);
    assert_eq!(deleted.status, 0, "{}", deleted.stderr);
    assert_eq!(
        deleted.stdout,
        format!("{id}  Session deleted successfully\n{second}  Session deleted successfully\n")
    );
    assert_eq!(server.emulator.session_count(), 0);
}

#[test]
fn a_session_that_cannot_be_deleted_stops_no_other() {
    let server = curious();
    let (first, second) = (created(&server), created(&server));
    server.fail(json!({"on": "delete", "status": 403, "body": {"detail": "Not yours"}}));
    let deleted = server.run(&["sessions", "delete", &first, &second]);
    assert_eq!(deleted.status, 3);
    assert!(
        deleted.stderr.starts_with(&format!("error: {first}: "))
            && deleted.stderr.contains("1 of 2 sessions"),
        "{}",
        deleted.stderr
    );
    assert!(deleted.stdout.starts_with(&second), "{}", deleted.stdout);
    assert_eq!(server.emulator.session_count(), 1);

    server.fail(json!({"on": "delete", "status": 403, "body": {"detail": "Not yours"}}));
    let lines = server
        .run(&["sessions", "delete", &first, &second, "--json"])
        .json_lines();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["session_id"], first.as_str());
    assert_eq!(
        (&lines[0]["type"], &lines[0]["status"]),
        (&json!("error"), &json!(403))
    );
    assert_eq!(
        (&lines[1]["session_id"], &lines[1]["deleted"]),
        (&json!(second), &json!(false))
    );
    assert_eq!(lines[2]["name"], "PermissionDeniedError");
}

#[test]
fn sessions_are_listed_by_their_status() {
    let server = Server::playing(json!([{"done": "ok"}]));
    let (ready, kept) = (created(&server), server.kept_session());
    let listed = server.run(&["sessions", "ls", "--status", "ready"]).stdout;
    assert!(
        listed.contains(&ready) && !listed.contains(&kept),
        "{listed}"
    );
}

#[test]
fn a_picture_without_a_name_replaces_none() {
    let server = curious();
    let id = created(&server);
    let folder = Folder::new();
    for name in ["screenshot.jpg", "screenshot-2.jpg", "screenshot-3.jpg"] {
        let mut command = server.command(&["screenshot", &id]);
        command.current_dir(&folder.0);
        let done = Running::start(command).finish();
        assert!(done.stdout.starts_with(name), "{}", done.stdout);
        assert!(folder.0.join(name).exists());
    }
}

#[test]
fn a_time_may_have_a_unit() {
    let server = curious();
    for (time, status) in [
        ("5m", 0),
        ("2h", 0),
        ("7d", 0),
        ("1.5min", 0),
        ("600", 0),
        ("5 years", 2),
        ("0s", 2),
        ("-5m", 2),
        ("m", 2),
        ("1e309d", 2),
    ] {
        let option = format!("--older-than={time}");
        let done = server.run(&["sessions", "cleanup", &option]);
        assert_eq!(done.status, status, "{time}: {}", done.stderr);
        assert!(status == 0 || done.stderr.contains("5m"), "{}", done.stderr);
    }
}

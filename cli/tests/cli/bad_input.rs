//! Bad input: the exit status and what to do next.

use std::process::Command;

use crate::support::{Folder, Running, Server, program};

/// Runs a command that must fail; gives its text.
#[track_caller]
fn refused(command: Command, status: i32) -> String {
    let done = Running::start(command).finish();
    assert_eq!(done.status, status, "{}{}", done.stdout, done.stderr);
    assert!(done.stderr.starts_with("error: "), "{}", done.stderr);
    assert_eq!(done.stdout, "");
    done.stderr
}

#[track_caller]
fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

#[test]
fn a_missing_key() {
    let text = refused(program(&["run", "Find offers"]), 2);
    contains(&text, &["AGI_API_KEY", "sessionwire run --local"]);
    let text = refused(program(&["sessions", "list"]), 2);
    contains(&text, &["AGI_API_KEY"]);
    let mut command = program(&["run", "Find offers"]);
    command.env("AGI_API_KEY", " ");
    contains(&refused(command, 2), &["AGI_API_KEY", "--local"]);
}

#[test]
fn a_wrong_key() {
    let server = Server::start();
    let mut command = server.command(&["run", "Find offers"]);
    command.env("AGI_API_KEY", "wrong-key-1");
    let text = refused(command, 3);
    contains(&text, &["401", "Check the API key", "AGI_API_KEY"]);
    assert!(!text.contains("wrong-key-1"), "{text}");
}

#[test]
fn a_key_on_the_command_line() {
    for args in [
        ["run", "Find offers", "--api-key", "k"],
        ["--api-key", "k", "sessions", "list"],
    ] {
        contains(&refused(program(&args), 2), &["--api-key", "AGI_API_KEY"]);
    }
}

#[test]
fn a_message_that_is_too_long_or_empty() {
    let server = Server::start();
    contains(
        &refused(server.command(&["run", &"x".repeat(11_000)]), 2),
        &["11000", "10000"],
    );
    contains(&refused(server.command(&["run", ""]), 2), &["empty"]);
    assert_eq!(server.emulator.requests().len(), 0);
}

#[test]
fn a_start_url_that_is_too_long() {
    let server = Server::start();
    let url = format!("https://shop.example/{}", "x".repeat(2_000));
    contains(
        &refused(
            server.command(&["run", "Find offers", "--start-url", &url]),
            2,
        ),
        &["--start-url", "2000"],
    );
    assert_eq!(server.emulator.requests().len(), 0);
}

#[test]
fn an_unreachable_host() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut command = program(&["run", "Find offers", "--max-retries", "0"]);
    command
        .env("AGI_API_KEY", "test-key-1")
        .arg(format!("--base-url=http://127.0.0.1:{port}"));
    contains(&refused(command, 3), &["Check the network"]);
}

#[test]
fn a_base_url_that_is_none() {
    for (url, part) in [
        ("", "empty"),
        ("shop.example", "--base-url"),
        ("http://shop.example", "unencrypted"),
    ] {
        let mut command = program(&["sessions", "list", "--base-url", url]);
        command.env("AGI_API_KEY", "test-key-1");
        contains(&refused(command, 2), &[part]);
    }
}

#[test]
fn an_url_without_scheme() {
    let server = Server::start();
    contains(
        &refused(
            server.command(&["navigate", "some-id", "shop.example/cart"]),
            2,
        ),
        &["no scheme", "https://"],
    );
    assert!(server.paths().is_empty());
}

#[test]
fn an_empty_session_id() {
    let server = Server::start();
    for command in [
        "status",
        "events",
        "messages",
        "pause",
        "resume",
        "cancel",
        "screenshot",
    ] {
        contains(
            &refused(server.command(&[command, ""]), 2),
            &["SESSION is empty"],
        );
    }
    for command in ["get", "delete"] {
        contains(
            &refused(server.command(&["sessions", command, ""]), 2),
            &["SESSION is empty"],
        );
    }
    assert!(server.paths().is_empty());
}

#[test]
fn an_unknown_session() {
    let server = Server::start();
    for command in [
        "status",
        "events",
        "messages",
        "pause",
        "resume",
        "cancel",
        "screenshot",
    ] {
        contains(
            &refused(server.command(&[command, "no-such-session"]), 3),
            &["404", "list the sessions"],
        );
    }
}

#[test]
fn numbers_that_are_none() {
    let server = Server::start();
    for value in ["0", "-1", "nan", "soon"] {
        let timeout = format!("--timeout={value}");
        contains(
            &refused(server.command(&["run", "Find offers", &timeout]), 2),
            &["positive number of seconds"],
        );
    }
    contains(
        &refused(
            server.command(&["messages", "some-id", "--after-id", "-1"]),
            2,
        ),
        &["after_id"],
    );
    assert!(server.paths().is_empty());
}

#[test]
fn a_picture_that_cannot_be_saved() {
    let server = Server::start();
    let folder = Folder::new();
    let missing = folder.file("missing/page.jpg");
    let text = refused(
        server.command(&["run", "Look", "--screenshot", &missing]),
        2,
    );
    contains(&text, &["the folder does not exist", "create it first"]);
    let text = refused(
        server.command(&["screenshot", "some-id", "-o", &missing]),
        2,
    );
    contains(&text, &["the folder does not exist"]);
    let text = refused(
        server.command(&["run", "Look", "--screenshot", folder.0.to_str().unwrap()]),
        2,
    );
    contains(&text, &["add a file name"]);
    assert!(server.paths().is_empty());
}

#[test]
fn two_services_at_once() {
    let text = refused(
        program(&["run", "Look", "--local", "--base-url", "http://127.0.0.1:1"]),
        2,
    );
    contains(&text, &["--local", "--base-url"]);
}

#[test]
fn a_full_session_limit() {
    let server = Server::start();
    server.fail(serde_json::json!({"on": "create", "status": 503, "body": {"detail": "Rate limit exceeded"}, "times": 0}));
    contains(
        &refused(server.command(&["run", "Look", "--max-retries", "0"]), 3),
        &["Rate limit exceeded", "delete sessions"],
    );
}

/// The last line of a command with `--json` that fails.
#[track_caller]
fn failure(command: Command, status: i32) -> serde_json::Value {
    let done = Running::start(command).finish();
    assert_eq!(done.status, status, "{}{}", done.stdout, done.stderr);
    let line = done.json_lines().pop().unwrap();
    assert_eq!(line["type"], "error", "{line}");
    assert_eq!(line["exit_status"], status, "{line}");
    let message = line["message"].as_str().unwrap();
    assert!(
        !message.is_empty() && !message.starts_with("error: "),
        "{line}"
    );
    line
}

#[test]
fn with_json_a_failure_is_an_object_on_standard_output() {
    let server = Server::playing(serde_json::json!([{"error": "The shop is closed"}]));
    let line = failure(server.command(&["sessions", "get", "none", "--json"]), 3);
    assert_eq!(
        (&line["name"], &line["status"]),
        (&"NotFoundError".into(), &404.into())
    );
    let line = failure(server.command(&["run", "Buy", "--json"]), 1);
    assert_eq!(
        (&line["name"], &line["status"]),
        (&"TaskError".into(), &serde_json::Value::Null)
    );
    contains(line["message"].as_str().unwrap(), &["The shop is closed"]);
    assert!(line["session_id"].is_string(), "{line}");
    server.fail(serde_json::json!({"on": "create", "reset": true, "after": true}));
    let line = failure(
        server.command(&["run", "Buy", "--json", "--max-retries", "0"]),
        3,
    );
    assert_eq!(
        (&line["name"], &line["maybe_delivered"]),
        (&"APIConnectionError".into(), &true.into())
    );
    let line = failure(program(&["run", "Buy", "--json"]), 2);
    assert_eq!(line["name"], "ConfigError");
    let line = failure(program(&["run", "--json", "--nonsense", "Buy"]), 2);
    assert_eq!(line["name"], "UsageError");
    contains(line["message"].as_str().unwrap(), &["--nonsense"]);
    let line = failure(
        program(&[
            "run",
            "Buy",
            "--json",
            "--local",
            "--base-url",
            "http://127.0.0.1:9",
        ]),
        2,
    );
    assert_eq!(line["name"], "UsageError");
}

//! Questions of the agent and where their answers come from.

use std::process::Stdio;

use serde_json::json;

use crate::support::{Running, Server};

fn curious() -> Server {
    Server::playing(json!([
        {"question": "Which colour?"},
        {"thought": "First: {answer}"},
        {"question": "Which size?"},
        {"done": "Second: {answer}"}
    ]))
}

#[test]
fn answers_of_the_command_line_come_in_order() {
    let server = curious();
    let done = server.run(&[
        "run",
        "Buy a shirt",
        "--answer",
        "blue",
        "--answer",
        "large",
    ]);
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
    let types: Vec<_> = done
        .stdout
        .lines()
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    assert_eq!(
        types,
        [
            "question", "answer", "thought", "question", "answer", "done", "Second:"
        ]
    );
    assert!(
        done.stdout.contains("First: blue") && done.stdout.ends_with("Second: large\n"),
        "{}",
        done.stdout
    );
}

#[test]
fn answers_of_a_pipe_come_line_by_line() {
    for flags in [&["--json"][..], &[]] {
        let server = curious();
        let mut command = server.command(&["run", "Buy a shirt"]);
        command.args(flags).stdin(Stdio::piped());
        let mut running = Running::start(command);
        running.feed("blue\n\nlarge");
        let done = running.finish();
        assert_eq!((done.status, done.stderr.as_str()), (0, ""));
        assert!(
            done.stdout.contains("First: blue") && done.stdout.contains("Second: large"),
            "{}",
            done.stdout
        );
    }
}

#[test]
fn an_answer_may_come_late() {
    let server = curious();
    let mut command = server.command(&["run", "Buy a shirt", "--json"]);
    command.stdin(Stdio::piped());
    let mut running = Running::start(command);
    running.read_until("Which colour?");
    running.feed("blue\nlarge\n");
    let done = running.finish();
    assert_eq!(done.status, 0, "{}", done.stderr);
    assert_eq!(done.json_lines().last().unwrap()["text"], "Second: large");
}

#[test]
fn a_question_without_an_answer_names_the_option() {
    for args in [
        &["run", "Buy a shirt"][..],
        &["run", "Buy a shirt", "--json"],
        &["run", "Buy a shirt", "-q"],
    ] {
        let server = curious();
        let done = server.run(args);
        assert_eq!(done.status, 2, "{}", done.stderr);
        assert!(
            done.stderr
                .starts_with("error: The agent asks: \"Which colour?\""),
            "{}",
            done.stderr
        );
        assert!(done.stderr.contains("--answer TEXT"), "{}", done.stderr);
        assert_eq!(server.emulator.session_count(), 0);
    }
}

#[test]
fn too_few_answers_name_the_open_question() {
    let server = curious();
    let done = server.run(&["run", "Buy a shirt", "--answer", "blue"]);
    assert_eq!(done.status, 2, "{}", done.stderr);
    assert!(done.stderr.contains("Which size?"), "{}", done.stderr);
    assert_eq!(server.emulator.session_count(), 0);
}

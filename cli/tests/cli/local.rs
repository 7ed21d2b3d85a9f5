//! `sessionwire run --local`: no service, no key.

use crate::support::{Folder, Running, is_jpeg, program};

#[test]
fn a_task_runs_without_a_key() {
    let done = Running::start(program(&[
        "run",
        "--local",
        "Count these words please",
        "--json",
    ]))
    .finish();
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
    let lines = done.json_lines();
    assert!(lines.len() > 2, "{lines:?}");
    assert_eq!(lines[lines.len() - 2]["type"], "done");
    assert_eq!(lines[lines.len() - 1]["type"], "result");
    assert!(!lines[lines.len() - 1]["text"].as_str().unwrap().is_empty());
}

#[test]
fn a_key_of_the_environment_is_not_used() {
    let mut command = program(&["run", "--local", "Count these words please", "-q"]);
    command
        .env("AGI_API_KEY", "not\na key")
        .env("AGI_BASE_URL", "http://127.0.0.1:1");
    let done = Running::start(command).finish();
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
}

#[test]
fn a_page_is_read_and_pictured() {
    let folder = Folder::new();
    let page = crate::support::serve("<title>Tea shop</title><h1>Teas</h1><p>Green tea: $4.50</p>");
    let file = folder.file("page.jpg");
    let args = [
        "run",
        "--local",
        "Which prices are there?",
        "--start-url",
        &page,
        "--screenshot",
        &file,
        "--json",
    ];
    let done = Running::start(program(&args)).finish();
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
    let result = done.json_lines().pop().unwrap();
    assert!(result["data"].to_string().contains("4.50"), "{result}");
    assert!(is_jpeg(&std::fs::read(file).unwrap()));
}

#[test]
fn a_kept_session_ends_with_the_emulator() {
    let done = Running::start(program(&[
        "run",
        "--local",
        "Count these words please",
        "-q",
        "--keep",
    ]))
    .finish();
    assert_eq!(done.status, 0);
    assert!(
        done.stderr.starts_with("session: ")
            && done.stderr.contains("ended with the local emulator")
    );
}

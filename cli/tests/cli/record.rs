//! `sessionwire record`.

use serde_json::json;
use sessionwire_emulator::{Scenario, Step};

use crate::support::{Folder, Server};

#[test]
fn a_session_becomes_a_scenario() {
    let server = Server::playing(json!([
        {"thought": "The PIN is 80514, I think"}, {"done": {"summary": "A mug", "price": 12.5}}]));
    let id = server.kept_session();
    let folder = Folder::new();
    let (file, secrets) = (folder.file("shop.yaml"), folder.file("secrets.txt"));
    std::fs::write(&secrets, "80514\n\n").unwrap();
    let recorded = server.run(&["record", &id, "--output", &file, "--secrets", &secrets]);
    assert_eq!(
        (recorded.status, recorded.stdout.as_str()),
        (0, ""),
        "{}",
        recorded.stderr
    );
    assert!(
        recorded.stderr.contains("Recorded 1 task."),
        "{}",
        recorded.stderr
    );
    assert!(!std::fs::read_to_string(&file).unwrap().contains("80514"));
    let scenario = Scenario::from_file(&file).unwrap();
    let last = scenario.tasks[0].steps.last().unwrap();
    assert_eq!(
        last,
        &Step::Done(json!({"summary": "A mug", "price": 12.5}))
    );

    let printed = server.run(&["record", &id, "--secrets", &secrets]);
    assert_eq!(printed.stdout, std::fs::read_to_string(&file).unwrap());
    let json = server.run(&["record", &id, "--secrets", &secrets, "--json"]);
    assert_eq!(Scenario::from_text(&json.stdout).unwrap(), scenario);
    let line = &server
        .run(&["record", &id, "-o", &file, "--json"])
        .json_lines()[0];
    assert_eq!(*line, json!({"file": file, "tasks": 1}));
}

#[test]
fn what_cannot_be_used_is_refused() {
    let server = Server::playing(json!([{"done": "ok"}]));
    let id = server.kept_session();
    let folder = Folder::new();
    let missing = folder.file("missing/it.yaml");
    for (args, status, text) in [
        (
            vec!["record", &id, "--output", &missing],
            2,
            "the folder does not exist",
        ),
        (
            vec!["record", &id, "--secrets", &missing],
            2,
            "one secret a line",
        ),
        (vec!["record", "missing"], 3, "not found"),
    ] {
        let refused = server.run(&args);
        assert_eq!(refused.status, status, "{}", refused.stderr);
        assert!(refused.stderr.contains(text), "{}", refused.stderr);
    }
}

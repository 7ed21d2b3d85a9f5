//! The single requests.

use serde_json::{Value, json};

use crate::support::{Folder, Running, Server, is_jpeg};

fn finished() -> Server {
    Server::playing(json!([{"thought": "Thinking"}, {"done": "ok"}]))
}

#[test]
fn sessions_are_listed_shown_and_deleted() {
    let server = finished();
    let (first, second) = (server.kept_session(), server.kept_session());
    let list = server.run(&["sessions", "list"]);
    let lines: Vec<_> = list.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{}", list.stdout);
    assert!(
        lines[0].starts_with(&format!("{first}  completed  agi-0  ")),
        "{}",
        lines[0]
    );
    let list = &server.run(&["sessions", "list", "--json"]).json_lines()[0];
    assert_eq!(list[1]["session_id"], second.as_str());

    let shown = server.run(&["sessions", "get", &first]).stdout;
    assert!(
        shown.starts_with(&format!("session_id: {first}\nstatus: completed\n")),
        "{shown}"
    );

    let deleted = server.run(&["sessions", "delete", &first]);
    assert_eq!(
        (deleted.status, deleted.stdout.as_str()),
        (0, "Session deleted successfully\n")
    );
    let again = server.run(&["sessions", "delete", &first]);
    assert_eq!(again.status, 0, "{}", again.stderr);
    assert_eq!(server.emulator.session_count(), 1);
    assert_eq!(server.run(&["sessions", "delete-all", "--yes"]).status, 0);
    assert_eq!(server.emulator.session_count(), 0);
    assert_eq!(server.run(&["sessions", "list"]).stdout, "");
}

#[test]
fn sessions_that_have_ended_are_cleaned_up() {
    let server = finished();
    let (first, second) = (server.kept_session(), server.kept_session());
    let none = server.run(&["sessions", "cleanup", "--older-than", "3600"]);
    assert_eq!((none.status, none.stdout.as_str()), (0, ""));
    let none = server.run(&["sessions", "cleanup", "--status", "error", "--json"]);
    assert_eq!((none.status, none.stdout.as_str()), (0, "[]\n"));
    let cleaned = server.run(&["sessions", "cleanup"]);
    assert_eq!(cleaned.status, 0, "{}", cleaned.stderr);
    assert_eq!(
        cleaned.stdout,
        format!("{first}  completed  deleted\n{second}  completed  deleted\n")
    );
    assert_eq!(server.emulator.session_count(), 0);
    assert_eq!(
        server
            .run(&["sessions", "cleanup", "--older-than", "soon"])
            .status,
        2
    );
}

#[test]
fn what_dead_processes_left_is_reaped() {
    let server = Server::playing(json!([{"thought": "Thinking"}, {"delay": 3600}]));
    let folder = Folder::new();
    let ledger = folder.file("ledger");
    let noting = |args: &[&str]| {
        let mut command = server.command(args);
        command.env("SESSIONWIRE_LEDGER", &ledger);
        Running::start(command)
    };
    for _ in 0..2 {
        let mut killed = noting(&["run", "Think"]);
        killed.read_until("Thinking");
        killed.signal("KILL");
        killed.wait();
    }
    let path = ledger.as_str();
    let none = server.run(&[
        "sessions",
        "reap",
        "--yes",
        "--ledger",
        path,
        "--older-than",
        "3600",
    ]);
    assert_eq!((none.status, none.stdout.as_str()), (0, ""));
    server.fail(json!({"on": "delete", "status": 403, "body": {"detail": "Not yours"}}));
    let reaped = noting(&["sessions", "reap", "--yes"]).finish();
    assert_eq!(reaped.status, 3, "{}", reaped.stderr);
    let lines: Vec<_> = reaped.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{}", reaped.stdout);
    assert!(reaped.stdout.contains("  agi-0  "), "{}", reaped.stdout);
    assert!(reaped.stdout.contains("  deleted\n"), "{}", reaped.stdout);
    assert!(
        reaped.stdout.contains("  not deleted: "),
        "{}",
        reaped.stdout
    );
    let again = server.run(&["sessions", "reap", "--yes", "--ledger", path, "--json"]);
    assert_eq!(again.status, 0, "{}", again.stderr);
    assert_eq!(again.json_lines()[0][0]["outcome"], "deleted");
    assert_eq!(server.emulator.session_count(), 0);
    let without = server.run(&["sessions", "reap", "--yes"]);
    assert_eq!(without.status, 2);
    assert!(
        without.stderr.contains("SESSIONWIRE_LEDGER"),
        "{}",
        without.stderr
    );
}

#[test]
fn a_session_that_is_kept_is_in_no_ledger() {
    let server = finished();
    let folder = Folder::new();
    let ledger = folder.file("ledger");
    for args in [
        &["run", "Think", "--keep"][..],
        &["run", "Think", "--local"],
    ] {
        let mut command = server.command(args);
        command.env("SESSIONWIRE_LEDGER", &ledger);
        if args.contains(&"--local") {
            command.env_remove("AGI_BASE_URL");
        }
        let done = Running::start(command).finish();
        assert_eq!(done.status, 0, "{}", done.stderr);
    }
    assert!(!std::path::Path::new(&ledger).exists());
    assert_eq!(server.emulator.session_count(), 1);
}

#[test]
fn messages_and_events_of_a_task() {
    let server = finished();
    let id = server.kept_session();
    assert_eq!(server.run(&["status", &id]).stdout, "finished\n");

    let messages = server.run(&["messages", &id]).stdout;
    let kinds: Vec<_> = messages
        .lines()
        .map(|line| line.split_whitespace().nth(1).unwrap())
        .collect();
    assert_eq!(kinds, ["USER", "THOUGHT", "DONE"]);
    let later = &server
        .run(&["messages", &id, "--after-id", "1", "--json"])
        .json_lines()[0];
    assert_eq!(later["messages"][0]["type"], "THOUGHT");

    let events = server.run(&["events", &id, "--json"]).json_lines();
    let types: Vec<_> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["thought", "done"]);
    let events = server.run(&["events", &id, "--types", "done,error"]).stdout;
    assert!(
        events.starts_with("done ") && events.lines().count() == 1,
        "{events}"
    );
}

#[test]
fn a_type_of_events_that_is_not_known_is_warned_of() {
    let server = finished();
    let id = server.kept_session();
    let done = server.run(&["events", &id, "--types", "dnoe,done"]);
    assert_eq!(done.status, 0, "{}", done.stderr);
    assert!(done.stdout.starts_with("done "), "{}", done.stdout);
    assert_eq!(
        done.stderr,
        "warning: `event_types` has \"dnoe\", which this version does not know: nothing may come. \
         Did you mean \"done\"?\n"
    );
}

#[test]
fn a_task_is_paused_resumed_and_cancelled() {
    let server = Server::start();
    let id = server.kept_session();
    let conflict = server.run(&["pause", &id]);
    assert_eq!(conflict.status, 3, "{}", conflict.stderr);
    let busy = &server.busy_session();
    assert_eq!(server.run(&["status", busy]).stdout, "running\n");
    assert_eq!(
        server.run(&["pause", busy]).stdout,
        "Session paused successfully\n"
    );
    let again = server.run(&["pause", busy]);
    assert!(
        again.status == 3 && again.stderr.contains("already_paused"),
        "{}",
        again.stderr
    );
    assert_eq!(
        server.run(&["resume", busy]).stdout,
        "Session resumed successfully\n"
    );
    assert_eq!(
        server.run(&["cancel", busy, "--json"]).json_lines()[0]["success"],
        true
    );
    assert_eq!(server.run(&["status", busy]).stdout, "finished\n");
}

#[test]
fn the_browser_goes_where_it_is_sent_and_is_pictured() {
    let server = finished();
    let id = server.kept_session();
    let page = crate::support::serve("<title>Tea shop</title><h1>Teas</h1>");
    let went = server.run(&["navigate", &id, &page]);
    assert_eq!((went.status, went.stdout), (0, format!("{page}\n")));

    let folder = Folder::new();
    let file = folder.file("shot.jpg");
    let saved = server.run(&["screenshot", &id, "--output", &file]);
    assert_eq!(saved.status, 0, "{}", saved.stderr);
    assert!(
        saved.stdout.contains(&page) && saved.stdout.contains("Tea shop"),
        "{}",
        saved.stdout
    );
    assert!(is_jpeg(&std::fs::read(&file).unwrap()));

    let saved: Value = server
        .run(&["screenshot", &id, "-o", &file, "--json"])
        .json_lines()
        .remove(0);
    assert_eq!(saved["file"], file.as_str());
    assert_eq!(saved["title"], "Tea shop");

    let mut command = server.command(&["screenshot", &id, "-o", "-"]);
    assert!(is_jpeg(&command.output().unwrap().stdout));

    let mut command = server.command(&["screenshot", &id]);
    assert!(
        command
            .current_dir(&folder.0)
            .output()
            .unwrap()
            .status
            .success()
    );
    assert!(is_jpeg(
        &std::fs::read(folder.file("screenshot.jpg")).unwrap()
    ));
}

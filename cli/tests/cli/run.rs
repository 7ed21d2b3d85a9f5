//! `sessionwire run`: events, result, session.

use serde_json::{Value, json};

use crate::support::{Folder, Running, Server, is_jpeg};

fn shopping() -> Server {
    Server::playing(json!([
        {"thought": "Looking\nfor \u{1b}[31moffers"},
        {"step": "Open the shop", "url": "http://127.0.0.1:1/shop", "action": "open"},
        {"done": {"summary": "2 offers", "offers": [{"price": 41.5}, {"price": 52}]}}
    ]))
}

#[test]
fn plain_lines_and_the_result_in_a_pipe() {
    let server = shopping();
    let done = server.run(&["run", "Find offers"]);
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
    let lines: Vec<&str> = done.stdout.lines().collect();
    let words: Vec<_> = lines[..3]
        .iter()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .collect();
    assert_eq!(
        (words[0][0], &words[0][2..]),
        ("thought", &["Looking", "for", "[31moffers"][..])
    );
    assert_eq!(
        (words[1][0], &words[1][2..]),
        ("step", &["Open", "the", "shop"][..])
    );
    assert_eq!(words[2][0], "done");
    assert!(
        words.iter().all(|words| words[1].ends_with('s')),
        "{lines:?}"
    );
    assert_eq!(lines[3], "2 offers");
    let data: Value = serde_json::from_str(&lines[4..].join("\n")).unwrap();
    assert_eq!(data["offers"], json!([{"price": 41.5}, {"price": 52}]));
    assert!(!done.stdout.contains('\u{1b}'));
    assert_eq!(server.emulator.session_count(), 0);
}

#[test]
fn json_lines_end_with_the_result() {
    let server = shopping();
    let done = server.run(&["run", "Find offers", "--json"]);
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
    let lines = done.json_lines();
    let types: Vec<_> = lines
        .iter()
        .map(|line| line["type"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["started", "thought", "step", "done", "result"]);
    let (started, lines) = lines.split_first().unwrap();
    assert!(started["handle"].as_str().unwrap().starts_with("sw1."));
    assert!(started["vnc_url"].as_str().unwrap().contains("/live/"));
    assert_eq!(started["session_id"], lines[3]["session_id"]);
    assert_eq!(lines[0]["text"], "Looking\nfor \u{1b}[31moffers");
    assert_eq!(lines[0]["data"]["text"], lines[0]["text"]);
    assert_eq!(lines[1]["data"]["action"], "open");
    let ids: Vec<_> = lines[..3]
        .iter()
        .map(|line| line["id"].as_i64().unwrap())
        .collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    let result = &lines[3];
    assert_eq!(result["text"], "2 offers");
    assert_eq!(result["data"]["offers"][1]["price"], 52);
    assert_eq!(result["message_id"], lines[2]["id"]);
    assert!(result["duration"].as_f64().unwrap() > 0.0);
    assert!(!result["session_id"].as_str().unwrap().is_empty());
}

#[test]
fn quiet_prints_the_result_only() {
    let server = Server::playing(json!([{"thought": "hm"}, {"done": "It is 42."}]));
    let done = server.run(&["run", "Find offers", "--quiet"]);
    assert_eq!(
        (done.status, done.stdout.as_str(), done.stderr.as_str()),
        (0, "It is 42.\n", "")
    );
}

#[test]
fn the_agent_and_the_start_page_reach_the_service() {
    let server = shopping();
    let done = server.run(&[
        "run",
        "Find offers",
        "--agent",
        "agi-0-fast",
        "--start-url",
        "http://127.0.0.1:1/shop",
    ]);
    assert_eq!(done.status, 0, "{}", done.stderr);
    let requests = server.emulator.requests();
    let body = |at: usize| serde_json::from_str::<Value>(&requests[at].body).unwrap();
    let message = requests
        .iter()
        .position(|request| request.path.ends_with("/message"))
        .unwrap();
    assert_eq!(body(0), json!({"agent_name": "agi-0-fast"}));
    assert_eq!(
        body(message),
        json!({"message": "Find offers", "start_url": "http://127.0.0.1:1/shop"})
    );
}

#[test]
fn a_failed_task_is_status_1() {
    let server = Server::playing(json!([{"thought": "hm"}, {"error": "The shop is closed"}]));
    let done = server.run(&["run", "Find offers"]);
    assert_eq!(done.status, 1, "{}", done.stderr);
    assert!(
        done.stderr.starts_with("error: ") && done.stderr.contains("The shop is closed"),
        "{}",
        done.stderr
    );
    assert!(done.stdout.contains("The shop is closed"));
    assert_eq!(server.emulator.session_count(), 0);
}

#[test]
fn a_timeout_is_status_4() {
    let server = Server::playing(json!([{"thought": "hm"}, {"delay": 3600}]));
    let done = server.run(&["run", "Find offers", "--timeout", "0.3"]);
    assert_eq!(done.status, 4, "{}", done.stderr);
    assert_eq!(
        done.stderr,
        "error: The task did not end within 0.3 s. Give it more time with --timeout, or make it smaller.\n"
    );
    assert_eq!(server.emulator.session_count(), 0);
}

#[test]
fn a_timeout_covers_a_create_that_hangs() {
    let server = Server::start();
    server.fail(json!({"on": "create", "hang": true, "times": 0}));
    let done = server.run(&["run", "Find offers", "--timeout", "0.2"]);
    assert_eq!(done.status, 4, "{}", done.stderr);
    assert!(
        done.stderr
            .starts_with("warning: A session was being created"),
        "{}",
        done.stderr
    );
}

#[test]
fn a_session_created_too_late_is_deleted() {
    let server = Server::start();
    server.fail(json!({"on": "create", "delay": 0.6}));
    let done = server.run(&["run", "Find offers", "--timeout", "0.2"]);
    assert_eq!(done.status, 4, "{}", done.stderr);
    assert_eq!(server.emulator.session_count(), 0);
    assert_eq!(
        server.paths(),
        ["POST /v1/sessions", "DELETE /v1/sessions/ID"]
    );
}

#[test]
fn a_kept_session_is_named_on_stderr() {
    let server = shopping();
    let id = server.kept_session();
    assert_eq!(server.emulator.session_count(), 1);
    let done = server.run(&["sessions", "get", &id]);
    assert!(done.stdout.contains(&id), "{}", done.stdout);
}

#[test]
fn a_failed_delete_is_reported_and_changes_no_status() {
    let server = shopping();
    server.fail(json!({"on": "delete", "status": 500, "times": 0}));
    let done = server.run(&["run", "Find offers", "--max-retries", "0"]);
    assert_eq!(done.status, 0, "{}", done.stderr);
    assert!(
        done.stderr
            .starts_with("warning: the session was not deleted: "),
        "{}",
        done.stderr
    );
    assert!(
        done.stderr.contains("sessionwire sessions delete "),
        "{}",
        done.stderr
    );
    assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
}

#[test]
fn a_screenshot_is_saved_after_the_task() {
    let folder = Folder::new();
    for steps in [json!([{"done": "ok"}]), json!([{"error": "no"}])] {
        let server = Server::playing(steps);
        let file = folder.file("page.jpg");
        server.run(&["run", "Look", "--screenshot", &file]);
        assert!(is_jpeg(&std::fs::read(&file).unwrap()));
        std::fs::remove_file(&file).unwrap();
        let paths = server.paths();
        assert_eq!(paths.last().unwrap(), "DELETE /v1/sessions/ID", "{paths:?}");
    }
}

#[test]
fn a_result_without_its_screenshot_is_still_printed() {
    let server = shopping();
    server.fail(
        json!({"on": "screenshot", "status": 404, "body": {"detail": "No browser"}, "times": 0}),
    );
    let folder = Folder::new();
    let done = server.run(&["run", "Look", "--screenshot", &folder.file("page.jpg")]);
    assert_eq!(done.status, 3, "{}", done.stderr);
    assert!(done.stdout.contains("2 offers"), "{}", done.stdout);
    assert!(done.stderr.contains("No browser"), "{}", done.stderr);
    assert_eq!(server.emulator.session_count(), 0);
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let server = Server::playing(
        json!([{"repeat": 20000, "steps": [{"thought": "thought {n}"}]}, {"delay": 3600}]),
    );
    let mut running = Running::start(server.command(&["run", "Think"]));
    assert!(running.read_until("thought 1").starts_with("thought"));
    running.stop_reading();
    let done = running.finish();
    assert_eq!((done.status, done.stderr.as_str()), (141, ""));
    assert_eq!(server.emulator.session_count(), 0);
}

#[test]
fn a_stream_that_is_cut_shows_no_seam() {
    let server = Server::playing(
        json!([{"repeat": 100, "steps": [{"thought": "thought {n}"}]}, {"done": "ok"}]),
    );
    server.fail(json!({"on": "events", "cut_after": 7, "times": 3}));
    let done = server.run(&["run", "Think", "--json"]);
    assert_eq!(done.status, 0, "{}", done.stderr);
    let texts: Vec<_> = done.json_lines()[1..]
        .iter()
        .map(|line| line["text"].as_str().unwrap().to_owned())
        .collect();
    let expected: Vec<_> = (1..=100).map(|n| format!("thought {n}")).collect();
    assert_eq!(texts[..100], expected);
    assert_eq!(texts[100..], ["ok", "ok"]);
}

/// What drives a terminal, or turns a text around.
const RUDE: &str = "a\u{1b}[2J\u{9b}31m\u{202e}b\u{2066}c\u{200f}\u{2028}d";

#[test]
fn a_result_in_a_pipe_drives_no_terminal() {
    let server = Server::playing(json!([{"done": {"summary": RUDE, "more": RUDE}}]));
    let done = server.run(&["run", "Look", "--quiet"]);
    let (text, data) = done.stdout.split_once('\n').unwrap();
    assert_eq!(text, "a[2J31m<U+202E>b<U+2066>c<U+200F><U+2028>d");
    for c in done.stdout.chars().filter(|&c| c != '\n') {
        assert!(!c.is_control() && c.is_ascii(), "{:?}", done.stdout);
    }
    // As JSON it says the same.
    let data: Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["more"], RUDE);
    let lines = server.run(&["run", "Look", "--json"]);
    assert!(lines.stdout.is_ascii(), "{:?}", lines.stdout);
    assert_eq!(lines.json_lines()[2]["text"], RUDE);
    let raw = server.run(&["run", "Look", "--quiet", "--raw"]);
    assert_eq!(raw.stdout.split_once('\n').unwrap().0, RUDE);
}

#[test]
fn a_quiet_json_has_one_line() {
    let server = shopping();
    let lines = server
        .run(&["run", "Look", "--json", "--quiet"])
        .json_lines();
    assert_eq!(lines.len(), 1);
    assert_eq!(
        (&lines[0]["type"], &lines[0]["json_version"]),
        (&json!("result"), &json!(1))
    );
}

#[test]
fn a_task_in_a_session_that_is_there() {
    let server = shopping();
    let id = server.kept_session();
    let done = server.run(&["run", "Now compare them", "--session", &id]);
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
    // The events of the task before are not shown again.
    assert_eq!(done.stdout.matches("\nstep ").count(), 1, "{}", done.stdout);
    assert_eq!(server.emulator.session_count(), 1);

    let gone = server.run(&[
        "run",
        "Look",
        "--session",
        "7c1f9a52-3d0e-4b8e-9a6d-1f2e3c4b5a69",
    ]);
    assert_eq!(gone.status, 3, "{}", gone.stderr);
    for other in [
        &["--local"][..],
        &["--keep"],
        &["--agent", "agi-0-fast"],
        &["--webhook-url", "https://hooks.example/x"],
        &["--restore-from", "session-1"],
        &["--save-snapshot", "memory"],
    ] {
        let args: Vec<_> = ["run", "Look", "--session", &id]
            .into_iter()
            .chain(other.iter().copied())
            .collect();
        let refused = server.run(&args);
        assert_eq!(refused.status, 2, "{other:?}");
        assert!(refused.stderr.contains(other[0]), "{}", refused.stderr);
    }
}

#[test]
fn what_goes_on_in_a_given_session_is_left_alone() {
    let server = Server::playing(json!([{"thought": "Thinking"}, {"delay": 3600}]));
    let id = server.busy_session();
    let busy = server.run(&["run", "Look", "--session", &id]);
    assert_eq!(busy.status, 3, "{}", busy.stderr);
    assert!(!server.paths().iter().any(|path| path.ends_with("/cancel")));

    // It takes its place where that is wanted; a time that is over leaves it at work.
    let args = [
        "run",
        "Look",
        "--session",
        &id,
        "--if-busy",
        "cancel",
        "--timeout",
        "1",
    ];
    let late = server.run(&args);
    assert_eq!(late.status, 4, "{}", late.stderr);
    let (_, rest) = late.stderr.split_once("`sessionwire resume ").unwrap();
    let handle = rest.split_once('`').unwrap().0;
    assert_eq!(server.run(&["status", &id]).stdout, "running\n");
    let again = server.run(&["resume", handle, "--from-start", "--timeout", "0.5"]);
    assert!(again.stdout.contains("Thinking"), "{}", again.stdout);
    assert_eq!(server.emulator.session_count(), 1);
}

#[test]
fn a_session_is_created_and_deleted_as_the_command_line_says() {
    let server = shopping();
    let args = [
        "run",
        "Look",
        "--webhook-url",
        "http://127.0.0.1:9/hook",
        "--goal",
        "Mugs",
        "--max-steps",
        "7",
        "--no-memory-snapshot",
        "--save-snapshot",
        "filesystem",
        "--save-as-default",
    ];
    let done = server.run(&args);
    assert_eq!(done.status, 0, "{}", done.stderr);
    assert_eq!(
        server.request("/v1/sessions"),
        json!({
            "agent_name": "agi-0", "webhook_url": "http://127.0.0.1:9/hook", "goal": "Mugs", "max_steps": 7,
            "enable_memory_snapshot": false,
        })
    );
    let requests = server.emulator.requests();
    let delete = requests
        .iter()
        .find(|request| request.method == "DELETE")
        .unwrap();
    assert_eq!(
        delete.query,
        "save_snapshot_mode=filesystem&save_as_default=true"
    );
    let id = delete.path.rsplit('/').next().unwrap();
    let restored = server.run(&["run", "Look", "--restore-from", id, "--quiet"]);
    assert_eq!(restored.status, 0, "{}", restored.stderr);

    for (args, why) in [
        (&["--save-as-default"][..], "--save-snapshot"),
        (
            &["--save-snapshot", "none", "--save-as-default"],
            "filesystem",
        ),
        (&["--save-snapshot", "all"], "filesystem"),
        (&["--keep", "--save-snapshot", "memory"], "--keep"),
    ] {
        let args: Vec<_> = ["run", "Look"]
            .into_iter()
            .chain(args.iter().copied())
            .collect();
        let refused = server.run(&args);
        assert_eq!(refused.status, 2, "{args:?}");
        assert!(refused.stderr.contains(why), "{}", refused.stderr);
    }
}

#[test]
fn the_live_view_is_opened() {
    let server = shopping();
    let folder = Folder::new();
    let (browser, opened) = (folder.file("browser"), folder.file("opened"));
    std::fs::write(&browser, format!("#!/bin/sh\necho \"$1\" >> {opened}\n")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&browser, mode).unwrap();
    let mut command = server.command(&["run", "Look", "--open", "--json"]);
    command.env("BROWSER", &browser);
    let done = Running::start(command).finish();
    assert_eq!(done.status, 0, "{}", done.stderr);
    crate::support::eventually("the browser", || std::fs::exists(&opened).unwrap());
    let url = std::fs::read_to_string(&opened).unwrap();
    assert_eq!(done.json_lines()[0]["vnc_url"], url.trim());

    // That of a session that somebody else started, too.
    std::fs::remove_file(&opened).unwrap();
    let id = server.kept_session();
    let mut command = server.command(&["watch", &id, "--open"]);
    command.env("BROWSER", &browser);
    assert_eq!(Running::start(command).finish().status, 0);
    crate::support::eventually("the browser", || std::fs::exists(&opened).unwrap());
    let shown = server.run(&["sessions", "get", &id]).stdout;
    let url = std::fs::read_to_string(&opened).unwrap();
    assert!(shown.contains(&format!("vnc_url: {url}")), "{shown}");
}

#[test]
fn a_live_view_that_is_no_web_address_is_not_opened() {
    let server = shopping();
    let folder = Folder::new();
    let opened = folder.file("opened");
    let answer = json!({
        "session_id": "7c1f9a52-3d0e-4b8e-9a6d-1f2e3c4b5a69", "agent_name": "agi-0", "status": "ready",
        "created_at": "2026-03-04T09:15:27.418Z", "vnc_url": format!("file://{opened}"),
    });
    server.fail(json!({"on": "create", "status": 200, "body": answer}));
    let mut command = server.command(&["run", "Look", "--open"]);
    command.env("BROWSER", format!("touch {opened}"));
    let done = Running::start(command).finish();
    assert!(
        done.stderr.contains("warning: no browser opened"),
        "{}",
        done.stderr
    );
    assert!(!std::fs::exists(&opened).unwrap());
}

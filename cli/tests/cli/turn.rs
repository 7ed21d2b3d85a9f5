//! `sessionwire turn`: events, result, files, the end.

use serde_json::{Value, json};

use crate::support::{Done, Folder, Running, Server, program};

const SESSION: &str = "2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415";

fn playing(steps: Value) -> Server {
    let server = Server::start();
    let scenario = json!({"turns": [{"steps": steps}]});
    server
        .emulator
        .scenario(serde_json::from_value(scenario).unwrap());
    server
}

fn turn(server: &Server, args: &[&str]) -> Done {
    Running::start(server.turn_command(args)).finish()
}

fn building() -> Server {
    playing(json!([
        {"thought": "Reading\nthe \u{1b}[31mprompt"},
        {"plan": [{"content": "Read", "status": "completed"}, {"content": "Build", "status": "active"}, "Test"]},
        {"tool": "shell", "output": {"exit_code": 0}},
        {"snapshot": ["src/main.py"], "deleted": ["old.py"]},
        {"text": "It is "}, {"text": "built."}
    ]))
}

#[test]
fn plain_lines_and_the_answer_in_a_pipe() {
    let server = building();
    let done = turn(&server, &["turn", "Build it", "--mode", "code"]);
    assert_eq!(done.status, 0, "{}", done.stderr);
    let session_id = done.stderr.strip_prefix("session: ").unwrap().trim();
    assert_eq!(session_id.len(), 36);
    let lines: Vec<Vec<&str>> = done
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let names: Vec<_> = lines[..9].iter().map(|words| words[0]).collect();
    assert_eq!(
        names,
        [
            "message.received",
            "thought",
            "plan.update",
            "tool.start",
            "tool.result",
            "sandbox.snapshot",
            "text",
            "text",
            "task.completed"
        ]
    );
    let rest = |at: usize| lines[at][2..].join(" ");
    assert_eq!(rest(0), "Build it");
    assert_eq!(rest(1), "Reading the [31mprompt");
    assert_eq!(rest(2), "[x] Read [>] Build [ ] Test");
    assert_eq!(rest(3), "shell");
    assert_eq!(rest(4), "success {\"exit_code\":0}");
    assert_eq!(rest(5), "src/main.py -old.py");
    assert_eq!(lines[9].join(" "), "It is built.");
    let start = server.request("/sessions/new");
    assert_eq!(start["session_id"], session_id);
    assert_eq!(start["mode"], "code");
}

#[test]
fn json_lines_end_with_the_result() {
    let server = building();
    let args = ["turn", "Build it", "--json", "--session", SESSION];
    let done = turn(&server, &args);
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
    let lines = done.json_lines();
    assert_eq!(lines.len(), 11);
    assert_eq!(lines[0]["type"], "started");
    assert!(lines[0]["handle"].as_str().unwrap().starts_with("sw1."));
    assert_eq!(lines[2]["type"], "thought");
    assert_eq!(lines[2]["id"], 2);
    assert_eq!(lines[2]["data"]["finalize"], true);
    let result = &lines[10];
    assert_eq!(result["type"], "result");
    assert_eq!(result["text"], "It is built.");
    assert_eq!(result["status"], "completed");
    assert_eq!(result["session_id"], SESSION);
    assert_eq!(result["plan"][1]["content"], "Build");
    assert!(result["files"]["src/main.py"].is_object());
}

#[test]
fn files_are_uploaded_first() {
    let server = playing(json!([]));
    let folder = Folder::new();
    let path = folder.0.join("notes.txt");
    std::fs::write(&path, "one two").unwrap();
    let file = path.to_str().unwrap();
    let args = ["turn", "Read", "--file", file, "--session", SESSION, "-q"];
    let done = turn(&server, &args);
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
    let start = server.request("/sessions/new");
    assert_eq!(
        start["files"],
        json!([{"key": format!("{SESSION}/notes.txt"), "name": "notes.txt", "type": "text/plain", "size": 7}])
    );
    let missing = turn(&server, &["turn", "Read", "--file", "/no/such.txt"]);
    assert_eq!(missing.status, 2, "{}", missing.stderr);
    assert!(
        missing.stderr.contains("/no/such.txt"),
        "{}",
        missing.stderr
    );
}

#[test]
fn a_turn_that_fails_or_is_aborted_is_status_1() {
    let server = playing(json!([{"error": "No luck"}]));
    let done = turn(&server, &["turn", "Build it"]);
    assert_eq!(done.status, 1);
    assert!(done.stderr.contains("error: ") && done.stderr.contains("No luck"));
    let server = playing(json!([{"text": "so far"}, {"abort": "Too long"}]));
    let done = turn(&server, &["turn", "Build it", "--quiet"]);
    assert_eq!((done.status, done.stdout.as_str()), (1, "so far\n"));
    assert!(done.stderr.contains("The turn was aborted: Too long"));
}

#[test]
fn a_signal_stops_the_turn_and_leaves_the_session() {
    let server = playing(json!([{"thought": "Thinking"}, {"wait_for_stop": true}]));
    let args = ["turn", "Think", "--session", SESSION];
    let mut running = Running::start(server.turn_command(&args));
    running.read_until("Thinking");
    running.signal("INT");
    let done = running.finish();
    assert_eq!(done.status, 130, "{}", done.stderr);
    assert!(
        done.stderr.starts_with("Interrupted: stopping the turn."),
        "{}",
        done.stderr
    );
    // It was stopped: the session takes the next turn.
    let scenario = json!({"turns": [{"steps": [{"text": "Again"}]}]});
    server
        .emulator
        .scenario(serde_json::from_value(scenario).unwrap());
    let done = turn(&server, &["turn", "Again", "--session", SESSION, "--quiet"]);
    assert_eq!((done.status, done.stdout.as_str()), (0, "Again\n"));
}

#[test]
fn a_timeout_leaves_the_turn_running_and_says_where() {
    let server = playing(json!([{"wait_for_stop": true}]));
    let args = ["turn", "Think", "--session", SESSION, "--timeout", "0.5"];
    let done = turn(&server, &args);
    assert_eq!(done.status, 4, "{}", done.stderr);
    assert!(
        done.stderr
            .contains(&format!("goes on in the session {SESSION}")),
        "{}",
        done.stderr
    );
    let again = turn(&server, &["turn", "Again", "--session", SESSION]);
    assert_eq!(again.status, 3);
    for part in ["turn_in_progress", "sessionwire raccoon attach SESSION"] {
        assert!(again.stderr.contains(part), "{}", again.stderr);
    }
    let again = turn(&server, &["turn", "Again", "--session", SESSION, "--json"]);
    let line = again.json_lines().pop().unwrap();
    let message = line["message_id"].as_str().unwrap();
    assert!(
        done.stderr.contains(&format!("--message {message}")),
        "{}",
        done.stderr
    );
}

#[test]
fn bad_input_costs_no_request() {
    let server = playing(json!([]));
    for (args, words) in [
        (&["turn", ""][..], "PROMPT is empty"),
        (&["turn", "x", "--session", "y"], "UUID"),
        (&["turn", "x", "--timeout", "0"], "positive"),
        (&["turn", "x", "--local", "--session", SESSION], "--local"),
    ] {
        let done = turn(&server, args);
        assert_eq!(done.status, 2, "{args:?}: {}", done.stderr);
        assert!(done.stderr.contains(words), "{args:?}: {}", done.stderr);
    }
    assert!(server.emulator.requests().is_empty());
}

#[test]
fn local_needs_no_key_and_a_missing_key_says_so() {
    let done = Running::start(program(&[
        "turn",
        "Plan a trip",
        "--mode",
        "plan",
        "--local",
        "-q",
    ]));
    let done = done.finish();
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
    assert!(done.stdout.contains("plan.md"), "{}", done.stdout);
    let done = Running::start(program(&["turn", "Plan a trip"])).finish();
    assert_eq!(done.status, 2);
    assert!(
        done.stderr.contains("RACCOON_API_KEY") && done.stderr.contains("turn --local"),
        "{}",
        done.stderr
    );
}

#[test]
fn an_answer_in_a_pipe_drives_no_terminal() {
    let server = playing(json!([{"text": "a\u{1b}[2J\u{9b}31m\u{202e}b"}]));
    let turn = |args: &[&str]| Running::start(server.turn_command(args)).finish();
    assert_eq!(
        turn(&["turn", "Look", "--quiet"]).stdout,
        "a[2J31m<U+202E>b\n"
    );
    assert_eq!(
        turn(&["turn", "Look", "--quiet", "--raw"]).stdout,
        "a\u{1b}[2J\u{9b}31m\u{202e}b\n"
    );
}

#[test]
fn a_timeout_as_json_says_which_turn_goes_on() {
    let server = playing(json!([{"text": "a"}, {"wait_for_stop": true}]));
    for args in [
        &[
            "turn",
            "Think",
            "--session",
            SESSION,
            "--timeout",
            "0.5",
            "--json",
        ][..],
        &["raccoon", "attach", SESSION, "--timeout", "0.5", "--json"],
    ] {
        let done = turn(&server, args);
        assert_eq!(done.status, 4, "{}", done.stderr);
        let line = done.json_lines().pop().unwrap();
        assert_eq!(
            (&line["name"], &line["session_id"]),
            (&json!("TaskTimeout"), &json!(SESSION)),
            "{line}"
        );
        let message = line["message_id"].as_str().unwrap();
        let told = format!("attach {SESSION} --message {message}");
        assert!(done.stderr.contains(&told), "{}", done.stderr);
        for text in [&line["message"].to_string(), &done.stderr] {
            assert!(text.contains("The turn did not end within 0.5 s"), "{text}");
            assert!(!text.contains("task"), "{text}");
        }
    }
}

#[test]
fn a_session_is_named_once_there_is_one() {
    let server = playing(json!([]));
    for args in [
        &["turn", "x", "--file", "/no/such.txt"][..],
        &[
            "turn",
            "x",
            "--base-url",
            "http://127.0.0.1:9",
            "--max-retries",
            "0",
        ],
    ] {
        let done = turn(&server, args);
        assert_ne!(done.status, 0);
        assert!(!done.stderr.contains("session: "), "{}", done.stderr);
    }
    server.fail(json!({"on": "start_turn", "reset": true, "after": true}));
    let lost = turn(&server, &["turn", "x", "--max-retries", "0"]);
    assert!(
        lost.stderr.starts_with("session: "),
        "it may be there: {}",
        lost.stderr
    );
}

#[test]
fn a_failure_of_the_agent_is_said_to_be_one() {
    for (step, said) in [
        (
            json!({"error": "broke"}),
            "error: The turn failed: broke.\n",
        ),
        (
            json!({"event": "task.error", "payload": {}}),
            "error: The turn failed, and the service does not say why. Look at its events, or start it again.\n",
        ),
    ] {
        let server = playing(json!([step]));
        let done = turn(&server, &["turn", "x", "--session", SESSION]);
        assert_eq!((done.status, done.stderr.as_str()), (1, said));
    }
}

#[test]
fn a_turn_in_progress_is_told_in_whole_sentences() {
    let server = playing(json!([{"wait_for_stop": true}]));
    turn(
        &server,
        &["turn", "Think", "--session", SESSION, "--timeout", "0.3"],
    );
    let again = turn(&server, &["turn", "Again", "--session", SESSION]);
    let said = "need sessions of their own. Here that is `sessionwire raccoon attach SESSION`";
    assert!(again.stderr.contains(said), "{}", again.stderr);
}

#[test]
fn an_option_that_is_misspelt_is_named_with_those_that_there_are() {
    let server = playing(json!([]));
    for (args, words) in [
        (
            ["turn", "x", "--wire", "{\"promt\": [\"task\"]}"],
            "`promt` is not known. Did you mean `prompt`? It can be `prompt`, `sdk_version`,",
        ),
        (
            ["turn", "x", "--wire", "{\"prompt\": \"task\"}"],
            "`prompt` is the text \"task\", but needs a list",
        ),
        (
            ["turn", "x", "--wire", "[]"],
            "neither a JSON object nor a file",
        ),
        (
            ["turn", "x", "--uploaded", "{\"keyy\": 1}"],
            "`key` is missing",
        ),
        (
            ["turn", "x", "--wire", "{\"prompt\": []}"],
            "--wire has no name for `prompt`",
        ),
    ] {
        let done = turn(&server, &args);
        assert_eq!(done.status, 2, "{args:?}: {}", done.stderr);
        assert!(done.stderr.contains(words), "{args:?}: {}", done.stderr);
        for foreign in ["unknown field", "expected", "at line", "Here that is"] {
            assert!(!done.stderr.contains(foreign), "{args:?}: {}", done.stderr);
        }
    }
}

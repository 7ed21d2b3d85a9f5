//! `sessionwire raccoon`: sessions, and turns that run already.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Done, Folder, Running, Server, eventually, program};
use crate::terminal::Terminal;

const SESSION: &str = "2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415";
const OTHER: &str = "5c0e7a92-1d4b-4f86-b3aa-90f1c2d3e4f5";

/// An emulator whose agent takes these steps in each turn.
fn playing(steps: Value) -> Server {
    let server = Server::start();
    play(&server, steps);
    server
}

fn play(server: &Server, steps: Value) {
    let scenario = json!({"turns": [{"steps": steps}]});
    server
        .emulator
        .scenario(serde_json::from_value(scenario).unwrap());
}

fn run(server: &Server, args: &[&str]) -> Done {
    Running::start(server.turn_command(args)).finish()
}

/// The same; it must end well.
#[track_caller]
fn good(server: &Server, args: &[&str]) -> Done {
    let done = run(server, args);
    assert_eq!(
        (done.status, done.stderr.as_str()),
        (0, ""),
        "{args:?}: {}",
        done.stdout
    );
    done
}

/// The same; it must fail with this status, and say what to do.
#[track_caller]
fn refused(server: &Server, args: &[&str], status: i32, parts: &[&str]) {
    let done = run(server, args);
    assert_eq!(
        (done.status, done.stdout.as_str()),
        (status, ""),
        "{args:?}: {}",
        done.stderr
    );
    assert!(done.stderr.starts_with("error: "), "{}", done.stderr);
    for part in parts {
        assert!(
            done.stderr.contains(part),
            "{args:?}: {part:?} is not in {}",
            done.stderr
        );
    }
}

/// A turn that runs, started by a program that is gone.
fn left_running(server: &Server) {
    let mut running = Running::start(server.turn_command(&["turn", "Think", "--session", SESSION]));
    running.read_until("Thinking");
}

/// The id of the newest turn of the session.
fn message_id(server: &Server) -> String {
    let messages = &good(server, &["raccoon", "messages", SESSION, "--json"]).json_lines()[0];
    let messages = messages["messages"].as_array().unwrap();
    messages.last().unwrap()["id"].as_str().unwrap().to_owned()
}

/// The state of the newest turn, as `messages` shows it.
fn state(server: &Server) -> String {
    let lines = good(server, &["raccoon", "messages", SESSION]).stdout;
    let last = lines.lines().last().unwrap();
    last.split_whitespace().nth(2).unwrap().to_owned()
}

fn thinking() -> Value {
    json!([{"thought": "Thinking"}, {"wait_for_stop": true}])
}

#[test]
fn sessions_are_listed_shown_renamed_and_deleted() {
    let server = playing(json!([{"snapshot": ["notes.md"]}, {"text": "It is done."}]));
    for (session, prompt) in [(SESSION, "Read the report"), (OTHER, "Plan a trip")] {
        good(
            &server,
            &["raccoon", "turn", prompt, "--session", session, "-q"],
        );
    }
    let list = good(
        &server,
        &[
            "raccoon",
            "sessions",
            "list",
            "--sort-by",
            "createdAt",
            "--sort-order",
            "asc",
        ],
    );
    let lines: Vec<_> = list.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{}", list.stdout);
    let cells: Vec<_> = lines[0].split_whitespace().collect();
    assert_eq!(
        (cells[0], cells[2..].join(" ").as_str()),
        (SESSION, "Read the report")
    );
    assert!(
        cells[1].starts_with("20") && cells[1].ends_with('Z'),
        "{}",
        lines[0]
    );

    let json = good(
        &server,
        &["raccoon", "sessions", "list", "--search", "trip", "--json"],
    );
    let found = &json.json_lines()[0];
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(found[0]["session_id"], OTHER);
    let first = good(&server, &["raccoon", "sessions", "list", "--first", "1"]);
    assert_eq!(first.stdout.lines().count(), 1);

    let renamed = good(
        &server,
        &["raccoon", "sessions", "rename", SESSION, "Report digest"],
    );
    assert_eq!(renamed.stdout, "Title updated\n");
    let shown = good(&server, &["raccoon", "sessions", "get", SESSION]).stdout;
    assert!(
        shown.starts_with(&format!(
            "session_id: {SESSION}\ntitle: Report digest\ncreated_at: 20"
        )),
        "{shown}"
    );
    assert!(shown.contains("\nfiles: notes.md\n"), "{shown}");
    let history =
        &good(&server, &["raccoon", "sessions", "get", SESSION, "--json"]).json_lines()[0];
    assert_eq!(history["session"]["title"], "Report digest");
    assert_eq!(history["messages"][0]["content"], "Read the report");

    let delete = &["raccoon", "sessions", "delete", SESSION, "--json"];
    assert_eq!(good(&server, delete).json_lines()[0]["deleted"], true);
    assert_eq!(good(&server, delete).json_lines()[0]["deleted"], false);
    refused(
        &server,
        &["raccoon", "sessions", "get", SESSION],
        3,
        &["404"],
    );
    let left = good(&server, &["raccoon", "sessions", "list"]).stdout;
    assert!(
        left.starts_with(OTHER) && left.lines().count() == 1,
        "{left}"
    );
}

#[test]
fn every_page_of_the_list_is_read() {
    let server = playing(json!([]));
    for at in 0..25 {
        let session = format!("2b9d6c1e-8f34-4c57-a1de-6b0f92c7e4{at:02}");
        good(
            &server,
            &["raccoon", "turn", "x", "--session", &session, "-q"],
        );
    }
    let count = |args: &[&str]| good(&server, args).stdout.lines().count();
    assert_eq!(count(&["raccoon", "sessions", "list"]), 25);
    assert_eq!(count(&["raccoon", "sessions", "list", "--first", "23"]), 23);
}

#[test]
fn messages_are_the_conversation() {
    let server = playing(json!([{"text": "It "}, {"text": "\u{1b}[31mworks."}]));
    let args = [
        "turn",
        "Look\nat it",
        "--session",
        SESSION,
        "--mode",
        "code",
        "-q",
    ];
    good(&server, &args);
    play(&server, json!([{"text": "So far"}, {"abort": "Too long"}]));
    assert_eq!(
        run(&server, &["turn", "Again", "--session", SESSION]).status,
        1
    );
    let lines = good(&server, &["raccoon", "messages", SESSION]).stdout;
    let rows: Vec<String> = lines
        .lines()
        .map(|line| {
            line.split_whitespace()
                .skip(1)
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    assert_eq!(
        rows,
        [
            "user code Look at it",
            "agent completed It [31mworks.",
            "user auto Again",
            "agent aborted So far"
        ]
    );
}

#[test]
fn attach_follows_the_turn_that_runs_and_a_signal_leaves_it_running() {
    let server = playing(thinking());
    left_running(&server);
    let mut running = Running::start(server.turn_command(&["raccoon", "attach", SESSION]));
    running.read_until("Thinking");
    running.signal("INT");
    let done = running.finish();
    assert_eq!(done.status, 130, "{}", done.stderr);
    let message = message_id(&server);
    assert!(
        done.stderr.starts_with(&format!(
            "The turn goes on in the session {SESSION}. Follow it with `sessionwire raccoon attach {SESSION} --message \
             {message} --after "
        )),
        "{}",
        done.stderr
    );
    assert_eq!(state(&server), "running");

    // What it says works, shows only what comes now, and knows the whole answer.
    let command = done.stderr.split('`').nth(1).unwrap();
    let words: Vec<_> = command.split_whitespace().skip(1).collect();
    let running = Running::start(server.turn_command(&words));
    let stopped = good(&server, &["raccoon", "stop", SESSION]);
    assert_eq!(stopped.stdout, "aborted\n");
    let done = running.finish();
    assert_eq!(done.status, 1, "{}", done.stderr);
    assert!(done.stdout.starts_with("task.aborted"), "{}", done.stdout);
    assert_eq!(done.stdout.lines().count(), 1, "{}", done.stdout);
    assert!(
        done.stderr.contains("The turn was aborted"),
        "{}",
        done.stderr
    );
}

#[test]
fn a_timeout_of_attach_leaves_the_turn_running() {
    let server = playing(thinking());
    left_running(&server);
    let done = run(
        &server,
        &["raccoon", "attach", SESSION, "--timeout", "0.3", "-q"],
    );
    assert_eq!(
        (done.status, done.stdout.as_str()),
        (4, ""),
        "{}",
        done.stderr
    );
    assert!(
        done.stderr.contains("sessionwire raccoon attach"),
        "{}",
        done.stderr
    );
    assert_eq!(state(&server), "running");
}

#[test]
fn a_turn_that_is_over_is_shown_again_from_any_place() {
    let server = playing(json!([{"thought": "Thinking"}, {"text": "It "}, {"text": "works."}]));
    let turn = ["turn", "Build it", "--session", SESSION, "--json"];
    let first = good(&server, &turn).json_lines();
    let all = good(&server, &["raccoon", "attach", SESSION, "--json"]).json_lines();
    let (result, events) = all.split_last().unwrap();
    let (started, events) = events.split_first().unwrap();
    assert_eq!(started["session_id"], SESSION);
    assert_eq!(events, &first[1..first.len() - 1]);
    assert_eq!(
        (&result["type"], &result["text"]),
        (&json!("result"), &json!("It works."))
    );

    let id = events[2]["id"].to_string();
    let rest = good(
        &server,
        &["raccoon", "attach", SESSION, "--json", "--after-id", &id],
    )
    .json_lines();
    assert_eq!(&rest[1..rest.len() - 1], &events[3..]);
    assert_eq!(rest.last().unwrap()["text"], "It works.");

    let history =
        &good(&server, &["raccoon", "sessions", "get", SESSION, "--json"]).json_lines()[0];
    let agent = &history["messages"][1];
    let entry = agent["events"][3]["stream_entry_id"].as_str().unwrap();
    let message = agent["id"].as_str().unwrap();
    let rest = [
        "raccoon",
        "attach",
        SESSION,
        "--message",
        message,
        "--after",
        entry,
        "--json",
    ];
    let rest = good(&server, &rest).json_lines();
    assert_eq!(&rest[1..rest.len() - 1], &events[4..]);
    assert_eq!(rest.last().unwrap()["text"], "It works.");
    assert_eq!(
        good(&server, &["raccoon", "attach", SESSION, "-q"]).stdout,
        "It works.\n"
    );
}

#[test]
fn a_message_reaches_the_turn_that_runs() {
    let server =
        playing(json!([{"thought": "Thinking"}, {"wait_for_message": true}, {"text": "Noted."}]));
    left_running(&server);
    let folder = Folder::new();
    let file = folder.file("prices.csv");
    std::fs::write(&file, "mug,12.50").unwrap();
    let sent = good(
        &server,
        &["raccoon", "send", SESSION, "Use this", "--file", &file],
    );
    assert_eq!(sent.stdout, "ok\n");
    let done = good(&server, &["raccoon", "attach", SESSION, "--json"]);
    let lines = done.json_lines();
    let received: Vec<_> = lines
        .iter()
        .filter(|line| line["type"] == "message.received")
        .collect();
    assert_eq!(received[1]["data"]["text"], "Use this");
    assert_eq!(
        received[1]["data"]["files"],
        json!([{"key": format!("{SESSION}/prices.csv"), "name": "prices.csv", "type": "text/csv", "size": 9}])
    );
    assert_eq!(lines.last().unwrap()["text"], "Noted.");
}

#[test]
fn a_turn_is_stopped_and_its_session_takes_the_next() {
    let server = playing(thinking());
    left_running(&server);
    let message = message_id(&server);
    let stop = ["raccoon", "stop", SESSION, "--message", &message, "--json"];
    assert_eq!(
        good(&server, &stop).json_lines()[0],
        json!({"confirmed": true, "status": "aborted"})
    );
    play(&server, json!([{"text": "Next"}]));
    let next = good(
        &server,
        &["raccoon", "turn", "Go on", "--session", SESSION, "-q"],
    );
    assert_eq!(next.stdout, "Next\n");
}

#[test]
fn a_stop_that_nobody_confirms_says_so() {
    let server = playing(thinking());
    left_running(&server);
    server.fail(json!({"on": "socket", "ignore_frames": true, "times": 0}));
    let done = run(
        &server,
        &["raccoon", "stop", SESSION, "--timeout", "0.3", "--json"],
    );
    assert_eq!(done.status, 4, "{}", done.stderr);
    let lines = done.json_lines();
    assert_eq!(lines[0]["confirmed"], false);
    assert_eq!(
        (&lines[1]["type"], &lines[1]["exit_status"]),
        (&json!("error"), &json!(4))
    );
    assert!(done.stderr.contains("did not confirm"), "{}", done.stderr);
}

#[test]
fn a_file_is_uploaded_and_given_to_a_turn() {
    let server = playing(json!([{"text": "Read."}]));
    let folder = Folder::new();
    let file = folder.file("notes.txt");
    std::fs::write(&file, "one two").unwrap();
    let key = format!("{SESSION}/notes.txt");
    let shown = good(&server, &["raccoon", "upload", SESSION, &file]);
    assert_eq!(shown.stdout, format!("{key}  7 bytes  text/plain\n"));
    let line = good(&server, &["raccoon", "upload", SESSION, &file, "--json"]).stdout;
    let uploaded: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&uploaded["key"], &uploaded["size"]),
        (&json!(key), &json!(7))
    );
    let turn = [
        "raccoon",
        "turn",
        "Read",
        "--session",
        SESSION,
        "--uploaded",
        &line,
        "-q",
    ];
    assert_eq!(good(&server, &turn).stdout, "Read.\n");
    assert_eq!(
        server.request("/sessions/new")["files"],
        json!([{"key": key, "name": "notes.txt", "type": "text/plain", "size": 7}])
    );

    let args = [
        "raccoon",
        "upload",
        SESSION,
        "-",
        "--name",
        "a.csv",
        "--key",
        "own/a.csv",
        "--content-type",
        "text/x",
    ];
    let mut command = server.turn_command(&args);
    command.stdin(Stdio::piped());
    let mut running = command.spawn().unwrap();
    let mut stdin = running.stdin.take().unwrap();
    stdin.write_all(b"a,b").unwrap();
    drop(stdin);
    let done = running.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8(done.stdout).unwrap(),
        "own/a.csv  3 bytes  text/x\n"
    );
}

#[test]
fn turn_is_the_same_below_raccoon_and_alone() {
    let help = |args: &[&str]| {
        let help = Running::start(program(args)).finish().stdout;
        let options = help.split_once("Options:").unwrap().1;
        let options = options.split_once("Examples:").unwrap().0;
        options.to_owned()
    };
    assert_eq!(
        help(&["turn", "--help"]),
        help(&["raccoon", "turn", "--help"])
    );
    let done = Running::start(program(&[
        "raccoon",
        "turn",
        "Plan a trip",
        "--local",
        "-q",
    ]))
    .finish();
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
}

#[test]
fn bad_input_costs_no_request() {
    let server = Server::start();
    for command in ["messages", "attach", "stop"] {
        for bad in ["", "no-uuid"] {
            refused(&server, &["raccoon", command, bad], 2, &["SESSION", "UUID"]);
        }
    }
    for command in ["get", "delete"] {
        refused(
            &server,
            &["raccoon", "sessions", command, ""],
            2,
            &["SESSION"],
        );
    }
    let long = "é".repeat(256);
    for (args, words) in [
        (&["raccoon", "send", "", "x"][..], "SESSION"),
        (&["raccoon", "upload", "", "/dev/null"], "SESSION"),
        (&["raccoon", "sessions", "rename", "", "x"], "SESSION"),
        (
            &["raccoon", "sessions", "rename", SESSION, " "],
            "TITLE is empty",
        ),
        (&["raccoon", "sessions", "rename", SESSION, &long], "256"),
        (&["raccoon", "sessions", "list", "--first", "0"], "--first"),
        (&["raccoon", "send", SESSION, " "], "TEXT is empty"),
        (
            &["raccoon", "send", SESSION, "x", "--message", ""],
            "--message",
        ),
        (
            &["raccoon", "attach", SESSION, "--message", ""],
            "--message",
        ),
        (&["raccoon", "attach", SESSION, "--after", ""], "--after"),
        (
            &["raccoon", "attach", SESSION, "--after-id", "x"],
            "--after-id",
        ),
        (
            &["raccoon", "attach", SESSION, "--timeout", "0"],
            "positive",
        ),
        (&["raccoon", "stop", SESSION, "--timeout=-1"], "--timeout"),
        (
            &["raccoon", "upload", SESSION, "/no/such.txt"],
            "/no/such.txt",
        ),
        (
            &["raccoon", "upload", SESSION, "/dev/null", "--key", "../x"],
            "`key`",
        ),
        (
            &["raccoon", "turn", "x", "--uploaded", "{}"],
            "raccoon upload --json",
        ),
    ] {
        refused(&server, args, 2, &[words]);
    }
    assert!(server.emulator.requests().is_empty());
}

#[test]
fn what_the_service_calls_otherwise_can_be_said() {
    let server = Server::speaking(json!({"kinds": {"text": "bubble"}, "without_content": true}));
    play(&server, json!([{"text": "It works."}]));
    let turn = ["turn", "x", "--session", SESSION, "-q"];
    let done = run(&server, &turn);
    assert_eq!((done.status, done.stdout.as_str()), (0, ""));
    assert!(done.stderr.contains("text_kinds"), "{}", done.stderr);
    let wire = r#"{"text_kinds": ["bubble"]}"#;
    let folder = Folder::new();
    let file = folder.file("wire.json");
    std::fs::write(&file, wire).unwrap();
    let attach = ["raccoon", "attach", SESSION, "-q", "--wire"];
    for wire in [wire, &file] {
        let told = good(&server, &[&attach[..], &[wire]].concat());
        assert_eq!(told.stdout, "It works.\n");
    }
    for (wire, words) in [
        (r#"{"text_kind": []}"#, "text_kind"),
        ("{", "--wire"),
        ("/no/such.json", "neither a JSON object nor a file"),
    ] {
        refused(&server, &[&attach[..], &[wire]].concat(), 2, &[words]);
    }
    refused(
        &server,
        &["sessions", "list", "--wire", wire],
        2,
        &["`raccoon`"],
    );
}

#[test]
fn a_text_that_is_not_certain_is_warned_of_and_can_be_settled() {
    let server = Server::speaking(json!({"without_content": true}));
    play(&server, json!([{"text": "1"}, {"text": "1 EUR"}]));
    let done = run(&server, &["turn", "x", "--session", SESSION, "-q"]);
    assert_eq!(done.status, 0, "{}", done.stderr);
    assert!(
        done.stderr
            .contains("warning: the answer's text is not certain")
            && done.stderr.contains("--text-mode"),
        "{}",
        done.stderr
    );
    for (mode, text) in [("delta", "11 EUR\n"), ("cumulative", "1 EUR\n")] {
        let attach = ["raccoon", "attach", SESSION, "-q", "--text-mode", mode];
        assert_eq!(good(&server, &attach).stdout, text);
    }
    refused(
        &server,
        &["raccoon", "attach", SESSION, "--text-mode", "all"],
        2,
        &["auto, delta or cumulative"],
    );
}

#[test]
fn a_missing_key_is_named() {
    for args in [
        &["raccoon", "sessions", "list"][..],
        &["raccoon", "attach", SESSION],
        &["raccoon", "turn", "x"],
    ] {
        let done = Running::start(program(args)).finish();
        assert_eq!(done.status, 2, "{}", done.stderr);
        assert!(done.stderr.contains("RACCOON_API_KEY"), "{}", done.stderr);
    }
}

#[test]
fn an_unknown_session_or_turn_is_status_3() {
    let server = playing(json!([{"text": "Done."}]));
    for args in [
        &["raccoon", "sessions", "get", SESSION][..],
        &["raccoon", "sessions", "rename", SESSION, "x"],
        &["raccoon", "messages", SESSION],
        &["raccoon", "attach", SESSION],
        &["raccoon", "send", SESSION, "x"],
        &["raccoon", "stop", SESSION],
    ] {
        refused(&server, args, 3, &["404", "list the sessions"]);
    }
    good(&server, &["turn", "x", "--session", SESSION, "-q"]);
    for args in [
        &["raccoon", "attach", SESSION, "--message", "none"][..],
        &["raccoon", "send", SESSION, "x", "--message", "none"],
        &["raccoon", "stop", SESSION, "--message", "none"],
    ] {
        refused(&server, args, 3, &["404"]);
    }
}

#[test]
fn a_turn_that_is_over_takes_no_message_and_no_stop() {
    let server = playing(json!([{"text": "Done."}]));
    good(&server, &["turn", "x", "--session", SESSION, "-q"]);
    let message = message_id(&server);
    for more in [&[][..], &["--message", &message]] {
        for command in [
            &["raccoon", "send", SESSION, "x"][..],
            &["raccoon", "stop", SESSION],
        ] {
            let args = [command, more].concat();
            let next = format!("sessionwire raccoon turn PROMPT --session {SESSION}");
            refused(&server, &args, 3, &[&message, "is over (completed)", &next]);
        }
    }
    let sockets = server.emulator.requests();
    let sockets = sockets
        .iter()
        .filter(|request| request.path.starts_with("/ws/"));
    assert_eq!(sockets.count(), 1, "that of the turn itself");
}

#[test]
fn a_signal_ends_the_requests_too() {
    let server = Server::start();
    server.fail(json!({"on": "list", "hang": true, "times": 0}));
    let running = Running::start(server.turn_command(&["raccoon", "sessions", "list"]));
    eventually("the request", || !server.emulator.requests().is_empty());
    running.signal("INT");
    let done = running.finish();
    assert_eq!((done.status, done.stdout.as_str()), (130, ""));
}

/// The table of the contract: each endpoint of the service from each front.
#[test]
fn each_endpoint_has_its_call_in_each_front() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap();
    let (contract, spec) = (read("docs/contract.md"), read("docs/spec/raccoon.md"));
    let (_, rest) = contract
        .split_once("### Raccoon's endpoints from each front")
        .unwrap();
    let table = rest.split_once("\n#").unwrap().0;
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();

    // Those of the specification, no more and no less.
    let (_, index) = spec.split_once("## 3. Endpoint index").unwrap();
    let index = index.split_once("\n## ").unwrap().0;
    let endpoint = |line: &str| line.split('`').nth(1).map(str::to_owned);
    let all: Vec<_> = index
        .lines()
        .filter(|line| line.starts_with("| `"))
        .filter_map(endpoint)
        .collect();
    let named: Vec<_> = rows.iter().filter_map(|row| endpoint(row[0])).collect();
    assert_eq!((named.len(), &named), (7, &all));

    let surface: Value = serde_json::from_str(&read("tests/contract/api-surface.json")).unwrap();
    let has = |groups: &[&str], call: &str| {
        let of_raccoon = |name: &String| {
            let (owner, own) = name.rsplit_once('.').unwrap_or_default();
            own == call
                && ["raccoon.", "Raccoon", "Turn", "Media"]
                    .iter()
                    .any(|start| owner.starts_with(start))
        };
        groups.iter().any(|group| {
            let names = surface["surface"][group].as_object().unwrap();
            names.keys().any(of_raccoon)
        })
    };
    for row in &rows {
        let [_, rust, python, asyncio, node, shell] = row[..] else {
            panic!("{row:?}")
        };
        for (groups, cell) in [
            (&["rust", "everywhere"][..], rust),
            (&["python", "python, node", "everywhere"], python),
            (&["python", "python, node", "everywhere"], asyncio),
            (&["node", "python, node", "everywhere"], node),
        ] {
            let calls: Vec<_> = cell.split('`').skip(1).step_by(2).collect();
            assert!(!calls.is_empty(), "{row:?}");
            for call in calls {
                let name = call.rsplit('.').next().unwrap().split('(').next();
                let name = snake(name.unwrap());
                assert!(has(groups, &name), "{name} of {call}");
            }
        }
        let commands: Vec<_> = shell.split('`').skip(1).step_by(2).collect();
        assert!(!commands.is_empty(), "{row:?}");
        for command in commands {
            let words = command.split_whitespace().skip(1);
            let words = words.take_while(|word| word.starts_with(char::is_lowercase));
            let words: Vec<_> = words.collect();
            let help = Running::start(program(&[&words[..], &["--help"]].concat())).finish();
            let usage = format!("Usage: sessionwire {} ", words.join(" "));
            assert_eq!(help.status, 0, "{command}: {}", help.stderr);
            assert!(help.stdout.contains(&usage), "{command}: {}", help.stdout);
        }
    }
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for char in name.chars() {
        if char.is_uppercase() {
            snake.push('_');
        }
        snake.extend(char.to_lowercase());
    }
    snake
}

#[test]
fn a_place_that_is_none_costs_no_request() {
    let server = playing(json!([]));
    for after in ["garbage", "1772615727418", "1772615727418-x", "-1"] {
        let after = format!("--after={after}");
        let args = ["raccoon", "attach", SESSION, &after];
        refused(&server, &args, 2, &["--after", "1772615727418-0"]);
    }
    assert!(server.emulator.requests().is_empty());
}

#[test]
fn a_session_that_is_no_uuid_is_not_to_be_left_out() {
    let server = playing(json!([]));
    for args in [
        &["raccoon", "sessions", "get", "x"][..],
        &["raccoon", "sessions", "rename", "x", "y"],
        &["raccoon", "sessions", "delete", "x"],
        &["raccoon", "messages", "x"],
        &["raccoon", "attach", "x"],
        &["raccoon", "send", "x", "y"],
        &["raccoon", "stop", "x"],
        &["raccoon", "upload", "x", "Cargo.toml"],
        &["raccoon", "events", "x"],
    ] {
        let done = run(&server, args);
        assert_eq!(done.status, 2, "{args:?}: {}", done.stderr);
        assert!(done.stderr.contains("no UUID"), "{args:?}: {}", done.stderr);
        assert!(
            !done.stderr.contains("leave it out"),
            "{args:?}: {}",
            done.stderr
        );
    }
    refused(
        &server,
        &["turn", "x", "--session", "y"],
        2,
        &["or leave it out for a fresh session"],
    );
    assert!(server.emulator.requests().is_empty());
}

#[test]
fn a_session_is_watched_over_its_turns() {
    let server = playing(json!([{"text": "a"}]));
    for prompt in ["one", "two"] {
        good(&server, &["turn", prompt, "--session", SESSION]);
    }
    let args = [
        "raccoon",
        "events",
        SESSION,
        "--timeout",
        "1.5",
        "--poll-interval",
        "0.1",
    ];
    let done = good(&server, &[&args[..], &["--json"]].concat());
    let lines = done
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<Value> = lines.collect();
    let ids: Vec<_> = lines.iter().map(|line| line["id"].clone()).collect();
    assert_eq!(json!(ids), json!([1, 2, 3, 1, 2, 3]));
    assert_eq!(lines[0]["text"], "one");
    assert_eq!(lines[0]["message_id"], lines[2]["message_id"]);
    assert_ne!(lines[0]["message_id"], lines[3]["message_id"]);
    let shown = good(&server, &args).stdout;
    assert_eq!(shown.lines().count(), 6, "{shown}");
    let none = good(&server, &[&args[..], &["--no-history"]].concat());
    assert_eq!(none.stdout, "");
    good(&server, &["raccoon", "sessions", "delete", OTHER]);
    refused(&server, &["raccoon", "events", "me"], 2, &["UUID"]);
}

#[test]
fn it_has_what_the_commands_of_agi_have() {
    let server = playing(json!([{"text": "Read"}]));
    for id in [SESSION, OTHER] {
        let turn = ["turn", "Read the report", "--session", id, "-q"];
        good(&server, &turn);
    }
    let listed = good(&server, &["raccoon", "sessions", "ls"]).stdout;
    assert_eq!(listed.lines().count(), 2, "{listed}");
    // A person also gets the names of the columns, and the age.
    let command = server.turn_command(&["raccoon", "sessions", "list"]);
    let (status, screen) = Terminal::start(command).finish();
    let lines: Vec<_> = screen.lines().collect();
    assert_eq!((status, lines.len()), (0, 3), "{screen}");
    assert!(
        lines[0].starts_with("SESSION ") && lines[0].ends_with("  AGE"),
        "{screen}"
    );
    assert!(lines[1].ends_with('s'), "{screen}");

    let history = good(&server, &["raccoon", "history", SESSION]).stdout;
    assert!(history.contains("Read the report"), "{history}");

    let gone = "7c1f9a52-3d0e-4b8e-9a6d-1f2e3c4b5a69";
    let deleted = good(
        &server,
        &["raccoon", "sessions", "rm", SESSION, gone, OTHER],
    );
    let of: Vec<_> = deleted
        .stdout
        .lines()
        .map(|line| line.split_once("  ").unwrap().0)
        .collect();
    assert_eq!(of, [SESSION, gone, OTHER]);
    let left = good(&server, &["raccoon", "sessions", "list"]).stdout;
    assert_eq!(left, "");
}

#[test]
fn a_running_turn_is_told_what_a_file_says() {
    let server = playing(json!([{"text": "Thinking"}, {"delay": 3600}]));
    let mut running = Running::start(server.turn_command(&["turn", "Read", "--session", SESSION]));
    running.read_until("Thinking");
    let folder = Folder::new();
    let file = folder.file("more.txt");
    std::fs::write(&file, "Also the second page\n").unwrap();
    good(&server, &["raccoon", "send", SESSION, &format!("@{file}")]);
    let line = running.read_until("message.received");
    assert!(line.contains("Also the second page"), "{line}");
    good(&server, &["raccoon", "stop", SESSION]);
    assert_eq!(running.finish().status, 1);
}

//! docs/command-line-json.md lists the fields of every line, and those alone.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Folder, Running, Server, program};

const PAGE: &str = include_str!("../../../docs/command-line-json.md");
const UUID: &str = "2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415";

type Fields = BTreeSet<String>;

/// The fields of each table of the page, by its heading.
fn documented() -> BTreeMap<String, Fields> {
    let mut tables = BTreeMap::new();
    for part in PAGE.split("\n#").skip(1) {
        let heading = part.lines().next().unwrap();
        let name = heading.trim_start_matches('#').trim().replace('`', "");
        let Some((_, table)) = part.split_once("| field | is |\n|---|---|\n") else {
            continue;
        };
        let rows = table.lines().take_while(|line| line.starts_with('|'));
        let fields = rows.map(|row| row.split('`').nth(1).unwrap().to_owned());
        tables.insert(name, fields.collect());
    }
    tables
}

fn fields(line: &Value) -> Fields {
    line.as_object().unwrap().keys().cloned().collect()
}

/// Each line, held against the table of its kind.
struct Check {
    documented: BTreeMap<String, Fields>,
    seen: BTreeSet<String>,
}

impl Check {
    fn line(&mut self, kind: &str, line: &Value) {
        let documented = &self.documented[kind];
        assert_eq!(&fields(line), documented, "{kind}: {line}");
        self.seen.insert(kind.to_owned());
    }

    /// The lines of a task or turn.
    fn lines(&mut self, lines: &[Value], result: &str) {
        let (last, rest) = lines.split_last().unwrap();
        for line in rest {
            match line["type"].as_str().unwrap() {
                kind @ ("started" | "answer" | "question") => self.line(kind, line),
                _ => self.line("event", line),
            }
        }
        match last["type"].as_str().unwrap() {
            "result" => self.line(result, last),
            _ => self.line("error", last),
        }
    }
}

#[test]
fn every_line_has_the_fields_of_the_page() {
    let server = Server::playing(json!([
        {"thought": "hm"}, {"question": "Which colour?"}, {"done": {"summary": "Took {answer}"}}
    ]));
    let mut check = Check {
        documented: documented(),
        seen: BTreeSet::new(),
    };
    let run = server.run(&["run", "Buy a mug", "--json", "--answer", "blue"]);
    let lines = run.json_lines();
    check.lines(&lines, "result");
    let resumed = server.run(&["resume", lines[0]["handle"].as_str().unwrap(), "--json"]);
    assert_eq!(resumed.status, 3, "its session is deleted");
    check.lines(&resumed.json_lines(), "result");
    check.lines(
        &server.run(&["run", "Buy a mug", "--json"]).json_lines(),
        "result",
    );

    let turn = ["turn", "Say hello", "--json", "--session", UUID];
    let turn = Running::start(server.turn_command(&turn)).finish();
    check.lines(&turn.json_lines(), "result of a turn");

    for checked in server.run(&["doctor", "--json"]).json_lines() {
        check.line("check", &checked);
    }

    let id = server.run(&["sessions", "create", "--quiet"]).stdout;
    let id = id.trim();
    let to = [
        "listen",
        id,
        "--forward-to",
        "http://127.0.0.1:9/",
        "--poll-interval",
        "20ms",
        "--json",
    ];
    let mut listening = Running::start(server.command(&to));
    listening.wait_for_stderr("Listening to");
    assert_eq!(server.run(&["send", id, "Buy a mug"]).status, 0);
    let delivery = listening.read_until("delivery");
    check.line("delivery", &serde_json::from_str(&delivery).unwrap());
    listening.signal("INT");
    let left = listening.finish();
    check.line("error", left.json_lines().last().unwrap());

    let folder = Folder::new();
    let scenario = folder.file("scenario.yaml");
    std::fs::write(&scenario, "tasks: [{ steps: [{ done: 1 }] }]").unwrap();
    let checked = server.run(&["scenario", "check", &scenario, "--json"]);
    check.line("scenario", &checked.json_lines()[0]);
    recorded_and_verified(&server, &folder.file("recorded.json"), &mut check);
    let out = folder.file("results.jsonl");
    let mut command = server.command(&["batch", "-", "--out", &out, "--json"]);
    command.stdin(Stdio::piped());
    let mut batch = Running::start(command);
    batch.feed("\"Buy a mug\"\n");
    let lines = batch.finish().json_lines();
    check.line("batch", &lines[0]);
    check.line("error", &lines[1]);
    // An error of a batch is an error of a line, without what the line itself says.
    let results = std::fs::read_to_string(&out).unwrap();
    let result: Value = serde_json::from_str(results.lines().next().unwrap()).unwrap();
    let of_task = fields(&result["error"]);
    assert!(of_task.is_subset(&check.documented["error"]), "{of_task:?}");

    let all: BTreeSet<_> = check.documented.keys().cloned().collect();
    assert_eq!(
        check.seen, all,
        "a table of the page was not held against a line"
    );
}

/// The lines of the recorder, of `verify`, and of an emulator.
fn recorded_and_verified(server: &Server, file: &str, check: &mut Check) {
    let line = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    let mut emulator = Running::start(program(&["emulator", "--port", "0", "--json"]));
    check.line("emulator", &line(&emulator.read_until("api_key")));
    emulator.signal("INT");
    emulator.finish();

    let to = ["record", "--to", file, "--upstream"];
    let to = [&to[..], &[server.emulator.url(), "--json"]].concat();
    let mut recorder = Running::start(program(&to));
    let recording = line(&recorder.read_until("recording"));
    check.line("recording", &recording);
    let url = recording["url"].as_str().unwrap();
    let mut list = program(&["sessions", "list"]);
    list.env("AGI_BASE_URL", url)
        .env("AGI_API_KEY", server.emulator.api_key());
    assert_eq!(Running::start(list).finish().status, 0);
    recorder.signal("INT");
    check.line("recorded", recorder.finish().json_lines().last().unwrap());

    server.fail(json!({"on": "list", "status": 200, "body": {"region": "eu"}}));
    let verified = server.run(&["verify", file, "--json"]);
    let lines = verified.json_lines();
    assert_eq!((verified.status, lines.len()), (1, 3), "{lines:?}");
    for (kind, line) in ["drift", "verified", "error"].into_iter().zip(&lines) {
        check.line(kind, line);
    }
}

/// Whatever goes wrong, the last line is one object that says so.
#[test]
fn every_failure_has_its_line() {
    let documented = &documented()["error"];
    let server = Server::start();
    server.fail(json!({"on": "list", "status": 401, "body": {"detail": "Not a key"}}));
    for (args, status, name) in [
        (&["run", "Look", "--lokal", "--json"][..], 2, "UsageError"),
        (&["run", "", "--json"], 2, "InvalidRequestError"),
        (&["sessions", "list", "--json"], 3, "AuthenticationError"),
        (&["sessions", "delete-all", "--json"], 2, "UsageError"),
        (&["status", "7c1f9a52", "--json"], 3, "NotFoundError"),
        (
            &["batch", "no-such-file", "--out", "x", "--json"],
            2,
            "UsageError",
        ),
        (&["man", "no-such-command", "--json"], 2, "UsageError"),
    ] {
        let done = server.run(args);
        let lines = done.json_lines();
        assert_eq!(
            (done.status, lines.len()),
            (status, 1),
            "{args:?}: {}",
            done.stdout
        );
        assert_eq!(&fields(&lines[0]), documented, "{args:?}");
        assert_eq!(lines[0]["name"], name, "{args:?}: {}", lines[0]);
        let (message, advice) = (&lines[0]["message"], &lines[0]["advice"]);
        let advice = advice
            .as_str()
            .unwrap_or_else(|| panic!("{args:?}: {message}"));
        assert!(
            message.as_str().unwrap().ends_with(advice),
            "{message}: {advice}"
        );
        assert_eq!(lines[0]["exit_status"], status);
    }
    let mut none = program(&["sessions", "list", "--json"]);
    none.env("AGI_BASE_URL", "http://127.0.0.1:9");
    let done = Running::start(none).finish();
    assert_eq!(fields(&done.json_lines()[0]), *documented);
}

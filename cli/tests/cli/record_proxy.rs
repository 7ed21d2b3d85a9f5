//! `sessionwire record --to`, and `sessionwire verify` of what it wrote.

use std::path::Path;

use serde_json::{Value, json};
use sessionwire_emulator::Scenario;

use crate::support::{Done, Folder, Running, Server, eventually, program};

/// A recorder in front of an emulator.
struct Recording {
    running: Running,
    url: String,
}

impl Recording {
    fn start(server: &Server, file: &str) -> Self {
        let upstream = server.emulator.url();
        let args = ["record", "--to", file, "--upstream", upstream, "--json"];
        let mut running = Running::start(program(&args));
        let line: Value = serde_json::from_str(&running.read_until("recording")).unwrap();
        let url = line["url"].as_str().unwrap().to_owned();
        Self { running, url }
    }

    /// The program with the recorder for both services.
    fn run(&self, args: &[&str], input: Option<&str>) -> Done {
        let mut command = program(args);
        for service in ["AGI", "RACCOON"] {
            command
                .env(format!("{service}_BASE_URL"), &self.url)
                .env(format!("{service}_API_KEY"), "test-key-1");
        }
        assert!(input.is_none());
        Running::start(command).finish()
    }

    fn end(self) -> Value {
        self.running.signal("INT");
        let done = self.running.finish();
        assert_eq!(done.status, 0, "{}", done.stderr);
        done.json_lines().pop().unwrap()
    }
}

fn scripted() -> Server {
    let server = Server::start();
    let scenario = json!({
        "tasks": [{"match": "mug", "steps": [
            {"thought": "Mail jane@shop-mail.net, card 4111 1111 1111 1111"},
            {"question": "Which colour?"},
            {"thought": "Taking {answer}"},
            {"done": {"summary": "A blue mug", "price": 12.5}}]}],
        "turns": [{"steps": [{"thought": "Hm"}, {"text": "Blue, "}, {"text": "at 12.50"}, {"complete": true}]}],
    });
    server
        .emulator
        .scenario(serde_json::from_value(scenario).unwrap());
    server
}

fn verify(server: &Server, args: &[&str]) -> Done {
    let mut command = server.command(&[&["verify"], args].concat());
    command
        .env("RACCOON_BASE_URL", server.emulator.url())
        .env("RACCOON_API_KEY", server.emulator.api_key());
    Running::start(command).finish()
}

/// Records a task with a question, and a turn.
fn recorded(server: &Server, file: &str) -> Value {
    let recording = Recording::start(server, file);
    let ran = recording.run(&["run", "Buy a mug", "--answer", "blue"], None);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let turned = recording.run(&["turn", "Compare two mugs"], None);
    assert_eq!(turned.status, 0, "{}", turned.stderr);
    eventually("the file is written while it records", || {
        Path::new(file).exists()
    });
    recording.end()
}

#[test]
fn what_passes_the_proxy_becomes_a_scenario_that_plays_and_verifies() {
    let server = scripted();
    let folder = Folder::new();
    let file = folder.file("shop.yaml");
    let line = recorded(&server, &file);
    assert_eq!(
        (&line["tasks"], &line["turns"]),
        (&json!(1), &json!(1)),
        "{line}"
    );
    let text = std::fs::read_to_string(&file).unwrap();
    for secret in ["test-key-1", "jane@shop-mail.net", "4111", "/live/"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let scenario = Scenario::from_file(&file).unwrap();
    assert_eq!(
        scenario.tasks[0].matches,
        Some(sessionwire_emulator::Match::Contains(
            "Buy a mug".to_owned()
        ))
    );
    assert!(
        text.contains("Which colour?") && text.contains("A blue mug") && text.contains("Blue, ")
    );

    // Its own emulator, and the service that it came from, answer as recorded.
    let local = Running::start(program(&["verify", &file, "--local"])).finish();
    assert_eq!(
        (local.status, local.stdout.as_str()),
        (0, ""),
        "{}",
        local.stderr
    );
    let again = verify(&server, &[&file, "--strict"]);
    assert_eq!(
        (again.status, again.stdout.as_str()),
        (0, ""),
        "{}",
        again.stderr
    );
    assert!(
        again.stderr.contains("The service answers as it did."),
        "{}",
        again.stderr
    );
    assert_eq!(
        server.emulator.session_count(),
        0,
        "what was made is deleted"
    );
}

#[test]
fn a_service_that_drifted_is_told_field_by_field() {
    let server = scripted();
    let folder = Folder::new();
    let file = folder.file("shop.json");
    recorded(&server, &file);
    server.fail(json!({"on": "create", "status": 200, "body": {
        "session_id": "7c1f9a52-3d0e-4b8e-9a6d-1f2e3c4b5a69", "status": 3, "agent_name": "agi-0", "region": "eu"}}));
    let drifted = verify(&server, &[&file, "--json", "--timeout", "5"]);
    assert_eq!(drifted.status, 1, "{}", drifted.stderr);
    let lines = drifted.json_lines();
    let of_create: Vec<_> = lines
        .iter()
        .filter(|line| line["request"] == "POST /v1/sessions")
        .map(|line| {
            (
                line["kind"].as_str().unwrap(),
                line["field"].as_str().unwrap(),
            )
        })
        .collect();
    for expected in [
        ("missing", "created_at"),
        ("type", "status"),
        ("new", "region"),
    ] {
        assert!(of_create.contains(&expected), "{expected:?}: {of_create:?}");
    }
    // No session of that name is there: its requests have another status.
    assert!(
        lines
            .iter()
            .any(|line| line["kind"] == "status" && line["is"] == "404"),
        "{lines:?}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line["type"] == "verified" && line["breaking"].as_u64() > Some(2))
    );
}

#[test]
fn what_was_added_breaks_nothing_unless_asked() {
    let server = scripted();
    let folder = Folder::new();
    let file = folder.file("shop.yaml");
    recorded(&server, &file);
    let text = std::fs::read_to_string(&file).unwrap();
    let thinner: String = text
        .lines()
        .filter(|line| !line.contains("agent_name: \"string\""))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_ne!(thinner, text);
    std::fs::write(&file, thinner).unwrap();
    let added = verify(&server, &[&file]);
    assert_eq!(added.status, 0, "{}", added.stderr);
    assert!(
        added
            .stdout
            .contains("added   POST /v1/sessions: `agent_name` is new: string"),
        "{}",
        added.stdout
    );
    assert_eq!(verify(&server, &[&file, "--strict"]).status, 1);
}

#[test]
fn what_cannot_be_recorded_or_verified_is_refused() {
    let folder = Folder::new();
    let (file, missing) = (folder.file("a.yaml"), folder.file("none/a.yaml"));
    std::fs::write(&file, "tasks: []\n").unwrap();
    for (args, status, text) in [
        (
            vec!["record", "--to", &missing],
            2,
            "the folder does not exist",
        ),
        (
            vec!["record", "--to", &file, "--upstream", "ftp://h"],
            2,
            "is no address of a service",
        ),
        (vec!["record", "--port", "1", "x"], 2, "cannot be used with"),
        (vec!["record"], 2, "SESSION"),
        (vec!["verify", &missing], 2, "cannot be read"),
        (vec!["verify", &file, "--local"], 2, "Record it anew"),
    ] {
        let refused = Running::start(program(&args)).finish();
        assert_eq!(refused.status, status, "{args:?} {}", refused.stderr);
        assert!(refused.stderr.contains(text), "{args:?} {}", refused.stderr);
    }
    let server = scripted();
    let recording = folder.file("b.yaml");
    recorded(&server, &recording);
    for (address, key, status, text) in [
        ("http://127.0.0.1:9", "k", 3, "is not reached"),
        (server.emulator.url(), "wrong", 3, "refuses the key"),
        (server.emulator.url(), "", 2, "AGI_API_KEY"),
    ] {
        let mut command = program(&["verify", &recording]);
        for service in ["AGI", "RACCOON"] {
            command.env(format!("{service}_BASE_URL"), address);
            if !key.is_empty() {
                command.env(format!("{service}_API_KEY"), key);
            }
        }
        let refused = Running::start(command).finish();
        assert_eq!(refused.status, status, "{}", refused.stderr);
        assert!(refused.stderr.contains(text), "{}", refused.stderr);
    }
}

#[test]
fn a_service_that_is_not_there_is_told_to_the_client() {
    let folder = Folder::new();
    let file = folder.file("a.yaml");
    let args = [
        "record",
        "--to",
        &file,
        "--upstream",
        "http://127.0.0.1:9",
        "--json",
    ];
    let mut running = Running::start(program(&args));
    let line: Value = serde_json::from_str(&running.read_until("recording")).unwrap();
    let mut command = program(&["sessions", "list", "--max-retries", "0"]);
    command
        .env("AGI_BASE_URL", line["url"].as_str().unwrap())
        .env("AGI_API_KEY", "test-key-1");
    let listed = Running::start(command).finish();
    assert_eq!(listed.status, 3);
    assert!(
        listed
            .stderr
            .contains("The recorder does not reach the service"),
        "{}",
        listed.stderr
    );
    running.signal("INT");
    assert_eq!(running.finish().status, 0);
}

/// A port that nobody has.
fn free_port() -> String {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port().to_string()
}

#[test]
fn the_program_of_the_guide_runs() {
    let guide = include_str!("../../../docs/recording.md");
    let script = guide
        .split("```sh\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let script = script
        .replace("9000", &free_port())
        .replace("9001", &free_port());
    let folder = Folder::new();
    let own = program(&[]);
    let tools = Path::new(own.get_program()).parent().unwrap();
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let mut command = std::process::Command::new("bash");
    command
        .args(["-euc", &format!("trap 'kill $(jobs -p)' EXIT\n{script}")])
        .current_dir(&folder.0)
        .env("PATH", path)
        .env("SESSIONWIRE_CHROMIUM", "")
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let done = Running::start(command).finish();
    assert_eq!(done.status, 0, "{} {}", done.stdout, done.stderr);
    let told = "4 requests sent again. The service answers as it did.";
    assert_eq!(done.stderr.matches(told).count(), 2, "{}", done.stderr);
    let text = std::fs::read_to_string(folder.0.join("shop.yaml")).unwrap();
    for part in [
        "(?s)Add 2 and 40, and mail .*",
        "request: \"POST /v1/sessions\"",
        "session_id: \"string\"",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("jane") && !text.contains("my-key"), "{text}");
}

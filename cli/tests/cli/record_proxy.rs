//! `sessionwire record --to`, and `sessionwire verify` of what it wrote.

use std::io::{Read, Write};
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

    /// The status and the body of the answer to a request.
    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        let host = self.url.trim_start_matches("http://");
        let mut socket = std::net::TcpStream::connect(host).unwrap();
        let length = body.len();
        write!(
            socket,
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
        (status, body)
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
    let new = folder.file("new.yaml");
    for (args, status, text) in [
        (
            vec!["record", "--to", &missing],
            2,
            "the folder does not exist",
        ),
        (
            vec!["record", "--to", &new, "--upstream", "ftp://h"],
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
    // A plain shell, as it is on many machines.
    let plain = ["/bin/dash", "/usr/bin/dash"].into_iter();
    let shell = plain.into_iter().find(|shell| Path::new(shell).exists());
    let mut command = std::process::Command::new(shell.unwrap_or("sh"));
    // The emulator of the script is its own first job.
    let script = script.replacen(" &\n", " &\ntrap \"kill $!\" EXIT\n", 1);
    command
        .args(["-euc", &script])
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

/// A server that plays one task with these steps.
fn playing(steps: &Value) -> Server {
    let server = Server::start();
    play(&server, steps);
    server
}

fn play(server: &Server, steps: &Value) {
    let scenario = json!({"tasks": [{"match": "Buy", "steps": steps}]});
    server
        .emulator
        .scenario(serde_json::from_value(scenario).unwrap());
}

/// Records `run` of a task that the server plays; gives the file's text.
fn record_run(server: &Server, file: &str, args: &[&str]) -> String {
    let recording = Recording::start(server, file);
    recording.run(&[&["run"], args].concat(), None);
    recording.end();
    std::fs::read_to_string(file).unwrap()
}

const KEY: &str = "Authorization: Bearer test-key-1\r\n";

#[test]
fn a_secret_is_in_no_place_of_a_recording() {
    let server = playing(&json!([
        {"thought": "I typed gr33n-door, then swordfish"},
        {"thought": "It went to https://h.example/?q=1&password=gr33n%2Ddoor and https://jane:w1ndow-x@h.example/"},
        {"thought": "pass: ab12cd34 pw: ef56gh78 and the PIN 4711; --password kl34mn56 {\\\"password\\\": \\\"op78qr90\\\"}"},
        {"thought": "Said ab12cd34, ef56gh78, w1ndow-x, kl34mn56, op78qr90, b4sic-pw, c00kie-12345, f0rm-pw-1, qu3ry-0-x7, s1g-99x"},
        {"done": {"login": {"user": "jane", "password": "gr33n-door"}, "fields": [{"name": "password", "value": "swordfish"}],
            "gr33n-door": 1, "card": 4111111111111111u64}}
    ]));
    let folder = Folder::new();
    let file = folder.file("shop.yaml");
    let recording = Recording::start(&server, &file);
    let ran = recording.run(
        &["run", "Buy a mug as jane with gr33n-door, not ab12cd34"],
        None,
    );
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let names = [
        "password",
        "apiKey",
        "access_token",
        "api_key",
        "sig",
        "pass",
        "pw",
        "X-Amz-Signature",
        "user[password]",
        "client_secret",
        "code",
    ];
    for (at, name) in names.iter().enumerate() {
        let path = format!("/v1/sessions?note=a&{name}=qu3ry-{at}-x7&session_id=none");
        recording.ask("GET", &path, KEY, "");
    }
    recording.ask("GET", "/v1/sessions?sig=s1g-99x&page=2", KEY, "");
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    recording.ask(
        "POST",
        "/v1/login",
        &format!("{KEY}{form}"),
        "user=jane&password=f0rm-pw-1&b=2",
    );
    // jane:b4sic-pw
    recording.ask(
        "GET",
        "/v1/models",
        "Authorization: Basic amFuZTpiNHNpYy1wdw==\r\nCookie: sid=c00kie-12345\r\n",
        "",
    );
    recording.end();
    let text = std::fs::read_to_string(&file).unwrap();
    for secret in [
        "gr33n",
        "swordfish",
        "w1ndow",
        "ab12cd34",
        "ef56gh78",
        "4711",
        "kl34mn56",
        "op78qr90",
        "qu3ry-",
        "s1g-99x",
        "f0rm-pw",
        "b4sic-pw",
        "amFuZTpiNHNpYy1wdw",
        "c00kie",
        "4111111111111111",
        "test-key-1",
    ] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    // What is none stays.
    for other in ["Buy a mug as jane", "page: \"2\"", "I typed", "note: \"a\""] {
        assert!(text.contains(other), "{other} in {text}");
    }
    let local = Running::start(program(&["verify", &file, "--local"])).finish();
    assert_eq!(local.status, 0, "{} {}", local.stdout, local.stderr);
}

#[test]
fn the_answer_to_a_question_for_a_secret_is_in_no_place_of_a_recording() {
    for (question, answer) in [
        ("What is your password?", "tiger"),
        ("Which verification code did you get?", "471108"),
        ("The PIN, please", "4711"),
    ] {
        let server = playing(&json!([
            {"question": question}, {"thought": "Typed {answer}, went on"}, {"done": {"used": "{answer}"}}
        ]));
        let folder = Folder::new();
        let file = folder.file("shop.yaml");
        let text = record_run(&server, &file, &["Buy a mug", "--answer", answer]);
        assert!(!text.contains(answer), "{answer} in {text}");
        assert!(text.contains("Typed [redacted], went on"), "{text}");
        let local = Running::start(program(&["verify", &file, "--local"])).finish();
        assert_eq!(local.status, 0, "{} {}", local.stdout, local.stderr);
    }
}

#[test]
fn headers_whose_name_says_so_are_secrets_everywhere() {
    let server = playing(&json!([
        {"thought": "hush-hush and tok-en-abcd"}, {"done": "swordfish, 0f1e2d3c4b5a, n3w-of-answer"}
    ]));
    server.fail(json!({"on": "list", "status": 200, "body": [], "headers": {"X-New-Token": "n3w-of-answer"}}));
    let folder = Folder::new();
    let file = folder.file("shop.yaml");
    let recording = Recording::start(&server, &file);
    let headers = "X-Custom-Secret: hush-hush\r\nX-Auth-Token: tok-en-abcd\r\nX-Password: swordfish\r\nX-Amz-Signature: 0f1e2d3c4b5a\r\n";
    recording.ask("GET", "/v1/sessions", &format!("{KEY}{headers}"), "");
    recording.run(&["run", "Buy a mug"], None);
    recording.end();
    let text = std::fs::read_to_string(&file).unwrap();
    for secret in ["hush", "tok-en", "swordfish", "0f1e2d", "n3w-of"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert!(text.contains("Buy a mug"), "{text}");
}

#[test]
fn a_secret_that_is_a_word_of_the_protocol_leaves_the_recording_whole() {
    let server = playing(
        &json!([{"thought": "a thought"}, {"event": "progress", "data": {"percent": 50}, "id": true}, {"done": {"message": "ok"}}]),
    );
    let folder = Folder::new();
    let file = folder.file("shop.json");
    let recording = Recording::start(&server, &file);
    for word in [
        "message",
        "thought",
        "done",
        "sessions",
        "session",
        "session_id",
        "progress",
        "percent",
    ] {
        let key = format!("Authorization: Bearer {word}\r\n");
        recording.ask("GET", "/v1/models", &key, "");
    }
    recording.run(&["run", "Buy a mug"], None);
    recording.end();
    let text = std::fs::read_to_string(&file).unwrap();
    let recorded: Value = serde_json::from_str(&text).unwrap();
    let steps = &recorded["tasks"][0]["steps"];
    assert_eq!(steps[0]["thought"], "a [redacted]", "{text}");
    assert_eq!(steps[1]["data"], json!({"percent": 50}), "{text}");
    for name in [
        "\"POST /v1/sessions/{session_id}/message\"",
        "\"event\": \"progress\"",
        "\"message\": \"Buy a mug\"",
        "\"thought\"",
    ] {
        assert!(text.contains(name), "{name} in {text}");
    }
    let local = Running::start(program(&["verify", &file, "--local"])).finish();
    assert_eq!(local.status, 0, "{} {}", local.stdout, local.stderr);
}

#[test]
fn no_key_goes_to_another_machine_unencrypted_without_leave() {
    let folder = Folder::new();
    let file = folder.file("a.yaml");
    let args = [
        "record",
        "--to",
        &file,
        "--upstream",
        "http://gateway.example",
    ];
    let refused = Running::start(program(&args)).finish();
    assert_eq!(refused.status, 2, "{}", refused.stderr);
    let said = "http://gateway.example would get the API keys unencrypted; use https://, or pass --allow-insecure-http";
    assert!(refused.stderr.contains(said), "{}", refused.stderr);
    let mut running = Running::start(program(
        &[&args[..], &["--allow-insecure-http", "--json"]].concat(),
    ));
    running.read_until("recording");
    running.signal("INT");
    assert_eq!(running.finish().status, 0);
}

#[test]
fn all_that_an_event_says_is_in_the_recording() {
    let server = playing(&json!([
        {"wait_for_stream": true},
        {"thought": "Looking", "data": {"usage": {"tokens": 12}, "cost": 0.25, "data": {"page": 3}, "url": null}, "metadata": {"model": "m"}},
        {"event": "progress", "data": {"percent": 50}},
        {"event": "budget", "data": {"left": {"eur": 2.5}}, "id": true},
        {"step": "Click", "url": "http://h.example/", "data": {"action": null, "cost": 1}},
        {"question": "Which?", "data": {"choices": ["a", "b"]}},
        {"done": {"n": 1}, "data": {"usage": {"tokens": 99}, "text": "One mug"}}
    ]));
    let folder = Folder::new();
    let file = folder.file("shop.yaml");
    let text = record_run(&server, &file, &["Buy a mug", "--answer", "a"]);
    for said in [
        "usage:",
        "tokens: 12",
        "cost: 0.25",
        "page: 3",
        "percent: 50",
        "eur: 2.5",
        "choices:",
        "tokens: 99",
        "One mug",
        "url: null",
    ] {
        assert!(text.contains(said), "{said} in {text}");
    }
    let local = Running::start(program(&["verify", &file, "--local", "--strict"])).finish();
    assert_eq!(
        (local.status, local.stdout.as_str()),
        (0, ""),
        "{}",
        local.stderr
    );
}

/// A server that plays one turn with these steps.
fn turning(server: &Server, steps: &Value) {
    let scenario = json!({ "turns": [{ "steps": steps }] });
    server
        .emulator
        .scenario(serde_json::from_value(scenario).unwrap());
}

#[test]
fn all_that_a_frame_says_is_in_the_recording_and_how_the_turn_ends() {
    let server = Server::start();
    turning(
        &server,
        &json!([
            {"event": "text", "payload": {"text": "Blue"}, "block_id": "text:answer", "frame": {"usage": {"tokens": 12}}},
            {"event": "tool.cost", "payload": {"eur": 0.5}, "frame": {"login": {"password": "gr33n-door"}}},
            {"text": ", not gr33n-"}, {"text": "door"},
            {"event": "task.completed", "payload": {}, "frame": {"cost": 0.25}}
        ]),
    );
    let folder = Folder::new();
    let file = folder.file("turn.yaml");
    let recording = Recording::start(&server, &file);
    let turned = recording.run(&["turn", "Compare with gr33n-door"], None);
    assert_eq!(turned.status, 0, "{}", turned.stderr);
    recording.end();
    let text = std::fs::read_to_string(&file).unwrap();
    for said in ["tokens: 12", "cost: 0.25", "eur: 0.5", "outcome: \"done\""] {
        assert!(text.contains(said), "{said} in {text}");
    }
    assert!(!text.contains("gr33n") && !text.contains("door"), "{text}");
    let local = Running::start(program(&["verify", &file, "--local", "--strict"])).finish();
    assert_eq!(
        (local.status, local.stdout.as_str()),
        (0, ""),
        "{}",
        local.stderr
    );
    turning(&server, &json!([{"text": "Blue"}, {"error": "No"}]));
    let failed = verify(&server, &[&file]);
    assert_eq!(failed.status, 1, "{}", failed.stderr);
    let told = "broken  POST /sessions/new: the turn ends with error, was done";
    assert_eq!(failed.stdout.matches(told).count(), 1, "{}", failed.stdout);
}

#[test]
fn a_task_that_ends_otherwise_is_a_difference() {
    let folder = Folder::new();
    for (name, args) in [("streamed.yaml", &["Buy a mug"][..]), ("polled.yaml", &[])] {
        let server = playing(&json!([{"thought": "Looking"}, {"done": "A mug"}]));
        let file = folder.file(name);
        if args.is_empty() {
            // A client that only asks how it stands.
            let recording = Recording::start(&server, &file);
            let (_, made) = recording.ask("POST", "/v1/sessions", KEY, "{}");
            let made: Value = serde_json::from_str(&made).unwrap();
            let path = format!("/v1/sessions/{}", made["session_id"].as_str().unwrap());
            let json = format!("{KEY}Content-Type: application/json\r\n");
            recording.ask(
                "POST",
                &format!("{path}/message"),
                &json,
                r#"{"message": "Buy a mug"}"#,
            );
            eventually("the task ends", || {
                recording
                    .ask("GET", &format!("{path}/status"), KEY, "")
                    .1
                    .contains("finished")
            });
            recording.end();
        } else {
            record_run(&server, &file, args);
        }
        assert_eq!(verify(&server, &[&file, "--strict"]).status, 0);
        play(
            &server,
            &json!([{"thought": "Looking"}, {"error": "The shop is closed"}]),
        );
        let failed = verify(&server, &[&file]);
        assert_eq!(failed.status, 1, "{name}: {}", failed.stderr);
        let told =
            "broken  POST /v1/sessions/{session_id}/message: the task ends with error, was done";
        assert_eq!(failed.stdout.matches(told).count(), 1, "{}", failed.stdout);
        play(
            &server,
            &json!([{"question": "Really?"}, {"done": "A mug"}]),
        );
        let asked = verify(&server, &[&file, "--timeout", "2"]);
        assert_eq!(asked.status, 1, "{name}: {}", asked.stderr);
    }
}

#[test]
fn requests_that_were_skipped_are_a_difference() {
    let server = playing(&json!([{"question": "Which?"}, {"done": "A mug"}]));
    let folder = Folder::new();
    let file = folder.file("shop.yaml");
    record_run(&server, &file, &["Buy a mug", "--answer", "a"]);
    play(&server, &json!([{"done": "A mug"}]));
    let skipped = verify(&server, &[&file, "--json"]);
    assert_eq!(skipped.status, 1, "{}", skipped.stderr);
    let lines = skipped.json_lines();
    let is_answer = |line: &&Value| {
        line["kind"] == "skipped" && line["request"] == "POST /v1/sessions/{session_id}/message"
    };
    let found = lines.iter().find(is_answer).unwrap();
    assert_eq!(found["is"], "the agent asked nothing this time");
    assert_eq!(found["breaks"], true);
}

#[test]
fn events_in_another_order_are_a_difference() {
    let server = playing(&json!([{"thought": "a"}, {"log": "b"}, {"step": "c"}, {"done": "d"}]));
    let folder = Folder::new();
    let file = folder.file("shop.yaml");
    record_run(&server, &file, &["Buy a mug"]);
    play(
        &server,
        &json!([{"log": "b"}, {"thought": "a"}, {"step": "c"}, {"done": "d"}]),
    );
    let other = verify(&server, &[&file]);
    assert_eq!(other.status, 1, "{}", other.stderr);
    let told = "broken  GET /v1/sessions/{session_id}/events: events in another order: log, thought, step, done; was thought, log, step, done";
    assert!(other.stdout.contains(told), "{}", other.stdout);
    // A stream that ends without the end that it had.
    server.fail(json!({"on": "events", "cut_after": 2, "times": 1}));
    let cut = verify(&server, &[&file]);
    assert_eq!(cut.status, 1, "{}", cut.stderr);
    let told = "broken  GET /v1/sessions/{session_id}/events: event done: it did not come";
    assert!(cut.stdout.contains(told), "{}", cut.stdout);
    // As often as before, or not: that is no order.
    play(
        &server,
        &json!([{"thought": "a"}, {"thought": "a"}, {"log": "b"}, {"step": "c"}, {"step": "c"}, {"done": "d"}]),
    );
    assert_eq!(verify(&server, &[&file, "--strict"]).status, 0);
}

#[test]
fn a_recording_of_what_was_not_found_verifies() {
    let server = Server::start();
    let folder = Folder::new();
    let file = folder.file("none.yaml");
    let recording = Recording::start(&server, &file);
    let nobody = "/v1/sessions/7c1f9a52-3d0e-4b8e-9a6d-1f2e3c4b5a69";
    assert_eq!(recording.ask("GET", nobody, KEY, "").0, 404);
    recording.end();
    for found in [
        Running::start(program(&["verify", &file, "--local"])).finish(),
        verify(&server, &[&file, "--strict"]),
    ] {
        assert_eq!(
            (found.status, found.stdout.as_str()),
            (0, ""),
            "{}",
            found.stderr
        );
    }
    // A session that the recording did not make is made with the key.
    std::fs::write(
        &file,
        std::fs::read_to_string(&file)
            .unwrap()
            .replace("404", "200"),
    )
    .unwrap();
    let made = verify(&server, &[&file]);
    assert!(!made.stderr.contains("refuses the key"), "{}", made.stderr);
    assert_eq!(server.emulator.session_count(), 0);
    std::fs::write(
        &file,
        std::fs::read_to_string(&file)
            .unwrap()
            .replace("200", "429"),
    )
    .unwrap();
    let nothing = verify(&server, &[&file]);
    assert_eq!(nothing.status, 2, "{}", nothing.stderr);
    assert!(
        nothing
            .stderr
            .contains("Nothing of the recording is asked again"),
        "{}",
        nothing.stderr
    );
}

#[test]
fn a_request_that_is_refused_is_no_wrong_key() {
    let server = scripted();
    let folder = Folder::new();
    let file = folder.file("shop.yaml");
    recorded(&server, &file);
    server.fail(json!({"on": "message", "status": 403}));
    let refused = verify(&server, &[&file, "--timeout", "2"]);
    assert_eq!(refused.status, 1, "{}", refused.stderr);
    assert!(
        refused.stdout.contains("/message: status 403, was 200"),
        "{}",
        refused.stdout
    );
}

#[test]
fn a_file_that_is_there_stays() {
    let server = scripted();
    let folder = Folder::new();
    let file = folder.file("shop.yaml");
    std::fs::write(&file, "mine").unwrap();
    let upstream = server.emulator.url();
    for args in [
        &["record", "--to", &file, "--upstream", upstream][..],
        &[
            "record",
            "7c1f9a52-3d0e-4b8e-9a6d-1f2e3c4b5a69",
            "--output",
            &file,
        ],
        &["raccoon", "record", "Compare", "--output", &file],
    ] {
        let mut command = server.command(args);
        command
            .env("RACCOON_API_KEY", "k")
            .env("RACCOON_BASE_URL", upstream);
        let refused = Running::start(command).finish();
        assert_eq!(refused.status, 2, "{args:?} {}", refused.stderr);
        assert!(
            refused.stderr.contains("is there already") && refused.stderr.contains("--force"),
            "{}",
            refused.stderr
        );
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    }
    // Nothing that passed is nothing to write, also with --force.
    for (name, force) in [
        (file.clone(), &["--force"][..]),
        (folder.file("new.yaml"), &[]),
    ] {
        let args = [
            &["record", "--to", &name, "--upstream", upstream, "--json"],
            force,
        ]
        .concat();
        let mut running = Running::start(program(&args));
        running.read_until("recording");
        running.signal("INT");
        let done = running.finish();
        assert_eq!(done.status, 0, "{}", done.stderr);
        assert_eq!(done.json_lines().pop().unwrap()["file"], Value::Null);
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    assert!(!Path::new(&folder.file("new.yaml")).exists());
    std::fs::remove_file(&file).unwrap();
    recorded(&server, &file);
    let names = std::fs::read_dir(&folder.0).unwrap().count();
    assert_eq!(names, 1, "nothing is left beside it");
}

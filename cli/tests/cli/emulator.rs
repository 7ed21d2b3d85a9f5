//! `sessionwire emulator`.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use crate::support::{Folder, Running, program};

/// Starts an emulator; gives its URL and key.
fn start(args: &[&str]) -> (Running, String, String) {
    let mut running = Running::start(program(&[&["emulator", "--json"], args].concat()));
    let line: Value = serde_json::from_str(&running.read_until("url")).unwrap();
    let text = |name: &str| line[name].as_str().unwrap().to_owned();
    (running, text("url"), text("api_key"))
}

fn run(url: &str, key: &str, args: &[&str]) -> crate::support::Done {
    let mut command = program(args);
    command.env("AGI_BASE_URL", url).env("AGI_API_KEY", key);
    Running::start(command).finish()
}

#[test]
fn it_serves_until_ctrl_c_and_logs_requests() {
    let (running, url, key) = start(&["--verbose"]);
    let done = run(&url, &key, &["run", "Count these words please"]);
    assert_eq!(done.status, 0, "{}", done.stderr);
    running.wait_for_stderr(" 200 POST /v1/sessions\n");
    running.wait_for_stderr(" 200 DELETE /v1/sessions/");
    running.signal("INT");
    let done = running.finish();
    assert_eq!(done.status, 0, "{}", done.stderr);
    assert!(!done.stderr.contains(&key), "{}", done.stderr);
}

#[test]
fn it_says_how_to_use_it() {
    let mut running = Running::start(program(&["emulator", "--api-key", "it's a key"]));
    let first = running.read_until("listens on");
    assert!(
        first.contains("http://127.0.0.1:") && first.contains("it's a key"),
        "{first}"
    );
    let live = running.read_until("live view: ");
    assert!(
        live.contains("http://127.0.0.1:") && live.trim_end().ends_with('/'),
        "{live}"
    );
    let python = running.read_until("Agi(base_url=");
    assert!(python.contains("api_key=\"it's a key\""), "{python}");
    assert!(
        running
            .read_until("new Agi({")
            .contains("apiKey: \"it's a key\"")
    );
    assert!(
        running
            .read_until("sessionwire run")
            .contains(r"AGI_API_KEY='it'\''s a key' ")
    );
    let curl = running.read_until("curl");
    running.signal("TERM");
    assert_eq!(running.finish().status, 0);
    assert!(
        curl.contains(r"'Authorization: Bearer it'\''s a key'") && curl.contains("/v1/sessions"),
        "{curl}"
    );
}

#[test]
fn only_its_keys_are_accepted() {
    let (_running, url, key) = start(&["--api-key", "key-one", "--api-key", "key-two"]);
    assert_eq!(key, "key-one");
    assert_eq!(run(&url, "key-two", &["sessions", "list"]).status, 0);
    assert_eq!(run(&url, "key-three", &["sessions", "list"]).status, 3);
}

#[test]
fn it_plays_a_scenario() {
    let folder = Folder::new();
    let file = folder.file("scenario.json");
    std::fs::write(
        &file,
        r#"{"tasks": [{"steps": [{"done": "from the file"}]}]}"#,
    )
    .unwrap();
    let (_running, url, key) = start(&["--scenario", &file, "--heartbeat-interval", "0.5"]);
    assert_eq!(
        run(&url, &key, &["run", "Work", "-q"]).stdout,
        "from the file\n"
    );
}

/// The faults of the shared table, given on the command line, in files and from code.
#[test]
fn a_fault_is_the_same_from_the_command_line_a_file_and_code() {
    let texts = [
        "* delay=0.01 times=2",
        "list limit=429 retry_after=7",
        r#"list status=418 body={"detail":"a teapot"} headers={"X-Tea":"green"}"#,
        "list redirect={path}?again status=302",
        "list end_after_bytes=1",
        "list status=200 body=plain",
    ];
    let json = |text: &str| {
        let fault: sessionwire_emulator::Fault = text.parse().unwrap();
        serde_json::to_string(&fault).unwrap()
    };
    let folder = Folder::new();
    let file = folder.file("faults.txt");
    std::fs::write(&file, format!("# all of them\n\n{}\n", texts.join("\n"))).unwrap();
    let as_text: Vec<&str> = texts.iter().flat_map(|text| ["--fault", text]).collect();
    let objects = texts.map(json);
    let as_json: Vec<&str> = objects.iter().flat_map(|text| ["--fault", text]).collect();

    let server = crate::support::Server::start();
    for text in texts {
        server.fail(text.into());
    }
    let wanted = struck(server.emulator.url(), texts.len() + 2);
    assert!(
        wanted[2].contains("Rate limit") && wanted[3].contains("teapot"),
        "{wanted:?}"
    );
    for args in [&as_text[..], &as_json[..], &["--fault-file", &file]] {
        let (_running, url, _) = start(args);
        assert_eq!(struck(&url, texts.len() + 2), wanted, "{args:?}");
    }
}

/// Asks for the list of sessions so often; what came back, but for the date.
fn struck(url: &str, times: usize) -> Vec<String> {
    let address = url.trim_start_matches("http://");
    let ask = |_| {
        let mut socket = TcpStream::connect(address).unwrap();
        let head = "GET /v1/sessions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer test-key-1\r\nconnection: close\r\n\r\n";
        socket.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let lines = answer.lines().filter(|line| !line.starts_with("date: "));
        lines.collect::<Vec<_>>().join("\n")
    };
    (0..times).map(ask).collect()
}

#[test]
fn what_it_refuses() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = Folder::new();
    let (bad, missing) = (folder.file("bad.json"), folder.file("missing.json"));
    let faults = folder.file("faults.txt");
    std::fs::write(&faults, "list hang\nlist limit=500\n").unwrap();
    std::fs::write(&bad, r#"{"tasks": [{"steps": [{"thougth": "x"}]}]}"#).unwrap();
    for (args, parts) in [
        (&["--port", &port][..], &[port.as_str(), "in use"][..]),
        (&["--port", "70000"], &["70000"]),
        (&["--host", "0.0.0.0"], &["--allow-remote"]),
        (&["--host", "::"], &["--allow-remote"]),
        (
            &["--fault", "events cut=1"],
            &["--fault", "unknown field `cut`", "`cut_after`"],
        ),
        (&["--fault", "list cut_after=1"], &["act on a stream"]),
        (&["--fault", "{\"on\": \"list\"}"], &["needs an action"]),
        (&["--fault", ""], &["begins with its endpoint"]),
        (
            &["--fault-file", &missing],
            &["missing.json cannot be read"],
        ),
        (
            &["--fault-file", &faults],
            &["faults.txt: line 2: ", "429 or 503"],
        ),
        (
            &["--scenario", &missing],
            &["missing.json", "cannot be read"],
        ),
        (
            &["--scenario", &bad],
            &["bad.json: tasks[0].steps[0]: `thougth`"],
        ),
        (
            &["--heartbeat-interval", "0"],
            &["positive number of seconds"],
        ),
        (&["--api-key", ""], &["usable key"]),
    ] {
        let done = Running::start(program(&[&["emulator"], args].concat())).finish();
        assert_eq!(
            (done.status, done.stdout.as_str()),
            (2, ""),
            "{args:?}: {}",
            done.stderr
        );
        for part in parts {
            assert!(
                done.stderr.starts_with("error: ") && done.stderr.contains(part),
                "{part}: {}",
                done.stderr
            );
        }
    }
}

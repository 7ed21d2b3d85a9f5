//! `sessionwire emulator`.

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

#[test]
fn what_it_refuses() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = Folder::new();
    let (bad, missing) = (folder.file("bad.json"), folder.file("missing.json"));
    std::fs::write(&bad, r#"{"tasks": [{"steps": [{"thougth": "x"}]}]}"#).unwrap();
    for (args, parts) in [
        (&["--port", &port][..], &[port.as_str(), "in use"][..]),
        (&["--port", "70000"], &["70000"]),
        (&["--host", "0.0.0.0"], &["--allow-remote"]),
        (&["--host", "::"], &["--allow-remote"]),
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

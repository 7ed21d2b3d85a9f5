//! `sessionwire emulator`.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use crate::support::{Folder, Running, program, serve};

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
    let wanted = responses(server.emulator.url(), texts.len() + 2);
    assert!(
        wanted[2].contains("Rate limit") && wanted[3].contains("teapot"),
        "{wanted:?}"
    );
    for args in [&as_text[..], &as_json[..], &["--fault-file", &file]] {
        let (_running, url, _) = start(args);
        assert_eq!(responses(&url, texts.len() + 2), wanted, "{args:?}");
    }
}

/// Asks for the list of sessions so often; what came back, but for the date.
fn responses(url: &str, times: usize) -> Vec<String> {
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
            &["--fault", "`cut` is not known: write `cut_after`"],
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
            &[
                "bad.json:1:",
                "tasks[0].steps[0]: `thougth` is not a step: write `thought`",
            ],
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

/// Sends a request as it stands; gives the answer.
fn send(url: &str, request: &str) -> String {
    let mut socket = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    let (line, rest) = request.split_once('\n').unwrap_or((request, ""));
    let mut head = format!("{line} HTTP/1.1\r\nconnection: close\r\n");
    for header in rest.lines() {
        head += &format!("{}\r\n", header.trim());
    }
    socket.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A reset is an answer as well.
    let _ = socket.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn its_log_shows_no_key() {
    let key = "a-key-that-must-not-be-seen";
    let hook = format!("http://127.0.0.1:9/hook?token={key}");
    let faults = ["--fault", "list reset", "--fault", "models status=500"];
    let (running, url, _) = start(&[&["--verbose", "--api-key", key], &faults[..]].concat());
    let own = format!("authorization: Bearer {key}");
    let requests = [
        format!("GET /v1/sessions\n{own}"),
        format!("GET /v1/models\n{own}"),
        format!("GET /v1/sessions\n{own}\nx-api-key: {key}\ncookie: key={key}"),
        format!("GET /v1/sessions?api_key={key}\n{own}"),
        format!("GET /v1/sessions/{key}\n{own}"),
        format!("GET /nowhere/{key}\n{own}"),
        format!("GET /v1/sessions\nauthorization: Basic {key}"),
        format!("GET /v1/sessions\nauthorization: {key}"),
        format!("GET /v1/sessions\nauthorization: Bearer {key}-and-more"),
        format!("PUT /v1/sessions\n{own}"),
        format!("GET /v1/sessions\nhost: evil.example\n{own}"),
    ];
    for request in &requests {
        send(&url, request);
    }
    let text = format!("Log in with {key}, then ask me");
    let done = run(&url, key, &["run", &text, "--answer", key, "--quiet"]);
    assert_eq!(done.status, 0, "{}", done.stderr);
    let body = format!(r#"{{"webhook_url":"{hook}"}}"#);
    let head = format!(
        "POST /v1/sessions\n{own}\ncontent-length: {}\n\n{body}",
        body.len()
    );
    send(&url, &head);
    running.wait_for_stderr(" 405 PUT /v1/sessions\n");
    running.signal("INT");
    let done = running.finish();
    let log = done.stderr;
    for part in [
        " 401 GET ",
        " 404 GET /v1/sessions/***\n",
        " 200 GET /v1/sessions?api_key=***\n",
        " 500 GET /v1/models\n",
    ] {
        assert!(log.contains(part), "{part}: {log}");
    }
    assert!(
        !log.contains(key) && !done.stdout.contains(key),
        "{log}{}",
        done.stdout
    );
}

/// Every file and folder below this one.
fn below(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            let inner = if path.is_dir() { below(&path) } else { vec![] };
            std::iter::once(path).chain(inner)
        })
        .collect()
}

#[test]
fn it_leaves_no_file_behind() {
    let page = serve("<title>A page</title><p>Blue mug 12.50 EUR</p>");
    let folder = Folder::new();
    let places = ["home", "tmp", "work"].map(|name| folder.0.join(name));
    let mut command = program(&["emulator", "--json", "--verbose", "--fast"]);
    for place in &places {
        std::fs::create_dir(place).unwrap();
    }
    let [home, tmp, work] = &places;
    command.current_dir(work);
    for (name, place) in [
        ("HOME", home),
        ("TMPDIR", tmp),
        ("XDG_CACHE_HOME", home),
        ("XDG_CONFIG_HOME", home),
        ("XDG_DATA_HOME", home),
    ] {
        command.env(name, place);
    }
    let mut running = Running::start(command);
    let line: Value = serde_json::from_str(&running.read_until("url")).unwrap();
    let (url, key) = (
        line["url"].as_str().unwrap(),
        line["api_key"].as_str().unwrap(),
    );
    let picture = folder.file("page.jpg");
    let done = run(
        url,
        key,
        &[
            "run",
            &format!("Which prices are on {page}?"),
            "--screenshot",
            &picture,
            "--keep",
        ],
    );
    assert_eq!(done.status, 0, "{}", done.stderr);
    let session = done
        .stderr
        .trim()
        .rsplit("session: ")
        .next()
        .unwrap()
        .to_owned();
    for args in [
        &["navigate", &session, &page][..],
        &["events", &session],
        &["messages", &session],
        &["screenshot", &session, "--output", &picture],
        &["sessions", "delete", &session],
    ] {
        let done = run(url, key, args);
        assert_eq!(done.status, 0, "{args:?}: {}", done.stderr);
    }
    send(
        line["live_url"]
            .as_str()
            .unwrap()
            .rsplit_once("/live/")
            .unwrap()
            .0,
        "GET /live/",
    );
    running.signal("INT");
    assert_eq!(running.finish().status, 0);
    for place in &places {
        assert_eq!(below(place), Vec::<std::path::PathBuf>::new());
    }
    assert!(
        std::path::Path::new(&picture).is_file(),
        "the test looks at the right folder"
    );
}

#[test]
fn the_browser_is_chosen_and_named() {
    let told = |args: &[&str]| {
        let mut running = Running::start(program(args));
        let line: Value = serde_json::from_str(&running.read_until("url")).unwrap();
        line["browser"].clone()
    };
    assert_eq!(told(&["emulator", "--json"]), "builtin");
    assert_eq!(
        told(&["emulator", "--json", "--browser", "builtin"]),
        "builtin"
    );
    let done = Running::start(program(&["emulator", "--browser", "chromium"])).finish();
    assert_eq!(done.status, 2);
    assert!(
        done.stderr.contains("SESSIONWIRE_CHROMIUM is empty")
            && done.stderr.contains("Install Chromium"),
        "{}",
        done.stderr
    );
}

#[test]
#[cfg(unix)]
fn a_chromium_that_does_not_start_is_reported() {
    let mut command = program(&["emulator", "--json"]);
    // It takes no argument that Chromium takes.
    command.env("SESSIONWIRE_CHROMIUM", "false");
    let mut running = Running::start(command);
    let line: Value = serde_json::from_str(&running.read_until("url")).unwrap();
    let text = |name: &str| line[name].as_str().unwrap().to_owned();
    assert_eq!(text("browser"), "chromium");
    let (url, key) = (text("url"), text("api_key"));
    let page = crate::support::serve("<title>Shop</title>");
    let done = run(&url, &key, &["run", &format!("Look at {page}")]);
    assert_eq!(done.status, 0, "{}", done.stderr);
    running.wait_for_stderr("warn: the built-in page view serves the session");
    running.wait_for_stderr("reason=Chromium ended unexpectedly");
}

/// Every option of the emulator has one of the command line, or a reason.
#[test]
fn every_option_of_the_emulator_is_one_of_the_command_line() {
    let help = Running::start(program(&["emulator", "--help"]))
        .finish()
        .stdout;
    let options = serde_json::to_value(sessionwire_emulator::Options::default()).unwrap();
    let renamed = |name: &str| match name {
        "allow_hosts" | "api_keys" | "barred_keys" | "faults" => {
            name.trim_end_matches('s').to_owned()
        }
        "clock" => "fast".to_owned(),
        "cors_origins" => "cors".to_owned(),
        "scenario_file" => "scenario".to_owned(),
        "seed_state" => "seed".to_owned(),
        "entry_ids" => "no-entry-ids".to_owned(),
        other => other.to_owned(),
    };
    let missing: Vec<String> = options
        .as_object()
        .unwrap()
        .keys()
        .map(|name| format!("--{}", renamed(name).replace('_', "-")))
        .filter(|flag| !help.split_whitespace().any(|word| word == flag))
        .collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn options_of_the_command_line_reach_the_emulator() {
    let (_running, url, key) = start(&[
        "--api-key",
        "known",
        "--barred-key",
        "barred",
        "--session-limit",
        "1",
        "--max-turns",
        "3",
        "--step-delay",
        "0",
        "--init-delay",
        "0ms",
        "--resume",
        "ignored",
        "--no-entry-ids",
        "--dialect",
        "{\"payload\": \"data\"}",
        "--abort-endpoint",
    ]);
    assert_eq!(key, "known");
    let barred = run(&url, "barred", &["sessions", "list"]);
    assert!(
        barred.stderr.contains("Not authorized"),
        "{}",
        barred.stderr
    );
    assert_eq!(run(&url, &key, &["sessions", "create"]).status, 0);
    let full = run(&url, &key, &["sessions", "create", "--max-retries", "0"]);
    assert_ne!(full.status, 0);
    assert!(full.stderr.contains("Rate limit"), "{}", full.stderr);
}

#[test]
fn the_control_api_is_off_unless_it_is_asked_for() {
    let mut running = Running::start(program(&["emulator", "--json"]));
    let line: Value = serde_json::from_str(&running.read_until("url")).unwrap();
    assert_eq!(line["control_url"], Value::Null);
    let url = line["url"].as_str().unwrap();
    let answer = get(&format!("{url}/_emulator/v1/health"), "");
    assert!(
        answer.contains(" 404 ") && answer.contains("--control"),
        "{answer}"
    );

    let mut command = program(&["emulator", "--json", "--control"]);
    command.env("SESSIONWIRE_CONTROL_TOKEN", "a-token-of-mine");
    let mut running = Running::start(command);
    let line: Value = serde_json::from_str(&running.read_until("url")).unwrap();
    assert_eq!(line["control_token"], "a-token-of-mine");
    let worlds = format!("{}/worlds", line["control_url"].as_str().unwrap());
    assert!(get(&worlds, "a-token-of-mine").contains(" 200 "));
    assert!(get(&worlds, "another").contains(" 401 "));

    let short = Running::start(program(&["emulator", "--control-token", "short"])).finish();
    assert_ne!(short.status, 0);
    assert!(short.stderr.contains("8 or more"), "{}", short.stderr);
}

/// The whole answer to a GET with a token.
fn get(url: &str, token: &str) -> String {
    asked("GET", url, token)
}

/// The same with any method, without a body.
fn asked(method: &str, url: &str, token: &str) -> String {
    let rest = url.strip_prefix("http://").unwrap();
    let (address, path) = rest.split_once('/').unwrap();
    let mut socket = TcpStream::connect(address).unwrap();
    let head = format!(
        "{method} /{path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_scenario_that_changes_is_read_again_and_one_with_an_error_changes_nothing() {
    let folder = Folder::new();
    let file = folder.file("shop.yaml");
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    write("tasks: [{steps: [{done: one}]}]\n");
    let token = "token-of-the-test";
    let (running, url, key) = start(&["--scenario", &file, "--watch", "--control-token", token]);
    let result = || run(&url, &key, &["run", "Work", "--quiet"]).stdout;
    assert_eq!(result(), "one\n");
    write("tasks: [{steps: [{done: two}]}]\n");
    running.wait_for_stderr("The scenario was read again: 1 of tasks, 0 of turns");
    assert_eq!(result(), "two\n");
    write("tasks: [{steps: [{thougth: oh}]}]\n");
    running.wait_for_stderr("warning: the scenario cannot be used");
    running.wait_for_stderr("tasks[0].steps[0]");
    assert_eq!(result(), "two\n");
    // As editors do it: a new file takes the place of the old one.
    let aside = folder.file("aside.yaml");
    std::fs::write(&aside, "tasks: [{steps: [{done: three}]}, {steps: []}]\n").unwrap();
    std::fs::rename(&aside, &file).unwrap();
    running.wait_for_stderr("tasks[1]: never plays: tasks[0] fits every task that it fits");
    running.wait_for_stderr("read again: 2 of tasks");
    assert_eq!(result(), "three\n");
    // As if it had been started with it.
    let answer = asked("POST", &format!("{url}/_emulator/v1/reset"), token);
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    assert_eq!(result(), "three\n");
    let refused = Running::start(program(&["emulator", "--watch"])).finish();
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.contains("--scenario"), "{}", refused.stderr);
}

#[test]
fn it_answers_pages_of_named_origins_and_names_its_public_address() {
    let (_running, url, key) = start(&[
        "--cors",
        "http://localhost:5173",
        "--public-url",
        "https://abc.forwarder.example",
    ]);
    let session = run(&url, &key, &["sessions", "create", "--json"]);
    assert!(
        session
            .stdout
            .contains("https://abc.forwarder.example/live/"),
        "{}",
        session.stdout
    );
    let request = format!(
        "GET /v1/sessions\nHost: x.localhost\nOrigin: http://localhost:5173\nAuthorization: Bearer {key}"
    );
    let answer = send(&url, &request);
    assert!(
        answer.contains("access-control-allow-origin: http://localhost:5173"),
        "{answer}"
    );
    let refused = Running::start(program(&["emulator", "--cors", "*"])).finish();
    assert_eq!(refused.status, 2);
    assert!(
        refused.stderr.contains("cors_origins has `*`"),
        "{}",
        refused.stderr
    );
}

/// The line of JSON names the file that clients trust, and ours take it from the environment.
#[test]
fn it_speaks_tls_and_says_what_to_trust() {
    let folder = Folder::new();
    let file = folder.file("ca.pem");
    let args = ["emulator", "--json", "--tls-ca", &file];
    let mut running = Running::start(program(&args));
    let ready: Value = serde_json::from_str(&running.read_until("url")).unwrap();
    assert_eq!(ready["ca_file"], file.as_str());
    let url = ready["url"].as_str().unwrap();
    assert!(url.starts_with("https://"), "{url}");
    let list = |trusted: &str| {
        let mut command = program(&["sessions", "list"]);
        command.env("AGI_BASE_URL", url).env("AGI_API_KEY", "k");
        Running::start({
            command.env("SSL_CERT_FILE", trusted);
            command
        })
        .finish()
    };
    let done = list(&file);
    assert_eq!(done.status, 0, "{}", done.stderr);
    let strange = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/certificates/ca.pem");
    let refused = list(strange);
    assert_ne!(refused.status, 0);
    assert!(refused.stderr.contains("certificate"), "{}", refused.stderr);

    let mut shown = Running::start(program(&["emulator", "--tls"]));
    let line = shown.read_until("clients must trust ");
    let told = shown.read_until("Agi(base_url=");
    assert!(line.contains("ca.pem (ca_file)"), "{line}");
    assert!(told.contains(", ca_file=\""), "{told}");
    assert!(shown.read_until("curl ").contains("--cacert "));
}

/// What it holds is there again after Ctrl-C, and what is no state stays as it is.
#[test]
fn it_keeps_what_it_holds_over_a_restart() {
    let folder = Folder::new();
    let state = folder.file("state");
    let seed = folder.file("seed.json");
    let one = r#"{"version": 1, "accounts": {"k": {"sessions": [{"session_id": "a-session", "agent_name": "agi-0"}]}}}"#;
    std::fs::write(&seed, one).unwrap();
    let (running, url, _) = start(&["--state", &state, "--seed", &seed]);
    assert_eq!(run(&url, "k", &["sessions", "create"]).status, 0);
    running.signal("INT");
    assert_eq!(running.finish().status, 0);
    let (_running, url, _) = start(&["--state", &state]);
    let listed = run(&url, "k", &["sessions", "list", "--json"]);
    assert!(listed.stdout.contains("a-session"), "{}", listed.stdout);
    assert_eq!(listed.stdout.matches("\"session_id\"").count(), 2);

    let other = folder.file("other");
    std::fs::create_dir(&other).unwrap();
    let foreign = format!("{other}/state.json");
    std::fs::write(&foreign, "[1, 2]").unwrap();
    let done = Running::start(program(&["emulator", "--state", &other])).finish();
    assert_ne!(done.status, 0);
    assert!(done.stderr.contains("It stays as it is"), "{}", done.stderr);
    assert_eq!(std::fs::read_to_string(foreign).unwrap(), "[1, 2]");
}

/// What cannot be kept is said once, again when it can be kept, and by the exit status.
#[cfg(unix)]
#[test]
fn it_says_when_it_cannot_keep_what_it_holds() {
    let folder = Folder::new();
    let state = folder.file("state");
    let file = format!("{state}/state.json");
    let (running, url, _) = start(&["--state", &state]);
    let create = || assert_eq!(run(&url, "k", &["sessions", "create"]).status, 0);
    let break_it = || {
        std::fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("/dev/full", &file).unwrap();
        create();
    };
    create();
    crate::support::eventually("a file", || std::fs::exists(&file).unwrap());
    break_it();
    running.wait_for_stderr("cannot be kept");
    create();
    std::fs::remove_file(&file).unwrap();
    running.wait_for_stderr("is kept again");
    break_it();
    running.signal("INT");
    let done = running.finish();
    assert_eq!(done.status, 2, "{}", done.stderr);
    let last = done.stderr.lines().last().unwrap();
    assert!(
        last.contains(&state) && last.contains("No space left"),
        "{last}"
    );
    assert!(
        done.stderr.matches("cannot be kept").count() <= 2,
        "{}",
        done.stderr
    );
    assert!(
        done.stderr.matches("is kept again").count() == 1,
        "{}",
        done.stderr
    );
}

#[test]
fn it_warns_of_a_certificate_that_clients_refuse() {
    let certificates = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/certificates");
    let (cert, key) = (
        format!("{certificates}/localhost.pem"),
        format!("{certificates}/localhost.key"),
    );
    let (running, url, _) = start(&[
        "--host",
        "127.0.0.2",
        "--tls-cert",
        &cert,
        "--tls-key",
        &key,
    ]);
    assert!(url.starts_with("https://127.0.0.2:"), "{url}");
    running.wait_for_stderr("warning: ");
    running.signal("INT");
    let done = running.finish();
    assert_eq!(done.status, 0);
    assert!(
        done.stderr.contains("holds for localhost"),
        "{}",
        done.stderr
    );
    let wrong = format!("{certificates}/own.key");
    let done = Running::start(program(&[
        "emulator",
        "--tls-cert",
        &cert,
        "--tls-key",
        &wrong,
    ]))
    .finish();
    assert_ne!(done.status, 0);
    assert!(
        done.stderr.contains("tls_key is not the key of tls_cert"),
        "{}",
        done.stderr
    );
}

/// Nothing can be removed when a process is killed: the next one does.
#[cfg(unix)]
#[test]
fn it_removes_what_a_killed_one_left() {
    let folder = Folder::new();
    let temporary = |args: &[&str]| {
        let mut command = program(&[&["emulator", "--json"], args].concat());
        command.env("TMPDIR", &folder.0);
        let mut running = Running::start(command);
        let line: Value = serde_json::from_str(&running.read_until("url")).unwrap();
        let file = line["ca_file"].as_str().unwrap_or_default().to_owned();
        (running, std::path::PathBuf::from(file))
    };
    let (living, its) = temporary(&["--tls"]);
    let (killed, left) = temporary(&["--tls"]);
    killed.signal("KILL");
    drop(killed);
    assert!(left.exists());
    // What is not of an emulator stays, whatever it is called.
    let foreign = folder.0.join("sessionwire-tls-notes");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(foreign.join("ca.pem"), "mine").unwrap();
    let (next, _) = temporary(&["--tls"]);
    assert!(!left.parent().unwrap().exists(), "left behind");
    assert!(its.exists(), "that of a living one stays");
    assert!(foreign.join("ca.pem").exists());
    for running in [living, next] {
        running.signal("INT");
        assert_eq!(running.finish().status, 0);
    }
    let names: Vec<_> = std::fs::read_dir(&folder.0)
        .unwrap()
        .map(|it| it.unwrap().file_name())
        .collect();
    assert_eq!(names, ["sessionwire-tls-notes"]);
}

/// A parent that is killed can end nothing, but its pipe closes.
#[test]
fn it_ends_with_its_standard_input_where_that_is_wanted() {
    let mut command = program(&["emulator", "--json", "--end-with-stdin"]);
    command.stdin(std::process::Stdio::piped());
    let mut running = Running::start(command);
    let line: Value = serde_json::from_str(&running.read_until("url")).unwrap();
    running.feed_more("what comes is ignored\n");
    let url = line["url"].as_str().unwrap();
    assert_eq!(run(url, "k", &["sessions", "list"]).status, 0);
    running.feed("");
    let done = running.finish();
    assert_eq!(done.status, 0, "{}", done.stderr);

    // Without a standard input it ends at once, and says why.
    let done = Running::start(program(&["emulator", "--end-with-stdin"])).finish();
    assert_eq!(done.status, 0);
    assert!(done.stderr.contains("--end-with-stdin"), "{}", done.stderr);
}

//! The doctor: each planted trouble is found, and its cure named.

use std::process::Command;
use std::sync::Arc;

use serde_json::json;

use crate::support::{Done, Folder, Running, Server, serve};

fn asked(mut command: Command, set: &[(&str, &str)]) -> Done {
    for (name, value) in set {
        command.env(name, value);
    }
    Running::start(command).finish()
}

#[test]
fn a_machine_that_is_well() {
    let server = Server::start();
    let done = asked(server.command(&["doctor"]), &[("RACCOON_API_KEY", "r")]);
    assert_eq!(
        (done.status, done.stderr.as_str()),
        (0, ""),
        "{}",
        done.stdout
    );
    for line in [
        "ok      version   sessionwire ",
        "ok      key       AGI_API_KEY is set, 10 characters\n",
        "ok      address   http://127.0.0.1:",
        "ok      proxy     none\n",
        "ok      service   responds in ",
        "; 0 sessions of this key are there\n",
        "ok      clock     as the service's\n",
    ] {
        assert!(
            done.stdout.contains(line),
            "{line:?} is not in {}",
            done.stdout
        );
    }
    assert!(!done.stdout.contains("test-key-1"), "{}", done.stdout);
    assert_eq!(server.paths(), ["GET /v1/sessions"]);

    let told = asked(server.command(&["doctor", "--json"]), &[]).json_lines();
    assert!(told.len() >= 5);
    for line in told {
        assert_eq!(
            (&line["type"], &line["status"]),
            (&json!("check"), &json!("ok"))
        );
        assert!(line["message"].is_string());
    }
}

#[test]
fn each_trouble_is_found_and_its_cure_named() {
    let server = Server::start();
    let folder = Folder::new();
    let missing = folder.file("missing.pem");
    let ledger = folder.file("no/such/folder/ledger");
    let garbage = folder.file("garbage.pem");
    std::fs::write(&garbage, "no certificate").unwrap();
    let (untrusted, other) = (untrusted(), format!("{}/v2/v1", server.emulator.url()));
    let page = serve("<html><title>Sign in</title></html>");
    for (set, line, cure) in [
        (("AGI_API_KEY", ""), "error   key ", "export AGI_API_KEY"),
        (
            ("AGI_API_KEY", "\"test-key-1\""),
            "error   key ",
            "Leave them out",
        ),
        (
            ("AGI_API_KEY", "test-key-1 and more"),
            "error   key ",
            "Set the key alone",
        ),
        (
            ("AGI_API_KEY", "another"),
            "error   service ",
            "refuses the key",
        ),
        (
            ("AGI_BASE_URL", "shop.example"),
            "error   settings ",
            "AGI_BASE_URL",
        ),
        (
            ("AGI_BASE_URL", "http://127.0.0.1:9/v1"),
            "error   service ",
            "127.0.0.1:9",
        ),
        (
            ("AGI_BASE_URL", page.as_str()),
            "error   service ",
            "AGI_BASE_URL",
        ),
        (
            ("AGI_BASE_URL", "http://shop.example/v1"),
            "error   settings ",
            "https",
        ),
        (
            ("AGI_BASE_URL", untrusted.as_str()),
            "error   service ",
            "SSL_CERT_FILE",
        ),
        (("AGI_BASE_URL", other.as_str()), "error   service ", "/v1"),
        (
            ("SESSIONWIRE_LEDGER", ledger.as_str()),
            "error   settings ",
            "ledger",
        ),
    ] {
        let done = asked(server.command(&["doctor", "--max-retries", "0"]), &[set]);
        assert_eq!(done.status, 2, "{set:?}: {}{}", done.stdout, done.stderr);
        let found = done.stdout.lines().find(|found| found.starts_with(line));
        let found = found.unwrap_or_else(|| panic!("{set:?}: {}", done.stdout));
        assert!(found.contains(cure), "{cure:?} is not in {found}");
        assert!(done.stderr.contains("what to do"), "{}", done.stderr);
    }
    for (file, name) in [(&missing, "missing.pem"), (&garbage, "garbage.pem")] {
        let secure = [
            ("AGI_BASE_URL", "https://127.0.0.1:9/v1"),
            ("SSL_CERT_FILE", file.as_str()),
        ];
        let done = asked(server.command(&["doctor"]), &secure);
        let found = done.stdout.lines().find(|line| line.starts_with("error"));
        assert!(
            done.status == 2 && found.is_some_and(|line| line.contains(name)),
            "{}",
            done.stdout
        );
    }
    let proxied = [
        ("AGI_BASE_URL", "https://shop.example/v1"),
        ("HTTPS_PROXY", "http://u:secret@127.0.0.1:9"),
    ];
    let done = asked(server.command(&["doctor", "--max-retries", "0"]), &proxied);
    assert!(
        done.stdout.contains("ok      proxy     127.0.0.1:9"),
        "{}",
        done.stdout
    );
    assert!(
        done.stdout.contains("error   service ") && !done.stdout.contains("secret"),
        "{}",
        done.stdout
    );
}

/// A service whose certificate is of an authority that nobody knows.
fn untrusted() -> String {
    use tokio_rustls::rustls::crypto::ring::default_provider;
    use tokio_rustls::rustls::pki_types::pem::PemObject as _;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio_rustls::rustls::{ServerConfig, ServerConnection};

    let file = |ending: &str| {
        format!(
            "{}/../tests/certificates/localhost.{ending}",
            env!("CARGO_MANIFEST_DIR")
        )
    };
    let chain = CertificateDer::pem_file_iter(file("pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain.collect::<Result<_, _>>().unwrap(), key)
        .unwrap();
    let config = Arc::new(config);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut connection = ServerConnection::new(config.clone()).unwrap();
            // The client ends the handshake.
            let _ = connection.complete_io(&mut stream.unwrap());
        }
    });
    format!("https://localhost:{port}/v1")
}

#[test]
fn a_live_look_finds_what_the_service_says_otherwise() {
    let server = Server::playing(json!([{"thought": "hm"}, {"done": "ok"}]));
    let done = server.run(&["doctor", "--live"]);
    assert_eq!(
        (done.status, done.stderr.as_str()),
        (0, ""),
        "{}",
        done.stdout
    );
    let live: Vec<_> = done
        .stdout
        .lines()
        .filter_map(|line| line.split_once(" live      "))
        .map(|(state, line)| {
            assert_eq!(state.trim(), "ok", "{line}");
            line.strip_suffix(": as documented").expect(line)
        })
        .collect();
    assert_eq!(
        live,
        [
            "POST /sessions",
            "GET /sessions",
            "GET /sessions/{id}",
            "POST /navigate",
            "GET /screenshot",
            "POST /message",
            "GET /events",
            "GET /status",
            "GET /messages",
            "POST /cancel",
            "DELETE /sessions/{id}",
        ]
    );
    assert_eq!(server.emulator.session_count(), 0);

    // A service that drifts.
    server.fail(json!({"on": "status", "status": 200, "body": {"status": "idle", "since": 4}}));
    server.fail(json!({"on": "message", "after": true, "status": 200, "body": {"success": "yes"}}));
    server.fail(json!({"on": "events", "insert": "event: dream\ndata: {}\n\n", "insert_after": 0}));
    let done = server.run(&["doctor", "--live"]);
    assert_eq!(done.status, 0, "{}", done.stdout);
    for warning in [
        "GET /status: `since` is not documented (a number); `status` is \"idle\", which is not documented",
        "POST /message: `success` is true or false, not a text",
    ] {
        let warning = warning.replace(
            "`success` is true or false, not a text",
            "`success` is a text, not true or false; `message` is missing",
        );
        assert!(
            done.stdout
                .contains(&format!("warning live      {warning}\n")),
            "{warning}: {}",
            done.stdout
        );
    }
    assert!(
        done.stdout.contains("the event `dream` is not documented"),
        "{}",
        done.stdout
    );
    assert_eq!(server.emulator.session_count(), 0);
}

#[test]
fn the_session_of_a_live_look_is_always_deleted() {
    // The service fails in the middle.
    let server = Server::playing(json!([{"thought": "hm"}, {"done": "ok"}]));
    server.fail(json!({"on": "navigate", "status": 400, "body": {"detail": "Not there"}}));
    let done = server.run(&["doctor", "--live"]);
    assert_eq!(done.status, 2, "{}", done.stdout);
    assert!(
        done.stdout.contains("error   live      POST /navigate: "),
        "{}",
        done.stdout
    );
    assert!(
        done.stdout.contains("DELETE /sessions/{id}: as documented"),
        "{}",
        done.stdout
    );
    assert_eq!(server.emulator.session_count(), 0);

    // Ctrl-C while the task runs, and during the create.
    let server = Server::playing(json!([{"thought": "hm"}, {"delay": 3600}]));
    let mut running = Running::start(server.command(&["doctor", "--live"]));
    running.read_until("POST /message");
    running.signal("INT");
    assert_eq!(running.finish().status, 130);
    assert_eq!(server.emulator.session_count(), 0);

    server.fail(json!({"on": "create", "delay": 0.5}));
    let before = server.paths().len();
    let running = Running::start(server.command(&["doctor", "--live"]));
    crate::support::eventually("the create", || {
        server.paths()[before..]
            .iter()
            .any(|path| path == "POST /v1/sessions")
    });
    running.signal("INT");
    let done = running.finish();
    assert_eq!(
        (done.status, server.emulator.session_count()),
        (130, 0),
        "{}",
        done.stderr
    );

    // What cannot be reached is not tried out.
    let done = asked(
        server.command(&["doctor", "--live"]),
        &[("AGI_API_KEY", "another")],
    );
    assert!(
        done.status == 2 && !done.stdout.contains(" live "),
        "{}",
        done.stdout
    );
}

#[test]
fn a_clock_that_is_wrong() {
    for (date, words) in [
        ("Sun, 06 Nov 1994 08:49:37 GMT", "ahead of"),
        ("Sun, 06 Nov 2094 08:49:37 GMT", "behind"),
    ] {
        let server = Server::start();
        server.fail(json!({"on": "list", "headers": {"Date": date}}));
        let done = server.run(&["doctor"]);
        assert_eq!(done.status, 0, "{}", done.stderr);
        assert!(
            done.stdout.contains("warning clock ") && done.stdout.contains(words),
            "{}",
            done.stdout
        );
    }
}

//! The doctor: each planted trouble is found, and its cure named.

use std::process::Command;

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
    let secure = [
        ("AGI_BASE_URL", "https://127.0.0.1:9/v1"),
        ("SSL_CERT_FILE", missing.as_str()),
    ];
    let done = asked(server.command(&["doctor"]), &secure);
    assert!(
        done.status == 2 && done.stdout.contains("missing.pem"),
        "{}",
        done.stdout
    );
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

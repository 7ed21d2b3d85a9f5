//! What bounds a model.

use serde_json::{Value, json};

use super::agi::{left, mcp};
use super::client::Mcp;
use crate::support::{Running, Server, eventually, program};

#[test]
fn no_more_sessions_are_open_than_allowed() {
    let server = Server::playing(json!([{"thought": "I begin"}, {"delay": 3600}]));
    let mut mcp = Mcp::start(mcp(&server, &["--max-sessions", "1"]), &json!({}));
    let first = mcp.data("start_task", json!({"task": "One"}));
    let refused = mcp.refusal("run_task", json!({"task": "Two"}));
    assert!(
        refused.contains("--max-sessions") && refused.contains("Nothing was sent"),
        "{refused}"
    );
    assert!(
        refused.contains(first["session_id"].as_str().unwrap()),
        "{refused}"
    );
    assert_eq!(left(&server).len(), 1);
    mcp.data("delete_session", json!({"session_id": first["session_id"]}));
    mcp.data("start_task", json!({"task": "Three"}));
    assert_eq!(left(&server).len(), 1);
}

#[test]
fn a_task_that_takes_too_long_is_given_up() {
    let server = Server::playing(json!([{"thought": "I begin"}, {"delay": 3600}]));
    let mut mcp = Mcp::start(mcp(&server, &["--max-minutes", "0.005"]), &json!({}));
    let given_up = mcp.refusal("run_task", json!({"task": "One"}));
    assert!(given_up.contains("--max-minutes"), "{given_up}");
    eventually("its session is deleted", || left(&server).is_empty());
}

#[test]
fn pages_of_other_origins_are_refused() {
    let server = Server::playing(json!([{"done": "Done"}]));
    let page = crate::support::serve("<title>Tea shop</title>");
    let args = ["--allow-origin", page.trim_end_matches('/')];
    let mut mcp = Mcp::start(mcp(&server, &args), &json!({}));
    for url in [
        "https://shop.example.evil/",
        "http://127.0.0.1:1/",
        "file:///etc/passwd",
        "no address",
        &page.replace("http://", "http://somebody@"),
        &page.replace("http://", "http://somebody:secret@"),
    ] {
        let refused = mcp.refusal("run_task", json!({"task": "Look", "start_url": url}));
        assert!(refused.starts_with("start_url: "), "{refused}");
        assert!(refused.contains("Nothing was sent"), "{refused}");
    }
    assert!(server.paths().is_empty(), "{:?}", server.paths());
    let task = json!({"task": "Look", "start_url": page, "keep_session": true});
    let id = mcp.data("run_task", task)["session_id"].clone();
    let refused = mcp.refusal(
        "navigate",
        json!({"session_id": id, "url": "https://other.example/"}),
    );
    assert!(refused.starts_with("url: "), "{refused}");
    mcp.data(
        "navigate",
        json!({"session_id": id, "url": format!("{page}cups")}),
    );
    // Some readers take what is behind the backslash for the host.
    let origin = page.trim_end_matches('/');
    let url = format!(" {origin}\\@shop.example/ ");
    mcp.data("navigate", json!({"session_id": id, "url": url}));
    let sent = server.last_request("/navigate");
    assert_eq!(sent["url"], format!("{origin}/@shop.example/"));
}

#[test]
fn a_refusal_repeats_no_argument_of_any_length() {
    let server = Server::playing(json!([{"done": "Done"}]));
    let mut mcp = Mcp::start(mcp(&server, &[]), &json!({}));
    let refused = mcp.refusal("wait_task", json!({"task_id": "t".repeat(1_000_000)}));
    assert!(refused.len() < 3_000, "{}", refused.len());
    assert!(
        refused.starts_with("task_id") && refused.contains(" [...] "),
        "{refused}"
    );
}

#[test]
fn sessions_of_others_are_left_alone_unless_the_user_says_so() {
    let server = Server::playing(json!([{"done": "Done"}]));
    let id = server.kept_session();
    let mut strict = Mcp::start(mcp(&server, &[]), &json!({}));
    let listed = strict.data("list_sessions", json!({}));
    assert_eq!(listed["sessions"][0]["opened_here"], false);
    for (tool, arguments) in [
        ("delete_session", json!({"session_id": id})),
        ("read_history", json!({"session_id": id})),
        ("take_screenshot", json!({"session_id": id})),
        ("run_task", json!({"task": "Work", "session_id": id})),
        (
            "navigate",
            json!({"session_id": id, "url": "https://shop.example/"}),
        ),
    ] {
        let refused = strict.refusal(tool, arguments);
        assert!(
            refused.contains("none of the sessions that this server opened"),
            "{refused}"
        );
    }
    strict.leave();
    assert_eq!(left(&server).len(), 1);
    let mut free = Mcp::start(mcp(&server, &["--all-sessions"]), &json!({}));
    free.data("read_history", json!({"session_id": id}));
    assert_eq!(
        free.data("delete_session", json!({"session_id": id}))["deleted"],
        true
    );
    assert!(left(&server).is_empty());
}

#[test]
fn tools_say_what_they_cost_and_have_schemas_that_every_model_takes() {
    let mut mcp = Mcp::start(program(&["mcp", "--local"]), &json!({}));
    let tools = mcp.request("tools/list", json!({}));
    let tools = tools["tools"].as_array().unwrap();
    assert_eq!(tools.len(), 20);
    for tool in tools {
        let name = tool["name"].as_str().unwrap();
        // Clients put a prefix before it, and 64 characters are the most.
        assert!(name.len() <= 24, "{name}");
        assert!(tool["description"].as_str().unwrap().len() > 30, "{name}");
        assert_eq!(tool["inputSchema"]["type"], "object", "{name}");
        assert_eq!(tool["outputSchema"]["type"], "object", "{name}");
        assert!(tool["annotations"]["readOnlyHint"].is_boolean(), "{name}");
        check_schema(name, &tool["inputSchema"]);
    }
    for name in ["run_task", "start_task", "run_turn", "start_turn"] {
        let tool = tools.iter().find(|tool| tool["name"] == name).unwrap();
        assert!(
            tool["description"]
                .as_str()
                .unwrap()
                .contains("costs the user money"),
            "{name}"
        );
    }
}

/// Every parameter has one type and a description, and nothing refers to anything.
fn check_schema(name: &str, schema: &Value) {
    let known = [
        "type",
        "description",
        "properties",
        "required",
        "items",
        "enum",
    ];
    for (word, inner) in schema.as_object().unwrap() {
        assert!(known.contains(&word.as_str()), "{name}: {word}");
        match word.as_str() {
            "properties" => inner.as_object().unwrap().values().for_each(|inner| {
                assert!(inner["type"].is_string(), "{name}");
                check_schema(name, inner);
            }),
            "items" => check_schema(name, inner),
            _ => {}
        }
    }
}

#[test]
fn a_server_without_a_key_says_what_to_do() {
    let server = Server::start();
    let mut command = mcp(&server, &[]);
    command.env_remove("AGI_API_KEY");
    let done = Running::start(command).finish();
    assert_eq!((done.status, done.stdout.as_str()), (2, ""));
    assert!(
        done.stderr.contains("AGI_API_KEY") && done.stderr.contains("--local"),
        "{}",
        done.stderr
    );
}

#[test]
fn only_the_tools_of_a_service_with_a_key_are_there() {
    let server = Server::start();
    let mut mcp = Mcp::start(mcp(&server, &[]), &json!({}));
    let tools = mcp.request("tools/list", json!({}));
    let names: Vec<&str> = tools["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert!(
        names.contains(&"run_task") && !names.contains(&"run_turn"),
        "{names:?}"
    );
}

#[test]
fn options_that_make_no_sense_are_refused() {
    for (args, part) in [
        (
            &["mcp", "--allow-origin", "shop.example"][..],
            "https://shop.example",
        ),
        (
            &["mcp", "--allow-origin", "https://shop.example/cups"],
            "more than an origin",
        ),
        (&["mcp", "--max-sessions", "0"], "whole number"),
        (&["mcp", "--max-minutes", "0"], "positive number"),
        (&["mcp", "--local", "--ledger", "x"], "--ledger"),
        (&["mcp", "--base-url", "http://127.0.0.1:1"], "AGI_BASE_URL"),
        (
            &["mcp", "--local", "--allow-files", "/no/such"],
            "Name a folder",
        ),
    ] {
        let done = Running::start(program(args)).finish();
        assert_eq!(done.status, 2, "{args:?}: {}", done.stderr);
        assert!(done.stderr.contains(part), "{args:?}: {}", done.stderr);
    }
}

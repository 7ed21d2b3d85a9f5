//! Tasks by the tools of the AGI service.

use serde_json::{Value, json};

use super::client::{Mcp, text};
use crate::support::{Server, eventually};

pub(super) fn start(server: &Server, capabilities: &Value) -> Mcp {
    Mcp::start(mcp(server, &[]), capabilities)
}

pub(super) fn mcp(server: &Server, args: &[&str]) -> std::process::Command {
    server.command(&[&["mcp"], args].concat())
}

/// The sessions that are there.
pub(super) fn left(server: &Server) -> Vec<Value> {
    let done = server.run(&["sessions", "list", "--json"]);
    serde_json::from_str::<Vec<Value>>(&done.stdout).unwrap()
}

fn sent(server: &Server) -> Vec<String> {
    let requests = server.emulator.requests();
    let messages = requests
        .iter()
        .filter(|request| request.path.ends_with("/message"));
    messages
        .map(|request| {
            let body: Value = serde_json::from_str(&request.body).unwrap();
            body["message"].as_str().unwrap().to_owned()
        })
        .collect()
}

#[test]
fn a_task_runs_to_its_end_and_its_thoughts_are_progress() {
    let server = Server::playing(json!([
        {"thought": "I look"}, {"thought": "I compare"}, {"done": {"summary": "A mug", "price": 4.5}}
    ]));
    let mut mcp = start(&server, &json!({}));
    let result = mcp.request(
        "tools/call",
        json!({"name": "run_task", "arguments": {"task": "Find a mug"}, "_meta": {"progressToken": "p"}}),
    );
    assert_eq!(result["isError"], false, "{result}");
    let data = &result["structuredContent"];
    assert_eq!(data["state"], "completed");
    assert_eq!(data["text"], "A mug");
    assert_eq!(data["data"]["price"], 4.5);
    assert!(text(&result).starts_with("A mug\n{"), "{result}");
    let shown = mcp.shown();
    assert_eq!(
        shown,
        [(1.0, "I look".to_owned()), (2.0, "I compare".to_owned())]
    );
    assert!(left(&server).is_empty());
    assert_eq!(mcp.leave(), (0, String::new()));
}

#[test]
fn a_question_is_asked_of_the_user() {
    let server =
        Server::playing(json!([{"question": "Which colour?"}, {"done": "A {answer} mug"}]));
    let mut mcp = start(&server, &json!({"elicitation": {}}));
    mcp.answer = json!({"action": "accept", "content": {"answer": "blue"}});
    let data = mcp.data("run_task", json!({"task": "Buy a mug"}));
    assert_eq!(data["text"], "A blue mug");
    assert_eq!(mcp.asked.len(), 1);
    assert_eq!(mcp.asked[0]["message"], "The agent asks: Which colour?");
    assert_eq!(
        mcp.asked[0]["requestedSchema"]["required"],
        json!(["answer"])
    );
    assert_eq!(sent(&server), ["Buy a mug", "blue"]);
    assert!(left(&server).is_empty());
}

#[test]
fn a_question_that_nobody_is_asked_comes_back_with_the_task() {
    for capabilities in [json!({}), json!({"elicitation": {}})] {
        let server =
            Server::playing(json!([{"question": "Which colour?"}, {"done": "A {answer} mug"}]));
        let mut mcp = start(&server, &capabilities);
        let result = mcp.call("run_task", json!({"task": "Buy a mug"}));
        let data = &result["structuredContent"];
        assert_eq!(data["state"], "input_required");
        assert_eq!(data["question"], "Which colour?");
        assert!(text(&result).contains("answer_question"), "{result}");
        let id = &data["task_id"];
        let done = mcp.data("answer_question", json!({"task_id": id, "answer": "red"}));
        assert_eq!(done["text"], "A red mug");
        assert_eq!(sent(&server), ["Buy a mug", "red"]);
        assert!(left(&server).is_empty(), "{:?}", left(&server));
        let again = mcp.refusal("answer_question", json!({"task_id": id, "answer": "red"}));
        assert!(again.contains("asks nothing now"), "{again}");
    }
}

#[test]
fn a_long_task_is_come_back_to() {
    let server =
        Server::playing(json!([{"thought": "I begin"}, {"question": "Go on?"}, {"done": "Done"}]));
    let mut mcp = start(&server, &json!({"elicitation": {}}));
    let started = mcp.data("start_task", json!({"task": "Work long"}));
    let id = started["task_id"].clone();
    let asks = mcp.data("wait_task", json!({"task_id": id}));
    assert_eq!(asks["state"], "input_required", "{asks}");
    let news: Vec<&str> = [&started, &asks]
        .iter()
        .flat_map(|data| data["news"].as_array().unwrap())
        .map(|said| said.as_str().unwrap())
        .collect();
    assert_eq!(news, ["I begin"]);
    assert!(mcp.asked.is_empty());
    let done = mcp.data("answer_question", json!({"task_id": id, "answer": "yes"}));
    assert_eq!(
        (&done["state"], &done["text"]),
        (&json!("completed"), &json!("Done"))
    );
    // Again and again, as often as somebody asks.
    assert_eq!(
        mcp.data("wait_task", json!({"task_id": id}))["text"],
        "Done"
    );
    let session = json!({"session_id": done["session_id"]});
    assert_eq!(left(&server).len(), 1);
    assert_eq!(mcp.data("delete_session", session.clone())["deleted"], true);
    assert!(left(&server).is_empty());
    let refused = mcp.refusal("delete_session", session);
    assert!(
        refused.contains("none of the sessions that this server opened"),
        "{refused}"
    );
}

#[test]
fn a_call_without_progress_comes_back_before_its_client_gives_up() {
    let server = Server::playing(json!([{"thought": "I begin"}, {"delay": 3600}]));
    let mut mcp = Mcp::start(mcp(&server, &["--max-wait", "0.3"]), &json!({}));
    let result = mcp.call("run_task", json!({"task": "Work long"}));
    assert_eq!(result["structuredContent"]["state"], "working", "{result}");
    assert!(text(&result).contains("wait_task"), "{result}");
    let id = &result["structuredContent"]["task_id"];
    let waited = mcp.data("wait_task", json!({"task_id": id, "seconds": 0}));
    assert_eq!(waited["state"], "working");
    let cancelled = mcp.data("cancel_task", json!({"task_id": id}));
    assert_eq!(cancelled["state"], "cancelled");
    assert!(left(&server).is_empty());
}

#[test]
fn a_call_that_is_cancelled_cancels_its_task_and_deletes_its_session() {
    let server = Server::playing(json!([{"thought": "I begin"}, {"delay": 3600}]));
    let mut mcp = start(&server, &json!({}));
    let id = mcp.send(
        "tools/call",
        json!({"name": "run_task", "arguments": {"task": "Work"}, "_meta": {"progressToken": 1}}),
    );
    mcp.see("I begin");
    mcp.notify(
        "notifications/cancelled",
        json!({"requestId": id, "reason": "the user left"}),
    );
    eventually("the session is deleted", || {
        server
            .paths()
            .iter()
            .any(|path| path == "DELETE /v1/sessions/ID")
    });
    assert!(
        server
            .paths()
            .iter()
            .any(|path| path == "POST /v1/sessions/ID/cancel")
    );
    assert!(left(&server).is_empty());
    // The server goes on.
    assert_eq!(mcp.data("list_sessions", json!({}))["count"], 0);
}

#[test]
fn a_session_is_seen_steered_and_read() {
    let server = Server::playing(json!([{"thought": "I begin"}, {"done": "Done"}]));
    let page = crate::support::serve("<title>Tea shop</title><h1>Teas</h1>");
    let mut mcp = start(&server, &json!({}));
    let data = mcp.data("run_task", json!({"task": "Look", "keep_session": true}));
    let id = data["session_id"].as_str().unwrap().to_owned();
    let opened = mcp.data("navigate", json!({"session_id": id, "url": page}));
    assert_eq!(opened["url"], page.as_str());
    let seen = mcp.call("take_screenshot", json!({"session_id": id}));
    assert_eq!(seen["content"][1]["type"], "image");
    assert_eq!(seen["content"][1]["mimeType"], "image/jpeg");
    assert_eq!(seen["structuredContent"]["title"], "Tea shop");
    let listed = mcp.data("list_sessions", json!({}));
    assert_eq!(listed["sessions"][0]["session_id"], id.as_str());
    assert_eq!(listed["sessions"][0]["opened_here"], true);
    assert!(!listed.to_string().contains("vnc"), "{listed}");
    let history = mcp.data("read_history", json!({"session_id": id}));
    let said: Vec<&Value> = history["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|said| &said["text"])
        .collect();
    assert_eq!(said, ["Look", "I begin", "Done"]);
    // The same as resources.
    let resources = mcp.request("resources/list", json!({}));
    let uris: Vec<&str> = resources["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|resource| resource["uri"].as_str().unwrap())
        .collect();
    assert_eq!(uris.len(), 2);
    let history = mcp.request("resources/read", json!({"uri": uris[0]}));
    let history: Value =
        serde_json::from_str(history["contents"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(history["messages"][0]["content"], "Look");
    let picture = mcp.request("resources/read", json!({"uri": uris[1]}));
    assert_eq!(picture["contents"][0]["blob"], seen["content"][1]["data"]);
    let templates = mcp.request("resources/templates/list", json!({}));
    assert_eq!(templates["resourceTemplates"].as_array().unwrap().len(), 2);
    let id = mcp.send(
        "resources/read",
        json!({"uri": "sessionwire://agi/sessions/other/history"}),
    );
    assert!(
        mcp.response(id)["error"]["message"]
            .as_str()
            .unwrap()
            .contains("none of the sessions")
    );
}

#[test]
fn a_task_is_paused_and_goes_on_in_its_session() {
    let server =
        Server::playing(json!([{"thought": "I begin"}, {"question": "Go on?"}, {"done": "Done"}]));
    let mut mcp = start(&server, &json!({}));
    let first = mcp.data("start_task", json!({"task": "Work"}));
    let (id, session) = (&first["task_id"], &first["session_id"]);
    mcp.data("wait_task", json!({"task_id": id}));
    assert_eq!(
        mcp.data("pause_task", json!({"task_id": id}))["state"],
        "paused"
    );
    assert_eq!(
        mcp.data("resume_task", json!({"task_id": id}))["state"],
        "working"
    );
    let busy = mcp.refusal("run_task", json!({"task": "More", "session_id": session}));
    assert!(busy.starts_with("ConflictError"), "{busy}");
    assert_eq!(
        mcp.data("cancel_task", json!({"task_id": id}))["state"],
        "cancelled"
    );
    let more = mcp.data("start_task", json!({"task": "More", "session_id": session}));
    assert_eq!(&more["session_id"], session);
    assert_eq!(left(&server).len(), 1);
}

#[test]
fn an_error_of_a_task_is_one_of_the_tool() {
    let server = Server::playing(json!([{"error": "The shop is closed"}]));
    let mut mcp = start(&server, &json!({}));
    let failed = mcp.refusal("run_task", json!({"task": "Buy"}));
    assert!(
        failed.starts_with("TaskError") && failed.contains("The shop is closed"),
        "{failed}"
    );
    assert!(left(&server).is_empty());
    let missing = mcp.refusal("run_task", json!({}));
    assert!(missing.starts_with("task is missing"), "{missing}");
    let odd = mcp.refusal("run_task", json!({"task": "Buy", "colour": "red"}));
    assert!(odd.starts_with("colour is no argument"), "{odd}");
    let empty = mcp.refusal("run_task", json!({"task": ""}));
    assert!(empty.starts_with("InvalidRequestError"), "{empty}");
    let unknown = mcp.refusal("wait_task", json!({"task_id": "task-1"}));
    assert!(unknown.contains("there is no task"), "{unknown}");
    let id = mcp.send("tools/call", json!({"name": "delete_all", "arguments": {}}));
    assert_eq!(mcp.response(id)["error"]["code"], -32602);
    assert_eq!(sent(&server), ["Buy"]);
}

#[test]
fn what_may_have_been_sent_is_not_sent_again() {
    let server = Server::playing(json!([{"done": "Done"}]));
    server.fail(json!({"on": "message", "status": 500, "times": 0}));
    let mut mcp = start(&server, &json!({}));
    let refused = mcp.refusal("run_task", json!({"task": "Buy a mug"}));
    assert!(refused.contains("do not send it again"), "{refused}");
    assert!(refused.contains("The session is "), "{refused}");
}

#[test]
fn a_picture_that_is_too_large_for_a_result_is_a_link() {
    let server = Server::playing(json!([{"done": "Done"}]));
    let mut mcp = start(&server, &json!({}));
    let data = mcp.data("run_task", json!({"task": "Look", "keep_session": true}));
    let picture = format!("data:image/png;base64,{}", "AAAA".repeat(300_000));
    let body = json!({"success": true, "screenshot": picture, "url": "https://shop.example/", "title": "Shop"});
    server.fail(json!({"on": "screenshot", "status": 200, "body": body, "times": 0}));
    let seen = mcp.call("take_screenshot", json!({"session_id": data["session_id"]}));
    assert_eq!(
        seen["content"][1]["type"],
        "resource_link",
        "{}",
        text(&seen)
    );
    assert!(seen.to_string().len() < 2_000);
    assert_eq!(seen["structuredContent"]["bytes"], 900_000);
    let read = mcp.request("resources/read", json!({"uri": seen["content"][1]["uri"]}));
    assert_eq!(
        read["contents"][0]["blob"].as_str().unwrap().len(),
        1_200_000
    );
}

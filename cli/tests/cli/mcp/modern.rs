//! The protocol since 2026-07-28: no handshake, questions as results, and tasks of its own.

use serde_json::{Value, json};

use super::agi::{left, mcp};
use super::client::Mcp;
use crate::support::{Server, eventually};

const TASKS: &str = "io.modelcontextprotocol/tasks";

/// The parameters of a request of such a client.
fn with_meta(mut params: Value, capabilities: &Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": capabilities,
    });
    params
}

fn run(task: &str) -> Value {
    json!({"name": "run_task", "arguments": {"task": task}})
}

#[test]
fn a_question_is_the_result_of_a_call_that_is_made_again_with_the_answer() {
    let server =
        Server::playing(json!([{"question": "Which colour?"}, {"done": "A {answer} mug"}]));
    let mut mcp = Mcp::silent(mcp(&server, &[]));
    let capabilities = json!({"elicitation": {"form": {}}});
    let found = mcp.request("server/discover", with_meta(json!({}), &capabilities));
    assert!(
        found["supportedVersions"]
            .to_string()
            .contains("2026-07-28"),
        "{found}"
    );
    let asks = mcp.request("tools/call", with_meta(run("Buy a mug"), &capabilities));
    assert_eq!(asks["resultType"], "input_required", "{asks}");
    let (key, asked) = asks["inputRequests"]
        .as_object()
        .unwrap()
        .iter()
        .next()
        .unwrap();
    assert_eq!(asked["params"]["message"], "The agent asks: Which colour?");
    let mut again = run("Buy a mug");
    again["requestState"] = asks["requestState"].clone();
    again["inputResponses"] = json!({key: {"action": "accept", "content": {"answer": "blue"}}});
    let done = mcp.request("tools/call", with_meta(again, &capabilities));
    assert_eq!(done["structuredContent"]["text"], "A blue mug", "{done}");
    let requests = server.paths();
    let sent = requests
        .iter()
        .filter(|path| path.ends_with("/message"))
        .count();
    assert_eq!(sent, 2, "{requests:?}");
    assert!(left(&server).is_empty());
    let mut forged = run("Buy a mug");
    forged["requestState"] = json!("task-0");
    let refused = mcp.request("tools/call", with_meta(forged, &capabilities));
    assert_eq!(refused["isError"], true, "{refused}");
    assert_eq!(server.paths().len(), requests.len() + 1);
}

#[test]
fn a_question_that_the_user_declines_is_left_to_the_model() {
    let server =
        Server::playing(json!([{"question": "Which colour?"}, {"done": "A {answer} mug"}]));
    let mut mcp = Mcp::silent(mcp(&server, &[]));
    let capabilities = json!({"elicitation": {"form": {}}});
    let asks = mcp.request("tools/call", with_meta(run("Buy a mug"), &capabilities));
    let key = asks["inputRequests"]
        .as_object()
        .unwrap()
        .keys()
        .next()
        .unwrap();
    let mut again = run("Buy a mug");
    again["requestState"] = asks["requestState"].clone();
    again["inputResponses"] = json!({key: {"action": "decline"}});
    let back = mcp.request("tools/call", with_meta(again, &capabilities));
    let data = &back["structuredContent"];
    assert_eq!(data["state"], "input_required", "{back}");
    let answer = json!({"task_id": data["task_id"], "answer": "red"});
    let answer = json!({"name": "answer_question", "arguments": answer});
    let done = mcp.request("tools/call", with_meta(answer, &capabilities));
    assert_eq!(done["structuredContent"]["text"], "A red mug", "{done}");
}

#[test]
fn a_client_of_the_extension_gets_a_task_whose_states_are_ours() {
    let server = Server::playing(json!([
        {"thought": "I look"}, {"question": "Which colour?"}, {"done": "A {answer} mug"}
    ]));
    let mut mcp = Mcp::silent(mcp(&server, &[]));
    let capabilities = json!({"elicitation": {"form": {}}, "extensions": {TASKS: {}}});
    let task = mcp.request("tools/call", with_meta(run("Buy a mug"), &capabilities));
    assert_eq!(
        (&task["resultType"], &task["status"]),
        (&json!("task"), &json!("working")),
        "{task}"
    );
    let id = task["taskId"].clone();
    let look = |mcp: &mut Mcp, status: &str| loop {
        let found = mcp.request("tasks/get", with_meta(json!({"taskId": id}), &capabilities));
        if found["status"] == status {
            return found;
        }
        assert_eq!(found["status"], "working", "{found}");
    };
    let asks = look(&mut mcp, "input_required");
    assert_eq!(asks["statusMessage"], "I look");
    let key = asks["inputRequests"]
        .as_object()
        .unwrap()
        .keys()
        .next()
        .unwrap();
    let answer = json!({key: {"action": "accept", "content": {"answer": "blue"}}});
    let update = json!({"taskId": id, "inputResponses": answer});
    mcp.request("tasks/update", with_meta(update, &capabilities));
    let done = look(&mut mcp, "completed");
    assert_eq!(
        done["result"]["structuredContent"]["text"], "A blue mug",
        "{done}"
    );
    assert!(left(&server).is_empty());
}

#[test]
fn a_task_of_the_extension_is_cancelled() {
    let server = Server::playing(json!([{"thought": "I begin"}, {"delay": 3600}]));
    let mut mcp = Mcp::silent(mcp(&server, &[]));
    let capabilities = json!({"extensions": {TASKS: {}}});
    let task = mcp.request("tools/call", with_meta(run("Work"), &capabilities));
    let named = json!({"taskId": task["taskId"]});
    mcp.request("tasks/cancel", with_meta(named.clone(), &capabilities));
    let over = mcp.request("tasks/get", with_meta(named, &capabilities));
    assert_eq!(over["status"], "cancelled", "{over}");
    eventually("its session is deleted", || left(&server).is_empty());
    let id = mcp.send(
        "tasks/get",
        with_meta(json!({"taskId": "task-0"}), &capabilities),
    );
    assert_eq!(mcp.response(id)["error"]["code"], -32602);
}

#[test]
fn a_client_that_names_the_extension_in_an_older_version_gets_a_result() {
    let server = Server::playing(json!([{"done": "Done"}]));
    let mut mcp = Mcp::start(mcp(&server, &[]), &json!({"extensions": {TASKS: {}}}));
    assert_eq!(
        mcp.data("run_task", json!({"task": "Work"}))["text"],
        "Done"
    );
}

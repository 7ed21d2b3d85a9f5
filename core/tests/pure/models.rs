//! Answers are read whatever the service leaves out, adds, or sets to null;
//! parameters are what the bindings send.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sessionwire::agi::{
    CreateSession, DeleteResult, EventOptions, ExecutionStatus, Messages, SessionInfo, StartTask,
    SuccessResult,
};
use sessionwire::seam::agi::{Operation, TaskOperation};

fn parse<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{value}: {error}"))
}

#[test]
fn a_session_with_every_field_and_more() {
    let session: SessionInfo = parse(json!({
        "session_id": "s", "vnc_url": "https://vnc.example", "agent_name": "agi-0", "status": "ready",
        "created_at": "2026-03-04T09:15:27.418Z", "agent_url": "https://agent.example", "goal": null,
    }));
    assert_eq!(session.vnc_url.as_deref(), Some("https://vnc.example"));
    assert_eq!(session.extra["agent_url"], "https://agent.example");
    assert!(session.extra.contains_key("goal"));
}

#[test]
fn a_session_in_camel_case() {
    let session: SessionInfo = parse(json!({
        "sessionId": "s", "agentName": "agi-0-fast", "vncUrl": "x", "createdAt": "y", "status": "new-status",
    }));
    assert_eq!(
        (session.session_id.as_str(), session.agent_name.as_str()),
        ("s", "agi-0-fast")
    );
    assert_eq!(
        (session.created_at.as_deref(), session.vnc_url.as_deref()),
        (Some("y"), Some("x"))
    );
    assert_eq!(session.status, "new-status");
}

#[test]
fn what_is_null_is_as_if_it_were_missing() {
    for value in [
        json!({"session_id": "s"}),
        json!({"session_id": "s", "agent_name": null, "status": null, "created_at": null, "vnc_url": null}),
    ] {
        let session: SessionInfo = parse(value);
        assert_eq!(
            (session.agent_name.as_str(), session.status.as_str()),
            ("", "")
        );
        assert_eq!((session.created_at, session.vnc_url), (None, None));
    }
    for value in [
        json!({}),
        json!({"success": null, "deleted": null, "message": null}),
    ] {
        let result: DeleteResult = parse(value.clone());
        assert_eq!(
            (result.success, result.deleted, result.message.as_str()),
            (true, false, "")
        );
        let result: SuccessResult =
            parse(json!({"success": value.get("success"), "message": null}));
        assert_eq!((result.success, result.message.as_str()), (true, ""));
    }
    for value in [
        json!({"messages": []}),
        json!({"messages": null, "status": null, "has_agent": null}),
    ] {
        let messages: Messages = parse(value);
        assert_eq!((messages.status.as_str(), messages.has_agent), ("", true));
        assert!(messages.messages.is_empty());
    }
}

#[test]
fn a_failure_that_the_service_calls_a_success_is_shown() {
    let result: SuccessResult = parse(json!({"success": false, "message": "no"}));
    assert!(!result.success);
}

#[test]
fn only_finished_and_error_end_a_task() {
    for (status, terminal) in [
        ("finished", true),
        ("error", true),
        ("running", false),
        ("waiting_for_input", false),
        ("ready", false),
        ("paused", false),
        ("Finished", false),
        ("", false),
        ("of-tomorrow", false),
    ] {
        let status: ExecutionStatus = parse(json!({"status": status}));
        assert_eq!(status.is_terminal(), terminal, "{status:?}");
    }
}

#[test]
fn unset_parameters_are_not_sent() {
    assert_eq!(
        serde_json::to_value(CreateSession::default()).unwrap(),
        json!({"agent_name": "agi-0"})
    );
    let mut create = CreateSession::new("agi-0-fast");
    create.enable_memory_snapshot = Some(false);
    create.max_steps = Some(5);
    assert_eq!(
        serde_json::to_value(create).unwrap(),
        json!({"agent_name": "agi-0-fast", "enable_memory_snapshot": false, "max_steps": 5})
    );
}

#[test]
fn operations_as_the_bindings_send_them() {
    for name in ["list_sessions", "delete_all_sessions"] {
        parse::<Operation>(json!({"op": name}));
    }
    for name in [
        "get_session",
        "delete_session",
        "execution_status",
        "messages",
        "pause",
        "resume",
        "cancel",
        "stop",
        "screenshot",
        "wait",
    ] {
        parse::<Operation>(json!({"op": name, "session_id": "s"}));
        let missing = serde_json::from_value::<Operation>(json!({"op": name})).unwrap_err();
        assert!(
            missing.to_string().contains("session_id"),
            "{name}: {missing}"
        );
    }
    let create: Operation =
        parse(json!({"op": "create_session", "agent_name": "a", "webhook_url": null}));
    assert_eq!(create, Operation::CreateSession(CreateSession::new("a")));
    parse::<Operation>(json!({"op": "navigate", "session_id": "s", "url": "https://x.example"}));
    parse::<Operation>(json!({"op": "models"}));
    parse::<Operation>(json!({"op": "request", "method": "GET", "path": "/sessions"}));
    let unknown =
        serde_json::from_value::<Operation>(json!({"op": "create_session", "agent": "a"}));
    assert!(unknown.unwrap_err().to_string().contains("agent_name"));
    assert!(serde_json::from_value::<Operation>(json!({"op": "explode"})).is_err());
}

#[test]
fn operations_on_a_task_as_the_bindings_send_them() {
    for name in ["pause", "resume", "cancel", "status", "result"] {
        parse::<TaskOperation>(json!({"op": name}));
    }
    assert_eq!(
        parse::<TaskOperation>(json!({"op": "result", "timeout": null})),
        TaskOperation::Result { timeout: None }
    );
    for name in ["answer", "send_message"] {
        parse::<TaskOperation>(json!({"op": name, "text": "x"}));
        assert!(serde_json::from_value::<TaskOperation>(json!({"op": name})).is_err());
    }
    let start: StartTask = parse(json!({"message": "x", "events": {"idle_timeout": 5.0}}));
    assert_eq!(start.events.idle_timeout, std::time::Duration::from_secs(5));
    assert_eq!(
        start.events.max_reconnects,
        EventOptions::default().max_reconnects
    );
    let whole: EventOptions = parse(json!({"idle_timeout": 5, "event_types": null}));
    assert_eq!(whole.event_types, None);
}

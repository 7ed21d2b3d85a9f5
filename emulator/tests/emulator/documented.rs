//! The documents of the services, field by field: what each answer and event has, always or at times, and of which type.
//!
//! A strict decoder of any language must be able to read what the emulator says. So it sends no field that is not in these
//! tables, leaves out none that is always there, and sends each at least once in this walk, unless the table says why not.

use crate::support::*;
use crate::turn_support::*;
use serde_json::{Value, json};
use sessionwire_emulator::{Clock, Options};
use std::collections::BTreeSet;

#[derive(Clone, Copy, PartialEq)]
enum Type {
    Text,
    Integer,
    Flag,
    Object,
    List,
    /// Any JSON.
    Any,
}

#[derive(Clone, Copy, PartialEq)]
enum When {
    Always,
    /// Where there is something to say; the walk has it at least once.
    Sometimes,
    /// The service may send it, the emulator never does.
    Never,
}

use Type::{Any, Flag, Integer, List, Object, Text};
use When::{Always, Never, Sometimes};

type Fields = &'static [(&'static str, Type, When)];

/// Answer or event, its place in the specification, its fields.
type Shape = (&'static str, &'static str, Fields);

const OBJECT: Fields = &[
    ("session_id", Text, Always),
    ("agent_name", Text, Always),
    ("status", Text, Always),
    ("created_at", Text, Always),
    ("vnc_url", Text, Always),
    // Of callers who set more than the reference has (docs/spec/agi.md, section 14).
    ("goal", Text, Sometimes),
    ("agent_session_type", Text, Sometimes),
    ("environment_id", Text, Sometimes),
    ("agent_url", Text, Never),
];
const SUCCESS: Fields = &[("success", Flag, Always), ("message", Text, Always)];
const DELETED: Fields = &[
    ("success", Flag, Always),
    ("deleted", Flag, Always),
    ("message", Text, Always),
];
const SPOKEN: Fields = &[("text", Text, Always), ("message_id", Integer, Always)];
const TIME: Fields = &[("timestamp", Text, Always)];

const AGI: &[Shape] = &[
    (
        "error",
        "3",
        &[("detail", Any, Always), ("message", Text, Sometimes)],
    ),
    (
        "error.detail[]",
        "3",
        &[
            ("loc", List, Always),
            ("msg", Text, Always),
            ("type", Text, Always),
        ],
    ),
    ("create", "4.1", OBJECT),
    (
        "list[]",
        "4.2",
        &[
            ("session_id", Text, Always),
            ("agent_name", Text, Always),
            ("status", Text, Always),
            ("created_at", Text, Always),
        ],
    ),
    ("get", "4.3", OBJECT),
    ("delete", "4.4", DELETED),
    ("delete_all", "4.5", DELETED),
    ("message", "4.6", SUCCESS),
    ("status", "4.7", &[("status", Text, Always)]),
    (
        "messages",
        "4.8",
        &[
            ("messages", List, Always),
            ("status", Text, Always),
            ("has_agent", Flag, Always),
        ],
    ),
    (
        "messages.messages[]",
        "6",
        &[
            ("id", Integer, Always),
            ("type", Text, Always),
            ("content", Any, Always),
            ("timestamp", Text, Always),
            ("metadata", Object, Always),
        ],
    ),
    ("pause", "4.10", SUCCESS),
    ("resume", "4.11", SUCCESS),
    ("cancel", "4.12", SUCCESS),
    ("navigate", "4.13", &[("current_url", Text, Always)]),
    (
        "screenshot",
        "4.14",
        &[
            ("screenshot", Text, Always),
            ("url", Text, Always),
            ("title", Text, Always),
        ],
    ),
    ("models", "14", &[("models", List, Always)]),
    // Not documented: the fields are the specification's assumption.
    (
        "event step",
        "7",
        &[
            ("text", Text, Always),
            ("message_id", Integer, Always),
            ("url", Text, Sometimes),
            ("action", Text, Sometimes),
        ],
    ),
    ("event thought", "7", SPOKEN),
    ("event question", "7", SPOKEN),
    (
        "event done",
        "7",
        &[
            ("text", Text, Always),
            ("result", Any, Always),
            ("message_id", Integer, Always),
        ],
    ),
    (
        "event error",
        "7",
        &[("error", Text, Always), ("status_code", Integer, Always)],
    ),
    ("event log", "7", SPOKEN),
    ("event paused", "7", TIME),
    ("event resumed", "7", TIME),
    ("event heartbeat", "7", TIME),
    ("webhook.session", "8", HOOKED),
    ("webhook session.created", "8", EVERY),
    (
        "webhook session.status_changed",
        "8",
        &[
            ("event", Text, Always),
            ("timestamp", Text, Always),
            ("session", Object, Always),
            ("old_status", Text, Always),
            ("new_status", Text, Always),
        ],
    ),
    ("webhook session.deleted", "8", EVERY),
    (
        "webhook task.started",
        "8",
        &[
            ("event", Text, Always),
            ("timestamp", Text, Always),
            ("session", Object, Always),
            ("message", Text, Always),
        ],
    ),
    (
        "webhook task.completed",
        "8",
        &[
            ("event", Text, Always),
            ("timestamp", Text, Always),
            ("session", Object, Always),
            ("result", Object, Always),
        ],
    ),
    (
        "webhook.result",
        "8",
        &[("status", Text, Always), ("message", Text, Always)],
    ),
    (
        "webhook task.question",
        "8",
        &[
            ("event", Text, Always),
            ("timestamp", Text, Always),
            ("session", Object, Always),
            ("question", Text, Always),
            ("context", Object, Always),
        ],
    ),
    (
        "webhook task.error",
        "8",
        &[
            ("event", Text, Always),
            ("timestamp", Text, Always),
            ("session", Object, Always),
            ("error", Text, Always),
            ("details", Object, Always),
        ],
    ),
];
const HOOKED: Fields = &[
    ("id", Text, Always),
    ("status", Text, Always),
    ("agent_name", Text, Always),
    ("created_at", Text, Always),
    ("vnc_url", Text, Always),
];
const EVERY: Fields = &[
    ("event", Text, Always),
    ("timestamp", Text, Always),
    ("session", Object, Always),
];

const LISTED: Fields = &[
    ("id", Text, Always),
    ("sessionId", Text, Always),
    ("title", Text, Always),
    ("userId", Text, Always),
    ("createdAt", Integer, Always),
    ("updatedAt", Integer, Always),
    ("fileSnapshot", Object, Always),
];
const FRAME: Fields = &[
    ("event_id", Integer, Always),
    ("timestamp", Integer, Always),
    ("kind", Text, Always),
    ("block_id", Text, Sometimes),
    ("message_id", Text, Always),
    ("payload", Object, Always),
    ("stream_entry_id", Text, Always),
];
const STORED_FILE: Fields = &[
    ("key", Text, Always),
    ("name", Text, Always),
    ("updatedAt", Integer, Always),
];

const RACCOON: &[Shape] = &[
    ("error", "6", &[("detail", Any, Always)]),
    (
        "start_turn",
        "4.1",
        &[
            ("session_id", Text, Always),
            ("workflow_id", Text, Always),
            ("status", Text, Always),
            ("message", Text, Always),
            ("queue_position", Integer, Always),
            ("user_message_id", Text, Always),
            ("agent_message_id", Text, Always),
        ],
    ),
    (
        "list",
        "4.2",
        &[("sessions", List, Always), ("meta", Object, Always)],
    ),
    (
        "list.meta",
        "4.2",
        &[
            ("total_count", Integer, Always),
            ("total_pages", Integer, Always),
            ("current_page", Integer, Always),
        ],
    ),
    ("list.sessions[]", "4.2", LISTED),
    (
        "get",
        "4.3",
        &[("session", Object, Always), ("messages", List, Always)],
    ),
    (
        "get.session",
        "4.3",
        &[
            ("id", Text, Always),
            ("sessionId", Text, Always),
            ("title", Text, Always),
            ("userId", Text, Always),
            ("createdAt", Integer, Always),
            ("updatedAt", Integer, Always),
            ("deleted", Flag, Always),
            ("isPinned", Flag, Always),
            ("sandboxImage", Text, Always),
            ("fileSnapshot", Object, Always),
        ],
    ),
    ("file", "4.2, 5.3", STORED_FILE),
    (
        "get.messages[]",
        "4.3",
        &[
            ("id", Text, Always),
            ("sessionId", Text, Always),
            ("type", Text, Always),
            ("content", Text, Always),
            ("createdAt", Integer, Always),
            ("inputMode", Text, Sometimes),
            ("aborted", Flag, Always),
            ("files", List, Always),
            ("events", List, Always),
        ],
    ),
    // As they were sent with the turn.
    (
        "get.messages[].files[]",
        "4.1, 4.3",
        &[
            ("key", Text, Always),
            ("name", Text, Always),
            ("type", Text, Sometimes),
            ("size", Integer, Always),
        ],
    ),
    ("get.messages[].events[]", "4.3, 5.3", FRAME),
    ("rename", "4.4", SUCCESS),
    ("delete", "4.5", SUCCESS),
    (
        "upload",
        "4.6",
        &[
            ("key", Text, Always),
            ("size", Integer, Always),
            ("contentType", Text, Always),
            ("filename", Text, Always),
            ("uploadedAt", Text, Always),
        ],
    ),
    (
        "ack",
        "5.2",
        &[("type", Text, Always), ("resume_from", Text, Always)],
    ),
    ("frame", "5.3", FRAME),
    (
        "message.received",
        "5.3",
        &[
            ("text", Text, Always),
            ("files", List, Always),
            ("references", List, Always),
        ],
    ),
    (
        "thought",
        "5.3",
        &[("thought", Text, Always), ("finalize", Flag, Always)],
    ),
    ("text", "5.3", &[("text", Text, Always)]),
    ("tool.start", "5.3", &[("tool_name", Text, Always)]),
    (
        "tool.result",
        "5.3",
        &[
            ("status", Text, Always),
            ("output", Any, Always),
            ("finalize", Flag, Always),
        ],
    ),
    ("plan.update", "5.3", &[("patch", Object, Always)]),
    ("plan.update.patch", "5.3", &[("todos", List, Always)]),
    (
        "plan.update.patch.todos[]",
        "5.3",
        &[
            ("id", Text, Always),
            ("content", Text, Always),
            ("status", Text, Always),
        ],
    ),
    (
        "sandbox.snapshot",
        "5.3",
        &[
            ("sandbox_id", Text, Always),
            ("snapshot", Object, Always),
            ("deleted", List, Always),
        ],
    ),
    ("task.completed", "5.3", &[]),
    ("task.aborted", "5.3", &[("reason", Text, Always)]),
    // Not documented: the fields are the specification's assumption.
    (
        "task.error",
        "5.3",
        &[("message", Text, Always), ("code", Text, Sometimes)],
    ),
];

/// What was seen of a table.
struct Walk {
    table: &'static [Shape],
    seen: BTreeSet<(&'static str, &'static str)>,
    places: BTreeSet<&'static str>,
    problems: BTreeSet<String>,
}

impl Walk {
    fn new(table: &'static [Shape]) -> Self {
        Self {
            table,
            seen: BTreeSet::new(),
            places: BTreeSet::new(),
            problems: BTreeSet::new(),
        }
    }

    /// Compares an answer, or a part of one, with its line.
    fn see(&mut self, place: &str, value: &Value) {
        let Some((place, section, fields)) = self.table.iter().find(|(name, ..)| *name == place)
        else {
            self.problems.insert(format!("`{place}` is in no document"));
            return;
        };
        self.places.insert(place);
        let Some(object) = value.as_object() else {
            self.problems
                .insert(format!("{place} (section {section}) is no object: {value}"));
            return;
        };
        for (name, value) in object {
            match fields.iter().find(|(known, ..)| known == name) {
                Some((name, kind, when)) if fits(*kind, value) && *when != Never => {
                    self.seen.insert((place, name));
                }
                Some(_) => {
                    let text = format!("{place} (section {section}): `{name}` is {value}");
                    self.problems.insert(text);
                }
                None => {
                    let text = format!("{place} (section {section}): `{name}` is not documented");
                    self.problems.insert(text);
                }
            }
        }
        for (name, _, when) in *fields {
            if *when == Always && !object.contains_key(*name) {
                self.problems
                    .insert(format!("{place} (section {section}): `{name}` is missing"));
            }
        }
    }

    fn see_all(&mut self, place: &str, values: &Value) {
        for value in values.as_array().unwrap() {
            self.see(place, value);
        }
    }

    fn done(mut self) {
        for (place, section, fields) in self.table {
            if !self.places.contains(place) {
                self.problems
                    .insert(format!("{place} (section {section}) did not come"));
            }
            for (name, _, when) in *fields {
                if *when == Sometimes && !self.seen.contains(&(place, name)) {
                    self.problems
                        .insert(format!("{place} (section {section}): `{name}` never came"));
                }
            }
        }
        let problems: Vec<_> = self.problems.into_iter().collect();
        assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    }
}

fn fits(kind: Type, value: &Value) -> bool {
    match kind {
        Text => value.is_string(),
        Integer => value.is_u64(),
        Flag => value.is_boolean(),
        Object => value.is_object(),
        List => value.is_array(),
        Any => true,
    }
}

#[tokio::test]
async fn every_answer_and_event_of_agi_is_as_documented() {
    let hooks = Site::start(|_| (204, Vec::new(), Vec::new())).await;
    let emulator = start(Options {
        clock: Clock::Fast,
        heartbeat_interval: 5.0,
        scenario: Some(scenario(json!([
            {"match": "error", "steps": [{"error": "sold out"}]},
            {"match": "wait", "steps": [{"wait_for_pause": true}, {"wait_for_message": true}]},
            {"steps": [
                {"thought": "a"}, {"step": "b", "url": "http://h/", "action": "click"}, {"step": "c"}, {"log": "d"},
                {"delay": 6}, {"question": "e?"}, {"done": {"summary": "f", "n": 1}}]},
        ]))),
        ..quick()
    })
    .await;
    let client = Client::new(&emulator);
    let mut walk = Walk::new(AGI);
    let create =
        json!({"webhook_url": hooks.url, "goal": "g", "agent_session_type": "managed-cdp"});
    let created = client.post("/sessions", create).await.json();
    walk.see("create", &created);
    let id = created["session_id"].as_str().unwrap();
    let at = |name: &str| format!("/sessions/{id}/{name}");
    walk.see("get", &client.get(&format!("/sessions/{id}")).await.json());
    walk.see_all("list[]", &client.get("/sessions").await.json());
    walk.see("models", &client.get("/models").await.json());

    let mut stream = client.stream(id, "").await;
    let sent = client
        .post(&at("message"), json!({"message": "talk"}))
        .await;
    walk.see("message", &sent.json());
    while let Some(event) = stream.next().await {
        walk.see(&format!("event {}", event.name), &event.data);
        if event.name == "question" {
            walk.see("status", &client.get(&at("status")).await.json());
            client.task(id, "an answer").await;
        }
    }
    client.task(id, "an error").await;
    client.until_execution(id, "error").await;
    let replayed = client.stream(id, "").await.all().await;
    assert!(replayed.iter().any(|event| event.name == "error"));
    for event in replayed {
        walk.see(&format!("event {}", event.name), &event.data);
    }
    for query in ["", "?sanitize=false"] {
        let messages = client.get(&at(&format!("messages{query}"))).await.json();
        walk.see("messages", &messages);
        walk.see_all("messages.messages[]", &messages["messages"]);
    }

    client.task(id, "wait").await;
    let mut stream = client.stream(id, "?include_history=false").await;
    walk.see("pause", &client.command(&at("pause")).await.json());
    walk.see("error", &client.command(&at("pause")).await.json());
    walk.see("resume", &client.command(&at("resume")).await.json());
    walk.see("cancel", &client.command(&at("cancel")).await.json());
    for event in stream.all().await {
        walk.see(&format!("event {}", event.name), &event.data);
    }
    let page = json!({"url": hooks.url});
    walk.see("navigate", &client.post(&at("navigate"), page).await.json());
    walk.see("screenshot", &client.get(&at("screenshot")).await.json());

    let refused = [
        client.get("/sessions/unknown").await,
        client
            .post(&at("navigate"), json!({"url": "ftp://h/"}))
            .await,
        client.post(&at("message"), json!({"message": ""})).await,
        client
            .post("/sessions", json!({"agent_name": "agi-99"}))
            .await,
        Client::with_authorization(&emulator, "")
            .get("/sessions")
            .await,
    ];
    assert_eq!(
        refused.each_ref().map(|answer| answer.status),
        [404, 400, 422, 422, 401]
    );
    for answer in refused {
        let body = answer.json();
        walk.see("error", &body);
        if body["detail"].is_array() {
            walk.see_all("error.detail[]", &body["detail"]);
        }
    }

    let saved = client
        .delete(&format!("/sessions/{id}?save_snapshot_mode=filesystem"))
        .await;
    walk.see("delete", &saved.json());
    walk.see(
        "delete",
        &client.delete(&format!("/sessions/{id}")).await.json(),
    );
    let restored = json!({"restore_from_session_id": id});
    walk.see("create", &client.post("/sessions", restored).await.json());
    walk.see("delete_all", &client.delete("/sessions").await.json());
    walk.see("delete_all", &client.delete("/sessions").await.json());

    let told = eventually(|| async {
        let told: Vec<Value> = hooks
            .received()
            .iter()
            .filter(|request| request.method == "POST")
            .map(|request| serde_json::from_str(&request.body).unwrap())
            .collect();
        let is_last = |body: &Value| body["event"] == "session.deleted";
        told.iter().any(is_last).then_some(told)
    })
    .await;
    for body in told {
        walk.see(
            &format!("webhook {}", body["event"].as_str().unwrap()),
            &body,
        );
        walk.see("webhook.session", &body["session"]);
        if body["event"] == "task.completed" {
            walk.see("webhook.result", &body["result"]);
        }
    }
    walk.done();
}

/// The payload of an event, and the parts of it.
fn see_frame(walk: &mut Walk, place: &str, frame: &Value) {
    walk.see(place, frame);
    let kind = frame["kind"].as_str().unwrap();
    let payload = &frame["payload"];
    walk.see(kind, payload);
    match kind {
        "plan.update" => {
            walk.see("plan.update.patch", &payload["patch"]);
            walk.see_all("plan.update.patch.todos[]", &payload["patch"]["todos"]);
        }
        "sandbox.snapshot" => {
            for file in payload["snapshot"].as_object().unwrap().values() {
                walk.see("file", file);
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn every_answer_and_event_of_raccoon_is_as_documented() {
    let emulator = start(Options {
        scenario: Some(
            serde_json::from_value(json!({"turns": [
                {"match": "abort", "steps": [{"abort": "enough"}]},
                {"match": "fail", "steps": [{"error": "no", "code": "c"}]},
                {"steps": [
                    {"thought": "a"}, {"tool": "browser", "output": {"pages": 3}}, {"plan": ["Read"]},
                    {"snapshot": ["a.md"], "deleted": ["b.md"]}, {"text": "b"}, {"complete": true}]}]}))
            .unwrap(),
        ),
        ..quick()
    })
    .await;
    let client = Client::new(&emulator);
    let mut walk = Walk::new(RACCOON);
    let file = form(&format!("{SESSION}/a.txt"), "a.txt", "text/plain", "hello");
    let uploaded = client.upload(&file).await.json();
    walk.see("upload", &uploaded);
    for (prompt, file) in [
        (
            "report",
            json!({"key": uploaded["key"], "name": "a.txt", "type": "text/plain", "size": 5}),
        ),
        (
            "abort",
            json!({"key": uploaded["key"], "name": "a.txt", "size": 5}),
        ),
        (
            "fail",
            json!({"key": uploaded["key"], "name": "a.txt", "size": 5}),
        ),
    ] {
        let body =
            json!({"session_id": SESSION, "prompt": prompt, "mode": "auto", "files": [file]});
        let started = client.send_json("POST", "/sessions/new", body).await.json();
        walk.see("start_turn", &started);
        let message = started["agent_message_id"].as_str().unwrap();
        let (frames, _) = client.frames(SESSION, message, "0-0").await;
        walk.see("ack", &frames[0]);
        for frame in &frames[1..] {
            see_frame(&mut walk, "frame", frame);
        }
    }
    let listed = client.fetch("/sessions").await.json();
    walk.see("list", &listed);
    walk.see("list.meta", &listed["meta"]);
    walk.see_all("list.sessions[]", &listed["sessions"]);
    let history = client.turn_history(SESSION).await;
    walk.see("get", &history);
    walk.see("get.session", &history["session"]);
    for file in history["session"]["fileSnapshot"]
        .as_object()
        .unwrap()
        .values()
    {
        walk.see("file", file);
    }
    for message in history["messages"].as_array().unwrap() {
        walk.see("get.messages[]", message);
        walk.see_all("get.messages[].files[]", &message["files"]);
        for event in message["events"].as_array().unwrap() {
            see_frame(&mut walk, "get.messages[].events[]", event);
        }
    }
    let title = client
        .send_json(
            "PUT",
            &format!("/sessions/{SESSION}/title"),
            json!({"title": "t"}),
        )
        .await;
    walk.see("rename", &title.json());
    let path = format!("/sessions/{SESSION}");
    let deleted = client.raw("DELETE", &path, None).await.unwrap();
    walk.see("delete", &deleted.json());
    walk.see("error", &client.fetch(&path).await.json());
    walk.done();
}

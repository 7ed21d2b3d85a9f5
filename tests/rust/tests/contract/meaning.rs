//! What values mean.

use std::time::UNIX_EPOCH;

use serde_json::{Map, Value, json};
use sessionwire::Result;
use sessionwire::agi::{
    Client, CreateSession, EventOptions, ListMessages, RunTask, SessionInfo, SnapshotOptions,
};
use sessionwire::raccoon::{self, ListSessions, StartTurn};
use sessionwire::seam::agi::{Operation, Output};
use sessionwire::webhooks::{self, Kind};
use sessionwire_emulator::Emulator;
use sessionwire_tests::raw::raw_stream;
use sessionwire_tests::{build, check, client, emulator, fail, script, session, turns, value};

fn text<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name].as_str().unwrap()
}

pub(crate) async fn event_text(case: Value) {
    let id = text(&case, "id");
    let body = format!(
        "event: {}\ndata: {}\n\n",
        text(&case, "event"),
        text(&case, "data")
    );
    let url = raw_stream(body.into()).await;
    let client = build(json!({"base_url": url, "api_key": "some-key"})).unwrap();
    let session = client.sessions().attach("s").unwrap();
    let mut stream = session.events(EventOptions::default()).unwrap();
    let event = stream.next().await.expect(id).expect(id);
    assert_eq!(event.raw(), text(&case, "data"), "{id}");
    let found = json!({"text": event.text(), "data": event.data(), "id": event.id()});
    assert_named(id, &found, &case["expect"]);
}

pub(crate) async fn turn_events(case: Value) {
    let id = text(&case, "id");
    let frame = match case.get("frame") {
        Some(frame) => frame.as_str().unwrap().to_owned(),
        None => {
            let payload = text(&case, "payload");
            format!(r#"{{"kind": "task.error", "payload": {payload}}}"#)
        }
    };
    let emulator = emulator().await;
    turns::script(
        &emulator,
        json!([{"steps": [{"wait_for_socket": true}, {"text": "x"}, {"complete": true}]}]),
    );
    fail(&emulator, json!({"on": "socket", "insert": frame}));
    let client = turns::client(&emulator);
    let session = client.session().unwrap();
    let turn = session.start_turn(StartTurn::new("go")).await.unwrap();
    let mut events = turn.events();
    let event = loop {
        let event = events.next().await.expect(id).expect(id);
        if event.raw() == frame {
            break event;
        }
    };
    let parts = event.frame().expect(id);
    let found = json!({
        "type": event.event_type().name(),
        "id": event.id(),
        "text": event.text(),
        "data": event.data(),
        "block_id": parts.block_id,
        "message_id": parts.message_id,
        "stream_entry_id": parts.stream_entry_id,
        "timestamp": parts.timestamp,
    });
    assert_named(id, &found, &case["expect"]);
}

/// The fields that a case names.
fn assert_named(id: &str, found: &Value, expect: &Value) {
    for (name, wanted) in expect.as_object().unwrap() {
        assert_eq!(&found[name], wanted, "{id}: {name}");
    }
}

pub(crate) async fn result_json(case: Value) {
    let id = text(&case, "id");
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"done": value(&case["data"])}]}]),
    );
    let session = session(&client(&emulator)).await;
    let result = session.run_task(RunTask::new("go")).await.expect(id);
    match (result.json::<Value>(), case.get("error")) {
        (Ok(found), None) => assert_eq!(found, case["expect"], "{id}"),
        (Err(error), Some(wanted)) => {
            check(id, &error, wanted);
            // It holds JSON of no shape either.
            assert!(result.json::<Vec<u8>>().is_err());
        }
        (outcome, _) => panic!("{id}: {outcome:?}"),
    }
}

pub(crate) async fn time(case: Value) {
    let id = text(&case, "id");
    let emulator = emulator().await;
    let body = json!({"session_id": "s", "created_at": case["text"]});
    fail(&emulator, json!({"on": "get", "status": 200, "body": body}));
    let session = client(&emulator).sessions().get("s").await.expect(id);
    assert_eq!(
        json!(microseconds(session.info())),
        case["microseconds"],
        "{id}"
    );
}

fn microseconds(session: &SessionInfo) -> Option<i64> {
    let created = session.created()?;
    let after = created.duration_since(UNIX_EPOCH);
    let before = || UNIX_EPOCH.duration_since(created).unwrap();
    Some(match after {
        Ok(after) => after.as_micros() as i64,
        Err(_) => -(before().as_micros() as i64),
    })
}

pub(crate) async fn rude_json(case: Value) {
    let id = text(&case, "id");
    let emulator = emulator().await;
    let outcome = if case.get("task").is_some() {
        task(&case, &emulator).await
    } else if case.get("follow").is_some() {
        follow(&case, &emulator).await
    } else if case.get("turns").is_some() {
        turn_answer(&case, &emulator).await
    } else if case.get("webhook").is_some() {
        Ok(webhook(text(&case, "webhook")))
    } else {
        answer(&case, &emulator).await
    };
    match (outcome, case.get("error")) {
        (Ok(found), None) => assert_eq!(found, case["expect"], "{id}"),
        (Err(error), Some(wanted)) => check(id, &error, wanted),
        (outcome, _) => panic!("{id}: {outcome:?}"),
    }
}

async fn answer(case: &Value, emulator: &Emulator) -> Result<Value> {
    let client = client(emulator);
    let sessions = client.sessions();
    let session = sessions.create(CreateSession::default()).await?;
    let status = case.get("status").cloned().unwrap_or(json!(200));
    fail(
        emulator,
        json!({"on": case["on"], "status": status, "body": case["body"]}),
    );
    Ok(match text(case, "call") {
        "get" => of_session(sessions.get(session.id()).await?.info()),
        "list" => {
            let list = sessions.list().await?;
            list.iter()
                .map(|session| of_session(session.info()))
                .collect()
        }
        "create" => of_session(sessions.create(CreateSession::default()).await?.info()),
        "messages" => {
            let seen = session.messages(ListMessages::default()).await?;
            seen.messages.iter().map(of_message).collect()
        }
        "status" => json!(session.execution_status().await?.status),
        "delete_session" => json!(session.delete_with(SnapshotOptions::default()).await?),
        other => panic!("unknown call {other}"),
    })
}

fn milliseconds(time: Option<std::time::SystemTime>) -> Option<u128> {
    Some(time?.duration_since(UNIX_EPOCH).unwrap().as_millis())
}

/// What cannot be read as a time is shown where other languages show it.
fn with_time(extra: &Map<String, Value>, name: &str, text: &Option<String>, read: bool) -> Value {
    let mut extra = extra.clone();
    if let (Some(text), false) = (text, read) {
        extra.insert(name.to_owned(), json!(text));
    }
    json!(extra)
}

fn of_session(session: &SessionInfo) -> Value {
    let created = session.created();
    json!({
        "session_id": session.session_id,
        "agent_name": session.agent_name,
        "status": session.status,
        "created_at": milliseconds(created),
        "vnc_url": session.vnc_url,
        "extra": with_time(&session.extra, "created_at", &session.created_at, created.is_some()),
    })
}

fn of_message(message: &sessionwire::agi::Message) -> Value {
    let time = message.time();
    json!({
        "id": message.id,
        "type": message.message_type,
        "content": message.content,
        "text": message.text(),
        "timestamp": milliseconds(time),
        "metadata": message.metadata,
        "extra": with_time(&message.extra, "timestamp", &message.timestamp, time.is_some()),
    })
}

async fn task(case: &Value, emulator: &Emulator) -> Result<Value> {
    script(
        emulator,
        json!([{"steps": [{"thought": "a"}, {"done": "from the emulator"}]}]),
    );
    fail(
        emulator,
        json!({"on": "messages", "status": 200, "body": case["messages"], "times": 100}),
    );
    if let Some(done) = case.get("done") {
        let done = format!("event: done\nid: 2\ndata: {}\n\n", done.as_str().unwrap());
        fail(emulator, json!({"on": "events", "insert": done}));
    }
    let client: Client = client(emulator);
    let session = client.sessions().create(CreateSession::default()).await?;
    let result = session.run_task(RunTask::new("go")).await;
    let result = result.inspect_err(|error| {
        // What cannot be read is at hand.
        let last = error.events().last().unwrap();
        assert_eq!(last.raw(), text(case, "done"));
    })?;
    Ok(json!({"text": result.text, "data": result.data, "message_id": result.message_id}))
}

/// As the bindings follow: this crate has no such loop of its own.
async fn follow(case: &Value, emulator: &Emulator) -> Result<Value> {
    let client = client(emulator);
    let session = client.sessions().create(CreateSession::default()).await?;
    fail(
        emulator,
        json!({"on": "messages", "status": 200, "body": case["messages"]}),
    );
    let next = Operation::NextMessages {
        session_id: session.id().to_owned(),
        options: ListMessages::default(),
        poll_interval: 0.01,
    };
    let Output::NextMessages(next) = client.execute(next).await? else {
        panic!("no messages");
    };
    assert!(next.over);
    let types = next.messages.messages.iter();
    Ok(types.map(|message| json!(message.message_type)).collect())
}

async fn turn_answer(case: &Value, emulator: &Emulator) -> Result<Value> {
    let client = turns::client(emulator);
    let on = text(case, "turns");
    fail(
        emulator,
        json!({"on": on, "status": 200, "body": case["body"]}),
    );
    if on == "list" {
        let mut list = client.sessions().list(ListSessions::default());
        let mut found = Vec::new();
        while let Some(session) = list.next().await {
            found.push(of_record(&session?));
        }
        return Ok(json!(found));
    }
    let history = client
        .sessions()
        .get("2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415")
        .await?;
    let messages: Vec<Value> = history.messages.iter().map(of_history).collect();
    Ok(json!({"session": of_record(&history.session), "messages": messages}))
}

fn of_record(session: &raccoon::SessionInfo) -> Value {
    json!({
        "session_id": session.session_id,
        "title": session.title,
        "created_at": session.created_at,
        "updated_at": session.updated_at,
        "files": session.files,
        "extra": session.extra,
    })
}

fn of_history(message: &raccoon::Message) -> Value {
    // What the bindings get: their fields are Rust's fields and methods.
    let mut told = json!(message);
    assert_eq!(told["text"], json!(message.text()));
    assert_eq!(told["plan"], json!(message.plan()));
    assert_eq!(told["sandbox_files"], json!(message.sandbox_files()));
    told["events"] = message
        .events
        .iter()
        .map(|frame| {
            let event = raccoon::Event::from_frame(frame.get());
            let name = event.event_type().name();
            json!({"type": name, "id": event.id(), "data": event.data()})
        })
        .collect();
    told
}

fn webhook(body: &str) -> Value {
    let event = webhooks::parse(body).unwrap();
    let Kind::TaskCompleted { result } = &event.kind else {
        panic!("{event:?}");
    };
    json!({"message": result.message, "result_extra": result.extra, "extra": event.extra})
}

//! Turns, and bad input to them.

use serde_json::{Value, json};
use sessionwire::raccoon::{
    ListSessions, RunTurn, Session, StartTurn, TurnResult, UploadProgress, UploadSource,
};
use sessionwire::{Batch, ErrorKind, Result};
use sessionwire_tests::turns::{build, client_with, fail, kinds, script};
use sessionwire_tests::{check, emulator, emulator_with, ids, read, value};

pub(crate) async fn turn(case: Value) {
    let id = case["id"].as_str().unwrap();
    let part = |name: &str| case.get(name).cloned().unwrap_or(json!({}));
    let emulator = emulator_with(part("emulator")).await;
    let usual = json!([
        {"wait_for_socket": true},
        {"repeat": 40, "steps": [{"text": "{n} "}]},
        {"complete": true},
    ]);
    let steps = case.get("steps").cloned().unwrap_or(usual);
    script(&emulator, json!([{"steps": steps}]));
    for fault in case
        .get("faults")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        fail(&emulator, fault.clone());
    }
    let client = client_with(&emulator, part("client"));
    let mut events = Vec::new();
    let session = client.session().unwrap();
    let outcome = run(&session, part("events"), &mut events).await;
    let expect = &case["expect"];
    match (&outcome, expect.get("error")) {
        (Ok(_), None) => {}
        (Err(error), Some(wanted)) => check(id, error, wanted),
        _ => panic!("{id}: {outcome:?}"),
    }
    if let Some(range) = expect.get("ids") {
        let (first, last) = (range[0].as_i64().unwrap(), range[1].as_i64().unwrap());
        assert_eq!(ids(&events), (first..=last).collect::<Vec<_>>(), "{id}");
    }
    if let Some(wanted) = expect.get("kinds") {
        assert_eq!(json!(kinds(&events)), *wanted, "{id}");
    }
    for name in ["status", "text", "reason"] {
        if let (Some(wanted), Ok(result)) = (expect.get(name), &outcome) {
            assert_eq!(json!(result)[name], *wanted, "{id}: {name}");
        }
    }
    if let (Some(wanted), Ok(result)) = (expect.get("certain"), &outcome) {
        assert_eq!(json!(result.text_is_certain), *wanted, "{id}: certain");
    }
    if let (Some(wanted), Ok(result)) = (expect.get("extra"), &outcome) {
        assert_eq!(json!(result.extra), *wanted, "{id}: extra");
    }
    if let (Some(wanted), Ok(result)) = (expect.get("json"), &outcome) {
        match (result.json::<Value>(), wanted.get("error")) {
            (Ok(found), None) => assert_eq!(found, *wanted, "{id}: json"),
            (Err(error), Some(wanted)) => check(id, &error, wanted),
            (found, _) => panic!("{id}: {found:?}"),
        }
    }
    if let Some(wanted) = expect.get("last_turn") {
        let message = session.last_turn().await.unwrap().expect(id);
        let contents = message
            .plan()
            .into_iter()
            .map(|item| item["content"].clone());
        let told = json!({
            "status": message.ended(),
            "text": message.text(),
            "plan": contents.collect::<Value>(),
            "sandbox_files": message.sandbox_files().keys().collect::<Vec<_>>(),
        });
        for (name, wanted) in wanted.as_object().unwrap() {
            assert_eq!(told[name], *wanted, "{id}: {name}");
        }
    }
    let made = |method: &str, path: &str| {
        let requests = emulator.requests();
        let same = requests
            .iter()
            .filter(|request| request.method == method && request.path.starts_with(path));
        same.count() as u64
    };
    if let Some(wanted) = expect.get("requests") {
        assert_eq!(json!(made("POST", "/sessions/new")), *wanted, "{id}");
    }
    if let Some(least) = expect.get("sockets") {
        let sockets = made("GET", "/ws/sessions/");
        assert!(
            sockets >= least.as_u64().unwrap(),
            "{id}: {sockets} sockets"
        );
    }
}

/// All sessions of several pages are listed, however the pages are marked.
pub(crate) async fn list(case: Value) {
    let id = case["id"].as_str().unwrap();
    let emulator = emulator_with(json!({"dialect": case["dialect"]})).await;
    script(&emulator, json!([{"steps": [{"complete": true}]}]));
    let client = client_with(&emulator, json!({}));
    let mut made = Vec::new();
    for _ in 0..25 {
        let session = client.session().unwrap();
        session.run_turn(RunTurn::new("go")).await.unwrap();
        made.push(session.id().to_owned());
    }
    let mut sessions = client.sessions().list(ListSessions::new());
    let mut listed = Vec::new();
    while let Some(session) = sessions.next().await {
        listed.push(session.unwrap().session_id);
    }
    made.sort();
    listed.sort();
    assert_eq!(listed, made, "{id}");
}

/// Starts a turn, reads all its events, and gives its result.
async fn run(
    session: &Session,
    options: Value,
    events: &mut Vec<sessionwire::raccoon::Event>,
) -> Result<TurnResult> {
    let mut start = StartTurn::new("go");
    start.events = serde_json::from_value(options).unwrap();
    let turn = session.start_turn(start).await?;
    loop {
        match turn.queue().try_take(512) {
            Batch::Events(more) => events.extend(more),
            Batch::Empty => turn.queue().wait().await,
            // An error of the stream is the result's too.
            Batch::Ended | Batch::Failed(_) => return turn.result(None).await,
        }
    }
}

pub(crate) async fn g08_bad_input_sends_nothing(case: Value) {
    let id = case["id"].as_str().unwrap();
    let emulator = emulator().await;
    let error = refused(&emulator, &case).await.expect_err(id);
    check(id, &error, &case["expect"]);
    assert_eq!(emulator.requests().len(), 0, "{id}");
}

async fn refused(emulator: &sessionwire_emulator::Emulator, case: &Value) -> Result<()> {
    let mut args = case["args"].clone();
    for (_, arg) in args.as_object_mut().unwrap() {
        *arg = value(arg);
    }
    let mut options = json!({"base_url": emulator.raccoon_url(), "api_key": "some-key"});
    if case["call"] == "client" {
        let options = options.as_object_mut().unwrap();
        options.extend(args.as_object().unwrap().clone());
        return build(json!(options)).map(drop);
    }
    let client = build(options).unwrap();
    let sessions = client.sessions();
    let text = |name: &str| args[name].as_str().unwrap_or_default();
    let id = text("session_id");
    match case["call"].as_str().unwrap() {
        "session" => client.continue_session(id).map(drop),
        "get" => sessions.get(id).await.map(drop),
        "delete" => sessions.delete(id).await.map(drop),
        "rename" => sessions.rename(id, text("title")).await.map(drop),
        "start_turn" => {
            let fields = args.as_object_mut().unwrap();
            let names = ["ping_interval", "idle_timeout", "text_mode"];
            let events: serde_json::Map<_, _> = names
                .iter()
                .filter_map(|name| fields.remove_entry(*name))
                .collect();
            fields.insert("events".to_owned(), json!(events));
            let start: StartTurn = read(args, ErrorKind::InvalidRequest)?;
            client.session()?.start_turn(start).await.map(drop)
        }
        "attach" => client
            .attach(read(args, ErrorKind::InvalidRequest)?)
            .await
            .map(drop),
        "list" => {
            let mut list = sessions.list(serde_json::from_value(args).unwrap());
            list.next().await.transpose().map(drop)
        }
        "upload" => {
            let bytes = UploadSource::bytes("x");
            let upload = serde_json::from_value(args).unwrap();
            let sent = client.upload(upload, bytes, UploadProgress::new());
            sent.await.map(drop)
        }
        other => panic!("unknown call {other}"),
    }
}

//! What a closed client still does: nothing.

use std::time::Duration;

use serde_json::{Value, json};
use sessionwire::Result;
use sessionwire::agi::{StartTask, Task};
use sessionwire::raccoon::{
    self, Attach, ListSessions, RunTurn, StartTurn, Turn, TurnMessage, Upload, UploadProgress,
    UploadSource,
};
use sessionwire::seam;
use sessionwire_tests::calls::call;
use sessionwire_tests::{check, client, contract, emulator, script, session, turns, until};

pub(crate) async fn g04_a_closed_client_sends_nothing(case: Value) {
    let emulator = emulator().await;
    script(&emulator, json!([{"steps": [{"question": "Which?"}]}]));
    let client = client(&emulator);
    let session = session(&client).await;
    let task = session.start_task(StartTask::new("go")).await.unwrap();
    until("the question", || task.question().is_some()).await;
    client.close();
    emulator.clear_requests();
    let expect = &contract("closed.json")["expect"];
    let id = case["id"].as_str().unwrap();
    let name = case["call"].as_str().unwrap();
    let outcome = match name.strip_prefix("task.") {
        Some(_) => task_call(name, &task).await,
        None => call(&case, &client, &session).await,
    };
    let error = outcome.expect_err(id);
    check(id, &error, expect);
    assert_eq!(emulator.requests().len(), 0, "{id}: something was sent");
}

/// The calls of a task; the others are those of every case.
async fn task_call(name: &str, task: &Task) -> Result<Value> {
    let done = match name {
        "task.answer" => task.answer("this one").await.map(drop),
        "task.send_message" => task.send_message("hello").await.map(drop),
        "task.pause" => task.pause().await.map(drop),
        "task.resume" => task.resume().await.map(drop),
        "task.cancel" => task.cancel().await.map(drop),
        "task.status" => task.status().await.map(drop),
        "task.result" => task.result(None).await.map(drop),
        other => panic!("unknown call {other}"),
    };
    done.map(|()| Value::Null)
}

pub(crate) async fn g04_a_closed_client_sends_nothing_about_turns(case: Value) {
    let emulator = emulator().await;
    turns::script(&emulator, json!([{"steps": [{"wait_for_stop": true}]}]));
    let client = turns::client(&emulator);
    let session = client.session().unwrap();
    let turn = session.start_turn(StartTurn::new("go")).await.unwrap();
    until("the socket", || turn.state().resume_from.is_some()).await;
    client.close();
    emulator.clear_requests();
    let expect = &contract("closed_turns.json")["expect"];
    let id = case["id"].as_str().unwrap();
    let name = case["call"].as_str().unwrap();
    let error = turn_call(name, &client, &session, &turn)
        .await
        .expect_err(id);
    check(id, &error, expect);
    assert_eq!(emulator.requests().len(), 0, "{id}: something was sent");
}

async fn turn_call(
    name: &str,
    client: &raccoon::Client,
    session: &raccoon::Session,
    turn: &Turn,
) -> Result<()> {
    let sessions = client.sessions();
    let id = session.id();
    match name {
        "client.request" => {
            let request = json!({"op": "request", "method": "GET", "path": "/sessions"});
            let operation: seam::raccoon::Operation = serde_json::from_value(request).unwrap();
            client.execute(operation).await.map(drop)
        }
        "client.attach" => client
            .attach(Attach::resume(&turn.resume_point()))
            .await
            .map(drop),
        "sessions.list" => {
            let first = sessions.list(ListSessions::default()).next().await;
            first.expect("an error").map(drop)
        }
        "sessions.get" => sessions.get(id).await.map(drop),
        "sessions.rename" => sessions.rename(id, "title").await.map(drop),
        "sessions.delete" => sessions.delete(id).await.map(drop),
        "media.upload" => {
            let upload: Upload = serde_json::from_value(json!({"session_id": id})).unwrap();
            let source = UploadSource::bytes("x");
            let media = client.media();
            media
                .upload(upload, source, UploadProgress::new())
                .await
                .map(drop)
        }
        "session.start_turn" => session.start_turn(StartTurn::new("go")).await.map(drop),
        "session.run_turn" => session.run_turn(RunTurn::new("go")).await.map(drop),
        "session.history" => session.history().await.map(drop),
        "session.rename" => session.rename("title").await.map(drop),
        "session.delete" => session.delete().await.map(drop),
        "session.upload" => session.upload(UploadSource::bytes("x")).await.map(drop),
        "turn.send_message" => {
            let message: TurnMessage = serde_json::from_value(json!({"text": "hello"})).unwrap();
            turn.send_message(message).await.map(drop)
        }
        "turn.stop" => turn.stop(Duration::from_secs(60)).await.map(drop),
        "turn.result" => turn.result(None).await.map(drop),
        other => panic!("unknown call {other}"),
    }
}

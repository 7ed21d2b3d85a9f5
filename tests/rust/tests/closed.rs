//! What a closed client still does: nothing. The cases of
//! `tests/contract/closed.json` and `closed_turns.json`, and its connections.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use sessionwire::agi::{
    Client, CreateSession, EventOptions, ListMessages, Operation, RunTask, RunTasks, SendMessage,
    Session, SnapshotOptions, StartTask, Task, WaitOptions,
};
use sessionwire::raccoon::{
    self, Attach, ListSessions, RunTurn, StartTurn, Turn, TurnMessage, Upload, UploadProgress,
    UploadSource,
};
use sessionwire::{OptionChanges, Result};
use sessionwire_tests::cases::passed;
use sessionwire_tests::{
    build, cases_of, check, client, contract, emulator, fail, script, session, turns, until,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test]
async fn g04_a_closed_client_sends_nothing() {
    let emulator = emulator().await;
    script(&emulator, json!([{"steps": [{"question": "Which?"}]}]));
    let client = client(&emulator);
    let session = session(&client).await;
    let task = session.start_task(StartTask::new("go")).await.unwrap();
    until("the question", || task.question().is_some()).await;
    client.close();
    emulator.clear_requests();
    let expect = &contract("closed.json")["expect"];
    for case in cases_of("closed.json") {
        let id = case["id"].as_str().unwrap();
        let name = case["call"].as_str().unwrap();
        let error = call(name, &client, &session, &task).await.expect_err(id);
        check(id, &error, expect);
        assert_eq!(emulator.requests().len(), 0, "{id}: something was sent");
        passed(id);
    }
}

async fn call(name: &str, client: &Client, session: &Session, task: &Task) -> Result<()> {
    let sessions = client.sessions();
    let id = session.id();
    match name {
        "client.models" => client
            .execute(Operation::Models { filter: None })
            .await
            .map(drop),
        "client.request" => {
            let request = json!({"op": "request", "method": "GET", "path": "/models"});
            let operation: Operation = serde_json::from_value(request).unwrap();
            client.execute(operation).await.map(drop)
        }
        "client.run_tasks" => {
            let plan: RunTasks = serde_json::from_value(json!({"tasks": ["go"]})).unwrap();
            client.run_tasks(plan).map(drop)
        }
        "sessions.create" => sessions.create(CreateSession::default()).await.map(drop),
        "sessions.list" => sessions.list().await.map(drop),
        "sessions.get" => sessions.get(id).await.map(drop),
        "sessions.delete" => sessions
            .delete(id, SnapshotOptions::default())
            .await
            .map(drop),
        "sessions.delete_all" => sessions.delete_all().await.map(drop),
        "sessions.cleanup" => {
            let options = serde_json::from_value(json!({"statuses": ["ready"]})).unwrap();
            sessions.cleanup(options).await.map(drop)
        }
        "session.refresh" => session.clone().refresh().await.map(drop),
        "session.send_message" => session
            .send_message(SendMessage::new("hello"))
            .await
            .map(drop),
        "session.execution_status" => session.execution_status().await.map(drop),
        "session.messages" => session.messages(ListMessages::default()).await.map(drop),
        "session.events" => session.events(EventOptions::default()).map(drop),
        "session.start_task" => session.start_task(StartTask::new("go")).await.map(drop),
        "session.run_task" => session.run_task(RunTask::new("go")).await.map(drop),
        "session.wait" => session.wait(WaitOptions::default()).await.map(drop),
        "session.record" => session.record().await.map(drop),
        "session.pause" => session.pause().await.map(drop),
        "session.resume" => session.resume().await.map(drop),
        "session.cancel" => session.cancel().await.map(drop),
        "session.stop" => session.stop().await.map(drop),
        "session.navigate" => session.navigate("http://127.0.0.1:9/").await.map(drop),
        "session.screenshot" => session.screenshot().await.map(drop),
        "session.delete" => session.delete().await.map(drop),
        "task.answer" => task.answer("this one").await.map(drop),
        "task.send_message" => task.send_message("hello").await.map(drop),
        "task.pause" => task.pause().await.map(drop),
        "task.resume" => task.resume().await.map(drop),
        "task.cancel" => task.cancel().await.map(drop),
        "task.status" => task.status().await.map(drop),
        "task.result" => task.result(None).await.map(drop),
        other => panic!("unknown call {other}"),
    }
}

#[tokio::test]
async fn g04_a_closed_client_sends_nothing_about_turns() {
    let emulator = emulator().await;
    turns::script(&emulator, json!([{"steps": [{"wait_for_stop": true}]}]));
    let client = turns::client(&emulator);
    let session = client.session().unwrap();
    let turn = session.start_turn(StartTurn::new("go")).await.unwrap();
    until("the socket", || turn.state().resume_from.is_some()).await;
    client.close();
    emulator.clear_requests();
    let expect = &contract("closed_turns.json")["expect"];
    for case in cases_of("closed_turns.json") {
        let id = case["id"].as_str().unwrap();
        let name = case["call"].as_str().unwrap();
        let error = turn_call(name, &client, &session, &turn)
            .await
            .expect_err(id);
        check(id, &error, expect);
        assert_eq!(emulator.requests().len(), 0, "{id}: something was sent");
        passed(id);
    }
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
            let operation: raccoon::Operation = serde_json::from_value(request).unwrap();
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

#[tokio::test]
async fn g05_closed_clients_leave_no_connection() {
    let (url, open) = service().await;
    let clients: Vec<Client> = (0..100)
        .map(|_| build(json!({"base_url": url, "api_key": "some-key"})).unwrap())
        .collect();
    for client in &clients {
        client.sessions().list().await.unwrap();
    }
    assert_eq!(open.load(Ordering::SeqCst), 100, "each keeps one");
    for client in &clients {
        // Copies share the connections: closing one closes them.
        let copy = client.with_options(OptionChanges::default()).unwrap();
        copy.close();
    }
    until("every connection is closed", || {
        open.load(Ordering::SeqCst) == 0
    })
    .await;
    for client in &clients {
        let error = client.sessions().list().await.unwrap_err();
        assert_eq!(error.reason(), Some("client_closed"));
    }
    assert_eq!(open.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn g05_a_close_during_a_request_leaves_no_connection() {
    let emulator = emulator().await;
    fail(&emulator, json!({"on": "list", "hang": true}));
    let (url, open) = relay(emulator.url()).await;
    let client = build(json!({"base_url": url, "api_key": emulator.api_key()})).unwrap();
    let sessions = client.sessions();
    let session = sessions.create(CreateSession::default()).await.unwrap();
    let mut events = session.events(EventOptions::default()).unwrap();
    let (listed, event, ()) = tokio::join!(sessions.list(), events.next(), async {
        until("the requests", || emulator.requests().len() == 3).await;
        client.close();
    });
    assert_eq!(listed.unwrap_err().reason(), Some("client_closed"));
    assert_eq!(event.unwrap().unwrap_err().reason(), Some("client_closed"));
    until("every connection is closed", || {
        open.load(Ordering::SeqCst) == 0
    })
    .await;
    // What must outlive a close goes on, and leaves no connection either.
    let left = client
        .delete_created_sessions(Duration::from_secs(20))
        .await;
    assert!(left.is_empty(), "{left:?}");
    let deleted = emulator.requests().pop().unwrap();
    assert_eq!(deleted.method, "DELETE");
    until("the last connection is closed", || {
        open.load(Ordering::SeqCst) == 0
    })
    .await;
}

/// A service without sessions, which keeps connections open, and how many are.
async fn service() -> (String, Arc<AtomicUsize>) {
    count_connections(|mut connection| async move {
        let mut read = Vec::new();
        loop {
            if connection.read_buf(&mut read).await.unwrap_or(0) == 0 {
                return;
            }
            if read.ends_with(b"\r\n\r\n") {
                read.clear();
                let answer =
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n[]";
                if connection.write_all(answer).await.is_err() {
                    return;
                }
            }
        }
    })
    .await
}

/// A way to a service, and how many connections take it.
async fn relay(url: &str) -> (String, Arc<AtomicUsize>) {
    let service = url.trim_start_matches("http://").to_owned();
    count_connections(move |mut connection| {
        let service = service.clone();
        async move {
            let mut behind = TcpStream::connect(&service).await.unwrap();
            // Whoever closes first ends it.
            let _ = tokio::io::copy_bidirectional(&mut connection, &mut behind).await;
        }
    })
    .await
}

async fn count_connections<F, W>(serve: F) -> (String, Arc<AtomicUsize>)
where
    F: Fn(TcpStream) -> W + Send + Sync + 'static,
    W: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let open = Arc::new(AtomicUsize::new(0));
    tokio::spawn({
        let open = open.clone();
        async move {
            while let Ok((connection, _)) = listener.accept().await {
                open.fetch_add(1, Ordering::SeqCst);
                let (served, open) = (serve(connection), open.clone());
                tokio::spawn(async move {
                    served.await;
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        }
    });
    (url, open)
}

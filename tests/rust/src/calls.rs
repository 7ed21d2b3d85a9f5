//! The calls of the shared cases: one table, for every test that makes them by name.

use serde_json::{Value, json};
use sessionwire::agi::{
    Client, CreateSession, EventOptions, ListMessages, RunTask, RunTasks, SendMessage, Session,
    SnapshotOptions, StartTask, WaitOptions,
};
use sessionwire::seam::agi::Operation;
use sessionwire::{ErrorKind as Kind, Result};

use crate::{read, value};

fn text(args: &Value, name: &str) -> String {
    value(&args[name]).as_str().unwrap_or_default().to_owned()
}

fn text_or(args: &Value, name: &str, default: &str) -> String {
    match args.get(name) {
        Some(_) => text(args, name),
        None => default.to_owned(),
    }
}

fn message(args: &Value) -> SendMessage {
    let start_url = args.get("start_url").map(|_| text(args, "start_url"));
    let mut message = SendMessage::new(text(args, "message"));
    message.start_url = start_url;
    message
}

/// What a call gives where no case looks at it.
fn nothing<T>(_: T) -> Value {
    Value::Null
}

/// Makes a case's call of AGI, by the name that the cases give it. Without arguments it is a call that works.
pub async fn call(name: &str, args: &Value, client: &Client, session: &Session) -> Result<Value> {
    let sessions = client.sessions();
    let options: Value = match args.as_object() {
        Some(args) => args
            .iter()
            .map(|(name, arg)| (name.clone(), value(arg)))
            .collect(),
        None => json!({}),
    };
    match name {
        "models" => {
            let operation = Operation::Models { filter: None };
            client.execute(operation).await.map(nothing)
        }
        "request" => {
            let request = json!({"op": "request", "method": "GET", "path": "/models"});
            let operation: Operation = serde_json::from_value(request).unwrap();
            client.execute(operation).await.map(nothing)
        }
        "run_tasks" => {
            let plan: RunTasks = serde_json::from_value(json!({"tasks": ["go"]})).unwrap();
            client.run_tasks(plan).map(nothing)
        }
        "list" => sessions.list().await.map(|sessions| {
            let infos: Vec<_> = sessions
                .iter()
                .map(|session| session.info().clone())
                .collect();
            json!(infos)
        }),
        "create" => {
            let create: CreateSession = read(options, Kind::InvalidRequest)?;
            sessions.create(create).await.map(nothing)
        }
        "attach" => sessions.attach(&text(args, "session_id")).map(nothing),
        "get" if args.get("session_id").is_some() => {
            sessions.get(&text(args, "session_id")).await.map(nothing)
        }
        "get" => {
            let session = sessions.get(session.id()).await;
            session.map(|session| json!(session.info()))
        }
        "delete" => sessions
            .delete(
                &text_or(args, "session_id", session.id()),
                SnapshotOptions::default(),
            )
            .await
            .map(nothing),
        "delete_session" => session
            .delete_with(serde_json::from_value(options).unwrap())
            .await
            .map(|deleted| json!(deleted)),
        "message" if args.get("message").is_some() => {
            session.send_message(message(args)).await.map(nothing)
        }
        "message" => session
            .send_message(SendMessage::new("hello"))
            .await
            .map(|sent| json!(sent)),
        "run_task" => session
            .run_task(RunTask::new(text_or(args, "message", "go")))
            .await
            .map(nothing),
        "start_task" => session
            .start_task(StartTask::new(text_or(args, "message", "go")))
            .await
            .map(nothing),
        "status" => session
            .execution_status()
            .await
            .map(|status| json!(status.status)),
        "messages" => {
            let options: ListMessages = serde_json::from_value(options).unwrap();
            session
                .messages(options)
                .await
                .map(|messages| json!(messages))
        }
        "events" => {
            let options: EventOptions = serde_json::from_value(options).unwrap();
            session.events(options).map(nothing)
        }
        "screenshot" => session.screenshot().await.map(nothing),
        "pause" => session.pause().await.map(|done| json!(done)),
        "resume" => session.resume().await.map(nothing),
        "cancel" => session.cancel().await.map(|done| json!(done)),
        "stop" => session.stop().await.map(nothing),
        "wait" => session.wait(WaitOptions::default()).await.map(nothing),
        "record" => session.record().await.map(nothing),
        "refresh" => session.clone().refresh().await.map(nothing),
        "cleanup" => {
            let options = serde_json::from_value(json!({"statuses": ["ready"]})).unwrap();
            sessions.cleanup(options).await.map(nothing)
        }
        "delete_all" => sessions.delete_all().await.map(nothing),
        "navigate" if args.get("url").is_some() => {
            session.navigate(&text(args, "url")).await.map(nothing)
        }
        "navigate" => session
            .navigate("http://127.0.0.1:9/")
            .await
            .map(Value::from),
        other => panic!("unknown call {other}"),
    }
}

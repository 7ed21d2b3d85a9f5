//! The calls of the shared cases (`tests/contract/README.md`): one table, for every test that makes them by name.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use sessionwire::agi::{Client, RunTask, RunTasks, Session, StartTask};
use sessionwire::seam::agi::Operation;
use sessionwire::{ErrorKind as Kind, Result};

use crate::{read, value};

/// What a case passes.
struct Given<'a> {
    case: &'a Value,
    session: &'a Session,
}

impl Given<'_> {
    /// The argument at this place.
    fn text(&self, at: usize) -> String {
        let given = value(&self.case["args"][at]);
        let text = given.as_str().expect("a text");
        text.replace("{session}", self.session.id())
    }

    /// The options, with arguments that are fields in Rust.
    fn fields(&self, arguments: &[(&str, &str)]) -> Value {
        let options = self.case["options"].as_object().into_iter().flatten();
        let arguments = arguments
            .iter()
            .map(|(name, text)| ((*name).to_owned(), json!(text)));
        let fields: Map<String, Value> = options
            .map(|(name, option)| (name.clone(), value(option)))
            .chain(arguments)
            .collect();
        json!(fields)
    }

    /// The same as parameters.
    fn params<T: DeserializeOwned>(&self, arguments: &[(&str, &str)]) -> T {
        serde_json::from_value(self.fields(arguments)).expect("parameters that Rust has")
    }
}

/// What a call gives where no case looks at it.
fn nothing<T>(_: T) -> Value {
    Value::Null
}

/// Makes the call of a case of AGI.
pub async fn call(case: &Value, client: &Client, session: &Session) -> Result<Value> {
    let given = Given { case, session };
    let sessions = client.sessions();
    match case["call"].as_str().expect("the name of a call") {
        "client.models" => {
            let operation = Operation::Models { filter: None };
            client.execute(operation).await.map(nothing)
        }
        "client.request" => {
            let (method, path) = (given.text(0), given.text(1));
            let request = json!({"op": "request", "method": method, "path": path});
            let operation: Operation = serde_json::from_value(request).unwrap();
            client.execute(operation).await.map(nothing)
        }
        "client.run_tasks" => {
            let plan: RunTasks = serde_json::from_value(json!({"tasks": case["args"][0]})).unwrap();
            client.run_tasks(plan).map(nothing)
        }
        "sessions.list" => {
            let listed = match case["options"]["status"].as_array() {
                Some(statuses) => {
                    let statuses = statuses.iter().filter_map(Value::as_str);
                    sessions.list_by_status(statuses).await
                }
                None => sessions.list().await,
            };
            listed.map(|sessions| {
                let infos = sessions.iter().map(|session| session.info().clone());
                json!(infos.collect::<Vec<_>>())
            })
        }
        "sessions.find_or_create" => {
            let create = read(given.fields(&[]), Kind::InvalidRequest)?;
            let found = sessions.find_or_create(create).await;
            found.map(|session| json!(session.info()))
        }
        "sessions.delete_created" => sessions.delete_created().await.map(nothing),
        "sessions.create" => {
            let create = read(given.fields(&[]), Kind::InvalidRequest)?;
            sessions.create(create).await.map(nothing)
        }
        "sessions.attach" => sessions.attach(&given.text(0)).map(nothing),
        "sessions.get" => {
            let session = sessions.get(&given.text(0)).await;
            session.map(|session| json!(session.info()))
        }
        "sessions.delete" => {
            let deleted = sessions.delete(&given.text(0), given.params(&[])).await;
            deleted.map(|deleted| json!(deleted))
        }
        "sessions.delete_all" => sessions.delete_all().await.map(nothing),
        "sessions.cleanup" => {
            let options = serde_json::from_value(json!({"statuses": ["ready"]})).unwrap();
            sessions.cleanup(options).await.map(nothing)
        }
        "session.delete" => {
            let deleted = session.delete_with(given.params(&[])).await;
            deleted.map(|deleted| json!(deleted))
        }
        "session.send_message" => {
            let message = given.params(&[("message", &given.text(0))]);
            let sent = session.send_message(message).await;
            sent.map(|sent| json!(sent))
        }
        "session.answer" => {
            let sent = session.answer(given.text(0)).await;
            sent.map(|sent| json!(sent))
        }
        "session.run_task" => {
            let task = RunTask::new(given.text(0));
            session.run_task(task).await.map(nothing)
        }
        "session.start_task" => {
            let task = StartTask::new(given.text(0));
            session.start_task(task).await.map(nothing)
        }
        "session.execution_status" => {
            let status = session.execution_status().await;
            status.map(|status| json!(status.status))
        }
        "session.messages" => {
            let messages = session.messages(given.params(&[])).await;
            messages.map(|messages| json!(messages))
        }
        "session.events" => session.events(given.params(&[])).map(nothing),
        "session.screenshot" => session.screenshot().await.map(nothing),
        "session.pause" => session.pause().await.map(|done| json!(done)),
        "session.resume" => session.resume().await.map(nothing),
        "session.cancel" => session.cancel().await.map(|done| json!(done)),
        "session.stop" => session.stop().await.map(nothing),
        "session.wait" => session.wait(given.params(&[])).await.map(nothing),
        "session.record" => session.record().await.map(nothing),
        "session.refresh" => session.clone().refresh().await.map(nothing),
        "session.try_pause" => session.try_pause().await.map(Value::from),
        "session.try_resume" => session.try_resume().await.map(Value::from),
        "session.is_alive" => session.is_alive().await.map(Value::from),
        "session.switch_to" => {
            let task = StartTask::new(given.text(0));
            session.switch_to(task).await.map(nothing)
        }
        "session.goto" => {
            let page = session.goto(&given.text(0), None).await;
            page.map(|page| json!(page))
        }
        "session.navigate" => session.navigate(&given.text(0)).await.map(Value::from),
        other => panic!("unknown call {other}"),
    }
}

//! A task that outlives its process: its handle.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};
use sessionwire::agi::{
    Client, ResumeOptions, RunTask, SendMessage, Session, StartTask, Task, WaitOptions,
};
use sessionwire::{ErrorKind, EventStream, Result};
use sessionwire_emulator::{CapturedRequest, Emulator};
use sessionwire_tests::{
    all, check, client, contract, count, emulator, fail, read, script, session,
};

struct Play {
    id: String,
    emulator: Emulator,
    own: Client,
    session: Session,
    /// Another client's view of the session.
    other: Session,
    task: Option<Task>,
    events: Option<EventStream>,
    kept: HashMap<String, String>,
}

pub(crate) async fn g02_g03_a_task_outlives_its_process(case: Value) {
    let emulator = emulator().await;
    script(&emulator, contract("handles.json")["agent"].clone());
    let own = client(&emulator);
    let created = session(&own).await;
    let other = client(&emulator).sessions().attach(created.id()).unwrap();
    let mut play = Play {
        id: case["id"].as_str().unwrap().to_owned(),
        emulator,
        own,
        session: created,
        other,
        task: None,
        events: None,
        kept: HashMap::new(),
    };
    for step in case["play"].as_array().unwrap() {
        play.step(step).await;
    }
    let sent = count(&play.emulator, "POST", "/message");
    assert_eq!(json!(sent), case["sent"], "{}: messages", play.id);
}

impl Play {
    async fn step(&mut self, step: &Value) {
        let expected = step.get("error").or_else(|| step["expect"].get("error"));
        match (self.carry_out(step).await, expected) {
            (Ok(()), None) => {}
            (Err(error), Some(expected)) => check(&self.id, &error, expected),
            (Ok(()), Some(_)) => panic!("{}: {step} was not refused", self.id),
            (Err(error), None) => panic!("{}: {step}: {error}", self.id),
        }
    }

    async fn carry_out(&mut self, step: &Value) -> Result<()> {
        let text = |name: &str| step[name].as_str().unwrap_or_default();
        match text("do") {
            "start" => {
                let task = self
                    .session
                    .start_task(StartTask::new(text("task")))
                    .await?;
                self.follow(task);
            }
            "run" => drop(self.session.run_task(RunTask::new(text("task"))).await?),
            "run_elsewhere" => drop(self.other.run_task(RunTask::new(text("task"))).await?),
            "prepare" => {
                let mut fields = json!({"message": step["task"]});
                for name in ["start_url", "if_busy"] {
                    if let Some(value) = step.get(name) {
                        fields[name] = value.clone();
                    }
                }
                let start: StartTask = read(fields, ErrorKind::InvalidRequest)?;
                let handle = self.session.prepare_task(start).await?;
                self.keep(text("as"), handle);
            }
            "keep" => {
                let handle = self.task().handle();
                assert!(handle.len() <= 200, "{}: {handle}", self.id);
                self.keep(text("as"), handle);
            }
            "resume" => self.resume(step).await?,
            "leave" => {
                self.events = None;
                self.task().close();
            }
            "read" => {
                let expected = step["expect"].as_array().unwrap();
                let mut texts = Vec::new();
                while texts.len() < expected.len() {
                    let event = self.events().next().await.unwrap()?;
                    texts.extend(Some(event.text()).filter(|text| !text.is_empty()));
                }
                assert_eq!(json!(texts), step["expect"], "{}", self.id);
            }
            "rest" => {
                let events = all(self.events()).await;
                let texts: Vec<String> = events.iter().map(sessionwire::agi::Event::text).collect();
                let texts: Vec<&String> = texts.iter().filter(|text| !text.is_empty()).collect();
                assert_eq!(json!(texts), step["expect"], "{}", self.id);
            }
            "result" => {
                let result = self.task().result(None).await?;
                assert_eq!(json!(result.text), step["expect"], "{}", self.id);
            }
            "question" => {
                let question = self.task().question().map(|question| question.text());
                assert_eq!(json!(question), step["expect"], "{}", self.id);
            }
            "answer" => drop(self.task().answer(text("text")).await?),
            "message" => {
                let message = SendMessage::new(text("text"));
                self.other.send_message(message).await?;
            }
            "sent_was" => {
                let body = sent_last(&self.emulator, "/message");
                for (name, value) in step["expect"].as_object().unwrap() {
                    assert_eq!(&body[name], value, "{}", self.id);
                }
            }
            "wait" => {
                let options = WaitOptions::new().poll_interval(Duration::from_millis(5));
                self.other.wait(options).await?;
            }
            "pause" => drop(self.other.pause().await?),
            "go_on" => drop(self.other.resume().await?),
            "cancel" => drop(self.other.cancel().await?),
            "delete" => drop(self.other.delete().await?),
            "fault" => fail(&self.emulator, step["fault"].clone()),
            other => panic!("unknown step {other}"),
        }
        Ok(())
    }

    async fn resume(&mut self, step: &Value) -> Result<()> {
        let client = match step.get("same") {
            Some(_) => self.own.clone(),
            None => client(&self.emulator),
        };
        let handle = &self.kept[step["handle"].as_str().unwrap()];
        let handle = changed(handle, step.get("change"));
        let options = ResumeOptions::new().from_start(step.get("from_start").is_some());
        let task = client.resume(&handle, options).await?;
        self.follow(task);
        // What follows is done by the client that has the task now.
        self.session = client.sessions().attach(self.session.id())?;
        Ok(())
    }

    fn follow(&mut self, task: Task) {
        self.events = None;
        self.task = Some(task);
    }

    fn task(&self) -> &Task {
        self.task.as_ref().expect("a task")
    }

    fn events(&mut self) -> &mut EventStream {
        let task = self.task.as_ref().expect("a task");
        self.events.get_or_insert_with(|| task.events())
    }

    fn keep(&mut self, name: &str, handle: String) {
        let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        assert!(handle.bytes().all(is_safe), "{}: {handle}", self.id);
        self.kept.insert(name.to_owned(), handle);
    }
}

/// The body of the last request to a path with this end.
pub(crate) fn sent_last(emulator: &Emulator, path_end: &str) -> Value {
    let requests = emulator.requests();
    let mut latest = requests.iter().rev();
    let is_meant =
        |request: &&CapturedRequest| request.method == "POST" && request.path.ends_with(path_end);
    serde_json::from_str(&latest.find(is_meant).unwrap().body).unwrap()
}

/// A handle as a step changes it.
pub(crate) fn changed(handle: &str, change: Option<&Value>) -> String {
    let Some(change) = change else {
        return handle.to_owned();
    };
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    if let Some(whole) = change.get("text") {
        return text(whole).replace("{handle}", handle);
    }
    if let Some(cut) = change["cut"].as_u64() {
        return handle[..handle.len() - cut as usize].to_owned();
    }
    handle.replace(&text(&change["replace"][0]), &text(&change["replace"][1]))
}

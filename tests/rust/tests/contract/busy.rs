//! Whose task is it: a session takes one at a time.

use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use sessionwire::agi::{
    ListMessages, RunTask, RunTasks, SendMessage, Session, StartTask, Task, TaskResult, WaitOptions,
};
use sessionwire::{Error, ErrorKind, Result};
use sessionwire_emulator::Emulator;
use sessionwire_tests::{
    check, client, contract, count, emulator, fail, read, script, session, until,
};
use tokio::task::JoinSet;

struct Play {
    id: String,
    emulator: Emulator,
    session: Session,
    /// Another client's view of the session.
    other: Session,
    /// The task of the last error.
    task: Option<Task>,
    /// Handles that stay open to the end.
    open: Vec<Task>,
}

pub(crate) async fn g02_a_session_takes_one_task_at_a_time(case: Value) {
    let emulator = emulator().await;
    script(&emulator, contract("busy.json")["agent"].clone());
    let client = client(&emulator);
    let second = sessionwire_tests::client(&emulator);
    // Ours, or one that is known by its id alone.
    let (creator, attaching) = match case.get("attached") {
        Some(_) => (&second, &client),
        None => (&client, &second),
    };
    let created = session(creator).await;
    let attached = attaching.sessions().attach(created.id()).unwrap();
    let (session, other) = match case.get("attached") {
        Some(_) => (attached, created),
        None => (created, attached),
    };
    let mut play = Play {
        id: case["id"].as_str().unwrap().to_owned(),
        emulator,
        session,
        other,
        task: None,
        open: Vec::new(),
    };
    for step in case["play"].as_array().unwrap() {
        play.step(step).await;
    }
    let id = &play.id;
    let sent = count(&play.emulator, "POST", "/message");
    assert_eq!(json!(sent), case["sent"], "{id}: messages");
    if let Some(reads) = case.get("reads") {
        let read = count(&play.emulator, "GET", "/messages");
        assert_eq!(json!(read), *reads, "{id}: looks");
    }
}

impl Play {
    async fn step(&mut self, step: &Value) {
        let text = |name: &str| step[name].as_str().unwrap_or_default();
        match text("do") {
            "run_task" | "start_task" => self.call(step).await,
            "run_alone" => {
                let client = client(&self.emulator);
                let mut outcomes = client.run_tasks(RunTasks::new([text("task")])).unwrap();
                let outcome = outcomes.next().await.unwrap();
                self.failed(&outcome.result.unwrap_err(), &step["expect"]);
            }
            "together" => self.together(step).await,
            "leave" => {
                let task = self.session.start_task(StartTask::new(text("task")));
                let task = task.await.unwrap();
                task.events().next().await.unwrap().unwrap();
            }
            "interrupt" => self.interrupt(text("task")).await,
            "elsewhere" if step.get("cancel").is_some() => {
                self.other.cancel().await.unwrap();
            }
            "elsewhere" => {
                let task = self.other.start_task(StartTask::new(text("task")));
                let task = task.await.unwrap();
                task.events().next().await.unwrap().unwrap();
            }
            "message" => {
                let message = SendMessage::new(text("text"));
                self.session.send_message(message).await.unwrap();
            }
            "messages" => {
                self.session.messages(ListMessages::new()).await.unwrap();
            }
            "wait" => {
                let options = WaitOptions::new().poll_interval(Duration::from_millis(5));
                self.session.wait(options).await.unwrap();
            }
            "cancel" => drop(self.session.cancel().await.unwrap()),
            "pause" => drop(self.session.pause().await.unwrap()),
            "fault" => fail(&self.emulator, step["fault"].clone()),
            "answer" => drop(self.own().answer(text("text")).await.unwrap()),
            "steer" => drop(self.own().send_message(text("text")).await.unwrap()),
            "result" => {
                let result = self.own().result(None).await.unwrap();
                assert_eq!(json!(result.text), step["expect"], "{}", self.id);
            }
            other => panic!("unknown step {other}"),
        }
    }

    fn own(&self) -> &Task {
        self.task.as_ref().expect("a task of the last error")
    }

    async fn call(&mut self, step: &Value) {
        let outcome = match step.get("meanwhile").and_then(Value::as_str) {
            None => outcome(self.session.clone(), step.clone()).await,
            Some(message) => {
                let looks = || count(&self.emulator, "GET", "/messages");
                let before = looks();
                let helped = async {
                    // It looked, and waits.
                    until("a look", || looks() > before).await;
                    self.other.send_message(SendMessage::new(message)).await
                };
                let (outcome, sent) =
                    tokio::join!(outcome(self.session.clone(), step.clone()), helped);
                sent.unwrap();
                outcome
            }
        };
        let expect = &step["expect"];
        match outcome {
            Ok((result, task)) => {
                self.open.extend(task);
                let text = result.map(|result| result.text);
                assert_eq!(json!(text), expect["result"], "{}", self.id);
            }
            Err(error) => self.failed(&error, expect),
        }
    }

    fn failed(&mut self, error: &Error, expect: &Value) {
        let id = &self.id;
        assert!(expect.get("error").is_some(), "{id}: {error}");
        check(id, error, &expect["error"]);
        let question = error.question().map(sessionwire::agi::Event::text);
        if let Some(wanted) = expect.get("question") {
            assert_eq!(json!(question), *wanted, "{id}: question");
        }
        if let Some(wanted) = expect.get("task") {
            // That of a pending question stays with who started it.
            let wanted = *wanted == true;
            assert_eq!(error.task().is_some(), wanted, "{id}: task");
        }
        self.task = error.task();
    }

    async fn interrupt(&self, task: &str) {
        let (seen, first) = tokio::sync::oneshot::channel();
        let seen = Mutex::new(Some(seen));
        let run = RunTask::new(task).on_event(move |_| {
            if let Some(seen) = seen.lock().unwrap().take() {
                seen.send(()).unwrap();
            }
        });
        tokio::select! {
            outcome = self.session.run_task(run) => panic!("{}: {outcome:?}", self.id),
            first = first => first.unwrap(),
        }
    }

    async fn together(&self, step: &Value) {
        let mut calls = JoinSet::new();
        for task in step["tasks"].as_array().unwrap() {
            let mut call = json!({"do": "run_task", "task": task});
            if let Some(if_busy) = step.get("if_busy") {
                call["if_busy"] = if_busy.clone();
            }
            let (session, task) = (self.session.clone(), task.as_str().unwrap().to_owned());
            calls.spawn(async move { (task, outcome(session, call).await) });
        }
        let mut refused = 0;
        while let Some(done) = calls.join_next().await {
            match done.unwrap() {
                (task, Ok((result, _))) => {
                    let text = result.unwrap().text;
                    assert!(text.starts_with(&task), "{}: {text}", self.id);
                }
                (_, Err(error)) => {
                    let wanted = json!({"name": "ConflictError", "code": "task_in_progress"});
                    check(&self.id, &error, &wanted);
                    assert!(error.task().is_some(), "{}", self.id);
                    refused += 1;
                    if step["refused"] == json!(refused) {
                        let message = SendMessage::new(step["then"].as_str().unwrap());
                        self.other.send_message(message).await.unwrap();
                    }
                }
            }
        }
        assert_eq!(json!(refused), step["refused"], "{}", self.id);
    }
}

/// The result, and the task where it was started and not only run.
async fn outcome(session: Session, step: Value) -> Result<(Option<TaskResult>, Option<Task>)> {
    let mut fields = json!({"message": step["task"]});
    if let Some(if_busy) = step.get("if_busy") {
        fields["if_busy"] = if_busy.clone();
    }
    let start: StartTask = read(fields, ErrorKind::InvalidRequest)?;
    if step["do"] == "start_task" {
        let task = session.start_task(start).await?;
        if step["expect"].get("started").is_some() {
            return Ok((None, Some(task)));
        }
        let result = task.result(None).await?;
        return Ok((Some(result), Some(task)));
    }
    let mut run = RunTask::new(start.message).if_busy(start.if_busy);
    if let Some(timeout) = step.get("timeout").and_then(Value::as_f64) {
        run = run.timeout(Duration::from_secs_f64(timeout));
    }
    if step.get("cancel_on_timeout").is_some() {
        run = run.cancel_on_timeout();
    }
    Ok((Some(session.run_task(run).await?), None))
}

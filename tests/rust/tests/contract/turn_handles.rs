//! A turn that outlives its process: its handle.

use std::collections::HashMap;

use serde_json::{Value, json};
use sessionwire::raccoon::{
    Client, Event, ResumeOptions, RunTurn, Session, StartTurn, Turn, TurnMessage, TurnStatus,
};
use sessionwire::{ErrorKind, EventStream, Result};
use sessionwire_emulator::Emulator;
use sessionwire_tests::turns::client;
use sessionwire_tests::{all, check, contract, count, emulator_with, fail, read};

use crate::handles::{changed, sent_last};

struct Play {
    id: String,
    emulator: Emulator,
    own: Client,
    session: Session,
    /// Another client's view of the session.
    other: Session,
    turn: Option<Turn>,
    events: Option<EventStream>,
    kept: HashMap<String, String>,
}

pub(crate) async fn g01_g03_a_turn_outlives_its_process(case: Value) {
    let options = case.get("emulator").cloned().unwrap_or_else(|| json!({}));
    let emulator = emulator_with(options).await;
    let turns = json!({"turns": contract("turn_handles.json")["agent"]});
    emulator.scenario(serde_json::from_value(turns).unwrap());
    let own = client(&emulator);
    let session = own.session().unwrap();
    let other = client(&emulator).continue_session(session.id()).unwrap();
    let mut play = Play {
        id: case["id"].as_str().unwrap().to_owned(),
        emulator,
        own,
        session,
        other,
        turn: None,
        events: None,
        kept: HashMap::new(),
    };
    for step in case["play"].as_array().unwrap() {
        play.step(step).await;
    }
    let sent = count(&play.emulator, "POST", "/sessions/new");
    assert_eq!(json!(sent), case["sent"], "{}: starts", play.id);
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
                let turn = self
                    .session
                    .start_turn(StartTurn::new(text("task")))
                    .await?;
                self.follow(turn);
            }
            "run" => drop(self.session.run_turn(RunTurn::new(text("task"))).await?),
            "run_elsewhere" => drop(self.other.run_turn(RunTurn::new(text("task"))).await?),
            "prepare" => {
                let mut fields = json!({"prompt": step["task"]});
                for (name, value) in step["options"].as_object().into_iter().flatten() {
                    fields[name] = value.clone();
                }
                let start: StartTurn = read(fields, ErrorKind::InvalidRequest)?;
                let handle = self.session.prepare_turn(start).await?;
                self.kept.insert(text("as").to_owned(), handle);
            }
            "keep" => {
                let handle = self.turn().handle();
                assert!(handle.len() <= 200, "{}: {handle}", self.id);
                self.kept.insert(text("as").to_owned(), handle);
            }
            "resume" => self.resume(step).await?,
            "leave" => {
                self.events = None;
                self.turn().close();
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
                let texts: Vec<String> = events.iter().map(Event::text).collect();
                let texts: Vec<&String> = texts.iter().filter(|text| !text.is_empty()).collect();
                assert_eq!(json!(texts), step["expect"], "{}", self.id);
            }
            "result" => {
                let result = self.turn().result(None).await?;
                assert_eq!(json!(result.text), step["expect"], "{}", self.id);
            }
            "message" => {
                let message = TurnMessage::new(text("text"));
                self.turn().send_message(message).await?;
            }
            "sent_was" => {
                let body = sent_last(&self.emulator, "/sessions/new");
                for (name, value) in step["expect"].as_object().unwrap() {
                    assert_eq!(&body[name], value, "{}", self.id);
                }
            }
            "wait" => {
                let running = |turn: sessionwire::raccoon::Message| {
                    turn.ended().unwrap_or(TurnStatus::Running) == TurnStatus::Running
                };
                while self.other.last_turn().await?.is_none_or(running) {}
            }
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
        let turn = client.resume(&handle, options).await?;
        self.follow(turn);
        // What follows is done by the client that has the turn now.
        self.session = client.continue_session(self.session.id())?;
        Ok(())
    }

    fn follow(&mut self, turn: Turn) {
        self.events = None;
        self.turn = Some(turn);
    }

    fn turn(&self) -> &Turn {
        self.turn.as_ref().expect("a turn")
    }

    fn events(&mut self) -> &mut EventStream {
        let turn = self.turn.as_ref().expect("a turn");
        self.events.get_or_insert_with(|| turn.events())
    }
}

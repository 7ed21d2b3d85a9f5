//! The chaos run of turns: sockets cut at random, in each way the service may resume. `tests/chaos/turns.json` says what
//! and how.

use std::path::Path;
use std::time::Instant;

use serde::Deserialize;
use serde_json::{Value, json};
use sessionwire::Batch;
use sessionwire::raccoon::{Client, StartTurn};
use sessionwire_emulator::Emulator;

use crate::chaos::Figures;
use crate::turns::{client, fail, script};
use crate::{count, emulator_with};

/// What every language runs.
#[derive(Debug, Clone, Deserialize)]
pub struct Plan {
    /// The ways the service may resume.
    pub modes: Vec<Mode>,
    cuts: u64,
    between: u64,
    last_id: i64,
    steps: Value,
}

/// One way the service may resume.
#[derive(Debug, Clone, Deserialize)]
pub struct Mode {
    /// What it is called.
    pub name: String,
    emulator: Value,
    replays: bool,
}

/// The plan of all languages.
pub fn plan() -> Plan {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../chaos/turns.json");
    let text = std::fs::read_to_string(path).expect("the plan is there");
    serde_json::from_str(&text).expect("the plan can be read")
}

/// Runs turns in this mode until there were so many cuts.
pub async fn run(plan: &Plan, mode: &Mode, cuts: u64) -> Figures {
    let started = Instant::now();
    let emulator = emulator_with(mode.emulator.clone()).await;
    script(&emulator, json!([{"steps": plan.steps, "once": false}]));
    let client = client(&emulator);
    let mut figures = Figures::default();
    let mut seed = 1;
    while figures.cuts < cuts {
        for cut in 0..plan.cuts {
            // A small generator of one's own: the same cuts in every run.
            seed = seed * 48_271 % 2_147_483_647_u64;
            let after = seed % (plan.between - 1) + 1;
            // What is sent again counts too.
            let sent = u64::from(mode.replays) * cut * (plan.between - 1);
            fail(
                &emulator,
                json!({"on": "socket", "cut_after": sent + after}),
            );
        }
        let (got, sockets) = turn(&client, &emulator).await;
        figures.count(&got, 1..=plan.last_id);
        figures.streams += sockets;
        // Each but the last of a turn's sockets was cut.
        figures.cuts += sockets - 1;
    }
    figures.elapsed = started.elapsed();
    figures
}

/// Runs one turn: the ids of its events as they came, and how many sockets that took.
async fn turn(client: &Client, emulator: &Emulator) -> (Vec<i64>, u64) {
    let session = client.session().expect("the client is open");
    let turn = session
        .start_turn(StartTurn::new("go"))
        .await
        .expect("a turn");
    let mut got = Vec::new();
    loop {
        match turn.queue().try_take(512) {
            Batch::Events(events) => {
                got.extend(events.iter().map(|event| event.id().unwrap_or(-1)));
            }
            Batch::Empty => turn.queue().wait().await,
            Batch::Ended => break,
            Batch::Failed(error) => panic!("{error}"),
        }
    }
    turn.result(None).await.expect("a result");
    let socket = format!("/ws/sessions/{}", session.id());
    let sockets = count(emulator, "GET", &socket) as u64;
    session.delete().await.expect("it is deleted");
    (got, sockets)
}

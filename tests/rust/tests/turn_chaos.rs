//! A turn's socket cut again and again, in each way the service may resume.
//!
//! `SESSIONWIRE_TURN_CUTS=1000` makes the run as long as the claim: 1,000 cuts
//! over 20,000 events in each mode.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use sessionwire::Batch;
use sessionwire::raccoon::StartTurn;
use sessionwire_tests::turns::{client, fail, script};
use sessionwire_tests::{count, emulator_with};

/// Events between two cuts, on average.
const BETWEEN: u64 = 20;

#[tokio::test]
async fn g01_any_cut_of_a_turn_loses_nothing_and_repeats_nothing() {
    let cuts = std::env::var("SESSIONWIRE_TURN_CUTS")
        .map_or(50, |text| text.parse().expect("a number of cuts"));
    for options in [
        json!({"resume": "honoured"}),
        json!({"resume": "ignored"}),
        json!({"resume": "inclusive"}),
        json!({"entry_ids": false}),
    ] {
        run(options, cuts).await;
    }
}

async fn run(options: Value, cuts: u64) {
    let emulator = emulator_with(options.clone()).await;
    let events = cuts * BETWEEN;
    script(
        &emulator,
        json!([{"steps": [
            {"wait_for_socket": true},
            {"repeat": events, "steps": [{"thought": "{n}"}]},
            {"complete": true},
        ]}]),
    );
    let replays = options["resume"] == "ignored";
    let mut seed = 1;
    for cut in 0..cuts {
        // A small generator of one's own: the same cuts in every run.
        seed = seed * 48_271 % 2_147_483_647_u64;
        let jump = seed % (BETWEEN - 1) + 1;
        // What is sent again counts too.
        let after = if replays {
            cut * (BETWEEN - 1) + jump
        } else {
            jump
        };
        fail(&emulator, json!({"on": "socket", "cut_after": after}));
    }
    let session = client(&emulator).session().unwrap();
    let turn = session.start_turn(StartTurn::new("go")).await.unwrap();
    let mut next = 1;
    loop {
        match turn.queue().try_take(512) {
            Batch::Events(events) => {
                for event in events {
                    assert_eq!(event.id(), Some(next), "{options}");
                    next += 1;
                }
            }
            Batch::Empty => turn.queue().wait().await,
            Batch::Ended => break,
            Batch::Failed(error) => panic!("{options}: {error}"),
        }
    }
    assert_eq!(next, i64::try_from(events).unwrap() + 3, "{options}");
    let sockets = count(&emulator, "GET", session.id()) as u64;
    assert!(sockets > cuts / 2, "{options}: only {sockets} sockets");
}

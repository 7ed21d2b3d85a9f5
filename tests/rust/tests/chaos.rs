//! Streams cut at arbitrary bytes: nothing is lost, nothing comes twice.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use serde_json::json;
use sessionwire::agi::StartTask;
use sessionwire_tests::proxy::Cutter;
use sessionwire_tests::{all, build, emulator, ids, script, session};
use tokio::task::JoinSet;

/// Thoughts and steps of the scripted task.
const EVENTS: i64 = 300;
const SEEDS: u64 = 40;

#[tokio::test]
async fn g01_any_cut_loses_nothing_and_repeats_nothing() {
    let mut runs = JoinSet::new();
    for seed in 0..SEEDS {
        runs.spawn(run(seed));
    }
    let streams: u64 = runs.join_all().await.into_iter().sum();
    assert!(
        streams > 2 * SEEDS,
        "only {streams} streams: hardly one was cut"
    );
}

/// Runs one task through a proxy that cuts; gives the number of streams.
async fn run(seed: u64) -> u64 {
    let emulator = emulator().await;
    // Short pauses, so that the task is still at work while the stream breaks.
    script(
        &emulator,
        json!([{"steps": [
            {"repeat": 30, "steps": [
                {"repeat": 9, "steps": [{"thought": "thought {n}"}]},
                {"step": "step {n}"},
                {"delay": 0.002},
            ]},
            {"done": "through"},
        ]}]),
    );
    let cutter = Cutter::start(emulator.url(), seed * 1_000, 12_000).await;
    let options = json!({"base_url": cutter.url, "api_key": emulator.api_key()});
    let client = build(options).unwrap();
    let session = session(&client).await;
    let task = session.start_task(StartTask::new("think")).await.unwrap();
    let events = all(&mut task.events()).await;
    assert_eq!(
        ids(&events),
        (2..=EVENTS + 2).collect::<Vec<_>>(),
        "seed {seed}"
    );
    assert_eq!(
        task.result(None).await.unwrap().text,
        "through",
        "seed {seed}"
    );
    cutter.streams()
}

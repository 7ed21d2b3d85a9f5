//! What may be a mistake is warned of: of Rust in the log.

use serde_json::{Value, json};
use sessionwire::agi::{EventOptions, StartTask};
use sessionwire_tests::{client, emulator, logs, session};

pub(crate) async fn g08_what_may_be_a_mistake(case: Value) {
    let id = case["id"].as_str().unwrap();
    let emulator = emulator().await;
    let session = session(&client(&emulator)).await;
    let types = case["event_types"].as_array().unwrap();
    let types = types.iter().map(|name| name.as_str().unwrap());
    let (options, warned) = logs::warnings_of(|| EventOptions::new().event_types(types));
    assert_eq!(json!(warned), case["warns"], "{id}");
    // They are asked for all the same.
    match case["call"].as_str().unwrap() {
        "events" => drop(session.events(options).unwrap()),
        _ => {
            let mut start = StartTask::new("go");
            start.events = options;
            session.start_task(start).await.unwrap();
        }
    }
}

//! Tasks and turns in the words of AG-UI.

use serde_json::Value;
use sessionwire::agi::{Event, EventType};
use sessionwire::seam::ag_ui::Run;

pub(crate) async fn events(case: Value) {
    let id = case["id"].as_str().unwrap();
    let mut run = Run::new("t", "r");
    let mut told = Vec::new();
    for event in case["task"].as_array().into_iter().flatten() {
        let event_type = EventType::from_name(event["type"].as_str().unwrap());
        let event = Event::new(event_type, event["id"].as_i64(), event["data"].to_string());
        told.extend(run.add(&event));
    }
    for frame in case["turn"].as_array().into_iter().flatten() {
        told.extend(run.add(&Event::from_frame(frame.to_string())));
    }
    told.extend(run.finished());
    let told: Vec<Value> = told
        .iter()
        .map(|event| {
            let mut event: Value = serde_json::from_str(event).unwrap();
            let fields = event.as_object_mut().unwrap();
            if let Some(thread) = fields.remove("threadId") {
                assert_eq!(
                    (thread, fields.remove("runId")),
                    ("t".into(), Some("r".into()))
                );
            }
            event
        })
        .collect();
    assert_eq!(Value::Array(told), case["expect"], "{id}");
}

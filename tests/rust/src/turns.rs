//! The same for turns: a Raccoon client of an emulator.

use serde_json::{Value, json};
use sessionwire::raccoon::{Client, Event, RaccoonConfig, RaccoonOptions};
use sessionwire_emulator::Emulator;

pub use crate::fail;

/// A client of this emulator.
pub fn client(emulator: &Emulator) -> Client {
    client_with(emulator, json!({}))
}

/// A client with some options set.
pub fn client_with(emulator: &Emulator, options: Value) -> Client {
    let mut all = json!({"base_url": emulator.raccoon_url(), "api_key": emulator.api_key()});
    if let (Some(all), Value::Object(options)) = (all.as_object_mut(), options) {
        all.extend(options);
    }
    build(all).expect("the options are right")
}

/// A client from options alone, with an empty environment.
pub fn build(options: Value) -> sessionwire::Result<Client> {
    let options: RaccoonOptions = crate::read(options, sessionwire::ErrorKind::Config)?;
    Client::new(RaccoonConfig::resolve_with(options, &|_| None)?)
}

/// Sets what the agent does in turns.
pub fn script(emulator: &Emulator, turns: Value) {
    emulator.scenario(serde_json::from_value(json!({ "turns": turns })).expect("a scenario"));
}

/// The kinds of events, in their order.
pub fn kinds(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .map(|event| event.event_type().name().to_owned())
        .collect()
}

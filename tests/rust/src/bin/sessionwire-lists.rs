//! Prints the lists that other languages have too, as JSON: for `make generate`.
#![allow(clippy::print_stdout)]

use serde_json::json;
use sessionwire::agi::EventType;
use sessionwire_emulator::Endpoint;

fn main() {
    let endpoints: Vec<_> = Endpoint::all()
        .map(|endpoint| {
            let requests: Vec<_> = endpoint.requests().collect();
            json!({"name": endpoint.name(), "requests": requests})
        })
        .collect();
    let events: Vec<_> = EventType::KNOWN
        .iter()
        .map(|(kind, word, from)| json!({"name": kind.name(), "word": word, "from": from}))
        .collect();
    println!("{:#}", json!({"endpoints": endpoints, "events": events}));
}

//! The worlds of keys.

use super::body::{Answer, bad, json, nothing, ok, with_status};
use super::subject::Subject;
use super::{faults, scenario};
use crate::clock::Clock;
use crate::errors::ApiError;
use crate::options::Unmatched;
use crate::saved;
use crate::scenario::Playing;
use crate::state::Server;
use crate::sync::lock;
use crate::world::{Made, World};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What is told of a world.
fn told(server: &Server, world: &World) -> Value {
    json!({
        "key": world.key,
        "url": server.url,
        "raccoon_url": server.url,
        "live_url": server.index.url(),
        "clock": world.clock(),
        "unmatched": world.on_unmatched(),
        "sessions": server.sessions_of(world).len(),
        "open_streams": world.open_streams.load(Ordering::Acquire),
        "requests": lock(&world.requests).len(),
        "faults": lock(&world.faults).list().len(),
        "waits": world.waits.load(Ordering::Acquire),
    })
}

pub(super) async fn list(State(server): State<Arc<Server>>) -> Answer {
    let worlds = server.worlds.all();
    let worlds: Vec<Value> = worlds.iter().map(|world| told(&server, world)).collect();
    ok(&json!({ "worlds": worlds }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    key: Option<String>,
    /// A scenario, or its text.
    scenario: Option<Value>,
    /// A fault or a list of them.
    faults: Option<Value>,
    clock: Option<Clock>,
    unmatched: Option<Unmatched>,
}

/// Makes a world with what is given, or finds it and sets that. Nothing is made of a body that cannot be used.
pub(super) async fn make(State(server): State<Arc<Server>>, body: Bytes) -> Answer {
    let new: New = json(&body)?;
    let read = match &new.scenario {
        None => None,
        Some(Value::String(text)) => Some(scenario::read(text)?),
        Some(value) => Some(scenario::read_data(value)?),
    };
    let (scenario, warnings) = read.unzip();
    let injected = new.faults.map(faults::from_json).transpose()?;
    let made = Made {
        scenario,
        faults: injected.unwrap_or_default(),
        clock: new.clock,
        unmatched: new.unmatched,
    };
    let (world, is_new) = server
        .open_world(new.key.as_deref(), made.clone())
        .map_err(|error| bad(format!("`key`: {error}")))?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        if let Some(scenario) = made.scenario {
            *lock(&world.playing) = Playing::new(scenario);
        }
        faults::inject(&world, made.faults)?;
        if let Some(clock) = made.clock {
            world.set_clock(clock);
        }
        if let Some(unmatched) = made.unmatched {
            world.set_unmatched(unmatched);
        }
        StatusCode::OK
    };
    let mut told = told(&server, &world);
    if let Some(mut warnings) = warnings {
        if world.on_unmatched() == Unmatched::Error {
            warnings.extend(new.scenario.iter().flat_map(scenario::empty_lists));
        }
        told["warnings"] = warnings.into();
    }
    with_status(status, &told)
}

pub(super) async fn show(subject: Subject) -> Answer {
    ok(&told(&subject.server, &subject.world))
}

/// Forgets the world of a key, with its sessions.
pub(super) async fn end(subject: Subject) -> Answer {
    let Some(key) = &subject.world.key else {
        let detail = "The default world stays as long as the emulator. Name a key in X-Emulator-Key, or set this world back \
                      with POST /_emulator/v1/reset";
        return Err(ApiError::new(StatusCode::CONFLICT, detail));
    };
    subject.server.forget_world(key);
    nothing()
}

pub(super) async fn reset(subject: Subject) -> Answer {
    saved::reset(&subject.server, &subject.world).map_err(|why| {
        let detail = format!(
            "The world is empty: what the seed has for it cannot be there again, since {why}"
        );
        ApiError::new(StatusCode::CONFLICT, detail)
    })?;
    nothing()
}

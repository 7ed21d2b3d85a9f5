//! How time passes.

use super::body::{Answer, bad, json, ok};
use super::subject::Subject;
use crate::clock::Clock;
use crate::errors::ApiError;
use crate::world::World;
use axum::body::Bytes;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Setting {
    clock: Clock,
}

/// The longest jump: a hundred years.
const LONGEST: f64 = 100.0 * 366.0 * 86_400.0;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Jump {
    seconds: f64,
    session_id: Option<String>,
}

pub(super) async fn show(subject: Subject) -> Answer {
    shown(&subject.world)
}

pub(super) async fn set(subject: Subject, body: Bytes) -> Answer {
    let setting: Setting = json(&body)?;
    subject.world.set_clock(setting.clock);
    shown(&subject.world)
}

fn shown(world: &World) -> Answer {
    ok(&Setting {
        clock: world.clock(),
    })
}

/// Moves the time of the sessions that are on a fast clock.
pub(super) async fn advance(subject: Subject, body: Bytes) -> Answer {
    let Jump {
        seconds,
        session_id,
    } = json(&body)?;
    if !(0.0..=LONGEST).contains(&seconds) {
        return Err(bad(format!(
            "`seconds` is {seconds}; time moves forwards, by at most 100 years"
        )));
    }
    let by = Duration::from_secs_f64(seconds);
    let moved = subject
        .server
        .advance(&subject.world, session_id.as_deref(), by);
    if moved == 0 {
        let detail = "No session here is on a fast clock, and a real one cannot be moved. Set the clock with PUT \
                      /_emulator/v1/clock and {\"clock\": \"fast\"}, then create the session";
        return Err(ApiError::new(StatusCode::CONFLICT, detail));
    }
    ok(&json!({ "sessions": moved }))
}

//! What the agent does.

use super::body::{Answer, bad, nothing, ok, text};
use super::subject::Subject;
use crate::errors::json_response;
use crate::scenario::{Playing, Scenario};
use crate::sync::lock;
use axum::body::Bytes;
use axum::http::StatusCode;
use serde_json::json;

pub(super) async fn show(subject: Subject) -> Answer {
    let text = lock(&subject.world.playing).scenario().to_json();
    Ok(json_response(StatusCode::OK, text))
}

/// A scenario as JSON or YAML, whatever the content type says.
pub(super) async fn set(subject: Subject, body: Bytes) -> Answer {
    let scenario = Scenario::from_text(text(&body)?)
        .map_err(|error| bad(format!("The scenario cannot be used: {error}")))?;
    let (tasks, turns) = (scenario.tasks.len(), scenario.turns.len());
    *lock(&subject.world.playing) = Playing::new(scenario);
    ok(&json!({ "tasks": tasks, "turns": turns }))
}

pub(super) async fn clear(subject: Subject) -> Answer {
    *lock(&subject.world.playing) = Playing::new(Scenario::default());
    nothing()
}

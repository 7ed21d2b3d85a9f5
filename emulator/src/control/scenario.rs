//! What the agent does.

use super::body::{Answer, bad, nothing, ok, text};
use super::subject::Subject;
use crate::errors::{ApiError, json_response};
use crate::options::Unmatched;
use crate::scenario::{Playing, Scenario, ScenarioProblem};
use crate::sync::lock;
use axum::body::Bytes;
use axum::http::StatusCode;
use serde_json::{Value, json};

pub(super) async fn show(subject: Subject) -> Answer {
    let text = lock(&subject.world.playing).scenario().to_json();
    Ok(json_response(StatusCode::OK, text))
}

/// A scenario as JSON or YAML, whatever the content type says.
pub(super) async fn set(subject: Subject, body: Bytes) -> Answer {
    let text = text(&body)?;
    let (scenario, mut warnings) = read(text)?;
    if subject.world.on_unmatched() == Unmatched::Error {
        warnings.extend(Scenario::empty_lists(text).iter().map(told));
    }
    let (tasks, turns) = (scenario.tasks.len(), scenario.turns.len());
    *lock(&subject.world.playing) = Playing::new(scenario);
    ok(&json!({ "tasks": tasks, "turns": turns, "warnings": warnings }))
}

/// A scenario in a text, and what of it can never play.
pub(super) fn read(text: &str) -> Result<(Scenario, Vec<Value>), ApiError> {
    let (scenario, warnings) = Scenario::check(text).map_err(|error| {
        let problems: Vec<Value> = error.problems().iter().map(told).collect();
        bad(format!("The scenario cannot be used: {error}")).with("problems", problems)
    })?;
    Ok((scenario, warnings.iter().map(told).collect()))
}

/// The same of data, which has no lines.
pub(super) fn read_data(value: &Value) -> Result<(Scenario, Vec<Value>), ApiError> {
    let (scenario, warnings) = Scenario::check_data(value).map_err(|error| {
        let problems: Vec<Value> = error.problems().iter().map(told).collect();
        bad(format!("The scenario cannot be used: {error}")).with("problems", problems)
    })?;
    Ok((scenario, warnings.iter().map(told).collect()))
}

/// What a scenario in a body leaves to the built-in agent by an empty list.
pub(super) fn empty_lists(value: &Value) -> Vec<Value> {
    let found = match value {
        Value::String(text) => Scenario::empty_lists(text),
        value => Scenario::empty_lists_of_data(value),
    };
    found.iter().map(told).collect()
}

fn told(problem: &ScenarioProblem) -> Value {
    json!({
        "place": problem.place,
        "line": problem.line,
        "column": problem.column,
        "message": problem.problem,
    })
}

pub(super) async fn clear(subject: Subject) -> Answer {
    *lock(&subject.world.playing) = Playing::new(Scenario::default());
    nothing()
}

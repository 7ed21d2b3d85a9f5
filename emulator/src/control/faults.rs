//! Failures on demand.

use super::body::{Answer, bad, nothing, ok, text};
use super::subject::Subject;
use crate::errors::ApiError;
use crate::faults::Fault;
use crate::plain::plain;
use crate::sync::lock;
use crate::world::World;
use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use serde_json::{Value, json};

pub(super) async fn list(subject: Subject) -> Answer {
    listed(&subject.world)
}

/// Adds all of them, or none.
pub(super) async fn add(subject: Subject, body: Bytes) -> Answer {
    let faults = read(text(&body)?)?;
    inject(&subject.world, faults)?;
    listed(&subject.world)
}

/// Takes all back, or the one of the query.
pub(super) async fn clear(subject: Subject, RawQuery(query): RawQuery) -> Answer {
    let query = query.unwrap_or_default();
    let mut fields = url::form_urlencoded::parse(query.as_bytes());
    let mut waiting = lock(&subject.world.faults);
    match fields.find(|(name, _)| name == "fault") {
        None => waiting.clear(),
        Some((_, text)) if waiting.remove(text.trim()) => {}
        Some((_, text)) => {
            let all = waiting.list();
            let all: Vec<String> = all.iter().map(|fault| format!("`{fault}`")).collect();
            let waits = match all.len() {
                0 => "None does".to_owned(),
                _ => format!("Name one of {}", all.join(", ")),
            };
            let detail = format!("The fault `{text}` does not wait here. {waits}");
            return Err(ApiError::new(StatusCode::NOT_FOUND, detail));
        }
    }
    nothing()
}

fn listed(world: &World) -> Answer {
    let faults = lock(&world.faults).list();
    let faults: Vec<Value> = faults
        .iter()
        .map(|fault| json!({ "text": fault.to_string(), "fault": fault }))
        .collect();
    ok(&json!({ "faults": faults }))
}

pub(super) fn inject(world: &World, faults: Vec<Fault>) -> Result<(), ApiError> {
    let mut waiting = lock(&world.faults);
    for fault in faults {
        let added = waiting.add(fault);
        added.map_err(|error| bad(format!("The fault cannot be used: {error}")))?;
    }
    Ok(())
}

/// JSON (a fault, or a list), or lines of text; every one of them can be used.
fn read(body: &str) -> Result<Vec<Fault>, ApiError> {
    let faults = match serde_json::from_str::<Value>(body) {
        Ok(value) => from_json(value)?,
        Err(error) if body.trim_start().starts_with(['[', '"']) => {
            let why = plain(&error.to_string());
            return Err(bad(format!("The faults cannot be read: {why}")));
        }
        Err(_) => Fault::read_lines(body).map_err(|error| bad(error.to_string()))?,
    };
    if faults.is_empty() {
        return Err(bad(
            "The body holds no fault. Send one as text, `create status=503`, or as JSON: {\"on\": \"create\", \"status\": 503}",
        ));
    }
    Ok(faults)
}

/// One fault or a list of them, each in either form.
pub(super) fn from_json(value: Value) -> Result<Vec<Fault>, ApiError> {
    let all = match value {
        Value::Array(all) => all,
        one => vec![one],
    };
    let read = |(index, value): (usize, Value)| {
        let at = |error: &dyn std::fmt::Display| bad(format!("faults[{index}]: {error}"));
        let fault: Fault =
            serde_json::from_value(value).map_err(|error| at(&plain(&error.to_string())))?;
        fault.validate().map_err(|error| at(&error))?;
        Ok(fault)
    };
    all.into_iter().enumerate().map(read).collect()
}

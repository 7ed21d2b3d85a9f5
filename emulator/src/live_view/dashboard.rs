//! The dashboard: what the emulator received and sent, and faults to press: those of the default world.
//! Only the secret of the index opens it.

use super::visitor::{Place, Visitor};
use crate::errors::ApiError;
use crate::faults::Fault;
use crate::keys::masked;
use crate::requests::CapturedRequest;
use crate::state::Server;
use crate::sync::lock;
use crate::world::World;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// How many requests and webhooks are shown.
const SHOWN: usize = 100;
/// As many worlds are shown.
const WORLDS: usize = 50;
/// As much of a body is shown.
const BODY: usize = 4000;

/// What changes about the dashboard, for the feed of the index.
pub(super) fn counts(server: &Server) -> Value {
    let world = server.worlds.default_world();
    let requests = *lock(&world.requests).changes().borrow();
    let faults: Vec<String> = lock(&world.faults)
        .list()
        .iter()
        .map(ToString::to_string)
        .collect();
    let webhooks = world.webhooks.version();
    let worlds = server.worlds.all();
    let worlds = worlds.iter().take(WORLDS).map(|world| told(server, world));
    json!({ "requests": requests, "webhooks": webhooks, "faults": faults, "worlds": worlds.collect::<Vec<_>>() })
}

/// A world in numbers. Its key stays a secret: whoever sees it could work with it.
fn told(server: &Server, world: &World) -> Value {
    let keys = server.keys_of(world);
    let turned: usize = {
        let accounts = lock(&server.raccoon);
        let accounts = keys.iter().filter_map(|key| accounts.get(key));
        accounts.map(|account| account.sessions().count()).sum()
    };
    json!({
        "key": world.key.as_deref().map(masked),
        "sessions": server.sessions_of(world).len() + turned,
        "requests": lock(&world.requests).len(),
        "faults": lock(&world.faults).list().len(),
    })
}

/// The newest requests, the newest first.
pub(super) async fn requests(State(server): State<Arc<Server>>, visitor: Visitor) -> ApiResult {
    of_index(&visitor)?;
    let newest = lock(&server.worlds.default_world().requests).newest(SHOWN);
    let rows: Vec<Value> = newest.iter().rev().map(request).collect();
    answer(&json!(rows))
}

fn request(request: &CapturedRequest) -> Value {
    json!({
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "status": request.status,
        "at": request.received_at,
        "headers": request.headers,
        "body": request.body.chars().take(BODY).collect::<String>(),
        "cut": request.body.chars().nth(BODY).is_some(),
    })
}

/// The newest attempts to deliver webhooks, the newest first.
pub(super) async fn webhooks(State(server): State<Arc<Server>>, visitor: Visitor) -> ApiResult {
    of_index(&visitor)?;
    let attempts = server.worlds.default_world().webhooks.attempts();
    let newest: Vec<_> = attempts.iter().rev().take(SHOWN).collect();
    answer(&json!(newest))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Again {
    event: String,
    session_id: String,
}

/// Sends the newest webhook of this event and session once more, with the same body.
pub(super) async fn replay(
    State(server): State<Arc<Server>>,
    visitor: Visitor,
    body: Bytes,
) -> ApiResult {
    of_index(&visitor)?;
    let refused = |status, why: String| ApiError::new(status, why);
    let again: Again = serde_json::from_slice(&body).map_err(|error| {
        let why = format!("Send {{\"event\": .., \"session_id\": ..}}: {error}");
        refused(StatusCode::UNPROCESSABLE_ENTITY, why)
    })?;
    let world = server.worlds.default_world();
    let sent = server.replay(world, Some(&again.event), Some(&again.session_id));
    sent.ok_or_else(|| {
        let why = "The emulator has forgotten this webhook. It keeps the newest; make the session send another";
        refused(StatusCode::NOT_FOUND, why.to_owned())
    })?;
    answer(&json!({ "success": true }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewFault {
    fault: String,
}

/// Injects a fault that is written as on the command line.
pub(super) async fn add_fault(
    State(server): State<Arc<Server>>,
    visitor: Visitor,
    body: Bytes,
) -> ApiResult {
    of_index(&visitor)?;
    let refused = |why: String| ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, why);
    let new: NewFault = serde_json::from_slice(&body).map_err(|error| {
        refused(format!(
            "Send {{\"fault\": \"events cut_after=1\"}}: {error}"
        ))
    })?;
    let fault: Fault = new
        .fault
        .parse()
        .map_err(|error| refused(format!("{error}")))?;
    lock(&server.worlds.default_world().faults)
        .add(fault)
        .map_err(|error| refused(error.to_string()))?;
    answer(&json!({ "success": true }))
}

/// Takes back all faults.
pub(super) async fn clear_faults(State(server): State<Arc<Server>>, visitor: Visitor) -> ApiResult {
    of_index(&visitor)?;
    lock(&server.worlds.default_world().faults).clear();
    answer(&json!({ "success": true }))
}

type ApiResult = Result<Response, ApiError>;

fn of_index(visitor: &Visitor) -> Result<(), ApiError> {
    match visitor.place {
        Place::Index => Ok(()),
        Place::Session { .. } => Err(ApiError::new(
            StatusCode::NOT_FOUND,
            "The page of a session opens no dashboard: take the address of the live view",
        )),
    }
}

fn answer(value: &Value) -> ApiResult {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    Ok((kind, value.to_string()).into_response())
}

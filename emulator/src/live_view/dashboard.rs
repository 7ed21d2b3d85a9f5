//! The dashboard: what the emulator received and sent, and faults to press, of the world that is looked at.
//! Only the secret of the index opens it.

use super::visitor::{Place, Visitor};
use crate::errors::ApiError;
use crate::faults::Fault;
use crate::keys::hinted;
use crate::requests::{CapturedRequest, Unanswered};
use crate::state::Server;
use crate::sync::lock;
use crate::world::World;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// How many requests and webhooks are shown.
const SHOWN: usize = 100;
/// As many worlds are shown.
const WORLDS: usize = 500;
/// As much of a body is shown.
const BODY: usize = 4000;

/// The worlds, and what changes about each, for the feed of the index.
pub(super) fn worlds(server: &Server) -> Value {
    let worlds = server.worlds.all();
    let told = worlds.iter().take(WORLDS).map(|world| told(server, world));
    json!({ "total": worlds.len(), "worlds": told.collect::<Vec<_>>() })
}

/// A world in numbers. Its key stays a secret: whoever sees it could work with it.
fn told(server: &Server, world: &World) -> Value {
    let keys = server.keys_of(world);
    let turned: usize = {
        let accounts = lock(&server.raccoon);
        let accounts = keys.iter().filter_map(|key| accounts.get(key));
        accounts.map(|account| account.sessions().count()).sum()
    };
    let faults = lock(&world.faults).list();
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    let (requests, changes) = {
        let log = lock(&world.requests);
        let changes = *log.changes().borrow();
        (log.len(), changes)
    };
    json!({
        "number": world.number,
        "name": name(world),
        "sessions": server.sessions_of(world).len() + turned,
        "requests": requests,
        "faults": faults,
        // Another text whenever a list of it is another one.
        "versions": { "requests": changes, "webhooks": world.webhooks.version() },
    })
}

/// What a person calls a world.
pub(super) fn name(world: &World) -> String {
    match &world.key {
        None => "Default world".to_owned(),
        Some(key) => format!("World {}, {}", world.number, hinted(key)),
    }
}

/// Which world is looked at; without a number the default one.
#[derive(Default, Deserialize)]
pub(super) struct Looked {
    #[serde(default)]
    world: usize,
}

/// The same of a query: `world=2`.
fn world_of(query: Option<&str>) -> Result<usize, ApiError> {
    let mut fields = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let Some((_, number)) = fields.find(|(name, _)| name == "world") else {
        return Ok(0);
    };
    number.parse().map_err(|_| {
        let why = format!("`world` is {number:?}; it is the number of a world");
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, why)
    })
}

fn find(server: &Server, number: usize) -> Result<Arc<World>, ApiError> {
    let mut worlds = server.worlds.all().into_iter();
    let found = worlds.find(|world| world.number == number);
    found.ok_or_else(|| {
        let why = "This world has ended. Choose another one at the top of the page";
        ApiError::new(StatusCode::NOT_FOUND, why)
    })
}

/// The newest requests, the newest first.
pub(super) async fn requests(
    State(server): State<Arc<Server>>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> ApiResult {
    of_index(&visitor)?;
    let newest = lock(&find(&server, world_of(query.as_deref())?)?.requests).newest(SHOWN);
    let rows: Vec<Value> = newest.iter().rev().map(request).collect();
    answer(&json!(rows))
}

fn request((number, request): &(u64, CapturedRequest)) -> Value {
    json!({
        "number": number,
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "status": request.status,
        "unanswered": request.unanswered.map(Unanswered::word),
        "at": request.received_at,
        "headers": request.headers,
        "body": request.body.chars().take(BODY).collect::<String>(),
        "cut": request.body.chars().nth(BODY).is_some(),
    })
}

/// The newest attempts to deliver webhooks, the newest first.
pub(super) async fn webhooks(
    State(server): State<Arc<Server>>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> ApiResult {
    of_index(&visitor)?;
    let attempts = find(&server, world_of(query.as_deref())?)?
        .webhooks
        .attempts();
    let newest = attempts.iter().rev().take(SHOWN).map(|attempt| {
        json!({
            "event": attempt.event,
            "session_id": attempt.session_id,
            "attempt": attempt.attempt,
            "at": attempt.at,
            "outcome": attempt.outcome,
            "status": attempt.status,
            "error": attempt.error,
        })
    });
    answer(&json!(newest.collect::<Vec<_>>()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Again {
    event: String,
    session_id: String,
    #[serde(default)]
    world: usize,
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
    let world = find(&server, again.world)?;
    let sent = server.replay(&world, Some(&again.event), Some(&again.session_id));
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
    #[serde(default)]
    world: usize,
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
    lock(&find(&server, new.world)?.faults)
        .add(fault)
        .map_err(|error| refused(error.to_string()))?;
    answer(&json!({ "success": true }))
}

/// Takes one fault back, by its text.
pub(super) async fn remove_fault(
    State(server): State<Arc<Server>>,
    visitor: Visitor,
    body: Bytes,
) -> ApiResult {
    of_index(&visitor)?;
    let old: NewFault = serde_json::from_slice(&body).map_err(|error| {
        let why = format!("Send {{\"fault\": \"events cut_after=1\"}}: {error}");
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, why)
    })?;
    if !lock(&find(&server, old.world)?.faults).remove(&old.fault) {
        let why = "This fault does not wait any more: it has struck, or was taken back";
        return Err(ApiError::new(StatusCode::NOT_FOUND, why));
    }
    answer(&json!({ "success": true }))
}

/// Takes back all faults.
pub(super) async fn clear_faults(
    State(server): State<Arc<Server>>,
    visitor: Visitor,
    body: Bytes,
) -> ApiResult {
    of_index(&visitor)?;
    let looked: Looked = if body.is_empty() {
        Looked::default()
    } else {
        serde_json::from_slice(&body).map_err(|error| {
            let why = format!("Send {{\"world\": 0}}, or nothing: {error}");
            ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, why)
        })?
    };
    lock(&find(&server, looked.world)?.faults).clear();
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

//! The AGI API: its endpoints, sessions and streams.

pub(crate) mod account;
mod front;
pub(crate) mod log;
mod models;
mod routes;
pub(crate) mod session;
mod stream;
mod validate;

pub(crate) use front::refuse;
pub(crate) use models::SessionStatus;
pub(crate) use routes::{delete_session, read_message};

use crate::errors;
use crate::state::Server;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};
use std::sync::Arc;

/// The routes, for the answer to a request that has none.
const ROUTES: [&str; 15] = [
    "POST /v1/sessions",
    "GET /v1/sessions",
    "GET /v1/sessions/{session_id}",
    "DELETE /v1/sessions/{session_id}",
    "DELETE /v1/sessions",
    "POST /v1/sessions/{session_id}/message",
    "GET /v1/sessions/{session_id}/status",
    "GET /v1/sessions/{session_id}/messages",
    "GET /v1/sessions/{session_id}/events",
    "POST /v1/sessions/{session_id}/pause",
    "POST /v1/sessions/{session_id}/resume",
    "POST /v1/sessions/{session_id}/cancel",
    "POST /v1/sessions/{session_id}/navigate",
    "GET /v1/sessions/{session_id}/screenshot",
    "GET /v1/models",
];

/// All endpoints, with the recording of requests and the faults in front of them.
pub(crate) fn router(server: &Arc<Server>) -> Router {
    let session = "/v1/sessions/{session_id}";
    let below = |name: &str| format!("{session}/{name}");
    Router::new()
        .route(
            "/v1/sessions",
            post(routes::create)
                .get(routes::list)
                .merge(delete(routes::delete_all)),
        )
        .route(session, get(routes::get).merge(delete(routes::delete)))
        .route(&below("message"), post(routes::message))
        .route(&below("status"), get(routes::status))
        .route(&below("messages"), get(routes::messages))
        .route(&below("events"), get(stream::events))
        .route(&below("pause"), post(routes::pause))
        .route(&below("resume"), post(routes::resume))
        .route(&below("cancel"), post(routes::cancel))
        .route(&below("navigate"), post(routes::navigate))
        .route(&below("screenshot"), get(routes::screenshot))
        .route("/v1/models", get(routes::models))
        .fallback(front::no_route)
        .method_not_allowed_fallback(front::no_method)
        .layer(from_fn_with_state(server.clone(), front::front))
        .with_state(server.clone())
}

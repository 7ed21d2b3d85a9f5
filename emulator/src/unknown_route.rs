//! The refusal of a request that no route is for, with the routes that there are.

use crate::errors::ApiError;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

const AGI: [&str; 15] = [
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

const RACCOON: [&str; 7] = [
    "POST /sessions/new",
    "GET /sessions",
    "GET /sessions/{session_id}",
    "PUT /sessions/{session_id}/title",
    "DELETE /sessions/{session_id}",
    "PUT /media/upload",
    "GET /ws/sessions/{session_id}",
];

/// No such path.
pub(crate) async fn no_route(method: Method, uri: Uri) -> Response {
    refuse(StatusCode::NOT_FOUND, &method, uri.path())
}

/// The path exists, but not with this method.
pub(crate) async fn no_method(method: Method, uri: Uri) -> Response {
    refuse(StatusCode::METHOD_NOT_ALLOWED, &method, uri.path())
}

fn refuse(status: StatusCode, method: &Method, path: &str) -> Response {
    tracing::warn!(%method, path, "the emulator has no such route");
    let hint = if path.starts_with("/v1/") {
        "check the method and the path"
    } else {
        "AGI's routes are below /v1"
    };
    let routes = [&AGI[..], &RACCOON].concat();
    let detail = format!(
        "The emulator has no route {method} {path}; {hint}. It has: {}",
        routes.join(", ")
    );
    ApiError::new(status, detail)
        .with("routes", routes)
        .into_response()
}

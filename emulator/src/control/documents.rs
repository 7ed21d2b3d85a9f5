//! What needs no token: whether the emulator lives, and the description of the API.

use super::body::{Answer, ok};
use crate::errors::json_response;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

/// The OpenAPI 3.1 document of the control API, as JSON.
pub const CONTROL_OPENAPI: &str = include_str!("../../control.openapi.json");

/// Where its routes are.
pub(crate) const CONTROL_PATH: &str = "/_emulator/v1";

pub(super) async fn health() -> Answer {
    ok(&json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
}

pub(super) async fn openapi() -> Response {
    json_response(StatusCode::OK, CONTROL_OPENAPI)
}

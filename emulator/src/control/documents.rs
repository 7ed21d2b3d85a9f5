//! What needs no token: whether the emulator lives, and the description of the API.

use super::body::{Answer, ok};
use crate::errors::json_response;
use crate::state::Server;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use std::sync::Arc;

/// The OpenAPI 3.1 document of the control API, as JSON.
pub const CONTROL_OPENAPI: &str = include_str!("../../control.openapi.json");

/// Where its routes are.
pub(crate) const CONTROL_PATH: &str = "/_emulator/v1";

pub(super) async fn health(State(server): State<Arc<Server>>) -> Answer {
    ok(&json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION"), "state": state(&server) }))
}

/// Whether what it holds is kept; null: nobody asked for that. Without the folder, which is for those with the token.
fn state(server: &Server) -> Value {
    let Some(folder) = &server.kept else {
        return Value::Null;
    };
    match folder.unkept() {
        None => json!({ "kept": true }),
        Some(unkept) => json!({ "kept": false, "since": unkept.since, "why": unkept.why }),
    }
}

pub(super) async fn openapi() -> Response {
    json_response(StatusCode::OK, CONTROL_OPENAPI)
}

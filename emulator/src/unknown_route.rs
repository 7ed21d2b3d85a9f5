//! The refusal of a request that no route is for, with the routes that there are.

use crate::errors::ApiError;
use crate::faults::Endpoint;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

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
    // Without what is there on request only.
    let always = Endpoint::all().filter(|endpoint| *endpoint != Endpoint::AbortTurn);
    let (agi, raccoon): (Vec<_>, Vec<_>) = always
        .flat_map(Endpoint::requests)
        .partition(|request| request.contains(" /v1/"));
    let routes = [agi, raccoon].concat();
    let detail = format!(
        "The emulator has no route {method} {path}; {hint}. It has: {}",
        routes.join(", ")
    );
    ApiError::new(status, detail)
        .with("routes", routes)
        .into_response()
}

//! The routes.

use super::bounds::bound;
use super::documents::CONTROL_PATH;
use super::guard::{ControlToken, guard};
use super::{
    clock, documented, documents, ended, faults, requests, scenario, state, webhooks, worlds,
};
use crate::errors::ApiError;
use crate::state::Server;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, delete, get, post, put};
use std::sync::Arc;

type Route = (&'static str, &'static str, MethodRouter<Arc<Server>>);

/// All of them: method, path below [`CONTROL_PATH`], and who responds.
fn routes() -> Vec<Route> {
    vec![
        ("get", "/health", get(documents::health)),
        ("get", "/openapi", get(documents::openapi)),
        ("get", "/worlds", get(worlds::list)),
        ("post", "/worlds", post(worlds::make)),
        ("get", "/world", get(worlds::show)),
        ("delete", "/world", delete(worlds::end)),
        ("post", "/reset", post(worlds::reset)),
        ("get", "/scenario", get(scenario::show)),
        ("put", "/scenario", put(scenario::set)),
        ("delete", "/scenario", delete(scenario::clear)),
        ("get", "/faults", get(faults::list)),
        ("post", "/faults", post(faults::add)),
        ("delete", "/faults", delete(faults::clear)),
        ("get", "/requests", get(requests::list)),
        ("delete", "/requests", delete(requests::clear)),
        ("post", "/requests/wait", post(requests::wait)),
        ("get", "/webhooks", get(webhooks::list)),
        ("delete", "/webhooks", delete(webhooks::clear)),
        ("post", "/webhooks/wait", post(webhooks::wait)),
        ("post", "/webhooks/replay", post(webhooks::replay)),
        ("post", "/webhooks/trigger", post(webhooks::trigger)),
        ("get", "/timeline", get(ended::timeline)),
        ("get", "/unplayed", get(ended::unplayed)),
        ("get", "/clock", get(clock::show)),
        ("put", "/clock", put(clock::set)),
        ("post", "/clock/advance", post(clock::advance)),
        ("get", "/state", get(state::export)),
        ("put", "/state", put(state::import)),
    ]
}

/// The control API, or, without a token, the refusal that says how to turn it on.
pub(crate) fn router(server: &Arc<Server>, token: Option<ControlToken>) -> Router {
    let rest = "/_emulator/{*rest}";
    let Some(token) = token else {
        return Router::new().route(rest, any(off));
    };
    let mut router = Router::new();
    for (_, path, method) in routes() {
        router = router.route(&format!("{CONTROL_PATH}{path}"), method);
    }
    router
        .route(rest, any(unknown))
        .method_not_allowed_fallback(no_method)
        // `bound` has the limit of each.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn(documented::check))
        .layer(from_fn(bound))
        .layer(from_fn_with_state((token, server.url.clone()), guard))
        .with_state(server.clone())
}

async fn off() -> Response {
    let detail = "The control API is off. Start the emulator with --control, or with control=True in its options";
    ApiError::new(StatusCode::NOT_FOUND, detail).into_response()
}

async fn unknown(method: Method, uri: Uri) -> Response {
    let known: Vec<String> = routes()
        .iter()
        .map(|(method, path, _)| format!("{} {CONTROL_PATH}{path}", method.to_uppercase()))
        .collect();
    let path = uri.path();
    let detail = format!(
        "The control API has no {method} {path}. {CONTROL_PATH}/openapi describes what it has: {}",
        known.join(", ")
    );
    ApiError::new(StatusCode::NOT_FOUND, detail).into_response()
}

/// The path is there, and the router puts its methods in `Allow`.
async fn no_method(method: Method, uri: Uri) -> Response {
    let path = uri.path();
    let below = path.strip_prefix(CONTROL_PATH).unwrap_or_default();
    let known = routes().into_iter().filter(|(_, path, _)| *path == below);
    let known: Vec<String> = known
        .map(|(method, path, _)| format!("{} {CONTROL_PATH}{path}", method.to_uppercase()))
        .collect();
    let detail = format!(
        "The control API has {path}, but not with {method}. Use {}",
        known.join(" or ")
    );
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, detail).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeSet;

    #[test]
    fn every_route_is_documented_and_every_documented_route_is_there() {
        let document: Value = serde_json::from_str(documents::CONTROL_OPENAPI).unwrap();
        let documented: BTreeSet<(String, String)> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().unwrap().keys();
                let methods = methods.filter(|name| *name != "parameters");
                methods.map(|method| (method.clone(), path.clone()))
            })
            .collect();
        let there: BTreeSet<(String, String)> = routes()
            .into_iter()
            .map(|(method, path, _)| (method.to_owned(), path.to_owned()))
            .collect();
        assert_eq!(documented, there);
        assert_eq!(document["servers"][0]["url"], CONTROL_PATH);
    }
}

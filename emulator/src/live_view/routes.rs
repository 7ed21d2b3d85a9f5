//! The pages, and what they call.

use super::visitor::{self, HTML, Place, Visitor};
use super::{dashboard, feed};
use crate::agi;
use crate::errors::ApiError;
use crate::state::Server;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get, post};
use serde_json::json;
use std::sync::Arc;

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The pages and what they call.
pub(crate) fn router(server: &Arc<Server>) -> Router {
    let below = |name: &str| format!("/live/{{secret}}/{name}");
    Router::new()
        .route("/live/{secret}", get(to_folder))
        .route("/live/{secret}/", get(page))
        .route(&below("live.css"), get(style))
        .route(&below("live.js"), get(shared))
        .route(&below("page.js"), get(script))
        .route(&below("icon.svg"), get(icon))
        .route(&below("feed"), get(feed::feed))
        .route(&below("picture"), get(picture))
        .route(&below("message"), post(message))
        .route(&below("pause"), post(pause))
        .route(&below("resume"), post(resume))
        .route(&below("cancel"), post(cancel))
        .route(&below("delete"), post(delete))
        .route(&below("requests"), get(dashboard::requests))
        .route(&below("webhooks"), get(dashboard::webhooks))
        .route(&below("replay"), post(dashboard::replay))
        .route(&below("faults"), post(dashboard::add_fault))
        .route(&below("remove-fault"), post(dashboard::remove_fault))
        .route(&below("clear-faults"), post(dashboard::clear_faults))
        // Anything else is answered here too: a path with a secret in it must not reach the record of requests.
        .route(&below("{*rest}"), any(visitor::no_page))
        .route("/live", any(visitor::no_page))
        .route("/live/", any(visitor::no_page))
        .layer(map_response(guarded))
        .with_state(server.clone())
}

/// What the browser may do with these pages: run their own script, and nothing that came with a task or a page.
async fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (
            "content-security-policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    response
}

fn file(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// The pages name their files relative to their folder.
async fn to_folder(visitor: Visitor) -> Redirect {
    Redirect::temporary(&format!("/live/{}/", visitor.secret))
}

async fn page(visitor: Visitor) -> Response {
    match visitor.place {
        Place::Index => file(HTML, include_str!("pages/index.html")),
        Place::Session { .. } => file(HTML, include_str!("pages/session.html")),
    }
}

async fn script(visitor: Visitor) -> Response {
    match visitor.place {
        Place::Index => file(SCRIPT, include_str!("pages/index.js")),
        Place::Session { .. } => file(SCRIPT, include_str!("pages/session.js")),
    }
}

async fn shared(_: Visitor) -> Response {
    file(SCRIPT, include_str!("pages/live.js"))
}

async fn style(_: Visitor) -> Response {
    file("text/css; charset=utf-8", include_str!("pages/live.css"))
}

async fn icon(_: Visitor) -> Response {
    file("image/svg+xml", include_str!("pages/icon.svg"))
}

/// The session's picture.
async fn picture(visitor: Visitor) -> Result<Response, ApiError> {
    let (_, session) = visitor.session()?;
    let picture = session.picture().await?;
    Ok(([(header::CONTENT_TYPE, "image/jpeg")], picture.jpeg).into_response())
}

type ApiResult = Result<Response, ApiError>;

fn success() -> ApiResult {
    let body = json!({ "success": true }).to_string();
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// The answer to the open question, an update, or a new task.
async fn message(State(server): State<Arc<Server>>, visitor: Visitor, body: Bytes) -> ApiResult {
    let (key, session) = visitor.session()?;
    let (text, start_url) = agi::read_message(&body)?;
    agi::deliver(
        &server,
        &server.worlds.of_key(&key),
        &session,
        text,
        start_url,
    )?;
    success()
}

async fn pause(visitor: Visitor) -> ApiResult {
    visitor.session()?.1.pause()?;
    success()
}

async fn resume(visitor: Visitor) -> ApiResult {
    visitor.session()?.1.resume()?;
    success()
}

async fn cancel(visitor: Visitor) -> ApiResult {
    visitor.session()?.1.cancel()?;
    success()
}

async fn delete(State(server): State<Arc<Server>>, visitor: Visitor) -> ApiResult {
    let (key, session) = visitor.session()?;
    if agi::delete_session(&server, &key, &session.id, None).await {
        success()
    } else {
        Err(ApiError::no_session())
    }
}

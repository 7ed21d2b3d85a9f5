//! Raccoon: sessions, turns, uploads, and the WebSocket that a turn's events come over.
//!
//! # Decisions where the wire is silent
//!
//! - A turn's events are numbered from 1; the first is its `message.received`. An entry's id is the millisecond and a
//!   number within it.
//! - A session has one turn at a time: a second one gets 409 `turn_in_progress`.
//! - A stop ends a turn at once, whatever its agent does; a turn that waits for its place is stopped in the queue.
//! - Of an upload only the size and the first 64 KiB are kept, for the agent to look at.

mod account;
mod agent;
mod frames;
mod log;
mod own;
mod pieces;
mod routes;
mod script;
mod session;
mod socket;
mod upload;
mod validate;

pub(crate) use account::Account;
pub use own::{AgentFile, AgentTurn, TurnAgent, TurnCall, TurnHandle};

use crate::agi::refuse;
use crate::errors::ApiError;
use crate::faults::Endpoint;
use crate::front::{bearer, pass};
use crate::state::Server;
use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use std::sync::Arc;

/// The routes, for the answer to a request that has none.
pub(crate) const ROUTES: [&str; 7] = [
    "POST /sessions/new",
    "GET /sessions",
    "GET /sessions/{session_id}",
    "PUT /sessions/{session_id}/title",
    "DELETE /sessions/{session_id}",
    "PUT /media/upload",
    "GET /ws/sessions/{session_id}",
];

const MAX_CONCURRENT: HeaderName = HeaderName::from_static("x-rate-limit-max-concurrent");
const RETRY_AFTER: HeaderName = HeaderName::from_static("x-rate-limit-retry-after");

/// All endpoints, with the recording of requests and the faults in front of them.
pub(crate) fn router(server: &Arc<Server>) -> Router {
    let session = "/sessions/{session_id}";
    let mut router = Router::new()
        .route("/sessions/new", post(routes::start_turn))
        .route("/sessions", get(routes::list))
        .route(session, get(routes::history).merge(delete(routes::delete)))
        .route("/sessions/{session_id}/title", put(routes::rename))
        .route(
            "/media/upload",
            put(upload::upload).layer(DefaultBodyLimit::disable()),
        )
        .route("/ws/sessions/{session_id}", get(socket::connect));
    if server.options.abort_endpoint {
        router = router.route("/message/{message_id}/abort", delete(routes::abort));
    }
    router
        .method_not_allowed_fallback(no_method)
        .layer(from_fn_with_state(server.clone(), front))
        .with_state(server.clone())
}

async fn front(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let endpoint = endpoint(request.method(), route.map(MatchedPath::as_str));
    let limit = HeaderValue::from(server.options.max_turns);
    let mut response = pass(server, request, endpoint, next).await;
    response
        .headers_mut()
        .entry(MAX_CONCURRENT)
        .or_insert(limit);
    response
}

fn endpoint(method: &Method, route: Option<&str>) -> Option<Endpoint> {
    Some(match (method.as_str(), route?) {
        ("POST", "/sessions/new") => Endpoint::StartTurn,
        ("GET", "/sessions") => Endpoint::List,
        ("GET", "/sessions/{session_id}") => Endpoint::Get,
        ("DELETE", "/sessions/{session_id}") => Endpoint::Delete,
        ("PUT", "/sessions/{session_id}/title") => Endpoint::Rename,
        ("PUT", "/media/upload") => Endpoint::Upload,
        ("GET", "/ws/sessions/{session_id}") => Endpoint::Socket,
        ("DELETE", "/message/{message_id}/abort") => Endpoint::AbortTurn,
        _ => return None,
    })
}

async fn no_method(method: Method, uri: Uri) -> Response {
    refuse(StatusCode::METHOD_NOT_ALLOWED, &method, uri.path())
}

/// Whose request it is. It has no `Debug` form: it knows the key.
pub(crate) struct Caller {
    server: Arc<Server>,
    key: String,
}

impl Caller {
    /// Runs `act` on what the caller owns.
    fn account<T>(&self, act: impl FnOnce(&mut Account) -> T) -> T {
        account::of(&self.server, &self.key, act)
    }
}

impl FromRequestParts<Arc<Server>> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, Response> {
        let key = bearer(server, &parts.headers).map_err(IntoResponse::into_response)?;
        Ok(Self {
            server: server.clone(),
            key,
        })
    }
}

fn no_session() -> ApiError {
    ApiError::no_session()
}

fn no_message() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "Message not found")
}

//! What stands in front of every endpoint of AGI: the key; and what answers where there is none.

use super::ROUTES;
use super::account::Account;
use super::errors::{ApiError, json_response};
use super::session::Session;
use super::validate::{Fields, Query};
use crate::connection::Connection;
use crate::faults::{Endpoint, LateStatus, StreamFault};
use crate::front::{bearer, pass};
use crate::raccoon;
use crate::request_filter::session_id;
use crate::state::{Server, lock};
use axum::extract::{FromRequest, MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::BodyExt;
use std::sync::Arc;

/// Lets the shared front do its work.
pub(crate) async fn front(
    State(server): State<Arc<Server>>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let endpoint = endpoint(request.method(), route.map(MatchedPath::as_str));
    pass(server, request, endpoint, next).await
}

fn endpoint(method: &Method, route: Option<&str>) -> Option<Endpoint> {
    let below = route?.strip_prefix("/v1/")?;
    Some(
        match (
            method.as_str(),
            below
                .strip_prefix("sessions/{session_id}/")
                .unwrap_or(below),
        ) {
            ("POST", "sessions") => Endpoint::Create,
            ("GET", "sessions") => Endpoint::List,
            ("DELETE", "sessions") => Endpoint::DeleteAll,
            ("GET", "sessions/{session_id}") => Endpoint::Get,
            ("DELETE", "sessions/{session_id}") => Endpoint::Delete,
            ("POST", "message") => Endpoint::Message,
            ("GET", "status") => Endpoint::Status,
            ("GET", "messages") => Endpoint::Messages,
            ("GET", "events") => Endpoint::Events,
            ("POST", "pause") => Endpoint::Pause,
            ("POST", "resume") => Endpoint::Resume,
            ("POST", "cancel") => Endpoint::Cancel,
            ("POST", "navigate") => Endpoint::Navigate,
            ("GET", "screenshot") => Endpoint::Screenshot,
            ("GET", "models") => Endpoint::Models,
            _ => return None,
        },
    )
}

/// No such path: says so, and which paths there are.
pub(crate) async fn no_route(method: Method, uri: axum::http::Uri) -> Response {
    refuse(StatusCode::NOT_FOUND, &method, uri.path())
}

/// The path exists, but not with this method.
pub(crate) async fn no_method(method: Method, uri: axum::http::Uri) -> Response {
    refuse(StatusCode::METHOD_NOT_ALLOWED, &method, uri.path())
}

pub(crate) fn refuse(status: StatusCode, method: &Method, path: &str) -> Response {
    tracing::warn!(%method, path, "the emulator has no such route");
    let hint = if path.starts_with("/v1/") {
        "check the method and the path"
    } else {
        "AGI's routes are below /v1"
    };
    let routes = [&ROUTES[..], &raccoon::ROUTES].concat();
    let detail = format!(
        "The emulator has no route {method} {path}; {hint}. It has: {}",
        routes.join(", ")
    );
    ApiError::new(status, detail)
        .with("routes", routes)
        .into_response()
}

/// A request of a known key, ready for its endpoint. It has no `Debug` form: it knows the key.
pub(crate) struct Call {
    pub(crate) server: Arc<Server>,
    key: String,
    session_id: String,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) connection: Connection,
    pub(crate) fault: StreamFault,
    pub(crate) late_status: Option<LateStatus>,
    body: Bytes,
}

impl Call {
    pub(crate) fn fields(&self) -> Result<Fields, ApiError> {
        Fields::parse(&self.body)
    }

    /// Whose request it is.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn session_id(&self) -> &str {
        &self.session_id
    }

    /// The session the path names, if the caller owns it.
    pub(crate) fn session(&self) -> Result<Arc<Session>, ApiError> {
        self.account(|account| account.get(&self.session_id))
            .ok_or_else(ApiError::no_session)
    }

    /// Runs `act` on what the caller owns.
    pub(crate) fn account<T>(&self, act: impl FnOnce(&mut Account) -> T) -> T {
        let mut accounts = lock(&self.server.accounts);
        if let Some(account) = accounts.get_mut(&self.key) {
            return act(account);
        }
        act(accounts.entry(self.key.clone()).or_default())
    }
}

impl FromRequest<Arc<Server>> for Call {
    type Rejection = Response;

    async fn from_request(request: Request, server: &Arc<Server>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let key = bearer(server, &parts.headers).map_err(IntoResponse::into_response)?;
        let body = body.collect().await.map_err(|error| {
            let detail = format!("The body cannot be read: {error}");
            json_response(
                StatusCode::BAD_REQUEST,
                serde_json::json!({ "detail": detail }).to_string(),
            )
        })?;
        Ok(Self {
            server: server.clone(),
            key,
            session_id: session_id(parts.uri.path(), "").unwrap_or_default(),
            query: Query::parse(parts.uri.query().unwrap_or_default()),
            connection: parts.extensions.remove().unwrap_or_default(),
            fault: parts.extensions.remove().unwrap_or_default(),
            late_status: parts.extensions.remove(),
            headers: parts.headers,
            body: body.to_bytes(),
        })
    }
}

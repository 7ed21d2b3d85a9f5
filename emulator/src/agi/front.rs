//! What stands in front of every endpoint: recording, faults, the key; and what answers where there is none.

use super::ROUTES;
use super::account::Account;
use super::errors::{ApiError, json_response};
use super::session::Session;
use super::validate::{Fields, Query};
use crate::connection::{Break, Connection};
use crate::faults::{Answer, Endpoint, FaultyBody, LateStatus, StreamFault};
use crate::request_filter::session_id;
use crate::requests::RecordedRequest;
use crate::state::{Server, lock};
use axum::body::Body;
use axum::extract::{FromRequest, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Bodies above this are refused with 413.
const BODY_LIMIT: usize = 1024 * 1024;

/// Records the request, lets a fault strike it, passes it on, records the answer's status.
pub(crate) async fn front(
    State(server): State<Arc<Server>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let body = match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => {
            let detail = "The body is larger than 1 MiB, or ended early";
            return ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, detail).into_response();
        }
    };
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    let record = RecordedRequest::new(parts.method.as_str(), path, query, &parts.headers, &body);
    let number = lock(&server.requests).push(record);

    let endpoint = endpoint(
        &parts.method,
        parts
            .extensions
            .get::<MatchedPath>()
            .map(MatchedPath::as_str),
    );
    let session_id = session_id(path);
    let strike = endpoint
        .and_then(|endpoint| lock(&server.faults).strike(endpoint, session_id.as_deref()))
        .unwrap_or_default();
    let connection = parts
        .extensions
        .get::<Connection>()
        .cloned()
        .unwrap_or_default();
    if let Some(fault) = strike.stream {
        parts.extensions.insert(fault);
    }
    if let Some(late) = strike.late_status {
        parts.extensions.insert(late);
    }
    let target = parts.uri.path_and_query().map(ToString::to_string);

    let processed = if strike.answer.is_none() || strike.after {
        Some(next.run(Request::from_parts(parts, Body::from(body))).await)
    } else {
        None
    };
    if let Some(delay) = strike.delay {
        tokio::time::sleep(delay).await;
    }
    let response = match (strike.answer, processed) {
        (None, Some(response)) => response,
        (
            Some(Answer::Canned {
                status,
                headers,
                body,
            }),
            _,
        ) => canned(status, &headers, body),
        (
            Some(Answer::Redirect {
                status,
                headers,
                target: to,
            }),
            _,
        ) => redirect(status, &headers, &to, &target.unwrap_or_default()),
        (Some(Answer::Reset), _) => {
            connection.break_now(Break::Reset);
            std::future::pending().await
        }
        (Some(Answer::Hang) | None, _) => std::future::pending().await,
    };
    lock(&server.requests).answered(number, response.status().as_u16());
    match strike.body {
        None => response,
        Some(fault) => response.map(|body| Body::new(FaultyBody::new(body, fault, connection))),
    }
}

/// The answer of a fault.
fn canned(status: u16, headers: &BTreeMap<String, String>, body: Option<Value>) -> Response {
    let (kind, text) = match body {
        Some(Value::String(text)) => ("text/plain; charset=utf-8", text),
        Some(body) => ("application/json", body.to_string()),
        None => (
            "application/json",
            r#"{"detail":"Internal error"}"#.to_owned(),
        ),
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in headers {
        // Both were checked when the fault was injected.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The redirect of a fault; `path` is the one that was asked for.
fn redirect(status: u16, headers: &BTreeMap<String, String>, target: &str, path: &str) -> Response {
    let mut response = canned(status, headers, Some(Value::String(String::new())));
    if let Ok(location) = HeaderValue::try_from(target.replace("{path}", path)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
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

fn refuse(status: StatusCode, method: &Method, path: &str) -> Response {
    tracing::warn!(%method, path, "the emulator has no such route");
    let hint = if path.starts_with("/v1/") {
        "check the method and the path"
    } else {
        "the routes are below /v1"
    };
    let detail = format!(
        "The emulator has no route {method} {path}; {hint}. It has: {}",
        ROUTES.join(", ")
    );
    ApiError::new(status, detail)
        .with("routes", ROUTES.to_vec())
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
        let key = key(server, &parts.headers).map_err(IntoResponse::into_response)?;
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
            session_id: session_id(parts.uri.path()).unwrap_or_default(),
            query: Query::parse(parts.uri.query().unwrap_or_default()),
            connection: parts.extensions.remove().unwrap_or_default(),
            fault: parts.extensions.remove().unwrap_or_default(),
            late_status: parts.extensions.remove(),
            headers: parts.headers,
            body: body.to_bytes(),
        })
    }
}

fn key(server: &Server, headers: &HeaderMap) -> Result<String, ApiError> {
    let value = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let (scheme, key) = value
        .and_then(|value| value.split_once(' '))
        .ok_or_else(ApiError::unauthorized)?;
    let key = key.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || key.is_empty() {
        return Err(ApiError::unauthorized());
    }
    let is = |keys: &[String]| keys.iter().any(|known| known == key);
    if is(&server.options.barred_keys) {
        return Err(ApiError::forbidden());
    }
    if server
        .options
        .api_keys
        .as_deref()
        .is_some_and(|keys| !is(keys))
    {
        return Err(ApiError::unauthorized());
    }
    Ok(key.to_owned())
}

//! What stands in front of every endpoint of both services: recording, faults, keys.

use crate::connection::{Break, Connection};
use crate::errors::ApiError;
use crate::faults::{Answer, Endpoint, FaultyBody};
use crate::request_filter::session_id;
use crate::requests::{BODY, RecordedRequest};
use crate::state::{Server, lock};
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Limited};
use serde_json::Value;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Bodies above this are refused with 413, but for uploads.
const BODY_LIMIT: usize = 1024 * 1024;

/// Records the request, lets a fault strike it, passes it on, records the answer's status.
pub(crate) async fn pass(
    server: Arc<Server>,
    request: Request,
    endpoint: Option<Endpoint>,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let streamed = endpoint == Some(Endpoint::Upload);
    let (body, known) = if streamed {
        (body, Bytes::new())
    } else {
        match Limited::new(body, BODY_LIMIT).collect().await {
            Ok(body) => {
                let body = body.to_bytes();
                (Body::from(body.clone()), body)
            }
            Err(_) => {
                let detail = "The body is larger than 1 MiB, or ended early";
                return ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, detail).into_response();
            }
        }
    };
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    let record = RecordedRequest::new(parts.method.as_str(), path, query, &parts.headers, &known);
    let session_id = session_id(path, &record.body);
    let number = lock(&server.requests).push(record);
    let body = if streamed {
        Body::new(Recorded {
            body,
            server: server.clone(),
            number,
            begin: Vec::new(),
        })
    } else {
        body
    };

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

    let processed = match &strike.answer {
        Some(answer) if !strike.after => {
            if matches!(answer, Answer::Canned { .. } | Answer::Redirect { .. }) {
                drain(body).await;
            }
            None
        }
        _ => Some(next.run(Request::from_parts(parts, body)).await),
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

/// Reads what is left of a body, so that the sender gets to see the answer instead of a broken pipe.
pub(crate) async fn drain(mut body: Body) {
    while let Some(Ok(_)) = body.frame().await {}
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

/// The body of an upload, whose beginning is recorded as it passes.
struct Recorded {
    body: Body,
    server: Arc<Server>,
    number: u64,
    begin: Vec<u8>,
}

impl http_body::Body for Recorded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(data) = frame
            .as_ref()
            .and_then(|frame| frame.as_ref().ok()?.data_ref())
        {
            let room = BODY - self.begin.len();
            self.begin.extend_from_slice(&data[..data.len().min(room)]);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        lock(&self.server.requests).received(self.number, &self.begin);
    }
}

/// Whether requests with this key are served.
pub(crate) fn check_key(server: &Server, key: &str) -> Result<(), ApiError> {
    let is = |keys: &[String]| keys.iter().any(|known| known == key);
    if is(&server.options.barred_keys) {
        return Err(ApiError::forbidden());
    }
    let keys = server.options.api_keys.as_deref();
    if key.is_empty() || keys.is_some_and(|keys| !is(keys)) {
        return Err(ApiError::unauthorized());
    }
    Ok(())
}

/// The key in `Authorization: Bearer`, if requests with it are served.
pub(crate) fn bearer(server: &Server, headers: &axum::http::HeaderMap) -> Result<String, ApiError> {
    let value = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let (scheme, key) = value
        .and_then(|value| value.split_once(' '))
        .ok_or_else(ApiError::unauthorized)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(ApiError::unauthorized());
    }
    let key = key.trim();
    check_key(server, key)?;
    Ok(key.to_owned())
}

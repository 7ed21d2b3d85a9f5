//! The middleware before every endpoint of both services: it captures the request and lets a fault act on it.

use crate::connection::{Break, Connection};
use crate::errors::ApiError;
use crate::faults::{Asking, CannedResponse, Endpoint, FaultyBody, Replacement};
use crate::requests::{BODY, CapturedRequest, RequestLog, UPLOAD, Unanswered, session_id};
use crate::state::Server;
use crate::sync::lock;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Limited};
use serde_json::Value;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

/// Bodies above this are refused with 413, but for uploads.
const BODY_LIMIT: usize = BODY;

/// Captures the request, applies the fault that matches it, passes it on, and keeps the status of the response.
pub(crate) async fn intercept(
    server: &Server,
    request: Request,
    endpoint: Option<Endpoint>,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let world = server
        .worlds
        .of_request(&parts.headers, parts.uri.query().unwrap_or_default());
    let requests = &world.requests;
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
                let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
                let refused =
                    CapturedRequest::new(parts.method.as_str(), path, query, &parts.headers, &[]);
                let number = lock(requests).push(refused);
                lock(&world.timeline).request(number);
                lock(requests).responded(number, StatusCode::PAYLOAD_TOO_LARGE.as_u16());
                let detail = "The body is larger than 1 MiB, or ended early";
                return ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, detail).into_response();
            }
        }
    };
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    // Nobody fills the memory without a key.
    let key = server.keys.of_request(&parts.headers, query);
    let kept = match &key {
        Some(_) => &*known,
        None => &[],
    };
    let captured = CapturedRequest::new(parts.method.as_str(), path, query, &parts.headers, kept);
    let session_id = session_id(path, &captured.body);
    let number = lock(requests).push(captured);
    // If nobody waits for the response any more, this future is dropped.
    let _waiting = Waiting {
        requests: requests.clone(),
        number,
    };
    lock(&world.timeline).request(number);
    let body = if streamed {
        Body::new(CapturedBody {
            body,
            requests: requests.clone(),
            number,
            begin: Vec::new(),
        })
    } else {
        body
    };

    // Nor does a stray request use up what a test has injected: it is refused, whatever faults there are.
    let effect = endpoint
        .zip(key)
        .and_then(|(endpoint, key)| {
            let (headers, query) = (&parts.headers, parts.uri.query().unwrap_or_default());
            let task = || task_of(server, endpoint, &key, session_id.as_deref(), &known);
            let asking = Asking::new(endpoint, session_id.as_deref(), headers, query, &task);
            lock(&world.faults).match_fault(&asking)
        })
        .unwrap_or_default();
    if !effect.text.is_empty() {
        let struck = format!("the fault `{}` strikes", effect.text);
        lock(&world.timeline).struck(struck);
    }
    let connection = parts
        .extensions
        .get::<Connection>()
        .cloned()
        .unwrap_or_default();
    if let Some(fault) = effect.stream {
        parts.extensions.insert(fault);
    }
    if let Some(late) = effect.late_status {
        parts.extensions.insert(late);
    }
    let target = parts.uri.path_and_query().map(ToString::to_string);

    let processed = match &effect.replacement {
        Some(replacement) if !effect.after => {
            if matches!(
                replacement,
                Replacement::Canned(_) | Replacement::Redirect { .. }
            ) {
                drain(body).await;
            }
            None
        }
        _ => Some(next.run(Request::from_parts(parts, body)).await),
    };
    if let Some(delay) = effect.delay {
        tokio::time::sleep(delay).await;
    }
    let response = match (effect.replacement, processed) {
        (None, Some(response)) => response,
        (Some(Replacement::Canned(canned)), _) => send(canned),
        (
            Some(Replacement::Redirect {
                response,
                target: to,
            }),
            _,
        ) => redirect(response, &to, &target.unwrap_or_default()),
        (Some(Replacement::Reset), _) => {
            lock(requests).gave_up(number, Unanswered::Reset);
            connection.break_now(Break::Reset);
            std::future::pending().await
        }
        (Some(Replacement::Hang) | None, _) => std::future::pending().await,
    };
    let response = effect.answer.apply(response, &connection).await;
    lock(requests).responded(number, response.status().as_u16());
    match effect.body {
        None => response,
        Some(fault) => response.map(|body| Body::new(FaultyBody::new(body, fault, connection))),
    }
}

/// A request without a response: if it goes, its client has left.
struct Waiting {
    requests: Arc<Mutex<RequestLog>>,
    number: u64,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        lock(&self.requests).gave_up(self.number, Unanswered::Left);
    }
}

/// The text of the task or prompt that a request is about: the one that it brings, or that of its session.
fn task_of(
    server: &Server,
    endpoint: Endpoint,
    key: &str,
    session_id: Option<&str>,
    body: &[u8],
) -> String {
    let brought = || {
        let body: Value = serde_json::from_slice(body).ok()?;
        let names = ["message", "prompt", "task"];
        let text = names.iter().find_map(|name| body[*name].as_str())?;
        Some(text.to_owned())
    };
    let of_session = || session_id.and_then(|id| server.task_of(key, id));
    match (endpoint, of_session()) {
        // What comes while a task runs is about that.
        (Endpoint::Message, Some((task, true))) => task,
        (Endpoint::Message | Endpoint::StartTurn, _) => brought().unwrap_or_default(),
        (_, task) => task.map(|(task, _)| task).unwrap_or_default(),
    }
}

/// Reads what is left of a body, so that the sender gets to see the response instead of a broken pipe.
pub(crate) async fn drain(mut body: Body) {
    while let Some(Ok(_)) = body.frame().await {}
}

/// The response of a fault.
fn send(canned: CannedResponse) -> Response {
    let (kind, text) = match canned.body {
        Some(Value::String(text)) => ("text/plain; charset=utf-8", text),
        Some(body) => ("application/json", body.to_string()),
        None => (
            "application/json",
            r#"{"detail":"Internal error"}"#.to_owned(),
        ),
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() =
        StatusCode::from_u16(canned.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in &canned.headers {
        // Both were checked when the fault was injected.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The redirect of a fault; `path` is the one that was asked for.
fn redirect(canned: CannedResponse, target: &str, path: &str) -> Response {
    let mut response = send(canned);
    if let Ok(location) = HeaderValue::try_from(target.replace("{path}", path)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// The body of an upload, whose beginning is captured as it passes.
struct CapturedBody {
    body: Body,
    requests: Arc<Mutex<RequestLog>>,
    number: u64,
    begin: Vec<u8>,
}

impl http_body::Body for CapturedBody {
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
            let room = UPLOAD - self.begin.len();
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

impl Drop for CapturedBody {
    fn drop(&mut self) {
        lock(&self.requests).received(self.number, &self.begin);
    }
}

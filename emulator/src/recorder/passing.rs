//! What passes the recorder: the headers that go on, the answers as they come, and the note of both.

use super::place::is_of_agi;
use super::seen::{Book, Seen, next};
use crate::clock::Timestamp;
use crate::scenario::Secrets;
use crate::sync::lock;
use crate::web;
use crate::workers::Workers;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use serde_json::json;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use tokio::sync::watch;
use url::Url;

/// Headers that belong to one connection, or that the next one makes anew.
const OWN: [HeaderName; 11] = [
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// What the recorder knows, and with what it reaches the services.
pub(super) struct Shared {
    pub(super) book: Mutex<Book>,
    pub(super) changes: watch::Sender<u64>,
    pub(super) client: reqwest::Client,
    pub(super) agi: Url,
    pub(super) raccoon: Url,
    pub(super) workers: Workers,
}

impl Shared {
    /// The address of the service for a request.
    pub(super) fn target(&self, parts: &Parts) -> String {
        let path = parts.uri.path();
        let base = if is_of_agi(path) {
            &self.agi
        } else {
            &self.raccoon
        };
        let base = base.as_str().trim_end_matches('/');
        let mark = if parts.uri.query().is_some() { "?" } else { "" };
        format!(
            "{base}{path}{mark}{}",
            parts.uri.query().unwrap_or_default()
        )
    }

    pub(super) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    pub(super) fn workers(&self) -> &Workers {
        &self.workers
    }

    /// Notes a request; gives its number.
    pub(super) fn note(&self, parts: &Parts, body: Bytes) -> usize {
        let text = |name: &HeaderName| {
            let value = parts.headers.get(name);
            value
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let query: Vec<(String, String)> = query.into_owned().collect();
        let authorization = text(&header::AUTHORIZATION);
        let bearer = authorization.rsplit(' ').next().unwrap_or_default();
        let token = query.iter().find(|(name, _)| name == "token");
        let token = token.map_or("", |(_, token)| token);
        let mut book = lock(&self.book);
        for key in [bearer, token, text(&HeaderName::from_static("x-api-key"))] {
            if !key.is_empty() {
                book.secrets.tell(key);
            }
        }
        learn_headers(&parts.headers, &mut book.secrets);
        book.requests.push(Seen {
            at: Some(Timestamp::now()),
            order: next(),
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query,
            upload: text(&header::CONTENT_TYPE).starts_with("multipart/"),
            body,
            ..Seen::default()
        });
        book.requests.len() - 1
    }

    /// Notes the headers of an answer.
    pub(super) fn heads(&self, headers: &HeaderMap) {
        learn_headers(headers, &mut lock(&self.book).secrets);
    }

    /// Notes more of a request's answer.
    pub(super) fn more(&self, number: usize, note: impl FnOnce(&mut Seen)) {
        if let Some(seen) = lock(&self.book).requests.get_mut(number) {
            note(seen);
        }
        self.changes.send_modify(|changes| *changes += 1);
    }
}

/// A user's password in base64, cookies, addresses with secrets, and what has the name of one.
fn learn_headers(headers: &HeaderMap, secrets: &mut Secrets) {
    for (name, value) in headers {
        if let Ok(value) = value.to_str() {
            secrets.learn_header(name.as_str(), value);
        }
    }
}

/// What is passed on of a request's or an answer's headers.
pub(super) fn passed(headers: &HeaderMap) -> HeaderMap {
    let mut passed = headers.clone();
    // A connection may name more headers as its own.
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_owned())
        .collect();
    for name in named {
        passed.remove(name.as_str());
    }
    for name in OWN {
        passed.remove(name);
    }
    passed
}

/// No answer of the service.
pub(super) fn unreachable(
    shared: &Shared,
    number: usize,
    target: &str,
    error: &reqwest::Error,
) -> Response {
    shared.more(number, |_| {});
    let why = match Url::parse(target) {
        Ok(url) => web::reason(error, &url),
        Err(error) => error.to_string(),
    };
    let detail = format!(
        "The recorder does not reach the service: {why}. Look at --upstream and the network"
    );
    tracing::warn!(%why, "the service was not reached");
    refused(StatusCode::BAD_GATEWAY, detail)
}

pub(super) fn refused(status: StatusCode, detail: String) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (status, kind, json!({ "detail": detail }).to_string()).into_response()
}

/// Passes an answer on as it comes.
pub(super) fn answer(shared: Arc<Shared>, number: usize, response: reqwest::Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.to_ascii_lowercase();
    let status = response.status().as_u16();
    shared.heads(response.headers());
    shared.more(number, |seen| seen.begins(status, &kind));
    let (parts, body) = axum::http::Response::from(response).into_parts();
    let mut answer = Response::new(Body::new(Noted {
        body,
        shared,
        number,
    }));
    *answer.status_mut() = parts.status;
    *answer.headers_mut() = passed(&parts.headers);
    answer
}

/// A body that is noted as it passes.
struct Noted {
    body: reqwest::Body,
    shared: Arc<Shared>,
    number: usize,
}

impl http_body::Body for Noted {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, reqwest::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let data = frame
            .as_ref()
            .and_then(|frame| frame.as_ref().ok()?.data_ref());
        if let Some(data) = data {
            self.shared.more(self.number, |seen| {
                seen.takes(data);
            });
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

//! The server of the recorder, and what it passes on.

use super::place::is_of_agi;
use super::seen::{Book, Seen, next};
use super::{exchanges, playback, sockets};
use crate::clock::Timestamp;
use crate::connection;
use crate::options::StartError;
use crate::scenario::Scenario;
use crate::sync::lock;
use crate::web;
use crate::workers::Workers;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Limited};
use serde_json::json;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use tokio::net::TcpListener;
use tokio::sync::watch;
use url::Url;

/// The largest body of a request that is passed on.
const BODY: usize = 256 * 1024 * 1024;

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

/// How a recorder is set up.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RecorderOptions {
    /// The port on 127.0.0.1; 0: any free one.
    pub port: u16,
    /// Where requests of AGI go, those below `/v1`; with or without that.
    pub agi: String,
    /// Where all others go.
    pub raccoon: String,
}

impl Default for RecorderOptions {
    fn default() -> Self {
        Self {
            port: 0,
            agi: "https://api.agi.tech".to_owned(),
            raccoon: "https://api.raccoonai.tech".to_owned(),
        }
    }
}

/// A running recorder. Dropping it stops it.
pub struct Recorder {
    shared: Arc<Shared>,
    url: String,
    workers: Workers,
}

/// What a recorder has seen.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Recorded {
    /// What the emulator plays, and in `recorded` what [`crate::verify`] asks again. Without secrets.
    pub scenario: Scenario,
    /// How many requests passed.
    pub requests: usize,
    /// What the scenario cannot say: a sentence each.
    pub notes: Vec<String>,
}

pub(super) struct Shared {
    book: Mutex<Book>,
    changes: watch::Sender<u64>,
    client: reqwest::Client,
    agi: Url,
    raccoon: Url,
    workers: Workers,
}

/// Without what passed.
impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Recorder {
    /// Starts a recorder on the current tokio runtime.
    ///
    /// # Errors
    /// When an address is none, or the port is taken.
    pub async fn start(options: RecorderOptions) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| {
            StartError("no tokio runtime; call Recorder::start inside one".to_owned())
        })?;
        let (agi, raccoon) = (origin(&options.agi)?, origin(&options.raccoon)?);
        let refused = |error: std::io::Error| {
            StartError(format!(
                "cannot listen on port {}: {error}; use port 0 for any free port",
                options.port
            ))
        };
        let listener = TcpListener::bind(("127.0.0.1", options.port))
            .await
            .map_err(refused)?;
        let url = format!("http://{}", listener.local_addr().map_err(refused)?);
        let direct = [&agi, &raccoon].map(web::is_loopback).contains(&true);
        let workers = Workers::new(runtime);
        let shared = Arc::new(Shared {
            book: Mutex::default(),
            changes: watch::Sender::default(),
            client: web::relay(direct).map_err(StartError)?,
            agi,
            raccoon,
            workers: workers.clone(),
        });
        let router = axum::Router::new()
            .fallback(forward)
            .with_state(shared.clone());
        workers.spawn(connection::accept(workers.clone(), listener, router));
        Ok(Self {
            shared,
            url,
            workers,
        })
    }

    /// Where it listens: the base URL of clients of either service.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How much has passed.
    #[must_use]
    pub fn changes(&self) -> u64 {
        *self.shared.changes.borrow()
    }

    /// Waits until more has passed than `seen`.
    pub async fn changed(&self, seen: u64) {
        let mut changes = self.shared.changes.subscribe();
        if changes.wait_for(|now| *now != seen).await.is_err() {
            // The sender lives as long as this does.
            std::future::pending::<()>().await;
        }
    }

    /// What was seen so far. `secrets` are left out, beside the keys that were sent and what is known for a secret by its name or
    /// its shape.
    #[must_use]
    pub fn recorded(&self, secrets: &[String]) -> Recorded {
        let book = lock(&self.shared.book);
        let secrets: Vec<String> = book.keys.iter().chain(secrets).cloned().collect();
        let (mut scenario, notes) = playback::scenario(&book.requests, &secrets);
        scenario.recorded = exchanges::exchanges(&book.requests, &secrets);
        Recorded {
            scenario,
            requests: book.requests.len(),
            notes,
        }
    }

    /// Ends every connection; returns when they are gone.
    pub async fn close(&self) {
        self.workers.stop().cancel();
        self.workers.join().await;
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.workers.stop().cancel();
    }
}

/// The address before `/v1`.
pub(crate) fn origin(text: &str) -> Result<Url, StartError> {
    let bad = |why: String| {
        StartError(format!(
            "`{text}` is no address of a service: {why}; give one such as https://api.agi.tech"
        ))
    };
    let mut url = Url::parse(text.trim()).map_err(|error| bad(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(bad("it is not http:// or https://".to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("it holds a user's name".to_owned()));
    }
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/v1").unwrap_or(path).to_owned();
    url.set_path(&path);
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

impl Shared {
    /// The address of the service for a request.
    fn target(&self, parts: &Parts) -> String {
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
    fn note(&self, parts: &Parts, body: Bytes) -> usize {
        let text = |name: &HeaderName| {
            let value = parts.headers.get(name);
            value
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let query: Vec<(String, String)> = query.into_owned().collect();
        let bearer = text(&header::AUTHORIZATION);
        let bearer = bearer.rsplit(' ').next().unwrap_or_default();
        let token = query.iter().find(|(name, _)| name == "token");
        let token = token.map_or("", |(_, token)| token);
        let mut book = lock(&self.book);
        for key in [bearer, token, text(&HeaderName::from_static("x-api-key"))] {
            if !key.is_empty() {
                book.keys.insert(key.to_owned());
            }
        }
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

    /// Notes more of a request's answer.
    pub(super) fn more(&self, number: usize, note: impl FnOnce(&mut Seen)) {
        if let Some(seen) = lock(&self.book).requests.get_mut(number) {
            note(seen);
        }
        self.changes.send_modify(|changes| *changes += 1);
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

async fn forward(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY).collect().await else {
        let why = "The body is larger than 256 MiB, or ended early: the recorder passes no such request on";
        return refused(StatusCode::PAYLOAD_TOO_LARGE, why.to_owned());
    };
    let body = body.to_bytes();
    let target = shared.target(&parts);
    let number = shared.note(&parts, body.clone());
    if sockets::is_asked_for(&parts.headers) {
        return sockets::relay(shared, &mut parts, number, &target).await;
    }
    let mut sent = shared
        .client
        .request(parts.method, &target)
        .headers(passed(&parts.headers));
    if !body.is_empty() {
        sent = sent.body(body);
    }
    match sent.send().await {
        Ok(response) => answer(shared, number, response),
        Err(error) => unreachable(&shared, number, &target, &error),
    }
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

fn refused(status: StatusCode, detail: String) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (status, kind, json!({ "detail": detail }).to_string()).into_response()
}

/// Passes an answer on as it comes.
pub(super) fn answer(shared: Arc<Shared>, number: usize, response: reqwest::Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.to_ascii_lowercase();
    let status = response.status().as_u16();
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

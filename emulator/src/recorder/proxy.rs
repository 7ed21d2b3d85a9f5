//! The server of the recorder.

use super::passing::{Shared, answer, passed, refused, unreachable};
use super::{exchanges, playback, sockets};
use crate::connection;
use crate::options::StartError;
use crate::scenario::{Scenario, Scrubber};
use crate::sync::lock;
use crate::web;
use crate::workers::Workers;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use http_body_util::{BodyExt, Limited};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::watch;
use url::Url;

/// The largest body of a request that is passed on.
const BODY: usize = 256 * 1024 * 1024;

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
    /// Whether keys may go to another machine over `http://`, where whoever is on the way reads them. Default: no.
    pub allow_insecure_http: bool,
}

impl Default for RecorderOptions {
    fn default() -> Self {
        Self {
            port: 0,
            agi: "https://api.agi.tech".to_owned(),
            raccoon: "https://api.raccoonai.tech".to_owned(),
            allow_insecure_http: false,
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
    /// When an address is none or would get keys unencrypted, or the port is taken.
    pub async fn start(options: RecorderOptions) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| {
            StartError("no tokio runtime; call Recorder::start inside one".to_owned())
        })?;
        let (agi, raccoon) = (origin(&options.agi)?, origin(&options.raccoon)?);
        let clear = |url: &&Url| url.scheme() == "http" && !web::is_loopback(url);
        if let (Some(url), false) = (
            [&agi, &raccoon].into_iter().find(clear),
            options.allow_insecure_http,
        ) {
            return Err(StartError(format!(
                "http://{} would get the API keys unencrypted; use https://, or pass `allow_insecure_http` if this \
                 network is yours",
                url.host_str().unwrap_or_default()
            )));
        }
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
        workers.spawn(connection::accept(workers.clone(), listener, router, None));
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
    /// its shape; what is one in one place is one in all.
    #[must_use]
    pub fn recorded(&self, secrets: &[String]) -> Recorded {
        let mut book = lock(&self.shared.book);
        let book = &mut *book;
        book.learn();
        playback::learn_answers(&book.requests, &mut book.secrets);
        secrets.iter().for_each(|secret| book.secrets.tell(secret));
        let scrubber = Scrubber::new(&book.secrets);
        let (mut scenario, notes) = playback::scenario(&book.requests, &scrubber);
        scenario.recorded = exchanges::exchanges(&book.requests, &scrubber);
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

//! The HTTP client: one per configuration, built at the first request.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION,
};
use url::Url;

use super::redirect;
use super::retry::{self, Attempt, Decision, Effect, Failure};
use super::tls;
use crate::config::ClientConfig;
use crate::error::{Error, ErrorKind, Result};

/// What RFC 3986 leaves as it is within one segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// One request, below the base URL.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    method: Method,
    url: Url,
    /// Method and path for errors and logs.
    context: String,
    body: Option<Bytes>,
    headers: HeaderMap,
    effect: Effect,
    wait_for_limit: Option<Duration>,
}

impl Request {
    /// A request whose path has these segments, each encoded on its own.
    pub(crate) fn new(config: &ClientConfig, method: Method, segments: &[&str]) -> Self {
        let mut url = config.base_url.clone();
        let mut path = url.path().to_owned();
        for segment in segments {
            path.push('/');
            path.extend(utf8_percent_encode(segment, SEGMENT));
        }
        url.set_path(&path);
        let effect = match method {
            Method::GET | Method::HEAD | Method::DELETE | Method::PUT => Effect::Repeatable,
            _ => Effect::Once,
        };
        let context = format!("{method} {}", url.path());
        Self {
            method,
            url,
            context,
            body: None,
            headers: HeaderMap::new(),
            effect,
            wait_for_limit: config.wait_for_limit,
        }
    }

    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    pub(crate) fn json(mut self, body: &impl serde::Serialize) -> Result<Self> {
        let body = serde_json::to_vec(body).map_err(|error| {
            Error::invalid(format!("The request's body is not valid JSON: {error}"))
        })?;
        self.body = Some(body.into());
        Ok(self)
    }

    pub(crate) fn header(mut self, name: http::HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Waits so long for the service's limits, whatever the client does.
    pub(crate) fn wait_for_limit(mut self, wait: Duration) -> Self {
        self.wait_for_limit = Some(wait);
        self
    }

    /// Declares that sending this request twice is the same as once.
    pub(crate) fn repeatable(mut self) -> Self {
        self.effect = Effect::Repeatable;
        self
    }
}

/// A whole answer with a success status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Error::new(
                ErrorKind::Connection,
                format!(
                    "The service's answer ({}) cannot be read: {error}",
                    self.status
                ),
            )
            .with_reason("bad_answer")
        })
    }
}

/// Sends requests with a client's configuration. Copies made by
/// [`with_config`](Self::with_config) share the connection pool.
#[derive(Clone)]
pub(crate) struct Transport {
    config: Arc<ClientConfig>,
    pool: Arc<OnceLock<reqwest::Client>>,
}

impl Transport {
    pub(crate) fn new(config: ClientConfig) -> Self {
        Self {
            config: Arc::new(config),
            pool: Arc::default(),
        }
    }

    pub(crate) fn with_config(&self, config: ClientConfig) -> Self {
        Self {
            config: Arc::new(config),
            pool: self.pool.clone(),
        }
    }

    pub(crate) fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// Sends a request until it succeeds, fails for good, or the deadline of
    /// the call passes.
    pub(crate) async fn send(&self, request: &Request) -> Result<Answer> {
        self.send_within(request, self.config.timeout).await
    }

    /// The same with another deadline.
    pub(crate) async fn send_within(&self, request: &Request, limit: Duration) -> Result<Answer> {
        let deadline = Instant::now() + limit;
        let left = || deadline.saturating_duration_since(Instant::now());
        let (mut made, mut limits) = (0, 0);
        // From the first limit on that the caller waits for.
        let mut limited_until = None;
        loop {
            made += 1;
            let attempt = tokio::time::timeout(left(), self.attempt(request, made));
            let failed = match attempt.await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(failed)) => failed,
                Err(_) => return Err(self.timed_out(request, limit, made)),
            };
            let waits = request
                .wait_for_limit
                .filter(|_| failed.failure == Failure::Limited);
            let limit_left = waits.map(|wait| {
                limits += 1;
                let until = *limited_until.get_or_insert_with(|| Instant::now() + wait);
                until.saturating_duration_since(Instant::now())
            });
            let decision = retry::decide(&Attempt {
                made: limit_left.map_or(made - limits, |_| limits),
                max_retries: self.config.max_retries,
                effect: request.effect,
                failure: failed.failure,
                retry_after: failed.error.retry_after(),
                left: left(),
                limit_left,
                jitter: jitter(),
            });
            match decision {
                Decision::Stop => {
                    let error = match waits {
                        Some(wait) if !wait.is_zero() => failed.error.after_waiting(wait, limit),
                        _ => failed.error,
                    };
                    return Err(error.with_attempts(made));
                }
                Decision::Wait(wait) => {
                    tracing::debug!(request = %request.context, attempt = made, ?wait, "retrying");
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// Opens a stream: one attempt, the answer's head within the call's
    /// deadline, no deadline for the body.
    pub(crate) async fn open(&self, request: &Request) -> Result<reqwest::Response> {
        let limit = self.config.timeout;
        let opened = async {
            let response = self.head(request).await?;
            self.check(request, response).await
        };
        match tokio::time::timeout(limit, opened).await {
            Ok(opened) => opened.map_err(|failed| failed.error),
            Err(_) => Err(self.timed_out(request, limit, 1)),
        }
    }

    async fn attempt(&self, request: &Request, made: u32) -> Result<Answer, Failed> {
        let started = Instant::now();
        let response = self.head(request).await?;
        let response = self.check(request, response).await?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response
            .bytes()
            .await
            .map_err(|error| self.broken(request, &error))?;
        tracing::debug!(request = %request.context, attempt = made, status, elapsed = ?started.elapsed(), "answered");
        Ok(Answer {
            status,
            headers,
            body,
        })
    }

    /// Sends one request and reads the answer's head, following redirects of
    /// the same origin.
    async fn head(&self, request: &Request) -> Result<reqwest::Response, Failed> {
        let client = self.client().map_err(Failed::before_sending)?;
        let mut url = request.url.clone();
        for _ in 0..=redirect::MAX_REDIRECTS {
            let mut builder = client
                .request(request.method.clone(), url.clone())
                .headers(self.headers(request));
            if let Some(body) = &request.body {
                builder = builder.body(body.clone());
            }
            let response = builder
                .send()
                .await
                .map_err(|error| self.broken(request, &error))?;
            if !response.status().is_redirection() || response.status().as_u16() == 304 {
                return Ok(response);
            }
            let location = response
                .headers()
                .get(LOCATION)
                .and_then(|value| value.to_str().ok());
            let next = location.and_then(|location| redirect::target(&url, location));
            match next {
                Some(next) if request.method == Method::GET => url = next,
                _ => return Ok(response),
            }
        }
        Err(Failed {
            failure: Failure::Status(310),
            error: Error::new(
                ErrorKind::Connection,
                format!(
                    "{} was redirected more than {} times",
                    request.context,
                    redirect::MAX_REDIRECTS
                ),
            )
            .with_reason("too_many_redirects"),
        })
    }

    /// Ours, then the client's, then the request's: the later ones win.
    fn headers(&self, request: &Request) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(key) = self.config.api_key.header_value() {
            headers.insert(AUTHORIZATION, key);
        }
        if request.body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        headers.extend(self.config.headers.clone());
        headers.extend(request.headers.clone());
        headers
    }

    /// Turns an answer that is no success into an error.
    async fn check(
        &self,
        request: &Request,
        response: reqwest::Response,
    ) -> Result<reqwest::Response, Failed> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let status = status.as_u16();
        let key = &self.config.api_key;
        let headers = plain_headers(response.headers(), |text| key.redact(text));
        let retry_after = headers
            .get("retry-after")
            .and_then(|value| retry::parse_retry_after(value, seconds_since_1970()));
        let refused = response.status().is_redirection();
        let body = response
            .bytes()
            .await
            .map_err(|error| self.broken(request, &error))?;
        let body = key.redact(&String::from_utf8_lossy(&body));
        let error = if refused {
            Error::new(
                ErrorKind::Status,
                format!(
                    "{} was redirected ({status}) to another origin or with an effect; this is not followed, \
                     so that the API key and the request reach the configured service only. Check `base_url`",
                    request.context
                ),
            )
            .with_reason("redirect_refused")
            .with_status(status)
        } else {
            Error::from_answer(status, headers, body, retry_after, &request.context)
        };
        let failure = match error.kind() {
            ErrorKind::RateLimit => Failure::Limited,
            _ => Failure::Status(status),
        };
        Err(Failed {
            failure,
            error: self.mark_ambiguous(request, failure, error),
        })
    }

    /// The failure of a request that got no whole answer.
    fn broken(&self, request: &Request, error: &reqwest::Error) -> Failed {
        let failure = if error.is_connect() {
            Failure::NotSent
        } else {
            Failure::Broken
        };
        let place = self.place();
        let what = match failure {
            Failure::NotSent => format!("No connection to {place}"),
            _ => format!("The connection to {place} broke during {}", request.context),
        };
        let detail = self.config.api_key.redact(&cause(error));
        let error = Error::new(ErrorKind::Connection, format!("{what}: {detail}"));
        Failed {
            failure,
            error: self.mark_ambiguous(request, failure, error),
        }
    }

    fn timed_out(&self, request: &Request, limit: Duration, made: u32) -> Error {
        let error = Error::new(
            ErrorKind::Timeout,
            format!(
                "{} did not finish within {} s ({made} attempt{})",
                request.context,
                limit.as_secs_f64(),
                if made == 1 { "" } else { "s" }
            ),
        );
        self.mark_ambiguous(request, Failure::Broken, error)
    }

    /// Says so where a request with an effect may have been carried out.
    fn mark_ambiguous(&self, request: &Request, failure: Failure, error: Error) -> Error {
        let ambiguous = match failure {
            Failure::NotSent | Failure::Limited => false,
            Failure::Broken => true,
            Failure::Status(status) => status >= 500,
        };
        if ambiguous && request.effect == Effect::Once {
            error.with_maybe_delivered(
                "The request may have been carried out all the same, so it was not sent again: look before you repeat it.",
            )
        } else {
            error
        }
    }

    /// Host and, where it is not the scheme's own, port of the service.
    fn place(&self) -> String {
        let url = &self.config.base_url;
        let host = url.host_str().unwrap_or_default();
        match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    fn client(&self) -> Result<&reqwest::Client> {
        if let Some(client) = self.pool.get() {
            return Ok(client);
        }
        let built = build(&self.config)?;
        Ok(self.pool.get_or_init(|| built))
    }
}

/// A failed attempt: the error for the user, and how it failed for the
/// decision about a retry.
struct Failed {
    failure: Failure,
    error: Error,
}

impl Failed {
    fn before_sending(error: Error) -> Self {
        // Setting up again would fail again: not worth a retry.
        Self {
            failure: Failure::Status(0),
            error,
        }
    }
}

fn build(config: &ClientConfig) -> Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("sessionwire/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(config.connect_timeout)
        .http2_keep_alive_interval(Duration::from_secs(20))
        .http2_keep_alive_while_idle(true)
        .no_proxy();
    if let Some(url) = &config.proxy {
        let proxy = reqwest::Proxy::all(url.as_str())
            .map_err(|error| tls::build_error(&error.without_url()))?
            .no_proxy(
                config
                    .no_proxy
                    .as_deref()
                    .and_then(reqwest::NoProxy::from_string),
            );
        builder = builder.proxy(proxy);
    }
    tls::configure(builder, config)?
        .build()
        .map_err(|error| tls::build_error(&error.without_url()))
}

/// Headers that a stream is asked for with.
pub(crate) fn stream_headers(request: Request) -> Request {
    request
        .header(ACCEPT, HeaderValue::from_static("text/event-stream"))
        // Compressed streams arrive in bursts where a proxy does not flush.
        .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"))
        .header(
            http::header::CACHE_CONTROL,
            HeaderValue::from_static("no-cache"),
        )
}

/// The innermost cause of an error: the outer ones only say which part of the
/// HTTP client noticed it, and may hold the URL.
pub(super) fn cause(error: &reqwest::Error) -> String {
    let mut innermost: Option<String> = None;
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        innermost = Some(source.to_string());
        next = source.source();
    }
    innermost.unwrap_or_else(|| "the request failed".to_owned())
}

/// Headers as plain texts, names in lower case.
pub(crate) fn plain_headers(
    headers: &HeaderMap,
    clean: impl Fn(&str) -> String,
) -> BTreeMap<String, String> {
    headers
        .iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                clean(&String::from_utf8_lossy(value.as_bytes())),
            )
        })
        .collect()
}

fn seconds_since_1970() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}

/// A number from 0 to 1. It only has to differ between clients and calls.
pub(crate) fn jitter() -> f64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u64(CALLS.fetch_add(1, Ordering::Relaxed));
    (hasher.finish() >> 11) as f64 / (1_u64 << 53) as f64
}

//! Sends requests: authentication, redirects, retries and the deadline.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use url::Url;

use super::body;
use super::closing::{Closing, Lease};
use super::connect::{connecting_by, is_too_late};
use super::failure::{Failed, cause, is_of_the_connection};
use super::jitter::jitter;
use super::pool::Pool;
use super::redirect;
use super::request::{Body, Request, context};
use super::response::{Asked, CARRIED_OUT, Response, plain_headers};
use super::retry::{self, Attempt, Decision, Effect, Failure};
use super::tls;
use super::tunnel::{Refusal, Tunnel};
use super::upload::{KEPT, UploadProgress};
use crate::config::ClientConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::telemetry::{Sent, Trace};
use crate::testing;

/// How long before the end of a call its connection must be open.
const MARGIN: Duration = Duration::from_millis(5);

/// Sends requests with a client's configuration, until the client is closed.
/// Copies made by [`with_config`](Self::with_config) share the connection pool.
#[derive(Clone)]
pub(crate) struct Transport {
    config: Arc<ClientConfig>,
    pool: Arc<Pool>,
    closing: Closing,
    /// The span that the requests belong to.
    trace: Option<Trace>,
}

impl Transport {
    pub(crate) fn new(config: ClientConfig) -> Self {
        Self {
            config: Arc::new(config),
            pool: Arc::default(),
            closing: Closing::default(),
            trace: None,
        }
    }

    /// A transport for connections that are upgraded to another protocol: at
    /// another address perhaps, and closed together with this one.
    pub(crate) fn for_upgrades(&self, config: ClientConfig) -> Self {
        Self {
            config: Arc::new(config),
            pool: Arc::new(Pool::http1_only()),
            closing: self.closing.clone(),
            trace: self.trace.clone(),
        }
    }

    pub(crate) fn with_config(&self, config: ClientConfig) -> Self {
        Self {
            config: Arc::new(config),
            ..self.clone()
        }
    }

    /// A copy that a close does not end: for what must be sent all the same.
    /// It keeps the connections open for as long as it lives itself.
    pub(crate) fn outliving_close(&self) -> Self {
        Self {
            config: self.config.clone(),
            pool: Arc::new(self.pool.outliving_close()),
            closing: self.closing.outliving_client(),
            trace: self.trace.clone(),
        }
    }

    /// A copy that also ends with this lease.
    pub(crate) fn by(&self, lease: &Lease) -> Self {
        Self {
            closing: self.closing.by(lease),
            ..self.clone()
        }
    }

    /// A copy whose requests belong to this span.
    pub(crate) fn traced(&self, trace: &Trace) -> Self {
        Self {
            trace: Some(trace.clone()),
            ..self.clone()
        }
    }

    /// The span that the requests belong to.
    pub(crate) fn trace(&self) -> Option<&Trace> {
        self.trace.as_ref()
    }

    /// Ends every request and wait of this transport and its copies, and closes
    /// their connections. Can be called twice.
    pub(crate) fn close(&self) {
        self.closing.close();
        self.pool.close();
    }

    /// Whether it is closed, and a way to wait for that.
    pub(crate) fn closing(&self) -> &Closing {
        &self.closing
    }

    pub(crate) fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// How many turns may run at once, as the service said last.
    pub(crate) fn max_concurrent(&self) -> Option<u32> {
        self.pool.max_concurrent()
    }

    /// Sends a request until it succeeds, fails for good, or the deadline of
    /// the call passes.
    pub(crate) async fn send(&self, request: &Request) -> Result<Response> {
        self.send_within(request, self.config.timeout).await
    }

    /// The same with another deadline.
    pub(crate) async fn send_within(&self, request: &Request, limit: Duration) -> Result<Response> {
        testing::check(&self.config)?;
        self.closing
            .until_closed(self.retried(request, limit))
            .await
    }

    async fn retried(&self, request: &Request, limit: Duration) -> Result<Response> {
        let mut deadline = Instant::now() + limit;
        let (mut made, mut limits) = (0, 0);
        // From the first limit on that the caller waits for.
        let mut limited_until = None;
        loop {
            made += 1;
            let connected_by = deadline.checked_sub(MARGIN).unwrap_or(deadline);
            let attempt = pin!(connecting_by(
                connected_by.into(),
                self.attempt(request, made)
            ));
            let upload = match &request.body {
                Body::Multipart(body) => Some(body.progress()),
                _ => None,
            };
            // An upload has the whole limit in each attempt, for as long as it stands still.
            let left = upload.map_or_else(|| until(deadline), |_| limit);
            let finished = in_time(attempt, left, upload).await;
            if upload.is_some() {
                deadline = Instant::now() + limit;
            }
            let failed = match finished {
                Some(Ok(response)) => return Ok(response),
                Some(Err(failed)) => failed,
                None => return Err(self.timed_out(request, limit, made)),
            };
            if request.is_spent() {
                let is_for_now = failed.failure == Failure::Limited
                    || failed.failure == Failure::Status(503) && !failed.error.maybe_delivered();
                let error = match is_for_now {
                    false => failed.error,
                    true => failed.error.with_advice(&format!(
                        "Nothing of it was taken, but it was not sent again: of a stream no more than {} MiB are \
                         kept. Upload it once more, or pass its path",
                        KEPT >> 20
                    )),
                };
                return Err(error.with_attempts(made));
            }
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
                effect: request.effect(),
                failure: failed.failure,
                first_wait: self
                    .config
                    .service
                    .first_wait(failed.failure == Failure::Limited),
                retry_after: failed.error.retry_after(),
                left: until(deadline),
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
                    tracing::debug!(
                        request = %self.context(request),
                        attempt = made,
                        ?wait,
                        reason = failed.error.message(),
                        extra.wait = wait.as_secs_f64(),
                        extra.status = failed.error.status_code(),
                        extra.reason = failed.error.kind().name(),
                        extra.session_id = self.session_id(request),
                        extra.trace_id = self.span_ids().map(|(trace_id, _)| trace_id),
                        extra.span_id = self.span_ids().map(|(_, span_id)| span_id),
                        "retrying"
                    );
                    let waited = match &request.wanted {
                        Some(wanted) => wanted.sleep(wait).await,
                        None => {
                            tokio::time::sleep(wait).await;
                            Ok(())
                        }
                    };
                    if waited.is_err() {
                        return Err(failed.error.with_attempts(made));
                    }
                }
            }
        }
    }

    /// Opens a stream: one attempt, the response's head within the call's
    /// deadline, no deadline for the body.
    pub(crate) async fn open(&self, request: &Request) -> Result<reqwest::Response> {
        let started = Instant::now();
        let opened = async {
            let opened = match self.head(request).await {
                Ok(response) => self.check(request, response).await,
                Err(failed) => Err(failed),
            };
            let opened = opened.map_err(|failed| failed.redacted(&self.config.api_key));
            let status = opened.as_ref().map(|response| response.status().as_u16());
            self.log_attempt(request, 1, started, status);
            opened
        };
        self.once(request, opened).await
    }

    /// Asks for an upgrade to another protocol: one attempt, within the call's
    /// deadline.
    pub(crate) async fn upgrade(&self, request: &Request) -> Result<reqwest::Response> {
        let started = Instant::now();
        let upgraded = async {
            let head = self.head(request).await;
            let status = head.as_ref().map(|response| response.status().as_u16());
            self.tell(request, 1, started, status);
            let response = head?;
            if response.status() == http::StatusCode::SWITCHING_PROTOCOLS {
                return Ok(response);
            }
            let response = self.check(request, response).await?;
            let error = Error::new(
                ErrorKind::Connection,
                format!(
                    "{} was answered {} instead of being upgraded to a WebSocket. Is there a proxy or gateway that \
                     does not pass WebSockets on?",
                    self.context(request),
                    response.status().as_u16()
                ),
            );
            Err(Failed {
                failure: Failure::Broken,
                error: error.with_reason("not_upgraded"),
            })
        };
        self.once(request, upgraded).await
    }

    /// One attempt within the call's deadline.
    async fn once<T>(
        &self,
        request: &Request,
        attempt: impl Future<Output = Result<T, Failed>>,
    ) -> Result<T> {
        testing::check(&self.config)?;
        let limit = self.config.timeout;
        let bounded = async {
            let connected_by = tokio::time::Instant::now() + limit.saturating_sub(MARGIN);
            match tokio::time::timeout(limit, connecting_by(connected_by, attempt)).await {
                Ok(outcome) => {
                    outcome.map_err(|failed| failed.redacted(&self.config.api_key).error)
                }
                Err(_) => Err(self.timed_out(request, limit, 1)),
            }
        };
        self.closing.until_closed(bounded).await
    }

    async fn attempt(&self, request: &Request, made: u32) -> Result<Response, Failed> {
        let started = Instant::now();
        let response = self.exchange(request).await;
        let response = response.map_err(|failed| failed.redacted(&self.config.api_key));
        let status = response.as_ref().map(|response| response.status);
        self.log_attempt(request, made, started, status);
        response
    }

    /// Logs one attempt: with its status, or with why there is none.
    fn log_attempt(
        &self,
        request: &Request,
        attempt: u32,
        started: Instant,
        status: std::result::Result<u16, &Failed>,
    ) {
        let error = status.err().map(|failed| &failed.error);
        self.tell(request, attempt, started, status);
        tracing::debug!(
            method = %request.method,
            url = %self.log_url(&request.url),
            status = status.ok().or_else(|| error.and_then(Error::status_code)),
            duration = ?started.elapsed(),
            attempt,
            error = error.map(Error::message),
            extra.duration = started.elapsed().as_secs_f64(),
            extra.error = error.map(|error| error.kind().name()),
            extra.session_id = self.session_id(request),
            extra.request_id = error.and_then(Error::request_id),
            extra.trace_id = self.span_ids().map(|(trace_id, _)| trace_id),
            extra.span_id = self.span_ids().map(|(_, span_id)| span_id),
            "request"
        );
    }

    /// Tells the span of one attempt.
    fn tell(
        &self,
        request: &Request,
        attempt: u32,
        started: Instant,
        status: std::result::Result<u16, &Failed>,
    ) {
        let Some(trace) = &self.trace else { return };
        let error = status.err().map(|failed| &failed.error);
        trace.sent(Sent {
            at: SystemTime::now() - started.elapsed(),
            method: request.method.to_string(),
            route: request.route(&self.config.base_url),
            status: status.ok().or_else(|| error.and_then(Error::status_code)),
            error: error.map(|error| error.kind().name()),
            attempt,
            duration: started.elapsed(),
        });
    }

    /// The session that a request is about, for the log.
    fn session_id(&self, request: &Request) -> Option<String> {
        let id = request.session_id()?;
        Some(self.config.api_key.redact(&id))
    }

    /// The ids of the trace and the span, for the log.
    fn span_ids(&self) -> Option<(&str, &str)> {
        let named = self.trace.as_ref()?.headers()?.get("traceparent")?;
        let mut parts = named.to_str().ok()?.split('-').skip(1);
        Some((parts.next()?, parts.next()?))
    }

    /// An address for the log: without the key, and without the values of query
    /// parameters that may be another secret.
    fn log_url(&self, url: &Url) -> String {
        const SECRETS: [&str; 6] = ["key", "token", "secret", "password", "auth", "signature"];
        let mut shown = url.clone();
        shown.set_query(None);
        for (number, (name, value)) in url.query_pairs().enumerate() {
            if number == 0 {
                shown.set_query(Some(""));
            }
            let lower = name.to_ascii_lowercase();
            let is_secret = SECRETS.iter().any(|part| lower.contains(part));
            let value = if is_secret { "redacted" } else { &*value };
            shown.query_pairs_mut().append_pair(&name, value);
        }
        self.config.api_key.redact(shown.as_str())
    }

    async fn exchange(&self, request: &Request) -> Result<Response, Failed> {
        let response = self.head(request).await?;
        let mut response = self.check(request, response).await?;
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let mut answer = Response {
            status,
            headers,
            body: Bytes::new(),
            garbled: None,
            request: Asked {
                method: request.method.clone(),
                url: request.url.clone(),
                effect: request.effect(),
                config: self.config.clone(),
            },
        };
        let read = body::read(response, body::MAX_RESPONSE).await;
        self.pool.was_used();
        match read {
            Ok(body::Body::Whole(body)) => answer.body = body,
            Ok(body::Body::TooLarge(_)) => {
                return Err(self.too_large(request, status, &answer.headers));
            }
            // It came with the head.
            Err(_) if request.status_is_enough => {}
            Err(error) if is_of_the_connection(&error) => return Err(self.broken(request, error)),
            Err(error) => answer.garbled = Some(cause(&error)),
        }
        Ok(answer)
    }

    /// The failure of a request that was carried out, and whose response is larger
    /// than what is read.
    fn too_large(&self, request: &Request, status: u16, headers: &HeaderMap) -> Failed {
        let headers = plain_headers(headers, str::to_owned);
        let error =
            Error::from_response(status, headers, String::new(), None, &self.context(request))
                .too_large(body::MAX_RESPONSE);
        Failed {
            failure: Failure::Status(status),
            error: match request.effect() {
                Effect::Once => error.with_maybe_delivered(CARRIED_OUT),
                Effect::Repeatable => error,
            },
        }
    }

    /// Sends one request and reads the response's head, following redirects of
    /// the same origin.
    async fn head(&self, request: &Request) -> Result<reqwest::Response, Failed> {
        let client = self
            .pool
            .client(&self.config)
            .map_err(Failed::before_sending)?;
        if request.effect() == Effect::Once {
            self.pool.settle().await;
        }
        let mut url = request.url.clone();
        for _ in 0..=redirect::MAX_REDIRECTS {
            let response = self.send_once(&client, request, &url).await?;
            self.pool.was_used();
            self.record_limits(response.headers());
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
                    self.context(request),
                    redirect::MAX_REDIRECTS
                ),
            )
            .with_reason("too_many_redirects"),
        })
    }

    async fn send_once(
        &self,
        client: &reqwest::Client,
        request: &Request,
        url: &Url,
    ) -> Result<reqwest::Response, Failed> {
        let headers = self.headers(request);
        if self.pool.is_for_upgrades()
            && let Some(tunnel) = Tunnel::needed(&self.config, url)
        {
            return Box::pin(tunnel.get(url, headers, self.config.connect_timeout))
                .await
                .map_err(|broken| self.no_response(request, broken.failure, &broken.detail));
        }
        let mut builder = client
            .request(request.method.clone(), url.clone())
            .headers(headers);
        builder = match &request.body {
            Body::None => builder,
            Body::Json(body) => builder.body(body.clone()),
            Body::Multipart(body) => {
                let opened = Box::pin(body.open()).await;
                builder.body(opened.map_err(Failed::before_sending)?)
            }
        };
        match builder.send().await {
            Ok(response) => Ok(response),
            Err(error) => Err(Box::pin(self.not_answered(request, url, error)).await),
        }
    }

    /// The failure of a request that got no answer, with what the proxy says.
    async fn not_answered(&self, request: &Request, url: &Url, error: reqwest::Error) -> Failed {
        let cause = cause(&error);
        let refusal = if !error.is_connect() || is_too_late(&error) {
            None
        } else if cause.contains("proxy authorization required") {
            Some(Refusal(407))
        } else if cause.contains("tunnel error") {
            Tunnel::refusal(&self.config, url).await
        } else {
            None
        };
        match refusal {
            None => self.broken(request, error),
            Some(refusal) => {
                let failed = self.no_response(request, Failure::NotSent, &refusal.to_string());
                match refusal.is_final() {
                    true => Failed::before_sending(failed.error),
                    false => failed,
                }
            }
        }
    }

    fn record_limits(&self, headers: &HeaderMap) {
        let limit = headers
            .get("x-rate-limit-max-concurrent")
            .and_then(|value| value.to_str().ok()?.trim().parse().ok());
        if let Some(limit) = limit {
            self.pool.saw_max_concurrent(limit);
        }
    }

    /// Ours, then the client's, then the request's: the later ones win.
    fn headers(&self, request: &Request) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(key) = self
            .config
            .api_key
            .header_value()
            .filter(|_| request.authorized)
        {
            headers.insert(AUTHORIZATION, key);
        }
        match &request.body {
            Body::None => {}
            Body::Json(_) => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            }
            Body::Multipart(body) => {
                headers.insert(CONTENT_TYPE, body.content_type());
            }
        }
        headers.extend(self.config.headers.clone());
        headers.extend(request.headers.clone());
        if let Some(carried) = self.trace.as_ref().and_then(Trace::headers)
            && !headers.contains_key("traceparent")
        {
            for (name, value) in carried {
                // One that a caller gave wins, and so does every one of ours.
                headers.entry(name).or_insert_with(|| value.clone());
            }
        }
        headers
    }

    /// Turns a response that is no success into an error.
    async fn check(
        &self,
        request: &Request,
        response: reqwest::Response,
    ) -> Result<reqwest::Response, Failed> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        Err(Box::pin(self.refused(request, response)).await)
    }

    /// The failure of a request whose response is no success.
    async fn refused(&self, request: &Request, response: reqwest::Response) -> Failed {
        let status = response.status().as_u16();
        let headers = plain_headers(response.headers(), str::to_owned);
        let now = seconds_since_1970();
        let retry_after = headers
            .get("x-rate-limit-retry-after")
            .and_then(|value| retry::parse_rate_limit_wait(value, now))
            .or_else(|| {
                let value = headers.get("retry-after")?;
                retry::parse_retry_after(value, now)
            });
        let refused = response.status().is_redirection();
        let read = body::read(response, body::MAX_ERROR).await;
        let (body, is_whole) = match read {
            Ok(body::Body::Whole(body)) => (body, true),
            Ok(body::Body::TooLarge(beginning)) => (beginning, false),
            Err(error) => return self.broken(request, error),
        };
        // Here already: a part of the body may become the message.
        let body = self.config.api_key.redact(&crate::meaning::decoded(&body));
        let error = if refused {
            Error::new(
                ErrorKind::Status,
                format!(
                    "{} was redirected ({status}) to another origin or with an effect; this is not followed, \
                     so that the API key and the request reach the configured service only. Check `base_url`",
                    self.context(request)
                ),
            )
            .with_reason("redirect_refused")
            .with_status(status)
        } else {
            let error =
                Error::from_response(status, headers, body, retry_after, &self.context(request));
            if is_whole {
                error
            } else {
                error.too_large(body::MAX_ERROR)
            }
        };
        let failure = match error.kind() {
            ErrorKind::RateLimit => Failure::Limited,
            _ => Failure::Status(status),
        };
        Failed {
            failure,
            error: self.mark_ambiguous(request, failure, error),
        }
    }

    /// The failure of a request that got no whole response.
    fn broken(&self, request: &Request, error: reqwest::Error) -> Failed {
        if is_too_late(&error) {
            return self.not_connected_in_time(request);
        }
        let failure = if error.is_connect() {
            Failure::NotSent
        } else {
            Failure::Broken
        };
        let failed = self.no_response(request, failure, &cause(&error));
        Failed {
            // A URL may hold the key.
            error: failed.error.with_source(error.without_url()),
            ..failed
        }
    }

    fn no_response(&self, request: &Request, failure: Failure, detail: &str) -> Failed {
        let route = self.route();
        let what = match failure {
            Failure::NotSent => format!("No connection to {route}"),
            _ => format!(
                "The connection to {route} broke during {}",
                self.context(request)
            ),
        };
        let mut detail = detail.to_owned();
        if let Some(advice) = tls::advice(&detail, &self.config) {
            detail.push_str(". ");
            detail.push_str(advice);
        }
        let error = Error::new(ErrorKind::Connection, format!("{what}: {detail}"));
        Failed {
            failure,
            error: self.mark_ambiguous(request, failure, error),
        }
    }

    /// The time was over before there was a connection.
    fn not_connected_in_time(&self, request: &Request) -> Failed {
        let text = format!(
            "{} ran out of time: there was no connection to {} yet, so it was not sent",
            self.context(request),
            self.route()
        );
        Failed {
            failure: Failure::NotSent,
            error: Error::new(ErrorKind::Timeout, text),
        }
    }

    fn timed_out(&self, request: &Request, limit: Duration, made: u32) -> Error {
        let error = Error::new(
            ErrorKind::Timeout,
            format!(
                "{} did not finish within {} s ({made} attempt{})",
                self.context(request),
                limit.as_secs_f64(),
                if made == 1 { "" } else { "s" }
            ),
        );
        tracing::debug!(request = %self.context(request), attempt = made, ?limit, "the time is over");
        self.mark_ambiguous(request, Failure::Broken, error)
    }

    /// Says so where a request with an effect may have been carried out.
    fn mark_ambiguous(&self, request: &Request, failure: Failure, error: Error) -> Error {
        let ambiguous = match failure {
            Failure::NotSent | Failure::Limited => false,
            Failure::Broken => true,
            // A file that the service asks for again later was not taken.
            Failure::Status(503) if matches!(request.body, Body::Multipart(_)) => {
                error.retry_after().is_none()
            }
            Failure::Status(status) => status >= 500,
        };
        if ambiguous && request.effect() == Effect::Once {
            error.with_maybe_delivered(
                "The request may have been carried out all the same, so it was not sent again: look before you repeat it.",
            )
        } else {
            error
        }
    }

    /// Method and path of a request, for errors and logs.
    fn context(&self, request: &Request) -> String {
        context(&request.method, &request.url, &self.config.api_key)
    }

    /// Where requests go, and through what.
    fn route(&self) -> String {
        let service = address(&self.config.base_url);
        match &self.config.proxy {
            Some(proxy) => format!("{service} (through the proxy {})", address(proxy)),
            None => service,
        }
    }
}

/// Host and, where it is not the scheme's own, port of an address.
fn address(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn until(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// The output of a piece of work that takes at most so long; an upload goes on for as
/// long as it moves, and ends once it stood still for so long.
async fn in_time<T>(
    mut work: Pin<&mut impl Future<Output = T>>,
    limit: Duration,
    upload: Option<&UploadProgress>,
) -> Option<T> {
    loop {
        let before = upload.map(UploadProgress::sent);
        match tokio::time::timeout(limit, &mut work).await {
            Ok(output) => return Some(output),
            Err(_) if upload.map(UploadProgress::sent) == before => return None,
            Err(_) => {}
        }
    }
}

fn seconds_since_1970() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use std::time::Duration;

    use reqwest::Method;

    use super::super::request::Request;
    use super::super::secret::Secret;
    use super::Transport;
    use crate::config::{ClientConfig, ClientOptions};

    #[test]
    fn a_call_takes_little_memory() {
        let options = ClientOptions::new()
            .api_key(Secret::new("key"))
            .base_url("http://127.0.0.1:1");
        let config = ClientConfig::resolve(options).expect("it is complete");
        let transport = Transport::new(config);
        let request = Request::new(transport.config(), Method::GET, &["sessions"]);
        let (call, attempts) = (
            size_of_val(&transport.send(&request)),
            size_of_val(&transport.retried(&request, Duration::ZERO)),
        );
        // 288 and 1,776 bytes in November 2026.
        assert!(call <= 512, "{call}");
        assert!(attempts <= 2_560, "{attempts}");
    }
}

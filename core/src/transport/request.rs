//! One request: where to, with what, and whether it may be repeated.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, HeaderMap, HeaderValue};
use url::Url;

use super::closing::Closing;
use super::encode::{percent_decode, percent_encode};
use super::retry::Effect;
use super::secret::Secret;
use super::upload::Multipart;
use crate::config::ClientConfig;
use crate::error::{Error, Result};

/// One request, below the base URL.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) body: Body,
    pub(super) headers: HeaderMap,
    pub(super) effect: Effect,
    pub(super) wait_for_limit: Option<Duration>,
    /// Whether the `Authorization` header goes along.
    pub(super) authorized: bool,
    /// Whether a success says all by its status.
    pub(super) status_is_enough: bool,
    /// Closed once nobody wants what it gives; `None`: it is wanted to the end.
    pub(super) wanted: Option<Closing>,
    pub(super) place: Place,
}

/// What the path of a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The service's own, with nothing of a caller in it.
    Fixed,
    /// A session's, whose id follows `sessions`.
    OfSession,
    /// A caller's.
    Raw,
}

/// What a request carries.
#[derive(Debug, Clone)]
pub(super) enum Body {
    None,
    Json(Bytes),
    Multipart(Multipart),
}

impl Request {
    /// A request whose path has these segments, each encoded on its own.
    pub(crate) fn new(config: &ClientConfig, method: Method, segments: &[&str]) -> Self {
        let mut url = config.base_url.clone();
        let mut path = url.path().trim_end_matches('/').to_owned();
        for segment in segments {
            path.push('/');
            path.push_str(&percent_encode(segment));
        }
        url.set_path(&path);
        let effect = match method {
            Method::GET | Method::HEAD | Method::DELETE | Method::PUT => Effect::Repeatable,
            _ => Effect::Once,
        };
        Self {
            method,
            url,
            body: Body::None,
            headers: HeaderMap::new(),
            effect,
            wait_for_limit: config.wait_for_limit,
            authorized: true,
            status_is_enough: false,
            wanted: None,
            place: Place::Fixed,
        }
    }

    /// A request below `/sessions/{session_id}`. The id is one that was checked.
    pub(crate) fn of_session(
        config: &ClientConfig,
        method: Method,
        session_id: &str,
        rest: &[&str],
    ) -> Self {
        let segments = [&["sessions", session_id], rest].concat();
        Self::new(config, method, &segments).of_a_session()
    }

    /// Says that a session's id follows `sessions` in the path.
    pub(crate) fn of_a_session(mut self) -> Self {
        self.place = Place::OfSession;
        self
    }

    /// The path below the base URL, with a placeholder for a session's id; none of a path that
    /// a caller wrote.
    pub(super) fn route(&self, base: &Url) -> Option<String> {
        let below = self
            .url
            .path()
            .strip_prefix(base.path().trim_end_matches('/'))?;
        match self.place {
            Place::Raw => None,
            Place::Fixed => Some(below.to_owned()),
            Place::OfSession => {
                let (before, rest) = below.split_once("sessions/")?;
                let after = rest.find('/').map_or("", |at| &rest[at..]);
                Some(format!("{before}sessions/{{session_id}}{after}"))
            }
        }
    }

    /// The session's id, where the path has one.
    pub(super) fn session_id(&self) -> Option<String> {
        if self.place != Place::OfSession {
            return None;
        }
        let (_, rest) = self.url.path().split_once("/sessions/")?;
        percent_decode(rest.split('/').next()?)
    }

    /// Says that a caller wrote the path.
    pub(crate) fn raw(mut self) -> Self {
        self.place = Place::Raw;
        self
    }

    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    pub(crate) fn json(mut self, body: &impl serde::Serialize) -> Result<Self> {
        let body = serde_json::to_vec(body).map_err(|error| {
            Error::invalid(format!("The request's body is not valid JSON: {error}"))
        })?;
        self.body = Body::Json(body.into());
        Ok(self)
    }

    pub(crate) fn multipart(mut self, body: Multipart) -> Self {
        self.body = Body::Multipart(body);
        self
    }

    /// A query of these parameters, percent-encoded. The URL of a request is
    /// shown nowhere, so that it may carry the key.
    pub(crate) fn secret_query(mut self, parameters: &[(&str, &str)]) -> Self {
        let pairs: Vec<String> = parameters
            .iter()
            .map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(value)))
            .collect();
        self.url.set_query(Some(&pairs.join("&")));
        self
    }

    /// Takes any success for one, whatever its body is.
    pub(crate) fn status_is_enough(mut self) -> Self {
        self.status_is_enough = true;
        self
    }

    /// The id in an address that this one and an id make, and nothing else.
    pub(crate) fn id_of(&self, location: &str) -> Option<String> {
        let found = self.url.join(location).ok()?;
        if found.origin() != self.url.origin() {
            return None;
        }
        let id = found
            .path()
            .strip_prefix(self.url.path())?
            .strip_prefix('/')?;
        let id = percent_decode(id)?;
        (!id.is_empty() && !id.contains('/')).then_some(id)
    }

    /// Leaves the `Authorization` header out.
    pub(crate) fn without_authorization(mut self) -> Self {
        self.authorized = false;
        self
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

    /// Sends it no more once this is closed; what was sent is waited for.
    pub(crate) fn wanted(mut self, wanted: Closing) -> Self {
        self.wanted = Some(wanted);
        self
    }

    /// Declares that sending this request twice is the same as once.
    pub(crate) fn repeatable(mut self) -> Self {
        self.effect = Effect::Repeatable;
        self
    }

    /// What sending it again would do.
    pub(super) fn effect(&self) -> Effect {
        match self.is_spent() {
            true => Effect::Once,
            false => self.effect,
        }
    }

    /// Whether it cannot be sent again: a reader gave its bytes once.
    pub(super) fn is_spent(&self) -> bool {
        matches!(&self.body, Body::Multipart(body) if !body.can_be_sent_again())
    }
}

/// Method and path of a request, for errors and logs.
pub(super) fn context(method: &Method, url: &Url, key: &Secret) -> String {
    // Somebody may have passed the key where an id belongs.
    key.redact(&format!("{method} {}", url.path()))
}

/// Headers that a stream is asked for with.
pub(crate) fn stream_headers(request: Request) -> Request {
    request
        .header(ACCEPT, HeaderValue::from_static("text/event-stream"))
        // Compressed streams arrive in bursts where a proxy does not flush.
        .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"))
        .header(CACHE_CONTROL, HeaderValue::from_static("no-cache"))
}

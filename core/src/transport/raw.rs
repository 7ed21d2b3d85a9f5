//! The escape hatch: any request, through the same key, retries and errors.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::http::Transport;
use super::request::Request;
use super::response::plain_headers;
use super::retry::parse_http_date;
use crate::config::is_ours;
use crate::error::{Error, Result};
use crate::setters::setters;

/// Parameters of the escape hatch `request`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RawRequest {
    /// `GET`, `POST`, ...
    pub method: String,
    /// The path after the base URL, such as `/sessions`.
    pub path: String,
    /// Query parameters.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// A JSON body.
    #[serde(default)]
    pub body: Option<Value>,
    /// More headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

impl RawRequest {
    /// A request without a query, a body and headers of its own.
    pub fn new(method: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            path: path.into(),
            query: BTreeMap::new(),
            body: None,
            headers: BTreeMap::new(),
        }
    }
}

setters!(RawRequest {
    query: BTreeMap<String, String>,
    body?: into Value,
    headers: BTreeMap<String, String>,
});

/// The response to a [`RawRequest`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct RawResponse {
    /// The HTTP status.
    pub status_code: u16,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body; bytes that are not UTF-8 are replaced.
    pub body: String,
}

impl RawResponse {
    /// When the service sent it, by its own clock (the header `Date`).
    pub fn sent_at(&self) -> Option<SystemTime> {
        let seconds = parse_http_date(self.headers.get("date")?, 0)?;
        UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
    }
}

impl Transport {
    /// Sends any request below the base URL.
    pub(crate) async fn raw(&self, raw: RawRequest) -> Result<RawResponse> {
        let answer = self.send(&self.raw_request(raw)?).await?;
        Ok(RawResponse {
            status_code: answer.status,
            headers: plain_headers(&answer.headers, str::to_owned),
            body: String::from_utf8_lossy(&answer.body).into_owned(),
        })
    }

    fn raw_request(&self, raw: RawRequest) -> Result<Request> {
        let method =
            Method::from_bytes(raw.method.to_ascii_uppercase().as_bytes()).map_err(|_| {
                Error::invalid(format!("`method` is {:?}. Use GET, POST, ...", raw.method))
            })?;
        let segments: Vec<&str> = raw
            .path
            .strip_prefix('/')
            .unwrap_or_default()
            .split('/')
            .collect();
        if !raw.path.starts_with('/')
            || segments.iter().any(|part| matches!(*part, "" | "." | ".."))
        {
            return Err(Error::invalid(format!(
                "`path` is {:?}. Give what follows {}, such as /sessions, without . and ..",
                raw.path,
                self.config().service.path_follows()
            )));
        }
        let mut request = Request::new(self.config(), method, &segments).raw();
        for (name, value) in &raw.query {
            request = request.query(name, value);
        }
        for (name, value) in &raw.headers {
            let name = http::HeaderName::from_bytes(name.as_bytes());
            let value = http::HeaderValue::from_str(value);
            let (Ok(name), Ok(value)) = (name, value) else {
                return Err(Error::invalid(
                    "`headers` has a name or value that HTTP does not allow",
                ));
            };
            if let Some(why) = is_ours(&name) {
                return Err(Error::invalid(format!(
                    "`headers` may not have `{name}`: {why}. Leave it out"
                )));
            }
            request = request.header(name, value);
        }
        match &raw.body {
            Some(body) => request.json(body),
            None => Ok(request),
        }
    }
}

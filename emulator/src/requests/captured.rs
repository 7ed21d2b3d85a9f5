//! One request, as it was received, without its key.

use crate::clock::Timestamp;
use axum::http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How much of a body is kept, and taken at all: a filter looks at the whole.
pub(crate) const BODY: usize = 1024 * 1024;
/// The same of an upload, which may be larger.
pub(crate) const UPLOAD: usize = 64 * 1024;
/// Headers that some put a key in.
const SECRET: [&str; 3] = ["x-api-key", "api-key", "x-auth-token"];

/// A request that the emulator received, and the status of its response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CapturedRequest {
    /// The method, upper-case.
    pub method: String,
    /// The path as it was sent, such as `/v1/sessions`.
    pub path: String,
    /// The query as it was sent, without `?`; empty when there is none. A WebSocket's `token` reads `***`.
    pub query: String,
    /// Headers with lower-case names; `authorization` reads `Bearer ***`.
    pub headers: BTreeMap<String, String>,
    /// The body as text, whole; of an upload the first 64 KiB, once it was received.
    pub body: String,
    /// The status of the response; `None` while there is none, and after a reset or a hang.
    pub status: Option<u16>,
    /// When it arrived, ISO 8601 in UTC.
    pub received_at: String,
    /// Why no response comes any more.
    #[serde(skip)]
    pub(crate) unanswered: Option<Unanswered>,
}

/// Why a request gets no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// A fault reset its connection.
    Reset,
    /// The client left before.
    Left,
}

impl Unanswered {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Left => "left",
        }
    }
}

impl CapturedRequest {
    pub(crate) fn new(
        method: &str,
        path: &str,
        query: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Self {
        let key = key(headers);
        Self {
            method: method.to_owned(),
            path: without(path, key),
            query: if path.starts_with("/ws/") {
                without_token(query)
            } else {
                without(query, key)
            },
            headers: readable(headers, key),
            body: String::from_utf8_lossy(body).into_owned(),
            status: None,
            received_at: Timestamp::now().to_string(),
            unanswered: None,
        }
    }
}

impl CapturedRequest {
    /// About how many bytes it takes.
    pub(super) fn size(&self) -> usize {
        let headers = self.headers.iter();
        let headers: usize = headers
            .map(|(name, value)| name.len() + value.len() + 64)
            .sum();
        256 + self.method.len() + self.path.len() + self.query.len() + self.body.len() + headers
    }
}

fn without_token(query: &str) -> String {
    let hidden = |part: &str| match part.split_once('=') {
        Some(("token", _)) => "token=***".to_owned(),
        _ => part.to_owned(),
    };
    query.split('&').map(hidden).collect::<Vec<_>>().join("&")
}

/// The key of a request, if it is long enough not to be a part of anything by chance.
fn key(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let key = value.rsplit(' ').next().unwrap_or(value);
    (key.len() >= 8).then_some(key)
}

/// Hides a key that came where none belongs.
fn without(text: &str, key: Option<&str>) -> String {
    key.map_or_else(|| text.to_owned(), |key| text.replace(key, "***"))
}

fn readable(headers: &HeaderMap, key: Option<&str>) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        let value = match *name {
            header::AUTHORIZATION => "Bearer ***".to_owned(),
            header::PROXY_AUTHORIZATION | header::COOKIE => "***".to_owned(),
            _ if SECRET.contains(&name.as_str()) => "***".to_owned(),
            _ => without(&String::from_utf8_lossy(value.as_bytes()), key),
        };
        let entry = all.entry(name.as_str().to_owned()).or_default();
        if !entry.is_empty() {
            entry.push_str(", ");
        }
        entry.push_str(&value);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_redacted_and_bodies_whole() {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", "Bearer secret".parse().unwrap());
        headers.append("accept", "a".parse().unwrap());
        headers.append("accept", "b".parse().unwrap());
        let request = CapturedRequest::new("GET", "/x", "", &headers, &vec![b'x'; BODY]);
        assert_eq!(request.headers["authorization"], "Bearer ***");
        assert_eq!(request.headers["accept"], "a, b");
        assert_eq!(request.body.len(), BODY);
    }

    #[test]
    fn the_token_of_a_websocket_is_redacted() {
        let query = "token=secret&message_id=m&token=again";
        let request = CapturedRequest::new("GET", "/ws/sessions/s", query, &HeaderMap::new(), b"");
        assert_eq!(request.query, "token=***&message_id=m&token=***");
    }
}

//! Which of the received requests are meant.

use super::captured::CapturedRequest;
use super::impossible;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

/// Which requests are meant; what is `None` matches all.
///
/// Read from JSON, a method, path or status that no request can have is an error.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, remote = "Self")]
pub struct RequestFilter {
    /// The method, in any case.
    pub method: Option<String>,
    /// The whole path as a pattern: `*` stands for anything but `/`, `**` for anything, `?` for one character but `/`.
    pub path: Option<String>,
    /// An expression that is found in the path; `^` and `$` bind it to the whole.
    pub path_regex: Option<PathRegex>,
    /// The session that the path names, or else the body.
    pub session_id: Option<String>,
    /// What the body, as JSON, holds at least: objects may have more members, everything else is equal.
    pub json: Option<Value>,
    /// The status of the response.
    pub status: Option<u16>,
}

/// A regular expression for paths; in JSON a text.
#[derive(Debug, Clone)]
pub struct PathRegex(regex_lite::Regex);

impl PathRegex {
    /// Reads an expression.
    ///
    /// # Errors
    /// When it is none; the text says so.
    pub fn new(text: &str) -> Result<Self, String> {
        let regex = regex_lite::Regex::new(text);
        regex
            .map(Self)
            .map_err(|error| format!("`{text}` is no regular expression: {error}"))
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(super) fn fits(&self, path: &str) -> bool {
        self.0.is_match(path)
    }
}

impl PartialEq for PathRegex {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Serialize for PathRegex {
    fn serialize<S: Serializer>(&self, target: S) -> Result<S::Ok, S::Error> {
        target.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for PathRegex {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let text = String::deserialize(source)?;
        Self::new(&text).map_err(|error| de::Error::custom(format!("`path_regex`: {error}")))
    }
}

impl Serialize for RequestFilter {
    fn serialize<S: Serializer>(&self, target: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, target)
    }
}

impl<'de> Deserialize<'de> for RequestFilter {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let filter = Self::deserialize(source)?;
        match filter.impossible() {
            Some(why) => Err(de::Error::custom(why)),
            None => Ok(filter),
        }
    }
}

impl RequestFilter {
    /// Why no request can ever fit, and what to write.
    fn impossible(&self) -> Option<String> {
        let of_method = || impossible::method(self.method.as_deref()?);
        let of_path = || impossible::path(self.path.as_deref()?);
        let of_status = || impossible::status(self.status?);
        of_method().or_else(of_path).or_else(of_status)
    }

    /// What it wants, in words, such as `POST /v1/sessions with json {}`.
    pub(crate) fn words(&self) -> String {
        let mut words = Vec::new();
        words.extend(self.method.as_ref().map(|method| method.to_uppercase()));
        words.extend(self.path.clone());
        words.extend(
            self.path_regex
                .as_ref()
                .map(|regex| format!("a path like {}", regex.as_str())),
        );
        if words.is_empty() {
            words.push("request".to_owned());
        }
        let mut extras = Vec::new();
        extras.extend(
            self.session_id
                .as_ref()
                .map(|id| format!("session_id {id}")),
        );
        extras.extend(self.json.as_ref().map(|json| format!("json {json}")));
        extras.extend(self.status.map(|status| format!("status {status}")));
        if !extras.is_empty() {
            words.push(format!("with {}", extras.join(", ")));
        }
        words.join(" ")
    }

    /// Whether the request is meant.
    #[must_use]
    pub fn matches(&self, request: &CapturedRequest) -> bool {
        let all = |wanted: Option<bool>| wanted.unwrap_or(true);
        all(self
            .method
            .as_ref()
            .map(|method| method.eq_ignore_ascii_case(&request.method)))
            && all(self.status.map(|status| request.status == Some(status)))
            && all(self
                .session_id
                .as_deref()
                .map(|id| session_id(&request.path, &request.body).as_deref() == Some(id)))
            && all(self
                .path
                .as_ref()
                .map(|pattern| path_fits(pattern.as_bytes(), request.path.as_bytes())))
            && all(self
                .path_regex
                .as_ref()
                .map(|regex| regex.fits(&request.path)))
            && all(self.json.as_ref().map(|wanted| {
                serde_json::from_str(&request.body).is_ok_and(|body| holds(&body, wanted))
            }))
    }
}

/// The session that a request is about: the one that its path names, or else its body.
pub(crate) fn session_id(path: &str, body: &str) -> Option<String> {
    let below = ["/v1/sessions/", "/sessions/", "/ws/sessions/"]
        .into_iter()
        .find_map(|start| path.strip_prefix(start))
        .filter(|_| path != "/sessions/new");
    let Some(below) = below else {
        let body: Value = serde_json::from_str(body).ok()?;
        return Some(body["session_id"].as_str()?.to_owned());
    };
    let id = below.split('/').next()?;
    Some(percent_decode_str(id).decode_utf8_lossy().into_owned())
}

/// Whether the whole path fits the pattern. Steps back only to the last `*` and the last `**`, so that no pattern is slow.
pub(super) fn path_fits(pattern: &[u8], path: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut segment: Option<(usize, usize)> = None;
    let mut anything: Option<(usize, usize)> = None;
    loop {
        let next = path.get(seen);
        match pattern.get(at) {
            Some(b'*') if pattern.get(at + 1) == Some(&b'*') => {
                at += 2;
                anything = Some((at, seen));
                segment = None;
                continue;
            }
            Some(b'*') => {
                at += 1;
                segment = Some((at, seen));
                continue;
            }
            Some(b'?') if next.is_some_and(|byte| *byte != b'/') => {
                (at, seen) = (at + 1, seen + 1);
                continue;
            }
            Some(byte) if next == Some(byte) && *byte != b'?' => {
                (at, seen) = (at + 1, seen + 1);
                continue;
            }
            None if next.is_none() => return true,
            _ => {}
        }
        // Let the last star take one byte more.
        if let Some((after, taken)) = segment
            && path.get(taken).is_some_and(|byte| *byte != b'/')
        {
            segment = Some((after, taken + 1));
            (at, seen) = (after, taken + 1);
        } else if let Some((after, taken)) = anything
            && taken < path.len()
        {
            anything = Some((after, taken + 1));
            segment = None;
            (at, seen) = (after, taken + 1);
        } else {
            return false;
        }
    }
}

/// Whether `body` has everything that `wanted` has.
pub(crate) fn holds(body: &Value, wanted: &Value) -> bool {
    match (body, wanted) {
        (Value::Object(body), Value::Object(wanted)) => wanted
            .iter()
            .all(|(name, wanted)| body.get(name).is_some_and(|value| holds(value, wanted))),
        (Value::Array(body), Value::Array(wanted)) => {
            body.len() == wanted.len()
                && body
                    .iter()
                    .zip(wanted)
                    .all(|(value, wanted)| holds(value, wanted))
        }
        // 1 and 1.0 are the same number.
        (Value::Number(body), Value::Number(wanted)) => {
            body == wanted
                || (!(is_whole(body) && is_whole(wanted)) && body.as_f64() == wanted.as_f64())
        }
        _ => body == wanted,
    }
}

fn is_whole(number: &serde_json::Number) -> bool {
    number.is_i64() || number.is_u64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderMap;
    use serde_json::json;

    fn message() -> CapturedRequest {
        let body = br#"{"message": "Book it", "start_url": null, "n": 2, "deep": {"a": [1, {"b": 2, "c": 3}]}}"#;
        let path = "/v1/sessions/a%2Fb/message";
        CapturedRequest::new("POST", path, "", &HeaderMap::new(), body)
    }

    fn fits(filter: Value) -> bool {
        serde_json::from_value::<RequestFilter>(filter)
            .unwrap()
            .matches(&message())
    }

    #[test]
    fn every_part_counts() {
        for (filter, expected) in [
            (json!({}), true),
            (json!({"method": "post"}), true),
            (json!({"method": "GET"}), false),
            (json!({"session_id": "a/b"}), true),
            (json!({"session_id": "a"}), false),
            (json!({"status": 200}), false),
            (json!({"json": {"message": "Book it"}}), true),
            (json!({"json": {"message": "Book"}}), false),
            (json!({"json": {"start_url": null}}), true),
            (json!({"json": {"absent": null}}), false),
            (json!({"json": {"n": 2.0}}), true),
            (json!({"json": {"n": "2"}}), false),
            (json!({"json": {"deep": {"a": [1, {"b": 2}]}}}), true),
            (json!({"json": {"deep": {"a": [1]}}}), false),
            (json!({"json": []}), false),
            (
                json!({"method": "POST", "session_id": "a/b", "json": {"n": 3}}),
                false,
            ),
        ] {
            assert_eq!(fits(filter.clone()), expected, "{filter}");
        }
    }

    #[test]
    fn the_session_is_in_the_path_or_in_the_body() {
        for (path, body, id) in [
            ("/v1/sessions/a/message", "{}", Some("a")),
            ("/sessions/b/title", "", Some("b")),
            ("/ws/sessions/c%2Fd", "", Some("c/d")),
            ("/sessions/new", r#"{"session_id": "e"}"#, Some("e")),
            ("/sessions/new", "", None),
            ("/media/upload", "", None),
            ("/v1/sessions", r#"{"agent_name": "agi-0"}"#, None),
            ("/v1/anything", r#"{"session_id": "f"}"#, Some("f")),
            ("/v1/sessions/a/x", r#"{"session_id": "b"}"#, Some("a")),
        ] {
            assert_eq!(session_id(path, body).as_deref(), id, "{path}");
        }
    }

    #[test]
    fn patterns_cover_the_whole_path() {
        for (pattern, path, expected) in [
            ("/v1/sessions", "/v1/sessions", true),
            ("/v1/sessions", "/v1/sessions/x", false),
            ("/sessions", "/v1/sessions", false),
            ("/v1/sessions/*", "/v1/sessions/x", true),
            ("/v1/sessions/*", "/v1/sessions/x/message", false),
            ("/v1/sessions/*/message", "/v1/sessions/x/message", true),
            ("/v1/sessions/*/message", "/v1/sessions/x/messages", false),
            ("**/message", "/v1/sessions/x/message", true),
            ("/v1/**", "/v1/sessions/x/message", true),
            ("/v1/**/x/*", "/v1/a/x/b/x/c", true),
            ("/v1/**/x/*", "/v1/a/x/b/y/c", false),
            ("/v?/*s", "/v1/sessions", true),
            ("/v?/sessions", "/v/sessions", false),
            ("/v1?sessions", "/v1/sessions", false),
            ("**", "", true),
            ("*", "a/", false),
            ("", "/", false),
        ] {
            assert_eq!(
                path_fits(pattern.as_bytes(), path.as_bytes()),
                expected,
                "{pattern} {path}"
            );
        }
    }

    #[test]
    fn unknown_parts_are_refused() {
        let filter = serde_json::from_value::<RequestFilter>(json!({"body": "x"}));
        assert!(filter.is_err());
    }
}

//! The request that is nearest to what was expected, and how it differs.

use super::captured::CapturedRequest;
use super::filter::{RequestFilter, holds, path_fits, session_id};
use serde_json::Value;

/// The most differences that are named.
const MOST: usize = 8;
/// How much of a value is shown, in characters.
const SHOWN: usize = 120;

/// The request that fits best without fitting, with a line for each difference; the newest of several. `None`: nothing like it came.
pub(crate) fn nearest(filter: &RequestFilter, requests: &[CapturedRequest]) -> Option<String> {
    let judged = requests.iter().filter(|request| !filter.matches(request));
    let (request, (_, differences)) = judged
        .map(|request| (request, judge(filter, request)))
        .reduce(|best, next| if next.1.0 >= best.1.0 { next } else { best })
        .filter(|(_, (near, _))| *near > 0.0)?;
    let status = request
        .status
        .map_or_else(|| "no answer yet".to_owned(), |status| status.to_string());
    let mut lines = vec![format!(
        "The nearest is {} {} -> {status}, which differs:",
        request.method, request.path
    )];
    let left_out = differences.len().saturating_sub(MOST);
    lines.extend(differences.into_iter().take(MOST));
    if left_out > 0 {
        lines.push(format!("  ... and {left_out} more"));
    }
    Some(lines.join("\n"))
}

/// How near a request is, and where it differs.
fn judge(filter: &RequestFilter, request: &CapturedRequest) -> (f64, Vec<String>) {
    let mut near = 0.0;
    let mut differences = Vec::new();
    let mut differs = |name: &str, expected: String, got: String| {
        differences.push(format!("  {name}: expected {expected}, got {got}"));
    };
    if let Some(method) = &filter.method {
        if method.eq_ignore_ascii_case(&request.method) {
            near += 1.0;
        } else {
            differs("method", method.to_uppercase(), request.method.clone());
        }
    }
    if let Some(pattern) = &filter.path {
        if path_fits(pattern.as_bytes(), request.path.as_bytes()) {
            near += 3.0;
        } else {
            near += alike(pattern, &request.path);
            differs("path", pattern.clone(), request.path.clone());
        }
    }
    if let Some(wanted) = &filter.path_regex {
        if wanted.fits(&request.path) {
            near += 3.0;
        } else {
            near += alike(wanted.as_str().trim_start_matches('^'), &request.path);
            differs(
                "path",
                format!("one like {}", wanted.as_str()),
                request.path.clone(),
            );
        }
    }
    if let Some(wanted) = &filter.session_id {
        let id = session_id(&request.path, &request.body);
        if id.as_deref() == Some(wanted) {
            near += 1.0;
        } else {
            let id = id.unwrap_or_else(|| "none".to_owned());
            differs("session", wanted.clone(), id);
        }
    }
    if let Some(status) = filter.status {
        if request.status == Some(status) {
            near += 1.0;
        } else {
            let got = request.status.map(|status| status.to_string());
            let got = got.unwrap_or_else(|| "no answer yet".to_owned());
            differs("status", status.to_string(), got);
        }
    }
    if let Some(wanted) = &filter.json {
        near += judge_json(&request.body, wanted, &mut differences);
    }
    (near, differences)
}

/// How near a body is to what it should hold, from 0 to 2; where it differs is added.
pub(crate) fn judge_json(body: &str, wanted: &Value, differences: &mut Vec<String>) -> f64 {
    match serde_json::from_str::<Value>(body) {
        Ok(body) if holds(&body, wanted) => 2.0,
        Ok(body) => {
            let mut found = Vec::new();
            compare("json", &body, wanted, &mut found);
            let near = 1.0 / (1.0 + found.len() as f64);
            differences.extend(found);
            near
        }
        Err(_) => {
            let (wanted, got) = (shown(wanted), cut(body));
            differences.push(format!("  json: expected {wanted}, got {got:?}"));
            0.0
        }
    }
}

/// How many parts of the path are those of the pattern, from 0 to 2. A path of another service is not like it.
fn alike(pattern: &str, path: &str) -> f64 {
    let (wanted, parts): (Vec<_>, Vec<_>) =
        (pattern.split('/').collect(), path.split('/').collect());
    let same = wanted
        .iter()
        .zip(&parts)
        .filter(|(wanted, part)| !part.is_empty() && path_fits(wanted.as_bytes(), part.as_bytes()))
        .count();
    2.0 * same as f64 / wanted.len().max(parts.len()) as f64
}

/// A line for each place where the body has not what is wanted.
fn compare(place: &str, body: &Value, wanted: &Value, found: &mut Vec<String>) {
    match (body, wanted) {
        (Value::Object(body), Value::Object(wanted)) => {
            for (name, wanted) in wanted {
                let place = format!("{place}.{name}");
                match body.get(name) {
                    Some(value) if holds(value, wanted) => {}
                    Some(value) => compare(&place, value, wanted, found),
                    None => found.push(format!(
                        "  {place}: expected {}, and it is not there",
                        shown(wanted)
                    )),
                }
            }
        }
        (Value::Array(body), Value::Array(wanted)) if body.len() == wanted.len() => {
            for (at, (value, wanted)) in body.iter().zip(wanted).enumerate() {
                if !holds(value, wanted) {
                    compare(&format!("{place}[{at}]"), value, wanted, found);
                }
            }
        }
        (Value::Array(body), Value::Array(wanted)) => found.push(format!(
            "  {place}: expected {} entries, got {}",
            wanted.len(),
            body.len()
        )),
        _ => found.push(format!(
            "  {place}: expected {}, got {}",
            shown(wanted),
            shown(body)
        )),
    }
}

fn shown(value: &Value) -> String {
    cut(&value.to_string())
}

fn cut(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderMap;
    use serde_json::json;

    fn request(method: &str, path: &str, body: &str, status: u16) -> CapturedRequest {
        let mut request =
            CapturedRequest::new(method, path, "", &HeaderMap::new(), body.as_bytes());
        request.status = Some(status);
        request
    }

    fn said(filter: Value) -> Option<String> {
        let came = [
            request("POST", "/v1/sessions", r#"{"agent_name":"agi-0"}"#, 200),
            request(
                "POST",
                "/v1/sessions/a/message",
                r#"{"message":"How much is the cup?"}"#,
                200,
            ),
            request("GET", "/v1/sessions/a/messages", "", 200),
            request("DELETE", "/v1/sessions/a", "", 503),
        ];
        nearest(&serde_json::from_value(filter).unwrap(), &came)
    }

    #[test]
    fn the_nearest_request_is_shown_with_what_differs() {
        for (filter, expected) in [
            (
                json!({"method": "POST", "path": "/v1/sessions/*/message", "json": {"message": "How much is the mug?", "start_url": 1}}),
                "The nearest is POST /v1/sessions/a/message -> 200, which differs:\n  \
                 json.message: expected \"How much is the mug?\", got \"How much is the cup?\"\n  \
                 json.start_url: expected 1, and it is not there",
            ),
            (
                json!({"method": "delete", "path": "/v1/sessions/*", "status": 200}),
                "The nearest is DELETE /v1/sessions/a -> 503, which differs:\n  status: expected 200, got 503",
            ),
            (
                json!({"method": "POST", "path": "/v1/session/*/message"}),
                "The nearest is POST /v1/sessions/a/message -> 200, which differs:\n  \
                 path: expected /v1/session/*/message, got /v1/sessions/a/message",
            ),
            (
                json!({"path": "/v1/sessions/*/message", "method": "PUT", "session_id": "b"}),
                "The nearest is POST /v1/sessions/a/message -> 200, which differs:\n  method: expected PUT, got POST\n  \
                 session: expected b, got a",
            ),
        ] {
            assert_eq!(said(filter).as_deref(), Some(expected));
        }
        assert_eq!(said(json!({"method": "PATCH"})), None);
    }

    #[test]
    fn a_difference_deep_inside_is_named_by_its_place() {
        let mut found = Vec::new();
        compare(
            "json",
            &json!({"a": [{"b": 1}, {"b": 2}], "c": [1], "d": "x"}),
            &json!({"a": [{"b": 1}, {"b": 3}], "c": [1, 2], "d": {"e": 1}}),
            &mut found,
        );
        assert_eq!(
            found,
            [
                "  json.a[1].b: expected 3, got 2",
                "  json.c: expected 2 entries, got 1",
                "  json.d: expected {\"e\":1}, got \"x\"",
            ]
        );
    }
}

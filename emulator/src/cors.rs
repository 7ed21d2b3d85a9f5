//! Lets web pages of named origins use the API, as a developer's page on another port. No page may, unless it is named.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use url::Url;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, DELETE");
/// What a page may read of a response, beside what it always may.
const READABLE: HeaderValue = HeaderValue::from_static("retry-after, x-request-id");
/// In seconds: how long a browser may remember what it was told.
const REMEMBERED: HeaderValue = HeaderValue::from_static("600");

/// Answers preflights, and marks the responses for the origins that were named.
pub(crate) async fn allow(
    State(named): State<Arc<[String]>>,
    request: Request,
    next: Next,
) -> Response {
    // The live view is for its own pages alone, and the control API for programs.
    let path = request.uri().path();
    let is_api = !path.starts_with("/live") && !path.starts_with("/_emulator");
    let origin = allowed(&named, request.headers()).filter(|_| is_api);
    let Some(origin) = origin else {
        return next.run(request).await;
    };
    let asked = HeaderName::from_static("access-control-request-method");
    let is_preflight = request.method() == Method::OPTIONS && request.headers().contains_key(asked);
    let wanted = HeaderName::from_static("access-control-request-headers");
    let wanted = request.headers().get(wanted).cloned();
    let mut response = match is_preflight {
        true => StatusCode::NO_CONTENT.into_response(),
        false => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, READABLE);
    if is_preflight {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, REMEMBERED);
        if let Some(wanted) = wanted {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted);
        }
    }
    response
}

/// The origin of a request, where it was named.
fn allowed(named: &[String], headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let text = origin.to_str().ok()?;
    named.iter().any(|own| own == text).then(|| origin.clone())
}

/// What is wrong with an origin, if anything is.
pub(crate) fn check(origin: &str) -> Result<(), String> {
    let is_one = Url::parse(origin).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == origin
    });
    match is_one {
        true => Ok(()),
        false => Err(format!(
            "cors_origins has `{origin}`, which is no origin; name one as a browser does, such as http://localhost:5173"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_origins_are_origins() {
        for good in ["http://localhost:5173", "https://app.example"] {
            check(good).unwrap();
        }
        for bad in [
            "*",
            "null",
            "",
            "localhost:5173",
            "http://localhost:5173/",
            "http://h:80",
            "HTTP://h",
        ] {
            check(bad).unwrap_err();
        }
    }
}

//! How large a body may be, for each door.

use super::documents::CONTROL_PATH;
use crate::errors::ApiError;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;

const MIB: usize = 1024 * 1024;
/// As much is read of a body that is too large, so that its sender gets to see why.
const READ: usize = 128 * MIB;

/// The most bytes that a path takes.
fn limit(path: &str) -> usize {
    match path.strip_prefix(CONTROL_PATH).unwrap_or_default() {
        // It holds the events of all sessions, and uploads.
        "/state" => 64 * MIB,
        "/scenario" | "/worlds" => 16 * MIB,
        _ => MIB,
    }
}

/// Reads the body, and refuses it beyond its limit.
pub(super) async fn bound(request: Request, next: Next) -> Response {
    let limit = limit(request.uri().path());
    let (parts, mut body) = request.into_parts();
    let (mut bytes, mut read) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            let detail = "The body ended early. Send as much as Content-Length says";
            return ApiError::new(StatusCode::BAD_REQUEST, detail).into_response();
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        read += data.len();
        if read <= limit {
            bytes.extend_from_slice(&data);
        } else if read > READ {
            break;
        }
    }
    if read > limit {
        let (method, path) = (&parts.method, parts.uri.path());
        let detail = format!(
            "The body is larger than {} MiB, which is all that {method} {path} takes. Send less, or several requests",
            limit / MIB
        );
        let refusal = ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, detail);
        return refusal.with("limit", limit).into_response();
    }
    next.run(Request::from_parts(parts, Body::from(bytes)))
        .await
}

//! Bodies and responses of the control API.

use crate::errors::{ApiError, json_response};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The most bytes of a body: a state to import holds the events of all sessions.
pub(super) const BODY: usize = 64 * 1024 * 1024;

pub(super) type Answer = Result<Response, ApiError>;

pub(super) fn ok(body: &impl Serialize) -> Answer {
    with_status(StatusCode::OK, body)
}

pub(super) fn with_status(status: StatusCode, body: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(body).map_err(|error| {
        ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("The response cannot be written: {error}"),
        )
    })?;
    Ok(json_response(status, body))
}

pub(super) fn nothing() -> Answer {
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What was sent cannot be used.
pub(super) fn bad(detail: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, detail.into())
}

/// A body as text.
pub(super) fn text(body: &[u8]) -> Result<&str, ApiError> {
    std::str::from_utf8(body).map_err(|error| bad(format!("The body is not UTF-8: {error}")))
}

/// A body as JSON; an empty one is an object without members.
pub(super) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let body = if body.trim_ascii().is_empty() {
        b"{}"
    } else {
        body
    };
    serde_json::from_slice(body).map_err(|error| bad(format!("The body cannot be used: {error}")))
}

/// The longest wait, in seconds.
const LONGEST: f64 = 300.0;

/// Seconds that a caller wants to wait; 5 where it does not say.
pub(super) fn timeout(seconds: Option<f64>) -> Result<Duration, ApiError> {
    let seconds = seconds.unwrap_or(5.0);
    if !(0.0..=LONGEST).contains(&seconds) {
        return Err(bad(format!(
            "timeout is {seconds}; it is in seconds, from 0 to {LONGEST}"
        )));
    }
    Ok(Duration::from_secs_f64(seconds))
}

//! Bodies and responses of the control API.

use super::subject::Subject;
use crate::errors::{ApiError, json_response};
use crate::plain::plain;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

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

/// As much of what was wrong is told: it may quote what was sent.
const TOLD: usize = 2000;

/// What was sent cannot be used.
pub(super) fn bad(detail: impl Into<String>) -> ApiError {
    let mut detail: String = detail.into();
    if let Some((end, _)) = detail.char_indices().nth(TOLD) {
        // What to do stands at the end.
        let rest = detail.char_indices().rev().nth(TOLD / 4);
        let rest = rest.map_or(end, |(start, _)| start.max(end));
        let cut = rest - end;
        if cut > 0 {
            detail.replace_range(
                end..rest,
                &format!(" \u{2026}({cut} bytes left out)\u{2026} "),
            );
        }
    }
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
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
    serde_json::from_slice(body).map_err(|error| {
        let why = plain(&error.to_string());
        bad(format!("The body cannot be used: {why}"))
    })
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

/// A request that waits for something in a world; counted as long as it lives.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Waits; a world that ends meanwhile ends the wait.
pub(super) async fn within<T>(
    subject: &Subject,
    wait: impl Future<Output = T>,
) -> Result<T, ApiError> {
    let _counted = Waits::new(&subject.world.waits);
    tokio::select! {
        biased;
        () = subject.world.ended.cancelled() => {
            let detail = "The world was ended while this request waited in it. Wait before DELETE /_emulator/v1/world, or set the \
                          world back with POST /_emulator/v1/reset, which lets waits go on";
            Err(ApiError::new(StatusCode::GONE, detail))
        }
        waited = wait => Ok(waited),
    }
}

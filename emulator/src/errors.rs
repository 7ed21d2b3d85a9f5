//! Errors as the wire shows them.

use crate::browser::BrowserError;
use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// A refusal: a status and a JSON body with `detail`.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    body: Value,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, detail: impl Into<Value>) -> Self {
        Self {
            status,
            body: json!({ "detail": detail.into() }),
        }
    }

    /// Puts more fields beside `detail`.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.body[name] = value.into();
        self
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Invalid or missing API key")
    }

    pub(crate) fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Not authorized")
    }

    pub(crate) fn no_session() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Session not found")
    }

    pub(crate) fn no_message() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Message not found")
    }

    /// A conflict of pause or resume; `message` is there for readers that look for it.
    pub(crate) fn conflict(code: &str, message: &str) -> Self {
        Self::new(StatusCode::CONFLICT, code).with("message", message)
    }

    pub(crate) fn too_many_sessions() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Rate limit exceeded")
    }
}

impl From<BrowserError> for ApiError {
    fn from(error: BrowserError) -> Self {
        match error {
            BrowserError::Closed => Self::no_session(),
            BrowserError::Unusable(text) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, text),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        json_response(self.status, self.body.to_string())
    }
}

/// A response whose body is already JSON.
pub(crate) fn json_response(status: StatusCode, body: impl Into<Body>) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, "application/json")],
        body.into(),
    )
        .into_response()
}

/// What is wrong with a body or a query, as FastAPI lists it.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Value>);

impl Problems {
    pub(crate) fn add(&mut self, place: &[&str], kind: &str, text: impl Into<String>) {
        self.0
            .push(json!({ "loc": place, "msg": text.into(), "type": kind }));
    }

    pub(crate) fn into_result(self) -> Result<(), ApiError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, self.0))
        }
    }
}

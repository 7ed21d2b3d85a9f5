//! What a test asks when it ends: what never happened, and what did.

use super::body::{Answer, ok};
use super::subject::Subject;
use crate::sync::lock;
use axum::extract::RawQuery;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde_json::json;

pub(super) async fn unplayed(subject: Subject) -> Answer {
    ok(&subject.world.unplayed())
}

/// As JSON, or as the text of a failed assertion has it.
pub(super) async fn timeline(subject: Subject, RawQuery(query): RawQuery) -> Answer {
    let query = query.unwrap_or_default();
    let as_text = url::form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| name == "format" && value == "text");
    if as_text {
        let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
        let text = subject.world.explain(None) + "\n";
        return Ok((StatusCode::OK, kind, text).into_response());
    }
    let requests = lock(&subject.world.requests);
    let timeline = lock(&subject.world.timeline);
    ok(&json!({ "entries": timeline.entries(&requests) }))
}

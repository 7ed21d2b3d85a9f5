//! What the emulator received.

use super::body::{Answer, bad, json, nothing, ok, within};
use super::count::{Asked, Count, Missed};
use super::subject::Subject;
use crate::errors::ApiError;
use crate::plain::plain;
use crate::requests::{CapturedRequest, RequestFilter};
use crate::sync::lock;
use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use serde_json::{Map, Value, json};

/// How many of the requests that came are told where the wanted one did not.
const TOLD: usize = 20;

pub(super) async fn list(subject: Subject, RawQuery(query): RawQuery) -> Answer {
    let (filter, limit) = from_query(&query.unwrap_or_default())?;
    let mut found = lock(&subject.world.requests).matching(&filter);
    if let Some(limit) = limit {
        found.drain(..found.len().saturating_sub(limit));
    }
    ok(&json!({ "requests": found }))
}

pub(super) async fn clear(subject: Subject) -> Answer {
    lock(&subject.world.requests).clear();
    nothing()
}

pub(super) async fn wait(subject: Subject, body: Bytes) -> Answer {
    let asked: Asked<Map<String, Value>> = json(&body)?;
    let count = Count::new(&asked)?;
    let filter = filter(asked.wanted)?;
    let log = &subject.world.requests;
    let changes = lock(log).changes();
    let look = || lock(log).matching(&filter);
    let stop = subject.server.workers.stop();
    let missed = match within(&subject, count.wait(changes, stop, look)).await? {
        Ok(found) => return ok(&json!({ "requests": found })),
        Err(missed) => missed,
    };
    let expected = count.refusal(&missed, &filter.words(), "came");
    let nearest = matches!(missed, Missed::TooFew(_)).then_some(&filter);
    let detail = format!("{expected}\n{}", subject.world.explain(nearest));
    let log = lock(log);
    let all = log.matching(&RequestFilter::default());
    let told = all.iter().rev().take(TOLD).rev().map(line);
    Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, detail)
        .with("requests", json!(missed.found()))
        .with("received", told.collect::<Vec<_>>()))
}

fn line(request: &CapturedRequest) -> String {
    let status = request.status.map(|status| status.to_string());
    let status = status.as_deref().unwrap_or("-");
    format!("{} {} {status}", request.method, request.path)
}

fn filter(fields: Map<String, Value>) -> Result<RequestFilter, ApiError> {
    serde_json::from_value(Value::Object(fields)).map_err(|error| {
        let why = plain(&error.to_string());
        bad(format!("The filter cannot be used: {why}"))
    })
}

/// The filter in a query, and how many are wanted at most.
fn from_query(query: &str) -> Result<(RequestFilter, Option<usize>), ApiError> {
    let (mut fields, mut limit) = (Map::new(), None);
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let number = || {
            value
                .parse::<usize>()
                .map_err(|_| bad(format!("`{name}` is {value:?}; it is a whole number")))
        };
        match &*name {
            "limit" => limit = Some(number()?),
            "status" => drop(fields.insert(name.to_string(), number()?.into())),
            "json" => {
                let value = serde_json::from_str::<Value>(&value)
                    .map_err(|error| bad(format!("`json` is no JSON: {error}")))?;
                fields.insert(name.to_string(), value);
            }
            _ => drop(fields.insert(name.to_string(), value.as_ref().into())),
        }
    }
    Ok((filter(fields)?, limit))
}

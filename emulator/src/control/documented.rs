//! Refuses what the document of the control API does not name: query parameters, members of bodies, values of another type.
//!
//! So every door says the same of the same mistake, and what is documented is what is accepted.

use super::body::bad;
use super::documents::{CONTROL_OPENAPI, CONTROL_PATH};
use crate::errors::ApiError;
use crate::words::{likely, meant};
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};
use std::sync::LazyLock;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(CONTROL_OPENAPI).unwrap_or_default());

/// Lets a request pass that the document describes, and one for which it has no route: that has a refusal of its own.
pub(super) async fn check(request: Request, next: Next) -> Response {
    match checked(request).await {
        Ok(request) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

async fn checked(request: Request) -> Result<Request, ApiError> {
    let path = request.uri().path();
    let path = path.strip_prefix(CONTROL_PATH).unwrap_or_default();
    let method = request.method().as_str();
    let operation = &DOCUMENT["paths"][path][method.to_lowercase()];
    if operation.is_null() {
        return Ok(request);
    }
    let door = format!("{method} {path}");
    check_query(operation, &door, request.uri().query().unwrap_or_default())?;
    let wanted = &operation["requestBody"];
    let schema = resolved(&wanted["content"]["application/json"]["schema"]);
    if !wanted.is_null() && schema["additionalProperties"] != false {
        // A scenario or faults, which have readers of their own.
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    // `bounds.rs` has read it, and as much as may be sent.
    let body = axum::body::to_bytes(body, usize::MAX).await.map_err(|_| {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "The body ended early. Send it anew",
        )
    })?;
    check_body(schema, &door, body.trim_ascii())?;
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// What a reference leads to.
fn resolved(schema: &'static Value) -> &'static Value {
    let pointer = schema["$ref"].as_str().and_then(|it| it.strip_prefix('#'));
    pointer
        .and_then(|pointer| DOCUMENT.pointer(pointer))
        .unwrap_or(schema)
}

fn check_query(operation: &'static Value, door: &str, query: &str) -> Result<(), ApiError> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let known: Vec<(&str, &'static Value)> = parameters
        .map(resolved)
        .filter(|parameter| parameter["in"] == "query")
        .filter_map(|it| Some((it["name"].as_str()?, resolved(&it["schema"]))))
        .collect();
    let names = || known.iter().map(|(name, _)| *name);
    let mut seen: Vec<String> = Vec::new();
    for (name, text) in url::form_urlencoded::parse(query.as_bytes()) {
        let Some((_, schema)) = known.iter().find(|(known, _)| *known == name) else {
            let advice = match likely(&name, names()) {
                Some(meant) => format!(": write `{meant}`"),
                None => format!(". It takes {}", listed(names())),
            };
            return Err(bad(format!(
                "`{name}` is no query parameter of {door}{advice}"
            )));
        };
        if seen.iter().any(|seen| *seen == name) {
            return Err(bad(format!("`{name}` is there twice; send it once")));
        }
        let number = serde_json::from_str::<Value>(&text).ok();
        let value = number.filter(Value::is_number);
        let value = match schema["type"].as_str() {
            Some("integer" | "number") => value,
            _ => None,
        };
        let value = value.unwrap_or_else(|| Value::from(text.as_ref()));
        check_value(&name, &value, schema)?;
        seen.push(name.into_owned());
    }
    Ok(())
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

fn check_body(schema: &'static Value, door: &str, body: &[u8]) -> Result<(), ApiError> {
    let members = if body.is_empty() {
        Map::new()
    } else {
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => members,
            Ok(other) => {
                let is = kind(&other);
                return Err(bad(format!(
                    "The body is {is}; it must be an object: {{...}}"
                )));
            }
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                return Err(bad(format!(
                    "The body cannot be used: it is no JSON at line {line}, column {column}. Send an object: {{...}}"
                )));
            }
        }
    };
    let Some(known) = schema["properties"].as_object() else {
        return match members.keys().next() {
            None => Ok(()),
            Some(name) => Err(bad(format!(
                "`{name}` is not known here: {door} takes no body"
            ))),
        };
    };
    for (name, value) in &members {
        let names = || known.keys().map(String::as_str);
        let Some(schema) = known.get(name) else {
            let advice = match likely(name, names()) {
                Some(meant) => format!(": write `{meant}`"),
                None => format!(". {door} takes {}", listed(names())),
            };
            return Err(bad(format!("`{name}` is not known here{advice}")));
        };
        check_value(name, value, schema)?;
    }
    let required = schema["required"].as_array().into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        if !members.contains_key(name) {
            let is = wanted(resolved(&known[name]));
            return Err(bad(format!("`{name}` is missing; it must be {is}")));
        }
    }
    Ok(())
}

/// Whether a value is of the documented type, among its choices and within its bounds.
fn check_value(name: &str, value: &Value, schema: &'static Value) -> Result<(), ApiError> {
    let schema = resolved(schema);
    if let Some(choices) = schema["oneOf"].as_array() {
        let mut refusals = choices
            .iter()
            .filter_map(|choice| check_value(name, value, choice).err());
        let first = refusals.next();
        let all = usize::from(first.is_some()) + refusals.count() == choices.len();
        return first.filter(|_| all).map_or(Ok(()), Err);
    }
    let types = &schema["type"];
    let is_of = |wanted: &str| match wanted {
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "boolean" => value.is_boolean(),
        _ => value.is_null(),
    };
    let fits = match types {
        Value::String(one) => is_of(one),
        Value::Array(all) => all.iter().filter_map(Value::as_str).any(is_of),
        _ => true,
    };
    if !fits {
        let is = wanted(schema);
        return Err(bad(format!(
            "`{name}` is {}; it must be {is}",
            shown(value)
        )));
    }
    if let (Some(choices), Some(text)) = (schema["enum"].as_array(), value.as_str()) {
        let choices: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
        if !choices.contains(&text) {
            let advice = match meant(text, choices.iter().copied()) {
                advice if advice.is_empty() => {
                    format!("; it is one of {}", listed(choices.iter().copied()))
                }
                advice => advice,
            };
            return Err(bad(format!("`{name}` is {text:?}{advice}")));
        }
    }
    if let Some(number) = value.as_f64() {
        let (least, most) = (schema["minimum"].as_f64(), schema["maximum"].as_f64());
        let out =
            least.is_some_and(|least| number < least) || most.is_some_and(|most| number > most);
        if out {
            let bounds = match (least, most) {
                (Some(least), Some(most)) => format!("from {least} to {most}"),
                (Some(least), None) => format!("at least {least}"),
                (None, most) => format!("at most {}", most.unwrap_or_default()),
            };
            return Err(bad(format!("`{name}` is {value}; it must be {bounds}")));
        }
    }
    Ok(())
}

/// What a value should be, in words.
fn wanted(schema: &'static Value) -> String {
    let words = |name: &str| match name {
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "a text",
        "object" => "an object",
        "array" => "a list",
        "boolean" => "true or false",
        _ => "null",
    };
    match (&schema["enum"], &schema["type"]) {
        (Value::Array(choices), _) => {
            format!(
                "one of {}",
                listed(choices.iter().filter_map(Value::as_str))
            )
        }
        (_, Value::String(one)) => words(one).to_owned(),
        (_, Value::Array(all)) => {
            let all: Vec<&str> = all.iter().filter_map(Value::as_str).map(words).collect();
            all.join(" or ")
        }
        _ => "there".to_owned(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A value as it was sent, if it is short.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) | Value::Object(_) => kind(value).to_owned(),
        value => crate::timeline::cut(&value.to_string()),
    }
}

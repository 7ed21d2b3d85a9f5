//! What values mean, by the core's rules.

use std::borrow::Cow;

use napi_derive::napi;
use sessionwire::agi::EventType;
use sessionwire::{Error, meaning};

use crate::reply::ErrorInfo;

/// The JSON that a text holds, whatever is around it; null where it holds none.
#[napi(catch_unwind, ts_return_type = "string | null")]
pub fn find_json(text: String) -> Option<String> {
    meaning::find_json(&text).map(Cow::into_owned)
}

/// Milliseconds since 1970 of a service's timestamp; null if it cannot be read.
#[napi(catch_unwind, ts_return_type = "number | null")]
pub fn parse_time(text: String) -> Option<i64> {
    meaning::moment(&text).map(meaning::Moment::milliseconds)
}

/// What to warn of where somebody asks for events of this type; null for one that is known.
#[napi(catch_unwind, ts_return_type = "string | null")]
pub fn unknown_event_type(name: String) -> Option<String> {
    EventType::unknown(&name)
}

/// The error of a task whose question nobody answered, and whose session is deleted by now.
#[napi(catch_unwind)]
pub fn unanswered(question: String) -> ErrorInfo {
    Error::unanswered(&question).into()
}

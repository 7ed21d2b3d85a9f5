//! What values mean, by the core's rules.

use std::borrow::Cow;

use napi::bindgen_prelude::Either;
use napi_derive::napi;
use sessionwire::agi::EventType;
use sessionwire::{Error, meaning, seam};

use crate::reply::ErrorInfo;

/// The JSON that a text holds, whatever is around it; null where it holds none.
#[napi(catch_unwind, ts_return_type = "string | null")]
pub fn find_json(text: String) -> Option<String> {
    meaning::find_json(&text).map(Cow::into_owned)
}

/// All JSON that a text holds, in the order in which to try whether it fits a schema.
#[napi(catch_unwind)]
pub fn find_all_json(text: String) -> Vec<String> {
    let found = meaning::find_all_json(&text).into_iter();
    found.map(Cow::into_owned).collect()
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

/// A task whose result shall be JSON of this schema, or an error.
#[napi(catch_unwind)]
pub fn ask_for(message: String, schema: String) -> Either<String, ErrorInfo> {
    match seam::ask_for(&message, &schema) {
        Ok(asked) => Either::A(asked),
        Err(error) => Either::B(error.into()),
    }
}

/// The message after a result that did not fit.
#[napi(catch_unwind)]
pub fn ask_again(problem: Option<String>, schema: Option<String>) -> String {
    seam::ask_again(problem.as_deref(), schema.as_deref())
}

/// What the error says of a result that does not fit after so many repairs.
#[napi(catch_unwind)]
pub fn does_not_fit(problem: Option<String>, repairs: u32) -> String {
    seam::does_not_fit(problem.as_deref(), repairs)
}

//! The responses of both services, and how their JSON is read with tolerance.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind, Result};
use crate::meaning;

/// The response to a delete (docs/spec/agi.md, section 4.4;
/// docs/spec/raccoon.md, section 4.5).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct DeleteResult {
    /// Whether the service carried the request out.
    #[serde(default = "yes", deserialize_with = "success")]
    pub success: bool,
    /// Whether anything was deleted; false for a session that was gone.
    #[serde(default, deserialize_with = "flag")]
    pub deleted: bool,
    /// The service's words.
    #[serde(default, deserialize_with = "words")]
    pub message: String,
}

impl DeleteResult {
    /// An error where the service says that it did not carry the delete out.
    pub(crate) fn confirmed(self) -> Result<Self> {
        if self.success {
            return Ok(self);
        }
        Err(Error::new(
            ErrorKind::Status,
            format!("The service did not delete it: {}", self.message),
        )
        .with_reason("not_deleted"))
    }

    /// The outcome of a delete: what shall be gone and is not there is gone.
    pub(crate) fn or_gone(outcome: Result<Self>) -> Result<Self> {
        match outcome {
            Err(error) if says_gone(&error) => Ok(Self {
                success: true,
                deleted: false,
                message: error.message().to_owned(),
            }),
            outcome => outcome,
        }
    }
}

/// Whether the API says that a thing is not there. Only the API knows that, and its errors
/// are JSON objects: any server says 404 at an address that it does not have, with a page,
/// a line of text or nothing.
pub(crate) fn says_gone(error: &Error) -> bool {
    error.kind() == ErrorKind::NotFound && is_object(error.body())
}

fn is_object(body: Option<&str>) -> bool {
    body.and_then(meaning::value)
        .is_some_and(|body| body.is_object())
}

/// The response to a command such as pause (docs/spec/agi.md, sections 4.6 and 4.10;
/// docs/spec/raccoon.md, section 4.4).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SuccessResult {
    /// Whether the service carried the request out.
    #[serde(default = "yes", deserialize_with = "success")]
    pub success: bool,
    /// The service's words.
    #[serde(default, deserialize_with = "words")]
    pub message: String,
}

impl SuccessResult {
    /// A success, in our words or none.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            success: true,
            message: message.into(),
        }
    }
}

/// What is given to language bindings.
pub(crate) fn to_json(output: &impl Serialize) -> String {
    serde_json::to_string(output).unwrap_or_else(|_| "null".to_owned())
}

pub(crate) fn yes() -> bool {
    true
}

/// Whether the service carried a request out. It is documented as a boolean;
/// any other value counts as what it would in JavaScript or Python, but for
/// texts that say no.
fn success<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => true,
        Value::Bool(flag) => flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !matches!(&*text.to_ascii_lowercase(), "" | "0" | "false" | "no"),
        Value::Array(_) | Value::Object(_) => false,
    })
}

/// A flag that is false unless the service says otherwise.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value == Value::Bool(true) || value.as_str() == Some("true"))
}

/// The service's words; empty where they are no text.
fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => text,
        _ => String::new(),
    })
}

#[cfg(feature = "raccoon")]
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// The JSON that a result's text holds.
pub(crate) fn json_in(text: &str, session_id: &str) -> crate::Result<Value> {
    let found = meaning::find_json(text).and_then(|found| meaning::value(&found));
    found.ok_or_else(|| {
        let why = "The result holds no JSON. Read `text`, or ask for JSON in the task";
        Error::new(ErrorKind::Task, why)
            .with_reason("no_json")
            .with_session(session_id)
    })
}

/// A result's JSON as a type of the caller's.
pub(crate) fn fitted<T: DeserializeOwned>(json: Value, session_id: &str) -> crate::Result<T> {
    serde_json::from_value(json).map_err(|error| {
        let why = format!("The result does not fit: {error}. Read its text, or ask for this shape");
        Error::new(ErrorKind::Task, why)
            .with_source(error)
            .with_reason("unexpected_shape")
            .with_session(session_id)
    })
}

/// The entries of a list that can be read: one that cannot must not take the
/// others along.
pub(crate) fn readable<T: DeserializeOwned>(entries: Vec<Value>) -> Vec<T> {
    entries
        .into_iter()
        .filter(|entry| !entry.is_null())
        .filter_map(|entry| taken(serde_json::from_value(entry)))
        .collect()
}

/// The entries of a list that is the whole answer, or its field of this name, each as its text:
/// as values, those of a long list would be all in memory beside what is made of them.
pub(crate) fn entries<'a>(answer: &'a RawValue, name: &str) -> Option<Vec<&'a RawValue>> {
    let mut list = answer.get();
    if list.starts_with('{') {
        let fields: HashMap<String, &RawValue> = serde_json::from_str(list).ok()?;
        list = fields.get(name)?.get();
    }
    serde_json::from_str(list).ok()
}

/// Those of them that can be read.
pub(crate) fn readable_texts<T: DeserializeOwned>(entries: Vec<&RawValue>) -> Vec<T> {
    let there = entries.into_iter().filter(|entry| entry.get() != "null");
    there
        .filter_map(|entry| taken(serde_json::from_str(entry.get())))
        .collect()
}

fn taken<T>(entry: serde_json::Result<T>) -> Option<T> {
    entry
        .inspect_err(|error| tracing::warn!(%error, "an entry of a list cannot be read"))
        .ok()
}

/// Serialises fields, and `extra` beside them. A field that came with another
/// type than documented is in `extra`, and stands for itself.
macro_rules! with_extra {
    ($serializer:expr, $extra:expr, { $($name:literal: $value:expr,)* }) => {{
        use serde::ser::SerializeMap as _;
        let mut map = $serializer.serialize_map(None)?;
        $(if !$extra.contains_key($name) {
            map.serialize_entry($name, &$value)?;
        })*
        for (name, value) in &$extra {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }};
}
pub(crate) use with_extra;

/// A parameter with two forms.
pub(crate) enum TextOrObject<T> {
    Text(String),
    Object(T),
}

/// Reads a text or an object. An error in the object says what is wrong with it;
/// that of an untagged enum would not.
pub(crate) fn text_or_object<'de, D, T>(
    deserializer: D,
    expected: &'static str,
) -> Result<TextOrObject<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Either<T>(&'static str, PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
        type Value = TextOrObject<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(TextOrObject::Text(text.to_owned()))
        }

        fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
            Ok(TextOrObject::Text(text))
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map)).map(TextOrObject::Object)
        }
    }

    deserializer.deserialize_any(Either(expected, PhantomData))
}

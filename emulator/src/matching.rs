//! What a text must be like: in scenarios and in faults.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a text must be like.
#[derive(Debug, Clone)]
pub enum Match {
    /// It contains this text.
    Contains(String),
    /// The expression is found in it: `{"regex": "..."}`. Its groups can be used in later texts: `{1}`, or `{size}` for
    /// `(?<size>...)`.
    Regex(regex_lite::Regex),
    /// It is this text: `{"equals": "..."}`.
    Equals(String),
}

impl Match {
    pub(crate) fn fits(&self, text: &str) -> bool {
        match self {
            Self::Contains(part) => text.contains(part),
            Self::Regex(regex) => regex.is_match(text),
            Self::Equals(whole) => text == whole,
        }
    }

    /// The names of its groups, as texts may use them.
    pub(crate) fn groups(&self) -> Vec<String> {
        match self {
            Self::Regex(regex) => regex
                .capture_names()
                .enumerate()
                .skip(1)
                .flat_map(|(number, name)| {
                    [Some(number.to_string()), name.map(str::to_owned)]
                        .into_iter()
                        .flatten()
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// What its groups found in the text; a group without a part in it found an empty text.
    pub(crate) fn found(&self, text: &str) -> BTreeMap<String, String> {
        let Self::Regex(regex) = self else {
            return BTreeMap::new();
        };
        let Some(found) = regex.captures(text) else {
            return BTreeMap::new();
        };
        let names = regex.capture_names().enumerate().skip(1);
        names
            .flat_map(|(number, name)| {
                let part = found.get(number).map_or("", |part| part.as_str());
                [Some(number.to_string()), name.map(str::to_owned)]
                    .into_iter()
                    .flatten()
                    .map(move |name| (name, part.to_owned()))
            })
            .collect()
    }
}

impl PartialEq for Match {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Contains(one), Self::Contains(other))
            | (Self::Equals(one), Self::Equals(other)) => one == other,
            (Self::Regex(one), Self::Regex(other)) => one.as_str() == other.as_str(),
            _ => false,
        }
    }
}

/// As a scenario or a fault has it: a text, `{"regex": "..."}` or `{"equals": "..."}`.
impl Serialize for Match {
    fn serialize<S: Serializer>(&self, target: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Contains(text) => target.serialize_str(text),
            Self::Regex(regex) => json!({ "regex": regex.as_str() }).serialize(target),
            Self::Equals(text) => json!({ "equals": text }).serialize(target),
        }
    }
}

impl<'de> Deserialize<'de> for Match {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let wrong = || {
            de::Error::custom(
                "a match is a text that must be contained, {\"regex\": \"an expression\"} or {\"equals\": \"a text\"}",
            )
        };
        match Value::deserialize(source)? {
            Value::String(text) => Ok(Self::Contains(text)),
            // What a line of text reads as a number is meant as a text.
            Value::Number(number) => Ok(Self::Contains(number.to_string())),
            Value::Object(fields) if fields.len() == 1 => {
                match (fields.get("regex"), fields.get("equals")) {
                    (Some(Value::String(text)), None) => regex_lite::Regex::new(text)
                        .map(Self::Regex)
                        .map_err(|error| {
                            de::Error::custom(format!("`{text}` is no regular expression: {error}"))
                        }),
                    (None, Some(Value::String(text))) => Ok(Self::Equals(text.clone())),
                    _ => Err(wrong()),
                }
            }
            _ => Err(wrong()),
        }
    }
}

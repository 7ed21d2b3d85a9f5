//! The answers of the service as its specification has them, and what is otherwise
//! (docs/spec/agi.md). It decides; others ask.

use serde_json::Value;

/// A type of JSON.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Flag,
    Object,
    List,
    Null,
}

impl Kind {
    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Flag,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::Text,
            Value::Array(_) => Self::List,
            Value::Object(_) => Self::Object,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Flag => "true or false",
            Self::Object => "an object",
            Self::List => "a list",
            Self::Null => "null",
        }
    }
}

/// A field of an answer.
pub(crate) struct Field {
    name: &'static str,
    /// What it may be; empty: anything.
    kinds: &'static [Kind],
    is_needed: bool,
}

const fn needed(name: &'static str, kinds: &'static [Kind]) -> Field {
    let is_needed = true;
    Field {
        name,
        kinds,
        is_needed,
    }
}

const fn possible(name: &'static str, kinds: &'static [Kind]) -> Field {
    let is_needed = false;
    Field {
        is_needed,
        ..needed(name, kinds)
    }
}

const TEXT: &[Kind] = &[Kind::Text];
const TEXT_OR_NULL: &[Kind] = &[Kind::Text, Kind::Null];
const NUMBER: &[Kind] = &[Kind::Number];
const FLAG: &[Kind] = &[Kind::Flag];
const OBJECT: &[Kind] = &[Kind::Object];

/// A session (docs/spec/agi.md, sections 4.1 and 14).
pub(crate) const SESSION: &[Field] = &[
    needed("session_id", TEXT),
    needed("agent_name", TEXT),
    needed("status", TEXT),
    needed("created_at", TEXT),
    possible("vnc_url", TEXT_OR_NULL),
    possible("agent_url", TEXT_OR_NULL),
    possible("environment_id", TEXT_OR_NULL),
    possible("goal", TEXT_OR_NULL),
    possible("agent_session_type", TEXT_OR_NULL),
];
/// What a command brought (docs/spec/agi.md, sections 4.6 and 4.10).
pub(crate) const SUCCESS: &[Field] = &[needed("success", FLAG), needed("message", TEXT)];
/// What a delete brought (docs/spec/agi.md, section 4.4).
pub(crate) const DELETED: &[Field] = &[
    needed("success", FLAG),
    needed("deleted", FLAG),
    needed("message", TEXT),
];
/// docs/spec/agi.md, section 4.7.
pub(crate) const STATUS: &[Field] = &[needed("status", TEXT)];
/// docs/spec/agi.md, section 4.8.
pub(crate) const MESSAGES: &[Field] = &[
    needed("messages", &[Kind::List]),
    needed("status", TEXT),
    needed("has_agent", FLAG),
];
/// docs/spec/agi.md, section 6.
pub(crate) const MESSAGE: &[Field] = &[
    needed("id", NUMBER),
    needed("type", TEXT),
    needed("content", &[Kind::Text, Kind::Object]),
    needed("timestamp", TEXT),
    possible("metadata", OBJECT),
];
/// docs/spec/agi.md, section 4.13.
pub(crate) const NAVIGATION: &[Field] = &[needed("current_url", TEXT)];
/// docs/spec/agi.md, section 4.14.
pub(crate) const SCREENSHOT: &[Field] = &[
    needed("screenshot", TEXT),
    needed("url", TEXT),
    needed("title", TEXT),
];

/// The data of an event, where it is documented (docs/spec/agi.md, section 7).
pub(crate) fn event(name: &str) -> Option<&'static [Field]> {
    const SPOKEN: &[Field] = &[needed("text", TEXT), needed("message_id", NUMBER)];
    const DONE: &[Field] = &[
        needed("text", TEXT),
        possible("result", &[]),
        needed("message_id", NUMBER),
    ];
    const ERROR: &[Field] = &[
        needed("error", TEXT),
        needed("status_code", NUMBER),
        possible("message_id", NUMBER),
    ];
    const HEARTBEAT: &[Field] = &[needed("timestamp", TEXT)];
    match name {
        "thought" | "question" => Some(SPOKEN),
        "done" => Some(DONE),
        "error" => Some(ERROR),
        "heartbeat" => Some(HEARTBEAT),
        _ => None,
    }
}

/// What is otherwise in an answer than documented, each in words.
pub(crate) fn deviations(answer: &Value, fields: &[Field]) -> Vec<String> {
    let Value::Object(found) = answer else {
        return vec![format!("it is {}, not an object", Kind::of(answer).name())];
    };
    let known = fields.iter().filter_map(|field| {
        let Field { name, kinds, .. } = field;
        match found.get(*name) {
            None if field.is_needed => Some(format!("`{name}` is missing")),
            Some(value) if !kinds.is_empty() && !kinds.contains(&Kind::of(value)) => {
                let meant: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
                let is = Kind::of(value).name();
                Some(format!("`{name}` is {is}, not {}", meant.join(" or ")))
            }
            _ => None,
        }
    });
    let unknown = found.iter().filter_map(|(name, value)| {
        let is_known = fields.iter().any(|field| field.name == name);
        let is = Kind::of(value).name();
        (!is_known).then(|| format!("`{name}` is not documented ({is})"))
    });
    known.chain(unknown).collect()
}

/// The same for each entry of a list, each deviation once.
pub(crate) fn deviations_of_all<'a>(
    answers: impl IntoIterator<Item = &'a Value>,
    fields: &[Field],
) -> Vec<String> {
    let mut all = Vec::new();
    for deviation in answers
        .into_iter()
        .flat_map(|answer| deviations(answer, fields))
    {
        if !all.contains(&deviation) {
            all.push(deviation);
        }
    }
    all
}

/// A value that none of the documented ones is.
pub(crate) fn unknown_value(field: &str, value: &Value, known: &[&str]) -> Option<String> {
    let text = value[field].as_str()?;
    (!known.contains(&text)).then(|| format!("`{field}` is {text:?}, which is not documented"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_otherwise_is_named() {
        let answer = json!({"session_id": 7, "agent_name": "agi-0", "created_at": "now", "colour": {}, "vnc_url": null});
        assert_eq!(
            deviations(&answer, SESSION),
            [
                "`session_id` is a number, not a text",
                "`status` is missing",
                "`colour` is not documented (an object)",
            ]
        );
        assert_eq!(
            deviations(&json!([]), STATUS),
            ["it is a list, not an object"]
        );
        let twice = json!([{"status": 1}, {"status": 2}, {"status": "running"}]);
        let twice = twice.as_array().map(Vec::as_slice).unwrap_or_default();
        assert_eq!(
            deviations_of_all(twice, STATUS),
            ["`status` is a number, not a text"]
        );
        let known = ["running", "finished"];
        assert_eq!(
            unknown_value("status", &json!({"status": "waiting"}), &known),
            Some("`status` is \"waiting\", which is not documented".to_owned())
        );
        assert_eq!(unknown_value("status", &json!({"status": 1}), &known), None);
    }
}

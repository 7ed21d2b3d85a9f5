//! What the texts of a script refer to.

use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What stands for a name in braces.
pub(crate) struct Filling<'a> {
    pub(crate) names: &'a BTreeMap<String, String>,
    /// What `{n}` stands for; 0: outside of a repeat, where it is plain text.
    pub(crate) n: u64,
}

impl Filling<'_> {
    fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        if name == "n" && self.n > 0 {
            return Some(self.n.to_string().into());
        }
        self.names.get(name).map(|value| value.as_str().into())
    }
}

/// Where the name in braces at the start of a text ends: `{colour}`, `{1}`, `{file.name}`.
fn name(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('{')?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let end = inside.find(|c| !is_part(c))?;
    (end > 0 && inside[end..].starts_with('}')).then(|| &inside[..end])
}

/// The names in braces in a text.
pub(crate) fn names(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('{')
        .filter_map(|(at, _)| name(&text[at..]))
}

/// Puts in what the text refers to; anything else in braces stays.
pub(crate) fn fill(text: &str, with: &Filling<'_>) -> String {
    if !text.contains('{') {
        return text.to_owned();
    }
    let mut filled = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        filled.push_str(&rest[..at]);
        rest = &rest[at..];
        match name(rest).and_then(|name| Some((name, with.value(name)?))) {
            Some((name, value)) => {
                filled.push_str(&value);
                rest = &rest[name.len() + 2..];
            }
            None => {
                filled.push('{');
                rest = &rest[1..];
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// The same for all texts in a value.
pub(crate) fn fill_all(value: &Value, with: &Filling<'_>) -> Value {
    match value {
        Value::String(text) => fill(text, with).into(),
        Value::Array(items) => items.iter().map(|item| fill_all(item, with)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), fill_all(value, with)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

//! What the texts of a script refer to.

use serde_json::Value;

/// The names in braces, with what they stand for.
pub(crate) struct Filling<'a> {
    pub(crate) names: [(&'static str, &'a str); 3],
    /// What `{n}` stands for; 0: outside of a repeat, where it is plain text.
    pub(crate) n: u64,
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
        let known = with.names.iter().find(|(name, _)| rest.starts_with(name));
        if let Some((name, value)) = known {
            filled.push_str(value);
            rest = &rest[name.len()..];
        } else if with.n > 0 && rest.starts_with("{n}") {
            filled.push_str(&with.n.to_string());
            rest = &rest["{n}".len()..];
        } else {
            filled.push('{');
            rest = &rest[1..];
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

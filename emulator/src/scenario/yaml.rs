//! Writes a JSON value as YAML that a person can read and edit.

use serde_json::Value;

/// The value as a YAML document in block style; texts are quoted as in JSON, which YAML reads too.
pub(super) fn text(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    out
}

/// Writes a value at the beginning of a line.
fn block(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (index, (name, value)) in fields.iter().enumerate() {
                if index > 0 {
                    out.push_str(&" ".repeat(indent));
                }
                out.push_str(&key(name));
                out.push(':');
                child(value, indent, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(&" ".repeat(indent));
                }
                out.push_str("- ");
                block(item, indent + 2, out);
            }
        }
        scalar => {
            out.push_str(&quoted(scalar));
            out.push('\n');
        }
    }
}

/// Writes what a key has: behind it, or below it.
fn child(value: &Value, indent: usize, out: &mut String) {
    let nested = match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if nested {
        out.push('\n');
        out.push_str(&" ".repeat(indent + 2));
        block(value, indent + 2, out);
    } else {
        out.push(' ');
        block(value, indent, out);
    }
}

fn key(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
        && !["true", "false", "null", "y", "n", "yes", "no", "on", "off"].contains(&name);
    if plain {
        name.to_owned()
    } else {
        quoted(&name.into())
    }
}

/// A scalar, or an empty list or object, as JSON without the characters that YAML does not allow.
fn quoted(value: &Value) -> String {
    let json = value.to_string();
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\u{7f}'..='\u{9f}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => {
                text.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => text.push(c),
        }
    }
    text
}

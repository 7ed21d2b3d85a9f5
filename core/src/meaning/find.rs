//! JSON in the prose of an agent.

use std::borrow::Cow;
use std::ops::Range;

use super::json::{Scanner, plain};

/// How often each character may be looked at, on average: a text that is made
/// to be slow is searched less thoroughly.
const LOOKS: usize = 16;

/// The JSON that a text holds, as strict JSON: the whole text, else the first
/// code fence that is JSON, else the longest object or list in it.
pub fn find_json(text: &str) -> Option<Cow<'_, str>> {
    if let Some(whole) = plain(text) {
        return Some(whole);
    }
    if let Some(fenced) = fences(text).find_map(plain) {
        return Some(fenced);
    }
    plain(&text[longest_value(text)?])
}

/// What stands in code fences: between a line that begins one, and the next
/// three backticks.
fn fences(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let (_, after) = rest.split_once("```")?;
            let (language, code) = after.split_once('\n')?;
            if language.contains('`') {
                rest = after;
                continue;
            }
            let (inside, after) = code.split_once("```")?;
            rest = after;
            return Some(inside);
        }
    })
}

/// The longest object or list that starts anywhere in the text; the first of
/// several.
fn longest_value(text: &str) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut budget = bytes.len() * LOOKS;
    let mut best = 0..0;
    let mut from = 0;
    while let Some(found) = memchr::memchr2(b'{', b'[', bytes.get(from..)?) {
        let start = from + found;
        let mut scanner = Scanner::at(text, start, ());
        let is_value = scanner.value().is_some();
        if scanner.longest.len() > best.len() {
            best = scanner.longest.clone();
        }
        let stopped = scanner.at.max(start + 1);
        budget = budget.saturating_sub(stopped - start);
        // What was opened on the way was read as it would be read again. Only
        // what was taken for a string may be something else.
        from = match scanner.hidden {
            Some(hidden) if !is_value && budget > 0 => hidden,
            _ => stopped,
        };
    }
    (!best.is_empty()).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_texts_take_linear_time() {
        for part in [
            "[", "{", "{\"a\":", "[\"[\",", "[\"{\" ", "```\n", "\"[", "[[],",
        ] {
            let text = part.repeat(200_000 / part.len());
            let _ = find_json(&text);
        }
        let nested = format!("{} done", "{\"a\":[".repeat(100_000));
        assert_eq!(find_json(&nested), None);
    }

    #[test]
    fn a_value_in_a_broken_one_is_found() {
        for (text, json) in [
            (r#"[see {"a": 1}]"#, r#"{"a": 1}"#),
            (r#"[1, {"a": 1} oops"#, r#"{"a": 1}"#),
            (r#"["hi {"a": 1} there"#, r#"{"a": 1}"#),
            ("[1] and [1, 2] and [3]", "[1, 2]"),
            ("[1] [2]", "[1]"),
        ] {
            assert_eq!(find_json(text).as_deref(), Some(json), "{text}");
        }
    }
}

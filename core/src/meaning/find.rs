//! JSON in the prose of an agent.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::ops::Range;

use super::json::{Scanner, is_json, plain, unquoted};

/// How often each character may be looked at, on average: a text that is made
/// to be slow is searched less thoroughly.
const LOOKS: usize = 16;

/// The JSON that a text holds, as strict JSON: the whole text, else the first
/// code fence that is JSON, else the longest object or list in it.
pub fn find_json(text: &str) -> Option<Cow<'_, str>> {
    if let Some(whole) = plain(text) {
        return Some(whole);
    }
    if let Some(fenced) = fences(text).find_map(|fence| plain(&text[fence])) {
        return Some(fenced);
    }
    // The first of the longest ones.
    let longest = values(text).into_iter().rev().max_by_key(Range::len)?;
    plain(&text[longest])
}

/// All JSON that a text holds and that is no part of other JSON in it, for who knows what the
/// right one looks like, in the order in which to try it: the whole text, and then what
/// the text holds that it is; else what stands in code fences, objects and lists, the last one
/// first, and those that are empty after the others.
pub fn find_all_json(text: &str) -> Vec<Cow<'_, str>> {
    if let Some(whole) = plain(text) {
        let inside = unquoted(whole.trim()).map(Cow::into_owned);
        let mut found = vec![whole];
        if let Some(inside) = inside {
            let owned = |part: Cow<'_, str>| Cow::Owned(part.into_owned());
            found.extend(pieces(&inside).into_iter().map(owned));
        }
        return found;
    }
    pieces(text)
}

/// The same without the text itself, unless that is a list or an object.
fn pieces(text: &str) -> Vec<Cow<'_, str>> {
    let mut places: Vec<_> = fences(text)
        .filter(|fence| is_json(&text[fence.clone()]))
        .chain(values(text))
        .collect();
    places.sort_by_key(|place| (place.start, Reverse(place.end)));
    let mut end = 0;
    places.retain(|place| {
        let is_new = place.end > end;
        end = end.max(place.end);
        is_new
    });
    let is_empty = |place: &Range<usize>| {
        let inside = text[place.clone()].trim().strip_prefix(['[', '{']);
        inside.is_some_and(|rest| rest[..rest.len().saturating_sub(1)].trim().is_empty())
    };
    let (empty, full): (Vec<_>, Vec<_>) = places.into_iter().rev().partition(is_empty);
    let pieces = full.into_iter().chain(empty);
    pieces.filter_map(|place| plain(&text[place])).collect()
}

/// What stands in code fences: between a line that begins one, and the next
/// three backticks.
fn fences(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let after = at + text[at..].find("```")? + 3;
            let stop = after + memchr::memchr2(b'`', b'\n', &text.as_bytes()[after..])?;
            if text.as_bytes()[stop] == b'`' {
                at = after;
                continue;
            }
            let code = stop + 1;
            let end = code + text[code..].find("```")?;
            at = end + 3;
            return Some(code..end);
        }
    })
}

/// The objects and lists that start anywhere in the text and are in no other one.
fn values(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut budget = bytes.len() * LOOKS;
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(next) = bytes
        .get(from..)
        .and_then(|rest| memchr::memchr2(b'{', b'[', rest))
    {
        let start = from + next;
        let mut scanner = Scanner::at(text, start, ());
        let is_value = scanner.value().is_some();
        found.append(&mut scanner.closed);
        let stopped = scanner.at.max(start + 1);
        budget = budget.saturating_sub(stopped - start);
        // What was opened on the way was read as it would be read again. Only
        // what was taken for a string may be something else.
        from = match scanner.hidden {
            Some(hidden) if !is_value && budget > 0 => hidden,
            _ => stopped,
        };
    }
    found
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
            let _ = find_all_json(&text);
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

    #[test]
    fn all_that_could_be_meant_is_found_the_last_first() {
        for (text, expected) in [
            ("prose", vec![]),
            (" 7", vec![" 7"]),
            (r#"{"a": [{"b": 1}]}"#, vec![r#"{"a": [{"b": 1}]}"#]),
            (
                r#"{"a": [1]} or {"b": 2} or []"#,
                vec![r#"{"b": 2}"#, r#"{"a": [1]}"#, "[]"],
            ),
            ("{} { }", vec!["{ }", "{}"]),
            (
                "```json\n{\"a\": 1}\n```\nNo:\n```\n7\n```\nNo: [2]",
                vec!["[2]", "7\n", "{\"a\": 1}\n"],
            ),
            (
                r#"[{"a": 1}, {"b": [2]}, and"#,
                vec![r#"{"b": [2]}"#, r#"{"a": 1}"#],
            ),
            (r#"["hi {"a": 1} there"#, vec![r#"{"a": 1}"#]),
            (r#""{\"a\": 1}""#, vec![r#""{\"a\": 1}""#, r#"{"a": 1}"#]),
            (r#""so: [1], [2]""#, vec![r#""so: [1], [2]""#, "[2]", "[1]"]),
            (r#"{"a": NaN} !"#, vec![r#"{"a": "NaN"}"#]),
        ] {
            assert_eq!(find_all_json(text), expected, "{text}");
        }
    }
}

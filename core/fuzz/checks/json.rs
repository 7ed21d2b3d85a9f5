//! The tolerant reader of JSON: it takes what strict parsers take, to the same value, and adds nothing of its own.
//!
//! Input: a text; bytes that are not UTF-8 are replaced.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;
use sessionwire::meaning::{DEEPEST, find_all_json, find_json, moment, plain};

pub(crate) fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let read = plain(&text);
    // A parser that only looks takes the same texts, but for the words and the mark.
    let more = ["NaN", "Infinity", "\u{feff}"].iter();
    if !more.into_iter().any(|part| text.contains(part)) {
        let is_json = serde_json::from_str::<IgnoredAny>(&text).is_ok();
        assert_eq!(read.is_some(), is_json, "{text:?}");
    }
    match (serde_json::from_str::<Value>(&text), &read) {
        (Ok(value), Some(plain)) => {
            if matches!(plain, Cow::Borrowed(_)) {
                assert_eq!(*plain, text);
            } else {
                assert_ne!(serde_json::from_str::<Value>(plain).ok(), Some(value));
            }
        }
        (Ok(_), None) => panic!("a strict parser reads {text:?}"),
        (Err(_), _) => {}
    }
    if let Some(plain) = &read {
        let value = serde_json::from_str::<Value>(plain);
        assert!(value.is_ok(), "{plain:?} is not strict");
        if let Some(wanted) = strictly(&text, 0) {
            assert_eq!(value.ok(), Some(wanted), "{text:?}");
        }
        let again = sessionwire::meaning::plain(plain);
        assert!(
            matches!(again, Some(Cow::Borrowed(_))),
            "{plain:?} is read anew"
        );
    }
    match find_json(&text) {
        Some(found) => {
            assert!(serde_json::from_str::<Value>(&found).is_ok(), "{found:?}");
            assert!(read.is_none_or(|read| read == found));
        }
        None => assert!(read.is_none()),
    }
    for found in find_all_json(&text) {
        assert!(serde_json::from_str::<Value>(&found).is_ok(), "{found:?}");
    }
    if let Some(moment) = moment(&text) {
        assert_eq!(
            moment.milliseconds(),
            moment.microseconds().div_euclid(1000)
        );
    }
}

/// The value by a strict parser, part by part: the last of two members with one name, and the
/// text of what is nested too deep, or of a number that 64 bits cannot hold. `None` where the
/// parser refuses a part.
fn strictly(json: &str, depth: usize) -> Option<Value> {
    let part: &RawValue = serde_json::from_str(json).ok()?;
    let text = part.get();
    let is_text = text.starts_with(['[', '{']) && depth == DEEPEST;
    Some(match text.as_bytes().first()? {
        _ if is_text => Value::from(text),
        b'[' => {
            let entries: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            let entries = entries.iter().map(|entry| strictly(entry.get(), depth + 1));
            entries.collect::<Option<_>>()?
        }
        b'{' => {
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
            let read = |(name, member): (String, &RawValue)| {
                Some((name, strictly(member.get(), depth + 1)?))
            };
            Value::Object(members.into_iter().map(read).collect::<Option<_>>()?)
        }
        b'-' | b'0'..=b'9' => match serde_json::from_str(text) {
            // One without a fraction and an exponent is whole, or its text.
            Ok(Value::Number(number)) if !number.is_f64() || text.contains(['.', 'e', 'E']) => {
                Value::Number(number)
            }
            _ if text == "-0" => serde_json::from_str(text).ok()?,
            _ => Value::from(text),
        },
        _ => serde_json::from_str(text).ok()?,
    })
}

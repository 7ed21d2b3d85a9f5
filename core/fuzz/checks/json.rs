//! The tolerant reader of JSON: it takes what strict parsers take, to the same value, and adds nothing of its own.
//!
//! Input: a text; bytes that are not UTF-8 are replaced.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::Value;
use sessionwire::meaning::{find_json, may_be_odd, moment, plain};

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
                assert!(may_be_odd(&text), "{text:?} was rewritten");
                assert_ne!(serde_json::from_str::<Value>(plain).ok(), Some(value));
            }
        }
        (Ok(_), None) => panic!("a strict parser reads {text:?}"),
        (Err(_), _) => {}
    }
    if let Some(plain) = &read {
        assert!(
            serde_json::from_str::<Value>(plain).is_ok(),
            "{plain:?} is not strict"
        );
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
    if let Some(moment) = moment(&text) {
        assert_eq!(
            moment.milliseconds(),
            moment.microseconds().div_euclid(1000)
        );
    }
}

//! Secrets that are known word for word, and where they stand in a text.

use super::learning::Secret;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::BTreeMap;
use std::ops::Range;

/// How many bytes of UTF-8 a secret must have to be looked for: a shorter text would blank ordinary words.
pub const SHORTEST_SECRET: usize = 4;

/// What `encodeURIComponent` of JavaScript leaves.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Sorted, so that one look at each place of a text finds the longest that begins there: the time is that of the text, however
/// many there are.
#[derive(Default)]
pub(super) struct Known {
    /// Each form, and whether it counts as a whole word alone.
    forms: Vec<(String, bool)>,
    /// The bytes with which one begins.
    begins: Vec<bool>,
}

impl Known {
    pub(super) fn new<'a>(secrets: impl Iterator<Item = &'a Secret>) -> Self {
        let mut forms: BTreeMap<String, bool> = BTreeMap::new();
        for secret in secrets {
            for form in forms_of(&secret.text) {
                if form.len() >= SHORTEST_SECRET {
                    let whole = forms.entry(form).or_insert(true);
                    *whole &= secret.whole_word;
                }
            }
        }
        let mut begins = vec![false; 256];
        for form in forms.keys() {
            begins[usize::from(form.as_bytes()[0])] = true;
        }
        Self {
            forms: forms.into_iter().collect(),
            begins,
        }
    }

    /// Where one stands.
    pub(super) fn find(&self, text: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        if self.forms.is_empty() {
            return found;
        }
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let begins = self.begins[usize::from(bytes[at])] && text.is_char_boundary(at);
            match begins.then(|| self.longest(text, at)).flatten() {
                Some(length) => {
                    found.push(at..at + length);
                    at += length;
                }
                None => at += 1,
            }
        }
        found
    }

    /// The length of the longest that begins there.
    fn longest(&self, text: &str, at: usize) -> Option<usize> {
        let bytes = text.as_bytes();
        let mut left = &self.forms[..];
        let mut longest = None;
        let mut depth = 0;
        loop {
            if let Some((first, whole)) = left.first()
                && first.len() == depth
            {
                if !whole || is_word(text, at, at + depth) {
                    longest = Some(depth);
                }
                left = &left[1..];
            }
            let Some(next) = bytes.get(at + depth).filter(|_| !left.is_empty()) else {
                return longest;
            };
            let byte = |form: &(String, bool)| form.0.as_bytes()[depth];
            let from = left.partition_point(|form| byte(form) < *next);
            let to = left.partition_point(|form| byte(form) <= *next);
            left = &left[from..to];
            depth += 1;
        }
    }
}

/// Whether no letter or digit stands at either side, but for one that belongs to an escape such as `%20` or `\n`.
fn is_word(text: &str, from: usize, to: usize) -> bool {
    let bytes = text.as_bytes();
    let escaped = |back: usize, mark: u8| from >= back && bytes[from - back] == mark;
    let before = text[..from].chars().next_back();
    let before =
        before.is_some_and(char::is_alphanumeric) && !escaped(3, b'%') && !escaped(2, b'\\');
    let after = text[to..].chars().next();
    !before && !after.is_some_and(char::is_alphanumeric)
}

/// A secret as it may be written in an address, a form, JSON or HTML.
fn forms_of(secret: &str) -> Vec<String> {
    let encoded = |set| utf8_percent_encode(secret, set).to_string();
    let (all, component) = (encoded(NON_ALPHANUMERIC), encoded(COMPONENT));
    let mut forms = vec![
        secret.to_owned(),
        all.replace('%', "%25"),
        component.replace('%', "%25"),
        component.replace("%20", "+"),
        lower_hex(&component).replace("%20", "+"),
        all.replace("%20", "+"),
        lower_hex(&all),
        lower_hex(&component),
        all,
        component,
        serde_json::Value::from(secret)
            .to_string()
            .trim_matches('"')
            .to_owned(),
        secret
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;"),
    ];
    // Shorter ones would be a part of something by chance.
    if secret.len() >= 6 {
        forms.extend([
            STANDARD_NO_PAD.encode(secret),
            URL_SAFE_NO_PAD.encode(secret),
        ]);
    }
    forms
}

/// `%2f` for `%2F`.
fn lower_hex(text: &str) -> String {
    let mut left = 0;
    let lower = |c: char| {
        if c == '%' {
            left = 2;
            return c;
        }
        let is_hex = left > 0;
        left = usize::saturating_sub(left, 1);
        if is_hex { c.to_ascii_lowercase() } else { c }
    };
    text.chars().map(lower).collect()
}

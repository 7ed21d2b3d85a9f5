//! A value that must not be seen.

use std::fmt;

use serde::{Deserialize, Deserializer};

use super::encode::percent_encode;

/// An API key: usable, but shown nowhere.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps a key.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// The `Authorization` header, or `None` if HTTP cannot carry the key.
    pub(crate) fn header_value(&self) -> Option<http::HeaderValue> {
        // The header type lets other bytes pass, but no key has them: a space
        // without width that was copied along would end in a puzzling 401.
        if !self.0.is_ascii() {
            return None;
        }
        let mut value = http::HeaderValue::from_str(&format!("Bearer {}", self.0)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// `text` without this key, wherever a server may have echoed it: as it is,
    /// or as it stands in a URL.
    pub(crate) fn redact(&self, text: &str) -> String {
        // HTTP drops the spaces around a header's value.
        let key = self.0.trim();
        // A very short key would blank ordinary words, and hides nothing.
        if key.len() < 4 {
            return text.to_owned();
        }
        let in_url = percent_encode(key);
        let in_form: String = url::form_urlencoded::byte_serialize(key.as_bytes()).collect();
        let mut clean = text.to_owned();
        for form in [key, &in_url, &in_form] {
            if clean.contains(form) {
                clean = clean.replace(form, "[redacted]");
            }
        }
        clean
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::Secret;

    #[test]
    fn the_header_carries_the_key_and_does_not_show_it() {
        let value = Secret::new("sk-live-1").header_value().expect("a key");
        assert_eq!(value.as_bytes(), b"Bearer sk-live-1");
        assert!(value.is_sensitive());
        assert!(!format!("{value:?}").contains("sk-live-1"));
    }

    #[test]
    fn a_key_that_http_cannot_carry_gives_no_header() {
        for key in ["a\nb", "a\r", "a\0b", "é", "key\u{200b}", "\u{7f}"] {
            assert!(Secret::new(key).header_value().is_none(), "{key:?}");
        }
    }

    #[test]
    fn an_echo_of_the_key_is_redacted_everywhere() {
        let key = Secret::new("sk-live-1");
        assert_eq!(
            key.redact("sk-live-1, Bearer sk-live-1: \"sk-live-1\""),
            "[redacted], Bearer [redacted]: \"[redacted]\""
        );
        assert_eq!(key.redact("nothing of it"), "nothing of it");
        assert_eq!(key.redact(""), "");
    }

    #[test]
    fn an_echo_of_a_url_with_the_key_is_redacted() {
        let key = Secret::new("a/b c+d");
        assert_eq!(
            key.redact("?token=a%2Fb%20c%2Bd ?token=a%2Fb+c%2Bd ?token=a/b c+d"),
            "?token=[redacted] ?token=[redacted] ?token=[redacted]"
        );
    }

    #[test]
    fn a_server_sees_a_key_without_the_spaces_around_it() {
        // HTTP drops them, so the echo has none either.
        for key in ["sk-live-1 ", " sk-live-1", "\tsk-live-1 \t"] {
            let shown = Secret::new(key).redact("no such key: sk-live-1");
            assert_eq!(shown, "no such key: [redacted]", "{key:?}");
        }
    }

    #[test]
    fn a_very_short_key_blanks_no_words() {
        for key in ["", " ", "a", "abc"] {
            assert_eq!(Secret::new(key).redact("abcabc a"), "abcabc a");
        }
    }
}

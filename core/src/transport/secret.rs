//! A value that must not be seen.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer};

use serde_json::Value;

use super::redact::Forms;

/// An API key: usable, but shown nowhere.
#[derive(Clone)]
pub struct Secret {
    value: String,
    /// Made when a text is first looked through.
    forms: Arc<OnceLock<Forms>>,
}

impl Secret {
    /// Wraps a key.
    pub fn new(value: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            forms: Arc::default(),
        }
    }

    pub(crate) fn expose(&self) -> &str {
        &self.value
    }

    /// The `Authorization` header, or `None` if HTTP cannot carry the key.
    pub(crate) fn header_value(&self) -> Option<http::HeaderValue> {
        // The header type lets other bytes pass, but no key has them: a space
        // without width that was copied along would end in a puzzling 401.
        if !self.value.is_ascii() {
            return None;
        }
        let mut value = http::HeaderValue::from_str(&format!("Bearer {}", self.value)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// `text` without this key, wherever a server may have echoed it, and however
    /// it wrote it.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.found_in(text).unwrap_or_else(|| text.to_owned())
    }

    /// `value` without this key, in its names too.
    pub(crate) fn redact_value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => self.redact(&text).into(),
            Value::Array(items) => items
                .into_iter()
                .map(|item| self.redact_value(item))
                .collect(),
            Value::Object(fields) => fields
                .into_iter()
                .map(|(name, value)| (self.redact(&name), self.redact_value(value)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            other => other,
        }
    }

    /// `text` without this key; `None` where it is not in there.
    pub(crate) fn found_in(&self, text: &str) -> Option<String> {
        // HTTP drops the spaces around a header's value.
        let key = self.value.trim();
        // A very short key would blank ordinary words, and hides nothing.
        if key.len() < 4 || text.len() < key.len() {
            return None;
        }
        self.forms.get_or_init(|| Forms::of(key)).redact(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
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
    fn every_form_of_the_key_is_redacted() {
        let key = Secret::new("sk-live/1+\"x\"=&?_9");
        for form in [
            r#"sk-live\/1+\"x\"=&?_9"#,
            r#"sk-live\\\/1+\\\"x\\\"=&?_9"#,
            r#"\u0073\u006B-live\u002f1+\u0022x\u0022\u003d\u0026?_9"#,
            r#"sk-live\\u002F1+\\u0022x\\u0022=&?_9"#,
            "sk-live%2F1%2B%22x%22%3D%26%3F_9",
            "sk-live%2f1%2b%22x%22%3d%26%3f_9",
            "sk-live%252F1%252B%2522x%2522%253D%2526%253F_9",
            "sk-live&#47;1&#43;&quot;x&quot;=&amp;?_9",
            "sk-live&#x2f;1&#x2B;&#34;x&#34;&equals;&amp;?&lowbar;9",
            "sk-live&amp;#47;1+&amp;quot;x&amp;quot;=&amp;amp;?_9",
            r"sk-live\x2f1\x2b\x22x\x22\x3d\x26\x3f_9",
            "736b2d6c6976652f312b2278223d263f5f39",
            "736B2D6C6976652F312B2278223D263F5F39",
            "c2stbGl2ZS8xKyJ4Ij0mP185",
            // Behind `user:`, before `:x`, and with the other alphabet.
            "dXNlcjpzay1saXZlLzErIngiPSY/Xzk=",
            "dXNlcjpzay1saXZlLzErIngiPSY_Xzk",
            "c2stbGl2ZS8xKyJ4Ij0mP185Ong=",
            r"dXNlcjpzay1saXZlLzErIngiPSY\/Xzk=",
            "dXNlcjpzay1saXZlLzErIngiPSY%2FXzk%3D",
        ] {
            let clean = key.redact(&format!("<{form}>"));
            assert!(clean.contains("[redacted]"), "{form}: {clean}");
            assert!(clean.len() < 20, "{form}: {clean}");
        }
    }

    #[test]
    fn what_is_not_the_key_stays() {
        let key = Secret::new("sk-live/1");
        for text in [
            "sk-live/2",
            "sk-live",
            r"\\\\\u00",
            "%",
            "%2",
            "%%%%",
            "&",
            "&#",
            "&#x;",
            "a=b&c=d",
            "\\",
            "é\\é",
        ] {
            assert_eq!(key.redact(text), text);
            assert_eq!(key.found_in(text), None);
        }
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

//! Takes secrets out of what was recorded.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use regex_lite::Regex;
use serde_json::Value;

/// What stands for a secret.
pub(super) const REDACTED: &str = "[redacted]";

/// A shorter text would blank ordinary words.
const SHORTEST: usize = 4;

/// Names of query parameters whose value is a secret.
const PARAMETERS: &str = "access_token|api[_-]?key|apikey|auth|authorization|client_secret|code|id_token|jwt|key|\
    pass|passwd|password|pwd|refresh_token|secret|session|session_?id|sid|sig|signature|state|token|\
    x-amz-credential|x-amz-security-token|x-amz-signature|x-goog-credential|x-goog-signature";

/// Names of members of an object whose value is a secret, in lower case and without `_` and `-`.
const MEMBERS: [&str; 22] = [
    "accesstoken",
    "apikey",
    "auth",
    "authorization",
    "authtoken",
    "bearertoken",
    "clientsecret",
    "cookie",
    "csrftoken",
    "idtoken",
    "jwt",
    "passwd",
    "password",
    "privatekey",
    "proxyauthorization",
    "pwd",
    "refreshtoken",
    "secret",
    "sessiontoken",
    "setcookie",
    "token",
    "vncurl",
];

/// Knows what is secret.
pub(super) struct Scrubber {
    /// The longest first, so that none hides in another.
    secrets: Vec<String>,
    patterns: Vec<(Regex, &'static str)>,
}

impl Scrubber {
    pub(super) fn new(secrets: impl Iterator<Item = String>) -> Self {
        let mut secrets: Vec<_> = secrets
            .flat_map(|secret| {
                let encoded = utf8_percent_encode(&secret, NON_ALPHANUMERIC).to_string();
                [secret, encoded]
            })
            .filter(|secret| secret.len() >= SHORTEST)
            .collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        let patterns = [
            // https://user:password@host
            (r#"([a-zA-Z][a-zA-Z0-9+.-]*://)[^\s/?#@"'<>]+@"#.to_owned(), "${1}[redacted]@"),
            // ?token=...
            (format!(r#"(?i)([?&#;](?:{PARAMETERS})=)[^&#\s"'<>]+"#), "${1}[redacted]"),
            // Authorization: ...
            (
                r#"(?i)\b((?:proxy-)?authorization|x-api-key|(?:set-)?cookie)(["']?\s*[:=]\s*["']?)[^\r\n"']+"#.to_owned(),
                "${1}${2}[redacted]",
            ),
            // Bearer ...
            (r#"(?i)\b(bearer)(\s+)[A-Za-z0-9._~+/=-]{8,}"#.to_owned(), "${1}${2}[redacted]"),
            // password: ...
            (
                r#"(?i)\b(password|passwd|passphrase|pwd|api[ _-]?key|access[ _-]?token|client[ _-]?secret)(["']?\s*[:=]\s*)("[^"\r\n]*"|'[^'\r\n]*'|[^\s,;&"'\[][^\s,;&"']*)"#
                    .to_owned(),
                "${1}${2}[redacted]",
            ),
        ];
        let patterns = patterns
            .into_iter()
            .filter_map(|(pattern, with)| Some((Regex::new(&pattern).ok()?, with)))
            .collect();
        Self { secrets, patterns }
    }

    pub(super) fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            if text.contains(secret) {
                text = text.replace(secret, REDACTED);
            }
        }
        for (pattern, with) in &self.patterns {
            if pattern.is_match(&text) {
                text = pattern.replace_all(&text, *with).into_owned();
            }
        }
        text
    }

    pub(super) fn value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.text(text).into(),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(name, value)| (self.text(name), self.member(name, value)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            other => other.clone(),
        }
    }

    fn member(&self, name: &str, value: &Value) -> Value {
        let bare: String = name
            .chars()
            .filter(|c| !matches!(c, '_' | '-' | ' '))
            .flat_map(char::to_lowercase)
            .collect();
        match value {
            Value::String(_) | Value::Number(_) if MEMBERS.contains(&bare.as_str()) => {
                REDACTED.into()
            }
            other => self.value(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_pattern_is_an_expression() {
        assert_eq!(Scrubber::new(std::iter::empty()).patterns.len(), 5);
    }

    #[test]
    fn secrets_in_texts() {
        let scrubber = Scrubber::new(["s3cr/et".to_owned(), "abc".to_owned()].into_iter());
        for (text, scrubbed) in [
            ("is s3cr/et or s3cr%2Fet", "is [redacted] or [redacted]"),
            ("abc is too short", "abc is too short"),
            (
                "https://me:pw@h.example/a@b",
                "https://[redacted]@h.example/a@b",
            ),
            ("http://token@h/", "http://[redacted]@h/"),
            (
                "https://h/?a=1&token=xyz&b=2#frag",
                "https://h/?a=1&token=[redacted]&b=2#frag",
            ),
            (
                "https://h/#access_token=xyz",
                "https://h/#access_token=[redacted]",
            ),
            (
                "https://h/?X-Amz-Signature=0f",
                "https://h/?X-Amz-Signature=[redacted]",
            ),
            (
                "https://h/?monkey=1&keyword=2",
                "https://h/?monkey=1&keyword=2",
            ),
            (
                "Authorization: Basic dXNlcg==\nHost: h",
                "Authorization: [redacted]\nHost: h",
            ),
            (
                "{\"authorization\": \"x y\"}",
                "{\"authorization\": \"[redacted]\"}",
            ),
            ("Cookie: a=b; c=d", "Cookie: [redacted]"),
            (
                "sent Bearer eyJhbGciOi.x_y-z now",
                "sent Bearer [redacted] now",
            ),
            ("password: hunter2, then", "password: [redacted], then"),
            ("api_key='x y' z", "api_key=[redacted] z"),
            ("PASSWORD=[redacted]", "PASSWORD=[redacted]"),
            (
                "A password is needed; the cookie banner",
                "A password is needed; the cookie banner",
            ),
            ("Order 12 mugs: 9.90 EUR", "Order 12 mugs: 9.90 EUR"),
        ] {
            assert_eq!(scrubber.text(text), scrubbed);
            assert_eq!(scrubber.text(scrubbed), scrubbed, "twice");
        }
    }

    #[test]
    fn secrets_in_data() {
        let scrubber = Scrubber::new(["hidden".to_owned()].into_iter());
        let data = json!({"apiKey": "k", "API_KEY": 7, "Set-Cookie": "c", "token": {"count": 3}, "tokens": 12, "secret": null,
            "hidden": ["hidden", 1], "text": "hidden"});
        assert_eq!(
            scrubber.value(&data),
            json!({"apiKey": "[redacted]", "API_KEY": "[redacted]", "Set-Cookie": "[redacted]", "token": {"count": 3},
                "tokens": 12, "secret": null, "[redacted]": ["[redacted]", 1], "text": "[redacted]"})
        );
    }
}

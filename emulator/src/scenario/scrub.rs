//! Takes secrets out of what was recorded.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use regex_lite::Regex;
use serde_json::Value;

/// What stands for a secret.
pub(crate) const REDACTED: &str = "[redacted]";

/// A shorter text would blank ordinary words.
const SHORTEST: usize = 4;

/// How many characters of the pieces that follow may finish a secret.
const NEAR: usize = 512;

/// Query parameters whose value is a secret, beside those whose name says so.
const PARAMETERS: &str = "auth|authorization|code|jwt|pass|session|session_?id|sid|sig|signature|state|\
    x-amz-credential|x-amz-signature|x-goog-credential|x-goog-signature";

/// Parts of a name that say that the value is a secret.
const SECRET_PARTS: [&str; 9] = [
    "apikey",
    "authorization",
    "credential",
    "cvv",
    "passphrase",
    "passwd",
    "password",
    "secret",
    "token",
];

/// Words of a name that say so: in other words the letters mean nothing.
const SECRET_WORDS: [&str; 15] = [
    "auth",
    "bearer",
    "cookie",
    "csrf",
    "cvc",
    "jwt",
    "key",
    "keys",
    "otp",
    "pin",
    "pincode",
    "pins",
    "pwd",
    "setcookie",
    "vncurl",
];

/// The same as an expression, for the name before `=` or `:` in a text.
const NAMES: &str = r"(?:[\w.-]*(?:api[ _-]?key|access[ _-]?key|client[ _-]?secret|passphrase|passwd|password|secret|token|cvv)[\w.-]*|(?:[\w.-]*[_.-])?(?:pwd|pin|otp|cvc)|[\w.-]*[_.-]key|[a-z]+(?-i:Key|Pin|Pwd))";

/// Secrets of known kinds, whatever stands before them.
const KINDS: [&str; 7] = [
    // A JSON Web Token.
    r"\beyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*",
    // Keys of clouds.
    r"\b(?:A3T[A-Z0-9]|ABIA|ACCA|AGPA|AIDA|AIPA|AKIA|ANPA|ANVA|APKA|AROA|ASCA|ASIA)[A-Z0-9]{12,}\b",
    r"\bAIza[A-Za-z0-9_-]{30,}",
    // A PEM block, or the beginning of one.
    r"-----BEGIN [A-Z0-9 ]+-----(?s:.*?)(?:-----END [A-Z0-9 ]+-----|$)",
    // Keys that begin with the name of their kind.
    r"\b(?:sk|pk|rk)[-_](?:live[-_]|test[-_]|proj[-_]|ant[-_])?[A-Za-z0-9_-]{16,}",
    // Of payments, clouds, bots and age.
    r"\b(?:whsec_|dop_v1_|sq0[a-z]{3}-|AGE-SECRET-KEY-1|dapi|lin_api_|\d{8,10}:AA)[A-Za-z0-9_-]{16,}",
    r"\b(?:gh[opsur]_|github_pat_|glpat-|hf_|npm_|pypi-|xox[abeoprs]-|shpat_|SG\.|ya29\.)[A-Za-z0-9_.-]{10,}",
];

/// Whether what was found is one.
type Look = fn(&str) -> bool;

/// Secrets and personal data by their shape alone, each with a look that tells them from a mere number or name.
const SHAPES: [(&str, Look); 4] = [
    // A card's number, also in groups.
    (r"\b\d(?:[ -]?\d){12,18}\b", is_card),
    (
        r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",
        is_iban,
    ),
    (
        r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b",
        is_somebodys_mail,
    ),
    // A run of letters and digits that no person wrote.
    (r"\b[A-Za-z0-9_-]{32,200}\b", is_random),
];

/// Luhn's sum.
fn is_card(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    let of_place = |(place, digit): (usize, &u32)| match place % 2 {
        0 => *digit,
        _ if *digit > 4 => digit * 2 - 9,
        _ => digit * 2,
    };
    let sum: u32 = digits.iter().rev().enumerate().map(of_place).sum();
    sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != digits[0])
}

/// The remainder of ISO 7064.
fn is_iban(text: &str) -> bool {
    let plain: String = text.chars().filter(|c| *c != ' ').collect();
    let (begin, rest) = plain.split_at(4);
    let remainder = rest
        .chars()
        .chain(begin.chars())
        .filter_map(|c| c.to_digit(36))
        .fold(0, |sum, value| {
            (sum * if value > 9 { 100 } else { 10 } + value) % 97
        });
    (15..=34).contains(&plain.len()) && remainder == 1
}

/// The names that stand for nobody are kept (RFC 2606).
fn is_somebodys_mail(text: &str) -> bool {
    let domain = text.rsplit('@').next().unwrap_or_default();
    let domain = domain.to_ascii_lowercase();
    let reserved = ["example", "test", "invalid", "localhost"];
    let of_nobody = ["example.com", "example.net", "example.org"];
    !reserved.contains(&domain.rsplit('.').next().unwrap_or_default())
        && !of_nobody.iter().any(|name| {
            domain == *name
                || domain
                    .strip_suffix(name)
                    .is_some_and(|rest| rest.ends_with('.'))
        })
}

/// Capitals, small letters and digits, well mixed: not a word, a UUID or a number in hexadecimal.
fn is_random(text: &str) -> bool {
    let count = |is: fn(&char) -> bool| text.chars().filter(is).count();
    let digits = count(char::is_ascii_digit);
    count(char::is_ascii_uppercase) >= 4 && count(char::is_ascii_lowercase) >= 4 && digits >= 3
}

/// Knows what is secret.
pub(crate) struct Scrubber {
    /// The longest first, so that none hides in another.
    secrets: Vec<String>,
    patterns: Vec<(Regex, &'static str)>,
    /// What looks like a secret, and whether it is one.
    shapes: Vec<(Regex, Look)>,
}

impl Scrubber {
    pub(crate) fn new(secrets: impl Iterator<Item = String>) -> Self {
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
            (
                format!(r#"(?i)([?&#;](?:{PARAMETERS}|key|{NAMES})=)[^&#\s"'<>]+"#),
                "${1}[redacted]",
            ),
            // Authorization: ...
            (
                r#"(?i)\b((?:proxy-)?authorization|x-api-key|(?:set-)?cookie)(["']?\s*[:=]\s*["']?)[^\r\n"']+"#.to_owned(),
                "${1}${2}[redacted]",
            ),
            // Bearer ...
            (r#"(?i)\b(bearer)(\s+)[A-Za-z0-9._~+/=-]{8,}"#.to_owned(), "${1}${2}[redacted]"),
            // password: ...
            (
                format!(
                    r#"(?i)\b({NAMES})(["']?\s*[:=]\s*)("[^"\r\n]*"|'[^'\r\n]*'|[^\s,;&"'\[][^\s,;&"']*)"#
                ),
                "${1}${2}[redacted]",
            ),
        ];
        let kinds = KINDS.map(|kind| (kind.to_owned(), REDACTED));
        // A block of lines goes first: what is left of it is nothing to look at.
        let patterns = kinds.into_iter().chain(patterns);
        let patterns = patterns
            .filter_map(|(pattern, with)| Some((Regex::new(&pattern).ok()?, with)))
            .collect();
        let shapes = SHAPES.into_iter();
        let shapes = shapes
            .filter_map(|(pattern, is_secret)| Some((Regex::new(pattern).ok()?, is_secret)))
            .collect();
        Self {
            secrets,
            patterns,
            shapes,
        }
    }

    pub(crate) fn text(&self, text: &str) -> String {
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
        for (pattern, is_secret) in &self.shapes {
            if pattern.is_match(&text) {
                let hidden = |found: &regex_lite::Captures<'_>| match is_secret(&found[0]) {
                    true => REDACTED.to_owned(),
                    false => found[0].to_owned(),
                };
                text = pattern.replace_all(&text, hidden).into_owned();
            }
        }
        text
    }

    /// The pieces of one text, in which a secret may go from one into the next: those become one
    /// piece, at the place of the first, and the others are empty.
    pub(crate) fn pieces(&self, pieces: &[&str]) -> Vec<String> {
        let whole = self.text(&pieces.concat());
        let alone: Vec<String> = pieces.iter().map(|piece| self.text(piece)).collect();
        if alone.concat() == whole {
            return alone;
        }
        let mut scrubbed = Vec::with_capacity(pieces.len());
        let mut run = String::new();
        for (index, piece) in pieces.iter().enumerate() {
            run.push_str(piece);
            let rest = pieces[index + 1..].iter().flat_map(|next| next.chars());
            let rest: String = rest.take(NEAR).collect();
            let goes_on = self.text(&run) + &self.text(&rest) != self.text(&format!("{run}{rest}"));
            match goes_on {
                true => scrubbed.push(None),
                false => scrubbed.push(Some(self.text(&std::mem::take(&mut run)))),
            }
        }
        let mut placed = vec![String::new(); pieces.len()];
        let mut first = None;
        for (index, text) in scrubbed.into_iter().enumerate() {
            let place = *first.get_or_insert(index);
            if let Some(text) = text {
                placed[place] = text;
                first = None;
            }
        }
        // One that is longer than what was looked at.
        if placed.concat() != whole {
            placed.fill(String::new());
            if let Some(place) = placed.first_mut() {
                *place = whole;
            }
        }
        placed
    }

    pub(crate) fn value(&self, value: &Value) -> Value {
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
        if is_secret(name) {
            self.hidden(name, value)
        } else {
            self.value(value)
        }
    }

    /// A value under a name that says that it is secret.
    fn hidden(&self, name: &str, value: &Value) -> Value {
        match value {
            // So many tokens are a count.
            Value::Number(_) if name.to_lowercase().contains("tokens") => value.clone(),
            Value::String(_) | Value::Number(_) => REDACTED.into(),
            Value::Array(items) => items.iter().map(|item| self.hidden(name, item)).collect(),
            other => self.value(other),
        }
    }
}

/// Whether a name says that its value is a secret: `user_password`, `apiToken`, `card-pin`.
fn is_secret(name: &str) -> bool {
    let words = words(name);
    let whole = words.concat();
    SECRET_PARTS.iter().any(|part| whole.contains(part))
        || SECRET_WORDS.contains(&&*whole)
        || words.iter().any(|word| SECRET_WORDS.contains(&&**word))
}

/// The words of a name, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        let begins = c.is_uppercase() && before.is_lowercase() || !c.is_alphanumeric();
        if begins {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_pattern_is_an_expression() {
        let scrubber = Scrubber::new(std::iter::empty());
        assert_eq!((scrubber.patterns.len(), scrubber.shapes.len()), (12, 4));
    }

    #[test]
    fn secrets_in_pieces() {
        let scrubber = Scrubber::new(["hunter22".to_owned()].into_iter());
        for (pieces, scrubbed) in [
            (&["a ", "b ", "c"][..], &["a ", "b ", "c"][..]),
            (
                &["is hun", "ter", "22 ", "here"],
                &["is [redacted] ", "", "", "here"],
            ),
            (
                &[
                    "card 4111 1111 ",
                    "1111 1111, mail j@",
                    "shop-mail.net",
                    " ok",
                ],
                &["card [redacted], mail [redacted]", "", "", " ok"],
            ),
            (&["x ", "hunter22", " y"], &["x ", "[redacted]", " y"]),
            (
                &["the pass", "word: ", "x7", " ok"],
                &["the password: [redacted]", "", "", " ok"],
            ),
        ] {
            let found = scrubber.pieces(pieces);
            assert_eq!(found, scrubbed, "{pieces:?}");
        }
        let key = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
            "MIIE\n".repeat(400)
        );
        let cut: Vec<&str> = key
            .as_bytes()
            .chunks(100)
            .map(|part| std::str::from_utf8(part).unwrap())
            .collect();
        assert_eq!(scrubber.pieces(&cut).concat(), "[redacted]");
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
                "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1 is set",
                "token [redacted] is set",
            ),
            ("AKIAIOSFODNN7EXAMPLE, then", "[redacted], then"),
            (
                "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nab==\n-----END RSA PRIVATE KEY-----\nb",
                "a\n[redacted]\nb",
            ),
            (
                "cut: -----BEGIN PRIVATE KEY-----\nMIIE\nab",
                "cut: [redacted]",
            ),
            ("use sk-proj-abcdefghijklmnop1234", "use [redacted]"),
            ("ghp_abcdefghijklmnopqrstuvwxyz0123456789!", "[redacted]!"),
            ("user_password: hunter2", "user_password: [redacted]"),
            (
                "api_token=abc stripe_key=def",
                "api_token=[redacted] stripe_key=[redacted]",
            ),
            (
                "userPin: 1234, card_cvv=99",
                "userPin: [redacted], card_cvv=[redacted]",
            ),
            (
                "https://h/?user_token=x&b=2",
                "https://h/?user_token=[redacted]&b=2",
            ),
            (
                "spinning: 5, monkey: 6, tokenize",
                "spinning: 5, monkey: 6, tokenize",
            ),
            ("Press any key: Enter", "Press any key: Enter"),
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
    fn secrets_by_their_shape() {
        let scrubber = Scrubber::new(std::iter::empty());
        for (text, scrubbed) in [
            (
                "Paid with 4111 1111 1111 1111 today",
                "Paid with [redacted] today",
            ),
            ("card 5500-0000-0000-0004.", "card [redacted]."),
            ("378282246310005", "[redacted]"),
            // No card: Luhn's sum does not fit.
            ("order 4111 1111 1111 1112", "order 4111 1111 1111 1112"),
            ("at 1772615727418 ms", "at 1772615727418 ms"),
            ("0000000000000000", "0000000000000000"),
            ("to GB82 WEST 1234 5698 7654 32", "to [redacted]"),
            ("DE89370400440532013000", "[redacted]"),
            ("DE00370400440532013000", "DE00370400440532013000"),
            (
                "ask jane.doe+x@mail.shop.co.uk, please",
                "ask [redacted], please",
            ),
            (
                "ask jane@example.com or joe@shop.example",
                "ask jane@example.com or joe@shop.example",
            ),
            ("jane@notexample.com", "[redacted]"),
            ("pkg@1.2.3", "pkg@1.2.3"),
            (
                "use Zx9Kq2Lm8Pw4Rt6Yb1Nc3Vd5Hf7Jg0Sa now",
                "use [redacted] now",
            ),
            ("whsec_abcdefghijklmnop1234", "[redacted]"),
            (
                "7c1f9a52-3d0e-4b8e-9a6d-1f2e3c4b5a69",
                "7c1f9a52-3d0e-4b8e-9a6d-1f2e3c4b5a69",
            ),
            (
                "da39a3ee5e6b4b0d3255bfef95601890afd80709",
                "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            ),
            (
                "A_very_long_identifier_in_some_code_of_ours",
                "A_very_long_identifier_in_some_code_of_ours",
            ),
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
        for name in [
            "user_password",
            "api_token",
            "loginPassword",
            "stripeKey",
            "ssh-key",
            "PIN",
            "card_pin",
            "cvv2",
            "clientSecret",
            "AWS_SECRET_ACCESS_KEY",
            "private key",
            "x-api-key",
            "refresh_tokens",
        ] {
            assert_eq!(
                scrubber.value(&json!({name: "x"})),
                json!({name: "[redacted]"}),
                "{name}"
            );
            assert_eq!(
                scrubber.value(&json!({name: ["x"]})),
                json!({name: ["[redacted]"]}),
                "{name}"
            );
        }
        for name in [
            "monkey", "keyword", "spinner", "pinned", "authors", "total", "keyboard", "shopping",
        ] {
            assert_eq!(
                scrubber.value(&json!({name: "x"})),
                json!({name: "x"}),
                "{name}"
            );
        }
    }
}

//! Takes secrets out of what was recorded.

mod known;
mod learning;
mod names;
mod patterns;
mod questions;

pub use known::SHORTEST_SECRET;
pub(crate) use learning::{Asking, Secrets};
pub(crate) use names::REDACTED;

use known::Known;
use names::{NAMED, NAMING, is_counted, is_secret, is_secret_parameter};
use patterns::{is_card, merged, spans};
use questions::is_plain_reply;
use serde_json::{Map, Number, Value};
use std::collections::BTreeSet;
use std::ops::Range;

/// A shorter answer is a secret where it was given, and nowhere else.
const SHORTEST_ALONE: usize = 3;

/// Knows what is secret.
pub(crate) struct Scrubber {
    known: Known,
    /// What answered a question for a secret.
    answers: BTreeSet<String>,
}

impl Scrubber {
    pub(crate) fn new(secrets: &Secrets) -> Self {
        Self {
            known: Known::new(secrets.iter()),
            answers: secrets.answers().clone(),
        }
    }

    pub(crate) fn text(&self, text: &str) -> String {
        let alone = text.trim();
        // So short a one as a security code is one where it is all that is said.
        if alone.len() >= SHORTEST_ALONE && !is_plain_reply(alone) && self.answers.contains(alone) {
            return REDACTED.to_owned();
        }
        let spans = self.spans(text);
        without(text, 0..text.len(), &spans)
    }

    /// What was said while a question was open.
    pub(crate) fn answer(&self, text: &str) -> String {
        match self.answers.contains(text.trim()) {
            true => REDACTED.to_owned(),
            false => self.text(text),
        }
    }

    /// The name of a field or an event, or a path: there a secret that is a plain word is none, else nobody could read
    /// the recording. Names that are data, such as an address, are no words.
    pub(crate) fn name(&self, name: &str) -> String {
        let mut known = self.known.find(name);
        let is_plain = |c: char| c.is_alphabetic() || "_-.:/{}".contains(c);
        known.retain(|span| !name[span.clone()].chars().all(is_plain));
        let spans = spans(name, known, &mut |_, _| {});
        without(name, 0..name.len(), &spans)
    }

    /// Where secrets stand.
    fn spans(&self, text: &str) -> Vec<Range<usize>> {
        let mut known = self.known.find(text);
        // `{session:1}` stands for an id.
        known.retain(|span| {
            let is_mark = text[..span.start].ends_with('{') && text[span.end..].starts_with(':');
            !(is_mark && &text[span.clone()] == "session")
        });
        spans(text, known, &mut |_, _| {})
    }

    /// The pieces of one text, in which a secret may go from one into the next: those become one
    /// piece, at the place of the first, and the others are empty.
    pub(crate) fn pieces(&self, pieces: &[&str]) -> Vec<String> {
        let whole = pieces.concat();
        let mut found = self.spans(&whole);
        let mut ranges: Vec<Range<usize>> = Vec::with_capacity(pieces.len());
        for piece in pieces {
            let start = ranges.last().map_or(0, |last| last.end);
            let of_piece = self.spans(piece);
            found.extend(
                of_piece
                    .into_iter()
                    .map(|span| start + span.start..start + span.end),
            );
            ranges.push(start..start + piece.len());
        }
        let found = merged(found);
        let mut scrubbed = vec![String::new(); pieces.len()];
        let mut crossing = found.iter().peekable();
        // The pieces that share a secret with the next one, from the first of them on.
        let mut run: Option<(usize, usize)> = None;
        for (index, range) in ranges.iter().enumerate() {
            while crossing.next_if(|span| span.end <= range.end).is_some() {}
            let goes_on = crossing.peek().is_some_and(|span| span.start < range.end);
            let (first, start) = *run.get_or_insert((index, range.start));
            if !goes_on {
                scrubbed[first] = without(&whole, start..range.end, &found);
                run = None;
            }
        }
        scrubbed
    }

    pub(crate) fn value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.text(text).into(),
            Value::Number(number) if self.is_secret_number(number) => REDACTED.into(),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(name, value)| (self.name(name), self.member(fields, name, value)))
                .collect::<Map<_, _>>()
                .into(),
            other => other.clone(),
        }
    }

    /// The value of a parameter of a query.
    pub(crate) fn parameter(&self, name: &str, value: &str) -> String {
        match is_secret_parameter(name) {
            true => REDACTED.to_owned(),
            false => self.text(value),
        }
    }

    fn member(&self, fields: &Map<String, Value>, name: &str, value: &Value) -> Value {
        let named = || {
            let naming = NAMING
                .iter()
                .filter_map(|naming| fields.get(*naming)?.as_str());
            NAMED.contains(&name) && naming.into_iter().any(is_secret)
        };
        if is_secret(name) || named() {
            self.hidden(name, value)
        } else {
            self.value(value)
        }
    }

    /// A value under a name that says that it is secret.
    fn hidden(&self, name: &str, value: &Value) -> Value {
        match value {
            Value::Number(number) if is_counted(name, number) => self.value(value),
            Value::String(_) | Value::Number(_) => REDACTED.into(),
            Value::Array(items) => items.iter().map(|item| self.hidden(name, item)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(inner, value)| {
                    let value = match value {
                        Value::Number(_) => self.member(fields, inner, value),
                        _ => self.hidden(name, value),
                    };
                    (self.name(inner), value)
                })
                .collect::<Map<_, _>>()
                .into(),
            other => other.clone(),
        }
    }

    /// A card's number without quotes, or a secret that is known.
    fn is_secret_number(&self, number: &Number) -> bool {
        let text = number.to_string();
        // Times are numbers, too; they begin with 1.
        let may_be_card = (14..=19).contains(&text.len()) && text.starts_with(['3', '4', '5', '6']);
        let is_whole = text.bytes().all(|byte| byte.is_ascii_digit());
        is_whole
            && (may_be_card && is_card(&text) || self.known.find(&text).contains(&(0..text.len())))
    }
}

/// A part of a text, with what stands for the secrets.
fn without(text: &str, part: Range<usize>, spans: &[Range<usize>]) -> String {
    let mut clean = String::with_capacity(part.len());
    let mut at = part.start;
    let first = spans.partition_point(|span| span.end <= part.start);
    for span in spans[first..]
        .iter()
        .take_while(|span| span.start < part.end)
    {
        clean.push_str(&text[at..span.start.max(at)]);
        clean.push_str(REDACTED);
        at = span.end;
    }
    clean.push_str(&text[at.min(part.end)..part.end]);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scrubber(told: &[&str]) -> Scrubber {
        let mut secrets = Secrets::default();
        told.iter().for_each(|secret| secrets.tell(secret));
        Scrubber::new(&secrets)
    }

    #[test]
    fn secrets_in_pieces() {
        let scrubber = scrubber(&["hunter22"]);
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
                &["the pass", "word: ", "[redacted]", " ok"],
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
        let scrubber = scrubber(&["s3cr/et", "abc"]);
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
            ("api_key='x y' z", "api_key='[redacted]' z"),
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
        let scrubber = scrubber(&[]);
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
        let scrubber = scrubber(&["hidden", "h1dden"]);
        let data = json!({"apiKey": "k", "API_KEY": 7, "Set-Cookie": "c", "token": {"count": 3}, "tokens": 12, "secret": null,
            "h1dden": ["hidden", 1], "text": "hidden", "hidden": "h1dden"});
        assert_eq!(
            scrubber.value(&data),
            json!({"apiKey": "[redacted]", "API_KEY": "[redacted]", "Set-Cookie": "[redacted]", "token": {"count": 3},
                "tokens": 12, "secret": null, "[redacted]": ["[redacted]", 1], "text": "[redacted]", "hidden": "[redacted]"})
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

    fn learned(value: &Value) -> Scrubber {
        let mut secrets = Secrets::default();
        secrets.learn_value(value);
        Scrubber::new(&secrets)
    }

    #[test]
    fn secrets_by_what_stands_before_them() {
        let scrubber = scrubber(&[]);
        for (text, scrubbed) in [
            ("pass: hunter2; pw=abc1!", "pass: [redacted]; pw=[redacted]"),
            (
                "the pin 4711 and PIN: 12345",
                "the pin [redacted] and PIN: [redacted]",
            ),
            ("The password is hunter2.", "The password is [redacted]"),
            (
                "The password is wrong. A token is needed",
                "The password is wrong. A token is needed",
            ),
            ("Type the password twice", "Type the password twice"),
            (
                "{\\\"password\\\": \\\"a b\\\", \\\"n\\\": 1}",
                "{\\\"password\\\": \\\"[redacted]\\\", \\\"n\\\": 1}",
            ),
            (
                "{\"token\": null, \"pin\": [1]}",
                "{\"token\": null, \"pin\": [1]}",
            ),
            ("user[password]=x1&a=b", "user[password]=[redacted]&a=b"),
            (
                "user%5Bpassword%5D=x1y2&api%3Akey=z3",
                "user%5Bpassword%5D=[redacted]&api%3Akey=[redacted]",
            ),
            ("code=abc&state=xyz", "code=[redacted]&state=[redacted]"),
            (
                "https://me:p@ss@h.example/x",
                "https://[redacted]@h.example/x",
            ),
            (
                "?next=https%3A%2F%2Fh%2F%3Ftoken%3Dabc%26x%3D1",
                "?next=https%3A%2F%2Fh%2F%3Ftoken%3D[redacted]%26x%3D1",
            ),
            (
                "curl -u jane:hunter2 https://h/",
                "curl -u [redacted] https://h/",
            ),
            (
                "login --password hunter2 --user jane",
                "login --password [redacted] --user jane",
            ),
            (
                "<ns:password>hunter2</ns:password>",
                "<ns:password>[redacted]</ns:password>",
            ),
            (
                "psql jane:s3cret@db.example",
                "psql jane:[redacted]@db.example",
            ),
            ("mailto:jane@example.com", "mailto:jane@example.com"),
            ("Basic amFuZTpodW50ZXIy ok", "Basic [redacted] ok"),
            ("Basic instructions follow", "Basic instructions follow"),
            (
                "3 tests pass: 12, bypass: on",
                "3 tests pass: 12, bypass: on",
            ),
            ("Passwort: geheim7", "Passwort: [redacted]"),
        ] {
            assert_eq!(scrubber.text(text), scrubbed);
            assert_eq!(scrubber.text(scrubbed), scrubbed, "twice");
        }
    }

    #[test]
    fn a_secret_of_one_place_is_one_in_all() {
        for (place, text, scrubbed) in [
            (
                json!({"password": "hunter2"}),
                "log in with hunter2",
                "log in with [redacted]",
            ),
            (
                json!({"password": "swordfish"}),
                "a swordfish, swordfishes",
                "a [redacted], swordfishes",
            ),
            (
                json!({"password": "swordfish"}),
                "?q=a%20swordfish+\\nswordfish",
                "?q=a%20[redacted]+\\n[redacted]",
            ),
            (
                json!({"password": "a b/c&d"}),
                "a%20b%2Fc%26d a+b%2fc%26d a b/c&amp;d a%2520b%252Fc%2526d",
                "[redacted] [redacted] [redacted] [redacted]",
            ),
            (
                json!({"secret": "quo\"te-1"}),
                "{\"x\": \"quo\\\"te-1\"}",
                "{\"x\": \"[redacted]\"}",
            ),
            (
                json!("https://jane:blue-sky9@h/"),
                "blue-sky9",
                "[redacted]",
            ),
            (
                json!("password: blue-sky9."),
                "blue-sky9 and blue-sky9!",
                "[redacted] and [redacted]!",
            ),
            (
                json!("Basic amFuZTpodW50ZXIyMg=="),
                "hunter22",
                "[redacted]",
            ),
            (json!({"apiKey": "aGVsbG8"}), "YUdWc2JHOA", "[redacted]"),
            (
                json!("mail jane@shop-mail.net"),
                "jane%40shop-mail.net",
                "[redacted]",
            ),
            (
                json!({"pin": 123_456}),
                "typed 123456, 1234567",
                "typed [redacted], 1234567",
            ),
            (
                json!({"cookies": [{"name": "sid", "value": "abcd1234"}]}),
                "abcd1234",
                "[redacted]",
            ),
            (
                json!({"name": "Authorization", "value": "Token abc-1234"}),
                "Token abc-1234",
                "[redacted]",
            ),
            // Words of a protocol, of forms, and what is too short.
            (
                json!({"token_type": "Bearer", "token": "expired"}),
                "Bearer, expired",
                "Bearer, expired",
            ),
            (
                json!({"password": "required", "key": "Escape"}),
                "required: Escape",
                "required: Escape",
            ),
            (json!({"key": "ctrl+a1"}), "press ctrl+a1", "press ctrl+a1"),
            (
                json!({"key": "s1/report-12.md"}),
                "wrote s1/report-12.md",
                "wrote s1/report-12.md",
            ),
            (json!({"key": "ab12-cd34"}), "ab12-cd34", "[redacted]"),
            (
                json!({"pin": 4711, "otp": "99"}),
                "in 4711, 99",
                "in 4711, 99",
            ),
            (
                json!({"password": "{password}"}),
                "{password}",
                "{password}",
            ),
            (json!("?session_id=abc-def-1"), "abc-def-1", "abc-def-1"),
        ] {
            assert_eq!(learned(&place).text(text), scrubbed, "{place}");
        }
        let scrubber = learned(&json!({"otp": 123_456, "password": "hunter22"}));
        assert_eq!(
            scrubber.value(&json!({"n": 123_456, "m": 7, "card": 4_111_111_111_111_111_u64, "at": 1_772_615_727_418_u64})),
            json!({"n": "[redacted]", "m": 7, "card": "[redacted]", "at": 1_772_615_727_418_u64})
        );
        assert_eq!(
            scrubber.pieces(&["a hun", "te", "r22"]),
            ["a [redacted]", "", ""]
        );
    }

    #[test]
    fn answers_to_questions_for_secrets_are_secrets() {
        let answered = |question: &str, answer: &str| {
            let mut secrets = Secrets::default();
            let mut asking = Asking::default();
            asking.hears("question", &json!({ "text": question }));
            asking.said(answer, &mut secrets);
            Scrubber::new(&secrets)
        };
        for (answer, text, scrubbed) in [
            ("swordfish", "in with swordfish.", "in with [redacted]."),
            (
                "tiger",
                "in with tiger, tigers",
                "in with [redacted], tigers",
            ),
            ("4711", "typed 4711, 47110", "typed [redacted], 47110"),
            ("It is tr0ub4dor", "typed tr0ub4dor", "typed [redacted]"),
            ("blue horse 7", "a blue horse 7", "a [redacted]"),
            ("123", "123", "[redacted]"),
            ("123", "room 123", "room 123"),
            ("yes", "yes", "yes"),
        ] {
            let scrubber = answered("What is your password?", answer);
            assert_eq!(scrubber.text(text), scrubbed, "{answer}");
            assert_eq!(scrubber.answer(answer), "[redacted]", "{answer}");
        }
        let other = answered("Which colour?", "swordfish");
        assert_eq!(other.answer("swordfish"), "swordfish");
    }

    #[test]
    fn headers_whose_name_says_so_are_secrets() {
        let mut secrets = Secrets::default();
        for (name, value) in [
            ("X-Custom-Secret", "hush-hush"),
            ("x-auth-token", "tok-en-abcd"),
            ("X-Password", "swordfish"),
            ("x-amz-signature", "0f1e2d3c4b5a"),
            ("set-cookie", "sid=c00kie-9; Path=/accounts1"),
            ("idempotency-key", "run-77-of-us"),
            ("x-ratelimit-limit-tokens", "150000"),
            ("sec-websocket-key", "dGhlIHNhbXBsZQ"),
            ("access-control-allow-credentials", "true-1"),
        ] {
            secrets.learn_header(name, value);
        }
        let scrubber = Scrubber::new(&secrets);
        for value in [
            "hush-hush",
            "tok-en-abcd",
            "swordfish",
            "0f1e2d3c4b5a",
            "c00kie-9",
        ] {
            assert_eq!(scrubber.text(value), "[redacted]", "{value}");
        }
        for value in [
            "run-77-of-us",
            "150000",
            "dGhlIHNhbXBsZQ",
            "true-1",
            "/accounts1",
        ] {
            assert_eq!(scrubber.text(value), value);
        }
    }

    #[test]
    fn words_of_the_protocol_stay_in_names() {
        let scrubber = scrubber(&["message", "session", "sessions", "task.completed"]);
        let data = json!({"message": "a message", "session_id": "{session:1}", "sessions": {"message": 1}});
        let scrubbed = json!({"message": "a [redacted]", "session_id": "{session:1}", "sessions": {"message": 1}});
        assert_eq!(scrubber.value(&data), scrubbed);
        for name in ["/v1/sessions/{session_id}/message", "task.completed"] {
            assert_eq!(scrubber.name(name), name);
        }
    }

    #[test]
    fn many_secrets_and_long_texts_take_the_time_of_the_text() {
        let mut secrets = Secrets::default();
        for number in 0..5_000 {
            secrets.learn_value(&json!({ "password": format!("shared-beginning-{number:06}") }));
        }
        let scrubber = Scrubber::new(&secrets);
        for part in [
            "shared-beginning-x ",
            "password=\\\"x ",
            "-----BEGIN A----- ",
            "https://a:b:c ",
            "4111 1111 ",
            "<token>a ",
        ] {
            let time = |size: usize| {
                let text = part.repeat(size);
                let pieces: Vec<&str> = text
                    .as_bytes()
                    .chunks(7)
                    .map(|piece| std::str::from_utf8(piece).unwrap())
                    .collect();
                let began = std::time::Instant::now();
                let scrubbed = scrubber.pieces(&pieces).concat();
                assert!(scrubbed.len() <= text.len() * 2);
                began.elapsed().as_secs_f64()
            };
            let (short, long) = (time(200), time(1_600));
            // Eight times the text; a square would be 64 times.
            assert!(long < short * 24.0 + 0.5, "{part}: {short} {long}");
        }
    }
}

//! What was a secret in one place of a recording is one in all others.

use super::names::{
    NAMED, NAMING, REDACTED, is_any_key, is_chosen, is_of_session, is_secret, is_secret_header,
    is_secret_parameter,
};
use super::patterns::{Sure, each_secret, is_no_word};
use super::questions::{asks_for_a_secret, is_plain_reply};
use base64::Engine;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use std::collections::BTreeSet;

/// A longer text is found by what it is.
const LONGEST: usize = 4096;
/// A shorter answer is one in its own place alone.
const SHORTEST_ANSWER: usize = 4;
/// So many are kept.
const MOST: usize = 20_000;

/// Words that stand where a password would, and are none.
const NO_SECRETS: [&str; 40] = [
    "accepted",
    "access",
    "basic",
    "bearer",
    "cannot",
    "changed",
    "confirm",
    "correct",
    "current",
    "default",
    "different",
    "disabled",
    "enabled",
    "example",
    "expired",
    "failed",
    "forgotten",
    "generated",
    "hidden",
    "incorrect",
    "invalid",
    "masked",
    "missing",
    "needed",
    "number",
    "object",
    "optional",
    "password",
    "passwords",
    "please",
    "protected",
    "provided",
    "refresh",
    "rejected",
    "required",
    "secret",
    "string",
    "strong",
    "unknown",
    "username",
];

/// One secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Secret {
    pub(super) text: String,
    /// It looks like a word or a number: it counts where it stands alone.
    pub(super) whole_word: bool,
}

/// All that is known to be secret.
#[derive(Debug, Clone, Default)]
pub(crate) struct Secrets {
    all: BTreeSet<Secret>,
    /// Whole texts that answered a question for a secret, whatever they look like.
    answers: BTreeSet<String>,
}

impl Secrets {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Secret> {
        self.all.iter()
    }

    pub(super) fn answers(&self) -> &BTreeSet<String> {
        &self.answers
    }

    /// One that somebody named, or that was sent as a key.
    pub(crate) fn tell(&mut self, secret: &str) {
        self.all.insert(Secret {
            text: secret.to_owned(),
            whole_word: false,
        });
    }

    /// What is a secret in a text, by what stands before it or by its shape.
    pub(crate) fn learn_text(&mut self, text: &str) {
        each_secret(text, &mut |secret, sure| self.learn(secret, sure));
    }

    /// The same in data, where names of fields say so, too.
    pub(crate) fn learn_value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.learn_text(text),
            Value::Array(items) => items.iter().for_each(|item| self.learn_value(item)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.learn_text(name);
                    let names_it = NAMED.contains(&name.as_str());
                    let naming = NAMING
                        .iter()
                        .filter_map(|naming| fields.get(*naming)?.as_str());
                    let naming = naming.filter(|_| names_it).find(|naming| is_secret(naming));
                    match naming.or(Some(name.as_str()).filter(|name| is_secret(name))) {
                        Some(name) => self.learn_hidden(name, value),
                        None => self.learn_value(value),
                    }
                }
            }
            _ => {}
        }
    }

    fn learn_hidden(&mut self, name: &str, value: &Value) {
        match value {
            Value::String(text) => {
                self.learn_named(name, text);
                self.learn_text(text);
            }
            Value::Number(number) => self.learn_named(name, &number.to_string()),
            Value::Array(items) => items.iter().for_each(|item| self.learn_hidden(name, item)),
            Value::Object(fields) => fields.values().for_each(|value| match value {
                // A count, or the number of something.
                Value::Number(_) => {}
                value => self.learn_hidden(name, value),
            }),
            _ => {}
        }
    }

    /// A parameter of a query or a form.
    pub(crate) fn learn_parameter(&mut self, name: &str, value: &str) {
        if is_secret_parameter(name) && !is_of_session(name) {
            self.learn_named(name, value);
        }
        self.learn_text(value);
    }

    /// The cookies of a request.
    fn learn_cookies(&mut self, header: &str) {
        let pairs = header.split(';').filter_map(|pair| pair.split_once('='));
        pairs.for_each(|(_, value)| self.learn(value, Sure::Likely));
    }

    /// A header of a request or an answer.
    pub(crate) fn learn_header(&mut self, name: &str, value: &str) {
        match name.to_ascii_lowercase().as_str() {
            "cookie" => self.learn_cookies(value),
            // What follows the first pair is no secret.
            "set-cookie" => self.learn_cookies(value.split(';').next().unwrap_or_default()),
            "authorization" | "proxy-authorization" | "location" | "referer" => {
                self.learn_text(value);
            }
            name if is_secret_header(name) => {
                // No page fills it in: a plain word is a secret, too.
                self.learn(value, Sure::Chosen);
                self.learn_text(value);
            }
            _ => {}
        }
    }

    /// What somebody said to a question that asks for a secret.
    fn learn_answer(&mut self, answer: &str) {
        let answer = answer.trim();
        if answer.is_empty() || self.answers.len() >= MOST {
            return;
        }
        self.answers.insert(answer.to_owned());
        self.learn_text(answer);
        self.learn_said(answer);
        // `it is hunter2`
        let mut before = "";
        for word in answer.split_whitespace() {
            let bare = word.trim_matches(['"', '\'', '`', ',', '.', '!', '?', '(', ')', ';', ':']);
            let follows = matches!(before, "is" | "ist" | "es") || before.ends_with([':', '=']);
            if follows || is_no_word(bare) {
                self.learn_said(word);
                self.learn_said(bare);
            }
            before = word;
        }
    }

    fn learn_said(&mut self, text: &str) {
        let length = text.chars().count();
        let is_word = text.chars().all(char::is_alphabetic);
        let is_none = NO_SECRETS.contains(&&*text.to_lowercase()) || is_plain_reply(text);
        let is_kept = length >= SHORTEST_ANSWER && text.len() <= LONGEST && !is_none;
        if is_kept && !text.contains(REDACTED) && self.all.len() < MOST {
            self.all.insert(Secret {
                text: text.to_owned(),
                whole_word: is_word || length < 6 || text.chars().all(|c| c.is_ascii_digit()),
            });
        }
    }

    fn learn_named(&mut self, name: &str, value: &str) {
        let letters = value.chars().filter(|c| c.is_ascii_alphabetic()).count();
        let digits = value.chars().filter(char::is_ascii_digit).count();
        let is_one_word = value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        if is_any_key(name) && !(is_one_word && letters >= 4 && digits >= 2) {
            return;
        }
        let sure = match is_chosen(name) {
            true => Sure::Chosen,
            false => Sure::Likely,
        };
        self.learn(value, sure);
    }

    fn learn(&mut self, secret: &str, sure: Sure) {
        let secret = secret.trim();
        if sure == Sure::Encoded {
            self.learn_credentials(secret);
        }
        let decoded = percent_decode_str(secret).decode_utf8_lossy();
        if sure == Sure::Pair {
            // The user's name is none.
            if let Some((_, password)) = decoded.split_once(':') {
                self.learn(password, Sure::Chosen);
                return;
            }
        }
        let bare = decoded.trim_end_matches(['.', '!', '?', ')', '}', ']', ':']);
        for text in [secret, &*decoded, bare] {
            if self.all.len() < MOST && is_worth_it(text, sure) {
                self.all.insert(Secret {
                    text: text.to_owned(),
                    whole_word: text.chars().all(char::is_alphabetic)
                        || text.chars().all(|c| c.is_ascii_digit()),
                });
            }
        }
    }

    /// `user:password` in base64.
    fn learn_credentials(&mut self, encoded: &str) {
        let engine = base64::engine::general_purpose::STANDARD_NO_PAD;
        let decoded = engine.decode(encoded.trim_end_matches('='));
        if let Some(Ok(pair)) = decoded.ok().map(String::from_utf8) {
            self.learn(&pair, Sure::Pair);
        }
    }
}

/// Follows what an agent asks and a user says, for the answers that are secrets.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    for_a_secret: bool,
}

impl Asking {
    /// An event of the agent.
    pub(crate) fn hears(&mut self, kind: &str, data: &Value) {
        match kind {
            "question" => {
                let names = ["text", "message", "question", "prompt"];
                let texts = names.iter().filter_map(|name| data.get(*name));
                let mut texts = texts.chain([data]).filter_map(Value::as_str);
                self.for_a_secret |= texts.any(asks_for_a_secret);
            }
            "done" | "error" => self.for_a_secret = false,
            _ => {}
        }
    }

    /// Whether what the user says next is a secret.
    pub(crate) fn is_for_a_secret(&self) -> bool {
        self.for_a_secret
    }

    /// The user says something: it is learned if it answers a question for a secret.
    pub(crate) fn said(&mut self, text: &str, secrets: &mut Secrets) {
        if self.for_a_secret {
            secrets.learn_answer(text);
        }
    }

    /// Nothing is asked any more.
    pub(crate) fn ends(&mut self) {
        self.for_a_secret = false;
    }
}

/// Whether a secret is long and odd enough to be looked for elsewhere.
fn is_worth_it(text: &str, sure: Sure) -> bool {
    let length = text.chars().count();
    let is_number = text.chars().all(|c| c.is_ascii_digit());
    let is_word = text
        .chars()
        .all(|c| c.is_alphabetic() || c == ' ' || c == '-' || c == '_');
    let has_letter = text.chars().any(char::is_alphabetic);
    if text.len() > LONGEST || text.contains(REDACTED) || text.starts_with(['{', '<', '$', '*']) {
        return false;
    }
    match sure {
        Sure::Never => false,
        _ if is_number => length >= 6,
        Sure::Chosen if is_word => length >= 6 && !NO_SECRETS.contains(&&*text.to_lowercase()),
        _ if is_word => length >= 32,
        _ => length >= 6 || length >= 4 && has_letter,
    }
}

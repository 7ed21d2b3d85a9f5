//! How secrets look, or what stands before them.

use super::names::{IN_TEXTS, PARAMETERS};
use base64::Engine;
use regex_lite::{Captures, Regex};
use std::ops::Range;
use std::sync::LazyLock;

/// What covers a secret that was found while others are looked for: it is no part of any.
const COVER: &str = "\0";

/// How sure it is that what was found is a secret wherever it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sure {
    /// Only there.
    Never,
    /// If it is no plain word.
    Likely,
    /// Somebody chose it: a plain word may be it.
    Chosen,
    /// `user:password`.
    Pair,
    /// The same in base64.
    Encoded,
}

/// A part of each name that says that a secret follows, in small letters.
const NAMED: [&str; 13] = [
    "contrase", "cvc", "cvv", "kennwort", "key", "otp", "pass", "pin", "pw", "secret", "senha",
    "token", "wd",
];

/// Whether what was found is one.
type Look = fn(&str) -> bool;

struct Pattern {
    /// Its groups are secrets; without groups, all of it.
    regex: Regex,
    /// A text without any of these, in small letters, has none.
    needs: &'static [&'static str],
    /// Nor has one that this says no of: it is quicker than an expression.
    may: Look,
    look: Look,
    sure: Sure,
}

/// Secrets of known kinds, whatever stands before them.
const KINDS: [(&str, &[&str]); 8] = [
    // A JSON Web Token.
    (
        r"\beyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*",
        &["eyj"],
    ),
    // Keys of clouds.
    (
        r"\b(?:A3T[A-Z0-9]|ABIA|ACCA|AGPA|AIDA|AIPA|AKIA|ANPA|ANVA|APKA|AROA|ASCA|ASIA)[A-Z0-9]{12,}\b",
        &[
            "a3t", "abia", "acca", "agpa", "aida", "aipa", "akia", "anpa", "anva", "apka", "aroa",
            "asca", "asia",
        ],
    ),
    (r"\bAIza[A-Za-z0-9_-]{30,}", &["aiza"]),
    // A PEM block, or the beginning of one.
    (
        r"-----BEGIN [A-Z0-9 ]+-----(?s:.*?)(?:-----END [A-Z0-9 ]+-----|$)",
        &["-----begin"],
    ),
    // Keys that begin with the name of their kind.
    (
        r"\b(?:sk|pk|rk)[-_](?:live[-_]|test[-_]|proj[-_]|ant[-_])?[A-Za-z0-9_-]{16,}",
        &["k-", "k_"],
    ),
    // Of payments, clouds, bots and age.
    (
        r"\b(?:whsec_|dop_v1_|sq0[a-z]{3}-|AGE-SECRET-KEY-1|dapi|lin_api_|\d{8,10}:AA)[A-Za-z0-9_-]{16,}",
        &[],
    ),
    (
        r"\b(?:gh[opsur]_|github_pat_|glpat-|hf_|npm_|pypi-|xapp-|xox[abeoprs]-|shpat_|SG\.|ya29\.)[A-Za-z0-9_.-]{10,}",
        &["_", "-", "."],
    ),
    // The address of a chat's webhook.
    (
        r"\bhooks\.slack\.com/services/[A-Za-z0-9/]+",
        &["hooks.slack.com"],
    ),
];

/// Secrets and personal data by their shape alone, each with a look that tells them from a mere number or name.
const SHAPES: [(&str, Look, Look); 4] = [
    // A card's number, also in groups.
    (r"\b\d(?:[ -]?\d){12,18}\b", has_many_digits, is_card),
    (
        r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",
        has_digits,
        is_iban,
    ),
    (
        r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b",
        has_an_at,
        is_somebodys_mail,
    ),
    // A run of letters and digits that no person wrote.
    (r"\b[A-Za-z0-9_-]{32,200}\b", has_a_long_run, is_random),
];

/// What may follow a name: in quotes that are escaped or not, else up to the next space or comma.
const VALUE: &str = r#"(?:\\+"(.*?)\\+"|"((?:[^"\\\r\n]|\\.)*)"|'([^'\r\n]*)'|`([^`\r\n]*)`|([^\s,;&"'`\[{<\\][^\s,;&"'`<\\]*))"#;

/// In the order in which they are looked for: a block of lines goes first, what is left of it is nothing to look at.
static PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    let kinds = KINDS.map(|(kind, needs)| (kind.to_owned(), needs, any as Look, Sure::Likely));
    let may = |(regex, needs, look, sure)| (regex, needs, any as Look, look, sure);
    let shapes =
        SHAPES.map(|(shape, may, look)| (shape.to_owned(), &[][..], may, look, Sure::Likely));
    let named = [
        // https://user:password@host, up to the last @ before the path; also percent-encoded.
        (r#"[a-zA-Z][a-zA-Z0-9+.-]*://([^\s/?#"'<>]+)@"#.to_owned(), &["://"][..], any as Look, Sure::Pair),
        (r#"(?i)[a-z][a-z0-9+.-]*%3A%2F%2F([^\s/?#"'<>&%]+(?:%3A[^\s/?#"'<>&%]+)?)%40"#.to_owned(), &["%40"], any, Sure::Pair),
        // password: ..., where a person chose it.
        (
            format!(
                r#"(?i)\b(?:[\w.-]*(?:password|passwd|passphrase|passcode|passwort|kennwort|secret|api(?:[ _:-]|%3A|%5F)?key)[\w.-]*|(?:[\w.-]*[_.-])?(?:pwd|pass|pw)|[a-z]+(?-i:Pwd|Pass|Pw))(?:%5D|\])*(?:\\*["'`])?\s*(?::=|=>|[:=])\s*{VALUE}"#
            ),
            &NAMED[..],
            is_a_choice,
            Sure::Chosen,
        ),
        // The id of a session is a name elsewhere.
        (
            r#"(?i)[?&#;](?:session|session_?id|sid)=([^&#\s"'<>\\]+)"#.to_owned(),
            &["="],
            any,
            Sure::Never,
        ),
        // ?token=..., also of an address in an address.
        (
            format!(
                r#"(?i)[?&#;](?:[\w.-]*(?:%5B|\[))?(?:{PARAMETERS}|{IN_TEXTS})(?:%5D|\])*=([^&#\s"'<>\\]+)"#
            ),
            &["="],
            any,
            Sure::Likely,
        ),
        (format!(r#"(?i)^(?:{PARAMETERS})=([^&#\s"'<>\\]+)&"#), &["&"], any, Sure::Likely),
        (
            format!(
                r#"(?i)%(?:3F|26|23)(?:{PARAMETERS}|{IN_TEXTS})%3D((?:[^&#\s"'<>\\%]|%(?:[013-9A-F][0-9A-F]|2[0-24-57-9A-F]))+)"#
            ),
            &["%3d"],
            any,
            Sure::Likely,
        ),
        // Bearer ..., Basic ...
        (r"(?i)\bbearer\s+([A-Za-z0-9._~+/=-]{8,})".to_owned(), &["bearer"], any, Sure::Likely),
        (r"(?i)\bbasic\s+([A-Za-z0-9+/_-]{6,}=*)".to_owned(), &["basic"], is_credentials, Sure::Encoded),
        // Authorization: ...
        (
            r#"(?i)\b(?:(?:proxy-)?authorization|x-api-key|(?:set-)?cookie)(?:\\*["'])?\s*[:=]\s*(?:\\*["'])?([^\r\n"'\\]+)"#
                .to_owned(),
            &["authorization", "api-key", "cookie"],
            any,
            Sure::Never,
        ),
        // token: ...
        (
            format!(r#"(?i)\b{IN_TEXTS}(?:%5D|\])*(?:\\*["'`])?\s*(?::=|=>|[:=])\s*{VALUE}"#),
            &NAMED[..],
            is_a_value,
            Sure::Likely,
        ),
        // the password is ..., PIN 4711
        (
            r#"(?i)\b(?:password|passwort|passphrase|passcode|pass|pwd|pw|pin|api[ _-]key|access[ _-]key|secret|token)(?:[ _-]?code)?\s+(?:(?:is|was|ist|to|as)\s+)?["'`(]?([\w!@#$%^&*+=~.-]+)"#.to_owned(),
            &NAMED[..],
            is_no_word,
            Sure::Likely,
        ),
        // --password ..., curl -u user:password
        (format!(r#"(?i)(?:^|\s)--?(?:{IN_TEXTS}|pass|pw)\s+["']?([^\s"'-][^\s"']*)"#), &NAMED[..], any, Sure::Chosen),
        (r#"(?:^|\s)(?:-u|--user)\s+["']?([^\s:"']+:[^\s"']+)"#.to_owned(), &["-u", "--user"], any, Sure::Pair),
        // user:password@host
        (r"\b[\w.+-]+:([^\s:@/]+)@[\w-]+\.".to_owned(), &["@"], is_no_word, Sure::Chosen),
        // <password>...</password>
        (format!(r"(?i)<(?:[\w-]+:)?(?:{IN_TEXTS}|pass|pw)(?:\s[^<>]*)?>([^<>]+)<"), &NAMED[..], is_a_value, Sure::Chosen),
    ];
    let all = kinds.into_iter().chain(named).map(may).chain(shapes);
    all.filter_map(|(regex, needs, may, look, sure)| {
        let regex = Regex::new(&regex).ok()?;
        Some(Pattern {
            regex,
            needs,
            may,
            look,
            sure,
        })
    })
    .collect()
});

/// Calls `found` with each secret of a text.
pub(super) fn each_secret(text: &str, found: &mut dyn FnMut(&str, Sure)) {
    spans(text, Vec::new(), found);
}

/// Where secrets stand in a text, beside those at `known`: in order, without those that touch.
pub(super) fn spans(
    text: &str,
    known: Vec<Range<usize>>,
    found: &mut dyn FnMut(&str, Sure),
) -> Vec<Range<usize>> {
    let mut covered = text.to_owned();
    let small = text.to_ascii_lowercase();
    let mut spans = known;
    for span in &spans {
        cover(&mut covered, span);
    }
    for pattern in PATTERNS.iter() {
        let needed = |part: &&str| small.contains(part);
        let is_needed = pattern.needs.is_empty() || pattern.needs.iter().any(needed);
        if !is_needed || !(pattern.may)(&covered) {
            continue;
        }
        let mut here = Vec::new();
        for captures in pattern.regex.captures_iter(&covered) {
            let Some(span) = secret_of(&captures) else {
                continue;
            };
            let secret = &text[span.clone()];
            let is_new = covered[span.clone()].bytes().any(|byte| byte != 0);
            if is_new && (pattern.look)(secret) {
                found(secret, pattern.sure);
                here.push(span);
            }
        }
        here.iter().for_each(|span| cover(&mut covered, span));
        spans.append(&mut here);
    }
    merged(spans)
}

/// The group that was found; without groups, all of it.
fn secret_of(captures: &Captures<'_>) -> Option<Range<usize>> {
    let groups = captures.iter().skip(1).flatten().next();
    let found = match captures.len() {
        1 => captures.get(0),
        _ => groups,
    };
    found
        .map(|found| found.range())
        .filter(|range| !range.is_empty())
}

fn cover(text: &mut String, span: &Range<usize>) {
    text.replace_range(span.clone(), &COVER.repeat(span.len()));
}

pub(super) fn merged(mut spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
    spans.sort_by_key(|span| span.start);
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    merged
}

fn has_digits(text: &str) -> bool {
    text.bytes().filter(u8::is_ascii_digit).nth(1).is_some()
}

fn has_many_digits(text: &str) -> bool {
    text.bytes().filter(u8::is_ascii_digit).nth(12).is_some()
}

fn has_an_at(text: &str) -> bool {
    text.contains('@')
}

fn has_a_long_run(text: &str) -> bool {
    let mut run = 0;
    text.bytes().any(|byte| {
        let is_part = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        run = if is_part { run + 1 } else { 0 };
        run >= 32
    })
}

fn any(_: &str) -> bool {
    true
}

/// No word of a language that holds data.
fn is_a_value(text: &str) -> bool {
    let words = ["null", "none", "true", "false", "undefined", "nil"];
    !words.contains(&&*text.to_ascii_lowercase())
}

/// Nor a count.
fn is_a_choice(text: &str) -> bool {
    let is_count = text.len() < 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    !is_count && is_a_value(text)
}

/// What no sentence would have there: a digit, or capitals or signs in the middle.
pub(super) fn is_no_word(text: &str) -> bool {
    let text = text.trim_end_matches(['.', ',', '!', '?', ')', '-', ':']);
    let middle = text.chars().skip(1);
    let is_odd = |c: char| c.is_ascii_digit() || "!@#$%^&*+=~".contains(c);
    let is_shouted = text.chars().all(|c| c.is_uppercase() || !c.is_alphabetic());
    text.chars().count() >= 4
        && (text.chars().any(is_odd) || !is_shouted && middle.into_iter().any(char::is_uppercase))
}

/// `user:password` in base64.
fn is_credentials(text: &str) -> bool {
    let engine = base64::engine::general_purpose::STANDARD_NO_PAD;
    let decoded = engine.decode(text.trim_end_matches('='));
    decoded.is_ok_and(|pair| pair.contains(&b':') && std::str::from_utf8(&pair).is_ok())
}

/// Luhn's sum.
pub(super) fn is_card(text: &str) -> bool {
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

#[cfg(test)]
mod tests {
    #[test]
    fn every_pattern_is_an_expression() {
        assert_eq!(
            super::PATTERNS.len(),
            super::KINDS.len() + 16 + super::SHAPES.len()
        );
    }
}

//! No form of a key survives.
//!
//! Input: a length, the key's characters, then bytes that each choose how the key is written: in base64 or hexadecimal
//! perhaps, then escaped up to twice. What is left is decoded in every order; the key must be nowhere.

use sessionwire::Secret;
use sessionwire::transport::redacted;

/// What a key may have. One that looks like an escape is known by one kind of
/// escape at a time only.
const ALPHABET: &[u8] = b"abcdefxuXYZ0123456789-_./+=\"<>'~:#?;";

pub(crate) fn check(input: &[u8]) {
    let mut bytes = input.iter().copied();
    let length = 8 + usize::from(bytes.next().unwrap_or(0) % 25);
    let letter = |byte: u8| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]);
    let key: String = (0..length)
        .map(|at| letter(bytes.next().unwrap_or(at as u8 * 7)))
        .collect();
    let mut choice = || bytes.next().unwrap_or(0);
    let (before, after) = (choice(), choice());
    let mut written = innermost(&key, choice(), before);
    for _ in 0..choice() % 3 {
        written = escaped(&written, choice());
    }
    let noise = String::from_utf8_lossy(input);
    let text = format!("{noise} {written} {}", char::from(after % 128));
    let clean = redacted(&text, &Secret::new(key.clone()));
    assert!(clean.contains("[redacted]"), "{written:?} of {key:?}");
    let rest = clean.replace("[redacted]", " ");
    // Only what was written for the test is held to it: the noise may be
    // anything, but it is not the key.
    assert_not_in(&rest, &key, 3);
    let other = Secret::new("another-key-0123456789");
    assert_eq!(redacted(&noise, &other), noise);
}

fn innermost(key: &str, how: u8, before: u8) -> String {
    let prefix = &"u:"[..usize::from(before % 3)];
    let framed = format!("{prefix}{key}{}", &":x"[..usize::from(before / 3 % 3)]);
    match how % 8 {
        0 | 1 => key.to_owned(),
        2 => base64(&framed, false, true),
        3 => base64(&framed, true, true),
        4 => base64(&framed, false, false),
        5 => base64(&framed, true, false),
        6 => key.bytes().map(|byte| format!("{byte:02x}")).collect(),
        _ => key.bytes().map(|byte| format!("{byte:02X}")).collect(),
    }
}

fn escaped(text: &str, how: u8) -> String {
    let each = |write: &dyn Fn(char) -> String| text.chars().map(write).collect::<String>();
    let special = |write: &dyn Fn(char) -> String| {
        each(&|char| {
            if char.is_ascii_alphanumeric() || "-_.~".contains(char) {
                char.to_string()
            } else {
                write(char)
            }
        })
    };
    match how % 12 {
        0 => special(&|char| format!("%{:02X}", u32::from(char))),
        1 => special(&|char| format!("%{:02x}", u32::from(char))),
        2 => each(&|char| format!("%{:02X}", u32::from(char))),
        3 => each(&|char| match char {
            '/' | '"' | '\\' => format!("\\{char}"),
            _ => char.to_string(),
        }),
        4 => each(&|char| format!("\\u{:04x}", u32::from(char))),
        5 => each(&|char| format!("\\u{:04X}", u32::from(char))),
        6 => special(&|char| format!("\\u{:04X}", u32::from(char))),
        7 => special(&|char| format!("&#{};", u32::from(char))),
        8 => special(&|char| format!("&#x{:X};", u32::from(char))),
        9 => each(&|char| match char {
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '"' => "&quot;".to_owned(),
            '/' => "&sol;".to_owned(),
            _ => char.to_string(),
        }),
        10 => special(&|char| format!("\\x{:02x}", u32::from(char))),
        _ => {
            let json = serde_json::to_string(text).expect("a text is JSON");
            json[1..json.len() - 1].to_owned()
        }
    }
}

/// The key is not in the text, however that is decoded.
fn assert_not_in(text: &str, key: &str, depth: u8) {
    assert!(!text.contains(key), "{key:?} is in {text:?}");
    let lower = text.to_ascii_lowercase();
    let hex: String = key.bytes().map(|byte| format!("{byte:02x}")).collect();
    assert!(!lower.contains(&hex), "{key:?} is in {text:?}");
    if depth == 0 {
        return;
    }
    for decoded in [
        percent_decoded(text),
        unescaped(text),
        without_entities(text),
    ] {
        if decoded != text {
            assert_not_in(&decoded, key, depth - 1);
        }
    }
}

fn percent_decoded(text: &str) -> String {
    replaced(text, '%', |rest| {
        let code = u8::from_str_radix(rest.get(..2)?, 16).ok()?;
        Some((char::from(code).to_string(), 2))
    })
}

fn unescaped(text: &str) -> String {
    replaced(text, '\\', |rest| match rest.chars().next()? {
        'u' => {
            let code = u32::from_str_radix(rest.get(1..5)?, 16).ok()?;
            Some((char::from_u32(code)?.to_string(), 5))
        }
        'x' => {
            let code = u8::from_str_radix(rest.get(1..3)?, 16).ok()?;
            Some((char::from(code).to_string(), 3))
        }
        char @ ('/' | '"' | '\\') => Some((char.to_string(), 1)),
        _ => None,
    })
}

fn without_entities(text: &str) -> String {
    replaced(text, '&', |rest| {
        let (name, _) = rest.split_once(';')?;
        let char = match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "sol" => '/',
            _ => {
                let number = name.strip_prefix('#')?;
                let code = match number.strip_prefix('x') {
                    Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                    None => number.parse().ok()?,
                };
                char::from_u32(code)?
            }
        };
        Some((char.to_string(), name.len() + 1))
    })
}

/// Replaces each escape: what `read` makes of the text behind its introducer, and
/// how much of that it took.
fn replaced(
    text: &str,
    introducer: char,
    read: impl Fn(&str) -> Option<(String, usize)>,
) -> String {
    let mut decoded = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(introducer) {
        decoded.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        match read(rest) {
            Some((text, taken)) => {
                decoded.push_str(&text);
                rest = &rest[taken..];
            }
            None => decoded.push(introducer),
        }
    }
    decoded.push_str(rest);
    decoded
}

fn base64(text: &str, for_urls: bool, padded: bool) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for part in text.as_bytes().chunks(3) {
        let bits = (0..3).fold(0_usize, |bits, at| {
            bits << 8 | usize::from(part.get(at).copied().unwrap_or_default())
        });
        for at in 0..4 {
            if at <= part.len() {
                encoded.push(char::from(LETTERS[bits >> (18 - 6 * at) & 63]));
            } else if padded {
                encoded.push('=');
            }
        }
    }
    if for_urls {
        encoded = encoded.replace('+', "-").replace('/', "_");
    }
    encoded
}

//! Finds a secret in a text, in whatever form a server or a gateway wrote it: as
//! it is, escaped for JSON, a URL or a page (each in the other, up to three
//! times), in hexadecimal, or within base64. Pure.

/// How often an escape may itself be escaped.
const NESTED: u8 = 3;

/// What stands for the secret.
const REDACTED: &str = "[redacted]";

/// The forms of one secret that must be ASCII.
#[derive(Debug, Clone)]
pub(super) struct Forms(Vec<Form>);

#[derive(Debug, Clone)]
struct Form {
    characters: Vec<u8>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Hex,
    /// Of either alphabet; a part of a longer text perhaps.
    Base64,
}

impl Forms {
    pub(super) fn of(secret: &str) -> Self {
        let bytes = secret.as_bytes();
        let plain = Form {
            characters: bytes.to_vec(),
            kind: Kind::Plain,
        };
        let hex = Form {
            characters: bytes.iter().flat_map(|byte| hex(*byte)).collect(),
            kind: Kind::Hex,
        };
        // It may begin at any of the three places of a group.
        let base64 = (0..3).map(|before| Form {
            characters: base64_within(bytes, before),
            kind: Kind::Base64,
        });
        Self([plain, hex].into_iter().chain(base64).collect())
    }

    /// The text without the secret; `None` where it is not in there.
    pub(super) fn redact(&self, text: &str) -> Option<String> {
        let bytes = text.as_bytes();
        let mut clean = String::new();
        let mut copied = 0;
        let mut at = 0;
        while at < bytes.len() {
            let Some((start, end)) = self.found_at(bytes, at, copied) else {
                at += 1;
                continue;
            };
            clean.push_str(&text[copied..start]);
            clean.push_str(REDACTED);
            (copied, at) = (end, end);
        }
        if copied == 0 {
            return None;
        }
        clean.push_str(&text[copied..]);
        Some(clean)
    }

    /// Where the secret that is found here begins and ends. What was copied is
    /// not touched again.
    fn found_at(&self, text: &[u8], at: usize, copied: usize) -> Option<(usize, usize)> {
        let found = |form: &Form| form.match_at(text, at).map(|end| (form.kind, end));
        let (kind, end) = self
            .0
            .iter()
            .filter_map(found)
            .max_by_key(|(_, end)| *end)?;
        if kind != Kind::Base64 {
            return Some((at, end));
        }
        // The characters around hold a part of it, too.
        let around = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
        let before = text[copied..at]
            .iter()
            .rev()
            .take_while(|byte| around(byte));
        let after = text[end..]
            .iter()
            .take_while(|byte| around(byte) || **byte == b'=');
        Some((at - before.count(), end + after.count()))
    }
}

impl Form {
    /// Where the text that begins at `at` and stands for this form ends.
    fn match_at(&self, text: &[u8], at: usize) -> Option<usize> {
        let (first, rest) = self.characters.split_first()?;
        // Most places end here.
        let begins = self.is(*first, text[at]) || is_introducer(text[at]);
        if !begins {
            return None;
        }
        let mut ends = self.ends_of(*first, text, &[at]);
        for wanted in rest {
            if ends.is_empty() {
                return None;
            }
            ends = self.ends_of(*wanted, text, &ends);
        }
        ends.into_iter().max()
    }

    /// Where the wanted character ends, if it begins at one of these places.
    fn ends_of(&self, wanted: u8, text: &[u8], starts: &[usize]) -> Vec<usize> {
        let mut ends = Vec::new();
        for start in starts {
            read(text, *start, NESTED, &mut |byte, end| {
                // A form writes a space as a plus.
                let is_space = wanted == b' ' && byte == b'+' && self.kind == Kind::Plain;
                if (is_space || self.is(wanted, byte)) && !ends.contains(&end) {
                    ends.push(end);
                }
            });
        }
        ends
    }

    fn is(&self, wanted: u8, byte: u8) -> bool {
        match self.kind {
            Kind::Plain => wanted == byte || (wanted == b' ' && byte == b'+'),
            Kind::Hex => wanted == byte.to_ascii_lowercase(),
            Kind::Base64 => wanted == byte || matches!((wanted, byte), (b'+', b'-') | (b'/', b'_')),
        }
    }
}

/// What an escape begins with.
fn is_introducer(byte: u8) -> bool {
    matches!(byte, b'%' | b'\\' | b'&' | b'=')
}

/// Gives each character that may be meant at a place, and where it ends.
fn read(text: &[u8], at: usize, depth: u8, give: &mut dyn FnMut(u8, usize)) {
    let Some(&byte) = text.get(at) else {
        return;
    };
    give(byte, at + 1);
    if depth == 0 || !is_introducer(byte) {
        return;
    }
    // The introducer may be an escape of its own.
    let mut introducers = Vec::new();
    read(text, at, depth - 1, &mut |byte, end| {
        if is_introducer(byte) && !introducers.contains(&(byte, end)) {
            introducers.push((byte, end));
        } else if end > at + 1 {
            give(byte, end);
        }
    });
    for (introducer, end) in introducers {
        if end > at + 1 {
            give(introducer, end);
        }
        match introducer {
            b'%' | b'=' => number(text, end, depth - 1, 16, 2, give),
            b'\\' => after_backslash(text, end, depth - 1, give),
            _ => entity(text, end, depth - 1, give),
        }
    }
}

/// JSON's and JavaScript's escapes, whose backslash ends at `at`.
fn after_backslash(text: &[u8], at: usize, depth: u8, give: &mut dyn FnMut(u8, usize)) {
    let mut seconds = Vec::new();
    read(text, at, depth, &mut |byte, end| {
        if !seconds.contains(&(byte, end)) {
            seconds.push((byte, end));
        }
    });
    for (second, end) in seconds {
        match second {
            b'u' if text.get(end) == Some(&b'{') => {
                for digits in 1..=6 {
                    let close = end + 1 + digits;
                    if text.get(close) == Some(&b'}') {
                        number(&text[..close], end + 1, 0, 16, digits, &mut |byte, _| {
                            give(byte, close + 1);
                        });
                    }
                }
            }
            b'u' => number(text, end, depth, 16, 4, give),
            b'x' => number(text, end, depth, 16, 2, give),
            b'0'..=b'7' => number(text, end - 1, 0, 8, 3, give),
            _ => {}
        }
        if !matches!(second, b'u' | b'x') {
            give(second, end);
        }
    }
}

/// The character with a number of so many digits.
fn number(
    text: &[u8],
    at: usize,
    depth: u8,
    base: u32,
    digits: usize,
    give: &mut dyn FnMut(u8, usize),
) {
    let mut reached = vec![(0_u32, at)];
    for _ in 0..digits {
        let mut next = Vec::new();
        for (value, place) in reached {
            read(text, place, depth, &mut |byte, end| {
                let read = char::from(byte).to_digit(base);
                if let Some(digit) = read {
                    let value = value.saturating_mul(base).saturating_add(digit);
                    if !next.contains(&(value, end)) {
                        next.push((value, end));
                    }
                }
            });
        }
        reached = next;
    }
    for (value, end) in reached {
        if let Ok(byte) = u8::try_from(value) {
            give(byte, end);
        }
    }
}

/// A page's escapes, whose `&` ends at `at`.
fn entity(text: &[u8], at: usize, depth: u8, give: &mut dyn FnMut(u8, usize)) {
    let Some((name, end)) = entity_name(text, at, depth) else {
        return;
    };
    let numeric = name.strip_prefix(b"#");
    let byte = match numeric {
        Some(digits) => {
            let (digits, base) = match digits {
                [b'x' | b'X', rest @ ..] => (rest, 16),
                _ => (digits, 10),
            };
            let digits = std::str::from_utf8(digits).unwrap_or_default();
            u32::from_str_radix(digits, base)
                .ok()
                .and_then(|value| u8::try_from(value).ok())
        }
        None => ENTITIES
            .iter()
            .find(|(known, _)| known.as_bytes() == name)
            .map(|(_, byte)| *byte),
    };
    if let Some(byte) = byte {
        give(byte, end);
    }
}

/// What stands between `&` and `;`, each read once, and where it ends. The `;`
/// may be missing.
fn entity_name(text: &[u8], at: usize, depth: u8) -> Option<(Vec<u8>, usize)> {
    const LONGEST: usize = 12;
    let mut name = Vec::new();
    let mut place = at;
    while name.len() < LONGEST {
        // Of the ways to read a character the one that reads most.
        let mut read_as = None;
        read(text, place, depth, &mut |byte, end| {
            if read_as.is_none_or(|(_, longest)| end > longest) {
                read_as = Some((byte, end));
            }
        });
        match read_as {
            Some((b';', end)) => return Some((name, end)),
            Some((byte, end))
                if byte.is_ascii_alphanumeric() || (byte == b'#' && name.is_empty()) =>
            {
                let numeric = name.first() == Some(&b'#');
                if numeric && name.len() > 1 && !byte.is_ascii_hexdigit() {
                    break;
                }
                name.push(byte);
                place = end;
            }
            _ => break,
        }
    }
    (!name.is_empty()).then_some((name, place))
}

/// HTML's names of the characters that a key may have.
const ENTITIES: [(&str, u8); 38] = [
    ("Hat", b'^'),
    ("Tab", b'\t'),
    ("amp", b'&'),
    ("AMP", b'&'),
    ("apos", b'\''),
    ("ast", b'*'),
    ("bsol", b'\\'),
    ("colon", b':'),
    ("comma", b','),
    ("commat", b'@'),
    ("dollar", b'$'),
    ("equals", b'='),
    ("excl", b'!'),
    ("grave", b'`'),
    ("gt", b'>'),
    ("GT", b'>'),
    ("lbrace", b'{'),
    ("lbrack", b'['),
    ("lcub", b'{'),
    ("lowbar", b'_'),
    ("lpar", b'('),
    ("lsqb", b'['),
    ("lt", b'<'),
    ("LT", b'<'),
    ("num", b'#'),
    ("percnt", b'%'),
    ("period", b'.'),
    ("plus", b'+'),
    ("quest", b'?'),
    ("quot", b'"'),
    ("QUOT", b'"'),
    ("rcub", b'}'),
    ("rpar", b')'),
    ("rsqb", b']'),
    ("semi", b';'),
    ("sol", b'/'),
    ("verbar", b'|'),
    ("tilde", b'~'),
];

fn hex(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [
        DIGITS[usize::from(byte >> 4)],
        DIGITS[usize::from(byte & 15)],
    ]
}

/// The characters of base64 that these bytes alone decide, with so many other
/// bytes before them in a group of three.
fn base64_within(bytes: &[u8], before: usize) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bit = |at: usize| bytes[at / 8] >> (7 - at % 8) & 1;
    // The first bit of the first character that is theirs alone.
    let first = (6 - before * 8 % 6) % 6;
    (first..)
        .step_by(6)
        .take_while(|start| start + 6 <= bytes.len() * 8)
        .map(|start| {
            let value = (start..start + 6).fold(0, |value, at| value << 1 | bit(at));
            ALPHABET[usize::from(value)]
        })
        .collect()
}

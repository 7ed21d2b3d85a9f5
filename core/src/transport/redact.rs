//! Finds a secret in a text, in whatever form a server or a gateway wrote it: as
//! it is, escaped for JSON, a URL or a page (each in the other, up to three
//! times), in hexadecimal, or within base64. Pure, and linear in the text.

/// How often an escape may itself be escaped.
const NESTED: usize = 3;

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

/// A character as it is meant, and where it stands in the text.
#[derive(Debug, Clone, Copy)]
struct Meant {
    byte: u8,
    start: usize,
    end: usize,
}

/// What an escape begins with, and how it is read: the character, and how many
/// characters it takes.
type Escape = (u8, fn(&[Meant]) -> Option<(u8, usize)>);

const ESCAPES: [Escape; 3] = [(b'%', percent), (b'\\', backslash), (b'&', entity)];

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
        let mut found = self.places(text.as_bytes());
        found.sort_unstable();
        let mut clean = String::new();
        let mut copied = 0;
        for (start, end) in found {
            if end <= copied {
                continue;
            }
            clean.push_str(text.get(copied..start).unwrap_or_default());
            if start >= copied {
                clean.push_str(REDACTED);
            }
            copied = end;
        }
        if copied == 0 {
            return None;
        }
        clean.push_str(text.get(copied..).unwrap_or_default());
        Some(clean)
    }

    /// Where the secret begins and ends, each time that it is there.
    fn places(&self, text: &[u8]) -> Vec<(usize, usize)> {
        let plain: Vec<Meant> = (0..text.len())
            .map(|at| Meant {
                byte: text[at],
                start: at,
                end: at + 1,
            })
            .collect();
        let mut found = Vec::new();
        self.search(text, &plain, &mut found);
        // All escapes together; and each alone, for a secret that looks like
        // another one's.
        let alone = ESCAPES.iter().map(std::slice::from_ref);
        for escapes in std::iter::once(&ESCAPES[..]).chain(alone) {
            let mut layer = None;
            for _ in 0..NESTED {
                let before = layer.as_ref().unwrap_or(&plain);
                let Some(read) = unescaped(before, escapes) else {
                    break;
                };
                self.search(text, &read, &mut found);
                layer = Some(read);
            }
        }
        found
    }

    fn search(&self, text: &[u8], layer: &[Meant], found: &mut Vec<(usize, usize)>) {
        for form in &self.0 {
            let length = form.characters.len();
            if length == 0 {
                continue;
            }
            for window in layer.windows(length) {
                let pairs = form.characters.iter().zip(window);
                if pairs
                    .clone()
                    .all(|(wanted, meant)| form.is(*wanted, meant.byte))
                {
                    let (start, end) = (window[0].start, window[length - 1].end);
                    found.push(form.whole(text, start, end));
                }
            }
        }
    }
}

impl Form {
    fn is(&self, wanted: u8, byte: u8) -> bool {
        match self.kind {
            // A form writes a space as a plus.
            Kind::Plain => wanted == byte || (wanted == b' ' && byte == b'+'),
            Kind::Hex => wanted == byte.to_ascii_lowercase(),
            Kind::Base64 => wanted == byte || matches!((wanted, byte), (b'+', b'-') | (b'/', b'_')),
        }
    }

    /// A find with the characters around it that hold a part of the secret, too.
    fn whole(&self, text: &[u8], start: usize, end: usize) -> (usize, usize) {
        const MOST: usize = 64;
        if self.kind != Kind::Base64 {
            return (start, end);
        }
        let around = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
        let before = text[..start]
            .iter()
            .rev()
            .take(MOST)
            .take_while(|byte| around(byte));
        let after = text[end..].iter().take(MOST);
        let after = after.take_while(|byte| around(byte) || **byte == b'=');
        (start - before.count(), end + after.count())
    }
}

/// A text with each of these escapes read once; `None` where there is none.
fn unescaped(layer: &[Meant], escapes: &[Escape]) -> Option<Vec<Meant>> {
    let mut read = Vec::with_capacity(layer.len());
    let mut any = false;
    let mut at = 0;
    while at < layer.len() {
        let rest = &layer[at + 1..];
        let escape = escapes.iter().find(|(begin, _)| *begin == layer[at].byte);
        let Some((byte, taken)) = escape.and_then(|(_, escape)| escape(rest)) else {
            read.push(layer[at]);
            at += 1;
            continue;
        };
        any = true;
        read.push(Meant {
            byte,
            start: layer[at].start,
            end: layer[at + taken].end,
        });
        at += taken + 1;
    }
    any.then_some(read)
}

fn percent(rest: &[Meant]) -> Option<(u8, usize)> {
    number(rest, 2, 16).map(|byte| (byte, 2))
}

/// JSON's and JavaScript's escapes.
fn backslash(rest: &[Meant]) -> Option<(u8, usize)> {
    let first = rest.first()?.byte;
    match first {
        b'u' if rest.get(1).is_some_and(|meant| meant.byte == b'{') => {
            let close = rest.iter().take(9).position(|meant| meant.byte == b'}')?;
            number(rest.get(2..close)?, close - 2, 16).map(|byte| (byte, close + 1))
        }
        b'u' => number(&rest[1..], 4, 16).map(|byte| (byte, 5)),
        b'x' => number(&rest[1..], 2, 16).map(|byte| (byte, 3)),
        b'0'..=b'7' if number(rest, 3, 8).is_some() => number(rest, 3, 8).map(|byte| (byte, 3)),
        _ if first.is_ascii_punctuation() => Some((first, 1)),
        _ => None,
    }
}

/// A page's escapes. The `;` at the end may be missing.
fn entity(rest: &[Meant]) -> Option<(u8, usize)> {
    const LONGEST: usize = 12;
    let name: Vec<u8> = rest
        .iter()
        .take(LONGEST)
        .map(|meant| meant.byte)
        .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'#')
        .collect();
    let ends = rest.get(name.len()).is_some_and(|meant| meant.byte == b';');
    let taken = name.len() + usize::from(ends);
    let byte = match name.as_slice() {
        [b'#', b'x' | b'X', digits @ ..] => digits_value(digits, 16)?,
        [b'#', digits @ ..] => digits_value(digits, 10)?,
        name => {
            ENTITIES
                .iter()
                .find(|(known, _)| known.as_bytes() == name)?
                .1
        }
    };
    Some((byte, taken))
}

/// The character with a number of so many digits.
fn number(rest: &[Meant], digits: usize, base: u32) -> Option<u8> {
    let digits: Vec<u8> = rest.get(..digits)?.iter().map(|meant| meant.byte).collect();
    digits_value(&digits, base)
}

fn digits_value(digits: &[u8], base: u32) -> Option<u8> {
    let mut value = 0_u32;
    for digit in digits {
        let digit = char::from(*digit).to_digit(base)?;
        value = value.checked_mul(base)?.checked_add(digit)?;
    }
    // Zero digits are no number.
    u8::try_from(value).ok().filter(|_| !digits.is_empty())
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

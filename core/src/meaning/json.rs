//! JSON as services send it, made into JSON that every parser reads alike.
//!
//! What `json.loads` or `JSON.parse` takes is taken; each oddity becomes one
//! value in every language:
//!
//! | on the wire | read as |
//! |---|---|
//! | half of a surrogate pair | U+FFFD |
//! | `NaN`, `Infinity`, a number that 64 bits cannot hold | its text |
//! | what is nested more than [`DEEPEST`] levels deep | its text |
//! | two members with one name | the last one |
//! | a byte-order mark at the start | nothing |
//!
//! The work is linear in the text's length, and no nesting uses the stack.

use std::borrow::Cow;
use std::ops::Range;

use serde::de::DeserializeOwned;
use serde_json::Value;
use smallvec::SmallVec;

/// How many lists and objects may stand in one another. A deeper part is read
/// as a string of its own text.
pub const DEEPEST: usize = 100;

/// How many of them most texts have: no more room is asked for than these take.
const FEW_OPEN: usize = 6;

/// Most digits that surely fit into 64 bits.
const FEW_DIGITS: usize = 18;
/// Most characters of a number without an exponent that surely fit.
const SHORT_NUMBER: usize = 300;

/// The same JSON as strict JSON, which all parsers read to the same value: the
/// text itself where it is that already. `None` where it is no JSON at all.
pub fn plain(text: &str) -> Option<Cow<'_, str>> {
    let mut scanner = Scanner::new(text, ());
    scanner.whole()?;
    Some(scanner.edits.finish(text))
}

/// The same, with the members of the outermost object noted on the way.
pub(super) fn plain_noting<'a>(
    text: &'a str,
    note: impl FnMut(Name<'a>, &'a str),
) -> Option<Cow<'a, str>> {
    let mut scanner = Scanner::new(text, note);
    scanner.whole()?;
    Some(scanner.edits.finish(text))
}

/// After so many plain bytes a string is a long one.
const SHORT: usize = 64;
/// How much of a long string is looked at in one step.
const STEP: usize = 4096;

/// How many bytes come before the first that ends or interrupts a string: a
/// quotation mark, a backslash, a control character. All where there is none.
fn plain_run(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((word, after)) = rest.split_first_chunk() {
        let stops = stops_in(u64::from_le_bytes(*word));
        if stops != 0 {
            return bytes.len() - rest.len() + (stops.trailing_zeros() / 8) as usize;
        }
        rest = after;
        let at = bytes.len() - rest.len();
        if at == SHORT {
            return at + long_plain_run(rest);
        }
    }
    let last = rest.iter().position(|byte| is_stop(*byte));
    bytes.len() - rest.len() + last.unwrap_or(rest.len())
}

fn is_stop(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < b' ')
}

/// The highest bit of each byte that stops, from the lowest byte on. Bytes after the
/// first that stops may be marked for nothing: a borrow went through them.
fn stops_in(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGHEST: u64 = ONES << 7;
    let zero = |bytes: u64| bytes.wrapping_sub(ONES) & !bytes;
    let quote = zero(word ^ (ONES * b'"' as u64));
    let backslash = zero(word ^ (ONES * b'\\' as u64));
    let control = word.wrapping_sub(ONES * b' ' as u64) & !word;
    (quote | backslash | control) & HIGHEST
}

/// [`plain_run`] with the wide registers, which take a moment to start.
fn long_plain_run(bytes: &[u8]) -> usize {
    let mut at = 0;
    for block in bytes.chunks(STEP) {
        let run = memchr::memchr2(b'"', b'\\', block).unwrap_or(block.len());
        let run = &block[..run];
        let lowest = run.iter().fold(u8::MAX, |lowest, byte| lowest.min(*byte));
        if lowest < b' ' {
            return at + run.iter().take_while(|byte| !is_stop(**byte)).count();
        }
        at += run.len();
        if run.len() < block.len() {
            break;
        }
    }
    at
}

/// Whether this is JSON, oddities included.
pub(crate) fn is_json(text: &str) -> bool {
    Scanner::new(text, ()).quietly().whole().is_some()
}

/// The JSON as a value; `None` where it is none.
pub(crate) fn value(text: &str) -> Option<Value> {
    serde_json::from_str(&plain(text)?).ok()
}

/// The text of a whole answer: UTF-8, or UTF-16 by its mark or by the zeros of its
/// first characters, which JSON has in ASCII. A mark is no part of it; what is
/// neither is replaced.
pub(crate) fn decoded(bytes: &[u8]) -> Cow<'_, str> {
    let utf16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = rest
            .chunks_exact(2)
            .map(|pair| unit([pair[0], pair[1]]))
            .collect();
        Cow::Owned(String::from_utf16_lossy(&units))
    };
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(rest),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0, low, 0, ..] if *low != 0 => utf16(bytes, u16::from_be_bytes),
        [low, 0, next, 0, ..] if *low != 0 && *next != 0 => utf16(bytes, u16::from_le_bytes),
        _ => utf8(bytes),
    }
}

/// UTF-8, and what stands for the bytes that are none. The strict reader is several times
/// faster than the lossy one.
fn utf8(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// Reads a whole answer.
pub(crate) fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    let text = decoded(bytes);
    // The strict parser says best what is wrong with a text that is no JSON.
    let plain = plain(&text).unwrap_or(Cow::Borrowed(&text));
    serde_json::from_str(&plain)
}

/// Whether there are more values than this, up to where the text stops being
/// JSON: what a parser would make of a few bytes each.
pub(crate) fn has_more_values(bytes: &[u8], most: usize) -> bool {
    let text = utf8(bytes);
    let mut scanner = Scanner::new(&text, ()).quietly();
    scanner.values_left = most.saturating_add(1);
    let _ = scanner.whole();
    scanner.values_left == 0
}

/// Calls `note` with the name and the value of each member of a JSON object, as
/// they stand in the text. `None` where the text is no JSON; nothing is noted
/// where it is something else than an object.
pub(crate) fn each_member<'a>(text: &'a str, note: impl FnMut(Name<'a>, &'a str)) -> Option<()> {
    Scanner::new(text, note).quietly().whole()
}

/// The same, and whether the text is [`plain`] as it stands.
pub(crate) fn each_member_of<'a>(
    text: &'a str,
    note: impl FnMut(Name<'a>, &'a str),
) -> Option<bool> {
    let mut scanner = Scanner::new(text, note);
    scanner.whole()?;
    Some(scanner.edits.done == 0)
}

/// A member's name as it stands in the text.
#[derive(Clone, Copy)]
pub(crate) struct Name<'a>(&'a str);

impl<'a> Name<'a> {
    /// The name itself.
    pub(crate) fn read(self) -> Cow<'a, str> {
        if memchr::memchr(b'\\', self.0.as_bytes()).is_some() {
            unquoted(self.0).unwrap_or_default()
        } else {
            Cow::Borrowed(&self.0[1..self.0.len() - 1])
        }
    }
}

/// The string that this JSON is, if it is one.
pub(crate) fn unquoted(json: &str) -> Option<Cow<'_, str>> {
    let inside = json.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inside.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inside));
    }
    let plain = plain(json)?;
    serde_json::from_str::<String>(&plain).ok().map(Cow::Owned)
}

/// Who wants to know the members of the outermost object.
pub(super) trait Members<'a> {
    fn member(&mut self, text: &'a str, name: Range<usize>, value: Range<usize>);
}

impl Members<'_> for () {
    fn member(&mut self, _: &str, _: Range<usize>, _: Range<usize>) {}
}

impl<'a, F: FnMut(Name<'a>, &'a str)> Members<'a> for F {
    fn member(&mut self, text: &'a str, name: Range<usize>, value: Range<usize>) {
        self(Name(&text[name]), &text[value]);
    }
}

/// Reads JSON from left to right, once.
pub(super) struct Scanner<'a, M> {
    text: &'a str,
    bytes: &'a [u8],
    /// The next byte to look at; where it stopped if it failed.
    pub(super) at: usize,
    /// The lists and objects that are open.
    open: SmallVec<[Open; FEW_OPEN]>,
    members: M,
    /// The name of the member of the outermost object that is being read.
    name: Range<usize>,
    edits: Edits,
    /// How many values may still come.
    values_left: usize,
    /// The lists and objects that were closed and are in no other one of these, where somebody
    /// wants to know.
    pub(super) closed: Vec<Range<usize>>,
    /// The first bracket inside a string, where somebody wants to know.
    pub(super) hidden: Option<usize>,
    searches: bool,
}

#[derive(Clone, Copy)]
struct Open {
    start: usize,
    is_object: bool,
}

impl<'a, M: Members<'a>> Scanner<'a, M> {
    pub(super) fn new(text: &'a str, members: M) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at: 0,
            open: SmallVec::new(),
            members,
            name: 0..0,
            edits: Edits::default(),
            values_left: usize::MAX,
            closed: Vec::new(),
            hidden: None,
            searches: false,
        }
    }

    /// A reader that starts at this bracket, wherever the value ends.
    pub(super) fn at(text: &'a str, start: usize, members: M) -> Self {
        let mut scanner = Self::new(text, members).quietly();
        scanner.at = start;
        scanner.searches = true;
        scanner
    }

    /// Only looks: nothing is rewritten.
    fn quietly(mut self) -> Self {
        self.edits.off = true;
        self
    }

    /// Reads the text as one value.
    fn whole(&mut self) -> Option<()> {
        let mark = '\u{feff}';
        if self.text.starts_with(mark) {
            self.at = mark.len_utf8();
            self.edits.replace(self.text, 0..self.at, "");
        }
        self.space();
        self.value()?;
        self.space();
        (self.at == self.bytes.len()).then_some(())
    }

    /// Reads one value that starts here.
    pub(super) fn value(&mut self) -> Option<()> {
        loop {
            let start = self.at;
            let first = self.peek()?;
            self.values_left = self.values_left.checked_sub(1)?;
            match first {
                bracket @ (b'{' | b'[') => {
                    let is_object = bracket == b'{';
                    self.open.push(Open { start, is_object });
                    self.at += 1;
                    self.space();
                    if self.peek()? != closing(is_object) {
                        if is_object {
                            self.name()?;
                        }
                        continue;
                    }
                    self.close();
                }
                b'"' => {
                    self.string()?;
                    self.ended(start);
                }
                b'-' | b'0'..=b'9' => {
                    self.number()?;
                    self.ended(start);
                }
                _ => {
                    self.word()?;
                    self.ended(start);
                }
            }
            if self.after_value()?.is_break() {
                return Some(());
            }
        }
    }

    /// Goes on to the next value; breaks where there is none.
    fn after_value(&mut self) -> Option<std::ops::ControlFlow<()>> {
        while let Some(Open { is_object, .. }) = self.open.last().copied() {
            self.space();
            match self.peek()? {
                b',' => {
                    self.at += 1;
                    self.space();
                    if is_object {
                        self.name()?;
                    }
                    return Some(std::ops::ControlFlow::Continue(()));
                }
                bracket if bracket == closing(is_object) => self.close(),
                _ => return None,
            }
        }
        Some(std::ops::ControlFlow::Break(()))
    }

    /// Closes the innermost list or object, whose last bracket stands here.
    fn close(&mut self) {
        self.at += 1;
        let Some(Open { start, .. }) = self.open.pop() else {
            return;
        };
        if self.searches {
            while self.closed.last().is_some_and(|inner| inner.start > start) {
                self.closed.pop();
            }
            self.closed.push(start..self.at);
        }
        if self.open.len() == DEEPEST && !self.edits.off {
            let text = quoted(&self.text[start..self.at]);
            self.edits.replace(self.text, start..self.at, &text);
        }
        self.ended(start);
    }

    /// A value that began there ends here.
    fn ended(&mut self, start: usize) {
        if let [
            Open {
                is_object: true, ..
            },
        ] = self.open[..]
        {
            let name = self.name.clone();
            self.members.member(self.text, name, start..self.at);
        }
    }

    fn name(&mut self) -> Option<()> {
        let start = self.at;
        (self.peek()? == b'"').then_some(())?;
        self.string()?;
        if self.open.len() == 1 {
            self.name = start..self.at;
        }
        self.space();
        (self.peek()? == b':').then_some(())?;
        self.at += 1;
        self.space();
        Some(())
    }

    fn string(&mut self) -> Option<()> {
        let start = self.at + 1;
        self.at = start;
        let read = self.rest_of_string();
        if self.searches && self.hidden.is_none() {
            let inside = &self.bytes[start..self.at];
            self.hidden = memchr::memchr2(b'{', b'[', inside).map(|place| start + place);
        }
        read
    }

    fn rest_of_string(&mut self) -> Option<()> {
        loop {
            self.at += plain_run(&self.bytes[self.at..]);
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        match self.bytes.get(self.at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 2,
            b'u' => {
                let low = || {
                    let follows = self.bytes.get(self.at + 6..self.at + 8)? == b"\\u";
                    follows.then(|| self.hex(self.at + 8)).flatten()
                };
                match self.hex(self.at + 2)? {
                    0xd800..=0xdbff if matches!(low(), Some(0xdc00..=0xdfff)) => self.at += 12,
                    0xd800..=0xdfff => {
                        let half = self.at..self.at + 6;
                        self.at = half.end;
                        self.edit(half, "\\ufffd");
                    }
                    _ => self.at += 6,
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn hex(&self, at: usize) -> Option<u32> {
        let digits = self.bytes.get(at..at + 4)?;
        digits.iter().try_fold(0, |sum, byte| {
            Some(sum * 16 + char::from(*byte).to_digit(16)?)
        })
    }

    fn number(&mut self) -> Option<()> {
        let start = self.at;
        if self.peek()? == b'-' {
            self.at += 1;
            if self.bytes[self.at..].starts_with(b"Infinity") {
                self.at += 8;
                self.edit(start..self.at, "\"-Infinity\"");
                return Some(());
            }
        }
        let whole = self.at;
        self.digits()?;
        if self.bytes[whole] == b'0' && self.at > whole + 1 {
            return None;
        }
        let (mut is_integer, mut has_exponent) = (true, false);
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
            is_integer = false;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
            (is_integer, has_exponent) = (false, true);
        }
        let number = &self.text[start..self.at];
        let fits = if is_integer {
            number.len() <= FEW_DIGITS
                || number.parse::<i64>().is_ok()
                || number.parse::<u64>().is_ok()
        } else {
            !(has_exponent || number.len() > SHORT_NUMBER)
                || number.parse::<f64>().is_ok_and(f64::is_finite)
        };
        if !fits {
            self.edit(start..self.at, &format!("\"{number}\""));
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn word(&mut self) -> Option<()> {
        let start = self.at;
        let rest = &self.bytes[start..];
        for (word, odd) in [
            ("true", None),
            ("false", None),
            ("null", None),
            ("NaN", Some("\"NaN\"")),
            ("Infinity", Some("\"Infinity\"")),
        ] {
            if rest.starts_with(word.as_bytes()) {
                self.at += word.len();
                if let Some(text) = odd {
                    self.edit(start..self.at, text);
                }
                return Some(());
            }
        }
        None
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Rewrites a part, unless it lies in one that stays as it came.
    fn edit(&mut self, part: Range<usize>, with: &str) {
        if self.open.len() <= DEEPEST {
            self.edits.replace(self.text, part, with);
        }
    }
}

fn closing(is_object: bool) -> u8 {
    if is_object { b'}' } else { b']' }
}

/// A text as a JSON string.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A text with some parts rewritten, from left to right.
#[derive(Default)]
struct Edits {
    out: String,
    /// How much of the text is in `out`.
    done: usize,
    off: bool,
}

impl Edits {
    fn replace(&mut self, text: &str, part: Range<usize>, with: &str) {
        if self.off {
            return;
        }
        self.out.push_str(&text[self.done..part.start]);
        self.out.push_str(with);
        self.done = part.end;
    }

    fn finish(mut self, text: &str) -> Cow<'_, str> {
        if self.done == 0 {
            return Cow::Borrowed(text);
        }
        self.out.push_str(&text[self.done..]);
        Cow::Owned(self.out)
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The quick look agrees with the plain rule, byte by byte.
        #[test]
        fn a_run_ends_where_a_string_may(
            bytes in prop::collection::vec(prop::sample::select(b"ab \x1f\x20\x7f\x80\xff\"\\\n".to_vec()), 0..8),
            lengths in prop::collection::vec(prop_oneof![0..90_usize, 4_000..4_200_usize], 8),
        ) {
            // Runs of letters between them, across the borders of the blocks.
            let runs = bytes.iter().zip(lengths);
            let text: Vec<u8> = runs
                .flat_map(|(&byte, length)| std::iter::repeat_n(b'x', length).chain([byte]))
                .collect();
            // A prime, so that all borders are met.
            let step = if text.len() < 1_000 { 1 } else { 1_009 };
            for from in (0..=text.len()).step_by(step) {
                let rest = &text[from..];
                let stops = |byte: &u8| matches!(*byte, b'"' | b'\\' | 0..=0x1f);
                let plainly = rest.iter().position(stops).unwrap_or(rest.len());
                prop_assert_eq!(plain_run(rest), plainly);
            }
        }
    }

    #[test]
    fn what_is_strict_stays_as_it_is() {
        for text in [
            "null",
            " [1, 2.5e3, -0, true]\n",
            r#"{"a": {"b": [{}, []]}, "c": "\ud83d\ude80 \u00e9 \\ \/"}"#,
            "9223372036854775807",
            "18446744073709551615",
            "-9223372036854775808",
            "1e308",
            "1e-999",
            "\"\u{2028}\"",
        ] {
            let Some(Cow::Borrowed(same)) = plain(text) else {
                panic!("{text} was rewritten");
            };
            assert_eq!(same, text);
            assert!(serde_json::from_str::<Value>(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn each_oddity_has_one_form() {
        for (text, strict) in [
            (r#""7 \ud83d""#, r#""7 \ufffd""#),
            (r#""\ude80""#, r#""\ufffd""#),
            (r#""\ud83d\ud83d\ude80""#, r#""\ufffd\ud83d\ude80""#),
            (r#""\ud83d\n""#, r#""\ufffd\n""#),
            (r#"{"\ud83d": 1}"#, r#"{"\ufffd": 1}"#),
            (
                "[NaN, Infinity, -Infinity]",
                r#"["NaN", "Infinity", "-Infinity"]"#,
            ),
            ("[1e999, -1E+400]", r#"["1e999", "-1E+400"]"#),
            ("18446744073709551616", "\"18446744073709551616\""),
            ("-9223372036854775809", "\"-9223372036854775809\""),
            ("\u{feff}{}", "{}"),
        ] {
            assert_eq!(plain(text).as_deref(), Some(strict), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_none() {
        for text in [
            "",
            " ",
            "[1,]",
            "{\"a\":1,}",
            "{'a': 1}",
            "{a: 1}",
            "[1 2]",
            "01",
            "1.",
            ".5",
            "+1",
            "-",
            "1e",
            "nul",
            "nullx",
            "-NaN",
            "\"open",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"line\nbreak\"",
            "{} {}",
            "]",
            "{]",
            "[}",
            "{\"a\"}",
            "\u{feff}",
            " \u{feff}1",
        ] {
            assert_eq!(plain(text), None, "{text:?}");
            assert!(!is_json(text), "{text:?}");
        }
    }

    #[test]
    fn a_deep_part_stays_as_text() {
        let nested = |depth: usize, inside: &str| {
            format!("{}{inside}{}", "[".repeat(depth), "]".repeat(depth))
        };
        let deepest = nested(DEEPEST, "1");
        assert_eq!(plain(&deepest).as_deref(), Some(deepest.as_str()));
        let deeper = nested(DEEPEST, r#"{"a": NaN}, "\ud83d""#);
        let read = plain(&deeper).expect("JSON");
        assert_eq!(read, nested(DEEPEST, r#""{\"a\": NaN}", "\ufffd""#));
        let far = nested(1_000_000, "");
        let read = plain(&far).expect("JSON");
        assert!(serde_json::from_str::<Value>(&read).is_ok());
        assert!(is_json(&far));
        assert_eq!(plain(&"[".repeat(1_000_000)), None);
    }

    #[test]
    fn values_are_counted_up_to_a_limit() {
        for (text, count) in [
            ("", 0),
            ("1", 1),
            ("[]", 1),
            ("[1, [2], {\"a\": null}]", 6),
            ("[0,0,0,0,", 5),
            ("[\"[1,2]\"]", 2),
        ] {
            let more = |most| has_more_values(text.as_bytes(), most);
            assert!(!more(count), "{text}");
            assert!(count == 0 || more(count - 1), "{text}");
        }
    }

    #[test]
    fn members_are_those_of_the_outermost_object() {
        let text = r#" {"a": [1, {"b": 2}], "\u0062" : "x", "a":null} "#;
        let mut found = Vec::new();
        each_member(text, |name, value| found.push((name.read(), value))).expect("JSON");
        let found: Vec<_> = found
            .iter()
            .map(|(name, value)| (&**name, *value))
            .collect();
        assert_eq!(
            found,
            [("a", r#"[1, {"b": 2}]"#), ("b", "\"x\""), ("a", "null")]
        );
    }
}

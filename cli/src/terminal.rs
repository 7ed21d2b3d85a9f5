//! What a person sees on stderr, and what a terminal may be shown.

use std::io::{self, IsTerminal as _, Write as _};

use crate::screen;

/// Writes a line to stderr. Nobody can be told if that fails.
pub(crate) fn note(text: &str) {
    prompt(&format!("{}\n", visible(text)));
}

/// Writes to stderr without ending the line.
pub(crate) fn prompt(text: &str) {
    screen::around(|| {
        let mut stderr = io::stderr().lock();
        let _ = stderr.write_all(text.as_bytes());
        let _ = stderr.flush();
    });
}

/// Ends a line that a prompt or an echoed `^C` began.
pub(crate) fn end_line() {
    if io::stderr().is_terminal() && !screen::clear() {
        prompt("\n");
    }
}

/// Says what follows on a signal, and to whom has a keyboard how to leave at once.
pub(crate) fn interrupted(what: &str) {
    let again = match io::stdin().is_terminal() {
        true => " Press Ctrl-C again to leave at once.",
        false => "",
    };
    note(&format!("Interrupted: {what}{again}"));
}

/// Whether a person sees what is written to stderr.
pub(crate) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// `text` without the characters that drive a terminal, and with those that hide in a text or turn
/// it around as `<U+202E>`: it may come from a web page. Line breaks and tabs stay.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut before = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let joins = matches!(c, ZERO_WIDTH_NON_JOINER | ZERO_WIDTH_JOINER)
            && [before, rest.peek().copied()]
                .iter()
                .all(|beside| beside.is_some_and(is_joined));
        before = Some(c);
        if c == '\n' || c == '\t' || joins {
            shown.push(c);
        } else if is_hidden(c) {
            shown.push_str(&format!("<U+{:04X}>", u32::from(c)));
        } else if !c.is_control() {
            shown.push(c);
        }
    }
    shown
}

const ZERO_WIDTH_NON_JOINER: char = '\u{200c}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';

/// Whether a joiner beside it may be part of how a word or an emoji is written.
fn is_joined(c: char) -> bool {
    !c.is_ascii() && !is_hidden(c)
}

/// JSON with such characters as escapes: whoever reads it reads the same text.
pub(crate) fn escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        // In JSON, those that are left stand in texts only, but for line breaks.
        if c != '\n' && is_treacherous(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// `text` as one word of a command that a person may copy: it may come from the
/// service.
pub(crate) fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Whether a character changes the direction of what follows, breaks a line where none is seen, or
/// takes no room.
fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// Whether a character drives a terminal, or hides. Joiners are left as they are: in JSON they do
/// no harm, and emoji are made of them.
fn is_treacherous(c: char) -> bool {
    let is_joiner = matches!(c, ZERO_WIDTH_NON_JOINER | ZERO_WIDTH_JOINER);
    c.is_control() || (is_hidden(c) && !is_joiner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drives_a_terminal_is_left_out_and_what_hides_is_seen() {
        let text =
            "a\x1b[31m\u{9b}2J\u{202e}b\u{2066}c\r\nd\te\u{e0041}é🐈\u{200b}\u{feff}x\u{200d}";
        assert_eq!(
            visible(text),
            "a[31m2J<U+202E>b<U+2066>c\nd\te<U+E0041>é🐈<U+200B><U+FEFF>x<U+200D>"
        );
    }

    #[test]
    fn words_and_emoji_keep_their_joiners() {
        for text in [
            "👩\u{200d}🔬 👍🏽 ❤️\u{200d}🔥",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
        ] {
            assert_eq!(visible(text), text);
            assert_eq!(escaped(text), text);
        }
        assert_eq!(visible("pay\u{200d}pal"), "pay<U+200D>pal");
    }

    #[test]
    fn a_word_of_a_command_stays_one_word() {
        for (text, told) in [
            ("1772615727418-0", "1772615727418-0"),
            ("msg_a82", "msg_a82"),
            ("", "''"),
            ("a b", "'a b'"),
            ("x`id`", "'x`id`'"),
            ("';ls '", r"''\'';ls '\'''"),
        ] {
            assert_eq!(word(text), told);
        }
    }

    #[test]
    fn json_says_the_same_without_them() {
        let text = "a\u{9b}\u{202e}\u{e0041}é🐈\x1b";
        let json = serde_json::Value::from(text).to_string();
        let escaped = escaped(&json);
        assert_eq!(escaped, r#""a\u009b\u202e\udb40\udc41é🐈\u001b""#);
        let read: String = serde_json::from_str(&escaped).unwrap_or_default();
        assert_eq!(read, text);
    }
}

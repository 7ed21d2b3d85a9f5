//! What a person sees on stderr, and what a terminal may be shown.

use std::io::{self, IsTerminal as _, Write as _};

/// Writes a line to stderr. Nobody can be told if that fails.
pub(crate) fn note(text: &str) {
    prompt(&format!("{}\n", visible(text)));
}

/// Writes to stderr without ending the line.
pub(crate) fn prompt(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}

/// Ends a line that a prompt or an echoed `^C` began.
pub(crate) fn end_line() {
    if io::stderr().is_terminal() {
        prompt("\n");
    }
}

/// `text` without the characters that could drive a terminal or show it in
/// another order: it may come from a web page. Line breaks and tabs stay.
pub(crate) fn visible(text: &str) -> String {
    text.chars()
        .filter(|&c| c == '\n' || c == '\t' || !is_treacherous(c))
        .collect()
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

/// Whether a character is a control, changes the direction of what follows,
/// breaks a line where none is seen, or hides in a text.
fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{206f}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drives_a_terminal_or_turns_a_text_around_is_left_out() {
        let text = "a\x1b[31m\u{9b}2J\u{202e}b\u{2066}c\r\nd\te\u{e0041}é🐈";
        assert_eq!(visible(text), "a[31m2Jbc\nd\teé🐈");
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

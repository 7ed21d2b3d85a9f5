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

/// `text` without the control characters that could drive a terminal: it may
/// come from a web page. Line breaks and tabs stay.
pub(crate) fn visible(text: &str) -> String {
    text.chars()
        .filter(|&c| c == '\n' || c == '\t' || !c.is_control())
        .collect()
}

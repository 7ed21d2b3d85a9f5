//! What a command that failed says, for a person and for a program.

use crate::failure::Failure;
use crate::output;
use crate::terminal::{escaped, note};

/// Says on stderr what happened and what to do next, and with `json` on stdout
/// too, for programs; gives the exit status.
pub(crate) fn report(failure: &Failure, json: bool) -> i32 {
    if let Some(text) = failure.text() {
        note(&format!("error: {text}"));
    }
    if json && !matches!(failure, Failure::OutputClosed) {
        print(failure);
    }
    failure.status()
}

/// A command line that cannot be read; clap has said so on stderr.
pub(crate) fn report_usage(text: &str) {
    let text = text.trim().trim_start_matches("error: ").to_owned();
    print(&Failure::Usage(text));
}

fn print(failure: &Failure) {
    // Whoever cannot read it has the exit status.
    let _ = output::print(&format!("{}\n", escaped(&failure.line().to_string())));
}

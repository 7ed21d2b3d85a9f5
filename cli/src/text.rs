//! Texts of the command line: as they stand, from standard input, or from a file.

use std::io::{IsTerminal as _, Read as _};

use tokio::sync::oneshot;

use crate::failure::Failure;
use crate::terminal::note;

/// The text that was given: `-` is standard input, `@FILE` that file.
pub(crate) async fn read(given: &str) -> Result<String, Failure> {
    let text = match given.strip_prefix('@') {
        _ if given == "-" => from_input().await?,
        Some(path) => std::fs::read(path).map_err(|why| {
            Failure::Usage(format!(
                "{given} is the text in the file {path}, which cannot be read: {why}. Name another file; a text that \
                 begins with @ can be written to standard input, with - in its place."
            ))
        })?,
        None => return Ok(given.to_owned()),
    };
    let text = String::from_utf8(text).map_err(|_| {
        Failure::Usage(format!(
            "What {given} holds is no text: it is not UTF-8. Save it as UTF-8."
        ))
    })?;
    Ok(text
        .trim_start_matches('\u{feff}')
        .trim_end_matches(['\r', '\n'])
        .to_owned())
}

/// All of standard input, read by a thread: nothing can end a read of a terminal.
async fn from_input() -> Result<Vec<u8>, Failure> {
    if std::io::stdin().is_terminal() {
        note("Type the text, then a line end and Ctrl-D:");
    }
    let (sender, read) = oneshot::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut bytes);
        let _ = sender.send(read.map(|_| bytes));
    });
    let read = read.await.map_err(|_| Failure::Interrupted)?;
    read.map_err(|why| {
        Failure::Local(format!(
            "Standard input cannot be read: {why}. Pass the text itself, or @FILE."
        ))
    })
}

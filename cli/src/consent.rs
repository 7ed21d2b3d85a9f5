//! Asking before what cannot be undone.

use std::io::{BufRead as _, IsTerminal as _};

use tokio::sync::oneshot;

use crate::args::Yes;
use crate::failure::Failure;
use crate::terminal::{prompt, visible};

/// Goes on with a person's consent, or that of the command line.
pub(crate) async fn ask(consent: &Yes, what: &str) -> Result<(), Failure> {
    if consent.yes {
        return Ok(());
    }
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Err(Failure::Usage(format!(
            "{what} This cannot be undone, and nobody can be asked here. Add --yes to do it."
        )));
    }
    prompt(&format!(
        "{} This cannot be undone. Go on? [y/N] ",
        visible(what)
    ));
    let (sender, line) = oneshot::channel();
    // A thread, because nothing can end a read of a terminal.
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = std::io::stdin().lock().read_line(&mut line);
        let _ = sender.send(line);
    });
    let line = line.await.unwrap_or_default();
    match line.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::Usage("Nothing was done.".to_owned())),
    }
}

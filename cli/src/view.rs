//! The live view, in the browser of this machine.

use std::time::Duration;

use crate::terminal::note;

/// A browser that takes the terminal, such as a text browser, is not waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Opens the live view of a session. A task does not fail for want of it.
pub(crate) async fn open(live_view: Option<&str>) {
    let Some(url) = live_view else {
        note("warning: the service names no live view of this session: there is nothing to open.");
        return;
    };
    let address = url.to_owned();
    // Opens http and https alone: the address comes from the service.
    let opening = tokio::task::spawn_blocking(move || webbrowser::open(&address));
    if let Ok(Ok(Err(why))) = tokio::time::timeout(PATIENCE, opening).await {
        note(&format!(
            "warning: no browser opened the live view ({why}). Say in BROWSER which one to use, or open {url} yourself."
        ));
    }
}

//! Pictures of a session's browser.

use std::path::Path;

use sessionwire::agi::{Client, Screenshot};

use crate::failure::Failure;

/// Takes a picture of the session's browser.
pub(crate) async fn take(client: &Client, session_id: &str) -> Result<Screenshot, Failure> {
    Ok(client.sessions().attach(session_id)?.screenshot().await?)
}

/// Writes the image into a file.
pub(crate) fn save(screenshot: &Screenshot, file: &Path) -> Result<(), Failure> {
    std::fs::write(file, &screenshot.image).map_err(|why| {
        Failure::Local(format!(
            "The picture cannot be saved as {}: {why}. Name a file that can be written.",
            file.display()
        ))
    })
}

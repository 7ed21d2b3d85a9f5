//! Pictures of a session's browser.

use std::path::Path;

use sessionwire::agi::{Client, Operation, Output as Reply, Screenshot};

use crate::client::unexpected;
use crate::failure::Failure;

/// Takes a picture of the session's browser.
pub(crate) async fn take(client: &Client, session_id: &str) -> Result<Screenshot, Failure> {
    match client
        .execute(Operation::Screenshot {
            session_id: session_id.to_owned(),
        })
        .await?
    {
        Reply::Screenshot(screenshot) => Ok(screenshot),
        other => Err(unexpected(&other)),
    }
}

/// Writes the image into a file.
pub(crate) fn save(screenshot: &Screenshot, file: &Path) -> Result<(), Failure> {
    std::fs::write(file, &screenshot.image).map_err(|error| {
        Failure::Local(format!(
            "The picture cannot be saved as {}: {error}. Name a file that can be written.",
            file.display()
        ))
    })
}

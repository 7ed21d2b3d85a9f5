//! Pictures of a session's browser.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use sessionwire::agi::{Client, Screenshot};

use crate::failure::Failure;

/// Takes a picture of the session's browser.
pub(crate) async fn take(client: &Client, session_id: &str) -> Result<Screenshot, Failure> {
    Ok(client.sessions().attach(session_id)?.screenshot().await?)
}

/// Writes the image into a file.
pub(crate) fn save(screenshot: &Screenshot, file: &Path) -> Result<(), Failure> {
    std::fs::write(file, &screenshot.image).map_err(|why| unsaved(file, &why))
}

/// The same into a new file of this folder; nothing is replaced.
pub(crate) fn save_as_new(screenshot: &Screenshot) -> Result<PathBuf, Failure> {
    let ending = match screenshot.mime_type.as_str() {
        "image/png" => "png",
        _ => "jpg",
    };
    let mut number = 1;
    loop {
        let file = PathBuf::from(match number {
            1 => format!("screenshot.{ending}"),
            _ => format!("screenshot-{number}.{ending}"),
        });
        let new = std::fs::File::create_new(&file);
        match new.and_then(|mut new| new.write_all(&screenshot.image)) {
            Ok(()) => return Ok(file),
            Err(why) if why.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            Err(why) => return Err(unsaved(&file, &why)),
        }
    }
}

fn unsaved(file: &Path, why: &std::io::Error) -> Failure {
    Failure::Local(format!(
        "The picture cannot be saved as {}: {why}. Name a file that can be written.",
        file.display()
    ))
}

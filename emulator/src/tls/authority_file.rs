//! The file with the certificate of the emulator's authority, which clients trust.

use crate::temporary::{TemporaryFolder, Use};
use crate::whole_file::{self, Readers};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The first line of the file, by which the next emulator knows it. What reads PEM skips it.
const MARK: &str = "What clients of a sessionwire emulator trust: the certificate of its authority. It is made anew at each start.";

/// The file. Dropping it removes one that nobody named, with its folder.
#[derive(Debug)]
pub(crate) struct AuthorityFile {
    path: PathBuf,
    /// The folder of a file that nobody named.
    folder: Option<TemporaryFolder>,
}

impl AuthorityFile {
    /// Writes it where it is wanted, or to a temporary folder.
    pub(super) fn write(wanted: Option<&Path>, pem: &str) -> Result<Self, String> {
        let file = match wanted {
            Some(path) => Self {
                path: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
                folder: None,
            },
            None => temporary().map_err(|error| {
                format!("no temporary folder can be made for the certificate: {error}; name a file with tls_ca")
            })?,
        };
        let path = &file.path;
        if is_of_others(path) {
            return Err(format!(
                "tls_ca is `{}`, which holds something else and would be overwritten; name a file that does not exist yet",
                path.display()
            ));
        }
        whole_file::write(path, &format!("{MARK}\n{pem}"), Readers::Everybody).map_err(
            |error| {
                format!(
                    "tls_ca is `{}`, which cannot be written: {error}",
                    path.display()
                )
            },
        )?;
        Ok(file)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes one that nobody named.
    pub(crate) fn remove(&self) {
        if let Some(folder) = &self.folder {
            folder.remove();
        }
    }
}

/// Whether there is a file that no emulator wrote. An empty one is nobody's.
fn is_of_others(path: &Path) -> bool {
    match fs::read(path) {
        Ok(bytes) => !bytes.is_empty() && !bytes.starts_with(MARK.as_bytes()),
        Err(error) => error.kind() != io::ErrorKind::NotFound && path.exists(),
    }
}

fn temporary() -> io::Result<AuthorityFile> {
    let folder = TemporaryFolder::new(Use::Certificate)?;
    Ok(AuthorityFile {
        path: folder.path().join("ca.pem"),
        folder: Some(folder),
    })
}

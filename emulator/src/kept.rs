//! The folder of `Options::state`: a file with what all worlds hold, which is written whole or not at all, and never over one
//! that is something else.

use crate::sync::lock;
use crate::whole_file::{self, Readers};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

const FILE: &str = "state.json";
/// Locked while an emulator uses the folder.
const LOCK: &str = "state.lock";

/// The folder, which is this emulator's alone until its last write.
#[derive(Debug)]
pub(crate) struct StateFolder {
    file: PathBuf,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    /// What the file holds, as far as this emulator wrote it.
    text: String,
    /// `None`: the folder is no more this emulator's.
    lock: Option<File>,
}

impl StateFolder {
    /// Makes the folder if there is none; refuses one that another emulator uses.
    pub(crate) fn open(folder: &Path) -> Result<Self, String> {
        let shown = folder.display();
        let unusable = |error: io::Error| {
            format!(
                "state is `{shown}`, which cannot be used: {error}; name a folder that can be written to"
            )
        };
        fs::create_dir_all(folder).map_err(unusable)?;
        let mut options = File::options();
        options.write(true).create(true).truncate(false);
        let lock = options.open(folder.join(LOCK)).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(format!(
                    "state is `{shown}`, which another emulator uses; end that one, or name another folder"
                ));
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        Ok(Self {
            file: folder.join(FILE),
            written: Mutex::new(Written {
                text: String::new(),
                lock: Some(lock),
            }),
        })
    }

    /// What was kept; `None`: nothing yet.
    pub(crate) fn read(&self) -> Result<Option<String>, String> {
        match fs::read_to_string(&self.file) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.not_ours(&error)),
        }
    }

    /// Why the file cannot be used. It stays as it is.
    pub(crate) fn not_ours(&self, why: &impl std::fmt::Display) -> String {
        format!(
            "state: `{}` is no state that this emulator can use: {why}. It stays as it is: move it away to begin anew, or \
             name another folder",
            self.file.display()
        )
    }

    /// Keeps this, if it is not what is kept already.
    pub(crate) fn write(&self, text: String) {
        self.keep(text, &mut lock(&self.written));
    }

    /// Keeps this, and leaves the folder to others: whoever still writes has seen less.
    pub(crate) fn write_last(&self, text: String) {
        let mut written = lock(&self.written);
        self.keep(text, &mut written);
        written.lock = None;
    }

    fn keep(&self, text: String, written: &mut Written) {
        if written.lock.is_none() || written.text == text {
            return;
        }
        match whole_file::write(&self.file, &text, Readers::Owner) {
            Ok(()) => written.text = text,
            Err(error) => {
                tracing::error!(file = %self.file.display(), %error, "the state could not be kept");
            }
        }
    }
}

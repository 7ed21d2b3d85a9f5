//! The folder of `Options::state`: a file with what all worlds hold, which is written whole or not at all, and never over one
//! that is something else.

use crate::clock::Timestamp;
use crate::sync::lock;
use crate::whole_file::{self, Readers};
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

const FILE: &str = "state.json";
/// Locked while an emulator uses the folder.
const LOCK: &str = "state.lock";

/// What an emulator holds cannot be kept in its folder ([`Options::state`](crate::Options::state)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unkept {
    /// The folder, as it was named.
    pub folder: PathBuf,
    /// What changed since then is not kept: ISO 8601 in UTC.
    pub since: String,
    /// The cause, and what to do about it. It does not name the folder.
    pub why: String,
}

impl Unkept {
    /// What to say when the emulator was closed and could not keep it.
    #[must_use]
    pub fn lost(&self) -> String {
        let Self { folder, since, why } = self;
        format!(
            "What the emulator held could not be kept in {}: {why}. What changed since {since} is lost.",
            folder.display()
        )
    }
}

impl std::fmt::Display for Unkept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { folder, since, why } = self;
        let folder = folder.display();
        write!(
            f,
            "state is `{folder}`, which keeps nothing since {since}: {why}"
        )
    }
}

/// The folder, which is this emulator's alone until its last write.
#[derive(Debug)]
pub(crate) struct StateFolder {
    folder: PathBuf,
    file: PathBuf,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    /// What the file holds, as far as this emulator read or wrote it.
    text: String,
    hold: Hold,
    /// Since when the latest is not kept, and why.
    failing: Option<(Timestamp, String)>,
}

#[derive(Debug)]
enum Hold {
    /// The folder is this emulator's.
    Locked(File),
    /// It was left to others, after the last write.
    Left,
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
        let lock = open_lock(folder).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(format!(
                    "state is `{shown}`, which another emulator uses; end that one, or name another folder"
                ));
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let file = folder.join(FILE);
        whole_file::remove_parts(&file);
        Ok(Self {
            // It is looked up for as long as the emulator runs, whatever becomes of the working directory.
            folder: std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()),
            file,
            written: Mutex::new(Written {
                text: String::new(),
                hold: Hold::Locked(lock),
                failing: None,
            }),
        })
    }

    /// What was kept; `None`: nothing yet.
    pub(crate) fn read(&self) -> Result<Option<String>, String> {
        match fs::read_to_string(&self.file) {
            Ok(text) => {
                lock(&self.written).text.clone_from(&text);
                Ok(Some(text))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
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
    pub(crate) fn write(&self, text: Result<String, String>) {
        self.keep(text, &mut lock(&self.written));
    }

    /// Keeps this, and leaves the folder to others: whoever still writes has seen less.
    pub(crate) fn write_last(&self, text: Result<String, String>) {
        let mut written = lock(&self.written);
        self.keep(text, &mut written);
        written.hold = Hold::Left;
    }

    /// What is not kept; `None`: all is.
    pub(crate) fn unkept(&self) -> Option<Unkept> {
        let (since, why) = lock(&self.written).failing.clone()?;
        Some(Unkept {
            folder: self.folder.clone(),
            since: since.to_string(),
            why,
        })
    }

    /// Whether what was kept is not there, although nothing changed since: it failed, or somebody took it away.
    pub(crate) fn is_amiss(&self) -> bool {
        let written = lock(&self.written);
        match &written.hold {
            Hold::Left => false,
            Hold::Locked(lock) => {
                written.failing.is_some()
                    || !self.is_there()
                    || !is_at(lock, &self.folder.join(LOCK))
            }
        }
    }

    fn is_there(&self) -> bool {
        fs::symlink_metadata(&self.file).is_ok()
    }

    fn keep(&self, text: Result<String, String>, written: &mut Written) {
        if matches!(written.hold, Hold::Left) {
            return;
        }
        let kept = self.hold(written).and(text).and_then(|text| {
            if written.text == text && self.is_there() {
                return Ok(text);
            }
            let kept = whole_file::write(&self.file, &text, Readers::Owner);
            kept.map(|()| text).map_err(|error| advised(&error))
        });
        match kept {
            Ok(text) => {
                written.text = text;
                if let Some((since, _)) = written.failing.take() {
                    tracing::info!(folder = %self.folder.display(), %since, "the state is kept again");
                }
            }
            Err(why) => {
                let since = written.failing.take().map(|(since, _)| since);
                if since.is_none() {
                    tracing::error!(folder = %self.folder.display(), why, "the state cannot be kept");
                }
                written.failing = Some((since.unwrap_or_else(Timestamp::now), why));
            }
        }
    }

    /// Sees to it that the folder is there and still this emulator's; the text says why it is not.
    fn hold(&self, written: &mut Written) -> Result<(), String> {
        let path = self.folder.join(LOCK);
        if matches!(&written.hold, Hold::Locked(lock) if is_at(lock, &path)) {
            return Ok(());
        }
        match fs::metadata(&self.folder) {
            Ok(data) if data.is_dir() => {}
            Ok(_) => {
                return Err(
                    "there is no folder of this name any more, but something else; move that away"
                        .to_owned(),
                );
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // Not those above it: they may be a disk that is not there at the moment.
                fs::create_dir(&self.folder).map_err(|error| match error.kind() {
                    ErrorKind::NotFound => {
                        "the folder is gone, and so is the one that it was in; make that again"
                            .to_owned()
                    }
                    _ => format!("the folder is gone, and cannot be made again: {error}"),
                })?;
            }
            Err(error) => return Err(advised(&error)),
        }
        let lock = open_lock(&self.folder).map_err(|error| advised(&error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(
                    "it is another folder now, which another emulator uses; end that one"
                        .to_owned(),
                );
            }
            Err(TryLockError::Error(error)) => return Err(advised(&error)),
        }
        match fs::read(&self.file) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Ok(bytes) if bytes == written.text.as_bytes() => {}
            Ok(_) => {
                return Err(format!(
                    "it is another folder now, with another {FILE}, which stays as it is; move it away"
                ));
            }
            Err(error) => return Err(advised(&error)),
        }
        written.hold = Hold::Locked(lock);
        Ok(())
    }
}

/// A cause with what to do about it.
fn advised(error: &io::Error) -> String {
    let what = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            "make room on its disk"
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "let this user write to it again"
        }
        _ => "see to it that it can be written to",
    };
    format!("{error}; {what}")
}

fn open_lock(folder: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    options.open(folder.join(LOCK))
}

/// Whether this file is the one at that path, and not one that was put or left there.
fn is_at(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let id = |data: fs::Metadata| (data.dev(), data.ino());
        let ids = (file.metadata().map(id), fs::metadata(path).map(id));
        matches!(ids, (Ok(one), Ok(other)) if one == other)
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        path.exists()
    }
}

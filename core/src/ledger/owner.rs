//! Who lives: each process that has sessions holds a lock on a file of its own, beside the
//! ledger. The system lets go of it when the process ends, in whichever way.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::key_mark::hex;

/// What the name of a lock ends with.
const LOCK: &str = ".lock";

/// How long a process waits while another one empties the ledger.
const PATIENCE: Duration = Duration::from_secs(2);

/// This process, as others see it.
#[derive(Debug)]
pub(super) struct Owner {
    name: String,
    lock: File,
}

/// What another process's lock says.
#[derive(Debug)]
pub(super) enum Life {
    /// Somebody holds it.
    Lives,
    /// Nobody holds it any more.
    Dead,
    /// It is not there, or cannot be read.
    Unknown,
}

impl Owner {
    /// Makes this process's lock. `ledger` is the open file: while one empties it, nobody
    /// new begins to write.
    pub(super) fn new(path: &Path, ledger: &File) -> io::Result<Self> {
        let folder = folder_of(path);
        make_folder(&folder)?;
        let id = random_id().map_err(|error| io::Error::other(error.to_string()))?;
        let name = format!("{}-{id}", std::process::id());
        wait_for_entry(ledger)?;
        let locked = make_lock(&folder, &name);
        ledger.unlock()?;
        Ok(Self {
            name,
            lock: locked?,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Lets go of the lock, and removes it: the process has nothing any more.
    pub(super) fn leave(self, path: &Path) -> io::Result<()> {
        drop(self.lock);
        remove(&folder_of(path), &self.name)
    }
}

fn make_lock(folder: &Path, name: &str) -> io::Result<File> {
    let path = folder.join(format!("{name}{LOCK}"));
    let lock = private().write(true).create_new(true).open(path)?;
    lock.try_lock()?;
    Ok(lock)
}

/// Whether the process with this lock lives.
pub(super) fn life(folder: &Path, name: &str) -> Life {
    // Names are read from a file that others may have written.
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if name.is_empty() || !name.bytes().all(harmless) {
        return Life::Unknown;
    }
    let Ok(lock) = File::open(folder.join(format!("{name}{LOCK}"))) else {
        return Life::Unknown;
    };
    match lock.try_lock() {
        Ok(()) => Life::Dead,
        Err(TryLockError::WouldBlock) => Life::Lives,
        Err(TryLockError::Error(_)) => Life::Unknown,
    }
}

/// The names of all locks.
pub(super) fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        if let Some(name) = name.to_str().and_then(|name| name.strip_suffix(LOCK)) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// Removes the lock of a dead process.
pub(super) fn remove(folder: &Path, name: &str) -> io::Result<()> {
    fs::remove_file(folder.join(format!("{name}{LOCK}")))
}

/// Where the locks of a ledger are: `PATH.owners`.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".owners");
    PathBuf::from(name)
}

/// Makes the folder of the locks, for its user alone.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Takes the ledger's own lock together with others; whoever empties it has it alone.
fn wait_for_entry(ledger: &File) -> io::Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        match ledger.try_lock_shared() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(
                    io::ErrorKind::WouldBlock,
                    "another process has it locked",
                ));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// A file that nobody but its user reads.
pub(super) fn private() -> OpenOptions {
    #[cfg_attr(
        not(unix),
        expect(unused_mut, reason = "rights are those of the folder")
    )]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A name that nobody else has.
pub(super) fn random_id() -> Result<String> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes).map_err(|_| Error::config("The system gives no random numbers"))?;
    Ok(hex(&bytes))
}

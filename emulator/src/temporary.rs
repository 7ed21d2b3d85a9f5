//! Temporary folders for this user's eyes only, and the removal of those that a process left behind.
//!
//! A process keeps the file `lock` in its folder locked while it lives. The system unlocks it however the process ends, so that
//! nothing depends on the number of a process, which another one may have by now, or in another container at the same time.

use crate::sync::lock;
use std::fs::{self, File, Metadata, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Every name begins so.
const START: &str = "sessionwire-";
/// What a name has behind that, where it has anything but its random end.
const KINDS: [&str; 2] = ["", "tls-"];
/// The random end, in hexadecimal digits.
const DIGITS: usize = 12;
const LOCK: &str = "lock";

/// What a folder is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// Its name is short: a browser's sockets lie below, and their paths have little room.
    Browsers,
    Certificate,
}

/// A folder that was not there before. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct TemporaryFolder {
    path: PathBuf,
    /// Locked. `None`: it was removed, or its file system knows no locks.
    lock: Mutex<Option<File>>,
}

impl TemporaryFolder {
    /// Makes one in the system's temporary folder, and removes those that processes of this user left there.
    pub(crate) fn new(purpose: Use) -> io::Result<Self> {
        Self::below(&std::env::temp_dir(), purpose)
    }

    fn below(place: &Path, purpose: Use) -> io::Result<Self> {
        let mut random = [0; DIGITS / 2];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let kind = KINDS[usize::from(purpose == Use::Certificate)];
        let name = random.iter().fold(format!("{START}{kind}"), |name, byte| {
            format!("{name}{byte:02x}")
        });
        let path = place.join(name);
        create(&path)?;
        let folder = Self {
            lock: Mutex::new(locked(&path)?),
            path,
        };
        sweep(&folder.path);
        Ok(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it with all that is in it; false when something is left.
    pub(crate) fn remove(&self) -> bool {
        drop(lock(&self.lock).take());
        remove(&self.path)
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Locks the folder before anybody can see that it has a lock.
fn locked(folder: &Path) -> io::Result<Option<File>> {
    let aside = folder.join("lock.new");
    let file = File::options().write(true).create_new(true).open(&aside)?;
    if let Err(error) = file.try_lock() {
        // Without a lock nobody takes it for abandoned.
        tracing::debug!(%error, "a temporary folder cannot be locked");
        fs::remove_file(aside)?;
        return Ok(None);
    }
    fs::rename(aside, folder.join(LOCK))?;
    Ok(Some(file))
}

/// Removes what processes of this user left beside this folder.
fn sweep(own: &Path) {
    let (Some(place), Ok(mine)) = (own.parent(), fs::symlink_metadata(own)) else {
        return;
    };
    let Ok(entries) = fs::read_dir(place) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let is_named_so = entry.file_name().to_str().is_some_and(is_name);
        if is_named_so && path != own && is_of_same_user(&path, &mine) && is_abandoned(&path) {
            tracing::info!(path = %path.display(), "removes the temporary folder of a process that is gone");
            remove(&path);
        }
    }
}

fn is_name(name: &str) -> bool {
    let ends = |kind: &str| {
        let end = name.strip_prefix(START)?.strip_prefix(kind)?;
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (end.len() == DIGITS && end.bytes().all(is_hex)).then_some(())
    };
    KINDS.iter().any(|kind| ends(kind).is_some())
}

/// Whether it is a folder, and no link to one, that this user alone can use.
fn is_of_same_user(path: &Path, mine: &Metadata) -> bool {
    let Ok(data) = fs::symlink_metadata(path) else {
        return false;
    };
    #[cfg(unix)]
    let is_own = {
        use std::os::unix::fs::MetadataExt;
        data.uid() == mine.uid() && data.mode() & 0o077 == 0
    };
    #[cfg(not(unix))]
    let is_own = {
        let _ = mine;
        true
    };
    data.is_dir() && is_own
}

/// Whether nobody holds its lock. One without a lock is nobody's to remove.
fn is_abandoned(folder: &Path) -> bool {
    let Ok(file) = File::options().write(true).open(folder.join(LOCK)) else {
        return false;
    };
    match file.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
    }
}

/// Creates a folder that was not there: whoever made it before could replace what is in it.
pub(crate) fn create(path: &Path) -> io::Result<()> {
    #[cfg_attr(
        not(unix),
        expect(unused_mut, reason = "rights are those of the folder")
    )]
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Removes a folder with all that is in it; false when something is left.
pub(crate) fn remove(path: &Path) -> bool {
    match fs::remove_dir_all(path) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => {
            tracing::debug!(%error, path = %path.display(), "a temporary folder could not be removed yet");
            false
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn only_what_a_process_of_this_user_left_is_removed() {
        let name = format!("sessionwire-temporary-{}", std::process::id());
        let place = std::env::temp_dir().join(name);
        fs::create_dir(&place).unwrap();
        let living = TemporaryFolder::below(&place, Use::Browsers).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(living.path()), 0o700);
        let folder = |name: &str, has_lock: bool| {
            let path = place.join(name);
            create(&path).unwrap();
            if has_lock {
                fs::write(path.join(LOCK), "").unwrap();
            }
            path
        };
        let left = [
            folder("sessionwire-0123456789ab", true),
            folder("sessionwire-tls-0123456789ab", true),
        ];
        let stays = [
            folder("sessionwire-tls-ab0123456789", false),
            folder("sessionwire-tls-notes", true),
            folder("sessionwire-0123456789abc", true),
            folder("sessionwire-other-0123456789", true),
            folder("sessionwire-cccccccccccc", true),
            place.join("sessionwire-dddddddddddd"),
            living.path().to_owned(),
        ];
        fs::set_permissions(&stays[4], fs::Permissions::from_mode(0o755)).unwrap();
        symlink(&stays[1], &stays[5]).unwrap();
        let next = TemporaryFolder::below(&place, Use::Certificate).unwrap();
        for path in &left {
            assert!(!path.exists(), "{path:?}");
        }
        for path in &stays {
            assert!(path.exists(), "{path:?}");
        }
        let paths = [living.path().to_owned(), next.path().to_owned()];
        drop((living, next));
        assert!(paths.iter().all(|path| !path.exists()));
        fs::remove_dir_all(place).unwrap();
    }
}

//! The folders on disk: the emulator's own one, and in it those of the browsers and of the saved profiles.

use crate::sync::lock;
use crate::temporary::{TemporaryFolder, Use, create, remove};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Removes the folder when the emulator's process is gone, however it ended: then the pipe to this script closes. Each
/// line it was sent before names the process groups of the browsers that ran.
const KEEPER: &str = r#"
trap "" HUP INT TERM
while read -r line; do running=$line; done
for group in $running; do kill -s KILL -- "-$group"; done
for _ in 1 2 3 4 5 6 7 8 9 10; do
  rm -rf -- "$1"
  [ -e "$1" ] || exit 0
  sleep 1
done
"#;

/// The emulator's own temporary folder. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Root {
    place: TemporaryFolder,
    numbers: AtomicU64,
    running: Mutex<BTreeSet<u32>>,
    keeper: Mutex<Option<(Child, ChildStdin)>>,
}

impl Root {
    pub(super) fn new() -> io::Result<Arc<Self>> {
        let root = Self {
            place: TemporaryFolder::new(Use::Browsers)?,
            numbers: AtomicU64::new(1),
            running: Mutex::default(),
            keeper: Mutex::new(None),
        };
        let mut keeper = Command::new("sh");
        keeper
            .args(["-c", KEEPER, "sessionwire-keeper"])
            .arg(root.place.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        own_group(&mut keeper);
        let mut keeper = keeper.spawn()?;
        if let Some(pipe) = keeper.stdin.take() {
            *lock(&root.keeper) = Some((keeper, pipe));
        }
        Ok(Arc::new(root))
    }

    /// A new folder in it. Names are short: a browser's sockets lie below, and their paths have little room.
    pub(super) fn folder(self: &Arc<Self>) -> io::Result<Folder> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let path = self.place.path().join(number.to_string());
        create(&path)?;
        Ok(Folder {
            path,
            root: self.clone(),
        })
    }

    /// A browser runs, or does no more.
    pub(super) fn note(&self, process: u32, runs: bool) {
        let mut running = lock(&self.running);
        if runs {
            running.insert(process);
        } else {
            running.remove(&process);
        }
        let mut line: String = running
            .iter()
            .map(|process| format!("{process} "))
            .collect();
        line.push('\n');
        if let Some((_, pipe)) = lock(&self.keeper).as_mut()
            && let Err(error) = pipe.write_all(line.as_bytes())
        {
            tracing::debug!(%error, "the keeper of the temporary folder is gone");
        }
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let removed = self.place.remove();
        let Some((mut keeper, pipe)) = lock(&self.keeper).take() else {
            return;
        };
        if removed {
            // Not by closing the pipe: a process that was forked off meanwhile may hold it too.
            if let Err(error) = keeper.kill().and_then(|()| keeper.wait().map(drop)) {
                tracing::debug!(%error, "the keeper of the temporary folder did not end");
            }
        }
        // Else the keeper tries on.
        drop(pipe);
    }
}

/// A folder below the root. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    root: Arc<Root>,
}

impl Folder {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn root(&self) -> &Arc<Root> {
        &self.root
    }

    /// A folder in it.
    pub(super) fn with(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.path.join(name);
        create(&path)?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Copies all files; links and sockets (a browser's lock) are left out.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            create(&target)?;
            copy(&entry.path(), &target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Ctrl-C in a terminal is for the emulator, which ends the others in good order.
fn own_group(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

/// Whether this process belongs to the superuser, who owns the folder then.
pub(super) fn owned_by_root(path: &Path) -> bool {
    #[cfg(unix)]
    {
        fs::metadata(path).is_ok_and(|data| std::os::unix::fs::MetadataExt::uid(&data) == 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::time::{Duration, Instant};

    #[test]
    fn folders_are_private_and_go_when_they_are_dropped() {
        let root = Root::new().unwrap();
        let folder = root.folder().unwrap();
        let inner = folder.with("p").unwrap();
        fs::write(inner.join("file"), "x").unwrap();
        for path in [root.place.path(), &folder.path, &inner] {
            let mode = fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{path:?}");
        }
        let copied = root.folder().unwrap();
        copy(folder.path(), copied.path()).unwrap();
        assert_eq!(fs::read(copied.path().join("p/file")).unwrap(), b"x");
        let (root_path, path) = (root.place.path().to_owned(), folder.path.clone());
        drop(folder);
        assert!(!path.exists());
        drop((root, copied));
        assert!(!root_path.exists());
    }

    #[test]
    fn the_keeper_ends_the_browsers_and_removes_the_folder_of_a_process_that_died() {
        let root = Root::new().unwrap();
        let mut browser = Command::new("sleep");
        browser.arg("600");
        own_group(&mut browser);
        let mut browser = browser.spawn().unwrap();
        root.note(browser.id(), true);
        // What the death of the process does: the pipe closes.
        let (mut keeper, pipe) = lock(&root.keeper).take().unwrap();
        assert!(root.place.path().exists());
        drop(pipe);
        assert!(keeper.wait().unwrap().success());
        assert!(!root.place.path().exists());
        let deadline = Instant::now() + Duration::from_secs(30);
        while browser.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "the browser still runs");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

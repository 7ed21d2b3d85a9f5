//! Writes a file whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Who may read a file that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// A recording may hold what no list of secrets knows, and a state holds keys.
    Owner,
    Everybody,
}

/// Writes the text beside the file and renames it: who looks sees the old one or the new one.
pub(crate) fn write(path: &Path, text: &str, readers: Readers) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|data| !data.is_file()) {
        // A pipe, a terminal: it stays what it is.
        return fs::write(path, text);
    }
    // A link stays one: the file that it names is replaced.
    let named = fs::canonicalize(path);
    let path = match &named {
        Ok(named) => named,
        Err(_) if fs::symlink_metadata(path).is_ok_and(|data| data.is_symlink()) => {
            return fs::write(path, text);
        }
        Err(_) => path,
    };
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::other("there is no file name"))?;
    let mut aside = std::ffi::OsString::from(".");
    aside.push(name);
    aside.push(format!(".{}.part", std::process::id()));
    let aside = path.with_file_name(aside);
    let written = create(&aside, readers).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| fs::rename(&aside, path));
    if renamed.is_err() && fs::remove_file(&aside).is_err() {
        tracing::debug!("there was nothing to remove");
    }
    renamed
}

/// Removes what processes left beside this file that were killed while they wrote it.
pub(crate) fn remove_parts(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|it| it.to_str()))
    else {
        return;
    };
    let start = format!(".{name}.");
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let number = entry.file_name();
        let number = number
            .to_str()
            .and_then(|name| name.strip_prefix(&start)?.strip_suffix(".part"));
        let is_part = number.is_some_and(|number| number.parse::<u32>().is_ok());
        if is_part && let Err(error) = fs::remove_file(entry.path()) {
            tracing::debug!(%error, "what a killed process left could not be removed");
        }
    }
}

fn create(path: &Path, readers: Readers) -> io::Result<File> {
    // Left by a process of this number that was killed.
    if fs::remove_file(path).is_ok() {
        tracing::debug!("a file from before was removed");
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if readers == Readers::Owner {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(not(unix))]
    let _ = readers;
    options.open(path)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_private_and_replaced_as_a_whole() {
        let folder = std::env::temp_dir().join(format!("sessionwire-write-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("a.yaml");
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        // Whoever has the old one open keeps all of it.
        let open = File::open(&file).unwrap();
        write(&file, "new", Readers::Owner).unwrap();
        assert_eq!(io::read_to_string(open).unwrap(), "old");
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let names = fs::read_dir(&folder).unwrap().count();
        assert_eq!(names, 1, "nothing is left beside it");
        let link = folder.join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let open = File::open(&file).unwrap();
        write(&link, "through", Readers::Owner).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "through");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(io::read_to_string(open).unwrap(), "new", "whole, too");
        write(&folder.join("none/a.yaml"), "x", Readers::Owner).unwrap_err();
        for name in [".a.yaml.123.part", ".a.yaml.x.part", ".b.yaml.1.part"] {
            fs::write(folder.join(name), "x").unwrap();
        }
        remove_parts(&file);
        assert!(!folder.join(".a.yaml.123.part").exists());
        assert!(folder.join(".a.yaml.x.part").exists() && folder.join(".b.yaml.1.part").exists());
        fs::remove_dir_all(&folder).unwrap();
    }
}

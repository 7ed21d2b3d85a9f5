//! The files of a directory that a pattern names.

use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};
use serde::Serialize;

use crate::error::{Error, Result};

/// A file of this machine, and the folder that it is uploaded to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct DirectoryFile {
    /// Where it is.
    pub path: String,
    /// Its folder in the directory; empty for one right in it.
    pub folder: String,
}

/// The files of a directory whose paths in there a pattern names, in the order of
/// their paths: `*` and `?` stand for any characters of a name, `[ab]` for one of
/// those, `**` for any folders. Names that begin with a dot are left out unless the pattern has that dot,
/// and links to directories are not followed. Blocks, as the file system does.
///
/// # Errors
/// `InvalidRequest` where it is no directory, cannot be read, or has no such file.
pub fn directory_files(directory: &Path, pattern: &str) -> Result<Vec<DirectoryFile>> {
    let wanted = Wanted::read(pattern)?;
    let unreadable = |path: &Path, error: &std::io::Error| {
        Error::invalid(format!(
            "The directory {} cannot be read: {error}. Check its path and permissions",
            path.display()
        ))
    };
    let mut found = Vec::new();
    let mut folders: Vec<(PathBuf, Vec<String>)> = vec![(directory.to_owned(), Vec::new())];
    while let Some((path, parts)) = folders.pop() {
        for entry in std::fs::read_dir(&path).map_err(|error| unreadable(&path, &error))? {
            let entry = entry.map_err(|error| unreadable(&path, &error))?;
            let kind = entry
                .file_type()
                .map_err(|error| unreadable(&path, &error))?;
            let Ok(name) = entry.file_name().into_string() else {
                return Err(Error::invalid(format!(
                    "The file {} has a name that is not Unicode. Rename it, or upload it with a `name`",
                    entry.path().display()
                )));
            };
            let mut inner = parts.clone();
            inner.push(name);
            if kind.is_dir() {
                if wanted.may_be_in(&inner) {
                    folders.push((entry.path(), inner));
                }
            } else if wanted.names(&inner) && entry.path().is_file() {
                found.push((inner, entry.path()));
            }
        }
    }
    if found.is_empty() {
        return Err(Error::invalid(format!(
            "The directory {} has no file that `pattern` names: {pattern}. Names that begin with a dot need a pattern \
             that begins with one",
            directory.display()
        )));
    }
    found.sort();
    let file = |(mut parts, path): (Vec<String>, PathBuf)| {
        parts.pop();
        let path = path.into_os_string().into_string();
        // Of Unicode alone, if the directory's own path is.
        let path = path.map_err(|path| {
            let path = path.display();
            Error::invalid(format!("The path {path} is not Unicode. Go there first"))
        })?;
        let folder = parts.join("/");
        Ok(DirectoryFile { path, folder })
    };
    found.into_iter().map(file).collect()
}

/// What is named of a directory.
struct Wanted {
    pattern: Pattern,
    /// How many parts it has; more than any path has where one is `**`.
    depth: usize,
    /// A part of it begins with a dot.
    hidden: bool,
}

/// As a shell does, but that a `**` stands for folders.
const AS_SHELLS_DO: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

impl Wanted {
    fn read(pattern: &str) -> Result<Self> {
        let refused = |why: String| {
            Error::invalid(format!(
                "`pattern` is {pattern:?}, {why}. Use one such as **/*.csv"
            ))
        };
        let parts: Vec<&str> = pattern.split('/').collect();
        if parts.iter().any(|part| matches!(*part, "" | "." | "..")) {
            return Err(refused("which names no files of the directory".to_owned()));
        }
        let read = Pattern::new(pattern);
        Ok(Self {
            pattern: read.map_err(|error| refused(format!("which is none: {}", error.msg)))?,
            depth: match parts.contains(&"**") {
                true => usize::MAX,
                false => parts.len(),
            },
            hidden: parts.iter().any(|part| part.starts_with('.')),
        })
    }

    fn names(&self, path: &[String]) -> bool {
        self.pattern.matches_with(&path.join("/"), AS_SHELLS_DO)
    }

    /// Whether a folder may hold what is named.
    fn may_be_in(&self, folder: &[String]) -> bool {
        let is_hidden = folder.last().is_some_and(|name| name.starts_with('.'));
        folder.len() < self.depth && (self.hidden || !is_hidden)
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_paths() {
        for (pattern, path, named) in [
            ("*", "a.txt", true),
            ("*", "b/a.txt", false),
            ("*", ".env", false),
            (".*", ".env", true),
            ("**/*", "a.txt", true),
            ("**/*", "b/c/a.txt", true),
            ("**/*", ".git/config", false),
            ("**/*", "b/.env", false),
            (".git/*", ".git/config", true),
            ("**/*.csv", "b/a.csv", true),
            ("**/*.csv", "b/a.csv.txt", false),
            ("b/**", "b/c/a.txt", true),
            ("b/**", "b/.env", false),
            ("b/**/*", "b/c/a.txt", true),
            ("b/**/*", "c/a.txt", false),
            ("*a*b*", "xaxbx", true),
            ("*a*b", "xaxbx", false),
            ("?.txt", "é.txt", true),
            ("?.txt", ".txt", false),
            ("[ab].txt", "b.txt", true),
        ] {
            let parts: Vec<String> = path.split('/').map(str::to_owned).collect();
            let wanted = Wanted::read(pattern).expect(pattern);
            assert_eq!(wanted.names(&parts), named, "{pattern} {path}");
            // Every folder on the way to it is looked into.
            let mut folders = (1..parts.len()).map(|depth| &parts[..depth]);
            assert!(
                !named || folders.all(|folder| wanted.may_be_in(folder)),
                "{pattern} {path}"
            );
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for pattern in ["", "/a", "a//b", "../a", "a**", "[a"] {
            let error = Wanted::read(pattern).err().expect(pattern);
            assert!(error.to_string().contains("`pattern`"), "{error}");
        }
    }
}

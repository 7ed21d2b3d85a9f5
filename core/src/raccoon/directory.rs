//! The files of a directory that a pattern names.

use std::path::{Path, PathBuf};

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
/// their paths: `*` and `?` stand for any characters of a name, `**` for any
/// folders. Names that begin with a dot are left out unless the pattern has that dot,
/// and links to directories are not followed. Blocks, as the file system does.
///
/// # Errors
/// `InvalidRequest` where it is no directory, cannot be read, or has no such file.
pub fn directory_files(directory: &Path, pattern: &str) -> Result<Vec<DirectoryFile>> {
    let wanted: Vec<&str> = pattern.split('/').collect();
    if wanted.iter().any(|part| matches!(*part, "" | "." | "..")) {
        return Err(Error::invalid(format!(
            "`pattern` is {pattern:?}, which names no files of the directory. Use one such as **/*.csv"
        )));
    }
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
                if may_hold(&wanted, &inner) {
                    folders.push((entry.path(), inner));
                }
            } else if names(&wanted, &inner) && entry.path().is_file() {
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

/// Whether a pattern names a path.
fn names(pattern: &[&str], path: &[String]) -> bool {
    match (pattern, path) {
        ([], []) => true,
        (["**", rest @ ..], []) => names(rest, path),
        (["**", rest @ ..], [first, others @ ..]) => {
            names(rest, path) || (!first.starts_with('.') && names(pattern, others))
        }
        ([first, rest @ ..], [name, others @ ..]) => names_part(first, name) && names(rest, others),
        _ => false,
    }
}

/// Whether a folder may hold what a pattern names.
fn may_hold(pattern: &[&str], folder: &[String]) -> bool {
    match (pattern, folder) {
        ([], _) => false,
        (_, []) => true,
        (["**", rest @ ..], [first, others @ ..]) => {
            may_hold(rest, folder) || (!first.starts_with('.') && may_hold(pattern, others))
        }
        ([first, rest @ ..], [name, others @ ..]) => {
            !rest.is_empty() && names_part(first, name) && may_hold(rest, others)
        }
    }
}

/// Whether a part of a pattern names a file or folder.
fn names_part(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut reached) = (0, 0);
    // The last `*`, and how much of the name it stands for.
    let mut star: Option<(usize, usize)> = None;
    while reached < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, reached));
                at += 1;
            }
            Some(&char) if char == '?' || char == name[reached] => {
                at += 1;
                reached += 1;
            }
            _ => match star {
                Some((place, from)) => {
                    star = Some((place, from + 1));
                    at = place + 1;
                    reached = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|char| *char == '*')
}

#[cfg(test)]
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
        ] {
            let parts: Vec<String> = path.split('/').map(str::to_owned).collect();
            let pattern_parts: Vec<&str> = pattern.split('/').collect();
            assert_eq!(names(&pattern_parts, &parts), named, "{pattern} {path}");
            let (_, folder) = parts.split_last().unwrap_or((&parts[0], &[]));
            assert!(
                !named || may_hold(&pattern_parts, folder),
                "{pattern} {path}"
            );
        }
    }
}

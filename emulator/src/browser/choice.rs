//! Which browser serves the sessions, and where its program is.

use super::folder::owned_by_root;
use serde::{Deserialize, Serialize};
use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// What shows the pages of the sessions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Browser {
    /// Chromium where there is one, else the built-in page view.
    #[default]
    Auto,
    /// The built-in page view: it fetches a page, reads its HTML and draws its text. No scripts, no style, no cookies.
    Builtin,
    /// Chromium; without it the emulator does not start.
    Chromium,
}

/// The environment variable that names Chromium's program; empty: none is used.
const VARIABLE: &str = "SESSIONWIRE_CHROMIUM";
/// The names it has on the path.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// What was decided for an emulator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Plan {
    Builtin,
    Chromium {
        program: PathBuf,
        /// The built-in page view may not stand in for it.
        forced: bool,
    },
}

impl Plan {
    /// `program` wins over the environment; the error says what to do.
    pub(super) fn new(choice: Browser, program: Option<&Path>) -> Result<Self, String> {
        if choice == Browser::Builtin {
            return Ok(Self::Builtin);
        }
        let forced = choice == Browser::Chromium;
        let named = program.is_some() || env::var_os(VARIABLE).is_some();
        match find(program) {
            // Its sandbox refuses root, and a page is somebody else's program.
            Ok(_) if !forced && !named && is_root() => {
                tracing::info!(
                    browser = "builtin",
                    reason = "for root Chromium has no sandbox",
                    "the built-in page view serves; choose the browser `chromium` to have it all the same"
                );
                Ok(Self::Builtin)
            }
            Ok(program) => Ok(Self::Chromium { program, forced }),
            Err(reason) if forced => Err(format!(
                "{reason}. Install Chromium (Debian: apt-get install chromium), name its program in {VARIABLE}, or choose the browser `builtin`"
            )),
            Err(reason) => {
                tracing::info!(browser = "builtin", reason, "the built-in page view serves");
                Ok(Self::Builtin)
            }
        }
    }
}

/// Whether this process belongs to the superuser.
fn is_root() -> bool {
    if !cfg!(unix) {
        return false;
    }
    if cfg!(target_os = "linux") && Path::new("/proc/self").exists() {
        return owned_by_root(Path::new("/proc/self"));
    }
    let asked = std::process::Command::new("id").arg("-u").output();
    asked.is_ok_and(|answer| answer.stdout.trim_ascii() == b"0")
}

fn find(program: Option<&Path>) -> Result<PathBuf, String> {
    if cfg!(not(unix)) {
        return Err("Chromium is driven on Linux and macOS only".to_owned());
    }
    let named = match program {
        Some(program) => Some(program.to_owned()),
        None => env::var_os(VARIABLE).map(PathBuf::from),
    };
    let path = env::var_os("PATH").unwrap_or_default();
    match named {
        Some(name) if name.as_os_str().is_empty() => Err(format!("{VARIABLE} is empty")),
        Some(name) => on_path(&path, name.as_os_str())
            .ok_or_else(|| format!("there is no program {}", name.display())),
        None => NAMES
            .iter()
            .find_map(|name| on_path(&path, OsStr::new(name)))
            .ok_or_else(|| format!("none of {} is on the path", NAMES.join(", "))),
    }
}

/// The program of this name; a name with a folder is taken as it is.
fn on_path(path: &OsStr, name: &OsStr) -> Option<PathBuf> {
    if Path::new(name).components().count() > 1 {
        return Some(PathBuf::from(name)).filter(|file| file.is_file());
    }
    env::split_paths(path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_view_needs_no_program() {
        let missing = Path::new("/nowhere/chromium");
        assert_eq!(
            Plan::new(Browser::Builtin, Some(missing)),
            Ok(Plan::Builtin)
        );
        assert_eq!(Plan::new(Browser::Auto, Some(missing)), Ok(Plan::Builtin));
        let error = Plan::new(Browser::Chromium, Some(missing)).unwrap_err();
        assert!(error.contains("no program /nowhere/chromium"), "{error}");
        assert!(error.contains(VARIABLE), "{error}");
    }

    #[test]
    #[cfg(unix)]
    fn an_empty_name_means_none() {
        let error = find(Some(Path::new(""))).unwrap_err();
        assert!(error.contains("is empty"), "{error}");
    }

    #[test]
    #[cfg(unix)]
    fn a_bare_name_is_looked_up_on_the_path() {
        let found = on_path(OsStr::new("/nowhere:/bin:/usr/bin"), OsStr::new("sh")).unwrap();
        assert!(found.is_absolute() && found.ends_with("sh"), "{found:?}");
        assert_eq!(on_path(OsStr::new("/nowhere"), OsStr::new("sh")), None);
    }
}

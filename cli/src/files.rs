//! Files that a command writes.

use std::path::Path;

use crate::failure::Failure;

/// The same for a file that is not there yet, unless it may be written over.
pub(crate) fn check_new(file: &Path, force: bool) -> Result<(), Failure> {
    check_target(file)?;
    if !force && file.is_file() {
        return Err(Failure::Usage(format!(
            "{} is there already, and stays as it is. Name another file, or write over it with --force.",
            file.display()
        )));
    }
    Ok(())
}

/// Whether a file can be written there, as far as that shows beforehand.
pub(crate) fn check_target(file: &Path) -> Result<(), Failure> {
    let refuse = |why: &str| {
        Err(Failure::Usage(format!(
            "Nothing can be saved as {}: {why}.",
            file.display()
        )))
    };
    if file.file_name().is_none() || file.is_dir() {
        return refuse("that is a folder; add a file name");
    }
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            refuse("the folder does not exist; create it first")
        }
        _ => Ok(()),
    }
}

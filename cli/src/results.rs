//! The results of `sessionwire batch`: a file that one process has at a time, each of them once.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sessionwire::agi::TaskOutcome;
use sessionwire::{Error, ErrorKind, journal};

use crate::failure::Failure;
use crate::lines;
use crate::terminal::escaped;

/// What each line begins with, and what follows the id.
const BEGIN: &[u8] = br#"{"id":""#;
const AFTER_ID: &[u8] = br#"","status":""#;

/// The file of results.
pub(crate) struct Results {
    path: PathBuf,
    file: File,
    /// Up to where it holds whole lines.
    length: u64,
    /// The last of them lacks its line break.
    is_open: bool,
    /// What the tasks of this batch are called.
    ids: HashSet<String>,
    /// The session of each of their results that stands in it.
    there: HashMap<String, String>,
}

impl Results {
    /// Takes the file, and finds out which results stand in it. Changes nothing in it.
    pub(crate) fn open(path: &Path, journal: &Path, ids: HashSet<String>) -> Result<Self, Failure> {
        let mut results = Self {
            path: path.to_owned(),
            file: take(path)?,
            length: 0,
            is_open: false,
            ids,
            there: HashMap::new(),
        };
        results.read(journal)?;
        Ok(results)
    }

    /// How many results of this batch stand in it.
    pub(crate) fn count(&self) -> usize {
        self.there.len()
    }

    fn read(&mut self, journal: &Path) -> Result<(), Failure> {
        let path = self.path.display();
        let ends = journal::ends(journal).map_err(|why| {
            Failure::Local(format!(
                "The journal {} cannot be read: {why}. See to the disk and to who has it, and start again.",
                journal.display()
            ))
        })?;
        let (mut number, mut line) = (0, Vec::new());
        let mut lines = BufReader::new(&self.file);
        loop {
            line.clear();
            let read = lines.read_until(b'\n', &mut line);
            read.map_err(|why| unwritable(&self.path, &why))?;
            if line.is_empty() {
                return Ok(());
            }
            number += 1;
            let found = serde_json::from_slice::<Value>(&line).unwrap_or_default();
            let (Some(id), Some("done" | "error")) =
                (found["id"].as_str(), found["status"].as_str())
            else {
                if line.last() != Some(&b'\n') && (is_begin(&line) || is_lost(number, &line)) {
                    return match is_empty(journal) {
                        true => Err(without_journal(&self.path, journal)),
                        false => Ok(()),
                    };
                }
                return Err(Failure::Usage(format!(
                    "Line {number} of {path} is no result of a batch, and the file was left as it is. Put it back as it \
                     was, or name another one with --out."
                )));
            };
            self.length += line.len() as u64;
            self.is_open = line.last() != Some(&b'\n');
            if !self.ids.contains(id) {
                continue;
            }
            let session_id = found["session_id"].as_str().unwrap_or_default();
            // An error may lack its session.
            let is_known = match session_id {
                "" => ends.iter().any(|(known, _)| known == id),
                session_id => ends.contains(&(id.to_owned(), session_id.to_owned())),
            };
            if !is_known && is_empty(journal) {
                return Err(without_journal(&self.path, journal));
            }
            if !is_known {
                return Err(Failure::Usage(format!(
                    "Line {number} of {path} has a result of a task {id:?} that the journal {} does not know: it is of \
                     another batch. Nothing was sent. Name another file with --out, or with --journal the journal of \
                     that batch.",
                    journal.display()
                )));
            }
            self.there.insert(id.to_owned(), session_id.to_owned());
        }
    }

    /// Makes ready to write. Half a line at its end, of a process that was killed, is cut off;
    /// with `retry_failed` the errors of this batch are taken out.
    pub(crate) fn begin(&mut self, retry_failed: bool) -> Result<(), Failure> {
        let ready = self.cut().and_then(|()| match retry_failed {
            true => self.take_errors_out(),
            false => Ok(()),
        });
        ready.map_err(|why| unwritable(&self.path, &why))
    }

    /// Adds the result of a task, unless it stands there.
    pub(crate) fn write(&mut self, outcome: &TaskOutcome) -> Result<bool, Failure> {
        let session_id = session_of(outcome);
        let known = self.there.get(&outcome.id);
        if known.is_some_and(|known| *known == session_id) {
            return Ok(false);
        }
        let mut line = escaped(&line(outcome).to_string());
        line.push('\n');
        let written = match known {
            // The process was killed while it sent a task again that had failed.
            Some(_) => self
                .without(|found| found["id"] == outcome.id)
                .and_then(|mut kept| {
                    kept.extend_from_slice(line.as_bytes());
                    self.replace(&kept)
                }),
            None => self.file.write_all(line.as_bytes()),
        };
        written.map_err(|why| unwritable(&self.path, &why))?;
        self.there.insert(outcome.id.clone(), session_id);
        Ok(true)
    }

    fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::End(0))?;
        match std::mem::take(&mut self.is_open) {
            true => self.file.write_all(b"\n"),
            false => Ok(()),
        }
    }

    fn take_errors_out(&mut self) -> io::Result<()> {
        let mut taken = Vec::new();
        let kept = self.without(|found| {
            let id = found["id"].as_str().unwrap_or_default();
            let is_taken = found["status"] == "error" && self.ids.contains(id);
            if is_taken {
                taken.push(id.to_owned());
            }
            is_taken
        })?;
        if taken.is_empty() {
            return Ok(());
        }
        self.there.retain(|id, _| !taken.contains(id));
        self.replace(&kept)
    }

    /// All lines but these. It goes on at the end.
    fn without(&self, mut is_left_out: impl FnMut(&Value) -> bool) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0))?;
        file.read_to_end(&mut text)?;
        let mut kept = Vec::with_capacity(text.len());
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            if !serde_json::from_slice(line).is_ok_and(|found| is_left_out(&found)) {
                kept.extend_from_slice(line);
            }
        }
        Ok(kept)
    }

    /// Writes all of it anew, beside it: whoever is killed here loses nothing.
    fn replace(&mut self, text: &[u8]) -> io::Result<()> {
        // Where it is a link, that stays.
        let target = fs::canonicalize(&self.path)?;
        let mut beside = target.clone().into_os_string();
        beside.push(format!(".{}.new", std::process::id()));
        let _ = fs::remove_file(&beside);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        let mut file = options.open(&beside)?;
        let permissions = self.file.metadata().map(|found| found.permissions());
        let written = permissions
            .and_then(|same| file.set_permissions(same))
            .and_then(|()| Ok(file.try_lock()?))
            .and_then(|()| file.write_all(text))
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&beside, &target));
        match written {
            Ok(()) => self.file = file,
            Err(_) => drop(fs::remove_file(&beside)),
        }
        written
    }
}

/// Opens the file and locks it.
fn take(path: &Path) -> Result<File, Failure> {
    loop {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(path).map_err(|why| unwritable(path, &why))?;
        if !file.metadata().is_ok_and(|found| found.is_file()) {
            return Err(Failure::Usage(format!(
                "--out is {}, which is no file. The results go to a file, so that they are there after a restart.",
                path.display()
            )));
        }
        match file.try_lock() {
            // Else another process wrote it anew meanwhile, and this one is gone.
            Ok(()) if is_still_there(&file, path) => return Ok(file),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::Usage(format!(
                    "Another batch writes its results to {} just now. Nothing was sent here. Wait until it has ended, or \
                     name another file with --out.",
                    path.display()
                )));
            }
            Err(TryLockError::Error(why)) => {
                return Err(Failure::Usage(format!(
                    "The results {} cannot be locked: {why}. Name a file on a disk of this machine with --out.",
                    path.display()
                )));
            }
        }
    }
}

#[cfg(unix)]
fn is_still_there(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let place = |found: fs::Metadata| (found.dev(), found.ino());
    file.metadata().map(place).ok() == fs::metadata(path).map(place).ok()
}

#[cfg(not(unix))]
fn is_still_there(_: &File, path: &Path) -> bool {
    path.exists()
}

fn is_empty(journal: &Path) -> bool {
    fs::metadata(journal).map_or(0, |found| found.len()) == 0
}

fn without_journal(path: &Path, journal: &Path) -> Failure {
    Failure::Usage(format!(
        "{} has results already, but their journal {} is not there, so which tasks were sent is not known. Name the \
         journal with --journal, or other results with --out.",
        path.display(),
        journal.display()
    ))
}

/// Whether this is the beginning of a result.
fn is_begin(line: &[u8]) -> bool {
    let fits = |text: &[u8], begin: &[u8]| text.starts_with(begin) || begin.starts_with(text);
    let Some(rest) = line.strip_prefix(BEGIN) else {
        return BEGIN.starts_with(line);
    };
    let mut is_escaped = false;
    let end = rest.iter().position(|byte| {
        let is_end = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        is_end
    });
    end.is_none_or(|end| fits(&rest[end..], AFTER_ID))
}

/// Whether it is what a machine without power leaves at the end of results.
fn is_lost(number: usize, line: &[u8]) -> bool {
    number > 1 && line.iter().all(|byte| *byte == 0)
}

fn unwritable(path: &Path, why: &io::Error) -> Failure {
    Failure::Local(format!(
        "The results {} cannot be written: {why}. Make room or see to its permissions; the same command again goes on \
         where it was.",
        path.display()
    ))
}

fn session_of(outcome: &TaskOutcome) -> String {
    match &outcome.result {
        Ok(result) => result.session_id.clone(),
        Err(error) => error.session_id().unwrap_or_default().to_owned(),
    }
}

/// With what to do next on a command line.
fn message_of(error: &Error) -> String {
    if error.kind() != ErrorKind::QuestionPending {
        return error.to_string();
    }
    let asked = error.message().trim_end();
    let end = if asked.ends_with(['.', '?', '!']) {
        ""
    } else {
        "."
    };
    format!(
        "{asked}{end} Nobody answers in a batch: add a task with an \"id\" of its own whose message says the answer."
    )
}

fn line(outcome: &TaskOutcome) -> Value {
    match &outcome.result {
        Ok(result) => {
            let mut line = json!({ "id": outcome.id, "status": "done" });
            for (name, value) in lines::task_fields(result) {
                line[name] = value;
            }
            line
        }
        Err(error) => json!({
            "id": outcome.id,
            "status": "error",
            "error": lines::error_fields(error, &message_of(error)),
            "session_id": error.session_id(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_beginning_of_a_result_is_one() {
        let line = r#"{"id":"a\"b\\","status":"done","text":"x"#;
        for length in 1..=line.len() {
            assert!(is_begin(&line.as_bytes()[..length]), "{length}");
        }
        for line in [
            "a",
            "{ ",
            "{\"name\"",
            "{\"id\":7",
            "{\"id\":\"a\",\"text\"",
            "{\"id\":\"a\"}",
        ] {
            assert!(!is_begin(line.as_bytes()), "{line}");
        }
    }
}

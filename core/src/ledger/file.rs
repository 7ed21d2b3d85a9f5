//! The file of a ledger, once for each process.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::line::{Line, Note, VERSION};
use super::owner::{Owner, folder_of, make_folder, private};
use crate::error::{Error, Result};
use crate::key_mark::KeyMark;
use crate::{meaning, unix_time};

/// The ledgers of this process. They stay open: what a closed client created is still the
/// process's own.
static OPEN: Mutex<Option<HashMap<PathBuf, Arc<LedgerFile>>>> = Mutex::new(None);

/// A ledger's file, open to be appended to.
#[derive(Debug)]
pub(super) struct LedgerFile {
    path: PathBuf,
    file: File,
    /// The process that opened it: a child made by `fork` opens it anew.
    process: u32,
    holding: Mutex<Holding>,
}

/// What this process has, and the lock that says that it lives.
#[derive(Debug, Default)]
struct Holding {
    /// Of a service, sessions and creates.
    held: HashSet<(String, String)>,
    /// There from the first of them to the last.
    owner: Option<Owner>,
}

impl LedgerFile {
    /// The ledger at this path. Its file is made where there is none.
    pub(super) fn open(path: &Path) -> Result<Arc<Self>> {
        let mut open = lock(&OPEN);
        let open = open.get_or_insert_default();
        if let Some(ledger) = open.get(path) {
            if ledger.process == std::process::id() {
                return Ok(ledger.clone());
            }
            // What a parent process locked is the parent's: this child lets go of its
            // copy, so that the parent's end can be seen while the child lives.
            if let Ok(mut holding) = ledger.holding.try_lock() {
                holding.owner = None;
            }
        }
        let ledger = Arc::new(Self {
            path: path.to_owned(),
            file: Self::make(path).map_err(|why| refused(path, &why))?,
            process: std::process::id(),
            holding: Mutex::default(),
        });
        open.insert(path.to_owned(), ledger.clone());
        Ok(ledger)
    }

    fn make(path: &Path) -> io::Result<File> {
        let file = private().append(true).read(true).create(true).open(path)?;
        make_folder(&folder_of(path))?;
        Ok(file)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a line.
    pub(super) fn append(&self, service: &str, key: &KeyMark, note: Note) -> io::Result<()> {
        let mut holding = lock(&self.holding);
        let signed = holding.follow(service, &note);
        let begun = match &note {
            Note::Creating { attempt, .. } => Some((service.to_owned(), attempt.clone())),
            _ => None,
        };
        let owner = match signed {
            true => holding.owner(&self.path, &self.file),
            false => Ok(String::new()),
        };
        let written = owner.and_then(|owner| {
            self.write(&Line {
                version: VERSION,
                time: now(),
                owner,
                service: service.to_owned(),
                key: key.clone(),
                note,
            })
        });
        if let (Err(_), Some(begun)) = (&written, begun) {
            // Such a create is not sent.
            holding.held.remove(&begun);
        }
        written.and_then(|()| holding.leave_if_empty(&self.path))
    }

    /// Writes a line, in one write.
    fn write(&self, line: &Line) -> io::Result<()> {
        // The line break comes first: it ends what another process may have begun to
        // write when its disk was full.
        let mut text = vec![b'\n'];
        serde_json::to_writer(&mut text, line)?;
        let written = (&self.file).write(&text)?;
        if written < text.len() {
            let why = "only a part of the line was written";
            return Err(io::Error::new(io::ErrorKind::StorageFull, why));
        }
        Ok(())
    }
}

impl Holding {
    /// Follows what a line says; whether it is to be signed, because the process has
    /// something from here on, or goes on having it.
    fn follow(&mut self, service: &str, note: &Note) -> bool {
        let of = |id: &str| (service.to_owned(), id.to_owned());
        match note {
            Note::Creating { attempt, .. } => {
                self.held.insert(of(attempt));
            }
            Note::Created {
                attempt,
                session_id,
                ..
            } => {
                self.held.remove(&of(attempt));
                self.held.insert(of(session_id));
            }
            Note::Sent { session_id } | Note::Adopted { session_id } => {
                self.held.insert(of(session_id));
            }
            Note::Failed { attempt } => {
                self.held.remove(&of(attempt));
                return false;
            }
            Note::Deleted { session_id } | Note::Released { session_id } => {
                self.held.remove(&of(session_id));
                return false;
            }
            Note::DeletedAll {} => {
                self.held.retain(|(held, _)| held != service);
                return false;
            }
            Note::Ended { .. } | Note::Told { .. } => return false,
        }
        true
    }

    fn owner(&mut self, path: &Path, file: &File) -> io::Result<String> {
        let owner = match self.owner.take() {
            Some(owner) => owner,
            None => Owner::new(path, file)?,
        };
        let name = owner.name().to_owned();
        self.owner = Some(owner);
        Ok(name)
    }

    /// Removes the lock of a process that has nothing any more.
    fn leave_if_empty(&mut self, path: &Path) -> io::Result<()> {
        match self.owner.take_if(|_| self.held.is_empty()) {
            Some(owner) => owner.leave(path),
            None => Ok(()),
        }
    }
}

/// All that a ledger holds.
pub(super) fn text_of(mut ledger: &File) -> io::Result<String> {
    let mut bytes = Vec::new();
    ledger.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn now() -> String {
    let milliseconds = unix_time::of(Instant::now());
    meaning::iso_text(i64::try_from(milliseconds).unwrap_or(i64::MAX))
}

fn refused(path: &Path, why: &io::Error) -> Error {
    let what = if path.is_dir() {
        "it is a folder. Name a file in it".to_owned()
    } else if path.parent().is_some_and(|parent| !parent.exists()) {
        "its folder does not exist. Make it first, or name another place".to_owned()
    } else {
        format!("{why}. Name a file that this user may write")
    };
    Error::config(format!(
        "`ledger` is {}, which cannot be written: {what}, or leave `ledger` out",
        path.display()
    ))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

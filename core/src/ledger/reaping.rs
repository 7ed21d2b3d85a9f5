//! Reads a ledger in order to delete what dead processes left. One process at a time.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io;
use std::path::PathBuf;

use super::book::{Attempt, Book, Noted, Owned};
use super::client::Ledger;
use super::file::text_of;
use super::line::Note;
use super::owner::{self, Life, folder_of, private};
use crate::error::{Error, ErrorKind, Result};

/// The right to reap a ledger, until it is dropped.
#[derive(Debug)]
pub(crate) struct Reaping {
    ledger: Ledger,
    folder: PathBuf,
    _lock: File,
}

/// What a ledger says is left by processes that are dead.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// Sessions whose processes are all dead.
    pub(crate) sessions: Vec<Noted>,
    /// Sessions of which nobody knows whether their processes live.
    pub(crate) doubtful: Vec<Noted>,
    /// Creates of dead processes of which nobody knows whether they made a session.
    pub(crate) attempts: Vec<Attempt>,
}

impl Reaping {
    /// Begins to reap.
    pub(crate) fn begin(ledger: &Ledger) -> Result<Self> {
        let folder = folder_of(ledger.path());
        let lock = private()
            .write(true)
            .create(true)
            .truncate(false)
            .open(folder.join("reaping"))
            .map_err(|why| unreadable(ledger, &why))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                ledger: ledger.clone(),
                folder,
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => {
                let path = ledger.path().display();
                let what = format!("Another process is reaping the ledger {path}");
                Err(Error::new(ErrorKind::Conflict, what)
                    .with_code("reap_in_progress")
                    .with_advice("Nothing was deleted here. Wait for it, and reap again if you still need to."))
            }
            Err(TryLockError::Error(why)) => Err(unreadable(ledger, &why)),
        }
    }

    /// What is left.
    pub(crate) fn left(&self) -> Result<Left> {
        let book = self.book()?;
        if book.unreadable > 0 {
            tracing::warn!(
                "{} lines of the ledger {} were skipped: torn, or of a later version",
                book.unreadable,
                self.ledger.path().display()
            );
        }
        if book.foreign() > 0 {
            tracing::info!(
                "{} sessions of the ledger {} belong to another address or key, and are left alone",
                book.foreign(),
                self.ledger.path().display()
            );
        }
        let mut left = Left::default();
        for session in book.sessions() {
            match self.life_of(session) {
                Life::Lives => {}
                Life::Dead => left.sessions.push(session.clone()),
                Life::Unknown => left.doubtful.push(session.clone()),
            }
        }
        for attempt in book.attempts() {
            if !matches!(self.life_of(attempt), Life::Lives) {
                left.attempts.push(attempt.clone());
            }
        }
        left.attempts
            .sort_by(|one, other| one.sent_at.cmp(&other.sent_at));
        Ok(left)
    }

    /// Notes that somebody was told of a create that nobody knows the end of.
    pub(crate) fn told(&self, attempt: &Attempt) {
        let attempt = attempt.id.clone();
        self.ledger.note(Note::Told { attempt });
    }

    /// Removes the locks of the dead that left nothing, and empties the ledger where
    /// nothing is left at all and nobody writes to it.
    pub(crate) fn tidy(self) {
        if let Err(why) = self.try_tidy() {
            tracing::warn!(
                "The ledger {} could not be tidied: {why}",
                self.ledger.path().display()
            );
        }
    }

    fn try_tidy(&self) -> io::Result<()> {
        // Not the file that this process writes to, whose own lock is another thing.
        let file = private().read(true).write(true).open(self.ledger.path())?;
        if file.try_lock().is_err() {
            // A process is beginning to write. Another time will do.
            return Ok(());
        }
        // No other one can begin while this lives.
        let book = self.read(&file)?;
        let left = book.owners();
        let mut alive = false;
        for name in owner::names(&self.folder)? {
            match owner::life(&self.folder, &name) {
                Life::Dead if left.contains(&*name) => {}
                Life::Dead => owner::remove(&self.folder, &name)?,
                Life::Lives | Life::Unknown => alive = true,
            }
        }
        if book.is_settled() && !alive {
            file.set_len(0)?;
        }
        Ok(())
    }

    /// Whether any of the processes that have it lives.
    fn life_of(&self, owned: &impl Owned) -> Life {
        let mut life = Life::Dead;
        for name in owned.owners().into_iter().collect::<BTreeSet<_>>() {
            match owner::life(&self.folder, name) {
                Life::Lives => return Life::Lives,
                Life::Dead => {}
                Life::Unknown => life = Life::Unknown,
            }
        }
        life
    }

    fn book(&self) -> Result<Book> {
        File::open(self.ledger.path())
            .and_then(|file| self.read(&file))
            .map_err(|why| unreadable(&self.ledger, &why))
    }

    fn read(&self, file: &File) -> io::Result<Book> {
        let text = text_of(file)?;
        Ok(Book::read(&text, |service, key| {
            self.ledger.is_own(service, key)
        }))
    }
}

fn unreadable(ledger: &Ledger, why: &io::Error) -> Error {
    Error::config(format!(
        "The ledger {} cannot be read: {why}. See to its permissions",
        ledger.path().display()
    ))
}

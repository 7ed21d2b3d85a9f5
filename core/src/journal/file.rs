//! The file of a journal, which one process has at a time.

use std::collections::HashSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read as _, Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::book::Book;
use super::line::{BEGIN, Entry, Unreadable};
use crate::error::{Error, ErrorKind, Result};
use crate::key_mark::KeyMark;
use crate::{meaning, unix_time};

/// The journals of this process, for [`forget`] and [`left`].
static OPEN: Mutex<Vec<Open>> = Mutex::new(Vec::new());

/// How long [`left`] waits.
const LEFT: Duration = Duration::from_secs(1);

/// A journal of this process, from afar.
struct Open {
    state: Weak<Mutex<State>>,
    path: PathBuf,
    released: watch::Receiver<bool>,
}

/// A journal that this process has.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    state: Arc<Mutex<State>>,
    released: watch::Sender<bool>,
}

#[derive(Debug)]
struct State {
    /// None in a child that `fork` made: it is the parent's.
    file: Option<File>,
    /// Up to where it holds whole lines.
    length: u64,
    /// It holds half a line that could not be cut off.
    is_torn: bool,
    /// Another batch may have it.
    is_released: bool,
}

impl Journal {
    /// Takes the journal at this path, and says what it tells. Its file is made where there is
    /// none; half a line at its end, of a process that was killed, is cut off.
    pub(crate) fn open(
        path: &Path,
        service: &str,
        key: &KeyMark,
        retry: bool,
    ) -> Result<(Self, Book)> {
        if path.as_os_str().is_empty() {
            return Err(Error::invalid(
                "`journal` is empty. Name a file, or leave it out to run the tasks without one",
            ));
        }
        let file = make(path).map_err(|why| refused(path, &why))?;
        // Others have no end, or nothing that lasts.
        if !file.metadata().is_ok_and(|found| found.is_file()) {
            let why = io::Error::new(io::ErrorKind::InvalidInput, "it is no file");
            return Err(refused(path, &why));
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(path, file)),
            Err(TryLockError::Error(why)) => {
                return Err(Error::config(format!(
                    "The journal {} cannot be locked: {why}. Name a file on a disk of this machine",
                    path.display()
                )));
            }
        }
        let (book, length) = read(path, &file, service)?;
        let (released, watch) = watch::channel(false);
        let journal = Self {
            path: path.to_owned(),
            released,
            state: Arc::new(Mutex::new(State {
                file: Some(file),
                length,
                is_torn: false,
                is_released: false,
            })),
        };
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|other| other.state.strong_count() > 0);
        open.push(Open {
            state: Arc::downgrade(&journal.state),
            path: whole(path),
            released: watch,
        });
        drop(open);
        journal.repair(length)?;
        if length == 0 {
            let service = service.to_owned();
            journal.write(&Entry::Journal { service }, false)?;
        }
        let begun = Entry::Begun {
            process: std::process::id(),
            time: now(),
            key: key.clone().into(),
            retry,
        };
        journal.write(&begun, true)?;
        Ok((journal, book))
    }

    /// Appends an entry. `lasting`: it is on the disk when this comes back, also where the
    /// power goes.
    ///
    /// # Errors
    /// `Config`: what the entry announces must not be done.
    pub(crate) fn write(&self, entry: &Entry, lasting: bool) -> Result<()> {
        let mut line = entry.text();
        line.push('\n');
        self.lock()
            .append(line.as_bytes(), lasting)
            .map_err(|why| self.unwritable(&why))
    }

    /// The entry that begins there.
    pub(crate) fn entry_at(&self, at: u64) -> Result<Entry> {
        let state = self.lock();
        let mut line = Vec::new();
        let read = state.file().and_then(|mut file| {
            file.seek(SeekFrom::Start(at))?;
            BufReader::new(file).read_until(b'\n', &mut line)
        });
        drop(state);
        read.map_err(|why| unreadable(&self.path, &why))?;
        Entry::read(&line).map_err(|_| {
            let why = io::Error::new(io::ErrorKind::InvalidData, "it was changed meanwhile");
            unreadable(&self.path, &why)
        })
    }

    /// Lets other processes have it. It can still be read here, and is not written any more: not
    /// by an entry either that was on its way when its task was stopped.
    pub(crate) fn release(&self) {
        let mut state = self.lock();
        state.is_released = true;
        // Nothing is lost where it fails: the end of the process does the same.
        let _ = state.file().and_then(File::unlock);
        drop(state);
        self.released.send_replace(true);
    }

    /// Up to where it was written.
    pub(crate) fn length(&self) -> u64 {
        self.lock().length
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn repair(&self, length: u64) -> Result<()> {
        let state = self.lock();
        let cut = state.file().and_then(|file| match file.metadata()?.len() {
            same if same == length => Ok(()),
            _ => file.set_len(length),
        });
        cut.map_err(|why| self.unwritable(&why))
    }

    fn unwritable(&self, why: &io::Error) -> Error {
        Error::config(format!(
            "The journal {} cannot be written: {why}. Nothing more is sent. Make room or see to its permissions, and \
             start again with the same journal: it goes on where it was",
            self.path.display()
        ))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn append(&mut self, line: &[u8], lasting: bool) -> io::Result<()> {
        // As if the process had been killed before: the next one reads what is there.
        if self.is_released {
            return Err(io::Error::other("the next batch has it"));
        }
        if self.is_torn {
            return Err(io::Error::other("half a line stands at its end"));
        }
        let mut file = self.file()?;
        let written = file.seek(SeekFrom::Start(self.length));
        if let Err(why) = written.and_then(|_| file.write_all(line)) {
            self.is_torn = file.set_len(self.length).is_err();
            return Err(why);
        }
        if lasting {
            file.sync_data()?;
        }
        self.length += line.len() as u64;
        Ok(())
    }

    fn file(&self) -> io::Result<&File> {
        let why = "a process that was forked has no journal of its parent";
        self.file.as_ref().ok_or_else(|| io::Error::other(why))
    }
}

/// Closes this process's copies of the journals: for a child that `fork` made, which would keep
/// them locked after the end of its parent. The parent keeps them.
pub fn forget() {
    // Whoever held a lock in the midst of the fork is not in the child: it is left as it is.
    let Ok(open) = OPEN.try_lock() else {
        return;
    };
    for state in open.iter().filter_map(|open| open.state.upgrade()) {
        if let Ok(mut state) = state.try_lock() {
            state.file = None;
        }
    }
}

/// Waits, for at most a second, until no batch of this process has the journal at this path:
/// whose loop was left may be about to end. `None` where none has it.
pub fn left(path: &Path) -> Option<impl Future<Output = ()> + Send + 'static> {
    let path = whole(path);
    let open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut having = open.iter().filter(|open| open.path == path);
    let mut released = having
        .find(|open| open.state.strong_count() > 0 && !*open.released.borrow())?
        .released
        .clone();
    Some(async move {
        // An error: it was dropped, which releases it, too.
        let _ = tokio::time::timeout(LEFT, released.wait_for(|released| *released)).await;
    })
}

/// The path in full, by which two names of one file are one.
fn whole(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Which tasks are over by the journal at this path, by their ids, each with the session in which
/// it ended; none where there is no journal. For whoever compares results with it before it is
/// taken: what is damaged shows then.
///
/// # Errors
/// The file cannot be read.
pub fn ends(path: &Path) -> io::Result<HashSet<(String, String)>> {
    let mut ends = HashSet::new();
    // Others may have no end.
    if !path.is_file() {
        return Ok(ends);
    }
    for line in BufReader::with_capacity(1 << 16, File::open(path)?).split(b'\n') {
        if let Ok(Entry::Ended(ended)) = Entry::read(&line?) {
            ends.insert((ended.id, ended.session_id));
        }
    }
    Ok(ends)
}

/// A time for an entry.
pub(crate) fn now() -> String {
    let milliseconds = unix_time::of(Instant::now());
    meaning::iso_text(i64::try_from(milliseconds).unwrap_or(i64::MAX))
}

/// Not opened to append: on some systems such a file could not be cut.
fn make(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// What a journal tells, and up to where it holds whole lines.
fn read(path: &Path, file: &File, service: &str) -> Result<(Book, u64)> {
    let mut book = Book::default();
    let mut lines = BufReader::with_capacity(1 << 16, file);
    let (mut line, mut length, mut number) = (Vec::new(), 0, 0_u64);
    loop {
        line.clear();
        let read = lines
            .read_until(b'\n', &mut line)
            .map_err(|why| unreadable(path, &why))?;
        if number == 0 && read > 0 && !is_begin(&line) {
            return Err(no_journal(path));
        }
        if line.last() != Some(&b'\n') {
            return Ok((book.closed(), length));
        }
        number += 1;
        match Entry::read(&line) {
            Ok(Entry::Journal { service: other }) if other != service => {
                return Err(Error::invalid(format!(
                    "The journal {} is about sessions of {other}, and this client speaks to {service}. Pass the same \
                     `base_url` as before, or name another journal",
                    path.display()
                )));
            }
            Ok(entry) => book.enter(entry, length),
            Err(Unreadable::TooNew) => {
                return Err(Error::invalid(format!(
                    "A later version of sessionwire wrote the journal {}. Upgrade sessionwire here",
                    path.display()
                )));
            }
            Err(Unreadable::Damaged) => return Err(damaged(path, number)),
        }
        length += read as u64;
    }
}

/// Whether a first line is that of a journal, or the beginning of one.
fn is_begin(line: &[u8]) -> bool {
    let begin = BEGIN.as_bytes();
    line.starts_with(begin) || (line.last() != Some(&b'\n') && begin.starts_with(line))
}

fn no_journal(path: &Path) -> Error {
    Error::invalid(format!(
        "{} is no journal of a batch, and was left as it is. Name another file as `journal`: one of a batch that was \
         begun, or one that does not exist",
        path.display()
    ))
}

fn damaged(path: &Path, number: u64) -> Error {
    Error::invalid(format!(
        "Line {number} of the journal {} is damaged, so which tasks were sent is not known. Put the file back as it \
         was. With another journal every task would be sent again",
        path.display()
    ))
}

fn refused(path: &Path, why: &io::Error) -> Error {
    let what = if path.is_dir() {
        "it is a folder. Name a file in it".to_owned()
    } else if path
        .parent()
        .is_some_and(|parent| !parent.as_os_str().is_empty() && !parent.exists())
    {
        "its folder does not exist. Make it first, or name another place".to_owned()
    } else {
        format!("{why}. Name a file that this user may write")
    };
    Error::config(format!(
        "`journal` is {}, which cannot be written: {what}",
        path.display()
    ))
}

fn unreadable(path: &Path, why: &io::Error) -> Error {
    Error::config(format!(
        "The journal {} cannot be read: {why}. See to the disk, and start again with the same journal",
        path.display()
    ))
}

/// Who has it stands in its last `begun`.
fn in_use(path: &Path, mut file: File) -> Error {
    let mut text = Vec::new();
    // Where a lock keeps readers off, nobody can say who it is.
    let read = file
        .seek(SeekFrom::Start(0))
        .and_then(|_| file.read_to_end(&mut text));
    let lines = text.split(|byte| *byte == b'\n').rev();
    let begun = lines.filter(|line| line.starts_with(br#"{"event":"begun""#));
    let process = begun.filter_map(|line| match Entry::read(line) {
        Ok(Entry::Begun { process, .. }) => Some(process),
        _ => None,
    });
    let mut next = "Wait until it has ended, or end it";
    let who = match process.take(1).next().filter(|_| read.is_ok()) {
        Some(id) if id == std::process::id() => {
            next = "Close the outcomes of the `run_tasks` that has it: leaving their loop may not end it, or not at once";
            "This process".to_owned()
        }
        // A lock goes over to the children of `fork`, and outlives their parent with them.
        Some(id) => format!("Another process ({id}, or a child that it forked)"),
        None => "Another process".to_owned(),
    };
    let path = path.display();
    Error::new(
        ErrorKind::Conflict,
        format!("{who} works by the journal {path}"),
    )
    .with_code("journal_in_use")
    .with_advice(&format!(
        "Nothing was sent here. {next}; then start again with the same journal."
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_that_was_given_on_is_not_written() {
        let name = format!("sessionwire-journal-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let key = KeyMark::from("0011-2233".to_owned());
        let open = || Journal::open(&path, "https://s/v1", &key, false).unwrap().0;
        let first = open();
        first.release();
        let second = open();
        second.write(&Entry::Finished, false).unwrap();
        let whole = std::fs::read(&path).unwrap();
        // An entry on its way when its task was stopped.
        let late = first.write(&Entry::Finished, false).unwrap_err();
        assert!(late.to_string().contains("the next batch has it"), "{late}");
        assert_eq!(std::fs::read(&path).unwrap(), whole);
        drop(second);
        open();
        std::fs::remove_file(&path).unwrap();
    }
}

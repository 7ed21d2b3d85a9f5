//! What goes on although nobody waits for it: a create that was sent, and the
//! delete of a session that nobody has.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use crate::error::{Error, ErrorKind, Result};
use crate::responses::DeleteResult;
use crate::runtime;
use crate::transport::{Closing, Secret};

/// What became of a delete at the end of a session's use.
pub(crate) type Ended = Result<Offer<Result<DeleteResult>>>;

/// How long the last delete of a session may take.
const LAST_DELETE: Duration = Duration::from_secs(20);

/// A delete that takes no longer than it may.
pub(crate) async fn last_delete(
    delete: impl Future<Output = Result<DeleteResult>>,
) -> Result<DeleteResult> {
    tokio::time::timeout(LAST_DELETE, delete)
        .await
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::Timeout, "The delete took too long")))
}

/// The background of a client and its copies.
#[derive(Clone)]
pub struct Background(Arc<Shared>);

struct Shared {
    closing: Closing,
    /// To be shown nowhere, whatever the service says.
    key: Secret,
    pieces: Mutex<Pieces>,
    /// Sent to at every change of the pieces.
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct Pieces {
    last: u64,
    under_way: BTreeMap<u64, Entry>,
    /// Why sessions are left, for whoever closes the client.
    failures: Vec<Error>,
}

struct Entry {
    work: Work,
    /// Somebody was told that it did not end in time.
    told: bool,
}

/// What a piece of work does.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    /// Creates a session; no request of it begins once this is closed.
    Create(Closing),
    /// Deletes this session.
    Delete(String),
    /// Has this session, and will delete it.
    Hold(String),
}

impl Background {
    pub(crate) fn new(closing: Closing, key: Secret) -> Self {
        Self(Arc::new(Shared {
            closing,
            key,
            pieces: Mutex::default(),
            changed: watch::Sender::new(()),
        }))
    }

    /// Counts a piece of work for as long as the piece lives.
    pub(crate) fn begin(&self, work: Work) -> Piece {
        let mut pieces = self.lock();
        pieces.last += 1;
        let number = pieces.last;
        let told = false;
        pieces.under_way.insert(number, Entry { work, told });
        drop(pieces);
        Piece {
            background: self.clone(),
            number,
            is_over: false,
        }
    }

    /// Ends the client's calls, for the end of a process. What must not be left
    /// goes on.
    pub fn close(&self) {
        self.0.closing.close();
    }

    /// Whether nothing is under way, and nothing is to be told.
    pub fn is_idle(&self) -> bool {
        let pieces = self.lock();
        pieces.failures.is_empty() && pieces.under_way.values().all(|entry| entry.told)
    }

    /// Whether both are one client's.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether nobody else can begin anything here any more.
    pub fn is_unused(&self) -> bool {
        Arc::strong_count(&self.0) == 1 && self.is_idle()
    }

    /// Waits until nothing is under way, for at most `limit`. Which sessions are
    /// left, or may be, and why; each is told once.
    pub async fn settle(&self, limit: Duration) -> Vec<Error> {
        let quiet = self.until(|entry| entry.told);
        if tokio::time::timeout(limit, quiet).await.is_err() {
            self.tell(limit, |_| true);
        }
        std::mem::take(&mut self.lock().failures)
    }

    /// Ends the attempts to create sessions, and waits for those that were sent.
    pub(crate) async fn created(&self) {
        for entry in self.lock().under_way.values() {
            if let Work::Create(wanted) = &entry.work {
                wanted.close();
            }
        }
        self.until(|entry| matches!(entry.work, Work::Hold(_)))
            .await;
    }

    /// Says that the creates and the deletes under way did not end in time.
    pub(crate) fn tell_created(&self, limit: Duration) {
        self.tell(limit, |entry| !matches!(entry.work, Work::Hold(_)));
    }

    /// Drops what was to be told of these sessions.
    pub(crate) fn forget(&self, session_ids: &HashSet<String>) {
        self.lock().failures.retain(|error| {
            !error
                .session_id()
                .is_some_and(|session_id| session_ids.contains(session_id))
        });
    }

    /// Waits until every piece that is under way can be left out.
    async fn until(&self, left_out: impl Fn(&Entry) -> bool) {
        let mut changed = self.0.changed.subscribe();
        loop {
            changed.borrow_and_update();
            if self.lock().under_way.values().all(&left_out) {
                return;
            }
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    /// Says of everything under way that it did not end in time.
    fn tell(&self, limit: Duration, which: impl Fn(&Entry) -> bool) {
        let mut pieces = self.lock();
        let Pieces {
            under_way,
            failures,
            ..
        } = &mut *pieces;
        for entry in under_way
            .values_mut()
            .filter(|entry| !entry.told && which(entry))
        {
            entry.told = true;
            let why = format!("no reply came within {} s", limit.as_secs_f64());
            failures.push(entry.work.left(&why));
        }
    }

    /// Carries a delete out to its end, also where the caller leaves, be it at
    /// once; what fails is told then.
    pub(crate) fn end_session<D>(
        &self,
        session_id: &str,
        delete: D,
    ) -> impl Future<Output = Ended> + Send + 'static + use<D>
    where
        D: Future<Output = Result<DeleteResult>> + Send + 'static,
    {
        let work = Work::Delete(session_id.to_owned());
        let mut piece = self.begin(work.clone());
        let (reply, replied) = oneshot::channel();
        let background = self.clone();
        runtime::spawn(async move {
            let outcome = last_delete(delete).await;
            piece.over();
            let error = outcome.clone().and_then(DeleteResult::confirmed).err();
            let left = error.map(|error| work.left(error.message()));
            let offer = Offer::new(outcome, piece, move |told| {
                if let Some(left) = left.filter(|_| !told) {
                    background.report(left);
                }
            });
            let _ = reply.send(offer);
        });
        async {
            let offer = replied.await.map_err(|_| Error::closed())?;
            Ok(offer.delivered())
        }
    }

    /// Notes that a session is left, and why.
    pub(crate) fn report(&self, error: Error) {
        let error = self.shown(error);
        self.lock().failures.push(error);
    }

    /// The error as it may be shown; the log has it.
    fn shown(&self, error: Error) -> Error {
        let error = error.redacted(&self.0.key);
        tracing::warn!("{}", error.message());
        error
    }

    fn lock(&self) -> MutexGuard<'_, Pieces> {
        self.0.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Background")
            .field("idle", &self.is_idle())
            .finish_non_exhaustive()
    }
}

impl Work {
    /// The error that says what is left of this.
    pub(crate) fn left(&self, why: &str) -> Error {
        match self {
            Self::Create(_) => Error::new(
                ErrorKind::Timeout,
                format!(
                    "A session was being created when nobody waited for it any more, and may go on costing: {why}. \
                     Look for it in the list of sessions"
                ),
            ),
            Self::Delete(session_id) | Self::Hold(session_id) => Error::new(
                ErrorKind::Timeout,
                format!("The session {session_id} could not be deleted and may go on costing: {why}"),
            )
            .with_session(session_id),
        }
        .without_advice()
    }
}

/// A piece of work under way.
pub(crate) struct Piece {
    background: Background,
    number: u64,
    is_over: bool,
}

impl Piece {
    /// It came to its end: nothing of it is left.
    pub(crate) fn over(&mut self) {
        self.is_over = true;
    }

    /// Whether somebody was told that it did not end in time.
    fn was_told(&self) -> bool {
        let pieces = self.background.lock();
        let entry = pieces.under_way.get(&self.number);
        entry.is_some_and(|entry| entry.told)
    }

    /// What is to be told where it ends now.
    fn left(&self) -> Option<Error> {
        let pieces = self.background.lock();
        let entry = pieces.under_way.get(&self.number);
        let untold = entry.filter(|entry| !self.is_over && !entry.told)?;
        let why = "the program ended before the service replied";
        Some(untold.work.left(why))
    }

    /// From here on it is a session that somebody holds.
    fn hold(&mut self, session_id: &str) {
        let mut pieces = self.background.lock();
        if let Some(entry) = pieces.under_way.get_mut(&self.number) {
            entry.work = Work::Hold(session_id.to_owned());
        }
        self.is_over = false;
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let background = &self.background;
        // The log may call what is not ours: not while the lock is held.
        let left = self.left().map(|left| background.shown(left));
        let mut pieces = background.lock();
        let entry = pieces.under_way.remove(&self.number);
        // In one step: nobody finds it neither under way nor told.
        if entry.is_some_and(|entry| !entry.told) {
            pieces.failures.extend(left);
        }
        drop(pieces);
        background.0.changed.send_replace(());
    }
}

/// What a piece of work gave. Somebody must take it; otherwise it is seen to.
#[derive(Clone)]
pub struct Offer<T> {
    value: T,
    guard: Arc<Guard>,
}

/// Sees to the value; whether somebody was told already that it may be left.
type Lost = Box<dyn FnOnce(bool) + Send>;

struct Guard {
    lost: Mutex<Option<Lost>>,
    piece: Mutex<Option<Piece>>,
}

impl<T> Offer<T> {
    /// The work goes on counting until somebody has its value.
    pub(crate) fn new(value: T, piece: Piece, lost: impl FnOnce(bool) + Send + 'static) -> Self {
        let guard = Arc::new(Guard {
            lost: Mutex::new(Some(Box::new(lost))),
            piece: Mutex::new(Some(piece)),
        });
        Self { value, guard }
    }

    /// It reached a caller, who takes it or drops it.
    pub(crate) fn delivered(self) -> Self {
        take(&self.guard.piece);
        self
    }

    /// The value, whose session the caller sees to for as long as it has the piece.
    pub(crate) fn hold(self, session_id: &str) -> (T, Option<Piece>) {
        let mut piece = take(&self.guard.piece);
        if let Some(piece) = &mut piece {
            piece.hold(session_id);
        }
        (self.take(), piece)
    }

    /// The value; from here on the caller sees to it.
    pub fn take(self) -> T {
        take(&self.guard.lost);
        self.value
    }
}

impl<T> Offer<Result<T>> {
    /// An error is the caller's at once.
    pub(crate) fn transposed(self) -> Result<Offer<T>> {
        match self.value {
            Ok(value) => Ok(Offer {
                value,
                guard: self.guard,
            }),
            Err(error) => {
                take(&self.guard.lost);
                Err(error)
            }
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let piece = take(&self.piece);
        if let Some(lost) = take(&self.lost) {
            lost(piece.as_ref().is_some_and(Piece::was_told));
        }
    }
}

fn take<T>(slot: &Mutex<Option<T>>) -> Option<T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl<T> std::ops::Deref for Offer<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Two are equal where taking one takes the other.
impl<T> PartialEq for Offer<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.guard, &other.guard)
    }
}

impl<T: serde::Serialize> serde::Serialize for Offer<T> {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<T: fmt::Debug> fmt::Debug for Offer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

//! A pool: sessions that are shared, and never more than so many of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};

use super::api::Api;
use super::claim::LastTask;
use super::client::Client;
use super::models::{CreateSession, PoolOptions, SessionInfo, is_terminal};
use super::places::{AfterLimit, Places, Step};
use super::session::{Session, Sessions};
use crate::background::{Piece, Work};
use crate::error::{Error, ErrorKind, Result};
use crate::responses::says_gone;
use crate::runtime;
use crate::transport::{Closing, Lease, jitter, retry};

/// The first and the longest pause of our own choice while a limit holds.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Sessions that are shared: each is given to one user at a time, and used again when it
/// is given back. Clones share it. Once the last one is dropped, its sessions are deleted
/// in the background; [`close`](Self::close) waits for that.
#[derive(Debug, Clone)]
pub struct SessionPool(Arc<Users>);

/// Dropped with the last handle on a pool.
#[derive(Debug)]
struct Users(Arc<Shared>);

/// A session of a pool, which it goes back to when this is dropped. A session whose task
/// still runs, or that is too old, is deleted then, and another one takes its place.
#[derive(Debug)]
pub struct PooledSession {
    session: Session,
    /// Whether nobody has had it yet.
    fresh: bool,
    number: u64,
    /// `None` once it was given back.
    shared: Option<Arc<Shared>>,
}

struct Shared {
    api: Api,
    options: PoolOptions,
    runtime: Handle,
    places: Mutex<Places<Held, Waiter>>,
    /// Why the service gave no more sessions, while that holds.
    limit: Mutex<Option<Error>>,
    /// Sent to where a session is gone, or a create has ended.
    changed: Notify,
    /// Closed with the pool.
    ended: Closing,
    /// Closed when nothing of the pool is left.
    dropped: Closing,
}

type Waiter = oneshot::Sender<Result<PooledSession>>;

/// A session that the pool sees to.
#[derive(Clone)]
struct Held {
    info: SessionInfo,
    created: Instant,
    /// Whether nobody has had it yet.
    fresh: bool,
    piece: Arc<Mutex<Option<Piece>>>,
    /// Of the one who has it.
    lease: Arc<Mutex<Lease>>,
}

impl Sessions {
    /// A pool of sessions. It creates them as they are needed.
    ///
    /// # Errors
    /// `InvalidRequest` for options of no use; nothing was sent.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn pool(&self, options: PoolOptions) -> Result<SessionPool> {
        options.check()?;
        self.api.closing().check()?;
        let shared = Arc::new(Shared {
            places: Mutex::new(Places::new(options.max_sessions)),
            api: self.api.clone(),
            options,
            runtime: Handle::current(),
            limit: Mutex::default(),
            changed: Notify::new(),
            ended: Closing::default(),
            dropped: Closing::default(),
        });
        shared.end_with_client();
        Ok(SessionPool(Arc::new(Users(shared))))
    }
}

impl SessionPool {
    /// A session, once one is free: without a limit of time.
    ///
    /// # Errors
    /// Those of `create`, where the session had to be created. `RateLimit` where the service
    /// allows no more and none of this pool will be free.
    pub async fn session(&self) -> Result<PooledSession> {
        self.0.0.acquire(None).await
    }

    /// The same, for at most this long.
    ///
    /// # Errors
    /// `TaskTimeout` where none became free in time.
    pub async fn session_within(&self, timeout: Duration) -> Result<PooledSession> {
        self.0.0.acquire(Some(timeout)).await
    }

    /// Runs `work` with a session. Where it fails, the session is deleted and not used again.
    ///
    /// # Errors
    /// Those of [`session`](Self::session), and what `work` fails with.
    pub async fn with_session<T, E, F>(
        &self,
        work: impl FnOnce(Session) -> F,
    ) -> std::result::Result<T, E>
    where
        F: Future<Output = std::result::Result<T, E>>,
        E: From<Error>,
    {
        let pooled = self.session().await?;
        let outcome = work(pooled.session.clone()).await;
        match outcome.is_ok() {
            true => pooled.release().await,
            false => pooled.discard().await,
        }
        outcome
    }

    /// Ends it: whoever waits gets an error, what rests is deleted, and what is in use is
    /// deleted when it is given back. Waits for the deletes. Can be called twice.
    pub fn close(&self) -> impl Future<Output = ()> + Send + 'static {
        let shared = self.0.0.clone();
        shared.end(false);
        async move {
            loop {
                let changed = shared.changed.notified();
                if shared.places().is_settled() {
                    return;
                }
                changed.await;
            }
        }
    }

    /// Takes a session back by the number that a binding has of it.
    pub(crate) fn give_back(
        &self,
        number: u64,
        discard: bool,
    ) -> impl Future<Output = ()> + Send + 'static {
        let deleted = self.0.0.take_back(number, discard);
        async move {
            if let Some(deleted) = deleted {
                let _ = deleted.await;
            }
        }
    }

    /// A client whose calls end when the session with this number is given back: for
    /// bindings, whose sessions make their calls by a client.
    #[doc(hidden)]
    pub fn client_of(&self, number: u64) -> Option<Client> {
        let shared = &self.0.0;
        let held = shared.places().used(number)?;
        let api = shared.api.by(&lock(&held.lease));
        Some(Client { api })
    }

    /// The same as `session`, for bindings.
    pub(crate) fn acquire(
        &self,
        timeout: Option<Duration>,
    ) -> impl Future<Output = Result<PooledSession>> + Send + 'static {
        let shared = self.0.0.clone();
        async move { shared.acquire(timeout).await }
    }
}

impl Drop for Users {
    fn drop(&mut self) {
        self.0.end(false);
    }
}

impl PooledSession {
    /// Gives it back now. Waits for its delete, where it is deleted.
    pub async fn release(self) {
        self.give_back(false).await;
    }

    /// Gives it back to be deleted: it is not used again.
    pub async fn discard(self) {
        self.give_back(true).await;
    }

    fn give_back(mut self, discard: bool) -> impl Future<Output = ()> {
        let deleted = self
            .shared
            .take()
            .and_then(|shared| shared.take_back(self.number, discard));
        async move {
            if let Some(deleted) = deleted {
                let _ = deleted.await;
            }
        }
    }

    /// Its number and fields: from here on somebody gives it back by its number.
    pub(crate) fn taken(mut self) -> (u64, SessionInfo) {
        self.shared = None;
        (self.number, self.session.info().clone())
    }
}

impl std::ops::Deref for PooledSession {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Drop for PooledSession {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            // What panicked with it may have left it in any state.
            shared.take_back(self.number, std::thread::panicking());
        }
    }
}

/// Told when a delete has ended.
type Deleted = oneshot::Receiver<()>;

impl Shared {
    async fn acquire(self: &Arc<Self>, timeout: Option<Duration>) -> Result<PooledSession> {
        let until = timeout.map(|timeout| crate::validate::duration("timeout", timeout));
        let until = until.transpose()?;
        self.api.closing().check()?;
        let acquiring = Box::pin(self.fit_session(until.is_some()));
        let bounded = async {
            match until {
                None => acquiring.await,
                Some(limit) => tokio::time::timeout(limit, acquiring)
                    .await
                    .unwrap_or_else(|_| Err(self.none_in_time(limit))),
            }
        };
        self.api.closing().until_closed(bounded).await
    }

    /// Waits for a session that can be used.
    async fn fit_session(self: &Arc<Self>, is_limited: bool) -> Result<PooledSession> {
        let patience = self
            .options
            .create
            .wait_for_limit
            .or(self.api.config().wait_for_limit())
            .unwrap_or_default();
        let gives_up_at = match is_limited {
            true => None,
            false => Instant::now().checked_add(patience),
        };
        let number = self.places().number();
        loop {
            let (waiter, given) = oneshot::channel();
            let _waiting = Waiting {
                shared: self,
                number,
            };
            let waits = self.places().wait(number, waiter, gives_up_at);
            waits.map_err(|_| self.closed())?;
            self.serve();
            let session = given.await.map_err(|_| self.closed())??;
            if session.fresh || self.is_fit(&session).await? {
                return Ok(session);
            }
            // In the background: it leaves while the next one is waited for.
            drop(session.give_back(true));
        }
    }

    /// Whether a session that was used before can be used again: the service has it, and no
    /// task runs in it.
    async fn is_fit(&self, session: &PooledSession) -> Result<bool> {
        let id = session.id();
        match self.api.status(id).await {
            Ok(status) => Ok(is_terminal(&status.status) || status.status == "ready"),
            Err(error) if says_gone(&error) => {
                self.api.forget(id);
                Ok(false)
            }
            // Whatever it is: this one may be broken, and another one will say more.
            Err(_) => self.api.closing().check().map(|()| false),
        }
    }

    /// Does what can be done for those who wait.
    fn serve(self: &Arc<Self>) {
        loop {
            let step = self.places().step();
            match step {
                None => return,
                Some(Step::Create) => drop(runtime::spawn_on(&self.runtime, self.clone().create())),
                Some(Step::Give {
                    number,
                    waiter,
                    session,
                }) => {
                    let lease = Lease::default();
                    *lock(&session.lease) = lease.clone();
                    let given = PooledSession {
                        session: Session::of(self.api.by(&lease), session.info),
                        fresh: session.fresh,
                        number,
                        shared: Some(self.clone()),
                    };
                    // Where its waiter has left, it comes back at once.
                    drop(waiter.send(Ok(given)));
                }
            }
        }
    }

    /// Creates a session for those who wait; while a limit holds, again and again.
    async fn create(self: Arc<Self>) {
        let create = CreateSession {
            // The pool waits itself: for its own sessions, too.
            wait_for_limit: Some(Duration::ZERO),
            ..self.options.create.clone()
        };
        let (mut limited, mut step) = (false, 0);
        loop {
            let error = match self.api.offer(&create).await {
                Ok(offer) => {
                    let id = offer.session_id.clone();
                    let (info, piece) = offer.hold(&id);
                    self.created(info, piece);
                    return;
                }
                Err(error) => error,
            };
            if error.kind() != ErrorKind::RateLimit {
                self.not_created(limited, error);
                return;
            }
            let pause = error
                .retry_after()
                .unwrap_or_else(|| retry::backoff(step, FIRST_PAUSE, LONGEST_PAUSE, jitter()));
            step += 1;
            // Asked for before anybody can send to it.
            let changed = self.changed.notified();
            let (after, told) = self.places().met_limit(limited, Instant::now(), pause);
            *lock(&self.limit) = Some(error.clone());
            for waiter in told {
                drop(waiter.send(Err(error.clone())));
            }
            if after == AfterLimit::End {
                self.changed.notify_waiters();
                return;
            }
            limited = true;
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep(pause) => {}
                () = self.ended.closed() => {}
                () = self.api.closing().closed() => {}
            }
            let is_wanted = self.places().is_wanted();
            if !is_wanted {
                self.places().gave_up(limited);
                self.changed.notify_waiters();
                return self.serve();
            }
        }
    }

    fn created(self: &Arc<Self>, info: SessionInfo, piece: Option<Piece>) {
        *lock(&self.limit) = None;
        let held = Held {
            info,
            created: Instant::now(),
            fresh: true,
            piece: Arc::new(Mutex::new(piece)),
            lease: Arc::default(),
        };
        let unwanted = self.places().created(held).err();
        if let Some(held) = unwanted {
            drop(self.delete(held));
        }
        self.changed.notify_waiters();
        self.serve();
    }

    fn not_created(self: &Arc<Self>, limited: bool, error: Error) {
        let waiter = self.places().not_created(limited);
        let untold = match waiter {
            Some(waiter) => waiter.send(Err(error)).err(),
            None => Some(Err(error)),
        };
        if let Some(Err(error)) = untold
            && error.maybe_delivered()
        {
            let left = Work::Create(Closing::default()).left(error.message());
            self.api.background().report(left);
        }
        self.changed.notify_waiters();
        self.serve();
    }

    /// Takes a session back: to be used again, or to be deleted.
    fn take_back(self: &Arc<Self>, number: u64, discard: bool) -> Option<Deleted> {
        let mut held = self.places().take_back(number)?;
        lock(&held.lease).end();
        let Some(known) = self.api.cached(&held.info.session_id) else {
            // Its user deleted it, or the service does not have it any more.
            held.over();
            self.places().gone();
            self.changed.notify_waiters();
            self.serve();
            return None;
        };
        let is_busy = known.sent_after.is_some()
            || matches!(
                known.last.settled(),
                LastTask::Open(_) | LastTask::Cancelled
            );
        if discard || is_busy || self.is_too_old(&held) {
            return Some(self.delete(held));
        }
        held.fresh = false;
        let unwanted = self.places().rest(held).err();
        match unwanted {
            Some(held) => Some(self.delete(held)),
            None => {
                self.serve();
                None
            }
        }
    }

    fn is_too_old(&self, held: &Held) -> bool {
        let most = self.options.max_age;
        most.is_some_and(|most| held.created.elapsed() >= most)
    }

    /// Deletes a session that is leaving; its place is free once it is gone.
    fn delete(self: &Arc<Self>, held: Held) -> Deleted {
        let (told, deleted) = oneshot::channel();
        let shared = self.clone();
        runtime::spawn_on(&self.runtime, async move {
            held.delete(&shared.api, &shared.options).await;
            shared.places().gone();
            shared.changed.notify_waiters();
            let _ = told.send(());
            shared.serve();
        });
        deleted
    }

    /// Ends the pool; with what is in use where `all`.
    fn end(self: &Arc<Self>, all: bool) {
        let (waiters, sessions) = self.places().close(all);
        self.ended.close();
        for waiter in waiters {
            drop(waiter.send(Err(self.closed())));
        }
        for held in sessions {
            drop(self.delete(held));
        }
    }

    /// Deletes every session once the client is closed: nobody can use them then.
    fn end_with_client(self: &Arc<Self>) {
        let pool = Arc::downgrade(self);
        let (closing, dropped) = (self.api.closing().clone(), self.dropped.clone());
        runtime::spawn_on(&self.runtime, async move {
            tokio::select! {
                () = closing.closed() => {}
                () = dropped.closed() => return,
            }
            if let Some(pool) = pool.upgrade() {
                pool.end(true);
            }
        });
    }

    /// Why there was no session in time.
    fn none_in_time(&self, timeout: Duration) -> Error {
        let (in_use, will_come_back) = {
            let places = self.places();
            (places.in_use(), places.will_come_back())
        };
        let limit = lock(&self.limit).clone();
        if let Some(limit) = &limit
            && !will_come_back
        {
            return limit.clone();
        }
        let refused = match limit {
            Some(_) => ", and the service allows no more",
            None => "",
        };
        Error::new(
            ErrorKind::TaskTimeout,
            format!(
                "No session of the pool became free within {} s: {in_use} of at most {} are in use{refused}. Give them \
                 back sooner, raise `max_sessions`, or wait longer with `timeout`",
                timeout.as_secs_f64(),
                self.options.max_sessions
            ),
        )
    }

    /// What somebody hears who waits when it ends.
    fn closed(&self) -> Error {
        self.api.closing().check().err().unwrap_or_else(pool_closed)
    }

    fn places(&self) -> MutexGuard<'_, Places<Held, Waiter>> {
        lock(&self.places)
    }
}

/// What nobody gave back is deleted.
impl Drop for Shared {
    fn drop(&mut self) {
        self.dropped.close();
        let (_, left) = lock(&self.places).close(true);
        for held in left {
            let (api, options) = (self.api.clone(), self.options.clone());
            runtime::spawn_on(
                &self.runtime,
                async move { held.delete(&api, &options).await },
            );
        }
    }
}

impl Held {
    async fn delete(&self, api: &Api, options: &PoolOptions) {
        let id = &self.info.session_id;
        api.delete_held(id, &options.create.snapshot).await;
        self.over();
    }

    /// Nothing of it is left, or somebody was told.
    fn over(&self) {
        if let Some(mut piece) = lock(&self.piece).take() {
            piece.over();
        }
    }
}

/// Leaves the queue when its waiter does.
struct Waiting<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.shared.places().leave(self.number);
    }
}

fn pool_closed() -> Error {
    Error::new(
        ErrorKind::Connection,
        "The pool is closed. Make a new one to go on",
    )
    .with_reason("pool_closed")
    .without_advice()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("max_sessions", &self.options.max_sessions)
            .finish_non_exhaustive()
    }
}

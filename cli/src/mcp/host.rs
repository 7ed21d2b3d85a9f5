//! What the server holds for its clients: the services, the open sessions, the tasks and turns.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use sessionwire::agi::{self, SnapshotOptions};
use sessionwire::raccoon;
use sessionwire::{Error, ErrorKind, OptionChanges};
use tokio::sync::{Mutex as AsyncMutex, Notify, RwLock, RwLockReadGuard};
use tokio::time::Instant;

use super::jobs::{End, Job, Work};
use super::limits::{CLEANUP, CREATE_GRACE, Limits};
use super::replies::{Answer, Refusal};
use crate::terminal::note;

/// How many tasks and turns that are over are kept for those who come back.
const KEPT: usize = 200;

/// A service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Agi,
    Raccoon,
}

/// A session that this server opened.
struct Open {
    service: Service,
    id: String,
    /// The connection that it belongs to; it goes when that goes.
    owner: u64,
    until: Instant,
    /// Held by who deletes it; the next one sees what became of that.
    deleting: Arc<AsyncMutex<()>>,
}

/// The open sessions, and how many are being opened.
#[derive(Default)]
struct Sessions {
    open: Vec<Open>,
    coming: usize,
    is_closing: bool,
}

impl Sessions {
    fn find(&self, service: Service, id: &str) -> Option<&Open> {
        let mut open = self.open.iter();
        open.find(|open| open.service == service && open.id == id)
    }
}

pub(super) struct Host {
    pub(super) agi: Option<agi::Client>,
    pub(super) raccoon: Option<raccoon::Client>,
    pub(super) limits: Limits,
    pub(super) agent: String,
    sessions: Mutex<Sessions>,
    jobs: Mutex<Vec<Arc<Job>>>,
    /// A session was opened, or lives longer.
    opened: Notify,
    /// Read by the turns that are being started: one that the end of the server did not see would
    /// go on in a session that is gone.
    starting: RwLock<()>,
}

impl Host {
    pub(super) fn new(
        agi: Option<agi::Client>,
        raccoon: Option<raccoon::Client>,
        limits: Limits,
        agent: String,
    ) -> Arc<Self> {
        Arc::new(Self {
            agi,
            raccoon,
            limits,
            agent,
            sessions: Mutex::default(),
            jobs: Mutex::default(),
            opened: Notify::new(),
            starting: RwLock::default(),
        })
    }

    pub(super) fn agi(&self) -> Result<&agi::Client, Refusal> {
        let missing = "This server has no key of the AGI service. The user can set AGI_API_KEY and start it again.";
        self.agi.as_ref().ok_or_else(|| Refusal::new(missing))
    }

    pub(super) fn raccoon(&self) -> Result<&raccoon::Client, Refusal> {
        let missing = "This server has no key of Raccoon. The user can set RACCOON_API_KEY and start it again.";
        self.raccoon.as_ref().ok_or_else(|| Refusal::new(missing))
    }

    /// A place for one more session.
    pub(super) fn place(self: &Arc<Self>) -> Result<Place, Refusal> {
        let mut sessions = self.lock();
        if sessions.is_closing {
            return Err(ends());
        }
        let most = self.limits.max_sessions;
        if sessions.open.len() + sessions.coming >= most {
            let ids: Vec<&str> = sessions.open.iter().map(|open| open.id.as_str()).collect();
            return Err(Refusal::new(format!(
                "{most} sessions are open, the most that this server allows (--max-sessions). Nothing was sent. Use one of \
                 them with session_id, wait for a task to end, or delete one: {}.",
                ids.join(", ")
            )));
        }
        sessions.coming += 1;
        Ok(Place(self.clone()))
    }

    /// A turn is being started, until this is dropped.
    pub(super) fn starts_turn(&self) -> Result<RwLockReadGuard<'_, ()>, Refusal> {
        match self.starting.try_read() {
            Ok(starting) if !self.lock().is_closing => Ok(starting),
            _ => Err(ends()),
        }
    }

    pub(super) fn is_open(&self, service: Service, id: &str) -> bool {
        self.lock().find(service, id).is_some()
    }

    /// The ids of the open sessions.
    pub(super) fn open(&self, service: Service) -> Vec<String> {
        let sessions = self.lock();
        let of_service = sessions.open.iter().filter(|open| open.service == service);
        of_service.map(|open| open.id.clone()).collect()
    }

    /// Whether the model may do something to this session.
    pub(super) fn may_touch(&self, service: Service, id: &str) -> Result<(), Refusal> {
        if self.limits.all_sessions || self.is_open(service, id) {
            return Ok(());
        }
        Err(Refusal::new(format!(
            "session_id: {id:?} is none of the sessions that this server opened. Nothing was sent. Name one of these, or ask \
             the user to start the server with --all-sessions."
        )))
    }

    /// A task starts in this session: it lives as long as that may take.
    pub(super) fn lives_on(&self, service: Service, id: &str) {
        let until = Instant::now() + self.limits.life();
        for open in &mut self.lock().open {
            if open.service == service && open.id == id {
                open.until = until;
            }
        }
        self.opened.notify_one();
    }

    /// Follows a task or turn to its end, and deletes its session where that ends with it.
    pub(super) fn take_on(
        self: &Arc<Self>,
        work: Work,
        ends_session: bool,
    ) -> Result<Arc<Job>, Refusal> {
        let kind = match work {
            Work::Task(_) => "task",
            Work::Turn(_) => "turn",
        };
        let job = Job::new(format!("{kind}-{}", random()?), work, ends_session);
        self.lives_on(service_of(&job), &job.session_id);
        self.keep(job.clone());
        let (host, followed) = (Arc::downgrade(self), job.clone());
        tokio::spawn(async move {
            let end = followed.read_to_its_end().await;
            if let Some(host) = host.upgrade()
                && followed.ends_session
                && let Err(why) = host
                    .delete(service_of(&followed), &followed.session_id)
                    .await
            {
                followed.left_its_session(format!(
                    "Its session {} was not deleted: {why} The server tries again when it ends.",
                    followed.session_id
                ));
            }
            followed.finish(end);
        });
        Ok(job)
    }

    /// Cancels a task or turn, and its session where that ends with it.
    pub(super) async fn end(&self, job: &Job) -> Answer {
        if job.end().is_none() {
            let mut changes = job.changes();
            let cancelled = job.cancel().await;
            match cancelled {
                Err(error) if !job.ends_session => return Err(error.into()),
                // Its session's end is its own.
                Err(_) => drop(self.delete(service_of(job), &job.session_id).await?),
                Ok(()) => {}
            }
            let over = async { while job.end().is_none() && changes.changed().await.is_ok() {} };
            let _ = tokio::time::timeout(CLEANUP, over).await;
        }
        job.report()
    }

    fn keep(&self, job: Arc<Job>) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if jobs.len() >= KEPT
            && let Some(over) = jobs.iter().position(|job| job.end().is_some())
        {
            jobs.remove(over);
        }
        jobs.push(job);
    }

    /// The task or turn of this id.
    pub(super) fn job(&self, kind: &str, id: &str) -> Result<Arc<Job>, Refusal> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let found = jobs.iter().find(|job| job.id == id && job.kind() == kind);
        found.cloned().ok_or_else(|| {
            Refusal::new(format!(
                "{kind}_id: there is no {kind} {id:?} here. Pass the {kind}_id that start_{kind} or run_{kind} gave; a server \
                 that was started again knows none of before."
            ))
        })
    }

    /// Those that are not over, in this session.
    fn at_work_in(&self, service: Service, session_id: &str) -> Vec<Arc<Job>> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |job: &&Arc<Job>| {
            job.session_id == session_id && service_of(job) == service && job.end().is_none()
        };
        jobs.iter().filter(same).cloned().collect()
    }

    /// Deletes a session; what works in it ends. One that is gone is no error.
    pub(super) async fn delete(&self, service: Service, id: &str) -> Result<bool, Error> {
        let known = self.deleting(service, id);
        let _deleting = match &known {
            Some(deleting) => Some(deleting.lock().await),
            None => None,
        };
        if known.is_some() && !self.is_open(service, id) {
            return Ok(false);
        }
        let deleted = match service {
            Service::Agi => self.delete_of_agi(id).await,
            Service::Raccoon => self.delete_of_raccoon(id).await,
        };
        match deleted {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            deleted => {
                let mut sessions = self.lock();
                sessions
                    .open
                    .retain(|open| open.service != service || open.id != id);
                Ok(deleted.unwrap_or(false))
            }
        }
    }

    /// What the deletes of an open session take in turn.
    fn deleting(&self, service: Service, id: &str) -> Option<Arc<AsyncMutex<()>>> {
        let sessions = self.lock();
        sessions.find(service, id).map(|open| open.deleting.clone())
    }

    /// Deletes a session that nobody needs any more, and says so where that fails.
    async fn tidy_up(&self, service: Service, id: &str) {
        match self.delete(service, id).await {
            Ok(_) => {}
            // Who closed the client deletes what is left.
            Err(why) if is_of_close(&why) => {}
            Err(why) => note(&format!("warning: the session {id} was not deleted: {why}")),
        }
    }

    async fn delete_of_agi(&self, id: &str) -> Result<bool, Error> {
        let Some(client) = &self.agi else {
            return Ok(false);
        };
        let client = client.with_options(OptionChanges::default().timeout(CLEANUP))?;
        let reply = client
            .sessions()
            .delete(id, SnapshotOptions::default())
            .await?;
        match reply.success {
            true => Ok(reply.deleted),
            false => Err(Error::new(
                ErrorKind::Status,
                format!("the service says {:?}", reply.message),
            )),
        }
    }

    async fn delete_of_raccoon(&self, id: &str) -> Result<bool, Error> {
        let Some(client) = &self.raccoon else {
            return Ok(false);
        };
        // A turn would go on without its session.
        for job in self.at_work_in(Service::Raccoon, id) {
            let _ = job.cancel_once().await;
        }
        let client = client.with_options(OptionChanges::default().timeout(CLEANUP))?;
        Ok(client.sessions().delete(id).await?.deleted)
    }

    /// Gives up what lives too long, for as long as the server runs.
    pub(super) async fn watch_the_clock(self: Arc<Self>) {
        loop {
            let next = self.lock().open.iter().map(|open| open.until).min();
            let over = async {
                match next {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = over => self.give_up().await,
                () = self.opened.notified() => {}
            }
        }
    }

    async fn give_up(&self) {
        let now = Instant::now();
        let mut over = Vec::new();
        for open in &mut self.lock().open {
            if open.until <= now {
                over.push((open.service, open.id.clone()));
                // Where it cannot be deleted, it is tried again.
                open.until = now + CLEANUP;
            }
        }
        for (service, id) in over {
            let why = format!(
                "It took longer than {} minutes, the most that this server allows (--max-minutes): it was given up, and its \
                 session {id} deleted. Make it smaller, or ask the user for more time.",
                self.limits.max_minutes
            );
            for job in self.at_work_in(service, &id) {
                job.finish(End::GivenUp(why.clone()));
            }
            self.tidy_up(service, &id).await;
        }
    }

    /// A connection is gone, and so are its sessions.
    pub(super) async fn let_go(&self, owner: u64) {
        let of_owner = |open: &&Open| open.owner == owner;
        let left: Vec<_> = {
            let sessions = self.lock();
            if sessions.is_closing {
                return;
            }
            let left = sessions.open.iter().filter(of_owner);
            left.map(|open| (open.service, open.id.clone())).collect()
        };
        let deletes = left.iter().map(|(service, id)| self.tidy_up(*service, id));
        join_all(deletes).await;
    }

    /// Ends everything: no session is left. Can be called twice.
    pub(super) async fn close(&self) {
        if std::mem::replace(&mut self.lock().is_closing, true) {
            return;
        }
        tokio::join!(self.close_agi(), self.close_raccoon());
    }

    async fn close_raccoon(&self) {
        let Some(client) = &self.raccoon else { return };
        let started = tokio::time::timeout(CREATE_GRACE, self.starting.write()).await;
        let left = self.open(Service::Raccoon);
        let deletes = left.iter().map(|id| async move {
            // Its turn is stopped first.
            let limit = 2 * CLEANUP;
            let deleted = tokio::time::timeout(limit, self.delete(Service::Raccoon, id)).await;
            let why = match deleted {
                Ok(Ok(_)) => return,
                Ok(Err(why)) => why.to_string(),
                Err(_) => format!("that took longer than {} s.", limit.as_secs()),
            };
            note(&format!("warning: the session {id} was not deleted: {why}"));
        });
        join_all(deletes).await;
        client.close();
        if started.is_err() {
            note(
                "warning: a turn was being started when the server ended, and may be at work. Look for it with `sessionwire \
                 raccoon sessions list`.",
            );
        }
        for left in client.settle(CREATE_GRACE).await {
            note(&format!("warning: {left}"));
        }
    }

    async fn close_agi(&self) {
        let Some(client) = &self.agi else { return };
        client.close();
        let (left, unsettled) = tokio::join!(
            client.delete_created_sessions(CLEANUP),
            client.settle(CREATE_GRACE)
        );
        for (id, why) in left {
            note(&format!(
                "warning: the session {id} was not deleted: {why} The next server of this ledger tries again; `sessionwire \
                 sessions delete {id}` does it now."
            ));
        }
        for left in unsettled {
            note(&format!("warning: {left}"));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place that was taken for a session; it is free again where none came.
pub(super) struct Place(Arc<Host>);

impl Place {
    /// The session is there.
    pub(super) fn take(self, service: Service, id: &str, owner: u64) {
        let until = Instant::now() + self.0.limits.life();
        self.0.lock().open.push(Open {
            service,
            id: id.to_owned(),
            owner,
            until,
            deleting: Arc::default(),
        });
        self.0.opened.notify_one();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.lock().coming -= 1;
    }
}

fn ends() -> Refusal {
    Refusal::new("The server ends. Start it again.")
}

/// Whether it failed because the server ends.
pub(super) fn is_of_close(error: &Error) -> bool {
    error.reason() == Some("client_closed")
}

fn service_of(job: &Job) -> Service {
    match job.work {
        Work::Task(_) => Service::Agi,
        Work::Turn(_) => Service::Raccoon,
    }
}

/// 128 bits that nobody guesses.
pub(super) fn random() -> Result<String, Refusal> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|why| {
        Refusal::new(format!(
            "This machine gives no random number: {why}. Try again."
        ))
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

//! What all requests share.

use crate::agent::Agent;
use crate::agi::account::Account;
use crate::browser::Browsers;
use crate::emulator::Options;
use crate::faults::Faults;
use crate::live;
use crate::raccoon;
use crate::requests::RequestLog;
use crate::scenario::{Playing, Scenario};
use crate::web::Web;
use crate::webhooks::Deliveries;
use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The emulator behind its handle. It has no `Debug` form: it knows the keys.
pub(crate) struct Server {
    pub(crate) options: Options,
    /// Where it is reached.
    pub(crate) url: String,
    /// The live view's list of all sessions.
    pub(crate) live: live::Link,
    pub(crate) accounts: Mutex<HashMap<String, Account>>,
    /// What each key owns at Raccoon.
    pub(crate) raccoon: Mutex<HashMap<String, raccoon::Account>>,
    pub(crate) requests: Mutex<RequestLog>,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) playing: Mutex<Playing>,
    /// The developer's own agent.
    pub(crate) agent: Mutex<Option<Agent>>,
    /// The same for turns.
    pub(crate) turn_agent: Mutex<Option<raccoon::TurnAgent>>,
    pub(crate) open_streams: AtomicUsize,
    pub(crate) web: Web,
    pub(crate) webhooks: Mutex<Deliveries>,
    pub(crate) browsers: Arc<Browsers>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
    runtime: Handle,
}

impl Server {
    pub(crate) fn new(
        mut options: Options,
        scenario: Scenario,
        runtime: Handle,
        url: String,
        live: live::Link,
        browsers: Arc<Browsers>,
    ) -> Self {
        Self {
            accounts: Mutex::default(),
            raccoon: Mutex::default(),
            requests: Mutex::default(),
            faults: Mutex::default(),
            playing: Mutex::new(Playing::new(scenario)),
            agent: Mutex::new(options.agent.take()),
            turn_agent: Mutex::new(options.turn_agent.take()),
            open_streams: AtomicUsize::new(0),
            web: Web::default(),
            webhooks: Mutex::default(),
            browsers,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            options,
            url,
            live,
            runtime,
        }
    }

    /// Runs `work` until it is done or the emulator stops.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn_on(
            async move {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => {}
                    () = work => {}
                }
            },
            &self.runtime,
        );
    }

    /// Runs `work` to its end, also when the emulator stops meanwhile.
    pub(crate) fn finish<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.tasks.spawn_on(work, &self.runtime)
    }

    /// Ends all browsers and forgets the snapshots, which hold their profiles.
    pub(crate) fn close_browsers(&self) {
        for account in lock(&self.accounts).values_mut() {
            for session in account.list() {
                self.finish(async move { session.browser.close().await });
            }
            account.forget_snapshots();
        }
    }

    pub(crate) fn heartbeat(&self) -> Duration {
        Duration::from_secs_f64(self.options.heartbeat_interval)
    }
}

/// Locks; a panic elsewhere must not take the server down.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

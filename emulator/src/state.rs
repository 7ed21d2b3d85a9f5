//! What all requests share.

use crate::agi::{self, Agent, Webhooks};
use crate::browser::Browsers;
use crate::faults::Faults;
use crate::keys::Keys;
use crate::live_link::LiveLink;
use crate::options::Options;
use crate::raccoon::{self, Dialect, TurnAgent};
use crate::requests::RequestLog;
use crate::scenario::{Playing, Scenario};
use crate::sync::lock;
use crate::web::Web;
use crate::workers::Workers;
use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The emulator behind its handle. It has no `Debug` form: it knows the keys.
pub(crate) struct Server {
    pub(crate) options: Options,
    pub(crate) keys: Keys,
    /// Where it is reached.
    pub(crate) url: String,
    /// The live view's list of all sessions.
    pub(crate) live_link: LiveLink,
    /// What each key owns at AGI.
    pub(crate) agi: Mutex<HashMap<String, agi::Account>>,
    /// What each key owns at Raccoon.
    pub(crate) raccoon: Mutex<HashMap<String, raccoon::Account>>,
    pub(crate) requests: Arc<Mutex<RequestLog>>,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) playing: Mutex<Playing>,
    /// How Raccoon speaks, where the scenario does not say so.
    dialect: Arc<Dialect>,
    /// The developer's own agent.
    pub(crate) agent: Mutex<Option<Agent>>,
    /// The same for turns.
    pub(crate) turn_agent: Mutex<Option<TurnAgent>>,
    pub(crate) open_streams: AtomicUsize,
    pub(crate) web: Arc<Web>,
    pub(crate) webhooks: Arc<Webhooks>,
    pub(crate) browsers: Arc<Browsers>,
    pub(crate) workers: Workers,
}

impl Server {
    pub(crate) fn new(
        mut options: Options,
        scenario: Scenario,
        workers: Workers,
        url: String,
        live_link: LiveLink,
        web: Arc<Web>,
        browsers: Arc<Browsers>,
    ) -> Self {
        let webhooks = Webhooks::new(
            web.clone(),
            workers.clone(),
            options.clock,
            options.webhook_backoff,
            options.webhook_timeout,
        );
        Self {
            keys: Keys {
                accepted: options.api_keys.clone(),
                barred: options.barred_keys.clone(),
            },
            agi: Mutex::default(),
            raccoon: Mutex::default(),
            requests: Arc::default(),
            faults: Mutex::default(),
            playing: Mutex::new(Playing::new(scenario)),
            dialect: Arc::new(options.dialect.clone()),
            agent: Mutex::new(options.agent.take()),
            turn_agent: Mutex::new(options.turn_agent.take()),
            open_streams: AtomicUsize::new(0),
            webhooks: Arc::new(webhooks),
            web,
            browsers,
            workers,
            options,
            url,
            live_link,
        }
    }

    /// How Raccoon speaks.
    pub(crate) fn dialect(&self) -> Arc<Dialect> {
        let own = || self.dialect.clone();
        lock(&self.playing).dialect().unwrap_or_else(own)
    }

    /// Ends all browsers and forgets the snapshots, which hold their profiles.
    pub(crate) fn close_browsers(&self) {
        for account in lock(&self.agi).values_mut() {
            for session in account.list() {
                self.workers
                    .finish(async move { session.browser.close().await });
            }
            account.forget_snapshots();
        }
    }

    pub(crate) fn heartbeat(&self) -> Duration {
        Duration::from_secs_f64(self.options.heartbeat_interval)
    }

    pub(crate) fn step_delay(&self) -> Duration {
        Duration::from_secs_f64(self.options.step_delay)
    }
}

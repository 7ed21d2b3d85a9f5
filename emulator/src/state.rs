//! What all requests share.

use crate::agi;
use crate::browser::Browsers;
use crate::keys::Keys;
use crate::live_link::LiveLink;
use crate::options::Options;
use crate::raccoon;
use crate::scenario::Scenario;
use crate::sync::lock;
use crate::web::Web;
use crate::workers::Workers;
use crate::world::{Start, World, Worlds};
use std::collections::{HashMap, HashSet};
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
    /// What belongs to a key beside that: its scenario, faults, requests, webhooks and clock.
    pub(crate) worlds: Worlds,
    pub(crate) web: Arc<Web>,
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
        let start = Start {
            scenario,
            faults: options.faults.clone(),
            clock: options.clock,
            dialect: Arc::new(options.dialect.clone()),
            web: web.clone(),
            workers: workers.clone(),
            webhook_backoff: options.webhook_backoff,
            webhook_timeout: options.webhook_timeout,
            unmatched: options.unmatched,
        };
        let worlds = Worlds::new(start, options.agent.take(), options.turn_agent.take());
        Self {
            keys: Keys::new(options.api_keys.clone(), options.barred_keys.clone()),
            agi: Mutex::default(),
            raccoon: Mutex::default(),
            worlds,
            web,
            browsers,
            workers,
            options,
            url,
            live_link,
        }
    }

    /// Deletes what a key owns: its sessions of both services, its snapshots and its files.
    pub(crate) fn delete_account(&self, key: &str) {
        let account = lock(&self.agi).remove(key);
        for session in account.iter().flat_map(agi::Account::list) {
            session.delete();
            self.workers
                .finish(async move { session.browser.close().await });
        }
        if let Some(account) = lock(&self.raccoon).remove(key) {
            account.delete_sessions();
        }
    }

    /// Forgets the world of a key, with what the key owns.
    pub(crate) fn forget_world(&self, key: &str) {
        self.worlds.forget(key);
        self.keys.forget(key);
        self.delete_account(key);
    }

    /// Sets a world back to its beginning, and deletes what its keys own.
    pub(crate) fn reset(&self, world: &World) {
        let mut keys: HashSet<String> = lock(&self.agi).keys().cloned().collect();
        keys.extend(lock(&self.raccoon).keys().cloned());
        for key in keys {
            if self.worlds.of_key(&key).key == world.key {
                self.delete_account(&key);
            }
        }
        self.worlds.reset(world);
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

    /// The text of the newest task or prompt of a session of either service, and whether it is still worked on.
    pub(crate) fn task_of(&self, session_id: &str) -> Option<(String, bool)> {
        let of_agi = lock(&self.agi)
            .values()
            .find_map(|account| account.get(session_id));
        if let Some(session) = of_agi {
            return Some(session.task_in_progress());
        }
        let of_raccoon = lock(&self.raccoon)
            .values()
            .find_map(|account| account.get(session_id));
        of_raccoon.map(|session| session.prompt_in_progress())
    }

    pub(crate) fn heartbeat(&self) -> Duration {
        Duration::from_secs_f64(self.options.heartbeat_interval)
    }

    pub(crate) fn step_delay(&self) -> Duration {
        Duration::from_secs_f64(self.options.step_delay)
    }
}

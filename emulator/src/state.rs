//! What all requests share.

use crate::agi;
use crate::browser::Browsers;
use crate::kept::StateFolder;
use crate::keys::{Keys, new_key};
use crate::live_link::LiveLink;
use crate::options::Options;
use crate::raccoon;
use crate::scenario::Scenario;
use crate::sync::lock;
use crate::web::Web;
use crate::workers::Workers;
use crate::world::{Made, Start, World, Worlds};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The emulator behind its handle. It has no `Debug` form: it knows the keys.
pub(crate) struct Server {
    pub(crate) options: Options,
    pub(crate) keys: Keys,
    /// Where it is reached.
    pub(crate) url: String,
    /// The live view's list of all sessions.
    pub(crate) index: LiveLink,
    /// What each key owns at AGI.
    pub(crate) agi: Mutex<HashMap<String, agi::Account>>,
    /// What each key owns at Raccoon.
    pub(crate) raccoon: Mutex<HashMap<String, raccoon::Account>>,
    /// What belongs to a key beside that: its scenario, faults, requests, webhooks and clock.
    pub(crate) worlds: Worlds,
    pub(crate) web: Arc<Web>,
    pub(crate) browsers: Arc<Browsers>,
    pub(crate) workers: Workers,
    /// What its keys own at the start, as JSON.
    pub(crate) seed: Option<String>,
    /// Where what the worlds hold is kept.
    pub(crate) kept: Option<Arc<StateFolder>>,
    /// What users should hear of when it has started.
    pub(crate) warnings: Vec<String>,
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
            scenario: Mutex::new(scenario),
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
            index: live_link,
            seed: None,
            kept: None,
            warnings: Vec::new(),
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

    /// The world of a key of its own, made so if there is none, and whether it was made; `None`: of a new key.
    pub(crate) fn open_world(
        &self,
        key: Option<&str>,
        made: Made,
    ) -> Result<(Arc<World>, bool), WorldError> {
        let key = match key {
            Some(key) => key.to_owned(),
            None => new_key().map_err(|error| {
                WorldError(format!("the system gives no random numbers: {error}"))
            })?,
        };
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(WorldError(
                "a key is sent in a header: give one of visible ASCII characters without spaces, or none for a new one"
                    .to_owned(),
            ));
        }
        if !self.keys.accept(&key) {
            return Err(WorldError(
                "this key is one of barred_keys, whose requests get 403; give another one, or none for a new one"
                    .to_owned(),
            ));
        }
        Ok(self.worlds.make(&key, made))
    }

    /// The keys that own something and play in this world.
    pub(crate) fn keys_of(&self, world: &World) -> BTreeSet<String> {
        let mut keys: BTreeSet<String> = lock(&self.agi).keys().cloned().collect();
        keys.extend(lock(&self.raccoon).keys().cloned());
        keys.retain(|key| self.worlds.of_key(key).key == world.key);
        keys
    }

    /// The sessions of AGI in this world.
    pub(crate) fn sessions_of(&self, world: &World) -> Vec<Arc<agi::Session>> {
        let keys = self.keys_of(world);
        let accounts = lock(&self.agi);
        let accounts = keys.iter().filter_map(|key| accounts.get(key));
        accounts.flat_map(agi::Account::list).collect()
    }

    /// Moves the time of the sessions in this world, or of one of them, that are on a fast clock; says of how many.
    pub(crate) fn advance(&self, world: &World, session_id: Option<&str>, by: Duration) -> usize {
        let meant = |id: &str| session_id.is_none_or(|wanted| wanted == id);
        let sessions = self.sessions_of(world);
        let sessions = sessions.iter().filter(|session| meant(&session.id));
        let mut moved = sessions.filter(|session| session.advance(by)).count();
        let keys = self.keys_of(world);
        let accounts = lock(&self.raccoon);
        for account in keys.iter().filter_map(|key| accounts.get(key)) {
            moved += account.advance(&meant, by);
        }
        moved
    }

    /// The page of the live view for a new session; without one the session works all the same.
    pub(crate) fn live_link(&self) -> Option<LiveLink> {
        LiveLink::new(self.public_url())
            .inspect_err(|error| tracing::error!(%error, "a session has no live view"))
            .ok()
    }

    /// Sends the newest webhook that is meant once more; its name and its session.
    pub(crate) fn replay(
        &self,
        world: &World,
        event: Option<&str>,
        session_id: Option<&str>,
    ) -> Option<(String, String)> {
        let now = |id: &str| {
            let sessions = self.sessions_of(world);
            let session = sessions.iter().find(|session| session.id == id);
            session.map(|session| session.now())
        };
        world.webhooks.replay(event, session_id, now)
    }

    /// Forgets the world of a key, with what the key owns. Nothing more is sent, and who waits there hears of it.
    pub(crate) fn forget_world(&self, key: &str) {
        let world = self.worlds.forget(key);
        self.keys.forget(key);
        self.delete_account(key);
        if let Some(world) = world {
            world.webhooks.begin_anew();
            world.ended.cancel();
        }
    }

    /// Sets a world back to its beginning, and deletes what its keys own.
    pub(crate) fn reset(&self, world: &World) {
        for key in self.keys_of(world) {
            self.delete_account(&key);
        }
        self.worlds.reset(world);
    }

    /// Where others reach it.
    pub(crate) fn public_url(&self) -> &str {
        let public = self.options.public_url.as_deref();
        public.map_or(&self.url, |url| url.trim_end_matches('/'))
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

    /// The text of the newest task or prompt of a session of either service that this key owns, and whether it is still worked
    /// on. Another key may have given its session of Raccoon the same id.
    pub(crate) fn task_of(&self, key: &str, session_id: &str) -> Option<(String, bool)> {
        let of_agi = lock(&self.agi)
            .get(key)
            .and_then(|account| account.get(session_id));
        if let Some(session) = of_agi {
            return Some(session.task_in_progress());
        }
        let of_raccoon = lock(&self.raccoon)
            .get(key)
            .and_then(|account| account.get(session_id));
        of_raccoon.map(|session| session.prompt_in_progress())
    }

    pub(crate) fn heartbeat(&self) -> Duration {
        Duration::from_secs_f64(self.options.heartbeat_interval)
    }

    pub(crate) fn step_delay(&self) -> Duration {
        Duration::from_secs_f64(self.options.step_delay)
    }
}

/// Why a key gets no world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorldError(String);

impl std::fmt::Display for WorldError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WorldError {}

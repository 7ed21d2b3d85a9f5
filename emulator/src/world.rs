//! What belongs to one API key, and which key has a world of its own.
//!
//! A key that was asked for (`Emulator::world`) has a scenario, faults, requests, webhooks and a clock of its own. All other
//! keys, and requests without one, share the default world, which is that of the emulator itself.

use crate::agi::{Agent, Webhooks};
use crate::clock::Clock;
use crate::faults::{Fault, Faults};
use crate::options::Unmatched;
use crate::raccoon::{Dialect, TurnAgent};
use crate::requests::{RequestFilter, RequestLog, nearest};
use crate::scenario::{Playing, Scenario};
use crate::sync::lock;
use crate::timeline::Timeline;
use crate::unplayed::Unplayed;
use crate::web::Web;
use crate::workers::Workers;
use axum::http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

/// How many tasks that no entry fits are kept.
const UNMATCHED: usize = 100;

/// What belongs to one key, or to all that have no world of their own. It has no `Debug` form: it knows the key.
pub(crate) struct World {
    /// From 0, which is the default world, in the order in which they were made.
    pub(crate) number: usize,
    /// `None`: the default world.
    pub(crate) key: Option<String>,
    pub(crate) requests: Arc<Mutex<RequestLog>>,
    pub(crate) faults: Arc<Mutex<Faults>>,
    pub(crate) playing: Mutex<Playing>,
    /// The developer's own agent.
    pub(crate) agent: Mutex<Option<Agent>>,
    /// The same for turns.
    pub(crate) turn_agent: Mutex<Option<TurnAgent>>,
    pub(crate) webhooks: Arc<Webhooks>,
    pub(crate) open_streams: AtomicUsize,
    pub(crate) timeline: Arc<Mutex<Timeline>>,
    /// How many requests of the control API wait for something here.
    pub(crate) waits: AtomicUsize,
    /// Cancelled when its key has no world any more.
    pub(crate) ended: CancellationToken,
    /// What it was made with.
    pub(crate) made: Made,
    /// What becomes of a task or turn that no entry of the scenario fits.
    on_unmatched: Mutex<Unmatched>,
    /// What was said of those that failed for it; the first ones.
    unmatched: Mutex<Vec<String>>,
    /// That of the sessions that are created from now on.
    clock: Mutex<Clock>,
    /// How Raccoon speaks, where the scenario does not say so.
    dialect: Arc<Dialect>,
}

impl World {
    /// Takes note of a task or turn that no entry of the scenario fits; why it has to fail, if it has to.
    pub(crate) fn unmatched(&self, why: String) -> Option<String> {
        if self.on_unmatched() == Unmatched::Agent {
            tracing::warn!("{why}");
            return None;
        }
        let mut unmatched = lock(&self.unmatched);
        if unmatched.len() < UNMATCHED {
            unmatched.push(why.clone());
        }
        Some(why)
    }

    /// The request that is nearest to an expected one, and what happened so far.
    pub(crate) fn explain(&self, expected: Option<&RequestFilter>) -> String {
        let requests = lock(&self.requests);
        let all = requests.matching(&RequestFilter::default());
        let nothing = match (&self.key, requests.cleared()) {
            (None, 0) => "The emulator received nothing: does the client use emulator.url?".to_owned(),
            (Some(_), 0) => {
                "Nothing came with the key of this world: does the client use the emulator's address, and this key?".to_owned()
            }
            (_, cleared) => format!(
                "No request came since the requests were cleared; {cleared} had come before: search before you clear"
            ),
        };
        let happened = lock(&self.timeline).text(&requests, &nothing);
        let nearest = expected.and_then(|expected| nearest(expected, &all));
        let parts = [nearest, requests.blind_spot(), Some(happened)];
        parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
    }

    /// What a test should hear of when it ends.
    pub(crate) fn unplayed(&self) -> Unplayed {
        Unplayed::new(
            lock(&self.unmatched).clone(),
            lock(&self.faults).unstruck(),
            lock(&self.playing).unplayed(),
        )
    }

    /// How Raccoon speaks.
    pub(crate) fn dialect(&self) -> Arc<Dialect> {
        let own = || self.dialect.clone();
        lock(&self.playing).dialect().unwrap_or_else(own)
    }

    /// The clock of a session that is created now.
    pub(crate) fn clock(&self) -> Clock {
        *lock(&self.clock)
    }

    /// What becomes of a task or turn that no entry of the scenario fits.
    pub(crate) fn on_unmatched(&self) -> Unmatched {
        *lock(&self.on_unmatched)
    }

    /// Sets it, for the tasks and turns that start from now on.
    pub(crate) fn set_unmatched(&self, unmatched: Unmatched) {
        *lock(&self.on_unmatched) = unmatched;
    }

    /// Sets the clock of the sessions that are created from now on.
    pub(crate) fn set_clock(&self, clock: Clock) {
        *lock(&self.clock) = clock;
    }
}

/// What a world was made with, where that is not as the emulator was started.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Made {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scenario: Option<Scenario>,
    /// Beside those of the start. They were checked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) faults: Vec<Fault>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) clock: Option<Clock>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unmatched: Option<Unmatched>,
}

impl Made {
    pub(crate) fn is_plain(&self) -> bool {
        let Self {
            scenario,
            faults,
            clock,
            unmatched,
        } = self;
        scenario.is_none() && faults.is_empty() && clock.is_none() && unmatched.is_none()
    }
}

/// How the emulator was started; a world begins so, but for what it was made with.
pub(crate) struct Start {
    /// Its file may be read again.
    pub(crate) scenario: Mutex<Scenario>,
    /// They were checked.
    pub(crate) faults: Vec<Fault>,
    pub(crate) clock: Clock,
    pub(crate) dialect: Arc<Dialect>,
    pub(crate) web: Arc<Web>,
    pub(crate) workers: Workers,
    pub(crate) webhook_backoff: f64,
    pub(crate) webhook_timeout: f64,
    pub(crate) unmatched: Unmatched,
}

impl Start {
    fn world(
        &self,
        number: usize,
        key: Option<String>,
        made: Made,
        agent: Option<Agent>,
        turn_agent: Option<TurnAgent>,
    ) -> World {
        let faults = Arc::<Mutex<Faults>>::default();
        let timeline = Arc::new(Mutex::new(Timeline::new()));
        let webhooks = Webhooks::new(
            self.web.clone(),
            self.workers.clone(),
            self.webhook_backoff,
            self.webhook_timeout,
            faults.clone(),
            timeline.clone(),
        );
        let world = World {
            number,
            key,
            requests: Arc::default(),
            faults,
            playing: Mutex::default(),
            agent: Mutex::new(agent),
            turn_agent: Mutex::new(turn_agent),
            webhooks: Arc::new(webhooks),
            open_streams: AtomicUsize::new(0),
            timeline,
            waits: AtomicUsize::new(0),
            ended: CancellationToken::new(),
            made,
            on_unmatched: Mutex::default(),
            unmatched: Mutex::default(),
            clock: Mutex::default(),
            dialect: self.dialect.clone(),
        };
        self.begin(&world);
        world
    }

    /// Sets what was changed back: scenario, faults, clock. The requests are forgotten, and so are the webhooks: none of those
    /// so far is sent any more.
    fn begin(&self, world: &World) {
        let Made {
            scenario,
            faults: more,
            clock,
            unmatched,
        } = &world.made;
        world.webhooks.begin_anew();
        let of_start = || lock(&self.scenario).clone();
        *lock(&world.playing) = Playing::new(scenario.clone().unwrap_or_else(of_start));
        world.set_clock(clock.unwrap_or(self.clock));
        world.set_unmatched(unmatched.unwrap_or(self.unmatched));
        lock(&world.requests).begin_anew();
        lock(&world.timeline).clear();
        lock(&world.unmatched).clear();
        let mut faults = lock(&world.faults);
        faults.clear();
        for fault in self.faults.iter().chain(more) {
            if let Err(error) = faults.add(fault.clone()) {
                tracing::error!(%error, "a fault of the start cannot be used");
            }
        }
    }
}

/// The worlds of a running emulator.
pub(crate) struct Worlds {
    start: Start,
    default: Arc<World>,
    by_key: Mutex<HashMap<String, Arc<World>>>,
    /// How many were made for a key.
    made: AtomicUsize,
}

impl Worlds {
    pub(crate) fn new(start: Start, agent: Option<Agent>, turn_agent: Option<TurnAgent>) -> Self {
        let default = Arc::new(start.world(0, None, Made::default(), agent, turn_agent));
        Self {
            start,
            default,
            by_key: Mutex::default(),
            made: AtomicUsize::new(0),
        }
    }

    /// The world of all keys that have none of their own.
    pub(crate) fn default_world(&self) -> &Arc<World> {
        &self.default
    }

    /// The world in which this key's requests play.
    pub(crate) fn of_key(&self, key: &str) -> Arc<World> {
        self.own(key).unwrap_or_else(|| self.default.clone())
    }

    /// The world of a request, by the key in its headers, or, as a WebSocket sends it, in its query.
    pub(crate) fn of_request(&self, headers: &HeaderMap, query: &str) -> Arc<World> {
        let worlds = lock(&self.by_key);
        if worlds.is_empty() {
            return self.default.clone();
        }
        let in_header = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.split_once(' '))
            .and_then(|(_, key)| worlds.get(key.trim()));
        let in_query = || {
            url::form_urlencoded::parse(query.as_bytes())
                .find_map(|(name, value)| worlds.get(&*value).filter(|_| name == "token"))
        };
        in_header.or_else(in_query).unwrap_or(&self.default).clone()
    }

    /// The world of its own that a key has.
    pub(crate) fn own(&self, key: &str) -> Option<Arc<World>> {
        lock(&self.by_key).get(key).cloned()
    }

    /// The same, made if there is none, and whether it was. Its agents are those of the default world.
    pub(crate) fn make(&self, key: &str, made: Made) -> (Arc<World>, bool) {
        let agent = lock(&self.default.agent).clone();
        let turn_agent = lock(&self.default.turn_agent).clone();
        match lock(&self.by_key).entry(key.to_owned()) {
            Entry::Occupied(world) => (world.get().clone(), false),
            Entry::Vacant(place) => {
                let key = Some(key.to_owned());
                let number = 1 + self.made.fetch_add(1, Ordering::Relaxed);
                let world = self.start.world(number, key, made, agent, turn_agent);
                (place.insert(Arc::new(world)).clone(), true)
            }
        }
    }

    /// Forgets a world, and gives it: its key plays in the default one.
    pub(crate) fn forget(&self, key: &str) -> Option<Arc<World>> {
        lock(&self.by_key).remove(key)
    }

    /// All of them in the order in which they were made, the default one first.
    pub(crate) fn all(&self) -> Vec<Arc<World>> {
        let mut worlds = vec![self.default.clone()];
        worlds.extend(lock(&self.by_key).values().cloned());
        worlds.sort_by_key(|world| world.number);
        worlds
    }

    /// Sets the scenario with which worlds begin.
    pub(crate) fn begin_with(&self, scenario: Scenario) {
        *lock(&self.start.scenario) = scenario;
    }

    /// Sets a world back to what it was when it began.
    pub(crate) fn reset(&self, world: &World) {
        self.start.begin(world);
    }
}

//! What worlds hold, as data: to keep it over a restart, and to begin with it.
//!
//! It has the scenario, the faults that wait, the clock, and by key AGI's sessions with their events and its snapshots, and
//! Raccoon's sessions with their turns and its uploads. The profiles of a Chromium, what `once` entries used up, webhooks and
//! the record of requests stay behind.

use crate::agi::{SavedSession, SavedSnapshot, Session};
use crate::clock::Clock;
use crate::faults::Fault;
use crate::options::{Options, Unmatched};
use crate::raccoon::{self, RestoredAccount};
use crate::scenario::{Playing, Scenario};
use crate::state::Server;
use crate::sync::lock;
use crate::world::World;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The form that this version writes and reads.
const VERSION: u64 = 1;

/// A world as data. It has no `Debug` form: it knows the keys.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavedState {
    version: u64,
    #[serde(default)]
    clock: Clock,
    #[serde(default)]
    scenario: Scenario,
    #[serde(default)]
    faults: Vec<Fault>,
    /// Of the world of a key; `None`: as the emulator was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unmatched: Option<Unmatched>,
    /// By key.
    #[serde(default)]
    accounts: BTreeMap<String, SavedAccount>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SavedAccount {
    sessions: Vec<SavedSession>,
    /// By session id and by environment id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    snapshots: BTreeMap<String, SavedSnapshot>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_environment: Option<SavedSnapshot>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raccoon: Option<raccoon::SavedAccount>,
}

/// All worlds, as the file of a folder has them.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedWorlds {
    /// Says what the file is.
    sessionwire_emulator_state: u64,
    worlds: Vec<SavedWorld>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedWorld {
    /// `None`: the default world.
    key: Option<String>,
    state: SavedState,
}

/// What somebody asked for at the start; it counts more than what was kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given {
    scenario: bool,
    faults: bool,
    clock: bool,
}

impl Given {
    pub(crate) fn by(options: &Options) -> Self {
        Self {
            scenario: options.scenario.is_some() || options.scenario_file.is_some(),
            faults: !options.faults.is_empty(),
            clock: options.clock != Clock::Real,
        }
    }
}

/// What is read of a state that somebody wrote or kept; the text says why it cannot be used.
pub(crate) fn read(text: &str) -> Result<SavedState, String> {
    let state = serde_json::from_str::<SavedState>(text).map_err(|error| error.to_string())?;
    state.check()?;
    Ok(state)
}

impl SavedState {
    fn check(&self) -> Result<(), String> {
        if self.version != VERSION {
            return Err(format!(
                "its `version` is {}, and this emulator reads {VERSION}; export it again with this one",
                self.version
            ));
        }
        for fault in &self.faults {
            let checked = fault.validate();
            checked.map_err(|error| format!("the fault `{fault}` cannot be used: {error}"))?;
        }
        Ok(())
    }

    /// Has the emulator begin with its scenario, faults and clock, where nobody asked for others.
    pub(crate) fn begin(&self, given: Given, options: &mut Options, scenario: &mut Scenario) {
        if !given.scenario {
            *scenario = self.scenario.clone();
        }
        if !given.faults {
            options.faults.clone_from(&self.faults);
        }
        if !given.clock {
            options.clock = self.clock;
        }
    }
}

pub(crate) fn export(server: &Server, world: &World) -> SavedState {
    let accounts = server.keys_of(world).into_iter().map(|key| {
        let of_agi = lock(&server.agi).get(&key).map(|account| {
            let (snapshots, default_environment) = account.saved_snapshots();
            (account.list(), snapshots, default_environment)
        });
        let (sessions, snapshots, default_environment) = of_agi.unwrap_or_default();
        let sessions = sessions.iter().map(|session| session.to_saved()).collect();
        let raccoon = lock(&server.raccoon)
            .get(&key)
            .map(raccoon::Account::to_saved);
        let account = SavedAccount {
            sessions,
            snapshots,
            default_environment,
            raccoon,
        };
        (key, account)
    });
    SavedState {
        version: VERSION,
        clock: world.clock(),
        scenario: lock(&world.playing).scenario().clone(),
        faults: lock(&world.faults).list(),
        unmatched: world.key.is_some().then(|| world.on_unmatched()),
        accounts: accounts.collect(),
    }
}

/// All worlds, as JSON.
pub(crate) fn export_all(server: &Server) -> String {
    let mut worlds = server.worlds.all();
    worlds.sort_by(|one, other| one.key.cmp(&other.key));
    let worlds = worlds.iter().map(|world| SavedWorld {
        key: world.key.clone(),
        state: export(server, world),
    });
    let saved = SavedWorlds {
        sessionwire_emulator_state: VERSION,
        worlds: worlds.collect(),
    };
    serde_json::to_string(&saved).unwrap_or_default()
}

/// What a key owns, ready to be added.
struct Ready {
    key: String,
    sessions: Vec<Arc<Session>>,
    snapshots: BTreeMap<String, SavedSnapshot>,
    default_environment: Option<SavedSnapshot>,
    raccoon: Option<RestoredAccount>,
}

fn ready(
    server: &Arc<Server>,
    world: &World,
    key: String,
    saved: SavedAccount,
) -> Result<Ready, String> {
    let sessions = saved.sessions.into_iter().map(|saved| {
        let live = server.live_link();
        Session::restore(saved, live, &server.browsers, &world.webhooks).map(Arc::new)
    });
    Ok(Ready {
        key,
        sessions: sessions.collect::<Result<_, String>>()?,
        snapshots: saved.snapshots,
        default_environment: saved.default_environment,
        raccoon: saved.raccoon.map(RestoredAccount::new).transpose()?,
    })
}

fn add(server: &Server, accounts: Vec<Ready>) {
    for account in accounts {
        let mut agi = lock(&server.agi);
        let of_key = agi.entry(account.key.clone()).or_default();
        for session in account.sessions {
            of_key.add(session);
        }
        of_key.restore_snapshots(account.snapshots, account.default_environment);
        drop(agi);
        if let Some(restored) = account.raccoon {
            raccoon::account(server, &account.key, |account| account.take_over(restored));
        }
    }
}

/// Replaces what the world holds; the text says why a state cannot be used, and then nothing has changed.
pub(crate) fn import(server: &Arc<Server>, world: &World, state: SavedState) -> Result<(), String> {
    state.check()?;
    let accounts = state.accounts.into_iter().map(|(key, account)| {
        // The world of a key takes what belongs to its key, whatever it was called when it was exported.
        let key = world.key.clone().unwrap_or(key);
        ready(server, world, key, account)
    });
    let accounts = accounts.collect::<Result<Vec<_>, _>>()?;
    server.reset(world);
    *lock(&world.playing) = Playing::new(state.scenario);
    world.set_clock(state.clock);
    if let Some(unmatched) = state.unmatched {
        world.set_unmatched(unmatched);
    }
    let mut faults = lock(&world.faults);
    faults.clear();
    for fault in state.faults {
        faults.add(fault).map_err(|error| error.to_string())?;
    }
    drop(faults);
    add(server, accounts);
    Ok(())
}

/// Brings all worlds back that were kept.
pub(crate) fn import_all(server: &Arc<Server>, text: &str, given: Given) -> Result<(), String> {
    let saved = serde_json::from_str::<SavedWorlds>(text).map_err(|error| error.to_string())?;
    if saved.sessionwire_emulator_state != VERSION {
        return Err(format!(
            "its form is {}, and this emulator reads {VERSION}",
            saved.sessionwire_emulator_state
        ));
    }
    for SavedWorld { key, mut state } in saved.worlds {
        let world = match &key {
            None => server.worlds.default_world().clone(),
            Some(key) => {
                let opened = server.open_world(Some(key));
                opened.map_err(|error| format!("one of its worlds: {error}"))?
            }
        };
        if key.is_none() {
            // What somebody asked for this time.
            if given.scenario {
                state.scenario = lock(&world.playing).scenario().clone();
            }
            if given.faults {
                state.faults = lock(&world.faults).list();
            }
            if given.clock {
                state.clock = world.clock();
            }
        }
        import(server, &world, state)?;
    }
    Ok(())
}

/// Adds what the keys of this world own by the seed.
pub(crate) fn plant(server: &Arc<Server>, world: &World) -> Result<(), String> {
    let Some(seed) = &server.seed else {
        return Ok(());
    };
    let accounts = read(seed)?.accounts.into_iter();
    let accounts = accounts.filter(|(key, _)| server.worlds.of_key(key).key == world.key);
    let accounts = accounts.map(|(key, account)| ready(server, world, key, account));
    add(server, accounts.collect::<Result<_, _>>()?);
    Ok(())
}

/// Sets a world back to its beginning, which is that of the seed.
pub(crate) fn reset(server: &Arc<Server>, world: &World) {
    server.reset(world);
    if let Err(error) = plant(server, world) {
        tracing::error!(%error, "the seed cannot be used any more");
    }
}

//! What worlds hold, as data: to keep it over a restart, and to begin with it.
//!
//! It has the scenario, the faults that wait, the clock, and by key AGI's sessions with their events and its snapshots, and
//! Raccoon's sessions with their turns and its uploads. The profiles of a Chromium, what `once` entries used up, webhooks and
//! the record of requests stay behind.

use crate::agi::{SavedSession, SavedSnapshot, Session};
use crate::clock::Clock;
use crate::faults::Fault;
use crate::keys::masked;
use crate::options::{Options, Unmatched};
use crate::raccoon::{self, RestoredAccount};
use crate::scenario::{Playing, Scenario};
use crate::state::Server;
use crate::sync::lock;
use crate::world::{Made, World};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};
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
    /// What it was made with, and begins with when it is reset.
    #[serde(default, skip_serializing_if = "Made::is_plain")]
    made: Made,
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
        check_ids(&self.accounts, false, |_| false)?;
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

/// Where an account stands: its number, where there are more, as the names sort. It names no key: whoever sees it could work
/// with it.
fn place(accounts: &BTreeMap<String, SavedAccount>, index: usize, key: &str) -> String {
    let shown = masked(key);
    match (index + 1, accounts.len()) {
        (_, 1) => format!("accounts[\"{shown}\"]"),
        (number, all) => format!("accounts[\"{shown}\" (number {number} of {all}, by name)]"),
    }
}

/// Looks for ids that are there twice or, by `is_taken`, in another world. The accounts may become one (`merged`).
fn check_ids(
    accounts: &BTreeMap<String, SavedAccount>,
    merged: bool,
    is_taken: impl Fn(&str) -> bool,
) -> Result<(), String> {
    let mut seen = HashMap::new();
    let mut once = |service: u8, owner: &str, place: String, id: &str| {
        if id.is_empty() {
            return Err(format!("{place} is empty; give it an id"));
        }
        match seen.insert((service, owner.to_owned(), id.to_owned()), place.clone()) {
            Some(before) => Err(format!(
                "{place} is `{id}`, and so is {before}; an id is there once: leave one of them out, or give it another id"
            )),
            None => Ok(()),
        }
    };
    for (index, (key, account)) in accounts.iter().enumerate() {
        let of_key = place(accounts, index, key);
        for (index, session) in account.sessions.iter().enumerate() {
            for (name, id) in session.ids() {
                let at = format!("{of_key}.sessions[{index}].{name}");
                let is_of_session = name == "session_id";
                if is_of_session && is_taken(id) {
                    return Err(format!(
                        "{at} is `{id}`, and a session of another world has that id; delete that one, or give this \
                         another id"
                    ));
                }
                once(u8::from(is_of_session), "", at, id)?;
            }
        }
        // The ids of Raccoon are its clients', and two keys may have chosen the same.
        let owner = if merged { "" } else { key.as_str() };
        for (below, id) in account.raccoon.iter().flat_map(raccoon::SavedAccount::ids) {
            once(2, owner, format!("{of_key}.raccoon.{below}"), id)?;
        }
    }
    Ok(())
}

/// Whether this world may take what the state holds.
fn check_for(server: &Server, world: &World, state: &SavedState) -> Result<(), String> {
    if world.key.is_none()
        && let Some((index, key)) =
            (state.accounts.keys().enumerate()).find(|(_, key)| server.worlds.own(key).is_some())
    {
        return Err(format!(
            "{} is of a key that has a world of its own; import it there, with the key in X-Emulator-Key, or end that world first",
            place(&state.accounts, index, key)
        ));
    }
    let taken = ids_of_others(server, world);
    check_ids(&state.accounts, world.key.is_some(), |id| {
        taken.contains(id)
    })
}

/// The ids of the sessions of AGI in all other worlds.
fn ids_of_others(server: &Server, world: &World) -> HashSet<String> {
    let own = server.keys_of(world);
    let accounts = lock(&server.agi);
    let others = accounts.iter().filter(|(key, _)| !own.contains(*key));
    let sessions = others.flat_map(|(_, account)| account.list());
    sessions.map(|session| session.id.clone()).collect()
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
pub(crate) fn export_all(server: &Server) -> Result<String, String> {
    let mut worlds = server.worlds.all();
    worlds.sort_by(|one, other| one.key.cmp(&other.key));
    let worlds = worlds.iter().map(|world| SavedWorld {
        key: world.key.clone(),
        made: world.made.clone(),
        state: export(server, world),
    });
    let saved = SavedWorlds {
        sessionwire_emulator_state: VERSION,
        worlds: worlds.collect(),
    };
    serde_json::to_string(&saved).map_err(|error| error.to_string())
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
            session.join();
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
    check_for(server, world, &state)?;
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
    // All of them first: an account of the default world could be that of another one.
    let worlds = saved
        .worlds
        .into_iter()
        .map(|SavedWorld { key, made, state }| {
            let world = match key {
                None => server.worlds.default_world().clone(),
                Some(key) => {
                    for fault in &made.faults {
                        let checked = fault.validate();
                        checked.map_err(|error| {
                            format!("the fault `{fault}` cannot be used: {error}")
                        })?;
                    }
                    let opened = server.open_world(Some(&key), made);
                    opened
                        .map_err(|error| format!("one of its worlds: {error}"))?
                        .0
                }
            };
            Ok::<_, String>((world, state))
        });
    for (world, mut state) in worlds.collect::<Result<Vec<_>, _>>()? {
        if world.key.is_none() {
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
    let mut accounts = read(seed)?.accounts;
    accounts.retain(|key, _| server.worlds.of_key(key).key == world.key);
    let taken = ids_of_others(server, world);
    check_ids(&accounts, false, |id| taken.contains(id))?;
    let accounts = accounts.into_iter();
    let accounts = accounts.map(|(key, account)| ready(server, world, key, account));
    add(server, accounts.collect::<Result<_, _>>()?);
    Ok(())
}

/// Sets a world back to its beginning, which is that of the seed; the text says why what that has cannot be there again.
pub(crate) fn reset(server: &Arc<Server>, world: &World) -> Result<(), String> {
    server.reset(world);
    plant(server, world)
}

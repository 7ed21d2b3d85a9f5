//! What a world holds, as data: to keep it over a restart, and to bring it back.
//!
//! It has the scenario, the faults that wait, the clock, and AGI's sessions with their events, by key. Turns, files, browser
//! profiles, snapshots and the record of requests stay behind.

use crate::agi::{SavedSession, Session};
use crate::clock::Clock;
use crate::faults::Fault;
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
    /// By key.
    #[serde(default)]
    accounts: BTreeMap<String, SavedAccount>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedAccount {
    #[serde(default)]
    sessions: Vec<SavedSession>,
}

pub(crate) fn export(server: &Server, world: &World) -> SavedState {
    let accounts = server.keys_of(world).into_iter().map(|key| {
        let sessions = lock(&server.agi).get(&key).map(|account| account.list());
        let sessions = sessions.unwrap_or_default();
        let sessions = sessions.iter().map(|session| session.to_saved()).collect();
        (key, SavedAccount { sessions })
    });
    SavedState {
        version: VERSION,
        clock: world.clock(),
        scenario: lock(&world.playing).scenario().clone(),
        faults: lock(&world.faults).list(),
        accounts: accounts.collect(),
    }
}

/// Replaces what the world holds; the text says why a state cannot be used, and then nothing has changed.
pub(crate) fn import(server: &Arc<Server>, world: &World, state: SavedState) -> Result<(), String> {
    if state.version != VERSION {
        return Err(format!(
            "its `version` is {}, and this emulator reads {VERSION}; export it again with this one",
            state.version
        ));
    }
    for fault in &state.faults {
        let checked = fault.validate();
        checked.map_err(|error| format!("the fault `{fault}` cannot be used: {error}"))?;
    }
    let mut accounts = Vec::new();
    for (key, account) in state.accounts {
        // The world of a key takes what belongs to its key, whatever it was called when it was exported.
        let key = world.key.clone().unwrap_or(key);
        for saved in account.sessions {
            let live = server.live_link();
            let session = Session::restore(saved, live, &server.browsers, &world.webhooks)?;
            accounts.push((key.clone(), Arc::new(session)));
        }
    }
    server.reset(world);
    *lock(&world.playing) = Playing::new(state.scenario);
    world.set_clock(state.clock);
    let mut faults = lock(&world.faults);
    faults.clear();
    for fault in state.faults {
        faults.add(fault).map_err(|error| error.to_string())?;
    }
    drop(faults);
    let mut all = lock(&server.agi);
    for (key, session) in accounts {
        all.entry(key).or_default().add(session);
    }
    Ok(())
}

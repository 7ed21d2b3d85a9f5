//! Writes what the worlds hold to their folder, as it changes.

use crate::kept::StateFolder;
use crate::saved;
use crate::state::Server;
use crate::sync::lock;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

/// How often it looks for changes.
const LOOK: Duration = Duration::from_millis(250);
/// How long it waits at most before it tries again what failed: all is written then, changed or not.
const LONGEST: Duration = Duration::from_secs(2);

/// Keeps the state until the emulator stops, and tries again what cannot be kept.
pub(crate) async fn keep(server: Arc<Server>, folder: Arc<StateFolder>) {
    let (mut known, mut wait) = (None, LOOK);
    loop {
        let now = pulse(&server);
        if known != Some(now) || folder.is_amiss() {
            known = Some(now);
            folder.write(saved::export_all(&server));
            wait = match folder.unkept() {
                Some(_) => LONGEST.min(wait * 2),
                None => LOOK,
            };
        }
        tokio::time::sleep(wait).await;
    }
}

/// Changes whenever what is kept does; cheaper than that.
fn pulse(server: &Server) -> u64 {
    let mut pulse = DefaultHasher::new();
    for world in server.worlds.all() {
        (&world.key, lock(&world.playing).number()).hash(&mut pulse);
        lock(&world.faults).hash(&mut pulse);
        (world.clock() as u8, world.on_unmatched() as u8).hash(&mut pulse);
    }
    let mut sessions = Vec::new();
    for (key, account) in &*lock(&server.agi) {
        (key, account.snapshot_count()).hash(&mut pulse);
        sessions.extend(account.list());
    }
    for session in sessions {
        (&session.id, session.changes()).hash(&mut pulse);
    }
    for (key, account) in &*lock(&server.raccoon) {
        (key, account.changes()).hash(&mut pulse);
    }
    pulse.finish()
}

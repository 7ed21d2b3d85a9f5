//! All that a world holds, to keep and to bring back.

use super::body::{Answer, bad, json, nothing, ok};
use super::subject::Subject;
use crate::saved::{self, SavedState};
use axum::body::Bytes;

pub(super) async fn export(subject: Subject) -> Answer {
    ok(&saved::export(&subject.server, &subject.world))
}

/// Replaces what the world holds.
pub(super) async fn import(subject: Subject, body: Bytes) -> Answer {
    let state: SavedState = json(&body)?;
    saved::import(&subject.server, &subject.world, state)
        .map_err(|error| bad(format!("The state cannot be used: {error}")))?;
    nothing()
}

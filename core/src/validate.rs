//! What both services refuse before anything is sent.

use std::time::Duration;

use crate::error::{Error, Result};

/// Longest duration accepted, so that adding it to a clock cannot overflow.
const LONGEST: f64 = 1e9;

/// Refuses an id that would name something else than one session.
pub(crate) fn session_id(id: &str) -> Result<()> {
    match id {
        "" => Err(Error::invalid(
            "`session_id` is empty. Pass the id of a session; `delete_all` deletes every session",
        )),
        "." | ".." => Err(Error::invalid(format!(
            "`session_id` is {id:?}, which would be another path. Pass the id of a session"
        ))),
        _ => Ok(()),
    }
}

/// A positive, finite number of seconds.
pub(crate) fn duration(name: &str, seconds: f64) -> Result<Duration> {
    if seconds > 0.0 && seconds.is_finite() {
        Ok(Duration::from_secs_f64(seconds.min(LONGEST)))
    } else {
        Err(Error::invalid(format!(
            "`{name}` must be a positive number of seconds, not {seconds}"
        )))
    }
}

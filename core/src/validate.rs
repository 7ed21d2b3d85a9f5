//! What both services refuse before anything is sent.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::seconds::{LONGEST, Seconds};

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

/// A duration that is not zero, and that a clock can be moved by.
pub(crate) fn duration(name: &str, duration: Duration) -> Result<Duration> {
    if duration.is_zero() {
        return Err(Error::invalid(format!(
            "`{name}` must be a positive number of seconds, not 0"
        )));
    }
    Ok(duration.min(LONGEST))
}

/// The same of a number of seconds.
pub(crate) fn seconds(name: &str, number: f64) -> Result<Duration> {
    duration(
        name,
        Duration::from_json(Some(number), name).map_err(Error::invalid)?,
    )
}

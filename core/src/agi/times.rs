//! The service's timestamps as the standard library's times.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::models::{Message, SessionInfo};
use crate::meaning;

impl SessionInfo {
    /// When it was created; `None` where that cannot be read.
    pub fn created(&self) -> Option<SystemTime> {
        read(self.created_at.as_deref()?)
    }
}

impl Message {
    /// When it was written; `None` where that cannot be read.
    pub fn time(&self) -> Option<SystemTime> {
        read(self.timestamp.as_deref()?)
    }
}

fn read(text: &str) -> Option<SystemTime> {
    let (seconds, nanoseconds) = meaning::moment(text)?.parts();
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let second = if seconds < 0 {
        UNIX_EPOCH.checked_sub(whole)
    } else {
        UNIX_EPOCH.checked_add(whole)
    };
    second?.checked_add(Duration::from_nanos(nanoseconds.into()))
}

//! When events were received: what an event has of the clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::event::Event;
use crate::unix_time;

impl Event {
    /// The same event, received now.
    pub(crate) fn received_now(self) -> Self {
        self.received_at_ms(unix_time::now())
    }

    /// When it was received here, by this machine's clock, to the millisecond: the event itself,
    /// or the message or history that told of it. `None` for one that your program made.
    pub fn received_at(&self) -> Option<SystemTime> {
        match self.received_ms() {
            0 => None,
            milliseconds => UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds)),
        }
    }
}

//! Instants as milliseconds since 1970, for other processes.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Now as milliseconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

/// An instant of the past as milliseconds since 1970.
pub(crate) fn of(instant: Instant) -> u64 {
    let at = SystemTime::now().checked_sub(instant.elapsed());
    let since = at.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

/// The instant that another process called so. Now, where its clock is ahead of this one's or
/// this machine's clock does not go back so far.
pub(crate) fn instant(milliseconds: u64) -> Instant {
    let now = Instant::now();
    let at = UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds));
    let ago = at.and_then(|at| SystemTime::now().duration_since(at).ok());
    ago.and_then(|ago| now.checked_sub(ago)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_the_same_in_another_process() {
        let begun = Instant::now();
        let read = instant(of(begun));
        let apart = begun.max(read) - begun.min(read);
        assert!(apart < Duration::from_secs(1), "{apart:?}");
        assert!(instant(u64::MAX) <= Instant::now());
        assert!(instant(of(Instant::now()) + 60_000) <= Instant::now());
    }
}

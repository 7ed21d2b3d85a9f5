//! Times and ids as the wire writes them.

use serde::{Deserialize, Serialize};
use std::hash::{BuildHasher, Hasher};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How time passes in the emulator's sessions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// As on the wall.
    #[default]
    Real,
    /// Each session has a time of its own. It stands still, but where the agent would wait it jumps ahead: hours of a
    /// scenario pass at once, and its timestamps show them. The same scenario gives the same events each time.
    Fast,
}

/// The time of one session.
#[derive(Debug)]
pub(crate) enum SessionTime {
    Real,
    Fast { begin: Timestamp, passed: Duration },
}

impl SessionTime {
    pub(crate) fn new(clock: Clock) -> Self {
        match clock {
            Clock::Real => Self::Real,
            Clock::Fast => Self::Fast {
                begin: Timestamp::now(),
                passed: Duration::ZERO,
            },
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Self::Real => Timestamp::now(),
            Self::Fast { begin, passed } => begin.plus(*passed),
        }
    }

    /// Jumps ahead; a real clock cannot.
    pub(crate) fn advance(&mut self, by: Duration) {
        if let Self::Fast { passed, .. } = self {
            *passed = passed.saturating_add(by);
        }
    }
}

/// Milliseconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timestamp(u64);

impl Timestamp {
    pub(crate) fn now() -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    pub(crate) fn as_millis(self) -> u64 {
        self.0
    }

    pub(crate) fn plus(self, time: Duration) -> Self {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(ms))
    }
}

/// `2026-03-04T09:15:27.418Z`
impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (days, ms) = (self.0 / 86_400_000, self.0 % 86_400_000);
        // Days to year, month, day in the proleptic Gregorian calendar, counted in eras of 400 years from 0000-03-01.
        let days = days + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
            ms / 3_600_000,
            ms / 60_000 % 60,
            ms / 1000 % 60,
            ms % 1000
        )
    }
}

/// A random UUID (version 4).
pub(crate) fn new_uuid() -> String {
    // The standard library's hash keys come from the system's random source; each state hashes to fresh bits.
    let random = || {
        std::collections::hash_map::RandomState::new()
            .build_hasher()
            .finish()
    };
    let (high, low) = (random(), random().rotate_left(17) ^ random());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        ((low >> 48) & 0x3fff) | 0x8000,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_iso_8601_in_utc_with_milliseconds() {
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(
            Timestamp(951_827_696_007).to_string(),
            "2000-02-29T12:34:56.007Z"
        );
        assert_eq!(
            Timestamp(1_772_615_727_418).to_string(),
            "2026-03-04T09:15:27.418Z"
        );
        assert_eq!(
            Timestamp(4_102_444_799_999).to_string(),
            "2099-12-31T23:59:59.999Z"
        );
    }

    #[test]
    fn uuids_have_their_shape_and_differ() {
        let (a, b) = (new_uuid(), new_uuid());
        assert_ne!(a, b);
        assert_eq!(a.len(), 36);
        assert_eq!(&a[14..15], "4");
        assert!("89ab".contains(&a[19..20]), "{a}");
    }
}

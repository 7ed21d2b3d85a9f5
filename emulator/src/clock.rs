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

    /// A session's time that goes on where it was, or from now, if that is later.
    pub(crate) fn resumed(clock: Clock, at: Timestamp) -> Self {
        match Self::new(clock) {
            Self::Real => Self::Real,
            Self::Fast { begin, passed } => Self::Fast {
                begin: begin.max(at),
                passed,
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

    pub(crate) fn from_millis(ms: u64) -> Self {
        Self(ms)
    }

    pub(crate) fn as_millis(self) -> u64 {
        self.0
    }

    /// Reads ISO 8601: `Z`, an offset, or none, which is UTC; a fraction of any length.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let number = |from: usize, to: usize| -> Option<i64> {
            let digits = text.get(from..to)?;
            digits
                .bytes()
                .all(|byte| byte.is_ascii_digit())
                .then(|| digits.parse().ok())?
        };
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        let rest = text.get(19..)?;
        let end = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
        let (fraction, zone) = rest.split_at(end);
        let mut ms = 0;
        for (digit, place) in fraction.trim_start_matches('.').bytes().zip([100, 10, 1]) {
            ms += i64::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?) * place;
        }
        let offset = match zone.as_bytes() {
            [] | [b'Z' | b'z'] => 0,
            [sign, a, b, .., c, d] => {
                let digits = std::str::from_utf8(&[*a, *b, *c, *d])
                    .ok()?
                    .parse::<i64>()
                    .ok()?;
                let minutes = digits / 100 * 60 + digits % 100;
                if *sign == b'-' { -minutes } else { minutes }
            }
            _ => return None,
        };
        // The days since 0000-03-01, counted as in `Display`.
        let (year, month) = if month > 2 {
            (year, month - 3)
        } else {
            (year - 1, month + 9)
        };
        let days =
            365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
        let seconds = ((days - 719_468) * 24 + hour) * 3600 + (minute - offset) * 60 + second;
        u64::try_from(seconds * 1000 + ms).ok().map(Self)
    }

    /// Negative when it is earlier.
    pub(crate) fn milliseconds_since(self, earlier: Self) -> i64 {
        let since = i128::from(self.0) - i128::from(earlier.0);
        i64::try_from(since).unwrap_or(i64::MAX)
    }

    /// So much later, or earlier.
    pub(crate) fn plus_milliseconds(self, ms: i64) -> Self {
        Self(self.0.saturating_add_signed(ms))
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
    fn timestamps_are_read_as_they_are_written_and_as_others_write_them() {
        for ms in [
            0,
            951_827_696_007,
            1_772_615_727_418,
            4_102_444_799_999,
            68_169_600_000,
        ] {
            assert_eq!(
                Timestamp::parse(&Timestamp(ms).to_string()),
                Some(Timestamp(ms))
            );
        }
        let noon = Timestamp::parse("2026-03-04T12:00:00.500Z");
        assert!(noon.is_some());
        for same in [
            "2026-03-04T12:00:00.5",
            "2026-03-04 12:00:00.500999999Z",
            "2026-03-04T14:30:00.5+02:30",
            "2026-03-04T07:00:00.5-0500",
        ] {
            assert_eq!(Timestamp::parse(same), noon, "{same}");
        }
        for none in [
            "",
            "noon",
            "2026-03-04",
            "2026-03-04T12:00:xxZ",
            "2026-03-04T12:00:00,5Z",
            "2026-03-04T12:00:00+0",
            "äöü-03-04T12:00:00Z",
        ] {
            assert_eq!(Timestamp::parse(none), None, "{none}");
        }
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

//! The services' timestamps (docs/spec/agi.md, section 1; docs/spec/raccoon.md, section 2).

/// A point in time, by the service's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Whole seconds since 1970.
    seconds: i64,
    nanoseconds: u32,
}

impl Moment {
    /// Whole microseconds since 1970.
    pub fn microseconds(self) -> i64 {
        self.seconds * 1_000_000 + i64::from(self.nanoseconds / 1_000)
    }

    /// Whole milliseconds since 1970.
    pub fn milliseconds(self) -> i64 {
        self.seconds * 1_000 + i64::from(self.nanoseconds / 1_000_000)
    }

    /// Seconds since 1970.
    pub(crate) fn seconds(self) -> f64 {
        self.seconds as f64 + f64::from(self.nanoseconds) / 1e9
    }

    /// Whole seconds since 1970, and the nanoseconds after them.
    pub(crate) fn parts(self) -> (i64, u32) {
        (self.seconds, self.nanoseconds)
    }
}

/// Reads ISO 8601 text: a date, extended (`2026-01-02`) or basic (`20260102`),
/// alone (its first moment) or with a time after `T` or a space. The time is
/// `09:15`, `09:15:27` or the same without colons, with any number of
/// fractional digits after a full stop or a comma, and `Z`, `+02`, `+0200` or
/// `+02:00`; UTC where it names none. The years 1 to 9999.
pub fn moment(text: &str) -> Option<Moment> {
    let mut text = Reader(text.trim().as_bytes());
    let days = text.date()?;
    let (mut seconds, mut nanoseconds, mut offset) = (0, 0, 0);
    if !text.is_empty() {
        text.one_of(b"Tt ")?;
        (seconds, nanoseconds) = text.clock()?;
        offset = text.offset()?;
    }
    text.is_empty().then_some(())?;
    let seconds = days * 86_400 + seconds - offset;
    // An offset may lead out of the years that every language has.
    (FIRST..=LAST).contains(&seconds).then_some(Moment {
        seconds,
        nanoseconds,
    })
}

/// Milliseconds since 1970 as ISO 8601 text in UTC, in whole seconds.
pub fn iso_text(milliseconds: i64) -> String {
    let (days, rest) = (
        milliseconds.div_euclid(86_400_000),
        milliseconds.rem_euclid(86_400_000),
    );
    let (year, month, day) = date_of(days);
    let seconds = rest / 1_000;
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The first and the last second of the years 1 to 9999.
const FIRST: i64 = -62_135_596_800;
const LAST: i64 = 253_402_300_799;

/// Milliseconds since 1970: a number of them, or ISO 8601 text.
pub(crate) fn milliseconds(value: &serde_json::Value) -> Option<i64> {
    match value {
        serde_json::Value::Number(number) => number.as_i64().or_else(|| {
            let number = number.as_f64()?;
            (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
        }),
        serde_json::Value::String(text) => moment(text).map(Moment::milliseconds),
        _ => None,
    }
}

/// What is left of a text.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Days since 1970.
    fn date(&mut self) -> Option<i64> {
        let year = self.number(4)?;
        let extended = self.one_of(b"-").is_some();
        let month = self.number(2)?;
        if extended {
            self.one_of(b"-")?;
        }
        let day = self.number(2)?;
        let fits = year >= 1 && (1..=12).contains(&month);
        (fits && (1..=days_in(year, month)).contains(&day))
            .then(|| days_since_1970(year, month, day))
    }

    /// Seconds and nanoseconds of the day.
    fn clock(&mut self) -> Option<(i64, u32)> {
        let hour = self.number(2)?;
        let extended = self.one_of(b":").is_some();
        let minute = self.number(2)?;
        let more = if extended {
            self.one_of(b":").is_some()
        } else {
            self.0.first().is_some_and(u8::is_ascii_digit)
        };
        let (mut second, mut nanoseconds) = (0, 0);
        if more {
            second = self.number(2)?;
            if self.one_of(b".,").is_some() {
                nanoseconds = self.fraction()?;
            }
        }
        // A leap second is the next minute's first.
        let fits = hour < 24 && minute < 60 && second <= 60;
        fits.then_some((hour * 3600 + minute * 60 + second, nanoseconds))
    }

    /// Nanoseconds; further digits are of no use.
    fn fraction(&mut self) -> Option<u32> {
        let count = self
            .0
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        let at = |place: usize| digits.get(place).map_or(0, |digit| u32::from(digit - b'0'));
        (count > 0).then(|| (0..9).fold(0, |sum, place| sum * 10 + at(place)))
    }

    /// Seconds east of UTC.
    fn offset(&mut self) -> Option<i64> {
        while self.one_of(b" ").is_some() {}
        if self.is_empty() || self.one_of(b"Zz").is_some() {
            return Some(0);
        }
        let sign = if self.one_of(b"+-")? == b'-' { -1 } else { 1 };
        let hours = self.number(2)?;
        let colon = self.one_of(b":").is_some();
        let minutes = if colon || !self.is_empty() {
            self.number(2)?
        } else {
            0
        };
        (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
    }

    /// A number of so many digits.
    fn number(&mut self, digits: usize) -> Option<i64> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        number.iter().try_fold(0, |sum, digit| {
            digit
                .is_ascii_digit()
                .then(|| sum * 10 + i64::from(digit - b'0'))
        })
    }

    fn one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        bytes.contains(first).then(|| {
            self.0 = rest;
            *first
        })
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March have the leap day at their end.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - TO_1970
}

/// From the first of March of the year 0 to 1970, in days.
const TO_1970: i64 = 719_468;

/// The date of a day since 1970, in the Gregorian calendar: what
/// [`days_since_1970`] takes.
fn date_of(days: i64) -> (i64, i64, i64) {
    /// The days of 400 years.
    const ERA: i64 = 146_097;
    let days = days.saturating_add(TO_1970);
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + year + next, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (milliseconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_772_615_727_418, "2026-03-04T09:15:27Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (951_868_799_999, "2000-02-29T23:59:59Z"),
            (951_868_800_000, "2000-03-01T00:00:00Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(iso_text(milliseconds), text);
        }
        assert!(!iso_text(i64::MAX).is_empty() && !iso_text(i64::MIN).is_empty());
    }

    #[test]
    fn a_day_that_is_written_is_read_as_the_same() {
        // Leap days of each kind, and the edges of the years that are read.
        for day in (-719_162..2_932_896).step_by(37).chain(-400..400) {
            let written = iso_text(day * 86_400_000);
            let read = moment(&written).map(Moment::milliseconds);
            assert_eq!(read, Some(day * 86_400_000), "{written}");
        }
    }
}

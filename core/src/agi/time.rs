//! The service's timestamps (docs/spec/agi.md, section 1).

use crate::transport::retry::days_since_1970;

/// ISO 8601 text as seconds since 1970. A text without an offset is UTC; one
/// with another offset than zero, or that cannot be read, gives `None`.
pub(super) fn seconds_since_1970(text: &str) -> Option<f64> {
    let text = text.trim();
    let text = ["Z", "z", "+00:00", "-00:00"]
        .iter()
        .find_map(|zone| text.strip_suffix(zone))
        .unwrap_or(text);
    let (date, clock) = text.split_once(['T', 't', ' '])?;
    let mut date = date.split('-').map(str::parse::<u64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let mut clock = clock.split(':');
    let (hour, minute, second) = (clock.next()?, clock.next()?, clock.next()?);
    let (hour, minute): (u64, u64) = (hour.parse().ok()?, minute.parse().ok()?);
    let second: f64 = second.parse().ok()?;
    let fits =
        (1..=12).contains(&month) && hour < 24 && minute < 60 && (0.0..61.0).contains(&second);
    if !fits || date.next().is_some() || clock.next().is_some() {
        return None;
    }
    let days = days_since_1970(year, month, day)?;
    Some((days * 86_400 + hour * 3600 + minute * 60) as f64 + second)
}

#[cfg(test)]
mod tests {
    use super::seconds_since_1970;

    #[test]
    fn timestamps() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", Some(0.0)),
            ("2026-03-04T09:15:27.5Z", Some(1_772_615_727.5)),
            ("2026-03-04T09:15:27+00:00", Some(1_772_615_727.0)),
            ("2026-03-04 09:15:27", Some(1_772_615_727.0)),
            ("2026-03-04T09:15:27+02:00", None),
            ("2026-13-04T09:15:27Z", None),
            ("2026-03-04", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(seconds_since_1970(text), seconds, "{text:?}");
        }
    }
}

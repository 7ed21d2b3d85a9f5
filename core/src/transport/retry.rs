//! Whether a failed request may be sent again, and when. No I/O, no clock.

use std::time::Duration;

/// What a request does to the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Sending it twice is the same as sending it once.
    Repeatable,
    /// Sending it twice may act twice: create, message, navigate.
    Once,
}

/// How one attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No connection: the request provably did not reach the service.
    NotSent,
    /// The connection broke after the request may have been sent.
    Broken,
    /// The service refused it for now: 429, or a 503 that says so. It did
    /// nothing.
    Limited,
    /// The service answered with this status, and it is no limit.
    Status(u16),
}

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Report the failure.
    Stop,
    /// Send the request again after this wait.
    Wait(Duration),
}

/// Everything a decision rests on.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// How many attempts there were, this one included. Where the caller waits
    /// for limits, those that met one are counted apart from the others.
    pub made: u32,
    /// Most attempts after the first.
    pub max_retries: u32,
    /// What the request does.
    pub effect: Effect,
    /// How the attempt failed.
    pub failure: Failure,
    /// The first wait of our own choice; it doubles with every attempt.
    pub first_wait: Duration,
    /// The wait the service asked for.
    pub retry_after: Option<Duration>,
    /// What is left of the call's deadline.
    pub left: Duration,
    /// What is left of the time that the caller gives to limits; `None`: a
    /// limit is tried again like any other failure.
    pub limit_left: Option<Duration>,
    /// A random number from 0 to 1 that spreads clients apart.
    pub jitter: f64,
}

/// The longest wait of our own choice.
const LONGEST_WAIT: Duration = Duration::from_secs(8);
/// The longest wait that a service may ask for.
pub(crate) const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// Decides by the rules of docs/spec/agi.md, section 3: an effect is never repeated on
/// a guess.
pub fn decide(attempt: &Attempt) -> Decision {
    if let (Failure::Limited, Some(limit_left)) = (attempt.failure, attempt.limit_left) {
        return wait_for_limit(attempt, limit_left);
    }
    let worth_it = match (attempt.failure, attempt.effect) {
        (Failure::NotSent | Failure::Limited, _) => true,
        (Failure::Broken, effect) => effect == Effect::Repeatable,
        (Failure::Status(status), effect) => {
            effect == Effect::Repeatable && may_be_other_next_time(status)
        }
    };
    if !worth_it || attempt.made > attempt.max_retries {
        return Decision::Stop;
    }
    let wait = match attempt.retry_after {
        Some(asked) if asked > LONGEST_RETRY_AFTER => return Decision::Stop,
        Some(asked) => asked,
        None => own_wait(attempt),
    };
    if wait < attempt.left {
        Decision::Wait(wait)
    } else {
        Decision::Stop
    }
}

/// Whether a server or a gateway answers so for now only: all of 5xx but what it
/// does not implement, those of gateways (520 to 530, 598) among them.
fn may_be_other_next_time(status: u16) -> bool {
    matches!(status, 408 | 425 | 500..=599) && !matches!(status, 501 | 505)
}

/// The caller's own time rules here, not the number of retries. A wait that
/// cannot help is not begun.
fn wait_for_limit(attempt: &Attempt, limit_left: Duration) -> Decision {
    let wait = match attempt.retry_after {
        Some(asked) if asked > limit_left => return Decision::Stop,
        Some(asked) => asked,
        None => own_wait(attempt).min(limit_left),
    };
    if limit_left.is_zero() || wait >= attempt.left {
        Decision::Stop
    } else {
        Decision::Wait(wait)
    }
}

fn own_wait(attempt: &Attempt) -> Duration {
    let step = attempt.made.saturating_sub(1);
    backoff(step, attempt.first_wait, LONGEST_WAIT, attempt.jitter)
}

/// An exponential wait with jitter: between half and the whole of
/// `first * 2^step`, at most `longest`.
pub(crate) fn backoff(step: u32, first: Duration, longest: Duration, jitter: f64) -> Duration {
    let whole = first
        .saturating_mul(2_u32.saturating_pow(step))
        .min(longest);
    // Anything that is no number counts as 0.
    let jitter = if jitter > 0.0 { jitter.min(1.0) } else { 0.0 };
    whole.mul_f64(0.5 + 0.5 * jitter)
}

/// Reads `Retry-After`: seconds, or a date in any of the three forms of HTTP,
/// measured against `now` (seconds since 1970).
pub fn parse_retry_after(value: &str, now: u64) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return (seconds >= 0.0)
            .then(|| Duration::try_from_secs_f64(seconds).ok())
            .flatten();
    }
    let at = parse_http_date(value, now)?;
    Some(Duration::from_secs(at.saturating_sub(now)))
}

/// Reads `X-Rate-Limit-Retry-After` (docs/spec/raccoon.md, section 6): as
/// [`parse_retry_after`], but a number too large for a wait is a time, in seconds
/// or milliseconds since 1970.
pub fn parse_rate_limit_wait(value: &str, now: u64) -> Option<Duration> {
    const A_TIME: f64 = 1e9;
    const IN_MILLISECONDS: f64 = 1e12;
    let Ok(number) = value.trim().parse::<f64>() else {
        return parse_retry_after(value, now);
    };
    let seconds = match number {
        ms if ms > IN_MILLISECONDS => ms / 1000.0 - now as f64,
        at if at > A_TIME => at - now as f64,
        wait if wait >= 0.0 => wait,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds.max(0.0)).ok()
}

/// A date as seconds since 1970 (RFC 9110, section 5.6.7):
/// `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` or
/// `Sun Nov  6 08:49:37 1994`.
pub(crate) fn parse_http_date(text: &str, now: u64) -> Option<u64> {
    let parts: Vec<&str> = text.split_ascii_whitespace().collect();
    let (day, month, year, clock) = match parts[..] {
        [name, day, month, year, clock, "GMT"] if name.ends_with(',') => {
            (number(day)?, month, number(year)?, clock)
        }
        [name, date, clock, "GMT"] if name.ends_with(',') => {
            let mut date = date.split('-');
            let (day, month, year) = (date.next()?, date.next()?, date.next()?);
            if year.len() != 2 || date.next().is_some() {
                return None;
            }
            (number(day)?, month, nearest_year(number(year)?, now), clock)
        }
        [_, month, day, clock, year] => (number(day)?, month, number(year)?, clock),
        _ => return None,
    };
    let days = days_since_1970(year, month_number(month)?, day)?;
    Some(days * 86_400 + seconds_of_day(clock)?)
}

fn number(digits: &str) -> Option<u64> {
    let only_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    only_digits.then(|| digits.parse().ok()).flatten()
}

/// The full year of a two-digit one: the latest that is not more than 50 years
/// ahead.
fn nearest_year(short: u64, now: u64) -> u64 {
    // Good enough for a rule about half a century.
    let this_year = 1970 + now / 31_556_952;
    let latest = this_year + 50;
    let year = latest - latest % 100 + short;
    if year > latest { year - 100 } else { year }
}

fn month_number(name: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let at = MONTHS.iter().position(|month| *month == name)?;
    Some(at as u64 + 1)
}

fn seconds_of_day(clock: &str) -> Option<u64> {
    let mut parts = clock.split(':').map(number);
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(hour * 3600 + minute * 60 + second)
}

/// `None` before 1970, and for what no calendar has.
pub(crate) fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..=9999).contains(&year) || !(1..=31).contains(&day) {
        return None;
    }
    // Counting years from March, so that leap days come last.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1;
    days.checked_sub(719_468)
}

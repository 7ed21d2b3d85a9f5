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
    /// The service answered with this status.
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
    /// How many attempts there were, this one included.
    pub made: u32,
    /// Most attempts after the first.
    pub max_retries: u32,
    /// What the request does.
    pub effect: Effect,
    /// How the attempt failed.
    pub failure: Failure,
    /// The wait the service asked for.
    pub retry_after: Option<Duration>,
    /// What is left of the call's deadline.
    pub left: Duration,
    /// A random number from 0 to 1 that spreads clients apart.
    pub jitter: f64,
}

/// The first wait; it doubles with every attempt.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait of our own choice.
const LONGEST_WAIT: Duration = Duration::from_secs(8);
/// The longest wait that a service may ask for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// Decides by the rules of the spec, section 3: an effect is never repeated on
/// a guess.
pub fn decide(attempt: &Attempt) -> Decision {
    let worth_it = match (attempt.failure, attempt.effect) {
        (Failure::NotSent | Failure::Status(429), _) => true,
        (Failure::Broken, effect) => effect == Effect::Repeatable,
        (Failure::Status(408 | 500 | 502 | 503 | 504), effect) => effect == Effect::Repeatable,
        (Failure::Status(_), _) => false,
    };
    if !worth_it || attempt.made > attempt.max_retries {
        return Decision::Stop;
    }
    let wait = match attempt.retry_after {
        Some(asked) if asked > LONGEST_RETRY_AFTER => return Decision::Stop,
        Some(asked) => asked,
        None => {
            let step = attempt.made.saturating_sub(1);
            backoff(step, FIRST_WAIT, LONGEST_WAIT, attempt.jitter)
        }
    };
    if wait < attempt.left {
        Decision::Wait(wait)
    } else {
        Decision::Stop
    }
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

/// Reads `Retry-After`: seconds, or a date measured against `now` (seconds
/// since 1970).
pub fn parse_retry_after(value: &str, now: u64) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return (seconds >= 0.0)
            .then(|| Duration::try_from_secs_f64(seconds).ok())
            .flatten();
    }
    let at = parse_http_date(value)?;
    Some(Duration::from_secs(at.saturating_sub(now)))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` as seconds since 1970.
fn parse_http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (_, text) = text.split_once(", ")?;
    let mut parts = text.split(' ');
    let day: u64 = parts
        .next()?
        .parse()
        .ok()
        .filter(|day| (1..=31).contains(day))?;
    let month_name = parts.next()?;
    let month = MONTHS.iter().position(|name| *name == month_name)? as u64 + 1;
    let year: u64 = parts
        .next()?
        .parse()
        .ok()
        .filter(|year| (1970..=9999).contains(year))?;
    let mut clock = parts.next()?.split(':').map(str::parse::<u64>);
    let (hour, minute, second) = (
        clock.next()?.ok()?,
        clock.next()?.ok()?,
        clock.next()?.ok()?,
    );
    let ended = clock.next().is_none() && parts.next() == Some("GMT") && parts.next().is_none();
    if !ended || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Days since 1970, counting years from March so that leap days come last.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1;
    let since_1970 = days.checked_sub(719_468)?;
    Some(since_1970 * 86_400 + hour * 3600 + minute * 60 + second)
}

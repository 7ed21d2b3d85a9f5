//! How many of something a caller waits for, and the wait.

use super::body::{bad, timeout};
use crate::errors::ApiError;
use serde::Deserialize;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long a wait for exactly so many looks on, once they have come.
const QUIET: Duration = Duration::from_millis(100);

/// The body of a wait: how many, and of what.
#[derive(Debug, Deserialize)]
pub(super) struct Asked<W> {
    /// Exactly so many.
    count: Option<usize>,
    at_least: Option<usize>,
    at_most: Option<usize>,
    /// The older name of `at_least`.
    times: Option<usize>,
    /// Seconds, for the lower bound.
    timeout: Option<f64>,
    /// Seconds after it in which no more may come.
    quiet: Option<f64>,
    #[serde(flatten)]
    pub(super) wanted: W,
}

/// How many are wanted, and within which time.
#[derive(Debug)]
pub(super) struct Count {
    least: usize,
    most: Option<usize>,
    /// For the lower bound.
    timeout: Duration,
    /// How long the upper bound is watched after that.
    quiet: Duration,
}

/// Why a wait failed, with what was there.
pub(super) enum Missed<T> {
    TooFew(Vec<T>),
    TooMany(Vec<T>),
}

impl Count {
    pub(super) fn new<W>(asked: &Asked<W>) -> Result<Self, ApiError> {
        let at_least = match (asked.times, asked.at_least) {
            (Some(_), Some(_)) => return Err(twice()),
            (times, at_least) => times.or(at_least),
        };
        let (least, most) = match (asked.count, at_least, asked.at_most) {
            (Some(_), _, _) if asked.times.is_some() => return Err(twice()),
            (Some(count), None, None) => (count, Some(count)),
            (Some(_), _, _) => {
                return Err(bad(
                    "`count` says exactly how many; leave `at_least` and `at_most` out",
                ));
            }
            (None, Some(least), Some(most)) if least > most => {
                return Err(bad(format!(
                    "`at_least` is {least}, and `at_most` is {most}; exchange them"
                )));
            }
            (None, None, Some(most)) => (0, Some(most)),
            (None, at_least, most) => (at_least.unwrap_or(1), most),
        };
        let limit = timeout(asked.timeout)?;
        let quiet = match (asked.quiet, least, most) {
            (Some(quiet), _, _) => longest(timeout(Some(quiet))?, limit)?,
            (None, _, None) => Duration::ZERO,
            // There is nothing to wait for: the time is that in which no more may come.
            (None, 0, Some(_)) => limit,
            (None, _, Some(_)) => QUIET,
        };
        Ok(Self {
            least,
            most,
            timeout: limit,
            quiet,
        })
    }

    /// Waits until as many are there as are wanted, and no more.
    pub(super) async fn wait<T>(
        &self,
        mut changes: watch::Receiver<u64>,
        stop: &CancellationToken,
        look: impl Fn() -> Vec<T>,
    ) -> Result<Vec<T>, Missed<T>> {
        let late = Instant::now() + self.timeout;
        let mut settled: Option<Instant> = None;
        let mut over = false;
        loop {
            changes.mark_unchanged();
            let found = look();
            if self.most.is_some_and(|most| found.len() > most) {
                return Err(Missed::TooMany(found));
            }
            let enough = found.len() >= self.least;
            if enough && (over || self.most.is_none()) {
                return Ok(found);
            }
            if over {
                return Err(Missed::TooFew(found));
            }
            let until = if enough {
                *settled.get_or_insert_with(|| Instant::now() + self.quiet)
            } else {
                // They may have been forgotten meanwhile.
                settled = None;
                late
            };
            // After the time is over it looks once more.
            over = tokio::select! {
                biased;
                () = stop.cancelled() => true,
                () = tokio::time::sleep_until(until) => true,
                changed = changes.changed() => changed.is_err(),
            };
        }
    }

    /// What was wrong: `what` was expected, and `came` tells what happened to it.
    pub(super) fn refusal<T>(&self, missed: &Missed<T>, what: &str, came: &str) -> String {
        let expected = match (self.least, self.most) {
            (0, Some(0)) => format!("no {what}"),
            (least, Some(most)) if least == most => format!("{what} exactly {}", times(least)),
            (least, None) => format!("{what} at least {}", times(least)),
            (0, Some(most)) => format!("{what} at most {}", times(most)),
            (least, Some(most)) => format!("{what} {least} to {most} times"),
        };
        let (found, within) = match missed {
            Missed::TooMany(found) => (found, String::new()),
            Missed::TooFew(found) => {
                let seconds = self.timeout.as_secs_f64();
                let within = format!(" within {seconds} seconds");
                (found, if seconds > 0.0 { within } else { String::new() })
            }
        };
        format!(
            "Expected {expected}; it {came} {}{within}.",
            times(found.len())
        )
    }
}

impl<T> Missed<T> {
    pub(super) fn found(self) -> Vec<T> {
        match self {
            Self::TooFew(found) | Self::TooMany(found) => found,
        }
    }
}

/// Refuses to look on for longer than was waited: the `timeout` would say nothing of how long the wait takes.
fn longest(quiet: Duration, limit: Duration) -> Result<Duration, ApiError> {
    if quiet <= limit {
        return Ok(quiet);
    }
    let (quiet, limit) = (quiet.as_secs_f64(), limit.as_secs_f64());
    Err(bad(format!(
        "`quiet` is {quiet} and `timeout` {limit} seconds (5 where it is not given): a wait takes no longer than both together, \
         and `quiet` no longer than `timeout`. Write a `quiet` of {limit} at most, or a `timeout` of {quiet} at least"
    )))
}

fn twice() -> ApiError {
    bad("`times` is the older name of `at_least`; leave it out")
}

fn times(count: usize) -> String {
    match count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}

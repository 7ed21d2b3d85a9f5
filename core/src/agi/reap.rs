//! Deletes what dead processes left, by the ledger.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::api::Api;
use super::models::{DeleteResult, ReapOptions, ReapOutcome, ReapReport};
use crate::error::{Error, Result};
use crate::ledger::{Attempt, Noted, Reaping};
use crate::{meaning, runtime, unix_time};

/// How many sessions are deleted at once.
const AT_ONCE: usize = 8;

impl Api {
    /// Deletes the sessions whose processes are all dead, and lists what nobody knows.
    pub(crate) async fn reap(&self, options: &ReapOptions) -> Result<Vec<ReapReport>> {
        let ledger = self.ledger().ok_or_else(|| {
            Error::config(
                "This client has no ledger, so nobody knows what was left. Pass `ledger` with the path that the other \
                 processes use, or set SESSIONWIRE_LEDGER",
            )
        })?;
        self.closing().check()?;
        let reaping = Reaping::begin(ledger)?;
        let mut left = reaping.left()?;
        let is_due = |time: &str| options.older_than.is_none_or(|age| is_older(time, age));
        left.sessions.retain(|session| is_due(&session.created_at));
        left.doubtful.retain(|session| is_due(&session.created_at));
        left.attempts.retain(|attempt| is_due(&attempt.sent_at));
        let deleted = async { Ok(self.delete_left(left.sessions).await) };
        let mut reports = self.closing().until_closed(deleted).await?;
        let failures = reports.iter().filter_map(|report| report.error.as_ref());
        self.closing().check_of(failures)?;
        reports.extend(left.doubtful.into_iter().map(doubtful));
        for attempt in left.attempts {
            reaping.told(&attempt);
            tracing::warn!(
                "A process ended while it created a session with the agent {} at {}: the session may be there, and go \
                 on costing. Look for it in the list of sessions",
                attempt.agent_name,
                attempt.sent_at
            );
            reports.push(lost(attempt));
        }
        reaping.tidy();
        Ok(reports)
    }

    /// Deletes them, a few at once; a report for each, in their order.
    async fn delete_left(&self, sessions: Vec<Noted>) -> Vec<ReapReport> {
        let permits = Arc::new(Semaphore::new(AT_ONCE));
        let mut deletes = JoinSet::new();
        for (place, session) in sessions.into_iter().enumerate() {
            let (api, permits) = (self.clone(), permits.clone());
            deletes.spawn(runtime::boxed(async move {
                let _permit = permits.acquire().await;
                let deleted = api.delete(&session.session_id, &session.snapshot).await;
                let deleted = deleted.and_then(DeleteResult::confirmed);
                let (outcome, error) = match deleted {
                    Ok(result) if result.deleted => (ReapOutcome::Deleted, None),
                    Ok(_) => (ReapOutcome::Gone, None),
                    Err(error) => (ReapOutcome::Failed, Some(api.without_key(error))),
                };
                (place, reported(session, outcome, error))
            }));
        }
        let mut reports = deletes.join_all().await;
        reports.sort_by_key(|(place, _)| *place);
        reports.into_iter().map(|(_, report)| report).collect()
    }
}

fn is_older(time: &str, age: Duration) -> bool {
    let now = Duration::from_millis(unix_time::of(Instant::now())).as_secs_f64();
    // A time that cannot be read is no reason to delete.
    meaning::moment(time).is_some_and(|time| now - time.seconds() > age.as_secs_f64())
}

fn reported(session: Noted, outcome: ReapOutcome, error: Option<Error>) -> ReapReport {
    ReapReport {
        outcome,
        session_id: Some(session.session_id),
        agent_name: session.agent_name,
        created_at: session.created_at,
        working: session.working,
        error,
    }
}

/// A session of which nobody knows whether its process lives.
fn doubtful(session: Noted) -> ReapReport {
    reported(session, ReapOutcome::Perhaps, None)
}

/// A create whose answer never came.
fn lost(attempt: Attempt) -> ReapReport {
    ReapReport {
        outcome: ReapOutcome::Perhaps,
        session_id: None,
        agent_name: attempt.agent_name,
        created_at: attempt.sent_at,
        working: false,
        error: None,
    }
}

//! Deletes many sessions: those that match, or those that were created here.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::api::Api;
use super::models::{CleanupOptions, CleanupReport, DeleteResult, SessionInfo, SnapshotOptions};
use super::validate;
use crate::error::{Error, ErrorKind, Result};
use crate::{meaning, runtime};

/// Among the statuses of a cleanup: whatever the status.
const ANY_STATUS: &str = "any";

/// How many sessions `cleanup` deletes at once.
const CLEANUP_AT_ONCE: usize = 8;

/// How many sessions are deleted at the same time at a program's end.
const DELETES_AT_ONCE: usize = 32;

impl Api {
    /// Deletes the sessions that match, a few at once. Each delete is a call of
    /// its own.
    pub(crate) async fn cleanup(&self, options: &CleanupOptions) -> Result<Vec<CleanupReport>> {
        let older_than = validate::cleanup(options)?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs_f64();
        let matches = |session: &SessionInfo| {
            let created = session
                .created_at
                .as_deref()
                .and_then(meaning::moment)
                .map(meaning::Moment::seconds);
            let old = older_than
                .is_none_or(|age| created.is_some_and(|created| now - created > age.as_secs_f64()));
            let any = options.statuses.iter().any(|status| status == ANY_STATUS);
            old && (any || options.statuses.contains(&session.status))
        };
        let sessions = self.list().await?.into_iter().filter(matches);
        let nothing_kept = |session| (session, SnapshotOptions::default());
        self.clean_each(sessions.map(nothing_kept).collect()).await
    }

    /// The same for sessions of which only the id is known, and what their deletes keep.
    pub(super) async fn clean_all(
        &self,
        sessions: Vec<(String, SnapshotOptions)>,
    ) -> Result<Vec<CleanupReport>> {
        let known = |(id, snapshot)| (SessionInfo::of(id), snapshot);
        self.clean_each(sessions.into_iter().map(known).collect())
            .await
    }

    async fn clean_each(
        &self,
        sessions: Vec<(SessionInfo, SnapshotOptions)>,
    ) -> Result<Vec<CleanupReport>> {
        let permits = Arc::new(Semaphore::new(CLEANUP_AT_ONCE));
        let mut deletes = JoinSet::new();
        for (index, (session, snapshot)) in sessions.into_iter().enumerate() {
            let (client, permits) = (self.clone(), permits.clone());
            deletes.spawn(runtime::boxed(async move {
                let _permit = permits.acquire().await;
                (index, client.clean(session, &snapshot).await)
            }));
        }
        let deleted = async { Ok(deletes.join_all().await) };
        let mut reports = self.closing().until_closed(deleted).await?;
        let failures = reports
            .iter()
            .filter_map(|(_, report)| report.error.as_ref());
        self.closing().check_of(failures)?;
        reports.sort_by_key(|(index, _)| *index);
        Ok(reports.into_iter().map(|(_, report)| report).collect())
    }

    async fn clean(&self, session: SessionInfo, snapshot: &SnapshotOptions) -> CleanupReport {
        let deleted = self.delete(&session.session_id, snapshot).await;
        CleanupReport {
            session_id: session.session_id,
            status: session.status,
            created_at: session.created_at,
            deleted: deleted.as_ref().is_ok_and(|answer| answer.deleted),
            error: deleted.err(),
        }
    }

    /// Deletes every session that was created with this client and not deleted
    /// since, also after a close; creates under way are waited for. Which are
    /// left, and why.
    pub(super) async fn delete_created_sessions(&self, limit: Duration) -> Vec<(String, Error)> {
        let client = self.outliving_close();
        let background = client.background();
        let mut deletes = Deletes::default();
        let all = async {
            let mut creating = pin!(background.created());
            let mut is_creating = true;
            loop {
                deletes.begin(&client);
                tokio::select! {
                    () = &mut creating, if is_creating => is_creating = false,
                    Some(()) = deletes.next() => {}
                    else => return,
                }
            }
        };
        if tokio::time::timeout(limit, all).await.is_err() {
            background.tell_created(limit);
        }
        background.forget(&deletes.begun);
        deletes.failures(limit)
    }
}

/// The deletes at a program's end.
struct Deletes {
    permits: Arc<Semaphore>,
    under_way: JoinSet<(String, Result<DeleteResult>)>,
    begun: HashSet<String>,
    left: HashSet<String>,
    failures: Vec<(String, Error)>,
}

impl Default for Deletes {
    fn default() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(DELETES_AT_ONCE)),
            under_way: JoinSet::new(),
            begun: HashSet::new(),
            left: HashSet::new(),
            failures: Vec::new(),
        }
    }
}

impl Deletes {
    /// Begins to delete what was created and is not being deleted yet.
    fn begin(&mut self, client: &Api) {
        let created: Vec<(String, SnapshotOptions)> = client
            .cache()
            .iter()
            .filter_map(|(id, known)| Some((id.clone(), known.created.clone()?)))
            .collect();
        for (id, snapshot) in created {
            if !self.begun.insert(id.clone()) {
                continue;
            }
            self.left.insert(id.clone());
            let (client, permits) = (client.clone(), self.permits.clone());
            self.under_way.spawn(runtime::boxed(async move {
                let _permit = permits.acquire_owned().await;
                let deleted = client.delete(&id, &snapshot).await;
                let confirmed = deleted.and_then(DeleteResult::confirmed);
                (id, confirmed.map_err(|error| client.without_key(error)))
            }));
        }
    }

    /// Waits for the next one that ends; `None` where there is none.
    async fn next(&mut self) -> Option<()> {
        let Ok((id, deleted)) = self.under_way.join_next().await? else {
            return Some(());
        };
        self.left.remove(&id);
        if let Err(error) = deleted {
            self.failures.push((id, error));
        }
        Some(())
    }

    /// Which sessions are left, and why.
    fn failures(self, limit: Duration) -> Vec<(String, Error)> {
        let mut failures = self.failures;
        failures.extend(self.left.into_iter().map(|id| {
            let why = format!("no answer within {} s", limit.as_secs_f64());
            (id, Error::new(ErrorKind::Timeout, why).without_advice())
        }));
        failures
    }
}

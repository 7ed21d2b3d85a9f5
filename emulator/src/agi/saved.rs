//! A session as data, with its events byte for byte.

use super::account::{Account, Snapshot};
use super::log::{Draft, SavedEntry};
use super::session::Session;
use super::state::{Outcome, Phase, State};
use super::webhooks::Webhooks;
use crate::browser::{Browsers, SavedProfile, SessionBrowser};
use crate::clock::{Clock, SessionTime, Timestamp};
use crate::live_link::LiveLink;
use crate::page::Page;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// A session that can be written down.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavedSession {
    session_id: String,
    /// Default: made of the session's.
    #[serde(default)]
    environment_id: String,
    agent_name: String,
    /// Milliseconds since 1970, like `now`. Default: now.
    #[serde(default = "now")]
    created_at: u64,
    #[serde(default = "now")]
    now: u64,
    #[serde(default)]
    clock: Clock,
    #[serde(default)]
    webhook_url: Option<String>,
    #[serde(default)]
    extras: Map<String, Value>,
    #[serde(default)]
    url: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    outcome: SavedOutcome,
    #[serde(default)]
    tasks: u64,
    #[serde(default)]
    task: String,
    /// What the scripts of its tasks kept, by name.
    #[serde(default)]
    saved: BTreeMap<String, String>,
    #[serde(default)]
    log: Vec<SavedEntry>,
}

fn now() -> u64 {
    Timestamp::now().as_millis()
}

/// What a session left behind when it was deleted with a snapshot: what the browser showed. Its profile stays behind.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavedSnapshot {
    url: String,
    #[serde(default)]
    title: String,
}

impl SavedSnapshot {
    fn of(snapshot: &Snapshot) -> Self {
        Self {
            url: snapshot.page.url.clone(),
            title: snapshot.page.title.clone(),
        }
    }

    fn restore(self) -> Snapshot {
        Snapshot {
            page: Page {
                title: self.title,
                ..Page::unopened(&self.url)
            },
            browser: SavedProfile::default(),
        }
    }
}

impl SavedSession {
    /// By which it is known; each is there once.
    pub(crate) fn ids(&self) -> [(&'static str, &str); 2] {
        let environment = match self.environment_id.as_str() {
            // It is made of the session's.
            "" => self.session_id.as_str(),
            own => own,
        };
        [
            ("session_id", &self.session_id),
            ("environment_id", environment),
        ]
    }
}

impl Session {
    /// It lives in its world from now on.
    pub(crate) fn join(&self) {
        if let Some(webhooks) = &self.webhooks {
            webhooks.join();
        }
    }
}

impl Account {
    /// The snapshots by id, and the default environment.
    pub(crate) fn saved_snapshots(
        &self,
    ) -> (BTreeMap<String, SavedSnapshot>, Option<SavedSnapshot>) {
        let all = self.snapshots();
        let all = all.map(|(id, snapshot)| (id.clone(), SavedSnapshot::of(snapshot)));
        let default = self.default_environment();
        (all.collect(), default.as_ref().map(SavedSnapshot::of))
    }

    pub(crate) fn restore_snapshots(
        &mut self,
        saved: BTreeMap<String, SavedSnapshot>,
        default: Option<SavedSnapshot>,
    ) {
        for (id, snapshot) in saved {
            self.add_snapshot(id, snapshot.restore());
        }
        if let Some(default) = default {
            self.set_default_environment(default.restore());
        }
    }
}

/// How the last task ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SavedOutcome {
    #[default]
    None,
    Done,
    Error,
    Cancelled,
    /// It ran.
    Running,
}

impl Session {
    pub(crate) fn to_saved(&self) -> SavedSession {
        let state = self.lock();
        SavedSession {
            session_id: self.id.clone(),
            environment_id: self.environment_id.clone(),
            agent_name: self.agent_name().to_owned(),
            created_at: self.created_at().as_millis(),
            now: state.time.now().as_millis(),
            clock: self.clock,
            webhook_url: self.webhooks.as_ref().map(|queue| queue.url().to_owned()),
            extras: self.extras().clone(),
            url: state.page.url.clone(),
            title: state.page.title.clone(),
            outcome: match &state.phase {
                Phase::Busy(_) => SavedOutcome::Running,
                Phase::Idle(Outcome::None) => SavedOutcome::None,
                Phase::Idle(Outcome::Done) => SavedOutcome::Done,
                Phase::Idle(Outcome::Error) => SavedOutcome::Error,
                Phase::Idle(Outcome::Cancelled) => SavedOutcome::Cancelled,
            },
            tasks: state.tasks,
            task: state.task_text.clone(),
            saved: state.saved.clone(),
            log: state.log.save(),
        }
    }

    /// A saved session, at rest: a task that ran has ended with an error, since nobody works on it any more.
    pub(crate) fn restore(
        saved: SavedSession,
        live: Option<LiveLink>,
        browsers: &Arc<Browsers>,
        webhooks: &Arc<Webhooks>,
    ) -> Result<Self, String> {
        let id = saved.session_id.clone();
        let page = Page {
            title: saved.title,
            ..Page::unopened(&saved.url)
        };
        let mut state = State::new(saved.clock, page, false);
        state.time = SessionTime::resumed(saved.clock, Timestamp::from_millis(saved.now));
        let webhooks = saved
            .webhook_url
            .map(|url| webhooks.queue(url, saved.clock));
        let session = Self {
            browser: SessionBrowser::new(browsers, &id, SavedProfile::default()),
            id: saved.session_id,
            environment_id: match saved.environment_id.is_empty() {
                true => format!("env-{id}"),
                false => saved.environment_id,
            },
            agent_name: saved.agent_name,
            created_at: Timestamp::from_millis(saved.created_at),
            webhooks,
            extras: saved.extras,
            live,
            clock: saved.clock,
            state: Mutex::new(state),
            changed: Notify::new(),
        };
        let mut state = session.lock();
        let restored = state.log.restore(saved.log);
        restored.map_err(|problem| format!("the log of the session {id}: {problem}"))?;
        state.tasks = saved.tasks;
        state.task_text = saved.task;
        state.saved = saved.saved;
        state.phase = Phase::Idle(match saved.outcome {
            SavedOutcome::None => Outcome::None,
            SavedOutcome::Done => Outcome::Done,
            SavedOutcome::Cancelled => Outcome::Cancelled,
            SavedOutcome::Error | SavedOutcome::Running => Outcome::Error,
        });
        if saved.outcome == SavedOutcome::Running {
            let text = "The emulator was restarted while the task ran; send it again".to_owned();
            let status_code = 500;
            state.append(vec![Draft::Error { text, status_code }]).now();
        }
        drop(state);
        Ok(session)
    }
}

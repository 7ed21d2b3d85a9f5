//! A session as data, with its events byte for byte.

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
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// A session that can be written down.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavedSession {
    session_id: String,
    environment_id: String,
    agent_name: String,
    /// Milliseconds since 1970, like `now`.
    created_at: u64,
    now: u64,
    clock: Clock,
    webhook_url: Option<String>,
    #[serde(default)]
    extras: Map<String, Value>,
    url: String,
    title: String,
    outcome: SavedOutcome,
    tasks: u64,
    task: String,
    log: Vec<SavedEntry>,
}

/// How the last task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SavedOutcome {
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
            environment_id: saved.environment_id,
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

//! One session: what the requests do with it, and what streams and views read of it.

use super::log::{Draft, Entry, Kind};
use super::models::{ExecutionStatus, SessionObject, SessionStatus};
use super::state::{CurrentTask, Outcome, Phase, Question, State};
use super::webhooks::{Queue, WebhookEvent, Webhooks};
use crate::browser::{BrowserError, Browsers, Picture, SavedProfile, SessionBrowser};
use crate::clock::{Clock, Timestamp, new_uuid};
use crate::errors::ApiError;
use crate::faults::LateStatus;
use crate::live_link::LiveLink;
use crate::page::Page;
use crate::sync::lock;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Context;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// A session of one key.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) environment_id: String,
    pub(super) agent_name: String,
    pub(super) created_at: Timestamp,
    pub(super) webhooks: Option<Queue>,
    pub(super) extras: Map<String, Value>,
    pub(super) live: Option<LiveLink>,
    pub(crate) browser: SessionBrowser,
    pub(super) clock: Clock,
    pub(super) state: Mutex<State>,
    /// Notified when an agent may go on: after an answer, a resume, the end of the initialization.
    pub(super) changed: Notify,
}

/// What a session is created with.
#[derive(Debug, Default)]
pub(crate) struct Create {
    pub(crate) agent_name: String,
    pub(crate) webhook_url: Option<String>,
    pub(crate) extras: Map<String, Value>,
    pub(crate) live: Option<LiveLink>,
    pub(crate) page: Page,
    /// The browser profile of a restored session.
    pub(crate) profile: SavedProfile,
}

/// A task that begins: its agent is still to be set to work.
#[derive(Debug)]
pub(crate) struct StartedTask {
    pub(super) number: u64,
    pub(super) text: String,
    pub(super) cancelled: CancellationToken,
}

/// What a stream gets from the log.
#[derive(Debug)]
pub(crate) enum Read {
    /// New entries were handed over.
    Entries,
    /// None now; the waker is kept.
    Nothing,
    /// None ever: the session is deleted.
    Deleted,
}

/// What a live view shows of a session.
#[derive(Debug)]
pub(crate) struct SessionView {
    pub(crate) version: u64,
    pub(crate) session_id: String,
    pub(crate) agent_name: String,
    pub(crate) created_at: Timestamp,
    /// `None`: deleted.
    pub(crate) status: Option<SessionStatus>,
    pub(crate) execution: ExecutionStatus,
    pub(crate) task: String,
    pub(crate) url: String,
    pub(crate) title: String,
    pub(crate) browser: &'static str,
    /// Another number is another picture.
    pub(crate) picture: u64,
    /// The open question, as JSON.
    pub(crate) question: Option<Vec<u8>>,
    /// The new entries, but for those left out.
    pub(crate) entries: Vec<Entry>,
    /// How many new entries were left out.
    pub(crate) skipped: usize,
    /// The entry after them.
    pub(crate) next: usize,
}

/// The most entries in one view.
const VIEW: usize = 300;

/// A number that no other reader of a log has.
pub(crate) fn new_reader() -> u64 {
    static READERS: AtomicU64 = AtomicU64::new(0);
    READERS.fetch_add(1, Ordering::Relaxed)
}

/// Where a stream starts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Connected {
    /// The first entry that is not history.
    pub(crate) live_from: usize,
    /// A task is in progress.
    pub(crate) busy: bool,
    /// At least one task has ended.
    pub(crate) ended: bool,
    /// The time in the session.
    pub(crate) now: Timestamp,
}

impl Session {
    pub(crate) fn new(
        create: Create,
        initializing: bool,
        clock: Clock,
        browsers: &Arc<Browsers>,
        webhooks: &Arc<Webhooks>,
    ) -> Self {
        let state = State::new(clock, create.page, initializing);
        let id = new_uuid();
        Self {
            browser: SessionBrowser::new(browsers, &id, create.profile),
            id,
            environment_id: new_uuid(),
            agent_name: create.agent_name,
            created_at: state.time.now(),
            webhooks: create.webhook_url.map(|url| webhooks.queue(url, clock)),
            extras: create.extras,
            live: create.live,
            clock,
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(crate) fn object(&self) -> SessionObject {
        self.object_in(&self.lock())
    }

    fn object_in(&self, state: &State) -> SessionObject {
        let status = state.status();
        let mut extras = self.extras.clone();
        if !extras.is_empty() {
            extras.insert(
                "environment_id".to_owned(),
                self.environment_id.clone().into(),
            );
        }
        SessionObject {
            session_id: self.id.clone(),
            agent_name: self.agent_name.clone(),
            status,
            created_at: self.created_at,
            vnc_url: self.live.as_ref().map(|link| link.url().to_owned()),
            extras,
        }
    }

    pub(crate) fn is_opened_by(&self, secret: &str) -> bool {
        let link = self.live.as_ref();
        link.is_some_and(|link| link.opens_with(secret))
    }

    pub(crate) fn agent_name(&self) -> &str {
        &self.agent_name
    }

    /// What the caller set beyond the reference.
    pub(crate) fn extras(&self) -> &Map<String, Value> {
        &self.extras
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.lock().deleted
    }

    pub(crate) fn created_at(&self) -> Timestamp {
        self.created_at
    }

    pub(crate) fn task_text(&self) -> String {
        self.lock().task_text.clone()
    }

    /// The text of the newest task, and whether it is in progress.
    pub(crate) fn task_in_progress(&self) -> (String, bool) {
        let state = self.lock();
        let busy = matches!(state.phase, Phase::Busy(_));
        (state.task_text.clone(), busy)
    }

    /// Tells the session's webhook, if it has one.
    pub(crate) fn notify(&self, event: &WebhookEvent) {
        self.notify_in(&self.lock(), event);
    }

    /// The same while the state is held: what comes after cannot be told before.
    pub(super) fn notify_in(&self, state: &State, event: &WebhookEvent) {
        if let Some(webhooks) = &self.webhooks {
            webhooks.send(event, &self.object_in(state), state.time.now());
        }
    }

    pub(crate) fn execution(&self, extended: bool) -> ExecutionStatus {
        self.lock().execution(extended)
    }

    /// The execution status as a response reports it.
    pub(crate) fn reported(&self, extended: bool) -> ExecutionStatus {
        self.lock().reported(extended)
    }

    /// The next responses report the execution status of now, whatever comes.
    pub(crate) fn report_late(&self, late: LateStatus) {
        let mut state = self.lock();
        state.late = Some((state.execution(false), late.0));
    }

    /// The last `done` or `error` before this entry.
    pub(crate) fn last_end(&self, before: usize) -> Option<Entry> {
        let state = self.lock();
        let entries = state.log.from(0);
        let mut earlier = entries.iter().take(before).rev();
        earlier
            .find(|entry| matches!(entry.kind, Kind::Done | Kind::Error))
            .cloned()
    }

    /// What happened last.
    pub(crate) fn latest(&self) -> Option<Entry> {
        let state = self.lock();
        let before = state.log.len().saturating_sub(1);
        state.log.from(before).last().cloned()
    }

    /// The body of `/messages`.
    pub(crate) fn messages(&self, after: u64, sanitize: bool, extended: bool) -> Vec<u8> {
        let mut state = self.lock();
        let mut body = b"{\"messages\":".to_vec();
        state.log.messages(after, sanitize, &mut body);
        let status = json!(state.reported(extended));
        let rest = format!(
            ",\"status\":{status},\"has_agent\":{}}}",
            !state.initializing
        );
        body.extend_from_slice(rest.as_bytes());
        body
    }

    pub(crate) fn page(&self) -> Page {
        self.lock().page.clone()
    }

    /// The picture of what its browser shows.
    pub(crate) async fn picture(&self) -> Result<Picture, BrowserError> {
        let (page, number) = self.numbered_page();
        let picture = self.browser.picture(&page).await?;
        self.moved(number, &picture, false);
        Ok(picture)
    }

    /// Looks whether its Chromium shows something else than at the last look; streams and live views are told.
    pub(crate) async fn look_at_browser(&self) {
        let (page, number) = self.numbered_page();
        if let Some(picture) = self.browser.changed(&page).await {
            self.moved(number, &picture, true);
        }
    }

    fn numbered_page(&self) -> (Page, u64) {
        let state = self.lock();
        (state.page.clone(), state.pages)
    }

    /// Takes note of where the browser went by itself, unless another page was opened meanwhile.
    fn moved(&self, number: u64, picture: &Picture, repainted: bool) {
        let mut state = self.lock();
        let page = &state.page;
        let moved = page.url != picture.url || page.title != picture.title;
        if state.pages != number || !(moved || repainted) {
            return;
        }
        let page = &mut state.page;
        page.url.clone_from(&picture.url);
        page.title.clone_from(&picture.title);
        if repainted {
            state.pages += 1;
        }
        let wake = state.wake();
        drop(state);
        wake.now();
    }

    /// Shows a page; false when the session is gone.
    pub(crate) fn show(&self, page: Page) -> bool {
        let mut state = self.lock();
        if state.deleted {
            return false;
        }
        state.page = page;
        state.pages += 1;
        let wake = state.wake();
        drop(state);
        wake.now();
        true
    }

    /// A message: a new task, the answer to the open question, or an update of the task in progress.
    pub(crate) fn message(&self, text: String) -> Result<Option<StartedTask>, ApiError> {
        let mut state = self.lock();
        if state.deleted {
            return Err(ApiError::no_session());
        }
        let started = match &mut state.phase {
            Phase::Busy(task) => {
                if task.question == Question::Open {
                    task.question = Question::Answered(text.clone());
                } else {
                    task.updates.push(text.clone());
                }
                None
            }
            Phase::Idle(_) => {
                let cancelled = CancellationToken::new();
                state.tasks += 1;
                state.task_text.clone_from(&text);
                state.phase = Phase::Busy(CurrentTask {
                    paused: false,
                    pauses: 0,
                    question: Question::None,
                    updates: Vec::new(),
                    cancelled: cancelled.clone(),
                });
                Some(StartedTask {
                    number: state.tasks,
                    text: text.clone(),
                    cancelled,
                })
            }
        };
        let wake = state.append(vec![Draft::User(text.clone())]);
        if started.is_some() {
            self.notify_in(&state, &WebhookEvent::TaskStarted(text));
        }
        drop(state);
        wake.now();
        self.changed.notify_waiters();
        Ok(started)
    }

    pub(crate) fn pause(&self) -> Result<(), ApiError> {
        self.switch(|state| {
            let initializing = state.initializing;
            match &mut state.phase {
                Phase::Busy(task) if task.paused => Err(ApiError::conflict(
                    "already_paused",
                    "Session is already paused",
                )),
                Phase::Busy(task) if !initializing => {
                    task.paused = true;
                    task.pauses += 1;
                    Ok(Some(Draft::Paused))
                }
                _ => Err(ApiError::conflict(
                    "not_running",
                    "No task is in progress; send a message first",
                )),
            }
        })
    }

    pub(crate) fn resume(&self) -> Result<(), ApiError> {
        self.switch(|state| match &mut state.phase {
            Phase::Busy(task) if task.paused => {
                task.paused = false;
                Ok(Some(Draft::Resumed))
            }
            _ => Err(ApiError::conflict("not_paused", "Session is not paused")),
        })
    }

    /// Ends the task in progress, if there is one.
    pub(crate) fn cancel(&self) -> Result<(), ApiError> {
        self.switch(|state| {
            let Phase::Busy(task) = &state.phase else {
                return Ok(None);
            };
            task.cancelled.cancel();
            state.phase = Phase::Idle(Outcome::Cancelled);
            Ok(Some(Draft::Cancelled))
        })
    }

    /// Changes the status, if there is something to change, and says so in the log, to streams, agents and webhooks.
    fn switch(
        &self,
        change: impl FnOnce(&mut State) -> Result<Option<Draft>, ApiError>,
    ) -> Result<(), ApiError> {
        let mut state = self.lock();
        if state.deleted {
            return Err(ApiError::no_session());
        }
        let old = state.status();
        let Some(draft) = change(&mut state)? else {
            return Ok(());
        };
        let new = state.status();
        let wake = state.append(vec![draft]);
        if old != new {
            self.notify_in(&state, &WebhookEvent::StatusChanged { old, new });
        }
        drop(state);
        wake.now();
        self.changed.notify_waiters();
        Ok(())
    }

    /// The time in the session.
    pub(crate) fn now(&self) -> Timestamp {
        self.lock().time.now()
    }

    /// The end of the initialization, `after` that time.
    pub(crate) async fn initialized(&self, after: Duration, clock: Clock) {
        if clock == Clock::Real {
            tokio::time::sleep(after).await;
        }
        let mut state = self.lock();
        state.time.advance(after);
        state.initializing = false;
        let wake = state.wake();
        drop(state);
        wake.now();
        self.changed.notify_waiters();
    }

    /// Jumps ahead; false: its clock is real.
    pub(crate) fn advance(&self, by: Duration) -> bool {
        let mut state = self.lock();
        state.time.advance(by);
        let wake = state.wake();
        drop(state);
        wake.now();
        self.clock == Clock::Fast
    }

    /// Sends a webhook whatever the session does; false: it has no address for it.
    pub(crate) fn trigger(&self, event: &WebhookEvent) -> bool {
        self.notify(event);
        self.webhooks.is_some()
    }

    /// Destroys the session: its task is cancelled, its streams end. Its webhook is told the last status.
    pub(crate) fn delete(&self) {
        let mut state = self.lock();
        self.notify_in(&state, &WebhookEvent::Deleted);
        state.deleted = true;
        if let Phase::Busy(task) = &state.phase {
            task.cancelled.cancel();
        }
        let wake = state.wake();
        drop(state);
        wake.now();
        self.changed.notify_waiters();
    }

    /// What the scripts of its tasks kept, by name.
    pub(crate) fn saved(&self) -> BTreeMap<String, String> {
        self.lock().saved.clone()
    }

    /// Says where the script that works on the task is; `None`: no script does.
    pub(super) fn plays(&self, place: Option<String>) {
        self.lock().place = place;
    }

    /// Where the script is, while it plays.
    pub(crate) fn place(&self) -> Option<String> {
        let state = self.lock();
        let is_busy = matches!(state.phase, Phase::Busy(_));
        state.place.clone().filter(|_| is_busy)
    }

    /// Keeps what later scripts of the session use. The numbers of groups are the script's own.
    pub(crate) fn save(&self, names: &BTreeMap<String, String>) {
        let mut state = self.lock();
        for (name, value) in names {
            if !name.starts_with(|c: char| c.is_ascii_digit()) {
                state.saved.insert(name.clone(), value.clone());
            }
        }
    }

    /// Where the stream of this reader begins.
    pub(crate) fn connect(&self, reader: u64) -> Connected {
        let mut state = self.lock();
        state.streams.insert(reader);
        let connected = Self::connected(&state);
        drop(state);
        self.changed.notify_waiters();
        connected
    }

    fn connected(state: &State) -> Connected {
        Connected {
            live_from: state.log.len(),
            busy: matches!(state.phase, Phase::Busy(_)),
            ended: matches!(state.phase, Phase::Idle(outcome) if outcome != Outcome::None),
            now: state.time.now(),
        }
    }

    /// Hands the entries from `cursor` on to `take` until it wants no more; without any, keeps the waker.
    pub(crate) fn read(
        &self,
        reader: u64,
        cursor: usize,
        cx: &Context<'_>,
        mut take: impl FnMut(&Entry) -> bool,
    ) -> Read {
        let mut state = self.lock();
        let entries = state.log.from(cursor);
        if !entries.is_empty() {
            for entry in entries {
                if !take(entry) {
                    break;
                }
            }
            return Read::Entries;
        }
        if state.deleted {
            return Read::Deleted;
        }
        state.waiting.insert(reader, cx.waker().clone());
        Read::Nothing
    }

    /// A number that changes with what can be seen of it.
    pub(crate) fn changes(&self) -> u64 {
        let state = self.lock();
        state.version.wrapping_add((state.log.len() as u64) << 32)
    }

    /// All that changed since `version`, with the entries from `cursor`; without a change, keeps the waker.
    pub(crate) fn view_since(
        &self,
        reader: u64,
        version: Option<u64>,
        cursor: usize,
        cx: &Context<'_>,
    ) -> Option<SessionView> {
        let mut state = self.lock();
        if version == Some(state.version) {
            state.waiting.insert(reader, cx.waker().clone());
            return None;
        }
        let next = state.log.len();
        let start = cursor.max(next.saturating_sub(VIEW));
        let asks = matches!(&state.phase, Phase::Busy(task) if task.question == Question::Open);
        let question = asks.then(|| state.log.newest(Kind::Question)).flatten();
        Some(SessionView {
            version: state.version,
            session_id: self.id.clone(),
            agent_name: self.agent_name.clone(),
            created_at: self.created_at,
            status: (!state.deleted).then(|| state.status()),
            execution: state.execution(false),
            task: state.task_text.clone(),
            url: state.page.url.clone(),
            title: state.page.title.clone(),
            browser: self.browser.name(),
            picture: state.pages,
            question: question.map(<[u8]>::to_vec),
            entries: state.log.from(start).to_vec(),
            skipped: start - cursor,
            next,
        })
    }

    /// Forgets a stream that ended.
    pub(crate) fn forget(&self, reader: u64) {
        let mut state = self.lock();
        state.waiting.remove(&reader);
        state.streams.remove(&reader);
    }
}

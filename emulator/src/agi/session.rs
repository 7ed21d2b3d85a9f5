//! One session: its state machine, its log, its browser page.

use super::errors::ApiError;
use super::log::{Draft, Entry, Kind, Log, done_text};
use super::models::{ExecutionStatus, SessionObject, SessionStatus};
use crate::browser::{Browsers, Left, Picture, SessionBrowser, Trouble};
use crate::clock::{Clock, SessionTime, Timestamp, new_uuid};
use crate::faults::LateStatus;
use crate::page::Page;
use crate::state::{Server, lock};
use crate::{agent, live, webhooks};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Waker};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use url::Url;

/// A session of one key.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) environment_id: String,
    agent_name: String,
    created_at: Timestamp,
    webhook_url: Option<String>,
    extras: Map<String, Value>,
    live: Option<live::Link>,
    pub(crate) browser: SessionBrowser,
    state: Mutex<State>,
    /// Notified when an agent may go on: after an answer, a resume, the end of the initialization.
    changed: Notify,
}

/// What a session is created with.
#[derive(Debug, Default)]
pub(crate) struct Create {
    pub(crate) agent_name: String,
    pub(crate) webhook_url: Option<String>,
    pub(crate) extras: Map<String, Value>,
    pub(crate) live: Option<live::Link>,
    pub(crate) page: Page,
    /// What the browser of a restored session left.
    pub(crate) left: Left,
}

#[derive(Debug)]
struct State {
    time: SessionTime,
    initializing: bool,
    deleted: bool,
    phase: Phase,
    /// Counts the tasks; an agent whose number is not this one has lost its task.
    tasks: u64,
    /// The text of the newest task.
    task_text: String,
    log: Log,
    page: Page,
    /// Counts the pages shown.
    pages: u64,
    /// Counts the changes of anything that can be seen.
    version: u64,
    /// An execution status that is no longer true, and how many answers still report it.
    late: Option<(ExecutionStatus, u32)>,
    /// Streams that wait for the log to grow.
    waiting: HashMap<u64, Waker>,
}

/// What the session's agent is doing.
#[derive(Debug)]
enum Phase {
    Idle(Outcome),
    Busy(Task),
}

/// How the last task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    None,
    Done,
    Error,
    Cancelled,
}

/// The task in progress.
#[derive(Debug)]
struct Task {
    paused: bool,
    /// How often a request paused it.
    pauses: u64,
    question: Question,
    updates: Vec<String>,
    cancelled: CancellationToken,
}

/// Where the task stands with its question.
#[derive(Debug, PartialEq, Eq)]
enum Question {
    None,
    Open,
    /// Answered; while the task is paused the agent does not take it yet.
    Answered(String),
}

/// What a stream gets from the log.
#[derive(Debug)]
pub(crate) enum Read {
    /// New entries were handed over.
    Entries,
    /// None now; the waker is kept.
    Nothing,
    /// None ever: the session is deleted.
    Gone,
}

/// What a live view shows of a session.
#[derive(Debug)]
pub(crate) struct Look {
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

/// The most entries in one look.
const LOOK: usize = 300;

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

/// A task was cancelled or its session deleted: its agent has nothing more to say.
#[derive(Debug)]
pub(crate) struct Gone;

impl State {
    fn status(&self) -> SessionStatus {
        match &self.phase {
            _ if self.initializing => SessionStatus::Initializing,
            Phase::Busy(task) if task.paused => SessionStatus::Paused,
            Phase::Busy(_) => SessionStatus::Running,
            Phase::Idle(Outcome::None | Outcome::Cancelled) => SessionStatus::Ready,
            Phase::Idle(Outcome::Done) => SessionStatus::Completed,
            Phase::Idle(Outcome::Error) => SessionStatus::Error,
        }
    }

    fn execution(&self, extended: bool) -> ExecutionStatus {
        match &self.phase {
            Phase::Busy(task) if extended && task.paused => ExecutionStatus::Paused,
            Phase::Busy(task) if task.waits() => ExecutionStatus::WaitingForInput,
            Phase::Busy(_) => ExecutionStatus::Running,
            Phase::Idle(Outcome::None | Outcome::Cancelled) if extended => ExecutionStatus::Ready,
            Phase::Idle(Outcome::Error) => ExecutionStatus::Error,
            Phase::Idle(_) => ExecutionStatus::Finished,
        }
    }

    /// The execution status as an answer reports it.
    fn reported(&mut self, extended: bool) -> ExecutionStatus {
        match self.late.take() {
            Some((status, answers)) => {
                self.late = (answers > 1).then_some((status, answers - 1));
                status
            }
            None => self.execution(extended),
        }
    }

    fn append(&mut self, drafts: Vec<Draft>) -> Wake {
        self.log.append(drafts, self.time.now());
        self.wake()
    }

    fn wake(&mut self) -> Wake {
        self.version += 1;
        Wake(self.waiting.drain().map(|(_, waker)| waker).collect())
    }

    /// The task in progress, if it is still number `number`.
    fn task(&mut self, number: u64) -> Result<&mut Task, Gone> {
        match &mut self.phase {
            Phase::Busy(task) if self.tasks == number && !self.deleted => Ok(task),
            _ => Err(Gone),
        }
    }
}

impl Task {
    /// An answer that came during a pause counts when the task goes on: until then the status is held.
    fn waits(&self) -> bool {
        match self.question {
            Question::None => false,
            Question::Open => true,
            Question::Answered(_) => self.paused,
        }
    }
}

/// Streams to wake, once the state is unlocked.
#[must_use]
struct Wake(Vec<Waker>);

impl Wake {
    fn now(self) {
        self.0.into_iter().for_each(Waker::wake);
    }
}

impl Session {
    pub(crate) fn new(
        create: Create,
        initializing: bool,
        clock: Clock,
        browsers: &Arc<Browsers>,
    ) -> Self {
        let time = SessionTime::new(clock);
        let id = new_uuid();
        Self {
            browser: SessionBrowser::new(browsers, &id, create.left),
            id,
            environment_id: new_uuid(),
            agent_name: create.agent_name,
            created_at: time.now(),
            webhook_url: create.webhook_url,
            extras: create.extras,
            live: create.live,
            state: Mutex::new(State {
                time,
                initializing,
                deleted: false,
                phase: Phase::Idle(Outcome::None),
                tasks: 0,
                task_text: String::new(),
                log: Log::default(),
                page: create.page,
                pages: 0,
                version: 0,
                late: None,
                waiting: HashMap::new(),
            }),
            changed: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(crate) fn object(&self) -> SessionObject {
        let status = self.lock().status();
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
            browser: self.browser.name(),
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

    pub(crate) fn webhook_url(&self) -> Option<&str> {
        self.webhook_url.as_deref()
    }

    pub(crate) fn execution(&self, extended: bool) -> ExecutionStatus {
        self.lock().execution(extended)
    }

    /// The execution status as an answer reports it.
    pub(crate) fn reported(&self, extended: bool) -> ExecutionStatus {
        self.lock().reported(extended)
    }

    /// The next answers report the execution status of now, whatever comes.
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
    pub(crate) async fn picture(&self) -> Result<Picture, Trouble> {
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
    pub(crate) fn message(
        self: &Arc<Self>,
        server: &Arc<Server>,
        text: String,
        start_url: Option<String>,
    ) -> Result<(), ApiError> {
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
                state.phase = Phase::Busy(Task {
                    paused: false,
                    pauses: 0,
                    question: Question::None,
                    updates: Vec::new(),
                    cancelled: cancelled.clone(),
                });
                Some((state.tasks, cancelled))
            }
        };
        let wake = state.append(vec![Draft::User(text.clone())]);
        drop(state);
        wake.now();
        self.changed.notify_waiters();
        if let Some((number, cancelled)) = started {
            webhooks::task_started(server, self, &text);
            let work = agent::work(
                Turn {
                    server: server.clone(),
                    session: self.clone(),
                    number,
                },
                text,
                start_url,
            );
            server.spawn(async move {
                tokio::select! {
                    biased;
                    () = cancelled.cancelled() => {}
                    () = work => {}
                }
            });
        }
        Ok(())
    }

    pub(crate) fn pause(self: &Arc<Self>, server: &Arc<Server>) -> Result<(), ApiError> {
        self.switch(server, |state| {
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

    pub(crate) fn resume(self: &Arc<Self>, server: &Arc<Server>) -> Result<(), ApiError> {
        self.switch(server, |state| match &mut state.phase {
            Phase::Busy(task) if task.paused => {
                task.paused = false;
                Ok(Some(Draft::Resumed))
            }
            _ => Err(ApiError::conflict("not_paused", "Session is not paused")),
        })
    }

    /// Ends the task in progress, if there is one.
    pub(crate) fn cancel(self: &Arc<Self>, server: &Arc<Server>) -> Result<(), ApiError> {
        self.switch(server, |state| {
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
        self: &Arc<Self>,
        server: &Arc<Server>,
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
        drop(state);
        wake.now();
        self.changed.notify_waiters();
        if old != new {
            webhooks::status_changed(server, self, old, new);
        }
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

    /// Destroys the session: its task is cancelled, its streams end.
    pub(crate) fn delete(&self) {
        let mut state = self.lock();
        state.deleted = true;
        if let Phase::Busy(task) = &state.phase {
            task.cancelled.cancel();
        }
        let wake = state.wake();
        drop(state);
        wake.now();
        self.changed.notify_waiters();
    }

    pub(crate) fn connect(&self) -> Connected {
        let state = self.lock();
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
            return Read::Gone;
        }
        state.waiting.insert(reader, cx.waker().clone());
        Read::Nothing
    }

    /// All that changed since `version`, with the entries from `cursor`; without a change, keeps the waker.
    pub(crate) fn look(
        &self,
        reader: u64,
        version: Option<u64>,
        cursor: usize,
        cx: &Context<'_>,
    ) -> Option<Look> {
        let mut state = self.lock();
        if version == Some(state.version) {
            state.waiting.insert(reader, cx.waker().clone());
            return None;
        }
        let next = state.log.len();
        let start = cursor.max(next.saturating_sub(LOOK));
        let asks = matches!(&state.phase, Phase::Busy(task) if task.question == Question::Open);
        let question = asks.then(|| state.log.newest(Kind::Question)).flatten();
        Some(Look {
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

    /// Forgets the waker of a stream that ended.
    pub(crate) fn forget(&self, reader: u64) {
        self.lock().waiting.remove(&reader);
    }
}

/// An agent's hold on its task: all it says goes through here, and stops when the task is taken from it.
#[derive(Clone)]
pub(crate) struct Turn {
    server: Arc<Server>,
    session: Arc<Session>,
    number: u64,
}

impl Turn {
    pub(crate) fn server(&self) -> &Arc<Server> {
        &self.server
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// Opens an address in the session's browser; a browser that cannot be used ends the task.
    pub(crate) async fn open(&self, url: &Url) -> Result<Page, Gone> {
        let opened = self.session.browser.open(&self.server.web, url).await;
        self.or_fail(opened).await
    }

    /// The page as the session's browser shows it now.
    pub(crate) async fn reread(&self, page: Page) -> Result<Page, Gone> {
        let read = self.session.browser.reread(&page).await;
        let now = self.or_fail(read).await?;
        Ok(now.unwrap_or(page))
    }

    async fn or_fail<T>(&self, result: Result<T, Trouble>) -> Result<T, Gone> {
        match result {
            Ok(value) => Ok(value),
            Err(Trouble::Closed) => Err(Gone),
            Err(Trouble::Unusable(text)) => {
                self.fail(text, 500).await?;
                Err(Gone)
            }
        }
    }

    /// Reports what the agent does, as soon as the session is neither paused nor initializing.
    pub(crate) async fn say(&self, drafts: Vec<Draft>) -> Result<(), Gone> {
        let mut drafts = Some(drafts);
        self.when_running(|state| drafts.take().map(|drafts| state.append(drafts)))
            .await
            .map(Wake::now)
    }

    /// Waits until the session is neither paused nor initializing.
    pub(crate) async fn ready(&self) -> Result<(), Gone> {
        self.when_running(|_| Some(())).await
    }

    /// Whether the task is still this agent's.
    pub(crate) fn is_mine(&self) -> bool {
        self.session.lock().task(self.number).is_ok()
    }

    /// Waits until the task is no longer this agent's.
    pub(crate) async fn lost(&self) {
        loop {
            // Made before the state is looked at, so that no change in between is missed.
            let changed = self.session.changed.notified();
            if !self.is_mine() {
                return;
            }
            changed.await;
        }
    }

    /// Asks, and waits for the answer.
    pub(crate) async fn ask(&self, question: String) -> Result<String, Gone> {
        self.pose(question).await?;
        self.answer().await
    }

    /// Asks.
    pub(crate) async fn pose(&self, question: String) -> Result<(), Gone> {
        let number = self.number;
        let mut draft = Some(Draft::Question(question.clone()));
        self.when_running(|state| {
            state.task(number).ok()?.question = Question::Open;
            draft.take().map(|draft| state.append(vec![draft]))
        })
        .await?
        .now();
        webhooks::task_question(&self.server, &self.session, &question);
        Ok(())
    }

    /// Waits for the answer to the question that was posed.
    pub(crate) async fn answer(&self) -> Result<String, Gone> {
        let number = self.number;
        self.when_running(|state| {
            let task = state.task(number).ok()?;
            match std::mem::replace(&mut task.question, Question::None) {
                Question::Answered(answer) => Some(answer),
                other => {
                    task.question = other;
                    None
                }
            }
        })
        .await
    }

    /// Takes the question back; an answer that came already becomes a message.
    pub(crate) fn withdraw_question(&self) {
        let mut state = self.session.lock();
        let Ok(task) = state.task(self.number) else {
            return;
        };
        match std::mem::replace(&mut task.question, Question::None) {
            Question::None => return,
            Question::Open => {}
            Question::Answered(answer) => task.updates.push(answer),
        }
        let wake = state.wake();
        drop(state);
        wake.now();
        self.session.changed.notify_waiters();
    }

    /// Waits. On a fast clock the session's time jumps ahead, unless the task is paused: then once it goes on.
    pub(crate) async fn sleep(&self, time: Duration) -> Result<(), Gone> {
        match self.server.options.clock {
            Clock::Real => tokio::time::sleep(time).await,
            Clock::Fast => {
                self.when_running(|state| {
                    state.time.advance(time);
                    Some(())
                })
                .await?;
                // A long script must not keep its thread from the streams.
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Pauses the session, and waits until it is resumed.
    pub(crate) async fn pause(&self) -> Result<(), Gone> {
        let number = self.number;
        let wake = self
            .when_running(|state| {
                state.task(number).ok()?.paused = true;
                Some(state.append(vec![Draft::Paused]))
            })
            .await?;
        wake.now();
        webhooks::status_changed(
            &self.server,
            &self.session,
            SessionStatus::Running,
            SessionStatus::Paused,
        );
        self.ready().await
    }

    /// Waits until requests have paused and resumed the task more often than `seen`; returns how often.
    pub(crate) async fn wait_for_pause(&self, seen: u64) -> Result<u64, Gone> {
        let number = self.number;
        self.when_running(|state| {
            let pauses = state.task(number).ok()?.pauses;
            (pauses > seen).then_some(pauses)
        })
        .await
    }

    /// Waits for a message that was not taken yet.
    pub(crate) async fn wait_for_message(&self) -> Result<String, Gone> {
        let number = self.number;
        self.when_running(|state| {
            let updates = &mut state.task(number).ok()?.updates;
            (!updates.is_empty()).then(|| updates.remove(0))
        })
        .await
    }

    /// Ends the task with a result.
    pub(crate) async fn done(&self, result: Value) -> Result<(), Gone> {
        let text = done_text(&result).to_owned();
        self.end(Draft::Done(result), Outcome::Done).await?;
        webhooks::task_completed(&self.server, &self.session, &text);
        Ok(())
    }

    /// Ends the task with a failure.
    pub(crate) async fn fail(&self, text: String, status_code: u16) -> Result<(), Gone> {
        self.end(
            Draft::Error {
                text: text.clone(),
                status_code,
            },
            Outcome::Error,
        )
        .await?;
        webhooks::task_error(&self.server, &self.session, &text);
        Ok(())
    }

    async fn end(&self, draft: Draft, outcome: Outcome) -> Result<(), Gone> {
        let mut draft = Some(draft);
        self.when_running(|state| {
            state.phase = Phase::Idle(outcome);
            draft.take().map(|draft| state.append(vec![draft]))
        })
        .await?
        .now();
        self.session.changed.notify_waiters();
        Ok(())
    }

    /// The messages that came since the last call, other than answers.
    pub(crate) fn take_updates(&self) -> Vec<String> {
        let mut state = self.session.lock();
        state
            .task(self.number)
            .map(|task| std::mem::take(&mut task.updates))
            .unwrap_or_default()
    }

    /// Waits until the task may go on and `act` has something to return.
    async fn when_running<T>(
        &self,
        mut act: impl FnMut(&mut State) -> Option<T>,
    ) -> Result<T, Gone> {
        loop {
            // Made before the state is looked at, so that no change in between is missed.
            let changed = self.session.changed.notified();
            {
                let mut state = self.session.lock();
                let held = state.initializing;
                let task = state.task(self.number)?;
                if !held
                    && !task.paused
                    && let Some(value) = act(&mut state)
                {
                    return Ok(value);
                }
            }
            changed.await;
        }
    }
}

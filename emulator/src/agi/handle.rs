//! An agent's hold on its task.

use super::log::{Draft, done_text};
use super::models::SessionStatus;
use super::session::Session;
use super::state::{Outcome, Phase, Question, State, Wake};
use super::webhooks::WebhookEvent;
use crate::agent::Detached;
use crate::browser::BrowserError;
use crate::clock::Clock;
use crate::faults::Stop;
use crate::page::Page;
use crate::sync::lock;
use crate::timeline::{Timeline, cut, quoted};
use serde_json::{Map, Value};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use url::Url;

/// An agent's hold on its task: all that it says goes through here, and ends when the task is taken from it.
#[derive(Clone)]
pub(super) struct TaskHandle {
    session: Arc<Session>,
    number: u64,
    timeline: Arc<Mutex<Timeline>>,
}

impl TaskHandle {
    pub(super) fn new(session: Arc<Session>, number: u64, timeline: Arc<Mutex<Timeline>>) -> Self {
        Self {
            session,
            number,
            timeline,
        }
    }

    /// Notes what plays, for whoever asks what happened.
    pub(super) fn take_note(&self, what: &str) {
        lock(&self.timeline).played(&self.session.id, what);
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// The how manyth task of its session it is, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Opens an address in the session's browser; a browser that cannot be used ends the task.
    pub(super) async fn open(&self, url: &Url) -> Result<Page, Detached> {
        let opened = self.session.browser.open(url).await;
        self.or_fail(opened).await
    }

    /// Opens an address in the session's browser, and reports it as a step.
    pub(super) async fn navigate(&self, address: &str) -> Result<Page, Detached> {
        let page = match Url::parse(address) {
            Ok(url) => self.open(&url).await?,
            Err(_) => Page::unopened(address),
        };
        self.session().show(page.clone());
        self.say(vec![Draft::Step {
            text: format!("Opened {}", page.url),
            url: Some(page.url.clone()),
            action: Some("navigate".to_owned()),
        }])
        .await?;
        Ok(page)
    }

    /// The page as the session's browser shows it now.
    pub(super) async fn reread(&self, page: Page) -> Result<Page, Detached> {
        let read = self.session.browser.reread(&page).await;
        let now = self.or_fail(read).await?;
        Ok(now.unwrap_or(page))
    }

    async fn or_fail<T>(&self, result: Result<T, BrowserError>) -> Result<T, Detached> {
        match result {
            Ok(value) => Ok(value),
            Err(BrowserError::Closed) => Err(Detached),
            Err(BrowserError::Unusable(text)) => {
                self.fail(text, 500).await?;
                Err(Detached)
            }
        }
    }

    /// Reports what the agent does, as soon as the session is neither paused nor initializing.
    pub(super) async fn say(&self, drafts: Vec<Draft>) -> Result<(), Detached> {
        let mut drafts = Some(drafts);
        self.when_running(|state| drafts.take().map(|drafts| state.append(drafts)))
            .await
            .map(Wake::now)
    }

    /// Waits until the session is neither paused nor initializing.
    pub(super) async fn ready(&self) -> Result<(), Detached> {
        self.when_running(|_| Some(())).await
    }

    /// Whether the task is still this agent's.
    pub(super) fn is_mine(&self) -> bool {
        self.session.lock().task(self.number).is_ok()
    }

    /// Waits until the task is no longer this agent's.
    pub(super) async fn lost(&self) {
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
    pub(super) async fn ask(&self, question: String) -> Result<String, Detached> {
        let draft = Draft::Question(question.clone());
        self.pose(question, draft, Map::new()).await?;
        self.answer().await
    }

    /// Asks; `context` is for the webhook.
    pub(super) async fn pose(
        &self,
        question: String,
        draft: Draft,
        context: Map<String, Value>,
    ) -> Result<(), Detached> {
        let number = self.number;
        let mut draft = Some(draft);
        self.when_running(|state| {
            state.task(number).ok()?.question = Question::Open;
            let wake = draft.take().map(|draft| state.append(vec![draft]))?;
            let event = WebhookEvent::Question(question.clone(), context.clone());
            self.take_note(&format!("asks {}", quoted(&question)));
            self.session.notify_in(state, &event);
            Some(wake)
        })
        .await?
        .now();
        Ok(())
    }

    /// Waits for the answer to the question that was posed.
    pub(super) async fn answer(&self) -> Result<String, Detached> {
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
    pub(super) fn withdraw_question(&self) {
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
    pub(super) async fn sleep(&self, time: Duration) -> Result<(), Detached> {
        match self.session.clock {
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
    pub(super) async fn pause(&self) -> Result<(), Detached> {
        let number = self.number;
        let wake = self
            .when_running(|state| {
                state.task(number).ok()?.paused = true;
                let wake = state.append(vec![Draft::Paused]);
                let event = WebhookEvent::StatusChanged {
                    old: SessionStatus::Running,
                    new: SessionStatus::Paused,
                };
                self.session.notify_in(state, &event);
                Some(wake)
            })
            .await?;
        wake.now();
        self.ready().await
    }

    /// Waits until requests have paused and resumed the task more often than `seen`; returns how often.
    pub(super) async fn wait_for_pause(&self, seen: u64) -> Result<u64, Detached> {
        let number = self.number;
        self.when_running(|state| {
            let pauses = state.task(number).ok()?.pauses;
            (pauses > seen).then_some(pauses)
        })
        .await
    }

    /// Waits for a message that was not taken yet.
    pub(super) async fn wait_for_message(&self) -> Result<String, Detached> {
        let number = self.number;
        self.when_running(|state| {
            let updates = &mut state.task(number).ok()?.updates;
            (!updates.is_empty()).then(|| updates.remove(0))
        })
        .await
    }

    /// Waits until an event stream is open on the session.
    pub(super) async fn wait_for_stream(&self) -> Result<(), Detached> {
        self.when_running(|state| (!state.streams.is_empty()).then_some(()))
            .await
    }

    /// Ends the streams that are open, after all that was said so far.
    pub(super) async fn cut_streams(&self, how: Stop) -> Result<(), Detached> {
        self.when_running(|state| {
            state.streams.clear();
            Some(state.append(vec![Draft::Cut(how)]))
        })
        .await
        .map(Wake::now)
    }

    /// Ends the task with a result.
    pub(super) async fn done(&self, result: Value) -> Result<(), Detached> {
        let draft = Draft::Done(result.clone());
        self.done_as(&result, draft).await
    }

    /// The same, said so.
    pub(super) async fn done_as(&self, result: &Value, draft: Draft) -> Result<(), Detached> {
        let event = WebhookEvent::Completed(done_text(result).to_owned());
        self.end(draft, Outcome::Done, event).await
    }

    /// Ends the task with a failure.
    pub(super) async fn fail(&self, text: String, status_code: u16) -> Result<(), Detached> {
        let draft = Draft::Error {
            text: text.clone(),
            status_code,
        };
        self.fail_as(text, draft, Map::new()).await
    }

    /// The same, said so; `details` is for the webhook.
    pub(super) async fn fail_as(
        &self,
        text: String,
        draft: Draft,
        details: Map<String, Value>,
    ) -> Result<(), Detached> {
        let event = WebhookEvent::Failed(text, details);
        self.end(draft, Outcome::Error, event).await
    }

    async fn end(
        &self,
        draft: Draft,
        outcome: Outcome,
        event: WebhookEvent,
    ) -> Result<(), Detached> {
        let end = match &draft {
            Draft::Done(Value::String(text)) => format!("done {}", quoted(text)),
            Draft::Done(result) => format!("done {}", cut(&result.to_string())),
            Draft::Error { text, .. } => format!("error {}", quoted(text)),
            _ => "ends".to_owned(),
        };
        let mut draft = Some(draft);
        self.when_running(|state| {
            self.take_note(&end);
            state.phase = Phase::Idle(outcome);
            let wake = draft.take().map(|draft| state.append(vec![draft]))?;
            self.session.notify_in(state, &event);
            Some(wake)
        })
        .await?
        .now();
        self.session.changed.notify_waiters();
        Ok(())
    }

    /// The messages that came since the last call, other than answers.
    pub(super) fn take_updates(&self) -> Vec<String> {
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
    ) -> Result<T, Detached> {
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

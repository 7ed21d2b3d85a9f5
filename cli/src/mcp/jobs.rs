//! A task or turn at work: what it said so far, what it asks, how it ended.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Map, Value, json};
use sessionwire::agi::{Event, EventType, Task, TaskResult};
use sessionwire::meaning::iso_text;
use sessionwire::raccoon::{Turn, TurnResult, TurnStatus};
use sessionwire::{Batch, Error, ErrorKind, EventQueue};
use tokio::sync::{Mutex as AsyncMutex, watch};

use super::limits::CLEANUP;
use super::replies::{Answer, Refusal, Reply, told};
use crate::failure::came_late;

/// How much of what it said is kept, and of each of these.
const KEPT: usize = 200;
const LONGEST: usize = 1_000;
/// How often a question is looked at that somebody else may have answered.
const LOOK: Duration = Duration::from_secs(5);

/// What it is.
pub(super) enum Work {
    Task(Task),
    Turn(Turn),
}

/// How it ended.
#[derive(Clone)]
pub(super) enum End {
    Task(Box<TaskResult>),
    Turn(Box<TurnResult>),
    Failed(Error),
    Cancelled,
    /// Its time was over.
    GivenUp(String),
}

pub(super) struct Job {
    pub(super) id: String,
    pub(super) session_id: String,
    pub(super) work: Work,
    /// Its session is deleted at its end.
    pub(super) ends_session: bool,
    pub(super) created_at: String,
    started: Instant,
    state: Mutex<State>,
    /// Held by who cancels it.
    cancelling: AsyncMutex<()>,
    version: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    heard: VecDeque<String>,
    /// How many of the heard are not kept any more.
    dropped: usize,
    /// How much of it `wait` has told.
    told: usize,
    end: Option<End>,
    cancelled: bool,
    /// The newest question that was heard, after all that was said before it.
    asked: Option<Event>,
    /// The question that the user did not want to answer.
    declined: Option<i64>,
    /// What became of its session, where that did not go well.
    left: Option<String>,
    changed_at: String,
}

impl Job {
    pub(super) fn new(id: String, work: Work, ends_session: bool) -> Arc<Self> {
        let session_id = match &work {
            Work::Task(task) => task.session_id(),
            Work::Turn(turn) => turn.session_id(),
        };
        Arc::new(Self {
            id,
            session_id: session_id.to_owned(),
            work,
            ends_session,
            created_at: now(),
            started: Instant::now(),
            state: Mutex::new(State {
                changed_at: now(),
                ..State::default()
            }),
            cancelling: AsyncMutex::default(),
            version: watch::Sender::new(0),
        })
    }

    /// Reads it to its end. The caller sees to its session, and says so with `finish`.
    pub(super) async fn read_to_its_end(&self) -> End {
        let queue = match &self.work {
            Work::Task(task) => task.queue(),
            Work::Turn(turn) => turn.queue(),
        };
        self.read(queue).await;
        let end = match &self.work {
            Work::Task(task) => self
                .result_of(task)
                .await
                .map(|result| End::Task(Box::new(result))),
            Work::Turn(turn) => turn
                .result(None)
                .await
                .map(|result| End::Turn(Box::new(result))),
        };
        match end {
            Ok(End::Turn(result))
                if result.status == TurnStatus::Aborted && self.is_cancelled() =>
            {
                End::Cancelled
            }
            Ok(end) => end,
            Err(_) if self.is_cancelled() => End::Cancelled,
            Err(error) => End::Failed(error),
        }
    }

    async fn read(&self, queue: &EventQueue) {
        loop {
            match queue.try_take(256) {
                Batch::Events(events) => self.heard(&events),
                Batch::Empty => queue.wait().await,
                Batch::Ended | Batch::Failed(_) => return,
            }
        }
    }

    /// The result, also of a task whose stream was lost and that asks.
    async fn result_of(&self, task: &Task) -> Result<TaskResult, Error> {
        let mut version = self.version.subscribe();
        loop {
            match task.result(None).await {
                Err(error) if error.kind() == ErrorKind::QuestionPending => {
                    self.lock().asked = error.question().cloned();
                    self.touch();
                    version.mark_unchanged();
                    let _ = tokio::time::timeout(LOOK, version.changed()).await;
                }
                result => return result,
            }
        }
    }

    fn heard(&self, events: &[Event]) {
        let mut state = self.lock();
        for event in events {
            if *event.event_type() == EventType::Question {
                state.asked = Some(event.clone());
            }
            let is_said = matches!(
                event.event_type(),
                EventType::Thought | EventType::ToolStart | EventType::PlanUpdate
            );
            let text = event.text();
            if !is_said || text.trim().is_empty() {
                continue;
            }
            if state.heard.len() == KEPT {
                state.heard.pop_front();
                state.dropped += 1;
            }
            state.heard.push_back(shortened(&text, LONGEST));
        }
        drop(state);
        self.touch();
    }

    /// What it said after the first `count`, and how much it said.
    pub(super) fn heard_after(&self, count: usize) -> (Vec<String>, usize) {
        let state = self.lock();
        let skipped = count.saturating_sub(state.dropped);
        let new = state.heard.iter().skip(skipped).cloned().collect();
        (new, state.dropped + state.heard.len())
    }

    /// What it said since the last time that somebody asked this.
    pub(super) fn news(&self) -> Vec<String> {
        let told = self.lock().told;
        let (news, count) = self.heard_after(told);
        self.lock().told = count;
        news
    }

    /// The question that is open.
    pub(super) fn question(&self) -> Option<Event> {
        let Work::Task(task) = &self.work else {
            return None;
        };
        let open = task.question()?;
        let state = self.lock();
        let is_heard = state
            .asked
            .as_ref()
            .is_some_and(|asked| asked.id() == open.id());
        (is_heard && state.end.is_none()).then_some(open)
    }

    /// Answers the question that was asked. Whether it was open still.
    pub(super) async fn answer(&self, text: &str, asked: &Event) -> Result<bool, Error> {
        let Work::Task(task) = &self.work else {
            return Ok(false);
        };
        let answered = task.answer_to(text.to_owned(), asked.id()).await;
        self.touch();
        match answered {
            Ok(_) => Ok(true),
            Err(error) if came_late(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The user does not want to answer this one: it is left to the model.
    pub(super) fn decline(&self, asked: &Event) {
        self.lock().declined = asked.id();
        self.touch();
    }

    /// The question that is open, and that the user was not asked yet.
    pub(super) fn new_question(&self) -> Option<Event> {
        let question = self.question()?;
        let declined = self.lock().declined;
        (declined.is_none() || declined != question.id()).then_some(question)
    }

    pub(super) fn end(&self) -> Option<End> {
        self.lock().end.clone()
    }

    /// It is over, and its session seen to.
    pub(super) fn finish(&self, end: End) {
        let mut state = self.lock();
        if state.end.is_none() {
            state.end = Some(end);
        }
        drop(state);
        self.touch();
    }

    pub(super) fn left_its_session(&self, why: String) {
        self.lock().left = Some(why);
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.lock().cancelled
    }

    /// Cancels it, and says so whatever its service answers.
    pub(super) async fn cancel(&self) -> Result<(), Error> {
        let _cancelling = self.cancelling.lock().await;
        self.send_cancel().await
    }

    /// Cancels it where nobody did; waits for who does.
    pub(super) async fn cancel_once(&self) -> Result<(), Error> {
        let _cancelling = self.cancelling.lock().await;
        match self.is_cancelled() {
            true => Ok(()),
            false => self.send_cancel().await,
        }
    }

    async fn send_cancel(&self) -> Result<(), Error> {
        self.lock().cancelled = true;
        let cancelled = match &self.work {
            Work::Task(task) => task.cancel().await.map(drop),
            Work::Turn(turn) => turn.stop(CLEANUP).await.map(drop),
        };
        match cancelled {
            // Gone, and the task with it.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => {
                self.lock().cancelled = false;
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }

    /// Tells everybody who waits to look again.
    pub(super) fn touch(&self) {
        self.lock().changed_at = now();
        self.version.send_modify(|version| *version += 1);
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    pub(super) fn changed_at(&self) -> String {
        self.lock().changed_at.clone()
    }

    /// What it is, or how it ended, for the model.
    pub(super) fn report(&self) -> Answer {
        let left = self.lock().left.clone();
        let Some(end) = self.end() else {
            return Ok(self.standing());
        };
        let kind = self.kind();
        let answer = match end {
            End::Task(result) => {
                Ok(self.reply("completed", task_text(&result), task_data(&result)))
            }
            End::Turn(result) if result.status == TurnStatus::Aborted => {
                let reason = result.reason.as_deref().unwrap_or("no reason given");
                Err(Refusal::new(format!(
                    "The turn was aborted: {reason}. Start another one in its session."
                )))
            }
            End::Turn(result) => {
                Ok(self.reply("completed", turn_text(&result), turn_data(&result)))
            }
            End::Failed(error) => Err(Refusal::new(told(&error))),
            End::Cancelled => {
                let text = format!("The {kind} was cancelled.");
                Ok(self.reply("cancelled", text, Map::new()))
            }
            End::GivenUp(why) => Err(Refusal::new(why)),
        };
        match (answer, left) {
            (answer, None) => answer,
            (Ok(mut reply), Some(left)) => {
                reply.content.push(rmcp::model::ContentBlock::text(left));
                Ok(reply)
            }
            (Err(Refusal(text)), Some(left)) => Err(Refusal(format!("{text} {left}"))),
        }
    }

    /// Of one that is not over.
    fn standing(&self) -> Reply {
        let (kind, id) = (self.kind(), &self.id);
        let mut data = Map::new();
        let news = self.news();
        let said = match news.is_empty() {
            true => String::new(),
            false => format!(" It said:\n- {}\n", news.join("\n- ")),
        };
        data.insert("news".to_owned(), json!(news));
        let Some(question) = self.question() else {
            let text = format!(
                "The {kind} {id} is at work in the session {}.{said} Call wait_{kind} with {kind}_id {id:?} to go on \
                 waiting, or cancel_{kind} to end it.",
                self.session_id
            );
            return self.reply("working", text, data);
        };
        let asks = question.text();
        let text = format!(
            "The agent asks: {asks:?}{said} Answer with answer_question and task_id {id:?}, after asking the user where \
             you do not know. Until then the task waits, and its session stays open."
        );
        data.insert("question".to_owned(), json!(asks));
        self.reply("input_required", text, data)
    }

    fn reply(&self, state: &str, text: String, more: Map<String, Value>) -> Reply {
        let mut data = Map::new();
        data.insert(format!("{}_id", self.kind()), json!(self.id));
        data.insert("session_id".to_owned(), json!(self.session_id));
        data.insert("state".to_owned(), json!(state));
        data.insert(
            "seconds".to_owned(),
            json!((self.started.elapsed().as_secs_f64() * 10.0).round() / 10.0),
        );
        data.extend(more);
        Reply::new(text, Value::Object(data))
    }

    pub(super) fn kind(&self) -> &'static str {
        match self.work {
            Work::Task(_) => "task",
            Work::Turn(_) => "turn",
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The agent's words, and its data where that is more than a text.
fn task_text(result: &TaskResult) -> String {
    match &result.data {
        Value::Null | Value::String(_) => result.text.clone(),
        data if result.text.is_empty() => data.to_string(),
        data => format!("{}\n{data}", result.text),
    }
}

fn task_data(result: &TaskResult) -> Map<String, Value> {
    let mut data = Map::new();
    data.insert("text".to_owned(), json!(result.text));
    if !matches!(result.data, Value::Null | Value::String(_)) {
        data.insert("data".to_owned(), result.data.clone());
    }
    data
}

fn turn_text(result: &TurnResult) -> String {
    let files: Vec<&str> = result.files.keys().map(String::as_str).collect();
    let mut text = result.text.clone();
    if !result.text_is_certain {
        text.push_str("\n(The text is not certain: its frames can be read in two ways.)");
    }
    if !files.is_empty() {
        text.push_str(&format!("\nFiles of the sandbox: {}", files.join(", ")));
    }
    text
}

fn turn_data(result: &TurnResult) -> Map<String, Value> {
    let mut data = Map::new();
    data.insert("text".to_owned(), json!(result.text));
    let files: Vec<&String> = result.files.keys().collect();
    data.insert("files".to_owned(), json!(files));
    data
}

/// At most so many characters of a text.
pub(super) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn now() -> String {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    iso_text(i64::try_from(since.as_millis()).unwrap_or_default())
}

//! What a person at a terminal is told beside the events: where to look, how things stand, and what
//! became of it. Nobody else is told.

use std::time::{Duration, Instant};

use sessionwire::ErrorKind;
use sessionwire::agi::{Event, EventType};

use crate::failure::Failure;
use crate::render::{Renderer, one_line};
use crate::screen::Status;
use crate::terminal::{self, note};

/// How long what was printed may take to be read.
const PATIENCE: Duration = Duration::from_millis(500);

/// How a task or turn goes.
pub(crate) struct Progress {
    /// Whether anybody wants to know.
    is_told: bool,
    status: Option<Status>,
    begun: Instant,
    events: usize,
    questions: usize,
}

impl Progress {
    /// Begins to tell, unless it shall be quiet or nobody sees it.
    pub(crate) fn begin(is_quiet: bool) -> Self {
        let is_told = !is_quiet && terminal::is_watched();
        Self {
            is_told,
            status: Some(Status::begin(is_told)),
            begun: Instant::now(),
            events: 0,
            questions: 0,
        }
    }

    /// What is done just now.
    pub(crate) fn say(&self, text: &str) {
        if let Some(status) = &self.status {
            status.say(one_line(text));
        }
    }

    /// Names the session.
    pub(crate) fn session(&self, session_id: &str, live_view: Option<&str>) {
        if !self.is_told {
            return;
        }
        note(&format!("session: {}", one_line(session_id)));
        if let Some(url) = live_view {
            note(&format!("live view: {}", one_line(url)));
        }
    }

    /// Counts an event; its text says how things stand.
    pub(crate) fn event(&mut self, event: &Event) {
        match event.event_type() {
            EventType::Heartbeat => return,
            EventType::Question => self.questions += 1,
            EventType::Thought | EventType::Step | EventType::Text | EventType::ToolStart => {
                self.say(&event.text());
            }
            _ => {}
        }
        self.events += 1;
    }

    /// How long it has been going on.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Takes the line away: a result or an error comes.
    pub(crate) fn rest(&mut self) {
        self.status = None;
    }

    /// One line that says how it ended, behind all that was printed.
    pub(crate) async fn end<T>(
        mut self,
        outcome: &Result<T, Failure>,
        session: &str,
        renderer: Renderer<'_>,
    ) {
        self.rest();
        if !self.is_told {
            return;
        }
        // A reader that stands still is not waited for.
        let _ = tokio::time::timeout(PATIENCE, renderer.flush()).await;
        let how = match outcome.as_ref().map_err(Failure::cause) {
            Ok(_) => "Done",
            Err(Failure::Interrupted) => "Interrupted",
            Err(Failure::Timeout(_) | Failure::NotStarted(_) | Failure::WatchEnded(_)) => {
                "Out of time"
            }
            Err(Failure::Unanswered(_)) => "Not answered",
            Err(Failure::Client(error)) if error.kind() == ErrorKind::Task => "Failed",
            Err(_) => "Broken off",
        };
        let events = count(self.events, "event");
        let questions = match self.questions {
            0 => String::new(),
            questions => format!(", {}", count(questions, "question")),
        };
        let seconds = self.begun.elapsed().as_secs_f64();
        note(&format!(
            "{how} after {}: {events}{questions}; {session}",
            spoken(seconds)
        ));
    }
}

/// `1 task`, `2 tasks`.
pub(crate) fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

/// `4.2 s`, `12 min 40 s`.
fn spoken(seconds: f64) -> String {
    match seconds {
        ..60.0 => format!("{seconds:.1} s"),
        _ => format!(
            "{:.0} min {:.0} s",
            (seconds / 60.0).floor(),
            seconds % 60.0
        ),
    }
}

//! The events of a session over all its turns, whoever starts them: the history is
//! read again and again (docs/spec/raccoon.md, section 5.9).

use std::time::Duration;

use tokio::time::Instant;

use super::api::Api;
use super::models::{EventOptions, History, ResumePoint};
use super::news::News;
use super::validate;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::responses::says_gone;
use crate::stream::{EventQueue, Producer, queue, within};
use crate::transport::jitter;
use crate::transport::retry::{LONGEST_RETRY_AFTER, backoff};

/// The first and the longest wait after a look that failed.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How long the history may not yet have the message to go on after.
const LATE: Duration = Duration::from_secs(5);

/// Watches a session, from now on.
pub(super) fn open(api: &Api, session_id: &str, options: EventOptions) -> Result<EventQueue> {
    validate::session_id(session_id)?;
    validate::session_events(session_id, &options)?;
    api.closing().check()?;
    let (producer, queue) = queue();
    let watch = Watch {
        api: api.clone(),
        session_id: session_id.to_owned(),
        options,
        queue: producer.clone(),
        news: None,
        exists: false,
        last: None,
    };
    let waiting = producer.clone();
    producer.drive(async move {
        waiting.wanted().await;
        watch.run().await;
    });
    // At once: what happens after the call is news.
    queue.want();
    Ok(queue)
}

struct Watch {
    api: Api,
    session_id: String,
    options: EventOptions,
    queue: Producer,
    /// What was taken; `None` before the place to begin at was found.
    news: Option<News>,
    /// The service knows the session.
    exists: bool,
    /// The newest event that was handed on.
    last: Option<Event>,
}

impl Watch {
    async fn run(mut self) {
        let timeout = self.options.timeout;
        let until = timeout.and_then(|limit| Instant::now().checked_add(limit));
        let closing = self.api.closing().clone();
        let end = closing.until_closed(async { within(until, self.watch()).await.transpose() });
        let end = end.await.map(drop);
        let named = end.map_err(|error| self.api.without_key(self.named(error)));
        self.queue.finish(named);
    }

    /// Looks and looks, as long as there is somebody to tell.
    async fn watch(&mut self) -> Result<()> {
        let late = Instant::now() + LATE;
        let mut failures = 0;
        loop {
            let mut wait = self.options.poll_interval;
            match self.api.get(&self.session_id).await {
                Ok(history) => {
                    failures = 0;
                    self.exists = true;
                    let mut news = self.news_of(&history, late)?;
                    let last = news.last().cloned();
                    if !news.is_empty() && !self.queue.push_batch(&mut news).await {
                        return Ok(());
                    }
                    self.last = last.or(self.last.take());
                    if is_deleted(&history) {
                        return Err(gone());
                    }
                }
                Err(error) if says_gone(&error) => {
                    if self.exists || self.options.after.is_some() {
                        return Err(gone());
                    }
                    // Its first turn creates it.
                }
                Err(error) if error.kind() == ErrorKind::NotFound && self.exists => {
                    failures += 1;
                    wait = self.wait_after(failures, error)?;
                }
                Err(error) if error.is_final() => return Err(error),
                Err(error) => {
                    failures += 1;
                    wait = self.wait_after(failures, error)?;
                }
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// The new events of the history, from the place on where this one begins.
    fn news_of(&mut self, history: &History, late: Instant) -> Result<Vec<Event>> {
        if let Some(news) = &mut self.news {
            return Ok(news.take(history));
        }
        let mut news = News::default();
        match &self.options.after {
            Some(point) if !news.skip(history, point) => {
                if Instant::now() < late {
                    return Ok(Vec::new());
                }
                return Err(unknown_place(point));
            }
            None if !self.options.include_history => drop(news.take(history)),
            _ => {}
        }
        Ok(self.news.insert(news).take(history))
    }

    /// How long to wait after a look that failed; the error after too many.
    fn wait_after(&self, failures: u32, error: Error) -> Result<Duration> {
        let asked = error.retry_after().unwrap_or_default();
        if failures <= self.options.max_reconnects && asked <= LONGEST_RETRY_AFTER {
            let wait = backoff(failures - 1, FIRST_WAIT, LONGEST_WAIT, jitter());
            return Ok(wait.max(asked).max(self.options.poll_interval));
        }
        let message = format!(
            "The session's history could not be read {failures} times in a row: {}. Its turns may go on: watch it \
             again later, with `after`",
            error.message()
        );
        Err(Error::new(ErrorKind::Stream, message).with_reason("reconnect_failed"))
    }

    /// An error of this stream: it says where to go on.
    fn named(&self, error: Error) -> Error {
        let error = error.with_session(&self.session_id);
        let frame = self.last.as_ref().and_then(Event::frame);
        let Some((frame, message_id)) = frame.and_then(|frame| {
            let message_id = frame.message_id.clone()?;
            Some((frame, message_id))
        }) else {
            return error;
        };
        let error = error.with_turn(&message_id, frame.stream_entry_id.as_deref());
        match self.last.as_ref().and_then(Event::id) {
            Some(id) => error.with_last_event_id(id),
            None => error,
        }
    }
}

/// A session that was deleted may still be shown (docs/spec/raccoon.md, section 4.5).
fn is_deleted(history: &History) -> bool {
    history.session.extra.get("deleted") == Some(&true.into())
}

fn gone() -> Error {
    let message = "The session is gone: it was deleted or it expired";
    Error::new(ErrorKind::Stream, message).with_reason("session_gone")
}

fn unknown_place(point: &ResumePoint) -> Error {
    let message = format!(
        "The session's history has no message {:?}, which `after` names. Leave out `after` to read all events",
        point.message_id
    );
    Error::new(ErrorKind::Stream, message).with_reason("unknown_resume_point")
}

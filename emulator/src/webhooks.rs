//! Webhooks: what a session tells the address it was created with.

use crate::agi::SessionStatus;
use crate::agi::session::Session;
use crate::clock::{Clock, Timestamp};
use crate::state::{Server, lock};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const ATTEMPTS: u32 = 3;
/// No attempt starts later than this after the first.
const WINDOW: Duration = Duration::from_secs(30);
/// How many attempts are kept in the record.
const KEPT: usize = 10_000;

pub(crate) fn created(server: &Arc<Server>, session: &Session) {
    send(server, session, "session.created", None, json!({}));
}

/// Told before the session is destroyed: it carries the last status.
pub(crate) fn deleted(server: &Arc<Server>, session: &Session) {
    send(server, session, "session.deleted", None, json!({}));
}

pub(crate) fn status_changed(
    server: &Arc<Server>,
    session: &Session,
    old: SessionStatus,
    new: SessionStatus,
) {
    send(
        server,
        session,
        "session.status_changed",
        Some(new),
        json!({ "old_status": old, "new_status": new }),
    );
}

pub(crate) fn task_started(server: &Arc<Server>, session: &Session, message: &str) {
    send(
        server,
        session,
        "task.started",
        Some(SessionStatus::Running),
        json!({ "message": message }),
    );
}

// The documented samples of the next three say `ready`, whatever the session's status is.

pub(crate) fn task_completed(server: &Arc<Server>, session: &Session, message: &str) {
    let result = json!({ "status": "success", "message": message });
    send(
        server,
        session,
        "task.completed",
        Some(SessionStatus::Ready),
        json!({ "result": result }),
    );
}

pub(crate) fn task_question(server: &Arc<Server>, session: &Session, question: &str) {
    send(
        server,
        session,
        "task.question",
        Some(SessionStatus::Ready),
        json!({ "question": question, "context": {} }),
    );
}

pub(crate) fn task_error(server: &Arc<Server>, session: &Session, error: &str) {
    send(
        server,
        session,
        "task.error",
        Some(SessionStatus::Ready),
        json!({ "error": error, "details": {} }),
    );
}

/// Sends an event in the background, if the session has a webhook.
fn send(
    server: &Arc<Server>,
    session: &Session,
    event: &'static str,
    status: Option<SessionStatus>,
    fields: Value,
) {
    let Some(url) = session.webhook_url() else {
        return;
    };
    let begin = session.now();
    let body = body(session, begin, event, status, fields);
    let delivery = Delivery {
        server: server.clone(),
        url: url.to_owned(),
        event,
        session_id: session.id.clone(),
        begin,
        body: body.to_string(),
    };
    server.spawn(delivery.run());
}

fn body(
    session: &Session,
    now: Timestamp,
    event: &str,
    status: Option<SessionStatus>,
    fields: Value,
) -> Value {
    let session = session.object();
    let mut body = Map::new();
    body.insert("event".to_owned(), event.into());
    body.insert("timestamp".to_owned(), now.to_string().into());
    let mut object = json!({
        "id": session.session_id,
        "status": status.unwrap_or(session.status),
        "agent_name": session.agent_name,
        "created_at": session.created_at.to_string(),
    });
    if let Some(url) = &session.vnc_url {
        object["vnc_url"] = url.as_str().into();
    }
    body.insert("session".to_owned(), object);
    if let Value::Object(fields) = fields {
        body.extend(fields);
    }
    Value::Object(body)
}

/// One attempt to deliver a webhook, as it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WebhookAttempt {
    /// The event, such as `task.completed`.
    pub event: String,
    /// The session it is about.
    pub session_id: String,
    /// 1, 2 or 3.
    pub attempt: u32,
    /// When it was sent, ISO 8601 in UTC; on a fast clock in the time of the session.
    pub at: String,
    /// What came of it.
    pub outcome: WebhookOutcome,
    /// The status of the receiver's answer; `None` if there was no answer.
    pub status: Option<u16>,
    /// Why it failed; `None` if it did not.
    pub error: Option<String>,
    /// Seconds until the next attempt; `None` if there is none.
    pub retry_in: Option<f64>,
}

/// What came of an attempt; the names are those of the service's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WebhookOutcome {
    /// The receiver took it: a status from 200 to 299.
    #[serde(rename = "webhook_delivered")]
    Delivered,
    /// It failed and will be tried again.
    #[serde(rename = "webhook_retry")]
    Retry,
    /// It failed for the last time: the event is dropped.
    #[serde(rename = "webhook_failed_permanently")]
    FailedPermanently,
    /// It could not be sent at all, on this side.
    #[serde(rename = "webhook_notification_error")]
    NotificationError,
}

/// The attempts so far.
#[derive(Debug, Default)]
pub(crate) struct Deliveries(VecDeque<WebhookAttempt>);

impl Deliveries {
    pub(crate) fn list(&self) -> Vec<WebhookAttempt> {
        self.0.iter().cloned().collect()
    }

    fn push(&mut self, attempt: WebhookAttempt) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(attempt);
    }
}

/// How long to wait after a failed attempt that ended so long after the first began; `None`: that was the last.
fn wait_after(attempt: u32, passed: Duration, backoff: Duration) -> Option<Duration> {
    let wait = backoff * 2_u32.pow(attempt.saturating_sub(1));
    (attempt < ATTEMPTS && passed + wait <= WINDOW).then_some(wait)
}

/// An event on its way.
struct Delivery {
    server: Arc<Server>,
    url: String,
    event: &'static str,
    session_id: String,
    /// When it happened, in the session's time.
    begin: Timestamp,
    body: String,
}

/// Why an attempt failed.
enum Failure {
    /// The receiver answered otherwise.
    Status(u16),
    /// Nothing came back.
    Unanswered { why: String, timeout: bool },
    /// Nothing was sent.
    Unsent(String),
}

impl Delivery {
    async fn run(self) {
        let options = &self.server.options;
        let backoff = Duration::from_secs_f64(options.webhook_backoff);
        let begun = Instant::now();
        // On a fast clock: the waits so far, none of which takes real time.
        let mut skipped = Duration::ZERO;
        for attempt in 1..=ATTEMPTS {
            let real = if options.clock == Clock::Fast {
                Duration::ZERO
            } else {
                begun.elapsed()
            };
            let at = self.begin.plus(real + skipped);
            let failure = match self.attempt().await {
                Ok(status) => return self.note(attempt, at, Ok(status), None),
                Err(failure) => failure,
            };
            let passed = match options.clock {
                Clock::Real => begun.elapsed(),
                Clock::Fast => {
                    if matches!(failure, Failure::Unanswered { timeout: true, .. }) {
                        skipped += Duration::from_secs_f64(options.webhook_timeout);
                    }
                    skipped
                }
            };
            let wait = wait_after(attempt, passed, backoff)
                .filter(|_| !matches!(failure, Failure::Unsent(_)));
            self.note(attempt, at, Err(failure), wait);
            let Some(wait) = wait else { return };
            match options.clock {
                Clock::Real => tokio::time::sleep(wait).await,
                Clock::Fast => skipped += wait,
            }
        }
    }

    async fn attempt(&self) -> Result<u16, Failure> {
        let client = self
            .server
            .web
            .for_webhooks(&self.url)
            .map_err(Failure::Unsent)?;
        let request = client
            .post(&self.url)
            .timeout(Duration::from_secs_f64(self.server.options.webhook_timeout))
            .header("content-type", "application/json")
            .header("x-event-type", self.event)
            .header("user-agent", "AgencyAPI-Webhooks/1.0")
            .body(self.body.clone());
        match request.send().await {
            Ok(answer) if answer.status().is_success() => Ok(answer.status().as_u16()),
            Ok(answer) => Err(Failure::Status(answer.status().as_u16())),
            Err(error) => Err(Failure::Unanswered {
                timeout: error.is_timeout(),
                why: error.without_url().to_string(),
            }),
        }
    }

    /// Notes an attempt in the record and in the log, neither of which has the address: it may hold a secret.
    fn note(
        &self,
        attempt: u32,
        at: Timestamp,
        ended: Result<u16, Failure>,
        wait: Option<Duration>,
    ) {
        let (event, session_id) = (self.event, self.session_id.as_str());
        let (outcome, status, error) = match ended {
            Ok(status) => {
                tracing::info!(event, session_id, attempt, "webhook_delivered");
                (WebhookOutcome::Delivered, Some(status), None)
            }
            Err(Failure::Unsent(error)) => {
                tracing::error!(
                    event,
                    session_id,
                    attempt,
                    error,
                    "webhook_notification_error"
                );
                (WebhookOutcome::NotificationError, None, Some(error))
            }
            Err(failure) => {
                let (status, error) = match failure {
                    Failure::Status(status) => {
                        (Some(status), format!("the receiver answered {status}"))
                    }
                    Failure::Unanswered {
                        why,
                        timeout: false,
                    } => (None, why),
                    Failure::Unanswered { .. } | Failure::Unsent(_) => {
                        let limit = self.server.options.webhook_timeout;
                        (None, format!("no answer within {limit} seconds"))
                    }
                };
                if wait.is_some() {
                    tracing::info!(event, session_id, attempt, ?wait, error, "webhook_retry");
                    (WebhookOutcome::Retry, status, Some(error))
                } else {
                    tracing::warn!(
                        event,
                        session_id,
                        attempt,
                        error,
                        "webhook_failed_permanently"
                    );
                    (WebhookOutcome::FailedPermanently, status, Some(error))
                }
            }
        };
        lock(&self.server.webhooks).push(WebhookAttempt {
            event: self.event.to_owned(),
            session_id: self.session_id.clone(),
            attempt,
            at: at.to_string(),
            outcome,
            status,
            error,
            retry_in: wait.map(|wait| wait.as_secs_f64()),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The times of the attempts when each fails after that many seconds.
    fn times(each: f64) -> Vec<f64> {
        let (mut at, mut times) = (0.0, vec![0.0]);
        for attempt in 1.. {
            at += each;
            let passed = Duration::from_secs_f64(at);
            let Some(wait) = wait_after(attempt, passed, Duration::from_secs(1)) else {
                break;
            };
            at += wait.as_secs_f64();
            times.push(at);
        }
        times
    }

    #[test]
    fn attempts_wait_one_second_then_two() {
        assert_eq!(times(0.0), [0.0, 1.0, 3.0]);
        assert_eq!(times(0.5), [0.0, 1.5, 4.0]);
        assert_eq!(times(10.0), [0.0, 11.0, 23.0], "all of them time out");
    }

    #[test]
    fn none_starts_after_the_window() {
        assert_eq!(times(28.0), [0.0, 29.0]);
        assert_eq!(times(29.0), [0.0, 30.0]);
        assert_eq!(times(29.5), [0.0]);
        let slow = Duration::from_secs(11);
        assert_eq!(wait_after(1, Duration::ZERO, slow), Some(slow));
        assert_eq!(wait_after(2, slow, slow), None);
    }
}

//! Webhooks: what a session tells the address it was created with.

use crate::agi::SessionStatus;
use crate::agi::session::Session;
use crate::state::Server;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const ATTEMPTS: u32 = 3;
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// No attempt starts later than this after the first.
const WINDOW: Duration = Duration::from_secs(30);

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
    let body = body(session, event, status, fields);
    let delivery = Delivery {
        server: server.clone(),
        url: url.to_owned(),
        event,
        session_id: session.id.clone(),
        body: body.to_string(),
    };
    server.spawn(delivery.run());
}

fn body(session: &Session, event: &str, status: Option<SessionStatus>, fields: Value) -> Value {
    let now = session.now();
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

struct Delivery {
    server: Arc<Server>,
    url: String,
    event: &'static str,
    session_id: String,
    body: String,
}

impl Delivery {
    async fn run(self) {
        let (event, session_id) = (self.event, self.session_id.as_str());
        let begun = Instant::now();
        let mut wait = Duration::from_secs_f64(self.server.options.webhook_backoff);
        for attempt in 1..=ATTEMPTS {
            match self.attempt().await {
                Ok(()) => {
                    tracing::info!(event, session_id, attempt, "webhook_delivered");
                    return;
                }
                Err(error) if attempt < ATTEMPTS && begun.elapsed() + wait <= WINDOW => {
                    tracing::info!(event, session_id, attempt, ?wait, error, "webhook_retry");
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
                Err(error) => {
                    tracing::warn!(
                        event,
                        session_id,
                        attempt,
                        error,
                        "webhook_failed_permanently"
                    );
                    return;
                }
            }
        }
    }

    async fn attempt(&self) -> Result<(), String> {
        let client = self
            .server
            .web
            .for_webhooks(&self.url)
            .inspect_err(|error| {
                tracing::error!(event = self.event, %error, "webhook_notification_error");
            })?;
        let request = client
            .post(&self.url)
            .timeout(ATTEMPT_TIMEOUT)
            .header("content-type", "application/json")
            .header("x-event-type", self.event)
            .header("user-agent", "AgencyAPI-Webhooks/1.0")
            .body(self.body.clone());
        match request.send().await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(format!("the receiver answered {}", answer.status())),
            Err(error) => Err(error.without_url().to_string()),
        }
    }
}

//! The webhooks: what was sent, again, and on demand.

use super::body::{Answer, bad, json, nothing, ok, timeout, with_status};
use super::subject::Subject;
use crate::agi::{WebhookAttempt, WebhookEvent, WebhookOutcome};
use crate::errors::ApiError;
use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

/// Which webhooks are meant; what is `None` matches all.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Wanted {
    event: Option<String>,
    session_id: Option<String>,
    outcome: Option<WebhookOutcome>,
    times: Option<usize>,
    timeout: Option<f64>,
}

impl Wanted {
    fn is(&self, attempt: &WebhookAttempt) -> bool {
        let same = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|it| it == is);
        same(&self.event, &attempt.event)
            && same(&self.session_id, &attempt.session_id)
            && self.outcome.is_none_or(|wanted| wanted == attempt.outcome)
    }

    fn of(&self, attempts: Vec<WebhookAttempt>) -> Vec<WebhookAttempt> {
        attempts.into_iter().filter(|it| self.is(it)).collect()
    }
}

pub(super) async fn list(subject: Subject, RawQuery(query): RawQuery) -> Answer {
    let query = query.unwrap_or_default();
    let fields = url::form_urlencoded::parse(query.as_bytes());
    let fields = fields.map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())));
    let wanted: Wanted = serde_json::from_value(Value::Object(fields.collect()))
        .map_err(|error| bad(format!("The query cannot be used: {error}")))?;
    ok(&json!({ "attempts": wanted.of(subject.world.webhooks.attempts()) }))
}

pub(super) async fn clear(subject: Subject) -> Answer {
    subject.world.webhooks.clear();
    nothing()
}

pub(super) async fn wait(subject: Subject, body: Bytes) -> Answer {
    let wanted: Wanted = json(&body)?;
    let limit = timeout(wanted.timeout)?;
    let times = wanted.times.unwrap_or(1);
    let webhooks = &subject.world.webhooks;
    let mut changes = webhooks.changes();
    let found = async {
        loop {
            changes.mark_unchanged();
            let found = wanted.of(webhooks.attempts());
            if found.len() >= times {
                return Some(found);
            }
            if changes.changed().await.is_err() {
                return None;
            }
        }
    };
    let found = tokio::select! {
        biased;
        found = found => found,
        () = tokio::time::sleep(limit) => None,
        () = subject.server.workers.stop().cancelled() => None,
    };
    if let Some(found) = found {
        return ok(&json!({ "attempts": found }));
    }
    let detail = format!(
        "The webhook was not tried {times} times within {} seconds. Look at `attempts`, all that were; a session without a \
         webhook_url sends none",
        limit.as_secs_f64()
    );
    Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, detail)
        .with("attempts", json!(webhooks.attempts())))
}

/// Which webhook to send once more.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Again {
    event: Option<String>,
    session_id: Option<String>,
}

/// Sends the newest webhook that is meant once more, with the same body.
pub(super) async fn replay(subject: Subject, body: Bytes) -> Answer {
    let again: Again = json(&body)?;
    let sent = subject
        .world
        .webhooks
        .replay(again.event.as_deref(), again.session_id.as_deref());
    let (event, session_id) = sent.ok_or_else(|| {
        let detail =
            "No webhook like this was sent. GET /_emulator/v1/webhooks lists those that were";
        ApiError::new(StatusCode::NOT_FOUND, detail)
    })?;
    let told = json!({ "event": event, "session_id": session_id });
    with_status(StatusCode::ACCEPTED, &told)
}

#[derive(Debug, Deserialize)]
struct Trigger {
    session_id: String,
    #[serde(flatten)]
    event: WebhookEvent,
}

/// Sends a webhook of one's choice for a session, whatever the session does.
pub(super) async fn trigger(subject: Subject, body: Bytes) -> Answer {
    let Trigger { session_id, event } = json(&body)?;
    let sessions = subject.server.sessions_of(&subject.world);
    let session = sessions.iter().find(|session| session.id == session_id);
    let session = session.ok_or_else(|| {
        let detail = "No such session in this world. Create it with its webhook_url, and name its key in X-Emulator-Key";
        ApiError::new(StatusCode::NOT_FOUND, detail)
    })?;
    let name = event.name();
    if !session.trigger(&event) {
        let detail = "The session has no webhook_url. Create it with one";
        return Err(ApiError::new(StatusCode::CONFLICT, detail));
    }
    let told = json!({ "event": name, "session_id": session_id });
    with_status(StatusCode::ACCEPTED, &told)
}

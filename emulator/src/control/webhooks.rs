//! The webhooks: what was sent, again, and on demand.

use super::body::{Answer, bad, json, nothing, ok, with_status, within};
use super::count::{Asked, Count, Missed};
use super::subject::Subject;
use crate::agi::{WebhookAttempt, WebhookEvent, WebhookOutcome};
use crate::errors::ApiError;
use crate::requests::{holds, judge_json};
use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Which webhooks are meant; what is `None` matches all.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    event: Option<String>,
    session_id: Option<String>,
    outcome: Option<WebhookOutcome>,
    /// What the body that was sent holds at least.
    json: Option<Value>,
}

impl Wanted {
    fn is(&self, attempt: &WebhookAttempt) -> bool {
        let same = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|it| it == is);
        same(&self.event, &attempt.event)
            && same(&self.session_id, &attempt.session_id)
            && self.outcome.is_none_or(|wanted| wanted == attempt.outcome)
            && self.json.as_ref().is_none_or(|wanted| {
                serde_json::from_str(&attempt.body).is_ok_and(|body| holds(&body, wanted))
            })
    }

    fn of(&self, attempts: Vec<WebhookAttempt>) -> Vec<WebhookAttempt> {
        attempts.into_iter().filter(|it| self.is(it)).collect()
    }

    /// In words, such as `webhook task.completed`.
    fn words(&self) -> String {
        let mut words = vec!["webhook".to_owned()];
        words.extend(self.event.clone());
        let mut extras = Vec::new();
        extras.extend(
            self.session_id
                .as_ref()
                .map(|id| format!("session_id {id}")),
        );
        extras.extend(self.json.as_ref().map(|json| format!("json {json}")));
        extras.extend(
            self.outcome
                .map(|outcome| format!("outcome {}", outcome.name())),
        );
        if !extras.is_empty() {
            words.push(format!("with {}", extras.join(", ")));
        }
        words.join(" ")
    }

    /// How near an attempt is, and where it differs.
    fn judge(&self, attempt: &WebhookAttempt) -> (f64, Vec<String>) {
        let mut near = 0.0;
        let mut differences = Vec::new();
        let outcome = self.outcome.map(WebhookOutcome::name);
        for (name, weight, wanted, is) in [
            ("event", 3.0, self.event.as_deref(), attempt.event.as_str()),
            (
                "session_id",
                1.0,
                self.session_id.as_deref(),
                &attempt.session_id,
            ),
            ("outcome", 1.0, outcome, attempt.outcome.name()),
        ] {
            match wanted {
                None => {}
                Some(wanted) if wanted == is => near += weight,
                Some(wanted) => {
                    differences.push(format!("  {name}: expected {wanted}, got {is}"));
                }
            }
        }
        if let Some(wanted) = &self.json {
            near += judge_json(&attempt.body, wanted, &mut differences);
        }
        (near, differences)
    }

    /// The attempt that fits best without fitting, the newest of several.
    fn nearest(&self, attempts: &[WebhookAttempt]) -> String {
        let judged = attempts.iter().filter(|attempt| !self.is(attempt));
        let nearest = judged
            .map(|attempt| (attempt, self.judge(attempt)))
            .reduce(|best, next| if next.1.0 >= best.1.0 { next } else { best });
        match nearest {
            None if attempts.is_empty() => {
                "No webhook was tried: a session without a `webhook_url` sends none".to_owned()
            }
            None => "No other was tried".to_owned(),
            Some((attempt, (_, differences))) => format!(
                "The nearest is {} of session {} -> {}, which differs:\n{}",
                attempt.event,
                attempt.session_id,
                attempt.outcome.name(),
                differences.join("\n")
            ),
        }
    }
}

pub(super) async fn list(subject: Subject, RawQuery(query): RawQuery) -> Answer {
    let query = query.unwrap_or_default();
    let mut fields = Map::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let value = match &*name {
            "json" => serde_json::from_str(&value)
                .map_err(|_| bad(format!("`json` is {value:?}, which is no JSON")))?,
            _ => Value::from(value.into_owned()),
        };
        fields.insert(name.into_owned(), value);
    }
    let wanted: Wanted = serde_json::from_value(Value::Object(fields))
        .map_err(|error| bad(format!("The query cannot be used: {error}")))?;
    ok(&json!({ "attempts": wanted.of(subject.world.webhooks.attempts()) }))
}

pub(super) async fn clear(subject: Subject) -> Answer {
    subject.world.webhooks.clear();
    nothing()
}

pub(super) async fn wait(subject: Subject, body: Bytes) -> Answer {
    let asked: Asked<Wanted> = json(&body)?;
    let count = Count::new(&asked)?;
    let wanted = asked.wanted;
    let webhooks = &subject.world.webhooks;
    let look = || wanted.of(webhooks.attempts());
    let stop = subject.server.workers.stop();
    let missed = match within(&subject, count.wait(webhooks.changes(), stop, look)).await? {
        Ok(found) => return ok(&json!({ "attempts": found })),
        Err(missed) => missed,
    };
    let mut detail = count.refusal(&missed, &wanted.words(), "was tried");
    if detail.starts_with("Expected webhook") {
        detail = detail.replacen("webhook", "the webhook", 1);
    }
    let attempts = webhooks.attempts();
    if matches!(missed, Missed::TooFew(_)) {
        detail = format!("{detail}\n{}", wanted.nearest(&attempts));
    }
    detail = format!("{detail}\n{}", subject.world.explain(None));
    Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, detail)
        .with("webhooks", json!(missed.found()))
        .with("attempts", json!(attempts)))
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
    let (event, session_id) = (again.event.as_deref(), again.session_id.as_deref());
    let sent = subject.server.replay(&subject.world, event, session_id);
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

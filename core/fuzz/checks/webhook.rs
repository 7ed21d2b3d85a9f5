//! The webhook parser: any body is an event or an error, the same each time, and what it says is what the body says.
//!
//! Input: the body.

use serde_json::Value;
use sessionwire::ErrorKind;
use sessionwire::meaning;
use sessionwire::webhooks::{self, Deduplicator, Kind, WebhookEvent};

const KNOWN: [&str; 7] = [
    "session.created",
    "session.status_changed",
    "session.deleted",
    "task.started",
    "task.completed",
    "task.question",
    "task.error",
];

pub(crate) fn check(body: &[u8]) {
    let value = strict(body);
    match webhooks::parse(body) {
        Ok(event) => {
            check_event(&event, body);
            if let Some(value) = &value {
                check_fields(&event, value);
            }
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Webhook);
            assert!(error.to_string().len() < 1000, "an error that is a body");
            // What is not known may be built in any way.
            let name = value
                .as_ref()
                .and_then(|value| value.get("event")?.as_str());
            assert!(name.is_none_or(|name| KNOWN.contains(&name)), "{error}");
        }
    }
    check_token(body);
}

/// A body that every parser reads, with its oddities in their one form.
fn strict(body: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(body).ok()?;
    serde_json::from_str::<Value>(text).ok()?;
    serde_json::from_str(&meaning::plain(text)?).ok()
}

fn check_event(event: &WebhookEvent, body: &[u8]) {
    let name = event.kind.name();
    assert_eq!(webhooks::parse(body).expect("it was parsed before"), *event);
    assert!(
        webhooks::parse_with_event_type(body, Some(name.trim())).is_ok() || name != name.trim()
    );
    assert!(webhooks::parse_with_event_type(body, Some(&format!("{name}."))).is_err());
    let known = KNOWN.contains(&name);
    assert_eq!(known, !matches!(event.kind, Kind::Unknown { .. }));
    // A part of another type than documented is empty, and the key is then that of the body.
    let whole = known && !event.session.id.is_empty() && !event.timestamp.is_empty();

    // White space around it changes nothing; the key of a body with all parts neither.
    let spaced = [b" \n", body, b"\t"].concat();
    if let Ok(spaced) = webhooks::parse(spaced) {
        assert_eq!(event.kind, spaced.kind);
        assert_eq!(event.session, spaced.session);
        assert_eq!(event.extra, spaced.extra);
        assert!(!whole || event.key() == spaced.key());
    } else {
        assert!(
            body.starts_with("\u{feff}".as_bytes()),
            "only a mark must come first"
        );
    }

    let seen = Deduplicator::default();
    assert!(!seen.is_repeat(event.key()));
    assert!(seen.is_repeat(event.key()));
}

/// Against the body as JSON, and the event's own JSON.
fn check_fields(event: &WebhookEvent, body: &Value) {
    let own: Value = serde_json::from_str(&event.to_json()).expect("its own JSON is JSON");
    assert_eq!(own["type"], body["event"]);
    if matches!(event.kind, Kind::Unknown { .. }) {
        return;
    }
    same_text(&own["timestamp"], &body["timestamp"]);
    if body["session"]["id"].is_string() {
        assert_eq!(own["session"]["id"], body["session"]["id"]);
    }
    for (name, value) in &event.extra {
        assert_eq!(body.get(name), Some(value), "{name}");
    }
    for name in ["message", "question", "error", "old_status", "new_status"] {
        if let Some(value) = own.get(name) {
            same_text(value, &body[name]);
        }
    }
}

/// A text is what the body says; what is none there is empty here.
fn same_text(own: &Value, body: &Value) {
    let said = body.as_str().unwrap_or_default();
    assert_eq!(own.as_str(), Some(said));
}

/// The token of a secret opens its own door only.
fn check_token(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let secret: String = text.chars().take(40).collect();
    assert!(
        !webhooks::verify(&text, &secret),
        "a secret is not its own token"
    );
    let Ok(target) = webhooks::url("https://shop.example/hook?shop=1", &secret) else {
        return;
    };
    assert!(webhooks::verify(&target, &secret));
    assert!(!webhooks::verify(&target, &format!("{secret}.")));
}

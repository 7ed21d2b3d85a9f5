//! Webhooks: bodies, tokens, repeats.

use serde_json::{Value, json};
use sessionwire_tests::{check, value};

/// A JSON value in which long texts are described.
fn deep(described: &Value) -> Value {
    match described {
        Value::Object(fields) if fields.contains_key("repeat") => value(described),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, field)| (name.clone(), deep(field)))
            .collect(),
        other => other.clone(),
    }
}

/// The body of a webhook.
fn body(case: &Value) -> Vec<u8> {
    let body = deep(case);
    if let Some(text) = body["text"].as_str() {
        return text.as_bytes().to_vec();
    }
    match body["bytes"].as_str() {
        Some(hex) => (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect(),
        None => body.to_string().into_bytes(),
    }
}

pub(crate) async fn webhook(case: Value) {
    use sessionwire::webhooks::{self, Deduplicator};
    let id = case["id"].as_str().unwrap();
    let secret = case["secret"].as_str().unwrap_or_default();
    match case["call"].as_str().unwrap() {
        "parse" => {
            let header = case["headers"].as_object().and_then(|headers| {
                let found = headers
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case("x-event-type"));
                found.and_then(|(_, value)| value.as_str())
            });
            let parsed = webhooks::parse_with_event_type(body(&case["body"]), header);
            match case.get("error") {
                Some(error) => check(id, &parsed.expect_err(id), error),
                None => assert_event(id, &parsed.expect(id), &case["expect"]),
            }
        }
        "url" => {
            let made = webhooks::url(value(&case["base"]).as_str().unwrap(), secret);
            match case.get("error") {
                Some(error) => check(id, &made.expect_err(id), error),
                None => assert_eq!(json!(made.expect(id)), case["expect"], "{id}"),
            }
        }
        "verify" => {
            let target = case["target"].as_str().unwrap_or_default();
            assert_eq!(
                json!(webhooks::verify(target, secret)),
                case["expect"],
                "{id}"
            );
        }
        "deduplicate" => {
            let seen = match case["capacity"].as_u64() {
                Some(capacity) => Deduplicator::new(capacity as usize),
                None => Deduplicator::default(),
            };
            let (mut found, mut last) = (Vec::new(), String::new());
            for item in case["bodies"].as_array().unwrap() {
                if item == "forget" {
                    seen.forget(&last);
                    continue;
                }
                let event = webhooks::parse(item.to_string()).expect(id);
                last = event.key().to_owned();
                found.push(seen.is_repeat(&last));
            }
            assert_eq!(json!(found), case["expect"], "{id}");
        }
        other => panic!("unknown call {other}"),
    }
}

fn assert_event(id: &str, event: &sessionwire::webhooks::WebhookEvent, expect: &Value) {
    let mut found: Value = serde_json::from_str(&event.to_json()).unwrap();
    let mut wanted = deep(expect);
    let unknown = wanted.as_object_mut().unwrap().remove("unknown");
    let is_unknown = matches!(event.kind, sessionwire::webhooks::Kind::Unknown { .. });
    assert_eq!(is_unknown, unknown.is_some(), "{id}");
    let key = found.as_object_mut().unwrap().remove("key").unwrap();
    assert_eq!(key, event.key(), "{id}");
    assert_eq!(found, wanted, "{id}");
}

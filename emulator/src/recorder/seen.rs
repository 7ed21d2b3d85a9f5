//! What passed through the recorder.

use super::sse::SseReader;
use crate::clock::Timestamp;
use crate::scenario::Secrets;
use bytes::Bytes;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// As much of an answer is kept; a longer one is no JSON that anybody compares.
const ANSWER: usize = 16 * 1024 * 1024;

/// All requests, in the order they came.
#[derive(Default)]
pub(super) struct Book {
    pub(super) requests: Vec<Seen>,
    /// What is secret: the keys that were sent, and what was found to be one in what passed.
    pub(super) secrets: Secrets,
}

impl Book {
    /// Learns from what passed since the last time.
    pub(super) fn learn(&mut self) {
        for seen in &mut self.requests {
            let size = (
                seen.status.is_some(),
                seen.answer.len(),
                seen.events.len(),
                seen.frames.len(),
            );
            if seen.learned != Some(size) {
                seen.teach(&mut self.secrets);
                seen.learned = Some(size);
            }
        }
    }
}

/// One request, and what came back so far. It has no `Debug` form: it may hold a key.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) at: Option<Timestamp>,
    /// The place among all that passed: much happens within a millisecond.
    pub(super) order: u64,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Bytes,
    /// The body is `multipart/form-data`.
    pub(super) upload: bool,
    pub(super) status: Option<u16>,
    pub(super) answer: Vec<u8>,
    pub(super) events: Vec<SeenEvent>,
    pub(super) frames: Vec<SeenFrame>,
    pub(super) reader: Option<SseReader>,
    /// How much of it was there when its secrets were looked for.
    pub(super) learned: Option<(bool, usize, usize, usize)>,
}

/// An event of a stream.
pub(super) struct SeenEvent {
    pub(super) at: Timestamp,
    pub(super) order: u64,
    pub(super) kind: String,
    pub(super) id: Option<i64>,
    pub(super) data: Value,
}

/// A text on a WebSocket.
pub(super) struct SeenFrame {
    pub(super) order: u64,
    pub(super) from_client: bool,
    pub(super) frame: Value,
}

impl Seen {
    /// The answer begins.
    pub(super) fn begins(&mut self, status: u16, content_type: &str) {
        self.status = Some(status);
        self.reader = content_type
            .starts_with("text/event-stream")
            .then(SseReader::default);
    }

    /// More of the answer. Whether an event ended in it.
    pub(super) fn takes(&mut self, bytes: &[u8]) -> bool {
        let Some(reader) = &mut self.reader else {
            let room = ANSWER.saturating_sub(self.answer.len());
            self.answer
                .extend_from_slice(&bytes[..bytes.len().min(room)]);
            return false;
        };
        let at = Timestamp::now();
        let before = self.events.len();
        self.events
            .extend(reader.feed(bytes).into_iter().map(|event| SeenEvent {
                at,
                order: next(),
                kind: event.kind,
                id: event.id,
                data: event.data,
            }));
        self.events.len() > before
    }

    pub(super) fn says(&mut self, from_client: bool, text: &str) {
        let frame = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
        self.frames.push(SeenFrame {
            order: next(),
            from_client,
            frame,
        });
    }

    /// Says what is secret in it.
    fn teach(&self, secrets: &mut Secrets) {
        for (name, value) in &self.query {
            secrets.learn_parameter(name, value);
        }
        match (self.json(), std::str::from_utf8(&self.body)) {
            (Some(body), _) => secrets.learn_value(&body),
            (None, Ok(form)) if !self.upload => {
                let pairs = url::form_urlencoded::parse(form.as_bytes());
                pairs.for_each(|(name, value)| secrets.learn_parameter(&name, &value));
                secrets.learn_text(form);
            }
            _ => {}
        }
        match self.answer_json() {
            Some(answer) => secrets.learn_value(&answer),
            None => secrets.learn_text(&String::from_utf8_lossy(&self.answer)),
        }
        self.events
            .iter()
            .for_each(|event| secrets.learn_value(&event.data));
        let mut texts: BTreeMap<(&str, &str), String> = BTreeMap::new();
        for SeenFrame { frame, .. } in &self.frames {
            // The pieces of a text are looked at as one.
            let kind = frame["kind"].as_str().unwrap_or_default();
            match frame["payload"][kind].as_str() {
                Some(piece) if matches!(kind, "text" | "thought") => {
                    let block = frame["block_id"].as_str().unwrap_or_default();
                    texts.entry((kind, block)).or_default().push_str(piece);
                }
                _ => secrets.learn_value(frame),
            }
        }
        texts.values().for_each(|text| secrets.learn_text(text));
    }

    /// Whether it may begin a task or turn.
    pub(super) fn is_start(&self) -> bool {
        self.method == "POST" && (self.path.ends_with("/message") || self.path == "/sessions/new")
    }

    pub(super) fn is_success(&self) -> bool {
        self.status
            .is_some_and(|status| (200..300).contains(&status))
    }

    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    pub(super) fn answer_json(&self) -> Option<Value> {
        serde_json::from_slice(&self.answer).ok()
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let mut pairs = self.query.iter();
        pairs
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The next place among all that passes.
pub(super) fn next() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A response, also where it stands in a field `data`.
pub(super) fn unwrapped(value: &Value) -> &Value {
    match value.get("data") {
        Some(inner) if inner.is_object() => inner,
        _ => value,
    }
}

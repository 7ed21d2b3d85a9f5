//! What passed through the recorder.

use super::sse::SseReader;
use crate::clock::Timestamp;
use bytes::Bytes;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

/// As much of an answer is kept; a longer one is no JSON that anybody compares.
const ANSWER: usize = 16 * 1024 * 1024;

/// All requests, in the order they came.
#[derive(Default)]
pub(super) struct Book {
    pub(super) requests: Vec<Seen>,
    /// The keys that were sent.
    pub(super) keys: BTreeSet<String>,
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

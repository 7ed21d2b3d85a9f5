//! Reads an event stream or a WebSocket to its end.

use crate::recorder::{SseReader, kind_of};
use crate::scenario::{Sent, Shape};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::sync::lock;

/// What came so far.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The shapes, by the type of event.
    pub(super) shapes: BTreeMap<String, Shape>,
    /// The types in their order; several of one type in a row are one.
    pub(super) order: Vec<String>,
}

pub(super) type Came = Arc<Mutex<Told>>;

fn note(came: &Came, kind: String, data: &Value) {
    let mut came = lock(came);
    if came.order.last() != Some(&kind) {
        came.order.push(kind.clone());
    }
    let known = came.shapes.entry(kind).or_default();
    *known = std::mem::take(known).or(Shape::of(data));
}

/// Until the service closes it.
pub(super) async fn events(mut response: reqwest::Response, came: Came) {
    let mut reader = SseReader::default();
    while let Ok(Some(bytes)) = response.chunk().await {
        for event in reader.feed(&bytes) {
            note(&came, event.kind, &event.data);
        }
    }
}

/// Until the service closes it, or its turn ends. Says what the recorded client said, as far into it as that was.
pub(super) async fn frames(response: reqwest::Response, came: Came, mut sends: Vec<Sent>) {
    let Ok(stream) = response.upgrade().await else {
        return;
    };
    let mut socket = crate::recorder::socket(stream, Role::Client).await;
    let mut seen = 0;
    loop {
        while sends.first().is_some_and(|send| send.after <= seen) {
            let text = sends.remove(0).frame.to_string();
            if socket.send(Message::text(text)).await.is_err() {
                return;
            }
        }
        let Some(Ok(message)) = socket.next().await else {
            return;
        };
        if let Message::Text(text) = message {
            let frame = serde_json::from_str(&text).unwrap_or(Value::Null);
            let kind = kind_of(&frame);
            let ends = ["task.completed", "task.aborted", "task.error"].contains(&kind.as_str());
            note(&came, kind, &frame);
            seen += 1;
            if ends {
                if let Err(error) = socket.close(None).await {
                    tracing::debug!(%error, "a WebSocket did not close");
                }
                return;
            }
        }
    }
}

//! What a fault does to a request.

use super::altered::AnswerFault;
use super::place::Putting;
use bytes::Bytes;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What happens to one request.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct FaultEffect {
    pub(crate) replacement: Option<Replacement>,
    /// The request is processed before the replacement is sent.
    pub(crate) after: bool,
    pub(crate) delay: Option<Duration>,
    pub(crate) answer: AnswerFault,
    pub(crate) body: Option<BodyFault>,
    pub(crate) late_status: Option<LateStatus>,
    pub(crate) stream: Option<StreamFault>,
    pub(crate) webhook: Option<WebhookFault>,
    /// The fault that it is of, in words.
    pub(crate) text: String,
}

/// What happens to one webhook.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct WebhookFault {
    pub(crate) lose: bool,
    pub(crate) duplicate: bool,
    /// So many leave last to first, this one being the first of them.
    pub(crate) reorder: Option<usize>,
    pub(crate) delay: Option<Duration>,
}

/// What comes in place of the response.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Replacement {
    Canned(CannedResponse),
    /// A redirect; `{path}` in the target is not filled in yet.
    Redirect {
        response: CannedResponse,
        target: String,
    },
    /// The connection is reset.
    Reset,
    /// There is no response.
    Hang,
}

/// A response that was written down.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CannedResponse {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Option<Value>,
}

/// How a body stops early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// RST.
    Reset,
    /// FIN in the middle of the body.
    Close,
    /// A proper end.
    End,
    /// It goes on without a byte.
    Silence,
}

/// What a fault does to the bytes of a response.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct BodyFault {
    pub(crate) split: Option<usize>,
    pub(crate) split_delay: Option<Duration>,
    pub(crate) stop: Option<(Stop, u64)>,
}

/// How many responses still report the status from before a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LateStatus(pub(crate) u32);

/// What a fault does to the events of one stream.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct StreamFault {
    pub(crate) stop: Option<(Stop, u64)>,
    /// Whether a stream came as far as `stop`.
    pub(crate) reached: Reached,
    /// Events that are ready together are handed on as one.
    pub(crate) merge: bool,
    pub(crate) heartbeat_only: bool,
    pub(crate) no_heartbeats: bool,
    pub(crate) duplicate: bool,
    pub(crate) reorder: Option<usize>,
    pub(crate) omit_ids: bool,
    pub(crate) drop_ids: Vec<u64>,
    pub(crate) replay_done: bool,
    /// What is put into the data of the events.
    pub(crate) putting: Option<Putting>,
    /// The bytes to send, after that many events.
    pub(crate) insert: Option<(Bytes, u64)>,
    pub(crate) socket: SocketFault,
}

/// Whether any of the streams that a fault is on came as far as its end; all of them share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reached(Arc<AtomicBool>);

impl Reached {
    pub(crate) fn take_note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_true(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// It is no part of what a fault does.
impl PartialEq for Reached {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// What a fault does to one WebSocket beyond that.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct SocketFault {
    /// What happens to the bytes of its frames.
    pub(crate) bytes: BodyFault,
    pub(crate) close_code: Option<u16>,
    pub(crate) close_reason: String,
    /// The texts to send, after that many events.
    pub(crate) insert: Option<(Vec<String>, u64)>,
    pub(crate) fragment: Option<usize>,
    pub(crate) no_ack: bool,
    pub(crate) binary: bool,
    pub(crate) ignore_frames: bool,
}

impl StreamFault {
    /// Whether the events stay as they are.
    pub(super) fn is_nothing(&self) -> bool {
        let changed = Self {
            merge: false,
            ..self.clone()
        };
        changed == Self::default()
    }
}

//! A turn that is written down, and in which words the service spoke of it.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use super::api::{Api, frame_of};
use super::hooks::{AnswerDecoder, FrameDecoder};
use super::learning::{Learned, Seen, learn, unsealed};
use super::models::{ListSessions, StartTurn};
use super::tap::Tap;
use super::turn::Turn;
use crate::error::{ErrorKind, Result};
use crate::stream::Batch;

/// How long a turn that is stopped may take to end.
const STOPPING: Duration = Duration::from_secs(10);

/// One turn, and in which words the service spoke of it, without the API key. As JSON
/// it is what the emulator makes a scenario of.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TurnRecording {
    /// The turn's session.
    pub session_id: String,
    /// The turn's agent message.
    pub message_id: String,
    /// What the agent was to do.
    pub prompt: String,
    /// The events in their documented form and order: `{"kind", "block_id", "timestamp",
    /// "payload"}`. Those of a text are pieces that add to their block, also where the
    /// service repeats it.
    pub events: Vec<Value>,
    /// The content of the agent's message in the history; `None` where nobody knows.
    pub content: Option<String>,
    /// The emulator's `dialect` that speaks so: the switches that are not at their
    /// defaults. Names alone, and nothing that somebody said.
    pub dialect: Map<String, Value>,
    /// What `wire` has to say for a client to read it. Empty: nothing.
    pub wire: Map<String, Value>,
    /// What neither of them can say: a sentence each.
    pub notes: Vec<String>,
}

/// Runs a turn and records it: see `Client::record_turn`.
pub(super) async fn record(
    api: &Api,
    session_id: &str,
    start: StartTurn,
    stop: impl Future<Output = ()>,
) -> Result<TurnRecording> {
    let tap = Tap::default();
    let config = api.config().clone().with_hooks(
        Some(FrameDecoder::new(|frame| {
            Ok(unsealed(&frame).or(Some(frame)).filter(Value::is_object))
        })),
        Some(AnswerDecoder::new(|_, _, body| {
            Ok(unsealed(&body).unwrap_or(body))
        })),
    );
    let api = api.with_config(config).with_tap(tap.clone());
    let (prompt, mode) = (start.prompt.clone(), start.events.text_mode);
    let turn = Turn::start(api.clone(), session_id.to_owned(), start).await?;
    let stopped = {
        let mut stop = std::pin::pin!(stop);
        tokio::select! {
            biased;
            () = &mut stop => true,
            () = read(&turn) => false,
        }
    };
    if stopped {
        // What it says of its end is part of it, if it says so.
        let _ = turn.stop(STOPPING).await;
        turn.close();
    }
    let ended = match stopped {
        true => None,
        false => turn.result(None).await.err(),
    };
    let odd = ended.filter(|error| error.kind() != ErrorKind::Task);
    // Neither is needed: a part of the service that fails shows nothing.
    let _ = api.get(session_id).await;
    let _ = api.list(&ListSessions::new().limit(1_u64)).await;
    let key = &api.config().rest.api_key;
    let seen = {
        let mut tapped = tap.lock();
        let mut response = |operation| tapped.responses.remove(operation).unwrap_or_default();
        Seen {
            start: response("start_turn"),
            history: response("get_session"),
            list: response("list_sessions"),
            sockets: sockets(&tapped.sockets),
            message_id: turn.message_id().to_owned(),
            prompt_name: api.prompt_name().map(str::to_owned),
            over: !stopped,
        }
    };
    let Learned {
        dialect,
        wire,
        events,
        content,
        mut notes,
    } = learn(&seen, &api.config().wire, mode);
    if let (Some(error), true) = (&odd, events.is_empty()) {
        return Err(error.clone());
    }
    if odd.is_some() {
        notes.push(
            "The turn's end was not understood: its last event is taken for it. Look whether it is one.".to_owned(),
        );
    }
    let fields = |fields: Map<String, Value>| match key.redact_value(Value::Object(fields)) {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    Ok(TurnRecording {
        session_id: session_id.to_owned(),
        message_id: key.redact(&seen.message_id),
        prompt: key.redact(&prompt),
        events: events
            .into_iter()
            .map(|event| key.redact_value(event))
            .collect(),
        content: content.map(|content| key.redact(&content)),
        dialect: fields(dialect),
        wire: fields(wire),
        notes: notes.into_iter().map(|note| key.redact(&note)).collect(),
    })
}

fn sockets(came: &[Vec<String>]) -> Vec<Vec<Value>> {
    let read = |frames: &Vec<String>| frames.iter().map(|frame| frame_of(frame)).collect();
    came.iter().map(read).collect()
}

/// Reads a turn to the end of its stream.
async fn read(turn: &Turn) {
    loop {
        match turn.queue().try_take(512) {
            Batch::Events(_) => {}
            Batch::Empty => turn.queue().wait().await,
            Batch::Ended | Batch::Failed(_) => return,
        }
    }
}

//! Functions of a caller that bring what the service says into its documented
//! form, where no name can (docs/spec/raccoon.md, section 5.8).

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, ErrorKind};

/// Why a hook could not do its work.
pub type HookError = Box<dyn std::error::Error + Send + Sync>;

/// Most characters of a frame that an error shows.
const SHOWN: usize = 200;
/// Most characters of a kind that an error shows.
const LONGEST_KIND: usize = 60;

/// Brings each frame of a turn into the form that docs/spec/raccoon.md, section 5.3,
/// documents, for a service that sends another one which no name in `wire` tells how to
/// read.
///
/// It is called with every frame of a turn's socket, once and in their order, before
/// anything else reads it: also with those that are no events, such as the ack. It gets
/// the frame's JSON, or its text where it is none, and gives an object, or `None` to leave
/// the frame out. The events of a history come to it each time that the history is read;
/// one that it fails on stays as it came there.
///
/// Where it fails, panics, or gives anything else, the turn's stream ends with a
/// `StreamError` whose reason is `decode_frame`. The turn goes on.
///
/// It runs on a thread of the runtime, and must not block.
///
/// ```
/// use sessionwire::raccoon::{FrameDecoder, RaccoonOptions};
///
/// // {"envelope": "{\"kind\": ...}"}
/// let decoder = FrameDecoder::new(|frame| match frame["envelope"].as_str() {
///     Some(text) => Ok(Some(serde_json::from_str(text)?)),
///     None => Ok(Some(frame)),
/// });
/// let options = RaccoonOptions::new().decode_frame(decoder);
/// # let _ = options;
/// ```
#[derive(Clone)]
pub struct FrameDecoder(Way<DecodeFrame>);

/// Brings the response to each operation into the form that docs/spec/raccoon.md,
/// section 4, documents.
///
/// It is called with the operation (`list_sessions`, `get_session`, `start_turn`,
/// `rename_session`, `delete_session`, `upload`), the status, which is a success, and the
/// response's JSON: its text where it is none, null where it has no body. It gives the
/// body. [`Client::request`](crate::raccoon::Client::request) passes it by, and so do
/// errors of the service.
///
/// Where it fails, panics, or gives null for a body that is there, the call ends with an
/// `APIStatusError` whose reason is `decode_answer`. What was asked for was done all the
/// same: after `start_turn` the turn may run, and the error's `maybe_delivered` is true.
///
/// It runs on a thread of the runtime, and must not block.
///
/// ```
/// use sessionwire::raccoon::{AnswerDecoder, RaccoonOptions};
///
/// let decoder = AnswerDecoder::new(|_operation, _status, mut body| {
///     let inner = body.as_object_mut().and_then(|fields| fields.remove("reply"));
///     Ok(inner.unwrap_or(body))
/// });
/// let options = RaccoonOptions::new().decode_answer(decoder);
/// # let _ = options;
/// ```
#[derive(Clone)]
pub struct AnswerDecoder(Way<DecodeAnswer>);

type DecodeFrame = dyn Fn(Value) -> Result<Option<Value>, HookError> + Send + Sync;
type DecodeAnswer = dyn Fn(&str, u16, Value) -> Result<Value, HookError> + Send + Sync;

/// Where a hook's function is.
enum Way<F: ?Sized> {
    Here(Arc<F>),
    /// In another language.
    There(HookBridge),
}

impl<F: ?Sized> Clone for Way<F> {
    fn clone(&self) -> Self {
        match self {
            Self::Here(function) => Self::Here(function.clone()),
            Self::There(bridge) => Self::There(bridge.clone()),
        }
    }
}

/// The reply to a [`HookBridge`].
pub type HookReply = Pin<Box<dyn Future<Output = Option<String>> + Send>>;

/// How a language binding calls a hook: it gets the call as JSON and gives what came of
/// it, `None` where nobody can be called any more.
///
/// A call is `{"hook": "decode_frame", "frames": [...]}` or `{"hook": "decode_answer",
/// "operation": ..., "status": ..., "body": ...}`. A reply is a list with one outcome for
/// each frame, up to the first failure: `{"gave": value}`, `{"failed": why}`, or
/// `{"odd": what}` for a value that no JSON has.
#[derive(Clone)]
pub struct HookBridge(Arc<dyn Fn(String) -> HookReply + Send + Sync>);

impl HookBridge {
    /// A bridge that is this function.
    pub fn new(call: impl Fn(String) -> HookReply + Send + Sync + 'static) -> Self {
        Self(Arc::new(call))
    }

    async fn call(&self, call: &Call<'_>) -> Vec<Outcome> {
        let call = serde_json::to_string(call).unwrap_or_default();
        let Some(reply) = (self.0)(call).await else {
            return vec![Outcome::Nobody];
        };
        serde_json::from_str(&reply)
            .unwrap_or_else(|error| vec![Outcome::Odd(format!("what is no JSON: {error}"))])
    }
}

/// A call of a hook in another language.
#[derive(Serialize)]
#[serde(tag = "hook", rename_all = "snake_case")]
enum Call<'a> {
    DecodeFrame {
        frames: Vec<Value>,
    },
    DecodeAnswer {
        operation: &'a str,
        status: u16,
        body: Value,
    },
}

/// What came of a hook.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Gave(Value),
    Failed(String),
    /// It gave something that no JSON has.
    Odd(String),
    /// It can be called no more, since the program ends.
    #[serde(skip)]
    Nobody,
}

impl Outcome {
    fn of(run: impl FnOnce() -> Result<Option<Value>, HookError>) -> Self {
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(value)) => Self::Gave(value.unwrap_or_default()),
            Ok(Err(error)) => Self::Failed(error.to_string()),
            Err(panic) => Self::Failed(format!("it panicked: {}", words_of(&*panic))),
        }
    }

    /// The value, or why there is none.
    fn value(self, hook: &str) -> Result<Value, String> {
        match self {
            Self::Gave(value) => Ok(value),
            Self::Failed(why) => Err(format!("`{hook}` failed: {why}")),
            Self::Odd(what) => Err(format!("`{hook}` gave {what}")),
            Self::Nobody => Err(format!(
                "`{hook}` can be called no more, since the program ends"
            )),
        }
    }
}

fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a word")
}

/// What a value is, for an error.
fn named(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

impl FrameDecoder {
    /// Its name in errors, and the reason of those that it causes.
    pub(super) const NAME: &str = "decode_frame";

    /// A decoder that is this function.
    pub fn new(
        decode: impl Fn(Value) -> Result<Option<Value>, HookError> + Send + Sync + 'static,
    ) -> Self {
        Self(Way::Here(Arc::new(decode)))
    }

    /// A decoder in another language.
    pub(crate) fn across(bridge: HookBridge) -> Self {
        Self(Way::There(bridge))
    }

    /// What the frames are, in their order, `None` for one that is left out: all of them,
    /// or those before the one that it failed on, and why.
    pub(super) async fn decode(&self, frames: Vec<Value>) -> (Vec<Option<String>>, Option<String>) {
        let expected = frames.len();
        let outcomes = match &self.0 {
            Way::Here(decode) => {
                let mut outcomes = Vec::with_capacity(expected);
                for frame in frames {
                    let outcome = Outcome::of(|| decode(frame));
                    let failed = !matches!(outcome, Outcome::Gave(_));
                    outcomes.push(outcome);
                    if failed {
                        break;
                    }
                }
                outcomes
            }
            Way::There(bridge) => bridge.call(&Call::DecodeFrame { frames }).await,
        };
        let mut decoded = Vec::with_capacity(expected);
        for outcome in outcomes {
            match outcome.value(Self::NAME) {
                Ok(Value::Null) => decoded.push(None),
                Ok(frame @ Value::Object(_)) => decoded.push(Some(frame.to_string())),
                Ok(other) => {
                    let what = named(&other);
                    let why = format!(
                        "`{}` gave {what} for a frame, but a frame is an object",
                        Self::NAME
                    );
                    return (decoded, Some(why));
                }
                Err(why) => return (decoded, Some(why)),
            }
        }
        let missing = decoded.len() < expected;
        let why = || format!("`{}` gave too little", Self::NAME);
        (decoded, missing.then(why))
    }

    /// The error of a turn with a frame that it failed on.
    pub(super) fn error(why: &str, frame: &str) -> Error {
        let shown: String = frame.chars().take(SHOWN).collect();
        let more = if shown.len() < frame.len() { "..." } else { "" };
        Error::new(
            ErrorKind::Stream,
            format!("{why}. The frame was {shown}{more}"),
        )
        .with_reason(Self::NAME)
        .with_advice(
            "The turn goes on, and its session's history has what it says: correct `decode_frame`, then attach to the \
             turn with its session, its message and `after`",
        )
    }

    /// What it did where the turn does not end since it left a frame of this kind out: a
    /// sentence without its stop. `ends`: a turn ends with that kind.
    pub(super) fn left_out(kind: &str, ends: bool) -> String {
        let kind: String = kind.chars().take(LONGEST_KIND).collect();
        let name = Self::NAME;
        match ends {
            true => format!(
                "`{name}` left out a frame of the kind {kind:?}, with which a turn ends: let it give that frame"
            ),
            false => format!(
                "`{name}` left out the newest frame, of the kind {kind:?}: where the turn ends with it, let it give \
                 `{{\"kind\": \"task.completed\"}}` for it"
            ),
        }
    }

    /// The error of a turn whose end it left out.
    pub(super) fn end_left_out(kind: &str) -> Error {
        Error::new(ErrorKind::Stream, Self::left_out(kind, true))
            .with_reason(Self::NAME)
            .with_advice(
                "The turn is over, and its session's history has what it says: correct `decode_frame`, then attach to \
                 the turn with its session and its message",
            )
    }

    /// Whether an error is one that it caused.
    pub(super) fn caused(error: &Error) -> bool {
        error.reason() == Some(Self::NAME)
    }
}

impl AnswerDecoder {
    /// Its name in errors, and the reason of those that it causes.
    pub(super) const NAME: &str = "decode_answer";

    /// A decoder that is this function.
    pub fn new(
        decode: impl Fn(&str, u16, Value) -> Result<Value, HookError> + Send + Sync + 'static,
    ) -> Self {
        Self(Way::Here(Arc::new(decode)))
    }

    /// A decoder in another language.
    pub(crate) fn across(bridge: HookBridge) -> Self {
        Self(Way::There(bridge))
    }

    /// What the body is, or why nobody knows. `is_enough`: the status says all, so that
    /// the body stays as it came (`None`) where the program ends.
    pub(super) async fn decode(
        &self,
        operation: &str,
        status: u16,
        body: Value,
        is_enough: bool,
    ) -> Result<Option<Value>, String> {
        let was_empty = body.is_null();
        let outcome = match &self.0 {
            Way::Here(decode) => Outcome::of(|| decode(operation, status, body).map(Some)),
            Way::There(bridge) => {
                let call = Call::DecodeAnswer {
                    operation,
                    status,
                    body,
                };
                let outcomes = bridge.call(&call).await;
                let first = outcomes.into_iter().next();
                first.unwrap_or(Outcome::Nobody)
            }
        };
        if is_enough && matches!(outcome, Outcome::Nobody) {
            return Ok(None);
        }
        let value = outcome.value(Self::NAME)?;
        if value.is_null() && !was_empty {
            return Err(format!(
                "`{}` gave nothing for the response to {operation:?}",
                Self::NAME
            ));
        }
        Ok(Some(value))
    }
}

impl fmt::Debug for FrameDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameDecoder").finish_non_exhaustive()
    }
}

impl fmt::Debug for AnswerDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerDecoder").finish_non_exhaustive()
    }
}

impl fmt::Debug for HookBridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HookBridge").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn replying(reply: Option<&'static str>) -> HookBridge {
        HookBridge::new(move |_| Box::pin(async move { reply.map(str::to_owned) }))
    }

    #[test]
    fn a_reply_is_read_up_to_its_first_failure() {
        for (reply, decoded, says) in [
            (Some(r#"[{"gave":{"a":1}},{"gave":null}]"#), 2, None),
            (
                Some(r#"[{"gave":{}},{"failed":"why"}]"#),
                1,
                Some("failed: why"),
            ),
            (
                Some(r#"[{"gave":{}},{"odd":"a set"}]"#),
                1,
                Some("gave a set"),
            ),
            (Some(r#"[{"gave":[]}]"#), 0, Some("gave a list")),
            (Some(r#"[{"gave":{}}]"#), 1, Some("too little")),
            (Some("what?"), 0, Some("gave what is no JSON")),
            (None, 0, Some("the program ends")),
        ] {
            let decoder = FrameDecoder::across(replying(reply));
            let decode = decoder.decode(vec![Value::Null, Value::Null]);
            let (frames, failed) = decode.now_or_never().expect("nothing to wait for");
            assert_eq!(frames.len(), decoded, "{reply:?}");
            match (failed, says) {
                (None, None) => {}
                (Some(why), Some(says)) => assert!(why.contains(says), "{why}"),
                other => panic!("{reply:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_delete_needs_nobody_at_the_end_of_the_program() {
        let decoder = AnswerDecoder::across(replying(None));
        let decode = |is_enough| {
            let decode = decoder.decode("delete_session", 200, Value::Null, is_enough);
            decode.now_or_never().expect("nothing to wait for")
        };
        assert_eq!(decode(true), Ok(None));
        assert!(decode(false).is_err());
    }
}

//! A turn.

use napi::Env;
use napi::bindgen_prelude::{Either, PromiseRaw};
use napi_derive::napi;
use sessionwire::raccoon;

use crate::calls::Calls;
use crate::reply::{ErrorInfo, Reply, either, read, turn_reply};
use crate::stream::EventStream;
use crate::telemetry::Trace;

/// One turn of a session. When JavaScript drops it, its socket is freed.
#[napi]
pub struct Turn {
    inner: raccoon::Turn,
    calls: Calls,
    /// Of another object, which frees the socket.
    is_copy: bool,
}

impl Turn {
    pub fn new(inner: raccoon::Turn) -> Self {
        Self {
            inner,
            calls: Calls::default(),
            is_copy: false,
        }
    }
}

#[napi]
impl Turn {
    /// The session's id.
    #[napi(getter, catch_unwind)]
    pub fn session_id(&self) -> String {
        self.inner.session_id().to_owned()
    }

    /// The id of the agent's message.
    #[napi(getter, catch_unwind)]
    pub fn message_id(&self) -> String {
        self.inner.message_id().to_owned()
    }

    /// The turn as of the newest event that was received: a JSON object.
    #[napi(getter, catch_unwind)]
    pub fn state(&self) -> String {
        self.inner.state().to_json()
    }

    /// Which setting may cure that the turn does not end; empty where nothing is odd.
    #[napi(getter, catch_unwind)]
    pub fn cure(&self) -> String {
        self.inner.cure()
    }

    /// The turn and its position as a text; its reader holds so many events.
    #[napi(catch_unwind)]
    pub fn handle(&self, held: u32) -> String {
        self.inner.handle_of_reader(held as usize)
    }

    /// A trace for a span of a call about the turn.
    #[napi(catch_unwind)]
    pub fn trace(&self, content: Option<String>) -> Trace {
        let inner = self.inner.trace(content.as_deref());
        Trace { inner }
    }

    /// A copy whose own requests belong to this span.
    #[napi(catch_unwind)]
    pub fn traced(&self, trace: &Trace) -> Turn {
        let mut copy = Self::new(self.inner.traced(&trace.inner));
        copy.is_copy = true;
        copy
    }

    /// What the span of the turn is to say, as a JSON object, if it has one.
    #[napi(catch_unwind)]
    pub fn report(&self, error: Option<String>) -> Option<String> {
        self.inner.report(error.as_deref())
    }

    /// Carries an operation out. `id` is for `cancel`; 0: not cancellable.
    #[napi(catch_unwind, ts_return_type = "Promise<string | ErrorInfo | null>")]
    pub fn execute<'env>(
        &self,
        env: &'env Env,
        id: u32,
        operation: String,
    ) -> napi::Result<PromiseRaw<'env, Reply>> {
        let begin = |operation| self.inner.execute(operation);
        self.calls.start(env, id, &operation, begin, turn_reply)
    }

    /// The frame that an operation is to send, as JSON.
    #[napi(catch_unwind)]
    pub fn frame(&self, operation: String) -> Either<String, ErrorInfo> {
        either(read(&operation).and_then(|operation| Ok(self.inner.frame(operation)?.to_string())))
    }

    /// Cancels a call of this turn object; the turn itself goes on.
    #[napi(catch_unwind)]
    pub fn cancel(&self, id: u32) {
        self.calls.cancel(id);
    }

    /// The turn's events: to be called once.
    #[napi(catch_unwind)]
    pub fn events(&self) -> EventStream {
        EventStream::new(self.inner.queue().clone(), "turn")
    }

    /// Stops reading events and frees the socket.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.inner.close();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.is_copy {
            self.inner.close();
        }
    }
}

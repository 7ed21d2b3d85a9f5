//! A task.

use napi::Env;
use napi::bindgen_prelude::PromiseRaw;
use napi_derive::napi;
use sessionwire::agi;

use crate::calls::Calls;
use crate::reply::{Reply, reply};
use crate::stream::EventStream;

/// One task of a session. When JavaScript drops it, its socket is freed.
#[napi]
pub struct Task {
    inner: agi::Task,
    calls: Calls,
}

impl Task {
    pub fn new(inner: agi::Task) -> Self {
        Self {
            inner,
            calls: Calls::default(),
        }
    }
}

#[napi]
impl Task {
    /// The session's id.
    #[napi(getter, catch_unwind)]
    pub fn session_id(&self) -> String {
        self.inner.session_id().to_owned()
    }

    /// The open question as a JSON object.
    #[napi(getter, catch_unwind)]
    pub fn question(&self) -> Option<String> {
        let question = self.inner.question()?;
        serde_json::to_string(&question).ok()
    }

    /// Carries an operation out. `id` is for `cancel`; 0: not cancellable.
    #[napi(
        catch_unwind,
        ts_return_type = "Promise<string | ErrorInfo | Picture | null>"
    )]
    pub fn execute<'env>(
        &self,
        env: &'env Env,
        id: u32,
        operation: String,
    ) -> napi::Result<PromiseRaw<'env, Reply>> {
        let begin = |operation| self.inner.execute(operation);
        self.calls.start(env, id, &operation, begin, reply)
    }

    /// Cancels a call of this task object; the task itself goes on.
    #[napi(catch_unwind)]
    pub fn cancel(&self, id: u32) {
        self.calls.cancel(id);
    }

    /// The task's events: to be called once.
    #[napi(catch_unwind)]
    pub fn events(&self) -> EventStream {
        EventStream::new(self.inner.queue().clone())
    }

    /// Stops reading events and frees the socket.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.inner.close();
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.inner.close();
    }
}

//! A task.

use napi::Env;
use napi::bindgen_prelude::{Either3, Null, PromiseRaw};
use napi_derive::napi;
use sessionwire::{Error, agi};

use crate::calls::Calls;
use crate::reply::{Delivery, ErrorInfo, Outcome, reply};
use crate::stream::EventStream;
use crate::telemetry::Trace;

/// One task of a session. When JavaScript drops it, its socket is freed.
#[napi]
pub struct Task {
    inner: agi::Task,
    calls: Calls,
    /// Of another object, which frees the socket.
    is_copy: bool,
}

impl Task {
    pub fn new(inner: agi::Task) -> Self {
        Self {
            inner,
            calls: Calls::default(),
            is_copy: false,
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

    /// The task and its position as a text; its reader holds so many events.
    #[napi(catch_unwind)]
    pub fn handle(&self, held: u32) -> String {
        self.inner.handle_of_reader(held as usize)
    }

    /// A trace for a span of a call about the task.
    #[napi(catch_unwind)]
    pub fn trace(&self, content: Option<String>) -> Trace {
        let inner = self.inner.trace(content.as_deref());
        Trace { inner }
    }

    /// A copy whose own requests belong to this span.
    #[napi(catch_unwind)]
    pub fn traced(&self, trace: &Trace) -> Task {
        let mut copy = Self::new(self.inner.traced(&trace.inner));
        copy.is_copy = true;
        copy
    }

    /// What the span of the task is to say, as a JSON object, if it has one.
    #[napi(catch_unwind)]
    pub fn report(&self, error: Option<String>) -> Option<String> {
        self.inner.report(error.as_deref())
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
    ) -> napi::Result<PromiseRaw<'env, Delivery>> {
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
        EventStream::new(self.inner.queue().clone(), "task")
    }

    /// Stops reading events and frees the socket.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.inner.close();
    }
}

/// Why a task did not start.
#[napi]
pub struct TaskFailure {
    error: String,
    task: Option<agi::Task>,
}

#[napi]
impl TaskFailure {
    /// The error's fields as one JSON object.
    #[napi(getter, catch_unwind)]
    pub fn error(&self) -> String {
        self.error.clone()
    }

    /// The task that is in its way, if it is this client's.
    #[napi(catch_unwind)]
    pub fn task(&mut self) -> Option<Task> {
        self.task.take().map(Task::new)
    }
}

/// A task, why there is none, or null when the start was cancelled.
pub type Started = Either3<Task, TaskFailure, Null>;

/// What JavaScript gets of a start.
pub fn started(outcome: Outcome<Result<agi::Task, Error>>) -> Started {
    let (error, task) = match outcome {
        Ok(Some(Ok(task))) => return Either3::A(Task::new(task)),
        Ok(Some(Err(error))) => {
            let task = error.task();
            (ErrorInfo::from(error), task)
        }
        Ok(None) => return Either3::C(Null),
        Err(unreadable) => (unreadable, None),
    };
    Either3::B(TaskFailure {
        error: error.error,
        task,
    })
}

impl Drop for Task {
    fn drop(&mut self) {
        if !self.is_copy {
            self.inner.close();
        }
    }
}

//! A stream of events, handed over in batches.
//!
//! A pump on the runtime takes what the core's queue holds and makes the
//! batch's text, at most two batches ahead, so that the JavaScript thread only
//! picks up what is ready. While both wait, the queue fills up, and then the
//! socket is no longer read.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::bindgen_prelude::{Either3, Null, PromiseRaw, ToNapiValue, spawn};
use napi::{Env, check_status, sys};
use napi_derive::napi;
use sessionwire::{Batch, EventQueue};
use tokio::sync::Notify;

use crate::answer::ErrorInfo;
use crate::batch::glue;

/// Most events of one batch.
const MAX_EVENTS: usize = 512;
/// Most batches that are ready at a time.
const AHEAD: usize = 2;

/// How a stream ended.
#[napi(object)]
#[derive(Clone)]
pub struct StreamEnd {
    /// The error's fields as JSON, if it did not end well.
    pub error: Option<String>,
}

/// A stream of events. When JavaScript drops it, its socket is freed.
#[napi]
pub struct EventStream {
    queue: EventQueue,
    ready: Arc<Ready>,
}

/// A batch on its way to JavaScript.
pub struct BatchText(String);

impl ToNapiValue for BatchText {
    unsafe fn to_napi_value(
        env: sys::napi_env,
        BatchText(text): Self,
    ) -> napi::Result<sys::napi_value> {
        if !text.is_ascii() {
            // SAFETY: the caller's promise about `env` is passed on.
            return unsafe { String::to_napi_value(env, text) };
        }
        let length = text.len().cast_signed();
        let mut value = std::ptr::null_mut();
        // Much cheaper than decoding UTF-8, and the same for ASCII.
        // SAFETY: `env` is valid by the caller's promise; V8 copies `length`
        // bytes of `text` before the call returns.
        check_status!(unsafe {
            sys::napi_create_string_latin1(env, text.as_ptr().cast(), length, &mut value)
        })?;
        Ok(value)
    }
}

#[derive(Default)]
struct Ready {
    state: Mutex<State>,
    filled: Notify,
    taken: Notify,
}

#[derive(Default)]
struct State {
    batches: VecDeque<String>,
    end: Option<StreamEnd>,
}

impl EventStream {
    pub fn new(queue: EventQueue) -> Self {
        let ready = Arc::new(Ready::default());
        spawn(pump(queue.clone(), ready.clone()));
        Self { queue, ready }
    }
}

#[napi]
impl EventStream {
    /// The next batch, or how the stream ended, or null when nothing is ready.
    #[napi(catch_unwind, ts_return_type = "string | StreamEnd | null")]
    pub fn take_ready(&self) -> Either3<BatchText, StreamEnd, Null> {
        let mut state = self.ready.lock();
        if let Some(batch) = state.batches.pop_front() {
            drop(state);
            self.ready.taken.notify_one();
            return Either3::A(BatchText(batch));
        }
        match &state.end {
            Some(end) => Either3::B(end.clone()),
            None => Either3::C(Null),
        }
    }

    /// Resolves when `takeReady` has something to say.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn wait<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, ()>> {
        let ready = self.ready.clone();
        env.spawn_future(async move {
            loop {
                let filled = ready.filled.notified();
                tokio::pin!(filled);
                filled.as_mut().enable();
                if ready.lock().has_news() {
                    return Ok(());
                }
                filled.await;
            }
        })
    }

    /// Ends the stream and frees the socket.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.queue.close();
        let mut state = self.ready.lock();
        state.batches.clear();
        state.end.get_or_insert(StreamEnd { error: None });
        drop(state);
        self.ready.filled.notify_waiters();
        self.ready.taken.notify_one();
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.close();
    }
}

impl Ready {
    async fn push(&self, batch: String) {
        loop {
            let taken = self.taken.notified();
            {
                let mut state = self.lock();
                if state.end.is_some() {
                    return;
                }
                if state.batches.len() < AHEAD {
                    state.batches.push_back(batch);
                    break;
                }
            }
            taken.await;
        }
        self.filled.notify_waiters();
    }

    fn finish(&self, error: Option<ErrorInfo>) {
        let end = StreamEnd {
            error: error.map(|info| info.error),
        };
        self.lock().end.get_or_insert(end);
        self.filled.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_news(&self) -> bool {
        !self.batches.is_empty() || self.end.is_some()
    }
}

async fn pump(queue: EventQueue, ready: Arc<Ready>) {
    loop {
        queue.wait().await;
        match queue.try_take(MAX_EVENTS) {
            Batch::Events(events) => {
                for text in glue(&events) {
                    ready.push(text).await;
                }
            }
            Batch::Empty => {}
            Batch::Ended => return ready.finish(None),
            Batch::Failed(error) => return ready.finish(Some(error.into())),
        }
    }
}

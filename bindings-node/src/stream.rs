//! A stream of events, delivered in batches.
//!
//! JavaScript takes what the core's queue holds as one text, made on its own
//! thread: while that thread works on a batch, the next one gathers in the
//! queue. A full queue stops the socket from being read.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use napi::Env;
use napi::bindgen_prelude::{Either, Either3, Null, PromiseRaw};
use napi_derive::napi;
use sessionwire::stream::TAKEN_AT_ONCE;
use sessionwire::{Batch, EventQueue};

use crate::batch::{Glued, glue};
use crate::promises;
use crate::reply::ErrorInfo;

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
    /// Whose events they are: a `session`'s, a `task`'s or a `turn`'s.
    of: &'static str,
    /// Texts of the last batch taken, where it was too large for one.
    texts: Mutex<VecDeque<Glued>>,
    /// How many events were taken, and dropped at a close.
    dropped: AtomicUsize,
}

impl EventStream {
    pub fn new(queue: EventQueue, of: &'static str) -> Self {
        Self {
            queue,
            of,
            texts: Mutex::default(),
            dropped: AtomicUsize::default(),
        }
    }
}

#[napi]
impl EventStream {
    /// The next batch, or how the stream ended, or null when nothing is ready.
    #[napi(
        catch_unwind,
        ts_return_type = "[text: string, rows: string] | StreamEnd | null"
    )]
    pub fn take_ready(&self) -> Either3<Glued, StreamEnd, Null> {
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        if texts.is_empty() {
            match self.queue.try_take(TAKEN_AT_ONCE) {
                Batch::Events(events) => texts.extend(glue(&events)),
                Batch::Empty => return Either3::C(Null),
                Batch::Ended => return Either3::B(StreamEnd { error: None }),
                Batch::Failed(error) => {
                    let error = Some(ErrorInfo::from(error).error);
                    return Either3::B(StreamEnd { error });
                }
            }
        }
        match texts.pop_front() {
            Some(glued) => Either3::A(glued),
            None => Either3::C(Null),
        }
    }

    /// Begins a loop over the events of a handle, in place of the one before it: null, or why
    /// there is none.
    #[napi(catch_unwind)]
    pub fn begin_loop(&self) -> Either<ErrorInfo, Null> {
        match self.queue.begin_loop(self.of) {
            Ok(_) => Either::B(Null),
            Err(error) => Either::A(error.into()),
        }
    }

    /// What a loop rejects with that reads on after another one has begun.
    #[napi(catch_unwind)]
    pub fn superseded(&self) -> ErrorInfo {
        EventQueue::superseded(self.of).into()
    }

    /// Resolves when `takeReady` has something to say, or a loop begins.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn wait<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, ()>> {
        promises::wait(env, self.queue.wait())
    }

    /// Ends the stream and frees the socket.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.queue.close();
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let dropped = count(&texts);
        texts.clear();
        self.dropped.fetch_add(dropped, Ordering::Relaxed);
    }

    /// How many events were taken from the queue, and did not reach JavaScript.
    #[napi(catch_unwind)]
    pub fn held(&self) -> u32 {
        let texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let held = count(&texts) + self.dropped.load(Ordering::Relaxed);
        u32::try_from(held).unwrap_or(u32::MAX)
    }
}

fn count(texts: &VecDeque<Glued>) -> usize {
    texts.iter().map(Glued::count).sum()
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.close();
    }
}

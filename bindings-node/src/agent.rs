//! Tasks and turns of an emulator whose agent is a JavaScript function.
//!
//! Everything crosses as items of one queue: tasks, replies to the agent's
//! calls, and the news that a task is over. A weak thread-safe function wakes
//! the main loop, which takes what is there; it does not keep the process
//! alive, as the emulator does not either.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::bindgen_prelude::{Function, PromiseRaw, spawn};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status};
use napi_derive::napi;
use serde_json::{Value, json};
use sessionwire_emulator as core;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::first;
use crate::promises;
use crate::reply::ErrorInfo;

/// Wakes the main loop.
pub type Wake = ThreadsafeFunction<(), (), (), Status, false, true>;

/// Makes a function of JavaScript one that can be called from here.
pub fn wake(function: &Function<'_, (), ()>) -> napi::Result<Wake> {
    function
        .build_threadsafe_function::<()>()
        .weak::<true>()
        .build()
}

struct Shared {
    items: Mutex<Vec<Value>>,
    /// Nobody has taken since the last wake.
    armed: AtomicBool,
    jobs: Mutex<HashMap<u32, core::AgentJob>>,
    calls: Mutex<HashMap<u32, AbortHandle>>,
    /// What may still push.
    running: AtomicUsize,
    settled: Notify,
    wake: Wake,
}

/// Something that may still push.
struct Running(Arc<Shared>);

impl Running {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.running.fetch_add(1, Ordering::SeqCst);
        Self(shared.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.settled.notify_waiters();
        }
    }
}

impl Shared {
    fn push(&self, item: Value) {
        lock(&self.items).push(item);
        if !self.armed.swap(true, Ordering::SeqCst) {
            first::agent_has_items(true);
            self.wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }

    fn disarm(&self) {
        if self.armed.swap(false, Ordering::SeqCst) {
            first::agent_has_items(false);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.disarm();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The tasks or turns for the function.
#[napi]
pub struct AgentPort {
    shared: Arc<Shared>,
}

impl AgentPort {
    /// Passes the tasks on until none will come any more.
    pub fn new(jobs: core::AgentJobs, wake: Wake) -> Self {
        let shared = Arc::new(Shared {
            items: Mutex::default(),
            armed: AtomicBool::new(false),
            jobs: Mutex::default(),
            calls: Mutex::default(),
            running: AtomicUsize::new(0),
            settled: Notify::new(),
            wake,
        });
        spawn(pass_on(jobs, Running::new(&shared)));
        Self { shared }
    }
}

async fn pass_on(jobs: core::AgentJobs, running: Running) {
    let shared = &running.0;
    let mut id = 0_u32;
    while let Some(job) = jobs.next().await {
        id = id.wrapping_add(1);
        let task = job.task.clone();
        let handle = job.handle.clone();
        lock(&shared.jobs).insert(id, job);
        shared.push(json!({ "job": id, "task": task }));
        let watching = Running::new(shared);
        spawn(async move {
            let shared = &watching.0;
            let over = handle.wait_until_over().await;
            // The job itself, if nobody took it.
            lock(&shared.jobs).remove(&id);
            shared.push(json!({ "over": id, "reason": over.reason(), "text": over.to_string() }));
        });
    }
    shared.push(json!({ "end": true }));
}

#[napi]
impl AgentPort {
    /// What is new, as a JSON array.
    #[napi(catch_unwind)]
    pub fn take(&self) -> String {
        // Cleared first, so that what comes from here on wakes again.
        self.shared.disarm();
        let items = std::mem::take(&mut *lock(&self.shared.items));
        Value::Array(items).to_string()
    }

    /// Waits until nothing new will come any more; after the end of the emulator that is soon.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn settled<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, ()>> {
        let shared = self.shared.clone();
        promises::spawn(env, async move {
            loop {
                let settled = shared.settled.notified();
                if shared.running.load(Ordering::SeqCst) == 0 {
                    return;
                }
                settled.await;
            }
        })
    }

    /// The task with this number; once.
    #[napi(catch_unwind)]
    pub fn job(&self, id: u32) -> Option<AgentJob> {
        let job = lock(&self.shared.jobs).remove(&id)?;
        Some(AgentJob {
            handle: job.handle.clone(),
            shared: self.shared.clone(),
            job: Some(job),
        })
    }
}

/// One task or turn to work on. When JavaScript drops it unfinished, it fails.
#[napi]
pub struct AgentJob {
    handle: core::JobHandle,
    shared: Arc<Shared>,
    job: Option<core::AgentJob>,
}

#[napi]
impl AgentJob {
    /// Starts a call of the agent, given as JSON; its reply is an item with this number.
    #[napi(catch_unwind)]
    pub fn start(&self, id: u32, call: String) -> Option<ErrorInfo> {
        let call = serde_json::from_str(&call).and_then(|call| self.handle.start(call));
        let saying = match call {
            Ok(saying) => saying,
            Err(error) => return Some(ErrorInfo::unreadable(&error)),
        };
        let calling = Running::new(&self.shared);
        // Held until the call is in the map: it takes itself out of it.
        let mut calls = lock(&self.shared.calls);
        let running = spawn(async move {
            let shared = &calling.0;
            let item = match saying.await {
                Ok(value) => json!({ "call": id, "value": value }),
                Err(over) => {
                    json!({ "call": id, "reason": over.reason(), "text": over.to_string() })
                }
            };
            lock(&shared.calls).remove(&id);
            shared.push(item);
        });
        calls.insert(id, running.abort_handle());
        None
    }

    /// Gives a call up: no reply will come. One that is over is no error.
    #[napi(catch_unwind)]
    pub fn cancel(&self, id: u32) {
        if let Some(call) = lock(&self.shared.calls).remove(&id) {
            call.abort();
        }
    }

    /// Why the task is no longer the agent's, or null.
    #[napi(catch_unwind)]
    pub fn over(&self) -> Option<&'static str> {
        self.handle.over().map(core::TaskOver::reason)
    }

    /// Says how the work went: well, or with this error.
    #[napi(catch_unwind)]
    pub fn finish(&mut self, error: Option<String>) {
        if let Some(job) = self.job.take() {
            job.finish(error.map_or(Ok(()), |error| Err(error.into())));
        }
    }
}

//! The client.

use std::pin::Pin;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use napi::Env;
use napi::bindgen_prelude::{Either, Function, PromiseRaw, within_runtime_if_available};
use napi_derive::napi;
use sessionwire::agi;
use sessionwire::seam::agi::Resume;
use sessionwire::{ClientConfig, Error};

use crate::calls::Calls;
use crate::fanout::TaskRuns;
use crate::pool::SessionPool;
use crate::reply::{Delivery, ErrorInfo, either, read, read_options, reply};
use crate::stream::EventStream;
use crate::task::{Started, started};
use crate::telemetry::Trace;
use crate::{background, has_runtime};

/// A client of the AGI service.
#[napi]
pub struct Client {
    inner: agi::Client,
    calls: Calls,
}

#[napi]
impl Client {
    /// A client from JSON options; `environment` looks a variable up.
    #[napi(catch_unwind)]
    pub fn open(
        options: String,
        environment: Function<'_, String, Option<String>>,
    ) -> Either<Client, ErrorInfo> {
        let lookup = |name: &str| environment.call(name.to_owned()).ok().flatten();
        either(read_options(&options).and_then(|options| {
            has_runtime()?;
            let config = ClientConfig::resolve_with(options, &lookup)?;
            Ok(Self::of(agi::Client::new(config)?))
        }))
    }

    fn of(inner: agi::Client) -> Self {
        background::settle_at_exit(inner.background());
        let calls = Calls::default();
        Self { inner, calls }
    }

    /// The service's address.
    #[napi(getter, catch_unwind)]
    pub fn base_url(&self) -> String {
        self.inner.config().base_url().to_owned()
    }

    /// A copy with other options; it shares the connections.
    #[napi(catch_unwind)]
    pub fn with_options(&self, changes: String) -> Either<Client, ErrorInfo> {
        let changes = read_options(&changes);
        either(changes.and_then(|changes| Ok(Self::of(self.inner.with_options(changes)?))))
    }

    /// A trace for a span of a call.
    #[napi(catch_unwind)]
    pub fn trace(&self, content: Option<String>) -> Trace {
        let inner = self.inner.trace(content.as_deref());
        Trace { inner }
    }

    /// A copy whose requests belong to this span.
    #[napi(catch_unwind)]
    pub fn traced(&self, trace: &Trace) -> Client {
        Self::of(self.inner.traced(&trace.inner))
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

    /// Cancels a call of this client.
    #[napi(catch_unwind)]
    pub fn cancel(&self, id: u32) {
        self.calls.cancel(id);
    }

    /// The session's events.
    #[napi(catch_unwind)]
    pub fn events(&self, session_id: String, options: String) -> Either<EventStream, ErrorInfo> {
        either(read(&options).and_then(|options| {
            let queue = within_runtime_if_available(|| self.inner.events(&session_id, options))?;
            Ok(EventStream::new(queue, "session"))
        }))
    }

    /// Starts a task. `id` is for `cancel`.
    #[napi(catch_unwind, ts_return_type = "Promise<Task | TaskFailure | null>")]
    pub fn start_task<'env>(
        &self,
        env: &'env Env,
        id: u32,
        session_id: String,
        start: String,
    ) -> napi::Result<PromiseRaw<'env, Started>> {
        let client = self.inner.clone();
        // As a value, so that the error comes with the task that it is about.
        let begin = move |start| {
            let starting: Pin<Box<dyn Future<Output = _> + Send>> =
                Box::pin(client.start_task(&session_id, start));
            async move { Ok(starting.await) }
        };
        self.calls.start(env, id, &start, begin, started)
    }

    /// Goes on with a task, or sends one that was prepared. `id` is for `cancel`.
    #[napi(catch_unwind, ts_return_type = "Promise<Task | TaskFailure | null>")]
    pub fn resume<'env>(
        &self,
        env: &'env Env,
        id: u32,
        resume: String,
    ) -> napi::Result<PromiseRaw<'env, Started>> {
        let client = self.inner.clone();
        let begin = move |resume: Resume| {
            let resuming: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(resume.of(&client));
            async move { Ok(resuming.await) }
        };
        self.calls.start(env, id, &resume, begin, started)
    }

    /// Runs many tasks, each in a session of its own.
    #[napi(catch_unwind)]
    pub fn run_tasks(&self, plan: String) -> Either<TaskRuns, ErrorInfo> {
        either(read(&plan).and_then(|plan| {
            let outcomes = within_runtime_if_available(|| self.inner.run_tasks(plan))?;
            Ok(TaskRuns::new(outcomes))
        }))
    }

    /// A pool of sessions.
    #[napi(catch_unwind)]
    pub fn pool(&self, options: String) -> Either<SessionPool, ErrorInfo> {
        either(read(&options).and_then(|options| {
            let pool = within_runtime_if_available(|| self.inner.sessions().pool(options))?;
            Ok(SessionPool::new(pool))
        }))
    }

    /// A client whose calls end when the session with this lease is given back; null where it
    /// was already.
    #[napi(catch_unwind)]
    pub fn leased(&self, pool: &SessionPool, lease: i64) -> Option<Client> {
        pool.client_of(lease).map(Self::of)
    }

    /// Begins to delete the sessions that this client and its copies created,
    /// also once it is closed.
    #[napi(catch_unwind)]
    pub fn delete_created_sessions(&self, milliseconds: u32) -> Deletion {
        let limit = Duration::from_millis(milliseconds.into());
        let client = self.inner.clone();
        let (sender, receiver) = mpsc::channel();
        napi::bindgen_prelude::spawn(async move {
            let failures = client.delete_created_sessions(limit).await;
            let _ = sender.send(failures);
        });
        Deletion {
            receiver,
            // The core keeps the limit; this is for a runtime that is gone.
            until: Instant::now() + limit + Duration::from_millis(500),
        }
    }

    /// Ends every call, wait and stream of this client and its copies.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.inner.close();
    }

    /// Waits for what goes on in the background; a JSON list of texts that say
    /// which sessions are left. Null where nothing goes on.
    #[napi(catch_unwind, ts_return_type = "Promise<string> | null")]
    pub fn settle<'env>(
        &self,
        env: &'env Env,
        milliseconds: u32,
    ) -> napi::Result<Option<PromiseRaw<'env, String>>> {
        background::settle(env, self.inner.background(), milliseconds)
    }
}

/// A deletion of sessions at the process's end.
#[napi]
pub struct Deletion {
    receiver: mpsc::Receiver<Vec<(String, Error)>>,
    until: Instant,
}

#[napi]
impl Deletion {
    /// Blocks until it is over; the sessions that are left, as a JSON list of
    /// pairs of id and reason.
    #[napi(catch_unwind)]
    pub fn wait(&self) -> String {
        let remaining = self.until.saturating_duration_since(Instant::now());
        let failures = self.receiver.recv_timeout(remaining).unwrap_or_default();
        let pairs: Vec<_> = failures
            .iter()
            .map(|(session_id, why)| (session_id, why.to_string()))
            .collect();
        serde_json::to_string(&pairs).unwrap_or_else(|_| "[]".to_owned())
    }
}

/// Says why a call would refuse this input, if so: `{"check": ..., ...}`. Sends nothing.
// Test builds register no exports.
#[cfg_attr(test, allow(dead_code))]
#[napi(catch_unwind)]
pub fn check(params: String) -> Option<ErrorInfo> {
    read(&params)
        .and_then(|input: sessionwire::seam::agi::Check| Ok(input.run()?))
        .err()
}

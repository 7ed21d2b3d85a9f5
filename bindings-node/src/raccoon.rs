//! The Raccoon client: sessions and their turns.

use napi::Env;
use napi::bindgen_prelude::{Either, Function, PromiseRaw, within_runtime_if_available};
use napi_derive::napi;
use serde::Deserialize;
use sessionwire::raccoon::{self, RaccoonConfig, StartTurn};
use sessionwire::seam::raccoon::{Resume, redacted, with_hooks};

use crate::calls::Calls;
use crate::reply::{ErrorInfo, Handle, Reply, either, handle, read, read_options, turn_reply};
use crate::stream::EventStream;
use crate::telemetry::Trace;
use crate::turn::Turn;
use crate::turn_fanout::TurnRuns;
use crate::upload::{Upload, UploadChannel, UploadParams};
use crate::{background, has_runtime, hooks};

/// A client of the Raccoon service.
#[napi]
pub struct RaccoonClient {
    inner: raccoon::Client,
    calls: Calls,
}

/// A turn to start, and where.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StartParams {
    session_id: String,
    turn: StartTurn,
}

#[napi]
impl RaccoonClient {
    /// A client from JSON options; `environment` looks a variable up. A hook gets a call as
    /// JSON, and gives its outcomes as JSON (`sessionwire::seam::raccoon::HookBridge`).
    #[napi(catch_unwind)]
    pub fn open(
        options: String,
        environment: Function<'_, String, Option<String>>,
        decode_frame: Option<Function<'_, String, String>>,
        decode_answer: Option<Function<'_, String, String>>,
    ) -> napi::Result<Either<RaccoonClient, ErrorInfo>> {
        let decode_frame = decode_frame.as_ref().map(hooks::bridge).transpose()?;
        let decode_answer = decode_answer.as_ref().map(hooks::bridge).transpose()?;
        let lookup = |name: &str| environment.call(name.to_owned()).ok().flatten();
        Ok(either(read_options(&options).and_then(|options| {
            has_runtime()?;
            let config = RaccoonConfig::resolve_with(options, &lookup)?;
            let config = with_hooks(config, decode_frame, decode_answer);
            Ok(Self::of(raccoon::Client::new(config)?))
        })))
    }

    fn of(inner: raccoon::Client) -> Self {
        background::settle_at_exit(inner.background());
        let calls = Calls::default();
        Self { inner, calls }
    }

    /// The service's address.
    #[napi(getter, catch_unwind)]
    pub fn base_url(&self) -> String {
        self.inner.config().base_url().to_owned()
    }

    /// A text without the client's key.
    #[napi(catch_unwind)]
    pub fn redacted(&self, text: String) -> String {
        redacted(self.inner.config(), &text)
    }

    /// How many turns may run at once, as the service said last.
    #[napi(getter, catch_unwind)]
    pub fn max_concurrent(&self) -> Option<u32> {
        self.inner.max_concurrent()
    }

    /// A copy with other options; it shares the connections.
    #[napi(catch_unwind)]
    pub fn with_options(&self, changes: String) -> Either<RaccoonClient, ErrorInfo> {
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
    pub fn traced(&self, trace: &Trace) -> RaccoonClient {
        Self::of(self.inner.traced(&trace.inner))
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

    /// Starts a turn: `{"session_id": ..., "turn": {...}}`. `id` is for `cancel`.
    #[napi(catch_unwind, ts_return_type = "Promise<Turn | ErrorInfo | null>")]
    pub fn start_turn<'env>(
        &self,
        env: &'env Env,
        id: u32,
        params: String,
    ) -> napi::Result<PromiseRaw<'env, Handle<Turn>>> {
        let client = self.inner.clone();
        let begin = |params: StartParams| async move {
            client.start_turn(&params.session_id, params.turn).await
        };
        let finish = |outcome| handle(outcome, Turn::new);
        self.calls.start(env, id, &params, begin, finish)
    }

    /// A handle on a turn that was started before. `id` is for `cancel`.
    #[napi(catch_unwind, ts_return_type = "Promise<Turn | ErrorInfo | null>")]
    pub fn attach<'env>(
        &self,
        env: &'env Env,
        id: u32,
        params: String,
    ) -> napi::Result<PromiseRaw<'env, Handle<Turn>>> {
        let begin = |attach| self.inner.attach(attach);
        let finish = |outcome| handle(outcome, Turn::new);
        self.calls.start(env, id, &params, begin, finish)
    }

    /// Goes on with a turn, or starts one that was prepared. `id` is for `cancel`.
    #[napi(catch_unwind, ts_return_type = "Promise<Turn | ErrorInfo | null>")]
    pub fn resume<'env>(
        &self,
        env: &'env Env,
        id: u32,
        params: String,
    ) -> napi::Result<PromiseRaw<'env, Handle<Turn>>> {
        let begin = |resume: Resume| resume.of(&self.inner);
        let finish = |outcome| handle(outcome, Turn::new);
        self.calls.start(env, id, &params, begin, finish)
    }

    /// Runs many turns.
    #[napi(catch_unwind)]
    pub fn run_turns(&self, plan: String) -> Either<TurnRuns, ErrorInfo> {
        either(read(&plan).and_then(|plan| {
            let outcomes = within_runtime_if_available(|| self.inner.run_turns(plan))?;
            Ok(TurnRuns::new(outcomes))
        }))
    }

    /// The session's events.
    #[napi(catch_unwind)]
    pub fn events(&self, session_id: String, options: String) -> Either<EventStream, ErrorInfo> {
        either(read(&options).and_then(|options| {
            let queue = within_runtime_if_available(|| self.inner.events(&session_id, options))?;
            Ok(EventStream::new(queue, "session"))
        }))
    }

    /// The frame that stops a turn, as JSON.
    #[napi(getter, catch_unwind)]
    pub fn stop_frame(&self) -> String {
        self.inner.stop_frame().to_string()
    }

    /// Uploads a file: what `params` and `bytes` or a channel say.
    #[napi(catch_unwind)]
    pub fn upload(
        &self,
        params: String,
        bytes: Option<napi::bindgen_prelude::Uint8Array>,
        channel: Option<&UploadChannel>,
    ) -> Either<Upload, ErrorInfo> {
        either(read(&params).and_then(|params: UploadParams| {
            let source = params.source(bytes.as_deref(), channel);
            let source = source.ok_or_else(|| ErrorInfo::invalid("There is nothing to upload"))?;
            let upload = |progress| self.inner.upload(params.upload, source, progress);
            Ok(within_runtime_if_available(|| Upload::start(upload)))
        }))
    }

    /// Cancels a call of this client.
    #[napi(catch_unwind)]
    pub fn cancel(&self, id: u32) {
        self.calls.cancel(id);
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

/// Says why a call would refuse this input, if so: `{"check": ..., ...}`. Sends nothing.
// Test builds register no exports.
#[cfg_attr(test, allow(dead_code))]
#[napi(catch_unwind)]
pub fn check_raccoon(params: String) -> Option<ErrorInfo> {
    read(&params)
        .and_then(|input: sessionwire::seam::raccoon::Check| Ok(input.run()?))
        .err()
}

/// A new session id.
#[cfg_attr(test, allow(dead_code))]
#[napi(catch_unwind)]
pub fn new_session_id() -> Either<String, ErrorInfo> {
    either(raccoon::new_session_id().map_err(Into::into))
}

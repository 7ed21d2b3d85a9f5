//! The Raccoon client: sessions and their turns.

use napi::Env;
use napi::bindgen_prelude::{
    Either, Either3, Function, Null, PromiseRaw, within_runtime_if_available,
};
use napi_derive::napi;
use serde::Deserialize;
use sessionwire::OptionChanges;
use sessionwire::raccoon::{self, Attach, Operation, RaccoonConfig, RaccoonOptions, StartTurn};

use crate::answer::{Answer, ErrorInfo, Handle, json_answer};
use crate::calls::Calls;
use crate::turn::Turn;
use crate::upload::{Upload, UploadChannel, UploadParams};

/// A client of the Raccoon service.
#[napi]
pub struct RaccoonClient {
    inner: raccoon::Client,
    calls: Calls,
}

/// A turn to start, and where.
#[derive(Deserialize)]
struct StartParams {
    session_id: String,
    turn: StartTurn,
}

#[napi]
impl RaccoonClient {
    /// A client from JSON options; `environment` looks a variable up.
    #[napi(catch_unwind)]
    pub fn open(
        options: String,
        environment: Function<'_, String, Option<String>>,
    ) -> Either<RaccoonClient, ErrorInfo> {
        let options: RaccoonOptions = match serde_json::from_str(&options) {
            Ok(options) => options,
            Err(error) => return Either::B(ErrorInfo::unreadable_options(&error)),
        };
        let lookup = |name: &str| environment.call(name.to_owned()).ok().flatten();
        let client = RaccoonConfig::resolve_with(options, &lookup).and_then(raccoon::Client::new);
        Self::of(client)
    }

    fn of(client: sessionwire::Result<raccoon::Client>) -> Either<RaccoonClient, ErrorInfo> {
        match client {
            Ok(inner) => Either::A(Self {
                inner,
                calls: Calls::default(),
            }),
            Err(error) => Either::B(error.into()),
        }
    }

    /// The service's address.
    #[napi(getter, catch_unwind)]
    pub fn base_url(&self) -> String {
        self.inner.config().base_url().to_owned()
    }

    /// How many turns may run at once, as the service said last.
    #[napi(getter, catch_unwind)]
    pub fn max_concurrent(&self) -> Option<u32> {
        self.inner.max_concurrent()
    }

    /// A copy with other options; it shares the connections.
    #[napi(catch_unwind)]
    pub fn with_options(&self, changes: String) -> Either<RaccoonClient, ErrorInfo> {
        match serde_json::from_str::<OptionChanges>(&changes) {
            Ok(changes) => Self::of(self.inner.with_options(changes)),
            Err(error) => Either::B(ErrorInfo::unreadable_options(&error)),
        }
    }

    /// Carries an operation out. `id` is for `cancel`; 0: not cancellable.
    #[napi(catch_unwind, ts_return_type = "Promise<string | ErrorInfo | null>")]
    pub fn execute<'env>(
        &self,
        env: &'env Env,
        id: u32,
        operation: String,
    ) -> napi::Result<PromiseRaw<'env, Answer>> {
        let call = match serde_json::from_str::<Operation>(&operation) {
            Ok(operation) => Ok(self.calls.cancellable(id, self.inner.execute(operation))),
            Err(error) => Err(ErrorInfo::unreadable(&error)),
        };
        env.spawn_future(async move {
            Ok(match call {
                Err(error) => Answer::B(error),
                Ok(call) => call.await.map_or(Answer::D(Null), |result| {
                    json_answer(result.map(|output| output.to_json()))
                }),
            })
        })
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
        let call = serde_json::from_str::<StartParams>(&params)
            .map(|params| async move { client.start_turn(&params.session_id, params.turn).await });
        self.turn(env, id, call)
    }

    /// A handle on a turn that was started before. `id` is for `cancel`.
    #[napi(catch_unwind, ts_return_type = "Promise<Turn | ErrorInfo | null>")]
    pub fn attach<'env>(
        &self,
        env: &'env Env,
        id: u32,
        params: String,
    ) -> napi::Result<PromiseRaw<'env, Handle<Turn>>> {
        let call = serde_json::from_str::<Attach>(&params).map(|attach| self.inner.attach(attach));
        self.turn(env, id, call)
    }

    fn turn<'env>(
        &self,
        env: &'env Env,
        id: u32,
        call: serde_json::Result<
            impl Future<Output = sessionwire::Result<raccoon::Turn>> + Send + 'static,
        >,
    ) -> napi::Result<PromiseRaw<'env, Handle<Turn>>> {
        let call = call
            .map(|call| self.calls.cancellable(id, call))
            .map_err(|error| ErrorInfo::unreadable(&error));
        env.spawn_future(async move {
            Ok(match call {
                Err(error) => Either3::B(error),
                Ok(call) => match call.await {
                    None => Either3::C(Null),
                    Some(Err(error)) => Either3::B(error.into()),
                    Some(Ok(turn)) => Either3::A(Turn::new(turn)),
                },
            })
        })
    }

    /// Uploads a file: what `params` and `bytes` or a channel say.
    #[napi(catch_unwind)]
    pub fn upload(
        &self,
        params: String,
        bytes: Option<napi::bindgen_prelude::Uint8Array>,
        channel: Option<&UploadChannel>,
    ) -> Either<Upload, ErrorInfo> {
        let params: UploadParams = match serde_json::from_str(&params) {
            Ok(params) => params,
            Err(error) => return Either::B(ErrorInfo::unreadable(&error)),
        };
        let Some(source) = params.source(bytes.as_deref(), channel) else {
            return Either::B(ErrorInfo::invalid("There is nothing to upload"));
        };
        let upload = |progress| self.inner.upload(params.upload, source, progress);
        Either::A(within_runtime_if_available(|| Upload::start(upload)))
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
}

/// Says why a call would refuse this input, if so: `{"check": ..., ...}`. Sends nothing.
// Test builds register no exports.
#[cfg_attr(test, allow(dead_code))]
#[napi(catch_unwind)]
pub fn check_raccoon(params: String) -> Option<ErrorInfo> {
    match serde_json::from_str::<raccoon::Check>(&params) {
        Ok(input) => input.run().err().map(Into::into),
        Err(error) => Some(ErrorInfo::unreadable(&error)),
    }
}

/// A new session id.
#[cfg_attr(test, allow(dead_code))]
#[napi(catch_unwind)]
pub fn new_session_id() -> Either<String, ErrorInfo> {
    match raccoon::new_session_id() {
        Ok(id) => Either::A(id),
        Err(error) => Either::B(error.into()),
    }
}

//! A pool of sessions.

use napi::Env;
use napi::bindgen_prelude::{Null, PromiseRaw, ToNapiValue};
use napi_derive::napi;
use sessionwire::agi;
use sessionwire::seam::agi::PoolOutput;

use crate::calls::Calls;
use crate::reply::{Outcome, Reply};

/// A pool of sessions. When JavaScript drops it, what nobody has is deleted.
#[napi]
pub struct SessionPool {
    inner: agi::SessionPool,
    calls: Calls,
}

impl SessionPool {
    pub fn new(inner: agi::SessionPool) -> Self {
        let calls = Calls::default();
        Self { inner, calls }
    }

    pub fn client_of(&self, lease: i64) -> Option<agi::Client> {
        self.inner.client_of(lease.cast_unsigned())
    }
}

#[napi]
impl SessionPool {
    /// Carries an operation out. `id` is for `cancel`; 0: not cancellable.
    #[napi(catch_unwind, ts_return_type = "Promise<string | ErrorInfo | null>")]
    pub fn execute<'env>(
        &self,
        env: &'env Env,
        id: u32,
        operation: String,
    ) -> napi::Result<PromiseRaw<'env, Acquired>> {
        let begin = |operation| self.inner.execute(operation);
        self.calls.start(env, id, &operation, begin, Acquired)
    }

    /// Cancels a call of this pool.
    #[napi(catch_unwind)]
    pub fn cancel(&self, id: u32) {
        self.calls.cancel(id);
    }
}

/// A reply whose session goes back to the pool unless JavaScript has it.
pub struct Acquired(Outcome<PoolOutput>);

impl ToNapiValue for Acquired {
    unsafe fn to_napi_value(
        env: napi::sys::napi_env,
        acquired: Self,
    ) -> napi::Result<napi::sys::napi_value> {
        let reply = match acquired.0 {
            Ok(Some(output)) => Reply::A(output.into_json()),
            Err(error) => Reply::B(error),
            Ok(None) => Reply::D(Null),
        };
        // SAFETY: the caller's promise about `env` is passed on.
        unsafe { Reply::to_napi_value(env, reply) }
    }
}

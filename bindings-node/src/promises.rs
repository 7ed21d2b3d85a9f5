//! Promises that the background settles.

use napi::Env;
use napi::bindgen_prelude::{PromiseRaw, ToNapiValue};

/// Runs a future in the background; the promise of what it gives.
pub fn spawn<'env, T>(
    env: &'env Env,
    future: impl Future<Output = T> + Send + 'static,
) -> napi::Result<PromiseRaw<'env, T>>
where
    T: ToNapiValue + Send + 'static,
{
    env.spawn_future(async move { Ok(future.await) })
}

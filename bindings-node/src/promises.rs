//! Promises that the background settles.

use std::pin::Pin;

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
    // One type for all of a value's: each other would bring a copy of tokio's code for tasks.
    let future: Pin<Box<dyn Future<Output = napi::Result<T>> + Send>> =
        Box::pin(async move { Ok(future.await) });
    env.spawn_future(future)
}

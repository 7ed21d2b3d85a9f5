//! `decodeFrame` and `decodeAnswer`: functions of JavaScript that the core needs.
//!
//! A weak thread-safe function calls them on their own thread; it does not keep the process
//! alive. While that thread ends, and blocks for what must not be left, nobody is called.

use std::sync::Arc;

use napi::Status;
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::ThreadsafeFunction;
use sessionwire::seam::raccoon::HookBridge;
use tokio::sync::watch;

// It gets a call as JSON and gives its outcomes as JSON; it throws nothing.
type Hook = ThreadsafeFunction<String, String, String, Status, false, true>;

thread_local! {
    /// Whether this JavaScript ends. Each worker has a thread of its own.
    static ENDS: watch::Sender<bool> = watch::channel(false).0;
}

/// A function of this JavaScript, for the core.
pub fn bridge(function: &Function<'_, String, String>) -> napi::Result<HookBridge> {
    let hook: Hook = function
        .build_threadsafe_function::<String>()
        .weak::<true>()
        .build()?;
    let hook = Arc::new(hook);
    let ends = ENDS.with(watch::Sender::subscribe);
    Ok(HookBridge::new(move |call| {
        let (hook, mut ends) = (hook.clone(), ends.clone());
        Box::pin(async move {
            tokio::select! {
                biased;
                // An error: its thread is gone.
                _ = ends.wait_for(|ends| *ends) => None,
                reply = hook.call_async_catch(call) => reply.ok(),
            }
        })
    }))
}

/// From now on nobody is called on this thread.
pub fn end() {
    ENDS.with(|ends| ends.send_replace(true));
}

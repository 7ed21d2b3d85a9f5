//! The native half of the npm package: thin classes around the core.
//!
//! What crosses the border is JSON text, plain numbers and opaque handles.
//! Errors cross as data and are thrown by the TypeScript in front, so that
//! they have its classes and its stack. No JavaScript value ever reaches a
//! tokio thread. Everything here is private to the package.

// The macros of napi need `pub`, although this library exports no Rust.
#![allow(unreachable_pub, missing_debug_implementations)]
// A test calls what JavaScript would: what it leaves out is no dead code.
#![cfg_attr(test, allow(dead_code, clippy::unwrap_used, clippy::expect_used))]

mod ag_ui;
mod agent;
mod background;
mod batch;
mod calls;
mod cli;
mod client;
mod emulator;
mod fanout;
mod first;
mod hooks;
mod log;
mod meaning;
mod pool;
mod promises;
mod raccoon;
mod reply;
mod stream;
mod task;
mod telemetry;
mod testing;
mod turn;
mod turn_fanout;
mod upload;
mod webhooks;

use std::sync::OnceLock;

use napi::bindgen_prelude::create_custom_tokio_runtime;

/// Why there is no runtime, if so.
static NO_RUNTIME: OnceLock<sessionwire::Error> = OnceLock::new();

/// Refuses what needs a runtime where there is none.
fn has_runtime() -> Result<(), reply::ErrorInfo> {
    NO_RUNTIME
        .get()
        .map_or(Ok(()), |error| Err(error.clone().into()))
}

/// One worker: a connection's task and the stream that reads from it pass on
/// every chunk, which costs half of what it costs across two.
#[napi_derive::module_init]
fn init() {
    let runtime = match sessionwire::runtime::start(1) {
        Ok(runtime) => Some(runtime),
        Err(error) => {
            let _ = NO_RUNTIME.set(error);
            // One without threads, on which nothing runs: napi would end the
            // process where its own cannot be made.
            tokio::runtime::Builder::new_current_thread().build().ok()
        }
    };
    if let Some(runtime) = runtime {
        create_custom_tokio_runtime(runtime);
    }
}

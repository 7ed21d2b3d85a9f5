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

mod agent;
mod batch;
mod calls;
mod cli;
mod client;
mod emulator;
mod fanout;
mod log;
mod meaning;
mod raccoon;
mod reply;
mod stream;
mod task;
mod testing;
mod turn;
mod upload;
mod webhooks;

use napi::bindgen_prelude::create_custom_tokio_runtime;

/// One worker: a connection's task and the stream that reads from it pass on
/// every chunk, which costs half of what it costs across two.
#[napi_derive::module_init]
fn init() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("sessionwire")
        .enable_all()
        .build();
    // Without it napi makes its own.
    if let Ok(runtime) = runtime {
        create_custom_tokio_runtime(runtime);
    }
}

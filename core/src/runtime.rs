//! The threads of a language binding or program.

use std::any::Any;
use std::future::Future;
use std::io;
use std::pin::Pin;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

use crate::error::{Error, Result};

/// A runtime with so many workers.
///
/// # Errors
/// `Config` where the system allows no further thread or open file; it names the limit.
pub fn start(workers: usize) -> Result<Runtime> {
    // tokio panics where its threads cannot be started: one of ours tries first. Not
    // joined: while Node loads an add-on, no thread can end.
    drop(
        std::thread::Builder::new()
            .spawn(|| ())
            .map_err(|error| refused(&error))?,
    );
    let build = || {
        Builder::new_multi_thread()
            .worker_threads(workers)
            .thread_name("sessionwire")
            .enable_all()
            .build()
    };
    match std::panic::catch_unwind(build) {
        Ok(built) => built.map_err(|error| refused(&error)),
        Err(panic) => Err(gave_up(&*panic)),
    }
}

/// Runs a task in the background of the caller's runtime.
///
/// Every task is one type to tokio: for each type of a future, the compiler writes the code of
/// tokio's tasks out again, some 5 KB. So take this, not `tokio::spawn`.
///
/// # Panics
/// Outside of a tokio runtime.
pub(crate) fn spawn<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    tokio::spawn(boxed(work))
}

/// The same on the runtime of this handle.
pub(crate) fn spawn_on<T: Send + 'static>(
    runtime: &Handle,
    work: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    runtime.spawn(boxed(work))
}

/// The future as the one type that all tasks have.
pub(crate) fn boxed<T>(work: impl Future<Output = T> + Send + 'static) -> BoxFuture<T> {
    Box::pin(work)
}

pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// tokio panics for some limits, with a text that is all there is.
fn gave_up(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<String>().map_or("", String::as_str);
    Error::config(format!(
        "The client cannot start its threads: {text}. The system allows no further thread or open file. Raise the \
         limit (`ulimit -u` of processes, `ulimit -n` of descriptors, or that of the container), or end what holds them"
    ))
}

fn refused(error: &io::Error) -> Error {
    let limit = match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory => {
            "The system allows no further thread. Raise the limit of processes (`ulimit -u`, or that of the \
             container), or end some"
        }
        _ => {
            "The system may allow no further open file. Raise the limit of descriptors (`ulimit -n`), or close some \
             files and connections"
        }
    };
    Error::config(format!(
        "The client cannot start its threads: {error}. {limit}"
    ))
}

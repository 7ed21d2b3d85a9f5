//! The threads of a language binding or program.

use std::any::Any;
use std::io;

use tokio::runtime::{Builder, Runtime};

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

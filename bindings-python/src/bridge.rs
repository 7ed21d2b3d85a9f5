//! What an event loop holds of the way to it: see `signal`.

use std::io;
use std::sync::Arc;

use pyo3::prelude::*;

use crate::log;
use crate::process::process;
use crate::signal::Signal;

/// The loop's side: watch `fileno()` for reading, or read the other end of `socket`; then call
/// `drain()`.
#[pyclass(frozen, module = "sessionwire._native")]
#[derive(Debug)]
pub(crate) struct Bridge {
    signal: Arc<Signal>,
    process: u32,
}

impl Bridge {
    pub(crate) fn signal(&self) -> Arc<Signal> {
        self.signal.clone()
    }
}

#[pymethods]
impl Bridge {
    #[new]
    #[pyo3(signature = (socket=None))]
    fn new(socket: Option<i64>) -> io::Result<Self> {
        let signal = Arc::new(match socket {
            Some(socket) => Signal::into_socket(socket)?,
            None => Signal::new()?,
        });
        log::wake(&signal);
        Ok(Self {
            signal,
            process: process(),
        })
    }

    /// The descriptor to watch; -1 with a socket.
    fn fileno(&self) -> i64 {
        self.signal.fileno().unwrap_or(-1)
    }

    /// Whether this process made the bridge.
    fn is_own_process(&self) -> bool {
        self.process == process()
    }

    /// Clears the descriptor and takes the tokens that are ready.
    fn drain(&self, py: Python<'_>) -> Vec<u64> {
        let tokens = self.signal.drain();
        log::replay(py);
        tokens
    }
}

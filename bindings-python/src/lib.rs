//! The native half of the Python package: private, behind typed Python.
//!
//! What crosses between Python and the tokio runtime is a token or plain data.
//! No tokio thread ever holds a Python object or takes the GIL.

mod bridge;
mod client;
mod emulator;
mod error;
mod event;
mod json;
mod ops;
mod runtime;
mod stream;
mod task;

use pyo3::prelude::*;

/// The native half of sessionwire.
#[pymodule]
mod _native {
    #[pymodule_export]
    use super::bridge::Bridge;
    #[pymodule_export]
    use super::client::Client;
    #[pymodule_export]
    use super::emulator::Emulator;
    #[pymodule_export]
    use super::event::{
        DoneEvent, ErrorEvent, Event, HeartbeatEvent, LogEvent, PausedEvent, QuestionEvent,
        ResumedEvent, StepEvent, ThoughtEvent, UnknownEvent, UserEvent,
    };
    #[pymodule_export]
    use super::ops::Operation;
    #[pymodule_export]
    use super::runtime::shut_down;
    #[pymodule_export]
    use super::stream::EventStream;
    #[pymodule_export]
    use super::task::Task;
    #[pymodule_export]
    use super::{cli_main, parse_json};

    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}

/// Runs the command line program and returns its exit status.
#[pyfunction]
fn cli_main(py: Python<'_>, args: Vec<String>) -> i32 {
    py.detach(|| sessionwire_cli::run(args))
}

/// Parses a JSON text; raises ValueError where it is none.
#[pyfunction]
fn parse_json<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    json::parse(py, text.as_bytes())
}

//! Errors of the core as exceptions. Their classes are Python.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList};
use sessionwire::{Error, ErrorKind};

use crate::{event, json};

/// The exception of this error.
pub(crate) fn to_py(py: Python<'_>, error: &Error) -> PyErr {
    build(py, error).map_or_else(|failure| failure, PyErr::from_value)
}

fn build<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    static FACTORY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let factory = FACTORY.import(py, "sessionwire._errors", "from_native")?;
    let fields = json::parse(py, error.to_json().as_bytes())?.cast_into::<PyDict>()?;
    let question = error
        .question()
        .map(|event| event::to_py(py, event.clone()))
        .transpose()?;
    let events = error
        .events()
        .iter()
        .map(|event| event::to_py(py, event.clone()))
        .collect::<PyResult<Vec<_>>>()?;
    fields.set_item("question", question)?;
    fields.set_item("events", PyList::new(py, events)?)?;
    factory.call1((fields,))
}

/// The error of a stream or task that another process made.
pub(crate) fn forked(py: Python<'_>, what: &str) -> PyErr {
    to_py(
        py,
        &Error::new(
            ErrorKind::Stream,
            format!(
                "This {what} belongs to the process that was forked. Open a new one in this process"
            ),
        ),
    )
}

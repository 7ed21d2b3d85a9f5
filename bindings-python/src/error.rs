//! Errors of the core as exceptions. Their classes are Python.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList};
use sessionwire::{Error, ErrorKind};
use sessionwire_emulator::TaskOver;

use crate::{events, json};

/// The exception of this error.
pub(crate) fn to_py(py: Python<'_>, error: &Error) -> PyErr {
    build(py, error).map_or_else(|failure| failure, PyErr::from_value)
}

/// The exception for an agent whose task is over.
pub(crate) fn task_over(py: Python<'_>, over: TaskOver) -> PyErr {
    let build = || {
        let fields = PyDict::new(py);
        let (text, reason) = (over.to_string(), over.reason());
        let message = text.split(['.', ':']).next().unwrap_or_default();
        fields.set_item("name", "TaskOver")?;
        fields.set_item("message", message)?;
        fields.set_item("reason", reason)?;
        fields.set_item("text", format!("{text}."))?;
        from_fields(fields)
    };
    build().map_or_else(|failure| failure, PyErr::from_value)
}

fn from_fields(fields: Bound<'_, PyDict>) -> PyResult<Bound<'_, PyAny>> {
    static FACTORY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = fields.py();
    let factory = FACTORY.import(py, "sessionwire._errors", "from_native")?;
    factory.call1((fields,))
}

fn build<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    let fields = json::parse(py, error.to_json().as_bytes())?.cast_into::<PyDict>()?;
    let question = error
        .question()
        .map(|event| events::to_py(py, event.clone()))
        .transpose()?;
    let events = error
        .events()
        .iter()
        .map(|event| events::to_py(py, event.clone()))
        .collect::<PyResult<Vec<_>>>()?;
    fields.set_item("question", question)?;
    fields.set_item("events", PyList::new(py, events)?)?;
    from_fields(fields)
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

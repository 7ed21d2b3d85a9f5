//! Parameters that Python gave as a dict.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use serde::de::DeserializeOwned;
use sessionwire::meaning::misread;
use sessionwire::{Error, ErrorKind};

use crate::json::Refusal;
use crate::{error, json};

/// Reads them. `kind` is the error's kind,
/// `what` the name of the call.
pub(crate) fn read<T: DeserializeOwned>(
    params: &Bound<'_, PyAny>,
    kind: ErrorKind,
    what: &str,
) -> PyResult<T> {
    let refuse = |why: String| {
        let py = params.py();
        match named(py, format!("{what}: {why}")) {
            Ok(why) => error::to_py(py, &Error::new(kind, why)),
            Err(failure) => failure,
        }
    };
    let value = match json::from_py(params) {
        Ok(value) => value,
        Err(Refusal::Python(error)) => return Err(error),
        Err(Refusal::Input(why)) => return Err(refuse(why)),
    };
    serde_json::from_value(value).map_err(|error| refuse(misread(&error.to_string())))
}

/// The same by the parameter of the Python call, where that can be told.
fn named(py: Python<'_>, why: String) -> PyResult<String> {
    static NAMED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let named = NAMED.import(py, "sessionwire._parameters", "named")?;
    named.call1((why,))?.extract()
}

/// The name of the call, for the text of an error.
pub(crate) fn op_of(params: &Bound<'_, PyAny>) -> String {
    params
        .get_item("op")
        .and_then(|op| op.extract())
        .unwrap_or_else(|_| "The call".to_owned())
}

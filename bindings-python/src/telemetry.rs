//! What spans say: the native half of `_telemetry.py`.

use pyo3::prelude::*;
use sessionwire::telemetry;

use crate::json;

/// What one span is told.
#[pyclass(frozen, module = "sessionwire._native")]
#[derive(Debug)]
pub(crate) struct Trace(pub(crate) telemetry::Trace);

#[pymethods]
impl Trace {
    /// A span's name, kind and attributes.
    #[pyo3(signature = (operation, session_id=None, agent=None, input=None))]
    fn span<'py>(
        &self,
        py: Python<'py>,
        operation: &str,
        session_id: Option<&str>,
        agent: Option<&str>,
        input: Option<&str>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let span = self.0.span(operation, session_id, agent, input);
        json::parse(py, span.as_bytes())
    }

    /// Headers that name the span to the service.
    fn carry(&self, headers: Vec<(String, String)>) {
        self.0.carry(headers);
    }

    /// What the spans of those of many tasks or turns are to say that are over by now.
    fn runs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json::parse(py, self.0.runs().as_bytes())
    }

    /// What a call brought; `error` is what Python knows, such as that it was cancelled.
    #[pyo3(signature = (error=None))]
    fn report<'py>(&self, py: Python<'py>, error: Option<&str>) -> PyResult<Bound<'py, PyAny>> {
        json::parse(py, self.0.report(error).as_bytes())
    }
}

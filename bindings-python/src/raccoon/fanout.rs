//! Many turns at once, on the runtime.

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use sessionwire::raccoon::TurnOutcomes;

use crate::pending::Pending;
use crate::runtime::{Runtime, RuntimeBound};
use crate::{error, json};

/// The turns of one `run_turns`. Dropping it stops them in the background.
#[pyclass(frozen, module = "sessionwire._native")]
#[derive(Debug)]
pub(crate) struct TurnRuns {
    bound: RuntimeBound<TurnOutcomes>,
}

impl TurnRuns {
    pub(crate) fn new(runtime: &'static Runtime, outcomes: TurnOutcomes) -> Self {
        Self {
            bound: RuntimeBound::new(runtime, outcomes),
        }
    }

    fn outcomes(&self, py: Python<'_>) -> PyResult<&TurnOutcomes> {
        self.bound.get().ok_or_else(|| error::forked(py, "run"))
    }
}

#[pymethods]
impl TurnRuns {
    /// Is done once there is something to take, or nothing will follow.
    fn ready(&self, py: Python<'_>) -> PyResult<Pending> {
        let ready = self.outcomes(py)?.ready();
        Ok(Pending::spawn(self.bound.runtime(), async move {
            ready.await;
            Ok(true)
        }))
    }

    /// What there is to take now, as a dict, and its error; None where there is nothing.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let Some(outcome) = self.outcomes(py)?.try_take() else {
            return Ok(None);
        };
        let fields = json::parse(py, outcome.to_json().as_bytes())?;
        let failure = outcome.result.err();
        let failure = failure.map(|failure| error::to_py(py, &failure).into_value(py));
        (fields, failure).into_pyobject(py).map(Some)
    }

    /// Whether everything was taken and nothing will follow.
    #[getter]
    fn over(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.outcomes(py)?.is_over())
    }

    /// Starts no further turn and stops those that run; is done once they are.
    fn close(&self, py: Python<'_>) -> PyResult<Pending> {
        let closed = self.outcomes(py)?.close();
        Ok(Pending::spawn(self.bound.runtime(), async move {
            closed.await;
            Ok(true)
        }))
    }
}

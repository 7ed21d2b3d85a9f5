//! Many tasks at once, on the runtime.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use sessionwire::Error;
use sessionwire::agi::{FanOutItem, TaskOutcome, TaskOutcomes};

use crate::pending::Pending;
use crate::runtime::{Runtime, RuntimeBound};
use crate::{error, events, json};

/// The tasks of one `run_tasks`. Dropping it ends them and deletes their
/// sessions in the background.
#[pyclass(frozen, module = "sessionwire._native")]
#[derive(Debug)]
pub(crate) struct TaskRuns {
    bound: RuntimeBound<TaskOutcomes>,
}

impl TaskRuns {
    pub(crate) fn new(runtime: &'static Runtime, outcomes: TaskOutcomes) -> Self {
        Self {
            bound: RuntimeBound::new(runtime, outcomes),
        }
    }

    fn outcomes(&self, py: Python<'_>) -> PyResult<&TaskOutcomes> {
        self.bound.get().ok_or_else(|| error::forked(py, "run"))
    }
}

#[pymethods]
impl TaskRuns {
    /// Is done once there is something to take, or nothing will follow.
    fn ready(&self, py: Python<'_>) -> PyResult<Pending> {
        let ready = self.outcomes(py)?.ready();
        Ok(Pending::spawn(self.bound.runtime(), async move {
            ready.await;
            Ok(true)
        }))
    }

    /// What there is to take now, as a dict; None where there is nothing.
    fn take(&self, py: Python<'_>) -> PyResult<Option<Py<PyDict>>> {
        let item = self.outcomes(py)?.try_take();
        item.map(|item| item_to_py(py, item)).transpose()
    }

    /// Whether everything was taken and nothing will follow.
    #[getter]
    fn over(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.outcomes(py)?.is_over())
    }

    /// Answers a question; None leaves it open.
    #[pyo3(signature = (number, answer))]
    fn reply(&self, py: Python<'_>, number: u64, answer: Option<String>) -> PyResult<()> {
        self.outcomes(py)?.reply(number, answer);
        Ok(())
    }

    /// Says that whoever was to answer a question failed.
    fn fail(&self, py: Python<'_>, number: u64) -> PyResult<()> {
        self.outcomes(py)?.fail(number);
        Ok(())
    }

    /// Ends what still runs; is done once the sessions are deleted.
    fn close(&self, py: Python<'_>) -> PyResult<Pending> {
        let closed = self.outcomes(py)?.close();
        Ok(Pending::spawn(self.bound.runtime(), async move {
            closed.await;
            Ok(true)
        }))
    }
}

fn item_to_py(py: Python<'_>, item: FanOutItem) -> PyResult<Py<PyDict>> {
    let fields = PyDict::new(py);
    match item {
        FanOutItem::Outcome(outcome) => {
            let TaskOutcome {
                index,
                id,
                result,
                unfinished,
                undeleted,
                ..
            } = *outcome;
            fields.set_item("index", index)?;
            fields.set_item("id", id)?;
            fields.set_item("unfinished", unfinished)?;
            let (result, failure) = match result {
                Ok(result) => (Some(result), None),
                Err(failure) => (None, Some(failure)),
            };
            let result = result.map(|result| result.to_json());
            let result = result.map(|text| json::parse(py, text.as_bytes()));
            fields.set_item("result", result.transpose()?)?;
            fields.set_item("error", exception(py, failure))?;
            fields.set_item("undeleted", exception(py, undeleted))?;
        }
        FanOutItem::Question {
            number,
            index,
            event: question,
        } => {
            fields.set_item("index", index)?;
            fields.set_item("number", number)?;
            fields.set_item("question", events::to_py(py, question)?)?;
        }
        // A kind of item that this binding does not know yet is left out.
        _ => {}
    }
    Ok(fields.unbind())
}

fn exception(py: Python<'_>, failure: Option<Error>) -> Option<Py<PyAny>> {
    let failure = error::to_py(py, &failure?);
    Some(failure.into_value(py).into_any())
}

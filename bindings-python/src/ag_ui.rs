//! Tasks and turns in the words of AG-UI, by the core's rules.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use sessionwire::agi::{Event, EventType};
use sessionwire::seam::ag_ui::{self, Run};

use crate::{error, json};

/// One run: from its start to a question, or to the end of its task. Its lock is never held across a
/// detach, so that a fork finds it free.
#[pyclass(frozen, module = "sessionwire._native")]
#[derive(Debug)]
pub(crate) struct AgUiRun(Mutex<Run>);

impl AgUiRun {
    fn run(&self) -> MutexGuard<'_, Run> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl AgUiRun {
    #[new]
    fn new(thread_id: &str, run_id: &str) -> Self {
        Self(Mutex::new(Run::new(thread_id, run_id)))
    }

    /// What comes before all else.
    fn started(&self) -> Vec<String> {
        self.run().started()
    }

    /// Whether nothing may follow.
    #[getter]
    fn over(&self) -> bool {
        self.run().is_over()
    }

    /// The next event of a task.
    fn add(&self, event_type: &str, id: Option<i64>, raw: &str) -> Vec<String> {
        let event_type = EventType::from_name(event_type);
        self.run().add(&Event::new(event_type, id, raw))
    }

    /// The next event of a turn.
    fn add_frame(&self, raw: &str) -> Vec<String> {
        self.run().add(&Event::from_frame(raw))
    }

    /// There are no more events.
    fn finished(&self) -> Vec<String> {
        self.run().finished()
    }

    /// The run cannot go on.
    fn failed(&self, message: &str, code: Option<&str>) -> Vec<String> {
        self.run().failed(message, code)
    }
}

/// What a client asks for.
#[pyfunction]
pub(crate) fn ag_ui_input<'py>(py: Python<'py>, body: &str) -> PyResult<Bound<'py, PyAny>> {
    let input = ag_ui::input(body).map_err(|failure| error::to_py(py, &failure))?;
    json::parse(py, input.as_bytes())
}

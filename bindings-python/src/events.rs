//! The Python objects of events of either service.

use pyo3::prelude::*;
use sessionwire::agi::Event;

use crate::{agi, raccoon};

/// The Python object of an event.
pub(crate) fn to_py(py: Python<'_>, event: Event) -> PyResult<Py<PyAny>> {
    if event.is_of_turn() {
        raccoon::events::to_py(py, event)
    } else {
        agi::events::to_py(py, event)
    }
}

/// The Python objects of a batch of events, last one first: Python pops them
/// from the end.
pub(crate) fn batch_reversed(
    py: Python<'_>,
    events: impl DoubleEndedIterator<Item = Event>,
) -> PyResult<Vec<Py<PyAny>>> {
    events.rev().map(|event| to_py(py, event)).collect()
}

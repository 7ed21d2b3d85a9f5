//! What all events have in common: frozen, their JSON parsed on first use.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyInt, PyString};
use pyo3::{IntoPyObjectExt as _, PyClass, intern};
use sessionwire::agi;

use crate::json;

/// One item of a session's event stream; every event class has this one as its base.
#[pyclass(frozen, subclass, module = "sessionwire")]
pub(crate) struct Event {
    event: agi::Event,
    data: PyOnceLock<Py<PyAny>>,
}

impl Event {
    pub(crate) fn new(event: agi::Event) -> Self {
        Self {
            event,
            data: PyOnceLock::new(),
        }
    }

    pub(crate) fn event(&self) -> &agi::Event {
        &self.event
    }

    fn parsed<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyAny>> {
        let data = self.data.get_or_try_init(py, || {
            match json::parse_wire(py, self.event.raw_data()) {
                Ok(data) => Ok(data.unbind()),
                Err(_) => self.event.raw_data().into_py_any(py),
            }
        })?;
        Ok(data.bind(py))
    }

    /// A field of the data, where the data is an object.
    pub(crate) fn field<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.parsed(py)?.cast::<PyDict>() {
            Ok(data) => data.get_item(name),
            Err(_) => Ok(None),
        }
    }

    pub(crate) fn text_field<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Option<Bound<'py, PyString>>> {
        Ok(self
            .field(py, name)?
            .and_then(|value| value.cast_into().ok()))
    }
}

#[pymethods]
impl Event {
    /// The message id; None where the event has none.
    #[getter]
    fn id(&self) -> Option<i64> {
        self.event.id()
    }

    /// The data as it came, character by character.
    #[getter]
    fn raw(&self) -> &str {
        self.event.raw()
    }

    /// The data as JSON, or the raw text where it is none.
    #[getter]
    fn data<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.parsed(py).cloned()
    }

    /// The text for a person; empty where there is none.
    #[getter]
    pub(crate) fn text(&self) -> String {
        self.event.text()
    }

    /// The id of the message that the event stands for: the data's
    /// `message_id`, else the event's id.
    #[getter]
    fn message_id<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.field(py, intern!(py, "message_id"))? {
            Some(id) if id.is_instance_of::<PyInt>() => Ok(Some(id)),
            _ => self
                .event
                .id()
                .map(|id| id.into_bound_py_any(py))
                .transpose(),
        }
    }

    /// When it was received here, in UTC; None for one that your program made.
    #[getter]
    pub(crate) fn received_at<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.event.received_ms() {
            0 => Ok(None),
            at => moment(py, i64::try_from(at).unwrap_or(i64::MAX)).map(Some),
        }
    }

    /// What the event says, as JSON has it: its type, id, data, text, ...
    fn to_dict<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let data = slf.py().import(intern!(slf.py(), "sessionwire._data"))?;
        data.call_method1(intern!(slf.py(), "event_dict"), (slf,))
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| {
            let other = &other.get().event;
            self.event.id() == other.id()
                && self.event.event_type() == other.event_type()
                && self.event.raw() == other.raw()
        })
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.event.event_type().hash(&mut hasher);
        self.event.id().hash(&mut hasher);
        self.event.raw().hash(&mut hasher);
        hasher.finish()
    }
}

/// The `datetime` of so many milliseconds since 1970.
pub(crate) fn moment(py: Python<'_>, milliseconds: i64) -> PyResult<Bound<'_, PyAny>> {
    static MOMENT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let moment = MOMENT.import(py, "sessionwire._models", "moment")?;
    moment.call1((milliseconds * 1_000,))
}

/// The event, received at the `datetime`.
pub(crate) fn received(
    event: agi::Event,
    received_at: Option<&Bound<'_, PyAny>>,
) -> PyResult<agi::Event> {
    let Some(at) = received_at else {
        return Ok(event);
    };
    let seconds: f64 = at.call_method0(intern!(at.py(), "timestamp"))?.extract()?;
    // Before 1970 nothing was received.
    Ok(event.received_at_ms((seconds * 1e3).round() as u64))
}

/// An event as the call that makes it.
pub(crate) fn repr(event: &Bound<'_, PyAny>, class: &str, with_type: bool) -> PyResult<String> {
    let py = event.py();
    let event = &event.cast::<Event>()?.get().event;
    let kind = if with_type {
        format!("type={}, ", quoted(py, event.event_type().name())?)
    } else {
        String::new()
    };
    let id = event
        .id()
        .map_or_else(|| "None".to_owned(), |id| id.to_string());
    Ok(format!(
        "{class}({kind}id={id}, raw={})",
        quoted(py, event.raw())?
    ))
}

/// How many characters of a text a `repr` shows.
const SHOWN: usize = 200;

/// A text in Python's own quoting, so that it can be pasted back; of a long one the beginning,
/// which cannot.
pub(crate) fn quoted(py: Python<'_>, text: &str) -> PyResult<String> {
    let (shown, more) = match text.char_indices().nth(SHOWN) {
        Some((end, _)) => (text.get(..end).unwrap_or(text), "..."),
        None => (text, ""),
    };
    Ok(format!("{}{more}", PyString::new(py, shown).repr()?))
}

/// A Python object of an event's class.
pub(crate) fn object<T>(py: Python<'_>, initializer: PyClassInitializer<T>) -> PyResult<Py<PyAny>>
where
    T: PyClass,
{
    Ok(Py::new(py, initializer)?.into_any())
}

//! Events as Python sees them: frozen, their JSON parsed on first use.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyInt, PyString};
use pyo3::{IntoPyObjectExt as _, PyClass, intern};
use sessionwire::agi::{self, EventType};

use crate::{json, turn};

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
            match json::parse(py, self.event.raw_data().as_bytes()) {
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

    fn text_field<'py>(
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
    fn text<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        if let Ok(text) = self.parsed(py)?.cast::<PyString>() {
            return Ok(text.clone());
        }
        if *self.event.event_type() == EventType::TaskError {
            return Ok(PyString::new(py, &self.event.text()));
        }
        for name in [
            intern!(py, "text"),
            intern!(py, "thought"),
            intern!(py, "error"),
            intern!(py, "message"),
            intern!(py, "reason"),
            intern!(py, "tool_name"),
        ] {
            if let Some(text) = self.text_field(py, name)? {
                return Ok(text);
            }
        }
        Ok(intern!(py, "").clone())
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

/// What every class but UnknownEvent has of its own.
macro_rules! event_class {
    ($class:ident, $variant:ident, $name:literal, $doc:literal $(, { $($more:tt)* })?) => {
        #[doc = $doc]
        #[pyclass(frozen, extends = Event, module = "sessionwire")]
        #[derive(Debug)]
        pub(crate) struct $class;

        #[pymethods]
        impl $class {
            #[classattr]
            fn r#type(py: Python<'_>) -> Py<PyString> {
                intern!(py, $name).clone().unbind()
            }

            #[new]
            #[pyo3(signature = (id=None, raw=""))]
            fn new(id: Option<i64>, raw: &str) -> PyClassInitializer<Self> {
                Self::of(agi::Event::new(EventType::$variant, id, raw))
            }

            fn __getnewargs__(slf: &Bound<'_, Self>) -> (Option<i64>, String) {
                let event = &slf.as_super().get().event;
                (event.id(), event.raw().to_owned())
            }

            fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
                repr(slf.as_any(), stringify!($class), false)
            }

            $($($more)*)?
        }

        impl $class {
            fn of(event: agi::Event) -> PyClassInitializer<Self> {
                PyClassInitializer::from(Event::new(event)).add_subclass(Self)
            }
        }
    };
}

event_class!(StepEvent, Step, "step", "An action of the agent.");
event_class!(ThoughtEvent, Thought, "thought", "The agent's reasoning.");
event_class!(
    QuestionEvent,
    Question,
    "question",
    "The agent waits for an answer; `text` is the question."
);
event_class!(DoneEvent, Done, "done", "The task ended with a result.", {
    /// The result as it came: a text, or any JSON; None where there is none.
    #[getter]
    fn result<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = slf.py();
        slf.as_super().get().field(py, intern!(py, "result"))
    }
});
event_class!(ErrorEvent, Error, "error", "The task failed.", {
    /// What the agent reported; empty where it said nothing.
    #[getter]
    fn error<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyString>> {
        let (py, event) = (slf.py(), slf.as_super().get());
        match event.text_field(py, intern!(py, "error"))? {
            Some(text) => Ok(text),
            None => event.text(py),
        }
    }

    /// The status code that the agent reported; None where it did not.
    #[getter]
    fn status_code<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = slf.py();
        let code = slf.as_super().get().field(py, intern!(py, "status_code"))?;
        Ok(code.filter(|code| code.is_instance_of::<PyInt>()))
    }
});
event_class!(LogEvent, Log, "log", "Context for debugging.");
event_class!(PausedEvent, Paused, "paused", "The session was paused.");
event_class!(ResumedEvent, Resumed, "resumed", "The session went on.");
event_class!(
    HeartbeatEvent,
    Heartbeat,
    "heartbeat",
    "The stream is alive; delivered only on request."
);
event_class!(UserEvent, User, "user", "A message of the user.");

/// An event of a type that this version does not know.
#[pyclass(frozen, extends = Event, module = "sessionwire")]
#[derive(Debug)]
pub(crate) struct UnknownEvent;

#[pymethods]
impl UnknownEvent {
    #[new]
    #[pyo3(signature = (r#type, id=None, raw=""))]
    fn new(r#type: &str, id: Option<i64>, raw: &str) -> PyClassInitializer<Self> {
        Self::of(agi::Event::new(EventType::Other(r#type.into()), id, raw))
    }

    /// The event's type as the service named it.
    #[getter]
    fn r#type(slf: &Bound<'_, Self>) -> String {
        slf.as_super().get().event.event_type().name().to_owned()
    }

    fn __getnewargs__(slf: &Bound<'_, Self>) -> (String, Option<i64>, String) {
        let event = &slf.as_super().get().event;
        (
            event.event_type().name().to_owned(),
            event.id(),
            event.raw().to_owned(),
        )
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        repr(slf.as_any(), "UnknownEvent", true)
    }
}

impl UnknownEvent {
    fn of(event: agi::Event) -> PyClassInitializer<Self> {
        PyClassInitializer::from(Event::new(event)).add_subclass(Self)
    }
}

pub(crate) fn repr(event: &Bound<'_, PyAny>, class: &str, with_type: bool) -> PyResult<String> {
    let py = event.py();
    let event = &event.cast::<Event>()?.get().event;
    // Python's own quoting, so that the text can be pasted back.
    let quote = |text: &str| PyString::new(py, text).repr().map(|text| text.to_string());
    let kind = if with_type {
        format!("type={}, ", quote(event.event_type().name())?)
    } else {
        String::new()
    };
    let id = event
        .id()
        .map_or_else(|| "None".to_owned(), |id| id.to_string());
    Ok(format!(
        "{class}({kind}id={id}, raw={})",
        quote(event.raw())?
    ))
}

/// The Python object of an event.
pub(crate) fn to_py(py: Python<'_>, event: agi::Event) -> PyResult<Py<PyAny>> {
    if event.is_of_turn() {
        return turn::to_py(py, event);
    }
    match event.event_type() {
        EventType::Step => object(py, StepEvent::of(event)),
        EventType::Thought => object(py, ThoughtEvent::of(event)),
        EventType::Question => object(py, QuestionEvent::of(event)),
        EventType::Done => object(py, DoneEvent::of(event)),
        EventType::Error => object(py, ErrorEvent::of(event)),
        EventType::Log => object(py, LogEvent::of(event)),
        EventType::Paused => object(py, PausedEvent::of(event)),
        EventType::Resumed => object(py, ResumedEvent::of(event)),
        EventType::Heartbeat => object(py, HeartbeatEvent::of(event)),
        EventType::User => object(py, UserEvent::of(event)),
        _ => object(py, UnknownEvent::of(event)),
    }
}

pub(crate) fn object<T>(py: Python<'_>, initializer: PyClassInitializer<T>) -> PyResult<Py<PyAny>>
where
    T: PyClass,
{
    Ok(Py::new(py, initializer)?.into_any())
}

/// The Python objects of a batch of events, last one first: Python pops them
/// from the end.
pub(crate) fn batch_reversed(
    py: Python<'_>,
    events: impl DoubleEndedIterator<Item = agi::Event>,
) -> PyResult<Vec<Py<PyAny>>> {
    events.rev().map(|event| to_py(py, event)).collect()
}

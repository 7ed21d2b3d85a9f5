//! The events of AGI: a class for each type.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyString, PyTuple};
use sessionwire::agi::{self, EventType};

use crate::event::{Event, moment, object, received, repr};

/// Id, text and the time of the receipt.
type NewArguments<'py> = (Option<i64>, String, Option<Bound<'py, PyAny>>);

/// What every class but UnknownEvent has of its own.
macro_rules! event_class {
    ($class:ident, $variant:ident, $doc:literal $(, { $($more:tt)* })?) => {
        #[doc = $doc]
        #[pyclass(frozen, extends = Event, module = "sessionwire")]
        #[derive(Debug)]
        pub(crate) struct $class;

        #[pymethods]
        impl $class {
            #[classattr]
            fn r#type(py: Python<'_>) -> Py<PyString> {
                PyString::intern(py, EventType::$variant.name()).unbind()
            }

            #[new]
            #[pyo3(signature = (id=None, raw="", received_at=None))]
            fn new(
                id: Option<i64>,
                raw: &str,
                received_at: Option<&Bound<'_, PyAny>>,
            ) -> PyResult<PyClassInitializer<Self>> {
                let event = agi::Event::new(EventType::$variant, id, raw);
                Ok(Self::of(received(event, received_at)?))
            }

            fn __getnewargs__<'py>(slf: &Bound<'py, Self>) -> PyResult<NewArguments<'py>> {
                let base = slf.as_super().get();
                let event = base.event();
                let received_at = base.received_at(slf.py())?;
                Ok((event.id(), event.raw().to_owned(), received_at))
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

event_class!(StepEvent, Step, "An action of the agent.");
event_class!(ThoughtEvent, Thought, "The agent's reasoning.");
event_class!(
    QuestionEvent,
    Question,
    "The agent waits for an answer; `text`, and so `str(event)`, is the question.",
    {
        /// The question: what `print` and `input` show to a person.
        fn __str__(slf: &Bound<'_, Self>) -> String {
            slf.as_super().get().text()
        }
    }
);
event_class!(DoneEvent, Done, "The task ended with a result.", {
    /// The result as it came: a text, or any JSON; None where there is none.
    #[getter]
    fn result<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = slf.py();
        slf.as_super().get().field(py, intern!(py, "result"))
    }
});
event_class!(ErrorEvent, Error, "The task failed.", {
    /// What the agent reported; empty where it said nothing.
    #[getter]
    fn error<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyString>> {
        let (py, event) = (slf.py(), slf.as_super().get());
        match event.text_field(py, intern!(py, "error"))? {
            Some(text) => Ok(text),
            None => Ok(PyString::new(py, &event.text())),
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
event_class!(LogEvent, Log, "Context for debugging.");
event_class!(PausedEvent, Paused, "The session was paused.", {
    /// When, by the service's clock; None where it does not say.
    #[getter]
    fn timestamp<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        timestamp(slf.py(), slf.as_super().get().event())
    }
});
event_class!(ResumedEvent, Resumed, "The session went on.", {
    /// When, by the service's clock; None where it does not say.
    #[getter]
    fn timestamp<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        timestamp(slf.py(), slf.as_super().get().event())
    }
});
event_class!(
    HeartbeatEvent,
    Heartbeat,
    "The stream is alive; delivered only on request.",
    {
        /// When, by the service's clock; None where it does not say.
        #[getter]
        fn timestamp<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
            timestamp(slf.py(), slf.as_super().get().event())
        }
    }
);
event_class!(UserEvent, User, "A message of the user.");

/// An event of a type that this version does not know.
#[pyclass(frozen, extends = Event, module = "sessionwire")]
#[derive(Debug)]
pub(crate) struct UnknownEvent;

#[pymethods]
impl UnknownEvent {
    #[new]
    #[pyo3(signature = (r#type, id=None, raw="", received_at=None))]
    fn new(
        r#type: &str,
        id: Option<i64>,
        raw: &str,
        received_at: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let event = agi::Event::new(EventType::Other(r#type.into()), id, raw);
        Ok(Self::of(received(event, received_at)?))
    }

    /// The event's type as the service named it.
    #[getter]
    fn r#type(slf: &Bound<'_, Self>) -> String {
        slf.as_super().get().event().event_type().name().to_owned()
    }

    fn __getnewargs__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let base = slf.as_super().get();
        let event = base.event();
        let name = event.event_type().name();
        (name, event.id(), event.raw(), base.received_at(slf.py())?).into_pyobject(slf.py())
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

/// When it happened, by the service's clock.
fn timestamp<'py>(py: Python<'py>, event: &agi::Event) -> PyResult<Option<Bound<'py, PyAny>>> {
    let at = event.timestamp();
    at.map(|at| moment(py, at)).transpose()
}

/// The Python object of an event of AGI.
pub(crate) fn to_py(py: Python<'_>, event: agi::Event) -> PyResult<Py<PyAny>> {
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

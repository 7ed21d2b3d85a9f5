//! The events of a turn: a class for each kind.

use pyo3::prelude::*;
use pyo3::types::PyString;
use pyo3::{PyClass, intern};
use sessionwire::raccoon::{self, EventType};

use crate::event::{Event, object, quoted, received};

/// One event of a turn; every event class of turns has this one as its base.
#[pyclass(frozen, extends = Event, subclass, module = "sessionwire")]
#[derive(Debug)]
pub(crate) struct TurnEvent;

fn frame(event: &Bound<'_, TurnEvent>) -> raccoon::Frame {
    let event = event.as_super().get().event();
    event.frame().unwrap_or_default()
}

#[pymethods]
impl TurnEvent {
    /// The same as `type`: the wire's own word.
    #[getter]
    fn kind(slf: &Bound<'_, Self>) -> String {
        let event = slf.as_super().get().event();
        event.event_type().name().to_owned()
    }

    /// The same as `data`: the wire's own word.
    #[getter]
    fn payload<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.as_any().getattr(intern!(slf.py(), "data"))
    }

    /// Which part of the agent's work it belongs to, such as `text:answer`; or
    /// None.
    #[getter]
    fn block_id(slf: &Bound<'_, Self>) -> Option<String> {
        frame(slf).block_id
    }

    /// The turn's agent message.
    #[getter]
    fn message_id(slf: &Bound<'_, Self>) -> Option<String> {
        frame(slf).message_id
    }

    /// Milliseconds since 1970, or None.
    #[getter]
    fn timestamp(slf: &Bound<'_, Self>) -> Option<i64> {
        frame(slf).timestamp
    }

    /// The place in the stream, where the service names it.
    #[getter]
    fn stream_entry_id(slf: &Bound<'_, Self>) -> Option<String> {
        frame(slf).stream_entry_id
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let event = slf.as_super().get().event();
        let raw = quoted(slf.py(), event.raw())?;
        Ok(format!("{}({raw})", slf.get_type().name()?))
    }

    fn __getnewargs__<'py>(
        slf: &Bound<'py, Self>,
    ) -> PyResult<(String, Option<Bound<'py, PyAny>>)> {
        let base = slf.as_super().get();
        Ok((base.event().raw().to_owned(), base.received_at(slf.py())?))
    }
}

/// One class of events, with what it has of its own.
macro_rules! turn_event_class {
    ($class:ident, $variant:ident, $doc:literal $(, { $($more:tt)* })?) => {
        #[doc = $doc]
        #[pyclass(frozen, extends = TurnEvent, module = "sessionwire")]
        #[derive(Debug)]
        pub(crate) struct $class;

        #[pymethods]
        impl $class {
            #[classattr]
            fn r#type(py: Python<'_>) -> Py<PyString> {
                PyString::intern(py, EventType::$variant.name()).unbind()
            }

            #[new]
            #[pyo3(signature = (raw, received_at=None))]
            fn new(
                raw: &str,
                received_at: Option<&Bound<'_, PyAny>>,
            ) -> PyResult<PyClassInitializer<Self>> {
                let event = raccoon::Event::from_frame(raw);
                Ok(Self::of(received(event, received_at)?))
            }

            $($($more)*)?
        }

        impl $class {
            fn of(event: raccoon::Event) -> PyClassInitializer<Self> {
                PyClassInitializer::from(Event::new(event))
                    .add_subclass(TurnEvent)
                    .add_subclass(Self)
            }
        }
    };
}

/// A field of an event's payload.
fn field<'py, T: PyClass<BaseType = TurnEvent>>(
    event: &Bound<'py, T>,
    name: &Bound<'py, PyString>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let event = event.as_any().cast::<Event>()?;
    event.get().field(event.py(), name)
}

turn_event_class!(
    MessageReceivedEvent,
    MessageReceived,
    "The agent got a message; `text` is the message."
);
turn_event_class!(
    TurnThoughtEvent,
    Thought,
    "A part of the agent's reasoning."
);
turn_event_class!(TextEvent, Text, "A part of the agent's visible text.");
turn_event_class!(ToolStartEvent, ToolStart, "A tool begins its work.", {
    /// The tool's name, or None.
    #[getter]
    fn tool_name<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        field(slf, intern!(slf.py(), "tool_name"))
    }
});
turn_event_class!(
    ToolResultEvent,
    ToolResult,
    "A tool's work is done; `block_id` is that of its start.",
    {
        /// `success`, or another word of the service's.
        #[getter]
        fn status<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
            field(slf, intern!(slf.py(), "status"))
        }

        /// What the tool gave: any JSON.
        #[getter]
        fn output<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
            field(slf, intern!(slf.py(), "output"))
        }
    }
);
turn_event_class!(
    PlanUpdateEvent,
    PlanUpdate,
    "What the agent plans; `turn.plan` is the whole plan."
);
turn_event_class!(
    SandboxSnapshotEvent,
    SandboxSnapshot,
    "The sandbox's files changed; `turn.files` are all of them."
);
turn_event_class!(TaskCompletedEvent, TaskCompleted, "The turn ended well.");
turn_event_class!(
    TaskAbortedEvent,
    TaskAborted,
    "The turn was stopped; `text` says why."
);
turn_event_class!(
    TaskErrorEvent,
    TaskError,
    "The turn failed; `text` says why."
);

/// An event of a kind that this version does not know.
#[pyclass(frozen, extends = TurnEvent, module = "sessionwire")]
#[derive(Debug)]
pub(crate) struct UnknownTurnEvent;

#[pymethods]
impl UnknownTurnEvent {
    #[new]
    #[pyo3(signature = (raw, received_at=None))]
    fn new(
        raw: &str,
        received_at: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let event = raccoon::Event::from_frame(raw);
        Ok(Self::of(received(event, received_at)?))
    }

    /// The event's kind as the service named it.
    #[getter]
    fn r#type(slf: &Bound<'_, Self>) -> PyResult<String> {
        let event = slf.as_any().cast::<Event>()?.get().event();
        Ok(event.event_type().name().to_owned())
    }
}

impl UnknownTurnEvent {
    fn of(event: raccoon::Event) -> PyClassInitializer<Self> {
        PyClassInitializer::from(Event::new(event))
            .add_subclass(TurnEvent)
            .add_subclass(Self)
    }
}

/// The Python object of a turn's event.
pub(crate) fn to_py(py: Python<'_>, event: raccoon::Event) -> PyResult<Py<PyAny>> {
    match event.event_type() {
        EventType::MessageReceived => object(py, MessageReceivedEvent::of(event)),
        EventType::Thought => object(py, TurnThoughtEvent::of(event)),
        EventType::Text => object(py, TextEvent::of(event)),
        EventType::ToolStart => object(py, ToolStartEvent::of(event)),
        EventType::ToolResult => object(py, ToolResultEvent::of(event)),
        EventType::PlanUpdate => object(py, PlanUpdateEvent::of(event)),
        EventType::SandboxSnapshot => object(py, SandboxSnapshotEvent::of(event)),
        EventType::TaskCompleted => object(py, TaskCompletedEvent::of(event)),
        EventType::TaskAborted => object(py, TaskAbortedEvent::of(event)),
        EventType::TaskError => object(py, TaskErrorEvent::of(event)),
        _ => object(py, UnknownTurnEvent::of(event)),
    }
}

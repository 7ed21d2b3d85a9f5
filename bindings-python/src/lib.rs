//! The native half of the Python package: private, behind typed Python.
//!
//! What crosses between Python and the tokio runtime is a token or plain data.
//! No tokio thread ever holds a Python object or takes the GIL.

mod ag_ui;
mod agent;
mod agi;
mod bridge;
mod emulator;
mod error;
mod event;
mod events;
mod json;
mod log;

mod params;
mod pending;
mod process;
mod raccoon;
mod runtime;
mod service;
mod signal;
mod stream;
mod telemetry;
mod testing;
mod webhooks;

use std::borrow::Cow;

use pyo3::prelude::*;
use sessionwire::agi::EventType;
use sessionwire::seam::agi::Check;
use sessionwire::{Error, ErrorKind, meaning, seam};

/// The native half of sessionwire.
#[pymodule]
mod _native {
    #[pymodule_export]
    use super::ag_ui::{AgUiRun, ag_ui_input};
    #[pymodule_export]
    use super::agent::{AgentJob, AgentJobs};
    #[pymodule_export]
    use super::agi::client::Client;
    #[pymodule_export]
    use super::agi::events::{
        DoneEvent, ErrorEvent, HeartbeatEvent, LogEvent, PausedEvent, QuestionEvent, ResumedEvent,
        StepEvent, ThoughtEvent, UnknownEvent, UserEvent,
    };
    #[pymodule_export]
    use super::agi::fanout::TaskRuns;
    #[pymodule_export]
    use super::agi::pool::SessionPool;
    #[pymodule_export]
    use super::agi::task::Task;
    #[pymodule_export]
    use super::bridge::Bridge;
    #[pymodule_export]
    use super::emulator::Emulator;
    #[pymodule_export]
    use super::event::Event;
    #[pymodule_export]
    use super::pending::Pending;
    #[pymodule_export]
    use super::raccoon::client::{RaccoonClient, check_raccoon, new_session_id};
    #[pymodule_export]
    use super::raccoon::events::{
        MessageReceivedEvent, PlanUpdateEvent, SandboxSnapshotEvent, TaskAbortedEvent,
        TaskCompletedEvent, TaskErrorEvent, TextEvent, ToolResultEvent, ToolStartEvent, TurnEvent,
        TurnThoughtEvent, UnknownTurnEvent,
    };
    #[pymodule_export]
    use super::raccoon::fanout::TurnRuns;
    #[pymodule_export]
    use super::raccoon::hooks::{HookCall, HookCalls};
    #[pymodule_export]
    use super::raccoon::turn::Turn;
    #[pymodule_export]
    use super::raccoon::upload::Upload;
    #[pymodule_export]
    use super::runtime::shut_down;
    #[pymodule_export]
    use super::stream::EventStream;
    #[pymodule_export]
    use super::telemetry::Trace;
    #[pymodule_export]
    use super::testing::TestGuard;
    #[pymodule_export]
    use super::webhooks::{Deduplicator, parse_webhook, verify_webhook, webhook_url};
    #[pymodule_export]
    use super::{
        ask_again, ask_for, check, cli_main, does_not_fit, find_all_json, find_json, parse_json,
        parse_time, record_scenario, unanswered, unknown_event_type,
    };

    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}

/// Runs the command line program and returns its exit status.
#[pyfunction]
fn cli_main(py: Python<'_>, args: Vec<String>) -> i32 {
    py.detach(|| sessionwire_cli::run(args))
}

/// Refuses input that a call would refuse: `{"check": ..., ...}`. Sends nothing.
#[pyfunction]
fn check(py: Python<'_>, params: &Bound<'_, PyAny>) -> PyResult<()> {
    let input: Check = params::read(params, ErrorKind::InvalidRequest, "The call")?;
    input.run().map_err(|failure| error::to_py(py, &failure))
}

/// The scenario of a recording, without these secrets; also written to a file, if one is named.
#[pyfunction]
fn record_scenario<'py>(
    py: Python<'py>,
    recording: &Bound<'py, PyAny>,
    secrets: Vec<String>,
    path: Option<std::path::PathBuf>,
) -> PyResult<Bound<'py, PyAny>> {
    let recording: sessionwire_emulator::SessionRecording =
        params::read(recording, ErrorKind::InvalidRequest, "record")?;
    let scenario = sessionwire_emulator::Scenario::from_recording(&recording, &secrets);
    if let Some(path) = path {
        py.detach(|| scenario.write(path))?;
    }
    json::parse(py, scenario.to_json().as_bytes())
}

/// Parses a JSON text; raises ValueError where it is none.
#[pyfunction]
fn parse_json<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    json::parse_wire(py, text)
}

/// The JSON that a text holds, whatever is around it; None where it holds none.
#[pyfunction]
fn find_json(py: Python<'_>, text: &str) -> Option<String> {
    py.detach(|| meaning::find_json(text).map(Cow::into_owned))
}

/// All JSON that a text holds, in the order in which to try whether it fits a type.
#[pyfunction]
fn find_all_json(py: Python<'_>, text: &str) -> Vec<String> {
    py.detach(|| owned(meaning::find_all_json(text)))
}

fn owned(texts: Vec<Cow<'_, str>>) -> Vec<String> {
    texts.into_iter().map(Cow::into_owned).collect()
}

/// Microseconds since 1970 of a service's timestamp; None if it cannot be read.
#[pyfunction]
fn parse_time(text: &str) -> Option<i64> {
    meaning::moment(text).map(meaning::Moment::microseconds)
}

/// What to warn of where somebody asks for events of this type; None for one that is known.
#[pyfunction]
fn unknown_event_type(name: &str) -> Option<String> {
    EventType::unknown(name)
}

/// What the error says of a question that nobody answered, and whose session is deleted by now.
#[pyfunction]
fn unanswered(question: &str) -> String {
    Error::unanswered(question).to_string()
}

/// A task whose result shall be JSON of this schema.
#[pyfunction]
fn ask_for(py: Python<'_>, message: &str, schema: &str) -> PyResult<String> {
    seam::ask_for(message, schema).map_err(|failure| error::to_py(py, &failure))
}

/// The message after a result that did not fit.
#[pyfunction]
fn ask_again(problem: Option<&str>, schema: Option<&str>) -> String {
    seam::ask_again(problem, schema)
}

/// What the error says of a result that does not fit after so many repairs.
#[pyfunction]
fn does_not_fit(problem: Option<&str>, repairs: u32) -> String {
    seam::does_not_fit(problem, repairs)
}

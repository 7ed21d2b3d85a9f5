//! The core's log, for Python's `logging`.
//!
//! The threads of the runtime only keep records. They are handed over where
//! Python runs anyway: in a wait, in an event loop that they wake, at the end.

use std::sync::{Arc, Mutex, Weak};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use sessionwire::log;

use crate::json;
use crate::signal::Signal;

/// Wakes a loop for no token that anybody waits for.
const NO_TOKEN: u64 = 0;

const DEBUG: i32 = 10;
const WARNING: i32 = 30;

/// The event loops to wake. Never waited for: see `log::take`.
static LOOPS: Mutex<Vec<Weak<Signal>>> = Mutex::new(Vec::new());

/// Asks whether the logger `sessionwire` wants DEBUG. A program that never
/// imported `logging` does not.
pub(crate) fn refresh(py: Python<'_>) {
    log::set_enabled(is_wanted(py).unwrap_or(false));
}

fn is_wanted(py: Python<'_>) -> PyResult<bool> {
    static MODULES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    static IS_ENABLED_FOR: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if let Some(is_enabled_for) = IS_ENABLED_FOR.get(py) {
        return is_enabled_for.call1(py, (DEBUG,))?.extract(py);
    }
    let modules = MODULES.get_or_try_init(py, || -> PyResult<_> {
        let modules = py.import("sys")?.getattr("modules")?;
        Ok(modules.cast_into::<PyDict>()?.unbind())
    })?;
    let Some(logging) = modules.bind(py).get_item(intern!(py, "logging"))? else {
        return Ok(false);
    };
    // While `logging` is being imported, it has no such function yet.
    let Ok(get_logger) = logging.getattr("getLogger") else {
        return Ok(false);
    };
    let found = get_logger
        .call1(("sessionwire",))?
        .getattr("isEnabledFor")?;
    log::on_record(wake_loops);
    let found = IS_ENABLED_FOR.get_or_init(py, || found.unbind());
    found.call1(py, (DEBUG,))?.extract(py)
}

/// Wakes this loop for every record from now on.
pub(crate) fn wake(signal: &Arc<Signal>) {
    if let Ok(mut loops) = LOOPS.try_lock() {
        loops.retain(|other| other.strong_count() > 0);
        loops.push(Arc::downgrade(signal));
    }
}

fn wake_loops() {
    if let Ok(loops) = LOOPS.try_lock() {
        for signal in loops.iter().filter_map(Weak::upgrade) {
            signal.push(NO_TOKEN);
        }
    }
}

/// Hands the records over, if there are any.
pub(crate) fn replay(py: Python<'_>) {
    if log::is_pending()
        && let Err(failure) = flush(py)
    {
        failure.write_unraisable(py, None);
    }
}

fn flush(py: Python<'_>) -> PyResult<()> {
    static REPLAY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let replay = REPLAY.import(py, "sessionwire._log", "replay")?;
    let records = log::take()
        .into_iter()
        .map(|record| {
            let level = if record.is_warning { WARNING } else { DEBUG };
            let fields = serde_json::Value::Object(record.fields).to_string();
            let fields = json::parse(py, fields.as_bytes())?.unbind();
            Ok((level, record.time, record.text, fields))
        })
        .collect::<PyResult<Vec<_>>>()?;
    replay.call1((records,))?;
    Ok(())
}

//! `decode_frame` and `decode_answer`: Python functions that the core needs.
//!
//! Their calls wait in a queue, and a Python thread of the client's own takes them: nothing
//! native calls Python. A client that is opened anew, in a child process, has a new thread.

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::{Value, json};
use sessionwire::raccoon::RaccoonConfig;
use sessionwire::seam::raccoon::{HookBridge, redacted, with_hooks};
use sessionwire::{Error, ErrorKind};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};

use crate::json::Refusal;
use crate::pending::{Pending, Reply};
use crate::runtime::{Runtime, RuntimeBound};
use crate::{error, json};

thread_local! {
    /// Whose hooks this thread calls; 0: nobody's.
    static SERVES: Cell<usize> = const { Cell::new(0) };
}

/// The functions of one client and its copies.
#[derive(Debug)]
pub(crate) struct Hooks {
    decode_frame: Option<Py<PyAny>>,
    decode_answer: Option<Py<PyAny>>,
}

impl Hooks {
    /// None where there is no function.
    pub(crate) fn new(
        decode_frame: Option<Py<PyAny>>,
        decode_answer: Option<Py<PyAny>>,
    ) -> Option<Arc<Self>> {
        let any = decode_frame.is_some() || decode_answer.is_some();
        any.then(|| {
            Arc::new(Self {
                decode_frame,
                decode_answer,
            })
        })
    }

    /// The configuration with these functions, and a thread that calls them until the
    /// configuration is gone.
    pub(crate) fn connect(self: &Arc<Self>, config: RaccoonConfig) -> Result<RaccoonConfig, Error> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let serving = config.clone();
        Python::attach(|py| self.serve(py, receiver, serving)).map_err(|why| {
            Error::new(
                ErrorKind::Config,
                format!(
                    "`decode_frame` and `decode_answer` need a thread, which did not start: {why}"
                ),
            )
        })?;
        let bridge = HookBridge::new(move |request| {
            let (reply, answer) = oneshot::channel();
            let sent = sender.send(Call { request, reply });
            Box::pin(async move {
                sent.ok()?;
                answer.await.ok()
            })
        });
        let frames = self.decode_frame.as_ref().map(|_| bridge.clone());
        let answers = self.decode_answer.as_ref().map(|_| bridge);
        Ok(with_hooks(config, frames, answers))
    }

    fn serve(
        self: &Arc<Self>,
        py: Python<'_>,
        receiver: mpsc::UnboundedReceiver<Call>,
        config: RaccoonConfig,
    ) -> PyResult<()> {
        let calls = Calls {
            receiver: AsyncMutex::new(receiver),
            config,
            of: self.name(),
        };
        let calls = HookCalls {
            bound: RuntimeBound::new(Runtime::current(py)?, Arc::new(calls)),
        };
        let module = py.import("sessionwire._raccoon.hooks")?;
        let (frame, answer) = (&self.decode_frame, &self.decode_answer);
        module.call_method1("serve", (calls, frame, answer))?;
        Ok(())
    }

    /// What tells it from others.
    fn name(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }

    /// Refuses a call of the client that one of its own functions makes: the client waits
    /// for that function.
    pub(crate) fn refuse_inside(self: &Arc<Self>, py: Python<'_>) -> PyResult<()> {
        if SERVES.get() != self.name() {
            return Ok(());
        }
        Err(error::to_py(
            py,
            &Error::new(
                ErrorKind::InvalidRequest,
                "`decode_frame` and `decode_answer` cannot use their own client, which waits for them: let them \
                 only decode what they get",
            ),
        ))
    }
}

/// A call that waits for its function.
#[derive(Debug)]
struct Call {
    request: String,
    reply: oneshot::Sender<String>,
}

#[derive(Debug)]
struct Calls {
    receiver: AsyncMutex<mpsc::UnboundedReceiver<Call>>,
    /// Of the client, without its hooks.
    config: RaccoonConfig,
    of: usize,
}

/// The calls that wait for the functions.
#[pyclass(frozen, module = "sessionwire._native")]
#[derive(Debug)]
pub(crate) struct HookCalls {
    bound: RuntimeBound<Arc<Calls>>,
}

#[pymethods]
impl HookCalls {
    /// A text without the client's key.
    fn redacted(&self, py: Python<'_>, text: &str) -> PyResult<String> {
        let calls = self.bound.get().ok_or_else(|| error::forked(py, "hook"))?;
        Ok(redacted(&calls.config, text))
    }

    /// Waits for one: a HookCall, or None once none will come any more.
    fn next(&self, py: Python<'_>) -> PyResult<Pending> {
        let calls = self.bound.get().ok_or_else(|| error::forked(py, "hook"))?;
        SERVES.set(calls.of);
        let calls = calls.clone();
        Ok(Pending::spawn(self.bound.runtime(), async move {
            Ok(NextCall(calls.receiver.lock().await.recv().await))
        }))
    }
}

/// A call, if there will be one.
#[derive(Debug)]
struct NextCall(Option<Call>);

impl Reply for NextCall {
    fn into_py(self: Box<Self>, py: Python<'_>, _: &'static Runtime) -> PyResult<Py<PyAny>> {
        match self.0 {
            Some(call) => {
                let call = HookCall {
                    request: call.request,
                    reply: Mutex::new(Some(call.reply)),
                };
                Ok(Py::new(py, call)?.into_any())
            }
            None => Ok(py.None()),
        }
    }
}

/// One call. Dropping it without a reply is a failure of the function.
#[pyclass(frozen, module = "sessionwire._native")]
#[derive(Debug)]
pub(crate) struct HookCall {
    request: String,
    reply: Mutex<Option<oneshot::Sender<String>>>,
}

#[pymethods]
impl HookCall {
    /// What is to be decoded.
    #[getter]
    fn request<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let request = json::parse(py, self.request.as_bytes())?;
        Ok(request.cast_into::<PyDict>()?)
    }

    /// Says what came of it: pairs of `gave` and a value, `failed` and why, or `odd` and
    /// what the value is.
    fn reply(&self, outcomes: Vec<(String, Bound<'_, PyAny>)>) {
        let outcomes = outcomes.into_iter().map(|(word, value)| {
            let value = match json::from_py(&value) {
                Ok(value) => value,
                Err(Refusal::Input(why)) => return json!({ "odd": format!("no JSON: {why}") }),
                Err(Refusal::Python(why)) => return json!({ "failed": why.to_string() }),
            };
            json!({ word: value })
        });
        let reply = Value::Array(outcomes.collect()).to_string();
        let sender = self
            .reply
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(sender) = sender {
            // Whoever asked may be gone by now.
            let _ = sender.send(reply);
        }
    }
}

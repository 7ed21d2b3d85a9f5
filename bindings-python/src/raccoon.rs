//! The Raccoon client, and uploads.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use sessionwire::raccoon::{
    self, Attach, Check, RaccoonConfig, RaccoonOptions, StartTurn, UploadProgress, UploadSource,
    UploadWriter,
};
use sessionwire::{ErrorKind, OptionChanges};

use crate::ops::{Operation, Value};
use crate::runtime::Runtime;
use crate::service::{Core, PerRuntime, op_of};
use crate::{error, json};

impl Core for raccoon::Client {
    type Options = RaccoonOptions;
    type Config = RaccoonConfig;

    fn resolve(options: RaccoonOptions) -> sessionwire::Result<RaccoonConfig> {
        RaccoonConfig::resolve(options)
    }

    fn open(config: RaccoonConfig) -> sessionwire::Result<Self> {
        Self::new(config)
    }

    fn config(&self) -> &RaccoonConfig {
        self.config()
    }

    fn with_options(&self, changes: OptionChanges) -> sessionwire::Result<Self> {
        self.with_options(changes)
    }

    fn close(&self) {
        self.close();
    }
}

/// A client of Raccoon. It works in every thread, and anew in a child process.
#[pyclass(frozen, module = "sessionwire._native")]
#[derive(Debug)]
pub(crate) struct RaccoonClient {
    core: PerRuntime<raccoon::Client>,
}

#[pymethods]
impl RaccoonClient {
    #[new]
    fn new(py: Python<'_>, options: &Bound<'_, PyAny>) -> PyResult<Self> {
        let core = PerRuntime::open(py, options)?;
        Ok(Self { core })
    }

    /// The service's address.
    #[getter]
    fn base_url(&self) -> &str {
        self.core.config().base_url()
    }

    /// Whether the client was closed.
    #[getter]
    fn closed(&self) -> bool {
        self.core.closed()
    }

    /// How many turns may run at once, as the service said last.
    #[getter]
    fn max_concurrent(&self, py: Python<'_>) -> PyResult<Option<u32>> {
        Ok(self.core.live(py)?.1.max_concurrent())
    }

    /// A copy with some options changed; it shares the connections.
    fn with_options(&self, py: Python<'_>, changes: &Bound<'_, PyAny>) -> PyResult<Self> {
        let core = self.core.with_options(py, changes)?;
        Ok(Self { core })
    }

    /// Starts a request: `{"op": ..., ...}`.
    fn start(&self, py: Python<'_>, params: &Bound<'_, PyAny>) -> PyResult<Operation> {
        let operation: raccoon::Operation =
            json::params(params, ErrorKind::InvalidRequest, &op_of(params))?;
        let (runtime, client) = self.core.live(py)?;
        let call = || client.execute(operation);
        Ok(Operation::begin(runtime, call, Value::Raccoon))
    }

    /// Starts a turn; the operation's value is a Turn.
    fn start_turn(
        &self,
        py: Python<'_>,
        session_id: &str,
        params: &Bound<'_, PyAny>,
    ) -> PyResult<Operation> {
        let start: StartTurn = json::params(params, ErrorKind::InvalidRequest, "start_turn")?;
        let (runtime, client) = self.core.live(py)?;
        let call = || client.start_turn(session_id, start);
        Ok(Operation::begin(runtime, call, Value::Turn))
    }

    /// Attaches to a turn; the operation's value is a Turn.
    fn attach(&self, py: Python<'_>, params: &Bound<'_, PyAny>) -> PyResult<Operation> {
        let attach: Attach = json::params(params, ErrorKind::InvalidRequest, "attach")?;
        let (runtime, client) = self.core.live(py)?;
        let call = || client.attach(attach);
        Ok(Operation::begin(runtime, call, Value::Turn))
    }

    /// Starts an upload of a file, of bytes, or of what is written to it.
    #[pyo3(signature = (params, *, path=None, content=None))]
    fn upload(
        &self,
        py: Python<'_>,
        params: &Bound<'_, PyAny>,
        path: Option<PathBuf>,
        content: Option<Vec<u8>>,
    ) -> PyResult<Upload> {
        let upload: raccoon::Upload = json::params(params, ErrorKind::InvalidRequest, "upload")?;
        let (runtime, client) = self.core.live(py)?;
        let (writer, source) = match (path, content) {
            (Some(path), _) => (None, UploadSource::path(path)),
            (None, Some(content)) => (None, UploadSource::bytes(content)),
            (None, None) => {
                let (writer, source) = UploadSource::channel();
                (Some(Arc::new(writer)), source)
            }
        };
        let progress = UploadProgress::new();
        let call = || client.upload(upload, source, progress.clone());
        let operation = Operation::begin(runtime, call, |file| {
            Value::Raccoon(raccoon::Output::File(file))
        });
        Ok(Upload {
            runtime,
            operation: Py::new(py, operation)?,
            writer: Mutex::new(writer),
            progress,
        })
    }

    /// Ends every call, wait and stream of this client and its copies.
    fn close(&self, py: Python<'_>) {
        self.core.close(py);
    }
}

/// An upload under way.
#[pyclass(frozen, module = "sessionwire._native")]
pub(crate) struct Upload {
    runtime: &'static Runtime,
    operation: Py<Operation>,
    writer: Mutex<Option<Arc<UploadWriter>>>,
    progress: UploadProgress,
}

#[pymethods]
impl Upload {
    /// The operation whose value is the uploaded file.
    #[getter]
    fn operation(&self, py: Python<'_>) -> Py<Operation> {
        self.operation.clone_ref(py)
    }

    /// How many bytes of the file were handed to the connection.
    #[getter]
    fn sent(&self) -> u64 {
        self.progress.sent()
    }

    /// How many bytes the file has, where that is known.
    #[getter]
    fn total(&self) -> Option<u64> {
        self.progress.total()
    }

    /// Hands on some bytes; False if the upload is over already.
    fn write(&self, content: Vec<u8>) -> PyResult<Operation> {
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let writer =
            writer.ok_or_else(|| PyRuntimeError::new_err("the upload takes no more bytes"))?;
        Ok(Operation::spawn(self.runtime, async move {
            Ok(Value::Flag(writer.send(content).await))
        }))
    }

    /// Says that these were all; without it the upload is given up in the end.
    fn finish(&self) {
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(writer) = writer.and_then(Arc::into_inner) {
            writer.finish();
        }
    }
}

/// Refuses input that a call would refuse: `{"check": ..., ...}`. Sends nothing.
#[pyfunction]
pub(crate) fn check_raccoon(py: Python<'_>, params: &Bound<'_, PyDict>) -> PyResult<()> {
    let input: Check = json::params(params, ErrorKind::InvalidRequest, "The call")?;
    input.run().map_err(|failure| error::to_py(py, &failure))
}

/// A new UUID for a session.
#[pyfunction]
pub(crate) fn new_session_id(py: Python<'_>) -> PyResult<String> {
    raccoon::new_session_id().map_err(|failure| error::to_py(py, &failure))
}

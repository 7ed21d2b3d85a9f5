//! An upload on the runtime.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use sessionwire::raccoon::{self, UploadProgress, UploadSource, UploadWriter};
use sessionwire::seam::raccoon::Output;

use crate::pending::Pending;
use crate::runtime::Runtime;

/// An upload under way.
#[pyclass(frozen, module = "sessionwire._native")]
pub(crate) struct Upload {
    runtime: &'static Runtime,
    pending: Py<Pending>,
    writer: Mutex<Option<Arc<UploadWriter>>>,
    progress: UploadProgress,
}

impl Upload {
    /// Starts an upload of a file, of bytes, or of what is written to it.
    pub(crate) fn start(
        py: Python<'_>,
        runtime: &'static Runtime,
        client: &raccoon::Client,
        upload: raccoon::Upload,
        path: Option<PathBuf>,
        content: Option<Vec<u8>>,
    ) -> PyResult<Self> {
        let (writer, source) = match (path, content) {
            (Some(path), _) => (None, UploadSource::path(path)),
            (None, Some(content)) => (None, UploadSource::bytes(content)),
            (None, None) => {
                let (writer, source) = UploadSource::channel();
                (Some(Arc::new(writer)), source)
            }
        };
        let progress = UploadProgress::new();
        let call = || {
            let file = client.upload(upload, source, progress.clone());
            async { file.await.map(Output::File) }
        };
        let pending = Pending::begin(runtime, call);
        Ok(Self {
            runtime,
            pending: Py::new(py, pending)?,
            writer: Mutex::new(writer),
            progress,
        })
    }
}

#[pymethods]
impl Upload {
    /// The call whose value is the uploaded file.
    #[getter]
    fn pending(&self, py: Python<'_>) -> Py<Pending> {
        self.pending.clone_ref(py)
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
    fn write(&self, content: Vec<u8>) -> PyResult<Pending> {
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let writer =
            writer.ok_or_else(|| PyRuntimeError::new_err("the upload takes no more bytes"))?;
        Ok(Pending::spawn(self.runtime, async move {
            Ok(writer.send(content).await)
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

//! A pool of sessions.

use pyo3::prelude::*;
use sessionwire::ErrorKind;
use sessionwire::agi;
use sessionwire::seam::agi::{PoolOperation, PoolOutput};

use crate::pending::{Pending, Reply};
use crate::runtime::{Runtime, RuntimeBound};
use crate::{error, json, params};

/// A pool of sessions. Dropping it deletes what nobody has.
#[pyclass(frozen, module = "sessionwire._native")]
#[derive(Debug)]
pub(crate) struct SessionPool {
    bound: RuntimeBound<agi::SessionPool>,
}

impl SessionPool {
    pub(crate) fn new(runtime: &'static Runtime, pool: agi::SessionPool) -> Self {
        Self {
            bound: RuntimeBound::new(runtime, pool),
        }
    }

    /// The core's client for as long as the session with this lease is not given back.
    pub(super) fn client_of(&self, py: Python<'_>, lease: u64) -> PyResult<Option<agi::Client>> {
        let pool = self.bound.get().ok_or_else(|| error::forked(py, "pool"))?;
        Ok(pool.client_of(lease))
    }
}

#[pymethods]
impl SessionPool {
    /// Starts a request: `{"op": ..., ...}`.
    fn start(&self, py: Python<'_>, params: &Bound<'_, PyAny>) -> PyResult<Pending> {
        let operation: PoolOperation =
            params::read(params, ErrorKind::InvalidRequest, &params::op_of(params))?;
        let pool = self.bound.get().ok_or_else(|| error::forked(py, "pool"))?;
        Ok(Pending::begin(self.bound.runtime(), || {
            pool.execute(operation)
        }))
    }
}

impl Reply for PoolOutput {
    fn into_py(self: Box<Self>, py: Python<'_>, _: &'static Runtime) -> PyResult<Py<PyAny>> {
        Ok(json::parse(py, self.into_json().as_bytes())?.unbind())
    }
}

//! What the clients of both services share: a core client per runtime.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use serde::de::DeserializeOwned;
use sessionwire::background::Background;
use sessionwire::{Error, ErrorKind, OptionChanges, telemetry};

use crate::pending::{Pending, Reply};
use crate::runtime::{self, Runtime, RuntimeBound};
use crate::telemetry::Trace;
use crate::{error, log, params};

/// A client of the core, of either service.
pub(crate) trait Core: Clone + Send + Sync + 'static {
    /// What a caller may say about it.
    type Options: DeserializeOwned;
    /// What it is built from.
    type Config: Clone;

    fn resolve(options: Self::Options) -> sessionwire::Result<Self::Config>;
    fn open(config: Self::Config) -> sessionwire::Result<Self>;
    fn config(&self) -> &Self::Config;
    fn with_options(&self, changes: OptionChanges) -> sessionwire::Result<Self>;
    fn trace(&self, content: Option<&str>) -> telemetry::Trace;
    fn traced(&self, trace: &telemetry::Trace) -> Self;
    fn close(&self);
    fn background(&self) -> &Background;
}

/// A configuration, and a core client per runtime.
#[derive(Debug)]
pub(crate) struct PerRuntime<C: Core> {
    config: C::Config,
    closed: Arc<AtomicBool>,
    /// Locked only while attached and never across a detach (see `runtime`).
    live: Mutex<RuntimeBound<C>>,
}

impl<C: Core> PerRuntime<C> {
    pub(crate) fn open(py: Python<'_>, options: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::open_as(py, options, |config| config)
    }

    /// The same with a configuration that says more than options can.
    pub(crate) fn open_as(
        py: Python<'_>,
        options: &Bound<'_, PyAny>,
        more: impl FnOnce(C::Config) -> C::Config,
    ) -> PyResult<Self> {
        let options = params::read(options, ErrorKind::Config, "The client's options")?;
        let client = C::resolve(options)
            .map(more)
            .and_then(C::open)
            .map_err(|failure| error::to_py(py, &failure))?;
        Self::build(py, client, Arc::default())
    }

    fn build(py: Python<'_>, client: C, closed: Arc<AtomicBool>) -> PyResult<Self> {
        let runtime = Runtime::current(py)?;
        runtime.settle_at_exit(client.background());
        Ok(Self {
            config: client.config().clone(),
            closed,
            live: Mutex::new(RuntimeBound::new(runtime, client)),
        })
    }

    /// A copy with some options changed, on the same connections: closing one
    /// closes both.
    pub(crate) fn with_options(
        &self,
        py: Python<'_>,
        changes: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let changes = params::read(changes, ErrorKind::Config, "with_options")?;
        let (_, client) = self.live(py)?;
        let copy = client
            .with_options(changes)
            .map_err(|failure| error::to_py(py, &failure))?;
        Self::build(py, copy, self.closed.clone())
    }

    /// A trace for a span of a call.
    pub(crate) fn trace(&self, py: Python<'_>, content: Option<&str>) -> PyResult<Trace> {
        let (_, client) = self.live(py)?;
        Ok(Trace(client.trace(content)))
    }

    /// A copy whose requests belong to this span.
    pub(crate) fn traced(&self, py: Python<'_>, trace: &Trace) -> PyResult<Self> {
        let (_, client) = self.live(py)?;
        Self::build(py, client.traced(&trace.0), self.closed.clone())
    }

    /// A client that the core made, on a runtime of ours.
    pub(crate) fn of(py: Python<'_>, client: C) -> PyResult<Self> {
        Self::build(py, client, Arc::default())
    }

    pub(crate) fn config(&self) -> &C::Config {
        &self.config
    }

    pub(crate) fn closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// The core client of the runtime in force: a new one after a fork, since
    /// connections belong to the process that opened them.
    pub(crate) fn live(&self, py: Python<'_>) -> PyResult<(&'static Runtime, C)> {
        log::refresh(py);
        let runtime = Runtime::current(py)?;
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = live.get()
            && std::ptr::eq(live.runtime(), runtime)
        {
            return Ok((runtime, client.clone()));
        }
        let client = C::open(self.config.clone()).map_err(|failure| error::to_py(py, &failure))?;
        if self.closed() {
            client.close();
        }
        runtime.settle_at_exit(client.background());
        *live = RuntimeBound::new(runtime, client.clone());
        Ok((runtime, client))
    }

    /// The core client that is there, if its runtime can still be used.
    pub(crate) fn usable(&self) -> Option<(&'static Runtime, C)> {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let runtime = live.runtime();
        let client = live.get().filter(|_| runtime.is_usable())?;
        Some((runtime, client.clone()))
    }

    /// Waits for what goes on in the background; `None` where nothing does.
    pub(crate) fn settle(&self, seconds: f64) -> Option<Pending> {
        let (runtime, client) = self.usable()?;
        let background = client.background().clone();
        let limit = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        (!background.is_idle()).then(|| {
            Pending::spawn(
                runtime,
                async move { Ok(Left(background.settle(limit).await)) },
            )
        })
    }

    pub(crate) fn close(&self, py: Python<'_>) {
        self.closed.store(true, Ordering::Release);
        if let Some((_, client)) = self.usable() {
            runtime::tick(py, || client.close());
        }
    }
}

/// Sessions that are left, and why.
#[derive(Debug)]
struct Left(Vec<Error>);

impl Reply for Left {
    fn into_py(self: Box<Self>, py: Python<'_>, _: &'static Runtime) -> PyResult<Py<PyAny>> {
        let texts: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        Ok(texts.into_pyobject(py)?.into_any().unbind())
    }
}

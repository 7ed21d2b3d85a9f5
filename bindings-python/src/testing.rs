//! What keeps the tests of an application from the real service.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;

/// Lives as long as the emulator of a test.
#[pyclass(frozen, module = "sessionwire._native")]
#[derive(Debug)]
pub(crate) struct TestGuard(Mutex<Option<sessionwire::testing::TestGuard>>);

#[pymethods]
impl TestGuard {
    #[new]
    fn new(url: &str) -> Self {
        Self(Mutex::new(Some(sessionwire::testing::TestGuard::new(url))))
    }

    /// Guards no more.
    fn release(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

//! Webhooks, for those who receive them.

use pyo3::prelude::*;
use pyo3::types::PyAny;
use sessionwire::webhooks;

use crate::{error, json};

/// Reads a webhook's body; its fields as a dict.
#[pyfunction]
#[pyo3(signature = (body, event_type=None))]
pub(crate) fn parse_webhook<'py>(
    py: Python<'py>,
    body: &[u8],
    event_type: Option<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    let event = webhooks::parse_with_event_type(body, event_type)
        .map_err(|failure| error::to_py(py, &failure))?;
    json::parse(py, event.to_json().as_bytes())
}

/// An address with a token.
#[pyfunction]
pub(crate) fn webhook_url(py: Python<'_>, base: &str, secret: &str) -> PyResult<String> {
    webhooks::url(base, secret).map_err(|failure| error::to_py(py, &failure))
}

/// Whether an address has the token of this secret.
#[pyfunction]
pub(crate) fn verify_webhook(url_or_token: &str, secret: &str) -> bool {
    webhooks::verify(url_or_token, secret)
}

/// The keys of deliveries that came before. Its lock is never held across a
/// detach, so that a fork finds it free.
#[pyclass(frozen, module = "sessionwire._native")]
#[derive(Debug)]
pub(crate) struct Deduplicator(webhooks::Deduplicator);

#[pymethods]
impl Deduplicator {
    #[new]
    fn new(capacity: usize) -> Self {
        Self(webhooks::Deduplicator::new(capacity))
    }

    /// Whether this key came before; remembers it.
    fn is_repeat(&self, key: &str) -> bool {
        self.0.is_repeat(key)
    }

    /// Forgets a key.
    fn forget(&self, key: &str) {
        self.0.forget(key);
    }
}

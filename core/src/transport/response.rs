//! A whole response.

use std::collections::BTreeMap;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result};
use crate::meaning;

/// A whole response with a success status.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Response {
    /// The response's JSON, read with tolerance.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T> {
        let read = meaning::from_bytes(&self.body).and_then(serde_json::from_value::<T>);
        read.map_err(|error| self.unreadable(error))
    }

    /// The same for what keeps parts of the text as they came.
    pub(crate) fn json_text<T: DeserializeOwned>(&self) -> Result<T> {
        meaning::from_bytes(&self.body).map_err(|error| self.unreadable(error))
    }

    fn unreadable(&self, error: serde_json::Error) -> Error {
        Error::new(
            ErrorKind::Connection,
            format!(
                "The service's answer ({}) cannot be read: {error}",
                self.status
            ),
        )
        .with_reason("bad_answer")
        .with_source(error)
    }
}

/// Headers as plain texts, names in lower case.
pub(crate) fn plain_headers(
    headers: &HeaderMap,
    clean: impl Fn(&str) -> String,
) -> BTreeMap<String, String> {
    headers
        .iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                clean(&String::from_utf8_lossy(value.as_bytes())),
            )
        })
        .collect()
}

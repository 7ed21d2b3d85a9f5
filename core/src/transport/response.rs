//! A whole response.

use std::collections::BTreeMap;

use bytes::Bytes;
use reqwest::header::HeaderMap;

use crate::error::{Error, ErrorKind, Result};

/// A whole response with a success status.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Response {
    pub(crate) fn json<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Error::new(
                ErrorKind::Connection,
                format!(
                    "The service's answer ({}) cannot be read: {error}",
                    self.status
                ),
            )
            .with_reason("bad_answer")
            .with_source(error)
        })
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

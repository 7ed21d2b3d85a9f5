//! A whole response.

use std::collections::BTreeMap;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result};
use crate::meaning;

/// Most values of a JSON response. A parser makes a hundred bytes of one that takes
/// two on the wire.
const MAX_VALUES: usize = 1_000_000;

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
        self.check_values()?;
        let read = meaning::from_bytes(&self.body).and_then(serde_json::from_value::<T>);
        read.map_err(|error| self.unreadable(error))
    }

    /// The same for what keeps parts of the text as they came.
    pub(crate) fn json_text<T: DeserializeOwned>(&self) -> Result<T> {
        self.check_values()?;
        meaning::from_bytes(&self.body).map_err(|error| self.unreadable(error))
    }

    fn check_values(&self) -> Result<()> {
        // Most responses are too short for so many.
        if self.body.len() <= MAX_VALUES || !meaning::has_more_values(&self.body, MAX_VALUES) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Status,
            format!(
                "The service's response ({}) has more than {MAX_VALUES} values, the most that is read",
                self.status
            ),
        )
        .with_status(self.status)
        .with_reason("too_large"))
    }

    fn unreadable(&self, error: serde_json::Error) -> Error {
        Error::new(
            ErrorKind::Connection,
            format!(
                "The service's response ({}) cannot be read: {}",
                self.status,
                without_quotation(&error)
            ),
        )
        .with_reason("bad_answer")
    }
}

/// What is wrong with a response, without the part of it that a parser's error
/// quotes: that may be anything.
fn without_quotation(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => format!("it is not {expected}"),
        None if error.is_data() && !text.starts_with("missing field ") => {
            "it holds what this call does not give".to_owned()
        }
        None => text,
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

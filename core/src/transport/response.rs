//! A whole response.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::request::context;
use super::retry::Effect;
use crate::config::ClientConfig;
use crate::error::{Error, Result};
use crate::meaning;
use crate::responses::SuccessResult;

/// Most values of a JSON response. A parser makes a hundred bytes of one that takes
/// two on the wire.
const MAX_VALUES: usize = 1_000_000;

/// Most bytes of a body that an error shows.
const MAX_SHOWN: usize = 64 << 10;

/// Of a request with an effect whose response is of no use.
pub(super) const CARRIED_OUT: &str =
    "The request was probably carried out, so it was not sent again: look before you repeat it.";

/// A whole response with a success status.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Why the body could not be decompressed.
    pub(super) garbled: Option<String>,
    pub(super) request: Asked,
}

/// What was asked, for the errors of a response.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) effect: Effect,
    pub(super) config: Arc<ClientConfig>,
}

impl Asked {
    fn context(&self) -> String {
        context(&self.method, &self.url, &self.config.api_key)
    }
}

impl Response {
    /// The response's JSON, read with tolerance.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_value(self.json_text()?).map_err(|error| self.unreadable(&error))
    }

    /// The same for what keeps parts of the text as they came.
    pub(crate) fn json_text<T: DeserializeOwned>(&self) -> Result<T> {
        self.check_values()?;
        match &self.garbled {
            Some(why) => Err(self.useless(why)),
            None => meaning::from_bytes(&self.body).map_err(|error| self.unreadable(&error)),
        }
    }

    /// The body as a value: its JSON, else its text; null where there is none.
    /// `None` where it cannot be read at all.
    #[cfg(feature = "raccoon")]
    pub(crate) fn value(&self) -> Option<Value> {
        if self.garbled.is_some() || self.check_values().is_err() {
            return None;
        }
        if self.body.trim_ascii().is_empty() {
            return Some(Value::Null);
        }
        let json = meaning::from_bytes(&self.body);
        Some(json.unwrap_or_else(|_| meaning::decoded(&self.body).into_owned().into()))
    }

    /// The same response with another body; null is none.
    #[cfg(feature = "raccoon")]
    pub(crate) fn with_body(mut self, body: &Value) -> Self {
        self.body = match body {
            Value::Null => Bytes::new(),
            body => body.to_string().into(),
        };
        self
    }

    /// Of a request whose success is in the status: what the body adds to it, if it
    /// says anything.
    pub(crate) fn success(&self) -> SuccessResult {
        match self.json_text() {
            Ok(Value::Object(fields)) => serde_json::from_value(Value::Object(fields)).ok(),
            _ => None,
        }
        .unwrap_or_else(|| SuccessResult::new(""))
    }

    /// The error of a response whose content is of no use.
    pub(crate) fn useless(&self, why: &str) -> Error {
        let beginning = &self.body[..self.body.len().min(MAX_SHOWN)];
        let error = Error::of_useless_response(
            self.status,
            plain_headers(&self.headers, str::to_owned),
            meaning::decoded(beginning).into_owned(),
            why,
            &self.request.context(),
        );
        let error = match self.request.effect {
            Effect::Once => error.with_maybe_delivered(CARRIED_OUT),
            Effect::Repeatable => error,
        };
        error.redacted(&self.request.config.api_key)
    }

    fn check_values(&self) -> Result<()> {
        // Most responses are too short for so many.
        if self.body.len() <= MAX_VALUES || !meaning::has_more_values(&self.body, MAX_VALUES) {
            return Ok(());
        }
        let why = format!("it has more than {MAX_VALUES} values, the most that is read");
        Err(self.useless(&why).with_reason("too_large"))
    }

    fn unreadable(&self, error: &serde_json::Error) -> Error {
        if self.body.is_empty() {
            return self.useless("it has no body");
        }
        if meaning::is_web_page(&self.body) {
            return self.useless("it is a web page, and no API: check the base URL");
        }
        self.useless(&without_quotation(error))
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

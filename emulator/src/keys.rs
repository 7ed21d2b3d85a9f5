//! The keys that are served.

use crate::errors::ApiError;
use axum::http::{HeaderMap, header};

/// Which keys are served. It has no `Debug` form: it knows them.
pub(crate) struct Keys {
    /// `None`: any.
    pub(crate) accepted: Option<Vec<String>>,
    /// Known, but barred.
    pub(crate) barred: Vec<String>,
}

impl Keys {
    /// Whether requests with this key are served.
    pub(crate) fn check(&self, key: &str) -> Result<(), ApiError> {
        let is = |keys: &[String]| keys.iter().any(|known| known == key);
        if is(&self.barred) {
            return Err(ApiError::forbidden());
        }
        if key.is_empty() || self.accepted.as_deref().is_some_and(|keys| !is(keys)) {
            return Err(ApiError::unauthorized());
        }
        Ok(())
    }

    /// Whether a request brings a key that is served: in its headers, or, as a WebSocket does, in its query.
    pub(crate) fn knows(&self, headers: &HeaderMap, query: &str) -> bool {
        let in_query = |(name, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
            name == "token" && self.check(&value).is_ok()
        };
        self.bearer(headers).is_ok() || url::form_urlencoded::parse(query.as_bytes()).any(in_query)
    }

    /// The key in `Authorization: Bearer`, if requests with it are served.
    pub(crate) fn bearer(&self, headers: &HeaderMap) -> Result<String, ApiError> {
        let value = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let (scheme, key) = value
            .and_then(|value| value.split_once(' '))
            .ok_or_else(ApiError::unauthorized)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(ApiError::unauthorized());
        }
        let key = key.trim();
        self.check(key)?;
        Ok(key.to_owned())
    }
}

//! The keys that are served.

use crate::errors::ApiError;
use crate::sync::lock;
use axum::http::{HeaderMap, header};
use std::collections::HashSet;
use std::sync::Mutex;

/// A key that nobody can guess.
pub(crate) fn new_key() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes)?;
    let key = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes);
    Ok(format!("emulator-{key}"))
}

/// The ends of a key that is long enough to stay one.
pub(crate) fn masked(key: &str) -> String {
    match (key.get(..4), key.get(key.len().saturating_sub(3)..)) {
        (Some(start), Some(end)) if key.len() >= 16 => format!("{start}\u{2026}{end}"),
        _ => "\u{2026}".to_owned(),
    }
}

/// The same for a person who tells keys from one another: of a short one, the beginning.
pub(crate) fn hinted(key: &str) -> String {
    let begin: String = key.chars().take(key.chars().count() / 3).collect();
    match masked(key) {
        masked if masked == "\u{2026}" => format!("{begin}\u{2026}"),
        masked => masked,
    }
}

/// Which keys are served. It has no `Debug` form: it knows them.
pub(crate) struct Keys {
    /// `None`: any.
    accepted: Option<Mutex<HashSet<String>>>,
    /// Those of the start.
    listed: Vec<String>,
    /// Known, but barred.
    barred: Vec<String>,
}

impl Keys {
    pub(crate) fn new(accepted: Option<Vec<String>>, barred: Vec<String>) -> Self {
        let listed = accepted.clone().unwrap_or_default();
        let accepted = accepted.map(|keys| Mutex::new(keys.into_iter().collect()));
        Self {
            accepted,
            listed,
            barred,
        }
    }

    /// Serves requests with this key, too; false: it is barred.
    pub(crate) fn accept(&self, key: &str) -> bool {
        if self.barred.iter().any(|barred| barred == key) {
            return false;
        }
        if let Some(accepted) = &self.accepted {
            lock(accepted).insert(key.to_owned());
        }
        true
    }

    /// Serves requests with this key no more, unless every key is served, or it is one of those of the start.
    pub(crate) fn forget(&self, key: &str) {
        if let Some(accepted) = &self.accepted
            && !self.listed.iter().any(|listed| listed == key)
        {
            lock(accepted).remove(key);
        }
    }

    /// Whether requests with this key are served.
    pub(crate) fn check(&self, key: &str) -> Result<(), ApiError> {
        if self.barred.iter().any(|barred| barred == key) {
            return Err(ApiError::forbidden());
        }
        let unknown = |keys: &Mutex<HashSet<String>>| !lock(keys).contains(key);
        if key.is_empty() || self.accepted.as_ref().is_some_and(unknown) {
            return Err(ApiError::unauthorized());
        }
        Ok(())
    }

    /// The key of a request, if it is served: in its headers, or, as a WebSocket brings it, in its query.
    pub(crate) fn of_request(&self, headers: &HeaderMap, query: &str) -> Option<String> {
        let in_query = || {
            url::form_urlencoded::parse(query.as_bytes())
                .find(|(name, value)| name == "token" && self.check(value).is_ok())
                .map(|(_, value)| value.into_owned())
        };
        self.bearer(headers).ok().or_else(in_query)
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

//! Why an attempt failed.

use super::retry::Failure;
use super::secret::Secret;
use crate::error::Error;

/// A failed attempt: the error for the user, and how it failed for the
/// decision about a retry.
pub(super) struct Failed {
    pub(super) failure: Failure,
    pub(super) error: Error,
}

impl Failed {
    pub(super) fn before_sending(error: Error) -> Self {
        // Setting up again would fail again: not worth a retry.
        Self {
            failure: Failure::Status(0),
            error,
        }
    }

    /// The same, its error without the key.
    pub(super) fn redacted(self, key: &Secret) -> Self {
        Self {
            error: self.error.redacted(key),
            ..self
        }
    }
}

/// Why a request failed, in words.
pub(super) fn cause(error: &reqwest::Error) -> String {
    innermost(error).unwrap_or_else(|| "the request failed".to_owned())
}

/// Whether the connection failed, and not what came over it.
pub(super) fn is_of_the_connection(error: &dyn std::error::Error) -> bool {
    let mut next = error.source();
    while let Some(source) = next {
        if source.is::<hyper::Error>() {
            return true;
        }
        next = source.source();
    }
    false
}

/// The innermost cause of an error: the outer ones only say which part of the
/// HTTP client noticed it, and may hold the URL.
pub(super) fn innermost(error: &dyn std::error::Error) -> Option<String> {
    let mut innermost = None;
    let mut next = error.source();
    while let Some(source) = next {
        innermost = Some(source.to_string());
        next = source.source();
    }
    innermost
}

//! Why a browser gives nothing.

/// Why there is no page and no picture.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BrowserError {
    /// The session is deleted.
    Closed,
    /// The Chromium that must serve does not; what happened and what to do.
    Unusable(String),
}

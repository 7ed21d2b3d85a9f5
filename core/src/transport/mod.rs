//! One request in, one answer out: authentication, redirects, retries, the
//! deadline, and errors without secrets.

mod http;
mod redirect;
pub mod retry;
mod secret;
mod tls;

pub use secret::Secret;

pub(crate) use self::http::{Request, Transport, jitter, plain_headers, stream_headers};

//! One request in, one response out: authentication, redirects, retries, the
//! deadline, and errors without secrets.

mod body;
mod closing;
mod connect;
mod encode;
mod failure;
mod http;
mod jitter;
mod pool;
pub mod proxies;
mod raw;
mod redact;
mod redirect;
mod request;
mod response;
pub mod retry;
mod roots;
mod secret;
mod tls;
mod tunnel;
mod upload;

pub use raw::{RawRequest, RawResponse};
pub use secret::Secret;
pub(crate) use upload::{FilePart, Multipart, problem};
pub use upload::{UploadProgress, UploadSource, UploadWriter};

pub(crate) use self::closing::{Closing, Lease};
pub(crate) use self::http::Transport;
pub(crate) use self::jitter::jitter;
pub(crate) use self::request::{Request, stream_headers};
pub(crate) use self::response::Response;
pub(crate) use self::roots::Roots;

/// A text without a key that a server may have put there, in whatever form.
pub fn redacted(text: &str, key: &Secret) -> String {
    key.redact(text)
}

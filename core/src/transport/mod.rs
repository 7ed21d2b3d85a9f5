//! One request in, one answer out: authentication, redirects, retries, the
//! deadline, and errors without secrets.

mod closing;
mod http;
mod pool;
mod raw;
mod redirect;
pub mod retry;
mod secret;
mod tls;
mod tunnel;
mod upload;

pub use raw::{RawRequest, RawResponse};
pub use secret::Secret;
pub(crate) use upload::{FilePart, Multipart};
pub use upload::{UploadProgress, UploadSource, UploadWriter};

pub(crate) use self::closing::Closing;
pub(crate) use self::http::{Answer, Request, Transport, jitter, stream_headers};

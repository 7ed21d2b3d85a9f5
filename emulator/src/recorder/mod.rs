//! A proxy in front of the services that writes down what passes: for clients of any language.
//!
//! A client's base URL points to it; the requests go on to the service as they are, with their key, and the answers, event
//! streams and WebSockets come back as they are. What came of it is a [`crate::Scenario`] without its secrets, which also knows what
//! was asked and how the answers looked, for [`crate::verify`].

mod exchanges;
mod passing;
mod place;
mod playback;
mod proxy;
mod seen;
mod sockets;
mod sse;

pub(crate) use exchanges::kind_of;
pub(crate) use proxy::origin;
pub use proxy::{Recorded, Recorder, RecorderOptions};
pub(crate) use sockets::{handshake, socket};
pub(crate) use sse::SseReader;

//! Server-Sent Events, without any I/O.

mod decoder;

pub use decoder::{Decoder, Frame, MAX_EVENT_BYTES, MAX_FIELD_BYTES};

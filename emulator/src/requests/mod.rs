//! The record of what the emulator received, and how to search it.

mod captured;
mod filter;
mod impossible;
mod log;
mod nearest;

pub use captured::CapturedRequest;
pub(crate) use captured::{BODY, UPLOAD, Unanswered};
pub use filter::{PathRegex, RequestFilter};
pub(crate) use filter::{holds, session_id};
pub(crate) use log::RequestLog;
pub(crate) use nearest::{judge_json, nearest};

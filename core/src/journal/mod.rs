//! The journal of a batch: a file in which `run_tasks` notes what it does before it does it, so
//! that a process that was killed is followed by one that goes on, and sends nothing twice.
//!
//! One process at a time appends to it, one line for each entry; what is torn at its end was
//! never done. What the lines mean is pure (`line.rs`, `book.rs`).

mod book;
mod file;
mod line;

pub(crate) use book::{Book, Known, Step};
pub(crate) use file::{Journal, now};
pub use file::{ends, forget, left};
pub(crate) use line::{Ended, Entry};

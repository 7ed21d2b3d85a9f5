//! The ledger: a file in which the processes of a machine note the sessions that they
//! create, use and delete, so that what a dead one left can be found and deleted.
//!
//! The only room of the core that opens a file for writing. A ledger is appended to, one
//! write for each line, by any number of processes; who of them lives is told by locks
//! (`owner.rs`). What the lines mean is pure (`line.rs`, `book.rs`).

mod book;
mod client;
mod file;
mod line;
mod owner;
mod reaping;

pub(crate) use book::{Attempt, Noted};
pub(crate) use client::{Creating, Ledger};
pub(crate) use reaping::Reaping;

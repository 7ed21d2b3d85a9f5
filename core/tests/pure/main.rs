//! Tests of the parts that do no I/O, through the public API.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod by_the_book;
mod config;
mod event;
mod fuzz_seeds;
mod models;
mod resume;
mod retry;
mod sse;
mod sse_properties;
mod strict;

//! Runs the program `sessionwire` against an emulator, as a user would.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bad_input;
mod batch;
mod control;
mod doctor;
mod emulator;
mod help;
mod interrupted;
mod json_contract;
mod listen;
mod local;
mod mcp;
mod questions;
mod raccoon;
mod record;
mod record_proxy;
mod resume;
mod run;
mod scenario;
mod shells;
mod steer;
mod support;
mod terminal;
mod turn;

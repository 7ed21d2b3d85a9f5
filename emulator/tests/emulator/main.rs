//! The emulator over real sockets, against the wire specification.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod agent;
#[cfg(unix)]
mod browser;
mod checklist;
mod control;
mod dashboard;
mod documented;
mod errors;
mod faults;
mod kept;
mod lifecycle;
mod live;
mod local;
mod loops;
mod mistakes;
mod own_agent;
mod own_turn_agent;
mod requests;
mod rude;
mod safety;
mod scenarios;
mod snapshots;
mod socket_faults;
mod streams;
mod support;
mod tls;
mod transitions;
mod turn_support;
mod turns;
mod unmatched;
mod uploads;
mod verification;
mod webhooks;
mod worlds;

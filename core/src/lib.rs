//! The client for agent sessions: one Rust core, one behaviour in Rust, Python
//! and Node.
//!
//! ```no_run
//! use sessionwire::agi::{Client, CreateSession, RunTask};
//!
//! # async fn example() -> sessionwire::Result<()> {
//! let client = Client::from_env()?; // AGI_API_KEY, AGI_BASE_URL
//! let session = client.sessions().create(CreateSession::new("agi-0")).await?;
//! let result = session.run_task(RunTask::new("Find three nonstop SFO-JFK flights")).await?;
//! println!("{}", result.text);
//! session.delete().await?;
//! # Ok(())
//! # }
//! ```
//!
//! [`sse`] and `webhooks` do no I/O. All else needs a running tokio runtime with I/O and time.
//!
//! # Panics
//!
//! A call or a stream outside of a tokio runtime panics, as tokio does. Making a client, its
//! sessions and its options needs none.
//!
//! # Errors
//!
//! There is one [`Error`]; its [`kind`](Error::kind) says what happened. Every call may fail with `InvalidRequest` (refused
//! here, nothing was sent), `Connection` or `Timeout` (no answer), or the kind of the HTTP status that the service answered,
//! such as `Authentication` or `RateLimit`; a success whose content is of no use is a `Status`. Where a request may have had its effect all the same,
//! [`maybe_delivered`](Error::maybe_delivered) is true.
//!
//! # Features
//!
//! All but `ring` are on by default.
//!
//! | feature | gives |
//! |---|---|
//! | `aws-lc-rs` | TLS with the crypto provider that rustls and reqwest have by default |
//! | `ring` | TLS with the crypto provider ring |
//! | `http2` | HTTP/2 where the service offers it |
//! | `gzip` | compressed responses |
//! | `system-proxy` | the proxies of `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` |
//! | `raccoon` | the module `raccoon`: the Raccoon AI Agents API |
//! | `webhooks` | the module `webhooks`: what a receiver of webhooks needs |
//!
//! # TLS
//!
//! The process's crypto provider stays the program's own affair: this crate
//! installs none. It takes the one that the program installed, else the one that
//! a feature names.
//!
//! rustls itself wants the features of one provider in a program. A program whose
//! rustls has `ring` therefore takes
//! `sessionwire = { version = "0.1", default-features = false, features = ["ring", ...] }`;
//! every other one needs to do nothing. With `ring` alone, reqwest has no provider
//! of its own: a program that also makes a `reqwest::Client` installs one first.

#![forbid(unsafe_code)]
#![warn(clippy::missing_errors_doc)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// What both services share also has parts that only Raccoon's calls use.
#![cfg_attr(not(feature = "raccoon"), allow(dead_code, unused_imports))]

pub mod agi;
#[doc(hidden)]
pub mod background;
mod by_name;
mod config;
mod counts;
mod error;
mod event;
#[doc(hidden)]
pub mod handle;
#[doc(hidden)]
pub mod journal;
mod key_mark;
mod ledger;
#[doc(hidden)]
pub mod log;
#[doc(hidden)]
pub mod meaning;
mod outcomes;
#[cfg(feature = "raccoon")]
pub mod raccoon;
mod received;
mod responses;
#[doc(hidden)]
pub mod runtime;
#[doc(hidden)]
pub mod seam;
mod seconds;
mod setters;
pub mod sse;
#[doc(hidden)]
pub mod stream;
#[doc(hidden)]
pub mod telemetry;
#[doc(hidden)]
pub mod testing;
#[doc(hidden)]
pub mod transport;
mod unix_time;
mod validate;
#[cfg(feature = "webhooks")]
pub mod webhooks;
#[cfg(feature = "raccoon")]
mod ws;

pub use config::{ClientConfig, ClientOptions, OptionChanges, Service};
pub use error::{Error, ErrorKind, Result};
pub use stream::{Batch, EventQueue, EventStream};
pub use transport::Secret;

/// The examples of the README compile.
#[cfg(all(doctest, feature = "raccoon", feature = "webhooks"))]
#[doc = include_str!("../README.md")]
struct Readme;

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
//! The pure parts ([`sse`], [`stream::resume`], [`transport::retry`], `webhooks`) do no I/O
//! and can be tested and fuzzed from outside.
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
#![cfg_attr(docsrs, feature(doc_cfg))]
// What both services share also has parts that only Raccoon's calls use.
#![cfg_attr(not(feature = "raccoon"), allow(dead_code, unused_imports))]

pub mod agi;
mod answers;
mod config;
mod error;
mod event;
pub mod log;
#[cfg(feature = "raccoon")]
pub mod raccoon;
pub mod sse;
pub mod stream;
pub mod transport;
mod validate;
#[cfg(feature = "webhooks")]
pub mod webhooks;
#[cfg(feature = "raccoon")]
mod ws;

pub use config::{ClientConfig, ClientOptions, OptionChanges, Service};
pub use error::{Error, ErrorKind, Result};
pub use stream::{Batch, EventQueue, EventStream};
pub use transport::Secret;

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
//! The pure parts ([`sse`], [`stream::resume`], [`transport::retry`], [`webhooks`]) do no I/O
//! and can be tested and fuzzed from outside.

#![forbid(unsafe_code)]

pub mod agi;
mod answers;
mod closing;
mod config;
mod error;
mod event;
pub mod log;
pub mod raccoon;
pub mod sse;
pub mod stream;
pub mod transport;
mod validate;
pub mod webhooks;
mod ws;

pub use config::{ClientConfig, ClientOptions, OptionChanges, Service};
pub use error::{Error, ErrorKind, Result};
pub use stream::{Batch, EventQueue, EventStream};
pub use transport::Secret;

//! The control API: what `Emulator` does in its own process, over HTTP, for every other language.
//!
//! It is off unless it was asked for. Its routes are below `/_emulator/v1` (`routes.rs`), apart from those of the services;
//! `guard.rs` lets in who has the token and is no page in a browser, `bounds.rs` how much of them, `documented.rs` what the document names. A request is about one world, that of the key in
//! `X-Emulator-Key` (`subject.rs`). [`CONTROL_OPENAPI`] describes all of it, and a test holds it against the routes.

mod body;
mod bounds;
mod clock;
mod count;
mod documented;
mod documents;
mod ended;
mod faults;
mod guard;
mod requests;
mod routes;
mod scenario;
mod state;
mod subject;
mod webhooks;
mod worlds;

pub use documents::CONTROL_OPENAPI;
pub(crate) use documents::CONTROL_PATH;
pub(crate) use guard::ControlToken;
pub(crate) use routes::router;

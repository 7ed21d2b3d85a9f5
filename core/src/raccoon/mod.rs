//! The Raccoon AI Agents API: sessions with a sandbox, worked on turn by turn.

mod answers;
mod api;
mod assembly;
mod blocks;
mod client;
mod close;
mod config;
mod dialect;
mod directory;
mod driver;
mod ending;
mod events;
mod fanout;
mod frame;
mod history;
pub(crate) mod hooks;
mod ids;
mod keys;
mod media;
mod models;
mod news;
mod progress;
mod run_turn;
mod session;
mod turn;
mod turn_limiter;
pub(crate) mod validate;
mod watch;
mod wire_names;

pub use crate::event::{Event, EventType, Frame};
pub use crate::transport::{UploadProgress, UploadSource, UploadWriter};
pub use assembly::Assembly;
pub use client::Client;
pub use config::{RaccoonConfig, RaccoonOptions};
pub use directory::{DirectoryFile, directory_files};
#[cfg(feature = "schema")]
pub(crate) use fanout::ToldOutcome;
pub use fanout::{TurnOutcome, TurnOutcomes};
pub use hooks::{AnswerDecoder, FrameDecoder, HookError};
pub use ids::new_session_id;
pub(crate) use media::{FileToCheck, check_files, check_given};
pub use models::*;
pub use run_turn::RunTurn;
pub use session::{Media, Session, SessionList, Sessions};
pub use turn::Turn;
pub use wire_names::{FrameEncoder, WireNames};

//! The Raccoon AI Agents API: sessions with a sandbox, worked on turn by turn.

mod assembly;
mod client;
mod close;
mod config;
mod events;
mod live;
mod media;
mod models;
mod places;
mod sessions;
mod turn;
mod validate;
mod wire_names;

pub use crate::event::{Event, EventType, Frame};
pub use crate::transport::{UploadProgress, UploadSource, UploadWriter};
pub use assembly::Assembly;
pub use client::{Client, new_session_id};
pub use config::{RaccoonConfig, RaccoonOptions};
pub use models::{
    After, Attach, Check, DeleteResult, History, ListSessions, Message, Operation, Output,
    PageInfo, RawRequest, RawResponse, ResumePoint, Role, SessionInfo, SessionPage, StartTurn,
    StopResult, SuccessResult, TurnEventOptions, TurnFile, TurnMessage, TurnOperation, TurnResult,
    TurnState, TurnStatus, Upload, UploadedFile,
};
pub use sessions::{Media, Session, SessionList, Sessions};
pub use turn::{RunTurn, Turn};
pub use wire_names::{FrameEncoder, WireNames};

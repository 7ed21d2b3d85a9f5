//! The command line: what may be written, and the help. A file for each family of commands.

mod batch;
mod command;
mod complete;
mod control;
mod emulator;
mod parse;
mod raccoon;
mod record;
mod run;
mod scenario;
mod sessions;
mod turn;
mod values;
mod watch;

pub(crate) use batch::Batch;
pub(crate) use command::{Cli, Command, Global};
pub(crate) use complete::{Completions, Man, Shell};
pub(crate) use control::Control;
pub(crate) use emulator::{Browser, Emulator, ResumeFrom, Unmatched};
pub(crate) use parse::parse;
pub(crate) use raccoon::{
    Attach, Raccoon, RaccoonControl, RaccoonSessions, Send, StopTurn, TurnOf, Upload, WatchSession,
};
pub(crate) use record::{Record, RecordTo, RecordTurn, Verify};
pub(crate) use run::{IfBusy, Resume, Run, Shown};
pub(crate) use scenario::{Check, Scenario};
pub(crate) use sessions::{Create, NewSession, Session, Sessions, Snapshot, Yes};
pub(crate) use turn::{Files, StartTurn, Turn};
pub(crate) use values::{duration, is_entry};
pub(crate) use watch::{Doctor, Listen, Watch};

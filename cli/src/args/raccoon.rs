//! `raccoon`: the commands of the other service.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use sessionwire::raccoon::TextMode;

use super::record::RecordTurn;
use super::sessions::Session;
use super::turn::{Files, FollowTurn, Turn};
use super::values::{entry, seconds, text_mode};

pub(super) const RACCOON_HELP: &str = "\
Examples:
  sessionwire raccoon turn \"Summarise the report\" --file report.pdf
  sessionwire raccoon sessions list --search report
  sessionwire raccoon messages 2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415
  sessionwire raccoon attach 2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415
  sessionwire raccoon record \"Compare two mugs\" --output mugs.yaml
  sessionwire raccoon send 2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415 \"Also include last year\"
  sessionwire raccoon stop 2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415
  sessionwire raccoon sessions delete 2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415

The API key is read from RACCOON_API_KEY. attach, send and stop take the session's newest turn
unless --message names another one. All commands take --json.

Exit status: 0 done, 1 turn failed or aborted, 2 usage, 3 API error, 4 timeout, 130 interrupted.";

/// What can be done with the sessions and turns of Raccoon.
#[derive(Subcommand)]
pub(crate) enum Raccoon {
    /// Run one turn: show the events, print the answer; the same as `sessionwire turn`
    Turn(Turn),
    /// Follow a turn to its end and print the answer
    Attach(Attach),
    /// Run one turn and record it: a scenario that the emulator plays in the service's own words
    Record(RecordTurn),
    #[command(flatten)]
    Control(RaccoonControl),
}

/// The requests of the Raccoon API, one by one.
#[derive(Subcommand)]
pub(crate) enum RaccoonControl {
    /// Tell a running turn more
    Send(Send),
    /// Stop a running turn and wait for its end; the session stays
    Stop(StopTurn),
    /// Upload a file for the turns of a session
    Upload(Upload),
    /// List, show, rename or delete sessions
    #[command(subcommand)]
    Sessions(RaccoonSessions),
    /// Print the messages of a session: its prompts and the agent's answers
    #[command(visible_alias = "history")]
    Messages(Session),
    /// Watch a session: the events of all its turns, whoever starts them
    Events(WatchSession),
}

const WATCH_HELP: &str = "\
Examples:
  sessionwire raccoon events 2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415
  sessionwire raccoon events 2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415 --no-history --json

The session's history is read every two seconds, until Ctrl-C or --timeout. A session that is not
there yet is waited for. With --json each event is one line {\"type\",\"id\",\"data\",\"text\",\"message_id\"};
the message names the turn. `raccoon attach` shows one turn as it happens.

Exit status: 0 the time of --timeout is over, 2 usage, 3 API error (also a session that was
deleted), 130 interrupted.";

#[derive(Args)]
#[command(after_help = WATCH_HELP)]
pub(crate) struct WatchSession {
    #[command(flatten)]
    pub(crate) session: Session,
    /// Only new events
    #[arg(long)]
    pub(crate) no_history: bool,
    /// End after this long, such as 300, 5m or 2h
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(crate) timeout: Option<f64>,
    /// The time between two looks at the history
    #[arg(long, value_name = "TIME", value_parser = seconds, default_value = "2")]
    pub(crate) poll_interval: f64,
}

#[derive(Subcommand)]
pub(crate) enum RaccoonSessions {
    /// List your sessions, those that changed last first
    #[command(visible_alias = "ls")]
    List {
        /// Only sessions that match this text
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        /// updatedAt, createdAt or title
        #[arg(long, value_name = "FIELD")]
        sort_by: Option<String>,
        /// asc or desc
        #[arg(long, value_name = "ORDER")]
        sort_order: Option<String>,
        /// Only the first N sessions [default: all]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        first: Option<u64>,
    },
    /// Show one session; with --json its messages too
    Get(Session),
    /// Give a session another title: 1 to 255 characters
    Rename {
        #[command(flatten)]
        session: Session,
        /// The new title
        title: String,
    },
    /// Delete sessions and stop their turns; one that is gone is no error
    #[command(visible_alias = "rm")]
    Delete {
        /// The ids of the sessions
        #[arg(id = "session", value_name = "SESSION", required = true)]
        ids: Vec<String>,
    },
}

/// A turn, by its session.
#[derive(Args)]
pub(crate) struct TurnOf {
    #[command(flatten)]
    pub(crate) session: Session,
    /// The turn's agent message [default: that of the session's newest turn]
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) message: Option<String>,
}

const ATTACH_HELP: &str = "\
Examples:
  sessionwire raccoon attach 2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415
  sessionwire raccoon attach 2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415 --message msg_a82 --after 1772615727418-0

Events come from the turn's beginning, or those after --after or --after-id; the answer is that of
the whole turn. A turn that is over is shown again. Events, answer and --json are as for `turn`.
Ctrl-C and --timeout leave the turn running, and say how to follow it again.

Exit status: 0 done, 1 turn failed or aborted, 2 usage, 3 API error, 4 timeout, 130 interrupted.";

#[derive(Args)]
#[command(after_help = ATTACH_HELP)]
pub(crate) struct Attach {
    #[command(flatten)]
    pub(crate) turn: TurnOf,
    /// Only events after this stream entry
    #[arg(long, value_name = "ENTRY", value_parser = entry, allow_hyphen_values = true)]
    pub(crate) after: Option<String>,
    /// Only events with a higher id, as --json prints it
    #[arg(long, value_name = "ID")]
    pub(crate) after_id: Option<i64>,
    /// What a frame of a text is: delta (it adds to its block), cumulative (all of it so far), or auto
    #[arg(long, value_name = "MODE", value_parser = text_mode, default_value = "auto")]
    pub(crate) text_mode: TextMode,
    #[command(flatten)]
    pub(crate) follow: FollowTurn,
}

const SEND_HELP: &str = "\
Examples:
  sessionwire raccoon send 2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415 \"Also include last year\"
  sessionwire raccoon send 2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415 \"Use this\" --file prices.csv

The message is sent once. `raccoon attach` shows what the agent makes of it. A turn that is over
takes none (exit status 3): start the next one with `raccoon turn PROMPT --session SESSION`.";

#[derive(Args)]
#[command(after_help = SEND_HELP)]
pub(crate) struct Send {
    #[command(flatten)]
    pub(crate) turn: TurnOf,
    /// What the agent shall know (-: standard input, @FILE: that file)
    #[arg(allow_hyphen_values = true)]
    pub(crate) text: String,
    #[command(flatten)]
    pub(crate) files: Files,
}

#[derive(Args)]
pub(crate) struct StopTurn {
    #[command(flatten)]
    pub(crate) turn: TurnOf,
    /// How long to wait for the turn's end
    #[arg(long, value_name = "TIME", value_parser = seconds, default_value = "10")]
    pub(crate) timeout: f64,
}

const UPLOAD_HELP: &str = "\
Examples:
  sessionwire raccoon upload 2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415 report.pdf
  sessionwire raccoon turn \"Digest it\" --session $S --uploaded \"$(sessionwire raccoon upload $S report.pdf --json)\"

The session need not exist yet: any new UUID will do, such as that of `uuidgen`. A second file with
the same key takes the place of the first.";

#[derive(Args)]
#[command(after_help = UPLOAD_HELP)]
pub(crate) struct Upload {
    #[command(flatten)]
    pub(crate) session: Session,
    /// The file; `-` is standard input
    pub(crate) file: std::path::PathBuf,
    /// Where to keep it [default: SESSION/NAME]
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Its name [default: the file's]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Its media type [default: by the name's ending]
    #[arg(long, value_name = "TYPE")]
    pub(crate) content_type: Option<String>,
}

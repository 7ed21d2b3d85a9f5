//! `turn`, and what others have in common with it.

use clap::Args;
use sessionwire::raccoon::{TextMode, UploadedFile};

use super::run::Shown;
use super::values::{seconds, text_mode, uploaded};

const TURN_HELP: &str = "\
Examples:
  sessionwire turn --local \"Summarise the notes\" --file notes.txt --mode deepsearch
  sessionwire turn \"Build a REST API\" --mode code
  sessionwire turn \"Now add tests\" --session 2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415
  sessionwire turn \"Plan a trip\" --mode plan --json | tail -n 1

Events and the answer go to standard output, everything else to standard error: there the id of a
new session, to continue it. With --json standard output has one object a line: \"started\" with the
turn's handle, each event, and at last \"result\" or \"error\" (docs/command-line-json.md); with --quiet
the last one only. Ctrl-C stops the turn; a second Ctrl-C leaves at once. The session stays either way.

Exit status: 0 done, 1 turn failed or aborted, 2 usage, 3 API error, 4 timeout, 130 interrupted.";

#[derive(Args)]
#[command(after_help = TURN_HELP)]
pub(crate) struct Turn {
    #[command(flatten)]
    pub(crate) start: StartTurn,
    /// Use an emulator inside this program instead of the service: needs no key
    #[arg(long)]
    pub(crate) local: bool,
    #[command(flatten)]
    pub(crate) follow: FollowTurn,
}

/// A turn that is to begin.
#[derive(Args)]
pub(crate) struct StartTurn {
    /// What the agent shall do (-: standard input, @FILE: that file)
    pub(crate) prompt: String,
    /// auto, plan, code, deepsearch or slides
    #[arg(long, value_name = "MODE", default_value = "auto")]
    pub(crate) mode: String,
    /// Continue this session [default: a new one]
    #[arg(long, value_name = "UUID")]
    pub(crate) session: Option<String>,
    #[command(flatten)]
    pub(crate) files: Files,
    /// What a frame of a text is: delta (it adds to its block), cumulative (all of it so far), or auto
    #[arg(long, value_name = "MODE", value_parser = text_mode, default_value = "auto")]
    pub(crate) text_mode: TextMode,
}

/// How a turn is followed and shown.
#[derive(Args)]
pub(crate) struct FollowTurn {
    /// Give up after this long, such as 300, 5m or 2h; the turn goes on
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(crate) timeout: Option<f64>,
    #[command(flatten)]
    pub(crate) shown: Shown,
}

/// Files for the agent of a turn.
#[derive(Args)]
pub(crate) struct Files {
    /// A file for the agent, uploaded first; repeat it for more
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Vec<std::path::PathBuf>,
    /// A file that was uploaded: what `raccoon upload --json` printed; repeat it for more
    #[arg(long, value_name = "JSON", value_parser = uploaded)]
    pub(crate) uploaded: Vec<UploadedFile>,
}

//! `record` and `raccoon record`.

use clap::Args;

use super::sessions::Session;
use super::turn::StartTurn;
use super::values::seconds;

const RECORD_HELP: &str = "\
Examples:
  sessionwire record 7c1f9a52-3d0e-4b8e-9a6d-1f2e3c4b5a69 --output shop.yaml
  sessionwire emulator --scenario shop.yaml --fast

It follows the session until its task ends, or Ctrl-C. The API key, the address of the live view,
passwords and tokens in addresses, headers and fields are replaced by [redacted], and so is what
the file of --secrets holds. Look the scenario over before you share it.";

#[derive(Args)]
#[command(after_help = RECORD_HELP)]
pub(crate) struct Record {
    #[command(flatten)]
    pub(crate) session: Session,
    #[command(flatten)]
    pub(crate) to: RecordTo,
}

const RECORD_TURN_HELP: &str = "\
Examples:
  sessionwire raccoon record \"Compare two mugs\" --output mugs.yaml
  sessionwire emulator --scenario mugs.yaml --fast

The scenario has the turn's events, and as its `dialect` in which words the service spoke: names of
fields and kinds, pieces or whole texts, ids, marks of pages. What is no default is told on standard
error, and so is the --wire that reads such a service, where one is needed. Ctrl-C and --timeout
stop the turn and record it up to there. The session stays; its history and a list of one session
are read, too. Secrets are redacted as by `sessionwire record`; the dialect holds names alone.

Exit status: 0 recorded, also a turn that failed; 2 usage, 3 API error.";

#[derive(Args)]
#[command(after_help = RECORD_TURN_HELP)]
pub(crate) struct RecordTurn {
    #[command(flatten)]
    pub(crate) start: StartTurn,
    /// Stop the turn after this long, such as 300, 5m or 2h
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(crate) timeout: Option<f64>,
    #[command(flatten)]
    pub(crate) to: RecordTo,
}

/// Where a recording goes, and what is no part of it.
#[derive(Args)]
pub(crate) struct RecordTo {
    /// The scenario to write: JSON if it is named .json, else YAML [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<std::path::PathBuf>,
    /// A text file with more secrets to redact, one a line
    #[arg(long, value_name = "FILE")]
    pub(crate) secrets: Option<std::path::PathBuf>,
}

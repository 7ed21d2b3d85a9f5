//! `record`, `raccoon record` and `verify`.

use clap::Args;

use super::turn::StartTurn;
use super::values::seconds;

const RECORD_HELP: &str = "\
Examples:
  sessionwire record 7c1f9a52-3d0e-4b8e-9a6d-1f2e3c4b5a69 --output shop.yaml
  sessionwire record --to shop.yaml --port 9000
  sessionwire emulator --scenario shop.yaml --fast

With a session it follows that one until its task ends, or Ctrl-C. With --to it is a proxy in front
of the services: a client in any language that has its address for base URL works as before, and
the file, which is written anew as things happen, has every task and turn that passed, and what
`sessionwire verify` asks again. Ctrl-C ends it. A file that is there is written over with --force
alone; where nothing passed, none is written.

Keys that were sent, the address of the live view, passwords and tokens in addresses, headers,
forms and fields, and what has the shape of a key, a card number, an IBAN or an e-mail address are
replaced by [redacted], and so is what the file of --secrets holds; what is a secret in one place
is one in all. Look the scenario over before you share it.

Exit status: 0 recorded, 2 usage, 3 API error.";

#[derive(Args)]
#[command(after_help = RECORD_HELP)]
pub(crate) struct Record {
    /// The session's id
    #[arg(value_name = "SESSION", required_unless_present = "to")]
    pub(crate) session: Option<String>,
    /// Be a proxy, and write what passes to this scenario: JSON if it is named .json, else YAML
    #[arg(long, value_name = "FILE", conflicts_with_all = ["session", "output"])]
    pub(crate) to: Option<std::path::PathBuf>,
    /// Where the proxy sends requests, of both services [default: AGI's to https://api.agi.tech,
    /// Raccoon's to https://api.raccoonai.tech]
    #[arg(long, value_name = "URL", conflicts_with = "session")]
    pub(crate) upstream: Option<String>,
    /// The port of the proxy, on 127.0.0.1 [default: any free one]
    #[arg(long, value_name = "N", conflicts_with = "session")]
    pub(crate) port: Option<u16>,
    #[command(flatten)]
    pub(crate) file: RecordTo,
}

const VERIFY_HELP: &str = "\
Examples:
  sessionwire verify shop.yaml
  sessionwire verify shop.yaml --base-url http://127.0.0.1:8080 --json
  sessionwire verify shop.yaml --local

It asks the service what was asked when `sessionwire record --to` wrote the file: it makes sessions,
starts the same tasks and turns, which cost what they cost, reads as was read, and deletes what it
made. It compares statuses, names and types, the order of events and how tasks end, not what the
agent says. A line for each difference goes to standard output; with --json it has the type
\"drift\", and the last line the type \"verified\".

Exit status: 0 as recorded, 1 something is missing or another, a task ended otherwise, a request
could not be sent again (with --strict also: something is new), 2 usage, 3 the service cannot be
used.";

#[derive(Args)]
#[command(after_help = VERIFY_HELP)]
pub(crate) struct Verify {
    /// The scenario that `sessionwire record --to` wrote
    #[arg(value_name = "RECORDING")]
    pub(crate) recording: std::path::PathBuf,
    /// Ask an emulator that plays the recording: does the emulator still answer as the service did?
    #[arg(long, conflicts_with = "base_url")]
    pub(crate) local: bool,
    /// What is new counts as a difference, too
    #[arg(long)]
    pub(crate) strict: bool,
    /// How long a task may take, such as 300, 5m or 2h
    #[arg(long, value_name = "TIME", value_parser = seconds, default_value = "5m")]
    pub(crate) timeout: f64,
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
    /// Write over a file that is there
    #[arg(long)]
    pub(crate) force: bool,
    /// A text file with more secrets to redact, one a line
    #[arg(long, value_name = "FILE")]
    pub(crate) secrets: Option<std::path::PathBuf>,
}

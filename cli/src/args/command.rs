//! The command line as a whole: its commands, and the options of all.

use clap::{Args, Parser, Subcommand};
use sessionwire::raccoon::WireNames;

use super::batch::Batch;
use super::complete::{Completions, Man};
use super::control::Control;
use super::emulator::Emulator;
use super::raccoon::{RACCOON_HELP, Raccoon};
use super::record::{Record, Verify};
use super::run::{Resume, Run};
use super::scenario::Scenario;
use super::turn::Turn;
use super::values::wire;
use super::watch::{Doctor, Listen, Watch};

/// Run agent tasks with live events, control sessions, or start a local emulator
#[derive(Parser)]
#[command(name = "sessionwire", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Args)]
pub(crate) struct Global {
    /// The service's address [default: AGI_BASE_URL, else https://api.agi.tech/v1; for raccoon and
    /// turn RACCOON_BASE_URL, else https://api.raccoonai.tech]
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help_heading = "Global options"
    )]
    pub(crate) base_url: Option<String>,
    /// Allow http:// to a host other than this machine: the key travels unencrypted
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) allow_insecure_http: bool,
    /// How often a failed request is tried again where that is safe [default: 3]
    #[arg(long, global = true, value_name = "N", help_heading = "Global options")]
    pub(crate) max_retries: Option<u32>,
    /// Print JSON, one value a line, also of a failure (docs/command-line-json.md)
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// For raccoon and turn: other names of fields and events, as JSON or a file with it
    #[arg(long, global = true, value_name = "JSON", value_parser = wire, help_heading = "Global options")]
    pub(crate) wire: Option<Box<WireNames>>,
}

const EXAMPLES: &str = "\
Examples:
  sessionwire run --local \"Which prices are on http://127.0.0.1:8000/?\"
  sessionwire run \"Find three nonstop flights from SFO to JFK\" --timeout 10m
  sessionwire run \"Book a table for two\" --answer \"at seven\" --json
  sessionwire turn \"Summarise the report\" --file report.pdf
  sessionwire sessions list
  sessionwire raccoon sessions list
  sessionwire emulator --port 8080

The API key is read from AGI_API_KEY, for `raccoon` and `turn` from RACCOON_API_KEY. No option
takes it: every user of a machine can see the command lines of its processes. No key yet? Use
`run --local` or `turn --local`, or start the emulator. A TIME is a number of seconds, or such as
500ms, 5m, 2h or 7d.

Exit status: 0 done, 1 task error, 2 usage, 3 API error, 4 timeout, 130 interrupted.";

impl Command {
    /// Whether it speaks to Raccoon.
    pub(crate) fn is_of_raccoon(&self) -> bool {
        matches!(self, Self::Turn(_) | Self::Raccoon(_) | Self::Mcp(_))
            || matches!(self, Self::Resume(resume) if resume.is_of_handle())
    }
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run one task: create a session, show the events, print the result, delete the session
    Run(Box<Run>),
    /// Run one turn of a Raccoon session: show the events, print the answer
    Turn(Turn),
    /// Raccoon: run, follow, record, steer and stop turns; list, show, rename and delete sessions
    #[command(subcommand, after_help = RACCOON_HELP)]
    Raccoon(Raccoon),
    /// Run many tasks of a file; killed and started again it goes on where it was
    Batch(Batch),
    /// Go on with a task or turn from its handle, or with the paused task of a session
    Resume(Resume),
    /// Start a local server that speaks the API: no key, no cost
    Emulator(Box<Emulator>),
    /// Look whether scenarios for the emulator are right
    #[command(subcommand)]
    Scenario(Scenario),
    /// Record a session, or all that passes a proxy, as a scenario that the emulator plays again
    Record(Record),
    /// Ask a service again what was recorded, and say where it answers otherwise
    Verify(Verify),
    /// Find what keeps this machine from the service: key, address, proxy, certificates, clock
    Doctor(Doctor),
    /// Watch a session: its events as they come; the agent's questions are answered at the prompt
    Watch(Watch),
    /// Offer the services to a model, as a server of the Model Context Protocol
    Mcp(Box<crate::mcp::args::Mcp>),
    /// Send a session's events to an address of this machine, as the service sends webhooks
    Listen(Listen),
    /// Print a script that completes commands and options in a shell
    Completions(Completions),
    /// Print the manual page of a command, for `man`
    Man(Man),
    #[command(flatten)]
    Control(Control),
}

//! `run`, and `resume`, which goes on with what was begun.

use clap::{Args, ValueEnum};

use super::sessions::{NewSession, Snapshot};
use super::values::seconds;

const RUN_HELP: &str = "\
Examples:
  sessionwire run --local \"What is on http://127.0.0.1:8000/?\" --screenshot page.jpg
  sessionwire run \"Compare two offers\" --start-url https://shop.example --timeout 5m
  sessionwire run \"Book a table\" --answer \"at seven\" --answer \"two people\"
  sessionwire run \"Now order it\" --session 7c1f9a52-3d0e-4b8e-9a6d-1f2e3c4b5a69
  echo morning | sessionwire run \"Find a flight\" --json | tail -n 1

Events and the result go to standard output, everything else to standard error: on a terminal the
session and its live view, one line that says how things stand, and at the end what became of it.
With --json standard output has one object a line: \"started\" with the task's handle, each event,
and at last \"result\" or \"error\" (docs/command-line-json.md); with --quiet the last one only.
A question of the agent is answered by --answer, else at the prompt, else by a line of standard
input. Ctrl-C cancels the task and deletes the session, unless --keep or --session is given; a
second Ctrl-C leaves at once.

Exit status: 0 done, 1 task error, 2 usage (also an open question without an answer),
3 API error, 4 timeout, 130 interrupted.";

#[derive(Args)]
#[command(after_help = RUN_HELP)]
pub(crate) struct Run {
    /// What the agent shall do: 1 to 10,000 characters (-: standard input, @FILE: that file)
    pub(crate) task: String,
    /// Use an emulator inside this program instead of the service: needs no key
    #[arg(long)]
    pub(crate) local: bool,
    /// Work in this session, which stays, instead of a new one
    #[arg(long, value_name = "SESSION", conflicts_with_all = ["local", "keep", "NewSession", "Snapshot"])]
    pub(crate) session: Option<String>,
    /// Where a task runs in --session: error refuses, wait waits for its end, cancel cancels it
    #[arg(
        long,
        value_name = "WHAT",
        value_enum,
        default_value_t,
        requires = "session",
        hide_possible_values = true
    )]
    pub(crate) if_busy: IfBusy,
    /// The page to open first
    #[arg(long, value_name = "URL")]
    pub(crate) start_url: Option<String>,
    /// Give up after this long, such as 300, 5m or 2h
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(crate) timeout: Option<f64>,
    /// The answer to the agent's question; repeat it for the questions that follow
    #[arg(long, value_name = "TEXT")]
    pub(crate) answer: Vec<String>,
    /// Save a picture of the browser after the task
    #[arg(long, value_name = "FILE")]
    pub(crate) screenshot: Option<std::path::PathBuf>,
    /// Open the live view in the browser of this machine (BROWSER, else the system's)
    #[arg(long)]
    pub(crate) open: bool,
    /// Do not delete the session; print its id to standard error
    #[arg(long)]
    pub(crate) keep: bool,
    #[command(flatten)]
    pub(crate) shown: Shown,
    #[command(flatten, next_help_heading = "The new session")]
    pub(crate) new: NewSession,
    #[command(flatten, next_help_heading = "The new session")]
    pub(crate) snapshot: Snapshot,
}

/// How much is printed.
#[derive(Args)]
pub(crate) struct Shown {
    /// Print the result only, no events
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Print the result as it came, with control characters that could drive a terminal
    #[arg(long)]
    pub(crate) raw: bool,
}

/// What to do where a task runs.
#[derive(Clone, Copy, Default, ValueEnum)]
pub(crate) enum IfBusy {
    #[default]
    Error,
    Wait,
    Cancel,
}

const RESUME_HELP: &str = "\
Examples:
  sessionwire resume \"$(cat task.handle)\" --json
  sessionwire resume \"$(cat task.handle)\" --from-start --timeout 10m
  sessionwire resume session-1

A handle is what `handle` of a task or turn gives in Python, Node or Rust, or `prepare_task` and
`prepare_turn` of a session: a text that begins with sw1. The events go on after the last one that
was given. A task that was prepared is sent first, unless its session shows that it was sent.
Ctrl-C and --timeout end the command, not the task: standard error has its new handle.

Exit status: 0 done, 1 task error, 2 usage (also an open question without an answer),
3 API error, 4 timeout, 130 interrupted.";

#[derive(Args)]
#[command(after_help = RESUME_HELP)]
pub(crate) struct Resume {
    /// A handle, or the id of a session whose task is paused
    #[arg(value_name = "HANDLE|SESSION")]
    pub(crate) what: String,
    /// Show all of the events again
    #[arg(long)]
    pub(crate) from_start: bool,
    /// Give up after this long, such as 300, 5m or 2h; the task goes on
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(crate) timeout: Option<f64>,
    /// The answer to the agent's question; repeat it for the questions that follow
    #[arg(long, value_name = "TEXT")]
    pub(crate) answer: Vec<String>,
    #[command(flatten)]
    pub(crate) shown: Shown,
}

impl Resume {
    /// Whether it names a handle, and not a session.
    pub(crate) fn is_of_handle(&self) -> bool {
        let version = self.what.trim().strip_prefix("sw");
        version
            .and_then(|rest| rest.split_once('.'))
            .is_some_and(|(version, _)| version.bytes().all(|byte| byte.is_ascii_digit()))
    }

    /// Whether it says anything that is about a handle only.
    pub(crate) fn says_more(&self) -> bool {
        let is_shown_otherwise = self.from_start || self.shown.quiet || self.shown.raw;
        is_shown_otherwise || self.timeout.is_some() || !self.answer.is_empty()
    }
}

//! `emulator`: the local server.

use clap::{Args, ValueEnum};
use sessionwire_emulator::{Endpoint, Fault};

use super::values::{fault, seconds};

/// Its list of endpoints is the emulator's own.
fn emulator_help() -> String {
    let (agi, raccoon): (Vec<_>, Vec<_>) =
        Endpoint::all().partition(|endpoint| endpoint.is_of_agi());
    let names = |of: Vec<Endpoint>| {
        of.into_iter()
            .map(Endpoint::name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let (agi, raccoon) = (names(agi), names(raccoon));
    format!(
        "{EMULATOR_EXAMPLES}
Endpoints: {agi};\nRaccoon's {raccoon}; * (all); webhook (what AGI sends).\n{EMULATOR_ACTIONS}"
    )
}

const EMULATOR_EXAMPLES: &str = "\
Examples:
  sessionwire emulator
  sessionwire emulator --port 8080 --scenario scenario.yaml --fast --verbose
  sessionwire emulator --api-key test-key-1 --api-key test-key-2
  sessionwire emulator --fault 'events cut_after=1 times=2' --fault 'create limit=429'

A fault is an endpoint, then what happens there: `events cut_after=1`. With the same names it can be
JSON: {\"on\": \"events\", \"cut_after\": 1}. It acts on one request, or as many as times=N says (0: for ever).
Which requests: session_id=ID, key=K, header={..}, task=TEXT, skip=N, every=N, chance=P seed=N,
starts_after=S, lasts=S, per_minute=N.";

const EMULATOR_ACTIONS: &str = "\
Actions: delay=S, latency=S jitter=S, set={..}, status=N (body=..), headers={..}, drop_headers=[..], limit=429 or 503, redirect=URL,
reset, hang, after, deleted=false, late_status=N, put=WHAT at=PLACE, body_as=KIND, inflates_to=BYTES,
then=close or silence, split=BYTES, split_delay=S, cut_after_bytes=N, close_after_bytes=N,
end_after_bytes=N; for events and socket: cut_after=N, close_after=N, end_after=N, silence_after=N, silence,
heartbeat_only, no_heartbeats, duplicate, reorder=N, omit_ids, drop_ids=[..], replay_done, insert=\"..\",
oversize=BYTES, insert_after=N; for socket close_code=N, close_reason=\"..\",
fragment=BYTES, no_ack, binary, ignore_frames; for webhook lose, duplicate, reorder=N, delay=S, each with
event=NAME. The emulator's README says what each does.";

#[derive(Args)]
#[command(after_help = emulator_help())]
pub(crate) struct Emulator {
    /// The port [default: any free one]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) port: u16,
    /// The address to listen on; other than loopback only with --allow-remote
    #[arg(long, value_name = "H", default_value = "127.0.0.1")]
    pub(crate) host: String,
    /// Let other machines use the emulator
    #[arg(long)]
    pub(crate) allow_remote: bool,
    /// A name that it answers to, beside localhost and IP addresses; repeat it for more
    #[arg(long, value_name = "NAME")]
    pub(crate) allow_host: Vec<String>,
    /// What the agent does: a scenario in JSON or YAML
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<std::path::PathBuf>,
    /// The agent's waits take no time, though the timestamps show them
    #[arg(long)]
    pub(crate) fast: bool,
    /// A failure to inject; repeat it for more
    #[arg(long, value_name = "FAULT", value_parser = fault)]
    pub(crate) fault: Vec<Fault>,
    /// A file of failures to inject, one a line; `#` begins a comment
    #[arg(long, value_name = "FILE")]
    pub(crate) fault_file: Vec<std::path::PathBuf>,
    /// What shows the pages: auto takes Chromium where there is one
    #[arg(long, value_name = "B", value_enum, default_value_t)]
    pub(crate) browser: Browser,
    /// A key to accept; repeat it for more [default: any key is accepted]
    #[arg(long, value_name = "K")]
    pub(crate) api_key: Vec<String>,
    /// The time between two heartbeats of an event stream
    #[arg(long, value_name = "TIME", value_parser = seconds, default_value = "30")]
    pub(crate) heartbeat_interval: f64,
    /// Log each request to standard error
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

/// What shows the pages of the emulator's sessions.
#[derive(Clone, Copy, Default, ValueEnum)]
pub(crate) enum Browser {
    #[default]
    Auto,
    Builtin,
    Chromium,
}

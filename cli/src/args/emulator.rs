//! `emulator`: the local server.

use clap::{Args, ValueEnum};
use sessionwire_emulator::{Dialect, Endpoint, Fault};

use super::values::{dialect, fault, seconds, seconds_or_none};

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
  sessionwire emulator --control --json
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
    /// The address by which others reach it behind a forwarder: what vnc_url and webhooks name
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// Speak TLS (https) with a certificate that is made now; the file with what clients must trust is printed
    #[arg(long, conflicts_with = "tls_cert")]
    pub(crate) tls: bool,
    /// The same, with what clients must trust written to this file
    #[arg(long, value_name = "FILE", conflicts_with = "tls_cert")]
    pub(crate) tls_ca: Option<std::path::PathBuf>,
    /// Speak TLS with this certificate (PEM), followed by those between it and its authority
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<std::path::PathBuf>,
    /// The key of --tls-cert (PEM), without a passphrase
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<std::path::PathBuf>,
    /// Keep what it holds in this folder over a restart: scenario, faults, clock, sessions, turns, uploads
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<std::path::PathBuf>,
    /// What exists at the start and after each reset: a state as the control API exports it, in JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) seed: Option<std::path::PathBuf>,
    /// An origin whose pages may use the API from a browser; repeat it for more
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) cors: Vec<String>,
    /// What the agent does: a scenario in JSON or YAML
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<std::path::PathBuf>,
    /// What a task gets that no entry of the scenario fits: the built-in agent, or an error
    #[arg(long, value_name = "U", value_enum, default_value_t)]
    pub(crate) unmatched: Unmatched,
    /// Read the scenario again when its file changes; one with an error changes nothing
    #[arg(long, requires = "scenario")]
    pub(crate) watch: bool,
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
    /// A key that is known, but gets 403; repeat it for more
    #[arg(long, value_name = "K")]
    pub(crate) barred_key: Vec<String>,
    /// Offer the control API, with which programs in any language drive the emulator; the token is
    /// printed, or that of SESSIONWIRE_CONTROL_TOKEN
    #[arg(long)]
    pub(crate) control: bool,
    /// Offer the control API with this token: 8 or more characters
    #[arg(long, value_name = "TOKEN")]
    pub(crate) control_token: Option<String>,
    /// The program of the Chromium that opens pages [default: SESSIONWIRE_CHROMIUM, else one on the path]
    #[arg(long, value_name = "PATH")]
    pub(crate) chromium: Option<std::path::PathBuf>,
    /// The time between two heartbeats of an event stream
    #[arg(long, value_name = "TIME", value_parser = seconds, default_value = "30")]
    pub(crate) heartbeat_interval: f64,
    /// The time between two steps of the built-in agent
    #[arg(long, value_name = "TIME", value_parser = seconds_or_none, default_value = "0.15")]
    pub(crate) step_delay: f64,
    /// How long a new session stays `initializing`
    #[arg(long, value_name = "TIME", value_parser = seconds_or_none, default_value = "0")]
    pub(crate) init_delay: f64,
    /// The most live sessions of a key; more get 503 [default: no limit]
    #[arg(long, value_name = "N")]
    pub(crate) session_limit: Option<usize>,
    /// Report the execution status as `ready` and `paused`, too
    #[arg(long)]
    pub(crate) extended_status: bool,
    /// Leave out the events up to `Last-Event-ID` when a stream is resumed
    #[arg(long)]
    pub(crate) honour_last_event_id: bool,
    /// The time before the second try of a webhook; doubled for the third
    #[arg(long, value_name = "TIME", value_parser = seconds_or_none, default_value = "1")]
    pub(crate) webhook_backoff: f64,
    /// How long the receiver of a webhook may take for its response
    #[arg(long, value_name = "TIME", value_parser = seconds, default_value = "10")]
    pub(crate) webhook_timeout: f64,
    /// Raccoon: how many turns of a key run at once
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) max_turns: usize,
    /// Raccoon: let turns above --max-turns wait instead of refusing them with 429
    #[arg(long)]
    pub(crate) queue_turns: bool,
    /// Raccoon: the largest upload, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 25 * 1024 * 1024)]
    pub(crate) upload_limit: u64,
    /// Raccoon: what a WebSocket makes of `last_stream_entry_id`
    #[arg(long, value_name = "R", value_enum, default_value_t)]
    pub(crate) resume: ResumeFrom,
    /// Raccoon: the events on a WebSocket carry no `stream_entry_id`
    #[arg(long)]
    pub(crate) no_entry_ids: bool,
    /// Raccoon: how it speaks where its documentation leaves that open, as JSON: {"payload": "data"}
    #[arg(long, value_name = "JSON", value_parser = dialect)]
    pub(crate) dialect: Option<Box<Dialect>>,
    /// Raccoon: the time between two pings on a WebSocket
    #[arg(long, value_name = "TIME", value_parser = seconds, default_value = "20")]
    pub(crate) ping_interval: f64,
    /// Raccoon: answer a frame that is not understood with an error
    #[arg(long)]
    pub(crate) strict_frames: bool,
    /// Raccoon: offer `DELETE /message/{message_id}/abort`
    #[arg(long)]
    pub(crate) abort_endpoint: bool,
    /// End once standard input is closed, as it is when the program that started this one has ended or was killed
    #[arg(long)]
    pub(crate) end_with_stdin: bool,
    /// Log each request to standard error
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

/// What becomes of a task that no entry fits.
#[derive(Clone, Copy, Default, ValueEnum)]
pub(crate) enum Unmatched {
    #[default]
    Agent,
    Error,
}

/// What a turn's socket makes of the place to go on from.
#[derive(Clone, Copy, Default, ValueEnum)]
pub(crate) enum ResumeFrom {
    /// Later entries only
    #[default]
    Honoured,
    /// Everything again
    Ignored,
    /// That entry again, too
    Inclusive,
}

/// What shows the pages of the emulator's sessions.
#[derive(Clone, Copy, Default, ValueEnum)]
pub(crate) enum Browser {
    #[default]
    Auto,
    Builtin,
    Chromium,
}

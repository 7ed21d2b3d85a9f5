//! The command line: what may be written, and the help.

use clap::builder::NonEmptyStringValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde_json::{Value, json};
use sessionwire::meaning::misread;
use sessionwire::raccoon::{RaccoonOptions, TextMode, UploadedFile, WireNames};
use sessionwire_emulator::{Endpoint, Fault};

use crate::{output, report, terminal};

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
    /// Print JSON on one line; events one per line
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// For raccoon and turn: other names of fields and events, as JSON or a file with it
    #[arg(long, global = true, value_name = "JSON", value_parser = wire, help_heading = "Global options")]
    pub(crate) wire: Option<Box<WireNames>>,
}

const EXAMPLES: &str = "\
Examples:
  sessionwire run --local \"Which prices are on http://127.0.0.1:8000/?\"
  sessionwire run \"Find three nonstop flights from SFO to JFK\" --timeout 600
  sessionwire run \"Book a table for two\" --answer \"at seven\" --json
  sessionwire turn \"Summarise the report\" --file report.pdf
  sessionwire sessions list
  sessionwire raccoon sessions list
  sessionwire emulator --port 8080

The API key is read from AGI_API_KEY, for `raccoon` and `turn` from RACCOON_API_KEY. No option
takes it: every user of a machine can see the command lines of its processes. No key yet? Use
`run --local` or `turn --local`, or start the emulator.

Exit status: 0 done, 1 task error, 2 usage, 3 API error, 4 timeout, 130 interrupted.";

impl Command {
    /// Whether it speaks to Raccoon.
    pub(crate) fn is_of_raccoon(&self) -> bool {
        matches!(self, Self::Turn(_) | Self::Raccoon(_))
            || matches!(self, Self::Resume(resume) if resume.is_of_handle())
    }
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run one task: create a session, show the events, print the result, delete the session
    Run(Run),
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
    Emulator(Emulator),
    /// Record a session, history included, as a scenario that the emulator plays again
    Record(Record),
    /// Look what may keep this machine from the service: key, address, proxy, certificates, clock
    Doctor(Doctor),
    /// Watch a session: its events as they come; the agent's questions are answered at the prompt
    Watch(Watch),
    #[command(flatten)]
    Control(Control),
}

const RUN_HELP: &str = "\
Examples:
  sessionwire run --local \"What is on http://127.0.0.1:8000/?\" --screenshot page.jpg
  sessionwire run \"Compare two offers\" --start-url https://shop.example --timeout 300
  sessionwire run \"Book a table\" --answer \"at seven\" --answer \"two people\"
  echo morning | sessionwire run \"Find a flight\" --json | tail -n 1

Events and the result go to standard output, everything else to standard error. With --json
each event is one line {\"type\",\"id\",\"data\",\"text\"}, and the last line has the type \"result\",
or, of a command that failed, the type \"error\" with name, status and message. A question of the agent is answered by --answer, else at the prompt, else by a line of standard
input. Ctrl-C cancels the task and deletes the session; a second Ctrl-C leaves at once.

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
    /// The agent
    #[arg(long, value_name = "NAME", default_value = "agi-0")]
    pub(crate) agent: String,
    /// The page to open first
    #[arg(long, value_name = "URL")]
    pub(crate) start_url: Option<String>,
    /// Give up after this many seconds
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub(crate) timeout: Option<f64>,
    /// The answer to the agent's question; repeat it for the questions that follow
    #[arg(long, value_name = "TEXT")]
    pub(crate) answer: Vec<String>,
    /// Save a picture of the browser after the task
    #[arg(long, value_name = "FILE")]
    pub(crate) screenshot: Option<std::path::PathBuf>,
    /// Do not delete the session; print its id to standard error
    #[arg(long)]
    pub(crate) keep: bool,
    /// Print the result only, no events
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Print the result as it came, with control characters that could drive a terminal
    #[arg(long)]
    pub(crate) raw: bool,
}

const BATCH_HELP: &str = "\
Examples:
  sessionwire batch tasks.jsonl --out results.jsonl --concurrency 8
  sessionwire batch tasks.jsonl --out results.jsonl --retry-failed
  jq -R . prices.txt | sessionwire batch - --out prices.jsonl --start-url https://shop.example

Each line of TASKS is a text in quotes, or an object with \"message\" and, where they differ, \"id\",
\"start_url\", \"agent_name\", \"timeout\" and other parameters of a session. Without an \"id\" a task is
called by its place, from 0. Each result is one line of the file --out, as its task ends: \"id\",
\"status\" (done or error), \"text\" and \"data\" or \"error\", \"session_id\".

However often the command is killed: the same command again goes on where it was, by the journal.
No task is sent twice, and no result is written twice. Ctrl-C ends the command; what was sent goes
on in its session until the command is started again.

Exit status: 0 all done, 1 some tasks failed, 2 usage, 3 some tasks did not end, 130 interrupted.";

#[derive(Args)]
#[command(after_help = BATCH_HELP)]
pub(crate) struct Batch {
    /// The file of tasks, one on each line (-: standard input)
    pub(crate) tasks: std::path::PathBuf,
    /// The file to which each result is added
    #[arg(long, value_name = "FILE")]
    pub(crate) out: std::path::PathBuf,
    /// How many tasks run at once, at most
    #[arg(long, value_name = "N", default_value = "4")]
    pub(crate) concurrency: usize,
    /// The file that says how far each task came [default: that of --out with .journal]
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<std::path::PathBuf>,
    /// Send the tasks that failed once more
    #[arg(long)]
    pub(crate) retry_failed: bool,
    /// The agent of tasks that name none
    #[arg(long, value_name = "NAME", default_value = "agi-0")]
    pub(crate) agent: String,
    /// The page to open first, of tasks that name none
    #[arg(long, value_name = "URL")]
    pub(crate) start_url: Option<String>,
    /// Give each task up after this many seconds
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub(crate) timeout: Option<f64>,
}

const RESUME_HELP: &str = "\
Examples:
  sessionwire resume \"$(cat task.handle)\" --json
  sessionwire resume \"$(cat task.handle)\" --from-start --timeout 600
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
    /// Give up after this many seconds; the task goes on
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub(crate) timeout: Option<f64>,
    /// The answer to the agent's question; repeat it for the questions that follow
    #[arg(long, value_name = "TEXT")]
    pub(crate) answer: Vec<String>,
    /// Print the result only, no events
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Print the result as it came, with control characters that could drive a terminal
    #[arg(long)]
    pub(crate) raw: bool,
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
        let is_shown_otherwise = self.from_start || self.quiet || self.raw;
        is_shown_otherwise || self.timeout.is_some() || !self.answer.is_empty()
    }
}

const TURN_HELP: &str = "\
Examples:
  sessionwire turn --local \"Summarise the notes\" --file notes.txt --mode deepsearch
  sessionwire turn \"Build a REST API\" --mode code
  sessionwire turn \"Now add tests\" --session 2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415
  sessionwire turn \"Plan a trip\" --mode plan --json | tail -n 1

Events and the answer go to standard output, everything else to standard error: there the id of a
new session, to continue it. With --json each event is one line {\"type\",\"id\",\"data\",\"text\"}, and
the last line has the type \"result\", or \"error\" with name, status and message. Ctrl-C stops the turn; a second Ctrl-C leaves at once. The
session stays either way.

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
    /// Give up after this many seconds; the turn goes on
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub(crate) timeout: Option<f64>,
    /// Print the answer only, no events
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Print the answer as it came, with control characters that could drive a terminal
    #[arg(long)]
    pub(crate) raw: bool,
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

const RACCOON_HELP: &str = "\
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
    /// End after this many seconds
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub(crate) timeout: Option<f64>,
    /// Seconds between two looks at the history
    #[arg(long, value_name = "S", value_parser = seconds, default_value = "2")]
    pub(crate) poll_interval: f64,
}

#[derive(Subcommand)]
pub(crate) enum RaccoonSessions {
    /// List your sessions, those that changed last first
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
    /// Delete one session and stop its turn; one that is gone is no error
    Delete(Session),
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
    /// What the agent shall know
    pub(crate) text: String,
    #[command(flatten)]
    pub(crate) files: Files,
}

#[derive(Args)]
pub(crate) struct StopTurn {
    #[command(flatten)]
    pub(crate) turn: TurnOf,
    /// How many seconds to wait for the turn's end
    #[arg(long, value_name = "S", value_parser = seconds, default_value = "10")]
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
Endpoints: {agi};\nRaccoon's {raccoon}; * (all).\n{EMULATOR_ACTIONS}"
    )
}

const EMULATOR_EXAMPLES: &str = "\
Examples:
  sessionwire emulator
  sessionwire emulator --port 8080 --scenario scenario.yaml --fast --verbose
  sessionwire emulator --api-key test-key-1 --api-key test-key-2
  sessionwire emulator --fault 'events cut_after=1 times=2' --fault 'create limit=429'

A fault is an endpoint, then what happens there: `events cut_after=1`. With the same names it can be
JSON: {\"on\": \"events\", \"cut_after\": 1}. It acts on one request, or as many as times=N says (0: for ever).";

const EMULATOR_ACTIONS: &str = "\
Actions: delay=S, status=N (body=..), headers={..}, drop_headers=[..], limit=429 or 503, redirect=URL,
reset, hang, after, deleted=false, late_status=N, put=WHAT at=PLACE, body_as=KIND, inflates_to=BYTES,
then=close or silence, split=BYTES, split_delay=S, cut_after_bytes=N, close_after_bytes=N,
end_after_bytes=N; for events and socket: cut_after=N, close_after=N, end_after=N, silence_after=N, silence,
heartbeat_only, no_heartbeats, duplicate, reorder=N, omit_ids, drop_ids=[..], replay_done, insert=\"..\",
oversize=BYTES, insert_after=N; for socket close_code=N, close_reason=\"..\",
fragment=BYTES, no_ack, binary, ignore_frames. The emulator's README says what each does.";

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
    /// Seconds between the heartbeats of an event stream
    #[arg(long, value_name = "S", value_parser = seconds, default_value = "30")]
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
    /// Stop the turn after this many seconds
    #[arg(long, value_name = "S", value_parser = seconds)]
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

const DOCTOR_HELP: &str = "\
It asks the service for the list of sessions, and changes nothing. No key is shown. With --json each
check is one line {\"type\":\"check\",\"name\",\"status\",\"message\"}; status is ok, warning or error.

Exit status: 0 the service can be used, 2 it cannot.";

#[derive(Args)]
#[command(after_help = DOCTOR_HELP)]
pub(crate) struct Doctor {}

const WATCH_SESSION_HELP: &str = "\
Examples:
  sessionwire watch 7c1f9a52-3d0e-4b8e-9a6d-1f2e3c4b5a69
  sessionwire watch 7c1f9a52-3d0e-4b8e-9a6d-1f2e3c4b5a69 --no-history --json

It ends with the session's task. Whoever started that: another program, or another terminal. A question
that is open is answered by --answer, at the prompt, or by a line of standard input; where nobody answers
here, another program may. Ctrl-C and --timeout end the command, not the task.";

#[derive(Args)]
#[command(after_help = WATCH_SESSION_HELP)]
pub(crate) struct Watch {
    #[command(flatten)]
    pub(crate) session: Session,
    /// Only new events
    #[arg(long)]
    pub(crate) no_history: bool,
    /// The answer to the agent's question; repeat it for the questions that follow
    #[arg(long, value_name = "TEXT")]
    pub(crate) answer: Vec<String>,
    /// End after this long
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub(crate) timeout: Option<f64>,
}

const SEND_MESSAGE_HELP: &str = "\
Examples:
  sessionwire send 7c1f9a52-3d0e-4b8e-9a6d-1f2e3c4b5a69 \"Find the cheapest mug\" --start-url https://shop.example
  sessionwire send 7c1f9a52-3d0e-4b8e-9a6d-1f2e3c4b5a69 @task.txt
  sessionwire events 7c1f9a52-3d0e-4b8e-9a6d-1f2e3c4b5a69

The message is sent once. `answer` answers a question, and looks first whether one is open.";

const WAIT_HELP: &str = "\
Exit status: 0 the task ended, or there is none; 1 it failed; 2 usage, also a question that is open;
3 API error, 4 the time is over, 130 interrupted.";

const CREATE_HELP: &str = "\
Examples:
  S=$(sessionwire sessions create --quiet)
  sessionwire send \"$S\" \"Find the cheapest mug\" && sessionwire wait \"$S\" && sessionwire messages \"$S\"
  sessionwire sessions delete \"$S\"

The session is open, and costs, until it is deleted.";

/// A text that the agent gets.
#[derive(Args)]
pub(crate) struct Text {
    /// The text: 1 to 10,000 characters (-: standard input, @FILE: that file)
    #[arg(id = "text", value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) given: String,
}

/// How a session is created.
#[derive(Args)]
pub(crate) struct Create {
    /// The agent
    #[arg(long, value_name = "NAME", default_value = "agi-0")]
    pub(crate) agent: String,
    /// Where the service reports the session's events
    #[arg(long, value_name = "URL")]
    pub(crate) webhook_url: Option<String>,
    /// Restore the snapshot of this deleted session
    #[arg(long, value_name = "SESSION")]
    pub(crate) restore_from: Option<String>,
    /// Restore the default environment of this user
    #[arg(long, value_name = "USER")]
    pub(crate) restore_default_of: Option<String>,
    /// Restore this environment
    #[arg(long, value_name = "ID")]
    pub(crate) restore_environment: Option<String>,
    /// Let a restore use the faster memory snapshot
    #[arg(long)]
    pub(crate) memory_snapshot: bool,
    /// The session's goal
    #[arg(long, value_name = "TEXT")]
    pub(crate) goal: Option<String>,
    /// The most steps of a task
    #[arg(long, value_name = "N")]
    pub(crate) max_steps: Option<u32>,
    /// managed-cdp, external-cdp or desktop
    #[arg(long, value_name = "TYPE")]
    pub(crate) session_type: Option<String>,
    /// The browser to drive, of an external-cdp
    #[arg(long, value_name = "URL")]
    pub(crate) cdp_url: Option<String>,
    /// chrome-1 or ubuntu-1
    #[arg(long, value_name = "TYPE")]
    pub(crate) environment_type: Option<String>,
    /// How long to wait while the service has no room for another session
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub(crate) wait_for_limit: Option<f64>,
    /// Print the session's id only
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// A consent.
#[derive(Args)]
pub(crate) struct Yes {
    /// Do not ask; needed where nobody can be asked
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// The requests of the API, one by one.
#[derive(Subcommand)]
pub(crate) enum Control {
    /// Create, list, show or delete sessions
    #[command(subcommand)]
    Sessions(Sessions),
    /// Send a session a message: a task, or more about the task that runs
    #[command(after_help = SEND_MESSAGE_HELP)]
    Send {
        #[command(flatten)]
        session: Session,
        #[command(flatten)]
        text: Text,
        /// The page to open first
        #[arg(long, value_name = "URL")]
        start_url: Option<String>,
    },
    /// Answer the question that is open in a session, whoever started its task
    Answer {
        #[command(flatten)]
        session: Session,
        #[command(flatten)]
        text: Text,
    },
    /// Wait until the task of a session ends or asks a question, and print the execution status
    #[command(after_help = WAIT_HELP)]
    Wait {
        #[command(flatten)]
        session: Session,
        /// Give up after this long
        #[arg(long, value_name = "S", value_parser = seconds)]
        timeout: Option<f64>,
        /// The time between two looks
        #[arg(long, value_name = "S", value_parser = seconds, default_value = "2")]
        poll_interval: f64,
    },
    /// Follow the events of a session until its task ends
    Events {
        #[command(flatten)]
        session: Session,
        /// Only these types, separated by commas
        #[arg(long, value_name = "TYPES", value_delimiter = ',')]
        types: Option<Vec<String>>,
        /// Only new events
        #[arg(long)]
        no_history: bool,
    },
    /// Print the messages of a session
    Messages {
        #[command(flatten)]
        session: Session,
        /// Only messages with a higher id
        #[arg(
            long,
            value_name = "ID",
            default_value_t = 0,
            hide_default_value = true,
            allow_negative_numbers = true
        )]
        after_id: i64,
    },
    /// Print the execution status of a session's task
    Status(Session),
    /// Pause the task
    Pause(Session),
    /// Cancel the task; the session stays usable
    Cancel(Session),
    /// Open a page in the session's browser and print where it ended up
    Navigate {
        #[command(flatten)]
        session: Session,
        /// A full http or https address
        url: String,
    },
    /// Save a picture of the session's browser
    Screenshot {
        #[command(flatten)]
        session: Session,
        /// Where to save it; `-` is standard output [default: screenshot.jpg]
        #[arg(long, short, value_name = "FILE")]
        output: Option<std::path::PathBuf>,
    },
}

#[derive(Subcommand)]
pub(crate) enum Sessions {
    /// Create a session and print what it is; it stays until it is deleted
    #[command(after_help = CREATE_HELP)]
    Create(Box<Create>),
    /// List your sessions
    #[command(visible_alias = "ls")]
    List {
        /// Only sessions with this status; repeat it for more
        #[arg(long, value_name = "STATUS")]
        status: Vec<String>,
    },
    /// Show one session
    Get(Session),
    /// Delete sessions; one that is gone is no error
    #[command(visible_alias = "rm")]
    Delete {
        /// The ids of the sessions
        #[arg(id = "session", value_name = "SESSION", required = true)]
        ids: Vec<String>,
    },
    /// Delete the sessions that have ended; print what became of each
    Cleanup {
        /// Only sessions created more than this many seconds ago
        #[arg(long, value_name = "S", value_parser = seconds)]
        older_than: Option<f64>,
        /// Only sessions with this status; repeat it for more [default: completed, error]
        #[arg(long, value_name = "STATUS")]
        status: Vec<String>,
    },
    /// Delete the sessions that dead processes left, by their ledger; print what became of each
    Reap {
        /// The file in which the processes note their sessions [default: `SESSIONWIRE_LEDGER`]
        #[arg(long, value_name = "PATH")]
        ledger: Option<String>,
        /// Only sessions created more than this many seconds ago
        #[arg(long, value_name = "S", value_parser = seconds)]
        older_than: Option<f64>,
        #[command(flatten)]
        yes: Yes,
    },
    /// Delete ALL your sessions and cancel their tasks
    DeleteAll(Yes),
}

#[derive(Args)]
pub(crate) struct Session {
    /// The session's id
    #[arg(id = "session", value_name = "SESSION")]
    pub(crate) id: String,
}

/// A time: a number of seconds, or of what its unit says.
fn seconds(text: &str) -> Result<f64, String> {
    let end = text
        .trim_end_matches(|c: char| c.is_ascii_alphabetic())
        .len();
    let (number, unit) = text.split_at(end);
    let unit = match unit {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => 0.0,
    };
    match number.trim_end().parse::<f64>() {
        Ok(number) if number * unit > 0.0 && (number * unit).is_finite() => Ok(number * unit),
        _ => Err(
            "give a positive number of seconds, such as 30 or 0.5, or a time such as 5m, 2h or 7d"
                .to_owned(),
        ),
    }
}

/// A number of seconds that was checked.
pub(crate) fn duration(seconds: f64) -> std::time::Duration {
    std::time::Duration::try_from_secs_f64(seconds).unwrap_or(std::time::Duration::MAX)
}

fn wire(text: &str) -> Result<Box<WireNames>, String> {
    let json = if text.trim_start().starts_with('{') {
        text.to_owned()
    } else {
        std::fs::read_to_string(text)
            .map_err(|error| format!("it is neither a JSON object nor a file to read ({error})"))?
    };
    // A client's options say which name is not as it should be.
    let read = serde_json::from_str(&json)
        .and_then(|wire: Value| serde_json::from_value(json!({ "wire": wire })));
    let options: RaccoonOptions = read.map_err(|error| {
        let why = misread(error.to_string().trim_start_matches("wire: "));
        format!("{why}; give an object such as {{\"prompt\": [\"task\"]}}")
    })?;
    Ok(Box::new(options.wire))
}

/// Whether a text names a place in a turn's stream (docs/spec/raccoon.md, section 5.6).
pub(crate) fn is_entry(text: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('-')
        .is_some_and(|(at, number)| is_number(at) && is_number(number))
}

fn entry(text: &str) -> Result<String, String> {
    match is_entry(text) {
        true => Ok(text.to_owned()),
        false => Err("give the `stream_entry_id` of an event, such as 1772615727418-0".to_owned()),
    }
}

fn text_mode(text: &str) -> Result<TextMode, String> {
    serde_json::from_value(text.into()).map_err(|_| "use auto, delta or cumulative".to_owned())
}

fn uploaded(text: &str) -> Result<UploadedFile, String> {
    serde_json::from_str(text).map_err(|error| {
        let why = misread(&error.to_string());
        format!("{why}; give the line that `sessionwire raccoon upload --json` printed")
    })
}

fn fault(text: &str) -> Result<Fault, String> {
    let fault: Fault = text.parse().map_err(|error| format!("{error}"))?;
    fault.validate().map_err(|error| error.to_string())?;
    Ok(fault)
}

/// Reads the arguments, the program's name left out.
pub(crate) fn parse(args: Vec<String>) -> Result<Cli, NoCommand> {
    let name = String::from("sessionwire");
    let json = args.iter().any(|arg| arg == "--json");
    Cli::try_parse_from(std::iter::once(name).chain(args))
        .map_err(|error| NoCommand { error, json })
}

/// The help, the version or a usage error.
pub(crate) struct NoCommand {
    error: clap::Error,
    /// `--json` was among the arguments.
    json: bool,
}

impl NoCommand {
    /// Prints it where it belongs and gives the exit status.
    pub(crate) fn print(&self) -> i32 {
        let mut text = self.error.render().to_string();
        if self.asks_for_key() {
            text.push_str(
                "\nThe key is read from the environment variable AGI_API_KEY (raccoon and turn: RACCOON_API_KEY): every user of a machine can see the \
                 command lines of its processes.\n",
            );
        }
        if self.error.use_stderr() {
            terminal::prompt(&terminal::visible(&text));
            if self.json {
                report::report_usage(&text);
            }
            2
        } else {
            output::print(&text)
                .err()
                .map_or(0, |failure| report::report(&failure, false))
        }
    }

    fn asks_for_key(&self) -> bool {
        self.error.kind() == ErrorKind::UnknownArgument
            && matches!(self.error.get(ContextKind::InvalidArg),
                Some(ContextValue::String(arg)) if arg.starts_with("--api-key"))
    }
}

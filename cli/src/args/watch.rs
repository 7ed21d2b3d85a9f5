//! `doctor`, `watch` and `listen`.

use clap::Args;

use super::sessions::Session;
use super::values::seconds;

const DOCTOR_HELP: &str = "\
It asks the service for the list of sessions, and changes nothing. No key is shown. With --live it
also creates a session, sends it one short task, and deletes it: each answer is compared with the
documented one, and what is unknown, missing or of another type is a warning.

With --json each check is one line {\"type\":\"check\",\"name\",\"status\",\"message\"}; status is ok,
warning or error.

Exit status: 0 the service can be used, 2 it cannot.";

#[derive(Args)]
#[command(after_help = DOCTOR_HELP)]
pub(crate) struct Doctor {
    /// Try a session out, too, and delete it: it costs as much as a short task
    #[arg(long)]
    pub(crate) live: bool,
}

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
    /// End after this long, such as 300, 5m or 2h
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(crate) timeout: Option<f64>,
    /// Open the live view in the browser of this machine (BROWSER, else the system's)
    #[arg(long)]
    pub(crate) open: bool,
}

const LISTEN_HELP: &str = "\
Examples:
  sessionwire listen 7c1f9a52-3d0e-4b8e-9a6d-1f2e3c4b5a69 --forward-to http://127.0.0.1:3000/hook
  WEBHOOK_SECRET=... sessionwire listen 7c1f9a52-3d0e-4b8e-9a6d-1f2e3c4b5a69 --forward-to http://127.0.0.1:3000/hook

The service cannot reach a receiver on this machine. This reads the session's events and sends each
one as the service would: the same body and headers, three attempts, 1 s and 2 s between them. A
line for each attempt goes to standard output; with --json it has the type \"delivery\". It ends with
Ctrl-C, or when the session is deleted. With WEBHOOK_SECRET in the environment the address gets the
token that `webhooks.verify` of the receiver checks.";

#[derive(Args)]
#[command(after_help = LISTEN_HELP)]
pub(crate) struct Listen {
    #[command(flatten)]
    pub(crate) session: Session,
    /// The receiver: its whole address, such as http://127.0.0.1:3000/hook
    #[arg(long, value_name = "URL")]
    pub(crate) forward_to: String,
    /// Send what happened so far, too, from the session's creation on
    #[arg(long)]
    pub(crate) history: bool,
    /// The time between two looks for a new task
    #[arg(long, value_name = "TIME", value_parser = seconds, default_value = "2")]
    pub(crate) poll_interval: f64,
}

//! The single requests of AGI.

use clap::{Args, Subcommand};

use super::sessions::{Session, Sessions};
use super::values::seconds;

const SEND_MESSAGE_HELP: &str = "\
Examples:
  sessionwire send 7c1f9a52-3d0e-4b8e-9a6d-1f2e3c4b5a69 \"Find the cheapest mug\" --start-url https://shop.example
  sessionwire send 7c1f9a52-3d0e-4b8e-9a6d-1f2e3c4b5a69 @task.txt
  sessionwire events 7c1f9a52-3d0e-4b8e-9a6d-1f2e3c4b5a69

The message is sent once. `answer` answers a question, and looks first whether one is open.";

const ANSWER_HELP: &str = "\
Examples:
  sessionwire answer 7c1f9a52-3d0e-4b8e-9a6d-1f2e3c4b5a69 \"the blue one\"
  sessionwire answer 7c1f9a52-3d0e-4b8e-9a6d-1f2e3c4b5a69 @answer.txt

It looks first whether a question is open (else exit status 2), and answers that one alone.
`sessionwire messages SESSION` shows it.";

const EVENTS_HELP: &str = "\
Examples:
  sessionwire events 7c1f9a52-3d0e-4b8e-9a6d-1f2e3c4b5a69
  sessionwire events 7c1f9a52-3d0e-4b8e-9a6d-1f2e3c4b5a69 --types question,done,error --json

It answers nothing: `sessionwire watch` does.";

const WAIT_HELP: &str = "\
Examples:
  sessionwire wait 7c1f9a52-3d0e-4b8e-9a6d-1f2e3c4b5a69 --timeout 10m

Exit status: 0 the task ended, or there is none; 1 it failed; 2 usage, also a question that is open;
3 API error, 4 the time is over, 130 interrupted.";

/// A text that the agent gets.
#[derive(Args)]
pub(crate) struct Text {
    /// The text: 1 to 10,000 characters (-: standard input, @FILE: that file)
    #[arg(id = "text", value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) given: String,
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
    #[command(after_help = ANSWER_HELP)]
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
        /// Give up after this long, such as 300, 5m or 2h
        #[arg(long, value_name = "TIME", value_parser = seconds)]
        timeout: Option<f64>,
        /// The time between two looks
        #[arg(long, value_name = "TIME", value_parser = seconds, default_value = "2")]
        poll_interval: f64,
    },
    /// Follow the events of a session until its task ends
    #[command(after_help = EVENTS_HELP)]
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

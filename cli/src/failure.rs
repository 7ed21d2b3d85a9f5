//! Every way in which a command can fail, its text and its exit status.

use serde_json::{Map, Value, json};
use sessionwire::{Error, ErrorKind};

use crate::{lines, words};

/// Why a command did not end well.
pub(crate) enum Failure {
    /// The client reported it.
    Client(Error),
    /// The same, with one more thing to do next.
    ClientHint(Error, &'static str),
    /// The command line asks for something that does not work.
    Usage(String),
    /// This machine refuses: a file, a port.
    Local(String),
    /// The time given with `--timeout`, in seconds, is over.
    Timeout(f64),
    /// That time is over, and the task was not started by then.
    NotStarted(f64),
    /// The agent asks this, and there is nobody to answer.
    Unanswered(String),
    /// Some tasks of a batch failed, or did not end.
    Batch { text: String, status: i32 },
    /// What a command waited for did not end well.
    Waited { text: String, kind: ErrorKind },
    /// SIGINT or SIGTERM.
    Interrupted,
    /// Whoever read the output has left.
    OutputClosed,
    /// `watch` ended by its time, in seconds; what it watched goes on.
    WatchEnded(f64),
    /// A command that was about this turn ended early.
    OfTurn(Box<Failure>, Ids),
    /// A command that was about the task of this session ended early.
    OfTask(Box<Failure>, Ids),
}

/// Which turn or task it is, as far as it is known.
pub(crate) struct Ids {
    session_id: String,
    message_id: Option<String>,
}

impl Failure {
    /// The same for a turn, where the failure does not name it yet.
    pub(crate) fn of_turn(self, session_id: &str, message_id: Option<&str>) -> Self {
        match self {
            Self::Timeout(_) | Self::Interrupted => {
                let ids = Ids {
                    session_id: session_id.to_owned(),
                    message_id: message_id.map(str::to_owned),
                };
                Self::OfTurn(Box::new(self), ids)
            }
            other => other,
        }
    }

    /// The same for the task of a session, where the failure does not name it yet.
    pub(crate) fn of_task(self, session_id: &str) -> Self {
        match self {
            Self::Timeout(_)
            | Self::NotStarted(_)
            | Self::Interrupted
            | Self::Unanswered(_)
            | Self::WatchEnded(_) => {
                let ids = Ids {
                    session_id: session_id.to_owned(),
                    message_id: None,
                };
                Self::OfTask(Box::new(self), ids)
            }
            other => other,
        }
    }

    /// What ended the command, whichever turn it was about.
    pub(crate) fn cause(&self) -> &Self {
        match self {
            Self::OfTurn(failure, _) | Self::OfTask(failure, _) => failure.cause(),
            failure => failure,
        }
    }

    /// The line of `--json`.
    pub(crate) fn line(&self) -> Value {
        let message = self.text();
        let message = message.as_deref().unwrap_or("The command was interrupted.");
        let error = match self {
            Self::Client(error) | Self::ClientHint(error, _) => Some(error),
            _ => None,
        };
        let said = match error {
            Some(error) => lines::error_fields(error, message),
            None => Map::new(),
        };
        let ids = match self {
            Self::OfTurn(_, ids) | Self::OfTask(_, ids) => Some(ids),
            _ => None,
        };
        let session_id = ids.map(|ids| ids.session_id.as_str());
        let message_id = ids.and_then(|ids| ids.message_id.as_deref());
        let mut line = json!({
            "type": "error",
            "json_version": lines::VERSION,
            "name": self.name(),
            "status": null,
            "message": message,
            "advice": lines::advice(message),
            "code": null,
            "reason": null,
            "maybe_delivered": false,
            "session_id": error.and_then(Error::session_id).or(session_id),
            "message_id": error.and_then(Error::message_id).or(message_id),
            "exit_status": self.status(),
        });
        for (name, value) in said {
            line[name] = value;
        }
        if let Self::ClientHint(error, hint) = self {
            line["advice"] = format!("{} {hint}", words::advice_of(error)).trim().into();
        }
        line
    }

    /// The error's name; those of the client are the ones of every language.
    fn name(&self) -> &'static str {
        match self {
            Self::Client(error) | Self::ClientHint(error, _) => error.kind().name(),
            Self::Usage(_) => "UsageError",
            Self::Local(_) => "LocalError",
            Self::Timeout(_) | Self::NotStarted(_) | Self::WatchEnded(_) => {
                ErrorKind::TaskTimeout.name()
            }
            Self::Unanswered(_) => ErrorKind::QuestionPending.name(),
            Self::Batch { .. } => "BatchError",
            Self::Waited { kind, .. } => kind.name(),
            Self::Interrupted | Self::OutputClosed => "Interrupted",
            Self::OfTurn(failure, _) | Self::OfTask(failure, _) => failure.name(),
        }
    }

    /// The exit status.
    pub(crate) fn status(&self) -> i32 {
        match self {
            Self::Client(error) | Self::ClientHint(error, _) => status_of(error.kind()),
            Self::Usage(_) | Self::Local(_) | Self::Unanswered(_) => 2,
            Self::Timeout(_) | Self::NotStarted(_) | Self::WatchEnded(_) => 4,
            Self::Batch { status, .. } => *status,
            Self::Waited { kind, .. } => status_of(*kind),
            Self::Interrupted => 130,
            // What a shell reports for a program that SIGPIPE ended.
            Self::OutputClosed => 141,
            Self::OfTurn(failure, _) | Self::OfTask(failure, _) => failure.status(),
        }
    }

    /// What happened and what to do next, where it was not said yet.
    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Self::Client(error) => Some(words::text_of(error)),
            Self::ClientHint(error, hint) => Some(format!("{} {hint}", words::text_of(error))),
            Self::Usage(text)
            | Self::Local(text)
            | Self::Batch { text, .. }
            | Self::Waited { text, .. } => Some(text.clone()),
            Self::Timeout(seconds) => Some(too_long("task", *seconds)),
            Self::NotStarted(seconds) => Some(format!(
                "The session did not take the task within {seconds} s. Give it more time with --timeout, or see what it does \
                 with `sessionwire messages SESSION`."
            )),
            Self::WatchEnded(seconds) => Some(format!(
                "The session was watched for {seconds} s, and goes on. Watch it longer with --timeout, or leave that out."
            )),
            Self::OfTask(failure, _) => failure.text(),
            Self::OfTurn(failure, _) => match **failure {
                Self::Timeout(seconds) => Some(too_long("turn", seconds)),
                ref other => other.text(),
            },
            Self::Unanswered(question) => Some(format!(
                "The agent asks: \"{question}\" and there is no answer. Give one with --answer TEXT (once for each \
                 question), or write it to standard input."
            )),
            // Said when the signal came; nothing is left to say here.
            Self::Interrupted | Self::OutputClosed => None,
        }
    }
}

fn too_long(what: &str, seconds: f64) -> String {
    format!(
        "The {what} did not end within {seconds} s. Give it more time with --timeout, or make it smaller."
    )
}

fn status_of(kind: ErrorKind) -> i32 {
    match kind {
        ErrorKind::Config | ErrorKind::InvalidRequest => 2,
        ErrorKind::QuestionPending => 2,
        ErrorKind::Task => 1,
        ErrorKind::TaskTimeout => 4,
        _ => 3,
    }
}

/// Whether an answer was not sent because its question is not open any more.
pub(crate) fn came_late(error: &Error) -> bool {
    error.reason() == Some("question_closed")
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Client(error)
    }
}

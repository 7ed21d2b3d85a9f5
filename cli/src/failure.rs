//! Every way in which a command can fail, its text and its exit status.

use sessionwire::{Error, ErrorKind};

use crate::terminal::note;

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
    /// The agent asks this, and there is nobody to answer.
    Unanswered(String),
    /// SIGINT or SIGTERM.
    Interrupted,
    /// Whoever read the output has left.
    OutputClosed,
}

impl Failure {
    /// Says on stderr what happened and what to do next; gives the exit
    /// status.
    pub(crate) fn report(&self) -> i32 {
        if let Some(text) = self.text() {
            note(&format!("error: {text}"));
        }
        self.status()
    }

    fn status(&self) -> i32 {
        match self {
            Self::Client(error) | Self::ClientHint(error, _) => status_of(error.kind()),
            Self::Usage(_) | Self::Local(_) | Self::Unanswered(_) => 2,
            Self::Timeout(_) => 4,
            Self::Interrupted => 130,
            // What a shell reports for a program that SIGPIPE ended.
            Self::OutputClosed => 141,
        }
    }

    fn text(&self) -> Option<String> {
        match self {
            Self::Client(error) => Some(error.to_string()),
            Self::ClientHint(error, hint) => Some(format!("{error} {hint}")),
            Self::Usage(text) | Self::Local(text) => Some(text.clone()),
            Self::Timeout(seconds) => Some(format!(
                "The task did not end within {seconds} s. Give it more time with --timeout, or make it smaller."
            )),
            Self::Unanswered(question) => Some(format!(
                "The agent asks: \"{question}\" and there is no answer. Give one with --answer TEXT (once for each \
                 question), or write it to standard input."
            )),
            // Said when the signal came; nothing is left to say here.
            Self::Interrupted | Self::OutputClosed => None,
        }
    }
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

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Client(error)
    }
}

//! Where the answers to the agent's questions come from.

use std::collections::VecDeque;
use std::io::{BufRead as _, IsTerminal as _};

use tokio::sync::mpsc;

use crate::{screen, terminal};

/// The answers given with `--answer`, then those of a person at the prompt or
/// of the program that feeds standard input.
pub(crate) struct Input {
    given: VecDeque<String>,
    source: Source,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) text: String,
    /// Typed in at the prompt just now.
    pub(crate) typed: bool,
}

enum Source {
    /// A person who can be asked.
    Person,
    /// Lines of a pipe or file.
    Pipe,
    /// Lines that a thread reads from standard input.
    Reading {
        lines: mpsc::Receiver<String>,
        person: bool,
    },
    /// Nothing more to read.
    Nobody,
}

impl Input {
    /// `interactive`: whether a person may be asked.
    pub(crate) fn new(given: Vec<String>, interactive: bool) -> Self {
        let source = if std::io::stdin().is_terminal() {
            // The prompt goes to stderr: stdout may be a pipe.
            if interactive && std::io::stderr().is_terminal() {
                Source::Person
            } else {
                Source::Nobody
            }
        } else if given.is_empty() {
            Source::Pipe
        } else {
            Source::Nobody
        };
        Self {
            given: given.into(),
            source,
        }
    }

    /// An answer that needs no waiting; else makes ready to wait for one.
    pub(crate) fn ask(&mut self) -> Option<Answer> {
        let given = self.given.pop_front();
        if given.is_none() {
            self.open();
            if let Source::Reading {
                lines,
                person: true,
            } = &mut self.source
            {
                // What was typed for an earlier question answers no other.
                while lines.try_recv().is_ok() {}
            }
            if matches!(self.source, Source::Reading { person: true, .. }) {
                screen::hide(true);
                terminal::prompt("Your answer: ");
            }
        }
        given.map(|text| Answer { text, typed: false })
    }

    /// Nobody needs to answer any more.
    pub(crate) fn withdraw(&mut self) {
        if matches!(self.source, Source::Reading { person: true, .. }) {
            terminal::prompt("\n");
            screen::hide(false);
            terminal::note("The question was answered elsewhere.");
        }
    }

    /// The next line that says something; `None` if nobody will answer.
    /// Dropping this future loses no line.
    pub(crate) async fn next(&mut self) -> Option<Answer> {
        let Source::Reading { lines, person } = &mut self.source else {
            return None;
        };
        loop {
            match lines.recv().await {
                Some(text) if !text.trim().is_empty() => {
                    screen::hide(false);
                    return Some(Answer {
                        text,
                        typed: *person,
                    });
                }
                Some(_) if *person => terminal::prompt("Your answer: "),
                Some(_) => {}
                None => {
                    if *person {
                        terminal::end_line();
                    }
                    self.source = Source::Nobody;
                    return None;
                }
            }
        }
    }

    /// Starts to read standard input, not before it is needed: a script may
    /// want its lines for the commands that follow.
    fn open(&mut self) {
        let person = match self.source {
            Source::Person => true,
            Source::Pipe => false,
            Source::Reading { .. } | Source::Nobody => return,
        };
        let (sender, lines) = mpsc::channel(1);
        // A thread, because nothing can end a read of a terminal. It ends with
        // the process.
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines() {
                let Ok(line) = line else { break };
                if sender.blocking_send(line).is_err() {
                    break;
                }
            }
        });
        self.source = Source::Reading { lines, person };
    }
}

//! What the doctor found, and how it says so.

use serde_json::json;
use sessionwire::ErrorKind;

use crate::failure::Failure;
use crate::output::Output;
use crate::render::one_line;
use crate::screen::wrapped;

/// What a look at one thing found.
pub(crate) struct Finding {
    name: &'static str,
    state: State,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    Doubtful,
    Bad,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Doubtful => "warning",
            Self::Bad => "error",
        }
    }

    /// An ANSI code.
    fn colour(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Doubtful => "33",
            Self::Bad => "31",
        }
    }
}

pub(crate) fn good(name: &'static str, text: impl Into<String>) -> Finding {
    found(name, State::Good, text)
}

pub(crate) fn doubtful(name: &'static str, text: impl Into<String>) -> Finding {
    found(name, State::Doubtful, text)
}

pub(crate) fn bad(name: &'static str, text: impl Into<String>) -> Finding {
    found(name, State::Bad, text)
}

fn found(name: &'static str, state: State, text: impl Into<String>) -> Finding {
    let text = text.into();
    Finding { name, state, text }
}

/// Says each finding as it is made.
pub(crate) struct Report<'a> {
    json: bool,
    output: &'a Output,
    troubles: usize,
}

impl<'a> Report<'a> {
    pub(crate) fn new(json: bool, output: &'a Output) -> Self {
        Self {
            json,
            output,
            troubles: 0,
        }
    }

    pub(crate) async fn tell(&mut self, finding: Finding) -> Result<(), Failure> {
        let Finding { name, state, text } = finding;
        self.troubles += usize::from(state == State::Bad);
        if self.json {
            let line =
                json!({"type": "check", "name": name, "status": state.word(), "message": text});
            return self.output.json(line.to_string()).await;
        }
        let text = one_line(&text);
        let begin = format!("{:<8}{name:<10}", state.word());
        if !self.output.is_terminal() {
            return self.output.line(format!("{begin}{text}")).await;
        }
        let margin = " ".repeat(begin.len());
        for (at, line) in wrapped(&text, begin.len()).iter().enumerate() {
            let before = match (at, self.output.has_colour()) {
                (0, true) => format!(
                    "\x1b[{}m{:<8}\x1b[0m{name:<10}",
                    state.colour(),
                    state.word()
                ),
                (0, false) => begin.clone(),
                _ => margin.clone(),
            };
            self.output.line(format!("{before}{line}")).await?;
        }
        Ok(())
    }

    /// Whether nothing so far keeps anybody from the service.
    pub(crate) fn is_good(&self) -> bool {
        self.troubles == 0
    }

    pub(crate) fn end(self) -> Result<(), Failure> {
        match self.troubles {
            0 => Ok(()),
            _ => Err(Failure::Waited {
                kind: ErrorKind::Config,
                text: "The service cannot be used as things are. Each line that begins with `error` says what to do.".to_owned(),
            }),
        }
    }
}

//! Reads the command line; says what is wrong with it, or its help.

use clap::Parser as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::command::Cli;
use crate::{output, report, terminal};

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

//! `scenario check`.

use clap::{Args, Subcommand};

const CHECK_HELP: &str = "\
Examples:
  sessionwire scenario check shop.yaml
  sessionwire scenario check scenarios/*.yaml --json

Each problem is a line: file, line, column, the place in the scenario, what is wrong there and what to
write. With --json each file is one object: file, status (ok or error), tasks, turns, problems.

Exit status: 0 all can be played, 2 one cannot, or cannot be read.";

#[derive(Subcommand)]
pub(crate) enum Scenario {
    /// Look whether the emulator can play scenarios, and say where one is wrong
    #[command(after_help = CHECK_HELP)]
    Check(Check),
}

#[derive(Args)]
pub(crate) struct Check {
    /// Scenarios in JSON or YAML
    #[arg(required = true, value_name = "FILE")]
    pub(crate) file: Vec<std::path::PathBuf>,
}

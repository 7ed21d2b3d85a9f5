//! `completions` and `man`.

use clap::{Args, ValueEnum};

const COMPLETIONS_HELP: &str = "\
Set it up:
  bash        sessionwire completions bash > ~/.local/share/bash-completion/completions/sessionwire
  zsh         sessionwire completions zsh > ~/.zfunc/_sessionwire
              (with `fpath+=~/.zfunc` before `autoload -Uz compinit && compinit` in ~/.zshrc)
  fish        sessionwire completions fish > ~/.config/fish/completions/sessionwire.fish
  powershell  sessionwire completions powershell | Out-String | Invoke-Expression

For this shell alone, in bash: source <(sessionwire completions bash)";

#[derive(Args)]
#[command(after_help = COMPLETIONS_HELP)]
pub(crate) struct Completions {
    /// bash, zsh, fish or powershell
    #[arg(value_enum, hide_possible_values = true)]
    pub(crate) shell: Shell,
}

/// A shell that can be completed in.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
}

const MAN_HELP: &str = "\
Examples:
  sessionwire man | man -l -
  sessionwire man sessions create | man -l -
  sessionwire man --dir ~/.local/share/man/man1";

#[derive(Args)]
#[command(after_help = MAN_HELP)]
pub(crate) struct Man {
    /// The command, such as `run` or `sessions create` [default: all of it]
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
    /// Write the pages of all commands into this folder
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    pub(crate) dir: Option<std::path::PathBuf>,
}

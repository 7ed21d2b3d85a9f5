//! `sessionwire completions` and `sessionwire man`: what the command line knows of itself.

use std::io;
use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;

use crate::args::{self, Cli, Completions};
use crate::failure::Failure;
use crate::output::Output;

const NAME: &str = "sessionwire";

/// Prints a script for a shell.
pub(crate) async fn completions(args: Completions, output: &Output) -> Result<(), Failure> {
    let shell = match args.shell {
        args::Shell::Bash => Shell::Bash,
        args::Shell::Zsh => Shell::Zsh,
        args::Shell::Fish => Shell::Fish,
        args::Shell::Powershell => Shell::PowerShell,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), NAME, &mut script);
    output.bytes(script).await
}

/// Prints a page, or writes all of them.
pub(crate) async fn man(args: args::Man, output: &Output) -> Result<(), Failure> {
    let mut all = Cli::command();
    all.build();
    if let Some(folder) = &args.dir {
        let written = std::fs::create_dir_all(folder).and_then(|()| write_all(&all, NAME, folder));
        return match written {
            Ok(()) => Ok(()),
            Err(why) => Err(Failure::Local(format!(
                "The pages cannot be written to {}: {why}. Name a folder that can be written.",
                folder.display()
            ))),
        };
    }
    let mut command = &all;
    let mut name = NAME.to_owned();
    for word in &args.command {
        let Some(found) = command.find_subcommand(word) else {
            return Err(Failure::Usage(format!(
                "`{name}` has no command {word:?}. `{name} --help` lists those that there are."
            )));
        };
        command = found;
        name = format!("{name}-{}", command.get_name());
    }
    let mut text = Vec::new();
    page(command, &name, &mut text).map_err(|why| {
        Failure::Local(format!("The page cannot be made: {why}. Please report it."))
    })?;
    output.bytes(text).await
}

fn page(command: &Command, name: &str, to: &mut dyn io::Write) -> io::Result<()> {
    let command = command.clone().display_name(name.to_owned());
    clap_mangen::Man::new(command)
        .title(name)
        .source(concat!("sessionwire ", env!("CARGO_PKG_VERSION")))
        .manual("sessionwire")
        .render(to)
}

fn write_all(command: &Command, name: &str, folder: &Path) -> io::Result<()> {
    let mut text = Vec::new();
    page(command, name, &mut text)?;
    std::fs::write(folder.join(format!("{name}.1")), text)?;
    for inner in command
        .get_subcommands()
        .filter(|inner| inner.get_name() != "help")
    {
        write_all(inner, &format!("{name}-{}", inner.get_name()), folder)?;
    }
    Ok(())
}

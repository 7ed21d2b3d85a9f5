//! The command line of `sessionwire`: one entry, [`run`], that the program
//! `sessionwire` of cargo, of the Python package and of the npm package share.

#![forbid(unsafe_code)]

mod args;
mod attach;
mod batch;
mod client;
mod consent;
mod control;
mod create;
mod doctor;
mod emulator;
mod failure;
mod files;
mod finding;
mod follow;
mod input;
mod interrupt;
mod lines;
mod listen;
mod live;
mod log;
mod manual;
mod mcp;
mod new_session;
mod output;
mod progress;
mod raccoon;
mod record;
mod record_proxy;
mod render;
mod reply;
mod report;
mod results;
mod resume;
mod scenario;
mod screen;
mod screenshot;
mod shapes;
mod stop;
mod task;
mod tasks;
mod terminal;
mod text;
mod turn;
mod verify;
mod view;
mod watch;
mod words;

use std::time::Duration;

use args::{Cli, Command, Control, Raccoon, RaccoonControl, Sessions};
use failure::Failure;
use interrupt::Interrupt;
use output::Output;
use tracing::Level;

/// Runs one command and gives the exit status: 0 done, 1 task error, 2 usage,
/// 3 API error, 4 timeout, 130 interrupted, 141 the reader of the output left.
///
/// `args` are the arguments without the program's name. Blocks until the
/// command has ended. Writes to the process's standard streams and takes SIGINT,
/// SIGTERM and SIGHUP over for the rest of the process: the first one ends the
/// command in good order, the second one the process.
pub fn run(args: Vec<String>) -> i32 {
    let cli = match args::parse(args) {
        Ok(cli) => cli,
        Err(answer) => return answer.print(),
    };
    let json = cli.global.json;
    log::start(match &cli.command {
        Command::Emulator(args) if args.verbose => Some(Level::INFO),
        Command::Emulator(_) => Some(Level::WARN),
        _ => None,
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("sessionwire")
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            let status = runtime.block_on(command(cli));
            // What still runs is an event stream or a server that nobody needs.
            runtime.shutdown_timeout(Duration::from_millis(250));
            status
        }
        Err(error) => {
            let failure = Failure::Local(format!(
                "The program could not start: {error}. Free some memory or raise the limit of open files, then try again."
            ));
            report::report(&failure, json)
        }
    }
}

async fn command(cli: Cli) -> i32 {
    let json = cli.global.json;
    let output = Output::stdout();
    let result = match Interrupt::listen() {
        Ok(interrupt) => {
            let result = dispatch(cli, &output, &interrupt).await;
            let written = output.finish(&interrupt).await;
            result.and(written)
        }
        Err(error) => Err(Failure::Local(format!(
            "The program cannot listen to Ctrl-C: {error}. Start it again."
        ))),
    };
    match result {
        Ok(()) => 0,
        Err(failure) => report::report(&failure, json),
    }
}

async fn dispatch(cli: Cli, output: &Output, interrupt: &Interrupt) -> Result<(), Failure> {
    let json = cli.global.json;
    if cli.global.wire.is_some() && !cli.command.is_of_raccoon() {
        return Err(Failure::Usage(
            "--wire is for `raccoon` and `turn`: it names what Raccoon's documentation leaves open. Leave it out here."
                .to_owned(),
        ));
    }
    let command = tokio::select! {
        biased;
        () = interrupt.wait() => return Err(Failure::Interrupted),
        command = with_texts(cli.command) => command?,
    };
    match command {
        Command::Run(args) => task::run(*args, cli.global, output, interrupt).await,
        Command::Turn(args) | Command::Raccoon(Raccoon::Turn(args)) => {
            turn::run(args, cli.global, output, interrupt).await
        }
        Command::Raccoon(Raccoon::Attach(args)) => {
            attach::run(args, &cli.global, output, interrupt).await
        }
        Command::Raccoon(Raccoon::Record(args)) => {
            record::turn(args, &cli.global, output, interrupt).await
        }
        Command::Raccoon(Raccoon::Control(command)) => {
            tokio::select! {
                result = raccoon::run(command, &cli.global, output) => result,
                () = interrupt.wait() => Err(Failure::Interrupted),
            }
        }
        Command::Batch(args) => batch::run(args, &cli.global, output, interrupt).await,
        Command::Resume(args) if args.is_of_handle() => {
            resume::run(args, &cli.global, output, interrupt).await
        }
        Command::Resume(args) if args.says_more() => Err(Failure::Usage(format!(
            "{} is no handle, which begins with sw1. Leave the options out to go on with the paused task of a session.",
            terminal::word(&args.what)
        ))),
        Command::Resume(args) => {
            tokio::select! {
                result = control::unpause(&args.what, &cli.global, output) => result,
                () = interrupt.wait() => Err(Failure::Interrupted),
            }
        }
        Command::Emulator(args) => emulator::run(*args, json, output, interrupt).await,
        Command::Scenario(args::Scenario::Check(args)) => scenario::check(args, json, output).await,
        Command::Record(args) if args.to.is_some() => {
            record_proxy::run(args, &cli.global, output, interrupt).await
        }
        Command::Verify(args) => verify::run(args, &cli.global, output, interrupt).await,
        Command::Record(args) => record::session(args, &cli.global, output, interrupt).await,
        Command::Doctor(args) => doctor::run(args, &cli.global, output, interrupt).await,
        Command::Mcp(args) => mcp::run(*args, &cli.global, output, interrupt).await,
        Command::Watch(args) => watch::run(args, &cli.global, output, interrupt).await,
        Command::Listen(args) => listen::run(args, &cli.global, output, interrupt).await,
        Command::Completions(args) => manual::completions(args, output).await,
        Command::Man(args) => manual::man(args, output).await,
        Command::Control(Control::Sessions(Sessions::Create(args))) => {
            create::run(*args, &cli.global, output, interrupt).await
        }
        Command::Control(command) => {
            tokio::select! {
                result = control::run(command, &cli.global, output) => result,
                () = interrupt.wait() => Err(Failure::Interrupted),
            }
        }
    }
}

/// The command with the texts that stand elsewhere.
async fn with_texts(mut command: Command) -> Result<Command, Failure> {
    let text = match &mut command {
        Command::Run(run) => &mut run.task,
        Command::Turn(turn) | Command::Raccoon(Raccoon::Turn(turn)) => &mut turn.start.prompt,
        Command::Raccoon(Raccoon::Record(record)) => &mut record.start.prompt,
        Command::Control(Control::Send { text, .. } | Control::Answer { text, .. }) => {
            &mut text.given
        }
        Command::Raccoon(Raccoon::Control(RaccoonControl::Send(send))) => &mut send.text,
        _ => return Ok(command),
    };
    *text = text::read(text).await?;
    Ok(command)
}

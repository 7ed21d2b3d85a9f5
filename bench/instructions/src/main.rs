//! One work, so many times: `sessionwire-bench-instructions WORK COUNT`.
//!
//! `bench/instructions.py` runs it under callgrind with two counts: the difference is what
//! one time takes, without what a start takes. Client and server share one thread, so that
//! nothing depends on when threads run.

mod server;
mod works;

use std::error::Error;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sessionwire-bench-instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(work), Some(count)) = (arguments.next(), arguments.next()) else {
        return Err(format!("say a work and a count; works: {}", works::NAMES.join(", ")).into());
    };
    works::run(&work, count.parse()?)
}

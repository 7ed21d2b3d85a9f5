//! The command line.

use napi_derive::napi;

/// Runs the command-line program with these arguments (without the program's
/// name) until it ends; gives the exit status.
// Test builds register no exports.
#[cfg_attr(test, allow(dead_code))]
#[napi(catch_unwind)]
pub fn run_cli(args: Vec<String>) -> i32 {
    sessionwire_cli::run(args)
}

//! The program `sessionwire`.

use std::io::Write as _;
use std::process::exit;

fn main() {
    let args = std::env::args_os().skip(1).map(|arg| arg.into_string());
    exit(match args.collect() {
        Ok(args) => sessionwire_cli::run(args),
        // A file name in another encoding, as a rule.
        Err(arg) => {
            let text =
                format!("error: The argument {arg:?} is not UTF-8 text. Write it in UTF-8.\n");
            // Nobody is left to be told if this fails.
            let _ = std::io::stderr().write_all(text.as_bytes());
            2
        }
    });
}

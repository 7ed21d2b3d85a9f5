//! The hostile service, for the tests of every language: prints its URL, and ends when its input ends.

use std::io::{BufRead, Write};

use sessionwire_tests::hostile;

#[tokio::main]
async fn main() {
    let mut out = std::io::stdout();
    // Whoever started this may be gone.
    drop(writeln!(out, "{}", hostile::serve().await).and_then(|()| out.flush()));
    let wait = || std::io::stdin().lock().lines().count();
    drop(tokio::task::spawn_blocking(wait).await);
}

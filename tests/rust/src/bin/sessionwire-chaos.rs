//! The chaos run for Rust, and the proxy that cuts streams for the other languages.
#![allow(clippy::expect_used)]

use std::io::{BufRead, Write};
use std::process::ExitCode;

use sessionwire_tests::chaos;
use sessionwire_tests::proxy::{Cuts, Cutter};
use sessionwire_tests::turn_chaos;

const USAGE: &str = "usage:
  sessionwire-chaos run EVENTS CUTS
  sessionwire-chaos turns CUTS
  sessionwire-chaos proxy SERVER SEED LONGEST replays|resumes

`proxy` prints its URL. Each line that it reads is answered with `STREAMS CUTS`; it ends when its input ends.";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |word: &str| word.parse().expect("a number");
    match words.as_slice() {
        ["run", events, cuts] => {
            let events = usize::try_from(number(events)).expect("a count");
            let figures = chaos::run(&chaos::plan(), events, number(cuts), 1).await;
            println!("rust: {figures}");
            ExitCode::from(u8::from(!figures.is_clean()))
        }
        ["turns", cuts] => {
            let plan = turn_chaos::plan();
            let mut clean = true;
            for mode in &plan.modes {
                let figures = turn_chaos::run(&plan, mode, number(cuts)).await;
                println!("rust, turns, {}: {figures}", mode.name);
                clean &= figures.is_clean();
            }
            ExitCode::from(u8::from(!clean))
        }
        [
            "proxy",
            server,
            seed,
            longest,
            how @ ("replays" | "resumes"),
        ] => {
            let cuts = Cuts {
                seed: number(seed),
                longest: number(longest),
                replays: *how == "replays",
            };
            let cutter = Cutter::start(server, cuts).await;
            tokio::task::spawn_blocking(move || answer(&cutter))
                .await
                .expect("it ends");
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn answer(cutter: &Cutter) {
    let say = |line: &str| {
        let mut out = std::io::stdout().lock();
        // Whoever started this may be gone.
        drop(writeln!(out, "{line}").and_then(|()| out.flush()));
    };
    say(&cutter.url);
    for line in std::io::stdin().lock().lines() {
        if line.is_err() {
            return;
        }
        say(&format!("{} {}", cutter.streams(), cutter.cuts()));
    }
}

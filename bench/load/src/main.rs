//! Load server of the benchmark, and the self-check that shows how fast it is.
//!
//! `emulator` starts `sessionwire emulator` and measures what it carries.
//! `serve` answers on a free loopback port, prints that address and ends when its standard input ends, so that it
//! never outlives the runner. `sink` reads one stream over a raw socket, checks it and prints the speed;
//! `turn` does the same for a turn over a WebSocket, `ping` for small requests. `hands` measures the machine: a byte to
//! another thread and back. `alone` is a client of the benchmark: what the HTTP client beneath ours takes by itself.

#![cfg_attr(
    test,
    allow(
        clippy::expect_used,
        reason = "a test that cannot go on should say where"
    )
)]

mod alone;
mod answers;
mod capacity;
mod clock;
mod events;
mod hands;
mod http;
mod process;
mod server;
mod sink;
mod upload;

use std::error::Error;
use std::io::Write;

const USAGE: &str = "usage:
  sessionwire-bench-load serve [PORT]
  sessionwire-bench-load sink ADDRESS SESSION_ID
  sessionwire-bench-load turn ADDRESS SESSION_ID
  sessionwire-bench-load ping ADDRESS REQUESTS
  sessionwire-bench-load hands TIMES
  sessionwire-bench-load alone events BASE_URL WARM_UP SESSION_ID
  sessionwire-bench-load alone calls BASE_URL one-by-one|at-once CALLS
  sessionwire-bench-load alone resting BASE_URL SESSION_ID STREAMS SETTLE SECONDS
  sessionwire-bench-load emulator [PROGRAM] [--streams N] [--seconds N] [--flood N]

SESSION_ID says what the stream holds: n<events>-s<bytes of data>-<each|packed|p<events per second>>,
for example n100000-s120-each.";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve"] => server::run(0),
        ["serve", port] => server::run(port.parse()?),
        ["sink", address, session_id] => say(&sink::stream(address, session_id)?),
        ["turn", address, session_id] => say(&sink::turn(address, session_id)?),
        ["ping", address, requests] => say(&sink::requests(address, requests.parse()?)?),
        ["hands", times] => say(&hands::over(times.parse()?)?),
        ["alone", "events", base_url, warm_up, session_id] => {
            say(&alone::events(base_url, warm_up, session_id)?)
        }
        ["alone", "calls", base_url, work, count] => {
            say(&alone::calls(base_url, work, count.parse()?)?)
        }
        [
            "alone",
            "resting",
            base_url,
            session_id,
            streams,
            settle,
            seconds,
        ] => {
            let figures = [streams.parse()?, settle.parse()?, seconds.parse()?];
            say(&alone::resting(base_url, session_id, figures)?)
        }
        ["emulator", rest @ ..] => {
            let (program, load) = capacity(rest)?;
            say(&capacity::run(&program, load)?)
        }
        _ => Err(USAGE.into()),
    }
}

/// The emulator's program, and what is asked of it.
fn capacity(words: &[&str]) -> Result<(String, capacity::Load), Box<dyn Error>> {
    let mut load = capacity::Load {
        streams: 1000,
        seconds: 30,
        flood: 1_000_000,
    };
    let (mut program, mut words) = (None, words.iter());
    while let Some(word) = words.next() {
        let mut number = || words.next().ok_or(USAGE);
        match *word {
            "--streams" => load.streams = number()?.parse()?,
            "--seconds" => load.seconds = number()?.parse()?,
            "--flood" => load.flood = number()?.parse()?,
            name if name.starts_with('-') || program.is_some() => return Err(USAGE.into()),
            name => program = Some(name.to_owned()),
        }
    }
    let program = program.map_or_else(capacity::default_program, Ok)?;
    Ok((program, load))
}

/// Prints one line and flushes it: the runner reads it through a pipe.
fn say(line: &str) -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(())
}

//! The service of the long runs, and what they measure in Rust.
#![allow(clippy::expect_used)]

use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::time::Instant;

use serde_json::json;
use sessionwire::agi::EventOptions;
use sessionwire_tests::build;
use sessionwire_tests::soak::{self, Service};
use tokio::task::JoinSet;

const USAGE: &str = "usage:
  sessionwire-soak serve
  sessionwire-soak raccoon
  sessionwire-soak close STREAMS

`serve` prints its URL. Each line that it reads is answered with the bytes of floods that it could send; it ends when its
input ends. `raccoon` prints the URL and the key of an emulator that takes large uploads and many turns, and ends likewise.
`close` measures how long it takes to close a client with so many open streams.";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve"] => {
            let service = Service::start().await;
            tokio::task::spawn_blocking(move || answer(&service))
                .await
                .expect("it ends");
            ExitCode::SUCCESS
        }
        ["raccoon"] => {
            let emulator = soak::raccoon().await;
            say(&format!(
                "{} {}",
                emulator.raccoon_url(),
                emulator.api_key()
            ));
            tokio::task::spawn_blocking(|| std::io::stdin().lock().lines().count())
                .await
                .expect("it ends");
            ExitCode::SUCCESS
        }
        ["close", streams] => {
            let service = Service::start().await;
            close(&service, streams.parse().expect("a number")).await;
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Whoever started this may be gone.
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}

fn answer(service: &Service) {
    say(&service.url);
    for line in std::io::stdin().lock().lines() {
        if line.is_err() {
            return;
        }
        say(&service.flooded().to_string());
    }
}

async fn close(service: &Service, count: usize) {
    let options = json!({"base_url": service.url, "api_key": "key"});
    let client = build(options).expect("the options are right");
    let session = client.sessions().attach("open").expect("an id");
    let mut streams = JoinSet::new();
    let opened = std::sync::Arc::new(tokio::sync::Barrier::new(count + 1));
    for _ in 0..count {
        let mut stream = session
            .events(EventOptions::default())
            .expect("the options are right");
        let opened = opened.clone();
        streams.spawn(async move {
            stream.next().await.expect("an event").expect("no error");
            opened.wait().await;
            while let Some(Ok(_)) = stream.next().await {}
        });
    }
    opened.wait().await;
    let started = Instant::now();
    client.close();
    streams.join_all().await;
    println!(
        "rust: closing a client with {count} open streams: {:.0} ms",
        started.elapsed().as_secs_f64() * 1000.0
    );
}

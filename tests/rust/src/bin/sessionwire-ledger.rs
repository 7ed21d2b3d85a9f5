//! A process that creates sessions until somebody kills it: `sessionwire-ledger URL KEY LEDGER MODE`.
//!
//! `busy` creates, sends and deletes without an end; `still` creates one session, says so
//! and waits; `creating` says so and waits for the answer to a create.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use serde_json::json;
use sessionwire::agi::{Client, CreateSession, SendMessage};
use sessionwire_tests::build;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [url, key, ledger, mode] = args.as_slice() else {
        panic!("sessionwire-ledger URL KEY LEDGER MODE");
    };
    let options = json!({"base_url": url, "api_key": key, "ledger": ledger, "max_retries": 0});
    let client = build(options).expect("the options are right");
    match mode.as_str() {
        "busy" => busy(&client).await,
        "still" => {
            let session = client.sessions().create(CreateSession::default()).await;
            say(session.expect("a session").id());
        }
        _ => {
            say("creating");
            let _ = client.sessions().create(CreateSession::default()).await;
        }
    }
    std::future::pending::<()>().await;
}

async fn busy(client: &Client) {
    say("busy");
    loop {
        let kept = client.sessions().create(CreateSession::new("kept")).await;
        let Ok(kept) = kept else { continue };
        let _ = kept.send_message(SendMessage::new("go")).await;
        if let Ok(other) = client.sessions().create(CreateSession::new("other")).await {
            let _ = other.delete().await;
        }
    }
}

fn say(text: &str) {
    use std::io::Write as _;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{text}").expect("stdout");
    stdout.flush().expect("stdout");
}

//! One end of a task that two processes work on, for tests across languages.
//!
//! `begin URL KEY`: starts a task, reads three events, prints its handle. `resume URL KEY HANDLE`: goes
//! on with it, and prints the texts of the events and of the result as JSON.
#![allow(missing_docs, clippy::unwrap_used)]

use serde_json::json;
use sessionwire::agi::{Client, CreateSession, Event, ResumeOptions, StartTask};
use sessionwire::{ClientConfig, ClientOptions, Secret};
use sessionwire_tests::all;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let options = ClientOptions::new()
        .base_url(&args[1])
        .api_key(Secret::new(&args[2]));
    let client = Client::new(ClientConfig::resolve(options).unwrap()).unwrap();
    let said = match args[0].as_str() {
        "begin" => {
            let create = CreateSession::new("agi-0");
            let session = client.sessions().create(create).await.unwrap();
            let task = session.start_task(StartTask::new("long")).await.unwrap();
            let mut events = task.events();
            for _ in 0..3 {
                events.next().await.unwrap().unwrap();
            }
            task.handle()
        }
        _ => {
            let task = client.resume(&args[3], ResumeOptions::new()).await.unwrap();
            let events = all(&mut task.events()).await;
            let texts: Vec<String> = events.iter().map(Event::text).collect();
            json!({"events": texts, "result": task.result(None).await.unwrap().text}).to_string()
        }
    };
    let mut stdout = std::io::stdout();
    std::io::Write::write_all(&mut stdout, said.as_bytes()).unwrap();
}

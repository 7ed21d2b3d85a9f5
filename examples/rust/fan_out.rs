//! Many tasks, a session for each, on the emulator. With a key: `Client::from_env()`.

use std::time::Duration;

use sessionwire::agi::{Client, RunTasks};
use sessionwire::{ClientConfig, ClientOptions, Secret};
use sessionwire_emulator::{Emulator, Options};

/// Runs the tasks.
#[tokio::main]
pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = Emulator::start(Options::default()).await?;
    let client = Client::new(ClientConfig::resolve(
        ClientOptions::new()
            .api_key(Secret::new(emulator.api_key()))
            .base_url(emulator.url()),
    )?)?;
    let tasks = ["Price of the blue mug: 12.50 EUR", "Price of the green mug: 9.90 EUR"];
    let plan = RunTasks::new(tasks)
        .concurrency(2)
        .timeout(Duration::from_secs(60));
    let mut outcomes = client.run_tasks(plan)?;
    // In the order in which they end. One that fails stops no other, and each session is deleted.
    while let Some(outcome) = outcomes.next().await {
        match outcome.result {
            Ok(result) => println!("{}: {}", outcome.task, result.text),
            Err(error) => println!("{}: {error}", outcome.task),
        }
    }
    Ok(())
}

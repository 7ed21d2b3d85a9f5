//! A task that asks, answered by a handler, on the emulator. With a key: `Client::from_env()`.

use std::time::Duration;

use sessionwire::agi::{Client, CreateSession, RunTask};
use sessionwire::{ClientConfig, ClientOptions, Secret};
use sessionwire_emulator::{Emulator, Options};

/// Runs the task.
#[tokio::main]
pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = Emulator::start(Options::default()).await?;
    let client = Client::new(ClientConfig::resolve(
        ClientOptions::new()
            .api_key(Secret::new(emulator.api_key()))
            .base_url(emulator.url()),
    )?)?;
    let session = client
        .sessions()
        .create(CreateSession::new("agi-0"))
        .await?;
    let task = RunTask::new("Ask me for a colour: blue mug 12.50 EUR, green mug 9.90 EUR")
        .on_event(|event| println!("{:<8} {}", event.event_type().name(), event.text()))
        // A handler may be async, and `None` leaves the question open.
        .on_question(async |question| question.text().contains("colour").then(|| "green".to_owned()))
        .timeout(Duration::from_secs(60))
        .cancel_on_timeout();
    let result = session
        .scoped(|session| async move { session.run_task(task).await })
        .await?;
    println!("{}", result.text);
    Ok(())
}

//! A task with live events and a question, on the emulator. With a key: `Client::from_env()`.

use sessionwire::agi::{Client, CreateSession, EventType, StartTask};
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
    let result = session
        .scoped(|session| async move {
            let task = session
                .start_task(StartTask::new(
                    "Ask me for a colour: blue mug 12.50 EUR, green mug 9.90 EUR",
                ))
                .await?;
            let mut events = task.events();
            while let Some(event) = events.next().await {
                let event = event?;
                println!("{:<8} {}", event.event_type().name(), event.text());
                if *event.event_type() == EventType::Question {
                    task.answer("green").await?;
                }
            }
            task.result(None).await
        })
        .await?;
    println!("{}", result.text);
    Ok(())
}

//! All events of a session, its history first, on the emulator. With a key: `Client::from_env()`.

use sessionwire::agi::{Client, CreateSession, EventOptions, EventType, RunTask};
use sessionwire::{ClientConfig, ClientOptions, Secret};
use sessionwire_emulator::{Emulator, Options};

/// Watches the session.
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
    session
        .scoped(|session| async move {
            session.run_task(RunTask::new("Count the words")).await?;
            // A stream of the session, from its first event. `EventOptions::event_types` picks some.
            let mut events = session.events(EventOptions::default())?;
            while let Some(event) = events.next().await {
                let event = event?;
                println!("{:?} {:<8} {}", event.id(), event.event_type().name(), event.text());
                if *event.event_type() == EventType::Done {
                    break;
                }
            }
            // A stream that is dropped frees its socket.
            Ok::<_, sessionwire::Error>(())
        })
        .await?;
    Ok(())
}

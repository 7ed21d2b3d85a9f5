//! A turn with a file and live events, on the emulator. With a key: `Client::from_env()`.

use sessionwire::raccoon::{Client, RaccoonConfig, RaccoonOptions, StartTurn};
use sessionwire::{ClientOptions, Secret};
use sessionwire_emulator::{Emulator, Options};

/// Runs the turn.
#[tokio::main]
pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = Emulator::start(Options::default()).await?;
    let client = Client::new(RaccoonConfig::resolve(
        RaccoonOptions::new().client(
            ClientOptions::new()
                .api_key(Secret::new(emulator.api_key()))
                .base_url(emulator.raccoon_url()),
        ),
    )?)?;
    let notes = std::env::temp_dir().join(format!("sessionwire-notes-{}.txt", std::process::id()));
    std::fs::write(&notes, "Blue mug 12.50 EUR\nGreen mug 9.90 EUR\n")?;
    let session = client.session()?;
    let turn = session
        .start_turn(
            StartTurn::new("Which mug is cheaper?")
                .mode("deepsearch")
                .file(notes.to_string_lossy().as_ref()),
        )
        .await?;
    let mut events = turn.events();
    while let Some(event) = events.next().await {
        let event = event?;
        println!("{:<16} {}", event.event_type().name(), event.text());
    }
    let result = turn.result(None).await?;
    println!("{}", result.text);
    std::fs::remove_file(&notes)?;
    Ok(())
}

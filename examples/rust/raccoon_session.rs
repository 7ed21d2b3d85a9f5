//! A session of Raccoon: an upload, two turns, its history, on the emulator. With a key:
//! `Client::from_env()`.

use sessionwire::raccoon::{Client, RaccoonConfig, RaccoonOptions, StartTurn, UploadSource};
use sessionwire::{ClientOptions, Secret};
use sessionwire_emulator::{Emulator, Options};

/// Works in the session.
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
    let session = client.session()?;
    let prices = session
        .upload(UploadSource::bytes("Blue mug 12.50 EUR\nGreen mug 9.90 EUR\n"))
        .await?;
    let first = StartTurn::new("Which mug is cheaper?").file(prices);
    println!("{}", session.run_turn(first).await?.text);
    // The session remembers what was said.
    let second = session.run_turn(StartTurn::new("And by how much?")).await?;
    println!("{}", second.text);

    session.rename("Mugs").await?;
    let history = session.history().await?;
    println!("{} messages", history.messages.len());
    session.delete().await?;
    Ok(())
}

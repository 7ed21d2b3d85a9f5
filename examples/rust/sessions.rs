//! Sessions: list, look up, snapshot, restore, on the emulator. With a key: `Client::from_env()`.

use sessionwire::agi::{Client, CreateSession, SnapshotOptions};
use sessionwire::{ClientConfig, ClientOptions, Secret};
use sessionwire_emulator::{Emulator, Options};

/// Saves a session, and goes on in another one.
#[tokio::main]
pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = Emulator::start(Options::default()).await?;
    let client = Client::new(ClientConfig::resolve(
        ClientOptions::new()
            .api_key(Secret::new(emulator.api_key()))
            .base_url(emulator.url()),
    )?)?;
    let sessions = client.sessions();
    let session = sessions.create(CreateSession::new("agi-0")).await?;
    session.navigate(emulator.live_url()).await?;
    for found in sessions.list().await? {
        println!("{} is {}", found.id(), found.info().status);
    }

    // The delete keeps the browser's state; a new session takes it up.
    let snapshot = SnapshotOptions::default().save_snapshot_mode("filesystem");
    session.delete_with(snapshot).await?;
    let restored = sessions
        .create(CreateSession::new("agi-0").restore_from_session_id(session.id()))
        .await?;
    let picture = restored.screenshot().await?;
    println!("it shows {}", picture.url);

    // A handle on a session whose id is known needs no request.
    let deleted = sessions.attach(restored.id())?.delete().await?;
    println!("deleted: {}", deleted.deleted);
    Ok(())
}

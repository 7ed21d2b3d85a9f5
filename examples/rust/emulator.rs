//! The emulator in a test of one's own: a scripted agent, and a service that fails.

use sessionwire::agi::{Client, CreateSession, RunTask};
use sessionwire::{ClientConfig, ClientOptions, ErrorKind, Secret};
use sessionwire_emulator::{Emulator, Options, Scenario};

/// What is tested: a part of an application.
async fn price(client: &Client, item: &str) -> sessionwire::Result<f64> {
    let session = client
        .sessions()
        .create(CreateSession::new("agi-0"))
        .await?;
    let task = RunTask::new(format!("The price of a {item}, as JSON"));
    let result = session
        .scoped(|session| async move { session.run_task(task).await })
        .await?;
    let found: serde_json::Value = result.json()?;
    Ok(found["price"].as_f64().unwrap_or_default())
}

/// The test: with `#[tokio::test]` in an application.
#[tokio::main]
pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = Emulator::start(Options::default()).await?;
    let client = Client::new(ClientConfig::resolve(
        ClientOptions::new()
            .api_key(Secret::new(emulator.api_key()))
            .base_url(emulator.url())
            .max_retries(1),
    )?)?;

    // The agent does what the scenario says.
    emulator.scenario(Scenario::from_text(
        r#"{"tasks": [{"steps": [{"thought": "I look"}, {"done": "It is {\"price\": 9.9}"}]}]}"#,
    )?);
    assert!((price(&client, "mug").await? - 9.9).abs() < 1e-9);

    // A delete may be sent again, and is; what is refused comes through.
    emulator.fail("delete status=503".parse()?)?;
    assert!(price(&client, "mug").await.is_ok());
    emulator.fail("create status=401".parse()?)?;
    let error = price(&client, "mug").await.err();
    assert_eq!(error.map(|error| error.kind()), Some(ErrorKind::Authentication));

    // No test leaves a session behind.
    assert_eq!(emulator.session_count(), 0);
    Ok(())
}

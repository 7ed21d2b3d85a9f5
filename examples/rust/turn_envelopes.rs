//! A service that puts all it says into envelopes, `{"envelope": "{...}"}`: two functions open them.

use serde_json::{Value, json};
use sessionwire::raccoon::{
    AnswerDecoder, Client, FrameDecoder, HookError, RaccoonConfig, RaccoonOptions, RunTurn,
};
use sessionwire::{ClientOptions, Secret};
use sessionwire_emulator::{Emulator, Options};

fn open(value: Value) -> Result<Value, HookError> {
    match value["envelope"].as_str() {
        Some(text) => Ok(serde_json::from_str(text)?),
        None => Ok(value),
    }
}

/// Runs a turn there.
#[tokio::main]
pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options: Options = serde_json::from_value(json!({"dialect": {"envelope": "all"}}))?;
    let emulator = Emulator::start(options).await?;
    let client = Client::new(RaccoonConfig::resolve(
        RaccoonOptions::new()
            .client(
                ClientOptions::new()
                    .api_key(Secret::new(emulator.api_key()))
                    .base_url(emulator.raccoon_url()),
            )
            .decode_frame(FrameDecoder::new(|frame| open(frame).map(Some)))
            .decode_answer(AnswerDecoder::new(|_operation, _status, body| open(body))),
    )?)?;
    let session = client.session()?;
    let result = session.run_turn(RunTurn::new("Say hello")).await?;
    println!("{}", result.text);
    Ok(())
}

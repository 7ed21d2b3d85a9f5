//! `sessionwire verify`: whether a service still answers as it did when it was recorded.

use serde_json::json;
use sessionwire::ErrorKind;
use sessionwire_emulator::{
    Browser, Clock, Emulator, Exchange, Options, Scenario, Target, Verification, VerifyError,
    verify,
};

use crate::args::{self, Global, Verify};
use crate::client::{agi_service, raccoon_service};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::progress::count;
use crate::render::one_line;
use crate::terminal::note;

pub(crate) async fn run(
    args: Verify,
    global: &Global,
    output: &Output,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let scenario = Scenario::from_file(&args.recording)
        .map_err(|error| Failure::Usage(format!("The recording cannot be used: {error}.")))?;
    let emulator = match args.local {
        true => Some(playing(scenario.clone()).await?),
        false => None,
    };
    let mut target = match &emulator {
        Some(emulator) => Target::new(emulator.url(), emulator.api_key()),
        None => service(&scenario.recorded, global)?,
    };
    target.patience = args::duration(args.timeout);
    let found = tokio::select! {
        biased;
        () = interrupt.wait() => return Err(Failure::Interrupted),
        found = verify(&scenario.recorded, &target) => found.map_err(refused)?,
    };
    if let Some(emulator) = emulator {
        emulator.close().await;
    }
    tell(&found, global.json, output).await?;
    match found.is_broken() || args.strict && !found.drifts.is_empty() {
        false => Ok(()),
        true => Err(Failure::Batch {
            text: "The service does not answer as it did. Look at each difference, then record anew what is right."
                .to_owned(),
            status: 1,
        }),
    }
}

async fn playing(scenario: Scenario) -> Result<Emulator, Failure> {
    let options = Options {
        scenario: Some(scenario),
        clock: Clock::Fast,
        browser: Browser::Builtin,
        ..Options::default()
    };
    let started = Emulator::start(options).await;
    started.map_err(|error| Failure::Local(format!("The local emulator did not start: {error}.")))
}

/// The services that the recording asks, with their keys.
fn service(recorded: &[Exchange], global: &Global) -> Result<Target, Failure> {
    let is_agi = |exchange: &Exchange| exchange.request.contains(" /v1/");
    let mut target = Target::new("", "");
    if recorded.iter().any(is_agi) {
        let agi = agi_service(global)?;
        (target.agi, target.agi_key) = (agi.url, agi.key);
    }
    if recorded.iter().any(|exchange| !is_agi(exchange)) {
        let raccoon = raccoon_service(global)?;
        (target.raccoon, target.raccoon_key) = (raccoon.url, raccoon.key);
    }
    for (own, other) in [
        (&mut target.agi, "https://api.agi.tech"),
        (&mut target.raccoon, "https://api.raccoonai.tech"),
    ] {
        if own.is_empty() {
            other.clone_into(own);
        }
    }
    Ok(target)
}

fn refused(error: VerifyError) -> Failure {
    let text = format!("{error}.");
    match error {
        VerifyError::Unreachable(_) => Failure::Waited {
            text,
            kind: ErrorKind::Connection,
        },
        VerifyError::Refused(_) => Failure::Waited {
            text,
            kind: ErrorKind::Authentication,
        },
        _ => Failure::Usage(text),
    }
}

async fn tell(found: &Verification, json: bool, output: &Output) -> Result<(), Failure> {
    for drift in &found.drifts {
        let line = match json {
            true => {
                let mut line = json!({ "type": "drift", "breaks": drift.kind.breaks() });
                for (name, value) in json!(drift).as_object().into_iter().flatten() {
                    line[name] = value.clone();
                }
                line.to_string()
            }
            false => {
                let mark = if drift.kind.breaks() {
                    "broken"
                } else {
                    "added "
                };
                format!("{mark}  {}", one_line(&drift.to_string()))
            }
        };
        match json {
            true => output.json(line).await?,
            false => output.line(line).await?,
        }
    }
    if json {
        let mut line = json!({ "type": "verified" });
        for (name, value) in found.summary().as_object().into_iter().flatten() {
            line[name] = value.clone();
        }
        return output.json(line.to_string()).await;
    }
    found.notes.iter().for_each(|text| note(text));
    let outcome = match found.drifts.len() {
        0 => "The service answers as it did.".to_owned(),
        differences => format!("{}.", count(differences, "difference")),
    };
    note(&format!(
        "{} sent again. {outcome}",
        count(found.played, "request")
    ));
    Ok(())
}

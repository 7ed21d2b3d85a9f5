//! `sessionwire record`: a session as a scenario that the emulator plays.

use std::path::Path;

use sessionwire_emulator::{Scenario, SessionRecording};

use crate::args;
use crate::client::connect;
use crate::failure::Failure;
use crate::files::check_target;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::terminal::note;

pub(crate) async fn run(
    args: args::Record,
    global: &args::Global,
    output: &Output,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    if let Some(file) = &args.output {
        check_target(file)?;
    }
    let secrets = args.secrets.as_deref().map(read_secrets).transpose()?;
    let client = connect(global)?;
    let recorded = client.record(&args.session.id, interrupt.wait()).await?;
    let recording: SessionRecording = serde_json::to_value(&recorded)
        .and_then(serde_json::from_value)
        .map_err(|error| {
            Failure::Local(format!(
                "The recording is not understood: {error}. Please report it."
            ))
        })?;
    let scenario = Scenario::from_recording(&recording, &secrets.unwrap_or_default());
    let Some(file) = args.output else {
        let text = if global.json {
            scenario.to_json()
        } else {
            scenario.to_yaml()
        };
        return output.bytes(text.into_bytes()).await;
    };
    scenario.write(&file).map_err(|error| {
        Failure::Local(format!(
            "The scenario cannot be saved as {}: {error}. Name a file that can be written.",
            file.display()
        ))
    })?;
    let tasks = scenario.tasks.len();
    if global.json {
        let line = serde_json::json!({ "file": file.display().to_string(), "tasks": tasks });
        return output.line(line.to_string()).await;
    }
    note(&format!(
        "Recorded {tasks} task{}. Look it over for secrets, then: sessionwire emulator --scenario {}",
        if tasks == 1 { "" } else { "s" },
        file.display()
    ));
    Ok(())
}

/// One secret a line.
fn read_secrets(file: &Path) -> Result<Vec<String>, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::Usage(format!(
            "The secrets cannot be read from {}: {error}. Name a text file with one secret a line.",
            file.display()
        ))
    })?;
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned);
    Ok(lines.collect())
}

//! `sessionwire record` and `sessionwire raccoon record`: what happened, as a
//! scenario that the emulator plays.

use std::path::Path;

use serde_json::{Map, Value, json};
use sessionwire::raccoon::new_session_id;
use sessionwire_emulator::{SHORTEST_SECRET, Scenario, SessionRecording, TurnRecording};

use crate::args::{self, RecordTo};
use crate::client::{connect, raccoon};
use crate::failure::Failure;
use crate::files::check_new;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::stop::Stop;
use crate::terminal::{end_line, note, word};
use crate::turn;

/// Records a session of AGI.
pub(crate) async fn session(
    args: args::Record,
    global: &args::Global,
    output: &Output,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let secrets = prepared(&args.file)?;
    let id = args.session.unwrap_or_default();
    let client = connect(global)?;
    let recorded = client.record(&id, interrupt.wait()).await?;
    let recording: SessionRecording =
        understood(serde_json::to_value(&recorded).and_then(serde_json::from_value))?;
    let scenario = Scenario::from_recording(&recording, &secrets);
    let tasks = scenario.tasks.len();
    if !written(&scenario, &args.file, global, output).await? {
        return Ok(());
    }
    match &args.file.output {
        Some(file) if global.json => {
            let line = json!({ "file": file.display().to_string(), "tasks": tasks });
            output.line(line.to_string()).await
        }
        file => {
            let many = if tasks == 1 { "" } else { "s" };
            note(&look_it_over(
                &format!("{tasks} task{many}"),
                file.as_deref(),
            ));
            Ok(())
        }
    }
}

/// Runs a turn of Raccoon and records it.
pub(crate) async fn turn(
    args: args::RecordTurn,
    global: &args::Global,
    output: &Output,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let secrets = prepared(&args.to)?;
    let start = turn::request_of(&args.start);
    start.check()?;
    let client = raccoon(global)?;
    let session_id = match &args.start.session {
        Some(id) => id.clone(),
        None => new_session_id()?,
    };
    let stop = Stop::new(interrupt, args.timeout);
    let stopped = async {
        if matches!(stop.wait().await, Failure::Interrupted) {
            end_line();
        }
        note("Stopping the turn: it is recorded up to here.");
    };
    let recorded = client.record_turn(&session_id, start, stopped).await?;
    let recording: TurnRecording =
        understood(serde_json::to_value(&recorded).and_then(serde_json::from_value))?;
    let scenario = Scenario::from_turn_recording(&recording, &secrets);
    let to_file = written(&scenario, &args.to, global, output).await?;
    if let (Some(file), true, true) = (&args.to.output, to_file, global.json) {
        let line = json!({
            "file": file.display().to_string(),
            "turns": scenario.turns.len(),
            "session_id": recorded.session_id,
            "dialect": recorded.dialect,
            "wire": recorded.wire,
            "notes": recorded.notes,
        });
        return output.line(line.to_string()).await;
    }
    if args.start.session.is_none() {
        note(&format!("session: {session_id}"));
    }
    if to_file {
        note(&look_it_over("1 turn", args.to.output.as_deref()));
    }
    note(&match text_of(&recorded.dialect) {
        None => "The service speaks as documented.".to_owned(),
        Some(dialect) => format!("The service speaks in its own way, dialect: {dialect}"),
    });
    note(&match text_of(&recorded.wire) {
        None if recorded.notes.is_empty() => "A client reads it without --wire.".to_owned(),
        None => "--wire has nothing to say of it.".to_owned(),
        Some(wire) => format!("A client reads it with --wire {}", word(&wire)),
    });
    recorded.notes.iter().for_each(|text| note(text));
    Ok(())
}

/// The secrets that shall be left out, once it is sure that the recording can be
/// written.
fn prepared(to: &RecordTo) -> Result<Vec<String>, Failure> {
    if let Some(file) = &to.output {
        check_new(file, to.force)?;
    }
    let secrets = to.secrets.as_deref().map(read_secrets).transpose()?;
    Ok(secrets.unwrap_or_default())
}

/// What the core recorded, as the emulator reads it.
fn understood<T>(read: serde_json::Result<T>) -> Result<T, Failure> {
    read.map_err(|error| {
        Failure::Local(format!(
            "The recording is not understood: {error}. Please report it."
        ))
    })
}

/// Writes the scenario. Whether it went to a file.
async fn written(
    scenario: &Scenario,
    to: &RecordTo,
    global: &args::Global,
    output: &Output,
) -> Result<bool, Failure> {
    let Some(file) = &to.output else {
        let text = if global.json {
            scenario.to_json()
        } else {
            scenario.to_yaml()
        };
        output.bytes(text.into_bytes()).await?;
        return Ok(false);
    };
    scenario.write(file).map_err(|error| {
        Failure::Local(format!(
            "The scenario cannot be saved as {}: {error}. Name a file that can be written.",
            file.display()
        ))
    })?;
    Ok(true)
}

fn look_it_over(what: &str, file: Option<&Path>) -> String {
    let file = file.unwrap_or(Path::new("-")).display();
    format!(
        "Recorded {what}. Look it over for secrets, then: sessionwire emulator --scenario {file}"
    )
}

/// What stands in an object, if anything does.
fn text_of(fields: &Map<String, Value>) -> Option<String> {
    (!fields.is_empty()).then(|| Value::Object(fields.clone()).to_string())
}

/// One secret a line.
pub(crate) fn read_secrets(file: &Path) -> Result<Vec<String>, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::Usage(format!(
            "The secrets cannot be read from {}: {error}. Name a text file with one secret a line.",
            file.display()
        ))
    })?;
    // Editors of Windows put the mark of UTF-8 before the first line.
    let text = text.trim_start_matches('\u{feff}');
    let mut secrets = Vec::new();
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        match line.len() {
            0 => {}
            SHORTEST_SECRET.. => secrets.push(line.to_owned()),
            _ => note(&format!(
                "Line {number} of {} is not used: so short a text stands in ordinary words. A secret of the list has at least \
                 {SHORTEST_SECRET} characters; look for this one in the recording yourself.",
                file.display()
            )),
        }
    }
    Ok(secrets)
}

//! `sessionwire record --to`: a proxy in front of the services, whose traffic becomes a scenario.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use sessionwire_emulator::{Recorded, Recorder, RecorderOptions};

use crate::args::{Global, Record};
use crate::failure::Failure;
use crate::files::check_new;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::progress::count;
use crate::record::read_secrets;
use crate::terminal::{end_line, note};
use crate::words::of_the_command_line;

/// The file is not written more often than this.
const PACE: Duration = Duration::from_secs(1);

pub(crate) async fn run(
    args: Record,
    global: &Global,
    output: &Output,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let json = global.json;
    let file = args.to.unwrap_or_default();
    let force = args.file.force;
    check_new(&file, force)?;
    let secrets = args.file.secrets.as_deref().map(read_secrets).transpose()?;
    let secrets = secrets.unwrap_or_default();
    let mut options = RecorderOptions::default();
    options.port = args.port.unwrap_or_default();
    options.allow_insecure_http = global.allow_insecure_http;
    if let Some(upstream) = args.upstream {
        options.agi.clone_from(&upstream);
        options.raccoon = upstream;
    }
    let (agi, raccoon) = (options.agi.clone(), options.raccoon.clone());
    let recorder = Recorder::start(options).await.map_err(|error| {
        let why = of_the_command_line(&error.to_string());
        Failure::Usage(format!("The recorder did not start: {why}."))
    })?;
    let url = recorder.url();
    let introduction = match json {
        true => json!({ "type": "recording", "url": url, "file": file.display().to_string() })
            .to_string(),
        false => introduction(url, &agi, &raccoon),
    };
    output.line(introduction).await?;
    let mut seen = 0;
    let mut written = false;
    loop {
        tokio::select! {
            biased;
            () = interrupt.wait() => break,
            () = recorder.changed(seen) => {}
        }
        seen = recorder.changes();
        let began = Instant::now();
        write(&recorder.recorded(&secrets), &file, force || written)?;
        written = true;
        // A long recording takes its time: most of it is for those who ask.
        let pace = PACE.max(began.elapsed() * 20);
        tokio::select! {
            biased;
            () = interrupt.wait() => break,
            () = tokio::time::sleep(pace) => {}
        }
    }
    end_line();
    let recorded = recorder.recorded(&secrets);
    recorder.close().await;
    if recorded.requests > 0 {
        write(&recorded, &file, force || written)?;
    }
    tell(&recorded, &file, json, output).await
}

fn introduction(url: &str, agi: &str, raccoon: &str) -> String {
    let behind = match agi == raccoon {
        true => agi.to_owned(),
        false => format!("{agi} and {raccoon}"),
    };
    format!(
        "The recorder listens on {url}, in front of {behind}. Ctrl-C ends it.

Any      AGI_BASE_URL={url} RACCOON_BASE_URL={url}
curl     curl -X POST -H \"Authorization: Bearer $AGI_API_KEY\" {url}/v1/sessions"
    )
}

fn write(recorded: &Recorded, file: &Path, is_own: bool) -> Result<(), Failure> {
    // Somebody else may have made it meanwhile.
    check_new(file, is_own)?;
    recorded.scenario.write(file).map_err(|error| {
        Failure::Local(format!(
            "The scenario cannot be saved as {}: {error}. Name a file that can be written.",
            file.display()
        ))
    })
}

async fn tell(
    recorded: &Recorded,
    file: &Path,
    json: bool,
    output: &Output,
) -> Result<(), Failure> {
    let (tasks, turns) = (recorded.scenario.tasks.len(), recorded.scenario.turns.len());
    if json {
        let line = json!({
            "type": "recorded",
            "file": (recorded.requests > 0).then(|| file.display().to_string()),
            "requests": recorded.requests,
            "tasks": tasks,
            "turns": turns,
            "notes": recorded.notes,
        });
        return output.json(line.to_string()).await;
    }
    if recorded.requests == 0 {
        note(&format!(
            "Nothing passed the recorder: {} was not written. Give the client the recorder's address for base URL.",
            file.display()
        ));
        return Ok(());
    }
    let file = file.display();
    note(&format!(
        "Recorded {}, {} and {}. Look it over for secrets, then: sessionwire emulator --scenario {file}",
        count(recorded.requests, "request"),
        count(tasks, "task"),
        count(turns, "turn")
    ));
    recorded.notes.iter().for_each(|text| note(text));
    Ok(())
}

//! `sessionwire scenario check`: whether the emulator can play a file, and where it is wrong.

use std::path::Path;

use serde_json::{Value, json};
use sessionwire_emulator::{Scenario, ScenarioError};

use crate::args;
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::count;
use crate::render::one_line;

/// Looks at every file, also after one that is wrong.
pub(crate) async fn check(args: args::Check, json: bool, output: &Output) -> Result<(), Failure> {
    let mut wrong = 0;
    for file in &args.file {
        let read = Scenario::from_file(file);
        wrong += usize::from(read.is_err());
        if json {
            output.json(as_json(file, &read).to_string()).await?;
        } else {
            for line in as_lines(file, &read) {
                output.line(line).await?;
            }
        }
    }
    match wrong {
        0 => Ok(()),
        wrong => Err(Failure::Usage(format!(
            "{wrong} of {} cannot be played. Mend what is named above, and check again.",
            count(args.file.len(), "scenario")
        ))),
    }
}

fn as_lines(file: &Path, read: &Result<Scenario, ScenarioError>) -> Vec<String> {
    let name = one_line(&file.display().to_string());
    match read {
        Ok(scenario) => vec![format!(
            "{name}: ok, {} and {}",
            count(scenario.tasks.len(), "task"),
            count(scenario.turns.len(), "turn")
        )],
        Err(error) => error
            .problems()
            .iter()
            .map(|problem| {
                let at = match (problem.line, problem.column) {
                    (Some(line), Some(column)) => format!(":{line}:{column}"),
                    _ => String::new(),
                };
                format!("{name}{at}: {}", one_line(&problem.to_string()))
            })
            .collect(),
    }
}

fn as_json(file: &Path, read: &Result<Scenario, ScenarioError>) -> Value {
    let counts = read.as_ref().ok();
    let problems = read.as_ref().err().map(ScenarioError::problems);
    let problems: Vec<Value> = problems
        .unwrap_or_default()
        .iter()
        .map(|problem| {
            json!({
                "place": problem.place,
                "line": problem.line,
                "column": problem.column,
                "message": problem.problem,
            })
        })
        .collect();
    json!({
        "type": "scenario",
        "file": file.display().to_string(),
        "status": if read.is_ok() { "ok" } else { "error" },
        "tasks": counts.map(|scenario| scenario.tasks.len()),
        "turns": counts.map(|scenario| scenario.turns.len()),
        "problems": problems,
    })
}

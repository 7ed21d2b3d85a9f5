//! `sessionwire scenario check`: whether the emulator can play a file, and where it is wrong.

use std::path::Path;

use serde_json::{Value, json};
use sessionwire_emulator::{Scenario, ScenarioError, ScenarioProblem};

use crate::args;
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::count;
use crate::render::one_line;

/// Looks at every file, also after one that is wrong.
pub(crate) async fn check(args: args::Check, json: bool, output: &Output) -> Result<(), Failure> {
    let mut wrong = 0;
    for file in &args.file {
        let read = Scenario::check_file(file);
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

type Read = Result<(Scenario, Vec<ScenarioProblem>), ScenarioError>;

fn as_lines(file: &Path, read: &Read) -> Vec<String> {
    let name = one_line(&file.display().to_string());
    let line = |problem: &ScenarioProblem, word: &str| {
        let at = match (problem.line, problem.column) {
            (Some(line), Some(column)) => format!(":{line}:{column}"),
            _ => String::new(),
        };
        format!("{name}{at}: {word}{}", one_line(&problem.to_string()))
    };
    match read {
        Ok((scenario, warnings)) => {
            let lines = warnings.iter().map(|warning| line(warning, "warning: "));
            let mut lines: Vec<String> = lines.collect();
            lines.push(format!(
                "{name}: ok, {} and {}{}",
                count(scenario.tasks.len(), "task"),
                count(scenario.turns.len(), "turn"),
                match warnings.len() {
                    0 => String::new(),
                    warnings => format!(", {}", count(warnings, "warning")),
                }
            ));
            lines
        }
        Err(error) => {
            let problems = error.problems().iter();
            problems.map(|problem| line(problem, "")).collect()
        }
    }
}

fn as_json(file: &Path, read: &Read) -> Value {
    let told = |problems: &[ScenarioProblem]| -> Vec<Value> {
        let told = problems.iter().map(|problem| {
            json!({
                "place": problem.place,
                "line": problem.line,
                "column": problem.column,
                "message": problem.problem,
            })
        });
        told.collect()
    };
    let scenario = read.as_ref().ok().map(|(scenario, _)| scenario);
    let warnings = read.as_ref().map_or(&[][..], |(_, warnings)| warnings);
    let problems = read.as_ref().map_or_else(ScenarioError::problems, |_| &[]);
    json!({
        "type": "scenario",
        "file": file.display().to_string(),
        "status": if read.is_ok() { "ok" } else { "error" },
        "tasks": scenario.map(|scenario| scenario.tasks.len()),
        "turns": scenario.map(|scenario| scenario.turns.len()),
        "problems": told(problems),
        "warnings": told(warnings),
    })
}

//! The words in which an agent is asked for a result that fits a type, the same
//! in every language. The schema is the language's, and so is the check. Pure.

use crate::agi::StartTask;
use crate::error::{Error, ErrorKind, Result};

/// What the service takes as one message, in characters.
const MESSAGE: usize = 10_000;

/// How much of what a check says goes to the agent, and into an error, in characters.
const PROBLEM: usize = 2_000;

/// With less room for the problem the schema stays out: it stands in the task.
const LEAST: usize = 500;

const NO_JSON: &str = "There is no JSON in it.";

/// A task whose result shall be JSON of this schema.
///
/// # Errors
/// `InvalidRequest` for a message that the service would not take, alone or with
/// the schema.
pub fn ask_for(message: &str, schema: &str) -> Result<String> {
    StartTask::new(message).check()?;
    let whole = format!("{message}\n\n{}", form(Some(schema)));
    let length = whole.chars().count();
    if length > MESSAGE {
        return Err(Error::invalid(format!(
            "The task has {length} characters with the JSON schema of `output`; the service takes at \
             most {MESSAGE}. Use a smaller type, or leave the schema out (`describe_output`) and say \
             in the task what the result shall look like"
        )));
    }
    Ok(whole)
}

/// The message after a result that did not fit: the same session, a task of its own.
pub fn ask_again(problem: Option<&str>, schema: Option<&str>) -> String {
    let with_schema = repair("", schema).chars().count();
    let schema = schema.filter(|_| with_schema + LEAST <= MESSAGE);
    let room = MESSAGE - repair("", schema).chars().count();
    repair(
        &start(problem.unwrap_or(NO_JSON), room.min(PROBLEM)),
        schema,
    )
}

/// What the error says of a result that does not fit after so many repairs.
pub fn does_not_fit(problem: Option<&str>, repairs: u32) -> String {
    let after = match repairs {
        0 => String::new(),
        1 => " after 1 repair".to_owned(),
        more => format!(" after {more} repairs"),
    };
    let problem = start(problem.unwrap_or(NO_JSON), PROBLEM);
    let problem = problem.trim_end_matches('.');
    Error::new(
        ErrorKind::Task,
        format!("The result does not fit `output`{after}: {problem}"),
    )
    .with_advice(
        "What came is in this error's `result`. Say in the task what is wanted, or allow more \
         `repairs`.",
    )
    .to_string()
}

fn repair(problem: &str, schema: Option<&str>) -> String {
    format!(
        "Your result does not have the form that was asked for:\n{problem}\n\nDo not do the task again, \
         and do nothing else. {}",
        form(schema)
    )
}

fn form(schema: Option<&str>) -> String {
    let form = "Give the result as JSON alone, with no text before or after it";
    match schema {
        Some(schema) => format!("{form}. It must fit this JSON schema:\n{schema}"),
        None => format!("{form}, in the form that was asked for."),
    }
}

/// At most so many characters of a text, and a sign where it was cut.
fn start(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_task_carries_its_schema() {
        let asked = ask_for("What does it cost?", r#"{"type":"number"}"#).unwrap();
        assert!(asked.starts_with("What does it cost?\n\nGive the result as JSON alone"));
        assert!(asked.ends_with("\n{\"type\":\"number\"}"));
    }

    #[test]
    fn a_schema_that_is_too_long_is_refused_by_its_parameter() {
        let refused = ask_for("x", &"y".repeat(MESSAGE)).unwrap_err().to_string();
        assert!(
            refused.contains("`output`") && refused.contains("has 10097 characters"),
            "{refused}"
        );
        let refused = ask_for("", "{}").unwrap_err().to_string();
        assert!(refused.contains("`message` is empty"), "{refused}");
    }

    #[test]
    fn every_repair_is_a_message_that_the_service_takes() {
        for schema in [0, 1, 7_000, 9_300, 9_500, 9_900, 20_000] {
            let schema = "ä".repeat(schema);
            for problem in [0, 10, 30_000] {
                let message = ask_again(Some(&"ü".repeat(problem)), Some(&schema));
                assert!(StartTask::new(&message).check().is_ok());
                assert!(message.contains("Do not do the task again"));
            }
        }
    }

    #[test]
    fn a_long_problem_is_cut() {
        let message = ask_again(Some(&"ü".repeat(3_000)), None);
        assert!(message.contains(&format!("{}…", "ü".repeat(PROBLEM - 1))));
        assert!(ask_again(None, None).contains(NO_JSON));
        assert!(does_not_fit(None, 2).contains("after 2 repairs: There is no JSON in it. What"));
    }
}

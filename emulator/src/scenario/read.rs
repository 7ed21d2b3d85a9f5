//! Reads scenarios, and says where one is wrong.

use super::fields::{Kinds, Outcome, Place, flag, kind, matches, once, seconds};
use super::load::whole;
use super::model::{Branch, Scenario, ScenarioError, ScriptedTask, Step};
use super::read_turn;
use crate::raccoon::Dialect;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::path::Path;

/// The kinds of a task's steps, with the fields that each may have besides `after`.
const KINDS: Kinds = &[
    ("thought", &[]),
    ("step", &["url", "action"]),
    ("log", &[]),
    ("question", &["answers"]),
    ("delay", &[]),
    ("repeat", &["steps"]),
    ("navigate", &[]),
    ("pause", &[]),
    ("wait_for_pause", &[]),
    ("wait_for_message", &[]),
    ("done", &[]),
    ("error", &["status_code"]),
];

impl Scenario {
    /// Reads a scenario in JSON (when it starts with `{`) or YAML.
    ///
    /// # Errors
    /// When it is neither, or no scenario; the text names the place, such as `tasks[0].steps[2]`.
    pub fn from_text(text: &str) -> Result<Self, ScenarioError> {
        parse(text, None)
    }

    /// Reads a file: JSON (`.json`), YAML (`.yaml`, `.yml`), or, with any other name, what its content looks like.
    ///
    /// # Errors
    /// As [`Self::from_text`], and when the file cannot be read; the text names the file.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ScenarioError> {
        let path = path.as_ref();
        let named = |problem: String| ScenarioError(format!("{}: {problem}", path.display()));
        let content = std::fs::read_to_string(path).map_err(|error| {
            named(format!(
                "cannot be read: {error}; name a scenario file in JSON or YAML"
            ))
        })?;
        let extension = path.extension().and_then(|extension| extension.to_str());
        parse(&content, extension).map_err(|error| named(error.0))
    }
}

impl<'de> Deserialize<'de> for Scenario {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        scenario(&Value::deserialize(source)?).map_err(serde::de::Error::custom)
    }
}

/// Reads JSON or YAML: as the file's extension says, else as the text looks.
fn parse(text: &str, extension: Option<&str>) -> Outcome<Scenario> {
    let text = text.trim_start_matches('\u{feff}');
    let is = |name: &str| extension.is_some_and(|extension| extension.eq_ignore_ascii_case(name));
    let value = if is("json") {
        json(text)?
    } else if is("yaml") || is("yml") || !text.trim_start().starts_with('{') {
        yaml(text)?
    } else {
        // `{` also opens a mapping in YAML; a text that is neither is taken for JSON.
        json(text).or_else(|error| yaml(text).map_err(|_| error))?
    };
    scenario(&value)
}

fn json(text: &str) -> Outcome<Value> {
    serde_json::from_str(text).map_err(|error| ScenarioError(format!("not JSON: {error}")))
}

fn yaml(text: &str) -> Outcome<Value> {
    // As YAML 1.2 has it, `no` is a word; nested as deeply as JSON may be.
    let options = serde_saphyr::options! {
        strict_booleans: true,
        budget: serde_saphyr::budget! { max_depth: 128 },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let place = error.location().map_or_else(String::new, |at| {
            format!(" at line {} column {}", at.line(), at.column())
        });
        let problem = error.without_snippet().to_string();
        ScenarioError(format!("not YAML{place}: {problem}"))
    })
}

fn scenario(value: &Value) -> Outcome<Scenario> {
    let place = Place::default();
    let fields = place.object(value, "{\"tasks\": [...]}")?;
    place.only(
        fields,
        &["tasks", "turns", "dialect", "$schema"],
        "a scenario",
    )?;
    let tasks = place.list(fields, "tasks", task)?;
    let turns = place.list(fields, "turns", read_turn::turn)?;
    Ok(Scenario {
        tasks,
        turns,
        dialect: dialect(fields, &place)?,
    })
}

fn dialect(fields: &Map<String, Value>, place: &Place) -> Outcome<Option<Dialect>> {
    let place = place.child("dialect");
    match fields.get("dialect") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let fields = place.object(value, "{\"text\": \"cumulative\"}")?;
            let names = Dialect::names();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            place.only(fields, &names, "a dialect")?;
            match Dialect::deserialize(value) {
                Ok(dialect) => Ok(Some(dialect)),
                Err(error) => place.wrong(error),
            }
        }
    }
}

fn task(value: &Value, place: &Place) -> Outcome<ScriptedTask> {
    let fields = place.object(value, "{\"match\": \"text\", \"steps\": [...]}")?;
    place.only(fields, &["match", "once", "verbatim", "steps"], "a task")?;
    let task = ScriptedTask {
        matches: matches(fields, place)?,
        once: once(fields, place)?,
        verbatim: flag("verbatim", fields, place)?,
        steps: steps(fields, place)?,
    };
    place.bounded(value)?;
    Ok(task)
}

fn steps(fields: &Map<String, Value>, place: &Place) -> Outcome<Vec<Step>> {
    let steps = place.list(fields, "steps", step)?;
    Ok(steps.into_iter().flatten().collect())
}

/// One step, after the delay that its `after` asks for.
fn step(value: &Value, place: &Place) -> Outcome<Vec<Step>> {
    let fields = place.object(value, "{\"thought\": \"text\"}")?;
    let (kind, own) = kind(KINDS, fields, place)?;
    let mut steps = Vec::with_capacity(2);
    if let Some(seconds) = place.after(fields, kind)? {
        steps.push(Step::Delay(seconds));
    }
    let at = place.child(kind);
    let text = || at.text(&fields[kind]);
    let optional = |name| place.optional_text(fields, name);
    steps.push(match kind {
        "thought" => Step::Thought(text()?),
        "step" => Step::Step {
            text: text()?,
            url: optional("url")?,
            action: optional("action")?,
        },
        "log" => Step::Log(text()?),
        "question" => Step::Question {
            text: text()?,
            answers: answers(fields, place)?,
        },
        "delay" => Step::Delay(seconds(own, &at)?),
        "repeat" => {
            let Some(times) = whole(own) else {
                return at.wrong("needs a whole number, 0 or more");
            };
            if !fields.contains_key("steps") {
                return place
                    .wrong("`repeat` and `steps` go together: {\"repeat\": 3, \"steps\": [...]}");
            }
            at.bounded(value)?;
            let steps = self::steps(fields, place)?;
            Step::Repeat { times, steps }
        }
        "navigate" => Step::Navigate(text()?),
        "pause" => at.flag(own, Step::Pause)?,
        "wait_for_pause" => at.flag(own, Step::WaitForPause)?,
        "wait_for_message" => at.flag(own, Step::WaitForMessage)?,
        "done" => Step::Done(own.clone()),
        _ => Step::Error {
            text: text()?,
            status_code: match fields.get("status_code") {
                None => 500,
                Some(code) => match whole(code).and_then(|code| u16::try_from(code).ok()) {
                    Some(code) => code,
                    None => {
                        return place
                            .child("status_code")
                            .wrong("needs a whole number from 0 to 65535, such as 502");
                    }
                },
            },
        },
    });
    Ok(steps)
}

fn answers(fields: &Map<String, Value>, place: &Place) -> Outcome<Vec<Branch>> {
    let answers = place.list(fields, "answers", |value, place| {
        let fields = place.object(value, "{\"match\": \"text\", \"steps\": [...]}")?;
        place.only(fields, &["match", "steps"], "an answer")?;
        Ok(Branch {
            matches: matches(fields, place)?,
            steps: steps(fields, place)?,
        })
    })?;
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_is_a_delay_before_its_step() {
        let short = r#"{"tasks": [{"steps": [{"thought": "a", "after": 2}]}]}"#;
        let long = r#"{"tasks": [{"steps": [{"delay": 2}, {"thought": "a"}]}]}"#;
        assert_eq!(Scenario::from_text(short), Scenario::from_text(long));
    }
}

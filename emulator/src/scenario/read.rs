//! Reads scenarios, and says where one is wrong.

use super::error::ScenarioError;
use super::exchange::Exchange;
use super::fields::{
    About, Kinds, Outcome, Place, beside, choices, cut, entry_match, fault, flag, kind, matches,
    once, seconds, until, when,
};
use super::load::whole;
use super::model::{Branch, Scenario, ScriptedTask, Step};
use super::said::Beside;
use super::{names, read_turn};
use crate::raccoon::Dialect;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::path::Path;

/// The kinds of a task's steps, with the fields that each may have besides `after`.
const KINDS: Kinds = &[
    ("thought", &["data", "metadata"]),
    ("step", &["url", "action", "data", "metadata"]),
    ("log", &["data", "metadata"]),
    (
        "question",
        &["answers", "save", "context", "data", "metadata"],
    ),
    ("delay", &[]),
    ("repeat", &["steps", "until", "else"]),
    ("if", &["steps", "else"]),
    ("choose", &["save"]),
    ("navigate", &[]),
    ("pause", &[]),
    ("wait_for_pause", &[]),
    ("wait_for_message", &["save"]),
    ("wait_for_stream", &[]),
    ("event", &["data", "id"]),
    ("stream", &[]),
    ("fault", &[]),
    ("done", &["data", "metadata"]),
    ("error", &["status_code", "details", "data", "metadata"]),
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
        let name = path.display().to_string();
        let content = std::fs::read_to_string(path).map_err(|error| {
            let problem = format!("cannot be read: {error}; name a scenario file in JSON or YAML");
            ScenarioError::unreadable(problem, None).in_file(name.clone())
        })?;
        let extension = path.extension().and_then(|extension| extension.to_str());
        parse(&content, extension).map_err(|error| error.in_file(name))
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
    scenario(&value).map_err(|error| error.located_in(text))
}

fn json(text: &str) -> Outcome<Value> {
    serde_json::from_str(text).map_err(|error| {
        let at = (error.line() as u64, error.column() as u64);
        ScenarioError::unreadable(format!("not JSON: {error}"), Some(at))
    })
}

fn yaml(text: &str) -> Outcome<Value> {
    // As YAML 1.2 has it, `no` is a word; nested as deeply as JSON may be.
    let options = serde_saphyr::options! {
        strict_booleans: true,
        budget: serde_saphyr::budget! { max_depth: 128 },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let at = error.location().map(|at| (at.line(), at.column()));
        let place = at.map_or_else(String::new, |(line, column)| {
            format!(" at line {line} column {column}")
        });
        let problem = error.without_snippet().to_string();
        ScenarioError::unreadable(format!("not YAML{place}: {problem}"), at)
    })
}

fn scenario(value: &Value) -> Outcome<Scenario> {
    let place = Place::default();
    let fields = place.object(value, "{\"tasks\": [...]}")?;
    place.only(
        fields,
        &["tasks", "turns", "dialect", "seed", "recorded", "$schema"],
        "a scenario",
    )?;
    let (tasks, turns) = match (
        place.list(fields, "tasks", task),
        place.list(fields, "turns", read_turn::turn),
    ) {
        (Err(tasks), Err(turns)) => return Err(tasks.and(turns)),
        (tasks, turns) => (tasks?, turns?),
    };
    names::check(fields)?;
    Ok(Scenario {
        tasks,
        turns,
        dialect: dialect(fields, &place)?,
        seed: match fields.get("seed") {
            None => 0,
            Some(seed) => match whole(seed) {
                Some(seed) => seed,
                None => return place.child("seed").wrong("needs a whole number, 0 or more"),
            },
        },
        recorded: place.list(fields, "recorded", |value, place| {
            Exchange::deserialize(value).or_else(|error| place.wrong(error))
        })?,
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
    place.shallow(value)?;
    let (matches, wanted) = entry_match(fields, place, About::Task)?;
    let task = ScriptedTask {
        matches,
        wanted,
        once: once(fields, place)?,
        verbatim: flag("verbatim", fields, place)?,
        steps: steps(fields, "steps", place)?,
    };
    place.bounded(value)?;
    Ok(task)
}

fn steps(fields: &Map<String, Value>, name: &str, place: &Place) -> Outcome<Vec<Step>> {
    let steps = place.list(fields, name, step)?;
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
    let read = match kind {
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
            let read = until(fields, value, place, &self::steps)?;
            if read.conditions.is_empty() {
                Step::Repeat {
                    times: read.times,
                    steps: read.steps,
                }
            } else {
                Step::RepeatUntil(read)
            }
        }
        "if" => Step::If(when(fields, place, &self::steps)?),
        "choose" => Step::Choose(choices(fields, place, &self::steps)?),
        "event" => event(fields, &text()?, place)?,
        "stream" => Step::Stream(cut(own, &at)?),
        "fault" => Step::Fault(fault(own, &at)?),
        "navigate" => Step::Navigate(text()?),
        "pause" => at.flag(own, Step::Pause)?,
        "wait_for_pause" => at.flag(own, Step::WaitForPause)?,
        "wait_for_message" => at.flag(own, Step::WaitForMessage)?,
        "wait_for_stream" => at.flag(own, Step::WaitForStream)?,
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
    };
    // The data of an event of any type is its own.
    let beside = match kind {
        "event" => Beside::default(),
        _ => beside(fields, place)?,
    };
    steps.push(if beside == Beside::default() {
        read
    } else {
        Step::With {
            step: Box::new(read),
            beside: Box::new(beside),
        }
    });
    Ok(steps)
}

/// The events that say how a task stands, which has steps of their own.
const STATES: [&str; 3] = ["question", "done", "error"];

fn event(fields: &Map<String, Value>, name: &str, place: &Place) -> Outcome<Step> {
    let at = place.child("event");
    if name.is_empty() || name.contains(['\n', '\r']) {
        return at.wrong("needs the type of an event: one line, not empty");
    }
    if STATES.contains(&name) {
        return at.wrong(format!(
            "`{name}` changes the task: write the step `{name}`, and what else it says in its `data`"
        ));
    }
    Ok(Step::Event {
        name: name.to_owned(),
        data: beside(fields, place)?.data,
        id: flag("id", fields, place)?,
    })
}

fn answers(fields: &Map<String, Value>, place: &Place) -> Outcome<Vec<Branch>> {
    let answers = place.list(fields, "answers", |value, place| {
        let fields = place.object(value, "{\"match\": \"text\", \"steps\": [...]}")?;
        place.only(fields, &["match", "steps"], "an answer")?;
        Ok(Branch {
            matches: matches(fields, place)?,
            steps: steps(fields, "steps", place)?,
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

//! Reads scenarios, and says where one is wrong.

use super::error::{Mistakes, ScenarioError, ScenarioProblem, locate_all};
use super::exchange::Exchange;
use super::fields::{
    About, Kinds, Outcome, Place, beside, choices, cut, entry_match, fault, flag, kind, matches,
    once, seconds, until, when,
};
use super::load::whole;
use super::model::{Branch, Scenario, ScriptedTask, Step};
use super::said::Beside;
use super::{names, never, read_turn};
use crate::plain::plain;
use crate::raccoon::Dialect;
use serde::de::{MapAccess, SeqAccess, Visitor};
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
    /// Reads a scenario in JSON (when it starts with `{`) or YAML. What can never play is logged.
    ///
    /// # Errors
    /// When it is neither, or no scenario; the text names each place that is wrong, such as `tasks[0].steps[2]`.
    pub fn from_text(text: &str) -> Result<Self, ScenarioError> {
        Self::check(text).map(|(scenario, warnings)| scenario.logging("the scenario", &warnings))
    }

    /// Reads a file: JSON (`.json`), YAML (`.yaml`, `.yml`), or, with any other name, what its content looks like. What can
    /// never play is logged.
    ///
    /// # Errors
    /// As [`Self::from_text`], and when the file cannot be read; the text names the file.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ScenarioError> {
        let name = path.as_ref().display().to_string();
        Self::check_file(path).map(|(scenario, warnings)| scenario.logging(&name, &warnings))
    }

    /// As [`Self::from_text`], with what can never play, each with its line: entries behind one that fits all that they fit,
    /// branches of that kind, and steps behind the end of a task or turn.
    ///
    /// # Errors
    /// As [`Self::from_text`].
    pub fn check(text: &str) -> Result<(Self, Vec<ScenarioProblem>), ScenarioError> {
        parse(text, None)
    }

    /// As [`Self::check`], of data, which has no lines.
    ///
    /// # Errors
    /// As [`Self::from_text`].
    pub fn check_data(value: &Value) -> Result<(Self, Vec<ScenarioProblem>), ScenarioError> {
        let scenario = scenario(value)?;
        let warnings = never::find(value, &scenario);
        Ok((scenario, warnings))
    }

    /// Warnings of what a scenario that can be read leaves to the built-in agent by an empty list.
    pub(crate) fn empty_lists(text: &str) -> Vec<ScenarioProblem> {
        let text = text.trim_start_matches('\u{feff}');
        let mut warnings =
            value(text, None).map_or_else(|_| Vec::new(), |value| never::empty(&value));
        if !warnings.is_empty() {
            locate_all(&mut warnings, &[], text);
        }
        warnings
    }

    /// As [`Self::empty_lists`], of data.
    pub(crate) fn empty_lists_of_data(value: &Value) -> Vec<ScenarioProblem> {
        never::empty(value)
    }

    /// As [`Self::check`], of a file.
    ///
    /// # Errors
    /// As [`Self::from_file`].
    pub fn check_file(
        path: impl AsRef<Path>,
    ) -> Result<(Self, Vec<ScenarioProblem>), ScenarioError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let content = std::fs::read_to_string(path).map_err(|error| {
            let problem = format!("cannot be read: {error}; name a scenario file in JSON or YAML");
            ScenarioError::unreadable(problem, None).in_file(name.clone())
        })?;
        let extension = path.extension().and_then(|extension| extension.to_str());
        parse(&content, extension).map_err(|error| error.in_file(name))
    }

    fn logging(self, name: &str, warnings: &[ScenarioProblem]) -> Self {
        for warning in warnings {
            let line = warning.line.unwrap_or_default();
            tracing::warn!("{name}: {warning} (line {line})");
        }
        self
    }
}

impl<'de> Deserialize<'de> for Scenario {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        scenario(&Value::deserialize(source)?).map_err(serde::de::Error::custom)
    }
}

/// Reads a scenario in a text, and what of it can never play.
fn parse(text: &str, extension: Option<&str>) -> Outcome<(Scenario, Vec<ScenarioProblem>)> {
    let text = text.trim_start_matches('\u{feff}');
    let value = value(text, extension)?;
    let scenario = scenario(&value).map_err(|error| error.located_in(text))?;
    let mut warnings = never::find(&value, &scenario);
    if !warnings.is_empty() {
        locate_all(&mut warnings, &[], text);
    }
    Ok((scenario, warnings))
}

/// Reads JSON or YAML: as the file's extension says, else as the text looks.
fn value(text: &str, extension: Option<&str>) -> Outcome<Value> {
    let is = |name: &str| extension.is_some_and(|extension| extension.eq_ignore_ascii_case(name));
    if is("json") {
        json(text)
    } else if is("yaml") || is("yml") || !text.trim_start().starts_with('{') {
        yaml(text)
    } else {
        // `{` also opens a mapping in YAML; a text that is neither is taken for JSON.
        json(text).or_else(|error| yaml(text).map_err(|_| error))
    }
}

fn json(text: &str) -> Outcome<Value> {
    let read = serde_json::from_str::<Unique>(text).map(|Unique(value)| value);
    read.map_err(|error| {
        let at = (error.line() as u64, error.column() as u64);
        let problem = plain(&error.to_string());
        ScenarioError::unreadable(format!("not JSON: {problem}"), Some(at))
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
        let problem = yaml_problem(error.without_snippet());
        ScenarioError::unreadable(format!("not YAML{place}: {problem}"), at)
    })
}

/// What is wrong with a text in YAML, without the words of the library that read it.
fn yaml_problem(error: &serde_saphyr::Error) -> String {
    use serde_saphyr::Error;
    match error {
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or("a name");
            format!("`{key}` is there twice; write it once")
        }
        Error::MultipleDocuments { .. } => {
            "it holds several documents; write one, without a line of `---` in it".to_owned()
        }
        Error::Budget { .. } => "it is too deep, or too long; use fewer levels".to_owned(),
        Error::Eof { .. } => "it ends too early".to_owned(),
        error => {
            let said = error.to_string();
            let said = said.split(" at line ").next().unwrap_or_default();
            plain(&said.replace("did not find expected", "did not find"))
        }
    }
}

/// A value in which no object has a name twice: of two, one would be lost without a word.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Value;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a value")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_str<E>(self, value: &str) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
                let mut list = Vec::new();
                while let Some(Unique(item)) = items.next_element()? {
                    list.push(item);
                }
                Ok(list.into())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
                let mut map = Map::new();
                while let Some(name) = fields.next_key::<String>()? {
                    if map.contains_key(&name) {
                        let problem = format!("`{name}` is there twice; write it once");
                        return Err(serde::de::Error::custom(problem));
                    }
                    let Unique(value) = fields.next_value()?;
                    map.insert(name, value);
                }
                Ok(map.into())
            }
        }

        source.deserialize_any(Any).map(Self)
    }
}

fn scenario(value: &Value) -> Outcome<Scenario> {
    let place = Place::default();
    let written = place.object(value, "{\"tasks\": [...]}")?;
    let mut mistakes = Mistakes::default();
    let known = ["tasks", "turns", "dialect", "seed", "recorded", "$schema"];
    let (fields, _) = place.known(written, &known, "a scenario", &mut mistakes);
    let fields = &*fields;
    let seed = match fields.get("seed").map(whole) {
        None => Ok(0),
        Some(Some(seed)) => Ok(seed),
        Some(None) => place.child("seed").wrong("needs a whole number, 0 or more"),
    };
    let recorded = place.list(fields, "recorded", |value, place| {
        Exchange::deserialize(value).or_else(|error| place.wrong(plain(&error.to_string())))
    });
    let scenario = Scenario {
        tasks: mistakes.take(place.list(fields, "tasks", task)),
        turns: mistakes.take(place.list(fields, "turns", read_turn::turn)),
        dialect: mistakes.take(dialect(fields, &place)),
        seed: mistakes.take(seed),
        recorded: mistakes.take(recorded),
    };
    if !mistakes.hides_names() {
        mistakes.take(names::check(fields));
    }
    mistakes.none(scenario)
}

fn dialect(fields: &Map<String, Value>, place: &Place) -> Outcome<Option<Dialect>> {
    let place = place.child("dialect");
    match fields.get("dialect") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let fields = place.object(value, "{\"text\": \"cumulative\"}")?;
            let names = Dialect::names();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let mut mistakes = Mistakes::default();
            place.known(fields, &names, "a dialect", &mut mistakes);
            for (name, value) in fields.iter().filter(|(name, _)| names.contains(&&***name)) {
                let alone = Map::from_iter([(name.clone(), value.clone())]);
                if let Err(error) = Dialect::deserialize(Value::Object(alone)) {
                    let wrong = place.child(name).wrong::<()>(plain(&error.to_string()));
                    mistakes.take(wrong);
                }
            }
            mistakes.none(())?;
            match Dialect::deserialize(value) {
                Ok(dialect) => Ok(Some(dialect)),
                Err(error) => place.wrong(plain(&error.to_string())),
            }
        }
    }
}

fn task(value: &Value, place: &Place) -> Outcome<ScriptedTask> {
    let fields = place.object(value, "{\"match\": \"text\", \"steps\": [...]}")?;
    place.shallow(value)?;
    let mut mistakes = Mistakes::default();
    let known = ["match", "once", "verbatim", "steps"];
    let (fields, _) = place.known(fields, &known, "a task", &mut mistakes);
    let (matches, wanted) = mistakes.take(entry_match(&fields, place, About::Task));
    let task = ScriptedTask {
        matches,
        wanted,
        once: mistakes.take(once(&fields, place)),
        verbatim: mistakes.take(flag("verbatim", &fields, place)),
        steps: mistakes.take(steps(&fields, "steps", place)),
    };
    let task = mistakes.none(task)?;
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
    let mut mistakes = Mistakes::default();
    let (fields, kind) = kind(KINDS, fields, place, &mut mistakes);
    let fields = &*fields;
    let Some(kind) = kind else {
        // What it holds is looked at, though nobody knows what it is.
        for name in ["steps", "else"] {
            mistakes.take(steps(fields, name, place));
        }
        return mistakes.none(Vec::new());
    };
    let mut steps = Vec::with_capacity(2);
    if let Some(seconds) = mistakes.take(place.after(fields, kind)) {
        steps.push(Step::Delay(seconds));
    }
    let read = mistakes.take_or(step_of(kind, fields, value, place), Step::Pause);
    // The data of an event of any type is its own.
    let beside = match kind {
        "event" => Beside::default(),
        _ => mistakes.take(beside(fields, place)),
    };
    steps.push(if beside == Beside::default() {
        read
    } else {
        Step::With {
            step: Box::new(read),
            beside: Box::new(beside),
        }
    });
    mistakes.none(steps)
}

/// What a step of this kind does.
fn step_of(
    kind: &'static str,
    fields: &Map<String, Value>,
    value: &Value,
    place: &Place,
) -> Outcome<Step> {
    let own = &fields[kind];
    let at = place.child(kind);
    let mut mistakes = Mistakes::default();
    let text = || at.text(own);
    let optional = |name| place.optional_text(fields, name);
    let read = match kind {
        "thought" => Step::Thought(text()?),
        "step" => Step::Step {
            text: mistakes.take(text()),
            url: mistakes.take(optional("url")),
            action: mistakes.take(optional("action")),
        },
        "log" => Step::Log(text()?),
        "question" => Step::Question {
            text: mistakes.take(text()),
            answers: mistakes.take(answers(fields, place)),
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
        _ => {
            let code = fields.get("status_code");
            let status_code = match code.map(|code| u16::try_from(whole(code)?).ok()) {
                None => Ok(500),
                Some(Some(code)) => Ok(code),
                Some(None) => place
                    .child("status_code")
                    .wrong("needs a whole number from 0 to 65535, such as 502"),
            };
            Step::Error {
                text: mistakes.take(text()),
                status_code: mistakes.take(status_code),
            }
        }
    };
    mistakes.none(read)
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
    let mut mistakes = Mistakes::default();
    let event = Step::Event {
        name: name.to_owned(),
        data: mistakes.take(beside(fields, place)).data,
        id: mistakes.take(flag("id", fields, place)),
    };
    mistakes.none(event)
}

fn answers(fields: &Map<String, Value>, place: &Place) -> Outcome<Vec<Branch>> {
    let answers = place.list(fields, "answers", |value, place| {
        let fields = place.object(value, "{\"match\": \"text\", \"steps\": [...]}")?;
        let mut mistakes = Mistakes::default();
        let (fields, _) = place.known(fields, &["match", "steps"], "an answer", &mut mistakes);
        let branch = Branch {
            matches: mistakes.take(matches(&fields, place)),
            steps: mistakes.take(steps(&fields, "steps", place)),
        };
        mistakes.none(branch)
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

//! The names in braces: a text that means one of them, and misses it, is refused.

use super::error::ScenarioError;
use super::fields::{BUILT_IN, Outcome};
use super::matches::Match;
use crate::fill;
use crate::words::{meant, nearest};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The names of a task's texts, and those of a turn's.
const OF_TASKS: [&str; 6] = [
    "task",
    "start_url",
    "agent",
    "session_id",
    "answer",
    "message",
];
const OF_TURNS: [&str; 9] = [
    "prompt",
    "mode",
    "session_id",
    "message",
    "files",
    "file.name",
    "file.type",
    "file.size",
    "file.content",
];
/// The fields whose texts are no texts of the agent.
const PLAIN: [&str; 4] = ["match", "save", "fault", "once"];
/// The fields with conditions, whose keys are names.
const CONDITIONS: [&str; 3] = ["if", "until", "answers"];

/// Looks at all names of a scenario.
pub(super) fn check(scenario: &Map<String, Value>) -> Outcome<()> {
    let tasks = list(scenario, "tasks", &OF_TASKS);
    let turns = list(scenario, "turns", &OF_TURNS);
    match (tasks, turns) {
        (Err(tasks), Err(turns)) => Err(tasks.and(turns)),
        (tasks, turns) => tasks.and(turns),
    }
}

fn list(scenario: &Map<String, Value>, name: &str, built_in: &[&str]) -> Outcome<()> {
    let Some(entries) = scenario.get(name).and_then(Value::as_array) else {
        return Ok(());
    };
    let mut known: BTreeSet<String> = built_in.iter().map(|name| (*name).to_owned()).collect();
    // A session keeps its names from task to task.
    for entry in entries {
        kept(entry, &mut known);
    }
    let names = Names { known };
    let mut wrong = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let verbatim = entry.get("verbatim") == Some(&Value::Bool(true));
        names.look(entry, &format!("{name}[{index}]"), verbatim, &mut wrong);
    }
    wrong
        .into_iter()
        .reduce(ScenarioError::and)
        .map_or(Ok(()), Err)
}

/// The names that something is kept or found under.
fn kept(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| kept(item, names)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("save", Value::String(name)) => {
                        names.insert(name.clone());
                    }
                    ("regex", Value::String(text)) => {
                        if let Ok(regex) = regex_lite::Regex::new(text) {
                            names.extend(Match::Regex(regex).groups());
                        }
                    }
                    (_, value) => kept(value, names),
                }
            }
        }
        _ => {}
    }
}

struct Names {
    known: BTreeSet<String>,
}

impl Names {
    fn look(&self, value: &Value, place: &str, verbatim: bool, wrong: &mut Vec<ScenarioError>) {
        match value {
            Value::String(text) if !verbatim => {
                for name in fill::names(text) {
                    if let Some(other) = self.missed(name) {
                        let problem = format!(
                            "nothing is known under `{{{name}}}`: write `{{{other}}}`, or add \"verbatim\": true to the entry to keep \
                             texts as they are"
                        );
                        wrong.push(ScenarioError::new(place, problem));
                    }
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.look(item, &format!("{place}[{index}]"), verbatim, wrong);
                }
            }
            Value::Object(fields) => {
                for (name, value) in fields {
                    let inner = format!("{place}.{name}");
                    match value {
                        Value::Object(conditions) if CONDITIONS.contains(&name.as_str()) => {
                            self.conditions(conditions, &inner, wrong);
                        }
                        Value::Object(parts) if name == "match" => {
                            if let Some(Value::Object(answers)) = parts.get("answers") {
                                let inner = format!("{inner}.answers");
                                self.conditions(answers, &inner, wrong);
                            }
                        }
                        _ if PLAIN.contains(&name.as_str()) => {}
                        value => self.look(value, &inner, verbatim, wrong),
                    }
                }
            }
            _ => {}
        }
    }

    /// A condition on a name that nobody gives a value never holds.
    fn conditions(
        &self,
        conditions: &Map<String, Value>,
        place: &str,
        wrong: &mut Vec<ScenarioError>,
    ) {
        for name in conditions.keys() {
            if !self.is_known(name) {
                let problem = format!(
                    "`{name}` never has a value{}; give it one with \"save\": \"{name}\", or use one of {}",
                    meant(name, self.known.iter().map(String::as_str)),
                    self.known.iter().cloned().collect::<Vec<_>>().join(", ")
                );
                wrong.push(ScenarioError::new(&format!("{place}.{name}"), problem));
            }
        }
    }

    fn is_known(&self, name: &str) -> bool {
        self.known.contains(name) || name.starts_with("file.")
    }

    /// The name that was meant, of one that is none.
    fn missed(&self, name: &str) -> Option<&str> {
        if self.is_known(name) || BUILT_IN.contains(&name) || name.len() < 3 {
            return None;
        }
        nearest(name, self.known.iter().map(String::as_str))
    }
}

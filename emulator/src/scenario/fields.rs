//! The fields of a scenario: where they stand, and what they must be.

use super::load::Load;
use super::matches::Match;
use super::model::ScenarioError;
use serde_json::{Map, Value};
use std::fmt::Display;

/// In seconds: a day.
const LONGEST_DELAY: f64 = 86_400.0;

/// Kinds of steps, each with the fields it may have besides `after`.
pub(super) type Kinds = &'static [(&'static str, &'static [&'static str])];

pub(super) type Outcome<T> = Result<T, ScenarioError>;

/// Which kind of step this is, and the value under that name.
pub(super) fn kind<'a>(
    kinds: Kinds,
    fields: &'a Map<String, Value>,
    place: &Place,
) -> Outcome<(&'static str, &'a Value)> {
    let known = || {
        let names: Vec<_> = kinds.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    };
    for name in fields.keys() {
        let is_known = name == "after"
            || kinds
                .iter()
                .any(|(kind, own)| kind == name || own.contains(&name.as_str()));
        if !is_known {
            return place.wrong(format!(
                "`{name}` is not a step; a step is one of {}",
                known()
            ));
        }
    }
    let found: Vec<_> = kinds
        .iter()
        .filter(|(name, _)| fields.contains_key(*name))
        .collect();
    let [(kind, own)] = found[..] else {
        let names: Vec<_> = found.iter().map(|(name, _)| *name).collect();
        return place.wrong(format!(
            "a step needs exactly one of {}; this one has {}",
            known(),
            if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(" and ")
            }
        ));
    };
    for name in fields.keys() {
        if name != kind && name != "after" && !own.contains(&name.as_str()) {
            let owners: Vec<_> = kinds
                .iter()
                .filter(|(_, own)| own.contains(&name.as_str()))
                .map(|(owner, _)| format!("`{owner}`"))
                .collect();
            let owners = owners.join(" and ");
            return place.wrong(format!("`{name}` belongs to {owners}, not to `{kind}`"));
        }
    }
    Ok((kind, &fields[*kind]))
}

pub(super) fn once(fields: &Map<String, Value>, place: &Place) -> Outcome<bool> {
    flag("once", fields, place)
}

pub(super) fn flag(name: &str, fields: &Map<String, Value>, place: &Place) -> Outcome<bool> {
    match fields.get(name) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => place.child(name).wrong("needs true or false"),
    }
}

pub(super) fn matches(fields: &Map<String, Value>, place: &Place) -> Outcome<Option<Match>> {
    let place = place.child("match");
    match fields.get("match") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(Match::Contains(text.clone()))),
        Some(Value::Object(fields)) => {
            place.only(fields, &["regex"], "a `match`")?;
            let Some(Value::String(text)) = fields.get("regex") else {
                return place.wrong("needs {\"regex\": \"an expression\"}");
            };
            match regex_lite::Regex::new(text) {
                Ok(regex) => Ok(Some(Match::Regex(regex))),
                Err(error) => place.child("regex").wrong(format!(
                    "not a regular expression: {error}; a backslash before a special character makes it plain"
                )),
            }
        }
        Some(_) => place.wrong("needs a text, or {\"regex\": \"an expression\"}"),
    }
}

pub(super) fn seconds(value: &Value, place: &Place) -> Outcome<f64> {
    match value.as_f64() {
        Some(seconds) if (0.0..=LONGEST_DELAY).contains(&seconds) => Ok(seconds),
        _ => place.wrong("needs a number of seconds, from 0 to 86400"),
    }
}

/// Where in a scenario something is, such as `tasks[0].steps[2]`.
#[derive(Default)]
pub(super) struct Place(String);

impl Place {
    pub(super) fn child(&self, name: &str) -> Self {
        let dot = if self.0.is_empty() { "" } else { "." };
        Self(format!("{}{dot}{name}", self.0))
    }

    pub(super) fn wrong<T>(&self, problem: impl Display) -> Outcome<T> {
        let name = if self.0.is_empty() {
            "the scenario"
        } else {
            &self.0
        };
        Err(ScenarioError(format!("{name}: {problem}")))
    }

    pub(super) fn object<'a>(
        &self,
        value: &'a Value,
        example: &str,
    ) -> Outcome<&'a Map<String, Value>> {
        match value {
            Value::Object(fields) => Ok(fields),
            _ => self.wrong(format!("needs an object, such as {example}")),
        }
    }

    pub(super) fn only(
        &self,
        fields: &Map<String, Value>,
        allowed: &[&str],
        what: &str,
    ) -> Outcome<()> {
        match fields.keys().find(|name| !allowed.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => self.wrong(format!(
                "`{name}` is not known; {what} may have {}",
                allowed.join(", ")
            )),
        }
    }

    pub(super) fn text(&self, value: &Value) -> Outcome<String> {
        match value {
            Value::String(text) => Ok(text.clone()),
            _ => self
                .wrong("needs a text; in YAML, quote what could be a number or a word like true"),
        }
    }

    pub(super) fn flag<T>(&self, value: &Value, step: T) -> Outcome<T> {
        match value {
            Value::Bool(true) => Ok(step),
            _ => self.wrong("needs true; leave the step out where it is not wanted"),
        }
    }

    pub(super) fn optional_text(
        &self,
        fields: &Map<String, Value>,
        name: &str,
    ) -> Outcome<Option<String>> {
        match fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => self.child(name).text(value).map(Some),
        }
    }

    /// The seconds that a step of this kind comes later.
    pub(super) fn after(&self, fields: &Map<String, Value>, kind: &str) -> Outcome<Option<f64>> {
        match fields.get("after") {
            None => Ok(None),
            Some(_) if kind == "delay" => {
                self.wrong("`after` belongs to the step that follows, not to a `delay`")
            }
            Some(value) => seconds(value, &self.child("after")).map(Some),
        }
    }

    /// Refuses a repeat, a task or a turn that plays more than anything needs.
    pub(super) fn bounded(&self, played: &Value) -> Outcome<()> {
        match Load::of(played).excess() {
            None => Ok(()),
            Some(excess) => self.wrong(excess),
        }
    }

    /// The place in the list that this is an item of.
    pub(super) fn index(&self) -> usize {
        let number = self.0.rsplit('[').next().unwrap_or_default();
        number.trim_end_matches(']').parse().unwrap_or_default()
    }

    pub(super) fn list<T>(
        &self,
        fields: &Map<String, Value>,
        name: &str,
        read: impl Fn(&Value, &Self) -> Outcome<T>,
    ) -> Outcome<Vec<T>> {
        let place = self.child(name);
        match fields.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .enumerate()
                .map(|(index, item)| read(item, &Self(format!("{}[{index}]", place.0))))
                .collect(),
            Some(_) => place.wrong("needs a list: [...]"),
        }
    }
}

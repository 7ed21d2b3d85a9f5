//! The fields of a scenario: where they stand, and what they must be.

use super::error::ScenarioError;
use super::load::{Load, too_deep, whole};
use super::matches::{Conditions, Match, Wanted, WantedFile, Which};
use super::said::{Beside, Choice, CutStream, Until, When};
use crate::faults::Fault;
use crate::words::meant;
use serde::Deserialize;
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
            let words = kinds
                .iter()
                .flat_map(|(kind, own)| own.iter().chain([kind]))
                .chain([&"after"]);
            return place.wrong(format!(
                "`{name}` is not a step{}; a step is one of {}",
                meant(name, words.copied()),
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

/// The forms of a match that are objects.
const FORMS: [&str; 2] = ["regex", "equals"];

/// What an answer must be like.
pub(super) fn matches(fields: &Map<String, Value>, place: &Place) -> Outcome<Option<Match>> {
    let place = place.child("match");
    match fields.get("match") {
        None => Ok(None),
        Some(value) => text_match(value, &place),
    }
}

/// A match of one text; `None`: any.
fn text_match(value: &Value, place: &Place) -> Outcome<Option<Match>> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(Match::Contains(text.clone()))),
        Value::Object(fields) => {
            place.only(fields, &FORMS, "a `match`")?;
            form(fields, place).and_then(|found| match found {
                None => place.wrong("needs {\"regex\": \"an expression\"} or {\"equals\": \"a text\"}"),
                found => Ok(found),
            })
        }
        _ => place.wrong(
            "needs a text, {\"regex\": \"an expression\"} or {\"equals\": \"a text\"}; in YAML, quote a number",
        ),
    }
}

/// The match that an object has under one of [`FORMS`].
fn form(fields: &Map<String, Value>, place: &Place) -> Outcome<Option<Match>> {
    match (fields.get("regex"), fields.get("equals")) {
        (Some(_), Some(_)) => place.wrong("`regex` and `equals` exclude one another: choose one"),
        (Some(Value::String(text)), None) => match regex_lite::Regex::new(text) {
            Ok(regex) => Ok(Some(Match::Regex(regex))),
            Err(error) => place.child("regex").wrong(format!(
                "not a regular expression: {error}; a backslash before a special character makes it plain"
            )),
        },
        (None, Some(Value::String(text))) => Ok(Some(Match::Equals(text.clone()))),
        (None, None) => Ok(None),
        (Some(_), _) => place.child("regex").wrong("needs a text: an expression"),
        (_, Some(_)) => place
            .child("equals")
            .wrong("needs a text; in YAML, quote a number"),
    }
}

/// Whether it is about tasks or turns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    Task,
    Turn,
}

impl About {
    /// The name of its text.
    fn text(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Turn => "prompt",
        }
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Task => &[
                "task",
                "regex",
                "equals",
                "start_url",
                "agent",
                "session",
                "nth",
                "nth_in_session",
                "answers",
            ],
            Self::Turn => &[
                "prompt",
                "regex",
                "equals",
                "session",
                "nth",
                "nth_in_session",
                "answers",
                "file",
            ],
        }
    }
}

/// What a task or turn must be like: its text, and all else.
pub(super) fn entry_match(
    fields: &Map<String, Value>,
    place: &Place,
    about: About,
) -> Outcome<(Option<Match>, Wanted)> {
    let place = place.child("match");
    let fields = match fields.get("match") {
        None => return Ok((None, Wanted::default())),
        Some(Value::Object(fields)) => fields,
        Some(value) => return Ok((text_match(value, &place)?, Wanted::default())),
    };
    place.only(fields, about.names(), "a `match`")?;
    if fields.is_empty() {
        return place.wrong(format!(
            "needs {{\"regex\": \"an expression\"}}, or one of {}",
            about.names().join(", ")
        ));
    }
    let part = |name: &str| match fields.get(name) {
        None => Ok(None),
        Some(value) => text_match(value, &place.child(name)),
    };
    let text = match (form(fields, &place)?, part(about.text())?) {
        (Some(_), Some(_)) => {
            return place.wrong(format!(
                "`{0}` and `regex` or `equals` exclude one another: write {{\"{0}\": {{\"regex\": ...}}}}",
                about.text()
            ));
        }
        (form, text) => form.or(text),
    };
    let wanted = Wanted {
        start_url: part("start_url")?,
        agent: part("agent")?,
        session: match fields.get("session") {
            None | Some(Value::Null) => None,
            Some(Value::String(id)) => Some(Which::Id(id.clone())),
            Some(_) => match place.count(fields, "session") {
                Ok(number) => number.map(Which::Number),
                Err(_) => {
                    return place.child("session").wrong(
                        "needs a number, from 1 (the how manyth session), or the id of a session",
                    );
                }
            },
        },
        nth: place.count(fields, "nth")?,
        nth_in_session: place.count(fields, "nth_in_session")?,
        answers: conditions(fields, "answers", &place)?,
        file: match fields.get("file") {
            None | Some(Value::Null) => None,
            Some(value) => Some(file(value, &place.child("file"))?),
        },
    };
    Ok((text, wanted))
}

fn file(value: &Value, place: &Place) -> Outcome<WantedFile> {
    if let Value::String(_) = value {
        let name = text_match(value, place)?;
        return Ok(WantedFile {
            name,
            content: None,
        });
    }
    let fields = place.object(value, "{\"name\": \"report.csv\", \"content\": \"total\"}")?;
    place.only(fields, &["name", "content"], "a `file`")?;
    let part = |name: &str| match fields.get(name) {
        None => Ok(None),
        Some(value) => text_match(value, &place.child(name)),
    };
    Ok(WantedFile {
        name: part("name")?,
        content: part("content")?,
    })
}

/// What values under names must be like: `{"colour": "blue"}`.
pub(super) fn conditions(
    fields: &Map<String, Value>,
    name: &str,
    place: &Place,
) -> Outcome<Conditions> {
    let place = place.child(name);
    match fields.get(name) {
        None | Some(Value::Null) => Ok(Conditions::new()),
        Some(value) => {
            let conditions = place.object(value, "{\"colour\": \"blue\"}")?;
            let read = |(name, value): (&String, &Value)| {
                Ok((name.clone(), text_match(value, &place.child(name))?))
            };
            conditions.iter().map(read).collect()
        }
    }
}

/// The conditions of `if` and `until`, at least one.
fn some_conditions(fields: &Map<String, Value>, name: &str, place: &Place) -> Outcome<Conditions> {
    let conditions = conditions(fields, name, place)?;
    if conditions.is_empty() {
        return place.child(name).wrong(
            "needs at least one condition, such as {\"colour\": \"blue\"}: a name, and what its value must be like",
        );
    }
    Ok(conditions)
}

type Steps<'a, S> = &'a dyn Fn(&Map<String, Value>, &str, &Place) -> Outcome<Vec<S>>;

/// `if`, with its `steps` and `else`.
pub(super) fn when<S>(
    fields: &Map<String, Value>,
    place: &Place,
    steps: Steps<'_, S>,
) -> Outcome<When<S>> {
    if !fields.contains_key("steps") && !fields.contains_key("else") {
        return place
            .wrong("`if` needs `steps`, `else` or both: {\"if\": {...}, \"steps\": [...]}");
    }
    Ok(When {
        conditions: some_conditions(fields, "if", place)?,
        steps: steps(fields, "steps", place)?,
        otherwise: steps(fields, "else", place)?,
    })
}

/// `repeat`, with its `steps`, and `until` with `else` where they are given.
pub(super) fn until<S>(
    fields: &Map<String, Value>,
    value: &Value,
    place: &Place,
    steps: Steps<'_, S>,
) -> Outcome<Until<S>> {
    let at = place.child("repeat");
    let Some(times) = fields.get("repeat").and_then(whole) else {
        return at.wrong("needs a whole number, 0 or more");
    };
    if !fields.contains_key("steps") {
        return place.wrong("`repeat` and `steps` go together: {\"repeat\": 3, \"steps\": [...]}");
    }
    let is_open = fields.contains_key("until");
    if fields.contains_key("else") && !is_open {
        return place.child("else").wrong(
            "`else` plays when `until` never came true: add `until`, or write its steps below the repeat",
        );
    }
    at.bounded(value)?;
    Ok(Until {
        times,
        conditions: if is_open {
            some_conditions(fields, "until", place)?
        } else {
            Conditions::new()
        },
        steps: steps(fields, "steps", place)?,
        otherwise: steps(fields, "else", place)?,
    })
}

/// `choose`, and whether `save` keeps what was chosen.
pub(super) fn choices<S>(
    fields: &Map<String, Value>,
    place: &Place,
    steps: Steps<'_, S>,
) -> Outcome<Vec<Choice<S>>> {
    let is_kept = fields.contains_key("save");
    let choices = place.list(fields, "choose", |value, place| {
        let choice = match value {
            Value::String(text) => Choice {
                weight: 1.0,
                text: Some(text.clone()),
                steps: Vec::new(),
            },
            value => {
                let fields = place.object(value, "{\"weight\": 2, \"steps\": [...]}, or a text")?;
                place.only(fields, &["weight", "text", "steps"], "a choice")?;
                Choice {
                    weight: match fields.get("weight") {
                        None => 1.0,
                        Some(weight) => match weight.as_f64() {
                            Some(weight) if weight > 0.0 && weight <= 1e6 => weight,
                            _ => {
                                return place
                                    .child("weight")
                                    .wrong("needs a number above 0, at most 1000000");
                            }
                        },
                    },
                    text: place.optional_text(fields, "text")?,
                    steps: steps(fields, "steps", place)?,
                }
            }
        };
        match (&choice.text, is_kept) {
            (None, true) => place.wrong("needs a `text`, which `save` keeps"),
            (Some(_), false) => place.wrong(
                "has a text that nothing keeps: add `save` beside `choose`, or write `steps`",
            ),
            _ => Ok(choice),
        }
    })?;
    if choices.is_empty() {
        return place
            .child("choose")
            .wrong("needs at least one choice: [{\"steps\": [...]}, ...]");
    }
    Ok(choices)
}

/// The fields of an event's data that its step writes itself.
fn is_own(name: &str, step: &Map<String, Value>) -> bool {
    let is = |kind: &str| step.contains_key(kind);
    match name {
        "message_id" => true,
        // That of a `done` is made of its result, and of an `error` there is none.
        "text" => !is("done") && !is("error"),
        "result" => is("done"),
        "error" | "status_code" => is("error"),
        "url" | "action" => is(name),
        _ => false,
    }
}

/// What a step says beside its kind.
pub(super) fn beside(fields: &Map<String, Value>, place: &Place) -> Outcome<Beside> {
    let object = |name: &str| match fields.get(name) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(value) => place
            .child(name)
            .object(value, "{\"name\": \"value\"}")
            .cloned(),
    };
    let data = object("data")?;
    if fields.get("event").is_none()
        && let Some(name) = data.keys().find(|name| is_own(name, fields))
    {
        return place.child("data").wrong(format!(
            "`{name}` is the event's own: write it in the step itself, and in `data` what else the event has"
        ));
    }
    Ok(Beside {
        save: match place.optional_text(fields, "save")? {
            Some(name) => Some(new_name(&name, &place.child("save"))?),
            None => None,
        },
        data,
        metadata: object("metadata")?,
        context: object("context")?,
        details: object("details")?,
    })
}

/// Checks a name under which something is to be kept.
fn new_name(name: &str, place: &Place) -> Outcome<String> {
    let mut letters = name.chars();
    let is_name = letters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_name {
        return place.wrong(
            "needs a name of letters, digits and _ that begins with a letter, such as colour",
        );
    }
    if BUILT_IN.contains(&name) {
        return place.wrong(format!(
            "`{name}` has a meaning already: {{{name}}} is filled in by itself; choose another name"
        ));
    }
    Ok(name.to_owned())
}

/// The names that texts have without a `save`.
pub(super) const BUILT_IN: [&str; 10] = [
    "task",
    "start_url",
    "agent",
    "session_id",
    "answer",
    "message",
    "prompt",
    "mode",
    "n",
    "files",
];

/// How a stream ends.
pub(super) fn cut(value: &Value, place: &Place) -> Outcome<CutStream> {
    let words = CutStream::WORDS.map(|(word, _)| word);
    let word = value.as_str().unwrap_or_default();
    match CutStream::WORDS.iter().find(|(known, _)| *known == word) {
        Some((_, cut)) => Ok(*cut),
        None => place.wrong(format!(
            "needs one of {}{}",
            words.join(", "),
            meant(word, words)
        )),
    }
}

/// A fault, as text or as an object.
pub(super) fn fault(value: &Value, place: &Place) -> Outcome<Box<Fault>> {
    let read = <Fault as Deserialize>::deserialize(value).map_err(|error| error.to_string());
    let checked = read.and_then(|fault| match fault.validate() {
        Ok(()) => Ok(fault),
        Err(error) => Err(error.to_string()),
    });
    match checked {
        Ok(fault) => Ok(Box::new(fault)),
        Err(problem) => place.wrong(problem),
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
        Err(ScenarioError::new(&self.0, problem.to_string()))
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
            // At the place around it: what is not known has no place of its own.
            Some(name) => self.wrong(format!(
                "`{name}` is not known{}; {what} may have {}",
                meant(name, allowed.iter().copied()),
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

    /// A number from 1.
    pub(super) fn count(&self, fields: &Map<String, Value>, name: &str) -> Outcome<Option<u64>> {
        match fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match whole(value).filter(|count| *count > 0) {
                Some(count) => Ok(Some(count)),
                None => self.child(name).wrong("needs a whole number, 1 or more"),
            },
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

    /// Refuses a task or turn whose steps stand too deep in steps.
    pub(super) fn shallow(&self, entry: &Value) -> Outcome<()> {
        match too_deep(entry) {
            None => Ok(()),
            Some(problem) => self.wrong(problem),
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
            Some(Value::Array(items)) => {
                // Each item is looked at, so that all problems are told at once.
                let mut good = Vec::with_capacity(items.len());
                let mut wrong: Option<ScenarioError> = None;
                for (index, item) in items.iter().enumerate() {
                    match read(item, &Self(format!("{}[{index}]", place.0))) {
                        Ok(item) => good.push(item),
                        Err(error) => {
                            wrong = Some(match wrong {
                                None => error,
                                Some(earlier) => earlier.and(error),
                            });
                        }
                    }
                }
                wrong.map_or(Ok(good), Err)
            }
            Some(_) => place.wrong("needs a list: [...]"),
        }
    }
}

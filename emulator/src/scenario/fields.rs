//! The fields of a scenario: where they stand, and what they must be.

use super::error::{Mistakes, ScenarioError};
use super::load::{Load, too_deep, whole};
use super::matches::{Conditions, Match, Wanted, WantedFile, Which};
use super::said::{Beside, Choice, CutStream, Until, When};
use crate::faults::Fault;
use crate::plain::plain;
use crate::words::{likely, meant};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt::Display;

/// In seconds: a day.
const LONGEST_DELAY: f64 = 86_400.0;

/// Kinds of steps, each with the fields it may have besides `after`.
pub(super) type Kinds = &'static [(&'static str, &'static [&'static str])];

pub(super) type Outcome<T> = Result<T, ScenarioError>;

/// The fields of a step under the names that were meant, and its kind, if it has one; what is wrong is added.
pub(super) fn kind<'a>(
    kinds: Kinds,
    fields: &'a Map<String, Value>,
    place: &Place,
    mistakes: &mut Mistakes,
) -> (Cow<'a, Map<String, Value>>, Option<&'static str>) {
    let known = || {
        let names: Vec<_> = kinds.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    };
    let is_kind = |name: &str| kinds.iter().any(|(kind, _)| *kind == name);
    let mut words: Vec<&str> = kinds
        .iter()
        .flat_map(|(kind, own)| own.iter().chain([kind]).copied())
        .collect();
    words.push("after");
    let one = fields.keys().any(|name| is_kind(name));
    let (fields, is_wrong) = place.mended(
        fields,
        &words,
        |meant| !(one && is_kind(meant)),
        |name, advice| {
            format!(
                "`{name}` is not a step{advice}; a step is one of {}",
                known()
            )
        },
        mistakes,
    );
    let found: Vec<_> = kinds
        .iter()
        .filter(|(name, _)| fields.contains_key(*name))
        .collect();
    let [(kind, own)] = found[..] else {
        let names: Vec<_> = found.iter().map(|(name, _)| *name).collect();
        // A name that is not known was to be the kind.
        if !(names.is_empty() && is_wrong) {
            mistakes.take(place.wrong::<()>(format!(
                "a step needs exactly one of {}; this one has {}",
                known(),
                if names.is_empty() {
                    "none".to_owned()
                } else {
                    names.join(" and ")
                }
            )));
        }
        return (fields, None);
    };
    for name in fields.keys() {
        let has_owner = words.contains(&name.as_str()) && name != "after" && !is_kind(name);
        if has_owner && !own.contains(&name.as_str()) {
            let owners: Vec<_> = kinds
                .iter()
                .filter(|(_, own)| own.contains(&name.as_str()))
                .map(|(owner, _)| format!("`{owner}`"))
                .collect();
            let owners = owners.join(" and ");
            let problem = format!("`{name}` belongs to {owners}, not to `{kind}`");
            mistakes.take(place.wrong::<()>(problem));
        }
    }
    (fields, Some(*kind))
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
            let mut mistakes = Mistakes::default();
            let (fields, is_wrong) = place.known(fields, &FORMS, "a `match`", &mut mistakes);
            match form(&fields, place) {
                Ok(None) if !is_wrong => {
                    place.wrong("needs {\"regex\": \"an expression\"} or {\"equals\": \"a text\"}")
                }
                found => {
                    let found = mistakes.take(found);
                    mistakes.none(found)
                }
            }
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
    let mut mistakes = Mistakes::default();
    if fields.is_empty() {
        return place.wrong(format!(
            "needs {{\"regex\": \"an expression\"}}, or one of {}",
            about.names().join(", ")
        ));
    }
    let (fields, _) = place.known(fields, about.names(), "a `match`", &mut mistakes);
    let fields = &*fields;
    let part = |name: &str| match fields.get(name) {
        None => Ok(None),
        Some(value) => text_match(value, &place.child(name)),
    };
    let (form, text) = (
        mistakes.take(form(fields, &place)),
        mistakes.take(part(about.text())),
    );
    if form.is_some() && text.is_some() {
        mistakes.take(place.wrong::<()>(format!(
            "`{0}` and `regex` or `equals` exclude one another: write {{\"{0}\": {{\"regex\": ...}}}}",
            about.text()
        )));
    }
    let session = match fields.get("session") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) => Ok(Some(Which::Id(id.clone()))),
        Some(_) => match place.count(fields, "session") {
            Ok(number) => Ok(number.map(Which::Number)),
            Err(_) => place
                .child("session")
                .wrong("needs a number, from 1 (the how manyth session), or the id of a session"),
        },
    };
    let file = match fields.get("file") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => file(value, &place.child("file")).map(Some),
    };
    let wanted = Wanted {
        start_url: mistakes.take(part("start_url")),
        agent: mistakes.take(part("agent")),
        session: mistakes.take(session),
        nth: mistakes.take(place.count(fields, "nth")),
        nth_in_session: mistakes.take(place.count(fields, "nth_in_session")),
        answers: mistakes.take(conditions(fields, "answers", &place)),
        file: mistakes.take(file),
    };
    mistakes.none((form.or(text), wanted))
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
    let mut mistakes = Mistakes::default();
    let (fields, _) = place.known(fields, &["name", "content"], "a `file`", &mut mistakes);
    let part = |name: &str| match fields.get(name) {
        None => Ok(None),
        Some(value) => text_match(value, &place.child(name)),
    };
    let file = WantedFile {
        name: mistakes.take(part("name")),
        content: mistakes.take(part("content")),
    };
    mistakes.none(file)
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
            let mut mistakes = Mistakes::default();
            let read = conditions.iter().map(|(name, value)| {
                let wanted = mistakes.take(text_match(value, &place.child(name)));
                (name.clone(), wanted)
            });
            let read = read.collect();
            mistakes.none(read)
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
    let mut mistakes = Mistakes::default();
    if !fields.contains_key("steps") && !fields.contains_key("else") {
        let problem = "`if` needs `steps`, `else` or both: {\"if\": {...}, \"steps\": [...]}";
        mistakes.take(place.wrong::<()>(problem));
    }
    let when = When {
        conditions: mistakes.take(some_conditions(fields, "if", place)),
        steps: mistakes.take(steps(fields, "steps", place)),
        otherwise: mistakes.take(steps(fields, "else", place)),
    };
    mistakes.none(when)
}

/// `repeat`, with its `steps`, and `until` with `else` where they are given.
pub(super) fn until<S>(
    fields: &Map<String, Value>,
    value: &Value,
    place: &Place,
    steps: Steps<'_, S>,
) -> Outcome<Until<S>> {
    let at = place.child("repeat");
    let mut mistakes = Mistakes::default();
    let times = match fields.get("repeat").and_then(whole) {
        Some(times) => times,
        None => mistakes.take(at.wrong("needs a whole number, 0 or more")),
    };
    if !fields.contains_key("steps") {
        let problem = "`repeat` and `steps` go together: {\"repeat\": 3, \"steps\": [...]}";
        mistakes.take(place.wrong::<()>(problem));
    }
    let is_open = fields.contains_key("until");
    if fields.contains_key("else") && !is_open {
        mistakes.take(place.child("else").wrong::<()>(
            "`else` plays when `until` never came true: add `until`, or write its steps below the repeat",
        ));
    }
    mistakes.take(at.bounded(value));
    let until = Until {
        times,
        conditions: if is_open {
            mistakes.take(some_conditions(fields, "until", place))
        } else {
            Conditions::new()
        },
        steps: mistakes.take(steps(fields, "steps", place)),
        otherwise: mistakes.take(steps(fields, "else", place)),
    };
    mistakes.none(until)
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
                let mut mistakes = Mistakes::default();
                let known = ["weight", "text", "steps"];
                let (fields, _) = place.known(fields, &known, "a choice", &mut mistakes);
                let weight = match fields.get("weight").map(Value::as_f64) {
                    None => Ok(1.0),
                    Some(Some(weight)) if weight > 0.0 && weight <= 1e6 => Ok(weight),
                    Some(_) => place
                        .child("weight")
                        .wrong("needs a number above 0, at most 1000000"),
                };
                let choice = Choice {
                    weight: mistakes.take(weight),
                    text: mistakes.take(place.optional_text(&fields, "text")),
                    steps: mistakes.take(steps(&fields, "steps", place)),
                };
                mistakes.none(choice)?
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
    let mut mistakes = Mistakes::default();
    let data = mistakes.take(object("data"));
    if fields.get("event").is_none()
        && let Some(name) = data.keys().find(|name| is_own(name, fields))
    {
        mistakes.take(place.child("data").wrong::<()>(format!(
            "`{name}` is the event's own: write it in the step itself, and in `data` what else the event has"
        )));
    }
    let save = match place.optional_text(fields, "save") {
        Ok(Some(name)) => new_name(&name, &place.child("save")).map(Some),
        other => other,
    };
    let beside = Beside {
        save: mistakes.take(save),
        data,
        metadata: mistakes.take(object("metadata")),
        context: mistakes.take(object("context")),
        details: mistakes.take(object("details")),
    };
    mistakes.none(beside)
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
    let read = match value {
        Value::String(text) => text
            .parse::<Fault>()
            .map_err(|error| format!("the fault `{text}` cannot be used: {error}")),
        Value::Object(_) => serde_json::from_value::<Fault>(value.clone())
            .map_err(|error| plain(&error.to_string())),
        _ => Err("needs a fault, such as `create status=503`".to_owned()),
    };
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

    /// The fields under the names that were meant; those that are not known are added, and whether there are any is said.
    pub(super) fn known<'a>(
        &self,
        fields: &'a Map<String, Value>,
        allowed: &[&str],
        what: &str,
        mistakes: &mut Mistakes,
    ) -> (Cow<'a, Map<String, Value>>, bool) {
        self.mended(
            fields,
            allowed,
            |_| true,
            |name, advice| {
                let all = allowed.join(", ");
                format!("`{name}` is not known{advice}; {what} may have {all}")
            },
            mistakes,
        )
    }

    /// The same, with the words of the caller, who says which names may be meant.
    fn mended<'a>(
        &self,
        fields: &'a Map<String, Value>,
        allowed: &[&str],
        may_be: impl Fn(&str) -> bool,
        problem: impl Fn(&str, String) -> String,
        mistakes: &mut Mistakes,
    ) -> (Cow<'a, Map<String, Value>>, bool) {
        let mut mended = Cow::Borrowed(fields);
        let mut is_wrong = false;
        for name in fields.keys() {
            if allowed.contains(&name.as_str()) {
                continue;
            }
            is_wrong = true;
            let problem = problem(name, meant(name, allowed.iter().copied()));
            let likely = likely(name, allowed.iter().copied())
                .filter(|likely| may_be(likely) && !mended.contains_key(*likely));
            if let Some(likely) = likely {
                let value = fields.get(name).cloned().unwrap_or_default();
                mended.to_mut().insert(likely.to_owned(), value);
            }
            let likely = likely.map(|likely| self.child(likely).0);
            let written = self.child(name).0;
            // At the place around it: what is not known has no place of its own.
            mistakes.add(ScenarioError::unknown(&self.0, problem, written, likely));
        }
        (mended, is_wrong)
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

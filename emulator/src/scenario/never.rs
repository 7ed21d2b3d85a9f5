//! What of a scenario can never play: entries and branches behind one that fits all that they fit, and steps behind an end.
//!
//! It says nothing where it is not sure.

use super::error::ScenarioProblem;
use super::fields::{Place, matches};
use super::load::whole;
use super::matches::{Match, Wanted, WantedFile};
use super::model::Scenario;
use serde_json::{Map, Value};

/// All of it; `value` is the scenario as it was written.
pub(super) fn find(value: &Value, scenario: &Scenario) -> Vec<ScenarioProblem> {
    let tasks = scenario.tasks.iter().map(|task| Entry {
        matches: task.matches.as_ref(),
        mode: None,
        wanted: &task.wanted,
        once: task.once,
    });
    let turns = scenario.turns.iter().map(|turn| Entry {
        matches: turn.matches.as_ref(),
        mode: turn.mode.as_deref(),
        wanted: &turn.wanted,
        once: turn.once,
    });
    let mut found = Vec::new();
    for (list, what, entries) in [
        ("tasks", "task", tasks.collect::<Vec<_>>()),
        ("turns", "turn", turns.collect()),
    ] {
        shadowed(list, what, &entries, &mut found);
        let written = value[list].as_array().into_iter().flatten();
        for (index, entry) in written.enumerate() {
            let place = format!("{list}[{index}]");
            Steps { what, place }.list(&entry["steps"], "steps", &mut found);
        }
    }
    found
}

/// The lists that are there without an entry: whatever `unmatched` says, the built-in agent plays all that they are for.
pub(super) fn empty(value: &Value) -> Vec<ScenarioProblem> {
    [("tasks", "task"), ("turns", "turn")]
        .into_iter()
        .filter(|(list, _)| value[*list].as_array().is_some_and(Vec::is_empty))
        .map(|(list, what)| {
            ScenarioProblem::new(
                list,
                format!(
                    "has no entry, so that the built-in agent plays every {what}, also with `unmatched` set to \"error\": add \
                     an entry, or leave `{list}` out"
                ),
            )
        })
        .collect()
}

/// What an entry wants.
struct Entry<'a> {
    matches: Option<&'a Match>,
    mode: Option<&'a str>,
    wanted: &'a Wanted,
    once: bool,
}

fn shadowed(list: &str, what: &str, entries: &[Entry<'_>], found: &mut Vec<ScenarioProblem>) {
    for (index, entry) in entries.iter().enumerate() {
        let before = entries.iter().take(index);
        if let Some(first) = before.enumerate().find(|(_, it)| it.takes_all_of(entry)) {
            let other = format!("{list}[{}]", first.0);
            found.push(ScenarioProblem::new(
                &format!("{list}[{index}]"),
                format!(
                    "never plays: {other} fits every {what} that it fits, comes first and plays each time. Put it before \
                     {other}, or give that one `once`"
                ),
            ));
        }
    }
}

impl Entry<'_> {
    /// Whether this entry plays wherever the other one, which comes later, would.
    fn takes_all_of(&self, other: &Self) -> bool {
        let (own, its) = (self.wanted, other.wanted);
        let is_free = !self.once && own.nth.is_none() && own.nth_in_session.is_none();
        let answers = || {
            own.answers.iter().all(|(name, wanted)| {
                let its = its.answers.get(name);
                its.is_some_and(|its| covers(wanted.as_ref(), its.as_ref()))
            })
        };
        is_free
            && covers(self.matches, other.matches)
            && self.mode.is_none_or(|mode| other.mode == Some(mode))
            // A task without an address fits no wish for one.
            && own.start_url.as_ref().is_none_or(|url| {
                its.start_url.as_ref().is_some_and(|its| covers(Some(url), Some(its)))
            })
            && covers(own.agent.as_ref(), its.agent.as_ref())
            && own.session.as_ref().is_none_or(|which| its.session.as_ref() == Some(which))
            && answers()
            && covers_file(own.file.as_ref(), its.file.as_ref())
    }
}

fn covers_file(file: Option<&WantedFile>, other: Option<&WantedFile>) -> bool {
    let Some(file) = file else { return true };
    other.is_some_and(|other| {
        covers(file.name.as_ref(), other.name.as_ref())
            && covers(file.content.as_ref(), other.content.as_ref())
    })
}

/// Whether a match fits whatever the other one fits.
fn covers(one: Option<&Match>, other: Option<&Match>) -> bool {
    match (one, other) {
        (None, _) => true,
        (Some(Match::Contains(text)), _) if text.is_empty() => true,
        (Some(one), Some(Match::Equals(text))) => one.fits(text),
        (Some(Match::Contains(part)), Some(Match::Contains(text))) => text.contains(part.as_str()),
        (Some(one), Some(other)) => one == other,
        (Some(_), None) => false,
    }
}

/// Looks at steps, and at those inside of them.
struct Steps {
    /// `task` or `turn`.
    what: &'static str,
    place: String,
}

impl Steps {
    fn at(&self, place: &str) -> Self {
        Self {
            what: self.what,
            place: format!("{}.{place}", self.place),
        }
    }

    /// Whether the steps of a list end the task or turn, whatever happens.
    fn list(&self, steps: &Value, name: &str, found: &mut Vec<ScenarioProblem>) -> bool {
        let mut end: Option<usize> = None;
        for (index, step) in steps.as_array().into_iter().flatten().enumerate() {
            let at = self.at(&format!("{name}[{index}]"));
            match end {
                None => {
                    if let Value::Object(step) = step
                        && at.step(step, found)
                    {
                        end = Some(index);
                    }
                }
                Some(end) => {
                    found.push(ScenarioProblem::new(
                        &at.place,
                        format!(
                            "never plays, nor what follows: the {} has ended with {name}[{end}]. Put it before that step, or \
                             take it out",
                            self.what
                        ),
                    ));
                    return true;
                }
            }
        }
        end.is_some()
    }

    /// Whether a step ends the task or turn, whatever happens.
    fn step(&self, step: &Map<String, Value>, found: &mut Vec<ScenarioProblem>) -> bool {
        let list = |name: &str, found: &mut Vec<ScenarioProblem>| {
            step.get(name)
                .is_some_and(|steps| self.list(steps, name, found))
        };
        let ends: &[&str] = match self.what {
            "task" => &["done", "error"],
            _ => &["complete", "abort", "error"],
        };
        if ends.iter().any(|name| step.contains_key(*name)) {
            return true;
        }
        if step.contains_key("if") {
            let (then, otherwise) = (list("steps", found), list("else", found));
            return then && otherwise;
        }
        if let Some(times) = step.get("repeat").and_then(whole) {
            let (round, otherwise) = (list("steps", found), list("else", found));
            if times == 0 {
                found.push(ScenarioProblem::new(
                    &self.place,
                    "its steps never play: `repeat` is 0. Use 1 or more, or take it out",
                ));
                return otherwise;
            }
            return round;
        }
        if let Some(Value::Array(choices)) = step.get("choose") {
            let mut all = true;
            for (index, choice) in choices.iter().enumerate() {
                let at = self.at(&format!("choose[{index}]"));
                all &= at.list(&choice["steps"], "steps", found);
            }
            return all;
        }
        match step.get("answers") {
            Some(Value::Array(branches)) => self.branches(branches, found),
            _ => false,
        }
    }

    /// The branches of a question, the first of which that fits plays.
    fn branches(&self, branches: &[Value], found: &mut Vec<ScenarioProblem>) -> bool {
        let read = |branch: &Value| {
            let fields = branch.as_object()?;
            matches(fields, &Place::default()).ok()
        };
        let all: Option<Vec<Option<Match>>> = branches.iter().map(read).collect();
        let Some(all) = all else { return false };
        let mut every_end = true;
        for (index, (branch, matches)) in branches.iter().zip(&all).enumerate() {
            let at = self.at(&format!("answers[{index}]"));
            let before = all.iter().take(index);
            let first = before
                .enumerate()
                .find(|(_, it)| covers(it.as_ref(), matches.as_ref()));
            if let Some((first, _)) = first {
                found.push(ScenarioProblem::new(
                    &at.place,
                    format!(
                        "never plays: answers[{first}] fits every answer that it fits, and comes first. Put it before \
                         answers[{first}], or take it out"
                    ),
                ));
            }
            every_end &= at.list(&branch["steps"], "steps", found);
        }
        every_end && all.iter().any(|matches| covers(matches.as_ref(), None))
    }
}

//! Scenarios: what the emulator's agent does, written down.
//!
//! A [`Scenario`] is a list of tasks. The first one whose `match` occurs in the text of a new task plays its
//! steps; without such an entry the built-in agent works on the task (see [`crate`]).

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A script for the agent: for each kind of task, the steps it takes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// The scripted tasks; the first that matches plays.
    pub tasks: Vec<ScriptedTask>,
}

/// The steps for the tasks whose text contains `match`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScriptedTask {
    /// Text that a task must contain for this entry to play; `None`: any task.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub matches: Option<String>,
    /// What the agent does, in order. A script without an ending is given `done: "Task completed"`.
    pub steps: Vec<Step>,
    /// Play for one task only.
    pub once: bool,
}

/// One step of a script.
///
/// Texts may contain `{task}` (the task's text), `{answer}` (the last answer to a question) and, inside a
/// [`Step::Repeat`], `{n}` (its counter, from 1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawStep", into = "RawStep")]
pub enum Step {
    /// A `thought` event.
    Thought(String),
    /// A `step` event.
    Step {
        /// What the agent does.
        text: String,
        /// The page it does it on.
        url: Option<String>,
        /// A word for the kind of action, such as `click`.
        action: Option<String>,
    },
    /// A `log` event.
    Log(String),
    /// A `question` event; the script goes on with the answer.
    Question(String),
    /// A wait, in seconds.
    Delay(f64),
    /// Plays `steps` a number of times.
    Repeat {
        /// How often.
        times: u64,
        /// What.
        steps: Vec<Step>,
    },
    /// Opens a page in the session's browser, as a `navigate` request does, and reports it as a `step` event.
    Navigate(String),
    /// Ends the task with this result.
    Done(Value),
    /// Ends the task with this failure.
    Error {
        /// The message.
        text: String,
        /// The `status_code` of the event; 500 when left out.
        status_code: u16,
    },
}

/// A step as JSON has it: the key that is present says which one it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawStep {
    #[serde(skip_serializing_if = "Option::is_none")]
    thought: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    question: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repeat: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<Vec<Step>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    navigate: Option<String>,
    // `null` is a result like any other, so presence is kept apart from the value.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    done: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_code: Option<u16>,
}

fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

impl TryFrom<RawStep> for Step {
    type Error = String;

    fn try_from(raw: RawStep) -> Result<Self, String> {
        let mut found = Vec::new();
        let mut take = |name: &'static str, step: Option<Step>| {
            if let Some(step) = step {
                found.push((name, step));
            }
        };
        take("thought", raw.thought.map(Step::Thought));
        let is_step = raw.step.is_some();
        take(
            "step",
            raw.step.map(|text| Step::Step {
                text,
                url: raw.url.clone(),
                action: raw.action.clone(),
            }),
        );
        take("log", raw.log.map(Step::Log));
        take("question", raw.question.map(Step::Question));
        take("delay", raw.delay.map(Step::Delay));
        let has_steps = raw.steps.is_some();
        let is_repeat = raw.repeat.is_some();
        take(
            "repeat",
            raw.repeat.map(|times| Step::Repeat {
                times,
                steps: raw.steps.unwrap_or_default(),
            }),
        );
        take("navigate", raw.navigate.map(Step::Navigate));
        take("done", raw.done.map(Step::Done));
        let is_error = raw.error.is_some();
        take(
            "error",
            raw.error.map(|text| Step::Error {
                text,
                status_code: raw.status_code.unwrap_or(500),
            }),
        );

        if found.len() != 1 {
            let names: Vec<_> = found.iter().map(|(name, _)| *name).collect();
            return Err(format!(
                "a scenario step needs exactly one of thought, step, log, question, delay, repeat, navigate, done, \
                 error; this one has {}",
                if names.is_empty() {
                    "none".to_owned()
                } else {
                    names.join(" and ")
                }
            ));
        }
        if !is_step && (raw.url.is_some() || raw.action.is_some()) {
            return Err(
                "`url` and `action` belong to a `step`; use {\"step\": \"text\", \"url\": \"...\"}"
                    .to_owned(),
            );
        }
        if has_steps != is_repeat {
            return Err(
                "`repeat` and `steps` go together: {\"repeat\": 3, \"steps\": [...]}".to_owned(),
            );
        }
        if raw.status_code.is_some() && !is_error {
            return Err("`status_code` belongs to an `error`".to_owned());
        }
        match found.remove(0).1 {
            Step::Delay(seconds) if !(0.0..=86_400.0).contains(&seconds) => {
                Err("`delay` is in seconds, from 0 to 86400".to_owned())
            }
            step => Ok(step),
        }
    }
}

impl From<Step> for RawStep {
    fn from(step: Step) -> Self {
        let mut raw = RawStep::default();
        match step {
            Step::Thought(text) => raw.thought = Some(text),
            Step::Step { text, url, action } => {
                raw.step = Some(text);
                raw.url = url;
                raw.action = action;
            }
            Step::Log(text) => raw.log = Some(text),
            Step::Question(text) => raw.question = Some(text),
            Step::Delay(seconds) => raw.delay = Some(seconds),
            Step::Repeat { times, steps } => {
                raw.repeat = Some(times);
                raw.steps = Some(steps);
            }
            Step::Navigate(url) => raw.navigate = Some(url),
            Step::Done(result) => raw.done = Some(result),
            Step::Error { text, status_code } => {
                raw.error = Some(text);
                raw.status_code = Some(status_code);
            }
        }
        raw
    }
}

/// The scenario in force, with the `once` entries that were used up.
#[derive(Debug, Default)]
pub(crate) struct Playing {
    scenario: Scenario,
    used: Vec<bool>,
}

impl Playing {
    pub(crate) fn new(scenario: Scenario) -> Self {
        let used = vec![false; scenario.tasks.len()];
        Self { scenario, used }
    }

    /// The script for a new task, if there is one for it; uses up a `once` entry.
    pub(crate) fn script_for(&mut self, task: &str) -> Option<Vec<Step>> {
        let index = (0..self.used.len()).find(|&index| {
            let entry = &self.scenario.tasks[index];
            !self.used[index]
                && entry
                    .matches
                    .as_deref()
                    .is_none_or(|text| task.contains(text))
        })?;
        self.used[index] = self.scenario.tasks[index].once;
        Some(self.scenario.tasks[index].steps.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(value: Value) -> Result<Step, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn every_kind_of_step_survives_a_round_trip() {
        let all = json!({"tasks": [{"match": "x", "once": true, "steps": [
            {"thought": "a"}, {"step": "b", "url": "http://h/", "action": "click"}, {"log": "c"}, {"question": "d"},
            {"delay": 0.5}, {"repeat": 2, "steps": [{"thought": "{n}"}]}, {"navigate": "http://h/"},
            {"done": null}, {"error": "e", "status_code": 418}]}]});
        let scenario: Scenario = serde_json::from_value(all.clone()).unwrap();
        assert_eq!(scenario.tasks[0].steps.len(), 9);
        assert_eq!(serde_json::to_value(&scenario).unwrap(), all);
    }

    #[test]
    fn a_wrong_step_says_what_is_wrong() {
        assert!(parse(json!({})).unwrap_err().contains("this one has none"));
        assert!(
            parse(json!({"thought": "a", "log": "b"}))
                .unwrap_err()
                .contains("thought and log")
        );
        assert!(
            parse(json!({"thougth": "a"}))
                .unwrap_err()
                .contains("thougth")
        );
        assert!(
            parse(json!({"repeat": 3}))
                .unwrap_err()
                .contains("go together")
        );
        assert!(
            parse(json!({"log": "b", "url": "x"}))
                .unwrap_err()
                .contains("belong to a `step`")
        );
        assert!(
            parse(json!({"delay": -1.0}))
                .unwrap_err()
                .contains("seconds")
        );
        assert!(
            parse(json!({"done": 1, "status_code": 500}))
                .unwrap_err()
                .contains("belongs to an `error`")
        );
    }

    #[test]
    fn the_first_matching_entry_plays_and_once_is_used_up() {
        let mut playing = Playing::new(
            serde_json::from_value(json!({"tasks": [
                {"match": "red", "steps": [{"done": 1}], "once": true},
                {"match": "red", "steps": [{"done": 2}]},
                {"match": "blue", "steps": [{"done": 3}]}]}))
            .unwrap(),
        );
        assert_eq!(
            playing.script_for("a red one"),
            Some(vec![Step::Done(json!(1))])
        );
        assert_eq!(
            playing.script_for("a red one"),
            Some(vec![Step::Done(json!(2))])
        );
        assert_eq!(
            playing.script_for("a blue one"),
            Some(vec![Step::Done(json!(3))])
        );
        assert_eq!(playing.script_for("green"), None);
    }
}

//! Scenarios: what the emulator's agent does, written down.
//!
//! A [`Scenario`] is a list of tasks. The first one whose `match` fits the text of a new task plays its
//! steps; without such an entry the built-in agent works on the task (see [`crate`]). The format is JSON or YAML, the same
//! in every language; [`SCENARIO_SCHEMA`] describes it for editors and validators.

mod read;
mod read_turn;
mod record;
mod scrub;
mod turn;
mod write;
mod yaml;

pub use record::{RecordedEvent, RecordedMessage, Recording};
pub use turn::{ScriptedTurn, Todo, TurnStep};

use serde_json::Value;
use std::path::Path;

/// The JSON Schema of a scenario.
pub const SCENARIO_SCHEMA: &str = include_str!("../../scenario.schema.json");

/// A script for the agent: for each kind of task, the steps it takes.
///
/// ```
/// use sessionwire_emulator::Scenario;
///
/// let scenario = Scenario::from_text("
/// tasks:
///   - match: mug
///     steps:
///       - question: Which colour?
///       - done: A {answer} mug
/// ")?;
/// assert_eq!(scenario.tasks[0].steps.len(), 2);
/// # Ok::<(), sessionwire_emulator::ScenarioError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scenario {
    /// The scripted tasks; the first that matches plays.
    pub tasks: Vec<ScriptedTask>,
    /// The same for the turns of Raccoon.
    pub turns: Vec<ScriptedTurn>,
}

impl Scenario {
    /// Reads a scenario in JSON (when it starts with `{`) or YAML.
    ///
    /// # Errors
    /// When it is neither, or no scenario; the text names the place, such as `tasks[0].steps[2]`.
    pub fn from_text(text: &str) -> Result<Self, ScenarioError> {
        read::text(text, None)
    }

    /// Reads a file: JSON (`.json`), YAML (`.yaml`, `.yml`), or, with any other name, what its content looks like.
    ///
    /// # Errors
    /// As [`Self::from_text`], and when the file cannot be read; the text names the file.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ScenarioError> {
        let path = path.as_ref();
        let named = |problem: String| ScenarioError(format!("{}: {problem}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| {
            named(format!(
                "cannot be read: {error}; name a scenario file in JSON or YAML"
            ))
        })?;
        let extension = path.extension().and_then(|extension| extension.to_str());
        read::text(&text, extension).map_err(|error| named(error.0))
    }
}

/// The steps for the tasks whose text fits `match`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScriptedTask {
    /// What a task must be for this entry to play; `None`: any task.
    pub matches: Option<Match>,
    /// What the agent does, in order. A script without an ending is given `done: "Task completed"`.
    pub steps: Vec<Step>,
    /// Play for one task only. Entries with `once` play in their order: the first for the first task, and so on.
    pub once: bool,
    /// Texts are taken as they are: nothing is put in for `{answer}` and its like.
    pub verbatim: bool,
}

/// What a text must be like.
#[derive(Debug, Clone)]
pub enum Match {
    /// It contains this text.
    Contains(String),
    /// The expression is found in it: `{"regex": "..."}`.
    Regex(regex_lite::Regex),
}

impl Match {
    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Contains(part) => text.contains(part),
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

impl PartialEq for Match {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Contains(one), Self::Contains(other)) => one == other,
            (Self::Regex(one), Self::Regex(other)) => one.as_str() == other.as_str(),
            _ => false,
        }
    }
}

/// One step of a script.
///
/// Texts may contain `{task}` (the task's text), `{answer}` (the last answer to a question), `{message}` (the last
/// message that was waited for) and, inside a [`Step::Repeat`], `{n}` (its counter, from 1).
#[derive(Debug, Clone, PartialEq)]
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
    Question {
        /// The question.
        text: String,
        /// Branches: the first that matches the answer plays, then the script goes on.
        answers: Vec<Branch>,
    },
    /// A wait, in seconds. `after` on any other step is read as one before it.
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
    /// Pauses the session as a `pause` request does; the script goes on when it is resumed.
    Pause,
    /// Waits until the session was paused and resumed by a request.
    WaitForPause,
    /// Waits for a message, other than the answer to a question.
    WaitForMessage,
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

/// What follows on some answers to a question.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Branch {
    /// What an answer must be for this branch to play; `None`: any answer.
    pub matches: Option<Match>,
    /// What the agent does then.
    pub steps: Vec<Step>,
}

/// Why a text is not a scenario: the place, what is wrong there, and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioError(String);

impl std::fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ScenarioError {}

/// The branch that an answer takes.
pub(crate) fn branch<'a>(answers: &'a [Branch], answer: &str) -> Option<&'a Branch> {
    answers
        .iter()
        .find(|branch| fits(branch.matches.as_ref(), answer))
}

fn fits(wanted: Option<&Match>, text: &str) -> bool {
    wanted.is_none_or(|wanted| wanted.fits(text))
}

/// The scenario in force, with the `once` entries that were used up.
#[derive(Debug, Default)]
pub(crate) struct Playing {
    scenario: Scenario,
    used: Vec<bool>,
    used_turns: Vec<bool>,
}

impl Playing {
    pub(crate) fn new(scenario: Scenario) -> Self {
        Self {
            used: vec![false; scenario.tasks.len()],
            used_turns: vec![false; scenario.turns.len()],
            scenario,
        }
    }

    /// The script for a new task, if there is one for it; uses up a `once` entry.
    pub(crate) fn script_for(&mut self, task: &str) -> Option<ScriptedTask> {
        let index = (0..self.used.len()).find(|&index| {
            !self.used[index] && fits(self.scenario.tasks[index].matches.as_ref(), task)
        })?;
        self.used[index] = self.scenario.tasks[index].once;
        Some(self.scenario.tasks[index].clone())
    }

    /// The same for a new turn.
    pub(crate) fn turn_script_for(&mut self, prompt: &str, mode: &str) -> Option<Vec<TurnStep>> {
        let turns = &self.scenario.turns;
        let index = (0..turns.len()).find(|&index| {
            !self.used_turns[index]
                && fits(turns[index].matches.as_ref(), prompt)
                && turns[index]
                    .mode
                    .as_deref()
                    .is_none_or(|wanted| wanted == mode)
        })?;
        self.used_turns[index] = turns[index].once;
        Some(turns[index].steps.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_kind_of_step_survives_a_round_trip() {
        let all = json!({"tasks": [{"match": "x", "once": true, "steps": [
            {"thought": "a"}, {"step": "b", "url": "http://h/", "action": "click"}, {"log": "c"}, {"question": "d"},
            {"question": "e", "answers": [{"match": {"regex": "^no"}, "steps": [{"pause": true}]}, {"steps": []}]},
            {"delay": 0.5}, {"repeat": 2, "steps": [{"thought": "{n}"}]}, {"navigate": "http://h/"},
            {"pause": true}, {"wait_for_pause": true}, {"wait_for_message": true},
            {"done": null}, {"error": "e", "status_code": 418}]}]});
        let scenario: Scenario = serde_json::from_value(all.clone()).unwrap();
        assert_eq!(scenario.tasks[0].steps.len(), 13);
        assert_eq!(serde_json::to_value(&scenario).unwrap(), all);
    }

    #[test]
    fn every_kind_of_turn_step_survives_a_round_trip() {
        let all = json!({"tasks": [], "turns": [{"match": "x", "mode": "code", "once": true, "steps": [
            {"thought": "a"}, {"thought": "b", "finalize": false, "block": "plan"}, {"text": "c"}, {"text": "d", "block": "e"},
            {"tool": "browser", "output": [1], "status": "error", "takes": 0.5},
            {"plan": [{"id": "1", "content": "f", "status": "active"}]}, {"snapshot": ["g"]},
            {"snapshot": [], "deleted": ["h"]}, {"event": "task.phase", "payload": {"phase": "i"}, "block_id": "j"},
            {"delay": 0.5}, {"repeat": 2, "steps": [{"text": "{n}"}]},
            {"wait_for_message": true}, {"wait_for_socket": true}, {"wait_for_stop": true},
            {"complete": true}, {"complete": "k"}, {"abort": "l"}, {"error": "m"}, {"error": "n", "code": "o"}]}]});
        let scenario: Scenario = serde_json::from_value(all.clone()).unwrap();
        assert_eq!(scenario.turns[0].steps.len(), 19);
        assert_eq!(serde_json::to_value(&scenario).unwrap(), all);
    }

    #[test]
    fn a_turn_plays_by_prompt_and_mode() {
        let mut playing = Playing::new(
            serde_json::from_value(json!({"turns": [
                {"mode": "code", "steps": [{"abort": "1"}], "once": true},
                {"match": "red", "steps": [{"abort": "2"}]}]}))
            .unwrap(),
        );
        let mut first = |prompt, mode| match playing.turn_script_for(prompt, mode).as_deref() {
            Some([TurnStep::Abort { reason }]) => reason.parse().ok(),
            _ => None,
        };
        assert_eq!(first("red", "auto"), Some(2));
        assert_eq!(first("red", "code"), Some(1));
        assert_eq!(first("red", "code"), Some(2));
        assert_eq!(first("blue", "code"), None);
    }

    #[test]
    fn after_is_a_delay_before_its_step() {
        let short = r#"{"tasks": [{"steps": [{"thought": "a", "after": 2}]}]}"#;
        let long = r#"{"tasks": [{"steps": [{"delay": 2}, {"thought": "a"}]}]}"#;
        assert_eq!(Scenario::from_text(short), Scenario::from_text(long));
    }

    #[test]
    fn the_first_matching_entry_plays_and_once_is_used_up() {
        let mut playing = Playing::new(
            serde_json::from_value(json!({"tasks": [
                {"match": "red", "steps": [{"done": 1}], "once": true},
                {"match": "red", "steps": [{"done": 2}]},
                {"match": {"regex": "(?i)^a? *BLUE\\b"}, "steps": [{"done": 3}]}]}))
            .unwrap(),
        );
        let mut done = |task| match playing
            .script_for(task)
            .as_ref()
            .map(|script| &script.steps[..])
        {
            Some([Step::Done(result)]) => result.as_u64(),
            _ => None,
        };
        assert_eq!(done("a red one"), Some(1));
        assert_eq!(done("a red one"), Some(2));
        assert_eq!(done("a blue one"), Some(3));
        assert_eq!(done("a bluebell"), None);
        assert_eq!(done("green"), None);
    }
}

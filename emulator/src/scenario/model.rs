//! A scenario and its parts, as plain data.

use super::matches::{Match, fits};
use super::turn::ScriptedTurn;
use crate::raccoon::Dialect;
use serde_json::Value;

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
    /// How Raccoon speaks; `None`: as the emulator's own option says.
    pub dialect: Option<Dialect>,
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
pub struct ScenarioError(pub(super) String);

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

//! A scenario and its parts, as plain data.

use super::exchange::Exchange;
use super::matches::{Match, Wanted, fits};
use super::said::{Beside, Choice, CutStream, Until, When};
use super::turn::ScriptedTurn;
use crate::faults::Fault;
use crate::raccoon::Dialect;
use serde_json::{Map, Value};

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
    /// From which `choose` draws: the same seed gives the same choices.
    pub seed: u64,
    /// What was asked when it was recorded, and how the service answered; the emulator plays none of it.
    pub recorded: Vec<Exchange>,
}

/// The steps for the tasks whose text fits `match`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScriptedTask {
    /// What a task's text must be for this entry to play; `None`: any text.
    pub matches: Option<Match>,
    /// What the task must be beside that.
    pub wanted: Wanted,
    /// What the agent does, in order. A script without an ending is given `done: "Task completed"`.
    pub steps: Vec<Step>,
    /// Play for one task only. Entries with `once` play in their order: the first for the first task, and so on.
    pub once: bool,
    /// Texts are taken as they are: nothing is put in for `{answer}` and its like.
    pub verbatim: bool,
}

/// One step of a script.
///
/// Texts may contain `{task}` (the task's text), `{start_url}`, `{agent}`, `{session_id}`, `{answer}` (the last answer to a
/// question), `{message}` (the last message that was waited for), what was saved or found under a name, and, inside a
/// [`Step::Repeat`], `{n}` (its counter, from 1).
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
    /// Plays `steps` again and again until conditions hold.
    RepeatUntil(Until<Step>),
    /// Plays steps where conditions hold.
    If(When<Step>),
    /// Plays one of several, by the scenario's seed.
    Choose(Vec<Choice<Step>>),
    /// A step that says more than its kind has, or whose answer is kept.
    With {
        /// The step.
        step: Box<Step>,
        /// What else it says and does.
        beside: Box<Beside>,
    },
    /// An event of any type, as it is; it changes nothing but the stream.
    Event {
        /// Its type.
        name: String,
        /// Its data.
        data: Map<String, Value>,
        /// Whether it has an id, as messages have.
        id: bool,
    },
    /// Ends the streams that are open on the session, here.
    Stream(CutStream),
    /// Injects a fault, for this session unless it names another one or its endpoint has none.
    Fault(Box<Fault>),
    /// Opens a page in the session's browser, as a `navigate` request does, and reports it as a `step` event.
    Navigate(String),
    /// Pauses the session as a `pause` request does; the script goes on when it is resumed.
    Pause,
    /// Waits until the session was paused and resumed by a request.
    WaitForPause,
    /// Waits for a message, other than the answer to a question.
    WaitForMessage,
    /// Waits until an event stream is open on the session.
    WaitForStream,
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

/// The branch that an answer takes.
pub(crate) fn branch<'a>(answers: &'a [Branch], answer: &str) -> Option<&'a Branch> {
    answers
        .iter()
        .find(|branch| fits(branch.matches.as_ref(), answer))
}

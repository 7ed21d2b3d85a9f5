//! Scripts for the turns of Raccoon.

use super::matches::{Match, Wanted};
use super::said::{Beside, Choice, CutStream, Until, When};
use crate::faults::Fault;
use serde_json::{Map, Value};

/// The steps for the turns whose prompt fits `match`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScriptedTurn {
    /// What a prompt must be for this entry to play; `None`: any prompt.
    pub matches: Option<Match>,
    /// What the turn must be beside that.
    pub wanted: Wanted,
    /// The mode a turn must have; `None`: any mode.
    pub mode: Option<String>,
    /// What the agent does, in order. A script without an ending completes the turn.
    pub steps: Vec<TurnStep>,
    /// Play for one turn only. Entries with `once` play in their order.
    pub once: bool,
    /// Texts are taken as they are: nothing is put in for `{prompt}` and its like.
    pub verbatim: bool,
}

/// One step of a turn's script.
///
/// Texts may contain `{prompt}`, `{mode}`, `{session_id}`, `{message}` (the last message that was waited for), what was saved or
/// found under a name, of a file that goes with the turn `{file.name}`, `{file.type}`, `{file.size}` and `{file.content}`, and,
/// inside a [`TurnStep::Repeat`], `{n}` (its counter, from 1).
#[derive(Debug, Clone, PartialEq)]
pub enum TurnStep {
    /// A `thought` event.
    Thought {
        /// What the agent thinks.
        text: String,
        /// The block it belongs to, `thought:<block>`; `None`: one of its own.
        block: Option<String>,
        /// Whether the block is finished with it.
        finalize: bool,
    },
    /// A `text` event: a piece of the answer.
    Text {
        /// The piece.
        text: String,
        /// The block it belongs to, `text:<block>`; `None`: `text:answer`.
        block: Option<String>,
    },
    /// A `tool.start` and a `tool.result` event.
    Tool {
        /// The tool's name.
        name: String,
        /// What it gives.
        output: Value,
        /// How it ended: `success`, `error`, ...
        status: String,
        /// Seconds between the two events.
        takes: f64,
    },
    /// A `plan.update` event.
    Plan(Vec<Todo>),
    /// A `sandbox.snapshot` event: files that were written or deleted.
    Snapshot {
        /// Paths that were written.
        written: Vec<String>,
        /// Paths that were deleted.
        deleted: Vec<String>,
    },
    /// An event of any kind.
    Event {
        /// Its kind. A `task.*` ending ends the turn.
        kind: String,
        /// Its payload.
        payload: Map<String, Value>,
        /// Its block.
        block_id: Option<String>,
        /// Further fields of its frame, beside the payload.
        frame: Map<String, Value>,
    },
    /// A wait, in seconds. `after` on any other step is read as one before it.
    Delay(f64),
    /// Plays `steps` a number of times.
    Repeat {
        /// How often.
        times: u64,
        /// What.
        steps: Vec<TurnStep>,
    },
    /// Plays `steps` again and again until conditions hold.
    RepeatUntil(Until<TurnStep>),
    /// Plays steps where conditions hold.
    If(When<TurnStep>),
    /// Plays one of several, by the scenario's seed.
    Choose(Vec<Choice<TurnStep>>),
    /// A step whose message or choice is kept.
    With {
        /// The step.
        step: Box<TurnStep>,
        /// What else it does.
        beside: Box<Beside>,
    },
    /// Ends the WebSockets that are open on the turn, here.
    Socket(CutStream),
    /// Injects a fault, for this session unless it names another one or its endpoint has none.
    Fault(Box<Fault>),
    /// Waits for a message from the client.
    WaitForMessage,
    /// Waits until a WebSocket is open on the turn.
    WaitForSocket,
    /// Waits until the turn is stopped.
    WaitForStop,
    /// Completes the turn.
    Complete {
        /// The content of the agent's message in the history; `None`: the texts.
        content: Option<String>,
    },
    /// Ends the turn as aborted.
    Abort {
        /// Why.
        reason: String,
    },
    /// Ends the turn as a failure.
    Error {
        /// The message.
        text: String,
        /// A code beside it.
        code: Option<String>,
    },
}

/// One entry of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Todo {
    /// Its name, the same in every update; by default its place in the list, from 1.
    pub id: String,
    /// What is to be done.
    pub content: String,
    /// `pending`, `active` or `completed`.
    pub status: String,
}

/// Something pending, with its place in the list for an id.
impl From<&str> for Todo {
    fn from(content: &str) -> Self {
        Self {
            id: String::new(),
            content: content.to_owned(),
            status: "pending".to_owned(),
        }
    }
}

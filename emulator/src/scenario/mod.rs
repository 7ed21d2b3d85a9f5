//! Scenarios: what the emulator's agent does, written down.
//!
//! A [`Scenario`] is a list of tasks. The first one whose `match` fits the text of a new task plays its
//! steps; without such an entry the built-in agent works on the task (see [`crate`]). The format is JSON or YAML, the same
//! in every language; [`SCENARIO_SCHEMA`] describes it for editors and validators.

mod fields;
mod load;
mod matches;
mod model;
mod playing;
mod private_file;
mod read;
mod read_turn;
mod recording;
mod scrub;
mod turn;
mod turn_recording;
mod write;
mod yaml;

pub use matches::Match;
pub(crate) use model::branch;
pub use model::{Branch, SCENARIO_SCHEMA, Scenario, ScenarioError, ScriptedTask, Step};
pub(crate) use playing::Playing;
pub use recording::{RecordedEvent, RecordedMessage, SessionRecording};
pub use turn::{ScriptedTurn, Todo, TurnStep};
pub use turn_recording::{RecordedTurnEvent, TurnRecording};

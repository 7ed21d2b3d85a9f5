//! Scenarios: what the emulator's agent does, written down.
//!
//! A [`Scenario`] is a list of tasks. The first one whose `match` fits the text of a new task plays its
//! steps; without such an entry the built-in agent works on the task (see [`crate`]). The format is JSON or YAML, the same
//! in every language; [`SCENARIO_SCHEMA`] describes it for editors and validators.

mod error;
mod exchange;
mod fields;
mod load;
mod locate;
mod matches;
mod model;
mod names;
mod nearest;
mod never;
mod place;
mod playing;
mod read;
mod read_turn;
mod recording;
mod said;
mod scrub;
mod shape;
mod turn;
mod turn_recording;
mod write;
mod yaml;

pub use error::{ScenarioError, ScenarioProblem};
pub use exchange::{Exchange, Outcome, Sent, Standing};
pub use matches::{Conditions, Match, Wanted, WantedFile, Which};
pub(crate) use matches::{found, hold};
pub(crate) use model::branch;
pub use model::{Branch, SCENARIO_SCHEMA, Scenario, ScriptedTask, Step};
pub(crate) use place::Place;
pub(crate) use playing::{Asked, AskedFile, Chosen, Playing};
pub(crate) use read_turn::OF_A_FRAME;
pub use recording::{RecordedEvent, RecordedMessage, SessionRecording};
pub use said::{Beside, Choice, CutStream, Until, When};
pub use scrub::SHORTEST_SECRET;
pub(crate) use scrub::{Asking, Scrubber, Secrets};
pub use shape::Shape;
pub(crate) use shape::{Change, Difference};
pub use turn::{ScriptedTurn, Todo, TurnStep};
pub use turn_recording::{RecordedTurnEvent, TurnRecording};

//! The parts of a script that tasks and turns have alike.

use super::matches::Conditions;
use crate::faults::Stop;
use serde_json::{Map, Value};

/// What a step says or does beside what its kind has.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Beside {
    /// The name under which the answer, the message or the choice is kept for later texts of the session.
    pub save: Option<String>,
    /// Further fields of the event's data.
    pub data: Map<String, Value>,
    /// The `metadata` of the message.
    pub metadata: Map<String, Value>,
    /// The `context` of a question's webhook.
    pub context: Map<String, Value>,
    /// The `details` of an error's webhook.
    pub details: Map<String, Value>,
}

/// Steps that play where conditions hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct When<S> {
    /// What the values under these names must be like.
    pub conditions: Conditions,
    /// What plays then.
    pub steps: Vec<S>,
    /// What plays otherwise.
    pub otherwise: Vec<S>,
}

/// Steps that play again and again until conditions hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Until<S> {
    /// The most rounds.
    pub times: u64,
    /// What ends it: looked at after each round.
    pub conditions: Conditions,
    /// A round.
    pub steps: Vec<S>,
    /// What plays when the last round brought no end.
    pub otherwise: Vec<S>,
}

/// One of several, by the scenario's seed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choice<S> {
    /// How likely it is, beside the other ones; default 1.
    pub weight: f64,
    /// What `save` keeps.
    pub text: Option<String>,
    /// What plays.
    pub steps: Vec<S>,
}

/// How a stream or a WebSocket ends at a point of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutStream {
    /// `reset`: the connection is reset.
    Reset,
    /// `close`: it is closed in the middle of the body; a WebSocket without a Close frame.
    Close,
    /// `end`: it ends properly; a WebSocket with a Close frame.
    End,
    /// `silence`: nothing more comes, and it stays open.
    Silence,
}

impl CutStream {
    /// The words of a scenario.
    pub(super) const WORDS: [(&'static str, Self); 4] = [
        ("reset", Self::Reset),
        ("close", Self::Close),
        ("end", Self::End),
        ("silence", Self::Silence),
    ];

    pub(super) fn word(self) -> &'static str {
        let found = Self::WORDS.iter().find(|(_, cut)| *cut == self);
        found.map_or("", |(word, _)| *word)
    }
}

impl From<CutStream> for Stop {
    fn from(cut: CutStream) -> Self {
        match cut {
            CutStream::Reset => Self::Reset,
            CutStream::Close => Self::Close,
            CutStream::End => Self::End,
            CutStream::Silence => Self::Silence,
        }
    }
}

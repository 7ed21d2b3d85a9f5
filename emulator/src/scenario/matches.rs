//! What a text must be like for an entry to play.

pub use crate::matching::Match;
use std::collections::BTreeMap;

/// Whether a text is wanted; without a wish, any is.
pub(super) fn fits(wanted: Option<&Match>, text: &str) -> bool {
    wanted.is_none_or(|wanted| wanted.fits(text))
}

/// What values under names must be like. A name without a value fits nothing.
pub type Conditions = BTreeMap<String, Option<Match>>;

/// Whether all of them hold; `None` as a match: any value does.
pub(crate) fn hold<'a>(conditions: &Conditions, value: impl Fn(&str) -> Option<&'a str>) -> bool {
    conditions
        .iter()
        .all(|(name, wanted)| value(name).is_some_and(|value| fits(wanted.as_ref(), value)))
}

/// What the expressions of conditions find in the values.
pub(crate) fn found(
    conditions: &Conditions,
    values: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let matches = conditions.iter().filter_map(|(name, wanted)| {
        let value = values.get(name)?;
        Some(wanted.as_ref()?.found(value))
    });
    matches.flatten().collect()
}

/// What a task or turn must be like beside its text, for an entry to play. Left out: anything.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// The address that a task starts at; a task without one fits no wish.
    pub start_url: Option<Match>,
    /// The agent of the session.
    pub agent: Option<Match>,
    /// The session.
    pub session: Option<Which>,
    /// The how manyth task or turn it is of those that fit all the rest, from 1.
    pub nth: Option<u64>,
    /// The how manyth task or turn of its session it is, from 1.
    pub nth_in_session: Option<u64>,
    /// The answers that were saved earlier in the session.
    pub answers: Conditions,
    /// A file of the turn.
    pub file: Option<WantedFile>,
}

/// Which session is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The how manyth that started a task or turn since the scenario was set, from 1.
    Number(u64),
    /// The one with this id.
    Id(String),
}

/// What a file that goes with a turn must be like.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WantedFile {
    /// Its name.
    pub name: Option<Match>,
    /// Its content, as text: the first 64 KiB.
    pub content: Option<Match>,
}

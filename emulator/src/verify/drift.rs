//! Where a service answers otherwise than it did.

use crate::scenario::{Change, Difference, Exchange, Outcome, Shape};
use serde::Serialize;
use std::collections::BTreeMap;

/// Events that come by the clock, or that only a socket's beginning has.
const BY_THE_CLOCK: [&str; 1] = ["heartbeat"];

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Verification {
    /// How many recorded requests were sent again.
    pub played: usize,
    /// Where the service answers otherwise.
    pub drifts: Vec<Drift>,
    /// What was not asked again, or did not come: a sentence each.
    pub notes: Vec<String>,
}

impl Verification {
    /// Whether something that was there is not, or is another: what breaks a client.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.drifts.iter().any(|drift| drift.kind.breaks())
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Drift {
    /// The request, such as `GET /v1/sessions/{session_id}`.
    pub request: String,
    /// The type of the event, for one of a stream.
    pub event: Option<String>,
    /// The field, such as `messages[].id`; empty: the whole answer.
    pub field: String,
    /// What is different.
    pub kind: DriftKind,
    /// What it was.
    pub was: Option<String>,
    /// What it is.
    pub is: Option<String>,
}

/// What is different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DriftKind {
    /// The answer has another status.
    Status,
    /// A field that was always there is missing.
    Missing,
    /// A value has another type.
    Type,
    /// A field is there that was not.
    New,
    /// A field that was always null has a value.
    Filled,
    /// An event came of a type that was not there.
    NewEvent,
    /// The events came in another order.
    Order,
    /// A task or turn ended otherwise, or not at all.
    Outcome,
    /// The request could not be sent again: the task did not come that far.
    Skipped,
}

impl DriftKind {
    /// Whether it breaks a client that relied on what was recorded; what was added does not.
    #[must_use]
    pub fn breaks(self) -> bool {
        !matches!(self, Self::New | Self::Filled | Self::NewEvent)
    }
}

/// For a person.
impl std::fmt::Display for Drift {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: ", self.request)?;
        if let Some(event) = &self.event {
            write!(f, "event {event}: ")?;
        }
        let field = match self.field.as_str() {
            "" => "the answer".to_owned(),
            field => format!("`{field}`"),
        };
        let (was, is) = (
            self.was.as_deref().unwrap_or_default(),
            self.is.as_deref().unwrap_or_default(),
        );
        match self.kind {
            DriftKind::Status => write!(f, "status {is}, was {was}"),
            DriftKind::Missing if self.was.is_none() => f.write_str("it did not come"),
            DriftKind::Missing => write!(f, "{field} is missing, was {was}"),
            DriftKind::Type => write!(f, "{field} is {is}, was {was}"),
            DriftKind::New => write!(f, "{field} is new: {is}"),
            DriftKind::Filled => write!(f, "{field} is {is}, was always null"),
            DriftKind::NewEvent => f.write_str("a new type of event"),
            DriftKind::Order => write!(f, "events in another order: {is}; was {was}"),
            DriftKind::Outcome => {
                let is_agi = self.request.contains(" /v1/");
                let what = if is_agi { "task" } else { "turn" };
                write!(f, "the {what} ends with {is}, was {was}")
            }
            DriftKind::Skipped => write!(f, "not asked again: {is}"),
        }
    }
}

impl Drift {
    /// One about the whole request.
    pub(super) fn whole(
        exchange: &Exchange,
        kind: DriftKind,
        was: Option<String>,
        is: Option<String>,
    ) -> Self {
        Self {
            request: exchange.request.clone(),
            event: None,
            field: String::new(),
            kind,
            was,
            is,
        }
    }

    fn of(exchange: &Exchange, event: Option<&str>, difference: Difference) -> Self {
        let (kind, was, is) = match difference.what {
            Change::Missing { was } => (DriftKind::Missing, Some(was), None),
            Change::New { is } => (DriftKind::New, None, Some(is)),
            Change::Type { was, is } => (DriftKind::Type, Some(was), Some(is)),
            Change::Filled { is } => (DriftKind::Filled, Some("null".to_owned()), Some(is)),
        };
        Self {
            request: exchange.request.clone(),
            event: event.map(str::to_owned),
            field: difference.place,
            kind,
            was,
            is,
        }
    }
}

/// How an answer differs; that of another status is not looked at.
pub(super) fn of_answer(exchange: &Exchange, status: u16, answer: Option<&Shape>) -> Vec<Drift> {
    if status != exchange.status {
        let (was, is) = (exchange.status.to_string(), status.to_string());
        return vec![Drift::whole(
            exchange,
            DriftKind::Status,
            Some(was),
            Some(is),
        )];
    }
    match (&exchange.answer, answer) {
        (Some(was), Some(is)) => was
            .differences(is)
            .into_iter()
            .map(|difference| Drift::of(exchange, None, difference))
            .collect(),
        (Some(was), None) => {
            let is = Some("no JSON".to_owned());
            vec![Drift::whole(
                exchange,
                DriftKind::Type,
                Some(was.name()),
                is,
            )]
        }
        (None, _) => Vec::new(),
    }
}

/// How the events of a stream differ, and which types did not come.
pub(super) fn of_events(
    exchange: &Exchange,
    came: &BTreeMap<String, Shape>,
    order: &[String],
) -> (Vec<Drift>, Vec<String>) {
    let mut drifts = Vec::new();
    for (kind, is) in came {
        match exchange.events.get(kind) {
            Some(was) => drifts.extend(
                was.differences(is)
                    .into_iter()
                    .map(|difference| Drift::of(exchange, Some(kind), difference)),
            ),
            None if BY_THE_CLOCK.contains(&kind.as_str()) => {}
            None => drifts.push(Drift {
                request: exchange.request.clone(),
                event: Some(kind.clone()),
                field: String::new(),
                kind: DriftKind::NewEvent,
                was: None,
                is: None,
            }),
        }
    }
    // A client waits for the end; which one it is, is told of the task.
    let is_end = |kind: &&String| Outcome::of_event(kind).is_some();
    if let (Some(end), None) = (
        exchange.events.keys().find(is_end),
        came.keys().find(is_end),
    ) {
        drifts.push(Drift {
            event: Some(end.clone()),
            ..Drift::whole(exchange, DriftKind::Missing, None, None)
        });
    }
    if is_another_order(&exchange.order, order) {
        drifts.push(Drift::whole(
            exchange,
            DriftKind::Order,
            Some(exchange.order.join(", ")),
            Some(order.join(", ")),
        ));
    }
    let absent = exchange.events.keys();
    let absent: Vec<&str> = absent
        .filter(|kind| !came.contains_key(*kind) && !BY_THE_CLOCK.contains(&kind.as_str()))
        .filter(|kind| !is_end(kind))
        .map(String::as_str)
        .collect();
    let notes = match absent.is_empty() {
        true => Vec::new(),
        false => vec![format!(
            "{}: no event of these types came this time: {}.",
            exchange.request,
            absent.join(", ")
        )],
    };
    (drifts, notes)
}

/// Whether events came in another order: the same ones, or one type before another that always came after it. How often
/// an agent thinks between its steps is its own business.
fn is_another_order(was: &[String], is: &[String]) -> bool {
    let told = |order: &[String]| {
        let told = order
            .iter()
            .filter(|kind| !BY_THE_CLOCK.contains(&kind.as_str()));
        let mut told: Vec<String> = told.cloned().collect();
        told.dedup();
        told
    };
    let (was, is) = (told(was), told(is));
    let sorted = |order: &[String]| {
        let mut sorted = order.to_vec();
        sorted.sort();
        sorted
    };
    if sorted(&was) == sorted(&is) {
        return was != is;
    }
    // For each type where it came first and last.
    let places = |order: &[String]| {
        let mut places: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for (at, kind) in order.iter().enumerate() {
            places.entry(kind.clone()).or_insert((at, at)).1 = at;
        }
        places
    };
    let (was, is) = (places(&was), places(&is));
    was.iter().any(|(one, (_, last))| {
        was.iter().any(|(other, (first, _))| {
            let now = is.get(one).zip(is.get(other));
            last < first && now.is_some_and(|((one, _), (other, _))| other < one)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_order_is_told_from_another_number() {
        let order = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for (was, is, expected) in [
            ("thought step done", "thought step done", false),
            ("thought step done", "step thought done", true),
            ("thought log thought done", "log thought done", false),
            (
                "thought log thought done",
                "thought log thought thought done",
                false,
            ),
            ("thought log thought done", "log thought log done", false),
            ("thought question done", "question thought step done", true),
            (
                "thought done",
                "heartbeat thought heartbeat thought done",
                false,
            ),
            ("thought done", "done", false),
            ("thought done", "done thought step", true),
            ("text complete", "text text complete", false),
        ] {
            assert_eq!(
                is_another_order(&order(was), &order(is)),
                expected,
                "{was} | {is}"
            );
        }
    }
}

//! How a turn ended, as its events or the history tell. Pure.

use serde_json::{Map, Value};

use super::dialect::{end_it_may_be, end_of_status};
use super::models::{Message, TurnStatus};
use crate::error::{Error, ErrorKind};
use crate::event::{Event, EventType};
use crate::telemetry::Ending;

/// What the end of a turn says.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    /// The answer, or why it was aborted; may be empty.
    pub(super) text: String,
    /// What else its payload holds, such as the usage.
    pub(super) extra: Map<String, Value>,
}

impl Said {
    fn by(event: &Event, text: String) -> Self {
        let extra = match event.data() {
            Value::Object(mut fields) => {
                // The text stands apart already.
                fields.retain(|_, value| {
                    text.is_empty() || value.as_str().is_none_or(|value| value != text)
                });
                fields
            }
            _ => Map::new(),
        };
        Self { text, extra }
    }
}

/// How a turn ended.
#[derive(Debug, Clone)]
pub(super) enum TurnEnd {
    Completed(Said),
    Aborted(Said),
    Failed(Event),
    Broken(Error),
}

impl TurnEnd {
    pub(super) fn of_event(event: &Event) -> Option<Self> {
        match event.event_type() {
            EventType::TaskCompleted => Some(Self::Completed(Said::by(event, answer_in(event)))),
            EventType::TaskAborted => Some(Self::Aborted(Said::by(event, event.text()))),
            EventType::TaskError => Some(Self::Failed(event.clone())),
            _ => None,
        }
    }

    /// The end that the history tells of.
    pub(super) fn of_message(message: &Message) -> Option<Self> {
        let told = events_of(message).find_map(|event| Self::of_event(&event));
        let told = told.or_else(|| message.aborted.then(|| Self::Aborted(Said::default())));
        told.or_else(|| {
            let status = message.extra.get("status")?.as_str()?;
            Self::of_kind(&end_of_status(status)?, || events_of(message).last())
        })
    }

    /// The same once the service has closed the socket: an event whose words are
    /// those of an end, and after which nothing came, is one then.
    pub(super) fn of_closed(message: &Message) -> Option<Self> {
        Self::of_message(message).or_else(|| {
            let last = events_of(message).last()?;
            Self::of_kind(&end_it_may_be(&last)?, || Some(last))
        })
    }

    fn of_kind(kind: &EventType, event: impl FnOnce() -> Option<Event>) -> Option<Self> {
        match kind {
            EventType::TaskCompleted => Some(Self::Completed(Said::default())),
            EventType::TaskAborted => Some(Self::Aborted(Said::default())),
            EventType::TaskError => {
                let failed = || Event::from_frame(r#"{"kind":"task.error","payload":{}}"#);
                Some(Self::Failed(event().unwrap_or_else(failed)))
            }
            _ => None,
        }
    }

    /// Whether it is the turn's own; otherwise only its stream ended.
    pub(super) fn is_known(&self) -> bool {
        !matches!(self, Self::Broken(_))
    }

    /// The same for a span.
    pub(super) fn ending(self) -> Ending {
        match self {
            Self::Completed(said) => Ending::well("completed", said.text),
            Self::Aborted(said) => Ending::well("aborted", said.text),
            Self::Failed(_) => Ending::badly("failed", ErrorKind::Task),
            Self::Broken(error) => Ending::lost(error.kind()),
        }
    }

    pub(super) fn status(&self) -> TurnStatus {
        match self {
            Self::Completed(_) => TurnStatus::Completed,
            Self::Aborted(_) => TurnStatus::Aborted,
            Self::Failed(_) => TurnStatus::Failed,
            Self::Broken(_) => TurnStatus::Unknown,
        }
    }
}

/// What the end of a turn says of its answer.
fn answer_in(event: &Event) -> String {
    let data = event.data();
    let text = data.get("text").and_then(|text| text.as_str());
    text.unwrap_or_default().to_owned()
}

/// The events that the history holds of a turn, as it orders them.
pub(super) fn events_of(message: &Message) -> impl Iterator<Item = Event> + '_ {
    message
        .events
        .iter()
        .map(|frame| Event::from_frame(frame.get()).received_now())
}

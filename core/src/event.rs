//! One item of a stream: an event of an AGI session, or of a Raccoon turn.
//!
//! Both services share this type, so that they share everything behind it: the
//! queue, the batches, the errors that carry events.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroU64;
use std::ops::{Deref, Range};
use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::meaning;

macro_rules! event_types {
    ($($(#[$doc:meta])+ $variant:ident $name:literal $($source:literal)+;)+) => {
        /// The type of an event: of an AGI session (docs/spec/agi.md, section 7), or the `kind`
        /// of a Raccoon turn's (docs/spec/raccoon.md, section 5.3).
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum EventType {
            $($(#[$doc])+ $variant,)+
            /// A type that this version does not know.
            Other(Box<str>),
        }

        impl EventType {
            /// Every known type, the word that its classes in other languages begin
            /// with, and where it comes from.
            #[doc(hidden)]
            pub const KNOWN: &[(Self, &str, &[&str])] = &[
                $((Self::$variant, stringify!($variant), &[$($source),+]),)+
            ];

            /// The type of this name on the wire.
            pub fn from_name(name: &str) -> Self {
                match name {
                    $($name => Self::$variant,)+
                    other => Self::Other(other.into()),
                }
            }

            /// The name on the wire.
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Other(name) => name,
                }
            }
        }
    };
}

// The one list of types: `make generate` writes those of the other languages from it.
event_types! {
    /// An action of the agent.
    Step "step" "agi";
    /// The agent's reasoning.
    Thought "thought" "agi" "turn";
    /// The agent waits for an answer.
    Question "question" "agi";
    /// The task ended with a result.
    Done "done" "agi";
    /// The task failed.
    Error "error" "agi";
    /// Context for debugging.
    Log "log" "agi";
    /// The session was paused.
    Paused "paused" "agi";
    /// The session went on.
    Resumed "resumed" "agi";
    /// The stream is alive.
    Heartbeat "heartbeat" "agi";
    /// A message of the user.
    User "user" "agi";
    /// Turn: the agent got a message.
    MessageReceived "message.received" "turn";
    /// Turn: a part of the agent's visible text.
    Text "text" "turn";
    /// Turn: a tool begins its work.
    ToolStart "tool.start" "turn";
    /// Turn: a tool's work is done.
    ToolResult "tool.result" "turn";
    /// Turn: what the agent plans to do.
    PlanUpdate "plan.update" "turn";
    /// Turn: the sandbox's files changed.
    SandboxSnapshot "sandbox.snapshot" "turn";
    /// Turn: ended well.
    TaskCompleted "task.completed" "turn";
    /// Turn: stopped by the user or by the service.
    TaskAborted "task.aborted" "turn";
    /// Turn: failed.
    TaskError "task.error" "turn";
}

impl EventType {
    /// What to warn of where a caller asks for AGI events of this type: `None` for one that
    /// is known.
    #[doc(hidden)]
    pub fn unknown(name: &str) -> Option<String> {
        let known: Vec<&str> = Self::KNOWN
            .iter()
            .filter(|(_, _, sources)| sources.contains(&"agi"))
            .map(|(known, _, _)| known.name())
            .collect();
        if known.contains(&name) {
            return None;
        }
        let advice = match meaning::likeliest(name, &known) {
            Some(likely) => format!("Did you mean {likely:?}?"),
            None => format!("Known are {}.", known.join(", ")),
        };
        Some(format!(
            "`event_types` has {name:?}, which this version does not know: nothing may come. {advice}"
        ))
    }
}

/// One event: its type, its id and its data as they came.
///
/// The data is kept as one text and parsed when it is asked for: most consumers
/// read a field of some events only.
#[derive(Clone)]
pub struct Event {
    event_type: EventType,
    id: Option<i64>,
    raw: Raw,
    shape: Shape,
    /// Milliseconds since 1970.
    received: Option<NonZeroU64>,
}

/// The text of an event, or the part of a text that events which came together share. Clones
/// share it too.
#[derive(Clone)]
struct Raw {
    text: Arc<str>,
    part: Range<usize>,
}

impl Raw {
    fn whole(text: Arc<str>) -> Self {
        let part = 0..text.len();
        Self { text, part }
    }
}

impl Deref for Raw {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text[self.part.clone()]
    }
}

/// Where an event's data is.
#[derive(Debug, Clone)]
enum Shape {
    /// The data is all there is: an AGI session's event.
    Data,
    /// The data is the payload of a turn's frame.
    Frame(Arc<Places>),
}

/// Where the parts of a frame are in it; an empty place: it has none.
#[derive(Debug, Clone, Default)]
struct Places {
    /// The frame is strict JSON as it stands.
    plain: bool,
    payload: Range<usize>,
    block_id: Range<usize>,
    message_id: Range<usize>,
    timestamp: Range<usize>,
    stream_entry_id: Range<usize>,
}

/// What a frame of a turn says besides its kind, its id and its payload
/// (docs/spec/raccoon.md, section 5.3).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame {
    /// Which part of the agent's work the event belongs to, such as
    /// `text:answer`.
    pub block_id: Option<String>,
    /// The turn's agent message.
    pub message_id: Option<String>,
    /// Milliseconds since 1970.
    pub timestamp: Option<i64>,
    /// The place in the stream, such as `1772615727418-0`.
    pub stream_entry_id: Option<String>,
}

impl Event {
    /// An AGI session's event from its parts. An id that is missing on the wire
    /// is taken from the data's `message_id`, which is the same number
    /// (docs/spec/agi.md, section 7).
    pub fn new(event_type: EventType, id: Option<i64>, raw: impl Into<Arc<str>>) -> Self {
        Self::of_raw(event_type, id, Raw::whole(raw.into()))
    }

    /// The same of a part of a text that other events have parts of.
    pub(crate) fn of_part(
        event_type: EventType,
        id: Option<i64>,
        text: &Arc<str>,
        part: Range<usize>,
    ) -> Self {
        let text = text.clone();
        Self::of_raw(event_type, id, Raw { text, part })
    }

    fn of_raw(event_type: EventType, id: Option<i64>, raw: Raw) -> Self {
        let id = match (&event_type, id) {
            (EventType::Heartbeat, id) | (_, id @ Some(_)) => id,
            (_, None) => message_id(&raw),
        };
        Self {
            event_type,
            id,
            raw,
            shape: Shape::Data,
            received: None,
        }
    }

    /// A turn's event from a frame, whatever that holds: one without a `kind`
    /// is named by its `type`, else `message`; one that is no JSON object is all
    /// data.
    pub fn from_frame(frame: impl Into<Arc<str>>) -> Self {
        let raw = Raw::whole(frame.into());
        let mut parts = Parts::default();
        let mut places = Places::default();
        let read = meaning::each_member_of(&raw, |name, value| match &*name.read() {
            "kind" => parts.kind = Some(value),
            "type" => parts.name = Some(value),
            "event_id" => parts.event_id = Some(value),
            "payload" => places.payload = place(&raw, value),
            "block_id" => places.block_id = place(&raw, value),
            "message_id" => places.message_id = place(&raw, value),
            "timestamp" => places.timestamp = place(&raw, value),
            "stream_entry_id" => places.stream_entry_id = place(&raw, value),
            _ => {}
        });
        let start = raw.trim_start_matches('\u{feff}').trim_start();
        let is_object = read.is_some() && start.starts_with('{');
        places.plain = read == Some(true);
        let (event_type, id) = if is_object {
            let name = parts.kind.and_then(meaning::unquoted);
            let name = name.or_else(|| parts.name.and_then(meaning::unquoted));
            let name = name.as_deref().unwrap_or("message");
            let id = parts.event_id.and_then(number_of);
            (EventType::from_name(name), id)
        } else {
            places.payload = 0..raw.len();
            (EventType::from_name("message"), None)
        };
        Self {
            event_type,
            id,
            raw,
            shape: Shape::Frame(Arc::new(places)),
            received: None,
        }
    }

    /// The event that was written as JSON.
    pub(crate) fn of_kept(kept: &serde_json::Value) -> Option<Self> {
        let event_type = EventType::from_name(kept["type"].as_str()?);
        Some(Self::new(
            event_type,
            kept["id"].as_i64(),
            kept["raw"].as_str()?,
        ))
    }

    /// The same event with another text.
    pub(crate) fn with_raw(&self, raw: String) -> Self {
        match self.shape {
            Shape::Data => Self {
                raw: Raw::whole(raw.into()),
                ..self.clone()
            },
            Shape::Frame(_) => Self {
                event_type: self.event_type.clone(),
                id: self.id,
                received: self.received,
                ..Self::from_frame(raw)
            },
        }
    }

    /// The same event, received so many milliseconds after 1970; 0: never.
    #[doc(hidden)]
    pub fn received_at_ms(self, milliseconds: u64) -> Self {
        let received = NonZeroU64::new(milliseconds);
        Self { received, ..self }
    }

    /// Milliseconds since 1970 at which it was received; 0 where it was not.
    #[doc(hidden)]
    pub fn received_ms(&self) -> u64 {
        self.received.map_or(0, NonZeroU64::get)
    }

    /// When it happened, where the event says so: the `timestamp` of an AGI event's data, or of a
    /// turn's frame, as milliseconds since 1970.
    pub fn timestamp(&self) -> Option<i64> {
        if self.is_of_turn() {
            return self.frame()?.timestamp;
        }
        let mut at = None;
        meaning::each_member(&self.raw, |name, value| {
            if name.read() == "timestamp" {
                at = meaning::value(value)
                    .as_ref()
                    .and_then(meaning::milliseconds);
            }
        });
        at
    }

    /// Whether this is an event of a Raccoon turn.
    pub fn is_of_turn(&self) -> bool {
        matches!(self.shape, Shape::Frame(_))
    }

    /// What else the frame of a turn's event says; `None` for an AGI session's.
    pub fn frame(&self) -> Option<Frame> {
        let places = self.places()?;
        Some(Frame {
            block_id: self.name_at(&places.block_id).map(Cow::into_owned),
            message_id: self.name_at(&places.message_id).map(Cow::into_owned),
            timestamp: meaning::value(&self.raw[places.timestamp.clone()])
                .as_ref()
                .and_then(meaning::milliseconds),
            stream_entry_id: self.stream_entry_id().map(Cow::into_owned),
        })
    }

    /// Which part of the agent's work a turn's event belongs to.
    pub(crate) fn block_id(&self) -> Option<Cow<'_, str>> {
        self.name_at(&self.places()?.block_id)
    }

    /// The place of a turn's event in the stream.
    pub(crate) fn stream_entry_id(&self) -> Option<Cow<'_, str>> {
        self.name_at(&self.places()?.stream_entry_id)
    }

    /// Where the parts of a turn's frame are.
    fn places(&self) -> Option<&Places> {
        match &self.shape {
            Shape::Data => None,
            Shape::Frame(places) => Some(places),
        }
    }

    fn name_at(&self, place: &Range<usize>) -> Option<Cow<'_, str>> {
        (!place.is_empty()).then(|| name_of(&self.raw[place.clone()]))?
    }

    /// Whether a turn's event names another agent message than this one. One that names
    /// none, or in a way that cannot be read, does not.
    pub(crate) fn is_of_another(&self, message_id: &str) -> bool {
        let Some(places) = self.places() else {
            return false;
        };
        let named = &self.raw[places.message_id.clone()];
        let digits = || !named.is_empty() && named.bytes().all(|byte| byte.is_ascii_digit());
        match meaning::unquoted(named) {
            Some(named) => named != message_id,
            None => digits() && named != message_id,
        }
    }

    /// The type.
    pub fn event_type(&self) -> &EventType {
        &self.event_type
    }

    /// The message id, where the event has one.
    pub fn id(&self) -> Option<i64> {
        self.id
    }

    /// The event as it came, character by character: an AGI session's data, a
    /// turn's whole frame.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The same as a text of its own.
    pub fn into_raw(self) -> Box<str> {
        Box::from(&*self.raw)
    }

    /// Whether a turn's frame has a payload.
    pub(crate) fn has_payload(&self) -> bool {
        self.places()
            .is_some_and(|places| !places.payload.is_empty())
    }

    /// The text of the data alone: of a turn's event the frame's payload.
    pub fn raw_data(&self) -> &str {
        match &self.shape {
            Shape::Data => &self.raw,
            Shape::Frame(places) if places.payload.is_empty() => "{}",
            Shape::Frame(places) => &self.raw[places.payload.clone()],
        }
    }

    /// The data as JSON, or as a JSON string of the raw text where it is none.
    ///
    /// What JSON does not have is read all the same: half of a surrogate pair is
    /// U+FFFD; a number that 64 bits cannot hold, `NaN` and infinities are
    /// strings of their text, and so is what is nested more than 100 levels deep.
    pub fn data(&self) -> serde_json::Value {
        let data = self.raw_data();
        meaning::value(data).unwrap_or_else(|| serde_json::Value::String(data.to_owned()))
    }

    /// The text for a person: the data's `text`, `thought`, `error`, `message`,
    /// `reason` or `tool_name`, the first that is a text (of an `error` that is
    /// an object its `message`); the raw text where the data is no JSON; else
    /// empty. A failed turn's says what failed.
    pub fn text(&self) -> String {
        self.text_place().read()
    }

    fn text_place(&self) -> meaning::Text<'_> {
        meaning::text_of(self.raw_data(), self.event_type == EventType::TaskError)
    }

    /// [`Self::raw`] as strict JSON, where it is JSON, and where the text is: for
    /// language bindings, in one go.
    #[doc(hidden)]
    pub fn plain_and_text(&self) -> (Option<Cow<'_, str>>, meaning::Text<'_>) {
        match &self.shape {
            Shape::Data => meaning::plain_and_text(&self.raw),
            Shape::Frame(places) if places.plain => {
                (Some(Cow::Borrowed(&self.raw)), self.text_place())
            }
            Shape::Frame(_) => (meaning::plain(&self.raw), self.text_place()),
        }
    }

    /// Whether the data is JSON.
    pub fn is_json(&self) -> bool {
        meaning::is_json(self.raw_data())
    }

    /// Whether a task or turn ends with this event.
    pub fn is_terminal(&self) -> bool {
        match self.shape {
            Shape::Data => matches!(self.event_type, EventType::Done | EventType::Error),
            Shape::Frame(_) => matches!(
                self.event_type,
                EventType::TaskCompleted | EventType::TaskAborted | EventType::TaskError
            ),
        }
    }

    /// The same for two events without an id that say the same.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.event_type.hash(&mut hasher);
        self.raw.hash(&mut hasher);
        hasher.finish()
    }

    /// The same for two events of a turn that say the same, whatever their ids, places and
    /// times are.
    #[cfg(feature = "raccoon")]
    pub(crate) fn words(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.event_type.hash(&mut hasher);
        self.raw_data().hash(&mut hasher);
        hasher.finish()
    }

    /// What the event takes in a queue, in bytes.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Self>() + self.raw.len()
    }
}

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Event")
            .field("type", &self.event_type.name())
            .field("id", &self.id)
            .field("raw", &self.raw())
            .finish()
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("type", self.event_type.name())?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("raw", self.raw())?;
        map.end()
    }
}

fn message_id(raw: &str) -> Option<i64> {
    let mut id = None;
    meaning::each_member(raw, |name, value| {
        if name.read() == "message_id" {
            id = number_of(value);
        }
    })?;
    id
}

/// A whole number, also where it is written as text.
fn number_of(json: &str) -> Option<i64> {
    let whole = json.parse().ok();
    whole.or_else(|| meaning::whole_number(&meaning::value(json)?))
}

/// The whole numbers up to here are the same in every language.
const MAX_SAFE: u64 = (1 << 53) - 1;

/// What names a part of the service's: a text, or a whole number as text.
fn name_of(json: &str) -> Option<Cow<'_, str>> {
    if let Some(text) = meaning::unquoted(json) {
        return Some(text);
    }
    let name = match meaning::value(json)? {
        // What 64 bits cannot hold is its text everywhere.
        serde_json::Value::String(text) => Some(text),
        number => {
            let number = number.as_i64()?;
            (number.unsigned_abs() <= MAX_SAFE).then(|| number.to_string())
        }
    };
    name.map(Cow::Owned)
}

/// The parts of a frame that name its event, each as it came: a part of another
/// type than expected must not take the others along.
#[derive(Default)]
struct Parts<'a> {
    kind: Option<&'a str>,
    name: Option<&'a str>,
    event_id: Option<&'a str>,
}

/// Where a part of a text is in it.
fn place(whole: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - whole.as_ptr() as usize;
    start..start + part.len()
}

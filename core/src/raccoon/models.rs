//! The service's responses, and what a caller may ask: one struct each.
//!
//! The language bindings take their names from here. The wire mixes snake_case
//! and camelCase; here all is snake_case.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::dialect::{Dialect, unwrapped};
use super::ids::is_uuid;
use crate::by_name::by_name;
use crate::error::Result;
use crate::meaning::Fields;
use crate::responses::{
    TextOrObject, fitted, json_in, null_as_default, text_or_object, to_json, with_extra,
};
use crate::setters::setters;

pub use crate::responses::{DeleteResult, SuccessResult};
pub use crate::transport::{RawRequest, RawResponse};

/// A session as the service describes it (docs/spec/raccoon.md, sections 4.2 and 4.3).
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SessionInfo {
    /// The UUID that names the session.
    pub session_id: String,
    /// The service's own key of the record; of no use elsewhere.
    pub id: Option<String>,
    /// Its title; empty where it has none.
    pub title: String,
    /// Milliseconds since 1970.
    pub created_at: Option<i64>,
    /// Milliseconds since 1970.
    pub updated_at: Option<i64>,
    /// The sandbox's files, by path.
    pub files: Map<String, Value>,
    /// Every other field, named as on the wire, and those above that came with
    /// another type.
    #[cfg_attr(feature = "schema", schemars(flatten))]
    pub extra: Map<String, Value>,
}

impl SessionInfo {
    /// What an object says of a session, its id apart, which may be missing.
    fn read(session: Value) -> Option<Self> {
        let Value::Object(fields) = session else {
            return None;
        };
        let mut fields = Fields::new(fields);
        let session_id = fields.id(&["session_id", "sessionId", "uuid"]);
        Some(Self {
            session_id: session_id.unwrap_or_default(),
            id: fields.id(&["id"]),
            title: fields.text(&["title"]).unwrap_or_default(),
            created_at: fields.milliseconds(&["created_at", "createdAt"]),
            updated_at: fields.milliseconds(&["updated_at", "updatedAt"]),
            files: fields
                .object(&["files", "fileSnapshot", "file_snapshot"])
                .unwrap_or_default(),
            extra: fields.rest(),
        })
    }
}

impl<'de> Deserialize<'de> for SessionInfo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let session = Self::read(Value::deserialize(deserializer)?)
            .ok_or_else(|| D::Error::custom("the session is no object"))?;
        let id = match (session.session_id.is_empty(), &session.id) {
            (false, _) => return Ok(session),
            // A UUID is the client's, whatever the field is called.
            (true, Some(id)) if is_uuid(id) => id.clone(),
            _ => return Err(D::Error::custom("the session has no `sessionId`")),
        };
        Ok(Self {
            session_id: id,
            ..session
        })
    }
}

impl Serialize for SessionInfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        with_extra!(serializer, self.extra, {
            "session_id": self.session_id,
            "id": self.id,
            "title": self.title,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "files": self.files,
        })
    }
}

/// One page of the list of sessions (docs/spec/raccoon.md, section 4.2).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SessionPage {
    /// The sessions of this page.
    pub sessions: Vec<SessionInfo>,
    /// Where this page stands, as far as the service says.
    pub page: Option<PageInfo>,
    /// Whether there is no further page.
    pub last: bool,
}

/// Where a page stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct PageInfo {
    /// How many sessions there are.
    #[serde(default)]
    pub total_count: Option<u64>,
    /// How many pages there are.
    #[serde(default)]
    pub total_pages: Option<u64>,
    /// The number of this page, from 1.
    #[serde(default)]
    pub current_page: Option<u64>,
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// The user: a turn's prompt.
    User,
    /// The agent: what a turn brought.
    Agent,
}

/// One entry of a session's history (docs/spec/raccoon.md, section 4.3).
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(into = "super::history::ToldMessage")]
#[non_exhaustive]
pub struct Message {
    /// The message's id.
    pub id: String,
    /// Who wrote it.
    pub role: Role,
    /// Its text; may be empty where the events hold it.
    pub content: String,
    /// Milliseconds since 1970.
    pub created_at: Option<i64>,
    /// The mode of a prompt's turn.
    pub mode: Option<String>,
    /// Whether the turn was stopped.
    pub aborted: bool,
    /// The files of a prompt.
    pub files: Vec<Value>,
    /// The turn's events, each frame as it came.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<Value>"))]
    pub events: Vec<Box<RawValue>>,
    /// Every other field, named as on the wire.
    pub extra: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The events keep their text, which a value would not.
        let mut parts = Parts::deserialize(deserializer)?;
        let events = parts.take(&["events", "stream_events", "frames"]);
        let mut fields = Fields::new(
            parts
                .0
                .into_iter()
                .map(|(name, value)| (name, value_of(&value)))
                .collect(),
        );
        // Which word stands for the agent is not documented.
        let role = match fields.text(&["type", "role", "author"]) {
            Some(word) if matches!(&*word.to_ascii_lowercase(), "user" | "human") => Role::User,
            _ => Role::Agent,
        };
        Ok(Self {
            id: fields
                .id(&["id", "message_id", "messageId"])
                .unwrap_or_default(),
            role,
            content: fields.text(&["content", "text"]).unwrap_or_default(),
            created_at: fields.milliseconds(&["createdAt", "created_at"]),
            mode: fields.text(&["inputMode", "mode"]),
            aborted: fields.flag(&["aborted"]).unwrap_or_default(),
            files: fields.list(&["files"]).unwrap_or_default(),
            events: events.map(|raw| entries_of(&raw)).unwrap_or_default(),
            extra: fields.rest(),
        })
    }
}

/// An object's members, each as it came.
#[derive(Deserialize)]
#[serde(transparent)]
struct Parts(BTreeMap<String, Box<RawValue>>);

impl Parts {
    fn take(&mut self, names: &[&str]) -> Option<Box<RawValue>> {
        names.iter().find_map(|name| self.0.remove(*name))
    }

    /// The object within that has one of these members, if this one has none.
    fn unwrapped(mut self, names: &[&str]) -> Self {
        let has = |parts: &Self| names.iter().any(|name| parts.0.contains_key(*name));
        if has(&self) {
            return self;
        }
        let inner = ["data", "result", "response"].iter().find_map(|name| {
            let inner: Self = serde_json::from_str(self.0.get(*name)?.get()).ok()?;
            has(&inner).then_some(inner)
        });
        self.0.extend(inner.into_iter().flat_map(|inner| inner.0));
        self
    }
}

fn value_of(raw: &RawValue) -> Value {
    // It was read as strict JSON before.
    serde_json::from_str(raw.get()).unwrap_or_default()
}

/// The entries of a list, without those that are null; none where it is no list.
fn entries_of(raw: &RawValue) -> Vec<Box<RawValue>> {
    let entries: Vec<Box<RawValue>> = serde_json::from_str(raw.get()).unwrap_or_default();
    entries
        .into_iter()
        .filter(|entry| entry.get() != "null")
        .collect()
}

impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        let texts = |message: &Self| -> Vec<String> {
            let events = message.events.iter();
            events.map(|event| event.get().to_owned()).collect()
        };
        self.id == other.id
            && self.role == other.role
            && self.content == other.content
            && self.created_at == other.created_at
            && self.mode == other.mode
            && self.aborted == other.aborted
            && self.files == other.files
            && texts(self) == texts(other)
            && self.extra == other.extra
    }
}

/// A session with every message of every turn (docs/spec/raccoon.md, section 4.3).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(into = "super::history::ToldHistory")]
#[non_exhaustive]
pub struct History {
    /// The session's record.
    pub session: SessionInfo,
    /// The messages as the service orders them.
    pub messages: Vec<Message>,
}

impl Message {
    /// Brings every event to its documented form.
    pub(super) fn read_events_by(&mut self, dialect: &Dialect) {
        for event in &mut self.events {
            let read = dialect.event(event.get());
            if read.raw() != event.get()
                && let Ok(raw) = RawValue::from_string(read.into_raw().into())
            {
                *event = raw;
            }
        }
    }
}

impl<'de> Deserialize<'de> for History {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let parts = Parts::deserialize(deserializer)?;
        let mut parts = parts.unwrapped(&["session", "chat", "messages"]);
        let session = parts.take(&["session", "chat"]);
        let messages = parts.take(&["messages"]);
        if session.is_none()
            && messages
                .as_ref()
                .is_none_or(|raw| entries_of(raw).is_empty())
        {
            return Err(D::Error::missing_field("session"));
        }
        let messages = messages.map(|raw| entries_of(&raw)).unwrap_or_default();
        let session = match session {
            Some(session) => value_of(&session),
            // Its fields may stand beside the messages.
            None => parts
                .0
                .iter()
                .map(|(name, raw)| (name.clone(), value_of(raw)))
                .collect(),
        };
        Ok(Self {
            session: SessionInfo::read(session).unwrap_or_default(),
            messages: messages
                .iter()
                .filter_map(|message| serde_json::from_str(message.get()).ok())
                .collect(),
        })
    }
}

/// A file that was uploaded, as a turn refers to it
/// (docs/spec/raccoon.md, sections 4.1 and 4.6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct UploadedFile {
    /// Where the service keeps it.
    pub key: String,
    /// Its name.
    #[serde(alias = "filename", default, deserialize_with = "null_as_default")]
    pub name: String,
    /// Its media type, such as `application/pdf`.
    #[serde(
        rename = "type",
        alias = "contentType",
        default,
        deserialize_with = "null_as_default"
    )]
    pub content_type: String,
    /// Bytes.
    #[serde(default, deserialize_with = "null_as_default")]
    pub size: u64,
    /// When it was uploaded: ISO 8601 text as it came.
    #[serde(alias = "uploadedAt", default, skip_serializing_if = "Option::is_none")]
    pub uploaded_at: Option<String>,
}

impl UploadedFile {
    /// Reads the service's response to an upload.
    pub(super) fn read(answer: Map<String, Value>) -> Option<Self> {
        const KEYS: [&str; 4] = ["key", "file_key", "fileKey", "path"];
        let has_key =
            |fields: &Map<String, Value>| KEYS.iter().any(|key| fields.contains_key(*key));
        let answer = match has_key(&answer) {
            true => answer,
            false => unwrapped(answer, has_key),
        };
        let mut fields = Fields::new(answer);
        let key = fields.text(&KEYS)?;
        let size = fields.whole_number(&["size"]).unwrap_or_default();
        Some(Self {
            key,
            name: fields.text(&["filename", "name"]).unwrap_or_default(),
            content_type: fields
                .text(&["contentType", "content_type", "mime_type", "type"])
                .unwrap_or_default(),
            size: size.try_into().unwrap_or_default(),
            uploaded_at: fields.text(&["uploadedAt", "uploaded_at"]),
        })
    }
}

/// A file that was uploaded, as a caller names it. The service may add fields;
/// a caller may not.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct GivenFile {
    key: String,
    #[serde(default)]
    name: String,
    #[serde(rename = "type", default)]
    content_type: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    uploaded_at: Option<String>,
}

impl From<GivenFile> for UploadedFile {
    fn from(given: GivenFile) -> Self {
        Self {
            key: given.key,
            name: given.name,
            content_type: given.content_type,
            size: given.size,
            uploaded_at: given.uploaded_at,
        }
    }
}

fn given_files<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<UploadedFile>, D::Error> {
    let given = Vec::<GivenFile>::deserialize(deserializer)?;
    Ok(given.into_iter().map(Into::into).collect())
}

/// A file for a turn.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(untagged))]
#[non_exhaustive]
pub enum TurnFile {
    /// One that was uploaded.
    Uploaded(#[cfg_attr(feature = "schema", schemars(with = "GivenFile"))] UploadedFile),
    /// One of this machine, uploaded when the turn starts.
    Path(#[cfg_attr(feature = "schema", schemars(with = "String"))] std::path::PathBuf),
}

impl<'de> Deserialize<'de> for TurnFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match text_or_object(deserializer, "a path, or a file that was uploaded")? {
            TextOrObject::Text(path) => Ok(Self::Path(path.into())),
            TextOrObject::Object(file) => Ok(Self::Uploaded(GivenFile::into(file))),
        }
    }
}

impl Serialize for TurnFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Uploaded(file) => file.serialize(serializer),
            Self::Path(path) => path.serialize(serializer),
        }
    }
}

impl From<UploadedFile> for TurnFile {
    fn from(file: UploadedFile) -> Self {
        Self::Uploaded(file)
    }
}

impl From<&str> for TurnFile {
    fn from(path: &str) -> Self {
        Self::Path(path.into())
    }
}

/// Parameters of `upload`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Upload {
    /// The session that the file is for. It need not exist yet.
    pub session_id: String,
    /// Where to keep it; what is there is overwritten. Default: `{session_id}/{name}`,
    /// or a place of its own for one without a name, and for a second one of that
    /// name by this client.
    pub key: Option<String>,
    /// The folder of the default key: `{session_id}/{folder}/{name}`. Default: none.
    pub folder: Option<String>,
    /// Its name. Default: the name of the file it comes from, else `file`.
    pub name: Option<String>,
    /// Its media type. Default: by the name's ending.
    pub content_type: Option<String>,
}

impl Upload {
    /// For this session; the rest is the service's and the file's.
    pub fn new(session_id: impl Into<String>) -> Self {
        Self {
            session_id: session_id.into(),
            ..Self::default()
        }
    }
}

setters!(Upload {
    key?: into String,
    folder?: into String,
    name?: into String,
    content_type?: into String,
});

/// Parameters of `start_turn` (docs/spec/raccoon.md, section 4.1). Unset fields
/// are not sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, remote = "Self")]
#[non_exhaustive]
pub struct StartTurn {
    /// What the agent shall do; not empty.
    pub prompt: String,
    /// `auto`, `plan`, `code`, `deepsearch`, `slides`; others are passed on.
    /// Default: `auto`.
    #[serde(default = "auto")]
    pub mode: String,
    /// Files for the agent; those of this machine are uploaded first.
    #[serde(default)]
    pub files: Vec<TurnFile>,
    /// `fast` or `think`; others are passed on.
    #[serde(default)]
    pub sdk_version: Option<String>,
    /// Instructions that the prompt builds on.
    #[serde(default)]
    pub base_prompt: Option<String>,
    /// Objects to refer to; their shape is not documented.
    #[serde(default)]
    pub references: Option<Vec<Value>>,
    /// A conversation to go on from; its shape is not documented.
    #[serde(default)]
    pub history: Option<Vec<Value>>,
    /// Data to continue with: a text that holds JSON.
    #[serde(default)]
    pub continuation: Option<String>,
    /// Fields that this version does not know; they win over the others.
    #[serde(default)]
    pub extra: Map<String, Value>,
    /// How the turn's events are read.
    #[serde(default, skip_serializing)]
    pub events: TurnEventOptions,
}

by_name!(StartTurn, TurnEventOptions);

fn auto() -> String {
    "auto".to_owned()
}

impl StartTurn {
    /// A turn in the mode `auto`.
    pub fn new(prompt: impl Into<String>) -> Self {
        Self {
            prompt: prompt.into(),
            mode: auto(),
            files: Vec::new(),
            sdk_version: None,
            base_prompt: None,
            references: None,
            history: None,
            continuation: None,
            extra: Map::new(),
            events: TurnEventOptions::default(),
        }
    }

    /// With one more file: a path, or what `upload` gave.
    pub fn file(mut self, file: impl Into<TurnFile>) -> Self {
        self.files.push(file.into());
        self
    }
}

setters!(StartTurn {
    mode: into String,
    files: Vec<TurnFile>,
    sdk_version?: into String,
    base_prompt?: into String,
    references?: Vec<Value>,
    history?: Vec<Value>,
    continuation?: into String,
    extra: Map<String, Value>,
    events: TurnEventOptions,
});

/// A turn, and the session that it belongs to.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TurnInSession {
    /// The UUID of its session; `None`: a fresh one.
    #[serde(default)]
    pub session_id: Option<String>,
    /// The turn.
    pub turn: StartTurn,
}

impl TurnInSession {
    /// A turn in a fresh session.
    pub fn new(turn: impl Into<StartTurn>) -> Self {
        Self {
            session_id: None,
            turn: turn.into(),
        }
    }
}

setters!(TurnInSession {
    session_id?: into String,
});

impl<T: Into<StartTurn>> From<T> for TurnInSession {
    fn from(turn: T) -> Self {
        Self::new(turn)
    }
}

impl From<&str> for StartTurn {
    fn from(prompt: &str) -> Self {
        Self::new(prompt)
    }
}

impl From<String> for StartTurn {
    fn from(prompt: String) -> Self {
        Self::new(prompt)
    }
}

/// Parameters of `run_turns`: turns, each in a session of its own unless it names one.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RunTurns {
    /// The turns.
    pub turns: Vec<TurnInSession>,
    /// How many run at once, at most; where the service allows fewer, so many.
    /// Default: 4.
    #[serde(deserialize_with = "crate::counts::concurrency")]
    #[cfg_attr(feature = "schema", schemars(with = "usize"))]
    pub concurrency: usize,
    /// The time for each turn, uploads included, once it has its place; `None`: no
    /// limit. A turn that is late goes on, unless `stop_on_timeout` is set.
    #[serde(with = "crate::seconds::timeout")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<f64>"))]
    pub timeout: Option<Duration>,
    /// Stops a turn when its time is over. Default: false.
    pub stop_on_timeout: bool,
    /// The frame that stops a turn instead of the usual one, for a service whose
    /// frames are of another shape.
    pub stop_frame: Option<Value>,
}

impl Default for RunTurns {
    fn default() -> Self {
        Self {
            turns: Vec::new(),
            concurrency: 4,
            timeout: None,
            stop_on_timeout: false,
            stop_frame: None,
        }
    }
}

impl RunTurns {
    /// These turns, four at once.
    pub fn new<T: Into<TurnInSession>>(turns: impl IntoIterator<Item = T>) -> Self {
        Self {
            turns: turns.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }
}

setters!(RunTurns {
    concurrency: usize,
    timeout?: Duration,
    stop_on_timeout: bool,
    stop_frame?: into Value,
});

/// How a turn's events are read (docs/spec/raccoon.md, sections 5.5 and 5.6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, remote = "Self")]
#[non_exhaustive]
pub struct TurnEventOptions {
    /// Failed attempts to connect in a row after which the history is read and,
    /// where that does not hold the turn's end, the stream fails. Default: 6.
    pub max_reconnects: u32,
    /// The time between two pings. Default: 20 s.
    #[serde(with = "crate::seconds::ping_interval")]
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    pub ping_interval: Duration,
    /// The time without a frame or a pong after which the socket counts as dead;
    /// after as long without an event the history is looked at. Default: 60 s.
    #[serde(with = "crate::seconds::idle_timeout")]
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    pub idle_timeout: Duration,
    /// Asks on the first connect for what happened before it. Default: true.
    pub replay: bool,
    /// What the frames of a text are. Default: [`TextMode::Auto`].
    pub text_mode: TextMode,
}

impl Default for TurnEventOptions {
    fn default() -> Self {
        Self {
            max_reconnects: 6,
            ping_interval: Duration::from_secs(20),
            idle_timeout: Duration::from_secs(60),
            replay: true,
            text_mode: TextMode::Auto,
        }
    }
}

impl TurnEventOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }
}

setters!(TurnEventOptions {
    max_reconnects: u32,
    ping_interval: Duration,
    idle_timeout: Duration,
    replay: bool,
    text_mode: TextMode,
});

/// Parameters of a session's `events` (docs/spec/raccoon.md, section 5.9).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct EventOptions {
    /// Only events after this place. Default: see `include_history`.
    #[serde(deserialize_with = "given_place")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<GivenPlace>"))]
    pub after: Option<ResumePoint>,
    /// Starts with the events that the session has already. Default: true.
    pub include_history: bool,
    /// The time between two looks at the history, more than 0. Default: 2 s.
    #[serde(with = "crate::seconds::poll_interval")]
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    pub poll_interval: Duration,
    /// The time after which the stream ends, without an error; `None`: no limit.
    #[serde(with = "crate::seconds::timeout")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<f64>"))]
    pub timeout: Option<Duration>,
    /// Looks at the history that may fail in a row; at the next one the stream fails.
    /// Default: 6.
    pub max_reconnects: u32,
}

impl Default for EventOptions {
    fn default() -> Self {
        Self {
            after: None,
            include_history: true,
            poll_interval: Duration::from_secs(2),
            timeout: None,
            max_reconnects: 6,
        }
    }
}

impl EventOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }
}

setters!(EventOptions {
    after?: ResumePoint,
    include_history: bool,
    poll_interval: Duration,
    timeout?: Duration,
    max_reconnects: u32,
});

/// What the frames of a block of text are, which is not documented
/// (docs/spec/raccoon.md, section 5.6).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TextMode {
    /// Decided by all frames of a turn; where two readings are possible, by the
    /// history.
    #[default]
    Auto,
    /// Each adds to its block.
    Delta,
    /// Each is all of its block so far.
    Cumulative,
}

/// Says by its name what can be none: it stands beside others.
impl<'de> Deserialize<'de> for TextMode {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let given = Value::deserialize(source)?;
        match given.as_str() {
            Some("auto") => Ok(Self::Auto),
            Some("delta") => Ok(Self::Delta),
            Some("cumulative") => Ok(Self::Cumulative),
            _ => Err(D::Error::custom(format!(
                "`text_mode` is {given}, but it can be `auto`, `delta` or `cumulative`"
            ))),
        }
    }
}

/// Parameters of `attach`: a turn that was started before, or elsewhere.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Attach {
    /// The turn's session.
    pub session_id: String,
    /// The turn's agent message.
    pub message_id: String,
    /// Only events after this place. Default: all of the turn.
    #[serde(default)]
    pub after: Option<After>,
    /// How the turn's events are read.
    #[serde(default)]
    pub events: TurnEventOptions,
}

impl Attach {
    /// To all of a turn's events.
    pub fn new(session_id: impl Into<String>, message_id: impl Into<String>) -> Self {
        Self {
            session_id: session_id.into(),
            message_id: message_id.into(),
            after: None,
            events: TurnEventOptions::default(),
        }
    }

    /// To those after a place that an earlier [`Turn`](super::Turn) reached.
    pub fn resume(point: &ResumePoint) -> Self {
        Self {
            after: Some(After::Point {
                last_stream_entry_id: point.last_stream_entry_id.clone(),
                last_event_id: point.last_event_id,
            }),
            ..Self::new(&point.session_id, &point.message_id)
        }
    }
}

setters!(Attach {
    after?: After,
    events: TurnEventOptions,
});

/// A place in a turn's stream.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(untagged))]
#[non_exhaustive]
pub enum After {
    /// After this stream entry.
    Entry(String),
    /// After this stream entry, or this event.
    Point {
        /// The `stream_entry_id` of the last event that is known.
        last_stream_entry_id: Option<String>,
        /// The `event_id` of the last event that is known.
        last_event_id: Option<i64>,
    },
}

impl<'de> Deserialize<'de> for After {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match text_or_object(deserializer, "the id of a stream entry, or a resume point")? {
            TextOrObject::Text(entry) => Ok(Self::Entry(entry)),
            TextOrObject::Object(GivenPoint {
                last_stream_entry_id,
                last_event_id,
            }) => Ok(Self::Point {
                last_stream_entry_id,
                last_event_id,
            }),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct GivenPoint {
    last_stream_entry_id: Option<String>,
    last_event_id: Option<i64>,
}

/// How far a turn's stream was read: attach there to go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ResumePoint {
    /// The turn's session.
    pub session_id: String,
    /// The turn's agent message.
    pub message_id: String,
    /// The newest stream entry, where the service names them.
    pub last_stream_entry_id: Option<String>,
    /// The newest event.
    pub last_event_id: Option<i64>,
}

impl ResumePoint {
    /// The start of a turn's stream.
    pub fn new(session_id: impl Into<String>, message_id: impl Into<String>) -> Self {
        Self {
            session_id: session_id.into(),
            message_id: message_id.into(),
            last_stream_entry_id: None,
            last_event_id: None,
        }
    }
}

setters!(ResumePoint {
    last_stream_entry_id?: into String,
    last_event_id?: i64,
});

/// A resume point as a caller writes it. The service may add fields; a caller may not.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct GivenPlace {
    session_id: String,
    message_id: String,
    #[serde(default)]
    last_stream_entry_id: Option<String>,
    #[serde(default)]
    last_event_id: Option<i64>,
}

fn given_place<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<ResumePoint>, D::Error> {
    let given = Option::<GivenPlace>::deserialize(deserializer)?;
    Ok(given.map(|given| ResumePoint {
        session_id: given.session_id,
        message_id: given.message_id,
        last_stream_entry_id: given.last_stream_entry_id,
        last_event_id: given.last_event_id,
    }))
}

/// Where a turn is (docs/spec/raccoon.md, section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TurnStatus {
    /// The service has it.
    Submitted,
    /// It waits for its place.
    Queued,
    /// The agent works.
    Running,
    /// It ended well.
    Completed,
    /// It was stopped.
    Aborted,
    /// It failed.
    Failed,
    /// Its stream was lost, and the history does not say.
    Unknown,
}

impl TurnStatus {
    /// Whether the turn is over.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Aborted | Self::Failed)
    }
}

/// A turn as of the newest event that was received.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct TurnState {
    /// The turn's session.
    pub session_id: String,
    /// The turn's agent message.
    pub message_id: String,
    /// The message of the prompt; unknown after `attach`.
    pub user_message_id: Option<String>,
    /// The service's workflow.
    pub workflow_id: Option<String>,
    /// Where the turn is.
    pub status: TurnStatus,
    /// How many turns went before it when it was started; 0 once an event came, or
    /// it is over; `None` where unknown.
    pub queue_position: Option<u64>,
    /// What the service said it goes on from, on the newest connection.
    pub resume_from: Option<String>,
    /// The agent's visible text so far.
    pub text: String,
    /// What the agent plans.
    pub plan: Vec<Map<String, Value>>,
    /// The sandbox's files, by path.
    pub files: Map<String, Value>,
    /// How far the stream was received.
    pub resume_point: ResumePoint,
}

impl TurnState {
    /// The state as JSON, for language bindings.
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

/// What a turn ended with.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct TurnResult {
    /// The agent's answer: its texts, or else the message's content.
    pub text: String,
    /// False where the frames can be read to another text too, and the history
    /// does not say which is right: set `text_mode` then.
    pub text_is_certain: bool,
    /// `completed` or `aborted`.
    pub status: TurnStatus,
    /// Why it was aborted, where it was and the service says.
    pub reason: Option<String>,
    /// What the agent planned.
    pub plan: Vec<Map<String, Value>>,
    /// The sandbox's files, by path.
    pub files: Map<String, Value>,
    /// The turn's session.
    pub session_id: String,
    /// The turn's agent message.
    pub message_id: String,
    /// From the start of the turn, or from `attach`, to its end.
    #[serde(with = "crate::seconds::duration")]
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    pub duration: Duration,
    /// What else the end said, named as on the wire: the usage, for example.
    pub extra: Map<String, Value>,
}

impl TurnResult {
    /// The text as a value of your own: all of it, else the first code fence that
    /// is JSON, else the longest object or list in it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Task`](crate::ErrorKind::Task): there is no JSON (its `reason` is `no_json`), or it
    /// does not fit (`unexpected_shape`).
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        fitted(json_in(&self.text, &self.session_id)?, &self.session_id)
    }
}

/// What became of a `stop`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct StopResult {
    /// Whether the turn is over; false: the service did not confirm it in time.
    pub confirmed: bool,
    /// Where the turn is now.
    pub status: TurnStatus,
}

/// Parameters of `list` (docs/spec/raccoon.md, section 4.2). Unset fields are not sent.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ListSessions {
    /// Which page, from 1.
    pub page: Option<u64>,
    /// How many sessions per page: 1 to 100.
    pub limit: Option<u64>,
    /// Only sessions that match this text.
    pub search: Option<String>,
    /// `updatedAt`, `createdAt` or `title`.
    pub sort_by: Option<String>,
    /// `asc` or `desc`.
    pub sort_order: Option<String>,
}

impl ListSessions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }
}

setters!(ListSessions {
    page?: u64,
    limit?: u64,
    search?: into String,
    sort_by?: into String,
    sort_order?: into String,
});

/// More for the agent while a turn runs.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TurnMessage {
    /// The text; not empty.
    pub text: String,
    /// Files that were uploaded.
    #[serde(deserialize_with = "given_files")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<GivenFile>"))]
    pub files: Vec<UploadedFile>,
    /// Objects to refer to.
    pub references: Vec<Value>,
    /// The frame to send instead of the usual one, for a service whose frames
    /// are of another shape.
    pub frame: Option<Value>,
}

impl TurnMessage {
    /// A text alone.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }
}

setters!(TurnMessage {
    files: Vec<UploadedFile>,
    references: Vec<Value>,
    frame?: into Value,
});

/// Parameters of `resume`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ResumeOptions {
    /// Gives all of the turn's events, also those that were given before the handle was
    /// taken. Default: only those after them.
    pub from_start: bool,
    /// How the turn's events are read.
    pub events: TurnEventOptions,
}

impl ResumeOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }
}

setters!(ResumeOptions {
    from_start: bool,
    events: TurnEventOptions,
});

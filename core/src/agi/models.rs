//! The service's responses, and what a caller may ask: one struct each.
//!
//! The language bindings take their names from here.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::by_name::by_name;
use crate::error::{Error, Result};
use crate::event::EventType;
use crate::handle::Digest;
use crate::meaning::Fields;
use crate::responses::{fitted, json_in, readable, to_json, with_extra};
use crate::setters::setters;

pub use crate::responses::{DeleteResult, SuccessResult};
pub use crate::transport::{RawRequest, RawResponse};

/// A session as the service describes it (docs/spec/agi.md, section 4.1).
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SessionInfo {
    /// The session's id: an opaque text.
    pub session_id: String,
    /// The agent that works in it.
    pub agent_name: String,
    /// The life-cycle status as last read: `ready`, `running`, ... Unknown
    /// values stay as they are.
    pub status: String,
    /// When it was created: ISO 8601 text as it came.
    pub created_at: Option<String>,
    /// The live view, where the service gives one.
    pub vnc_url: Option<String>,
    /// Every other field, and those above that came with another type.
    #[cfg_attr(feature = "schema", schemars(flatten))]
    pub extra: Map<String, Value>,
}

impl<'de> Deserialize<'de> for SessionInfo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Fields::new(Map::deserialize(deserializer)?);
        let session_id = fields.id(&["session_id", "sessionId"]);
        Ok(Self {
            session_id: session_id
                .filter(|id| !id.is_empty())
                .ok_or_else(|| D::Error::custom("the session has no `session_id`"))?,
            agent_name: fields
                .text(&["agent_name", "agentName"])
                .unwrap_or_default(),
            status: fields.text(&["status"]).unwrap_or_default(),
            created_at: fields.text(&["created_at", "createdAt"]),
            vnc_url: fields.text(&["vnc_url", "vncUrl"]),
            extra: fields.rest(),
        })
    }
}

impl Serialize for SessionInfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        with_extra!(serializer, self.extra, {
            "session_id": self.session_id,
            "agent_name": self.agent_name,
            "status": self.status,
            "created_at": self.created_at,
            "vnc_url": self.vnc_url,
        })
    }
}

/// A task's execution status (docs/spec/agi.md, section 5.2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ExecutionStatus {
    /// `running`, `waiting_for_input`, `finished`, `error`; unknown values
    /// stay as they are.
    pub status: String,
}

impl ExecutionStatus {
    /// Whether the task is over.
    pub fn is_terminal(&self) -> bool {
        is_terminal(&self.status)
    }
}

pub(crate) fn is_terminal(status: &str) -> bool {
    matches!(status, "finished" | "error")
}

/// One entry of a session's history (docs/spec/agi.md, section 6).
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Message {
    /// Increases within a session; 0 where the service sent none that can be
    /// read.
    pub id: i64,
    /// `THOUGHT`, `QUESTION`, `USER`, `DONE`, `ERROR`, `LOG`; unknown values
    /// stay as they are.
    #[cfg_attr(feature = "schema", schemars(rename = "type"))]
    pub message_type: String,
    /// A text, or any JSON.
    pub content: Value,
    /// ISO 8601 text as it came.
    pub timestamp: Option<String>,
    /// What the service adds.
    pub metadata: Map<String, Value>,
    /// Every other field, and those above that came with another type.
    #[cfg_attr(feature = "schema", schemars(flatten))]
    pub extra: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Fields::new(Map::deserialize(deserializer)?);
        Ok(Self {
            id: fields.whole_number(&["id"]).unwrap_or_default(),
            message_type: fields.text(&["type"]).unwrap_or_default(),
            content: fields.any("content").unwrap_or_default(),
            timestamp: fields.text(&["timestamp"]),
            metadata: fields.object(&["metadata"]).unwrap_or_default(),
            extra: fields.rest(),
        })
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        with_extra!(serializer, self.extra, {
            "id": self.id,
            "type": self.message_type,
            "content": self.content,
            "timestamp": self.timestamp,
            "metadata": self.metadata,
        })
    }
}

impl Message {
    /// The content as text for a person: the text itself, or the JSON.
    pub fn text(&self) -> String {
        match &self.content {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        }
    }

    /// The text of a result: the content, or an object's `summary`.
    pub fn done_text(&self) -> String {
        match self.content.get("summary").and_then(Value::as_str) {
            Some(summary) => summary.to_owned(),
            None => self.text(),
        }
    }
}

/// A session's messages and status at one moment (docs/spec/agi.md, section 4.8).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Messages {
    /// In the order of their ids.
    pub messages: Vec<Message>,
    /// The execution status.
    pub status: String,
    /// Whether an agent is connected; true where the service does not say.
    pub has_agent: bool,
}

impl<'de> Deserialize<'de> for Messages {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Fields::new(Map::deserialize(deserializer)?);
        let messages = match fields.any("messages") {
            Some(Value::Array(entries)) => readable(entries),
            Some(Value::Null) => Vec::new(),
            Some(_) => return Err(D::Error::custom("`messages` is no list")),
            None => return Err(D::Error::missing_field("messages")),
        };
        Ok(Self {
            messages,
            status: fields.text(&["status"]).unwrap_or_default(),
            has_agent: fields.flag(&["has_agent"]).unwrap_or(true),
        })
    }
}

/// The messages that came since the last look, and whether more may come.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct NextMessages {
    /// The new messages, and the status.
    #[serde(flatten)]
    pub messages: Messages,
    /// Whether the task is over: following ends here.
    pub over: bool,
}

impl SessionInfo {
    /// One of which only the id is known.
    pub(super) fn of(session_id: String) -> Self {
        Self {
            session_id,
            agent_name: String::new(),
            status: String::new(),
            created_at: None,
            vnc_url: None,
            extra: Map::new(),
        }
    }
}

/// Where the browser is after `navigate` (docs/spec/agi.md, section 4.13).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Navigation {
    /// The URL after redirects.
    pub current_url: String,
    /// Whether that is another site than the one that was asked for: its host differs, other
    /// than by `www.`.
    #[serde(skip_deserializing)]
    pub redirected: bool,
}

/// Parameters of `screenshots`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ScreenshotsOptions {
    /// The time between two pictures. The first is taken at once.
    #[serde(with = "crate::seconds::every")]
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    pub every: Duration,
    /// The folder for them, which is made where there is none. A picture is named by its time.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub directory: PathBuf,
}

impl ScreenshotsOptions {
    /// A picture every so often, into this folder.
    pub fn new(every: Duration, directory: impl Into<PathBuf>) -> Self {
        Self {
            every,
            directory: directory.into(),
        }
    }
}

/// Which pictures `screenshots` took.
#[derive(Debug, Clone, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ScreenshotsReport {
    /// Their files, in the order in which they were taken.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    pub paths: Vec<PathBuf>,
    /// How many could not be taken or written.
    pub failed: u64,
    /// Why the last of these was not.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Map<String, Value>>"))]
    pub error: Option<Error>,
}

/// What a task ended with.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct TaskResult {
    /// The result for a person: the text, or an object's `summary`.
    pub text: String,
    /// The content of the `DONE` message as it came.
    pub data: Value,
    /// The id of the `DONE` message.
    pub message_id: Option<i64>,
    /// All messages of this task, in the order of their ids.
    pub messages: Vec<Message>,
    /// From the start of the task to its end, measured here.
    #[serde(with = "crate::seconds::duration")]
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    pub duration: Duration,
    /// The metadata of the `DONE` message.
    pub metadata: Map<String, Value>,
    /// The task's session.
    pub session_id: String,
}

impl TaskResult {
    /// The result that was written as JSON.
    pub(crate) fn of_kept(mut kept: Value) -> Option<Self> {
        let mut fields = std::mem::take(kept.as_object_mut()?);
        let mut take = |name: &str| fields.shift_remove(name).unwrap_or_default();
        Some(Self {
            text: take("text").as_str()?.to_owned(),
            data: take("data"),
            message_id: take("message_id").as_i64(),
            messages: serde_json::from_value(take("messages")).ok()?,
            duration: Duration::try_from_secs_f64(take("duration").as_f64()?).ok()?,
            metadata: serde_json::from_value(take("metadata")).ok()?,
            session_id: take("session_id").as_str()?.to_owned(),
        })
    }

    /// The result as JSON, for language bindings.
    pub fn to_json(&self) -> String {
        to_json(self)
    }

    /// The result as a value of your own: `data`, or what a text holds, whatever
    /// is around it. Of a text it is all of it, else the first code fence that is
    /// JSON, else the longest object or list in it.
    ///
    /// ```
    /// # fn example(result: &sessionwire::agi::TaskResult) -> sessionwire::Result<()> {
    /// #[derive(serde::Deserialize)]
    /// struct Offer {
    ///     price: f64,
    /// }
    /// let offers: Vec<Offer> = result.json()?;
    /// # let _ = offers.first().map(|offer| offer.price);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Task`](crate::ErrorKind::Task): there is no JSON (its `reason` is `no_json`), or it
    /// does not fit (`unexpected_shape`).
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        let json = match &self.data {
            Value::String(text) => json_in(text, &self.session_id)?,
            data => data.clone(),
        };
        fitted(json, &self.session_id)
    }
}

/// The agent of a session where nobody names one.
pub(crate) const AGENT: &str = "agi-0";

/// Parameters of `create` (docs/spec/agi.md, sections 4.1 and 14). Unset fields are not
/// sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, remote = "Self")]
#[non_exhaustive]
pub struct CreateSession {
    /// The agent. Default: `agi-0`.
    pub agent_name: String,
    /// Where the service reports events; http or https, at most 2,000
    /// characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_url: Option<String>,
    /// Restores the snapshot of this deleted session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore_from_session_id: Option<String>,
    /// Restores this user's default environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore_default_environment_from_user_id: Option<String>,
    /// Whether a restore may use the faster memory snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_memory_snapshot: Option<bool>,
    /// Extra: the session's goal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// Extra: the most steps of a task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<u32>,
    /// Extra: restores this environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore_from_environment_id: Option<String>,
    /// Extra: `managed-cdp`, `external-cdp` or `desktop`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_session_type: Option<String>,
    /// Extra: the browser to drive, for `external-cdp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cdp_url: Option<String>,
    /// Extra: `chrome-1` or `ubuntu-1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment_type: Option<String>,
    /// How long the call may wait for the service's limits, within its deadline.
    /// Not sent. Default: the client's `wait_for_limit`.
    #[serde(skip_serializing, with = "crate::seconds::wait_for_limit")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<f64>"))]
    pub wait_for_limit: Option<Duration>,
    /// What [`Client::delete_created_sessions`](crate::agi::Client::delete_created_sessions)
    /// keeps of it. Not sent.
    #[serde(skip_serializing)]
    pub snapshot: SnapshotOptions,
    /// Fields that this version does not know; they win over the others.
    #[serde(skip_serializing)]
    pub extra_body: Map<String, Value>,
}

by_name!(CreateSession, EventOptions);

impl Default for CreateSession {
    fn default() -> Self {
        Self::new(AGENT)
    }
}

impl CreateSession {
    /// A session with this agent.
    pub fn new(agent_name: impl Into<String>) -> Self {
        Self {
            agent_name: agent_name.into(),
            webhook_url: None,
            restore_from_session_id: None,
            restore_default_environment_from_user_id: None,
            enable_memory_snapshot: None,
            goal: None,
            max_steps: None,
            restore_from_environment_id: None,
            agent_session_type: None,
            cdp_url: None,
            environment_type: None,
            wait_for_limit: None,
            snapshot: SnapshotOptions::default(),
            extra_body: Map::new(),
        }
    }

    /// Adds a field that this version does not know; it wins over the others.
    #[must_use]
    pub fn extra(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extra_body.insert(name.into(), value.into());
        self
    }
}

setters!(CreateSession {
    agent_name: into String,
    webhook_url?: into String,
    restore_from_session_id?: into String,
    restore_default_environment_from_user_id?: into String,
    enable_memory_snapshot?: bool,
    goal?: into String,
    max_steps?: u32,
    restore_from_environment_id?: into String,
    agent_session_type?: into String,
    cdp_url?: into String,
    environment_type?: into String,
    wait_for_limit?: Duration,
    snapshot: SnapshotOptions,
    extra_body: Map<String, Value>,
});

/// What a delete keeps of a session (docs/spec/agi.md, section 9).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SnapshotOptions {
    /// `none`, `memory` or `filesystem`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub save_snapshot_mode: Option<String>,
    /// Makes the snapshot the user's default environment; needs a mode that
    /// saves one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub save_as_default: Option<bool>,
}

impl SnapshotOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }
}

setters!(SnapshotOptions {
    save_snapshot_mode?: into String,
    save_as_default?: bool,
});

/// Parameters of `send_message`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SendMessage {
    /// 1 to 10,000 characters.
    pub message: String,
    /// The page to open first; at most 2,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_url: Option<String>,
}

impl SendMessage {
    /// A message without a start page.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            start_url: None,
        }
    }

    /// With the page to open first.
    pub fn start_url(mut self, url: impl Into<String>) -> Self {
        self.start_url = Some(url.into());
        self
    }
}

/// Parameters of `messages`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ListMessages {
    /// Only messages with a higher id. Default: 0.
    pub after_id: i64,
    /// Hides system entries and image payloads. Default: true.
    pub sanitize: bool,
}

impl Default for ListMessages {
    fn default() -> Self {
        Self {
            after_id: 0,
            sanitize: true,
        }
    }
}

impl ListMessages {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }
}

setters!(ListMessages {
    after_id: i64,
    sanitize: bool,
});

/// Parameters of `events`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, remote = "Self")]
#[non_exhaustive]
pub struct EventOptions {
    /// Only events of these types; `None`: all but heartbeats.
    pub event_types: Option<Vec<String>>,
    /// The time after which a session's events end with `TaskTimeout`. Default: no limit. A
    /// task's own events have none: its `result` has.
    #[serde(with = "crate::seconds::timeout")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<f64>"))]
    pub timeout: Option<Duration>,
    /// Hides system entries and image payloads. Default: true.
    pub sanitize: bool,
    /// Starts with the session's stored events. Default: true.
    pub include_history: bool,
    /// The time without a complete event after which the stream reconnects.
    /// Default: 90 s.
    #[serde(with = "crate::seconds::idle_timeout")]
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    pub idle_timeout: Duration,
    /// Failed attempts to connect in a row after which the stream falls back
    /// to polling the messages. Default: 5.
    pub max_reconnects: u32,
    /// The time between two looks at the messages while the stream cannot be
    /// opened. Default: 2 s.
    #[serde(with = "crate::seconds::poll_interval")]
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    pub poll_interval: Duration,
}

impl Default for EventOptions {
    fn default() -> Self {
        Self {
            event_types: None,
            timeout: None,
            sanitize: true,
            include_history: true,
            idle_timeout: Duration::from_secs(90),
            max_reconnects: 5,
            poll_interval: Duration::from_secs(2),
        }
    }
}

impl EventOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only events of these types. One that this version does not know is asked for all the
    /// same, and a warning in the log (`tracing`): it may be new, or misspelled.
    #[must_use]
    pub fn event_types<T: Into<String>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        let types: Vec<String> = types.into_iter().map(Into::into).collect();
        let each = types.iter().collect::<BTreeSet<_>>();
        for warning in each.into_iter().filter_map(|name| EventType::unknown(name)) {
            tracing::warn!("{warning}");
        }
        self.event_types = Some(types);
        self
    }
}

setters!(EventOptions {
    timeout?: Duration,
    sanitize: bool,
    include_history: bool,
    idle_timeout: Duration,
    max_reconnects: u32,
    poll_interval: Duration,
});

/// Parameters of `run_tasks`: tasks for one session each.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RunTasks {
    /// The tasks.
    #[serde(deserialize_with = "batch_tasks")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<Value>"))]
    pub tasks: Vec<BatchTask>,
    /// How many run at once, at most. Default: 4.
    #[serde(deserialize_with = "crate::counts::concurrency")]
    #[cfg_attr(feature = "schema", schemars(with = "usize"))]
    pub concurrency: usize,
    /// The page that each opens first.
    pub start_url: Option<String>,
    /// The time for each task, once its session is there; `None`: no limit.
    #[serde(with = "crate::seconds::timeout")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<f64>"))]
    pub timeout: Option<Duration>,
    /// How the sessions are created. `wait_for_limit` counts for each task
    /// here, over any number of calls.
    pub create: CreateSession,
    /// What the deletes of the sessions keep.
    pub snapshot: SnapshotOptions,
    /// Whether the caller answers questions (see
    /// [`TaskOutcomes::reply`](super::TaskOutcomes::reply)). Default: no, and a
    /// question ends its task with `QuestionPending`.
    pub asks: bool,
    /// A file in which is noted how far each task came: started again with the same tasks and
    /// the same file, the call goes on where it was, and sends no task twice. One process
    /// uses it at a time.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub journal: Option<PathBuf>,
    /// With a journal: sends the tasks that ended with an error once more. Default: no, and
    /// their errors are given again.
    pub retry_failed: bool,
}

/// One task of [`run_tasks`](super::Client::run_tasks). In JSON a text, or an object with
/// `message`, and what differs from the other tasks: `id`, `start_url`, `timeout`, and the
/// parameters of `create`, such as `agent_name`.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct BatchTask {
    /// Its name in outcomes and in the journal. Default: its place among the tasks, from 0.
    pub id: Option<String>,
    /// 1 to 10,000 characters.
    pub message: String,
    /// The page to open first, if another one.
    pub start_url: Option<String>,
    /// The time for it, if another one.
    pub timeout: Option<Duration>,
    /// Other parameters of `create` for its session, by their names.
    pub create: Map<String, Value>,
}

impl BatchTask {
    /// A task like the others.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            ..Self::default()
        }
    }

    /// With another agent.
    #[must_use]
    pub fn agent_name(mut self, name: impl Into<String>) -> Self {
        self.create
            .insert("agent_name".to_owned(), Value::String(name.into()));
        self
    }
}

setters!(BatchTask {
    id?: into String,
    start_url?: into String,
    timeout?: Duration,
    create: Map<String, Value>,
});

impl From<&str> for BatchTask {
    fn from(message: &str) -> Self {
        Self::new(message)
    }
}

impl From<String> for BatchTask {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

impl<'de> Deserialize<'de> for BatchTask {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::of(Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Reads tasks; an error says which one is none.
fn batch_tasks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<BatchTask>, D::Error> {
    let values = Vec::<Value>::deserialize(deserializer)?;
    let read = |(index, value)| {
        BatchTask::of(value)
            .map_err(|why| D::Error::custom(format!("the task with the index {index}: {why}")))
    };
    values.into_iter().enumerate().map(read).collect()
}

impl BatchTask {
    fn of(value: Value) -> Result<Self, String> {
        let mut fields = match value {
            Value::String(message) => return Ok(Self::new(message)),
            Value::Object(fields) => fields,
            other => {
                return Err(format!(
                    "a task is a text or an object with `message`, not {other}"
                ));
            }
        };
        let mut text = |name: &str| match fields.shift_remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            // Ids often are numbers elsewhere.
            Some(Value::Number(number)) if name == "id" && !number.is_f64() => {
                Ok(Some(number.to_string()))
            }
            Some(other) if name == "id" => Err(format!(
                "`id` must be a text or a whole number, not {other}. Pass its text, or leave it out"
            )),
            Some(other) => Err(format!("`{name}` must be a text, not {other}")),
        };
        let (id, message, start_url) = (text("id")?, text("message")?, text("start_url")?);
        let message =
            message.ok_or("a task that is an object needs `message`: what the agent shall do")?;
        let timeout = match fields.shift_remove("timeout") {
            None | Some(Value::Null) => None,
            Some(Value::Number(number)) => {
                Some(crate::seconds::duration_of(number.as_f64(), "timeout")?)
            }
            Some(other) => {
                return Err(format!(
                    "`timeout` must be a number of seconds, such as 300, not {other}"
                ));
            }
        };
        fields.retain(|_, value| !value.is_null());
        Ok(Self {
            id,
            message,
            start_url,
            timeout,
            create: fields,
        })
    }
}

impl Default for RunTasks {
    fn default() -> Self {
        Self {
            tasks: Vec::new(),
            concurrency: 4,
            start_url: None,
            timeout: None,
            create: CreateSession::default(),
            snapshot: SnapshotOptions::default(),
            asks: false,
            journal: None,
            retry_failed: false,
        }
    }
}

impl RunTasks {
    /// These tasks, four at once, in sessions with the default agent.
    pub fn new<T: Into<BatchTask>>(tasks: impl IntoIterator<Item = T>) -> Self {
        Self {
            tasks: tasks.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }
}

setters!(RunTasks {
    concurrency: usize,
    start_url?: into String,
    timeout?: Duration,
    create: CreateSession,
    snapshot: SnapshotOptions,
    asks: bool,
    journal?: into PathBuf,
    retry_failed: bool,
});

impl RunTasks {
    /// What each task is called.
    pub(crate) fn ids(&self) -> Vec<String> {
        let named = |(place, task): (usize, &BatchTask)| {
            task.id.clone().unwrap_or_else(|| place.to_string())
        };
        self.tasks.iter().enumerate().map(named).collect()
    }

    /// How the session of a task is created.
    pub(crate) fn create_of(&self, task: &BatchTask) -> Result<CreateSession, serde_json::Error> {
        if task.create.is_empty() {
            return Ok(self.create.clone());
        }
        let mut fields = serde_json::to_value(&self.create)?;
        if let Some(fields) = fields.as_object_mut() {
            fields.extend(task.create.clone());
        }
        let mut create: CreateSession = serde_json::from_value(fields)?;
        // What is not sent as it stands is no part of the fields.
        let is_own = |name: &str| task.create.contains_key(name);
        if !is_own("wait_for_limit") {
            create.wait_for_limit = self.create.wait_for_limit;
        }
        if !is_own("snapshot") {
            create.snapshot = self.create.snapshot.clone();
        }
        if !is_own("extra_body") {
            create.extra_body = self.create.extra_body.clone();
        }
        Ok(create)
    }

    /// The page that a task opens first.
    pub(crate) fn start_url_of<'a>(&'a self, task: &'a BatchTask) -> Option<&'a str> {
        task.start_url.as_deref().or(self.start_url.as_deref())
    }

    /// What a task is, without saying it: its message, its start page, its session.
    pub(crate) fn digest_of(&self, task: &BatchTask) -> String {
        let create = self.create_of(task).unwrap_or_default();
        let extra = ordered(Value::Object(create.extra_body.clone()));
        let session = format!("{}{extra}", to_json(&create));
        let parts = [
            &task.message,
            self.start_url_of(task).unwrap_or_default(),
            &*session,
        ];
        parts.map(|part| Digest::of(part).text()).join(".")
    }
}

/// The same JSON with the names of each object in order: two texts of one value are one.
fn ordered(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.into_iter().collect();
            fields.sort_by(|one, other| one.0.cmp(&other.0));
            let each = fields
                .into_iter()
                .map(|(name, value)| (name, ordered(value)));
            Value::Object(each.collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(ordered).collect()),
        other => other,
    }
}

/// Parameters of `cleanup`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CleanupOptions {
    /// Only sessions that were created longer ago, by this machine's clock. A
    /// session without a readable time is kept then.
    #[serde(with = "crate::seconds::older_than")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<f64>"))]
    pub older_than: Option<Duration>,
    /// Only sessions with one of these statuses; `any` stands for all. Default: `completed`
    /// and `error`.
    pub statuses: Vec<String>,
}

impl Default for CleanupOptions {
    fn default() -> Self {
        Self {
            older_than: None,
            statuses: vec!["completed".to_owned(), "error".to_owned()],
        }
    }
}

impl CleanupOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only sessions with one of these statuses.
    #[must_use]
    pub fn statuses<T: Into<String>>(mut self, statuses: impl IntoIterator<Item = T>) -> Self {
        self.statuses = statuses.into_iter().map(Into::into).collect();
        self
    }
}

setters!(CleanupOptions {
    older_than?: Duration,
});

/// What `cleanup` did with one session that matched.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct CleanupReport {
    /// The session.
    pub session_id: String,
    /// Its status before.
    pub status: String,
    /// When it was created: ISO 8601 text as it came.
    pub created_at: Option<String>,
    /// Whether it was deleted; false also where it was gone.
    pub deleted: bool,
    /// Why it could not be deleted.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Map<String, Value>>"))]
    pub error: Option<Error>,
}

/// Parameters of a pool of sessions.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PoolOptions {
    /// How many sessions there are at most.
    #[serde(deserialize_with = "crate::counts::max_sessions")]
    #[cfg_attr(feature = "schema", schemars(with = "usize"))]
    pub max_sessions: usize,
    /// A session that is older is deleted when it is given back. Default: no limit.
    #[serde(default, with = "crate::seconds::max_age")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<f64>"))]
    pub max_age: Option<Duration>,
    /// How each session is created. Its `wait_for_limit` is how long a wait without a
    /// timeout may take where the service allows no more sessions and none of the pool will
    /// be free.
    #[serde(default)]
    pub create: CreateSession,
}

impl PoolOptions {
    /// At most so many sessions, with the default agent.
    pub fn new(max_sessions: usize) -> Self {
        Self {
            max_sessions,
            max_age: None,
            create: CreateSession::default(),
        }
    }
}

setters!(PoolOptions {
    max_age?: Duration,
    create: CreateSession,
});

/// Parameters of `reap`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ReapOptions {
    /// Only sessions that were created longer ago, by the ledger's times.
    #[serde(with = "crate::seconds::older_than")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<f64>"))]
    pub older_than: Option<Duration>,
}

impl ReapOptions {
    /// Everything that dead processes left.
    pub fn new() -> Self {
        Self::default()
    }
}

setters!(ReapOptions {
    older_than?: Duration,
});

/// What became of something that a dead process left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReapOutcome {
    /// The session was deleted.
    Deleted,
    /// The session was gone already.
    Gone,
    /// The session could not be deleted; the next `reap` tries again.
    Failed,
    /// Nobody knows: there may be a session, or the session may be somebody's. Nothing was
    /// deleted.
    Perhaps,
}

/// What `reap` found of one session that a dead process left, or may have left.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ReapReport {
    /// What became of it.
    pub outcome: ReapOutcome,
    /// The session; `None` for a create whose answer never came. Such a create is told
    /// once.
    pub session_id: Option<String>,
    /// The agent that it was created with.
    pub agent_name: String,
    /// When it was created, or was to be: ISO 8601 text, by the clock of that process.
    pub created_at: String,
    /// Whether a task was sent whose end the ledger does not know.
    pub working: bool,
    /// Why it could not be deleted.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Map<String, Value>>"))]
    pub error: Option<Error>,
}

/// Parameters of `wait`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct WaitOptions {
    /// The most time to wait; `None`: no limit.
    #[serde(with = "crate::seconds::timeout")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<f64>"))]
    pub timeout: Option<Duration>,
    /// The time between two looks. Default: 2 s.
    #[serde(with = "crate::seconds::poll_interval")]
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    pub poll_interval: Duration,
}

impl Default for WaitOptions {
    fn default() -> Self {
        Self {
            timeout: None,
            poll_interval: Duration::from_secs(2),
        }
    }
}

impl WaitOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }
}

setters!(WaitOptions {
    timeout?: Duration,
    poll_interval: Duration,
});

/// What `start_task` and `run_task` do in a session whose last task has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum IfBusy {
    /// Refuse: `Conflict`, whose `code` is `task_in_progress`.
    #[default]
    Error,
    /// Wait until that task has ended, however long it takes; while it asks, until
    /// somebody answers it.
    Wait,
    /// Cancel that task.
    Cancel,
}

impl<'de> Deserialize<'de> for IfBusy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match value.as_str() {
            Some("error") => Ok(Self::Error),
            Some("wait") => Ok(Self::Wait),
            Some("cancel") => Ok(Self::Cancel),
            _ => Err(D::Error::custom(format!(
                "`if_busy` is {value}; it can be \"error\", \"wait\" or \"cancel\""
            ))),
        }
    }
}

/// Parameters of `start_task`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct StartTask {
    /// The task: 1 to 10,000 characters.
    pub message: String,
    /// The page to open first; at most 2,000 characters.
    #[serde(default)]
    pub start_url: Option<String>,
    /// How the task's events are read.
    #[serde(default)]
    pub events: EventOptions,
    /// What to do where the session's last task has not ended. Default: refuse.
    #[serde(default)]
    pub if_busy: IfBusy,
}

impl StartTask {
    /// A task without a start page.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            start_url: None,
            events: EventOptions::default(),
            if_busy: IfBusy::Error,
        }
    }

    /// What to do where the session's last task has not ended.
    #[must_use]
    pub fn if_busy(mut self, if_busy: IfBusy) -> Self {
        self.if_busy = if_busy;
        self
    }

    /// With the page to open first.
    pub fn start_url(mut self, url: impl Into<String>) -> Self {
        self.start_url = Some(url.into());
        self
    }
}

/// Parameters of `resume`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ResumeOptions {
    /// Gives all of the task's events, also those that were given before the handle was
    /// taken. Default: only those after them.
    pub from_start: bool,
    /// How the task's events are read.
    pub events: EventOptions,
}

impl ResumeOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }
}

setters!(ResumeOptions {
    from_start: bool,
    events: EventOptions,
});

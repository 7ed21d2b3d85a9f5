//! The names on the wire that the service's documentation leaves open.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::by_name::by_name;
use crate::error::{Error, Result};
use crate::setters::setters;

/// Writes the frames that a client sends on a turn's socket in its own way, for
/// a service whose frames are of another shape than assumed
/// (docs/spec/raccoon.md, section 5.4). It gets the frame that would be sent,
/// and gives the one to send.
///
/// ```
/// use sessionwire::raccoon::{FrameEncoder, RaccoonOptions};
/// use serde_json::json;
///
/// let encoder = FrameEncoder::new(|frame| json!({ "action": frame["type"], "body": frame }));
/// let options = RaccoonOptions::new().encode_frame(encoder);
/// # let _ = options;
/// ```
#[derive(Clone)]
pub struct FrameEncoder(Arc<dyn Fn(Map<String, Value>) -> Value + Send + Sync>);

impl FrameEncoder {
    /// An encoder that is this function.
    pub fn new(encode: impl Fn(Map<String, Value>) -> Value + Send + Sync + 'static) -> Self {
        Self(Arc::new(encode))
    }

    pub(super) fn encode(&self, frame: Map<String, Value>) -> Value {
        (self.0)(frame)
    }
}

impl fmt::Debug for FrameEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameEncoder").finish_non_exhaustive()
    }
}

/// Names that are assumed, or known from an older revision only: those with the
/// marks `[L]`, `[B]` and `[A]` in docs/spec/raccoon.md. The service is a beta:
/// where it turns out to use another name, set it here; no release is needed.
///
/// ```
/// use sessionwire::raccoon::{RaccoonOptions, WireNames};
///
/// let names = WireNames::new()
///     .prompt(["task"])
///     .base_prompt("instructions");
/// let options = RaccoonOptions::new().wire(names);
/// # let _ = options;
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, remote = "Self")]
#[non_exhaustive]
pub struct WireNames {
    /// The fields of `POST /sessions/new` that all carry the prompt. Default:
    /// `prompt` and `task`, whichever the service reads.
    pub prompt: Vec<String>,
    /// Field of the SDK version. Default: `sdk_version`.
    pub sdk_version: String,
    /// Field of the system instructions. Default: `base_prompt`.
    pub base_prompt: String,
    /// Field of the reference objects. Default: `references`.
    pub references: String,
    /// Field of the conversation so far. Default: `history`.
    pub history: String,
    /// Field of the continuation data. Default: `continuation`.
    pub continuation: String,
    /// Fields of a file that a turn refers to: its key. Default: `key`.
    pub file_key: String,
    /// Its name. Default: `name`.
    pub file_name: String,
    /// Its media type. Default: `type`.
    pub file_type: String,
    /// Its size in bytes. Default: `size`.
    pub file_size: String,
    /// Fields of the response to a new turn: those that may name its agent
    /// message. Default: `agent_message_id` and `assistant_message_id`.
    pub agent_message_id: Vec<String>,
    /// The message of the prompt. Default: `user_message_id`.
    pub user_message_id: String,
    /// The service's workflow. Default: `workflow_id`.
    pub workflow_id: String,
    /// Whether the turn is queued. Default: `status`.
    pub turn_status: String,
    /// How many turns go before it. Default: `queue_position`.
    pub queue_position: String,
    /// Query parameter of the page's number. Default: `page`.
    pub page: String,
    /// Query parameter of the page's size. Default: `limit`.
    pub limit: String,
    /// Query parameter of the filter. Default: `search`.
    pub search: String,
    /// Query parameter of the sort key. Default: `sort_by`.
    pub sort_by: String,
    /// Query parameter of the direction. Default: `sort_order`.
    pub sort_order: String,
    /// Fields of the list's response: those that may hold the sessions. Default:
    /// `sessions`, `chats` and `data`.
    pub sessions: Vec<String>,
    /// What says where the page stands. Default: `meta`.
    pub meta: String,
    /// In it: how many sessions there are. Default: `total_count`.
    pub total_count: String,
    /// How many pages. Default: `total_pages`.
    pub total_pages: String,
    /// Which page this is. Default: `current_page`.
    pub current_page: String,
    /// Field of the new title. Default: `title`.
    pub title: String,
    /// The field that says what a frame to the service is. Default: `type`.
    pub frame_type: String,
    /// What a message's frame is. Default: `message`.
    pub message_frame: String,
    /// The field of a message's text. Default: `text`.
    pub message_text: String,
    /// The field of a message's files. Default: `files`.
    pub message_files: String,
    /// The field of the objects that a message refers to. Default:
    /// `references`.
    pub message_references: String,
    /// What a stop's frame is. Default: `stop`.
    pub stop_frame: String,
    /// Fields of a frame of the service's that may name its kind. Default: `kind`,
    /// `type`, `event` and `event_type`.
    ///
    /// The first that is there counts, also in the lists below. A name may be a
    /// path, such as `data.kind`, and `eventId` is the same name as `event_id`.
    pub frame_kind: Vec<String>,
    /// Its number within the turn. Default: `event_id`, `id`, `seq`.
    pub frame_event_id: Vec<String>,
    /// The block that it belongs to. Default: `block_id`, `block`.
    pub frame_block_id: Vec<String>,
    /// The agent message. Default: `message_id`, `agent_message_id`.
    pub frame_message_id: Vec<String>,
    /// Its place in the stream. Default: `stream_entry_id`, `entry_id`.
    pub frame_entry_id: Vec<String>,
    /// When it happened. Default: `timestamp`, `ts`, `created_at`.
    pub frame_timestamp: Vec<String>,
    /// What it says. Default: `payload`, `data`, `content`, `delta`, `body`; else it
    /// stands beside the ids.
    pub frame_payload: Vec<String>,
    /// Where a payload has the text of a `text`. Default: `text`, `content`, `delta`,
    /// `value`, `chunk`.
    pub text_fields: Vec<String>,
    /// That of a `thought`. Default: `thought`, `reasoning`, `text`, `content`,
    /// `delta`.
    pub thought_fields: Vec<String>,
    /// Where the payload of a `task.completed` may have the answer. Default: `text`,
    /// `result`, `answer`, `output`, `content`.
    pub result_fields: Vec<String>,
    /// Kinds that are a `text` beside those that say so in their words. Default:
    /// none.
    pub text_kinds: Vec<String>,
    /// Kinds that are a `thought`. Default: none.
    pub thought_kinds: Vec<String>,
    /// Kinds with which a turn ends well. Default: none beside those that say so,
    /// such as `task_completed` and `turn.done`.
    pub completed_kinds: Vec<String>,
    /// Kinds with which it was stopped. Default: none beside such as
    /// `task.cancelled`.
    pub aborted_kinds: Vec<String>,
    /// Kinds with which it failed. Default: none beside such as `task.failed`.
    pub failed_kinds: Vec<String>,
}

by_name!(WireNames);

/// Lists that may be empty: what they name is known by its words already.
const MAY_BE_EMPTY: [&str; 5] = [
    "text_kinds",
    "thought_kinds",
    "completed_kinds",
    "aborted_kinds",
    "failed_kinds",
];

impl Default for WireNames {
    fn default() -> Self {
        let name = str::to_owned;
        let names = |names: &[&str]| names.iter().copied().map(name).collect();
        Self {
            prompt: vec![name("prompt"), name("task")],
            sdk_version: name("sdk_version"),
            base_prompt: name("base_prompt"),
            references: name("references"),
            history: name("history"),
            continuation: name("continuation"),
            file_key: name("key"),
            file_name: name("name"),
            file_type: name("type"),
            file_size: name("size"),
            agent_message_id: vec![name("agent_message_id"), name("assistant_message_id")],
            user_message_id: name("user_message_id"),
            workflow_id: name("workflow_id"),
            turn_status: name("status"),
            queue_position: name("queue_position"),
            page: name("page"),
            limit: name("limit"),
            search: name("search"),
            sort_by: name("sort_by"),
            sort_order: name("sort_order"),
            sessions: vec![name("sessions"), name("chats"), name("data")],
            meta: name("meta"),
            total_count: name("total_count"),
            total_pages: name("total_pages"),
            current_page: name("current_page"),
            title: name("title"),
            frame_type: name("type"),
            message_frame: name("message"),
            message_text: name("text"),
            message_files: name("files"),
            message_references: name("references"),
            stop_frame: name("stop"),
            frame_kind: names(&["kind", "type", "event", "event_type"]),
            frame_event_id: names(&["event_id", "id", "seq"]),
            frame_block_id: names(&["block_id", "block"]),
            frame_message_id: names(&["message_id", "agent_message_id"]),
            frame_entry_id: names(&["stream_entry_id", "entry_id"]),
            frame_timestamp: names(&["timestamp", "ts", "created_at"]),
            frame_payload: names(&["payload", "data", "content", "delta", "body"]),
            text_fields: names(&["text", "content", "delta", "value", "chunk"]),
            thought_fields: names(&["thought", "reasoning", "text", "content", "delta"]),
            result_fields: names(&["text", "result", "answer", "output", "content"]),
            text_kinds: Vec::new(),
            thought_kinds: Vec::new(),
            completed_kinds: Vec::new(),
            aborted_kinds: Vec::new(),
            failed_kinds: Vec::new(),
        }
    }
}

impl WireNames {
    /// The names that are assumed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether frames are read by the names that are assumed.
    pub(super) fn reads_as_documented(&self) -> bool {
        let read = |names: &Self| {
            [
                &names.frame_kind,
                &names.frame_event_id,
                &names.frame_block_id,
                &names.frame_message_id,
                &names.frame_entry_id,
                &names.frame_timestamp,
                &names.frame_payload,
                &names.text_fields,
                &names.thought_fields,
                &names.result_fields,
                &names.text_kinds,
                &names.thought_kinds,
                &names.completed_kinds,
                &names.aborted_kinds,
                &names.failed_kinds,
            ]
            .map(Vec::clone)
        };
        read(self) == read(&Self::default())
    }

    /// Refuses a name that is missing or empty.
    pub(super) fn check(&self) -> Result<()> {
        let refuse = |what: String| {
            Err(Error::config(format!(
                "`wire` has {what}. Give the name that the service uses, or leave it out for the default"
            )))
        };
        let names = serde_json::to_value(self).unwrap_or_default();
        for (what, names) in names.as_object().into_iter().flatten() {
            let is_empty = |name: &Value| name.as_str().is_none_or(str::is_empty);
            match names.as_array() {
                Some(names) if names.is_empty() && !MAY_BE_EMPTY.contains(&what.as_str()) => {
                    return refuse(format!("no name for `{what}`"));
                }
                Some(names) if names.iter().any(is_empty) => {
                    return refuse(format!("an empty name for `{what}`"));
                }
                None if is_empty(names) => return refuse(format!("an empty name for `{what}`")),
                _ => {}
            }
        }
        Ok(())
    }
}

setters!(WireNames {
    prompt: each String,
    sdk_version: into String,
    base_prompt: into String,
    references: into String,
    history: into String,
    continuation: into String,
    file_key: into String,
    file_name: into String,
    file_type: into String,
    file_size: into String,
    agent_message_id: each String,
    user_message_id: into String,
    workflow_id: into String,
    turn_status: into String,
    queue_position: into String,
    page: into String,
    limit: into String,
    search: into String,
    sort_by: into String,
    sort_order: into String,
    sessions: each String,
    meta: into String,
    total_count: into String,
    total_pages: into String,
    current_page: into String,
    title: into String,
    frame_type: into String,
    message_frame: into String,
    message_text: into String,
    message_files: into String,
    message_references: into String,
    stop_frame: into String,
    frame_kind: each String,
    frame_event_id: each String,
    frame_block_id: each String,
    frame_message_id: each String,
    frame_entry_id: each String,
    frame_timestamp: each String,
    frame_payload: each String,
    text_fields: each String,
    thought_fields: each String,
    result_fields: each String,
    text_kinds: each String,
    thought_kinds: each String,
    completed_kinds: each String,
    aborted_kinds: each String,
    failed_kinds: each String,
});

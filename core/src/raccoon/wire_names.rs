//! The names on the wire that the service's documentation leaves open.

use serde::{Deserialize, Serialize};

/// Names that are assumed, or known from an older revision only (Raccoon spec,
/// tags `[L]`, `[B]` and `[A]`). The service is a beta: where it turns out to
/// use another name, set it here; no release is needed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
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
    /// Field of the new title. Default: `title`.
    pub title: String,
    /// The field that says what a frame to the service is. Default: `type`.
    pub frame_type: String,
    /// What a message's frame is. Default: `message`.
    pub message_frame: String,
    /// The field of a message's text. Default: `text`.
    pub message_text: String,
    /// What a stop's frame is. Default: `stop`.
    pub stop_frame: String,
}

impl Default for WireNames {
    fn default() -> Self {
        let name = str::to_owned;
        Self {
            prompt: vec![name("prompt"), name("task")],
            sdk_version: name("sdk_version"),
            base_prompt: name("base_prompt"),
            references: name("references"),
            history: name("history"),
            continuation: name("continuation"),
            page: name("page"),
            limit: name("limit"),
            search: name("search"),
            sort_by: name("sort_by"),
            sort_order: name("sort_order"),
            title: name("title"),
            frame_type: name("type"),
            message_frame: name("message"),
            message_text: name("text"),
            stop_frame: name("stop"),
        }
    }
}

//! The events that stored messages stand for.

use serde_json::json;

use super::models::Message;
use crate::event::{Event, EventType};

impl Event {
    /// The event that a stored message stands for, where there is one: the
    /// user's own messages are none, nor is one without an id that can be read.
    pub fn from_message(message: &Message) -> Option<Self> {
        if message.id <= 0 {
            // Whose it is, and whether it came before, only an id says.
            return None;
        }
        let (event_type, data) = match message.message_type.as_str() {
            "THOUGHT" => (EventType::Thought, text_data(message)),
            "QUESTION" => (EventType::Question, text_data(message)),
            "LOG" => (EventType::Log, text_data(message)),
            "DONE" => (
                EventType::Done,
                json!({
                    "text": message.done_text(),
                    "result": message.content,
                    "message_id": message.id,
                }),
            ),
            "ERROR" => (
                EventType::Error,
                json!({"error": message.text(), "message_id": message.id}),
            ),
            "USER" => return None,
            // As the stream names what has no name.
            "" => (EventType::from_name("message"), text_data(message)),
            // The open world: what this version does not know is passed on.
            other => (
                EventType::from_name(&other.to_ascii_lowercase()),
                text_data(message),
            ),
        };
        let event = Self::new(event_type, Some(message.id), data.to_string());
        Some(event.received_now())
    }
}

fn text_data(message: &Message) -> serde_json::Value {
    json!({"text": message.text(), "message_id": message.id})
}

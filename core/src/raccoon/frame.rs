//! The frames that a client sends on a turn's socket.

use serde_json::{Map, Value};

use super::config::RaccoonConfig;
use super::media;
use super::models::TurnMessage;
use super::wire_names::WireNames;

/// What a client tells the service on a turn's socket
/// (docs/spec/raccoon.md, section 5.4).
pub(super) enum Frame {
    Message(TurnMessage),
    /// With the frame to send, where the caller gave one.
    Stop(Option<Value>),
}

impl Frame {
    pub(super) fn encode(self, config: &RaccoonConfig) -> Value {
        let given = match &self {
            Self::Message(message) => message.frame.clone(),
            Self::Stop(frame) => frame.clone(),
        };
        given.unwrap_or_else(|| {
            let usual = self.usual(&config.wire);
            match &config.encode_frame {
                Some(encoder) => encoder.encode(usual),
                None => Value::Object(usual),
            }
        })
    }

    fn usual(self, wire: &WireNames) -> Map<String, Value> {
        let mut frame = Map::new();
        let name = match &self {
            Self::Message(_) => &wire.message_frame,
            Self::Stop(_) => &wire.stop_frame,
        };
        frame.insert(wire.frame_type.clone(), name.as_str().into());
        if let Self::Message(message) = self {
            frame.insert(wire.message_text.clone(), message.text.into());
            let files = media::references(&message.files, wire);
            frame.insert(wire.message_files.clone(), files);
            frame.insert(wire.message_references.clone(), message.references.into());
        }
        frame
    }
}

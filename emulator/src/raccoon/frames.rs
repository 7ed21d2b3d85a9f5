//! What a client sends over the WebSocket.

use serde_json::Value;

/// A frame that was understood.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ClientFrame {
    /// A message for the running turn.
    Message {
        text: String,
        files: Vec<Value>,
        references: Vec<Value>,
    },
    /// The turn is to be stopped.
    Stop,
}

impl ClientFrame {
    /// # Errors
    /// What is wrong with it, and what is understood.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let frame: Value = serde_json::from_str(text)
            .map_err(|error| format!("The frame is not JSON: {error}"))?;
        let list = |name: &str| frame[name].as_array().cloned().unwrap_or_default();
        match frame["type"].as_str() {
            Some("stop" | "stop_task" | "abort") => Ok(Self::Stop),
            Some("message" | "send_message" | "user_message") => {
                let text = ["text", "message", "content"]
                    .into_iter()
                    .find_map(|name| frame[name].as_str())
                    .filter(|text| !text.trim().is_empty());
                match text {
                    Some(text) => Ok(Self::Message {
                        text: text.to_owned(),
                        files: list("files"),
                        references: list("references"),
                    }),
                    None => Err("A message needs a `text` that is not empty".to_owned()),
                }
            }
            Some(other) => Err(format!(
                "The frame's type `{other}` is not known; it is `message` or `stop`"
            )),
            None => Err("The frame has no `type`; it is `message` or `stop`".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_are_understood() {
        let message = |text: &str| ClientFrame::Message {
            text: text.to_owned(),
            files: vec![],
            references: vec![],
        };
        for (text, frame) in [
            (r#"{"type":"stop"}"#, Some(ClientFrame::Stop)),
            (r#"{"type":"abort"}"#, Some(ClientFrame::Stop)),
            (r#"{"type":"message","text":"a"}"#, Some(message("a"))),
            (
                r#"{"type":"send_message","message":"b"}"#,
                Some(message("b")),
            ),
            (
                r#"{"type":"user_message","content":"c"}"#,
                Some(message("c")),
            ),
            (r#"{"type":"message","text":" "}"#, None),
            (r#"{"type":"jump"}"#, None),
            (r#"{"kind":"stop"}"#, None),
            ("[]", None),
            ("stop", None),
        ] {
            assert_eq!(ClientFrame::parse(text).ok(), frame, "{text}");
        }
    }
}

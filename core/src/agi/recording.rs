//! What a session did, for playing it again in the emulator.

use serde::Serialize;
use serde_json::{Value, json};

use super::api::Api;
use super::driver;
use super::models::{EventOptions, ListMessages, Message, SessionInfo};
use crate::error::{ErrorKind, Result};
use crate::event::Event;
use crate::stream::Batch;
use crate::transport::Secret;

/// The events and messages of a session, without the API key. As JSON it is
/// what the emulator makes a scenario of.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Recording {
    /// The session's fields; null where it was gone before they were read.
    pub session: Value,
    /// The events in their order: `{"type", "id", "data"}`.
    pub events: Vec<Value>,
    /// The messages in the order of their ids.
    pub messages: Vec<Value>,
}

impl Recording {
    fn new(
        session: Option<SessionInfo>,
        events: &[Event],
        messages: &[Message],
        key: &Secret,
    ) -> Self {
        let event = |event: &Event| json!({"type": event.event_type().name(), "id": event.id(), "data": event.data()});
        Self {
            session: key.redact_value(json!(session)),
            events: events
                .iter()
                .map(|item| key.redact_value(event(item)))
                .collect(),
            messages: messages
                .iter()
                .map(|message| key.redact_value(json!(message)))
                .collect(),
        }
    }
}

/// Records a session: see `Client::record`.
pub(crate) async fn record(
    api: &Api,
    session_id: &str,
    stop: impl Future<Output = ()>,
) -> Result<Recording> {
    let queue = driver::open(api, session_id, EventOptions::default())?;
    // While the session is certainly there: whoever runs the task may
    // delete it at once when it ends.
    let (mut session, mut messages) = read(api, session_id).await?;
    let mut events = Vec::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            () = queue.wait() => {}
        }
        match queue.try_take(512) {
            Batch::Events(batch) => events.extend(batch),
            Batch::Empty => {}
            Batch::Ended => break,
            Batch::Failed(error) => return Err(error),
        }
    }
    match read(api, session_id).await {
        Ok(last) => (session, messages) = last,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let key = &api.config().api_key;
    Ok(Recording::new(session, &events, &messages, key))
}

async fn read(api: &Api, session_id: &str) -> Result<(Option<SessionInfo>, Vec<Message>)> {
    let messages = api.messages(session_id, &ListMessages::default()).await?;
    let session = api.get(session_id).await?;
    Ok((Some(session), messages.messages))
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;
    use crate::agi::EventType;

    #[test]
    fn the_key_is_nowhere_in_it() {
        let key = Secret::new("sk-live-1");
        let data = r#"{"text": "echo sk-live-1", "sk-live-1": [["a sk-live-1"], 1, null]}"#;
        let events = [
            Event::new(EventType::Thought, Some(2), data),
            Event::new(EventType::Other("x".into()), None, "no JSON sk-live-1"),
        ];
        let recording = Recording::new(None, &events, &[], &key);
        let text = serde_json::to_string(&recording).expect("JSON");
        assert!(!text.contains("sk-live-1"), "{text}");
        assert_eq!(recording.session, Value::Null);
        assert_eq!(
            recording.events[0],
            json!({"type": "thought", "id": 2, "data": {"text": "echo [redacted]", "[redacted]": [["a [redacted]"], 1, null]}})
        );
        assert_eq!(recording.events[1]["data"], "no JSON [redacted]");
    }
}

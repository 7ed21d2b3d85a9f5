//! Turns and WebSockets by hand, so that the tests see what is on the wire.

use crate::support::{Answer, Client, within};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use sessionwire_emulator::{Emulator, Options, Scenario};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

pub(crate) const SESSION: &str = "2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415";

/// A session id that ends with this number.
pub(crate) fn session_id(number: u64) -> String {
    format!("2b9d6c1e-8f34-4c57-a1de-{number:012}")
}

/// One script for all turns.
pub(crate) fn turn_script(steps: Value) -> Option<Scenario> {
    let scenario = json!({ "turns": [{ "steps": steps }] });
    Some(serde_json::from_value(scenario).unwrap())
}

/// An emulator that plays this script, and a client.
pub(crate) async fn playing(steps: Value, options: Options) -> (Emulator, Client) {
    let options = Options {
        scenario: turn_script(steps),
        step_delay: 0.0,
        ..options
    };
    let emulator = Emulator::start(options).await.unwrap();
    let client = Client::new(&emulator);
    (emulator, client)
}

/// The body of an upload.
pub(crate) fn form(key: &str, name: &str, content_type: &str, content: &str) -> String {
    format!(
        "--B\r\ncontent-disposition: form-data; name=\"key\"\r\n\r\n{key}\r\n\
         --B\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         content-type: {content_type}\r\n\r\n{content}\r\n--B--\r\n"
    )
}

/// How a WebSocket ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ended {
    /// With a close frame: code and reason.
    Closed(u16, String),
    /// With a FIN, without a close frame.
    Unfinished,
    /// RST.
    Reset,
}

pub(crate) struct Socket {
    wire: WebSocketStream<TcpStream>,
}

/// Frames and the end of them.
pub(crate) type Frames = (Vec<Value>, Ended);

impl Client {
    pub(crate) async fn send_json(&self, method: &str, path: &str, body: Value) -> Answer {
        let body = body.to_string();
        self.raw(method, path, Some(&body)).await.unwrap()
    }

    /// Sends a form whose boundary is `B`.
    pub(crate) async fn upload(&self, form: &str) -> Answer {
        let kind = [("content-type", "multipart/form-data; boundary=B")];
        let answer = self.raw_with("PUT", "/media/upload", &kind, Some(form));
        answer.await.unwrap()
    }

    pub(crate) async fn fetch(&self, path: &str) -> Answer {
        self.raw("GET", path, None).await.unwrap()
    }

    /// Starts a turn; returns its agent message's id.
    pub(crate) async fn turn(&self, session: &str, prompt: &str) -> String {
        let body = json!({ "session_id": session, "prompt": prompt, "mode": "auto" });
        let answer = self.send_json("POST", "/sessions/new", body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let id = answer.json()["agent_message_id"].clone();
        id.as_str().unwrap().to_owned()
    }

    pub(crate) async fn turn_history(&self, session: &str) -> Value {
        let answer = self.fetch(&format!("/sessions/{session}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    /// Opens a socket with this query; a refusal is its status.
    pub(crate) async fn open_socket(&self, session: &str, query: &str) -> Result<Socket, u16> {
        within(async {
            let stream = TcpStream::connect(self.address()).await.unwrap();
            let url = format!("ws://{}/ws/sessions/{session}?{query}", self.address());
            let config = WebSocketConfig::default()
                .max_message_size(Some(32 << 20))
                .max_frame_size(Some(32 << 20));
            let request = url.into_client_request().unwrap();
            let opened =
                tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await;
            match opened {
                Ok((wire, _)) => Ok(Socket { wire }),
                Err(Error::Http(response)) => Err(response.status().as_u16()),
                Err(error) => panic!("{error}"),
            }
        })
        .await
    }

    /// Opens a socket on a turn, after an entry.
    pub(crate) async fn socket(&self, session: &str, message: &str, after: &str) -> Socket {
        let mut query = format!("token={}&message_id={message}", self.key());
        if !after.is_empty() {
            query += &format!("&last_stream_entry_id={after}");
        }
        self.open_socket(session, &query).await.unwrap()
    }

    /// A turn's frames, the ack among them, up to the end.
    pub(crate) async fn frames(&self, session: &str, message: &str, after: &str) -> Frames {
        self.socket(session, message, after).await.rest().await
    }
}

impl Socket {
    pub(crate) async fn message(&mut self) -> Result<Message, Ended> {
        let reset = |error: &std::io::Error| match error.kind() {
            std::io::ErrorKind::ConnectionReset => Ended::Reset,
            kind => panic!("{kind}"),
        };
        loop {
            match within(self.wire.next()).await {
                Some(Ok(Message::Ping(_))) => {}
                Some(Ok(Message::Close(frame))) => {
                    let frame = frame.unwrap();
                    return Err(Ended::Closed(frame.code.into(), frame.reason.to_string()));
                }
                Some(Ok(message)) => return Ok(message),
                Some(Err(Error::Io(error))) => return Err(reset(&error)),
                Some(Err(Error::Protocol(_))) | None => return Err(Ended::Unfinished),
                Some(Err(error)) => panic!("{error}"),
            }
        }
    }

    pub(crate) async fn next(&mut self) -> Result<Value, Ended> {
        let text = self.message().await?.into_text().unwrap();
        Ok(serde_json::from_str(&text).unwrap_or_else(|_| json!({ "unreadable": text.as_str() })))
    }

    pub(crate) async fn rest(&mut self) -> Frames {
        let mut frames = Vec::new();
        loop {
            match self.next().await {
                Ok(frame) => frames.push(frame),
                Err(ended) => return (frames, ended),
            }
        }
    }

    /// Reads on to an event of this kind.
    pub(crate) async fn until(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.next().await.unwrap();
            if frame["kind"] == kind {
                return frame;
            }
        }
    }

    pub(crate) async fn send(&mut self, frame: Value) {
        let text = frame.to_string();
        self.wire.send(Message::text(text)).await.unwrap();
    }

    pub(crate) async fn send_message(&mut self, message: Message) {
        self.wire.send(message).await.unwrap();
    }

    /// Waits for so many pings; no message comes meanwhile.
    pub(crate) async fn pings(&mut self, count: usize) {
        for _ in 0..count {
            let message = within(self.wire.next()).await;
            assert!(matches!(message, Some(Ok(Message::Ping(_)))), "{message:?}");
        }
    }

    /// Nothing comes for a moment.
    pub(crate) async fn is_silent(&mut self) -> bool {
        let wait = Duration::from_millis(100);
        tokio::time::timeout(wait, self.wire.next()).await.is_err()
    }
}

pub(crate) fn kinds(frames: &[Value]) -> Vec<&str> {
    frames
        .iter()
        .map(|frame| frame["kind"].as_str().unwrap_or("-"))
        .collect()
}

pub(crate) fn event_ids(frames: &[Value]) -> Vec<u64> {
    frames
        .iter()
        .filter_map(|frame| frame["event_id"].as_u64())
        .collect()
}

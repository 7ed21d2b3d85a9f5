//! WebSockets over the HTTP client's upgrade: with its TLS, proxy and redirect
//! rules.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, SinkExt, StreamExt};
use http::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use crate::error::{Error, ErrorKind, Result};
use crate::sse::MAX_EVENT_BYTES;
use crate::transport::{Request, Transport};

/// What is read from the connection at once; allocated per socket.
const READ_BUFFER: usize = 16 * 1024;
/// How long a write or a farewell may take.
const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// How a socket is kept alive, and when it counts as dead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeepAlive {
    /// Between two pings.
    pub(crate) ping_interval: Duration,
    /// Without any frame or pong.
    pub(crate) idle_timeout: Duration,
}

/// An open WebSocket.
pub(crate) struct Socket {
    stream: WebSocketStream<reqwest::Upgraded>,
    keep_alive: KeepAlive,
    ping_at: Instant,
    heard_at: Instant,
}

/// One message of the other side.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A text.
    Text(Box<str>),
    /// Bytes.
    Binary(Bytes),
}

/// Why a socket is of no more use.
#[derive(Debug)]
pub(crate) enum Lost {
    /// The other side closed it: with this code and reason, or with none.
    Closed(Option<(u16, String)>),
    /// A message was larger than the limit.
    TooLarge,
    /// It broke, or was silent for too long.
    Broken(Error),
}

impl Socket {
    /// Opens a WebSocket; `request` names its address.
    pub(crate) async fn open(
        transport: &Transport,
        request: Request,
        keep_alive: KeepAlive,
    ) -> Result<Self> {
        let key = generate_key();
        let key_value = HeaderValue::from_str(&key)
            .map_err(|_| broken("The WebSocket's key cannot be sent", "bad_handshake"))?;
        let request = request
            .header(CONNECTION, HeaderValue::from_static("Upgrade"))
            .header(UPGRADE, HeaderValue::from_static("websocket"))
            .header(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"))
            .header(SEC_WEBSOCKET_KEY, key_value);
        let response = transport.upgrade(&request).await?;
        let accepted = response
            .headers()
            .get(SEC_WEBSOCKET_ACCEPT)
            .is_some_and(|value| value.as_bytes() == derive_accept_key(key.as_bytes()).as_bytes());
        if !accepted {
            return Err(broken(
                "The service agreed to a WebSocket with the wrong handshake",
                "bad_handshake",
            ));
        }
        let upgraded = response.upgrade().await.map_err(|_| {
            broken(
                "The connection broke while it became a WebSocket",
                "bad_handshake",
            )
        })?;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(MAX_EVENT_BYTES))
            .max_frame_size(Some(MAX_EVENT_BYTES));
        let now = Instant::now();
        Ok(Self {
            stream: WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(config)).await,
            keep_alive,
            ping_at: now + keep_alive.ping_interval,
            heard_at: now,
        })
    }

    /// The next message. Pings meanwhile. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Incoming, Lost> {
        loop {
            let dead_at = self.heard_at + self.keep_alive.idle_timeout;
            let until = dead_at.min(self.ping_at);
            match tokio::time::timeout_at(until, self.stream.next()).await {
                Ok(received) => {
                    if let Some(incoming) = self.read(received)? {
                        return Ok(incoming);
                    }
                }
                Err(_) if Instant::now() >= dead_at => {
                    let seconds = self.keep_alive.idle_timeout.as_secs_f64();
                    return Err(Lost::Broken(broken(
                        &format!("The WebSocket was silent for {seconds} s"),
                        "idle",
                    )));
                }
                Err(_) => {
                    self.ping_at = Instant::now() + self.keep_alive.ping_interval;
                    self.write(Message::Ping(Bytes::new()))
                        .await
                        .map_err(Lost::Broken)?;
                }
            }
        }
    }

    /// The next message if it is there already.
    pub(crate) fn try_next(&mut self) -> Option<Result<Incoming, Lost>> {
        loop {
            let received = self.stream.next().now_or_never()?;
            match self.read(received) {
                Ok(None) => {}
                Ok(Some(incoming)) => return Some(Ok(incoming)),
                Err(lost) => return Some(Err(lost)),
            }
        }
    }

    /// Counts the socket as alive: nobody was reading for a while.
    pub(crate) fn mark_alive(&mut self) {
        self.heard_at = Instant::now();
    }

    /// Sends a text.
    pub(crate) async fn send(&mut self, text: String) -> Result<()> {
        self.write(Message::text(text)).await
    }

    /// Says good-bye; does not wait for an answer.
    pub(crate) async fn close(mut self) {
        let farewell = CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        };
        // Whatever comes of it: nobody needs the socket any more.
        let _ = self.write(Message::Close(Some(farewell))).await;
    }

    fn read(
        &mut self,
        received: Option<Result<Message, WsError>>,
    ) -> Result<Option<Incoming>, Lost> {
        self.heard_at = Instant::now();
        match received {
            Some(Ok(Message::Text(text))) => Ok(Some(Incoming::Text(text.as_str().into()))),
            Some(Ok(Message::Binary(bytes))) => Ok(Some(Incoming::Binary(bytes))),
            Some(Ok(Message::Close(frame))) => {
                Err(Lost::Closed(frame.map(|frame| {
                    (frame.code.into(), frame.reason.as_str().to_owned())
                })))
            }
            // The library answers pings by itself.
            Some(Ok(_)) => Ok(None),
            Some(Err(WsError::Capacity(_))) => Err(Lost::TooLarge),
            Some(Err(error)) => Err(Lost::Broken(failed(&error))),
            None => Err(Lost::Broken(broken("The WebSocket broke", "broken"))),
        }
    }

    async fn write(&mut self, message: Message) -> Result<()> {
        match tokio::time::timeout(WRITE_LIMIT, self.stream.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => Err(broken("The WebSocket takes nothing any more", "stuck")),
        }
    }
}

fn failed(error: &WsError) -> Error {
    broken(&format!("The WebSocket broke: {error}"), "broken")
}

fn broken(what: &str, reason: &str) -> Error {
    Error::new(ErrorKind::Connection, what).with_reason(reason)
}

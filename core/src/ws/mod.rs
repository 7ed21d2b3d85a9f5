//! WebSockets over the HTTP client's upgrade: with its TLS, proxy and redirect
//! rules.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, SinkExt, StreamExt};
use http::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
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
    /// The other side's end of it, which is not answered yet.
    ended: Option<Lost>,
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
        if let Some(why) = wrong_handshake(response.headers(), &key) {
            return Err(broken(
                &format!("The service agreed to a WebSocket with the wrong handshake: {why}"),
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
            ended: None,
        })
    }

    /// The next message. Pings meanwhile. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Incoming, Lost> {
        if let Some(lost) = self.ended.take() {
            return Err(self.answered(lost).await);
        }
        loop {
            let dead_at = self.heard_at + self.keep_alive.idle_timeout;
            let until = dead_at.min(self.ping_at);
            match tokio::time::timeout_at(until, self.stream.next()).await {
                Ok(received) => match self.read(received) {
                    Ok(Some(incoming)) => return Ok(incoming),
                    Ok(None) => {}
                    Err(lost) => return Err(self.answered(lost).await),
                },
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

    /// The next message if it is there already. The end of the socket comes from
    /// [`next`](Self::next) only.
    pub(crate) fn try_next(&mut self) -> Option<Incoming> {
        loop {
            if self.ended.is_some() {
                return None;
            }
            let received = self.stream.next().now_or_never()?;
            match self.read(received) {
                Ok(None) => {}
                Ok(Some(incoming)) => return Some(incoming),
                Err(lost) => self.ended = Some(lost),
            }
        }
    }

    /// The end of the socket, once the other side knows that it was understood
    /// (RFC 6455, section 5.5.1), or why it failed (RFC 6455, section 7.1.7).
    async fn answered(&mut self, lost: Lost) -> Lost {
        // Whatever comes of it: the socket is of no more use.
        let _ = match &lost {
            // The library has the answer ready; it has to leave.
            Lost::Closed(_) => tokio::time::timeout(WRITE_LIMIT, self.stream.flush())
                .await
                .is_ok(),
            Lost::TooLarge => self.farewell(CloseCode::Size).await,
            Lost::Broken(_) => true,
        };
        lost
    }

    async fn farewell(&mut self, code: CloseCode) -> bool {
        let reason = "".into();
        let close = Message::Close(Some(CloseFrame { code, reason }));
        self.write(close).await.is_ok()
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
        // Whatever comes of it: nobody needs the socket any more.
        match self.ended.take() {
            Some(lost) => drop(self.answered(lost).await),
            None => drop(self.farewell(CloseCode::Normal).await),
        }
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

/// Why the answer to a handshake is none (RFC 6455, section 4.1); nothing where
/// it is one.
fn wrong_handshake(headers: &HeaderMap, key: &str) -> Option<&'static str> {
    let has_token = |name: HeaderName, token: &str| {
        let values = headers.get_all(name);
        let mut values = values.iter().filter_map(|value| value.to_str().ok());
        values.any(|value| {
            value
                .split(',')
                .any(|part| part.trim().eq_ignore_ascii_case(token))
        })
    };
    let accept = derive_accept_key(key.as_bytes());
    let accepted = headers.get(SEC_WEBSOCKET_ACCEPT);
    if accepted.is_none_or(|value| value.as_bytes().trim_ascii() != accept.as_bytes()) {
        Some("`Sec-WebSocket-Accept` is not the answer to our key")
    } else if !has_token(UPGRADE, "websocket") {
        Some("`Upgrade: websocket` is missing")
    } else if !has_token(CONNECTION, "upgrade") {
        Some("`Connection: Upgrade` is missing")
    } else if headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
        Some("it names an extension that nobody asked for")
    } else if headers.contains_key(SEC_WEBSOCKET_PROTOCOL) {
        Some("it names a protocol that nobody asked for")
    } else {
        None
    }
}

fn failed(error: &WsError) -> Error {
    broken(&format!("The WebSocket broke: {error}"), "broken")
}

fn broken(what: &str, reason: &str) -> Error {
    Error::new(ErrorKind::Connection, what).with_reason(reason)
}

//! The event stream, the WebSocket `/ws/sessions/{session_id}`: one turn's events, and what the client says to it.
//!
//! A socket owns no queue. It reads the turn's log by a cursor when there is room to write, so that a slow reader costs
//! nothing but its place in the log.

use super::call::account;
use super::frames::ClientFrame;
use super::log::{Entry, EntryId};
use super::pieces::Pieces;
use super::session::Session;
use crate::connection::{Break, Connection};
use crate::errors::ApiError;
use crate::faults::{Stop, StreamFault};
use crate::state::Server;
use crate::world::World;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

/// How many events are read while the session is locked once.
const BATCH: usize = 256;
/// How long a closing socket waits for the other side.
const CLOSING: Duration = Duration::from_secs(5);
/// The largest message that is taken from a client.
const MESSAGE: usize = 16 * 1024 * 1024;

type Wire = WebSocketStream<Pieces<TokioIo<Upgraded>>>;

/// The handshake.
pub(super) async fn connect(
    State(server): State<Arc<Server>>,
    Path(session_id): Path<String>,
    mut request: Request,
) -> Result<Response, ApiError> {
    let query = Query::parse(request.uri().query().unwrap_or_default());
    server.keys.check(&query.token)?;
    if query.message_id.is_empty() {
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "`message_id` is missing: name the turn's agent_message_id",
        ));
    }
    let session = account(&server, &query.token, |account| account.get(&session_id))
        .ok_or_else(ApiError::no_session)?;
    let turn = session
        .turn(&query.message_id)
        .ok_or_else(ApiError::no_message)?;
    let upgrade = request.extensions_mut().remove::<OnUpgrade>();
    let (Some(accept), Some(upgrade)) = (accept(request.headers()), upgrade) else {
        return Err(ApiError::new(
            StatusCode::UPGRADE_REQUIRED,
            "This is a WebSocket: connect with `Upgrade: websocket`",
        ));
    };
    let extensions = request.extensions_mut();
    let connection = extensions.remove::<Connection>().unwrap_or_default();
    let fault = extensions.remove::<StreamFault>().unwrap_or_default();
    let socket = Socket {
        server: server.clone(),
        world: server.worlds.of_key(&query.token),
        session,
        turn,
        query,
        connection,
        fault,
        sent: 0,
    };
    server.workers.spawn(async move {
        match upgrade.await {
            Ok(upgraded) => socket.serve(upgraded).await,
            Err(error) => tracing::debug!(%error, "a connection ended in the handshake"),
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response)
}

/// The response to the client's key, if it asks for a WebSocket.
fn accept(headers: &HeaderMap) -> Option<HeaderValue> {
    let has = |name, wanted: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.is_some_and(|value| {
            value
                .split(',')
                .any(|part| part.trim().eq_ignore_ascii_case(wanted))
        })
    };
    let asks = has(header::UPGRADE, "websocket")
        && has(header::CONNECTION, "upgrade")
        && has(header::SEC_WEBSOCKET_VERSION, "13");
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| asks)?;
    HeaderValue::try_from(derive_accept_key(key.as_bytes())).ok()
}

/// The parameters of the handshake. It has no `Debug` form: it knows the key.
#[derive(Default)]
struct Query {
    token: String,
    message_id: String,
    last_entry: String,
}

impl Query {
    fn parse(query: &str) -> Self {
        let mut parsed = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "token" => parsed.token = value.into_owned(),
                "message_id" => parsed.message_id = value.into_owned(),
                "last_stream_entry_id" => parsed.last_entry = value.into_owned(),
                _ => {}
            }
        }
        parsed
    }
}

/// One socket on one turn.
struct Socket {
    server: Arc<Server>,
    world: Arc<World>,
    session: Arc<Session>,
    turn: usize,
    query: Query,
    connection: Connection,
    fault: StreamFault,
    /// Events sent, for the faults that count.
    sent: u64,
}

/// The socket is to be left as it is.
struct Leave;

impl From<Error> for Leave {
    fn from(error: Error) -> Self {
        tracing::debug!(%error, "a WebSocket ended");
        Self
    }
}

impl Socket {
    async fn serve(mut self, upgraded: Upgraded) {
        let open = Open::new(self.world.clone());
        let io = Pieces::new(
            TokioIo::new(upgraded),
            self.fault.socket.bytes,
            self.connection.clone(),
        );
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE))
            .max_frame_size(Some(MESSAGE));
        let socket = Wire::from_raw_socket(io, Role::Server, Some(config)).await;
        let (mut sink, stream) = socket.split();
        let (complaints, complaint) = mpsc::unbounded_channel();
        let reader = Reader {
            server: self.server.clone(),
            session: self.session.clone(),
            turn: self.turn,
            ignores: self.fault.socket.ignore_frames,
            complaints,
        };
        let mut reading = std::pin::pin!(reader.read(stream));
        tokio::select! {
            biased;
            () = &mut reading => {}
            written = self.write(&mut sink, complaint) => {
                if written.is_ok() {
                    // The close frame is sent; the other side has a moment to answer it.
                    if tokio::time::timeout(CLOSING, reading).await.is_err() {
                        tracing::debug!("a client did not answer the close frame");
                    }
                }
            }
        }
        drop(open);
    }

    /// Sends the turn's events, until the socket is closed or to be broken.
    async fn write(
        &mut self,
        sink: &mut SplitSink<Wire, Message>,
        mut complaint: mpsc::UnboundedReceiver<String>,
    ) -> Result<(), Leave> {
        let after = EntryId::parse(&self.query.last_entry);
        let resume = self.server.options.resume;
        let (mut cursor, cuts) = self.session.open(self.turn, after, resume);
        let silent = matches!(self.fault.stop, Some((Stop::Silence, 0)));
        if !self.fault.socket.no_ack && !silent {
            let ack = serde_json::json!({ "type": "ack", "resume_from": self.query.last_entry });
            self.say(sink, ack.to_string().into()).await?;
        }
        self.insert(sink).await?;
        if self.stops(sink).await? {
            return Ok(());
        }
        let period = Duration::from_secs_f64(self.server.options.ping_interval);
        let mut ping = tokio::time::interval_at(tokio::time::Instant::now() + period, period);
        let session = self.session.clone();
        loop {
            // Made before the log is looked at, so that no change in between is missed.
            let changed = session.changed().notified();
            let (mut entries, ended) = session.read(self.turn, cursor, BATCH);
            // The first cut of the script since the socket opened ends it.
            let cut = session.cut(self.turn, cuts);
            if let Some((after, how)) = cut {
                entries.truncate(after.saturating_sub(cursor));
                if entries.is_empty() {
                    return self.stop(sink, how).await;
                }
            }
            if entries.is_empty() {
                sink.flush().await?;
                if ended && !self.fault.heartbeat_only {
                    return close(sink, CloseCode::Normal, "").await;
                }
                tokio::select! {
                    () = changed => {}
                    _ = ping.tick(), if !self.fault.no_heartbeats => sink.send(Message::Ping(Vec::new().into())).await?,
                    Some(text) = complaint.recv() => {
                        let error = serde_json::json!({ "type": "error", "message": text });
                        self.say(sink, error.to_string().into()).await?;
                    }
                }
                continue;
            }
            cursor += entries.len();
            for entry in entries {
                if self.fault.heartbeat_only || self.fault.drop_ids.contains(&entry.event_id) {
                    continue;
                }
                for _ in 0..if self.fault.duplicate { 2 } else { 1 } {
                    self.event(sink, &entry).await?;
                    if self.stops(sink).await? {
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn event(
        &mut self,
        sink: &mut SplitSink<Wire, Message>,
        entry: &Entry,
    ) -> Result<(), Leave> {
        let text = if self.fault.omit_ids {
            entry.without_ids()
        } else if self.server.options.entry_ids && !self.session.dialect().without_entry_ids {
            entry.frame.clone()
        } else {
            entry.without_entry_id()
        };
        let dialect = self.session.dialect();
        let counted = match self.fault.omit_ids {
            true => None,
            false => dialect.renumbered(&text, self.sent + 1),
        };
        let text = counted.map_or(text, Utf8Bytes::from);
        let putting = self.fault.putting.as_ref();
        let changed = putting.and_then(|putting| putting.apply(&text));
        let text = changed.map_or(text, Utf8Bytes::from);
        self.say(sink, text).await?;
        self.sent += 1;
        self.insert(sink).await
    }

    /// Sends the texts of a fault where they belong.
    async fn insert(&self, sink: &mut SplitSink<Wire, Message>) -> Result<(), Leave> {
        let texts = self.fault.socket.insert.as_ref();
        for text in texts
            .filter(|(_, after)| *after == self.sent)
            .map_or(&[][..], |(texts, _)| texts)
        {
            self.send(sink, text.as_str().into()).await?;
        }
        Ok(())
    }

    /// Whether a fault ends the socket here; then it has closed it, or ordered its break.
    async fn stops(&self, sink: &mut SplitSink<Wire, Message>) -> Result<bool, Leave> {
        let stop = self.fault.stop.filter(|(_, after)| *after == self.sent);
        let Some((stop, _)) = stop else {
            return Ok(false);
        };
        self.fault.reached.take_note();
        self.stop(sink, stop).await.map(|()| true)
    }

    /// Ends the socket: it is closed, or its break is ordered.
    async fn stop(&self, sink: &mut SplitSink<Wire, Message>, stop: Stop) -> Result<(), Leave> {
        sink.flush().await?;
        match stop {
            Stop::Reset => {
                self.connection.break_after_flush(Break::Reset);
                Err(Leave)
            }
            Stop::Close => Err(Leave),
            Stop::Silence => std::future::pending().await,
            Stop::End => {
                let fault = &self.fault.socket;
                let code = fault.close_code.map_or(CloseCode::Normal, CloseCode::from);
                close(sink, code, &fault.close_reason).await
            }
        }
    }

    /// Sends a frame as the dialect will have it.
    async fn say(&self, sink: &mut SplitSink<Wire, Message>, text: Utf8Bytes) -> Result<(), Leave> {
        let sealed = match self.session.dialect().sealed_frame(&text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(sealed) => Some(sealed),
        };
        self.send(sink, sealed.map_or(text, Utf8Bytes::from)).await
    }

    /// Sends a text as the faults will have it.
    async fn send(
        &self,
        sink: &mut SplitSink<Wire, Message>,
        text: Utf8Bytes,
    ) -> Result<(), Leave> {
        let fault = &self.fault.socket;
        if let Some(size) = fault.fragment {
            let mut bytes = axum::body::Bytes::from(text);
            let mut kind = if fault.binary {
                Data::Binary
            } else {
                Data::Text
            };
            while !bytes.is_empty() {
                let part = bytes.split_to(size.min(bytes.len()));
                let frame = Frame::message(part, OpCode::Data(kind), bytes.is_empty());
                sink.feed(Message::Frame(frame)).await?;
                kind = Data::Continue;
            }
        } else if fault.binary {
            sink.feed(Message::Binary(text.into())).await?;
        } else {
            sink.feed(Message::Text(text)).await?;
        }
        Ok(())
    }
}

async fn close(
    sink: &mut SplitSink<Wire, Message>,
    code: CloseCode,
    reason: &str,
) -> Result<(), Leave> {
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    sink.send(Message::Close(Some(frame))).await?;
    Ok(())
}

/// Reads what the client sends.
struct Reader {
    server: Arc<Server>,
    session: Arc<Session>,
    turn: usize,
    ignores: bool,
    complaints: mpsc::UnboundedSender<String>,
}

impl Reader {
    /// Until the client leaves.
    async fn read(self, mut stream: SplitStream<Wire>) {
        while let Some(message) = stream.next().await {
            let text = match message {
                Ok(Message::Text(text)) => text,
                Ok(Message::Binary(bytes)) => match Utf8Bytes::try_from(bytes) {
                    Ok(text) => text,
                    Err(_) => continue,
                },
                // tungstenite answers pings, and a close frame, by itself.
                Ok(_) => continue,
                Err(error) => {
                    tracing::debug!(%error, "a WebSocket ended");
                    return;
                }
            };
            if !self.ignores {
                self.take(&text);
            }
        }
    }

    fn take(&self, text: &str) {
        let taken = match ClientFrame::parse(text) {
            Ok(ClientFrame::Stop) => self.session.abort(self.turn, "Stopped by the user"),
            Ok(ClientFrame::Message {
                text,
                files,
                references,
            }) => self.session.message(self.turn, &text, &files, &references),
            Err(problem) => {
                tracing::warn!(problem, "a frame was not understood");
                if self.server.options.strict_frames && self.complaints.send(problem).is_err() {
                    tracing::debug!("the socket closes");
                }
                return;
            }
        };
        if taken.is_err() {
            tracing::debug!("a frame came after the turn's end");
        }
    }
}

/// Counts a socket while it is open.
struct Open(Arc<World>);

impl Open {
    fn new(world: Arc<World>) -> Self {
        world.open_streams.fetch_add(1, Ordering::AcqRel);
        Self(world)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open_streams.fetch_sub(1, Ordering::AcqRel);
    }
}

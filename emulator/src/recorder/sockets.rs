//! WebSockets through the recorder: each message as it comes, both ways.

use super::passing::{Shared, answer, passed, unreachable};
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// How long the last side of a socket has to close it.
const CLOSING: Duration = Duration::from_secs(5);
/// The largest message.
const MESSAGE: usize = 64 * 1024 * 1024;

/// Whether a request is the handshake of a WebSocket.
pub(super) fn is_asked_for(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(header::UPGRADE);
    upgrade.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
        && headers.contains_key(header::SEC_WEBSOCKET_KEY)
}

/// The headers of a handshake with the service.
pub(crate) fn handshake(headers: &HeaderMap) -> HeaderMap {
    let mut sent = headers.clone();
    // Nothing is compressed: the recorder reads along.
    sent.remove(header::SEC_WEBSOCKET_EXTENSIONS);
    let key = crate::clock::new_uuid();
    let key = base64::engine::general_purpose::STANDARD.encode(&key.as_bytes()[..16]);
    for (name, value) in [
        (header::CONNECTION, HeaderValue::from_static("Upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (
            header::SEC_WEBSOCKET_VERSION,
            HeaderValue::from_static("13"),
        ),
    ] {
        sent.insert(name, value);
    }
    if let Ok(key) = HeaderValue::try_from(key) {
        sent.insert(header::SEC_WEBSOCKET_KEY, key);
    }
    sent
}

/// Connects to the service, then to the client.
pub(super) async fn relay(
    shared: Arc<Shared>,
    parts: &mut Parts,
    number: usize,
    target: &str,
) -> Response {
    let request = shared.client().get(target);
    let sent = request.headers(handshake(&passed(&parts.headers))).send();
    let response = match sent.await {
        Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => response,
        Ok(response) => return answer(shared, number, response),
        Err(error) => return unreachable(&shared, number, target, &error),
    };
    shared.heads(response.headers());
    let protocol = response
        .headers()
        .get(header::SEC_WEBSOCKET_PROTOCOL)
        .cloned();
    let service = match response.upgrade().await {
        Ok(service) => service,
        Err(error) => return unreachable(&shared, number, target, &error),
    };
    let key = parts.headers.get(header::SEC_WEBSOCKET_KEY);
    let key = key
        .map(|key| derive_accept_key(key.as_bytes()))
        .unwrap_or_default();
    let (Some(client), Ok(accept)) = (
        parts.extensions.remove::<OnUpgrade>(),
        HeaderValue::try_from(key),
    ) else {
        return StatusCode::UPGRADE_REQUIRED.into_response();
    };
    shared.more(number, |seen| seen.begins(101, ""));
    let (workers, noting) = (shared.workers().clone(), shared);
    workers.spawn(async move {
        match client.await {
            Ok(client) => pump(TokioIo::new(client), service, &noting, number).await,
            Err(error) => tracing::debug!(%error, "a client left in the handshake"),
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    if let Some(protocol) = protocol {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    response
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(MESSAGE))
        .max_frame_size(Some(MESSAGE))
}

/// A socket on an upgraded connection.
pub(crate) async fn socket<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    role: Role,
) -> WebSocketStream<S> {
    WebSocketStream::from_raw_socket(stream, role, Some(config())).await
}

/// Passes messages on until one side ends. Pings are answered here, by both sockets.
async fn pump<C, S>(client: C, service: S, shared: &Shared, number: usize)
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut client = socket(client, Role::Server).await;
    let mut service = socket(service, Role::Client).await;
    loop {
        let (from_client, message) = tokio::select! {
            message = client.next() => (true, message),
            message = service.next() => (false, message),
        };
        let Some(Ok(message)) = message else {
            // Cut without a farewell: the other side is cut, too.
            return;
        };
        if let Message::Text(text) = &message {
            shared.more(number, |seen| seen.says(from_client, text));
        }
        if message.is_ping() || message.is_pong() {
            continue;
        }
        let closes = message.is_close();
        let passed = match from_client {
            true => service.send(message).await,
            false => client.send(message).await,
        };
        if closes {
            let farewell = async {
                tokio::join!(drained(&mut client), drained(&mut service));
            };
            if tokio::time::timeout(CLOSING, farewell).await.is_err() {
                tracing::debug!("a side of a WebSocket did not close it");
            }
            return;
        }
        if matches!(
            passed,
            Err(Error::ConnectionClosed | Error::AlreadyClosed | Error::Io(_))
        ) {
            return;
        }
    }
}

/// Reads until the closing is over, which answers it.
async fn drained<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut WebSocketStream<S>) {
    while let Some(Ok(_)) = socket.next().await {}
}

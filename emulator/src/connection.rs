//! One TCP connection: serving HTTP/1.1 on it, with TLS where that is wanted, and breaking it on purpose.

use crate::workers::Workers;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

/// What one connection may hold back for a reader that is slow; the kernel's buffers come on top.
const WRITE_BUFFER: usize = 128 * 1024;

/// The first byte of a TLS connection.
const HANDSHAKE: u8 = 22;
/// What a request without TLS gets.
const NO_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: application/json\r\n\
content-length: 84\r\n\r\n{\"detail\":\"This emulator speaks TLS alone: write https:// (wss://) for its address\"}";
/// How much of such a request is read, and for how long.
const DRAINED: u64 = 64 * 1024;
const DRAIN: Duration = Duration::from_secs(1);

const SERVE: u8 = 0;
const CLOSE: u8 = 1;
const RESET: u8 = 2;
const SILENCE: u8 = 3;

/// How a connection is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    /// With a FIN.
    Close,
    /// With an RST.
    Reset,
}

/// A handle on the connection that a request came on; a handler finds it in the request's extensions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connection(Arc<Order>);

#[derive(Debug, Default)]
struct Order {
    how: AtomicU8,
    now: Notify,
}

impl Connection {
    /// Breaks the connection once everything that was written so far has been handed to the kernel.
    pub(crate) fn break_after_flush(&self, how: Break) {
        let how = match how {
            Break::Close => CLOSE,
            Break::Reset => RESET,
        };
        self.0.how.store(how, Ordering::Release);
    }

    /// Breaks the connection now.
    pub(crate) fn break_now(&self, how: Break) {
        self.break_after_flush(how);
        self.0.now.notify_one();
    }

    /// Leaves the connection open, but reads nothing more from it.
    pub(crate) fn fall_silent(&self) {
        self.0.how.store(SILENCE, Ordering::Release);
    }

    fn ordered(&self) -> u8 {
        self.0.how.load(Ordering::Acquire)
    }
}

/// A socket that obeys the orders given to its [`Connection`].
#[derive(Debug)]
struct Wire {
    socket: TcpStream,
    connection: Connection,
    /// Nothing more is written: TLS would say farewell, and a cut would look like an end.
    broken: bool,
}

impl Wire {
    fn new(socket: TcpStream, connection: &Connection) -> Self {
        Self {
            socket,
            connection: connection.clone(),
            broken: false,
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.connection.ordered() == RESET && self.socket.set_zero_linger().is_err() {
            tracing::debug!("the connection was gone before it could be reset");
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.connection.ordered() == SILENCE {
            return Poll::Pending;
        }
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.broken {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    /// hyper calls this when its own buffer is empty: the moment a break was waiting for.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !matches!(self.connection.ordered(), SERVE | SILENCE) {
            self.broken = true;
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

/// Accepts connections and serves them until the emulator stops.
pub(crate) async fn accept(
    workers: Workers,
    listener: TcpListener,
    router: axum::Router,
    tls: Option<TlsAcceptor>,
) {
    loop {
        match listener.accept().await {
            Ok((socket, _)) => {
                let (router, tls) = (router.clone(), tls.clone());
                workers.spawn(serve(socket, router, tls));
            }
            Err(error) => {
                // Out of file descriptors, or a peer that left already: the listener itself is fine.
                tracing::warn!(%error, "accepting a connection failed");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

async fn serve(socket: TcpStream, router: axum::Router, tls: Option<TlsAcceptor>) {
    // An event must leave when it is written.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was refused");
    }
    let connection = Connection::default();
    let Some(tls) = tls else {
        let wire = Wire::new(socket, &connection);
        return serve_http(wire, connection, router).await;
    };
    let mut first = [0];
    match socket.peek(&mut first).await {
        Ok(1) if first == [HANDSHAKE] => {}
        Ok(1) => return refuse_plain(socket).await,
        _ => return,
    }
    let wire = Wire::new(socket, &connection);
    match tls.accept(wire).await {
        Ok(encrypted) => serve_http(encrypted, connection, router).await,
        // A client that does not trust the certificate says so, too.
        Err(error) => tracing::info!(%error, "a client did not agree on TLS"),
    }
}

/// Tells a client that speaks no TLS what to do.
async fn refuse_plain(mut socket: TcpStream) {
    let refuse = async {
        socket.write_all(NO_TLS).await?;
        socket.shutdown().await?;
        // What is unread when a socket is closed resets it, and the client would not read the answer.
        tokio::io::copy(&mut socket.take(DRAINED), &mut tokio::io::sink()).await
    };
    if !matches!(tokio::time::timeout(DRAIN, refuse).await, Ok(Ok(_))) {
        tracing::debug!("a client without TLS did not wait for the answer");
    }
}

async fn serve_http(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    connection: Connection,
    router: axum::Router,
) {
    let service = TowerToHyperService::new(router.layer(axum::Extension(connection.clone())));
    let serving = hyper::server::conn::http1::Builder::new()
        // An idle connection stays open: a client never finds one closed that it was about to use.
        .header_read_timeout(None)
        .half_close(false)
        // One flat buffer instead of a list of chunks: thousands of small events leave in one system call.
        .writev(false)
        .max_buf_size(WRITE_BUFFER)
        .serve_connection(TokioIo::new(io), service)
        .with_upgrades();
    tokio::select! {
        biased;
        () = connection.0.now.notified() => {}
        served = serving => {
            if let Err(error) = served {
                tracing::debug!(%error, "a connection ended early");
            }
        }
    }
}

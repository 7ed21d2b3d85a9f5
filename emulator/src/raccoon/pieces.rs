//! A socket that writes in pieces, slowly, or not to the end.

use crate::connection::{Break, Connection};
use crate::faults::{BodyFault, Stop};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

#[derive(Debug)]
pub(super) struct Pieces<S> {
    socket: S,
    fault: BodyFault,
    connection: Connection,
    sent: u64,
    /// The time until the next piece.
    pause: Option<Pin<Box<Sleep>>>,
}

impl<S> Pieces<S> {
    pub(super) fn new(socket: S, fault: BodyFault, connection: Connection) -> Self {
        Self {
            socket,
            fault,
            connection,
            sent: 0,
            pause: None,
        }
    }

    /// How many bytes of these may be written now; none: the socket breaks.
    fn room(&self, bytes: usize) -> Option<usize> {
        let piece = bytes.min(self.fault.split.unwrap_or(usize::MAX));
        let Some((stop, after)) = self.fault.stop else {
            return Some(piece);
        };
        let left = usize::try_from(after.saturating_sub(self.sent)).unwrap_or(usize::MAX);
        if left == 0 {
            if stop == Stop::Reset {
                self.connection.break_after_flush(Break::Reset);
            }
            return None;
        }
        Some(piece.min(left))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Pieces<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Pieces<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let Some(room) = self.room(bytes.len()) else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        let written = ready!(Pin::new(&mut self.socket).poll_write(cx, &bytes[..room]))?;
        self.sent += written as u64;
        let until = self.fault.split_delay.map(|delay| Instant::now() + delay);
        self.pause = until.map(|until| Box::pin(tokio::time::sleep_until(until)));
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

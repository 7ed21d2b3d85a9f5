//! A body that comes in pieces, slowly, or not to its end.

use super::effect::{BodyFault, Stop};
use crate::connection::{Break, Connection};
use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::time::{Instant, Sleep};

/// Wraps the body of a response.
pub(crate) struct FaultyBody {
    inner: Body,
    fault: BodyFault,
    connection: Connection,
    /// Read from `inner`, not yet handed on.
    waiting: Bytes,
    /// How many bytes were handed on.
    sent: u64,
    /// Between two pieces the connection is given the chance to write the first one out.
    flushed: bool,
    pause: Option<Pin<Box<Sleep>>>,
    broken: bool,
}

impl FaultyBody {
    pub(crate) fn new(inner: Body, fault: BodyFault, connection: Connection) -> Self {
        Self {
            inner,
            fault,
            connection,
            waiting: Bytes::new(),
            sent: 0,
            flushed: true,
            pause: None,
            broken: false,
        }
    }

    /// How many bytes may still be handed on.
    fn left(&self) -> u64 {
        let all = |(_, after): (Stop, u64)| after - self.sent.min(after);
        self.fault.stop.map_or(u64::MAX, all)
    }

    /// A piece, if there is anything to cut one from.
    fn piece(&mut self) -> Option<Bytes> {
        let most = self.fault.split.unwrap_or(usize::MAX);
        let left = usize::try_from(self.left()).unwrap_or(usize::MAX);
        let size = self.waiting.len().min(most).min(left);
        if size == 0 {
            return None;
        }
        self.sent += size as u64;
        if self.fault.split.is_some() {
            self.flushed = false;
            let until = self.fault.split_delay.map(|delay| Instant::now() + delay);
            self.pause = until.map(|until| Box::pin(tokio::time::sleep_until(until)));
        }
        Some(self.waiting.split_to(size))
    }
}

impl http_body::Body for FaultyBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        if this.broken {
            return Poll::Pending;
        }
        if this.left() == 0 {
            let how = match this.fault.stop {
                Some((Stop::Reset, _)) => Break::Reset,
                Some((Stop::Close, _)) => Break::Close,
                _ => return Poll::Ready(None),
            };
            this.broken = true;
            this.connection.break_after_flush(how);
            return Poll::Pending;
        }
        if !std::mem::replace(&mut this.flushed, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(pause) = &mut this.pause {
            ready!(pause.as_mut().poll(cx));
            this.pause = None;
        }
        loop {
            if let Some(piece) = this.piece() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                // There are no trailers.
                Some(Ok(frame)) => this.waiting = frame.into_data().unwrap_or_default(),
            }
        }
    }

    /// What becomes `Content-Length`: a body that is cut was announced whole.
    fn size_hint(&self) -> SizeHint {
        let hint = http_body::Body::size_hint(&self.inner);
        match (self.fault.stop, hint.exact()) {
            (Some((Stop::End, after)), Some(size)) => SizeHint::with_exact(size.min(after)),
            _ => hint,
        }
    }
}

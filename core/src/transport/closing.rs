//! The end of a client: every request and wait of it ends at once.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::watch;

use crate::error::{Error, Result};

/// Whether a client was closed. Its copies, requests and streams share this.
#[derive(Debug, Clone)]
pub(crate) struct Closing(Arc<watch::Sender<bool>>);

impl Default for Closing {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Closing {
    /// Ends every wait. Can be called twice.
    pub(crate) fn close(&self) {
        self.0.send_replace(true);
    }

    /// An error where the client was closed.
    pub(crate) fn check(&self) -> Result<()> {
        if *self.0.borrow() {
            Err(Error::closed())
        } else {
            Ok(())
        }
    }

    /// Resolves when the client is closed.
    pub(crate) async fn closed(&self) {
        let mut watch = self.0.subscribe();
        if watch.wait_for(|closed| *closed).await.is_err() {
            // Every handle is gone, so nobody can close it any more.
            std::future::pending::<()>().await;
        }
    }

    /// Sleeps, at most until the client is closed.
    pub(crate) async fn sleep(&self, wait: Duration) -> Result<()> {
        tokio::time::timeout(wait, self.closed())
            .await
            .map_or(Ok(()), |()| Err(Error::closed()))
    }

    /// The outcome of `work`, or an error as soon as the client is closed.
    pub(crate) fn until_closed<T>(
        &self,
        work: impl Future<Output = Result<T>>,
    ) -> impl Future<Output = Result<T>> {
        // Boxed, and that before the future around it is made: each layer around a
        // future holds it twice, and what came of that for a turn's result was too
        // much for a thread's stack.
        let mut work = Box::pin(work);
        async move {
            let mut closed = pin!(self.closed());
            poll_fn(|cx| match closed.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(Err(Error::closed())),
                Poll::Pending => work.as_mut().poll(cx),
            })
            .await
        }
    }
}

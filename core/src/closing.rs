//! The end of a client: everything that waits hears of it at once.

use tokio::sync::watch;

use crate::error::{Error, Result};

/// Whether a client was closed; its copies, calls and streams share it.
#[derive(Debug)]
pub(crate) struct Closing(watch::Sender<bool>);

impl Default for Closing {
    fn default() -> Self {
        Self(watch::Sender::new(false))
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

    /// A handle to wait with, also when the client is gone.
    pub(crate) fn watch(&self) -> Closed {
        Closed(self.0.subscribe())
    }

    /// The outcome of `call`, or an error as soon as the client is closed.
    pub(crate) fn until_closed<T>(
        &self,
        call: impl Future<Output = Result<T>>,
    ) -> impl Future<Output = Result<T>> {
        // Boxed: each layer around a future holds it twice, and what came of
        // that for a turn's result was too much for a thread's stack.
        let call = Box::pin(call);
        self.watch().until(call)
    }
}

/// Resolves when the client is closed.
pub(crate) struct Closed(watch::Receiver<bool>);

impl Closed {
    /// The outcome of `call`, or an error as soon as the client is closed.
    pub(crate) async fn until<T>(mut self, call: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.wait() => Err(Error::closed()),
            result = call => result,
        }
    }

    pub(crate) async fn wait(&mut self) {
        if self.0.wait_for(|closed| *closed).await.is_err() {
            // Every handle is gone, so nobody can close it any more.
            std::future::pending::<()>().await;
        }
    }
}

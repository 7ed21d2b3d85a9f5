//! The end of a client, or of a lease of one session: every request and wait ends at once.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::watch;

use crate::error::{Error, Result};

/// Whether a client was closed. Its copies, requests and streams share this. What is used by a
/// lease also ends with that.
#[derive(Debug, Clone, Default)]
pub(crate) struct Closing {
    client: End,
    lease: Option<Lease>,
}

/// For how long somebody has a session.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lease(End);

#[derive(Debug, Clone)]
struct End(Arc<watch::Sender<bool>>);

impl Default for End {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl End {
    async fn came(&self) {
        let mut watch = self.0.subscribe();
        if watch.wait_for(|ended| *ended).await.is_err() {
            // Every handle is gone, so nobody can end it any more.
            std::future::pending::<()>().await;
        }
    }
}

impl Lease {
    /// Ends every request and wait by it. Can be called twice.
    pub(crate) fn end(&self) {
        self.0.0.send_replace(true);
    }
}

impl Closing {
    /// The same for what is used by this lease.
    pub(crate) fn by(&self, lease: &Lease) -> Self {
        Self {
            client: self.client.clone(),
            lease: Some(lease.clone()),
        }
    }

    /// The same without the end of the client.
    pub(crate) fn outliving_client(&self) -> Self {
        Self {
            client: End::default(),
            lease: self.lease.clone(),
        }
    }

    /// Ends every wait. Can be called twice.
    pub(crate) fn close(&self) {
        self.client.0.send_replace(true);
    }

    /// An error where the client was closed, or the lease has ended.
    pub(crate) fn check(&self) -> Result<()> {
        if *self.client.0.borrow() {
            return Err(Error::closed());
        }
        match &self.lease {
            Some(lease) if *lease.0.0.borrow() => Err(Error::given_back()),
            _ => Ok(()),
        }
    }

    /// Resolves when the client is closed, or the lease has ended.
    pub(crate) async fn closed(&self) {
        let Some(lease) = &self.lease else {
            return self.client.came().await;
        };
        tokio::select! {
            biased;
            () = self.client.came() => {}
            () = lease.0.came() => {}
        }
    }

    /// Why everything ends.
    pub(crate) fn why(&self) -> Error {
        self.check().err().unwrap_or_else(Error::closed)
    }

    /// An error where one of these came of the end: what runs in tasks of its own may see that
    /// before who waits for it does.
    pub(crate) fn check_of<'a>(&self, errors: impl IntoIterator<Item = &'a Error>) -> Result<()> {
        match errors.into_iter().any(Error::is_of_the_end) {
            true => Err(self.why()),
            false => Ok(()),
        }
    }

    /// Sleeps, at most until the client is closed.
    pub(crate) async fn sleep(&self, wait: Duration) -> Result<()> {
        tokio::time::timeout(wait, self.closed())
            .await
            .map_or(Ok(()), |()| Err(self.why()))
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
                Poll::Ready(()) => Poll::Ready(Err(self.why())),
                Poll::Pending => work.as_mut().poll(cx),
            })
            .await
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn what_came_of_the_end_is_told_as_the_end() {
        let closing = Closing::default();
        let of_service = Error::invalid("No such status");
        assert!(closing.check_of([&of_service]).is_ok());
        closing.close();
        assert!(closing.check_of([&of_service]).is_ok());
        let end = closing.check_of([&of_service, &Error::closed()]);
        assert_eq!(end.expect_err("the end").reason(), Some("client_closed"));
        let leased = Closing::default().by(&Lease::default());
        leased.lease.as_ref().expect("a lease").end();
        let end = leased.check_of([&Error::given_back()]);
        assert_eq!(end.expect_err("the end").reason(), Some("given_back"));
    }
}

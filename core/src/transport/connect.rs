//! A connection is opened within the time of the call that needs it: where that
//! is over before, the request was provably not sent.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::{Instant, timeout_at};
use tower_layer::Layer;
use tower_service::Service;

type BoxError = Box<dyn Error + Send + Sync>;

tokio::task_local! {
    static DEADLINE: Instant;
}

/// Does work whose new connections must be open by `deadline`.
pub(super) fn connecting_by<T>(
    deadline: Instant,
    work: impl Future<Output = T>,
) -> impl Future<Output = T> {
    DEADLINE.scope(deadline, work)
}

/// Whether a failure is that no connection was open in time.
pub(super) fn is_too_late(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<TooLate>() {
            return true;
        }
        next = error.source();
    }
    false
}

/// No connection was open when the call's time was over.
#[derive(Debug)]
struct TooLate;

impl fmt::Display for TooLate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it was not open in time")
    }
}

impl Error for TooLate {}

/// For the HTTP client's connector.
#[derive(Clone)]
pub(super) struct WithinTheCall;

impl<S> Layer<S> for WithinTheCall {
    type Service = Connector<S>;

    fn layer(&self, inner: S) -> Connector<S> {
        Connector(Arc::new(inner))
    }
}

/// The HTTP client copies its connector for every request, and connects for few of them: what the
/// copies share is copied by those alone.
#[derive(Clone)]
pub(super) struct Connector<S>(Arc<S>);

impl<S, To> Service<To> for Connector<S>
where
    S: Service<To, Error = BoxError> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Response: 'static,
    To: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: To) -> Self::Future {
        let deadline = DEADLINE.try_with(|deadline| *deadline).ok();
        let mut inner = S::clone(&self.0);
        Box::pin(async move {
            let connection = async {
                poll_fn(|cx| inner.poll_ready(cx)).await?;
                inner.call(to).await
            };
            match deadline {
                Some(deadline) => timeout_at(deadline, connection)
                    .await
                    .unwrap_or_else(|_| Err(TooLate.into())),
                None => connection.await,
            }
        })
    }
}

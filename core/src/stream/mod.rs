//! The lossless stream: what every provider's event stream is made of.

mod gaps;
mod places;
mod queue;
pub mod resume;
mod task_log;
mod unnumbered;
mod watched;

pub(crate) use places::Places;
pub use queue::{Batch, EventQueue, EventStream, TAKEN_AT_ONCE};
pub(crate) use queue::{Producer, WeakQueue, queue};
pub(crate) use task_log::TaskLog;
pub(crate) use watched::Watched;

/// The output, or `None` when the time is over first.
pub(crate) async fn within<T>(
    until: Option<tokio::time::Instant>,
    work: impl Future<Output = T>,
) -> Option<T> {
    match until {
        Some(until) => tokio::time::timeout_at(until, work).await.ok(),
        None => Some(work.await),
    }
}

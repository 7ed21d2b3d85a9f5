//! The work in the background: what runs until it is done, or until the emulator stops.

use std::future::Future;
use std::pin::Pin;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Runs work on the emulator's runtime. Clones share the work and the stop.
#[derive(Debug, Clone)]
pub(crate) struct Workers {
    stop: CancellationToken,
    tasks: TaskTracker,
    runtime: Handle,
}

impl Workers {
    pub(crate) fn new(runtime: Handle) -> Self {
        Self {
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            runtime,
        }
    }

    /// Runs `work` until it is done or the emulator stops.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        let work = boxed(work);
        let work = boxed(async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = work => {}
            }
        });
        self.tasks.spawn_on(work, &self.runtime);
    }

    /// Runs `work` to its end, also when the emulator stops meanwhile.
    pub(crate) fn finish<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.tasks.spawn_on(boxed(work), &self.runtime)
    }

    /// Cancelled when the emulator stops.
    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Waits until all work has ended; none is expected to begin any more.
    pub(crate) async fn join(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// The future as the one type that all tasks have: each other one would bring a copy of
/// tokio's code for tasks.
fn boxed<T>(
    work: impl Future<Output = T> + Send + 'static,
) -> Pin<Box<dyn Future<Output = T> + Send>> {
    Box::pin(work)
}

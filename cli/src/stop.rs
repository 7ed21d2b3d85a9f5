//! What ends a command early: a signal, or its time.

use std::time::Duration;

use crate::failure::Failure;
use crate::interrupt::Interrupt;

/// How long a create that is under way may take once the command shall end.
pub(crate) const CREATE_GRACE: Duration = Duration::from_secs(3);

/// What ends the command before the task's end.
pub(crate) struct Stop<'a> {
    interrupt: &'a Interrupt,
    timeout: Option<(tokio::time::Instant, f64)>,
}

impl<'a> Stop<'a> {
    pub(crate) fn new(interrupt: &'a Interrupt, timeout: Option<f64>) -> Self {
        // A time that the clock cannot hold is no limit.
        let timeout = timeout.and_then(|seconds| {
            let limit = Duration::try_from_secs_f64(seconds).ok()?;
            Some((tokio::time::Instant::now().checked_add(limit)?, seconds))
        });
        Self { interrupt, timeout }
    }

    pub(crate) async fn wait(&self) -> Failure {
        let timeout = async {
            match self.timeout {
                Some((until, seconds)) => {
                    tokio::time::sleep_until(until).await;
                    seconds
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.interrupt.wait() => Failure::Interrupted,
            seconds = timeout => Failure::Timeout(seconds),
        }
    }
}

//! Pictures that are being taken: the way to end that.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::models::ScreenshotsReport;

/// Pictures that are being taken. Dropping it ends that.
#[derive(Debug)]
pub struct Screenshots {
    pub(super) stop: watch::Sender<bool>,
    pub(super) report: watch::Receiver<Option<ScreenshotsReport>>,
}

impl Screenshots {
    /// Ends it; which pictures were taken. One that is being taken is waited for.
    pub async fn stop(mut self) -> ScreenshotsReport {
        self.stop.send_replace(true);
        let told = self.report.wait_for(Option::is_some).await;
        let report = told.ok().and_then(|report| report.clone());
        report.unwrap_or_default()
    }
}

/// What the bindings are taking, by its number.
#[derive(Clone, Default)]
pub(crate) struct Taking(Arc<Mutex<Numbered>>);

#[derive(Default)]
struct Numbered {
    last: u64,
    screenshots: HashMap<u64, Screenshots>,
}

impl Taking {
    pub(crate) fn keep(&self, screenshots: Screenshots) -> u64 {
        let mut taking = self.lock();
        taking.last += 1;
        let number = taking.last;
        taking.screenshots.insert(number, screenshots);
        number
    }

    pub(crate) async fn stop(&self, number: u64) -> ScreenshotsReport {
        let screenshots = self.lock().screenshots.remove(&number);
        match screenshots {
            Some(screenshots) => screenshots.stop().await,
            None => ScreenshotsReport::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Numbered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

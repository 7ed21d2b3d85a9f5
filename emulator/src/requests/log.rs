//! The requests that the emulator received.

use super::captured::CapturedRequest;
use super::filter::RequestFilter;
use std::collections::VecDeque;
use tokio::sync::watch;

/// How many requests are kept; older ones are forgotten.
const KEPT: usize = 100_000;

/// The last requests, in the order they arrived.
#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    kept: VecDeque<CapturedRequest>,
    /// The number of the first kept request.
    first: u64,
    /// How often a request arrived or got its response.
    changes: watch::Sender<u64>,
}

impl RequestLog {
    /// Keeps a request; returns its number.
    pub(crate) fn push(&mut self, request: CapturedRequest) -> u64 {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
            self.first += 1;
        }
        self.kept.push_back(request);
        self.changes.send_modify(|changes| *changes += 1);
        self.first + self.kept.len() as u64 - 1
    }

    /// Keeps the status of a response, if its request is still kept.
    pub(crate) fn responded(&mut self, number: u64, status: u16) {
        if let Some(request) = self.find(number) {
            request.status = Some(status);
            self.changes.send_modify(|changes| *changes += 1);
        }
    }

    /// Keeps the body of a request that was received bit by bit.
    pub(crate) fn received(&mut self, number: u64, body: &[u8]) {
        if let Some(request) = self.find(number) {
            request.body = String::from_utf8_lossy(body).into_owned();
            self.changes.send_modify(|changes| *changes += 1);
        }
    }

    fn find(&mut self, number: u64) -> Option<&mut CapturedRequest> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.kept.get_mut(index)
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(crate) fn matching(&self, filter: &RequestFilter) -> Vec<CapturedRequest> {
        let kept = self.kept.iter();
        kept.filter(|request| filter.matches(request))
            .cloned()
            .collect()
    }

    pub(crate) fn clear(&mut self) {
        self.first += self.kept.len() as u64;
        self.kept.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderMap;

    #[test]
    fn responses_find_their_request_after_clear() {
        let mut log = RequestLog::default();
        let request = || CapturedRequest::new("GET", "/x", "", &HeaderMap::new(), b"");
        let old = log.push(request());
        log.clear();
        let new = log.push(request());
        log.responded(old, 500);
        assert_eq!(log.matching(&RequestFilter::default())[0].status, None);
        log.responded(new, 200);
        assert_eq!(log.matching(&RequestFilter::default())[0].status, Some(200));
    }
}

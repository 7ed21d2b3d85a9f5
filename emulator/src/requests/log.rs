//! The requests that the emulator received.

use super::captured::{CapturedRequest, Unanswered};
use super::filter::RequestFilter;
use std::collections::VecDeque;
use tokio::sync::watch;

/// How many requests are kept; older ones are forgotten.
const KEPT: usize = 100_000;
/// How many bytes of them.
const BYTES: usize = 64 * 1024 * 1024;

/// The last requests, in the order they arrived.
#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    kept: VecDeque<CapturedRequest>,
    /// What they take.
    bytes: usize,
    /// The number of the first kept request.
    first: u64,
    /// How many were forgotten since the record was last cleared.
    forgotten: u64,
    /// How many were cleared since the world began.
    cleared: u64,
    /// How often a request arrived or got its response.
    changes: watch::Sender<u64>,
}

impl RequestLog {
    /// Keeps a request; returns its number.
    pub(crate) fn push(&mut self, request: CapturedRequest) -> u64 {
        self.bytes += request.size();
        self.kept.push_back(request);
        self.forget();
        self.changes.send_modify(|changes| *changes += 1);
        self.first + self.kept.len() as u64 - 1
    }

    /// Forgets the oldest requests beyond what is kept; the newest always is.
    fn forget(&mut self) {
        while self.kept.len() > 1 && (self.kept.len() > KEPT || self.bytes > BYTES) {
            if let Some(oldest) = self.kept.pop_front() {
                self.bytes -= oldest.size();
                self.first += 1;
                self.forgotten += 1;
            }
        }
    }

    /// Keeps the status of a response, if its request is still kept.
    pub(crate) fn responded(&mut self, number: u64, status: u16) {
        if let Some(request) = self.find(number) {
            request.status = Some(status);
            self.changes.send_modify(|changes| *changes += 1);
        }
    }

    /// No response comes any more.
    pub(crate) fn gave_up(&mut self, number: u64, why: Unanswered) {
        if let Some(request) = self.find(number)
            && request.status.is_none()
            && request.unanswered.is_none()
        {
            request.unanswered = Some(why);
            self.changes.send_modify(|changes| *changes += 1);
        }
    }

    /// Keeps the body of a request that was received bit by bit.
    pub(crate) fn received(&mut self, number: u64, body: &[u8]) {
        if let Some(request) = self.find(number) {
            let before = request.size();
            request.body = String::from_utf8_lossy(body).into_owned();
            let now = request.size();
            self.bytes = self.bytes - before + now;
            self.forget();
            self.changes.send_modify(|changes| *changes += 1);
        }
    }

    fn find(&mut self, number: u64) -> Option<&mut CapturedRequest> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.kept.get_mut(index)
    }

    /// A request, if it is still kept.
    pub(crate) fn get(&self, number: u64) -> Option<&CapturedRequest> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.kept.get(index)
    }

    /// The same in one line.
    pub(crate) fn line(&self, number: u64) -> Option<String> {
        let request = self.get(number)?;
        let query = match request.query.as_str() {
            "" => String::new(),
            query => format!("?{query}"),
        };
        let status = match (request.status, request.unanswered) {
            (Some(status), _) => status.to_string(),
            (None, Some(Unanswered::Reset)) => "reset".to_owned(),
            (None, Some(Unanswered::Left)) => "the client left".to_owned(),
            (None, None) => "no answer yet".to_owned(),
        };
        let line = format!(
            "{} {}{query} -> {status} {}",
            request.method,
            request.path,
            cut(&request.body, 200)
        );
        Some(line.trim_end().to_owned())
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

    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    /// The last so many with their numbers, in the order they arrived.
    pub(crate) fn newest(&self, count: usize) -> Vec<(u64, CapturedRequest)> {
        let before = self.kept.len().saturating_sub(count);
        let newest = self.kept.iter().skip(before).cloned();
        (self.first + before as u64..).zip(newest).collect()
    }

    /// What a failed search has to say: what it could not look at.
    pub(crate) fn blind_spot(&self) -> Option<String> {
        (self.forgotten > 0).then(|| {
            format!(
                "The {} oldest requests are forgotten: the newest {KEPT}, and {} MiB of them, are kept. Look for a request sooner \
                 after it was sent, or reset the emulator in between.",
                self.forgotten,
                BYTES / 1024 / 1024
            )
        })
    }

    /// How many came before the record was last cleared.
    pub(crate) fn cleared(&self) -> u64 {
        self.cleared
    }

    /// Forgets all of a world that begins anew.
    pub(crate) fn begin_anew(&mut self) {
        self.clear();
        self.cleared = 0;
    }

    /// Forgets all, but for how many they were.
    pub(crate) fn clear(&mut self) {
        self.cleared += self.kept.len() as u64 + self.forgotten;
        self.forgotten = 0;
        self.first += self.kept.len() as u64;
        self.kept.clear();
        self.bytes = 0;
    }
}

/// In one line; what is long ends with dots.
fn cut(text: &str, most: usize) -> String {
    let mut shown: String = text.chars().take(most).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    shown.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderMap;

    #[test]
    fn the_oldest_go_when_there_are_too_many_bytes() {
        let mut log = RequestLog::default();
        let body = vec![b'x'; 64 * 1024];
        for number in 0..4000 {
            let path = format!("/{number}");
            log.push(CapturedRequest::new(
                "POST",
                &path,
                "",
                &HeaderMap::new(),
                &body,
            ));
        }
        let kept = log.matching(&RequestFilter::default());
        assert!((900..1024).contains(&kept.len()), "{}", kept.len());
        assert_eq!(kept.last().unwrap().path, "/3999");
        let forgotten = log.blind_spot().unwrap();
        let begin = format!("The {} oldest requests are forgotten", 4000 - kept.len());
        assert!(forgotten.starts_with(&begin), "{forgotten}");
        let upload = log.push(CapturedRequest::new(
            "PUT",
            "/u",
            "",
            &HeaderMap::new(),
            b"",
        ));
        log.received(upload, &body);
        let sum: usize = log.kept.iter().map(CapturedRequest::size).sum();
        assert_eq!(log.bytes, sum);
        log.clear();
        assert_eq!((log.bytes, log.kept.len()), (0, 0));
        assert_eq!(log.blind_spot(), None);
        assert_eq!(log.cleared(), 4001);
        log.begin_anew();
        assert_eq!(log.cleared(), 0);
    }

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

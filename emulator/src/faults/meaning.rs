//! What a fault does to a request, checked.

use super::{Endpoint, Fault, FaultError};
use axum::http::{HeaderName, HeaderValue};
use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// The most bytes that `oversize` sends.
const OVERSIZE: usize = 256 * 1024 * 1024;
/// The longest `delay`, in seconds.
const DELAY: f64 = 86_400.0;
/// The actions that act on a stream.
const STREAM_ACTIONS: &str = "`cut_after`, `close_after`, `end_after`, `silence_after`, `silence`, `heartbeat_only`, `no_heartbeats`, \
     `duplicate`, `reorder`, `omit_ids`, `drop_ids`, `replay_done`, `insert` and `oversize`";

/// What one request has to suffer.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Strike {
    pub(crate) answer: Option<Answer>,
    /// The request is processed before `answer` is given.
    pub(crate) after: bool,
    pub(crate) delay: Option<Duration>,
    pub(crate) body: Option<BodyFault>,
    pub(crate) late_status: Option<LateStatus>,
    pub(crate) stream: Option<StreamFault>,
}

/// What a fault does to a whole request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// The answer is this one.
    Canned {
        status: u16,
        headers: BTreeMap<String, String>,
        body: Option<Value>,
    },
    /// The answer is a redirect; `{path}` in the target is not filled in yet.
    Redirect {
        status: u16,
        headers: BTreeMap<String, String>,
        target: String,
    },
    /// The connection is reset.
    Reset,
    /// There is no answer.
    Hang,
}

/// How a body stops early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// RST.
    Reset,
    /// FIN in the middle of the body.
    Close,
    /// A proper end.
    End,
    /// It goes on without a byte.
    Silence,
}

/// Where a body stops early, in either unit.
struct Stops {
    after_bytes: Option<(Stop, u64)>,
    after_events: Option<(Stop, u64)>,
}

/// What a fault does to the bytes of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct BodyFault {
    pub(crate) split: Option<usize>,
    pub(crate) split_delay: Option<Duration>,
    pub(crate) stop: Option<(Stop, u64)>,
}

/// How many answers still report the status from before a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LateStatus(pub(crate) u32);

/// What a fault does to the events of one stream.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct StreamFault {
    pub(crate) stop: Option<(Stop, u64)>,
    /// Events that are ready together are handed on as one.
    pub(crate) merge: bool,
    pub(crate) heartbeat_only: bool,
    pub(crate) no_heartbeats: bool,
    pub(crate) duplicate: bool,
    pub(crate) reorder: Option<usize>,
    pub(crate) omit_ids: bool,
    pub(crate) drop_ids: Vec<u64>,
    pub(crate) replay_done: bool,
    /// The bytes to send, after that many events.
    pub(crate) insert: Option<(Bytes, u64)>,
    pub(crate) socket: SocketFault,
}

/// What a fault does to one WebSocket beyond that.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct SocketFault {
    /// What happens to the bytes of its frames.
    pub(crate) bytes: BodyFault,
    pub(crate) close_code: Option<u16>,
    pub(crate) close_reason: String,
    /// The texts to send, after that many events.
    pub(crate) insert: Option<(Vec<String>, u64)>,
    pub(crate) fragment: Option<usize>,
    pub(crate) no_ack: bool,
    pub(crate) binary: bool,
    pub(crate) ignore_frames: bool,
}

impl Fault {
    /// Checks that every action has a meaning where it is injected.
    ///
    /// # Errors
    /// When one has none; the text says what to use.
    pub fn validate(&self) -> Result<(), FaultError> {
        self.strike().map(drop).map_err(FaultError)
    }

    pub(super) fn strike(&self) -> Result<Strike, String> {
        let strike = Strike {
            stream: self.stream_fault()?,
            answer: self.answer()?,
            after: self.after,
            delay: seconds("delay", self.delay)?,
            body: self.body_fault()?.filter(|_| !self.is_open_socket()),
            late_status: self.late_status()?,
        };
        if self.after && strike.answer.is_none() {
            return Err(
                "`after` needs `status`, `limit`, `deleted`, `redirect`, `reset` or `hang`: it says when the request is processed"
                    .to_owned(),
            );
        }
        let has_stream = strike
            .stream
            .as_ref()
            .is_some_and(|stream| !stream.is_nothing());
        if strike.answer.is_some() && has_stream {
            return Err("a request that is refused has no stream: use either an answer (status, reset, ...) or the stream actions".to_owned());
        }
        if matches!(strike.answer, Some(Answer::Reset | Answer::Hang)) && strike.body.is_some() {
            return Err(
                "`reset` and `hang` give no answer: its body cannot be split or cut".to_owned(),
            );
        }
        if strike.late_status.is_some() && strike.answer.is_some() && !self.after {
            return Err(
                "`late_status` needs a message that is processed: add `after`, or leave the answer as it is".to_owned(),
            );
        }
        if strike.answer.is_none()
            && strike.delay.is_none()
            && strike.body.is_none()
            && strike.late_status.is_none()
            && !has_stream
        {
            return Err(
                "a fault needs an action, such as status=503, or cut_after=7 on events".to_owned(),
            );
        }
        Ok(strike)
    }

    fn answer(&self) -> Result<Option<Answer>, String> {
        let given: Vec<&str> = [
            (self.status.is_some() && self.redirect.is_none(), "status"),
            (self.limit.is_some(), "limit"),
            (self.redirect.is_some(), "redirect"),
            (self.deleted.is_some(), "deleted"),
            (self.reset, "reset"),
            (self.hang, "hang"),
        ]
        .into_iter()
        .filter_map(|(given, name)| given.then_some(name))
        .collect();
        if let [one, other, ..] = given[..] {
            return Err(format!(
                "`{one}` and `{other}` exclude one another: choose one"
            ));
        }
        let replaced = given
            .first()
            .is_some_and(|name| !["reset", "hang"].contains(name));
        if !self.headers.is_empty() && !replaced {
            return Err("`headers` belong to an answer: add `status`".to_owned());
        }
        if self.body.is_some() && (self.status.is_none() || self.redirect.is_some()) {
            return Err("`body` belongs to an answer: add `status`".to_owned());
        }
        if self.retry_after.is_some() && self.limit.is_none() {
            return Err(
                "`retry_after` belongs to `limit`; beside `status` write headers={\"Retry-After\": \"1\"}".to_owned(),
            );
        }
        for (name, value) in &self.headers {
            if HeaderName::try_from(name).is_err() || HeaderValue::try_from(value).is_err() {
                return Err(format!("`{name}` in `headers` is not a valid HTTP header"));
            }
        }
        if self.reset {
            return Ok(Some(Answer::Reset));
        }
        if self.hang {
            return Ok(Some(Answer::Hang));
        }
        if let Some(target) = &self.redirect {
            return self.redirect_to(target).map(Some);
        }
        if let Some(limit) = self.limit {
            return self.limit_answer(limit).map(Some);
        }
        if let Some(deleted) = self.deleted {
            return self.delete_answer(deleted).map(Some);
        }
        match self.status {
            None => Ok(None),
            Some(status) if (200..=599).contains(&status) => {
                Ok(Some(self.canned(status, self.body.clone())))
            }
            Some(status) => Err(format!("`status` is {status}; it must be from 200 to 599")),
        }
    }

    fn canned(&self, status: u16, body: Option<Value>) -> Answer {
        Answer::Canned {
            status,
            headers: self.headers.clone(),
            body,
        }
    }

    fn redirect_to(&self, target: &str) -> Result<Answer, String> {
        let status = self.status.unwrap_or(307);
        if ![301, 302, 303, 307, 308].contains(&status) {
            return Err(format!(
                "`status` is {status}; beside `redirect` it is 301, 302, 303, 307 or 308"
            ));
        }
        let known = ["/", "{path}", "http://", "https://"];
        if !known.iter().any(|start| target.starts_with(start))
            || HeaderValue::try_from(target).is_err()
        {
            return Err(
                "`redirect` is an address, a path that begins with `/`, or {path} for a loop"
                    .to_owned(),
            );
        }
        Ok(Answer::Redirect {
            status,
            headers: self.headers.clone(),
            target: target.to_owned(),
        })
    }

    fn limit_answer(&self, limit: u16) -> Result<Answer, String> {
        let wait = match limit {
            429 => Some(self.retry_after.unwrap_or(1)),
            503 => self.retry_after,
            _ => {
                return Err(format!(
                    "`limit` is {limit}; the service answers 429 or 503"
                ));
            }
        };
        let mut headers = self.headers.clone();
        for name in self.on.wait_headers() {
            if let Some(seconds) = wait {
                headers.insert((*name).to_owned(), seconds.to_string());
            }
        }
        Ok(Answer::Canned {
            status: limit,
            headers,
            body: Some(json!({ "detail": "Rate limit exceeded" })),
        })
    }

    fn delete_answer(&self, deleted: bool) -> Result<Answer, String> {
        let text = match (self.on, deleted) {
            (Endpoint::Delete, true) => "Session deleted successfully",
            (Endpoint::Delete, false) => "Session not found",
            (Endpoint::DeleteAll, true) => "Sessions deleted successfully",
            (Endpoint::DeleteAll, false) => "No sessions to delete",
            _ => {
                return Err(
                    "`deleted` is the answer of a deletion: use it on delete or delete_all"
                        .to_owned(),
                );
            }
        };
        let body = json!({ "success": true, "deleted": deleted, "message": text });
        Ok(self.canned(200, Some(body)))
    }

    /// How the body stops early, in whichever unit: only one way makes sense.
    fn stops(&self) -> Result<Stops, String> {
        let bytes = [
            (Stop::Reset, self.cut_after_bytes),
            (Stop::Close, self.close_after_bytes),
            (Stop::End, self.end_after_bytes),
        ];
        let events = [
            (Stop::Reset, self.cut_after),
            (Stop::Close, self.close_after),
            (Stop::End, self.end_after),
            (Stop::Silence, self.silence_after),
            (Stop::Silence, self.silence.then_some(0)),
        ];
        let given = |stops: &[(Stop, Option<u64>)]| -> Vec<(Stop, u64)> {
            let given = stops.iter();
            given
                .filter_map(|(stop, after)| after.map(|after| (*stop, after)))
                .collect()
        };
        let (bytes, events) = (given(&bytes), given(&events));
        if bytes.len() + events.len() > 1 {
            return Err(
                "`cut_after`, `close_after`, `end_after`, `silence_after`, `silence` and their forms in bytes exclude one \
                 another: choose one"
                    .to_owned(),
            );
        }
        Ok(Stops {
            after_bytes: bytes.first().copied(),
            after_events: events.first().copied(),
        })
    }

    fn body_fault(&self) -> Result<Option<BodyFault>, String> {
        if self.split == Some(0) {
            return Err("`split` is a number of bytes, at least 1".to_owned());
        }
        if self.split_delay.is_some() && self.split.is_none() {
            return Err(
                "`split_delay` is the time between the pieces of `split`: add that".to_owned(),
            );
        }
        let fault = BodyFault {
            split: self.split,
            split_delay: seconds("split_delay", self.split_delay)?,
            stop: self.stops()?.after_bytes,
        };
        Ok((fault != BodyFault::default()).then_some(fault))
    }

    fn late_status(&self) -> Result<Option<LateStatus>, String> {
        match self.late_status {
            None => Ok(None),
            Some(_) if self.on != Endpoint::Message => {
                Err("`late_status` follows a message: use it on message".to_owned())
            }
            Some(0) => Err("`late_status` is a number of answers, at least 1".to_owned()),
            Some(answers) => Ok(Some(LateStatus(answers))),
        }
    }

    fn stream_fault(&self) -> Result<Option<StreamFault>, String> {
        if self.insert_after.is_some() && self.insert.is_none() && self.oversize.is_none() {
            return Err(
                "`insert_after` says where `insert` or `oversize` come: add one of them".to_owned(),
            );
        }
        if self.reorder.is_some_and(|group| group < 2) {
            return Err("`reorder` is the number of events in a group, at least 2".to_owned());
        }
        if self.on == Endpoint::Socket && (self.reorder.is_some() || self.replay_done) {
            return Err(
                "`reorder` and `replay_done` act on AGI's stream: use them on events".to_owned(),
            );
        }
        let fault = StreamFault {
            stop: self.stops()?.after_events,
            merge: self.on == Endpoint::Events && self.split.is_some(),
            heartbeat_only: self.heartbeat_only,
            no_heartbeats: self.no_heartbeats,
            duplicate: self.duplicate,
            reorder: self.reorder,
            omit_ids: self.omit_ids,
            drop_ids: self.drop_ids.clone(),
            replay_done: self.replay_done,
            insert: if self.on == Endpoint::Socket {
                None
            } else {
                self.inserted()?
                    .map(|bytes| (bytes, self.insert_after.unwrap_or(0)))
            },
            socket: self.socket_fault()?,
        };
        if !matches!(self.on, Endpoint::Events | Endpoint::Socket) && !fault.is_nothing() {
            return Err(format!(
                "{STREAM_ACTIONS} act on a stream: use them on events (\"on\": \"events\") or socket"
            ));
        }
        Ok((fault != StreamFault::default()).then_some(fault))
    }

    /// Whether it strikes a WebSocket that opens.
    fn is_open_socket(&self) -> bool {
        let refused = self.status.or(self.limit).is_some() || self.redirect.is_some();
        self.on == Endpoint::Socket && !refused && !self.reset && !self.hang
    }

    fn socket_fault(&self) -> Result<SocketFault, String> {
        let is_set = self.close_code.is_some()
            || self.close_reason.is_some()
            || self.fragment.is_some()
            || self.no_ack
            || self.binary
            || self.ignore_frames;
        if self.on != Endpoint::Socket {
            return if is_set {
                Err("`close_code`, `close_reason`, `fragment`, `no_ack`, `binary` and `ignore_frames` act on a WebSocket: use \
                     them on socket (\"on\": \"socket\")"
                    .to_owned())
            } else {
                Ok(SocketFault::default())
            };
        }
        if self.fragment == Some(0) {
            return Err("`fragment` is a number of bytes, at least 1".to_owned());
        }
        if self.end_after.is_none() && (self.close_code.is_some() || self.close_reason.is_some()) {
            return Err("`close_code` and `close_reason` belong to `end_after`: add it".to_owned());
        }
        // Those that RFC 6455 lets an endpoint send.
        let sendable = |code| matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        if let Some(code) = self.close_code.filter(|code| !sendable(*code)) {
            return Err(format!(
                "`close_code` is {code}; it is one of 1000 to 1003, 1007 to 1014 and 3000 to 4999"
            ));
        }
        let close_reason = self.close_reason.clone().unwrap_or_default();
        if close_reason.len() > 123 {
            return Err(
                "`close_reason` is too long for a close frame: at most 123 bytes".to_owned(),
            );
        }
        let texts: Vec<String> = self
            .insert
            .clone()
            .into_iter()
            .chain(self.large_frame()?)
            .collect();
        Ok(SocketFault {
            bytes: self
                .body_fault()?
                .filter(|_| self.is_open_socket())
                .unwrap_or_default(),
            close_code: self.close_code,
            close_reason,
            insert: (!texts.is_empty()).then(|| (texts, self.insert_after.unwrap_or(0))),
            fragment: self.fragment,
            no_ack: self.no_ack,
            binary: self.binary,
            ignore_frames: self.ignore_frames,
        })
    }

    /// The event of `oversize` on a WebSocket.
    fn large_frame(&self) -> Result<Option<String>, String> {
        let (head, tail) = ("{\"kind\":\"text\",\"payload\":{\"text\":\"", "\"}}");
        self.oversize
            .map(|size| {
                let filling = size_between(size, head.len() + tail.len())?;
                Ok(format!("{head}{}{tail}", "x".repeat(filling)))
            })
            .transpose()
    }

    fn inserted(&self) -> Result<Option<Bytes>, String> {
        let mut bytes = self.insert.clone().unwrap_or_default().into_bytes();
        if let Some(size) = self.oversize {
            let (head, tail) = ("event: log\ndata: {\"text\":\"", "\"}\n\n");
            let filling = size_between(size, head.len() + tail.len())?;
            bytes.extend_from_slice(head.as_bytes());
            bytes.resize(bytes.len() + filling, b'x');
            bytes.extend_from_slice(tail.as_bytes());
        }
        Ok((self.insert.is_some() || self.oversize.is_some()).then(|| bytes.into()))
    }
}

/// How much fills up an event of `size` bytes, `least` of which it has anyway.
fn size_between(size: usize, least: usize) -> Result<usize, String> {
    if !(least..=OVERSIZE).contains(&size) {
        return Err(format!(
            "`oversize` is a number of bytes, from {least} to {OVERSIZE}"
        ));
    }
    Ok(size - least)
}

impl StreamFault {
    /// Whether the events stay as they are.
    fn is_nothing(&self) -> bool {
        let changed = Self {
            merge: false,
            ..self.clone()
        };
        changed == Self::default()
    }
}

fn seconds(name: &str, seconds: Option<f64>) -> Result<Option<Duration>, String> {
    match seconds {
        Some(seconds) if !(0.0..=DELAY).contains(&seconds) => {
            Err(format!("`{name}` is in seconds, from 0 to {DELAY}"))
        }
        seconds => Ok(seconds.map(Duration::from_secs_f64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_without_meaning_is_refused_with_a_reason() {
        for (text, reason) in [
            ("create", "needs an action"),
            ("create cut_after=1", "act on a stream"),
            ("* silence", "act on a stream"),
            ("list insert=x", "act on a stream"),
            ("events cut_after=1 end_after=1", "exclude one another"),
            ("events silence cut_after_bytes=1", "exclude one another"),
            ("events status=503 cut_after=1", "has no stream"),
            ("events split=0", "at least 1"),
            ("events split_delay=1", "add that"),
            ("events no_ack", "act on a WebSocket"),
            ("upload duplicate", "act on a stream"),
            ("socket reorder=2", "AGI's stream"),
            ("socket fragment=0", "at least 1"),
            ("socket close_code=1011", "add it"),
            ("socket end_after=1 close_code=1005", "one of 1000"),
            ("socket status=404 cut_after=1", "has no stream"),
            ("socket oversize=3", "a number of bytes, from 37 to"),
            ("events reorder=1", "at least 2"),
            ("events insert_after=1", "add one of them"),
            ("events oversize=3", "a number of bytes, from 30 to"),
            ("list after", "`after` needs"),
            ("list body=x", "add `status`"),
            ("list redirect=/x body=x", "add `status`"),
            ("list reset headers={\"a\":\"b\"}", "add `status`"),
            ("list status=99", "from 200 to 599"),
            ("list status=500 hang", "choose one"),
            ("list limit=429 deleted=false", "choose one"),
            ("list limit=500", "429 or 503"),
            ("list retry_after=1", "belongs to `limit`"),
            ("list redirect=elsewhere", "begins with `/`"),
            ("list redirect=/x status=500", "301, 302"),
            ("list deleted=false", "on delete or delete_all"),
            ("list reset split=1", "give no answer"),
            ("list delay=-1", "in seconds"),
            ("list late_status=1", "use it on message"),
            ("message late_status=0", "at least 1"),
            ("message late_status=1 status=500", "add `after`"),
            (
                "list status=500 headers={\"a b\":\"c\"}",
                "not a valid HTTP header",
            ),
        ] {
            let fault: Fault = text.parse().unwrap();
            let error = fault.validate().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}

//! Faults: failures that the emulator injects on demand.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Which requests a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `POST /sessions`
    Create,
    /// `GET /sessions`
    List,
    /// `GET /sessions/{session_id}`
    Get,
    /// `DELETE /sessions/{session_id}`
    Delete,
    /// `DELETE /sessions`
    DeleteAll,
    /// `POST /sessions/{session_id}/message`
    Message,
    /// `GET /sessions/{session_id}/status`
    Status,
    /// `GET /sessions/{session_id}/messages`
    Messages,
    /// `GET /sessions/{session_id}/events`
    Events,
    /// `POST /sessions/{session_id}/pause`
    Pause,
    /// `POST /sessions/{session_id}/resume`
    Resume,
    /// `POST /sessions/{session_id}/cancel`
    Cancel,
    /// `POST /sessions/{session_id}/navigate`
    Navigate,
    /// `GET /sessions/{session_id}/screenshot`
    Screenshot,
    /// `GET /models`
    Models,
    /// Every endpoint.
    #[serde(rename = "*")]
    Any,
}

/// A failure to inject: where, how often, and what happens.
///
/// Actions combine where that has a meaning: `delay` with anything, `after` with `status`, `reset` or `hang`, and
/// the actions on a stream with one another (but only one of `cut_after`, `close_after` and `end_after`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The endpoint it strikes.
    pub on: Endpoint,
    /// How many requests it strikes; 0: for ever.
    #[serde(default = "once")]
    pub times: u64,
    /// How many matching requests pass before the first one is struck.
    #[serde(default)]
    pub skip: u64,
    /// Strikes only requests for this session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,

    /// Answers with this status. The request is not processed unless `after` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Headers of that answer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Body of that answer: JSON, or a string that is sent as plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// Processes the request first: the caller cannot know whether it was.
    #[serde(default, skip_serializing_if = "is_false")]
    pub after: bool,
    /// Seconds before the answer. On its own the request is processed at once and answered late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<f64>,
    /// Resets the TCP connection instead of answering.
    #[serde(default, skip_serializing_if = "is_false")]
    pub reset: bool,
    /// Never answers; the connection stays open.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hang: bool,

    /// Stream: resets the connection after that many events (heartbeats do not count).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_after: Option<u64>,
    /// Stream: closes the connection after that many events, the chunked body unfinished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close_after: Option<u64>,
    /// Stream: ends the body properly after that many events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_after: Option<u64>,
    /// Stream: written in pieces of that many bytes, each in a write of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<usize>,
    /// Stream: each event comes twice.
    #[serde(default, skip_serializing_if = "is_false")]
    pub duplicate: bool,
    /// Stream: events have no `id` line.
    #[serde(default, skip_serializing_if = "is_false")]
    pub omit_ids: bool,
    /// Stream: the events with these ids are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drop_ids: Vec<u64>,
    /// Stream: nothing is sent after the head, not even heartbeats.
    #[serde(default, skip_serializing_if = "is_false")]
    pub silence: bool,
}

fn once() -> u64 {
    1
}

fn is_false(value: &bool) -> bool {
    !value
}

/// Why a [`Fault`] is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultError(String);

impl std::fmt::Display for FaultError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FaultError {}

/// What a fault does to a whole request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// The answer is this one.
    Canned {
        status: u16,
        headers: BTreeMap<String, String>,
        body: Option<Value>,
    },
    /// The connection is reset.
    Reset,
    /// There is no answer.
    Hang,
}

/// How a stream stops early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// RST.
    Reset,
    /// FIN in the middle of the body.
    Close,
    /// A proper end.
    End,
}

/// What a fault does to the events of one stream.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct StreamFault {
    pub(crate) stop: Option<(Stop, u64)>,
    pub(crate) split: Option<usize>,
    pub(crate) duplicate: bool,
    pub(crate) omit_ids: bool,
    pub(crate) drop_ids: Vec<u64>,
    pub(crate) silence: bool,
}

/// What one request has to suffer.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Strike {
    pub(crate) answer: Option<Answer>,
    /// The request is processed before `answer` is given.
    pub(crate) after: bool,
    pub(crate) delay: Option<Duration>,
    pub(crate) stream: Option<StreamFault>,
}

impl Fault {
    /// Checks that every action has a meaning where it is injected.
    pub fn validate(&self) -> Result<(), FaultError> {
        self.strike().map(drop).map_err(FaultError)
    }

    fn strike(&self) -> Result<Strike, String> {
        let stream = self.stream_fault()?;
        let answer = self.answer()?;
        if self.after && answer.is_none() {
            return Err(
                "`after` needs `status`, `reset` or `hang`: it says when the request is processed"
                    .to_owned(),
            );
        }
        if answer.is_some() && stream.is_some() {
            return Err("a request that is refused has no stream: use either status/reset/hang or the stream actions".to_owned());
        }
        let delay = match self.delay {
            Some(seconds) if !(0.0..=86_400.0).contains(&seconds) => {
                return Err("`delay` is in seconds, from 0 to 86400".to_owned());
            }
            seconds => seconds.map(Duration::from_secs_f64),
        };
        if answer.is_none() && stream.is_none() && delay.is_none() {
            return Err(
                "a fault needs an action, such as \"status\": 503 or \"cut_after\": 7".to_owned(),
            );
        }
        Ok(Strike {
            answer,
            after: self.after,
            delay,
            stream,
        })
    }

    fn answer(&self) -> Result<Option<Answer>, String> {
        if self.status.is_none() && (self.body.is_some() || !self.headers.is_empty()) {
            return Err("`headers` and `body` belong to an answer: add `status`".to_owned());
        }
        for (name, value) in &self.headers {
            if axum::http::HeaderName::try_from(name).is_err()
                || axum::http::HeaderValue::try_from(value).is_err()
            {
                return Err(format!("`{name}` in `headers` is not a valid HTTP header"));
            }
        }
        match (self.status, self.reset, self.hang) {
            (None, false, false) => Ok(None),
            (Some(status), false, false) if (200..=599).contains(&status) => {
                Ok(Some(Answer::Canned {
                    status,
                    headers: self.headers.clone(),
                    body: self.body.clone(),
                }))
            }
            (Some(status), false, false) => {
                Err(format!("`status` is {status}; it must be from 200 to 599"))
            }
            (None, true, false) => Ok(Some(Answer::Reset)),
            (None, false, true) => Ok(Some(Answer::Hang)),
            _ => Err("`status`, `reset` and `hang` exclude one another: choose one".to_owned()),
        }
    }

    fn stream_fault(&self) -> Result<Option<StreamFault>, String> {
        let mut stops = [
            (Stop::Reset, self.cut_after),
            (Stop::Close, self.close_after),
            (Stop::End, self.end_after),
        ]
        .into_iter()
        .filter_map(|(stop, after)| after.map(|after| (stop, after)));
        let stop = stops.next();
        if stops.next().is_some() {
            return Err(
                "`cut_after`, `close_after` and `end_after` exclude one another: choose one"
                    .to_owned(),
            );
        }
        if self.split == Some(0) {
            return Err("`split` is a number of bytes, at least 1".to_owned());
        }
        let fault = StreamFault {
            stop,
            split: self.split,
            duplicate: self.duplicate,
            omit_ids: self.omit_ids,
            drop_ids: self.drop_ids.clone(),
            silence: self.silence,
        };
        if fault == StreamFault::default() {
            return Ok(None);
        }
        if self.on != Endpoint::Events {
            return Err("`cut_after`, `close_after`, `end_after`, `split`, `duplicate`, `omit_ids`, `drop_ids` and `silence` \
                        act on a stream: use them with \"on\": \"events\""
                .to_owned());
        }
        Ok(Some(fault))
    }
}

/// The faults that wait for their requests.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Pending>);

#[derive(Debug)]
struct Pending {
    on: Endpoint,
    session_id: Option<String>,
    skip: u64,
    /// `None`: for ever.
    left: Option<u64>,
    strike: Strike,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: &Fault) -> Result<(), FaultError> {
        let strike = fault.strike().map_err(FaultError)?;
        self.0.push(Pending {
            on: fault.on,
            session_id: fault.session_id.clone(),
            skip: fault.skip,
            left: (fault.times > 0).then_some(fault.times),
            strike,
        });
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The fault that strikes this request: the oldest one that matches and has nothing left to skip.
    pub(crate) fn strike(
        &mut self,
        endpoint: Endpoint,
        session_id: Option<&str>,
    ) -> Option<Strike> {
        let mut hit = None;
        for (index, fault) in self.0.iter_mut().enumerate() {
            let matches = (fault.on == Endpoint::Any || fault.on == endpoint)
                && (fault.session_id.is_none() || fault.session_id.as_deref() == session_id);
            if !matches {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            if let Some(left) = &mut fault.left {
                *left -= 1;
            }
            hit = Some((index, fault.strike.clone()));
            break;
        }
        let (index, strike) = hit?;
        if self.0[index].left == Some(0) {
            self.0.remove(index);
        }
        Some(strike)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fault(value: Value) -> Fault {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_fault_without_meaning_is_refused_with_a_reason() {
        for (value, reason) in [
            (json!({"on": "create"}), "needs an action"),
            (json!({"on": "create", "cut_after": 1}), "act on a stream"),
            (json!({"on": "*", "silence": true}), "act on a stream"),
            (
                json!({"on": "events", "cut_after": 1, "end_after": 1}),
                "exclude one another",
            ),
            (
                json!({"on": "events", "status": 503, "cut_after": 1}),
                "has no stream",
            ),
            (json!({"on": "events", "split": 0}), "at least 1"),
            (json!({"on": "list", "after": true}), "`after` needs"),
            (json!({"on": "list", "body": "x"}), "add `status`"),
            (json!({"on": "list", "status": 99}), "from 200 to 599"),
            (
                json!({"on": "list", "status": 500, "hang": true}),
                "choose one",
            ),
            (json!({"on": "list", "delay": -1}), "in seconds"),
            (
                json!({"on": "list", "status": 500, "headers": {"a b": "c"}}),
                "not a valid HTTP header",
            ),
        ] {
            let error = fault(value.clone()).validate().unwrap_err().to_string();
            assert!(error.contains(reason), "{value}: {error}");
        }
        for value in [
            json!({"on": "nowhere", "hang": true}),
            json!({"on": "list", "hangs": true}),
        ] {
            assert!(serde_json::from_value::<Fault>(value).is_err());
        }
    }

    #[test]
    fn skip_times_and_session_are_counted() {
        let mut faults = Faults::default();
        faults
            .add(&fault(
                json!({"on": "get", "session_id": "a", "skip": 1, "times": 2, "reset": true}),
            ))
            .unwrap();
        let mut hits = |session| faults.strike(Endpoint::Get, Some(session)).is_some();
        assert!(!hits("b"));
        assert_eq!(
            [hits("a"), hits("a"), hits("a"), hits("a")],
            [false, true, true, false]
        );
    }

    #[test]
    fn times_zero_is_for_ever_and_faults_strike_in_order() {
        let mut faults = Faults::default();
        faults
            .add(&fault(json!({"on": "list", "status": 500})))
            .unwrap();
        faults
            .add(&fault(json!({"on": "*", "times": 0, "status": 503})))
            .unwrap();
        let mut status = || match faults.strike(Endpoint::List, None).unwrap().answer {
            Some(Answer::Canned { status, .. }) => status,
            other => panic!("{other:?}"),
        };
        assert_eq!([status(), status(), status()], [500, 503, 503]);
        faults.clear();
        assert!(faults.strike(Endpoint::List, None).is_none());
    }
}

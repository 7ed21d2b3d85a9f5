//! A fault: which requests it is for, and what happens to them, as plain data.

use super::altered::{BodyAs, Then};
use super::endpoint::Endpoint;
use super::put::{self, Put};
use crate::matching::Match;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A failure to inject: where, how often, and what happens.
///
/// It is read from JSON or from a line of text, and prints as that line:
///
/// ```
/// # use sessionwire_emulator::{Endpoint, Fault};
/// let fault: Fault = "events cut_after=7 times=2".parse()?;
/// assert_eq!(fault, Fault { cut_after: Some(7), times: 2, ..Fault::new(Endpoint::Events) });
/// assert_eq!(fault.to_string(), "events cut_after=7 times=2");
/// # Ok::<(), sessionwire_emulator::FaultError>(())
/// ```
///
/// Actions combine where that has a meaning: `delay` with anything, `latency` with the other faults, `after` with what replaces the response, those on the
/// bytes of a body with a response, those on a stream with one another (but only one end: `cut_after`, `close_after`,
/// `end_after`, `silence_after`, or their forms in bytes).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct Fault {
    /// The endpoint that it is for.
    pub on: Endpoint,

    /// Answers with this status. The request is not processed unless `after` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Body of that response: JSON, or a string that is sent as plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// The service's response to a caller beyond a limit: 429 with `Retry-After`, or 503; both say `Rate limit exceeded`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u16>,
    /// Seconds in the `Retry-After` of `limit` (Raccoon: `X-Rate-Limit-Retry-After`); with 429 the default is 1, with 503 there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// Redirects there: an address or a path; `{path}` in it stands for the path and the query of the request, so that
    /// `{path}` alone is a loop. With `status` 301, 302, 303 or 308 instead of 307.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<String>,
    /// Deletion: answers 200 with this as `deleted`, whatever is true. Nothing is deleted unless `after` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<bool>,
    /// Headers of the response, the real one or the one that replaces it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Headers that the response does not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drop_headers: Vec<String>,
    /// Resets the TCP connection instead of responding.
    #[serde(default, skip_serializing_if = "is_false")]
    pub reset: bool,
    /// Never responds; the connection stays open.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hang: bool,
    /// Processes the request first: the caller cannot know whether it was.
    #[serde(default, skip_serializing_if = "is_false")]
    pub after: bool,
    /// Seconds before the response; webhook: before it, and all behind it, leave. On its own the request is processed at once and only the response is late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<f64>,

    /// Another body in the place of the response's own, such as none, or a web page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_as: Option<BodyAs>,
    /// How many bytes `body_as` `gzip_bomb` becomes; default 1 GiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inflates_to: Option<u64>,
    /// What comes in the place of a value in the response's JSON, or in that of the events of a stream: where `at` says,
    /// else all of it.
    #[serde(
        default,
        deserialize_with = "put::given",
        skip_serializing_if = "Option::is_none"
    )]
    pub put: Option<Put>,
    /// Where `put` acts: `status`, `[0].created_at`, `messages[-1].content`, `messages[*].type`, `messages[type=DONE]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What becomes of the connection after the response, which says nothing of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<Then>,

    /// The body is written in pieces of that many bytes, each in a write of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<usize>,
    /// Seconds between those pieces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split_delay: Option<f64>,
    /// Resets the connection after that many bytes of the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_after_bytes: Option<u64>,
    /// Closes the connection after that many bytes, the body unfinished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close_after_bytes: Option<u64>,
    /// Ends the body properly after that many bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_after_bytes: Option<u64>,

    /// Message: that many of the next responses of `/status` and `/messages` still report the status before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_status: Option<u32>,

    /// Stream: resets the connection after that many events (heartbeats do not count).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_after: Option<u64>,
    /// Stream: closes the connection after that many events, the chunked body unfinished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close_after: Option<u64>,
    /// Stream: ends the body properly after that many events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_after: Option<u64>,
    /// Stream: says nothing more after that many events, not even heartbeats, and stays open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence_after: Option<u64>,
    /// Stream: nothing is sent after the head, not even heartbeats.
    #[serde(default, skip_serializing_if = "is_false")]
    pub silence: bool,
    /// Stream: no events, heartbeats only, until the session is deleted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub heartbeat_only: bool,
    /// Stream: events, but no heartbeats.
    #[serde(default, skip_serializing_if = "is_false")]
    pub no_heartbeats: bool,
    /// Stream: each event comes twice. Webhook: it leaves twice.
    #[serde(default, skip_serializing_if = "is_false")]
    pub duplicate: bool,
    /// Stream: events come in groups of that many, each group last to first. Questions, ends of tasks and events without
    /// an id keep their place; a heartbeat brings out what is held back. Webhook: it waits for those behind it, and that many
    /// leave last to first; a second without one brings out what is held back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reorder: Option<usize>,
    /// Stream: events have no `id` line.
    #[serde(default, skip_serializing_if = "is_false")]
    pub omit_ids: bool,
    /// Stream: the events with these ids are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drop_ids: Vec<u64>,
    /// Stream: it begins with the last `done` or `error` so far, even where that is not asked for.
    #[serde(default, skip_serializing_if = "is_false")]
    pub replay_done: bool,
    /// Stream: this text is sent between the events, byte for byte; an event ends with an empty line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insert: Option<String>,
    /// Stream: an event of that many bytes is sent (after `insert`, if both are set).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oversize: Option<usize>,
    /// Stream: `insert` and `oversize` come after that many events; default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insert_after: Option<u64>,

    /// WebSocket: the close code of `end_after`; 1000 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close_code: Option<u16>,
    /// WebSocket: the reason beside `close_code`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close_reason: Option<String>,
    /// WebSocket: each message comes in fragments of that many bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fragment: Option<usize>,
    /// WebSocket: there is no `ack`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub no_ack: bool,
    /// WebSocket: events come as binary messages.
    #[serde(default, skip_serializing_if = "is_false")]
    pub binary: bool,
    /// WebSocket: what the client sends has no effect.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ignore_frames: bool,

    /// Webhook: it does not leave.
    #[serde(default, skip_serializing_if = "is_false")]
    pub lose: bool,
    /// Webhook: only those of this event match, such as `task.completed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,

    /// What values in the response's JSON are, by their place, or those in the events of a stream; what has no such place stays.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub set: Map<String, Value>,
    /// Seconds before the response, beside whatever other faults do; for all requests that match, where `times` is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<f64>,
    /// The most seconds that `latency` varies by: drawn for each request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<f64>,

    /// How many requests it acts on; 0: all that match. Left out: 1, and with `every`, `chance`, `starts_after`, `lasts`,
    /// `per_minute` or `latency` all.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub times: u64,
    /// How many matching requests pass before the first one that it acts on.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skip: u64,
    /// Only requests for this session match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Only requests with this API key match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Only requests match whose headers are like this.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub header: BTreeMap<String, Match>,
    /// Only requests match that bring such a task or prompt, or are about a session with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Match>,
    /// It acts on every n-th request that matches: 3 is the third, the sixth, ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// It acts on a request with this probability, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chance: Option<f64>,
    /// From which `chance` and `jitter` draw; default 0. The same seed strikes the same requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Seconds from its injection until it acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_after: Option<f64>,
    /// Seconds for which it acts: an outage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts: Option<f64>,
    /// So many requests a minute pass, for each key; those beyond get `limit: 429`, or what else the fault says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<u64>,
}

/// Those fields that act on all requests, unless `times` says otherwise.
pub(super) const GENERAL: [&str; 6] = [
    "every",
    "chance",
    "starts_after",
    "lasts",
    "per_minute",
    "latency",
];

fn once() -> u64 {
    1
}

fn is_once(value: &u64) -> bool {
    *value == 1
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Fault {
    /// A fault for one request, without an action yet.
    #[must_use]
    pub fn new(on: Endpoint) -> Self {
        Self {
            on,
            status: None,
            body: None,
            limit: None,
            retry_after: None,
            redirect: None,
            deleted: None,
            headers: BTreeMap::new(),
            drop_headers: Vec::new(),
            reset: false,
            hang: false,
            after: false,
            delay: None,
            body_as: None,
            inflates_to: None,
            put: None,
            at: None,
            then: None,
            split: None,
            split_delay: None,
            cut_after_bytes: None,
            close_after_bytes: None,
            end_after_bytes: None,
            late_status: None,
            cut_after: None,
            close_after: None,
            end_after: None,
            silence_after: None,
            silence: false,
            heartbeat_only: false,
            no_heartbeats: false,
            duplicate: false,
            reorder: None,
            omit_ids: false,
            drop_ids: Vec::new(),
            replay_done: false,
            insert: None,
            oversize: None,
            insert_after: None,
            close_code: None,
            close_reason: None,
            fragment: None,
            no_ack: false,
            binary: false,
            ignore_frames: false,
            set: Map::new(),
            latency: None,
            jitter: None,
            lose: false,
            event: None,
            times: 1,
            skip: 0,
            session_id: None,
            key: None,
            header: BTreeMap::new(),
            task: None,
            every: None,
            chance: None,
            seed: None,
            starts_after: None,
            lasts: None,
            per_minute: None,
        }
    }
}

impl Fault {
    /// The same for this session, unless it names one or its endpoint has none.
    pub(crate) fn of_session(&self, session_id: &str) -> Self {
        let mut fault = self.clone();
        if fault.session_id.is_none() && fault.on.has_session() {
            fault.session_id = Some(session_id.to_owned());
        }
        fault
    }
}

/// Why a [`Fault`] is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultError(pub(super) String);

impl std::fmt::Display for FaultError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FaultError {}

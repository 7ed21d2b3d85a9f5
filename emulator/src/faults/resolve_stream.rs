//! What a fault does to a body, a stream or a WebSocket.

use super::effect::{BodyFault, Reached, SocketFault, Stop, StreamFault};
use super::endpoint::Endpoint;
use super::fault::Fault;
use super::seconds::seconds;
use bytes::Bytes;

/// The most bytes that `oversize` sends.
const OVERSIZE: usize = 256 * 1024 * 1024;
/// The actions that act on a stream.
const STREAM_ACTIONS: &str = "`cut_after`, `close_after`, `end_after`, `silence_after`, `silence`, `heartbeat_only`, `no_heartbeats`, \
     `duplicate`, `reorder`, `omit_ids`, `drop_ids`, `replay_done`, `insert` and `oversize`";

/// Where a body stops early, in either unit.
struct Stops {
    after_bytes: Option<(Stop, u64)>,
    after_events: Option<(Stop, u64)>,
}

impl Fault {
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

    pub(super) fn body_fault(&self) -> Result<Option<BodyFault>, String> {
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

    pub(super) fn stream_fault(&self) -> Result<Option<StreamFault>, String> {
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
            reached: Reached::default(),
            merge: self.on == Endpoint::Events && self.split.is_some(),
            heartbeat_only: self.heartbeat_only,
            no_heartbeats: self.no_heartbeats,
            duplicate: self.duplicate,
            reorder: self.reorder,
            omit_ids: self.omit_ids,
            drop_ids: self.drop_ids.clone(),
            replay_done: self.replay_done,
            putting: if self.on == Endpoint::Events || self.is_open_socket() {
                self.putting()?.filter(|_| !self.is_refused())
            } else {
                None
            },
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

    /// Whether it is for a WebSocket that opens.
    pub(super) fn is_open_socket(&self) -> bool {
        self.on == Endpoint::Socket && !self.is_refused() && !self.reset && !self.hang
    }

    /// Whether another response comes in the place of the real one.
    pub(super) fn is_refused(&self) -> bool {
        self.status.or(self.limit).is_some() || self.redirect.is_some()
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

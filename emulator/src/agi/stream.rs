//! The event stream: `GET /sessions/{session_id}/events`.
//!
//! A stream owns no queue. It reads the session's log by a cursor when its socket has room, so that a slow
//! reader costs nothing but its place in the log. One event is one chunk of the body.

use super::call::Call;
use super::log::{Entry, Kind, heartbeat};
use super::session::{Read, Session, new_reader};
use super::validate::{self, EventsQuery};
use crate::clock::{Clock, Timestamp};
use crate::connection::{Break, Connection};
use crate::errors::ApiError;
use crate::faults::{Stop, StreamFault};
use crate::state::Server;
use crate::world::World;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body::Frame;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// How many entries are looked at while the session is locked once.
const BATCH: usize = 256;

pub(crate) async fn events(call: Call) -> Result<Response, ApiError> {
    let session = call.session()?;
    let query = validate::events(&call.query)?;
    if !accepts_events(&call.headers) {
        return Err(ApiError::new(
            StatusCode::NOT_ACCEPTABLE,
            "Must accept text/event-stream",
        ));
    }
    let seen = if call.server.options.honour_last_event_id {
        last_event_id(&call.headers)
    } else {
        0
    };
    let stream = EventStream::new(
        &call.server,
        call.world,
        session,
        query,
        seen,
        call.fault,
        call.connection,
    );
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::new(stream)).into_response())
}

/// Whether one of the types in `Accept` covers an event stream; no `Accept` covers everything.
fn accepts_events(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::ACCEPT).iter().peekable();
    values.peek().is_none()
        || values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|range| {
                let mut parts = range
                    .split(';')
                    .map(|part| part.trim().to_ascii_lowercase());
                let kind = parts.next().unwrap_or_default();
                let refused = parts.any(|part| {
                    part.strip_prefix("q=")
                        .is_some_and(|q| q.parse() == Ok(0.0_f32))
                });
                matches!(kind.as_str(), "text/event-stream" | "text/*" | "*/*") && !refused
            })
}

fn last_event_id(headers: &HeaderMap) -> u64 {
    headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok())
        .and_then(|id| id.trim().parse().ok())
        .unwrap_or(0)
}

/// The body of a stream.
struct EventStream {
    world: Arc<World>,
    session: Arc<Session>,
    reader: u64,
    query: EventsQuery,
    /// Events up to this id are left out.
    seen: u64,
    /// The next entry of the log.
    cursor: usize,
    /// Entries before this one are history: they are not paused/resumed events and do not end the stream.
    live_from: usize,
    /// The last task ended before the stream began: it ends with the history.
    ends_with_history: bool,
    ready: VecDeque<Bytes>,
    /// Events that the `reorder` fault holds back.
    held: Vec<Bytes>,
    tick: Pin<Box<Sleep>>,
    /// On a fast clock: when the session's time asks for the next heartbeat.
    beat_at: Option<Timestamp>,
    period: Duration,
    end: Option<Stop>,
    broken: bool,
    fault: StreamFault,
    /// Events sent, for the faults that count.
    sent: u64,
    connection: Connection,
}

impl std::fmt::Debug for EventStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventStream")
            .field("cursor", &self.cursor)
            .finish_non_exhaustive()
    }
}

impl EventStream {
    fn new(
        server: &Server,
        world: Arc<World>,
        session: Arc<Session>,
        query: EventsQuery,
        seen: u64,
        fault: StreamFault,
        connection: Connection,
    ) -> Self {
        world.open_streams.fetch_add(1, Ordering::AcqRel);
        let reader = new_reader();
        let connected = session.connect(reader);
        let period = server.heartbeat();
        let mut stream = Self {
            reader,
            seen,
            cursor: if query.history {
                0
            } else {
                connected.live_from
            },
            live_from: connected.live_from,
            ends_with_history: query.history
                && !connected.busy
                && connected.ended
                && !fault.heartbeat_only,
            ready: VecDeque::new(),
            held: Vec::new(),
            tick: Box::pin(tokio::time::sleep(period)),
            beat_at: (session.clock == Clock::Fast).then(|| connected.now.plus(period)),
            period,
            end: fault
                .stop
                .filter(|(_, after)| *after == 0)
                .map(|(stop, _)| stop),
            broken: false,
            sent: 0,
            world,
            session,
            query,
            fault,
            connection,
        };
        stream.insert();
        if stream.fault.replay_done
            && let Some(end) = stream.session.last_end(stream.live_from)
        {
            stream.send(&stream.frame(&end));
        }
        stream
    }

    fn frame(&self, entry: &Entry) -> Bytes {
        let frame = if self.fault.omit_ids {
            entry.frame_without_id()
        } else {
            entry.frame.clone()
        };
        self.put_in(&frame).unwrap_or(frame)
    }

    /// The event with what a fault puts into its data.
    fn put_in(&self, frame: &Bytes) -> Option<Bytes> {
        let putting = self.fault.putting.as_ref()?;
        let (head, data) = std::str::from_utf8(frame).ok()?.split_once("data: ")?;
        let data = putting.apply(data.trim_end())?;
        Some(format!("{head}data: {data}\n\n").into())
    }

    /// Sends an event; false when the stream ends with it.
    fn send(&mut self, frame: &Bytes) -> bool {
        for _ in 0..if self.fault.duplicate { 2 } else { 1 } {
            self.ready.push_back(frame.clone());
            self.sent += 1;
            self.insert();
            if let Some((stop, _)) = self.fault.stop.filter(|(_, after)| *after == self.sent) {
                self.fault.reached.take_note();
                self.end = Some(stop);
                return false;
            }
        }
        true
    }

    /// Sends what a fault inserts, if this is its place.
    fn insert(&mut self) {
        if let Some((bytes, after)) = &self.fault.insert
            && *after == self.sent
        {
            self.ready.push_back(bytes.clone());
        }
    }

    /// Sends an event where it belongs, or where a fault wants it; false when the stream ends with it.
    fn place(&mut self, entry: &Entry) -> bool {
        let frame = self.frame(entry);
        match self.fault.reorder {
            Some(group) if entry.id != 0 && !entry.closes && entry.kind != Kind::Question => {
                self.held.push(frame);
                self.held.len() < group || self.bring_out()
            }
            _ => self.bring_out() && self.send(&frame),
        }
    }

    /// Sends what is held back, last to first; false when the stream ends with it.
    fn bring_out(&mut self) -> bool {
        while let Some(frame) = self.held.pop() {
            if !self.send(&frame) {
                return false;
            }
        }
        true
    }

    /// Takes over an entry; false when the stream ends with it.
    fn take(&mut self, entry: &Entry) -> bool {
        let live = self.cursor >= self.live_from;
        if let Some(due) = self.beat_at.filter(|due| live && *due <= entry.at) {
            // The entry comes up again after it.
            self.beat(due);
            self.beat_at = Some(due.plus(self.period.max(Duration::from_millis(1))));
            return false;
        }
        self.cursor += 1;
        let shown = entry.kind.is_event()
            && self.query.kinds.has(entry.asked_as)
            && !(self.query.sanitize && entry.hidden)
            && (entry.id == 0 && live || entry.id > self.seen)
            && !self.fault.heartbeat_only
            && !self.fault.drop_ids.contains(&entry.id);
        if shown && !self.place(entry) {
            return false;
        }
        // Only for those who were there: a stream that comes later goes on.
        if let Some(stop) = entry.cut.filter(|_| live) {
            if self.bring_out() {
                self.end = Some(stop);
            }
            return false;
        }
        if live && entry.closes && !self.fault.heartbeat_only {
            self.finish();
        }
        self.end.is_none()
    }

    /// Ends the stream, once everything is sent.
    fn finish(&mut self) {
        if self.bring_out() {
            self.end = Some(Stop::End);
        }
    }

    /// Fills `ready`, or arranges to be woken when there is something for it.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.ends_with_history && self.cursor >= self.live_from {
            self.finish();
            return Poll::Ready(());
        }
        let session = self.session.clone();
        let mut left = BATCH;
        let read = session.read(self.reader, self.cursor, cx, |entry| {
            left -= 1;
            let history_ends = self.ends_with_history && self.cursor + 1 >= self.live_from;
            self.take(entry) && left > 0 && !history_ends
        });
        match read {
            Read::Entries => Poll::Ready(()),
            Read::Deleted => {
                self.finish();
                Poll::Ready(())
            }
            Read::Nothing => {
                ready!(self.tick.as_mut().poll(cx));
                self.tick.as_mut().reset(Instant::now() + self.period);
                self.beat(session.now());
                Poll::Ready(())
            }
        }
    }

    fn beat(&mut self, at: Timestamp) {
        if self.fault.no_heartbeats || !self.bring_out() {
            return;
        }
        let beat = if self.query.kinds.has(Kind::Heartbeat) {
            heartbeat(at)
        } else {
            Bytes::from_static(b": keep-alive\n\n")
        };
        self.ready.push_back(beat);
    }

    /// The next chunk: an event, or all that are ready.
    fn next_chunk(&mut self) -> Option<Bytes> {
        if self.fault.merge && self.ready.len() > 1 {
            return Some(self.ready.drain(..).collect::<Vec<_>>().concat().into());
        }
        self.ready.pop_front()
    }
}

impl http_body::Body for EventStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        if this.broken {
            return Poll::Pending;
        }
        loop {
            if let Some(chunk) = this.next_chunk() {
                return Poll::Ready(Some(Ok(Frame::data(chunk))));
            }
            let how = match this.end {
                None => {
                    ready!(this.poll_fill(cx));
                    continue;
                }
                Some(Stop::End) => return Poll::Ready(None),
                Some(Stop::Close) => Some(Break::Close),
                Some(Stop::Reset) => Some(Break::Reset),
                Some(Stop::Silence) => None,
            };
            this.broken = true;
            if let Some(how) = how {
                this.connection.break_after_flush(how);
            }
            return Poll::Pending;
        }
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.session.forget(self.reader);
        self.world.open_streams.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_is_read_as_http_has_it() {
        let accepts = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::ACCEPT, value.parse().unwrap());
            }
            accepts_events(&headers)
        };
        assert!(accepts(&[]));
        assert!(accepts(&["text/event-stream"]));
        assert!(accepts(&["application/json, TEXT/Event-Stream;q=0.5"]));
        assert!(accepts(&["*/*"]));
        assert!(!accepts(&["application/json"]));
        assert!(!accepts(&["text/event-stream;q=0"]));
    }
}

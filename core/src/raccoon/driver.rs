//! The driver of a turn's stream: connects, reads, reconnects, and hands on
//! what [`Resume`] lets through (docs/spec/raccoon.md, section 5.6).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::api::{Api, frame_of};
use super::close::{AfterClose, after_close};
use super::delivered::Delivered;
use super::dialect::may_be_the_end;
use super::ending::{TurnEnd, events_of};
use super::events::{EntryId, Incoming, is_later};
use super::hooks::FrameDecoder;
use super::models::{Message, TurnEventOptions};
use super::progress::Progress;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::meaning;
use crate::stream::Producer;
use crate::stream::resume::{Backoff, Resume, Step};
use crate::transport::jitter;
use crate::transport::retry::LONGEST_RETRY_AFTER;
use crate::ws::{self, Socket};

/// Most frames that are read before the events go to the queue.
const FRAMES_PER_BATCH: usize = 256;
/// From so many bytes on no other frame joins them.
const BYTES_PER_BATCH: usize = 1 << 20;

/// The first wait before a reconnect that follows another failure.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// A frame for the service, and who waits for it to be sent.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) text: String,
    pub(super) done: oneshot::Sender<Result<()>>,
    /// Set before anything of it is sent.
    pub(super) begun: Arc<AtomicBool>,
}

/// How long a part of the service may not know of a turn that another part took.
pub(super) const LATE: Duration = Duration::from_secs(5);
/// How long nothing may follow an event that may be the turn's end, before the
/// history is looked at.
const SUSPENSE: Duration = Duration::from_secs(2);

/// When the service's sockets know of the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Knows {
    /// It is an old one.
    Now,
    /// It was taken a moment ago.
    Soon,
}

/// What the service did with the turn's socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peer {
    /// It is open, or broke: more may come.
    Open,
    /// It closed it properly, or has none for the turn.
    Closed,
}

/// What tells events apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Numbering {
    /// Their ids, which rise.
    Ids,
    /// Their places in the stream: the ids begin anew, or stand still.
    Entries,
    /// What they say: the ids begin anew, or stand still, and there are no places.
    Words,
}

/// A turn's stream and its position.
pub(super) struct Driver {
    api: Api,
    turn: Arc<Progress>,
    options: TurnEventOptions,
    queue: Producer,
    commands: mpsc::Receiver<Command>,
    resume: Resume,
    /// Frames that arrived and wait for `decode_frame`.
    undecoded: Vec<String>,
    /// Events that arrived and were not admitted yet.
    batch: Vec<Event>,
    /// The turn's end was seen.
    over: bool,
    /// Something new was delivered since the last connection was opened.
    progress: bool,
    numbering: Numbering,
    delivered: Delivered,
    /// The newest connection was asked for the whole turn.
    asked_for_all: bool,
    /// Until then the service may not know the turn yet; `None` of one that was
    /// not started here.
    unknown_until: Option<Instant>,
    /// The newest event may have been the turn's end.
    suspense: bool,
}

/// How a connection, or the whole stream, came to its end.
enum End {
    /// The turn is over.
    Turn,
    /// The consumer is gone.
    Consumer,
    /// The connection is of no more use: another one may bring more.
    Connection(Lost),
}

/// Why another connection is needed.
struct Lost {
    /// The service closed it properly: the turn may be over.
    cleanly: bool,
    error: Error,
}

impl Lost {
    fn broken(error: Error) -> End {
        End::Connection(Self {
            cleanly: false,
            error,
        })
    }
}

impl Driver {
    pub(super) fn new(
        api: Api,
        turn: Arc<Progress>,
        options: TurnEventOptions,
        queue: Producer,
        commands: mpsc::Receiver<Command>,
        knows: Knows,
    ) -> Self {
        let resume = Resume::new(turn.baseline);
        Self {
            api,
            turn,
            options,
            queue,
            commands,
            resume,
            undecoded: Vec::new(),
            batch: Vec::new(),
            over: false,
            progress: false,
            numbering: Numbering::Ids,
            delivered: Delivered::default(),
            asked_for_all: true,
            unknown_until: (knows == Knows::Soon).then(|| Instant::now() + LATE),
            suspense: false,
        }
    }

    /// Runs the stream to its end and reports it to the queue.
    pub(super) async fn run(mut self) {
        let closing = self.api.closing().clone();
        let end = closing.until_closed(self.drive()).await;
        let named = |error| self.api.without_key(self.turn.name(error));
        let end = end.map(drop).map_err(named);
        if let Err(error) = &end {
            self.turn.end_with(TurnEnd::Broken(error.clone()));
        }
        self.turn.publish();
        self.queue.finish(end);
    }

    async fn drive(&mut self) -> Result<End> {
        let mut backoff = Backoff::starting_at(FIRST_WAIT, self.options.max_reconnects);
        loop {
            self.progress = false;
            let lost = match self.connection().await? {
                End::Connection(lost) => lost,
                end => return Ok(end),
            };
            let socket = if lost.cleanly {
                Peer::Closed
            } else {
                Peer::Open
            };
            if (lost.cleanly || self.suspense)
                && let Some(end) = looked(self.poll_messages(socket).await)?
            {
                return Ok(end);
            }
            if lost.cleanly
                && let Some(error) = self.turn.end_left_out()
            {
                return Err(error);
            }
            if self.progress {
                backoff.progress();
            }
            let asked = lost.error.retry_after().unwrap_or_default();
            match backoff.next(None, jitter()) {
                Some(wait) if asked <= LONGEST_RETRY_AFTER => {
                    let wait = wait.max(asked);
                    tracing::debug!(session = %self.turn.session_id, ?wait, after = self.resume.high(), "reconnecting the turn's socket");
                    tokio::time::sleep(wait).await;
                }
                _ => {
                    return match self.poll_messages(Peer::Closed).await {
                        Ok(Some(end)) => Ok(end),
                        Err(error) if FrameDecoder::caused(&error) => Err(error),
                        _ => Err(self.given_up(lost.error)),
                    };
                }
            }
        }
    }

    /// Opens one connection and reads it to its end.
    async fn connection(&mut self) -> Result<End> {
        let mut socket = match self.open().await {
            Ok(socket) => socket,
            Err(error) => return self.failed_to_open(error).await,
        };
        self.resume.connected();
        self.api.see_connection();
        self.delivered.connected(self.asked_for_all);
        if self.resume.connections() > 1 {
            self.turn.in_pieces();
        }
        let end = self.read(&mut socket).await;
        if matches!(end, Ok(End::Turn)) {
            // Nobody shall wait for the farewell.
            self.turn.publish();
            self.queue.finish(Ok(()));
            socket.close().await;
        }
        end
    }

    async fn read(&mut self, socket: &mut Socket) -> Result<End> {
        let idle_timeout = self.options.keep_alive()?.idle_timeout;
        let mut check_at = Instant::now() + idle_timeout;
        loop {
            let first = tokio::select! {
                biased;
                Some(command) = self.commands.recv() => {
                    if let Err(error) = command.send(socket).await {
                        return Ok(Lost::broken(error));
                    }
                    continue;
                }
                incoming = socket.next() => incoming,
                () = tokio::time::sleep_until(check_at) => {
                    // The socket lives, but says nothing.
                    if let Some(end) = looked(self.poll_messages(Peer::Open).await)? {
                        return Ok(end);
                    }
                    self.nothing_follows();
                    check_at = Instant::now() + idle_timeout;
                    continue;
                }
            };
            let lost = self.take_ready(first, socket);
            let decoded = self.decode_frames().await;
            if !self.batch.is_empty() {
                let end = self.flush(Some(&mut *socket)).await?;
                if let Some(end) = end {
                    return Ok(end);
                }
                // Also where the consumer was slow: nobody was reading then.
                socket.mark_alive();
                let wait = if self.suspense {
                    SUSPENSE.min(idle_timeout)
                } else {
                    idle_timeout
                };
                check_at = Instant::now() + wait;
            }
            // What arrived before the one that failed was delivered.
            decoded?;
            if let Some(lost) = lost {
                return self.lost(lost);
            }
        }
    }

    /// Takes a frame, and those that are there already, into the batch. Says so
    /// where the socket came to its end.
    fn take_ready(
        &mut self,
        first: Result<ws::Incoming, ws::Lost>,
        socket: &mut Socket,
    ) -> Option<ws::Lost> {
        let mut frame = first;
        let mut size = 0;
        for remaining in (0..FRAMES_PER_BATCH).rev() {
            match frame {
                Ok(ws::Incoming::Text(text)) => {
                    size += text.len();
                    self.api.see_frame(&text);
                    match self.api.config().decode_frame {
                        Some(_) => self.undecoded.push(text.to_string()),
                        None => self.take_frame(&text),
                    }
                }
                Ok(ws::Incoming::Binary(bytes)) => {
                    size += bytes.len();
                    if let Ok(text) = std::str::from_utf8(&bytes) {
                        self.api.see_frame(text);
                    }
                    // Not documented: JSON is taken, anything else is not.
                    match std::str::from_utf8(&bytes) {
                        Ok(text) if self.api.config().decode_frame.is_some() => {
                            self.undecoded.push(text.to_owned());
                        }
                        Ok(text) if meaning::is_json(text) => self.take_frame(text),
                        _ => {}
                    }
                }
                Err(lost) => return Some(lost),
            }
            if remaining == 0 || size >= BYTES_PER_BATCH {
                break;
            }
            frame = Ok(socket.try_next()?);
        }
        None
    }

    /// Takes the frames that wait for `decode_frame` into the batch: those before one
    /// that it fails on, if it does.
    async fn decode_frames(&mut self) -> Result<()> {
        let frames = std::mem::take(&mut self.undecoded);
        let Some(decoder) = &self.api.config().decode_frame else {
            return Ok(());
        };
        if frames.is_empty() {
            return Ok(());
        }
        let values = frames.iter().map(|text| frame_of(text)).collect();
        let (decoded, failed) = decoder.decode(values).await;
        let odd = frames.get(decoded.len()).map_or("", String::as_str);
        let failed = failed.map(|why| FrameDecoder::error(&why, odd));
        for (frame, came) in decoded.into_iter().zip(&frames) {
            match frame {
                Some(frame) => {
                    self.turn.frame_came(None);
                    self.take_frame(&frame);
                }
                None => {
                    if let Incoming::Event(event) = Incoming::read(came, &self.api.config().dialect)
                    {
                        self.turn.frame_came(Some(&event));
                    }
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn take_frame(&mut self, text: &str) {
        match Incoming::read(text, &self.api.config().dialect) {
            Incoming::Ack { resume_from } => self.turn.resumes_from(resume_from),
            Incoming::Event(event) => {
                if !event.is_of_another(&self.turn.started.agent_message_id) {
                    self.batch.push(event);
                }
            }
        }
    }

    /// What the end of a socket means.
    fn lost(&self, lost: ws::Lost) -> Result<End> {
        match lost {
            ws::Lost::Broken(error) => Ok(Lost::broken(error)),
            ws::Lost::TooLarge => Err(Error::new(
                ErrorKind::EventTooLarge,
                format!(
                    "A frame is larger than the limit of {} MiB. Read the session's history instead",
                    crate::sse::MAX_EVENT_BYTES >> 20
                ),
            )),
            ws::Lost::Closed(close) => {
                let error = Error::new(
                    ErrorKind::Connection,
                    match &close {
                        Some((code, reason)) => {
                            format!("The service closed the turn's socket with {code} {reason}")
                        }
                        None => "The service closed the turn's socket".to_owned(),
                    },
                );
                let late = !self.turn.has_events() && self.may_be_unknown();
                let cleanly = match after_close(close.as_ref()) {
                    AfterClose::Refused(error) if error.kind() == ErrorKind::NotFound => {
                        // A gateway may lose the socket's route alone.
                        if late || self.turn.has_events() {
                            let cleanly = !late;
                            return Ok(End::Connection(Lost { cleanly, error }));
                        }
                        return Err(self.unknown(error));
                    }
                    AfterClose::Refused(error) => return Err(error),
                    AfterClose::LookAtHistory => true,
                    AfterClose::Reconnect => false,
                };
                Ok(End::Connection(Lost { cleanly, error }))
            }
        }
    }

    /// Gives the batch to the consumer, less what it has.
    async fn flush(&mut self, socket: Option<&mut Socket>) -> Result<Option<End>> {
        let arrived = std::mem::take(&mut self.batch);
        // One look-up answers for all that arrived before it.
        let newest = arrived.iter().filter_map(Event::id).max().unwrap_or(0);
        let mut ready = Vec::with_capacity(arrived.len());
        let mut outcome = Ok(None);
        for event in arrived {
            outcome = self.admit(event, newest, &mut ready).await;
            if self.over || !matches!(outcome, Ok(None)) {
                break;
            }
        }
        // What was let through counts as delivered, whatever came after it.
        let pushed = self.push(ready, socket).await;
        Ok(pushed.or(outcome?))
    }

    /// Puts an event that the consumer shall have into `ready`, after those
    /// that are missing before it. `newest` is the highest id that arrived with
    /// it. Says so where the missing ones cannot be read now.
    async fn admit(
        &mut self,
        event: Event,
        newest: i64,
        ready: &mut Vec<Event>,
    ) -> Result<Option<End>> {
        let words = event.words();
        self.delivered.came(words);
        self.number_by(&event, words);
        let id = match event.id() {
            Some(id) if self.numbering == Numbering::Ids => id,
            _ => {
                if self.is_new(&event, words) {
                    self.record(event, words, ready);
                }
                return Ok(None);
            }
        };
        loop {
            self.record_found_before(id, ready);
            if self.over {
                return Ok(None);
            }
            match self.resume.admit(&event) {
                Step::Drop => {
                    self.delivered.came_again(words);
                    return Ok(None);
                }
                Step::LookUp { .. } => match self.turn.message(&self.api).await {
                    Ok(message) => self.looked_up(message.as_ref(), newest - 1),
                    Err(error) if error.is_final() || FrameDecoder::caused(&error) => {
                        return Err(error);
                    }
                    Err(error) => return Ok(Some(Lost::broken(error))),
                },
                Step::Deliver => {
                    // An earlier connection may have told it without its id.
                    if self.resume.connections() > 1 && self.delivered.is_known_without_id(words) {
                        self.delivered.came_again(words);
                    } else {
                        self.record(event, words, ready);
                    }
                    return Ok(None);
                }
            }
        }
    }

    /// Sees whether ids still tell events apart (docs/spec/raccoon.md, section 5.7).
    fn number_by(&mut self, event: &Event, words: u64) {
        let Some(id) = event.id().filter(|_| self.numbering == Numbering::Ids) else {
            return;
        };
        if id > self.resume.high() || self.resume.is_missing(id) {
            return;
        }
        let is_the_same = self
            .delivered
            .words_of(id)
            .is_none_or(|known| known == words);
        let entry = event.stream_entry_id();
        let numbering = match (entry, self.turn.last_entry()) {
            (Some(entry), Some(last)) if is_later(&entry, &last) => Numbering::Entries,
            _ if is_the_same => return,
            // Its place says that it came before.
            (Some(_), Some(_)) => return self.turn.ids_are_odd(),
            _ => Numbering::Words,
        };
        self.turn.ids_are_odd();
        tracing::warn!(session = %self.turn.session_id, id, ?numbering, "the ids of the turn's events do not rise");
        self.numbering = numbering;
    }

    /// Whether an event that its id does not tell apart was not seen yet.
    fn is_new(&mut self, event: &Event, words: u64) -> bool {
        let entry = event.stream_entry_id();
        let entry = entry.filter(|_| self.numbering == Numbering::Entries);
        let is_new = match (entry, self.turn.last_entry()) {
            (Some(entry), Some(last)) => is_later(&entry, &last),
            (Some(_), None) => true,
            (None, _) => return !self.delivered.repeats(words),
        };
        if !is_new {
            self.delivered.came_again(words);
        }
        is_new
    }

    /// Says so where an event may have been the turn's end, and nothing follows.
    fn nothing_follows(&mut self) {
        if std::mem::take(&mut self.suspense) {
            tracing::warn!(
                session = %self.turn.session_id,
                "nothing follows an event of a kind that is not known, and the history does not say that the turn is over: \
                 where it is, `wire` names its kind (`completed_kinds`, `failed_kinds`, `aborted_kinds`)"
            );
        }
    }

    /// Takes the events of the history into [`Resume`].
    fn looked_up(&mut self, message: Option<&Message>, up_to: i64) {
        let events: Vec<Event> = message.into_iter().flat_map(events_of).collect();
        let newest = events.iter().filter_map(Event::id).max().unwrap_or(up_to);
        self.resume.looked_up(events, newest.max(up_to));
    }

    /// Takes what a look-up found below this id, up to the end of the turn.
    fn record_found_before(&mut self, id: i64, ready: &mut Vec<Event>) {
        while !self.over {
            let Some(found) = self.resume.next_found_before(id) else {
                return;
            };
            // It may have come without its id.
            let words = found.words();
            if !self.delivered.is_known_without_id(words) {
                self.record(found, words, ready);
            }
        }
    }

    /// Notes a new event, whose words these are, and keeps it for the consumer.
    fn record(&mut self, event: Event, words: u64, ready: &mut Vec<Event>) {
        self.progress = true;
        self.over = event.is_terminal();
        self.suspense = may_be_the_end(&event);
        let id = event.id().filter(|_| self.numbering == Numbering::Ids);
        self.delivered.push(id, words);
        self.turn.saw(&event);
        self.turn.queued();
        ready.push(event);
    }

    /// Hands events on; where the consumer is slow, commands are sent all the
    /// same.
    async fn push(&mut self, mut ready: Vec<Event>, socket: Option<&mut Socket>) -> Option<End> {
        self.turn.publish();
        self.turn.handed_over(self.queue.surely_handed_over());
        if ready.is_empty() {
            return None;
        }
        let pushed = match socket {
            None => self.queue.push_batch(&mut ready).await,
            Some(socket) => loop {
                tokio::select! {
                    biased;
                    pushed = self.queue.push_batch(&mut ready) => break pushed,
                    Some(command) = self.commands.recv() => {
                        // A socket that broke is noticed when it is read next.
                        let _ = command.send(socket).await;
                    }
                }
            },
        };
        match pushed {
            false => Some(End::Consumer),
            true => self.over.then_some(End::Turn),
        }
    }

    /// Delivers what the history holds beyond the stream; says whether the turn
    /// is over.
    async fn poll_messages(&mut self, peer: Peer) -> Result<Option<End>> {
        let Some(message) = self.turn.message(&self.api).await? else {
            return Ok(None);
        };
        let mut ready = Vec::new();
        if self.numbering == Numbering::Ids {
            self.looked_up(Some(&message), self.resume.high());
            self.record_found_before(i64::MAX, &mut ready);
        } else {
            let told: Vec<Event> = events_of(&message).collect();
            let words: Vec<u64> = told.iter().map(Event::words).collect();
            let by_words = match self.numbering {
                Numbering::Words => self.delivered.new_among(&words),
                _ => Vec::new(),
            };
            for (at, event) in told.into_iter().enumerate() {
                let is_new = match self.numbering {
                    Numbering::Words => by_words.binary_search(&at).is_ok(),
                    _ => {
                        let frame = event.frame();
                        let has_place = frame.is_some_and(|frame| frame.stream_entry_id.is_some());
                        has_place && self.is_new(&event, words[at])
                    }
                };
                if is_new && !self.over {
                    self.record(event, words[at], &mut ready);
                }
            }
        }
        if !ready.is_empty() {
            self.turn.in_pieces();
        }
        if let Some(end) = self.push(ready, None).await {
            return Ok(Some(end));
        }
        // An end before the place to go on from, or one without an event.
        let end = match peer {
            Peer::Open => TurnEnd::of_message(&message),
            Peer::Closed => TurnEnd::of_closed(&message),
        };
        Ok(end.map(|end| {
            self.turn.in_pieces();
            self.turn.end_with(end);
            End::Turn
        }))
    }

    async fn open(&mut self) -> Result<Socket> {
        let keep_alive = self.options.keep_alive()?;
        let after = self.resume_entry().await;
        self.asked_for_all = after
            .as_deref()
            .is_none_or(|after| after == EntryId::BEGINNING);
        self.api
            .open_socket(
                &self.turn.session_id,
                &self.turn.started.agent_message_id,
                after.as_deref(),
                keep_alive,
            )
            .await
    }

    /// Where the next connection shall go on: after the newest entry. Where the
    /// live frames name none, the history does; otherwise from the beginning,
    /// and what was seen is dropped.
    async fn resume_entry(&mut self) -> Option<String> {
        if let Some(entry) = self.turn.entry() {
            return Some(entry);
        }
        if !self.turn.has_events() {
            let first = self.resume.connections() == 0;
            return (self.options.replay || !first).then(|| EntryId::BEGINNING.to_owned());
        }
        let beginning = EntryId::BEGINNING.to_owned();
        if self.numbering == Numbering::Words {
            return Some(beginning);
        }
        let high = self.resume.high();
        let message = self.turn.message(&self.api).await.ok().flatten();
        let told: Vec<Event> = message.iter().flat_map(events_of).collect();
        let ids: Vec<i64> = told.iter().filter_map(Event::id).collect();
        if !ids.is_sorted_by(|id, next| id < next) {
            return Some(beginning);
        }
        let mut known = told
            .iter()
            .rev()
            .filter(|event| event.id().is_some_and(|id| id <= high));
        let newest = known.next().and_then(Event::frame);
        let entry = newest.and_then(|frame| frame.stream_entry_id);
        Some(entry.unwrap_or(beginning))
    }

    /// Whether an attempt that failed may be repeated.
    async fn failed_to_open(&mut self, error: Error) -> Result<End> {
        if error.status_code() == Some(404) {
            match self.poll_messages(Peer::Closed).await {
                // The socket of a turn that is over may be gone.
                Ok(Some(end)) => return Ok(end),
                // A gateway may lose the socket's route alone.
                Ok(None) if self.resume.connections() > 0 => return Ok(Lost::broken(error)),
                _ => {}
            }
        }
        // Another part of the service took the turn a moment ago.
        let late = matches!(error.status_code(), Some(404 | 409 | 425));
        if late && self.resume.connections() == 0 && self.may_be_unknown() {
            return Ok(Lost::broken(error));
        }
        // A socket that was open before is refused by a wrong key only, and where
        // the turn is gone.
        let refused = match error.status_code() {
            Some(status) if self.resume.connections() > 0 => matches!(status, 401 | 404),
            _ => error.is_final(),
        };
        if refused {
            return Err(self.unknown(error));
        }
        Ok(Lost::broken(error))
    }

    /// Whether another part of the service may have taken the turn a moment ago.
    fn may_be_unknown(&self) -> bool {
        self.unknown_until
            .is_some_and(|until| Instant::now() < until)
    }

    /// The error of a turn that was started and is not found: it may run.
    fn unknown(&self, error: Error) -> Error {
        if error.kind() != ErrorKind::NotFound || self.unknown_until.is_none() {
            return error;
        }
        error.with_maybe_delivered(
            "The turn was started and may run: look at the session's history before you start it again. Where the \
             response to the start names its agent message otherwise, tell `wire` how (`agent_message_id`)",
        )
    }

    fn given_up(&self, error: Error) -> Error {
        if error.status_code().is_some() || error.kind() == ErrorKind::NotFound {
            return self.unknown(error);
        }
        Error::new(
            ErrorKind::Stream,
            format!(
                "The turn's stream broke and could not be opened again after {} attempts: {}{}. The turn may go on: \
                 attach to it later with its session, its message and `after`",
                self.options.max_reconnects,
                error.message(),
                self.turn.cure(),
            ),
        )
        .with_reason("reconnect_failed")
    }
}

/// What a look at the history brought. That it could not be read is no news, unless
/// the caller has to mend what reads it.
fn looked(found: Result<Option<End>>) -> Result<Option<End>> {
    match found {
        Err(error) if !FrameDecoder::caused(&error) => Ok(None),
        found => found,
    }
}

impl Command {
    /// Sends the frame, unless nobody waits for it any more. The error is the
    /// socket's.
    async fn send(self, socket: &mut Socket) -> Result<()> {
        if self.done.is_closed() {
            return Ok(());
        }
        self.begun.store(true, Ordering::Relaxed);
        let sent = socket.send(self.text).await;
        let told = sent.clone().map_err(|error| {
            error.with_maybe_delivered(
                "The frame may have arrived all the same, so it was not sent again: look at the turn's events.",
            )
        });
        // Whoever asked may be gone by now.
        let _ = self.done.send(told);
        sent
    }
}

//! What is known of a turn: written by its stream, read by its handles.

use std::borrow::Cow;
use std::sync::MutexGuard;
use std::time::Instant;

use super::answers::Started;
use super::api::Api;
use super::assembly::Assembly;
use super::dialect::{cure_of, is_of_turns};
use super::ending::{TurnEnd, events_of};
use super::events::is_later;
use super::hooks::FrameDecoder;
use super::models::{After, Message, ResumePoint, TextMode, TurnState, TurnStatus};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::handle::{Digest, TurnPlace};
use crate::stream::{Places, TaskLog, Watched};

/// What is known of a turn: written by its stream, read by its handles.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) session_id: String,
    pub(super) started: Started,
    pub(super) begun: Instant,
    /// What was sent; none where that is not known.
    pub(super) prompt: Digest,
    /// Everything up to this event is left out.
    pub(super) baseline: i64,
    pub(super) state: Watched<State>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) log: TaskLog<TurnEnd>,
    pub(super) assembly: Assembly,
    /// The ids of the events do not tell them apart.
    pub(super) ids_are_odd: bool,
    /// Not all of it came over one socket: what fits together by its ids need not be
    /// the whole.
    pub(super) in_pieces: bool,
    resume_from: Option<String>,
    /// The newest stream entry seen.
    last_entry: Option<String>,
    /// The newest event.
    last_event: Option<i64>,
    /// Whether that event named its stream entry.
    entry_is_of_event: bool,
    /// A frame that `decode_frame` left out, and that may have been the end.
    left_out: Option<LeftOut>,
    /// Those of the events for the consumer.
    places: Places<TurnPlace>,
}

/// A frame that `decode_frame` left out.
#[derive(Debug)]
struct LeftOut {
    kind: String,
    /// A turn ends with it.
    ends: bool,
}

/// Below every event id: not even the first one is taken for old.
const BEFORE_ALL: i64 = -1;

impl Progress {
    pub(super) fn new(
        session_id: String,
        started: Started,
        begun: Instant,
        prompt: Digest,
        text_mode: TextMode,
    ) -> Self {
        Self {
            session_id,
            started,
            begun,
            prompt,
            baseline: BEFORE_ALL,
            state: Watched::new(State {
                log: TaskLog::new(begun),
                assembly: Assembly::reading(text_mode),
                ids_are_odd: false,
                in_pieces: false,
                resume_from: None,
                last_entry: None,
                last_event: None,
                entry_is_of_event: true,
                left_out: None,
                places: Places::new(TurnPlace::default()),
            }),
        }
    }

    /// Takes what the history tells up to this place as known.
    pub(super) fn skip(&mut self, after: &After, message: Option<&Message>) {
        let (entry, event_id) = match after {
            After::Entry(entry) => (Some(entry.clone()), None),
            After::Point {
                last_stream_entry_id,
                last_event_id,
            } => (last_stream_entry_id.clone(), *last_event_id),
        };
        let mut baseline = event_id.unwrap_or(BEFORE_ALL);
        let state = self.state.get_mut();
        for event in message.into_iter().flat_map(events_of) {
            let place = event.stream_entry_id();
            // Places in the stream rise, whatever the ids do.
            let known = match (event.id(), event_id, &place, &entry) {
                (_, _, Some(place), Some(last)) => !is_later(place, last),
                (Some(id), Some(last), _, _) => id <= last,
                _ => false,
            };
            if known {
                baseline = baseline.max(event.id().unwrap_or(BEFORE_ALL));
                state.assembly.add(&event);
                let place = place.map(Cow::into_owned);
                state.last_entry = place.or(state.last_entry.take());
            }
        }
        state.in_pieces = true;
        state.last_entry = entry.or(state.last_entry.take());
        state.last_event = (baseline > BEFORE_ALL).then_some(baseline);
        state.entry_is_of_event = state.last_entry.is_some();
        state.places = Places::new(state.place());
        self.baseline = baseline;
    }

    /// Notes an event of this turn.
    pub(super) fn saw(&self, event: &Event) {
        let entry = event.stream_entry_id();
        let mut state = self.lock();
        state.assembly.add(event);
        if let Some(id) = event.id() {
            state.last_event = state.last_event.max(Some(id));
            state.entry_is_of_event = entry.is_some();
        }
        if let Some(entry) = entry
            && state
                .last_entry
                .as_deref()
                .is_none_or(|last| is_later(&entry, last))
        {
            state.last_entry = Some(entry.into_owned());
        }
        if let Some(end) = TurnEnd::of_event(event) {
            state.log.end_with(end);
        }
        state.log.saw(event);
    }

    /// Notes the place of the newest event, which goes into the consumer's queue.
    pub(super) fn queued(&self) {
        let mut state = self.lock();
        let place = state.place();
        state.places.push(place);
    }

    /// The consumer has so many events at least.
    pub(super) fn handed_over(&self, count: u64) {
        self.lock().places.forget_before(count);
    }

    /// The place after the first so many events for the consumer.
    pub(super) fn place_after(&self, count: u64) -> TurnPlace {
        self.lock().places.after(count).clone()
    }

    /// A connection stands, and goes on from there.
    pub(super) fn resumes_from(&self, resume_from: String) {
        self.lock().resume_from = Some(resume_from);
    }

    /// The stream entry to go on from: none where nothing was seen, or where
    /// the newest event did not name its own.
    pub(super) fn entry(&self) -> Option<String> {
        let state = self.lock();
        state.last_entry.clone().filter(|_| state.entry_is_of_event)
    }

    /// The newest stream entry that was seen.
    pub(super) fn last_entry(&self) -> Option<String> {
        self.lock().last_entry.clone()
    }

    /// Events may have been lost, or come twice, as their ids do not rise.
    pub(super) fn ids_are_odd(&self) {
        self.lock().ids_are_odd = true;
    }

    /// What comes now follows what came over another socket, or stands in the history.
    pub(super) fn in_pieces(&self) {
        self.lock().in_pieces = true;
    }

    /// Whether any event was seen.
    pub(super) fn has_events(&self) -> bool {
        !self.lock().log.is_empty()
    }

    /// Tells those who wait that something was noted.
    pub(super) fn publish(&self) {
        self.state.publish();
    }

    /// Notes how the turn ended. Only the first end counts.
    pub(super) fn end_with(&self, end: TurnEnd) {
        self.lock().log.end_with(end);
        self.publish();
    }

    /// An error about this turn: it says where to attach.
    pub(super) fn name(&self, error: Error) -> Error {
        let state = self.lock();
        let error = error
            .with_session(&self.session_id)
            .with_turn(&self.started.agent_message_id, state.last_entry.as_deref());
        match state.last_event {
            Some(id) => error.with_last_event_id(id),
            None => error,
        }
    }

    /// Notes what came of the newest frame: `Some` where `decode_frame` left it out.
    pub(super) fn frame_came(&self, left_out: Option<&Event>) {
        let mut state = self.lock();
        if state
            .left_out
            .as_ref()
            .is_some_and(|left_out| left_out.ends)
        {
            return;
        }
        // One that is known and no end leaves nothing open.
        let may_end = |event: &&Event| event.is_terminal() || !is_of_turns(event.event_type());
        state.left_out = left_out.filter(may_end).map(|event| LeftOut {
            kind: event.event_type().name().to_owned(),
            ends: event.is_terminal(),
        });
    }

    /// The error of a turn whose end was left out.
    pub(super) fn end_left_out(&self) -> Option<Error> {
        let state = self.lock();
        let left_out = state.left_out.as_ref().filter(|left_out| left_out.ends)?;
        Some(FrameDecoder::end_left_out(&left_out.kind))
    }

    /// Which setting may tell more, where the turn does not end for this client and its
    /// newest event is not understood; else nothing. A sentence that follows another.
    pub(super) fn cure(&self) -> String {
        let state = self.lock();
        let cure = match &state.left_out {
            Some(LeftOut { kind, ends }) => Some(FrameDecoder::left_out(kind, *ends)),
            None => state.log.latest().and_then(cure_of),
        };
        cure.map_or_else(String::new, |cure| format!(". {cure}"))
    }

    /// The turn's agent message in the history, if it is there.
    pub(super) async fn message(&self, api: &Api) -> Result<Option<Message>> {
        api.message(&self.session_id, &self.started.agent_message_id)
            .await
            .map_err(|error| match FrameDecoder::caused(&error) {
                true => self.name(error),
                false => error,
            })
    }

    /// Whether it is known how the turn ended; a stream that was lost tells nothing.
    pub(super) fn is_over(&self) -> bool {
        self.end().is_some_and(|end| end.is_known())
    }

    pub(super) fn end(&self) -> Option<TurnEnd> {
        self.lock().log.end()
    }

    pub(super) fn recent(&self) -> Vec<Event> {
        self.lock().log.recent()
    }

    pub(super) fn snapshot(&self) -> TurnState {
        let state = self.lock();
        TurnState {
            session_id: self.session_id.clone(),
            message_id: self.started.agent_message_id.clone(),
            user_message_id: self.started.user_message_id.clone(),
            workflow_id: self.started.workflow_id.clone(),
            status: state.status(&self.started),
            queue_position: state.queue_position(&self.started),
            resume_from: state.resume_from.clone(),
            text: state.assembly.text(),
            plan: state.assembly.plan().to_vec(),
            files: state.assembly.files().clone(),
            resume_point: self.resume_point(&state),
        }
    }

    pub(super) fn resume_point(&self, state: &State) -> ResumePoint {
        ResumePoint {
            session_id: self.session_id.clone(),
            message_id: self.started.agent_message_id.clone(),
            last_stream_entry_id: state.last_entry.clone(),
            last_event_id: state.last_event,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    /// The place after the newest event.
    fn place(&self) -> TurnPlace {
        TurnPlace {
            event_id: self.last_event,
            entry: self.last_entry.clone(),
        }
    }

    pub(super) fn status(&self, started: &Started) -> TurnStatus {
        if let Some(end) = self.log.end() {
            return end.status();
        }
        let queued = started.status.as_deref() == Some("queued")
            || started.queue_position.is_some_and(|position| position > 0);
        match started.status.as_deref() {
            _ if !self.log.is_empty() => TurnStatus::Running,
            _ if queued => TurnStatus::Queued,
            Some("running") => TurnStatus::Running,
            _ => TurnStatus::Submitted,
        }
    }

    pub(super) fn queue_position(&self, started: &Started) -> Option<u64> {
        // That its stream was lost does not say that it runs.
        let is_over = self.log.end().is_some_and(|end| end.is_known());
        match is_over || !self.log.is_empty() {
            true => Some(0),
            false => started.queue_position,
        }
    }
}

//! A session and its turns.

use super::dialect::Dialect;
use super::limiter::Permit;
use super::log::{Draft, Ending, Entry, EntryId, Log};
use super::owner::Owner;
use super::resume::Resume;
use super::saved::SavedSession;
use super::turn::{Phase, Turn};
use super::validate::StartTurn;
use crate::agent::Detached;
use crate::clock::{Clock, SessionTime, Timestamp};
use crate::faults::Stop;
use crate::sync::lock;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

/// A title made of a prompt has at most so many characters.
const TITLE: usize = 60;

/// A session of one key.
#[derive(Debug)]
pub(crate) struct Session {
    /// Its storage key is made of it; everywhere else the session goes by `session_id`.
    pub(super) number: u64,
    pub(super) session_id: String,
    pub(super) owner: Owner,
    pub(super) created_at: Timestamp,
    pub(super) clock: Clock,
    dialect: Arc<Dialect>,
    state: Mutex<State>,
    /// Notified when anything changes.
    changed: Notify,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) time: SessionTime,
    title: String,
    updated_at: Timestamp,
    pub(super) turns: Vec<Turn>,
    /// The sandbox's files.
    files: BTreeMap<String, Value>,
    /// What the scripts of its turns kept, by name.
    pub(super) saved: BTreeMap<String, String>,
    /// Where the script that plays is.
    place: Option<String>,
    deleted: bool,
}

/// What a session is listed by.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) title: String,
    pub(super) updated_at: Timestamp,
    pub(super) object: Value,
}

/// A session at a glance.
#[derive(Debug)]
pub(crate) struct Glance {
    pub(crate) session_id: String,
    pub(crate) created_at: Timestamp,
    pub(crate) turns: usize,
    pub(crate) prompt: String,
    pub(crate) status: &'static str,
    /// The newest event as it is sent.
    pub(crate) latest: Option<String>,
    /// Where the script is, while it plays.
    pub(crate) place: Option<String>,
}

/// Why there is no new turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoTurn {
    /// The session has one that has not ended.
    InProgress,
    /// All permits are taken.
    Full,
}

/// A turn that begins.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) index: usize,
    /// 0: it runs.
    pub(super) queue_position: usize,
    /// Says when a queued turn may run.
    pub(super) granted: Option<oneshot::Receiver<()>>,
    pub(super) user_message_id: String,
    pub(super) agent_message_id: String,
}

impl State {
    fn touch(&mut self) {
        self.updated_at = self.time.now();
    }

    /// Adds events to a turn that has not ended.
    pub(super) fn append(
        &mut self,
        index: usize,
        drafts: Vec<Draft>,
        dialect: &Dialect,
    ) -> Result<(), Detached> {
        let now = self.time.now();
        self.updated_at = now;
        let turn = self.turns.get_mut(index).ok_or(Detached)?;
        if matches!(turn.phase, Phase::Ended(_)) {
            return Err(Detached);
        }
        for draft in &drafts {
            if draft.kind == "sandbox.snapshot" {
                keep_files(&mut self.files, &draft.payload);
            }
        }
        turn.log
            .append(&turn.agent_message_id, drafts, now, dialect);
        Ok(())
    }
}

fn keep_files(files: &mut BTreeMap<String, Value>, payload: &Value) {
    for (path, file) in payload["snapshot"].as_object().into_iter().flatten() {
        files.insert(path.clone(), file.clone());
    }
    for path in payload["deleted"].as_array().into_iter().flatten() {
        path.as_str().map(|path| files.remove(path));
    }
}

impl Session {
    pub(super) fn new(
        number: u64,
        session_id: &str,
        owner: Owner,
        prompt: &str,
        clock: Clock,
        dialect: Arc<Dialect>,
    ) -> Self {
        let time = SessionTime::new(clock);
        let now = time.now();
        let line = prompt.split_whitespace().collect::<Vec<_>>().join(" ");
        Self {
            number,
            session_id: session_id.to_owned(),
            owner,
            created_at: now,
            clock,
            dialect,
            state: Mutex::new(State {
                time,
                title: line.chars().take(TITLE).collect(),
                updated_at: now,
                turns: Vec::new(),
                files: BTreeMap::new(),
                saved: BTreeMap::new(),
                place: None,
                deleted: false,
            }),
            changed: Notify::new(),
        }
    }

    pub(super) fn to_saved(&self) -> SavedSession {
        let state = self.lock();
        SavedSession {
            number: self.number,
            session_id: self.session_id.clone(),
            title: state.title.clone(),
            created_at: self.created_at.as_millis(),
            updated_at: state.updated_at.as_millis(),
            now: state.time.now().as_millis(),
            clock: self.clock,
            dialect: Dialect::clone(&self.dialect),
            files: state.files.clone(),
            saved: state.saved.clone(),
            turns: state.turns.iter().map(Turn::to_saved).collect(),
        }
    }

    /// A saved session, at rest. Whose it is, its account says.
    pub(super) fn restore(saved: SavedSession) -> Result<Self, String> {
        let id = saved.session_id;
        let time = SessionTime::resumed(saved.clock, Timestamp::from_millis(saved.now));
        let now = time.now();
        let turns = saved.turns.into_iter();
        let turns = turns.map(|turn| Turn::restore(turn, now, &saved.dialect));
        let turns = turns.collect::<Result<_, _>>();
        let turns = turns.map_err(|problem| format!("a turn of the session {id}: {problem}"))?;
        Ok(Self {
            number: saved.number,
            session_id: id,
            owner: Owner::nobody(),
            created_at: Timestamp::from_millis(saved.created_at),
            clock: saved.clock,
            dialect: Arc::new(saved.dialect),
            state: Mutex::new(State {
                time,
                title: saved.title,
                updated_at: Timestamp::from_millis(saved.updated_at),
                turns,
                files: saved.files,
                saved: saved.saved,
                place: None,
                deleted: false,
            }),
            changed: Notify::new(),
        })
    }

    /// Says where the script that works on the turn is; `None`: no script does.
    pub(super) fn plays(&self, place: Option<String>) {
        self.lock().place = place;
    }

    /// What a person sees of it at a glance: its newest turn, how that is, and what it said last.
    pub(crate) fn glance(&self) -> Glance {
        let state = self.lock();
        let last = state.turns.last();
        let phase = last.map(|turn| turn.phase);
        let entry = last.and_then(|turn| turn.log.from(turn.log.len().saturating_sub(1)).last());
        Glance {
            session_id: self.session_id.clone(),
            created_at: self.created_at,
            turns: state.turns.len(),
            prompt: last.map_or_else(String::new, |turn| turn.request.prompt.clone()),
            status: match phase {
                None => "ready",
                Some(Phase::Queued) => "queued",
                Some(Phase::Running) => "running",
                Some(Phase::Ended(Ending::Completed)) => "completed",
                Some(Phase::Ended(Ending::Aborted)) => "aborted",
                Some(Phase::Ended(Ending::Failed)) => "error",
            },
            latest: entry.map(|entry| entry.frame.to_string()),
            place: state
                .place
                .clone()
                .filter(|_| phase == Some(Phase::Running)),
        }
    }

    /// A number that changes with what the session holds.
    pub(super) fn changes(&self) -> u64 {
        let state = self.lock();
        let events = state.turns.iter().map(|turn| turn.log.len() as u64);
        // A real one passes all the time.
        let time = match self.clock {
            Clock::Fast => state.time.now().as_millis(),
            Clock::Real => 0,
        };
        let counts = events.sum::<u64>() + ((state.turns.len() as u64) << 16);
        counts + state.updated_at.as_millis() + time
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// How it speaks, from its beginning on.
    pub(super) fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    /// The prompt of the newest turn, and whether that is in progress.
    pub(crate) fn prompt_in_progress(&self) -> (String, bool) {
        let state = self.lock();
        let last = state.turns.last();
        let busy = last.is_some_and(|turn| !matches!(turn.phase, Phase::Ended(_)));
        (
            last.map(|turn| turn.request.prompt.clone())
                .unwrap_or_default(),
            busy,
        )
    }

    /// The index of the turn with this agent message.
    pub(super) fn turn(&self, agent_message_id: &str) -> Option<usize> {
        let state = self.lock();
        let is = |turn: &Turn| turn.agent_message_id == agent_message_id;
        state.turns.iter().position(is)
    }

    /// Begins a turn, with a permit or in the queue. Its agent is still to be set to work.
    pub(super) fn begin(&self, request: StartTurn, number: u64) -> Result<Begun, NoTurn> {
        let mut state = self.lock();
        let last = state.turns.last();
        if last.is_some_and(|turn| !matches!(turn.phase, Phase::Ended(_))) {
            return Err(NoTurn::InProgress);
        }
        let index = state.turns.len();
        let (phase, queue_position, granted) = match self.owner.limiter.acquire() {
            Permit::Granted => (Phase::Running, 0, None),
            Permit::Queued { position, granted } => (Phase::Queued, position, Some(granted)),
            Permit::Refused => return Err(NoTurn::Full),
        };
        state.touch();
        let turn = Turn {
            user_message_id: format!("msg_u{number}"),
            agent_message_id: format!("msg_a{}", number + 1),
            begun_at: state.updated_at,
            phase,
            log: Log::default(),
            inbox: VecDeque::new(),
            sockets: 0,
            cuts: Vec::new(),
            content: String::new(),
            stopped: CancellationToken::new(),
            request,
        };
        let begun = Begun {
            index,
            queue_position,
            granted,
            user_message_id: turn.user_message_id.clone(),
            agent_message_id: turn.agent_message_id.clone(),
        };
        state.turns.push(turn);
        Ok(begun)
    }

    /// Runs a queued turn that got its permit. One that has ended meanwhile gives it back.
    pub(super) fn run_queued(&self, index: usize) -> Result<(), Detached> {
        let mut state = self.lock();
        let queued = state
            .turns
            .get_mut(index)
            .filter(|turn| turn.phase == Phase::Queued);
        if let Some(turn) = queued {
            turn.phase = Phase::Running;
            Ok(())
        } else {
            self.owner.limiter.release();
            Err(Detached)
        }
    }

    /// Ends a turn that has not ended.
    pub(super) fn end(
        &self,
        index: usize,
        draft: Draft,
        content: Option<String>,
    ) -> Result<(), Detached> {
        let mut state = self.lock();
        let ending = draft.ending().unwrap_or(Ending::Completed);
        state.append(index, vec![draft], &self.dialect)?;
        let turn = state.turns.get_mut(index).ok_or(Detached)?;
        let had_permit = turn.phase == Phase::Running;
        turn.phase = Phase::Ended(ending);
        turn.content = content.unwrap_or_else(|| turn.log.text.clone());
        turn.stopped.cancel();
        if had_permit {
            // Before anybody can see that the turn has ended.
            self.owner.limiter.release();
        }
        drop(state);
        self.changed.notify_waiters();
        Ok(())
    }

    /// Ends a turn as aborted.
    pub(super) fn abort(&self, index: usize, reason: &str) -> Result<(), Detached> {
        self.end(index, Draft::aborted(reason), None)
    }

    /// Ends the turn in progress, if there is one: the session is not listed any more.
    pub(super) fn delete(&self) {
        let reason = "Session deleted";
        let last = {
            let mut state = self.lock();
            state.deleted = true;
            state.turns.len()
        };
        if let Some(index) = last.checked_sub(1)
            && self.abort(index, reason).is_ok()
        {
            tracing::debug!(session_id = self.session_id, reason, "a turn was aborted");
        }
    }

    /// Jumps ahead; false: its clock is real.
    pub(super) fn advance(&self, by: Duration) -> bool {
        self.lock().time.advance(by);
        self.clock == Clock::Fast
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.lock().deleted
    }

    /// A message for the running turn.
    pub(super) fn message(
        &self,
        index: usize,
        text: &str,
        files: &[Value],
        references: &[Value],
    ) -> Result<(), Detached> {
        let mut state = self.lock();
        let received = Draft::received(text, files, references);
        state.append(index, vec![received], &self.dialect)?;
        if let Some(turn) = state.turns.get_mut(index) {
            turn.inbox.push_back(text.to_owned());
        }
        drop(state);
        self.changed.notify_waiters();
        Ok(())
    }

    pub(super) fn changed(&self) -> &Notify {
        &self.changed
    }

    /// Where a WebSocket on a turn begins, and how many cuts came before it.
    pub(super) fn open(
        &self,
        index: usize,
        after: Option<EntryId>,
        resume: Resume,
    ) -> (usize, usize) {
        let mut state = self.lock();
        let Some(turn) = state.turns.get_mut(index) else {
            return (0, 0);
        };
        let cuts = turn.cuts.len();
        turn.sockets += 1;
        let cursor = match (after, resume) {
            (None, _) | (_, Resume::Ignored) => 0,
            (Some(id), Resume::Honoured) => turn.log.position(id, false),
            (Some(id), Resume::Inclusive) => turn.log.position(id, true),
        };
        drop(state);
        self.changed.notify_waiters();
        (cursor, cuts)
    }

    /// The cut of this number, if it came: after how many events, and how.
    pub(super) fn cut(&self, index: usize, number: usize) -> Option<(usize, Stop)> {
        let state = self.lock();
        state.turns.get(index)?.cuts.get(number).copied()
    }

    /// The next events of a turn, and whether it has ended.
    pub(super) fn read(&self, index: usize, cursor: usize, most: usize) -> (Vec<Entry>, bool) {
        let state = self.lock();
        let Some(turn) = state.turns.get(index) else {
            return (Vec::new(), true);
        };
        let entries = turn.log.from(cursor);
        let entries = entries[..entries.len().min(most)].to_vec();
        (entries, matches!(turn.phase, Phase::Ended(_)))
    }

    pub(super) fn rename(&self, title: &str) {
        let mut state = self.lock();
        state.title = title.to_owned();
        state.touch();
    }

    pub(super) fn listed(&self) -> Listed {
        let state = self.lock();
        Listed {
            title: state.title.clone(),
            updated_at: state.updated_at,
            object: json!({
                "id": format!("s_{:02}", self.number),
                "sessionId": self.session_id,
                "title": state.title,
                "userId": self.owner.user_id,
                "createdAt": self.created_at.as_millis(),
                "updatedAt": state.updated_at.as_millis(),
                "fileSnapshot": state.files,
            }),
        }
    }

    /// The body of `GET /sessions/{session_id}`.
    pub(super) fn history(&self) -> Vec<u8> {
        let mut session = self.listed().object;
        session["deleted"] = false.into();
        session["isPinned"] = false.into();
        session["sandboxImage"] = "default".into();
        let state = self.lock();
        let (before, after) = if self.dialect.wrapped {
            ("{\"data\":", "}")
        } else {
            ("", "")
        };
        let mut body = format!("{before}{{\"session\":{session},\"messages\":[").into_bytes();
        for (index, turn) in state.turns.iter().enumerate() {
            if index > 0 {
                body.push(b',');
            }
            let user = json!({
                "id": turn.user_message_id,
                "sessionId": self.session_id,
                "type": "user",
                "content": turn.request.prompt,
                "createdAt": turn.begun_at.as_millis(),
                "inputMode": turn.request.mode,
                "aborted": false,
                "files": turn.request.files,
                "events": [],
            });
            let agent = json!({
                "id": turn.agent_message_id,
                "sessionId": self.session_id,
                "type": "agent",
                "content": if self.dialect.without_content { "" } else { &turn.content },
                "createdAt": turn.begun_at.as_millis() + 1,
                "aborted": turn.phase == Phase::Ended(Ending::Aborted),
                "files": [],
            });
            body.extend_from_slice(user.to_string().as_bytes());
            body.push(b',');
            let agent = agent.to_string();
            body.extend_from_slice(agent.trim_end_matches('}').as_bytes());
            body.extend_from_slice(b",\"events\":");
            turn.log.write(&mut body, &self.dialect);
            body.push(b'}');
        }
        body.extend_from_slice(b"]}");
        body.extend_from_slice(after.as_bytes());
        body
    }
}

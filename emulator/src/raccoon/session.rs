//! A session and its turns.

use super::account::{Owner, Place, Places};
use super::log::{Draft, Ending, Entry, EntryId, Log};
use super::validate::StartTurn;
use super::{agent, own, script};
use crate::clock::{Clock, SessionTime, Timestamp};
use crate::emulator::Resume;
use crate::scenario::TurnStep;
use crate::state::{Server, lock};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;
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
    state: Mutex<State>,
    /// Notified when anything changes.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    time: SessionTime,
    title: String,
    updated_at: Timestamp,
    turns: Vec<Turn>,
    /// The sandbox's files.
    files: BTreeMap<String, Value>,
    deleted: bool,
}

/// One request and what the agent makes of it.
#[derive(Debug)]
struct Turn {
    request: StartTurn,
    user_message_id: String,
    agent_message_id: String,
    begun_at: Timestamp,
    phase: Phase,
    log: Log,
    /// Messages the agent has not taken yet.
    inbox: VecDeque<String>,
    /// How many WebSockets were opened on it.
    sockets: u64,
    /// The content of the agent's message.
    content: String,
    stopped: CancellationToken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Queued,
    Running,
    Ended(Ending),
}

/// A turn that waits for its place.
#[derive(Debug)]
pub(super) struct Job {
    session: Arc<Session>,
    index: usize,
}

/// What a session is listed by.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) title: String,
    pub(super) updated_at: Timestamp,
    pub(super) object: Value,
}

/// Why there is no new turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoTurn {
    /// The session has one that has not ended.
    InProgress,
    /// All places are taken.
    Full,
}

/// A turn that begins.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) index: usize,
    /// 0: it runs.
    pub(super) queue_position: usize,
    pub(super) user_message_id: String,
    pub(super) agent_message_id: String,
}

/// A turn has ended: its agent has nothing more to say.
#[derive(Debug)]
pub(super) struct Gone;

impl State {
    fn touch(&mut self) {
        self.updated_at = self.time.now();
    }

    /// Adds events to a turn that has not ended.
    fn append(&mut self, index: usize, drafts: Vec<Draft>) -> Result<(), Gone> {
        let now = self.time.now();
        self.updated_at = now;
        let turn = self.turns.get_mut(index).ok_or(Gone)?;
        if matches!(turn.phase, Phase::Ended(_)) {
            return Err(Gone);
        }
        for draft in &drafts {
            if draft.kind == "sandbox.snapshot" {
                keep_files(&mut self.files, &draft.payload);
            }
        }
        turn.log.append(&turn.agent_message_id, drafts, now);
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
    ) -> Self {
        let time = SessionTime::new(clock);
        let now = time.now();
        let line = prompt.split_whitespace().collect::<Vec<_>>().join(" ");
        Self {
            number,
            session_id: session_id.to_owned(),
            owner,
            created_at: now,
            state: Mutex::new(State {
                time,
                title: line.chars().take(TITLE).collect(),
                updated_at: now,
                turns: Vec::new(),
                files: BTreeMap::new(),
                deleted: false,
            }),
            changed: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The place of the turn with this agent message.
    pub(super) fn turn(&self, agent_message_id: &str) -> Option<usize> {
        let state = self.lock();
        let is = |turn: &Turn| turn.agent_message_id == agent_message_id;
        state.turns.iter().position(is)
    }

    /// Begins a turn, in a place of its own or in the queue. A turn that runs is still to be run by [`run`].
    pub(super) fn begin(
        self: &Arc<Self>,
        request: StartTurn,
        number: u64,
    ) -> Result<Begun, NoTurn> {
        let mut state = self.lock();
        let last = state.turns.last();
        if last.is_some_and(|turn| !matches!(turn.phase, Phase::Ended(_))) {
            return Err(NoTurn::InProgress);
        }
        let index = state.turns.len();
        let job = || Job {
            session: self.clone(),
            index,
        };
        let (phase, queue_position) = match self.owner.places.take(job) {
            Place::Free => (Phase::Running, 0),
            Place::Queued(position) => (Phase::Queued, position),
            Place::Full => return Err(NoTurn::Full),
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
            content: String::new(),
            stopped: CancellationToken::new(),
            request,
        };
        let begun = Begun {
            index,
            queue_position,
            user_message_id: turn.user_message_id.clone(),
            agent_message_id: turn.agent_message_id.clone(),
        };
        state.turns.push(turn);
        Ok(begun)
    }

    /// Ends a turn that has not ended.
    fn end(
        &self,
        server: &Arc<Server>,
        index: usize,
        draft: Draft,
        content: Option<String>,
    ) -> Result<(), Gone> {
        let mut state = self.lock();
        let ending = draft.ending().unwrap_or(Ending::Completed);
        state.append(index, vec![draft])?;
        let turn = state.turns.get_mut(index).ok_or(Gone)?;
        let had_place = turn.phase == Phase::Running;
        turn.phase = Phase::Ended(ending);
        turn.content = content.unwrap_or_else(|| turn.log.text.clone());
        turn.stopped.cancel();
        if had_place {
            // Before anybody can see that the turn has ended.
            self.owner.places.free();
        }
        drop(state);
        self.changed.notify_waiters();
        run_queued(server, &self.owner.places);
        Ok(())
    }

    /// Ends a turn as aborted.
    pub(super) fn abort(
        &self,
        server: &Arc<Server>,
        index: usize,
        reason: &str,
    ) -> Result<(), Gone> {
        self.end(server, index, Draft::aborted(reason), None)
    }

    /// Ends the turn in progress, if there is one: the session is not listed any more.
    pub(super) fn delete(&self, server: &Arc<Server>) {
        let reason = "Session deleted";
        let last = {
            let mut state = self.lock();
            state.deleted = true;
            state.turns.len()
        };
        if let Some(index) = last.checked_sub(1)
            && self.abort(server, index, reason).is_ok()
        {
            tracing::debug!(session_id = self.session_id, reason, "a turn was aborted");
        }
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
    ) -> Result<(), Gone> {
        let mut state = self.lock();
        state.append(index, vec![Draft::received(text, files, references)])?;
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

    /// Where a WebSocket on a turn begins.
    pub(super) fn open(&self, index: usize, after: Option<EntryId>, resume: Resume) -> usize {
        let mut state = self.lock();
        let Some(turn) = state.turns.get_mut(index) else {
            return 0;
        };
        turn.sockets += 1;
        let cursor = match (after, resume) {
            (None, _) | (_, Resume::Ignored) => 0,
            (Some(id), Resume::Honoured) => turn.log.position(id, false),
            (Some(id), Resume::Inclusive) => turn.log.position(id, true),
        };
        drop(state);
        self.changed.notify_waiters();
        cursor
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
        let mut body = format!("{{\"session\":{session},\"messages\":[").into_bytes();
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
                "content": turn.content,
                "createdAt": turn.begun_at.as_millis() + 1,
                "aborted": turn.phase == Phase::Ended(Ending::Aborted),
                "files": [],
            });
            body.extend_from_slice(user.to_string().as_bytes());
            body.push(b',');
            let agent = agent.to_string();
            body.extend_from_slice(agent.trim_end_matches('}').as_bytes());
            body.extend_from_slice(b",\"events\":");
            turn.log.write(&mut body);
            body.push(b'}');
        }
        body.extend_from_slice(b"]}");
        body
    }
}

/// Lets an agent work on a turn that has its place.
pub(super) fn run(server: &Arc<Server>, session: &Arc<Session>, index: usize) {
    let (request, stopped) = {
        let state = session.lock();
        let Some(turn) = state.turns.get(index) else {
            return;
        };
        (turn.request.clone(), turn.stopped.clone())
    };
    let work = Work {
        server: server.clone(),
        session: session.clone(),
        index,
    };
    server.spawn(async move {
        if let Err(Gone) = play(work, request, stopped).await {
            tracing::debug!("a turn was taken from its agent");
        }
    });
}

/// Plays the scenario's script for the turn, hands it to the developer's own agent, or to the built-in one.
async fn play(work: Work, request: StartTurn, stopped: CancellationToken) -> Result<(), Gone> {
    work.say(vec![Draft::received(
        &request.prompt,
        &request.files,
        &request.references,
    )])?;
    let script = lock(&work.server.playing).turn_script_for(&request.prompt, &request.mode);
    let own = lock(&work.server.turn_agent).clone();
    match (script, own) {
        // It sees to the end of its turn itself.
        (None, Some(agent)) => own::work(work, agent, request).await,
        (script, _) => tokio::select! {
            biased;
            () = stopped.cancelled() => Err(Gone),
            ended = by_program(&work, &request, script) => ended,
        },
    }
}

async fn by_program(
    work: &Work,
    request: &StartTurn,
    script: Option<Vec<TurnStep>>,
) -> Result<(), Gone> {
    match script {
        Some(steps) => script::play(work, request, &steps).await,
        None => agent::work(work, request).await,
    }
}

/// Runs the turns that places have become free for.
fn run_queued(server: &Arc<Server>, places: &Places) {
    while let Some(job) = places.next() {
        let mut state = job.session.lock();
        let waits = state
            .turns
            .get_mut(job.index)
            .filter(|turn| turn.phase == Phase::Queued);
        if let Some(turn) = waits {
            turn.phase = Phase::Running;
            drop(state);
            run(server, &job.session, job.index);
        } else {
            places.free();
        }
    }
}

/// An agent's hold on its turn: all it says goes through here, and stops when the turn ends.
#[derive(Clone)]
pub(super) struct Work {
    pub(super) server: Arc<Server>,
    pub(super) session: Arc<Session>,
    index: usize,
}

impl Work {
    pub(super) fn say(&self, drafts: Vec<Draft>) -> Result<(), Gone> {
        self.session.lock().append(self.index, drafts)?;
        self.session.changed.notify_waiters();
        Ok(())
    }

    /// Ends the turn; `content` is that of the agent's message, by default the texts.
    pub(super) fn end(&self, draft: Draft, content: Option<String>) -> Result<(), Gone> {
        self.session.end(&self.server, self.index, draft, content)
    }

    /// The agent message that names the turn.
    pub(super) fn message_id(&self) -> String {
        let state = self.session.lock();
        let turn = state.turns.get(self.index);
        turn.map(|turn| turn.agent_message_id.clone())
            .unwrap_or_default()
    }

    /// Waits until the turn has ended, by whomever.
    pub(super) async fn ended(&self) {
        let stopped = {
            let state = self.session.lock();
            let turn = state.turns.get(self.index);
            turn.map(|turn| turn.stopped.clone())
        };
        if let Some(stopped) = stopped {
            stopped.cancelled().await;
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        let state = self.session.lock();
        let turn = state.turns.get(self.index);
        turn.is_none_or(|turn| matches!(turn.phase, Phase::Ended(_)))
    }

    /// The time in the session.
    pub(super) fn now(&self) -> Timestamp {
        self.session.lock().time.now()
    }

    /// Waits; on a fast clock the session's time jumps ahead.
    pub(super) async fn sleep(&self, time: Duration) {
        match self.server.options.clock {
            Clock::Real => tokio::time::sleep(time).await,
            Clock::Fast => {
                self.session.lock().time.advance(time);
                // A long script must not keep its thread from the sockets.
                tokio::task::yield_now().await;
            }
        }
    }

    /// The messages that came since the last call.
    pub(super) fn take_messages(&self) -> Vec<String> {
        let mut state = self.session.lock();
        let turn = state.turns.get_mut(self.index);
        turn.map(|turn| turn.inbox.drain(..).collect())
            .unwrap_or_default()
    }

    pub(super) async fn wait_for_message(&self) -> String {
        self.wait(|turn| turn.inbox.pop_front()).await
    }

    pub(super) async fn wait_for_socket(&self) {
        self.wait(|turn| (turn.sockets > 0).then_some(())).await;
    }

    /// Waits until `look` finds something.
    async fn wait<T>(&self, mut look: impl FnMut(&mut Turn) -> Option<T>) -> T {
        loop {
            // Made before the turn is looked at, so that no change in between is missed.
            let changed = self.session.changed.notified();
            {
                let mut state = self.session.lock();
                if let Some(found) = state.turns.get_mut(self.index).and_then(&mut look) {
                    return found;
                }
            }
            changed.await;
        }
    }
}

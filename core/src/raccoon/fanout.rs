//! Many turns, a few at once.

use std::collections::{BTreeSet, HashMap};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::api::Api;
use super::client::Client;
use super::ids::new_session_id;
use super::models::{RunTurns, TurnInSession, TurnResult, TurnStatus};
use super::run_turn::{follow, started_late};
use super::turn::Turn;
use crate::error::{Error, ErrorKind, Result};
use crate::outcomes::{Outcomes, Worker};
use crate::responses::to_json;
use crate::runtime;
use crate::stream::within;
use crate::telemetry::{Call, Trace};

/// How long a turn that was sent is waited for once the caller has left: for the
/// response to its start, and then for its end.
const GRACE: Duration = Duration::from_secs(10);

/// What became of one turn of [`Client::run_turns`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TurnOutcome {
    /// The turn's place among the turns, from 0.
    pub index: usize,
    /// The turn as it was given.
    pub turn: TurnInSession,
    /// The session that it ran in, or would have.
    pub session_id: String,
    /// The turn's agent message; `None` where the service named none, since it was not
    /// started, or not heard.
    pub message_id: Option<String>,
    /// Whether the service has the turn, or may have it: false where it was not sent, or
    /// refused. Where it is true and there is no `message_id`, the session's history
    /// tells whether it runs.
    pub sent: bool,
    /// Its result, or why there is none. A turn that was stopped is a result.
    pub result: Result<TurnResult>,
}

/// An outcome as the language bindings get it; why there is no result comes apart.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "TurnOutcome")
)]
pub(crate) struct ToldOutcome<'a> {
    /// The turn's place among the turns, from 0.
    index: usize,
    /// The session that it ran in, or would have.
    session_id: &'a str,
    /// The turn's agent message; null where the service named none.
    message_id: Option<&'a str>,
    /// Whether the service has the turn, or may have it.
    sent: bool,
    /// The result; null where there is an error.
    result: Option<&'a TurnResult>,
}

impl TurnOutcome {
    /// The outcome as JSON, without its error, for language bindings.
    pub fn to_json(&self) -> String {
        to_json(&ToldOutcome {
            index: self.index,
            session_id: &self.session_id,
            message_id: self.message_id.as_deref(),
            sent: self.sent,
            result: self.result.as_ref().ok(),
        })
    }
}

/// The outcomes of [`Client::run_turns`], each as its turn ends: a stream. There is
/// one for every turn, whatever happens.
///
/// [`close`](Self::close) starts no further turn and stops those that run; their
/// outcomes can be taken all the same. Dropping it does that in the background.
#[derive(Debug)]
pub struct TurnOutcomes(Arc<FanOut>);

struct FanOut {
    api: Api,
    plan: RunTurns,
    /// The session of each turn.
    sessions: Vec<String>,
    /// The turn that follows a turn in its session.
    followers: HashMap<usize, usize>,
    /// The turns that may start now.
    ready: Mutex<BTreeSet<usize>>,
    outcomes: Arc<Outcomes<TurnOutcome>>,
}

/// How far a turn got.
#[derive(Default)]
struct Reached {
    sent: bool,
    message_id: Option<String>,
}

impl Client {
    /// Runs turns, each in a session of its own unless it names one, at most
    /// `concurrency` at once, and no more than the service allows. Turns of one session
    /// go one after another, in their order. One failure stops nothing. The sessions
    /// stay.
    ///
    /// # Errors
    /// A turn or parameter that the service would refuse, or a closed client;
    /// nothing was sent.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn run_turns(&self, plan: RunTurns) -> Result<TurnOutcomes> {
        plan.check()?;
        self.api.closing().check()?;
        let sessions = plan
            .turns
            .iter()
            .map(|turn| turn.session_id.clone().map_or_else(new_session_id, Ok))
            .collect::<Result<Vec<_>>>()?;
        let mut newest = HashMap::new();
        let mut followers = HashMap::new();
        let mut ready = BTreeSet::new();
        for (index, session_id) in sessions.iter().enumerate() {
            // A UUID is the same in capitals.
            match newest.insert(session_id.to_ascii_lowercase(), index) {
                Some(before) => drop(followers.insert(before, index)),
                None => drop(ready.insert(index)),
            }
        }
        let count = plan.concurrency.min(ready.len());
        let fan_out = Arc::new(FanOut {
            api: self.api.clone(),
            plan,
            sessions,
            followers,
            ready: Mutex::new(ready),
            outcomes: Arc::new(Outcomes::of_workers(count)),
        });
        for _ in 0..count {
            // On the heap at once: see `Client::execute`.
            runtime::spawn(fan_out.clone().work());
        }
        Ok(TurnOutcomes(fan_out))
    }
}

impl TurnOutcomes {
    /// The next outcome; `None` after the last one.
    pub async fn next(&mut self) -> Option<TurnOutcome> {
        poll_fn(|context| self.0.outcomes.poll_next(context)).await
    }

    /// Waits for all outcomes that were not taken yet, and gives them in the order of
    /// their turns.
    pub async fn all(&mut self) -> Vec<TurnOutcome> {
        let mut outcomes = Vec::new();
        while let Some(outcome) = self.next().await {
            outcomes.push(outcome);
        }
        outcomes.sort_by_key(|outcome| outcome.index);
        outcomes
    }

    /// The outcome that there is to take now, if there is one.
    pub fn try_take(&self) -> Option<TurnOutcome> {
        self.0.outcomes.take()
    }

    /// Whether every outcome was taken.
    pub fn is_over(&self) -> bool {
        self.0.outcomes.is_over()
    }

    /// Waits until there is an outcome to take, or none will follow.
    pub fn ready(&self) -> impl Future<Output = ()> + Send + 'static {
        self.0.outcomes.ready()
    }

    /// Starts no further turn, stops those that run, and waits for that, for some 20
    /// seconds at most. The outcomes stay: they say which turns were sent. Can be
    /// called twice.
    pub fn close(&self) -> impl Future<Output = ()> + Send + 'static {
        self.0.outcomes.close()
    }
}

impl Drop for TurnOutcomes {
    fn drop(&mut self) {
        self.0.outcomes.stop();
    }
}

impl futures_core::Stream for TurnOutcomes {
    type Item = TurnOutcome;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<TurnOutcome>> {
        self.0.outcomes.poll_next(context)
    }
}

impl FanOut {
    async fn work(self: Arc<Self>) {
        let _worker = Worker::of(&self.outcomes);
        // Where none is ready, those who run the turns before them go on with them.
        while let Some(index) = self.next() {
            let mut reached = Reached::default();
            let trace = self.api.trace().map(Trace::child);
            let api = match &trace {
                Some(trace) => self.api.traced(trace),
                None => self.api.clone(),
            };
            let result = self.run(api, index, &mut reached).await;
            if let (Some(all), Some(trace)) = (self.api.trace(), &trace) {
                let call = Call {
                    operation: "start_turn",
                    session_id: Some(&self.sessions[index]),
                    agent: None,
                    input: Some(&self.plan.turns[index].turn.prompt),
                };
                all.ran(trace, call, &result);
            }
            if let Some(&follower) = self.followers.get(&index) {
                self.lock().insert(follower);
            }
            self.outcomes.push(TurnOutcome {
                index,
                turn: self.plan.turns[index].clone(),
                session_id: self.sessions[index].clone(),
                message_id: reached.message_id,
                sent: reached.sent,
                result: result.map_err(|error| error.with_session(&self.sessions[index])),
            });
        }
    }

    fn next(&self) -> Option<usize> {
        self.lock().pop_first()
    }

    /// Runs one turn; once the caller has left it is stopped.
    async fn run(&self, api: Api, index: usize, reached: &mut Reached) -> Result<TurnResult> {
        let session_id = &self.sessions[index];
        let start = &self.plan.turns[index].turn;
        let permit = self.unless_stopped(self.api.place()).await?;
        let timeout = self.plan.timeout;
        let until = timeout.and_then(|limit| Instant::now().checked_add(limit));
        let late = || started_late(session_id, timeout);
        let uploading = within(until, api.upload_files(session_id, &start.files));
        let uploading = async { uploading.await.unwrap_or_else(|| Err(late())) };
        let files = self.unless_stopped(Box::pin(uploading)).await?;
        self.unless_stopped(async { Ok(()) }).await?;
        reached.sent = true;
        let starting = Turn::submit(
            api.clone(),
            session_id.clone(),
            start.clone(),
            files,
            Some(permit),
        );
        let turn = self.started(Box::pin(starting), until, late).await;
        let turn = turn.inspect_err(|error| reached.sent = error.maybe_delivered())?;
        reached.message_id = Some(turn.message_id().to_owned());
        let mut handler = None;
        tokio::select! {
            biased;
            result = within(until, follow(&turn, &mut handler)) => match result {
                Some(result) => result,
                None => Err(self.late(&turn).await),
            },
            () = self.outcomes.stopped() => self.stop(&turn).await,
        }
    }

    /// What a step gives that can be left without a trace, or why it was left.
    async fn unless_stopped<T>(&self, step: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.outcomes.stopped() => Err(cancelled(
                "The turn was not started: this client left its turns before",
            )),
            done = step => done,
        }
    }

    /// The turn once the service has it. A request once sent is not dropped at once:
    /// nobody would know of its turn.
    async fn started(
        &self,
        starting: impl Future<Output = Result<Turn>>,
        until: Option<Instant>,
        late: impl Fn() -> Error,
    ) -> Result<Turn> {
        let mut starting = pin!(starting);
        tokio::select! {
            biased;
            turn = within(until, &mut starting) => {
                let turn = turn.unwrap_or_else(|| Err(maybe(late())));
                return turn.map_err(|error| match error.reason() {
                    Some("client_closed") => maybe(error),
                    _ => error,
                });
            }
            () = self.outcomes.stopped() => {}
        }
        let turn = tokio::time::timeout(GRACE, starting).await;
        turn.unwrap_or_else(|_| {
            Err(maybe(cancelled(
                "This client left its turns before the service said that it has this one",
            )))
        })
    }

    /// Stops a turn that the caller has left. What it ended with is not lost.
    async fn stop(&self, turn: &Turn) -> Result<TurnResult> {
        let frame = self.plan.stop_frame.clone();
        let stopped = turn.stop_by(GRACE, frame).await?;
        if stopped.confirmed
            && let Some(result) = within(Instant::now().checked_add(GRACE), turn.result(None)).await
        {
            return result;
        }
        let error = turn.failure(
            ErrorKind::Task,
            "The turn was told to stop, since this client left its turns, and the service did not confirm it in \
             time. It may go on: attach to it",
        );
        Err(error.with_reason("cancelled"))
    }

    /// The error of a turn whose time is over.
    async fn late(&self, turn: &Turn) -> Error {
        let mut status = TurnStatus::Running;
        if self.plan.stop_on_timeout
            && let Ok(stopped) = turn.stop_by(GRACE, self.plan.stop_frame.clone()).await
        {
            status = stopped.status;
        }
        let what = match status.is_terminal() {
            true => "It was stopped",
            false => "It goes on in its session: attach to it, or stop it",
        };
        let seconds = self.plan.timeout.unwrap_or_default().as_secs_f64();
        turn.failure(
            ErrorKind::TaskTimeout,
            format!(
                "The turn did not end within {seconds} s. {what}{}",
                turn.hint()
            ),
        )
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<usize>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cancelled(message: &str) -> Error {
    Error::new(ErrorKind::Task, message).with_reason("cancelled")
}

fn maybe(error: Error) -> Error {
    error.with_maybe_delivered(
        "The turn may run all the same: look at the session's history before you start it again",
    )
}

impl std::fmt::Debug for FanOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FanOut")
            .field("turns", &self.plan.turns.len())
            .finish_non_exhaustive()
    }
}

//! One call of a tool: who calls, what it shows meanwhile, and how it waits for a task or turn.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{
    CallToolResponse, CreateTaskResult, InputRequiredResult, ProgressNotificationParam,
    ProtocolVersion,
};
use rmcp::service::RequestContext;
use sessionwire::agi::Event;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::host::Host;
use super::jobs::{Job, shortened};
use super::questions::{answer_of, form, requests};
use super::replies::{Answer, Refusal, result_of};
use crate::terminal::visible;

/// How often a client that shows progress hears that the work goes on: clients that get nothing
/// for a minute give up.
const BEAT: Duration = Duration::from_secs(10);
/// Sessions of a client without a connection of its own belong to the server.
const OF_THE_SERVER: u64 = 0;

pub(super) struct Call<'a> {
    pub(super) host: &'a Arc<Host>,
    pub(super) context: &'a RequestContext<RoleServer>,
    connection: u64,
    /// When a call that shows no progress comes back.
    back_at: Option<Instant>,
}

/// What a wait for a task or turn ended with.
pub(super) enum Met {
    Ended,
    Asked(Event),
    /// The call comes back, and the work goes on.
    TimeIsUp,
    /// The client wants no answer any more.
    Cancelled,
}

/// How the user is asked.
#[derive(PartialEq)]
enum Asking {
    No,
    /// By a request to the client.
    ByRequest,
    /// By the result of the call, which the client repeats with the answer.
    ByResult,
}

impl<'a> Call<'a> {
    pub(super) fn new(
        host: &'a Arc<Host>,
        context: &'a RequestContext<RoleServer>,
        connection: u64,
    ) -> Self {
        let shows = context.meta.get_progress_token().is_some();
        let back_at = Instant::now().checked_add(host.limits.max_wait);
        Self {
            host,
            context,
            connection,
            back_at: back_at.filter(|_| !shows),
        }
    }

    /// Whose the sessions are that it opens.
    pub(super) fn owner(&self) -> u64 {
        match self.is_modern() {
            true => OF_THE_SERVER,
            false => self.connection,
        }
    }

    /// It comes back after this long at the latest.
    pub(super) fn back_within(&mut self, seconds: Option<f64>) {
        let limit = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok());
        let asked = limit.and_then(|limit| Instant::now().checked_add(limit));
        self.back_at = match (self.back_at, asked) {
            (Some(bound), Some(asked)) => Some(bound.min(asked)),
            (bound, asked) => asked.or(bound),
        };
    }

    fn is_modern(&self) -> bool {
        let version = self.context.protocol_version();
        version.is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
    }

    /// Whether the client follows tasks by the protocol's extension. Some name it and speak a version
    /// of before it, in which a result is a result.
    fn follows_tasks(&self) -> bool {
        if !self.is_modern() {
            return false;
        }
        let capabilities = self.context.client_capabilities();
        capabilities.is_some_and(|capabilities| capabilities.supports_tasks())
    }

    fn asking(&self) -> Asking {
        let capabilities = self.context.client_capabilities();
        let elicitation = capabilities.and_then(|capabilities| capabilities.elicitation);
        match elicitation {
            // An older client names no way.
            Some(ways) if ways.form.is_some() || ways.url.is_none() => match self.is_modern() {
                true => Asking::ByResult,
                false => Asking::ByRequest,
            },
            _ => Asking::No,
        }
    }

    /// Waits for a task or turn whose caller goes on when time is up.
    pub(super) async fn wait(&self, job: &Job) -> Answer {
        let mut progress = Progress::of(self, job);
        self.meet(job, &mut progress).await;
        job.report()
    }

    /// Runs it to its end: asks the user what it asks, and ends it where the client leaves.
    pub(super) async fn run(&self, job: &Arc<Job>) -> CallToolResponse {
        if self.follows_tasks() {
            return CreateTaskResult::new(super::tasks::seed(job, self.host)).into();
        }
        let answer = self.run_here(job).await;
        match answer {
            Ok(asked) => asked.into(),
            Err(answer) => result_of(answer).into(),
        }
    }

    /// The end of it, or what the client is to ask.
    async fn run_here(&self, job: &Arc<Job>) -> Result<InputRequiredResult, Answer> {
        let asking = self.asking();
        let mut progress = Progress::of(self, job);
        loop {
            match self.meet(job, &mut progress).await {
                Met::Asked(question) if asking == Asking::ByRequest && is_new(job, &question) => {
                    let answer = self.ask(job, &question, &mut progress).await;
                    let answered = match answer {
                        Some(answer) => job.answer(&answer, &question).await.map(drop),
                        None => continue,
                    };
                    answered.map_err(|error| Err(error.into()))?;
                }
                Met::Asked(question) if asking == Asking::ByResult && is_new(job, &question) => {
                    return Ok(InputRequiredResult::new(
                        Some(requests(&question)),
                        Some(job.id.clone()),
                    ));
                }
                Met::Cancelled => {
                    // Nobody reads what this gives.
                    let (job, host) = (job.clone(), self.host.clone());
                    let cancelled = tokio::spawn(async move { host.end(&job).await }).await;
                    return Err(cancelled.unwrap_or_else(|why| Err(Refusal::new(why.to_string()))));
                }
                _ => return Err(job.report()),
            }
        }
    }

    /// Shows what it does until it ends or asks, or this call is to come back.
    async fn meet(&self, job: &Job, progress: &mut Progress<'_>) -> Met {
        let mut changes = job.changes();
        loop {
            changes.mark_unchanged();
            progress.show().await;
            if job.end().is_some() {
                return Met::Ended;
            }
            if let Some(question) = job.question() {
                return Met::Asked(question);
            }
            tokio::select! {
                biased;
                () = self.context.ct.cancelled() => return Met::Cancelled,
                _ = changes.changed() => {}
                () = self.time_is_up() => return Met::TimeIsUp,
                _ = progress.beat.tick() => progress.say("It is at work.").await,
            }
        }
    }

    /// What the user answers. `None`: nothing, or the question is closed.
    async fn ask(
        &self,
        job: &Job,
        question: &Event,
        progress: &mut Progress<'_>,
    ) -> Option<String> {
        let asking = self.context.peer.create_elicitation(form(question));
        tokio::pin!(asking);
        let mut changes = job.changes();
        loop {
            tokio::select! {
                biased;
                () = self.context.ct.cancelled() => return None,
                answer = &mut asking => {
                    let answer = answer.ok().as_ref().and_then(answer_of);
                    if answer.is_none() {
                        job.decline(question);
                    }
                    return answer;
                }
                _ = changes.changed() => {
                    if job.question().is_none_or(|open| open.id() != question.id()) {
                        return None;
                    }
                }
                () = self.time_is_up() => {
                    job.decline(question);
                    return None;
                }
                _ = progress.beat.tick() => progress.say("It waits for an answer.").await,
            }
        }
    }

    async fn time_is_up(&self) {
        match self.back_at {
            Some(at) => tokio::time::sleep_until(at).await,
            None => pending().await,
        }
    }
}

fn is_new(job: &Job, question: &Event) -> bool {
    job.new_question()
        .is_some_and(|new| new.id() == question.id())
}

/// What the client sees while a call is at work.
struct Progress<'a> {
    call: &'a Call<'a>,
    job: &'a Job,
    shown: usize,
    count: u32,
    beat: Interval,
}

impl<'a> Progress<'a> {
    fn of(call: &'a Call<'a>, job: &'a Job) -> Self {
        let mut beat = interval_at(Instant::now() + BEAT, BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            call,
            job,
            shown: 0,
            count: 0,
            beat,
        }
    }

    async fn show(&mut self) {
        let (new, count) = self.job.heard_after(self.shown);
        self.shown = count;
        for line in new {
            self.say(&shortened(&line, 300)).await;
        }
    }

    async fn say(&mut self, text: &str) {
        let Some(token) = self.call.context.meta.get_progress_token() else {
            return;
        };
        self.count += 1;
        self.beat.reset();
        let progress = ProgressNotificationParam::new(token, f64::from(self.count))
            .with_message(visible(text));
        // A client that is gone is seen by its connection.
        let _ = self.call.context.peer.notify_progress(progress).await;
    }
}

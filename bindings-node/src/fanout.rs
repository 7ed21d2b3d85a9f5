//! Many tasks at once.

use napi::Env;
use napi::bindgen_prelude::PromiseRaw;
use napi_derive::napi;
use sessionwire::Error;
use sessionwire::agi::{FanOutItem, TaskOutcome, TaskOutcomes};

use crate::promises;

/// What a fan-out has for JavaScript: an outcome (`result` or `error`), or a
/// question.
#[napi(object)]
pub struct RunItem {
    /// The task's index among the tasks.
    pub index: u32,
    /// The task's name.
    pub id: Option<String>,
    /// Whether the next call with the same journal goes on with it.
    pub unfinished: Option<bool>,
    /// The result as JSON.
    pub result: Option<String>,
    /// The error's fields as JSON.
    pub error: Option<String>,
    /// Why the session could not be deleted: the error's fields as JSON.
    pub undeleted: Option<String>,
    /// A question as a JSON object.
    pub question: Option<String>,
    /// What `reply` refers to.
    pub number: Option<i64>,
}

/// The tasks of one `runTasks`. When JavaScript drops it, they end and their
/// sessions are deleted in the background.
#[napi]
pub struct TaskRuns {
    outcomes: TaskOutcomes,
}

impl TaskRuns {
    pub fn new(outcomes: TaskOutcomes) -> Self {
        Self { outcomes }
    }
}

#[napi]
impl TaskRuns {
    /// What there is to take now.
    #[napi(catch_unwind)]
    pub fn take(&self) -> Option<RunItem> {
        // A kind of item that this binding does not know yet is left out.
        std::iter::from_fn(|| self.outcomes.try_take()).find_map(RunItem::of)
    }

    /// Resolves when there is something to take, or nothing will follow.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn ready<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, ()>> {
        let ready = self.outcomes.ready();
        promises::spawn(env, async move {
            ready.await;
        })
    }

    /// Whether everything was taken and nothing will follow.
    #[napi(getter, catch_unwind)]
    pub fn over(&self) -> bool {
        self.outcomes.is_over()
    }

    /// Answers a question; without an answer it is left open.
    #[napi(catch_unwind)]
    pub fn reply(&self, number: i64, answer: Option<String>) {
        self.outcomes.reply(number.cast_unsigned(), answer);
    }

    /// Says that whoever was to answer a question failed.
    #[napi(catch_unwind)]
    pub fn fail(&self, number: i64) {
        self.outcomes.fail(number.cast_unsigned());
    }

    /// Ends what still runs; resolves once the sessions are deleted.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn close<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, ()>> {
        let closed = self.outcomes.close();
        promises::spawn(env, async move {
            closed.await;
        })
    }
}

impl RunItem {
    fn of(item: FanOutItem) -> Option<Self> {
        match item {
            FanOutItem::Outcome(outcome) => {
                let TaskOutcome {
                    index,
                    id,
                    result,
                    unfinished,
                    undeleted,
                    ..
                } = *outcome;
                let item = Self {
                    id: Some(id),
                    unfinished: Some(unfinished),
                    ..Self::at(index)
                };
                Some(match result {
                    Ok(result) => Self {
                        result: Some(result.to_json()),
                        undeleted: fields(undeleted),
                        ..item
                    },
                    Err(error) => Self {
                        error: fields(Some(error)),
                        undeleted: fields(undeleted),
                        ..item
                    },
                })
            }
            FanOutItem::Question {
                number,
                index,
                event,
            } => Some(Self {
                // An event always serialises.
                question: serde_json::to_string(&event).ok(),
                number: Some(number.cast_signed()),
                ..Self::at(index)
            }),
            _ => None,
        }
    }

    fn at(index: usize) -> Self {
        Self {
            // A JavaScript array is no longer.
            index: u32::try_from(index).unwrap_or(u32::MAX),
            id: None,
            unfinished: None,
            result: None,
            error: None,
            undeleted: None,
            question: None,
            number: None,
        }
    }
}

fn fields(error: Option<Error>) -> Option<String> {
    error.map(|error| error.to_json())
}

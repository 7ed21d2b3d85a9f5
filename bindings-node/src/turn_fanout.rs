//! Many turns at once.

use napi::Env;
use napi::bindgen_prelude::PromiseRaw;
use napi_derive::napi;
use sessionwire::raccoon::TurnOutcomes;

use crate::promises;

/// What became of a turn.
#[napi(object)]
pub struct TurnRunOutcome {
    /// All but the error, as JSON.
    pub outcome: String,
    /// The error's fields as JSON.
    pub error: Option<String>,
}

/// The turns of one `runTurns`. When JavaScript drops it, they are stopped in the
/// background.
#[napi]
pub struct TurnRuns {
    outcomes: TurnOutcomes,
}

impl TurnRuns {
    pub fn new(outcomes: TurnOutcomes) -> Self {
        Self { outcomes }
    }
}

#[napi]
impl TurnRuns {
    /// What there is to take now.
    #[napi(catch_unwind)]
    pub fn take(&self) -> Option<TurnRunOutcome> {
        let outcome = self.outcomes.try_take()?;
        Some(TurnRunOutcome {
            outcome: outcome.to_json(),
            error: outcome.result.err().map(|error| error.to_json()),
        })
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

    /// Starts no further turn and stops those that run; resolves once they are.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn close<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, ()>> {
        let closed = self.outcomes.close();
        promises::spawn(env, async move {
            closed.await;
        })
    }
}

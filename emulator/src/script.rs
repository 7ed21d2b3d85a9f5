//! What plays a script of either service: which steps come, by `if`, `choose` and `repeat`, and what its texts are filled with.
//!
//! The players of the services say what each other step does.

use crate::agent::Detached;
use crate::fill::{Filling, fill, fill_all};
use crate::scenario::{
    Beside, Choice, Conditions, Place, Step, TurnStep, Until, When, found, hold,
};
use crate::seed::Draws;
use serde_json::Value;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

/// Whether the task or turn goes on after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    GoOn,
    Ended,
}

/// What became of steps.
pub(crate) type Played = Result<Flow, Detached>;

/// What a script knows while it plays.
pub(crate) struct Script {
    pub(crate) place: Place,
    /// Nothing is put in.
    verbatim: bool,
    /// What stands for the names in braces.
    pub(crate) names: BTreeMap<String, String>,
    draws: Draws,
}

impl Script {
    pub(crate) fn new(
        place: Place,
        verbatim: bool,
        names: BTreeMap<String, String>,
        draws: Draws,
    ) -> Self {
        Self {
            place,
            verbatim,
            names,
            draws,
        }
    }

    pub(crate) fn fill(&self, text: &str, n: u64) -> String {
        if self.verbatim {
            text.to_owned()
        } else {
            fill(text, &self.filling(n))
        }
    }

    /// The same at any depth.
    pub(crate) fn fill_all(&self, value: &Value, n: u64) -> Value {
        if self.verbatim {
            value.clone()
        } else {
            fill_all(value, &self.filling(n))
        }
    }

    fn filling(&self, n: u64) -> Filling<'_> {
        Filling {
            names: &self.names,
            n,
        }
    }
}

/// Who plays a script.
pub(crate) trait Player: Send {
    /// A step of its service.
    type Step: ScriptStep;

    /// What the script knows.
    fn script(&mut self) -> &mut Script;

    /// Keeps values for later scripts of the session.
    fn save(&mut self, values: &BTreeMap<String, String>);

    /// Does what a step says that holds no steps of its own; `n` counts the rounds of the repeat around it.
    fn act<'a>(
        &'a mut self,
        step: &'a Self::Step,
        beside: Option<&'a Beside>,
        n: u64,
    ) -> impl Future<Output = Played> + Send + 'a;

    /// Keeps values for the texts to come.
    fn keep(&mut self, values: BTreeMap<String, String>) {
        self.save(&values);
        self.script().names.extend(values);
    }

    /// Keeps a text under the name that the step gives it.
    fn keep_as(&mut self, beside: Option<&Beside>, text: &str) {
        if let Some(name) = beside.and_then(|beside| beside.save.as_ref()) {
            self.keep(BTreeMap::from([(name.clone(), text.to_owned())]));
        }
    }

    /// Whether conditions hold; then what their expressions found is kept.
    fn holds(&mut self, conditions: &Conditions) -> bool {
        let names = &self.script().names;
        if !hold(conditions, |name| names.get(name).map(String::as_str)) {
            return false;
        }
        let found = found(conditions, names);
        self.keep(found);
        true
    }
}

/// A step that may decide which steps come.
pub(crate) trait ScriptStep: Sync + Sized {
    /// The step itself, and what stands beside it.
    fn parts(&self) -> (&Self, Option<&Beside>);

    /// What it decides; `None`: it is for the player of its service.
    fn ways(&self) -> Option<Ways<'_, Self>>;
}

/// Which steps come.
pub(crate) enum Ways<'a, S> {
    Repeat { times: u64, steps: &'a [S] },
    Until(&'a Until<S>),
    If(&'a When<S>),
    Choose(&'a [Choice<S>]),
}

impl ScriptStep for Step {
    fn parts(&self) -> (&Self, Option<&Beside>) {
        match self {
            Self::With { step, beside } => (step, Some(beside)),
            step => (step, None),
        }
    }

    fn ways(&self) -> Option<Ways<'_, Self>> {
        Some(match self {
            Self::Repeat { times, steps } => Ways::Repeat {
                times: *times,
                steps,
            },
            Self::RepeatUntil(until) => Ways::Until(until),
            Self::If(when) => Ways::If(when),
            Self::Choose(choices) => Ways::Choose(choices),
            _ => return None,
        })
    }
}

impl ScriptStep for TurnStep {
    fn parts(&self) -> (&Self, Option<&Beside>) {
        match self {
            Self::With { step, beside } => (step, Some(beside)),
            step => (step, None),
        }
    }

    fn ways(&self) -> Option<Ways<'_, Self>> {
        Some(match self {
            Self::Repeat { times, steps } => Ways::Repeat {
                times: *times,
                steps,
            },
            Self::RepeatUntil(until) => Ways::Until(until),
            Self::If(when) => Ways::If(when),
            Self::Choose(choices) => Ways::Choose(choices),
            _ => return None,
        })
    }
}

/// Plays steps in their order, until one ends the task or turn. Boxed, since steps hold steps.
pub(crate) fn play<'a, P: Player>(
    player: &'a mut P,
    steps: &'a [P::Step],
    n: u64,
) -> Pin<Box<dyn Future<Output = Played> + Send + 'a>> {
    Box::pin(async move {
        player.script().place.enter();
        for step in steps {
            player.script().place.next();
            let (step, beside) = step.parts();
            let flow = match step.ways() {
                Some(ways) => decide(player, ways, beside, n).await?,
                None => player.act(step, beside, n).await?,
            };
            if flow == Flow::Ended {
                return Ok(Flow::Ended);
            }
        }
        player.script().place.leave();
        Ok(Flow::GoOn)
    })
}

async fn decide<P: Player>(
    player: &mut P,
    ways: Ways<'_, P::Step>,
    beside: Option<&Beside>,
    n: u64,
) -> Played {
    match ways {
        Ways::Repeat { times, steps } => {
            for n in 1..=times {
                // A round without a wait lets others have their turn too.
                tokio::task::coop::consume_budget().await;
                if play(player, steps, n).await? == Flow::Ended {
                    return Ok(Flow::Ended);
                }
            }
            Ok(Flow::GoOn)
        }
        Ways::Until(until) => {
            for n in 1..=until.times {
                tokio::task::coop::consume_budget().await;
                if play(player, &until.steps, n).await? == Flow::Ended {
                    return Ok(Flow::Ended);
                }
                if player.holds(&until.conditions) {
                    return Ok(Flow::GoOn);
                }
            }
            play(player, &until.otherwise, n).await
        }
        Ways::If(when) => {
            let steps = if player.holds(&when.conditions) {
                &when.steps
            } else {
                &when.otherwise
            };
            play(player, steps, n).await
        }
        Ways::Choose(choices) => {
            let weights = choices.iter().map(|choice| choice.weight);
            let index = player.script().draws.choose(weights);
            let Some(choice) = choices.get(index) else {
                return Ok(Flow::GoOn);
            };
            if let Some(text) = &choice.text {
                let text = player.script().fill(text, n);
                player.keep_as(beside, &text);
            }
            play(player, &choice.steps, n).await
        }
    }
}

//! Plays the script of a scenario.

use super::handle::TaskHandle;
use super::log::Draft;
use crate::agent::Detached;
use crate::faults::Fault;
use crate::fill::{Filling, fill, fill_all};
use crate::scenario::{Beside, Chosen, Conditions, Place, ScriptedTask, Step, branch, found, hold};
use crate::seed::Draws;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// How many events a script hands over at once.
const BATCH: usize = 256;

/// Plays the steps; ends the task even if they do not. `inject` is for the script's faults.
pub(super) async fn play(
    handle: &TaskHandle,
    task: &str,
    start_url: Option<&str>,
    chosen: Chosen<ScriptedTask>,
    inject: &(dyn Fn(Fault) + Sync),
) -> Result<(), Detached> {
    let session = handle.session();
    let mut names = session.saved();
    for (name, value) in [
        ("task", task),
        ("start_url", start_url.unwrap_or_default()),
        ("agent", session.agent_name()),
        ("session_id", &session.id),
        ("answer", ""),
        ("message", ""),
    ] {
        names.insert(name.to_owned(), value.to_owned());
    }
    let mut player = Player {
        handle,
        place: Place::new(chosen.entry, chosen.script.steps.len()),
        inject,
        verbatim: chosen.script.verbatim,
        names,
        draws: chosen.draws,
        pauses: 0,
        pending: Vec::new(),
    };
    player.keep_all(chosen.found);
    if player.steps(&chosen.script.steps, 0).await? == Flow::GoOn {
        player.hand_over().await?;
        handle.done("Task completed".into()).await?;
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
enum Flow {
    GoOn,
    Ended,
}

struct Player<'a> {
    handle: &'a TaskHandle,
    inject: &'a (dyn Fn(Fault) + Sync),
    place: Place,
    /// Nothing is put in.
    verbatim: bool,
    /// What stands for the names in braces.
    names: BTreeMap<String, String>,
    draws: Draws,
    /// The pauses that were waited for.
    pauses: u64,
    /// Events that were not handed over yet.
    pending: Vec<Draft>,
}

impl Player<'_> {
    async fn steps(&mut self, steps: &[Step], n: u64) -> Result<Flow, Detached> {
        self.place.enter();
        for step in steps {
            self.place.next();
            let flow = match step {
                Step::With { step, beside } => self.step(step, Some(beside), n).await?,
                step => self.step(step, None, n).await?,
            };
            if flow == Flow::Ended {
                return Ok(Flow::Ended);
            }
        }
        self.place.leave();
        Ok(Flow::GoOn)
    }

    async fn step(
        &mut self,
        step: &Step,
        beside: Option<&Beside>,
        n: u64,
    ) -> Result<Flow, Detached> {
        match step {
            Step::Thought(text) => {
                let draft = Draft::Thought(self.fill(text, n));
                self.say(self.with(draft, beside, n)).await?;
            }
            Step::Log(text) => {
                let draft = Draft::Log(self.fill(text, n));
                self.say(self.with(draft, beside, n)).await?;
            }
            Step::Step { text, url, action } => {
                let fill = |text: &Option<String>| text.as_ref().map(|text| self.fill(text, n));
                let draft = Draft::Step {
                    text: self.fill(text, n),
                    url: fill(url),
                    action: fill(action),
                };
                self.say(self.with(draft, beside, n)).await?;
            }
            Step::Question { text, answers } => {
                self.flush().await?;
                let text = self.fill(text, n);
                let context = self.map(beside.map(|beside| &beside.context), n);
                let draft = self.with(Draft::Question(text.clone()), beside, n);
                self.handle.pose(text, draft, context).await?;
                let answer = self.handle.answer().await?;
                self.names.insert("answer".to_owned(), answer.clone());
                self.save(beside, &answer);
                if let Some(branch) = branch(answers, &answer) {
                    if let Some(matches) = &branch.matches {
                        self.keep_all(matches.found(&answer));
                    }
                    return self.nested(&branch.steps, n).await;
                }
            }
            Step::Delay(seconds) => {
                self.flush().await?;
                self.handle.sleep(Duration::from_secs_f64(*seconds)).await?;
            }
            Step::Pause => {
                self.flush().await?;
                self.handle.pause().await?;
            }
            Step::WaitForPause => {
                self.flush().await?;
                self.pauses = self.handle.wait_for_pause(self.pauses).await?;
            }
            Step::WaitForMessage => {
                self.flush().await?;
                let message = self.handle.wait_for_message().await?;
                self.save(beside, &message);
                self.names.insert("message".to_owned(), message);
            }
            Step::WaitForStream => {
                self.flush().await?;
                self.handle.wait_for_stream().await?;
            }
            Step::Repeat { times, steps } => {
                for n in 1..=*times {
                    // A round without a wait lets others have their turn too.
                    tokio::task::coop::consume_budget().await;
                    if self.nested(steps, n).await? == Flow::Ended {
                        return Ok(Flow::Ended);
                    }
                }
            }
            Step::RepeatUntil(until) => {
                for n in 1..=until.times {
                    tokio::task::coop::consume_budget().await;
                    if self.nested(&until.steps, n).await? == Flow::Ended {
                        return Ok(Flow::Ended);
                    }
                    if self.hold(&until.conditions) {
                        return Ok(Flow::GoOn);
                    }
                }
                return self.nested(&until.otherwise, n).await;
            }
            Step::If(when) => {
                let steps = if self.hold(&when.conditions) {
                    &when.steps
                } else {
                    &when.otherwise
                };
                return self.nested(steps, n).await;
            }
            Step::Choose(choices) => {
                let index = self
                    .draws
                    .choose(choices.iter().map(|choice| choice.weight));
                if let Some(choice) = choices.get(index) {
                    if let Some(text) = &choice.text {
                        self.save(beside, &self.fill(text, n));
                    }
                    return self.nested(&choice.steps, n).await;
                }
            }
            Step::Event { name, data, id } => {
                let draft = Draft::Event {
                    name: name.clone(),
                    data: self.map(Some(data), n),
                    id: *id,
                };
                self.say(draft).await?;
            }
            Step::Stream(cut) => {
                self.flush().await?;
                self.handle.cut_streams((*cut).into()).await?;
            }
            Step::Fault(fault) => {
                self.flush().await?;
                (self.inject)(fault.of_session(&self.handle.session().id));
            }
            Step::Navigate(url) => {
                self.flush().await?;
                self.handle.navigate(&self.fill(url, n)).await?;
            }
            Step::Done(result) => {
                self.flush().await?;
                let result = self.value(result, n);
                let draft = self.with(Draft::Done(result.clone()), beside, n);
                self.handle.done_as(&result, draft).await?;
                return Ok(Flow::Ended);
            }
            Step::Error { text, status_code } => {
                self.flush().await?;
                let text = self.fill(text, n);
                let details = self.map(beside.map(|beside| &beside.details), n);
                let draft = Draft::Error {
                    text: text.clone(),
                    status_code: *status_code,
                };
                let draft = self.with(draft, beside, n);
                self.handle.fail_as(text, draft, details).await?;
                return Ok(Flow::Ended);
            }
            // Steps are wrapped once.
            Step::With { step, .. } => return self.nested(std::slice::from_ref(step), n).await,
        }
        Ok(Flow::GoOn)
    }

    /// Boxed, since steps hold steps.
    fn nested<'a>(
        &'a mut self,
        steps: &'a [Step],
        n: u64,
    ) -> Pin<Box<dyn Future<Output = Result<Flow, Detached>> + Send + 'a>> {
        Box::pin(self.steps(steps, n))
    }

    async fn say(&mut self, draft: Draft) -> Result<(), Detached> {
        self.pending.push(draft);
        if self.pending.len() >= BATCH {
            self.flush().await
        } else {
            Ok(())
        }
    }

    /// Before each wait: who looks then sees where it is.
    async fn flush(&mut self) -> Result<(), Detached> {
        self.handle.session().plays(Some(self.place.to_string()));
        self.hand_over().await
    }

    async fn hand_over(&mut self) -> Result<(), Detached> {
        if !self.pending.is_empty() {
            self.handle.say(std::mem::take(&mut self.pending)).await?;
            // A long script must not keep its thread from the streams.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// The event with what stands beside its step.
    fn with(&self, draft: Draft, beside: Option<&Beside>, n: u64) -> Draft {
        match beside {
            Some(beside) if !beside.data.is_empty() || !beside.metadata.is_empty() => Draft::With {
                draft: Box::new(draft),
                data: self.map(Some(&beside.data), n),
                metadata: self.map(Some(&beside.metadata), n),
            },
            _ => draft,
        }
    }

    /// Keeps a text under the name that the step gives it, for this session.
    fn save(&mut self, beside: Option<&Beside>, text: &str) {
        if let Some(name) = beside.and_then(|beside| beside.save.as_ref()) {
            self.keep_all(BTreeMap::from([(name.clone(), text.to_owned())]));
        }
    }

    fn keep_all(&mut self, found: BTreeMap<String, String>) {
        self.handle.session().save(&found);
        self.names.extend(found);
    }

    /// Whether conditions hold; then what their expressions found is kept.
    fn hold(&mut self, conditions: &Conditions) -> bool {
        let names = &self.names;
        if !hold(conditions, |name| names.get(name).map(String::as_str)) {
            return false;
        }
        let found = found(conditions, &self.names);
        self.keep_all(found);
        true
    }

    fn fill(&self, text: &str, n: u64) -> String {
        if self.verbatim {
            text.to_owned()
        } else {
            fill(text, &self.filling(n))
        }
    }

    /// The same at any depth.
    fn value(&self, value: &Value, n: u64) -> Value {
        if self.verbatim {
            value.clone()
        } else {
            fill_all(value, &self.filling(n))
        }
    }

    fn map(&self, fields: Option<&Map<String, Value>>, n: u64) -> Map<String, Value> {
        let fields = fields.into_iter().flatten();
        fields
            .map(|(name, value)| (name.clone(), self.value(value, n)))
            .collect()
    }

    fn filling(&self, n: u64) -> Filling<'_> {
        Filling {
            names: &self.names,
            n,
        }
    }
}

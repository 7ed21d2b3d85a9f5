//! Plays the script of a scenario.

use super::handle::TaskHandle;
use super::log::Draft;
use crate::agent::Detached;
use crate::faults::Fault;
use crate::scenario::{Beside, Chosen, Place, ScriptedTask, Step, branch};
use crate::script;
use crate::script::{Flow, Played, Player as _, Script};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
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
    let place = Place::new(chosen.entry, chosen.script.steps.len());
    let mut player = Player {
        handle,
        inject,
        script: Script::new(place, chosen.script.verbatim, names, chosen.draws),
        pauses: 0,
        pending: Vec::new(),
    };
    player.keep(chosen.found);
    if script::play(&mut player, &chosen.script.steps, 0).await? == Flow::GoOn {
        player.hand_over().await?;
        handle.done("Task completed".into()).await?;
    }
    Ok(())
}

struct Player<'a> {
    handle: &'a TaskHandle,
    inject: &'a (dyn Fn(Fault) + Sync),
    script: Script,
    /// The pauses that were waited for.
    pauses: u64,
    /// Events that were not handed over yet.
    pending: Vec<Draft>,
}

impl script::Player for Player<'_> {
    type Step = Step;

    fn script(&mut self) -> &mut Script {
        &mut self.script
    }

    fn save(&mut self, values: &BTreeMap<String, String>) {
        self.handle.session().save(values);
    }

    async fn act<'a>(&'a mut self, step: &'a Step, beside: Option<&'a Beside>, n: u64) -> Played {
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
                self.script
                    .names
                    .insert("answer".to_owned(), answer.clone());
                self.keep_as(beside, &answer);
                if let Some(branch) = branch(answers, &answer) {
                    if let Some(matches) = &branch.matches {
                        self.keep(matches.found(&answer));
                    }
                    return script::play(self, &branch.steps, n).await;
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
                self.keep_as(beside, &message);
                self.script.names.insert("message".to_owned(), message);
            }
            Step::WaitForStream => {
                self.flush().await?;
                self.handle.wait_for_stream().await?;
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
            // Those that hold steps are played where all of them are.
            Step::Repeat { .. }
            | Step::RepeatUntil(_)
            | Step::If(_)
            | Step::Choose(_)
            | Step::With { .. } => {
                return script::play(self, std::slice::from_ref(step), n).await;
            }
        }
        Ok(Flow::GoOn)
    }
}

impl Player<'_> {
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
        self.handle
            .session()
            .plays(Some(self.script.place.to_string()));
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

    fn fill(&self, text: &str, n: u64) -> String {
        self.script.fill(text, n)
    }

    /// The same at any depth.
    fn value(&self, value: &Value, n: u64) -> Value {
        self.script.fill_all(value, n)
    }

    fn map(&self, fields: Option<&Map<String, Value>>, n: u64) -> Map<String, Value> {
        let fields = fields.into_iter().flatten();
        fields
            .map(|(name, value)| (name.clone(), self.value(value, n)))
            .collect()
    }
}

//! Plays the script of a scenario.

use super::handle::TaskHandle;
use super::log::Draft;
use crate::agent::Detached;
use crate::fill::{Filling, fill, fill_all};
use crate::scenario::{ScriptedTask, Step, branch};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// How many events a script hands over at once.
const BATCH: usize = 256;

/// Plays the steps; ends the task even if they do not.
pub(super) async fn play(
    handle: &TaskHandle,
    task: &str,
    script: &ScriptedTask,
) -> Result<(), Detached> {
    let mut player = Player {
        handle,
        task,
        verbatim: script.verbatim,
        answer: String::new(),
        message: String::new(),
        pauses: 0,
        pending: Vec::new(),
    };
    if player.steps(&script.steps, 0).await? == Flow::GoOn {
        player.flush().await?;
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
    task: &'a str,
    /// Nothing is put in.
    verbatim: bool,
    answer: String,
    message: String,
    /// The pauses that were waited for.
    pauses: u64,
    /// Events that were not handed over yet.
    pending: Vec<Draft>,
}

impl Player<'_> {
    async fn steps(&mut self, steps: &[Step], n: u64) -> Result<Flow, Detached> {
        for step in steps {
            if self.step(step, n).await? == Flow::Ended {
                return Ok(Flow::Ended);
            }
        }
        Ok(Flow::GoOn)
    }

    async fn step(&mut self, step: &Step, n: u64) -> Result<Flow, Detached> {
        match step {
            Step::Thought(text) => self.say(Draft::Thought(self.fill(text, n))).await?,
            Step::Log(text) => self.say(Draft::Log(self.fill(text, n))).await?,
            Step::Step { text, url, action } => {
                let fill = |text: &Option<String>| text.as_ref().map(|text| self.fill(text, n));
                self.say(Draft::Step {
                    text: self.fill(text, n),
                    url: fill(url),
                    action: fill(action),
                })
                .await?;
            }
            Step::Question { text, answers } => {
                self.flush().await?;
                self.answer = self.handle.ask(self.fill(text, n)).await?;
                if let Some(branch) = branch(answers, &self.answer) {
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
                self.message = self.handle.wait_for_message().await?;
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
            Step::Navigate(url) => {
                self.flush().await?;
                self.handle.navigate(&self.fill(url, n)).await?;
            }
            Step::Done(result) => {
                self.flush().await?;
                let result = if self.verbatim {
                    result.clone()
                } else {
                    fill_all(result, &self.filling(n))
                };
                self.handle.done(result).await?;
                return Ok(Flow::Ended);
            }
            Step::Error { text, status_code } => {
                self.flush().await?;
                self.handle.fail(self.fill(text, n), *status_code).await?;
                return Ok(Flow::Ended);
            }
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

    async fn flush(&mut self) -> Result<(), Detached> {
        if !self.pending.is_empty() {
            self.handle.say(std::mem::take(&mut self.pending)).await?;
            // A long script must not keep its thread from the streams.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn fill(&self, text: &str, n: u64) -> String {
        if self.verbatim {
            text.to_owned()
        } else {
            fill(text, &self.filling(n))
        }
    }

    fn filling(&self, n: u64) -> Filling<'_> {
        Filling {
            names: [
                ("{answer}", &self.answer),
                ("{message}", &self.message),
                ("{task}", self.task),
            ],
            n,
        }
    }
}

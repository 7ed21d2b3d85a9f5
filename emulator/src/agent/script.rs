//! Plays the script of a scenario.

use super::navigate;
use crate::agi::log::Draft;
use crate::agi::session::{Gone, Turn};
use crate::fill::{Filling, fill, fill_all};
use crate::scenario::{ScriptedTask, Step, branch};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// How many events a script hands over at once.
const BATCH: usize = 256;

/// Plays the steps; ends the task even if they do not.
pub(super) async fn play(turn: &Turn, task: &str, script: &ScriptedTask) -> Result<(), Gone> {
    let mut player = Player {
        turn,
        task,
        verbatim: script.verbatim,
        answer: String::new(),
        message: String::new(),
        pauses: 0,
        pending: Vec::new(),
    };
    if player.steps(&script.steps, 0).await? == Flow::GoOn {
        player.flush().await?;
        turn.done("Task completed".into()).await?;
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
enum Flow {
    GoOn,
    Ended,
}

struct Player<'a> {
    turn: &'a Turn,
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
    async fn steps(&mut self, steps: &[Step], n: u64) -> Result<Flow, Gone> {
        for step in steps {
            if self.step(step, n).await? == Flow::Ended {
                return Ok(Flow::Ended);
            }
        }
        Ok(Flow::GoOn)
    }

    async fn step(&mut self, step: &Step, n: u64) -> Result<Flow, Gone> {
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
                self.answer = self.turn.ask(self.fill(text, n)).await?;
                if let Some(branch) = branch(answers, &self.answer) {
                    return self.nested(&branch.steps, n).await;
                }
            }
            Step::Delay(seconds) => {
                self.flush().await?;
                self.turn.sleep(Duration::from_secs_f64(*seconds)).await?;
            }
            Step::Pause => {
                self.flush().await?;
                self.turn.pause().await?;
            }
            Step::WaitForPause => {
                self.flush().await?;
                self.pauses = self.turn.wait_for_pause(self.pauses).await?;
            }
            Step::WaitForMessage => {
                self.flush().await?;
                self.message = self.turn.wait_for_message().await?;
            }
            Step::Repeat { times, steps } => {
                for n in 1..=*times {
                    if self.nested(steps, n).await? == Flow::Ended {
                        return Ok(Flow::Ended);
                    }
                }
            }
            Step::Navigate(url) => {
                self.flush().await?;
                navigate(self.turn, &self.fill(url, n)).await?;
            }
            Step::Done(result) => {
                self.flush().await?;
                let result = if self.verbatim {
                    result.clone()
                } else {
                    fill_all(result, &self.filling(n))
                };
                self.turn.done(result).await?;
                return Ok(Flow::Ended);
            }
            Step::Error { text, status_code } => {
                self.flush().await?;
                self.turn.fail(self.fill(text, n), *status_code).await?;
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
    ) -> Pin<Box<dyn Future<Output = Result<Flow, Gone>> + Send + 'a>> {
        Box::pin(self.steps(steps, n))
    }

    async fn say(&mut self, draft: Draft) -> Result<(), Gone> {
        self.pending.push(draft);
        if self.pending.len() >= BATCH {
            self.flush().await
        } else {
            Ok(())
        }
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        if !self.pending.is_empty() {
            self.turn.say(std::mem::take(&mut self.pending)).await?;
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

//! Plays a turn's script.

use super::handle::WorkHandle;
use super::log::Draft;
use super::validate::StartTurn;
use crate::agent::Detached;
use crate::fill::{Filling, fill, fill_all};
use crate::scenario::{ScriptedTurn, Todo, TurnStep};
use serde_json::{Value, json};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// How many events a script hands over at once.
const BATCH: usize = 256;

/// Plays the steps; completes the turn if they do not end it.
pub(super) async fn play(
    handle: &WorkHandle,
    request: &StartTurn,
    script: &ScriptedTurn,
) -> Result<(), Detached> {
    let mut player = Player {
        handle,
        request,
        verbatim: script.verbatim,
        message: String::new(),
        thoughts: 0,
        tools: 0,
        pending: Vec::new(),
    };
    if player.steps(&script.steps, 0).await? == Flow::GoOn {
        player.flush().await?;
        handle.end(Draft::completed(), None)?;
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
enum Flow {
    GoOn,
    Ended,
}

struct Player<'a> {
    handle: &'a WorkHandle,
    request: &'a StartTurn,
    /// Nothing is put in.
    verbatim: bool,
    message: String,
    /// Counts the thoughts that have a block of their own.
    thoughts: u64,
    tools: u64,
    /// Events that were not handed over yet.
    pending: Vec<Draft>,
}

impl Player<'_> {
    async fn steps(&mut self, steps: &[TurnStep], n: u64) -> Result<Flow, Detached> {
        for step in steps {
            if self.step(step, n).await? == Flow::Ended {
                return Ok(Flow::Ended);
            }
        }
        Ok(Flow::GoOn)
    }

    async fn step(&mut self, step: &TurnStep, n: u64) -> Result<Flow, Detached> {
        match step {
            TurnStep::Thought {
                text,
                block,
                finalize,
            } => {
                let block = block.clone().unwrap_or_else(|| {
                    self.thoughts += 1;
                    self.thoughts.to_string()
                });
                let text = self.fill(text, n);
                self.say(Draft::thought(&block, &text, *finalize)).await?;
            }
            TurnStep::Text { text, block } => {
                let block = block.as_deref().unwrap_or("answer");
                let text = self.fill(text, n);
                self.say(Draft::text(block, &text)).await?;
            }
            TurnStep::Tool {
                name,
                output,
                status,
                takes,
            } => {
                self.tools += 1;
                let block = format!("tool:{name}:run-{}", self.tools);
                self.say(Draft::tool_start(&block, name)).await?;
                if *takes > 0.0 {
                    self.sleep(*takes).await?;
                }
                let output = self.fill_all(output, n);
                self.say(Draft::tool_result(&block, status, output)).await?;
            }
            TurnStep::Plan(todos) => {
                let todos = todos.iter().map(|todo| self.todo(todo, n)).collect();
                self.say(Draft::plan(todos)).await?;
            }
            TurnStep::Snapshot { written, deleted } => {
                let fill = |paths: &[String]| -> Vec<_> {
                    paths.iter().map(|path| self.fill(path, n)).collect()
                };
                let (written, deleted) = (fill(written), fill(deleted));
                let session_id = &self.handle.session.session_id;
                let draft = Draft::snapshot(session_id, self.handle.now(), &written, &deleted);
                self.say(draft).await?;
            }
            TurnStep::Event {
                kind,
                payload,
                block_id,
            } => {
                let payload = self.fill_all(&Value::Object(payload.clone()), n);
                let mut draft = Draft::new(kind.clone(), payload);
                draft.block.clone_from(block_id);
                if draft.ending().is_some() {
                    return self.end(draft, None).await;
                }
                self.say(draft).await?;
            }
            TurnStep::Delay(seconds) => self.sleep(*seconds).await?,
            TurnStep::Repeat { times, steps } => {
                for n in 1..=*times {
                    // A round without a wait lets others have their turn too.
                    tokio::task::coop::consume_budget().await;
                    if self.nested(steps, n).await? == Flow::Ended {
                        return Ok(Flow::Ended);
                    }
                }
            }
            TurnStep::WaitForMessage => {
                self.flush().await?;
                self.message = self.handle.wait_for_message().await;
            }
            TurnStep::WaitForSocket => {
                self.flush().await?;
                self.handle.wait_for_socket().await;
            }
            TurnStep::WaitForStop => {
                self.flush().await?;
                // A stop ends the turn, and this with it.
                std::future::pending::<()>().await;
            }
            TurnStep::Complete { content } => {
                let content = content.as_ref().map(|text| self.fill(text, n));
                return self.end(Draft::completed(), content).await;
            }
            TurnStep::Abort { reason } => {
                let draft = Draft::aborted(&self.fill(reason, n));
                return self.end(draft, None).await;
            }
            TurnStep::Error { text, code } => {
                let draft = Draft::failed(&self.fill(text, n), code.clone());
                return self.end(draft, None).await;
            }
        }
        Ok(Flow::GoOn)
    }

    /// Boxed, since steps hold steps.
    fn nested<'a>(
        &'a mut self,
        steps: &'a [TurnStep],
        n: u64,
    ) -> Pin<Box<dyn Future<Output = Result<Flow, Detached>> + Send + 'a>> {
        Box::pin(self.steps(steps, n))
    }

    async fn sleep(&mut self, seconds: f64) -> Result<(), Detached> {
        self.flush().await?;
        self.handle.sleep(Duration::from_secs_f64(seconds)).await;
        Ok(())
    }

    async fn end(&mut self, draft: Draft, content: Option<String>) -> Result<Flow, Detached> {
        self.flush().await?;
        self.handle.end(draft, content)?;
        Ok(Flow::Ended)
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
            self.handle.say(std::mem::take(&mut self.pending))?;
            // A long script must not keep its thread from the sockets.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn todo(&self, todo: &Todo, n: u64) -> Value {
        json!({ "id": todo.id, "content": self.fill(&todo.content, n), "status": todo.status })
    }

    fn fill(&self, text: &str, n: u64) -> String {
        if self.verbatim {
            text.to_owned()
        } else {
            fill(text, &self.filling(n))
        }
    }

    /// The same at any depth.
    fn fill_all(&self, value: &Value, n: u64) -> Value {
        if self.verbatim {
            value.clone()
        } else {
            fill_all(value, &self.filling(n))
        }
    }

    fn filling(&self, n: u64) -> Filling<'_> {
        Filling {
            names: [
                ("{prompt}", &self.request.prompt),
                ("{mode}", &self.request.mode),
                ("{message}", &self.message),
            ],
            n,
        }
    }
}

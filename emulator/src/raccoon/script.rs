//! Plays a turn's script.

use super::handle::WorkHandle;
use super::log::Draft;
use super::validate::StartTurn;
use crate::agent::Detached;
use crate::faults::Fault;
use crate::fill::{Filling, fill, fill_all};
use crate::scenario::{
    AskedFile, Beside, Chosen, Conditions, Place, ScriptedTurn, Todo, TurnStep, found, hold,
};
use crate::seed::Draws;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// How many events a script hands over at once.
const BATCH: usize = 256;

/// Plays the steps; completes the turn if they do not end it. `inject` is for the script's faults.
pub(super) async fn play(
    handle: &WorkHandle,
    request: &StartTurn,
    chosen: Chosen<ScriptedTurn>,
    files: Vec<AskedFile>,
    inject: &(dyn Fn(Fault) + Sync),
) -> Result<(), Detached> {
    let mut player = Player {
        handle,
        place: Place::new(chosen.entry, chosen.script.steps.len()),
        inject,
        verbatim: chosen.script.verbatim,
        names: names(handle, request, &files, chosen.file.as_ref()),
        draws: chosen.draws,
        thoughts: 0,
        tools: 0,
        pending: Vec::new(),
    };
    player.keep_all(chosen.found);
    if player.steps(&chosen.script.steps, 0).await? == Flow::GoOn {
        player.hand_over().await?;
        handle.end(Draft::completed(), None)?;
    }
    Ok(())
}

/// What stands for the names in braces when a turn begins.
fn names(
    handle: &WorkHandle,
    request: &StartTurn,
    files: &[AskedFile],
    file: Option<&AskedFile>,
) -> BTreeMap<String, String> {
    let mut names = handle.session.lock().saved.clone();
    let all: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
    for (name, value) in [
        ("prompt", request.prompt.as_str()),
        ("mode", &request.mode),
        ("session_id", &handle.session.session_id),
        ("message", ""),
        ("files", &all.join(", ")),
    ] {
        names.insert(name.to_owned(), value.to_owned());
    }
    let mut put = |prefix: &str, file: &AskedFile| {
        for (name, value) in [
            ("name", file.name.clone()),
            ("type", file.content_type.clone()),
            ("size", file.size.to_string()),
            ("content", file.content.clone()),
        ] {
            names.insert(format!("{prefix}.{name}"), value);
        }
    };
    for (index, file) in files.iter().enumerate() {
        put(&format!("file.{}", index + 1), file);
    }
    if let Some(file) = file {
        put("file", file);
    }
    names
}

#[derive(Debug, PartialEq, Eq)]
enum Flow {
    GoOn,
    Ended,
}

struct Player<'a> {
    handle: &'a WorkHandle,
    inject: &'a (dyn Fn(Fault) + Sync),
    place: Place,
    /// Nothing is put in.
    verbatim: bool,
    /// What stands for the names in braces.
    names: BTreeMap<String, String>,
    draws: Draws,
    /// Counts the thoughts that have a block of their own.
    thoughts: u64,
    tools: u64,
    /// Events that were not handed over yet.
    pending: Vec<Draft>,
}

impl Player<'_> {
    async fn steps(&mut self, steps: &[TurnStep], n: u64) -> Result<Flow, Detached> {
        self.place.enter();
        for step in steps {
            self.place.next();
            let flow = match step {
                TurnStep::With { step, beside } => self.step(step, Some(beside), n).await?,
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
        step: &TurnStep,
        beside: Option<&Beside>,
        n: u64,
    ) -> Result<Flow, Detached> {
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
                frame,
            } => {
                let payload = self.fill_all(&Value::Object(payload.clone()), n);
                let mut draft = Draft::new(kind.clone(), payload);
                draft.block.clone_from(block_id);
                if let Value::Object(more) = self.fill_all(&Value::Object(frame.clone()), n) {
                    draft.more = more;
                }
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
            TurnStep::RepeatUntil(until) => {
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
            TurnStep::If(when) => {
                let steps = if self.hold(&when.conditions) {
                    &when.steps
                } else {
                    &when.otherwise
                };
                return self.nested(steps, n).await;
            }
            TurnStep::Choose(choices) => {
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
            TurnStep::Socket(cut) => {
                self.flush().await?;
                self.handle.cut_sockets((*cut).into())?;
            }
            TurnStep::Fault(fault) => {
                self.flush().await?;
                (self.inject)(fault.of_session(&self.handle.session.session_id));
            }
            // Steps are wrapped once.
            TurnStep::With { step, .. } => {
                return self.nested(std::slice::from_ref(step), n).await;
            }
            TurnStep::WaitForMessage => {
                self.flush().await?;
                let message = self.handle.wait_for_message().await;
                self.save(beside, &message);
                self.names.insert("message".to_owned(), message);
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

    /// Before each wait: who looks then sees where it is.
    async fn flush(&mut self) -> Result<(), Detached> {
        self.handle.session.plays(Some(self.place.to_string()));
        self.hand_over().await
    }

    async fn hand_over(&mut self) -> Result<(), Detached> {
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

    /// Keeps a text under the name that the step gives it, for this session.
    fn save(&mut self, beside: Option<&Beside>, text: &str) {
        if let Some(name) = beside.and_then(|beside| beside.save.as_ref()) {
            self.keep_all(BTreeMap::from([(name.clone(), text.to_owned())]));
        }
    }

    /// The numbers of groups are the script's own; the rest is for later turns, too.
    fn keep_all(&mut self, found: BTreeMap<String, String>) {
        let mut state = self.handle.session.lock();
        for (name, value) in &found {
            if !name.starts_with(|c: char| c.is_ascii_digit()) {
                state.saved.insert(name.clone(), value.clone());
            }
        }
        drop(state);
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
    fn fill_all(&self, value: &Value, n: u64) -> Value {
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

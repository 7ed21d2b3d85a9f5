//! Plays a turn's script.

use super::handle::WorkHandle;
use super::log::Draft;
use super::validate::StartTurn;
use crate::agent::Detached;
use crate::faults::Fault;
use crate::scenario::{AskedFile, Beside, Chosen, Place, ScriptedTurn, Todo, TurnStep};
use crate::script;
use crate::script::{Flow, Played, Player as _, Script};
use serde_json::{Value, json};
use std::collections::BTreeMap;
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
    let place = Place::new(chosen.entry, chosen.script.steps.len());
    let names = names(handle, request, &files, chosen.file.as_ref());
    let mut player = Player {
        handle,
        inject,
        script: Script::new(place, chosen.script.verbatim, names, chosen.draws),
        thoughts: 0,
        tools: 0,
        pending: Vec::new(),
    };
    player.keep(chosen.found);
    if script::play(&mut player, &chosen.script.steps, 0).await? == Flow::GoOn {
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

struct Player<'a> {
    handle: &'a WorkHandle,
    inject: &'a (dyn Fn(Fault) + Sync),
    script: Script,
    /// Counts the thoughts that have a block of their own.
    thoughts: u64,
    tools: u64,
    /// Events that were not handed over yet.
    pending: Vec<Draft>,
}

impl script::Player for Player<'_> {
    type Step = TurnStep;

    fn script(&mut self) -> &mut Script {
        &mut self.script
    }

    /// The numbers of groups are the script's own; the rest is for later turns, too.
    fn save(&mut self, values: &BTreeMap<String, String>) {
        let named = |name: &&String| !name.starts_with(|c: char| c.is_ascii_digit());
        let named = values.iter().filter(|(name, _)| named(name));
        let mut state = self.handle.session.lock();
        state
            .saved
            .extend(named.map(|(name, value)| (name.clone(), value.clone())));
    }

    async fn act<'a>(
        &'a mut self,
        step: &'a TurnStep,
        beside: Option<&'a Beside>,
        n: u64,
    ) -> Played {
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
            TurnStep::Socket(cut) => {
                self.flush().await?;
                self.handle.cut_sockets((*cut).into())?;
            }
            TurnStep::Fault(fault) => {
                self.flush().await?;
                (self.inject)(fault.of_session(&self.handle.session.session_id));
            }
            // Those that hold steps are played where all of them are.
            TurnStep::Repeat { .. }
            | TurnStep::RepeatUntil(_)
            | TurnStep::If(_)
            | TurnStep::Choose(_)
            | TurnStep::With { .. } => {
                return script::play(self, std::slice::from_ref(step), n).await;
            }
            TurnStep::WaitForMessage => {
                self.flush().await?;
                let message = self.handle.wait_for_message().await;
                self.keep_as(beside, &message);
                self.script.names.insert("message".to_owned(), message);
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
}

impl Player<'_> {
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
        self.handle
            .session
            .plays(Some(self.script.place.to_string()));
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

    fn fill(&self, text: &str, n: u64) -> String {
        self.script.fill(text, n)
    }

    /// The same at any depth.
    fn fill_all(&self, value: &Value, n: u64) -> Value {
        self.script.fill_all(value, n)
    }
}

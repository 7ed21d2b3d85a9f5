//! Who works on a task: the script of a scenario, the developer's own agent, or the built-in one.

use super::handle::TaskHandle;
use super::session::{Session, StartedTask};
use super::{Agent, agent, function_agent, script};
use crate::agent::Detached;
use crate::errors::ApiError;
use crate::page::Page;
use crate::scenario::{Asked, Chosen, ScriptedTask};
use crate::state::Server;
use crate::sync::lock;
use crate::timeline::quoted;
use crate::world::World;
use std::sync::Arc;

/// Takes a message to its session. If it starts a task, an agent is set to work.
pub(crate) fn deliver(
    server: &Arc<Server>,
    world: &Arc<World>,
    session: &Arc<Session>,
    text: String,
    start_url: Option<String>,
) -> Result<(), ApiError> {
    if let Some(started) = session.message(text)? {
        start(server, world, session.clone(), started, start_url);
    }
    Ok(())
}

fn start(
    server: &Arc<Server>,
    world: &Arc<World>,
    session: Arc<Session>,
    started: StartedTask,
    start_url: Option<String>,
) {
    let StartedTask {
        number,
        text,
        cancelled,
    } = started;
    let handle = TaskHandle::new(session, number, world.timeline.clone());
    // Before the response, so that whoever has it finds what was said of the task.
    let (player, name) = Player::for_task(world, &handle, &text, start_url.as_deref());
    handle.take_note(&format!("task {}: {name}", quoted(&text)));
    let work = work(
        server.clone(),
        world.clone(),
        handle,
        player,
        text,
        start_url,
    );
    server.workers.spawn(async move {
        tokio::select! {
            biased;
            () = cancelled.cancelled() => {}
            () = work => {}
        }
    });
}

enum Player {
    Script(Box<Chosen<ScriptedTask>>),
    Own(Agent),
    BuiltIn,
    /// Nobody may, and why.
    Nobody(String),
}

impl Player {
    /// Who works on it, and what they are called.
    fn for_task(
        world: &World,
        handle: &TaskHandle,
        task: &str,
        start_url: Option<&str>,
    ) -> (Self, String) {
        handle.session().plays(None);
        let asked = Asked {
            text: task,
            start_url,
            agent: handle.session().agent_name(),
            session_id: &handle.session().id,
            nth_in_session: handle.number(),
            saved: handle.session().saved(),
            ..Asked::default()
        };
        let mut playing = lock(&world.playing);
        if let Some(script) = playing.script_for(&asked) {
            return (
                Self::Script(Box::new(script)),
                format!("{} plays", playing.last()),
            );
        }
        if let Some(agent) = lock(&world.agent).clone() {
            return (Self::Own(agent), "your agent works".to_owned());
        }
        let why = playing.unmatched_task(&asked);
        match why.and_then(|why| world.unmatched(why)) {
            Some(why) => (Self::Nobody(why), "no entry fits".to_owned()),
            None => (Self::BuiltIn, "the built-in agent works".to_owned()),
        }
    }
}

/// Works on one task until it is done, or taken away.
async fn work(
    server: Arc<Server>,
    world: Arc<World>,
    handle: TaskHandle,
    player: Player,
    task: String,
    start_url: Option<String>,
) {
    let ended = match player {
        Player::Script(script) => {
            if let Some(url) = &start_url {
                handle.session().show(Page::unopened(url));
            }
            let inject = |fault| {
                // It was checked when the scenario was read.
                if let Err(error) = lock(&world.faults).add(fault) {
                    tracing::error!(%error, "a fault of the scenario cannot be used");
                }
            };
            script::play(&handle, &task, start_url.as_deref(), *script, &inject).await
        }
        Player::Own(agent) => {
            let stop = server.workers.stop();
            function_agent::work(&handle, agent, stop, task, start_url).await
        }
        Player::BuiltIn => {
            agent::work(&handle, server.step_delay(), &task, start_url.as_deref()).await
        }
        Player::Nobody(why) => handle.fail(why, 500).await,
    };
    if let Err(Detached) = ended {
        tracing::debug!(session_id = handle.session().id, "the task was taken away");
    }
}

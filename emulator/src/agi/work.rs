//! Who works on a task: the script of a scenario, the developer's own agent, or the built-in one.

use super::handle::TaskHandle;
use super::session::{Session, StartedTask};
use super::{agent, function_agent, script};
use crate::agent::Detached;
use crate::errors::ApiError;
use crate::page::Page;
use crate::scenario::Asked;
use crate::state::Server;
use crate::sync::lock;
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
    let handle = TaskHandle::new(session, number);
    let work = work(server.clone(), world.clone(), handle, text, start_url);
    server.workers.spawn(async move {
        tokio::select! {
            biased;
            () = cancelled.cancelled() => {}
            () = work => {}
        }
    });
}

/// Works on one task until it is done, or taken away.
async fn work(
    server: Arc<Server>,
    world: Arc<World>,
    handle: TaskHandle,
    task: String,
    start_url: Option<String>,
) {
    let script = lock(&world.playing).script_for(&Asked {
        text: &task,
        start_url: start_url.as_deref(),
        agent: handle.session().agent_name(),
        session_id: &handle.session().id,
        nth_in_session: handle.number(),
        saved: handle.session().saved(),
        ..Asked::default()
    });
    let own = lock(&world.agent).clone();
    let ended = match (script, own) {
        (Some(script), _) => {
            if let Some(url) = &start_url {
                handle.session().show(Page::unopened(url));
            }
            let inject = |fault| {
                // It was checked when the scenario was read.
                if let Err(error) = lock(&world.faults).add(fault) {
                    tracing::error!(%error, "a fault of the scenario cannot be used");
                }
            };
            script::play(&handle, &task, start_url.as_deref(), script, &inject).await
        }
        (None, Some(agent)) => {
            let stop = server.workers.stop();
            function_agent::work(&handle, agent, stop, task, start_url).await
        }
        (None, None) => {
            agent::work(&handle, server.step_delay(), &task, start_url.as_deref()).await
        }
    };
    if let Err(Detached) = ended {
        tracing::debug!(session_id = handle.session().id, "the task was taken away");
    }
}

//! Who works on a turn: the script of a scenario, the developer's own agent, or the built-in one.

use super::handle::WorkHandle;
use super::log::Draft;
use super::session::{Begun, Session};
use super::validate::StartTurn;
use super::{agent, function_agent, script};
use crate::agent::Detached;
use crate::scenario::ScriptedTurn;
use crate::state::Server;
use crate::sync::lock;
use crate::world::World;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Sets an agent to work on a turn that has begun, once it has its permit.
pub(super) fn start(
    server: &Arc<Server>,
    world: &Arc<World>,
    session: Arc<Session>,
    begun: &mut Begun,
) {
    let handle = WorkHandle::new(session, begun.index);
    let work = run(server.clone(), world.clone(), handle, begun.granted.take());
    server.workers.spawn(async move {
        if let Err(Detached) = work.await {
            tracing::debug!("a turn was taken from its agent");
        }
    });
}

async fn run(
    server: Arc<Server>,
    world: Arc<World>,
    handle: WorkHandle,
    granted: Option<oneshot::Receiver<()>>,
) -> Result<(), Detached> {
    if let Some(granted) = granted {
        handle.wait_for_permit(granted).await?;
    }
    let (request, stopped) = handle.request().ok_or(Detached)?;
    work(&server, &world, handle, request, stopped).await
}

async fn work(
    server: &Server,
    world: &World,
    handle: WorkHandle,
    request: StartTurn,
    stopped: CancellationToken,
) -> Result<(), Detached> {
    handle.say(vec![Draft::received(
        &request.prompt,
        &request.files,
        &request.references,
    )])?;
    let script = lock(&world.playing).turn_script_for(&request.prompt, &request.mode);
    let own = lock(&world.turn_agent).clone();
    match (script, own) {
        // It sees to the end of its turn itself.
        (None, Some(agent)) => {
            let stop = server.workers.stop().clone();
            function_agent::work(handle, agent, stop, request).await
        }
        (script, _) => tokio::select! {
            biased;
            () = stopped.cancelled() => Err(Detached),
            ended = by_program(server, &handle, &request, script) => ended,
        },
    }
}

async fn by_program(
    server: &Server,
    handle: &WorkHandle,
    request: &StartTurn,
    script: Option<ScriptedTurn>,
) -> Result<(), Detached> {
    match script {
        Some(script) => script::play(handle, request, &script).await,
        None => agent::work(handle, server.step_delay(), &server.web, request).await,
    }
}

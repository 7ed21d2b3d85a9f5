//! Who works on a turn: the script of a scenario, the developer's own agent, or the built-in one.

use super::handle::WorkHandle;
use super::log::Draft;
use super::session::{Begun, Session};
use super::validate::StartTurn;
use super::{agent, function_agent, script};
use crate::agent::Detached;
use crate::scenario::{Asked, AskedFile, Chosen, ScriptedTurn};
use crate::state::Server;
use crate::sync::lock;
use crate::world::World;
use serde_json::Value;
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
    let script = lock(&world.playing).turn_script_for(&Asked {
        text: &request.prompt,
        mode: &request.mode,
        session_id: &handle.session.session_id,
        nth_in_session: handle.number(),
        saved: handle.session.lock().saved.clone(),
        files: files(&handle, &request),
        ..Asked::default()
    });
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
            ended = by_program(server, world, &handle, &request, script) => ended,
        },
    }
}

async fn by_program(
    server: &Server,
    world: &World,
    handle: &WorkHandle,
    request: &StartTurn,
    script: Option<Chosen<ScriptedTurn>>,
) -> Result<(), Detached> {
    match script {
        Some(script) => {
            let inject = |fault| {
                // It was checked when the scenario was read.
                if let Err(error) = lock(&world.faults).add(fault) {
                    tracing::error!(%error, "a fault of the scenario cannot be used");
                }
            };
            script::play(handle, request, script, files(handle, request), &inject).await
        }
        None => agent::work(handle, server.step_delay(), &server.web, request).await,
    }
}

/// The files that go with a turn, as far as they were uploaded.
fn files(handle: &WorkHandle, request: &StartTurn) -> Vec<AskedFile> {
    let uploads = lock(&handle.session.owner.uploads);
    let known = |file: &Value| {
        let upload = uploads.get(file["key"].as_str()?)?;
        Some(AskedFile {
            name: file["name"].as_str().unwrap_or(&upload.name).to_owned(),
            content_type: upload.content_type.clone(),
            size: upload.size,
            content: String::from_utf8_lossy(&upload.begin).into_owned(),
        })
    };
    request.files.iter().filter_map(known).collect()
}

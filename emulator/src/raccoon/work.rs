//! Who works on a turn: the script of a scenario, the developer's own agent, or the built-in one.

use super::handle::WorkHandle;
use super::log::Draft;
use super::session::{Begun, Session};
use super::validate::StartTurn;
use super::{TurnAgent, agent, function_agent, script};
use crate::agent::Detached;
use crate::scenario::{Asked, AskedFile, Chosen, ScriptedTurn};
use crate::state::Server;
use crate::sync::lock;
use crate::timeline::quoted;
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
    let handle = WorkHandle::new(session, begun.index, world.timeline.clone());
    let granted = begun.granted.take();
    // Before the response, so that whoever has it finds what was said of the turn. A turn that waits starts later.
    let player = match (&granted, handle.request()) {
        (None, Some((request, _))) => Some(Player::for_turn(world, &handle, &request)),
        _ => None,
    };
    let work = run(server.clone(), world.clone(), handle, granted, player);
    server.workers.spawn(async move {
        if let Err(Detached) = work.await {
            tracing::debug!("a turn was taken from its agent");
        }
    });
}

enum Player {
    Script(Box<Chosen<ScriptedTurn>>),
    Own(TurnAgent),
    BuiltIn,
    /// Nobody may, and why.
    Nobody(String),
}

impl Player {
    fn for_turn(world: &World, handle: &WorkHandle, request: &StartTurn) -> Self {
        let (player, name) = Self::named(world, handle, request);
        handle.take_note(&format!("turn {}: {name}", quoted(&request.prompt)));
        player
    }

    /// Who works on it, and what they are called.
    fn named(world: &World, handle: &WorkHandle, request: &StartTurn) -> (Self, String) {
        handle.session.plays(None);
        let asked = Asked {
            text: &request.prompt,
            mode: &request.mode,
            session_id: &handle.session.session_id,
            nth_in_session: handle.number(),
            saved: handle.session.lock().saved.clone(),
            files: files(handle, request),
            ..Asked::default()
        };
        let mut playing = lock(&world.playing);
        if let Some(script) = playing.turn_script_for(&asked) {
            return (
                Self::Script(Box::new(script)),
                format!("{} plays", playing.last()),
            );
        }
        if let Some(agent) = lock(&world.turn_agent).clone() {
            return (Self::Own(agent), "your agent works".to_owned());
        }
        let why = playing.unmatched_turn(&asked);
        match why.and_then(|why| world.unmatched(why)) {
            Some(why) => (Self::Nobody(why), "no entry fits".to_owned()),
            None => (Self::BuiltIn, "the built-in agent works".to_owned()),
        }
    }
}

async fn run(
    server: Arc<Server>,
    world: Arc<World>,
    handle: WorkHandle,
    granted: Option<oneshot::Receiver<()>>,
    player: Option<Player>,
) -> Result<(), Detached> {
    if let Some(granted) = granted {
        handle.wait_for_permit(granted).await?;
    }
    let (request, stopped) = handle.request().ok_or(Detached)?;
    let player = player.unwrap_or_else(|| Player::for_turn(&world, &handle, &request));
    work(&server, &world, handle, player, request, stopped).await
}

async fn work(
    server: &Server,
    world: &World,
    handle: WorkHandle,
    player: Player,
    request: StartTurn,
    stopped: CancellationToken,
) -> Result<(), Detached> {
    handle.say(vec![Draft::received(
        &request.prompt,
        &request.files,
        &request.references,
    )])?;
    let script = match player {
        // It sees to the end of its turn itself.
        Player::Own(agent) => {
            let stop = server.workers.stop().clone();
            return function_agent::work(handle, agent, stop, request).await;
        }
        Player::Script(script) => Some(*script),
        Player::BuiltIn => None,
        Player::Nobody(why) => {
            return handle.end(Draft::failed(&why, Some("unmatched".to_owned())), None);
        }
    };
    tokio::select! {
        biased;
        () = stopped.cancelled() => Err(Detached),
        ended = by_program(server, world, &handle, &request, script) => ended,
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

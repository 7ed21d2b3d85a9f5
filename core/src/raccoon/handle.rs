//! Goes on with a turn from its handle, and prepares one that is started by its handle.

use std::time::{Duration, Instant};

use super::answers::running_turn;
use super::api::Api;
use super::driver::{Knows, LATE};
use super::models::{After, Attach, History, ResumeOptions, StartTurn, TurnFile};
use super::standing::{Standing, standing};
use super::turn::Turn;
use super::validate;
use crate::error::{Error, ErrorKind, Result};
use crate::handle::{Digest, Handle, PreparedTurn, TurnHandle};
use crate::unix_time;

/// Pauses between looks for a turn that another process may have started a moment ago: the
/// service may take it, and tell of it, only after the first look.
const LOOK_AGAIN: [Duration; 2] = [Duration::from_millis(250), Duration::from_millis(500)];

/// See `Session::prepare_turn`.
pub(super) async fn prepare(api: &Api, session_id: &str, start: StartTurn) -> Result<String> {
    validate::session_id_or_none(session_id)?;
    start.check()?;
    only_uploaded(&start.files)?;
    let history = history_so_far(api, session_id).await?;
    let (messages, last_message) = match &history {
        None => (0, String::new()),
        Some(history) => {
            if let Some(running) = running_turn(history) {
                return Err(Api::busy_with(session_id, running));
            }
            let last = history.messages.last();
            let last = last.map(|message| message.id.clone());
            (history.messages.len() as u64, last.unwrap_or_default())
        }
    };
    let turn = serde_json::to_string(&start).map_err(|why| {
        Error::invalid(format!("The turn cannot be written into a handle: {why}"))
    })?;
    api.prepared().add(session_id);
    let prepared = PreparedTurn {
        session_id: session_id.to_owned(),
        messages,
        last_message,
        turn,
    };
    Ok(Handle::PreparedTurn(prepared).encode())
}

/// A handle goes to other machines, which do not have this one's files.
fn only_uploaded(files: &[TurnFile]) -> Result<()> {
    for file in files {
        if let TurnFile::Path(path) = file {
            return Err(Error::invalid(format!(
                "`files` has {:?}, which is not uploaded: a handle holds no file. Upload it first, and pass what \
                 `upload` gives",
                path.display()
            )));
        }
    }
    Ok(())
}

/// The session's history; `None` where its first turn is yet to create it.
async fn history_so_far(api: &Api, session_id: &str) -> Result<Option<History>> {
    match api.get(session_id).await {
        Ok(history) => Ok(Some(history)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// See `Client::resume`.
pub(super) async fn resume(api: Api, handle: &str, options: ResumeOptions) -> Result<Turn> {
    let handle = Handle::decode(handle)?;
    validate::event_options(&options.events)?;
    match handle {
        Handle::Turn(turn) => go_on(api, turn, options).await,
        Handle::PreparedTurn(turn) => start_once(api, &turn, options).await,
        task => Err(task.foreign()),
    }
}

/// Goes on with a turn that was started.
async fn go_on(api: Api, turn: TurnHandle, options: ResumeOptions) -> Result<Turn> {
    validate::session_id(&turn.session_id)?;
    let mut attach = Attach::new(turn.session_id, turn.message_id).events(options.events);
    let place = turn.place;
    if !options.from_start && (place.event_id.is_some() || place.entry.is_some()) {
        attach = attach.after(After::Point {
            last_stream_entry_id: place.entry,
            last_event_id: place.event_id,
        });
    }
    follow(api, attach, unix_time::instant(turn.started), turn.prompt).await
}

/// Follows a turn that another process started, perhaps a moment ago.
async fn follow(api: Api, attach: Attach, begun: Instant, prompt: Digest) -> Result<Turn> {
    let knows = match begun.elapsed() < LATE {
        true => Knows::Soon,
        false => Knows::Now,
    };
    Turn::go_on(api, attach, begun, prompt, knows).await
}

/// Starts a turn that was prepared, unless the session's history shows that it was started.
async fn start_once(api: Api, turn: &PreparedTurn, options: ResumeOptions) -> Result<Turn> {
    let session_id = &turn.session_id;
    validate::session_id(session_id)?;
    let start: StartTurn = serde_json::from_str(&turn.turn).map_err(|why| {
        Error::invalid(format!("`handle` holds a turn that cannot be read: {why}"))
    })?;
    let start = start.events(options.events);
    start.check()?;
    let alone = api.prepared().start(session_id);
    let alone = async { Ok(alone.await) };
    // Before the look, since it may take its time: nobody here starts it in between.
    let _alone = api.closing().until_closed(alone).await?;
    let permit = api.permit().await?;
    let mut pauses = match api.prepared().take_fresh(session_id) {
        true => [].iter(),
        false => LOOK_AGAIN.iter(),
    };
    loop {
        let standing = match history_so_far(&api, session_id).await {
            Ok(Some(history)) => standing(turn, &start.prompt, &history),
            // Its first turn creates it.
            Ok(None) if turn.messages == 0 => Standing::Unsent,
            Ok(None) => return Err(gone(session_id)),
            Err(error) => return Err(may_have_been_started(error, session_id)),
        };
        match standing {
            Standing::Started(message_id) => {
                drop(permit);
                let attach = Attach::new(session_id, message_id).events(start.events);
                return follow(api, attach, Instant::now(), Digest::of(&start.prompt)).await;
            }
            Standing::Overtaken => return Err(overtaken(session_id)),
            still => match (pauses.next(), still) {
                (Some(pause), _) => api.closing().sleep(*pause).await?,
                (None, Standing::Unclear) => return Err(unclear(session_id)),
                (None, _) => break,
            },
        }
    }
    let files = api.upload_files(session_id, &start.files).await?;
    Turn::submit(api, session_id.clone(), start, files, permit).await
}

/// The history could not be read: whether the turn was started is not known.
fn may_have_been_started(error: Error, session_id: &str) -> Error {
    let error = error.with_session(session_id);
    if error.kind() == ErrorKind::InvalidRequest {
        return error;
    }
    error.with_maybe_delivered(
        "Nothing was sent now, but whether an earlier call started the turn is not known without the session's \
         history: resume the handle again.",
    )
}

fn gone(session_id: &str) -> Error {
    Error::new(
        ErrorKind::NotFound,
        "The session is gone: it was deleted or it expired since the turn was prepared",
    )
    .with_status(404)
    .with_session(session_id)
}

fn overtaken(session_id: &str) -> Error {
    Error::new(
        ErrorKind::Conflict,
        "The session's messages since the turn was prepared are others than its own. Nothing was sent",
    )
    .with_code("session_has_moved_on")
    .with_session(session_id)
    .with_advice("Read its history, and prepare the turn again if it is still wanted.")
}

fn unclear(session_id: &str) -> Error {
    Error::new(
        ErrorKind::Conflict,
        "The session's history does not say whether the turn was started. Nothing was sent now",
    )
    .with_code("turn_in_progress")
    .with_session(session_id)
    .with_maybe_delivered(
        "An earlier call may have started it: resume the handle again in a moment.",
    )
}

//! The tools of Raccoon.

use std::sync::Arc;

use serde_json::{Value, json};
use sessionwire::meaning::iso_text;
use sessionwire::raccoon::{
    ListSessions, Role, StartTurn, TurnFile, TurnMessage, Upload, UploadProgress, UploadSource,
    new_session_id,
};

use super::agi::{LISTED, LONGEST, MESSAGES, gone, listed};
use super::arguments::{Arguments, refuse};
use super::call::Call;
use super::host::Service;
use super::jobs::{Job, Work, shortened};
use super::replies::{Answer, Refusal, Reply, told};

/// `run_turn` and `start_turn`: the turn, in a session of its own unless it names one.
pub(super) async fn start(
    call: &Call<'_>,
    mut arguments: Arguments,
    is_run: bool,
) -> Result<Arc<Job>, Refusal> {
    let mut start = StartTurn::new(arguments.text("prompt")?);
    if let Some(mode) = arguments.text_if_given("mode")? {
        start = start.mode(mode);
    }
    let session_id = arguments.text_if_given("session_id")?;
    let files = arguments.list("files")?;
    let texts = arguments.list("texts")?;
    let keeps = is_run && arguments.flag("keep_session")?;
    arguments.done()?;
    for file in files {
        let path = file
            .as_str()
            .ok_or_else(|| refuse("files", "holds what is no path."))?;
        start = start.file(TurnFile::Path(call.host.limits.check_file(path)?));
    }
    let texts = texts.iter().map(text_file).collect::<Result<Vec<_>, _>>()?;
    // Bad input costs no session.
    start.check()?;
    let client = call.host.raccoon()?;
    let _starting = call.host.starts_turn()?;
    let (session_id, is_new) = match session_id {
        Some(id) => {
            call.host.may_touch(Service::Raccoon, &id)?;
            (id, false)
        }
        None => {
            let (place, id) = (call.host.place()?, new_session_id()?);
            // It is there once something is sent to it.
            place.take(Service::Raccoon, &id, call.owner());
            (id, true)
        }
    };
    let started = async {
        for (name, text) in texts {
            let upload = Upload::new(&session_id).name(name);
            let source = UploadSource::bytes(text.into_bytes());
            start = start.file(client.upload(upload, source, UploadProgress::new()).await?);
        }
        client.start_turn(&session_id, start).await
    };
    match started.await {
        Ok(turn) => call
            .host
            .take_on(Work::Turn(turn), is_run && is_new && !keeps),
        // It may be at work: somebody has to look.
        Err(error) if error.maybe_delivered() => Err(Refusal::new(format!(
            "{} The session is {session_id}.",
            told(&error)
        ))),
        Err(error) => {
            if is_new && let Err(left) = call.host.delete(Service::Raccoon, &session_id).await {
                let left = format!("The session {session_id} was not deleted: {left}");
                return Err(Refusal::new(format!("{} {left}", told(&error))));
            }
            Err(error.into())
        }
    }
}

fn text_file(given: &Value) -> Result<(String, String), Refusal> {
    let part = |name: &str| given.get(name)?.as_str().map(str::to_owned);
    match (part("name"), part("text")) {
        (Some(name), Some(text)) if !name.is_empty() => Ok((name, text)),
        _ => Err(refuse(
            "texts",
            "holds one without a name and a text. Pass both of each.",
        )),
    }
}

pub(super) async fn wait(call: &mut Call<'_>, mut arguments: Arguments) -> Answer {
    let id = arguments.text("turn_id")?;
    let seconds = arguments.number_if_given("seconds")?;
    arguments.done()?;
    call.back_within(seconds);
    let job = call.host.job("turn", &id)?;
    call.wait(&job).await
}

pub(super) async fn send(call: &Call<'_>, mut arguments: Arguments) -> Answer {
    let id = arguments.text("turn_id")?;
    let text = arguments.text("text")?;
    arguments.done()?;
    let job = call.host.job("turn", &id)?;
    let Work::Turn(turn) = &job.work else {
        return Err(Refusal::new("This is no turn."));
    };
    turn.send_message(TurnMessage::new(text)).await?;
    let data = json!({ "turn_id": id, "state": "working" });
    Ok(Reply::new(format!("The turn {id} was told."), data))
}

pub(super) async fn cancel(call: &Call<'_>, mut arguments: Arguments) -> Answer {
    let id = arguments.text("turn_id")?;
    arguments.done()?;
    let job = call.host.job("turn", &id)?;
    call.host.end(&job).await
}

pub(super) async fn list(call: &Call<'_>, mut arguments: Arguments) -> Answer {
    let mut asked = ListSessions::new();
    asked.search = arguments.text_if_given("search")?;
    arguments.done()?;
    let mut found = call.host.raccoon()?.sessions().list(asked);
    let mut sessions = Vec::new();
    while sessions.len() < LISTED
        && let Some(session) = found.next().await
    {
        let session = session?;
        sessions.push(json!({
            "session_id": session.session_id,
            "title": session.title,
            "updated_at": session.updated_at.map(iso_text).unwrap_or_default(),
            "opened_here": call.host.is_open(Service::Raccoon, &session.session_id),
        }));
    }
    Ok(listed(sessions.len(), sessions))
}

pub(super) async fn history(call: &Call<'_>, mut arguments: Arguments) -> Answer {
    let id = arguments.text("session_id")?;
    arguments.done()?;
    call.host.may_touch(Service::Raccoon, &id)?;
    let history = call.host.raccoon()?.sessions().get(&id).await?;
    let skipped = history.messages.len().saturating_sub(MESSAGES);
    let shown: Vec<Value> = history.messages[skipped..]
        .iter()
        .map(|message| {
            let role = match message.role {
                Role::User => "user",
                _ => "agent",
            };
            json!({ "id": message.id, "role": role, "text": shortened(&message.text(), LONGEST) })
        })
        .collect();
    let lines = shown.iter().map(|message| format!("\n- {message}"));
    let text = format!(
        "{:?}: {} messages, the newest {} of them here.{}",
        history.session.title,
        history.messages.len(),
        shown.len(),
        lines.collect::<String>()
    );
    let data = json!({ "session_id": id, "title": history.session.title, "messages": shown });
    Ok(Reply::new(text, data))
}

pub(super) async fn delete(call: &Call<'_>, mut arguments: Arguments) -> Answer {
    let id = arguments.text("session_id")?;
    arguments.done()?;
    call.host.may_touch(Service::Raccoon, &id)?;
    let deleted = call.host.delete(Service::Raccoon, &id).await?;
    Ok(gone(&id, deleted))
}

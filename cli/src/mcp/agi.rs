//! The tools of the AGI service.

use std::sync::Arc;

use rmcp::model::{ContentBlock, Resource};
use serde_json::{Value, json};
use sessionwire::agi::{CreateSession, ListMessages, Screenshot, Session, StartTask};

use super::arguments::Arguments;
use super::call::Call;
use super::host::Service;
use super::jobs::{Job, Work, shortened};
use super::replies::{Answer, Refusal, Reply, told};
use super::resources;

/// The largest picture that a result holds, in bytes: some clients cut a result off at a megabyte,
/// and base64 takes a third more.
const LARGEST: usize = 700_000;
/// How much of a history, and of each message in it, one call shows.
pub(super) const MESSAGES: usize = 50;
pub(super) const LONGEST: usize = 2_000;
/// How many sessions one call shows.
pub(super) const LISTED: usize = 100;

/// `run_task` and `start_task`: the task, in a session of its own unless it names one.
pub(super) async fn start(
    call: &Call<'_>,
    mut arguments: Arguments,
    is_run: bool,
) -> Result<Arc<Job>, Refusal> {
    let mut start = StartTask::new(arguments.text("task")?);
    start.start_url = arguments.text_if_given("start_url")?;
    let session_id = arguments.text_if_given("session_id")?;
    let keeps = is_run && arguments.flag("keep_session")?;
    arguments.done()?;
    // Bad input costs no session.
    start.check()?;
    if let Some(page) = start.start_url {
        start.start_url = Some(call.host.limits.page("start_url", page)?);
    }
    let client = call.host.agi()?;
    let (session_id, is_new) = match session_id {
        Some(id) => {
            call.host.may_touch(Service::Agi, &id)?;
            (id, false)
        }
        None => (open(call).await?, true),
    };
    match client.start_task(&session_id, start).await {
        Ok(task) => call
            .host
            .take_on(Work::Task(task), is_run && is_new && !keeps),
        // It may be at work: somebody has to look.
        Err(error) if error.maybe_delivered() => Err(Refusal::new(format!(
            "{} The session is {session_id}.",
            told(&error)
        ))),
        Err(error) => {
            if is_new && let Err(left) = call.host.delete(Service::Agi, &session_id).await {
                let left = format!("The session {session_id} was not deleted: {left}");
                return Err(Refusal::new(format!("{} {left}", told(&error))));
            }
            Err(error.into())
        }
    }
}

async fn open(call: &Call<'_>) -> Result<String, Refusal> {
    let place = call.host.place()?;
    let create = CreateSession::new(&call.host.agent);
    let session = call.host.agi()?.sessions().create(create).await?;
    place.take(Service::Agi, session.id(), call.owner());
    Ok(session.id().to_owned())
}

pub(super) async fn wait(call: &mut Call<'_>, mut arguments: Arguments) -> Answer {
    let id = arguments.text("task_id")?;
    let seconds = arguments.number_if_given("seconds")?;
    arguments.done()?;
    call.back_within(seconds);
    let job = call.host.job("task", &id)?;
    call.wait(&job).await
}

pub(super) async fn answer(call: &Call<'_>, mut arguments: Arguments) -> Answer {
    let id = arguments.text("task_id")?;
    let text = arguments.text("answer")?;
    arguments.done()?;
    let job = call.host.job("task", &id)?;
    let Some(question) = job.question() else {
        return Err(Refusal::new(format!(
            "The task {id} asks nothing now. Nothing was sent. Call wait_task to see what it does."
        )));
    };
    if !job.answer(&text, &question).await? {
        return Err(Refusal::new(format!(
            "The question has an answer from elsewhere, or its task is over. Nothing was sent. Call wait_task to see what {id} \
             does."
        )));
    }
    call.wait(&job).await
}

/// Pauses a task, or goes on with it.
pub(super) async fn pause(call: &Call<'_>, mut arguments: Arguments, on: bool) -> Answer {
    let id = arguments.text("task_id")?;
    arguments.done()?;
    let job = call.host.job("task", &id)?;
    let Work::Task(task) = &job.work else {
        return Err(Refusal::new("This is no task."));
    };
    let (done, state, next) = match on {
        true => (task.pause().await, "paused", "resume_task goes on with it"),
        false => (task.resume().await, "working", "wait_task waits for it"),
    };
    done?;
    let text = format!("The task {id} is {state}; {next}.");
    Ok(Reply::new(text, json!({ "task_id": id, "state": state })))
}

pub(super) async fn cancel(call: &Call<'_>, mut arguments: Arguments) -> Answer {
    let id = arguments.text("task_id")?;
    arguments.done()?;
    let job = call.host.job("task", &id)?;
    call.host.end(&job).await
}

pub(super) async fn navigate(call: &Call<'_>, mut arguments: Arguments) -> Answer {
    let id = arguments.text("session_id")?;
    let url = arguments.text("url")?;
    arguments.done()?;
    let url = call.host.limits.page("url", url)?;
    let current = session(call, &id)?.navigate(&url).await?;
    let text = format!("The browser shows {current}.");
    Ok(Reply::new(
        text,
        json!({ "session_id": id, "url": current }),
    ))
}

pub(super) async fn screenshot(call: &Call<'_>, mut arguments: Arguments) -> Answer {
    let id = arguments.text("session_id")?;
    arguments.done()?;
    let picture = session(call, &id)?.screenshot().await?;
    let Screenshot {
        width,
        height,
        url,
        title,
        mime_type,
        ..
    } = &picture;
    let text = format!("The browser shows {url} ({title:?}), {width}x{height} pixels.");
    let data = json!({
        "session_id": id, "url": url, "title": title, "width": width, "height": height, "bytes": picture.image.len(),
    });
    let mut reply = Reply::new(text, data);
    reply.content.push(match picture.image.len() > LARGEST {
        true => ContentBlock::ResourceLink(
            Resource::new(resources::screenshot(&id), "screenshot")
                .with_mime_type(mime_type)
                .with_description(
                    "The picture is too large for a result of a tool: read it as a resource.",
                ),
        ),
        false => ContentBlock::image(
            base64_simd::STANDARD.encode_to_string(&picture.image),
            mime_type,
        ),
    });
    Ok(reply)
}

pub(super) async fn list(call: &Call<'_>, arguments: Arguments) -> Answer {
    arguments.done()?;
    let found = call.host.agi()?.sessions().list().await?;
    let sessions: Vec<Value> = found
        .iter()
        .take(LISTED)
        .map(|session| {
            let info = session.info();
            // Not the live view: its address opens the browser to whoever has it.
            json!({
                "session_id": info.session_id,
                "status": info.status,
                "agent_name": info.agent_name,
                "created_at": info.created_at.as_deref().unwrap_or_default(),
                "opened_here": call.host.is_open(Service::Agi, &info.session_id),
            })
        })
        .collect();
    Ok(listed(found.len(), sessions))
}

/// A list of sessions, for the model.
pub(super) fn listed(count: usize, sessions: Vec<Value>) -> Reply {
    let lines = sessions.iter().map(|session| format!("\n- {session}"));
    let text = format!("{count} sessions.{}", lines.collect::<String>());
    Reply::new(text, json!({ "count": count, "sessions": sessions }))
}

pub(super) async fn history(call: &Call<'_>, mut arguments: Arguments) -> Answer {
    let id = arguments.text("session_id")?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "an id that is so large is none"
    )]
    let after_id = arguments.number_if_given("after_id")?.unwrap_or_default() as i64;
    arguments.done()?;
    let options = ListMessages::new().after_id(after_id);
    let messages = session(call, &id)?.messages(options).await?;
    let skipped = messages.messages.len().saturating_sub(MESSAGES);
    let shown: Vec<Value> = messages.messages[skipped..]
        .iter()
        .map(|message| {
            let text = shortened(&message.text(), LONGEST);
            json!({ "id": message.id, "type": message.message_type, "text": text })
        })
        .collect();
    let lines = shown.iter().map(|message| format!("\n- {message}"));
    let text = format!(
        "{} messages, the newest {} of them here.{}",
        messages.messages.len(),
        shown.len(),
        lines.collect::<String>()
    );
    let data = json!({ "session_id": id, "status": messages.status, "messages": shown });
    Ok(Reply::new(text, data))
}

pub(super) async fn delete(call: &Call<'_>, mut arguments: Arguments) -> Answer {
    let id = arguments.text("session_id")?;
    arguments.done()?;
    call.host.may_touch(Service::Agi, &id)?;
    let deleted = call.host.delete(Service::Agi, &id).await?;
    Ok(gone(&id, deleted))
}

/// What became of a session that was to be deleted.
pub(super) fn gone(id: &str, deleted: bool) -> Reply {
    let text = match deleted {
        true => format!("The session {id} is deleted."),
        false => format!("The session {id} was gone already."),
    };
    Reply::new(text, json!({ "session_id": id, "deleted": deleted }))
}

fn session(call: &Call<'_>, id: &str) -> Result<Session, Refusal> {
    call.host.may_touch(Service::Agi, id)?;
    Ok(call.host.agi()?.sessions().attach(id)?)
}

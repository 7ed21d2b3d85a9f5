//! Goes on with a task from its handle, and prepares one that is sent by its handle.

use std::time::{Duration, Instant};

use super::api::Api;
use super::busy::Busy;
use super::models::{ListMessages, Message, Messages, ResumeOptions, SendMessage, StartTask};
use super::progress::Identity;
use super::standing::{Standing, standing};
use super::task::{Task, in_progress};
use super::validate;
use crate::error::{Error, ErrorKind, Result};
use crate::handle::{Digest, Handle, PreparedTask, TaskHandle};
use crate::meaning::moment;
use crate::unix_time;

/// Pauses between looks for a message that another process may have sent a moment ago: the
/// service may take it, and list it, only after the first look.
const LOOK_AGAIN: [Duration; 2] = [Duration::from_millis(250), Duration::from_millis(500)];

/// See `Session::prepare_task`.
pub(super) async fn prepare(api: &Api, session_id: &str, start: StartTask) -> Result<String> {
    validate::session_id(session_id)?;
    start.check()?;
    let vacancy = match api.vacancy(session_id, start.if_busy).await? {
        Ok(vacancy) => vacancy,
        // As data it carries no task: its error says what to do without one.
        Err(busy) => {
            let busy = Busy {
                claim: None,
                ..busy
            };
            return Err(in_progress(api, session_id, busy));
        }
    };
    api.prepared_a_task(session_id, vacancy.baseline);
    let prepared = PreparedTask {
        session_id: session_id.to_owned(),
        baseline: vacancy.baseline,
        message: start.message,
        start_url: start.start_url,
    };
    Ok(Handle::PreparedTask(prepared).encode())
}

/// See `Client::resume`.
pub(super) async fn resume(api: &Api, handle: &str, options: ResumeOptions) -> Result<Task> {
    let handle = Handle::decode(handle)?;
    validate::event_options(&options.events)?;
    if let Handle::Task(TaskHandle { session_id, .. })
    | Handle::PreparedTask(PreparedTask { session_id, .. }) = &handle
    {
        // Before the first look: from here on the session is this process's, too.
        api.noted(|ledger| ledger.adopted(session_id));
    }
    take_up(api, handle, options).await
}

/// The same of a task whose session is a journal's, whatever becomes of this process.
pub(super) async fn resume_noted(api: &Api, handle: &str) -> Result<Task> {
    take_up(api, Handle::decode(handle)?, ResumeOptions::default()).await
}

async fn take_up(api: &Api, handle: Handle, options: ResumeOptions) -> Result<Task> {
    match handle {
        Handle::Task(task) => go_on(api, &task, options).await,
        Handle::PreparedTask(task) => send_once(api, &task, options).await,
        turn => Err(turn.foreign()),
    }
}

/// Goes on with a task that was sent.
async fn go_on(api: &Api, task: &TaskHandle, options: ResumeOptions) -> Result<Task> {
    let seen = messages_since(api, &task.session_id, task.baseline).await?;
    let identity = Identity {
        baseline: task.baseline,
        started: unix_time::instant(task.started),
        message: task.message,
    };
    warn_of_another(&seen, task);
    let begins_after = match options.from_start {
        true => task.baseline,
        false => task.position.max(task.baseline),
    };
    Ok(Task::go_on(
        api,
        &task.session_id,
        identity,
        begins_after,
        options.events,
        &seen,
    ))
}

/// Sends a task that was prepared, unless the session's history shows that it was sent.
async fn send_once(api: &Api, task: &PreparedTask, options: ResumeOptions) -> Result<Task> {
    validate::session_id(&task.session_id)?;
    // One start at a time: nobody here sends it between the look and the sending.
    let lock = api.start_lock(&task.session_id);
    let start = async { Ok(lock.lock_owned().await) };
    let _start = api.closing().until_closed(start).await?;
    let mut pauses = match api.has_only_prepared(&task.session_id, task.baseline) {
        true => [].iter(),
        false => LOOK_AGAIN.iter(),
    };
    loop {
        let seen = messages_since(api, &task.session_id, task.baseline)
            .await
            .map_err(|error| may_have_been_sent(error, &task.session_id))?;
        match standing(&task.message, &seen) {
            Standing::Sent(message) => {
                let baseline = message.id - 1;
                let identity = Identity {
                    // What came before belongs to another task.
                    baseline,
                    started: sent_at(message),
                    message: Digest::of(&task.message),
                };
                let id = &task.session_id;
                return Ok(Task::go_on(
                    api,
                    id,
                    identity,
                    baseline,
                    options.events,
                    &seen,
                ));
            }
            Standing::Overtaken => return Err(overtaken(&task.session_id)),
            still => match (pauses.next(), still) {
                (Some(pause), _) => api.closing().sleep(*pause).await?,
                (None, Standing::Unclear) => return Err(unclear(&task.session_id)),
                (None, _) => break,
            },
        }
    }
    let message = SendMessage {
        message: task.message.clone(),
        start_url: task.start_url.clone(),
    };
    api.knows(&task.session_id, task.baseline);
    Task::send(
        api,
        &task.session_id,
        task.baseline,
        &message,
        options.events,
    )
    .await
}

async fn messages_since(api: &Api, session_id: &str, after_id: i64) -> Result<Messages> {
    let options = ListMessages {
        after_id,
        sanitize: true,
    };
    api.messages(session_id, &options).await
}

/// When the service took a message, as far as it says so and this machine's clock agrees.
fn sent_at(message: &Message) -> Instant {
    let told = message.timestamp.as_deref().and_then(moment);
    let milliseconds = told.and_then(|at| u64::try_from(at.milliseconds()).ok());
    milliseconds.map_or_else(Instant::now, unix_time::instant)
}

/// Where another message than the handle's began the task, the handle may be another
/// session's; a service may also change what it was sent.
fn warn_of_another(seen: &Messages, task: &TaskHandle) {
    let mut users = seen
        .messages
        .iter()
        .filter(|message| message.message_type == "USER");
    let told = users.next().and_then(|message| message.content.as_str());
    if told.is_some_and(|told| Digest::of(told) != task.message) {
        tracing::warn!(
            session = %task.session_id,
            "the session's history has another message where the handle's task begins"
        );
    }
}

/// The history could not be read: whether the task was sent is not known.
fn may_have_been_sent(error: Error, session_id: &str) -> Error {
    let error = error.with_session(session_id);
    match error.kind() {
        // There is no session any more, or there never was one.
        ErrorKind::NotFound | ErrorKind::InvalidRequest => error,
        _ => error.with_maybe_delivered(
            "Nothing was sent now, but whether an earlier call sent the task is not known without the session's \
             messages: resume the handle again.",
        ),
    }
}

fn overtaken(session_id: &str) -> Error {
    Error::new(
        ErrorKind::Conflict,
        "The session's messages since the task was prepared are others than its own. Nothing was sent",
    )
    .with_code("session_has_moved_on")
    .with_session(session_id)
    .with_advice("Read them with `messages` of the session, and prepare the task again if it is still wanted.")
}

fn unclear(session_id: &str) -> Error {
    Error::new(
        ErrorKind::Conflict,
        "The session is at work, and its messages do not show on what. Nothing was sent now",
    )
    .with_code("task_in_progress")
    .with_session(session_id)
    .with_maybe_delivered(
        "An earlier call may have sent the task: resume the handle again in a moment.",
    )
}

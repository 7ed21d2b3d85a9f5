//! `sessionwire run`: one task from its session's creation to its deletion.

use std::path::Path;
use std::time::{Duration, Instant};

use sessionwire::agi::{
    Client, CreateSession, Event, EventType, SnapshotOptions, StartTask, Task, TaskResult,
};
use sessionwire::transport::Secret;
use sessionwire::{ClientOptions, Error, ErrorKind, OptionChanges};
use sessionwire_emulator::Emulator;

use crate::args::{Global, Run};
use crate::client;
use crate::emulator::start_local;
use crate::failure::{Failure, came_late};
use crate::files::check_target;
use crate::input::Input;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::render::Renderer;
use crate::screenshot;
use crate::stop::Stop;
use crate::terminal::{self, note};

/// How long a create that is under way may take once the command shall end.
pub(crate) const CREATE_GRACE: Duration = Duration::from_secs(3);
/// How long cancelling and deleting may take, each, in seconds.
const CLEANUP: Duration = Duration::from_secs(10);

pub(crate) async fn run(
    args: Run,
    global: Global,
    output: &Output,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    check(&args, &global)?;
    let stop = Stop::new(interrupt, args.timeout);
    let emulator = if args.local {
        Some(start_local().await?)
    } else {
        None
    };
    let client = connect(&global, emulator.as_ref(), args.keep)?;
    let result = with_session(&args, &client, output, global.json, &stop).await;
    client.close();
    for left in client.settle(CREATE_GRACE).await {
        note(&format!("warning: {left}"));
    }
    if let Some(emulator) = emulator {
        emulator.close().await;
    }
    result
}

/// Everything that can be refused before there is a session.
fn check(args: &Run, global: &Global) -> Result<(), Failure> {
    if args.local && global.base_url.is_some() {
        return Err(Failure::Usage(
            "--local and --base-url name two different services. Leave one of them out.".to_owned(),
        ));
    }
    args.screenshot.as_deref().map_or(Ok(()), check_target)
}

fn connect(global: &Global, emulator: Option<&Emulator>, keep: bool) -> Result<Client, Failure> {
    let Some(emulator) = emulator else {
        let client = match keep {
            true => client::without_ledger(client::options(global)),
            false => client::connect(global),
        };
        return client.map_err(hint_at_local);
    };
    let mut options = ClientOptions::new()
        .base_url(emulator.url())
        .api_key(Secret::new(emulator.api_key()));
    options.max_retries = global.max_retries;
    Ok(client::without_ledger(options)?)
}

fn hint_at_local(error: Error) -> Failure {
    let key = std::env::var("AGI_API_KEY").unwrap_or_default();
    if error.kind() == ErrorKind::Config && key.trim().is_empty() {
        Failure::ClientHint(error, "Here that is `sessionwire run --local`.")
    } else {
        Failure::Client(error)
    }
}

/// Creates the session, works in it, and ends it whatever happened.
async fn with_session(
    args: &Run,
    client: &Client,
    output: &Output,
    json: bool,
    stop: &Stop<'_>,
) -> Result<(), Failure> {
    // Bad input costs no session.
    task_of(args).check()?;
    // Made first: nothing may fail between the create and the clean-up.
    let cleaner = client.with_options(OptionChanges::default().timeout(CLEANUP))?;
    let session_id = create(client, &args.agent, stop).await?;
    let renderer = Renderer::of_task(output, json, args.quiet, args.raw);
    let result = tokio::select! {
        biased;
        failure = stop.wait() => Err(failure),
        result = work(args, client, &session_id, renderer, json) => result,
    };
    // Said before the clean-up, which may take a while.
    if matches!(result, Err(Failure::Interrupted)) {
        terminal::end_line();
        note("Interrupted: cancelling the task. Press Ctrl-C again to leave at once.");
    }
    if matches!(result, Err(Failure::Interrupted)) {
        cancel(&cleaner, &session_id).await;
    }
    if args.keep {
        let gone = if args.local {
            " (it ended with the local emulator)"
        } else {
            ""
        };
        note(&format!("session: {session_id}{gone}"));
    } else {
        delete(&cleaner, &session_id).await;
    }
    result
}

/// Dropped when the command shall end: the client sees to what was sent.
async fn create(client: &Client, agent: &str, stop: &Stop<'_>) -> Result<String, Failure> {
    let sessions = client.sessions();
    tokio::select! {
        created = sessions.create(CreateSession::new(agent)) => Ok(created?.id().to_owned()),
        failure = stop.wait() => Err(failure),
    }
}

async fn cancel(client: &Client, session_id: &str) {
    let cancel = async { client.sessions().attach(session_id)?.cancel().await };
    match cancel.await {
        Ok(_) => {}
        // Gone, and its task with it.
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => note(&format!(
            "warning: the task could not be cancelled: {error}"
        )),
    }
}

async fn delete(client: &Client, session_id: &str) {
    let sessions = client.sessions();
    let problem = match sessions
        .delete(session_id, SnapshotOptions::default())
        .await
    {
        Ok(reply) if !reply.success => {
            format!("the service says \"{}\".", reply.message)
        }
        Ok(_) => return,
        Err(error) => error.to_string(),
    };
    note(&format!(
        "warning: the session was not deleted: {problem} Delete it with `sessionwire sessions delete {session_id}`."
    ));
}

/// The task itself.
async fn work(
    args: &Run,
    client: &Client,
    session_id: &str,
    renderer: Renderer<'_>,
    json: bool,
) -> Result<(), Failure> {
    let result = follow(args, client, session_id, renderer, json).await;
    let picture = match (&args.screenshot, &result) {
        (Some(file), Ok(_)) => save_screenshot(client, session_id, file).await,
        // What the browser shows helps to understand an error of the task;
        // that error is the one to report.
        (Some(file), Err(Failure::Client(error))) if error.kind() == ErrorKind::Task => {
            save_screenshot(client, session_id, file).await.or(Ok(()))
        }
        _ => Ok(()),
    };
    renderer.result(&result?).await?;
    picture
}

fn task_of(args: &Run) -> StartTask {
    let mut task = StartTask::new(&args.task);
    task.start_url = args.start_url.clone();
    task
}

/// Starts the task and shows it.
async fn follow(
    args: &Run,
    client: &Client,
    session_id: &str,
    renderer: Renderer<'_>,
    json: bool,
) -> Result<TaskResult, Failure> {
    let input = Input::new(args.answer.clone(), !json);
    let task = client.start_task(session_id, task_of(args)).await?;
    show(&task, input, renderer).await
}

/// Shows a task's events and answers its questions.
pub(crate) async fn show(
    task: &Task,
    mut input: Input,
    renderer: Renderer<'_>,
) -> Result<TaskResult, Failure> {
    let started = Instant::now();
    let mut events = task.events();
    let mut question: Option<Event> = None;
    loop {
        let answer = tokio::select! {
            event = events.next() => {
                let Some(event) = event else { break };
                let event = event?;
                renderer.event(&event, started.elapsed()).await?;
                // One that is not open any more has its answer from elsewhere.
                if *event.event_type() == EventType::Question && is_open(task, &event) {
                    // The prompt shall come after the question.
                    renderer.flush().await?;
                    question = Some(event);
                    input.ask()
                } else {
                    None
                }
            }
            line = input.next(), if question.is_some() => Some(match line {
                Some(line) => line,
                None => return Err(unanswered(question.as_ref())),
            }),
        };
        let Some(answer) = answer else { continue };
        let Some(asked) = question.take() else {
            continue;
        };
        match task.answer_to(answer.text.clone(), asked.id()).await {
            Ok(_) => renderer.answer(&answer, started.elapsed()).await?,
            Err(error) if came_late(&error) => note("The agent went on without this answer."),
            Err(error) => return Err(error.into()),
        }
    }
    task.result(None)
        .await
        .map_err(|error| match error.question() {
            question @ Some(_) => unanswered(question),
            None => error.into(),
        })
}

fn is_open(task: &Task, question: &Event) -> bool {
    task.question()
        .is_some_and(|open| open.id() == question.id())
}

fn unanswered(question: Option<&Event>) -> Failure {
    Failure::Unanswered(question.map(Event::text).unwrap_or_default())
}

async fn save_screenshot(client: &Client, session_id: &str, file: &Path) -> Result<(), Failure> {
    let screenshot = screenshot::take(client, session_id).await?;
    screenshot::save(&screenshot, file)
}

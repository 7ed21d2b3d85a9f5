//! `sessionwire run`: one task, in a session of its own from its creation to its deletion, or in one
//! that is there and stays.

use std::path::Path;
use std::time::Duration;

use sessionwire::agi::{Client, SnapshotOptions, StartTask, Task, TaskResult};
use sessionwire::transport::Secret;
use sessionwire::{ClientOptions, Error, ErrorKind, OptionChanges, agi};
use sessionwire_emulator::Emulator;

use crate::args::{Global, IfBusy, Run};
use crate::emulator::start_local;
use crate::failure::Failure;
use crate::files::check_target;
use crate::follow::show;
use crate::input::Input;
use crate::interrupt::Interrupt;
use crate::new_session::{session_of, snapshot_of};
use crate::output::Output;
use crate::progress::Progress;
use crate::render::Renderer;
use crate::resume::tell_how_to_go_on;
use crate::stop::{CREATE_GRACE, Stop};
use crate::terminal::{self, note, word};
use crate::{client, lines, screenshot, view};

/// How long cancelling and deleting may take, each.
const CLEANUP: Duration = Duration::from_secs(10);
/// How long deleting may take where something is saved.
const SAVING: Duration = Duration::from_secs(120);

pub(crate) async fn run(
    args: Run,
    global: Global,
    output: &Output,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let plan = Plan::of(&args, &global)?;
    let stop = Stop::new(interrupt, args.timeout);
    let emulator = if args.local {
        Some(start_local().await?)
    } else {
        None
    };
    let client = connect(&global, emulator.as_ref(), args.keep)?;
    let work = Work {
        args: &args,
        json: global.json,
        client: &client,
        renderer: Renderer::of_task(output, global.json, &args.shown),
    };
    let result = work.with_session(plan, &stop).await;
    client.close();
    for left in client.settle(CREATE_GRACE).await {
        note(&format!("warning: {left}"));
    }
    if let Some(emulator) = emulator {
        emulator.close().await;
    }
    result
}

/// What is sent, and kept.
struct Plan {
    task: StartTask,
    snapshot: SnapshotOptions,
}

impl Plan {
    /// Refuses everything that can be refused before there is a session.
    fn of(args: &Run, global: &Global) -> Result<Self, Failure> {
        if args.local && global.base_url.is_some() {
            return Err(Failure::Usage(
                "--local and --base-url name two different services. Leave one of them out."
                    .to_owned(),
            ));
        }
        if args.keep && args.snapshot.save_snapshot.is_some() {
            return Err(Failure::Usage(
                "--keep keeps the session, and --save-snapshot saves what is left of one that is deleted. Leave one of them out."
                    .to_owned(),
            ));
        }
        args.screenshot.as_deref().map_or(Ok(()), check_target)?;
        let snapshot = snapshot_of(&args.snapshot)?;
        let mut task = StartTask::new(&args.task).if_busy(match args.if_busy {
            IfBusy::Error => agi::IfBusy::Error,
            IfBusy::Wait => agi::IfBusy::Wait,
            IfBusy::Cancel => agi::IfBusy::Cancel,
        });
        task.start_url.clone_from(&args.start_url);
        // Bad input costs no session.
        task.check()?;
        Ok(Self { task, snapshot })
    }
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

/// The session of the task.
struct Place {
    session_id: String,
    live_view: Option<String>,
}

/// The command at work.
struct Work<'a> {
    args: &'a Run,
    json: bool,
    client: &'a Client,
    renderer: Renderer<'a>,
}

impl Work<'_> {
    /// Gets the session, works in it, and leaves it as it shall be, whatever happened.
    async fn with_session(&self, plan: Plan, stop: &Stop<'_>) -> Result<(), Failure> {
        // Made first: nothing may fail between the create and the clean-up.
        let patience = match plan.snapshot.save_snapshot_mode.as_deref() {
            None | Some("none") => CLEANUP,
            Some(_) => SAVING,
        };
        let cleaner = self
            .client
            .with_options(OptionChanges::default().timeout(patience))?;
        let mut progress = Progress::begin(self.args.shown.quiet);
        let place = self.place(&plan, &progress, stop).await?;
        let mut task = None;
        let result = tokio::select! {
            biased;
            failure = stop.wait() => Err(failure),
            result = self.work(plan.task, &place, &mut task, &mut progress) => result,
        };
        let result = result.map_err(|failure| match failure {
            // It waited for what the session did before.
            Failure::Timeout(seconds) if task.is_none() && self.args.session.is_some() => {
                Failure::NotStarted(seconds).of_task(&place.session_id)
            }
            failure => failure.of_task(&place.session_id),
        });
        let is_interrupted = result
            .as_ref()
            .is_err_and(|failure| matches!(failure.cause(), Failure::Interrupted));
        // Said before the clean-up, which may take a while.
        if is_interrupted {
            terminal::end_line();
            terminal::interrupted("cancelling the task.");
        }
        progress.rest();
        let became = self
            .leave(
                &cleaner,
                &place,
                task.as_ref(),
                is_interrupted,
                plan.snapshot,
            )
            .await;
        progress.end(&result, became, self.renderer).await;
        if let (Err(failure), Some(task), false, false) =
            (&result, &task, is_interrupted, became == DELETED)
            && !self.args.local
        {
            tell_how_to_go_on(failure.cause(), &task.handle());
        }
        result
    }

    /// A session, new or given.
    async fn place(
        &self,
        plan: &Plan,
        progress: &Progress,
        stop: &Stop<'_>,
    ) -> Result<Place, Failure> {
        let sessions = self.client.sessions();
        let session = async {
            match &self.args.session {
                Some(id) => {
                    progress.say("Looking for the session");
                    sessions.get(id).await
                }
                None => {
                    progress.say("Creating a session");
                    let create = session_of(&self.args.new);
                    sessions
                        .create(create.snapshot(plan.snapshot.clone()))
                        .await
                }
            }
        };
        // A create is dropped when the command shall end: the client sees to what was sent.
        let session = tokio::select! {
            session = session => session?,
            failure = stop.wait() => return Err(failure),
        };
        let place = Place {
            session_id: session.id().to_owned(),
            live_view: session.info().vnc_url.clone(),
        };
        progress.session(&place.session_id, place.live_view.as_deref());
        Ok(place)
    }

    /// The task itself.
    async fn work(
        &self,
        start: StartTask,
        place: &Place,
        task: &mut Option<Task>,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        if self.args.open {
            view::open(place.live_view.as_deref()).await;
        }
        let session_id = &place.session_id;
        let result = self.follow(start, place, task, progress).await;
        progress.rest();
        let picture = match (&self.args.screenshot, &result) {
            (Some(file), Ok(_)) => self.picture(session_id, file).await,
            // What the browser shows helps to understand an error of the task;
            // that error is the one to report.
            (Some(file), Err(Failure::Client(error))) if error.kind() == ErrorKind::Task => {
                self.picture(session_id, file).await.or(Ok(()))
            }
            _ => Ok(()),
        };
        self.renderer.result(&result?).await?;
        picture
    }

    /// Starts the task and shows it.
    async fn follow(
        &self,
        start: StartTask,
        place: &Place,
        task: &mut Option<Task>,
        progress: &mut Progress,
    ) -> Result<TaskResult, Failure> {
        progress.say("Starting the task");
        let input = Input::new(self.args.answer.clone(), !self.json);
        let started = self.client.start_task(&place.session_id, start).await?;
        let task = task.insert(started);
        let line = lines::started(
            &place.session_id,
            None,
            place.live_view.as_deref(),
            &task.handle(),
        );
        self.renderer.started(line).await?;
        show(task, input, self.renderer, progress)
            .await
            .map_err(|failure| failure.of_task(&place.session_id))
    }

    async fn picture(&self, session_id: &str, file: &Path) -> Result<(), Failure> {
        let screenshot = screenshot::take(self.client, session_id).await?;
        screenshot::save(&screenshot, file)
    }

    /// Ends what shall not go on. What became of the session.
    async fn leave(
        &self,
        cleaner: &Client,
        place: &Place,
        task: Option<&Task>,
        is_interrupted: bool,
        snapshot: SnapshotOptions,
    ) -> &'static str {
        let (args, session_id) = (self.args, &place.session_id);
        // In a session that was given, another task may run than this one.
        if is_interrupted && (args.session.is_none() || task.is_some()) {
            cancel(cleaner, session_id).await;
        }
        if args.session.is_some() {
            return "the session stays";
        }
        if !args.keep {
            return delete(cleaner, session_id, snapshot).await;
        }
        let gone = match args.local {
            true => " (it ended with the local emulator)",
            false => "",
        };
        note(&format!("session: {session_id}{gone}"));
        "the session is kept"
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

const DELETED: &str = "the session is deleted";

async fn delete(client: &Client, session_id: &str, snapshot: SnapshotOptions) -> &'static str {
    let problem = match client.sessions().delete(session_id, snapshot).await {
        Ok(reply) if !reply.success => {
            format!("the service says \"{}\".", reply.message)
        }
        Ok(_) => return DELETED,
        Err(error) => error.to_string(),
    };
    note(&format!(
        "warning: the session was not deleted: {problem} Delete it with `sessionwire sessions delete {}`.",
        word(session_id)
    ));
    "the session was not deleted"
}

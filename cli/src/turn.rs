//! `sessionwire turn`: one turn of a Raccoon session.

use std::time::Duration;

use sessionwire::raccoon::{
    Client, Event, StartTurn, TurnEventOptions, TurnFile, TurnResult, TurnStatus, new_session_id,
};
use sessionwire::transport::Secret;
use sessionwire::{Error, ErrorKind};
use sessionwire_emulator::Emulator;

use crate::args::{self, Attach, Global, Turn};
use crate::emulator::start_local;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::progress::Progress;
use crate::render::Renderer;
use crate::stop::Stop;
use crate::terminal::{self, note};
use crate::{client, lines};

/// How long the start of a turn that is under way may take once the command
/// shall end.
const START_GRACE: Duration = Duration::from_secs(3);
/// How long stopping may take.
const STOPPING: Duration = Duration::from_secs(10);

pub(crate) async fn run(
    args: Turn,
    global: Global,
    output: &Output,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    if args.local && (global.base_url.is_some() || args.start.session.is_some()) {
        return Err(Failure::Usage(
            "--local starts an emulator of its own, without sessions. Leave out --base-url and --session, or --local."
                .to_owned(),
        ));
    }
    let stop = Stop::new(interrupt, args.follow.timeout);
    let emulator = if args.local {
        Some(start_local().await?)
    } else {
        None
    };
    let renderer = Renderer::of_turn(output, global.json, &args.follow.shown);
    let client = connect(&global, emulator.as_ref());
    let result = match client {
        Ok(client) => take_turn(&args, &client, renderer, &stop).await,
        Err(failure) => Err(failure),
    };
    if let Some(emulator) = emulator {
        emulator.close().await;
    }
    result
}

fn connect(global: &Global, emulator: Option<&Emulator>) -> Result<Client, Failure> {
    let mut options = client::options(global);
    if let Some(emulator) = emulator {
        options.base_url = Some(emulator.raccoon_url().to_owned());
        options.api_key = Some(Secret::new(emulator.api_key()));
    }
    let has_key = options.api_key.is_some();
    client::raccoon_client(options, global).map_err(|error| match has_key {
        true => Failure::Client(error),
        false => hint_at_local(error),
    })
}

fn hint_at_local(error: Error) -> Failure {
    if error.kind() == ErrorKind::Config && error.to_string().starts_with("No API key") {
        Failure::ClientHint(error, "Here that is `sessionwire turn --local`.")
    } else {
        Failure::Client(error)
    }
}

/// Starts the turn, shows its events and its result; stops it on Ctrl-C.
async fn take_turn(
    args: &Turn,
    client: &Client,
    renderer: Renderer<'_>,
    stop: &Stop<'_>,
) -> Result<(), Failure> {
    let request = request_of(&args.start);
    request.check()?;
    let session_id = match &args.start.session {
        Some(id) => id.clone(),
        None => new_session_id()?,
    };
    let is_new = !args.local && args.start.session.is_none();
    let mut progress = Progress::begin(args.follow.shown.quiet);
    progress.say("Starting the turn");
    let turn = start(
        client.start_turn(&session_id, request),
        &session_id,
        is_new,
        stop,
    )
    .await?;
    let mut place = Place::default();
    let outcome = match shown(&turn, renderer, &mut progress, &mut place, stop).await {
        Err(failure) if matches!(failure.cause(), Failure::Interrupted) => {
            // Said before the stop, which may take a while.
            terminal::end_line();
            terminal::interrupted("stopping the turn.");
            stop_turn(&turn).await;
            Err(failure)
        }
        Err(failure) if matches!(failure.cause(), Failure::Timeout(_)) && !args.local => {
            note(&place.how_to_go_on(&turn));
            Err(failure)
        }
        outcome => outcome,
    };
    let became = if args.local {
        "the session ended with the local emulator"
    } else {
        "the session stays"
    };
    progress.end(&outcome, became, renderer).await;
    outcome
}

pub(crate) fn request_of(args: &args::StartTurn) -> StartTurn {
    let uploaded = args.files.uploaded.iter().cloned().map(TurnFile::Uploaded);
    let files = args.files.file.iter().cloned().map(TurnFile::Path);
    StartTurn::new(&args.prompt)
        .mode(&args.mode)
        .events(TurnEventOptions::new().text_mode(args.text_mode))
        .files(uploaded.chain(files).collect())
}

/// A start under way is not dropped when the command shall end: its turn would
/// go on, unknown. A session that is new is named as soon as there may be one.
async fn start(
    start: impl Future<Output = Result<sessionwire::raccoon::Turn, Error>>,
    session_id: &str,
    is_new: bool,
    stop: &Stop<'_>,
) -> Result<sessionwire::raccoon::Turn, Failure> {
    let name = || {
        if is_new {
            note(&format!("session: {session_id}"));
        }
    };
    tokio::pin!(start);
    tokio::select! {
        turn = &mut start => {
            match &turn {
                Ok(_) => name(),
                Err(error) if error.maybe_delivered() => name(),
                Err(_) => {}
            }
            turn.map_err(hint_at_the_running_turn)
        }
        failure = stop.wait() => {
            match tokio::time::timeout(START_GRACE, start).await {
                Ok(Ok(turn)) => {
                    name();
                    stop_turn(&turn).await;
                }
                Ok(Err(_)) => {}
                Err(_) => {
                    name();
                    note("warning: the turn was being started and may go on in its session.");
                }
            }
            Err(failure.of_turn(session_id, None))
        }
    }
}

fn hint_at_the_running_turn(error: Error) -> Failure {
    if error.code() == Some("turn_in_progress") {
        Failure::ClientHint(
            error,
            "Here that is `sessionwire raccoon attach SESSION` and `sessionwire raccoon stop SESSION`.",
        )
    } else {
        Failure::Client(error)
    }
}

async fn stop_turn(turn: &sessionwire::raccoon::Turn) {
    match turn.stop(STOPPING).await {
        Ok(stopped) if stopped.confirmed => {}
        Ok(_) => note("warning: the service did not confirm that the turn stopped; it may go on."),
        Err(error) => note(&format!("warning: the turn could not be stopped: {error}")),
    }
}

/// How far a turn was shown.
#[derive(Default)]
pub(crate) struct Place {
    entry: Option<String>,
    event_id: Option<i64>,
}

impl Place {
    /// Where the user wants to begin.
    pub(crate) fn of(args: &Attach) -> Self {
        Self {
            entry: args.after.clone(),
            event_id: args.after_id,
        }
    }

    fn passed(&mut self, event: &Event) {
        let entry = event.frame().and_then(|frame| frame.stream_entry_id);
        if entry.is_some() || event.id().is_some() {
            (self.entry, self.event_id) = (entry, event.id());
        }
    }

    /// What to say when nobody follows the turn any more.
    pub(crate) fn how_to_go_on(&self, turn: &sessionwire::raccoon::Turn) -> String {
        let after = match self {
            Self {
                entry: Some(entry), ..
            } if args::is_entry(entry) => format!(" --after {entry}"),
            Self {
                event_id: Some(id), ..
            } => format!(" --after-id {id}"),
            _ => String::new(),
        };
        let (session_id, message_id) = (turn.session_id(), terminal::word(turn.message_id()));
        format!(
            "The turn goes on in the session {session_id}. Follow it with `sessionwire raccoon attach {session_id} \
             --message {message_id}{after}`."
        )
    }
}

/// Shows a turn's events and its result, unless the command shall end before.
pub(crate) async fn shown(
    turn: &sessionwire::raccoon::Turn,
    renderer: Renderer<'_>,
    progress: &mut Progress,
    place: &mut Place,
    stop: &Stop<'_>,
) -> Result<(), Failure> {
    let line = lines::started(
        turn.session_id(),
        Some(turn.message_id()),
        None,
        &turn.handle(),
    );
    renderer.started(line).await?;
    let result = tokio::select! {
        biased;
        failure = stop.wait() => Err(failure),
        result = follow(turn, renderer, progress, place) => result,
    };
    progress.rest();
    match result {
        Ok(result) => conclude(&result, renderer).await,
        Err(failure) => Err(failure.of_turn(turn.session_id(), Some(turn.message_id()))),
    }
}

/// Shows the events of a turn up to its end.
async fn follow(
    turn: &sessionwire::raccoon::Turn,
    renderer: Renderer<'_>,
    progress: &mut Progress,
    place: &mut Place,
) -> Result<TurnResult, Failure> {
    let queue = turn.queue();
    // Not as a stream: dropping that would take the socket from a stop.
    loop {
        match queue.try_take(512) {
            sessionwire::Batch::Events(events) => {
                for event in events {
                    progress.event(&event);
                    renderer.event(&event, progress.elapsed()).await?;
                    place.passed(&event);
                }
            }
            sessionwire::Batch::Empty => queue.wait().await,
            sessionwire::Batch::Ended | sessionwire::Batch::Failed(_) => {
                return Ok(turn.result(None).await?);
            }
        }
    }
}

/// Shows the result. An aborted turn did not go well.
async fn conclude(result: &TurnResult, renderer: Renderer<'_>) -> Result<(), Failure> {
    renderer.turn_result(result).await?;
    if !result.text_is_certain {
        note(match result.text.is_empty() {
            false => {
                "warning: the answer's text is not certain, as its frames can be read in two ways. Say with --text-mode \
                 which is right."
            }
            true => {
                "warning: it is not certain that the answer is empty, as there were frames that may hold a text. Say with \
                 --wire which kinds and fields do (text_kinds, text_fields)."
            }
        });
    }
    ended_well(result)
}

fn ended_well(result: &TurnResult) -> Result<(), Failure> {
    if result.status != TurnStatus::Aborted {
        return Ok(());
    }
    let reason = result.reason.as_deref().unwrap_or("no reason given");
    let text = format!("The turn was aborted: {reason}. Start another one in its session.");
    Err(Failure::Client(Error::new(ErrorKind::Task, text)))
}

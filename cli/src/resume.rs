//! `sessionwire resume HANDLE`: goes on with a task or turn, of whichever service.

use sessionwire::{Service, agi, raccoon, seam};

use crate::args::{Global, Resume};
use crate::failure::Failure;
use crate::follow::show;
use crate::input::Input;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::progress::Progress;
use crate::render::Renderer;
use crate::stop::Stop;
use crate::terminal::{self, note};
use crate::turn::{Place, shown};
use crate::{client, lines};

pub(crate) async fn run(
    args: Resume,
    global: &Global,
    output: &Output,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let stop = Stop::new(interrupt, args.timeout);
    match seam::service_of(&args.what)? {
        Service::Raccoon => of_turn(&args, global, output, &stop).await,
        _ => of_task(&args, global, output, &stop).await,
    }
}

async fn of_task(
    args: &Resume,
    global: &Global,
    output: &Output,
    stop: &Stop<'_>,
) -> Result<(), Failure> {
    if global.wire.is_some() {
        return Err(Failure::Usage(
            "--wire is for turns of Raccoon, and the handle is that of a task of AGI. Leave it out here."
                .to_owned(),
        ));
    }
    let client = client::connect(global)?;
    let options = agi::ResumeOptions::new().from_start(args.from_start);
    let task = tokio::select! {
        biased;
        failure = stop.wait() => return Err(failure),
        task = client.resume(&args.what, options) => task?,
    };
    let renderer = Renderer::of_task(output, global.json, &args.shown);
    let input = Input::new(args.answer.clone(), !global.json);
    let mut progress = Progress::begin(args.shown.quiet);
    progress.session(task.session_id(), None);
    let line = lines::started(task.session_id(), None, None, &task.handle());
    renderer.started(line).await?;
    let outcome = tokio::select! {
        biased;
        failure = stop.wait() => Err(failure),
        result = show(&task, input, renderer, &mut progress) => result,
    };
    progress.rest();
    let outcome = match outcome {
        Ok(result) => renderer.result(&result).await,
        Err(failure) => Err(failure),
    };
    if let Err(failure) = &outcome {
        tell_how_to_go_on(failure, &task.handle());
    }
    progress.end(&outcome, "the session stays", renderer).await;
    outcome.map_err(|failure| failure.of_task(task.session_id()))
}

async fn of_turn(
    args: &Resume,
    global: &Global,
    output: &Output,
    stop: &Stop<'_>,
) -> Result<(), Failure> {
    if !args.answer.is_empty() {
        return Err(Failure::Usage(
            "--answer is for tasks of AGI: a turn asks nothing. Leave it out.".to_owned(),
        ));
    }
    let client = client::raccoon(global)?;
    let options = raccoon::ResumeOptions::new().from_start(args.from_start);
    let turn = tokio::select! {
        biased;
        failure = stop.wait() => return Err(failure),
        turn = client.resume(&args.what, options) => turn?,
    };
    let renderer = Renderer::of_turn(output, global.json, &args.shown);
    let mut progress = Progress::begin(args.shown.quiet);
    let outcome = shown(&turn, renderer, &mut progress, &mut Place::default(), stop).await;
    if let Err(failure) = &outcome {
        tell_how_to_go_on(failure.cause(), &turn.handle());
    }
    progress.end(&outcome, "the session stays", renderer).await;
    outcome
}

/// Nobody follows it any more, but it goes on.
pub(crate) fn tell_how_to_go_on(failure: &Failure, handle: &str) {
    if matches!(failure, Failure::Interrupted) {
        terminal::end_line();
    }
    if matches!(
        failure,
        Failure::Interrupted | Failure::Timeout(_) | Failure::Unanswered(_)
    ) {
        note(&format!(
            "It goes on. Follow it with `sessionwire resume {handle}`."
        ));
    }
}

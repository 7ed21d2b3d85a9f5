//! `sessionwire watch`: a session as it goes, and an answer where the agent asks.

use std::time::Instant;

use sessionwire::agi::{Event, EventOptions, EventType, Session};

use crate::args::{Global, Watch};
use crate::client::connect;
use crate::failure::{Failure, came_late};
use crate::input::Input;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::render::Renderer;
use crate::stop::Stop;
use crate::terminal::{end_line, note};

pub(crate) async fn run(
    args: Watch,
    global: &Global,
    output: &Output,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let stop = Stop::new(interrupt, args.timeout);
    let session = connect(global)?.sessions().attach(&args.session.id)?;
    let options = EventOptions::new().include_history(!args.no_history);
    let input = Input::new(args.answer, !global.json);
    let renderer = Renderer::of_events(output, global.json);
    tokio::select! {
        biased;
        failure = stop.wait() => {
            if matches!(failure, Failure::Interrupted) {
                end_line();
            }
            note("The session goes on.");
            Err(failure)
        }
        result = follow(&session, options, input, renderer) => result,
    }
}

async fn follow(
    session: &Session,
    options: EventOptions,
    mut input: Input,
    renderer: Renderer<'_>,
) -> Result<(), Failure> {
    let started = Instant::now();
    let mut events = session.events(options)?;
    let mut question: Option<Event> = None;
    loop {
        let answer = tokio::select! {
            event = events.next() => {
                let Some(event) = event else { return Ok(()) };
                let event = event?;
                renderer.event(&event, started.elapsed()).await?;
                if *event.event_type() == EventType::Question && is_open(session, &event).await? {
                    // The prompt shall come after the question.
                    renderer.flush().await?;
                    question = Some(event);
                    input.ask()
                } else {
                    None
                }
            }
            line = input.next(), if question.is_some() => {
                // Somebody else may answer: watching goes on.
                if line.is_none() {
                    question = None;
                }
                line
            }
        };
        let Some(answer) = answer else { continue };
        let Some(asked) = question.take() else {
            continue;
        };
        match session.answer_to(answer.text.clone(), &asked).await {
            Ok(_) => renderer.answer(&answer, started.elapsed()).await?,
            Err(error) if came_late(&error) => note("The agent went on without this answer."),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether this question waits for its answer: the history has others, too.
async fn is_open(session: &Session, question: &Event) -> Result<bool, Failure> {
    let open = session.question().await?;
    Ok(open.is_some_and(|open| open.id() == question.id()))
}

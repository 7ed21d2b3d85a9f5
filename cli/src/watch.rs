//! `sessionwire watch`: a session as it goes, and an answer where the agent asks.

use sessionwire::agi::{Event, EventOptions, EventType, Session};

use crate::args::{Global, Watch};
use crate::client::connect;
use crate::failure::{Failure, came_late};
use crate::follow::goes_on;
use crate::input::Input;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::progress::Progress;
use crate::render::Renderer;
use crate::stop::Stop;
use crate::terminal::{end_line, note};
use crate::view;

pub(crate) async fn run(
    args: Watch,
    global: &Global,
    output: &Output,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let stop = Stop::new(interrupt, args.timeout);
    let client = connect(global)?;
    let session = client.sessions().attach(&args.session.id)?;
    let options = EventOptions::new().include_history(!args.no_history);
    let input = Input::new(args.answer.clone(), !global.json);
    let renderer = Renderer::of_events(output, global.json);
    let mut progress = Progress::begin(false);
    progress.say("Waiting for events");
    let outcome = tokio::select! {
        biased;
        failure = stop.wait() => {
            if matches!(failure, Failure::Interrupted) {
                end_line();
                note("The session goes on.");
            }
            let failure = match failure {
                Failure::Timeout(seconds) => Failure::WatchEnded(seconds),
                failure => failure,
            };
            Err(failure.of_task(&args.session.id))
        }
        result = async {
            if args.open {
                let info = client.sessions().get(&args.session.id).await?;
                view::open(info.info().vnc_url.as_deref()).await;
            }
            follow(&session, options, input, renderer, &mut progress).await
        } => result,
    };
    progress.end(&outcome, "the session stays", renderer).await;
    outcome
}

async fn follow(
    session: &Session,
    options: EventOptions,
    mut input: Input,
    renderer: Renderer<'_>,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let mut events = session.events(options)?;
    let mut question: Option<Event> = None;
    loop {
        let answer = tokio::select! {
            event = events.next() => {
                let Some(event) = event else { return Ok(()) };
                let event = event?;
                if question.is_some() && goes_on(&event) {
                    question = None;
                    input.withdraw();
                }
                progress.event(&event);
                renderer.event(&event, progress.elapsed()).await?;
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
            Ok(_) => {
                renderer
                    .answer(&answer, asked.id(), progress.elapsed())
                    .await?
            }
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

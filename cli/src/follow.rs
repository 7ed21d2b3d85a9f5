//! Follows a task to its end: shows its events, answers its questions.

use sessionwire::agi::{Event, EventType, Task, TaskResult};

use crate::failure::{Failure, came_late};
use crate::input::Input;
use crate::progress::Progress;
use crate::render::Renderer;
use crate::terminal::note;

/// Shows a task's events and answers its questions.
pub(crate) async fn show(
    task: &Task,
    mut input: Input,
    renderer: Renderer<'_>,
    progress: &mut Progress,
) -> Result<TaskResult, Failure> {
    let mut events = task.events();
    let mut question: Option<Event> = None;
    loop {
        let answer = tokio::select! {
            event = events.next() => {
                let Some(event) = event else { break };
                let event = event?;
                if question.is_some() && goes_on(&event) {
                    // Its answer came from elsewhere.
                    question = None;
                    input.withdraw();
                }
                progress.event(&event);
                renderer.event(&event, progress.elapsed()).await?;
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
            Ok(_) => {
                renderer
                    .answer(&answer, asked.id(), progress.elapsed())
                    .await?
            }
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

/// Whether an event shows that the agent waits for no answer any more.
pub(crate) fn goes_on(event: &Event) -> bool {
    matches!(
        event.event_type(),
        EventType::Step
            | EventType::Thought
            | EventType::Question
            | EventType::Done
            | EventType::Error
    )
}

fn is_open(task: &Task, question: &Event) -> bool {
    task.question()
        .is_some_and(|open| open.id() == question.id())
}

fn unanswered(question: Option<&Event>) -> Failure {
    Failure::Unanswered(question.map(Event::text).unwrap_or_default())
}

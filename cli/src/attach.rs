//! `sessionwire raccoon attach`: a turn that was started before, or elsewhere.

use sessionwire::raccoon::{After, Attach, Client, Turn, TurnEventOptions};

use crate::args::{self, Global};
use crate::client::raccoon;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::progress::Progress;
use crate::raccoon::find;
use crate::render::Renderer;
use crate::stop::Stop;
use crate::terminal::{self, note};
use crate::turn::{Place, shown};

pub(crate) async fn run(
    args: args::Attach,
    global: &Global,
    output: &Output,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let stop = Stop::new(interrupt, args.follow.timeout);
    let client = raccoon(global)?;
    let turn = tokio::select! {
        biased;
        failure = stop.wait() => {
            let ids = &args.turn;
            return Err(failure.of_turn(&ids.session.id, ids.message.as_deref()));
        }
        turn = attach(&client, &args) => turn?,
    };
    let renderer = Renderer::of_turn(output, global.json, &args.follow.shown);
    let mut place = Place::of(&args);
    let mut progress = Progress::begin(args.follow.shown.quiet);
    let outcome = shown(&turn, renderer, &mut progress, &mut place, &stop).await;
    if let Err(failure) = &outcome {
        if matches!(failure.cause(), Failure::Interrupted) {
            terminal::end_line();
        }
        if matches!(failure.cause(), Failure::Interrupted | Failure::Timeout(_)) {
            note(&place.how_to_go_on(&turn));
        }
    }
    progress.end(&outcome, "the session stays", renderer).await;
    outcome
}

async fn attach(client: &Client, args: &args::Attach) -> Result<Turn, Failure> {
    let mut attach = match &args.turn.message {
        Some(message_id) => Attach::new(&args.turn.session.id, message_id),
        None => find(client, &args.turn).await?.attach(),
    };
    if args.after.is_some() || args.after_id.is_some() {
        attach = attach.after(After::Point {
            last_stream_entry_id: args.after.clone(),
            last_event_id: args.after_id,
        });
    }
    let events = TurnEventOptions::new().text_mode(args.text_mode);
    Ok(client.attach(attach.events(events)).await?)
}

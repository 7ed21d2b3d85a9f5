//! The works.

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

use sessionwire::agi::{Client, Event, EventOptions, EventType};
use sessionwire::raccoon::{Client as Raccoon, RaccoonConfig, RaccoonOptions, StartTurn};
use sessionwire::seam::agi::{Operation, Output};
use sessionwire::sse::Decoder;
use sessionwire::{Batch, ClientConfig, ClientOptions, EventQueue, Secret};

use crate::server::{data, event, serve};

/// Their names.
pub(crate) const NAMES: [&str; 8] = [
    "decode-120",
    "decode-16384",
    "read-120",
    "read-16384",
    "stream-120",
    "turn-120",
    "call",
    "screenshot",
];

type Outcome = Result<(), Box<dyn Error>>;

/// Does one of them so many times.
pub(crate) fn run(work: &str, count: usize) -> Outcome {
    match work {
        "decode-120" => decode(count, 120),
        "decode-16384" => decode(count, 16_384),
        "read-120" => read(count, 120),
        "read-16384" => read(count, 16_384),
        "stream-120" => on_runtime(stream(count)),
        "turn-120" => on_runtime(turn(count)),
        "call" => on_runtime(calls(count, false)),
        "screenshot" => on_runtime(calls(count, true)),
        other => Err(format!("{other} is no work; works: {}", NAMES.join(", ")).into()),
    }
}

/// Bytes of a socket to frames.
fn decode(count: usize, size: usize) -> Outcome {
    let frame = event(1, size);
    let mut decoder = Decoder::new();
    for _ in 0..count {
        decoder.feed(frame.as_bytes());
        while let Some(frame) = decoder.next_frame()? {
            black_box((frame.event(), frame.data(), frame.id()));
        }
    }
    Ok(())
}

/// The data of an event to what a binding hands over.
fn read(count: usize, size: usize) -> Outcome {
    let raw = data(1, size);
    for id in 0..count {
        let id = i64::try_from(id)?;
        let event = Event::new(EventType::Thought, Some(id), raw.as_str());
        black_box(event.plain_and_text());
    }
    Ok(())
}

fn on_runtime(work: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(work)
}

fn options(base_url: String) -> ClientOptions {
    ClientOptions::new()
        .base_url(base_url)
        .api_key(Secret::new("bench-key"))
        .timeout(Duration::from_secs(600))
}

fn client(base_url: String) -> Result<Client, Box<dyn Error>> {
    let options = options(base_url);
    Ok(Client::new(ClientConfig::resolve_with(options, &|_| {
        None
    })?)?)
}

/// The events of a stream, from the socket to the queue's batches.
async fn stream(count: usize) -> Outcome {
    let client = client(serve(count).await?)?;
    let queue = client.events("session", EventOptions::default())?;
    take(&queue, count).await
}

/// The same of a turn, over a WebSocket.
async fn turn(count: usize) -> Outcome {
    let client = options(serve(count).await?);
    let options = RaccoonOptions::new().client(client);
    let client = Raccoon::new(RaccoonConfig::resolve_with(options, &|_| None)?)?;
    let turn = client
        .session()?
        .start_turn(StartTurn::new("compare"))
        .await?;
    take(turn.queue(), count).await
}

/// Takes so many events and the last one.
async fn take(queue: &EventQueue, count: usize) -> Outcome {
    let mut seen = 0;
    loop {
        match queue.try_take(512) {
            Batch::Events(events) => seen += events.len(),
            Batch::Empty => queue.wait().await,
            Batch::Ended => break,
            Batch::Failed(error) => return Err(error.into()),
        }
        if seen > count {
            break;
        }
    }
    if seen != count + 1 {
        return Err(format!("{seen} events came where {} were sent", count + 1).into());
    }
    Ok(())
}

/// Calls, as a binding makes them.
async fn calls(count: usize, picture: bool) -> Outcome {
    let client = client(serve(0).await?)?;
    for _ in 0..count {
        let session_id = "session".to_owned();
        let operation = if picture {
            Operation::Screenshot { session_id }
        } else {
            Operation::ExecutionStatus { session_id }
        };
        match client.execute(operation).await? {
            Output::Status(status) if status.status == "finished" => {}
            Output::Screenshot(shot) if shot.image.len() > 200_000 => {}
            other => return Err(format!("a call gave {other:?}").into()),
        }
    }
    Ok(())
}

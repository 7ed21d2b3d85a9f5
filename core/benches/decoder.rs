//! How fast the event-stream decoder is, beside the crate sse-stream.
//!
//! `cargo bench -p sessionwire --bench decoder`. Each row decodes the same
//! bytes in the same chunks; the best of several rounds counts, the two
//! decoders taking turns.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_core::Stream;
use sessionwire::sse::Decoder;
use sse_stream::SseByteStream;

/// Bytes in one run, about.
const RUN: usize = 32 * 1024 * 1024;
/// Bytes in one chunk: what a socket gives at once.
const CHUNK: usize = 16 * 1024;
const ROUNDS: usize = 7;

/// Decodes a stream; says how many events it holds.
type Decode = fn(&[Bytes]) -> usize;

/// An event of about this many bytes on the wire.
fn event(id: usize, size: usize) -> String {
    let frame =
        format!("id: {id}\nevent: thought\ndata: {{\"text\": \"\", \"message_id\": {id}}}\n\n");
    let text = "Comparing two offers. ".repeat(size / 22 + 1);
    let text = &text[..size.saturating_sub(frame.len())];
    format!("id: {id}\nevent: thought\ndata: {{\"text\": \"{text}\", \"message_id\": {id}}}\n\n")
}

/// A stream of such events in chunks, and how many there are.
fn stream(total: usize, size: usize) -> (Vec<Bytes>, usize) {
    let count = total / size;
    let text: String = (0..count).map(|id| event(id, size)).collect();
    let bytes = Bytes::from(text);
    let chunks = (0..bytes.len())
        .step_by(CHUNK)
        .map(|at| bytes.slice(at..bytes.len().min(at + CHUNK)))
        .collect();
    (chunks, count)
}

fn ours(chunks: &[Bytes]) -> usize {
    let mut decoder = Decoder::new();
    let mut count = 0;
    for chunk in chunks {
        decoder.feed(chunk);
        while let Some(frame) = decoder.next_frame().unwrap() {
            black_box((frame.event(), frame.data(), frame.id()));
            count += 1;
        }
    }
    count
}

/// The same with the data kept, as a client must that hands it on.
fn ours_kept(chunks: &[Bytes]) -> usize {
    let mut decoder = Decoder::new();
    let mut count = 0;
    for chunk in chunks {
        decoder.feed(chunk);
        while let Some(frame) = decoder.next_frame().unwrap() {
            black_box(Box::<str>::from(frame.data()));
            count += 1;
        }
    }
    count
}

struct Chunks(VecDeque<Bytes>);

impl Stream for Chunks {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}

fn peer(chunks: &[Bytes]) -> usize {
    let mut stream = std::pin::pin!(SseByteStream::new(Chunks(chunks.iter().cloned().collect())));
    let mut cx = Context::from_waker(Waker::noop());
    let mut count = 0;
    while let Poll::Ready(Some(event)) = stream.as_mut().poll_next(&mut cx) {
        black_box(event.unwrap());
        count += 1;
    }
    count
}

fn time(decode: Decode, chunks: &[Bytes], expected: usize) -> Duration {
    let started = Instant::now();
    let count = decode(black_box(chunks));
    let elapsed = started.elapsed();
    assert_eq!(count, expected, "every event is decoded");
    elapsed
}

fn main() {
    // `cargo test --benches` runs this too: once, and briefly, is enough then.
    let (rounds, total) = if std::env::args().any(|arg| arg == "--bench") {
        (ROUNDS, RUN)
    } else {
        (1, RUN / 64)
    };
    let decoders: [(&str, Decode); 3] = [
        ("sessionwire", ours),
        ("sessionwire, data kept", ours_kept),
        ("sse-stream", peer),
    ];
    println!(
        "{:>7}  {:<24} {:>8} {:>16}",
        "event", "decoder", "GB/s", "events/s"
    );
    for (name, size) in [("120 B", 120), ("1 KB", 1024), ("16 KB", 16 * 1024)] {
        let (chunks, count) = stream(total, size);
        let bytes: usize = chunks.iter().map(Bytes::len).sum();
        let mut best = [Duration::MAX; 3];
        for _ in 0..rounds {
            for (best, (_, decode)) in best.iter_mut().zip(decoders) {
                *best = time(decode, &chunks, count).min(*best);
            }
        }
        for (best, (decoder, _)) in best.iter().zip(decoders) {
            let seconds = best.as_secs_f64();
            println!(
                "{name:>7}  {decoder:<24} {:>8.2} {:>16.0}",
                bytes as f64 / seconds / 1e9,
                count as f64 / seconds
            );
        }
    }
}

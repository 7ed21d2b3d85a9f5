//! The decoder: any chunking gives the same events, those of the standard, in bounded memory.
//!
//! Input: one byte that says where to cut, then the stream.

use std::time::Duration;

use sessionwire::sse::{Decoder, MAX_FIELD_BYTES};

use crate::by_the_book::{Event, by_the_book};

/// The events, the retry, and whether a limit was passed.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    events: Vec<Event>,
    retry: Option<Duration>,
    too_large: bool,
}

pub(crate) fn check(input: &[u8]) {
    let Some((&seed, stream)) = input.split_first() else {
        return;
    };
    let whole = decode([stream]);
    assert_eq!(decode(stream.chunks(1)), whole, "byte by byte");
    assert_eq!(decode(cut(stream, seed)), whole, "in pieces");
    // The book knows no limits.
    if stream.len() < MAX_FIELD_BYTES {
        assert!(!whole.too_large);
        assert_eq!(whole.events, by_the_book(stream));
    }
}

fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut decoder = Decoder::new();
    let mut outcome = Outcome::default();
    for chunk in chunks {
        decoder.feed(chunk);
        while let Some(frame) = decoder.next_frame().unwrap_or_else(|_| {
            outcome.too_large = true;
            None
        }) {
            assert!(!outcome.too_large, "an event came after the failure");
            outcome.events.push((
                frame.event().to_owned(),
                frame.data().to_owned(),
                frame.id().map(str::to_owned),
                frame.last_event_id().to_owned(),
            ));
        }
    }
    outcome.retry = decoder.retry();
    outcome
}

/// Pieces of 0 to 15 bytes, the same for the same seed.
fn cut(mut stream: &[u8], seed: u8) -> Vec<&[u8]> {
    let mut state = u32::from(seed) + 1;
    let mut pieces = Vec::new();
    while !stream.is_empty() {
        state = state.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        let (piece, rest) = stream.split_at(stream.len().min((state >> 28) as usize));
        pieces.push(piece);
        stream = rest;
    }
    pieces
}

//! Any chunking gives the same frames, and a second decoder agrees.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_core::Stream;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use sse_stream::SseByteStream;

use crate::by_the_book::by_the_book;
use crate::sse::decode;

/// Pieces that streams are made of, so that random ones are interesting.
const PIECES: &[&[u8]] = &[
    b"data",
    b"event",
    b"id",
    b"retry",
    b":",
    b": ",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"\r\r",
    b"\r\n\r\n",
    b" ",
    b"\0",
    b"1",
    b"42",
    b"99999999999999999999",
    b"{\"text\": \"a\"}",
    b"\xef\xbb\xbf",
    b"\xef",
    b"\xbb",
    b"\xff",
    b"\xf0\x9f\x9b\xab",
    b"\xf0\x9f",
    b"\xe6\xbc\xa2",
    b"\xc3",
    b"data: a\n",
    b"data: b\r\n",
    b"id: 7\n",
    b"event: x\r",
    b":x\n",
    b"data\n",
];

fn wild_stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => select(PIECES).prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(any::<u8>(), 0..6),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// Cuts bytes at these places.
fn cut<'a>(bytes: &'a [u8], places: &[Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = places
        .iter()
        .map(|place| place.index(bytes.len() + 1))
        .collect();
    at.sort_unstable();
    let mut chunks = Vec::new();
    let mut from = 0;
    for to in at {
        chunks.push(&bytes[from..to]);
        from = to;
    }
    chunks.push(&bytes[from..]);
    chunks
}

fn places() -> impl Strategy<Value = Vec<Index>> {
    proptest::collection::vec(any::<Index>(), 0..20)
}

#[derive(Debug, Clone)]
struct Block {
    fields: Vec<(&'static str, String)>,
    end: &'static str,
}

/// Streams within what both decoders agree on: valid UTF-8, no mark, every
/// block with data, nothing unfinished.
fn tame_stream() -> impl Strategy<Value = Vec<u8>> {
    let value = "[a-z :é漢🛫]{0,12}";
    let field = prop_oneof![
        3 => value.prop_map(|value| ("data", value)),
        1 => value.prop_map(|value| ("event", value)),
        1 => value.prop_map(|value| ("id", value)),
        1 => "[0-9]{1,5}".prop_map(|value| ("retry", value)),
        1 => value.prop_map(|value| ("", value)),
        1 => value.prop_map(|value| ("other", value)),
    ];
    let block = (
        proptest::collection::vec(field, 0..6),
        select(&["\n", "\r", "\r\n"][..]),
    )
        .prop_map(|(fields, end)| Block { fields, end });
    proptest::collection::vec(block, 0..12).prop_map(|blocks| {
        let mut stream = String::new();
        for Block { fields, end } in blocks {
            for (name, value) in fields {
                stream.extend([name, ": ", &value, end]);
            }
            stream.extend(["data:x", end, end]);
        }
        stream.into_bytes()
    })
}

struct Chunks(VecDeque<Bytes>);

impl Stream for Chunks {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}

/// Event, data and id of each block, by the peer.
fn peer(chunks: &[&[u8]]) -> Vec<(String, String, Option<String>)> {
    let chunks = chunks
        .iter()
        .map(|chunk| Bytes::copy_from_slice(chunk))
        .collect();
    let mut stream = std::pin::pin!(SseByteStream::new(Chunks(chunks)));
    let mut cx = Context::from_waker(Waker::noop());
    let mut events = Vec::new();
    while let Poll::Ready(Some(event)) = stream.as_mut().poll_next(&mut cx) {
        let event = event.expect("the peer reads it");
        let name = event.event.filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| "message".to_owned());
        events.push((name, event.data.expect("every block has data"), event.id));
    }
    events
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn any_chunking_gives_the_same_frames(bytes in wild_stream(), places in places()) {
        let whole = decode([&bytes[..]]);
        prop_assert_eq!(&decode(cut(&bytes, &places)), &whole);
        prop_assert_eq!(&decode(bytes.chunks(1)), &whole);
    }

    #[test]
    fn the_frames_are_those_of_the_standard(bytes in wild_stream()) {
        let ours: Vec<_> = decode([&bytes[..]])
            .0
            .into_iter()
            .map(|frame| (frame.event, frame.data, frame.id, frame.last_event_id))
            .collect();
        prop_assert_eq!(ours, by_the_book(&bytes));
    }

    #[test]
    fn the_frames_are_those_of_another_decoder(bytes in tame_stream(), places in places()) {
        let chunks = cut(&bytes, &places);
        let ours: Vec<_> = decode(chunks.iter().copied())
            .0
            .into_iter()
            .map(|frame| (frame.event, frame.data, frame.id))
            .collect();
        prop_assert_eq!(ours, peer(&chunks));
    }
}

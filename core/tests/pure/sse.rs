//! The decoder's limits, and its work on large input. The cases of
//! `tests/contract/sse` run with the other cases, in `tests/rust`.

use std::time::Duration;

use sessionwire::ErrorKind;
use sessionwire::sse::{Decoder, MAX_EVENT_BYTES, MAX_FIELD_BYTES};

/// A frame that outlives the decoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owned {
    pub(crate) event: String,
    pub(crate) data: String,
    pub(crate) id: Option<String>,
    pub(crate) last_event_id: String,
}

/// Takes every frame that is whole.
pub(crate) fn drain(decoder: &mut Decoder, frames: &mut Vec<Owned>) -> sessionwire::Result<()> {
    while let Some(frame) = decoder.next_frame()? {
        frames.push(Owned {
            event: frame.event().to_owned(),
            data: frame.data().to_owned(),
            id: frame.id().map(str::to_owned),
            last_event_id: frame.last_event_id().to_owned(),
        });
    }
    Ok(())
}

/// The frames and the retry of a stream in these chunks.
pub(crate) fn decode<'a>(
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Owned>, Option<Duration>) {
    let mut decoder = Decoder::new();
    let mut frames = Vec::new();
    for chunk in chunks {
        decoder.feed(chunk);
        drain(&mut decoder, &mut frames).expect("no limit is passed");
    }
    (frames, decoder.retry())
}

/// Feeds in chunks of this size; how many frames came, and the error if any.
fn until_error(stream: &[u8], chunk: usize) -> (usize, Option<sessionwire::Error>) {
    let mut decoder = Decoder::new();
    let mut frames = Vec::new();
    for chunk in stream.chunks(chunk) {
        decoder.feed(chunk);
        if let Err(error) = drain(&mut decoder, &mut frames) {
            return (frames.len(), Some(error));
        }
    }
    (frames.len(), None)
}

/// The sizes in which a large stream is fed.
const SIZES: [usize; 4] = [usize::MAX, 1 << 20, 65_536, 1000];

fn passes(name: &str, stream: &[u8], frames: usize) {
    for size in SIZES {
        let (count, error) = until_error(stream, size);
        assert_eq!(count, frames, "{name} in chunks of {size}");
        assert!(error.is_none(), "{name} in chunks of {size}: {error:?}");
    }
}

fn is_too_large(name: &str, stream: &[u8], frames: usize) {
    for size in SIZES {
        let (count, error) = until_error(stream, size);
        let error = error.unwrap_or_else(|| panic!("{name} in chunks of {size} passed"));
        assert_eq!(count, frames, "{name} in chunks of {size}");
        assert_eq!(error.kind(), ErrorKind::EventTooLarge, "{name}");
        assert_eq!(error.reason(), Some("event_too_large"), "{name}");
    }
}

/// `name: <size bytes>` and a small event after it.
fn field(name: &str, size: usize) -> Vec<u8> {
    let mut stream = format!("data: first\n\n{name}").into_bytes();
    stream.resize(stream.len() + size, b'x');
    stream.extend_from_slice(b"\ndata: second\n\n");
    stream
}

#[test]
fn data_up_to_the_limit_passes() {
    for name in ["data: ", "data:"] {
        // The second event's line joins the large one: seven more bytes.
        passes(name, &field(name, MAX_EVENT_BYTES - 7), 2);
        is_too_large(name, &field(name, MAX_EVENT_BYTES - 6), 1);
    }
}

#[test]
fn data_of_many_lines_counts_as_a_whole() {
    let lines = |count: usize| {
        let line = format!("data:{}\n", "x".repeat(65_535));
        let mut stream = b"data: first\n\n".to_vec();
        for _ in 0..count {
            stream.extend_from_slice(line.as_bytes());
        }
        stream.push(b'\n');
        stream
    };
    // Each line is 64 KiB with the LF that joins it to the next.
    passes("256 lines", &lines(256), 2);
    is_too_large("257 lines", &lines(257), 1);
}

#[test]
fn a_line_that_never_ends_is_too_large() {
    let mut stream = b"data: ".to_vec();
    stream.resize(MAX_EVENT_BYTES + 100, b'x');
    is_too_large("data", &stream, 0);
    let mut stream = b"event: ".to_vec();
    stream.resize(MAX_FIELD_BYTES + 100, b'x');
    is_too_large("event", &stream, 0);
}

#[test]
fn another_field_up_to_its_limit_passes() {
    for name in ["event: ", "id: ", "retry: ", "unknown: "] {
        passes(name, &field(name, MAX_FIELD_BYTES), 2);
        is_too_large(name, &field(name, MAX_FIELD_BYTES + 1), 1);
    }
}

#[test]
fn a_name_without_a_colon_has_a_limit_too() {
    passes("a name", &field("", MAX_FIELD_BYTES), 2);
    is_too_large("a name", &field("", MAX_FIELD_BYTES + 1000), 1);
    is_too_large(
        "a name that begins like data",
        &field("data", MAX_FIELD_BYTES + 1000),
        1,
    );
    is_too_large(
        "a name and a value",
        &field(&format!("{}:", "n".repeat(1000)), MAX_FIELD_BYTES),
        1,
    );
}

#[test]
fn a_comment_has_no_limit() {
    passes("a comment", &field(":", MAX_EVENT_BYTES * 2), 2);
    passes(
        "a comment in a block",
        &field("data: a\n:", MAX_EVENT_BYTES * 2),
        2,
    );
}

#[test]
fn nothing_is_read_after_an_event_that_was_too_large() {
    for size in SIZES {
        let mut decoder = Decoder::new();
        let mut frames = Vec::new();
        let mut failed = false;
        for chunk in field("event: ", MAX_FIELD_BYTES + 1).chunks(size) {
            decoder.feed(chunk);
            failed |= drain(&mut decoder, &mut frames).is_err();
        }
        decoder.feed(b"\n\ndata: third\n\n");
        assert!(failed);
        let error = decoder.next_frame().expect_err("it stays failed");
        assert_eq!(error.kind(), ErrorKind::EventTooLarge);
        assert_eq!(frames.len(), 1, "in chunks of {size}");
    }
}

#[test]
fn a_frame_need_not_be_taken_before_the_next_chunk() {
    let mut decoder = Decoder::new();
    decoder.feed(b"id: 1\nevent: x\ndata: a\n\nda");
    decoder.feed(b"ta: b\n\ndata: c\n");
    decoder.feed(b"data: d\n");
    decoder.feed(b"\n");
    let mut frames = Vec::new();
    drain(&mut decoder, &mut frames).unwrap();
    let texts: Vec<_> = frames.iter().map(|frame| frame.data.as_str()).collect();
    assert_eq!(texts, ["a", "b", "c\nd"]);
}

#[test]
fn chunks_may_come_between_the_frames_of_one_chunk() {
    let mut decoder = Decoder::new();
    let mut texts = Vec::new();
    for round in 0..200 {
        let events: String = (0..5).map(|n| format!("data: {round}-{n}\n\n")).collect();
        decoder.feed(events.as_bytes());
        // One frame per chunk: four wait each time.
        texts.push(decoder.next_frame().unwrap().unwrap().data().to_owned());
    }
    while let Some(frame) = decoder.next_frame().unwrap() {
        texts.push(frame.data().to_owned());
    }
    let expected: Vec<_> = (0..200)
        .flat_map(|round| (0..5).map(move |n| format!("{round}-{n}")))
        .collect();
    assert_eq!(texts, expected);
}

/// If every byte moved what waits, this would move eight terabytes and never
/// come to an end.
#[test]
fn a_large_event_byte_by_byte_is_not_quadratic() {
    let size = 4 << 20;
    let mut decoder = Decoder::new();
    let feed = |decoder: &mut Decoder, bytes: &[u8]| {
        for byte in bytes.chunks(1) {
            decoder.feed(byte);
            assert!(decoder.next_frame().unwrap().is_none());
        }
    };
    // What waits behind one consumed event, and behind a first data line.
    feed(
        &mut decoder,
        b"id: 1\nevent: x\ndata: first line\n: a comment\ndata: ",
    );
    for _ in 0..size {
        decoder.feed(b"x");
        assert!(decoder.next_frame().unwrap().is_none());
    }
    feed(&mut decoder, b"\n");
    decoder.feed(b"\n");
    let frame = decoder.next_frame().unwrap().expect("the event is whole");
    assert_eq!(frame.data().len(), size + "first line\n".len());
}

#[test]
fn many_lines_byte_by_byte_are_not_quadratic() {
    let count = 1 << 19;
    let mut decoder = Decoder::new();
    for _ in 0..count {
        for byte in b"data: x\n".chunks(1) {
            decoder.feed(byte);
            assert!(decoder.next_frame().unwrap().is_none());
        }
    }
    decoder.feed(b"\n");
    let frame = decoder.next_frame().unwrap().expect("the event is whole");
    assert_eq!(frame.data().len(), 2 * count - 1);
}

//! The parts of the core that do no I/O: frames of an event stream, decisions
//! about retries.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use sessionwire::sse::Decoder;
use sessionwire::transport::retry::{
    Attempt, Decision, Effect, Failure, decide, parse_retry_after,
};

#[derive(Deserialize)]
struct Stream {
    id: String,
    input: Option<String>,
    input_base64: Option<String>,
    frames: Vec<Frame>,
    retry_ms: Option<u64>,
}

/// A frame that outlives the decoder.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Frame {
    event: String,
    data: String,
    id: Option<String>,
    last_event_id: String,
}

/// The same frames, however the network cuts the stream.
pub(crate) async fn frames(case: Value) {
    let case: Stream = serde_json::from_value(case).unwrap();
    let bytes = match (&case.input, &case.input_base64) {
        (Some(text), None) => text.clone().into_bytes(),
        (None, Some(text)) => base64(text),
        _ => panic!("{} needs one of input and input_base64", case.id),
    };
    check(&case, &[&bytes]);
    for first in 0..=bytes.len() {
        for second in first..=bytes.len() {
            let chunks = [&bytes[..first], &bytes[first..second], &bytes[second..]];
            check(&case, &chunks);
        }
    }
    check(&case, &bytes.chunks(1).collect::<Vec<_>>());
    let with_empty: Vec<&[u8]> = bytes.chunks(1).flat_map(|chunk| [chunk, b""]).collect();
    check(&case, &with_empty);
}

fn check(case: &Stream, chunks: &[&[u8]]) {
    let mut decoder = Decoder::new();
    let mut frames = Vec::new();
    for chunk in chunks {
        decoder.feed(chunk);
        while let Some(frame) = decoder.next_frame().expect("no limit is passed") {
            frames.push(Frame {
                event: frame.event().to_owned(),
                data: frame.data().to_owned(),
                id: frame.id().map(str::to_owned),
                last_event_id: frame.last_event_id().to_owned(),
            });
        }
    }
    assert_eq!(frames, case.frames, "{} in chunks {chunks:?}", case.id);
    let retry = case.retry_ms.map(Duration::from_millis);
    assert_eq!(decoder.retry(), retry, "{} in chunks {chunks:?}", case.id);
}

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .expect("the input is base64")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Try {
    id: String,
    /// Attempts so far.
    made: u32,
    max_retries: u32,
    effect: TryEffect,
    failure: TryFailure,
    retry_after_ms: Option<u64>,
    left_ms: u64,
    /// What is left of the caller's wait for limits; absent: it gives none.
    #[serde(default)]
    limit_left_ms: Option<u64>,
    /// From the least to the most, by jitter; `null`: stop.
    wait_ms: Option<[u64; 2]>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum TryEffect {
    Repeatable,
    Once,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum TryFailure {
    NotSent,
    Broken,
    Limited,
    Status(u16),
}

impl Try {
    fn attempt(&self, jitter: f64) -> Attempt {
        Attempt {
            made: self.made,
            first_wait: Duration::from_millis(500),
            max_retries: self.max_retries,
            effect: match self.effect {
                TryEffect::Repeatable => Effect::Repeatable,
                TryEffect::Once => Effect::Once,
            },
            failure: match self.failure {
                TryFailure::NotSent => Failure::NotSent,
                TryFailure::Broken => Failure::Broken,
                TryFailure::Limited => Failure::Limited,
                TryFailure::Status(status) => Failure::Status(status),
            },
            retry_after: self.retry_after_ms.map(Duration::from_millis),
            left: Duration::from_millis(self.left_ms),
            limit_left: self.limit_left_ms.map(Duration::from_millis),
            jitter,
        }
    }
}

pub(crate) async fn decision(case: Value) {
    let case: Try = serde_json::from_value(case).unwrap();
    let decided = |jitter| decide(&case.attempt(jitter));
    match case.wait_ms {
        None => {
            for jitter in [0.0, 0.5, 1.0] {
                assert_eq!(decided(jitter), Decision::Stop, "{}", case.id);
            }
        }
        Some([least, most]) => {
            let wait = |ms| Decision::Wait(Duration::from_millis(ms));
            assert_eq!(decided(0.0), wait(least), "{}", case.id);
            assert_eq!(decided(1.0), wait(most), "{}", case.id);
            assert_eq!(decided(0.5), wait((least + most) / 2), "{}", case.id);
        }
    }
}

pub(crate) async fn retry_after(case: Value) {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Header {
        id: String,
        value: String,
        /// The time of reading, in seconds since 1970.
        now: u64,
        wait_ms: Option<u64>,
    }
    let case: Header = serde_json::from_value(case).unwrap();
    let wait = case.wait_ms.map(Duration::from_millis);
    assert_eq!(
        parse_retry_after(&case.value, case.now),
        wait,
        "{}",
        case.id
    );
}

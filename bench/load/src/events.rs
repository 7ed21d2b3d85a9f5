//! What a stream holds, and its bytes, built once before anybody measures.

use std::fmt;
use std::io::Write;
use std::num::NonZeroU32;
use std::str::FromStr;

/// The smallest and the largest `data` of one event.
const DATA_SIZES: std::ops::RangeInclusive<usize> = 64..=1024 * 1024;
/// A stream is kept in memory as a whole.
const MAX_STREAM_BYTES: u64 = 768 * 1024 * 1024;
const PACKED_CHUNK: usize = 64 * 1024;
/// A close frame with the code 1000.
pub(crate) const CLOSE: &[u8] = &[0x88, 2, 0x03, 0xe8];
const SENTENCE: &[u8] = b"Comparing two offers for the same flight, the earlier one is cheaper. ";

/// How the events of a stream reach the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// As fast as the client reads, one HTTP chunk per event.
    Each,
    /// As fast as the client reads, HTTP chunks of 64 KiB that cut events anywhere.
    Packed,
    /// So many events per second, one HTTP chunk per event.
    Paced(NonZeroU32),
}

/// One stream: `events` thoughts with ids from 1, then a `done`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spec {
    pub(crate) events: u64,
    data_size: usize,
    pub(crate) delivery: Delivery,
}

/// What is wrong with a session id, and how one looks.
#[derive(Debug)]
pub(crate) struct BadSpec(String);

impl fmt::Display for BadSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}; write n<events>-s<64 to 1048576>-<each|packed|p<events per second>>",
            self.0
        )
    }
}

impl std::error::Error for BadSpec {}

impl FromStr for Spec {
    type Err = BadSpec;

    fn from_str(text: &str) -> Result<Self, BadSpec> {
        let bad = |what: &str| BadSpec(format!("{what} in {text:?}"));
        let mut parts = text.split('-');
        let (Some(events), Some(size), Some(delivery), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(bad("not three parts"));
        };
        let events: u64 = events
            .strip_prefix('n')
            .and_then(|n| n.parse().ok())
            .ok_or_else(|| bad("no event count"))?;
        let data_size = size
            .strip_prefix('s')
            .and_then(|s| s.parse().ok())
            .filter(|s| DATA_SIZES.contains(s))
            .ok_or_else(|| bad("no usable size"))?;
        let delivery = match delivery {
            "each" => Delivery::Each,
            "packed" => Delivery::Packed,
            pace => pace
                .strip_prefix('p')
                .and_then(|p| p.parse().ok())
                .map(Delivery::Paced)
                .ok_or_else(|| bad("no delivery"))?,
        };
        if events.saturating_mul(data_size as u64) > MAX_STREAM_BYTES {
            return Err(bad("too many bytes"));
        }
        Ok(Self {
            events,
            data_size,
            delivery,
        })
    }
}

impl Spec {
    /// The body of the HTTP answer, chunk framing and last chunk included.
    pub(crate) fn body(&self) -> Vec<u8> {
        let mut body = Vec::new();
        match self.delivery {
            Delivery::Packed => {
                let mut events = Vec::new();
                for id in 1..=self.events + 1 {
                    self.event(id, None, &mut events);
                }
                for piece in events.chunks(PACKED_CHUNK) {
                    chunk(piece, &mut body);
                }
            }
            Delivery::Each | Delivery::Paced(_) => {
                let mut event = Vec::new();
                for id in 1..=self.events + 1 {
                    event.clear();
                    self.event(id, None, &mut event);
                    chunk(&event, &mut body);
                }
            }
        }
        body.extend_from_slice(b"0\r\n\r\n");
        body
    }

    /// The chunk of one event, which says when it was sent; `None` after the `done`.
    pub(crate) fn chunk_of(&self, id: u64, sent: u64) -> Option<Vec<u8>> {
        if id > self.events + 1 {
            return None;
        }
        let (mut event, mut framed) = (Vec::new(), Vec::new());
        self.event(id, Some(sent), &mut event);
        chunk(&event, &mut framed);
        Some(framed)
    }

    fn event(&self, id: u64, sent: Option<u64>, out: &mut Vec<u8>) {
        if id > self.events {
            append(
                out,
                format_args!("id: {id}\nevent: done\ndata: {{\"text\": \"Found it\", "),
            );
            append(
                out,
                format_args!("\"result\": {{\"price\": 129}}, \"message_id\": {id}}}\n\n"),
            );
            return;
        }
        let sent = sent.map_or(String::new(), |sent| format!("\"sent\": {sent}, "));
        let end = format!("\", {sent}\"message_id\": {id}}}");
        append(out, format_args!("id: {id}\nevent: thought\ndata: "));
        self.filled("{\"text\": \"", &end, out);
        out.extend_from_slice(b"\n\n");
    }

    /// Between these two as much text as gives the size of `data`.
    fn filled(&self, start: &str, end: &str, out: &mut Vec<u8>) {
        let text_end = out.len() + self.data_size.saturating_sub(end.len());
        out.extend_from_slice(start.as_bytes());
        while out.len() < text_end {
            let room = text_end - out.len();
            out.extend_from_slice(&SENTENCE[..room.min(SENTENCE.len())]);
        }
        out.extend_from_slice(end.as_bytes());
    }

    /// The same as a turn over a WebSocket: an ack, thoughts in blocks of 16 whose payload has the size,
    /// the end, and the close.
    pub(crate) fn turn(&self) -> Vec<u8> {
        let mut frames = Vec::new();
        frame(br#"{"type": "ack", "resume_from": ""}"#, &mut frames);
        let mut event = Vec::new();
        for id in 1..=self.events + 1 {
            event.clear();
            append(
                &mut event,
                format_args!("{{\"event_id\": {id}, \"timestamp\": 1772615731200, "),
            );
            append(
                &mut event,
                format_args!("\"stream_entry_id\": \"1772615731200-{id}\", "),
            );
            append(
                &mut event,
                format_args!("\"message_id\": \"{self}\", \"kind\": "),
            );
            if id > self.events {
                append(
                    &mut event,
                    format_args!("\"task.completed\", \"payload\": {{\"number\": {id}}}}}"),
                );
            } else {
                append(
                    &mut event,
                    format_args!(
                        "\"thought\", \"block_id\": \"thought:{}\", \"payload\": ",
                        id / 16
                    ),
                );
                let last = id % 16 == 15;
                let end = format!("\", \"finalize\": {last}, \"number\": {id}}}");
                self.filled("{\"thought\": \"", &end, &mut event);
                event.push(b'}');
            }
            frame(&event, &mut frames);
        }
        frames.extend_from_slice(CLOSE);
        frames
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}-s{}-", self.events, self.data_size)?;
        match self.delivery {
            Delivery::Each => f.write_str("each"),
            Delivery::Packed => f.write_str("packed"),
            Delivery::Paced(pace) => write!(f, "p{pace}"),
        }
    }
}

/// A text frame of a server.
fn frame(text: &[u8], out: &mut Vec<u8>) {
    out.push(0x81);
    match (u8::try_from(text.len()), u16::try_from(text.len())) {
        (Ok(length), _) if length < 126 => out.push(length),
        (_, Ok(length)) => {
            out.push(126);
            out.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(text.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(text);
}

fn chunk(piece: &[u8], out: &mut Vec<u8>) {
    append(out, format_args!("{:x}\r\n", piece.len()));
    out.extend_from_slice(piece);
    out.extend_from_slice(b"\r\n");
}

fn append(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_wire_form_and_exactly_the_size_asked_for() {
        for (size, id) in [(64, 1), (120, 99_999), (16_384, 7)] {
            let spec = Spec {
                events: 100_000,
                data_size: size,
                delivery: Delivery::Each,
            };
            let mut event = Vec::new();
            spec.event(id, None, &mut event);
            let text = String::from_utf8(event).expect("UTF-8");
            let data = text
                .strip_prefix(&format!("id: {id}\nevent: thought\ndata: "))
                .and_then(|rest| rest.strip_suffix("\n\n"))
                .expect("framing");
            assert_eq!(data.len(), size);
            assert!(data.starts_with("{\"text\": \"Comparing"), "{data}");
            assert!(
                data.ends_with(&format!("\", \"message_id\": {id}}}")),
                "{data}"
            );
        }
    }

    #[test]
    fn packing_changes_only_the_chunks() {
        let each: Spec = "n1000-s120-each".parse().expect("spec");
        let packed: Spec = "n1000-s120-packed".parse().expect("spec");
        let (each, packed) = (unchunk(&each.body()), unchunk(&packed.body()));
        assert_eq!((each.0, packed.0), (1001, 3));
        assert_eq!(each.1, packed.1);
    }

    #[test]
    fn a_bad_session_id_is_refused_with_the_form_it_should_have() {
        for text in [
            "",
            "n1-s120",
            "nx-s120-each",
            "n1-s63-each",
            "n1-s120-p0",
            "n1-s120-fast",
            "n99999999-s16384-each",
        ] {
            let error = text.parse::<Spec>().expect_err(text).to_string();
            assert!(error.contains("n<events>-s<"), "{error}");
        }
    }

    fn unchunk(mut body: &[u8]) -> (usize, Vec<u8>) {
        let (mut chunks, mut plain) = (0, Vec::new());
        loop {
            let line = body
                .iter()
                .position(|&byte| byte == b'\r')
                .expect("chunk size");
            let size =
                usize::from_str_radix(std::str::from_utf8(&body[..line]).expect("ASCII"), 16)
                    .expect("hex");
            if size == 0 {
                assert_eq!(&body[line..], b"\r\n\r\n");
                return (chunks, plain);
            }
            chunks += 1;
            plain.extend_from_slice(&body[line + 2..line + 2 + size]);
            body = &body[line + 2 + size + 2..];
        }
    }
}

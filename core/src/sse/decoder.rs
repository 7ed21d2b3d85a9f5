//! The decoder: bytes in, frames out, in any chunking.
//!
//! It follows the WHATWG rules for event streams: LF, CR and CRLF, a leading
//! byte order mark, comments, one optional space after the colon, `data` lines
//! joined by LF, invalid UTF-8 replaced, ids with NUL ignored, blocks without
//! data dropped, an unfinished block at the end dropped.

use std::borrow::Cow;
use std::ops::Range;
use std::time::Duration;

use memchr::{memchr, memchr2};

use crate::error::{Error, ErrorKind, Result};

/// Most bytes of data in one event: 16 MiB.
pub const MAX_EVENT_BYTES: usize = 16 * 1024 * 1024;
/// Most bytes in any other field: 64 KiB.
pub const MAX_FIELD_BYTES: usize = 64 * 1024;
/// Room for a field's name and colon in a line at its limit.
const NAME_ROOM: usize = 16;

/// A push decoder for event streams.
///
/// ```
/// let mut decoder = sessionwire::sse::Decoder::new();
/// decoder.feed(b"id: 42\nevent: thought\ndata: {}\n\n");
/// let frame = decoder.next_frame()?.expect("one whole event was fed");
/// assert_eq!((frame.event(), frame.data(), frame.last_event_id()), ("thought", "{}", "42"));
/// # Ok::<(), sessionwire::Error>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// Where the next line starts.
    next: usize,
    /// Up to here the unfinished line is known to hold no line end.
    scanned: usize,
    /// The last line ended in CR: a LF that follows belongs to it.
    after_cr: bool,
    /// Nothing was decoded yet: a byte order mark may come.
    at_start: bool,
    /// The rest of a long comment is being dropped.
    in_comment: bool,
    data: Data,
    /// The last type that a block named: most are like the one before.
    event: String,
    /// This block names its type.
    has_event: bool,
    last_id: String,
    /// This block carries an id of its own.
    has_id: bool,
    /// A frame was given out: its fields belong to no later block.
    given: bool,
    retry: Option<Duration>,
    /// A limit was passed: nothing more is read.
    failed: bool,
}

/// The data of the block that is being read.
#[derive(Debug)]
enum Data {
    None,
    /// One line: still in the buffer.
    Line(Range<usize>),
    /// Several lines, joined.
    Lines(Vec<u8>),
}

/// One event of a stream.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    event: &'a str,
    data: Cow<'a, str>,
    id: Option<&'a str>,
    last_event_id: &'a str,
}

impl Frame<'_> {
    /// The event's type: `message` where the stream names none.
    pub fn event(&self) -> &str {
        if self.event.is_empty() {
            "message"
        } else {
            self.event
        }
    }

    /// The data, lines joined by LF.
    pub fn data(&self) -> &str {
        &self.data
    }

    /// The id that this event itself carries.
    pub fn id(&self) -> Option<&str> {
        self.id
    }

    /// The id to resume from: this event's, else the latest before it.
    pub fn last_event_id(&self) -> &str {
        self.last_event_id
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub fn new() -> Self {
        Self {
            buffer: Vec::new(),
            next: 0,
            scanned: 0,
            after_cr: false,
            at_start: true,
            in_comment: false,
            data: Data::None,
            event: String::new(),
            has_event: false,
            last_id: String::new(),
            has_id: false,
            given: false,
            retry: None,
            failed: false,
        }
    }

    /// Adds bytes as they came from the network.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.failed {
            return;
        }
        self.compact();
        self.buffer.extend_from_slice(bytes);
    }

    /// The last valid `retry:` field.
    pub fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// The next whole event, if there is one.
    ///
    /// # Errors
    /// `EventTooLarge` when an event has more than [`MAX_EVENT_BYTES`] of data
    /// or another field more than [`MAX_FIELD_BYTES`]; the stream cannot be
    /// read on after that: every later call gives the same error.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>> {
        if self.failed {
            return Err(too_large());
        }
        match self.next_block() {
            Ok(data) => Ok(data.map(|data| self.frame(data))),
            Err(error) => {
                *self = Self {
                    retry: self.retry,
                    failed: true,
                    ..Self::new()
                };
                Err(error)
            }
        }
    }

    /// The data of the next whole block that has any.
    fn next_block(&mut self) -> Result<Option<Data>> {
        if std::mem::take(&mut self.given) {
            self.end_block();
        }
        while let Some(line) = self.next_line()? {
            if !line.is_empty() {
                self.field(line)?;
            } else if let Some(data) = self.dispatch() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// The next whole line, without its end.
    fn next_line(&mut self) -> Result<Option<Range<usize>>> {
        loop {
            if self.at_start && !self.skip_mark() {
                return Ok(None);
            }
            if self.after_cr && self.next < self.buffer.len() {
                self.after_cr = false;
                if self.buffer[self.next] == b'\n' {
                    self.next += 1;
                }
            }
            let from = self.scanned.max(self.next);
            let Some(offset) = line_end(&self.buffer[from..]) else {
                self.scanned = self.buffer.len();
                return self.check_unfinished_line().map(|()| None);
            };
            let end = from + offset;
            let line = self.next..end;
            self.after_cr = self.buffer[end] == b'\r';
            self.next = end + 1;
            if std::mem::take(&mut self.in_comment) {
                continue;
            }
            return Ok(Some(line));
        }
    }

    /// Skips a byte order mark. False if it cannot be told yet.
    fn skip_mark(&mut self) -> bool {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        if self.buffer.len() < MARK.len() && MARK.starts_with(&self.buffer) {
            return false;
        }
        if self.buffer.starts_with(MARK) {
            self.next = MARK.len();
        }
        self.at_start = false;
        true
    }

    fn check_unfinished_line(&mut self) -> Result<()> {
        let line = &self.buffer[self.next..];
        if self.in_comment || line.first() == Some(&b':') {
            self.in_comment = true;
            self.next = self.buffer.len();
            return Ok(());
        }
        let limit = if line.starts_with(b"data:") {
            MAX_EVENT_BYTES
        } else {
            MAX_FIELD_BYTES
        };
        if line.len() > limit + NAME_ROOM {
            Err(too_large())
        } else {
            Ok(())
        }
    }

    /// Reads one line that is not empty.
    fn field(&mut self, line: Range<usize>) -> Result<()> {
        let bytes = &self.buffer[line.clone()];
        let (field, begin) = Field::of(bytes);
        let value = line.start + begin..line.end;
        if field == Field::Data {
            return self.add_data(value);
        }
        // The same line must pass or fail in any chunking: a long name counts
        // as it does while the line is not finished. Comments have no limit.
        let too_long = value.len() > MAX_FIELD_BYTES || bytes.len() > MAX_FIELD_BYTES + NAME_ROOM;
        if too_long && field != Field::Comment {
            return Err(too_large());
        }
        let value = &self.buffer[value];
        match field {
            Field::Event => {
                if self.event.as_bytes() != value {
                    self.event.clear();
                    self.event.push_str(&text(value));
                }
                self.has_event = true;
            }
            Field::Id if memchr(0, value).is_none() => {
                // The next frame shows it, and a block without data keeps it:
                // both are what the standard asks for.
                self.has_id = true;
                self.last_id.clear();
                if value.iter().all(u8::is_ascii_digit) {
                    self.last_id
                        .extend(value.iter().map(|digit| char::from(*digit)));
                } else {
                    self.last_id.push_str(&text(value));
                }
            }
            Field::Retry if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                if let Some(ms) = std::str::from_utf8(value)
                    .ok()
                    .and_then(|text| text.parse().ok())
                {
                    self.retry = Some(Duration::from_millis(ms));
                }
            }
            Field::Id | Field::Retry | Field::Data | Field::Comment | Field::Unknown => {}
        }
        Ok(())
    }

    fn add_data(&mut self, value: Range<usize>) -> Result<()> {
        let more = value.len();
        self.data = match std::mem::replace(&mut self.data, Data::None) {
            Data::None => Data::Line(value),
            Data::Line(first) => {
                let mut lines = self.buffer[first].to_vec();
                lines.push(b'\n');
                lines.extend_from_slice(&self.buffer[value]);
                Data::Lines(lines)
            }
            Data::Lines(mut lines) => {
                lines.push(b'\n');
                lines.extend_from_slice(&self.buffer[value]);
                Data::Lines(lines)
            }
        };
        let size = match &self.data {
            Data::Lines(lines) => lines.len(),
            _ => more,
        };
        if size > MAX_EVENT_BYTES {
            Err(too_large())
        } else {
            Ok(())
        }
    }

    /// The data of the block that an empty line ends, if it has any.
    fn dispatch(&mut self) -> Option<Data> {
        match std::mem::replace(&mut self.data, Data::None) {
            Data::None => {
                self.end_block();
                None
            }
            data => Some(data),
        }
    }

    fn end_block(&mut self) {
        self.has_event = false;
        self.has_id = false;
    }

    fn frame(&mut self, data: Data) -> Frame<'_> {
        self.given = true;
        let data = match data {
            Data::None => Cow::Borrowed(""),
            Data::Line(range) => text(&self.buffer[range]),
            Data::Lines(lines) => Cow::Owned(match String::from_utf8(lines) {
                Ok(text) => text,
                Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
            }),
        };
        Frame {
            event: if self.has_event { &self.event } else { "" },
            data,
            id: self.has_id.then_some(self.last_id.as_str()),
            last_event_id: &self.last_id,
        }
    }

    /// Drops what was read, keeping the block that is not finished.
    fn compact(&mut self) {
        self.set_line_aside();
        let keep = match &self.data {
            Data::Line(range) => range.start,
            _ => self.next,
        };
        // No more is moved than is freed, so that neither byte-sized chunks nor
        // frames that wait cost a long move each.
        if keep == 0 || keep < self.buffer.len() - keep {
            return;
        }
        self.buffer.drain(..keep);
        self.next -= keep;
        self.scanned = self.scanned.saturating_sub(keep);
        if let Data::Line(range) = &mut self.data {
            *range = range.start - keep..range.end - keep;
        }
        // One large event must not keep its memory for ever.
        if self.buffer.capacity() > MAX_FIELD_BYTES * 4 && self.buffer.len() < MAX_FIELD_BYTES {
            self.buffer.shrink_to(MAX_FIELD_BYTES);
        }
    }

    /// Takes the data line out of the buffer when more was read after it than
    /// it is long: comments in its block must not pile up behind it.
    fn set_line_aside(&mut self) {
        if let Data::Line(range) = &self.data
            && self.next - range.end > range.len().max(4096)
        {
            self.data = Data::Lines(self.buffer[range.clone()].to_vec());
        }
    }
}

/// What a line is, by its name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Data,
    Event,
    Id,
    Retry,
    Comment,
    Unknown,
}

impl Field {
    /// The names that mean something.
    const NAMED: [(&'static [u8], Self); 4] = [
        (b"data", Self::Data),
        (b"event", Self::Event),
        (b"id", Self::Id),
        (b"retry", Self::Retry),
    ];

    /// The field of a line that is not empty, and where its value begins.
    fn of(line: &[u8]) -> (Self, usize) {
        for (name, field) in Self::NAMED {
            match line.strip_prefix(name) {
                Some([]) => return (field, line.len()),
                Some([b':', b' ', ..]) => return (field, name.len() + 2),
                Some([b':', ..]) => return (field, name.len() + 1),
                _ => {}
            }
        }
        if line.first() == Some(&b':') {
            return (Self::Comment, 1);
        }
        let value = memchr(b':', line).map_or(line.len(), |colon| {
            colon + 1 + usize::from(line.get(colon + 1) == Some(&b' '))
        });
        (Self::Unknown, value)
    }
}

/// Where the first line of these bytes ends.
fn line_end(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [] => None,
        [b'\n' | b'\r', ..] => Some(0),
        bytes => memchr2(b'\n', b'\r', bytes),
    }
}

/// Bytes as text, what is invalid replaced. The check for the usual, valid case
/// is several times as fast as the replacing conversion.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

fn too_large() -> Error {
    Error::new(
        ErrorKind::EventTooLarge,
        format!(
            "The stream sent an event of more than {} MiB. Read the session's messages instead",
            MAX_EVENT_BYTES / 1024 / 1024
        ),
    )
    .with_reason("event_too_large")
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::{Decoder, MAX_FIELD_BYTES};

    /// Most bytes that a decoder with nothing large to keep may hold.
    const SMALL: usize = MAX_FIELD_BYTES * 4;

    fn feed(decoder: &mut Decoder, chunk: &[u8]) {
        decoder.feed(chunk);
        while decoder.next_frame().expect("no limit is passed").is_some() {}
    }

    #[test]
    fn a_comment_takes_no_memory() {
        for before in [
            ": ",
            "data: a\n: ",
            "data: a\ndata: b\n: ",
            "id: 1\nevent: x\n: ",
        ] {
            let mut decoder = Decoder::new();
            feed(&mut decoder, before.as_bytes());
            for _ in 0..1000 {
                feed(&mut decoder, &[b'x'; 8192]);
                assert!(decoder.buffer.capacity() <= SMALL, "after {before:?}");
            }
            decoder.feed(b"\ndata: c\n\n");
            let frame = decoder.next_frame().expect("within the limits");
            assert!(frame.expect("an event").data().ends_with('c'));
        }
    }

    #[test]
    fn lines_without_data_take_no_memory() {
        for line in [
            ":\n",
            "\n",
            "id: 1\n",
            "event: x\n",
            "foo: bar\n",
            "retry: 5\n",
        ] {
            for before in ["", "data: a\n", "data: a\ndata: b\n"] {
                if line == "\n" && !before.is_empty() {
                    continue;
                }
                let mut decoder = Decoder::new();
                feed(&mut decoder, before.as_bytes());
                let chunk = line.repeat(8192 / line.len());
                for _ in 0..1000 {
                    feed(&mut decoder, chunk.as_bytes());
                    let held = decoder.buffer.capacity();
                    assert!(held <= SMALL, "{held} bytes for {line:?} after {before:?}");
                }
            }
        }
    }

    #[test]
    fn a_large_event_does_not_keep_its_memory() {
        let mut decoder = Decoder::new();
        feed(&mut decoder, b"data: ");
        for _ in 0..1000 {
            feed(&mut decoder, &[b'x'; 8192]);
        }
        feed(&mut decoder, b"\n\n");
        feed(&mut decoder, b"data: small\n\n");
        assert!(decoder.buffer.capacity() <= SMALL);
    }

    #[test]
    fn a_flood_of_small_events_takes_little_memory() {
        let mut decoder = Decoder::new();
        let chunk = "data: {\"text\": \"a\"}\n\ndata: {\"te".repeat(300);
        for _ in 0..1000 {
            feed(&mut decoder, chunk.as_bytes());
            assert!(decoder.buffer.capacity() <= SMALL);
        }
    }

    #[test]
    fn a_type_and_an_id_are_those_of_their_block() {
        let mut decoder = Decoder::new();
        decoder.feed(
            b"event: a\nid: 7\ndata: 1\n\ndata: 2\n\nevent: a\nid: 08x\ndata: 3\n\nevent\nid\ndata: 4\n\n\
              event: b\n\nevents: c\nidd: 9\ndataa: 5\ndata:6\n\n",
        );
        let mut seen = Vec::new();
        while let Some(frame) = decoder.next_frame().expect("within the limits") {
            let id = frame.id().map(str::to_owned);
            seen.push((frame.event().to_owned(), id, frame.data().to_owned()));
        }
        let expected = [
            ("a", Some("7"), "1"),
            ("message", None, "2"),
            ("a", Some("08x"), "3"),
            ("message", Some(""), "4"),
            ("message", None, "6"),
        ];
        let expected = expected
            .map(|(event, id, data)| (event.to_owned(), id.map(str::to_owned), data.to_owned()));
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_decoder_that_failed_holds_nothing() {
        let mut decoder = Decoder::new();
        decoder.feed(b"event: ");
        decoder.feed(&vec![b'x'; MAX_FIELD_BYTES * 8]);
        assert!(decoder.next_frame().is_err());
        for _ in 0..100 {
            decoder.feed(&[b'x'; 8192]);
            assert!(decoder.next_frame().is_err());
        }
        assert!(decoder.buffer.capacity() <= SMALL);
    }
}

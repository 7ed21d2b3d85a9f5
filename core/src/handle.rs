//! A handle: a task or turn, and a position in it, as a short text that any process and
//! language goes on from. Pure.
//!
//! `sw1.`, then base64url without padding of: one byte that says whose it is, the fields in
//! their order, and the first bytes of the SHA-256 of all that. A number is a varint, a text
//! its length and its bytes. Whoever changes the fields of a kind gives that another byte; a
//! change of the rest makes `sw2.`. Either way an older version says to upgrade.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;

use crate::config::Service;
use crate::error::{Error, Result};

/// What handles of this version begin with.
const BEGIN: &str = "sw1.";
/// Bytes that tell a handle that was cut or mistyped.
const CHECKSUM: usize = 4;

/// What a handle says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Handle {
    Task(TaskHandle),
    PreparedTask(PreparedTask),
    Turn(TurnHandle),
    PreparedTurn(PreparedTurn),
}

/// A task that was sent, and how far its events were given to somebody.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TaskHandle {
    pub(crate) session_id: String,
    /// The highest message id before the task.
    pub(crate) baseline: i64,
    /// The highest id of an event that was handed over; the baseline where none was.
    pub(crate) position: i64,
    /// When it was sent: milliseconds since 1970.
    pub(crate) started: u64,
    pub(crate) message: Digest,
}

/// A task that was not sent yet, with all that sending it takes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PreparedTask {
    pub(crate) session_id: String,
    /// The highest message id when it was prepared.
    pub(crate) baseline: i64,
    pub(crate) message: String,
    pub(crate) start_url: Option<String>,
}

/// A turn that was started, and how far its events were given to somebody.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TurnHandle {
    pub(crate) session_id: String,
    /// The agent's message.
    pub(crate) message_id: String,
    pub(crate) place: TurnPlace,
    /// When it was started: milliseconds since 1970.
    pub(crate) started: u64,
    pub(crate) prompt: Digest,
}

/// A place in a turn's stream: the newest event up to there, and the newest entry. Nothing where
/// no event was handed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TurnPlace {
    pub(crate) event_id: Option<i64>,
    pub(crate) entry: Option<String>,
}

/// A turn that was not started yet, with all that starting it takes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PreparedTurn {
    pub(crate) session_id: String,
    /// How many messages the history had.
    pub(crate) messages: u64,
    /// The id of the last one; empty where there was none, or it had none.
    pub(crate) last_message: String,
    /// The turn's parameters as JSON.
    pub(crate) turn: String,
}

/// What was sent, without saying it: the first bytes of its SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest([u8; 8]);

impl Digest {
    pub(crate) fn of(text: &str) -> Self {
        let mut first = [0; 8];
        first.copy_from_slice(&sha256(text.as_bytes())[..8]);
        Self(first)
    }

    /// It as a short text.
    pub(crate) fn text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

/// What a kind's byte stands for: never another thing than this.
const TASK: u8 = 1;
const PREPARED_TASK: u8 = 2;
const TURN: u8 = 3;
const PREPARED_TURN: u8 = 4;

impl Handle {
    pub(crate) fn encode(&self) -> String {
        let mut to = Writer(Vec::new());
        match self {
            Self::Task(task) => {
                to.0.push(TASK);
                to.text(&task.session_id);
                to.number(task.baseline);
                // Most often a small one.
                to.number(task.position.wrapping_sub(task.baseline));
                to.unsigned(task.started);
                to.0.extend(task.message.0);
            }
            Self::PreparedTask(task) => {
                to.0.push(PREPARED_TASK);
                to.text(&task.session_id);
                to.number(task.baseline);
                to.text(&task.message);
                to.text_or_none(task.start_url.as_deref());
            }
            Self::Turn(turn) => {
                to.0.push(TURN);
                to.text(&turn.session_id);
                to.text(&turn.message_id);
                to.0.push(u8::from(turn.place.event_id.is_some()));
                to.number(turn.place.event_id.unwrap_or_default());
                to.text_or_none(turn.place.entry.as_deref());
                to.unsigned(turn.started);
                to.0.extend(turn.prompt.0);
            }
            Self::PreparedTurn(turn) => {
                to.0.push(PREPARED_TURN);
                to.text(&turn.session_id);
                to.unsigned(turn.messages);
                to.text(&turn.last_message);
                to.text(&turn.turn);
            }
        }
        sealed(&to.0)
    }

    /// Reads a handle. White space around it, as a file may have, is no part of it.
    ///
    /// # Errors
    /// `InvalidRequest` for one that was cut or changed, for one of a later version, and for a
    /// text that is none.
    pub(crate) fn decode(text: &str) -> Result<Self> {
        let coded = coded_part(text.trim())?;
        let bytes = URL_SAFE_NO_PAD.decode(coded).map_err(|_| damaged())?;
        let (fields, sum) = bytes.split_last_chunk::<CHECKSUM>().ok_or_else(damaged)?;
        if sha256(fields)[..CHECKSUM] != *sum {
            return Err(damaged());
        }
        let (kind, rest) = fields.split_first().ok_or_else(damaged)?;
        let mut from = Reader(rest);
        let read = match *kind {
            TASK => from.task().map(Self::Task),
            PREPARED_TASK => from.prepared_task().map(Self::PreparedTask),
            TURN => from.turn().map(Self::Turn),
            PREPARED_TURN => from.prepared_turn().map(Self::PreparedTurn),
            _ => return Err(too_new("a kind")),
        };
        read.filter(|_| from.0.is_empty()).ok_or_else(damaged)
    }

    /// Whose it is.
    pub(crate) fn service(&self) -> Service {
        match self {
            Self::Task(_) | Self::PreparedTask(_) => Service::Agi,
            Self::Turn(_) | Self::PreparedTurn(_) => Service::Raccoon,
        }
    }

    /// The session of a task.
    ///
    /// # Errors
    /// It is a turn's.
    pub(crate) fn task_session(self) -> Result<String> {
        match self {
            Self::Task(task) => Ok(task.session_id),
            Self::PreparedTask(task) => Ok(task.session_id),
            turn => Err(turn.foreign()),
        }
    }

    /// The error of a client that got the other service's handle.
    pub(crate) fn foreign(&self) -> Error {
        let (what, client) = match self.service() {
            Service::Agi => ("task of AGI", "Agi"),
            Service::Raccoon => ("turn of Raccoon", "Raccoon"),
        };
        Error::invalid(format!(
            "`handle` is that of a {what}. Pass it to `resume` of a client of that service, `{client}`"
        ))
    }
}

/// What a handle is written as once more: for the fuzzer.
///
/// # Errors
/// As for a handle that was cut or changed.
pub fn again(text: &str) -> Result<String> {
    Ok(Handle::decode(text)?.encode())
}

/// Fields with their checksum, whether they make a handle or not: for the fuzzer.
pub fn sealed(fields: &[u8]) -> String {
    let sum = sha256(fields);
    let whole = [fields, &sum[..CHECKSUM]].concat();
    format!("{BEGIN}{}", URL_SAFE_NO_PAD.encode(whole))
}

/// What follows the version, if it is that of this version.
fn coded_part(text: &str) -> Result<&str> {
    if text.is_empty() {
        return Err(Error::invalid(format!("`handle` is empty. {GIVE_ONE}")));
    }
    if let Some(coded) = text.strip_prefix(BEGIN) {
        return Ok(coded);
    }
    let version = text
        .strip_prefix("sw")
        .and_then(|rest| rest.split_once('.'));
    match version {
        Some((version, _))
            if !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            let version: String = version.chars().take(10).collect();
            Err(too_new(&format!("version {version}")))
        }
        _ => Err(Error::invalid(format!(
            "`handle` is no handle: it does not begin with {BEGIN:?}. {GIVE_ONE}"
        ))),
    }
}

const GIVE_ONE: &str =
    "Pass what `handle` of a task or turn gave, or `prepare_task` or `prepare_turn` of a session";

fn too_new(what: &str) -> Error {
    Error::invalid(format!(
        "`handle` is of {what} that this version of sessionwire does not know: a later one made it. Upgrade \
         sessionwire here"
    ))
}

fn damaged() -> Error {
    Error::invalid(
        "`handle` is damaged: it was cut, or some of it was changed. Pass it exactly as it was given; a column that \
         holds handles takes 200 bytes, and more for those of `prepare_task` and `prepare_turn`",
    )
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut whole = [0; 32];
    whole.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    whole
}

struct Writer(Vec<u8>);

impl Writer {
    fn unsigned(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.0.push(number.to_le_bytes()[0]);
    }

    fn number(&mut self, number: i64) {
        self.unsigned(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    fn text(&mut self, text: &str) {
        self.unsigned(text.len() as u64);
        self.0.extend(text.as_bytes());
    }

    fn text_or_none(&mut self, text: Option<&str>) {
        self.0.push(u8::from(text.is_some()));
        if let Some(text) = text {
            self.text(text);
        }
    }
}

/// Reads what [`Writer`] wrote; `None` where it does not add up.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn task(&mut self) -> Option<TaskHandle> {
        let session_id = self.text()?;
        let baseline = self.number()?;
        Some(TaskHandle {
            session_id,
            baseline,
            position: baseline.wrapping_add(self.number()?),
            started: self.unsigned()?,
            message: self.digest()?,
        })
    }

    fn prepared_task(&mut self) -> Option<PreparedTask> {
        Some(PreparedTask {
            session_id: self.text()?,
            baseline: self.number()?,
            message: self.text()?,
            start_url: self.text_or_none()?,
        })
    }

    fn turn(&mut self) -> Option<TurnHandle> {
        Some(TurnHandle {
            session_id: self.text()?,
            message_id: self.text()?,
            place: TurnPlace {
                event_id: self.number_or_none()?,
                entry: self.text_or_none()?,
            },
            started: self.unsigned()?,
            prompt: self.digest()?,
        })
    }

    fn prepared_turn(&mut self) -> Option<PreparedTurn> {
        Some(PreparedTurn {
            session_id: self.text()?,
            messages: self.unsigned()?,
            last_message: self.text()?,
            turn: self.text()?,
        })
    }

    fn number_or_none(&mut self) -> Option<Option<i64>> {
        let is_there = self.byte()?;
        let number = self.number()?;
        match is_there {
            0 => Some(None),
            1 => Some(Some(number)),
            _ => None,
        }
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn unsigned(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn number(&mut self) -> Option<i64> {
        let coded = self.unsigned()?;
        Some((coded >> 1).cast_signed() ^ -((coded & 1).cast_signed()))
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.unsigned()?).ok()?;
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }

    fn text_or_none(&mut self) -> Option<Option<String>> {
        match self.byte()? {
            0 => Some(None),
            1 => Some(Some(self.text()?)),
            _ => None,
        }
    }

    fn digest(&mut self) -> Option<Digest> {
        self.take(8)?.try_into().ok().map(Digest)
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn task(session_id: &str, baseline: i64, position: i64) -> Handle {
        Handle::Task(TaskHandle {
            session_id: session_id.to_owned(),
            baseline,
            position,
            started: 1_764_400_000_000,
            message: Digest::of("Buy the mug"),
        })
    }

    fn refused(text: &str) -> String {
        let error = Handle::decode(text).expect_err(text);
        assert!(error.to_string().contains("`handle`"), "{error}");
        error.to_string()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            session_id in "\\PC{0,60}", baseline: i64, position: i64, started: u64, text in "\\PC{0,200}",
            start_url in proptest::option::of("\\PC{0,40}"), event_id: Option<i64>, messages: u64,
        ) {
            let message = Digest::of(&text);
            let place = TurnPlace { event_id, entry: start_url.clone() };
            let handles = [
                Handle::Turn(TurnHandle {
                    session_id: session_id.clone(), message_id: text.clone(), place, started, prompt: message,
                }),
                Handle::PreparedTurn(PreparedTurn {
                    session_id: session_id.clone(), messages, last_message: session_id.clone(), turn: text.clone(),
                }),
                Handle::Task(TaskHandle { session_id: session_id.clone(), baseline, position, started, message }),
                Handle::PreparedTask(PreparedTask { session_id, baseline, message: text, start_url }),
            ];
            for handle in handles {
                let text = handle.encode();
                prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)));
                prop_assert_eq!(Handle::decode(&text).expect("a handle"), handle);
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,80}", bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Handle::decode(&text);
            let mut bytes = bytes;
            let sum = sha256(&bytes);
            bytes.extend(&sum[..CHECKSUM]);
            let _ = Handle::decode(&format!("{BEGIN}{}", URL_SAFE_NO_PAD.encode(bytes)));
        }
    }

    #[test]
    fn a_version_reads_what_it_wrote_before() {
        let written =
            "sw1.ASQ1ZWFlNDhmNi0yYjg4LTRiMzUtYmE3ZS1iYTZjY2M5MzE5NjYGDIDYvfOsMyaHUUlKEhE6JGTykA";
        let handle = task("5eae48f6-2b88-4b35-ba7e-ba6ccc931966", 3, 9);
        assert_eq!(handle.encode(), written);
    }

    #[test]
    fn a_handle_of_a_usual_session_is_short() {
        let uuid = "5eae48f6-2b88-4b35-ba7e-ba6ccc931966";
        assert!(task(uuid, 3, 9).encode().len() < 100);
        let turn = Handle::Turn(TurnHandle {
            session_id: uuid.to_owned(),
            message_id: uuid.to_owned(),
            place: TurnPlace {
                event_id: Some(100_000),
                entry: Some("1772615727418-12345".to_owned()),
            },
            started: 1_764_400_000_000,
            prompt: Digest::of("Build it"),
        });
        assert!(turn.encode().len() <= 200, "{}", turn.encode().len());
        let longest = "x".repeat(105);
        assert!(task(&longest, i64::MAX / 2, i64::MAX).encode().len() <= 200);
    }

    #[test]
    fn every_cut_and_every_other_character_is_noticed() {
        let whole = task("session", 3, 9).encode();
        for end in BEGIN.len()..whole.len() {
            assert!(refused(&whole[..end]).contains("damaged"), "{end}");
        }
        for at in BEGIN.len()..whole.len() {
            let other = if &whole[at..=at] == "A" { "B" } else { "A" };
            let changed = format!("{}{other}{}", &whole[..at], &whole[at + 1..]);
            assert!(refused(&changed).contains("damaged"), "{at}");
        }
        assert!(refused(&format!("{whole}A")).contains("damaged"));
        assert!(Handle::decode(&format!(" {whole}\n")).is_ok());
    }

    #[test]
    fn what_is_no_handle_of_this_version_says_so() {
        let whole = task("session", 3, 9).encode();
        let later = whole.replacen("sw1", "sw2", 1);
        assert!(refused(&later).contains("version 2") && refused(&later).contains("Upgrade"));
        let mut bytes = vec![200, 1, 2];
        let sum = sha256(&bytes);
        bytes.extend(&sum[..CHECKSUM]);
        let kind = format!("{BEGIN}{}", URL_SAFE_NO_PAD.encode(bytes));
        assert!(refused(&kind).contains("Upgrade"));
        assert!(refused("").contains("empty"));
        for none in ["sw", "sw.x", "swx.y", "session-1", "sw1"] {
            assert!(refused(none).contains("does not begin with"), "{none}");
        }
    }
}

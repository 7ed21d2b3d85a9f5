//! What the client does, for the logs of other languages.
//!
//! Rust programs use any `tracing` subscriber instead: the target is
//! `sessionwire`, the level DEBUG. A language binding calls [`set_enabled`]; from
//! then on the events are kept here, the newest 1,000, until the binding takes
//! them where it can call its language. Off, which it is at first, they cost
//! nothing: no subscriber is installed.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, TryLockError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record as SpanRecord};
use tracing::subscriber::{Interest, Subscriber};
use tracing::{Event, Level, Metadata};

/// Most records that wait to be taken; the oldest go first.
const CAPACITY: usize = 1_000;
/// Most bytes of one record.
const LONGEST: usize = 4_000;

/// One line of the log.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Record {
    /// Seconds since 1970.
    pub time: f64,
    /// Whether it is a warning; the others are for debugging.
    pub is_warning: bool,
    /// What happened, with its values: `request method=GET status=200 ...`.
    pub text: String,
    /// Its values by name, and those that the text leaves out.
    pub fields: Map<String, Value>,
}

#[derive(Debug, Default)]
struct Ring {
    records: VecDeque<Record>,
    dropped: usize,
}

static ENABLED: AtomicBool = AtomicBool::new(false);
static PENDING: AtomicBool = AtomicBool::new(false);
static RING: Mutex<Ring> = Mutex::new(Ring {
    records: VecDeque::new(),
    dropped: 0,
});
static WAKE: OnceLock<fn()> = OnceLock::new();

/// Switches the log of this process on or off. If the program has a `tracing`
/// subscriber already, that one serves, and nothing is kept here.
pub fn set_enabled(enabled: bool) {
    if ENABLED.swap(enabled, Ordering::SeqCst) == enabled {
        return;
    }
    static INSTALL: std::sync::Once = std::sync::Once::new();
    if enabled {
        INSTALL.call_once(|| {
            let _ = tracing::subscriber::set_global_default(Keep);
        });
    }
    tracing::callsite::rebuild_interest_cache();
}

/// Calls `wake` after every record, on the thread that made it. The first one
/// stays.
pub fn on_record(wake: fn()) {
    let _ = WAKE.set(wake);
}

/// Whether there is anything to take.
pub fn is_pending() -> bool {
    PENDING.load(Ordering::Acquire)
}

/// Takes what was kept, oldest first.
pub fn take() -> Vec<Record> {
    PENDING.store(false, Ordering::Release);
    let Some(mut ring) = ring() else {
        return Vec::new();
    };
    let mut records: Vec<_> = ring.records.drain(..).collect();
    let dropped = std::mem::take(&mut ring.dropped);
    if dropped > 0 {
        let time = records.first().map_or(0.0, |record| record.time);
        let text = format!("{dropped} earlier records were dropped");
        records.insert(
            0,
            Record {
                time,
                is_warning: true,
                text,
                fields: Map::new(),
            },
        );
    }
    records
}

/// The ring, unless a thread that did not come along when the process was
/// forked held it: a log is not worth a deadlock.
fn ring() -> Option<MutexGuard<'static, Ring>> {
    for _ in 0..10_000 {
        match RING.try_lock() {
            Ok(ring) => return Some(ring),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => std::thread::yield_now(),
        }
    }
    None
}

/// The subscriber that keeps the events of this crate.
struct Keep;

impl Keep {
    fn wants(metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        ENABLED.load(Ordering::Relaxed)
            && *metadata.level() <= Level::DEBUG
            && (target == "sessionwire" || target.starts_with("sessionwire::"))
    }
}

impl Subscriber for Keep {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if Self::wants(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        Self::wants(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(if ENABLED.load(Ordering::Relaxed) {
            LevelFilter::DEBUG
        } else {
            LevelFilter::OFF
        })
    }

    fn event(&self, event: &Event<'_>) {
        if !Self::wants(event.metadata()) {
            return;
        }
        let mut line = Line::default();
        event.record(&mut line);
        let Line {
            mut message,
            values,
            fields,
        } = line;
        message.push_str(&values);
        cut(&mut message);
        let record = Record {
            time: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0.0, |time| time.as_secs_f64()),
            is_warning: *event.metadata().level() <= Level::WARN,
            text: message,
            fields,
        };
        if let Some(mut ring) = ring() {
            if ring.records.len() >= CAPACITY {
                ring.records.pop_front();
                ring.dropped += 1;
            }
            ring.records.push_back(record);
        }
        PENDING.store(true, Ordering::Release);
        if let Some(wake) = WAKE.get() {
            wake();
        }
    }

    // There are no spans.

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &SpanRecord<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

/// Ends a text that is too long for one record.
fn cut(text: &mut String) {
    if text.len() <= LONGEST {
        return;
    }
    let end = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at));
    text.truncate(end.unwrap_or_default());
    text.push('…');
}

/// What a value's name begins with that is for fields alone, such as `extra.session_id`. One
/// of the name of another goes before it: `extra.wait` is a number where `wait` is for reading.
const EXTRA: &str = "extra.";

/// One event as text, and as fields.
#[derive(Default)]
struct Line {
    message: String,
    values: String,
    fields: Map<String, Value>,
}

impl Line {
    fn keep(&mut self, field: &Field, value: impl Into<Value>) {
        let name = match field.name().trim_start_matches(EXTRA) {
            "session" => "session_id",
            name => name,
        };
        let mut value = value.into();
        if let Value::String(text) = &mut value {
            cut(text);
        }
        self.fields.insert(name.to_owned(), value);
    }

    /// A number or a boolean.
    fn plain(&mut self, field: &Field, value: impl Into<Value> + fmt::Display) {
        if !field.name().starts_with(EXTRA) {
            let _ = write!(self.values, " {}={value}", field.name());
        }
        self.keep(field, value);
    }
}

impl Visit for Line {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.plain(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
            return;
        }
        if !field.name().starts_with(EXTRA) {
            let _ = if value.contains(char::is_whitespace) || value.is_empty() {
                write!(self.values, " {}={value:?}", field.name())
            } else {
                write!(self.values, " {}={value}", field.name())
            };
        }
        self.keep(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.message, "{value:?}");
            return;
        }
        let text = format!("{value:?}");
        if !field.name().starts_with(EXTRA) {
            let _ = write!(self.values, " {}={text}", field.name());
        }
        self.keep(field, text);
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;

    /// One test: the log belongs to the process.
    #[test]
    fn the_log_is_bounded_and_can_be_switched_off() {
        tracing::debug!(target: "sessionwire", "before");
        assert!(!is_pending() && take().is_empty(), "off at first");

        set_enabled(true);
        tracing::debug!(
            target: "sessionwire::x",
            status = 200,
            url = "a b",
            wait = ?std::time::Duration::from_millis(2),
            extra.wait = 0.002,
            extra.session_id = "s1",
            "request"
        );
        tracing::warn!(target: "sessionwire", "careful");
        tracing::trace!(target: "sessionwire", "too fine");
        tracing::warn!(target: "sessionwire_emulator", "not ours");
        assert!(is_pending());
        let records = take();
        let texts: Vec<_> = records.iter().map(|record| record.text.as_str()).collect();
        assert_eq!(
            texts,
            ["request status=200 url=\"a b\" wait=2ms", "careful"]
        );
        let fields =
            serde_json::json!({"status": 200, "url": "a b", "wait": 0.002, "session_id": "s1"});
        assert_eq!(Value::Object(records[0].fields.clone()), fields);
        assert!(records[1].fields.is_empty());
        assert_eq!(
            [records[0].is_warning, records[1].is_warning],
            [false, true]
        );
        assert!(records[0].time > 1.7e9 && !is_pending());

        for n in 0..CAPACITY + 7 {
            tracing::debug!(target: "sessionwire", n, "many");
        }
        tracing::debug!(target: "sessionwire", "{}", "é".repeat(LONGEST));
        let records = take();
        assert_eq!(records.len(), CAPACITY + 1);
        assert_eq!(records[0].text, "8 earlier records were dropped");
        assert_eq!(records[1].text, "many n=8");
        assert!(records[CAPACITY].text.len() <= LONGEST + '…'.len_utf8());

        set_enabled(false);
        tracing::warn!(target: "sessionwire", "after");
        assert!(!is_pending() && take().is_empty());
    }
}

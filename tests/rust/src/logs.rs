//! Everything that any crate logs, collected as one text.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span;

static WRITTEN: Mutex<String> = Mutex::new(String::new());

/// What was logged since the capture began.
#[derive(Debug, Clone, Copy)]
pub struct Logs;

impl Logs {
    /// The text of every record, at every level.
    pub fn text(self) -> String {
        WRITTEN
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Collects every record of this process from here on. Call it once.
pub fn capture() -> Logs {
    log::set_logger(&Logs).expect("no logger before");
    log::set_max_level(log::LevelFilter::Trace);
    tracing::subscriber::set_global_default(Logs).expect("no subscriber before");
    Logs
}

fn write(text: &str) {
    let mut written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
    written.push_str(text);
    written.push('\n');
}

impl log::Log for Logs {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        write(&format!("{} {}", record.target(), record.args()));
    }

    fn flush(&self) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl tracing::Subscriber for Logs {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        let mut line = Line(attributes.metadata().target().to_owned());
        attributes.record(&mut line);
        write(&line.0);
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        let mut line = Line(String::new());
        values.record(&mut line);
        write(&line.0);
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line(event.metadata().target().to_owned());
        event.record(&mut line);
        write(&line.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// What `work` gives, and the texts of the warnings that it logs on this thread.
pub fn warnings_of<T>(work: impl FnOnce() -> T) -> (T, Vec<String>) {
    let warnings = Warnings::default();
    let texts = warnings.0.clone();
    let value = tracing::subscriber::with_default(warnings, work);
    let texts = std::mem::take(&mut *texts.lock().unwrap_or_else(PoisonError::into_inner));
    (value, texts)
}

/// A subscriber of warnings alone.
#[derive(Debug, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

/// The text of a record.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        let mut texts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        texts.push(text.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

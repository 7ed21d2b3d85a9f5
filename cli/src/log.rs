//! What the emulator reports of its browsers, as lines on standard error. Requests are logged apart, without keys.

use std::fmt::{Debug, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::terminal::note;

/// Prints the warnings from now on, and with `verbose` the other reports.
pub(crate) fn start(verbose: bool) {
    let level = if verbose { Level::INFO } else { Level::WARN };
    let log = Log {
        level,
        spans: AtomicU64::new(1),
    };
    // Only the first one of a process counts, and a program runs one command.
    drop(tracing::subscriber::set_global_default(log));
}

struct Log {
    level: Level,
    spans: AtomicU64,
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
            && *metadata.level() <= self.level
            && metadata
                .target()
                .starts_with("sessionwire_emulator::browser")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed))
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let level = event.metadata().level().as_str().to_lowercase();
        note(&format!("{level}: {}{}", line.text, line.fields));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// `the text name=value name=value`, in two parts.
#[derive(Default)]
struct Line {
    text: String,
    fields: String,
}

impl Line {
    fn add(&mut self, field: &Field, value: std::fmt::Arguments<'_>) {
        // Writing to memory has no way to fail.
        let _ = if field.name() == "message" {
            self.text.write_fmt(value)
        } else {
            write!(self.fields, " {}={value}", field.name())
        };
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field, format_args!("{value:?}"));
    }
}

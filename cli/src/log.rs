//! What happens inside, as lines on standard error: what the client does with `SESSIONWIRE_LOG=debug`, and what the
//! emulator reports of its browsers. No key, header or body is in it.

use std::fmt::{Debug, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use sessionwire::meaning::iso_text;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::terminal::note;

/// The same variable as in the other fronts, with the same value.
const VARIABLE: &str = "SESSIONWIRE_LOG";
/// What a field's name begins with that is for programs alone.
const EXTRA: &str = "extra.";

/// Prints from now on what the environment asks for, and of the emulator's browsers what has this level.
pub(crate) fn start(of_browsers: Option<Level>) {
    let asked = std::env::var(VARIABLE).unwrap_or_default();
    let with_client = asked.trim().eq_ignore_ascii_case("debug");
    if !with_client && !matches!(asked.trim(), "" | "off" | "0") {
        note(&format!(
            "warning: {VARIABLE} is {asked:?}, which says nothing. Set it to debug to see each request, or leave it out."
        ));
    }
    if !with_client && of_browsers.is_none() {
        return;
    }
    let log = Log {
        with_client,
        of_browsers,
        spans: AtomicU64::new(1),
    };
    // Only the first one of a process counts, and a program runs one command.
    drop(tracing::subscriber::set_global_default(log));
}

struct Log {
    with_client: bool,
    of_browsers: Option<Level>,
    spans: AtomicU64,
}

impl Log {
    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        let (target, level) = (metadata.target(), *metadata.level());
        let of_client = target == "sessionwire" || target.starts_with("sessionwire::");
        let of_browsers = target.starts_with("sessionwire_emulator::browser");
        (of_client && self.with_client && level <= Level::DEBUG)
            || (of_browsers && self.of_browsers.is_some_and(|most| level <= most))
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && self.wants(metadata)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed))
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let Line { text, fields } = line;
        let metadata = event.metadata();
        if metadata.target().starts_with("sessionwire_emulator") {
            let level = metadata.level().as_str().to_lowercase();
            note(&format!("{level}: {text}{fields}"));
        } else {
            // As Node has it.
            let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
            let now = iso_text(i64::try_from(now.as_millis()).unwrap_or(i64::MAX));
            note(&format!("{now} sessionwire: {text}{fields}"));
        }
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
        let _ = match field.name() {
            "message" => self.text.write_fmt(value),
            name if name.starts_with(EXTRA) => Ok(()),
            name => write!(self.fields, " {name}={value}"),
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

//! The line of a terminal that says how things stand: written again and again, and in nobody's way.
//!
//! Whoever writes to a terminal does so by [`around`]: the line is taken away before, and comes
//! back behind.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// How often the line may change.
const TICK: Duration = Duration::from_millis(100);
/// How wide a terminal is that does not say so.
const COLUMNS: usize = 80;
/// Columns that stay free: the terminal may write `^C` behind the line.
const MARGIN: usize = 4;

static LINE: Mutex<Option<Line>> = Mutex::new(None);

struct Line {
    text: String,
    since: Instant,
    /// A person types.
    is_hidden: bool,
    /// Erased by an escape, where escapes are wanted.
    has_escapes: bool,
    drawn: Option<String>,
}

/// Shows the line until it is dropped.
pub(crate) struct Status {
    ticker: Option<JoinHandle<()>>,
}

impl Status {
    /// A line of the time since now, and of what [`Status::say`] says; none where standard error
    /// is no terminal that can take a line back.
    pub(crate) fn begin(is_wanted: bool) -> Self {
        if !is_wanted || !can_be_shown() {
            return Self { ticker: None };
        }
        *line() = Some(Line {
            text: String::new(),
            since: Instant::now(),
            is_hidden: false,
            has_escapes: std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()),
            drawn: None,
        });
        // A thread: a terminal that stands still holds nobody else up.
        let ticker = thread::spawn(|| {
            while tick() {
                thread::park_timeout(TICK);
            }
        });
        Self {
            ticker: Some(ticker),
        }
    }

    /// What stands behind the time from now on: text of one line, without anything that drives a terminal.
    pub(crate) fn say(&self, text: String) {
        if self.ticker.is_none() {
            return;
        }
        if let Some(line) = &mut *line() {
            line.text = text;
        }
    }
}

impl Drop for Status {
    fn drop(&mut self) {
        if let Some(ticker) = self.ticker.take() {
            // Under one lock: the ticker must not draw it between the two.
            if let Some(mut last) = line().take() {
                last.erase();
            }
            ticker.thread().unpark();
        }
    }
}

/// Writes something else to the terminal.
pub(crate) fn around<T>(write: impl FnOnce() -> T) -> T {
    let mut line = line();
    if let Some(line) = &mut *line {
        line.erase();
    }
    let written = write();
    if let Some(line) = &mut *line {
        line.draw();
    }
    written
}

/// Takes the line away while a person types, or gives it back.
pub(crate) fn hide(is_hidden: bool) {
    if let Some(line) = &mut *line() {
        line.is_hidden = is_hidden;
        match is_hidden {
            true => line.erase(),
            false => line.draw(),
        }
    }
}

/// Takes the line away, and what was echoed behind it. Whether there was one.
pub(crate) fn clear() -> bool {
    line().as_mut().is_some_and(|line| {
        let was_there = line.drawn.is_some();
        line.erase();
        was_there
    })
}

/// The same for a program that ends at once: whoever has the line keeps it.
pub(crate) fn leave() {
    if let Ok(mut line) = LINE.try_lock()
        && let Some(line) = &mut *line
    {
        line.erase();
        line.is_hidden = true;
    }
}

fn can_be_shown() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

fn line() -> MutexGuard<'static, Option<Line>> {
    LINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Draws what changed; whether the line goes on.
fn tick() -> bool {
    let mut line = line();
    let Some(line) = &mut *line else { return false };
    line.draw();
    true
}

impl Line {
    fn draw(&mut self) {
        if self.is_hidden {
            return;
        }
        let text = format!("{}  {}", time(self.since.elapsed()), self.text);
        let text = fitted(text.trim_end(), columns().saturating_sub(MARGIN));
        if self.drawn.as_ref() == Some(&text) {
            return;
        }
        self.erase();
        write(&text);
        self.drawn = Some(text);
    }

    fn erase(&mut self) {
        let Some(drawn) = self.drawn.take() else {
            return;
        };
        // Where the terminal became narrower meanwhile, it takes more than one row.
        let rows_above = drawn.width().saturating_sub(1) / columns().max(1);
        if self.has_escapes {
            let up = "\x1b[A".repeat(rows_above);
            write(&format!(
                "\r{up}\x1b[{}",
                if up.is_empty() { 'K' } else { 'J' }
            ));
        } else {
            write(&format!("\r{}\r", " ".repeat(drawn.width() + MARGIN - 1)));
        }
    }
}

/// Nobody can be told if it fails.
fn write(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}

fn columns() -> usize {
    let asked = terminal_size::terminal_size_of(io::stderr());
    asked.map_or(COLUMNS, |(width, _)| usize::from(width.0))
}

/// `text` in lines for the terminal of standard output, so many of whose columns are taken. A word
/// that is longer, such as an address, stays whole.
pub(crate) fn wrapped(text: &str, taken: usize) -> Vec<String> {
    let asked = terminal_size::terminal_size_of(io::stdout());
    let all = asked.map_or(COLUMNS, |(width, _)| usize::from(width.0));
    in_lines(text, all.saturating_sub(taken))
}

fn in_lines(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.width() + 1 + word.width() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// `0:07`, `12:40`, `1:02:03`.
pub(crate) fn time(passed: Duration) -> String {
    let seconds = passed.as_secs();
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// `text` in so many columns, cut with an ellipsis.
fn fitted(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut used = 1;
    let mut cut: String = text
        .chars()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= columns
        })
        .collect();
    if columns > 0 {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_fits_the_terminal() {
        assert_eq!(fitted("Look at mugs", 12), "Look at mugs");
        assert_eq!(fitted("Look at mugs", 11), "Look at mu…");
        // Wide characters take two columns.
        assert_eq!(fitted("杯子杯子", 8), "杯子杯子");
        assert_eq!(fitted("杯子杯子", 7), "杯子杯…");
        assert_eq!(fitted("杯子杯子", 6), "杯子…");
        assert_eq!((fitted("ab", 1), fitted("ab", 0)), ("…".into(), "".into()));
    }

    #[test]
    fn a_text_is_broken_between_words() {
        assert_eq!(in_lines("one two three", 7), ["one two", "three"]);
        assert_eq!(
            in_lines("a https://shop.example/ b", 5),
            ["a", "https://shop.example/", "b"]
        );
        assert_eq!(in_lines("", 5), [""]);
    }

    #[test]
    fn a_time_is_short() {
        let of = |seconds| time(Duration::from_secs(seconds));
        assert_eq!([of(7), of(760), of(3_723)], ["0:07", "12:40", "1:02:03"]);
    }
}

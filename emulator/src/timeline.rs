//! What happened, in order: the requests, and what played. For the text of a failed assertion.

use crate::requests::{CapturedRequest, RequestLog};
use serde::Serialize;
use std::collections::VecDeque;
use std::time::Instant;

/// How many entries are kept.
const KEPT: usize = 4_000;
/// How many lines a text has at most; the last ones.
const LINES: usize = 50;
/// How much of a text or a body is shown, in characters.
const SHOWN: usize = 160;

/// What happened since the emulator's start.
#[derive(Debug)]
pub(crate) struct Timeline {
    begun: Instant,
    entries: VecDeque<(f64, What)>,
}

#[derive(Debug)]
enum What {
    /// The request of this number in the log.
    Request(u64),
    /// In this session.
    Played(String, String),
    /// A fault struck.
    Fault(String),
}

/// What happened at one time.
#[derive(Debug, Serialize)]
pub(crate) struct Entry<'a> {
    /// Seconds since the world began.
    at: f64,
    kind: &'static str,
    /// In one line.
    text: String,
    /// Where something played.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a CapturedRequest>,
}

impl Timeline {
    pub(crate) fn new() -> Self {
        Self {
            begun: Instant::now(),
            entries: VecDeque::new(),
        }
    }

    /// A request came, which has this number in the log.
    pub(crate) fn request(&mut self, number: u64) {
        self.push(What::Request(number));
    }

    /// Something played in a session.
    pub(crate) fn played(&mut self, session_id: &str, what: &str) {
        self.push(What::Played(session_id.to_owned(), what.to_owned()));
    }

    /// A fault struck.
    pub(crate) fn struck(&mut self, what: String) {
        self.push(What::Fault(what));
    }

    fn push(&mut self, what: What) {
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        let at = self.begun.elapsed().as_secs_f64();
        self.entries.push_back((at, what));
    }

    /// Forgets all so far; the time goes on.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// All that is kept, in order.
    pub(crate) fn entries<'a>(&'a self, requests: &'a RequestLog) -> Vec<Entry<'a>> {
        let entries = self.entries.iter().filter_map(|(at, what)| {
            let at = (at * 1e6).round() / 1e6;
            let entry = |kind, text| Entry {
                at,
                kind,
                text,
                session_id: None,
                request: None,
            };
            Some(match what {
                What::Request(number) => Entry {
                    request: requests.get(*number),
                    ..entry("request", requests.line(*number)?)
                },
                What::Played(session_id, what) => Entry {
                    session_id: Some(session_id),
                    ..entry("played", what.clone())
                },
                What::Fault(what) => entry("fault", what.clone()),
            })
        });
        entries.collect()
    }

    /// A line for each entry, below a headline; `nothing` is said where no request came.
    pub(crate) fn text(&self, requests: &RequestLog, nothing: &str) -> String {
        let mut came = false;
        let lines: Vec<String> = self
            .entries
            .iter()
            .filter_map(|(at, what)| {
                Some(match what {
                    What::Request(number) => {
                        let line = requests.line(*number)?;
                        came = true;
                        format!("{at:7.3}  {line}")
                    }
                    What::Played(session_id, what) => {
                        let session: String = session_id.chars().take(8).collect();
                        format!("{at:7.3}    {session} {what}")
                    }
                    What::Fault(what) => format!("{at:7.3}    {what}"),
                })
            })
            .collect();
        let mut text = Vec::new();
        if !came {
            text.push(nothing.to_owned());
        }
        if !lines.is_empty() {
            text.push("What happened, in seconds since the emulator's start:".to_owned());
        }
        let left_out = lines.len().saturating_sub(LINES);
        if left_out > 0 {
            text.push(format!("    ...  {left_out} earlier"));
        }
        text.extend(lines.into_iter().skip(left_out));
        text.join("\n")
    }
}

/// A text in one line, in quotes, cut where it is long.
pub(crate) fn quoted(text: &str) -> String {
    format!("{:?}", cut(text))
}

/// What is long ends with dots.
pub(crate) fn cut(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    shown
}

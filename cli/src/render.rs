//! How events and results look: for a person, in a pipe, as JSON.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sessionwire::agi::{Event, EventType, TaskResult};
use sessionwire::raccoon::TurnResult;
use sessionwire::{Batch, EventQueue};

use crate::args::Shown;
use crate::failure::Failure;
use crate::input::Answer;
use crate::lines;
use crate::output::Output;
use crate::terminal::{escaped, visible};

/// Prints one task or stream.
#[derive(Clone, Copy)]
pub(crate) struct Renderer<'a> {
    output: &'a Output,
    style: Style,
    /// Columns for the names of events.
    width: usize,
    /// A result is printed as it came.
    raw: bool,
    /// Of several turns: each event says of which.
    with_messages: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Lines {
        result_follows: bool,
    },
    Quiet,
    Json,
    /// The last line only.
    QuietJson,
}

impl<'a> Renderer<'a> {
    /// For a task: its events, then its result.
    pub(crate) fn of_task(output: &'a Output, json: bool, shown: &Shown) -> Self {
        let style = match (json, shown.quiet) {
            (true, true) => Style::QuietJson,
            (true, false) => Style::Json,
            (false, true) => Style::Quiet,
            (false, false) => Style::Lines {
                result_follows: true,
            },
        };
        Self {
            output,
            style,
            width: 9,
            raw: shown.raw,
            with_messages: false,
        }
    }

    /// For a turn: its events, then its result.
    pub(crate) fn of_turn(output: &'a Output, json: bool, shown: &Shown) -> Self {
        Self {
            width: 16,
            ..Self::of_task(output, json, shown)
        }
    }

    /// For events alone.
    pub(crate) fn of_events(output: &'a Output, json: bool) -> Self {
        let style = if json {
            Style::Json
        } else {
            Style::Lines {
                result_follows: false,
            }
        };
        Self {
            output,
            style,
            width: 9,
            raw: false,
            with_messages: false,
        }
    }

    /// For the events of turns alone.
    pub(crate) fn of_turn_events(output: &'a Output, json: bool) -> Self {
        Self {
            width: 16,
            with_messages: true,
            ..Self::of_events(output, json)
        }
    }

    /// All events, as they come.
    pub(crate) async fn events(&self, queue: &EventQueue) -> Result<(), Failure> {
        let started = Instant::now();
        loop {
            queue.wait().await;
            match queue.try_take(64) {
                Batch::Events(events) => {
                    for event in &events {
                        self.event(event, started.elapsed()).await?;
                    }
                }
                Batch::Empty => {}
                Batch::Ended => return Ok(()),
                Batch::Failed(error) => return Err(error.into()),
            }
        }
    }

    /// An event, as it comes.
    pub(crate) async fn event(&self, event: &Event, elapsed: Duration) -> Result<(), Failure> {
        match self.style {
            Style::Quiet | Style::QuietJson => Ok(()),
            Style::Json => {
                let mut line = lines::event(event);
                if self.with_messages {
                    let message_id = event.frame().and_then(|frame| frame.message_id);
                    line["message_id"] = json!(message_id);
                }
                self.output.json(line.to_string()).await
            }
            Style::Lines { result_follows } => {
                let done = *event.event_type() == EventType::Done;
                let text = if done && result_follows {
                    String::new()
                } else {
                    event_text(event)
                };
                self.entry(
                    Look::of(event.event_type()),
                    event.event_type().name(),
                    elapsed,
                    &text,
                )
                .await
            }
        }
    }

    /// The first line of a task or turn, for programs.
    pub(crate) async fn started(&self, line: Value) -> Result<(), Failure> {
        match self.style {
            Style::Json => self.output.json(line.to_string()).await,
            _ => Ok(()),
        }
    }

    /// An answer that was sent, unless it stands on the terminal already.
    pub(crate) async fn answer(
        &self,
        answer: &Answer,
        question_id: Option<i64>,
        elapsed: Duration,
    ) -> Result<(), Failure> {
        let shown = answer.typed && self.output.is_terminal();
        match self.style {
            Style::Json => {
                let line = lines::answer(&answer.text, question_id);
                self.output.json(line.to_string()).await
            }
            Style::Lines { .. } if !shown => {
                let look = Look {
                    mark: "<",
                    colour: "36",
                };
                self.entry(look, "answer", elapsed, &one_line(&answer.text))
                    .await
            }
            _ => Ok(()),
        }
    }

    /// A result: its text, and its data where that says more.
    pub(crate) async fn result(&self, result: &TaskResult) -> Result<(), Failure> {
        if self.is_json() {
            let line = lines::task_result(result);
            return self.output.json(line.to_string()).await;
        }
        if self.style != Style::Quiet && self.output.is_terminal() {
            self.output.line("").await?;
        }
        let data = match &result.data {
            Value::Null | Value::String(_) => None,
            // Cannot fail for a value; the short form says the same.
            data => Some(serde_json::to_string_pretty(data).unwrap_or_else(|_| data.to_string())),
        };
        let text = Some(result.text.as_str()).filter(|text| !text.is_empty());
        // Where the data has no summary, its text is the data itself.
        let text = text.filter(|text| {
            data.is_none()
                || serde_json::from_str::<Value>(text).ok().as_ref() != Some(&result.data)
        });
        if let Some(text) = text {
            self.output.line(self.shown(text)).await?;
        }
        match data {
            Some(data) if self.raw => self.output.line(data).await?,
            Some(data) => self.output.line(escaped(&data)).await?,
            None => {}
        }
        Ok(())
    }

    /// A turn's result: its text.
    pub(crate) async fn turn_result(&self, result: &TurnResult) -> Result<(), Failure> {
        if self.is_json() {
            let line = lines::turn_result(result);
            return self.output.json(line.to_string()).await;
        }
        if self.style != Style::Quiet && self.output.is_terminal() {
            self.output.line("").await?;
        }
        if result.text.is_empty() {
            return Ok(());
        }
        self.output.line(self.shown(&result.text)).await
    }

    fn is_json(&self) -> bool {
        matches!(self.style, Style::Json | Style::QuietJson)
    }

    /// A text of a result as it is printed, in a pipe too: what reads it may
    /// show it.
    fn shown(&self, text: &str) -> String {
        if self.raw {
            text.to_owned()
        } else {
            visible(text)
        }
    }

    /// Waits until everything is written.
    pub(crate) async fn flush(&self) -> Result<(), Failure> {
        self.output.flush().await
    }

    async fn entry(
        &self,
        look: Look,
        name: &str,
        elapsed: Duration,
        text: &str,
    ) -> Result<(), Failure> {
        let seconds = elapsed.as_secs_f64();
        // The name of an unknown type is the service's.
        let name = one_line(name);
        let width = self.width;
        let line = match (self.output.is_terminal(), self.output.has_colour()) {
            (false, _) => format!("{name:<width$} {seconds:>6.1}s  {text}"),
            (true, false) => format!("{} {name:<width$} {seconds:>6.1}s  {text}", look.mark),
            (true, true) => {
                format!(
                    "\x1b[{c}m{m} {name:<width$}\x1b[0m \x1b[2m{seconds:>6.1}s\x1b[0m  {text}",
                    c = look.colour,
                    m = look.mark
                )
            }
        };
        self.output.line(line.trim_end()).await
    }
}

/// A mark and a colour (an ANSI code).
#[derive(Clone, Copy)]
struct Look {
    mark: &'static str,
    colour: &'static str,
}

impl Look {
    fn of(event_type: &EventType) -> Self {
        let (mark, colour) = match event_type {
            EventType::Step | EventType::ToolStart | EventType::ToolResult => ("→", "34"),
            EventType::Thought => ("·", "2"),
            EventType::Question => ("?", "33"),
            EventType::Done | EventType::TaskCompleted => ("✓", "32"),
            EventType::Error | EventType::TaskError | EventType::TaskAborted => ("✗", "31"),
            EventType::User | EventType::MessageReceived => ("<", "36"),
            EventType::Paused | EventType::Resumed => ("=", "33"),
            _ => ("-", "2"),
        };
        Self { mark, colour }
    }
}

/// The text of an event for one line.
fn event_text(event: &Event) -> String {
    let text = event.text();
    match event.event_type() {
        // Their data is a time.
        EventType::Paused | EventType::Resumed | EventType::Heartbeat => one_line(&text),
        EventType::PlanUpdate => plan(&event.data()),
        EventType::ToolResult => tool_result(&event.data()),
        EventType::SandboxSnapshot => files(&event.data()),
        EventType::TaskCompleted => one_line(&text),
        _ if text.is_empty() => one_line(event.raw()),
        _ => one_line(&text),
    }
}

/// `[x] Read  [>] Write  [ ] Answer`
fn plan(data: &Value) -> String {
    let todos = data["patch"]["todos"].as_array();
    let entries: Vec<String> = todos
        .into_iter()
        .flatten()
        .map(|todo| {
            let mark = match todo["status"].as_str() {
                Some("completed") => "x",
                Some("active") => ">",
                _ => " ",
            };
            format!("[{mark}] {}", todo["content"].as_str().unwrap_or_default())
        })
        .collect();
    visible(&entries.join("  ").replace('\n', " "))
}

fn tool_result(data: &Value) -> String {
    let status = data["status"].as_str().unwrap_or_default();
    one_line(&format!("{status} {}", data["output"]))
}

fn files(data: &Value) -> String {
    let written = data["snapshot"].as_object();
    let written = written.into_iter().flatten().map(|(path, _)| path.clone());
    let deleted = data["deleted"].as_array();
    let deleted = deleted
        .into_iter()
        .flatten()
        .filter_map(|path| Some(format!("-{}", path.as_str()?)));
    one_line(&written.chain(deleted).collect::<Vec<_>>().join(" "))
}

/// `text` on one line, without anything that could drive a terminal.
pub(crate) fn one_line(text: &str) -> String {
    visible(text)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line_and_drives_no_terminal() {
        assert_eq!(one_line("a\n\tb\r\nc"), "a b c");
        assert_eq!(one_line("\x1b[31mred\x07 \u{9b}2J"), "[31mred 2J");
    }

    #[test]
    fn an_event_without_text_shows_its_data() {
        let step = Event::new(EventType::Step, Some(1), r#"{"action": "click"}"#);
        assert_eq!(event_text(&step), r#"{"action": "click"}"#);
        let paused = Event::new(
            EventType::Paused,
            None,
            r#"{"timestamp": "2026-03-04T09:15:57Z"}"#,
        );
        assert_eq!(event_text(&paused), "");
    }
}

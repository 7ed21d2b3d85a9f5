//! Reads the scripts for turns.

use super::error::Mistakes;
use super::fields::{
    About, Kinds, Outcome, Place, beside, choices, cut, entry_match, fault, flag, kind, once,
    seconds, until, when,
};
use super::said::Beside;
use super::turn::{ScriptedTurn, Todo, TurnStep};
use serde_json::{Map, Value, json};

/// The kinds of steps, with the fields that each may have besides `after`.
const KINDS: Kinds = &[
    ("thought", &["block", "finalize"]),
    ("text", &["block"]),
    ("tool", &["output", "status", "takes"]),
    ("plan", &[]),
    ("snapshot", &["deleted"]),
    ("event", &["payload", "block_id", "frame"]),
    ("delay", &[]),
    ("repeat", &["steps", "until", "else"]),
    ("if", &["steps", "else"]),
    ("choose", &["save"]),
    ("wait_for_message", &["save"]),
    ("wait_for_socket", &[]),
    ("wait_for_stop", &[]),
    ("socket", &[]),
    ("fault", &[]),
    ("complete", &[]),
    ("abort", &[]),
    ("error", &["code"]),
];

/// The fields of a frame that the emulator writes itself.
pub(crate) const OF_A_FRAME: [&str; 7] = [
    "event_id",
    "timestamp",
    "kind",
    "block_id",
    "message_id",
    "payload",
    "stream_entry_id",
];

fn frame(fields: &Map<String, Value>, place: &Place) -> Outcome<Map<String, Value>> {
    let place = place.child("frame");
    let Some(value) = fields.get("frame") else {
        return Ok(Map::new());
    };
    let frame = place.object(value, "{\"usage\": 12}")?;
    match frame
        .keys()
        .find(|name| OF_A_FRAME.contains(&name.as_str()))
    {
        Some(name) => place.wrong(format!(
            "`{name}` is the frame's own: write what else it has"
        )),
        None => Ok(frame.clone()),
    }
}

pub(super) fn turn(value: &Value, place: &Place) -> Outcome<ScriptedTurn> {
    let fields = place.object(value, "{\"match\": \"text\", \"steps\": [...]}")?;
    let known = ["match", "mode", "once", "verbatim", "steps"];
    place.shallow(value)?;
    let mut mistakes = Mistakes::default();
    let (fields, _) = place.known(fields, &known, "a turn", &mut mistakes);
    let (matches, wanted) = mistakes.take(entry_match(&fields, place, About::Turn));
    let turn = ScriptedTurn {
        matches,
        wanted,
        mode: mistakes.take(place.optional_text(&fields, "mode")),
        once: mistakes.take(once(&fields, place)),
        verbatim: mistakes.take(flag("verbatim", &fields, place)),
        steps: mistakes.take(steps(&fields, "steps", place)),
    };
    let turn = mistakes.none(turn)?;
    place.bounded(value)?;
    Ok(turn)
}

fn steps(fields: &Map<String, Value>, name: &str, place: &Place) -> Outcome<Vec<TurnStep>> {
    let steps = place.list(fields, name, step)?;
    Ok(steps.into_iter().flatten().collect())
}

/// One step, after the delay that its `after` asks for.
fn step(value: &Value, place: &Place) -> Outcome<Vec<TurnStep>> {
    let fields = place.object(value, "{\"text\": \"text\"}")?;
    let mut mistakes = Mistakes::default();
    let (fields, kind) = kind(KINDS, fields, place, &mut mistakes);
    let fields = &*fields;
    let Some(kind) = kind else {
        // What it holds is looked at, though nobody knows what it is.
        for name in ["steps", "else"] {
            mistakes.take(steps(fields, name, place));
        }
        return mistakes.none(Vec::new());
    };
    let mut steps = Vec::with_capacity(2);
    if let Some(seconds) = mistakes.take(place.after(fields, kind)) {
        steps.push(TurnStep::Delay(seconds));
    }
    let read = mistakes.take_or(
        step_of(kind, fields, value, place),
        TurnStep::WaitForMessage,
    );
    let beside = mistakes.take(beside(fields, place));
    steps.push(if beside == Beside::default() {
        read
    } else {
        TurnStep::With {
            step: Box::new(read),
            beside: Box::new(beside),
        }
    });
    mistakes.none(steps)
}

/// What a step of this kind does.
fn step_of(
    kind: &'static str,
    fields: &Map<String, Value>,
    value: &Value,
    place: &Place,
) -> Outcome<TurnStep> {
    let own = &fields[kind];
    let at = place.child(kind);
    let mut mistakes = Mistakes::default();
    let text = || at.text(own);
    let optional = |name| place.optional_text(fields, name);
    let read = match kind {
        "thought" => TurnStep::Thought {
            text: mistakes.take(text()),
            block: mistakes.take(optional("block")),
            finalize: match fields.get("finalize") {
                None => true,
                Some(Value::Bool(finalize)) => *finalize,
                Some(_) => mistakes.take(place.child("finalize").wrong("needs true or false")),
            },
        },
        "text" => TurnStep::Text {
            text: mistakes.take(text()),
            block: mistakes.take(optional("block")),
        },
        "tool" => TurnStep::Tool {
            name: mistakes.take(text()),
            output: fields.get("output").cloned().unwrap_or_else(|| json!({})),
            status: mistakes
                .take(optional("status"))
                .unwrap_or_else(|| "success".to_owned()),
            takes: match fields.get("takes") {
                None => 0.0,
                Some(takes) => mistakes.take(seconds(takes, &place.child("takes"))),
            },
        },
        "plan" => TurnStep::Plan(place.list(fields, "plan", todo)?),
        "snapshot" => TurnStep::Snapshot {
            written: mistakes.take(place.list(fields, "snapshot", |path, place| place.text(path))),
            deleted: mistakes.take(place.list(fields, "deleted", |path, place| place.text(path))),
        },
        "event" => TurnStep::Event {
            kind: mistakes.take(text()),
            payload: match fields.get("payload") {
                None => Map::new(),
                Some(payload) => {
                    let place = place.child("payload");
                    let payload = place.object(payload, "{\"phase\": \"text\"}");
                    mistakes.take(payload.cloned())
                }
            },
            block_id: mistakes.take(optional("block_id")),
            frame: mistakes.take(frame(fields, place)),
        },
        "delay" => TurnStep::Delay(seconds(own, &at)?),
        "repeat" => {
            let read = until(fields, value, place, &self::steps)?;
            if read.conditions.is_empty() {
                TurnStep::Repeat {
                    times: read.times,
                    steps: read.steps,
                }
            } else {
                TurnStep::RepeatUntil(read)
            }
        }
        "if" => TurnStep::If(when(fields, place, &self::steps)?),
        "choose" => TurnStep::Choose(choices(fields, place, &self::steps)?),
        "socket" => TurnStep::Socket(cut(own, &at)?),
        "fault" => TurnStep::Fault(fault(own, &at)?),
        "wait_for_message" => at.flag(own, TurnStep::WaitForMessage)?,
        "wait_for_socket" => at.flag(own, TurnStep::WaitForSocket)?,
        "wait_for_stop" => at.flag(own, TurnStep::WaitForStop)?,
        "complete" => TurnStep::Complete {
            content: match own {
                Value::Bool(true) => None,
                Value::String(content) => Some(content.clone()),
                _ => return at.wrong("needs true, or the content of the agent's message"),
            },
        },
        "abort" => TurnStep::Abort { reason: text()? },
        _ => TurnStep::Error {
            text: mistakes.take(text()),
            code: mistakes.take(optional("code")),
        },
    };
    mistakes.none(read)
}

impl Todo {
    /// Reads a plan: a list of texts, or of objects.
    pub(crate) fn list(plan: &Value) -> Outcome<Vec<Self>> {
        let fields = Map::from_iter([("todos".to_owned(), plan.clone())]);
        Place::default().list(&fields, "todos", todo)
    }
}

/// An entry of a plan: its text, or an object.
fn todo(value: &Value, place: &Place) -> Outcome<Todo> {
    let index = place.index() + 1;
    if let Value::String(content) = value {
        return Ok(Todo {
            id: index.to_string(),
            content: content.clone(),
            status: "pending".to_owned(),
        });
    }
    let fields = place.object(value, "{\"content\": \"text\", \"status\": \"active\"}")?;
    let mut mistakes = Mistakes::default();
    let known = ["id", "content", "status"];
    let (fields, is_wrong) = place.known(fields, &known, "an entry of a plan", &mut mistakes);
    let content = mistakes.take(place.optional_text(&fields, "content"));
    if content.is_none() && !is_wrong && !fields.contains_key("content") {
        mistakes.take(place.wrong::<()>("needs `content`: what is to be done"));
    }
    let status = mistakes
        .take(place.optional_text(&fields, "status"))
        .unwrap_or_else(|| "pending".to_owned());
    if !["pending", "active", "completed"].contains(&status.as_str()) {
        mistakes.take(
            place
                .child("status")
                .wrong::<()>("needs pending, active or completed"),
        );
    }
    let id = mistakes.take(place.optional_text(&fields, "id"));
    mistakes.none(Todo {
        id: id.unwrap_or_else(|| index.to_string()),
        content: content.unwrap_or_default(),
        status,
    })
}

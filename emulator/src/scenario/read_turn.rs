//! Reads the scripts for turns.

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
    ("event", &["payload", "block_id"]),
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

pub(super) fn turn(value: &Value, place: &Place) -> Outcome<ScriptedTurn> {
    let fields = place.object(value, "{\"match\": \"text\", \"steps\": [...]}")?;
    let known = ["match", "mode", "once", "verbatim", "steps"];
    place.only(fields, &known, "a turn")?;
    place.shallow(value)?;
    let (matches, wanted) = entry_match(fields, place, About::Turn)?;
    let turn = ScriptedTurn {
        matches,
        wanted,
        mode: place.optional_text(fields, "mode")?,
        once: once(fields, place)?,
        verbatim: flag("verbatim", fields, place)?,
        steps: steps(fields, "steps", place)?,
    };
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
    let (kind, own) = kind(KINDS, fields, place)?;
    let mut steps = Vec::with_capacity(2);
    if let Some(seconds) = place.after(fields, kind)? {
        steps.push(TurnStep::Delay(seconds));
    }
    let at = place.child(kind);
    let text = || at.text(&fields[kind]);
    let optional = |name| place.optional_text(fields, name);
    let read = match kind {
        "thought" => TurnStep::Thought {
            text: text()?,
            block: optional("block")?,
            finalize: match fields.get("finalize") {
                None => true,
                Some(Value::Bool(finalize)) => *finalize,
                Some(_) => return place.child("finalize").wrong("needs true or false"),
            },
        },
        "text" => TurnStep::Text {
            text: text()?,
            block: optional("block")?,
        },
        "tool" => TurnStep::Tool {
            name: text()?,
            output: fields.get("output").cloned().unwrap_or_else(|| json!({})),
            status: optional("status")?.unwrap_or_else(|| "success".to_owned()),
            takes: match fields.get("takes") {
                None => 0.0,
                Some(takes) => seconds(takes, &place.child("takes"))?,
            },
        },
        "plan" => TurnStep::Plan(place.list(fields, "plan", todo)?),
        "snapshot" => TurnStep::Snapshot {
            written: place.list(fields, "snapshot", |path, place| place.text(path))?,
            deleted: place.list(fields, "deleted", |path, place| place.text(path))?,
        },
        "event" => TurnStep::Event {
            kind: text()?,
            payload: match fields.get("payload") {
                None => Map::new(),
                Some(payload) => place
                    .child("payload")
                    .object(payload, "{\"phase\": \"text\"}")?
                    .clone(),
            },
            block_id: optional("block_id")?,
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
            text: text()?,
            code: optional("code")?,
        },
    };
    let beside = beside(fields, place)?;
    steps.push(if beside == Beside::default() {
        read
    } else {
        TurnStep::With {
            step: Box::new(read),
            beside: Box::new(beside),
        }
    });
    Ok(steps)
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
    place.only(fields, &["id", "content", "status"], "an entry of a plan")?;
    let Some(content) = place.optional_text(fields, "content")? else {
        return place.wrong("needs `content`: what is to be done");
    };
    let status = place
        .optional_text(fields, "status")?
        .unwrap_or_else(|| "pending".to_owned());
    if !["pending", "active", "completed"].contains(&status.as_str()) {
        return place
            .child("status")
            .wrong("needs pending, active or completed");
    }
    Ok(Todo {
        id: place
            .optional_text(fields, "id")?
            .unwrap_or_else(|| index.to_string()),
        content,
        status,
    })
}

//! Reads the scripts for turns.

use super::fields::{Kinds, Outcome, Place, flag, kind, matches, once, seconds};
use super::load::whole;
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
    ("repeat", &["steps"]),
    ("wait_for_message", &[]),
    ("wait_for_socket", &[]),
    ("wait_for_stop", &[]),
    ("complete", &[]),
    ("abort", &[]),
    ("error", &["code"]),
];

pub(super) fn turn(value: &Value, place: &Place) -> Outcome<ScriptedTurn> {
    let fields = place.object(value, "{\"match\": \"text\", \"steps\": [...]}")?;
    let known = ["match", "mode", "once", "verbatim", "steps"];
    place.only(fields, &known, "a turn")?;
    let turn = ScriptedTurn {
        matches: matches(fields, place)?,
        mode: place.optional_text(fields, "mode")?,
        once: once(fields, place)?,
        verbatim: flag("verbatim", fields, place)?,
        steps: steps(fields, place)?,
    };
    place.bounded(value)?;
    Ok(turn)
}

fn steps(fields: &Map<String, Value>, place: &Place) -> Outcome<Vec<TurnStep>> {
    let steps = place.list(fields, "steps", step)?;
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
    steps.push(match kind {
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
            let Some(times) = whole(own) else {
                return at.wrong("needs a whole number, 0 or more");
            };
            if !fields.contains_key("steps") {
                return place
                    .wrong("`repeat` and `steps` go together: {\"repeat\": 3, \"steps\": [...]}");
            }
            at.bounded(value)?;
            let steps = self::steps(fields, place)?;
            TurnStep::Repeat { times, steps }
        }
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

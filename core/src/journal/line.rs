//! The lines of a journal, one JSON object each. Pure.

use serde_json::{Map, Value, json};

/// The version of the lines that are written. It grows when a line means something that an
/// earlier version must not miss.
const VERSION: u64 = 1;

/// What every journal begins with.
pub(super) const BEGIN: &str = r#"{"journal":"sessionwire batch","#;

/// One line. Texts are the caller's; no key is among them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Entry {
    /// The first line: whose sessions they are.
    Journal { service: String },
    /// A process begins to work by the journal.
    Begun {
        process: u32,
        time: String,
        /// Tells the sessions of one key from those of another.
        key: String,
        /// Tasks that failed are sent once more.
        retry: bool,
    },
    /// Each task that a process was given is over.
    Finished,
    /// Somebody was told of the creates without an answer that begin before this place.
    Told { up_to: u64 },
    /// A session for a task is about to be created.
    Creating {
        id: String,
        /// The task, without saying it: see `RunTasks`.
        digest: String,
        agent_name: String,
        time: String,
    },
    /// It is this one.
    Created { id: String, session_id: String },
    /// The task is about to be sent by this handle.
    Prepared { id: String, handle: String },
    /// It was sent.
    Sent { id: String, handle: String },
    /// Nothing was sent, and there is no session.
    Dropped { id: String },
    /// The task is over.
    Ended(Box<Ended>),
    /// Its session is deleted.
    Deleted { id: String },
}

/// How a task ended: one of the last two is there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ended {
    pub(crate) id: String,
    pub(crate) session_id: String,
    pub(crate) result: Option<Value>,
    pub(crate) error: Option<Value>,
}

/// Why a line is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It is no line of a journal.
    Damaged,
    /// It is the first line of a journal of a later version.
    TooNew,
}

impl Entry {
    pub(super) fn text(&self) -> String {
        let line = match self {
            Self::Journal { service } => {
                json!({"journal": "sessionwire batch", "v": VERSION, "service": service})
            }
            Self::Begun {
                process,
                time,
                key,
                retry,
            } => {
                json!({"event": "begun", "process": process, "time": time, "key": key, "retry": retry})
            }
            Self::Finished => json!({"event": "finished"}),
            Self::Told { up_to } => json!({"event": "told", "up_to": up_to}),
            Self::Creating {
                id,
                digest,
                agent_name,
                time,
            } => {
                json!({"event": "creating", "id": id, "digest": digest, "agent_name": agent_name, "time": time})
            }
            Self::Created { id, session_id } => {
                json!({"event": "created", "id": id, "session_id": session_id})
            }
            Self::Prepared { id, handle } => {
                json!({"event": "prepared", "id": id, "handle": handle})
            }
            Self::Sent { id, handle } => json!({"event": "sent", "id": id, "handle": handle}),
            Self::Dropped { id } => json!({"event": "dropped", "id": id}),
            Self::Ended(ended) => json!({
                "event": "ended",
                "id": ended.id,
                "session_id": ended.session_id,
                "result": ended.result,
                "error": ended.error,
            }),
            Self::Deleted { id } => json!({"event": "deleted", "id": id}),
        };
        line.to_string()
    }

    pub(super) fn read(line: &[u8]) -> Result<Self, Unreadable> {
        let fields: Map<String, Value> =
            serde_json::from_slice(line).map_err(|_| Unreadable::Damaged)?;
        Self::of(fields)
    }

    fn of(mut fields: Map<String, Value>) -> Result<Self, Unreadable> {
        if fields.contains_key("journal") {
            return match fields.get("v").and_then(Value::as_u64) {
                Some(version) if version > VERSION => Err(Unreadable::TooNew),
                _ => Ok(Self::Journal {
                    service: text(&mut fields, "service")?,
                }),
            };
        }
        let event = text(&mut fields, "event")?;
        if event == "begun" {
            let process = fields.get("process").and_then(Value::as_u64);
            return Ok(Self::Begun {
                process: process.and_then(|id| u32::try_from(id).ok()).unwrap_or(0),
                time: text(&mut fields, "time")?,
                key: text(&mut fields, "key")?,
                retry: fields.get("retry") == Some(&Value::Bool(true)),
            });
        }
        if event == "finished" {
            return Ok(Self::Finished);
        }
        if event == "told" {
            let up_to = fields.get("up_to").and_then(Value::as_u64);
            return up_to
                .map(|up_to| Self::Told { up_to })
                .ok_or(Unreadable::Damaged);
        }
        let id = text(&mut fields, "id")?;
        Ok(match event.as_str() {
            "creating" => Self::Creating {
                id,
                digest: text(&mut fields, "digest")?,
                agent_name: text(&mut fields, "agent_name")?,
                time: text(&mut fields, "time")?,
            },
            "created" => Self::Created {
                id,
                session_id: text(&mut fields, "session_id")?,
            },
            "prepared" => Self::Prepared {
                id,
                handle: text(&mut fields, "handle")?,
            },
            "sent" => Self::Sent {
                id,
                handle: text(&mut fields, "handle")?,
            },
            "dropped" => Self::Dropped { id },
            "ended" => Self::Ended(Box::new(Ended {
                id,
                session_id: text(&mut fields, "session_id")?,
                result: fields.remove("result").filter(|it| !it.is_null()),
                error: fields.remove("error").filter(|it| !it.is_null()),
            })),
            "deleted" => Self::Deleted { id },
            _ => return Err(Unreadable::Damaged),
        })
    }
}

fn text(fields: &mut Map<String, Value>, name: &str) -> Result<String, Unreadable> {
    match fields.remove(name) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(Unreadable::Damaged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let text = |text: &str| text.to_owned();
        let odd = "a\u{2028}b\n\"\u{fffd}\u{1f408}";
        for entry in [
            Entry::Journal {
                service: text("https://s/v1"),
            },
            Entry::Begun {
                process: 7,
                time: text("now"),
                key: text("0011-2233"),
                retry: true,
            },
            Entry::Finished,
            Entry::Told { up_to: 7 },
            Entry::Creating {
                id: text(odd),
                digest: text("d"),
                agent_name: text("a"),
                time: text("t"),
            },
            Entry::Created {
                id: text(odd),
                session_id: text("s"),
            },
            Entry::Prepared {
                id: text(odd),
                handle: text("h"),
            },
            Entry::Sent {
                id: text(odd),
                handle: text("h"),
            },
            Entry::Dropped { id: text(odd) },
            Entry::Ended(Box::new(Ended {
                id: text(odd),
                session_id: text("s"),
                result: Some(json!({"text": odd})),
                error: None,
            })),
            Entry::Deleted { id: text(odd) },
        ] {
            let line = entry.text();
            assert!(!line.contains('\n'), "{line}");
            assert_eq!(Entry::read(line.as_bytes()), Ok(entry));
        }
        assert!(
            Entry::Journal {
                service: String::new()
            }
            .text()
            .starts_with(BEGIN)
        );
    }

    #[test]
    fn a_later_version_is_told_from_damage() {
        let later = Entry::read(br#"{"journal":"sessionwire batch","v":2,"more":1}"#);
        assert_eq!(later, Err(Unreadable::TooNew));
        for line in [
            "",
            "{}",
            "[1]",
            r#"{"event":"sent","id":"1"}"#,
            r#"{"event":"sold","id":"1"}"#,
        ] {
            assert_eq!(
                Entry::read(line.as_bytes()),
                Err(Unreadable::Damaged),
                "{line}"
            );
        }
    }
}

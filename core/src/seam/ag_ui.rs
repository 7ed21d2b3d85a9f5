//! A task or a turn in the words of AG-UI 1.0 (<https://docs.ag-ui.com>), the protocol between agents and
//! the pages that show them: our events in, its events out, each as JSON. And what a request of it
//! asks for. Pure.
//!
//! The ids of messages begin with that of the run, so that they are unique in a thread. At most one
//! message is open at a time, as older clients of the protocol want it.

use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::event::{Event, EventType};
use crate::meaning;
use crate::raccoon::Assembly;
use crate::responses::to_json;

/// The version of the protocol that is spoken here.
const VERSION: &str = "1.0";

/// The longest answer that the service takes, in characters (docs/spec/agi.md, section 4.6).
const ANSWER: usize = 10_000;

/// The largest number that is the same in every language.
const MAX_SAFE: i64 = (1 << 53) - 1;

/// What a message holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Reasoning,
}

/// What was told of a block so far.
#[derive(Debug)]
struct Told {
    kind: Kind,
    block: String,
    text: String,
}

/// The message that is written now.
#[derive(Debug)]
struct Open {
    kind: Kind,
    block: String,
    message_id: String,
}

/// One run: from its start to a question, or to the end of its task.
#[derive(Debug)]
pub struct Run {
    thread_id: String,
    run_id: String,
    /// How many messages there were.
    messages: u64,
    assembly: Assembly,
    told: Vec<Told>,
    open: Option<Open>,
    /// The calls of tools that have no result yet.
    calls: Vec<String>,
    over: bool,
    /// When the event came that is told now: milliseconds since 1970.
    time: Option<i64>,
    written: Vec<String>,
}

impl Run {
    /// A run that a client asked for.
    pub fn new(thread_id: &str, run_id: &str) -> Self {
        Self {
            thread_id: thread_id.to_owned(),
            run_id: run_id.to_owned(),
            messages: 0,
            assembly: Assembly::new(),
            told: Vec::new(),
            open: None,
            calls: Vec::new(),
            over: false,
            time: None,
            written: Vec::new(),
        }
    }

    /// What comes before all else.
    pub fn started(&mut self) -> Vec<String> {
        self.write(
            "RUN_STARTED",
            &mut [
                ("threadId", self.thread_id.as_str().into()),
                ("runId", self.run_id.as_str().into()),
                ("protocolVersion", VERSION.into()),
            ],
        );
        self.taken()
    }

    /// Whether the run is over: nothing may follow.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// The next event. A question ends the run: leave out one that is not open any more.
    pub fn add(&mut self, event: &Event) -> Vec<String> {
        if self.over {
            return Vec::new();
        }
        let frame = event.frame();
        let time = frame.as_ref().and_then(|frame| frame.timestamp);
        self.time = time.filter(|time| time.abs() <= MAX_SAFE);
        let block = frame.and_then(|frame| frame.block_id).unwrap_or_default();
        match (event.event_type(), event.is_of_turn()) {
            (EventType::Thought, true) => self.part(Kind::Reasoning, event, &block),
            (EventType::Text, true) => self.part(Kind::Text, event, &block),
            (EventType::ToolStart, true) => self.tool_starts(event, &block),
            (EventType::ToolResult, true) => self.tool_is_done(event, &block),
            (EventType::PlanUpdate, true) => {
                self.assembly.add(event);
                let content = json!({"todos": self.assembly.plan()});
                self.activity("plan", format!("{}:plan", self.run_id), content);
            }
            (EventType::SandboxSnapshot, true) => {
                self.assembly.add(event);
                let content = json!({"files": self.assembly.files()});
                self.activity("files", format!("{}:files", self.run_id), content);
            }
            (EventType::TaskCompleted, true) => {
                self.assembly.add(event);
                let mut text = self.assembly.text();
                if text.is_empty() {
                    text = event.text();
                    self.whole(Kind::Text, &text);
                }
                self.finish(Some(text.into()), "success");
            }
            (EventType::TaskAborted, true) => self.finish(None, "cancelled"),
            (EventType::TaskError, true) | (EventType::Error, false) => {
                let data = event.data();
                let code = [&data["code"], &data["status_code"]].map(code_of);
                let code = code.into_iter().flatten().next();
                self.fail(&event.text(), code.as_deref());
            }
            (EventType::Thought, false) => self.whole(Kind::Reasoning, &event.text()),
            (EventType::Step, false) => {
                let id = self.next_id();
                let mut content = event.data();
                if !content.is_object() {
                    content = json!({"text": event.text()});
                }
                self.activity("step", id, content);
            }
            (EventType::Question, false) => self.ask(event),
            (EventType::Done, false) => {
                let text = event.text();
                self.whole(Kind::Text, &text);
                let result = event.data().get("result").cloned();
                let result = result.filter(|result| !result.is_null());
                self.finish(Some(result.unwrap_or(text.into())), "success");
            }
            (other, _) => {
                self.close();
                let mut fields = [("name", other.name().into()), ("value", event.data())];
                self.write("CUSTOM", &mut fields);
            }
        }
        self.taken()
    }

    /// There are no more events: a task that was cancelled ends so.
    pub fn finished(&mut self) -> Vec<String> {
        self.time = None;
        self.finish(None, "cancelled");
        self.taken()
    }

    /// The run cannot go on.
    pub fn failed(&mut self, message: &str, code: Option<&str>) -> Vec<String> {
        self.time = None;
        self.fail(message, code);
        self.taken()
    }

    fn taken(&mut self) -> Vec<String> {
        std::mem::take(&mut self.written)
    }

    fn write(&mut self, kind: &str, fields: &mut [(&str, Value)]) {
        let mut event = Map::new();
        event.insert("type".to_owned(), kind.into());
        for (name, value) in fields {
            event.insert((*name).to_owned(), value.take());
        }
        if let Some(time) = self.time {
            event.insert("timestamp".to_owned(), time.into());
        }
        self.written.push(Value::Object(event).to_string());
    }

    fn next_id(&mut self) -> String {
        self.messages += 1;
        format!("{}:{}", self.run_id, self.messages)
    }

    /// A frame of a block of text or thoughts. What its frames add up to is the assembly's to say.
    fn part(&mut self, kind: Kind, event: &Event, block: &str) {
        self.assembly.add(event);
        let whole = self.assembly.block_of(event);
        self.say(kind, block, &whole);
        if event.data()["finalize"] == Value::Bool(true) {
            self.close();
            self.told
                .retain(|told| told.kind != kind || told.block != block);
        }
    }

    /// A message of one piece.
    fn whole(&mut self, kind: Kind, text: &str) {
        self.close();
        if !text.is_empty() {
            self.begin(kind, "");
            self.content(text);
            self.close();
        }
    }

    /// Tells what a block says beyond what was told of it. Where it says something else by now it is
    /// told anew, in a message of its own.
    fn say(&mut self, kind: Kind, block: &str, whole: &str) {
        let known = |told: &Told| told.kind == kind && told.block == block;
        let at = self.told.iter().position(known).unwrap_or_else(|| {
            self.told.push(Told {
                kind,
                block: block.to_owned(),
                text: String::new(),
            });
            self.told.len() - 1
        });
        let added = whole.strip_prefix(self.told[at].text.as_str());
        let delta = added.unwrap_or(whole).to_owned();
        if delta.is_empty() {
            return;
        }
        let goes_on = self
            .open
            .as_ref()
            .is_some_and(|open| open.kind == kind && open.block == block);
        if added.is_none() || !goes_on {
            self.close();
            self.begin(kind, block);
        }
        whole.clone_into(&mut self.told[at].text);
        self.content(&delta);
    }

    fn begin(&mut self, kind: Kind, block: &str) {
        let id = self.next_id();
        match kind {
            Kind::Text => {
                let mut fields = [
                    ("messageId", id.as_str().into()),
                    ("role", "assistant".into()),
                ];
                self.write("TEXT_MESSAGE_START", &mut fields);
            }
            Kind::Reasoning => {
                self.write("REASONING_START", &mut [("messageId", id.as_str().into())]);
                let mut fields = [
                    ("messageId", id.as_str().into()),
                    ("role", "reasoning".into()),
                ];
                self.write("REASONING_MESSAGE_START", &mut fields);
            }
        }
        self.open = Some(Open {
            kind,
            block: block.to_owned(),
            message_id: id,
        });
    }

    fn content(&mut self, delta: &str) {
        let Some(open) = &self.open else { return };
        let kind = match open.kind {
            Kind::Text => "TEXT_MESSAGE_CONTENT",
            Kind::Reasoning => "REASONING_MESSAGE_CONTENT",
        };
        let id = open.message_id.as_str().into();
        self.write(kind, &mut [("messageId", id), ("delta", delta.into())]);
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let ends: &[&str] = match open.kind {
            Kind::Text => &["TEXT_MESSAGE_END"],
            Kind::Reasoning => &["REASONING_MESSAGE_END", "REASONING_END"],
        };
        for end in ends {
            self.write(end, &mut [("messageId", open.message_id.as_str().into())]);
        }
    }

    /// What is no part of the conversation: a newer one of the same id takes its place.
    fn activity(&mut self, kind: &str, id: String, content: Value) {
        self.close();
        let mut fields = [
            ("messageId", id.into()),
            ("activityType", kind.into()),
            ("content", content),
        ];
        self.write("ACTIVITY_SNAPSHOT", &mut fields);
    }

    fn call_of(&self, block: &str) -> String {
        format!("{}:{block}", self.run_id)
    }

    fn tool_starts(&mut self, event: &Event, block: &str) {
        self.close();
        let id = self.call_of(block);
        if self.calls.contains(&id) {
            return;
        }
        let mut input = event.data();
        let name = match input.as_object_mut() {
            Some(fields) => fields.shift_remove("tool_name").unwrap_or_default(),
            None => Value::Null,
        };
        let name = name.as_str().unwrap_or("tool");
        let mut fields = [
            ("toolCallId", id.as_str().into()),
            ("toolCallName", name.into()),
        ];
        self.write("TOOL_CALL_START", &mut fields);
        let mut fields = [
            ("toolCallId", id.as_str().into()),
            ("delta", input.to_string().into()),
        ];
        self.write("TOOL_CALL_ARGS", &mut fields);
        self.write("TOOL_CALL_END", &mut [("toolCallId", id.as_str().into())]);
        self.calls.push(id);
    }

    fn tool_is_done(&mut self, event: &Event, block: &str) {
        self.close();
        let id = self.call_of(block);
        let before = self.calls.len();
        self.calls.retain(|call| *call != id);
        let data = event.data();
        if self.calls.len() == before {
            // Its start was not seen: there is no call to which the result could belong.
            let mut fields = [("name", "tool.result".into()), ("value", data)];
            return self.write("CUSTOM", &mut fields);
        }
        let content = match data.get("output") {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        self.tool_gave(&id, content, data["status"].as_str().unwrap_or("unknown"));
    }

    fn tool_gave(&mut self, call: &str, content: String, status: &str) {
        let id = self.next_id();
        let mut fields = [
            ("messageId", id.into()),
            ("toolCallId", call.into()),
            ("role", "tool".into()),
            ("content", content.into()),
            ("metadata", json!({"status": status})),
        ];
        self.write("TOOL_CALL_RESULT", &mut fields);
    }

    /// A call without a result would be the application's to answer.
    fn settle_calls(&mut self) {
        for call in std::mem::take(&mut self.calls) {
            self.tool_gave(&call, String::new(), "unknown");
        }
    }

    fn ask(&mut self, event: &Event) {
        self.close();
        let id = self.next_id();
        let interrupt = json!({
            "id": id,
            "reason": "input_required",
            "message": event.text(),
            "responseSchema": {"type": "string", "minLength": 1, "maxLength": ANSWER},
        });
        self.end(
            None,
            json!({"type": "interrupt", "interrupts": [interrupt]}),
        );
    }

    fn finish(&mut self, result: Option<Value>, outcome: &str) {
        self.end(result, json!({"type": outcome}));
    }

    fn end(&mut self, result: Option<Value>, outcome: Value) {
        if self.over {
            return;
        }
        self.close();
        self.settle_calls();
        self.over = true;
        let mut fields = vec![
            ("threadId", self.thread_id.as_str().into()),
            ("runId", self.run_id.as_str().into()),
        ];
        fields.extend(result.map(|result| ("result", result)));
        fields.push(("outcome", outcome));
        self.write("RUN_FINISHED", &mut fields);
    }

    fn fail(&mut self, message: &str, code: Option<&str>) {
        if self.over {
            return;
        }
        self.close();
        self.settle_calls();
        self.over = true;
        let message = if message.is_empty() {
            "The task failed."
        } else {
            message
        };
        let mut fields = vec![("message", message.into())];
        fields.extend(code.map(|code| ("code", code.into())));
        self.write("RUN_ERROR", &mut fields);
    }
}

/// A code as text: the protocol knows no others.
fn code_of(code: &Value) -> Option<String> {
    match code {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// What a client asks for, as JSON: `thread_id`, `run_id`, the `prompt` (null where its last message is
/// none of the user), and the `answers` to questions: `interrupt_id`, `cancelled`, and `text`
/// (null where there is none).
///
/// # Errors
/// `InvalidRequest` for a body that is no `RunAgentInput`.
pub fn input(body: &str) -> Result<String> {
    let no_input = |what: &str| {
        Error::invalid(format!(
            "The body is no `RunAgentInput` of AG-UI: {what}. Send what its clients send, such as \
             `HttpAgent`"
        ))
    };
    let input = meaning::value(body).ok_or_else(|| no_input("it is no JSON"))?;
    let text = |name: &str| {
        let found = input[name].as_str().filter(|text| !text.is_empty());
        found.ok_or_else(|| no_input(&format!("`{name}` is missing")))
    };
    let (thread_id, run_id) = (text("threadId")?, text("runId")?);
    let messages = input["messages"].as_array();
    let messages = messages.ok_or_else(|| no_input("`messages` is missing"))?;
    let answers = input["resume"].as_array().map_or(&[][..], Vec::as_slice);
    Ok(to_json(&json!({
        "thread_id": thread_id,
        "run_id": run_id,
        "prompt": messages.last().and_then(prompt),
        "answers": answers.iter().map(answer).collect::<Vec<_>>(),
    })))
}

/// The text of a message of the user. Parts that are no text are left out.
fn prompt(message: &Value) -> Option<String> {
    if message["role"].as_str() != Some("user") {
        return None;
    }
    let text = match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| part["text"].as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
        _ => return None,
    };
    Some(text).filter(|text| !text.trim().is_empty())
}

fn answer(entry: &Value) -> Value {
    let text = answer_text(&entry["payload"]).filter(|text| !text.is_empty());
    json!({
        "interrupt_id": entry["interruptId"].as_str().unwrap_or_default(),
        "cancelled": entry["status"].as_str() == Some("cancelled"),
        "text": text,
    })
}

/// The answer in a payload: a text, a text that is the only field of an object, as forms give it, else
/// its JSON.
fn answer_text(payload: &Value) -> Option<String> {
    let only = payload.as_object().filter(|fields| fields.len() == 1);
    let value = only.and_then(|fields| fields.values().next());
    match value.filter(|value| !value.is_object()).unwrap_or(payload) {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn frame(kind: &str, block: &str, payload: Value) -> Event {
        let frame = json!({"kind": kind, "block_id": block, "payload": payload});
        Event::from_frame(frame.to_string())
    }

    /// The events' types, and what texts add.
    fn shown(run: &mut Run, events: &[Event]) -> Vec<String> {
        let written = events.iter().flat_map(|event| run.add(event));
        written
            .map(|text| {
                let event: Value = serde_json::from_str(&text).unwrap();
                let kind = event["type"].as_str().unwrap();
                match event["delta"].as_str() {
                    Some(delta) => format!("{} {delta}", event["messageId"].as_str().unwrap_or("")),
                    None => kind.to_owned(),
                }
            })
            .collect()
    }

    #[test]
    fn a_text_is_told_by_what_it_adds_and_anew_where_it_was_read_otherwise() {
        let part = |text: &str| frame("text", "text:a", json!({"text": text}));
        let mut run = Run::new("t", "r");
        // Of equal frames the second one adds, until a longer one shows that they repeat.
        let told = shown(&mut run, &["1", "1", "12", "123"].map(part));
        let anew = ["TEXT_MESSAGE_END", "TEXT_MESSAGE_START", "r:2 12", "r:2 3"];
        assert_eq!(
            told,
            [&["TEXT_MESSAGE_START", "r:1 1", "r:1 1"][..], &anew].concat()
        );
    }

    #[test]
    fn nothing_follows_the_end() {
        let mut run = Run::new("t", "r");
        assert_eq!(run.finished().len(), 1);
        assert!(run.is_over());
        let late = Event::new(EventType::Thought, Some(1), r#"{"text": "late"}"#);
        assert!(run.add(&late).is_empty());
        assert!(run.failed("late", None).is_empty() && run.finished().is_empty());
    }

    #[test]
    fn odd_events_make_no_odd_ones() {
        for payload in [
            json!(null),
            json!([]),
            json!("x"),
            json!({"text": 1, "tool_name": 1}),
        ] {
            for (kind, _, _) in EventType::KNOWN {
                let mut run = Run::new("t", "r");
                let events = [
                    Event::new(kind.clone(), None, payload.to_string()),
                    frame(kind.name(), "", payload.clone()),
                ];
                for event in &events {
                    for text in run.add(event) {
                        let written: Value = serde_json::from_str(&text).unwrap();
                        assert!(written["type"].is_string(), "{text}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_request_says_what_to_do() {
        let read = |body: Value| -> Value {
            serde_json::from_str(&input(&body.to_string()).unwrap()).unwrap()
        };
        let body = |message: Value| json!({"threadId": "t", "runId": "r", "messages": [message]});
        for (content, prompt) in [
            (json!("Buy it"), json!("Buy it")),
            (
                json!([{"type": "text", "text": "Buy"}, {"type": "image"}, {"type": "text", "text": "it"}]),
                json!("Buy\nit"),
            ),
            (json!([{"type": "image"}]), Value::Null),
            (json!("  "), Value::Null),
            (json!(7), Value::Null),
        ] {
            let found = read(body(json!({"role": "user", "content": content})));
            assert_eq!(found["prompt"], prompt);
        }
        let tool = read(body(json!({"role": "tool", "content": "x"})));
        assert_eq!(
            tool,
            json!({"thread_id": "t", "run_id": "r", "prompt": null, "answers": []})
        );
        for (payload, text) in [
            (json!("blue"), json!("blue")),
            (json!({"answer": "blue"}), json!("blue")),
            (json!({"approved": true}), json!("true")),
            (json!(42), json!("42")),
            (json!({"a": 1, "b": 2}), json!(r#"{"a":1,"b":2}"#)),
            (json!({"a": {"b": 1}}), json!(r#"{"a":{"b":1}}"#)),
            (json!([]), json!("[]")),
            (json!({}), json!("{}")),
            (json!(""), Value::Null),
            (json!({"answer": null}), Value::Null),
            (Value::Null, Value::Null),
        ] {
            let mut asked = body(json!({"role": "user", "content": "x"}));
            asked["resume"] =
                json!([{"interruptId": "i", "status": "resolved", "payload": payload}]);
            let answer = json!({"interrupt_id": "i", "cancelled": false, "text": text});
            assert_eq!(read(asked)["answers"], json!([answer]));
        }
    }

    #[test]
    fn what_is_no_request_is_refused_by_what_is_missing() {
        for (body, missing) in [
            ("", "it is no JSON"),
            ("[]", "`threadId` is missing"),
            (r#"{"threadId": ""}"#, "`threadId` is missing"),
            (r#"{"threadId": "t", "runId": 1}"#, "`runId` is missing"),
            (
                r#"{"threadId": "t", "runId": "r"}"#,
                "`messages` is missing",
            ),
        ] {
            let refused = input(body).unwrap_err().to_string();
            assert!(refused.contains(missing), "{body}: {refused}");
        }
    }
}

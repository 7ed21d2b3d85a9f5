//! A session that was recorded, as a scenario that plays it again.

use super::matches::{Match, Wanted, fits};
use super::model::{Branch, Scenario, ScriptedTask, Step};
use super::said::Beside;
use super::scrub::{Asking, REDACTED, Scrubber, Secrets};
use super::yaml;
use crate::agi::done_text;
use crate::clock::Timestamp;
use crate::fill;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// In seconds: the longest delay that a scenario may have.
pub(super) const LONGEST_DELAY: f64 = 86_400.0;

/// What a session's stream and its `/messages` told. Fields that are not known are skipped.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct SessionRecording {
    /// The session object, for the address of its live view; null where it is not known.
    pub session: Value,
    /// The events in their order.
    pub events: Vec<RecordedEvent>,
    /// The messages; those of the user are the tasks and the answers, and all tell the times.
    pub messages: Vec<RecordedMessage>,
}

/// An event of a recording.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RecordedEvent {
    /// Its type on the wire.
    #[serde(rename = "type")]
    pub kind: String,
    /// The message id, where it has one.
    pub id: Option<i64>,
    /// Its data.
    pub data: Value,
}

/// A message of a recording.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RecordedMessage {
    /// Increases within the session.
    pub id: i64,
    /// `USER`, `THOUGHT`, ...
    #[serde(rename = "type")]
    pub kind: String,
    /// A text, or any JSON.
    pub content: Value,
    /// ISO 8601.
    pub timestamp: Option<String>,
    /// What else it says; null where nothing.
    pub metadata: Value,
}

impl Scenario {
    /// The scenario that plays a recorded session again: the same events with the same texts, data and pauses, and the
    /// same questions. What the user did is not played: a pause, a cancel, a message in the middle of a task.
    ///
    /// Secrets are replaced by `[redacted]` wherever they are found: `secrets` and what the scrubber knows (see the
    /// README). The API key is not known here: redact it before, or name it in `secrets`.
    #[must_use]
    pub fn from_recording(recording: &SessionRecording, secrets: &[String]) -> Self {
        let mut known = Secrets::default();
        secrets.iter().for_each(|secret| known.tell(secret));
        recording.teach(&mut known);
        Self::of_session(recording, &Scrubber::new(&known))
    }

    /// The same, where it is known what is secret.
    pub(crate) fn of_session(recording: &SessionRecording, scrubber: &Scrubber) -> Self {
        let mut recorder = Recorder {
            scrubber,
            metadata: recording
                .messages
                .iter()
                .filter_map(|message| Some((message.id, message.metadata.as_object()?)))
                .collect(),
            times: recording
                .messages
                .iter()
                .filter_map(|message| {
                    let time = Timestamp::parse(message.timestamp.as_deref()?)?;
                    Some((message.id, time))
                })
                .collect(),
            begun: Vec::new(),
            asking: Asking::default(),
            said_by_user: recording
                .messages
                .iter()
                .any(|message| message.kind == "USER"),
        };
        for item in in_order(recording) {
            match item {
                Item::User(message) => recorder.user(message),
                Item::Event(event) => recorder.event(event),
            }
        }
        recorder.finish()
    }
}

impl SessionRecording {
    /// Says what is secret in it.
    pub(crate) fn teach(&self, secrets: &mut Secrets) {
        if let Some(live) = self.session["vnc_url"].as_str() {
            secrets.tell(live);
        }
        self.events
            .iter()
            .for_each(|event| secrets.learn_value(&event.data));
        for message in &self.messages {
            secrets.learn_value(&message.content);
            secrets.learn_value(&message.metadata);
        }
        let mut asking = Asking::default();
        for item in in_order(self) {
            match item {
                Item::Event(event) => asking.hears(&event.kind, &event.data),
                Item::User(message) => {
                    asking.said(&said(&message.content), secrets);
                    asking.ends();
                }
            }
        }
    }
}

/// What a user said, as a text.
fn said(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

enum Item<'a> {
    User(&'a RecordedMessage),
    Event(&'a RecordedEvent),
}

/// Events and the user's messages by their ids; an event without an id stays behind the one before it.
fn in_order(recording: &SessionRecording) -> Vec<Item<'_>> {
    let mut last = 0;
    let events = recording.events.iter().map(|event| {
        last = event.id.unwrap_or(last);
        (last, Item::Event(event))
    });
    let users = recording.messages.iter();
    let users = users
        .filter(|message| message.kind == "USER")
        .map(|message| (message.id, Item::User(message)));
    let mut items: Vec<_> = events.collect();
    items.extend(users);
    items.sort_by_key(|(id, _)| *id);
    items.into_iter().map(|(_, item)| item).collect()
}

struct Recorder<'a> {
    scrubber: &'a Scrubber,
    metadata: HashMap<i64, &'a Map<String, Value>>,
    times: HashMap<i64, Timestamp>,
    begun: Vec<Begun>,
    asking: Asking,
    said_by_user: bool,
}

/// A task that the recording has seen begin.
#[derive(Default)]
struct Begun {
    /// `None`: nobody knows.
    text: Option<String>,
    steps: Vec<Step>,
    /// When the last thing happened, on the agent's side or before its turn.
    last: Option<Timestamp>,
    paused: Option<Timestamp>,
    asks: bool,
    ended: bool,
}

impl Recorder<'_> {
    fn user(&mut self, message: &RecordedMessage) {
        let text = said(&message.content);
        let is_secret = self.asking.is_for_a_secret();
        self.asking.ends();
        let at = self.times.get(&message.id).copied();
        match self.begun.last_mut() {
            Some(task) if !task.ended && task.asks => {
                task.asks = false;
                task.last = at;
                let asked = match task.steps.last_mut() {
                    Some(Step::With { step, .. }) => Some(&mut **step),
                    step => step,
                };
                let scrubbed = match is_secret {
                    true => REDACTED.to_owned(),
                    false => self.scrubber.text(&text),
                };
                if let Some(Step::Question { answers, .. }) = asked {
                    answers.push(Branch {
                        matches: matching(&scrubbed),
                        steps: Vec::new(),
                    });
                }
            }
            // More about the same task.
            Some(task) if !task.ended => {}
            _ => self.begun.push(Begun {
                text: Some(text),
                last: at,
                ..Begun::default()
            }),
        }
    }

    fn event(&mut self, event: &RecordedEvent) {
        let in_progress = self.begun.last().is_some_and(|task| !task.ended);
        if !in_progress && self.said_by_user {
            // What belongs to no task, such as the rest of one that was cancelled.
            return;
        }
        if event.kind == "paused" || event.kind == "resumed" {
            self.pause(event);
            return;
        }
        let Some(step) = self.step(event) else { return };
        self.asking.hears(&event.kind, &event.data);
        if !in_progress {
            self.begun.push(Begun::default());
        }
        let at = event.id.and_then(|id| self.times.get(&id).copied());
        let Some(task) = self.begun.last_mut() else {
            return;
        };
        if let (Some(last), Some(at)) = (task.last, at)
            && let waited @ 1.. = at.milliseconds_since(last)
        {
            let seconds = waited as f64 / 1000.0;
            task.steps.push(Step::Delay(seconds.min(LONGEST_DELAY)));
        }
        task.last = at.or(task.last);
        let said = match &step {
            Step::With { step, .. } => step,
            step => step,
        };
        task.asks = matches!(said, Step::Question { .. });
        task.ended = matches!(said, Step::Done(_) | Step::Error { .. });
        task.steps.push(step);
    }

    /// The time of a pause is the user's, not the agent's.
    fn pause(&mut self, event: &RecordedEvent) {
        let Some(task) = self.begun.last_mut() else {
            return;
        };
        let at = event.data["timestamp"].as_str().and_then(Timestamp::parse);
        if event.kind == "paused" {
            task.paused = at;
        } else if let (Some(begin), Some(end), Some(last)) = (task.paused.take(), at, task.last) {
            task.last = Some(last.plus_milliseconds(end.milliseconds_since(begin)));
        }
    }

    /// What plays the event, with all that it says.
    fn step(&self, event: &RecordedEvent) -> Option<Step> {
        let data = self.scrubber.value(&event.data);
        let field = |name: &str| data[name].as_str().map(str::to_owned);
        let text = || match &data {
            Value::String(text) => text.clone(),
            _ => field("text")
                .or_else(|| field("message"))
                .unwrap_or_default(),
        };
        let (step, own): (_, &[&str]) = match event.kind.as_str() {
            "heartbeat" => return None,
            "thought" => (Step::Thought(text()), &["text"]),
            "step" => {
                let (url, action) = (field("url"), field("action"));
                let own = match (&url, &action) {
                    (None, None) => &["text"][..],
                    (Some(_), None) => &["text", "url"],
                    (None, Some(_)) => &["text", "action"],
                    (Some(_), Some(_)) => &["text", "url", "action"],
                };
                let text = text();
                (Step::Step { text, url, action }, own)
            }
            "log" => (Step::Log(text()), &["text"]),
            "question" => {
                let (text, answers) = (text(), Vec::new());
                (Step::Question { text, answers }, &["text"])
            }
            "done" => {
                let result = data.get("result").cloned();
                let result = result.unwrap_or_else(|| text().into());
                // Its text is that of the result, unless it says something else.
                let own: &[&str] = match field("text") {
                    Some(text) if text != done_text(&result) => &["result"],
                    _ => &["text", "result"],
                };
                (Step::Done(result), own)
            }
            "error" => {
                let status_code = data["status_code"].as_u64();
                let status_code = status_code.and_then(|code| u16::try_from(code).ok());
                let text = field("error").unwrap_or_else(text);
                let status_code = status_code.unwrap_or(500);
                (Step::Error { text, status_code }, &["error", "status_code"])
            }
            name => {
                return Some(Step::Event {
                    name: self.scrubber.name(name),
                    data: match data {
                        Value::Object(fields) => fields,
                        Value::Null => Map::new(),
                        other => Map::from_iter([("data".to_owned(), other)]),
                    },
                    id: event.id.is_some(),
                });
            }
        };
        let more = data.as_object().into_iter().flatten();
        let more = more.filter(|(name, _)| !own.contains(&name.as_str()) && *name != "message_id");
        let metadata = event.id.and_then(|id| self.metadata.get(&id).copied());
        let mut beside = Beside {
            data: more
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            metadata: match metadata.map(|fields| self.scrubber.value(&fields.clone().into())) {
                Some(Value::Object(fields)) => fields,
                _ => Map::new(),
            },
            ..Beside::default()
        };
        if matches!(step, Step::Step { .. })
            && beside
                .metadata
                .get("origin")
                .is_some_and(|origin| origin == "step")
        {
            beside.metadata.remove("origin");
        }
        Some(match beside == Beside::default() {
            true => step,
            false => Step::With {
                step: Box::new(step),
                beside: Box::new(beside),
            },
        })
    }

    fn finish(self) -> Scenario {
        let matches: Vec<_> = self
            .begun
            .iter()
            .map(|task| matching(&self.scrubber.text(task.text.as_deref()?)))
            .collect();
        let texts: Vec<_> = self.begun.iter().map(|task| task.text.clone()).collect();
        let tasks = self.begun.into_iter().enumerate().map(|(index, task)| {
            let mut steps = task.steps;
            if !task.ended {
                steps.push(Step::Error {
                    text: "The recording ends here: the task was cancelled, or still running"
                        .to_owned(),
                    status_code: 500,
                });
            }
            // An entry that also fits a later task must leave that one to its own entry.
            let once = texts[index + 1..].iter().any(|later| {
                let later = later.as_deref().unwrap_or_default();
                fits(matches[index].as_ref(), later)
            });
            ScriptedTask {
                matches: matches[index].clone(),
                wanted: Wanted::default(),
                verbatim: steps.iter().any(has_placeholder),
                once,
                steps,
            }
        });
        Scenario {
            tasks: tasks.collect(),
            ..Scenario::default()
        }
    }
}

/// A match for a text in which something may be redacted.
pub(super) fn matching(scrubbed: &str) -> Option<Match> {
    if !scrubbed.contains(REDACTED) {
        return Some(Match::Contains(scrubbed.to_owned()));
    }
    let parts: Vec<_> = scrubbed.split(REDACTED).map(regex_lite::escape).collect();
    let expression = format!("(?s){}", parts.join(".*"));
    regex_lite::Regex::new(&expression).ok().map(Match::Regex)
}

/// Whether playing the step would put something in where the recording has plain braces.
fn has_placeholder(step: &Step) -> bool {
    // Also a name that is none, but for the shortest: it could be refused as one that was missed.
    let found = |text: &str| fill::names(text).any(|name| name.len() > 2);
    match step {
        Step::Thought(text)
        | Step::Log(text)
        | Step::Question { text, .. }
        | Step::Error { text, .. } => found(text),
        Step::Step { text, url, action } => {
            found(text) || [url, action].into_iter().flatten().any(|text| found(text))
        }
        Step::Done(result) => found(&result.to_string()),
        Step::With { step, beside } => {
            let of = |fields: &Map<String, Value>| {
                fields.values().any(|value| found(&value.to_string()))
            };
            has_placeholder(step) || of(&beside.data) || of(&beside.metadata)
        }
        Step::Event { data, .. } => data.values().any(|value| found(&value.to_string())),
        _ => false,
    }
}

impl Scenario {
    /// Lets each entry play once where it also fits what comes later: recordings of several sessions play in their order.
    pub(crate) fn play_in_order(&mut self) {
        let tasks: Vec<_> = self.tasks.iter().map(|task| task.matches.clone()).collect();
        for (task, is_before) in self.tasks.iter_mut().zip(each_before(&tasks)) {
            task.once |= is_before;
        }
        let turns: Vec<_> = self.turns.iter().map(|turn| turn.matches.clone()).collect();
        for (turn, is_before) in self.turns.iter_mut().zip(each_before(&turns)) {
            turn.once |= is_before;
        }
    }
}

/// Whether each match also fits a later one.
fn each_before(matches: &[Option<Match>]) -> Vec<bool> {
    let fits_later = |(index, own): (usize, &Option<Match>)| {
        matches[index + 1..].iter().any(|later| match (own, later) {
            (_, Some(Match::Contains(text))) => fits(own.as_ref(), text),
            (None, _) => true,
            (Some(Match::Regex(own)), Some(Match::Regex(later))) => own.as_str() == later.as_str(),
            _ => false,
        })
    };
    matches.iter().enumerate().map(fits_later).collect()
}

/// The file of a recorded scenario: JSON, or YAML when its name says so.
impl Scenario {
    /// The scenario as YAML, for a file; a wait is the `after` of its step.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        yaml::text(&self.document())
    }

    /// The scenario as JSON, for a file; a wait is the `after` of its step.
    #[must_use]
    pub fn to_json(&self) -> String {
        // A `Value` has no way to fail.
        serde_json::to_string_pretty(&self.document()).unwrap_or_default() + "\n"
    }

    /// Writes the scenario to a file: JSON when it is named `.json`, else YAML.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: impl AsRef<std::path::Path>) -> std::io::Result<()> {
        let path = path.as_ref();
        let is_json = path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        let text = if is_json {
            self.to_json()
        } else {
            self.to_yaml()
        };
        crate::whole_file::write(path, &text, crate::whole_file::Readers::Owner)
    }

    /// As it is written by hand.
    fn document(&self) -> Value {
        let mut document = serde_json::to_value(self).unwrap_or_default();
        for kind in ["tasks", "turns"] {
            let entries = document.get_mut(kind).and_then(Value::as_array_mut);
            for entry in entries.into_iter().flatten() {
                if let Some(Value::Array(steps)) = entry.get_mut("steps") {
                    *steps = with_after(std::mem::take(steps));
                }
            }
        }
        document
    }
}

/// Makes a delay the `after` of the step that follows it.
fn with_after(steps: Vec<Value>) -> Vec<Value> {
    let mut written: Vec<Value> = Vec::with_capacity(steps.len());
    for mut step in steps {
        let waited = written.last().and_then(|last| last.get("delay")).cloned();
        let follows = waited.filter(|_| step.get("delay").is_none());
        if let (Some(waited), Some(fields)) = (follows, step.as_object_mut()) {
            written.pop();
            fields.insert("after".to_owned(), waited);
        }
        written.push(step);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, json};

    fn scenario(recording: Value, secrets: &[&str]) -> Scenario {
        let recording: SessionRecording = serde_json::from_value(recording).unwrap();
        let secrets: Vec<_> = secrets.iter().map(|&secret| secret.to_owned()).collect();
        let scenario = Scenario::from_recording(&recording, &secrets);
        // Whatever is recorded can be read back.
        for text in [scenario.to_yaml(), scenario.to_json()] {
            assert_eq!(Scenario::from_text(&text).unwrap(), scenario, "{text}");
        }
        scenario
    }

    fn document(recording: Value) -> Value {
        scenario(recording, &[]).document()
    }

    fn message(id: i64, kind: &str, content: &str, second: u32) -> Value {
        let timestamp = format!("2026-03-04T09:15:{second:02}.500Z");
        json!({"id": id, "type": kind, "content": content, "timestamp": timestamp})
    }

    #[test]
    fn a_task_with_pauses_and_a_question() {
        let document = document(json!({
            "events": [
                {"type": "thought", "id": 2, "data": {"text": "Looking", "message_id": 2}},
                {"type": "question", "id": 3, "data": {"text": "Which?"}},
                {"type": "heartbeat", "id": null, "data": {}},
                {"type": "step", "id": 5, "data": {"text": "Click", "url": "http://h/", "action": "click"}},
                {"type": "paused", "id": null, "data": {"timestamp": "2026-03-04T09:15:31Z"}},
                {"type": "resumed", "id": null, "data": {"timestamp": "2026-03-04T09:15:41Z"}},
                {"type": "log", "id": 7, "data": {"text": "l"}},
                {"type": "done", "id": 8, "data": {"text": "two", "result": {"summary": "two", "n": 2.5}}}],
            "messages": [message(1, "USER", "Buy a mug", 0), message(2, "THOUGHT", "Looking", 2), message(3, "QUESTION", "Which?", 2),
                message(4, "USER", "blue", 30), message(5, "THOUGHT", "Click", 30), message(6, "USER", "quick", 42),
                message(7, "LOG", "l", 45), message(8, "DONE", "", 45)],
        }));
        assert_eq!(
            document,
            json!({"tasks": [{"match": "Buy a mug", "steps": [
                {"thought": "Looking", "after": 2.0},
                {"question": "Which?", "answers": [{"match": "blue", "steps": []}]},
                {"step": "Click", "url": "http://h/", "action": "click"},
                {"log": "l", "after": 5.0},
                {"done": {"summary": "two", "n": 2.5}}]}]})
        );
    }

    #[test]
    fn tasks_that_look_alike_play_by_order() {
        let task = |id: i64| message(id, "USER", "next", 0);
        let done = |id: i64| json!({"type": "done", "id": id, "data": {"text": id.to_string()}});
        let document =
            document(json!({"events": [done(2), done(4)], "messages": [task(1), task(3)]}));
        assert_eq!(
            document,
            json!({"tasks": [
                {"match": "next", "steps": [{"done": "2"}], "once": true},
                {"match": "next", "steps": [{"done": "4"}]}]})
        );
    }

    #[test]
    fn a_task_without_an_end_says_so() {
        let document = document(json!({
            "events": [{"type": "log", "id": 2, "data": {"text": "The task was cancelled"}},
                {"type": "error", "id": null, "data": {"error": "e", "status_code": 502}}],
            "messages": [message(1, "USER", "a", 0), message(3, "USER", "b", 0)],
        }));
        let steps = &document["tasks"][0]["steps"];
        assert_eq!(steps[1], json!({"error": "e", "status_code": 502}));
        assert!(
            document["tasks"][1]["steps"][0]["error"]
                .as_str()
                .unwrap()
                .starts_with("The recording ends")
        );
    }

    #[test]
    fn without_messages_the_events_alone_are_played_for_any_task() {
        let document = document(json!({"events": [
            {"type": "thought", "id": 2, "data": {"text": "a"}}, {"type": "done", "id": 3, "data": {"text": "b"}},
            {"type": "thought", "id": 5, "data": "no JSON"}, {"type": "error", "id": 6, "data": {"error": "c"}}]}));
        assert_eq!(
            document["tasks"],
            json!([{"steps": [{"thought": "a"}, {"done": "b"}], "once": true},
                {"steps": [{"thought": "no JSON"}, {"error": "c", "status_code": 500}]}])
        );
    }

    #[test]
    fn braces_are_played_as_they_were() {
        let text =
            |text: &str| json!({"events": [{"type": "done", "id": 2, "data": {"result": [text]}}]});
        assert!(scenario(text("a {answer}"), &[]).tasks[0].verbatim);
        assert!(!scenario(text("a {b}"), &[]).tasks[0].verbatim);
    }

    #[test]
    fn secrets_are_gone_and_the_task_is_still_recognized() {
        let recording = json!({
            "session": {"vnc_url": "https://vnc.example/s/7c1f"},
            "events": [{"type": "thought", "id": 2, "data": {"text": "See https://vnc.example/s/7c1f", "message_id": 2}},
                {"type": "done", "id": 3, "data": {"result": {"token": "t0ps3cret", "ok": "my hunter2"}}}],
            "messages": [message(1, "USER", "Log in (as me) with hunter2 now", 0)],
        });
        let scenario = scenario(recording, &["hunter2"]);
        let text = scenario.to_yaml();
        for secret in ["hunter2", "t0ps3cret", "7c1f"] {
            assert!(!text.contains(secret), "{text}");
        }
        let matches = scenario.tasks[0].matches.as_ref().unwrap();
        assert!(
            matches.fits("Log in (as me) with another\none now"),
            "{matches:?}"
        );
        assert!(!matches.fits("Log in"), "{matches:?}");
    }

    #[test]
    fn the_answer_to_a_question_for_a_secret_is_nowhere() {
        for (answer, done) in [("tiger", "In with tiger"), ("4711", "4711"), ("12", "ok")] {
            let recording = json!({
                "events": [{"type": "question", "id": 2, "data": {"text": "What is your password?"}},
                    {"type": "thought", "id": 4, "data": {"text": done}}, {"type": "done", "id": 5, "data": {"text": done}}],
                "messages": [message(1, "USER", "Log in", 0), message(3, "USER", answer, 0)],
            });
            let scenario = scenario(recording, &[]);
            let text = scenario.to_yaml();
            let said = format!("\"{answer}\"");
            assert!(
                !text.contains(&said) && !text.contains(&format!("with {answer}")),
                "{text}"
            );
            let steps = &json!(scenario)["tasks"][0]["steps"];
            let matches = &steps[0]["answers"][0]["match"];
            assert_eq!(*matches, json!({"regex": "(?s).*"}), "{text}");
        }
    }

    #[test]
    fn whatever_a_text_holds_is_read_back() {
        for text in [
            "",
            " ",
            "a\nb\t\"c\" \\ # - : x",
            "null",
            "1",
            "\u{7f}\u{85}\u{2028}\u{feff}\u{0}",
            "häß 🎈",
            "- a",
            "'",
        ] {
            let data = json!({"text": text, "result": {text: [text, null, 1, 1.5, -2e300, true, {}, [], {"a": {"b": [[1]]}}]}});
            scenario(
                json!({"events": [{"type": "thought", "id": 1, "data": data}, {"type": "done", "id": 2, "data": data}]}),
                &[],
            );
        }
        let map: Map<String, Value> = (0..50).map(|n| (format!("key {n}: #"), n.into())).collect();
        scenario(
            json!({"events": [{"type": "done", "id": 2, "data": {"result": map}}]}),
            &[],
        );
    }
}

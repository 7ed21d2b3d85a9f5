//! Learns from one turn in which words the service speaks: what
//! docs/spec/raccoon.md, section 5.7, leaves open. Pure.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value, json};

use super::assembly::Assembly;
use super::dialect::{
    Dialect, WRAPPERS, at_path, end_it_may_be, find, id_of, is_of_turns, is_same, kind_of, text_in,
};
use super::models::TextMode;
use super::wire_names::WireNames;
use crate::event::{Event, EventType};
use crate::meaning;

/// Most characters of a name that is learned: what is longer is no name.
const LONGEST_NAME: usize = 80;

/// So many frames of a text may begin alike by chance.
const FEW_TEXTS: usize = 3;

/// What was seen of one turn, as it came.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The response to its start; null where nobody knows.
    pub(super) start: Value,
    /// The frames of each of its sockets, in their order.
    pub(super) sockets: Vec<Vec<Value>>,
    /// Its session's history, after it.
    pub(super) history: Value,
    /// A list of sessions.
    pub(super) list: Value,
    /// Its agent message.
    pub(super) message_id: String,
    /// The one name of the prompt that was taken, where another was refused.
    pub(super) prompt_name: Option<String>,
    /// It came to its end, whatever its frames call that.
    pub(super) over: bool,
}

/// What one turn showed.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Learned {
    /// The switches of the emulator's dialect that are not at their defaults.
    pub(super) dialect: Map<String, Value>,
    /// The names of `WireNames` that are needed beside its defaults.
    pub(super) wire: Map<String, Value>,
    /// The events in their documented form; texts are pieces that add to their block.
    pub(super) events: Vec<Value>,
    /// The agent's message as the history has it.
    pub(super) content: Option<String>,
    /// What neither says: sentences.
    pub(super) notes: Vec<String>,
}

/// What the turn shows, read with the names that the caller knows.
pub(super) fn learn(seen: &Seen, known: &WireNames, mode: TextMode) -> Learned {
    let history = Opened::of(&seen.history, |fields| {
        field_of(fields, "messages").is_some_and(Value::is_array)
    });
    let message = history.as_ref().and_then(|history| {
        let messages = field_of(&history.fields, "messages")?.as_array()?;
        let is_it = |message: &&Value| {
            let id = message.get("id").and_then(id_of);
            id.as_deref() == Some(seen.message_id.as_str())
        };
        messages.iter().find(is_it)?.as_object().cloned()
    });
    let kept = message.as_ref().and_then(|message| message.get("events"));
    let kept = kept.and_then(Value::as_array);
    let mut frames = Frames::of(&merged(&seen.sockets), &seen.message_id, known);
    if let Some(kept) = kept {
        let kept = Frames::of(kept, &seen.message_id, known);
        let has_place = |frame: &Map<String, Value>| find(frame, &known.frame_entry_id).map(|_| ());
        let number = |frame: &Map<String, Value>| find(frame, &known.frame_event_id).map(|_| ());
        frames.without_entry_ids = !frames.each(number).is_empty()
            && frames.each(has_place).is_empty()
            && !kept.each(has_place).is_empty();
        frames.counted_per_socket = seen.sockets.iter().skip(1).any(|socket| {
            let socket = Frames::of(socket, &seen.message_id, known);
            socket.is_counted_otherwise(&kept, known)
        });
        // A socket that ended early is no whole turn, and what several brought may be
        // there twice.
        let several = seen.sockets.len() > 1 && !kept.list.is_empty();
        if several || kept.list.len() > frames.list.len() {
            frames.sealed |= kept.sealed;
            frames.list = kept.list;
        }
    }
    let content = message.as_ref().and_then(|message| {
        let content = field_of(message, "content")?;
        content.as_str().map(str::to_owned)
    });
    let mut learner = Learner {
        frames,
        wire: known.clone(),
        needed: Map::new(),
        dialect: Map::new(),
        notes: Vec::new(),
    };
    learner.places();
    learner.kinds(message.as_ref(), content.as_deref(), seen.over);
    learner.payloads();
    learner.numbers();
    learner.start(seen, known, history.as_ref());
    learner.list(&seen.list, known);
    learner.prompt(seen, known);
    let events = learner.events(content.as_deref(), mode);
    learner.check();
    Learned {
        dialect: learner.dialect,
        wire: learner.needed,
        events,
        content,
        notes: learner.notes,
    }
}

/// A response without what it is wrapped in.
struct Opened {
    fields: Map<String, Value>,
    wrapper: Option<&'static str>,
    /// It stood as a text in a field.
    sealed: bool,
}

impl Opened {
    /// `is_it` tells the response from its wrappers.
    fn of(response: &Value, is_it: impl Fn(&Map<String, Value>) -> bool) -> Option<Self> {
        let opened = unsealed(response);
        let sealed = opened.is_some();
        let Value::Object(fields) = opened.unwrap_or_else(|| response.clone()) else {
            return None;
        };
        if is_it(&fields) {
            return Some(Self {
                fields,
                wrapper: None,
                sealed,
            });
        }
        let within = |name: &&&str| {
            let inner = fields.get(**name).and_then(Value::as_object);
            inner.is_some_and(&is_it)
        };
        let wrapper = WRAPPERS.iter().find(within).copied();
        let fields = match wrapper.and_then(|name| fields.get(name)?.as_object()) {
            Some(inner) => inner.clone(),
            None => fields,
        };
        Some(Self {
            fields,
            wrapper,
            sealed,
        })
    }
}

/// What stands as JSON in the only field of an object.
pub(super) fn unsealed(value: &Value) -> Option<Value> {
    let fields = value.as_object().filter(|fields| fields.len() == 1)?;
    let text = fields.values().next()?.as_str()?;
    meaning::value(text).filter(|inner| inner.is_object() || inner.is_array())
}

/// What several sockets brought, each frame once.
fn merged(sockets: &[Vec<Value>]) -> Vec<Value> {
    let mut before: HashSet<String> = HashSet::new();
    let mut merged: Vec<Value> = Vec::new();
    for socket in sockets {
        let new = socket
            .iter()
            .filter(|frame| !before.contains(&frame.to_string()));
        let new: Vec<Value> = new.cloned().collect();
        before.extend(new.iter().map(Value::to_string));
        merged.extend(new);
    }
    merged
}

/// The frames of a turn, opened.
struct Frames {
    list: Vec<Map<String, Value>>,
    /// They stood as texts in a field.
    sealed: bool,
    /// Those of the socket name no place in the stream, those of the history do.
    without_entry_ids: bool,
    /// Each socket gives its events numbers of its own.
    counted_per_socket: bool,
}

impl Frames {
    fn of(came: &[Value], message_id: &str, known: &WireNames) -> Self {
        let mut sealed = false;
        let mut list = Vec::with_capacity(came.len());
        for frame in came {
            let opened = unsealed(frame);
            let is_sealed = opened.is_some();
            let Value::Object(fields) = opened.unwrap_or_else(|| frame.clone()) else {
                continue;
            };
            let is_ack = fields.get("type").and_then(Value::as_str) == Some("ack")
                && fields.get("kind").is_none_or(Value::is_null);
            let of = find(&fields, &known.frame_message_id).and_then(id_of);
            if !is_ack && of.is_none_or(|of| of == message_id) {
                sealed |= is_sealed;
                list.push(fields);
            }
        }
        Self {
            list,
            sealed,
            without_entry_ids: false,
            counted_per_socket: false,
        }
    }

    /// Whether these events have other numbers than in the history.
    fn is_counted_otherwise(&self, kept: &Self, known: &WireNames) -> bool {
        let number = |frame: &Map<String, Value>| {
            find(frame, &known.frame_event_id).and_then(meaning::whole_number)
        };
        let said = |frame: &Map<String, Value>| -> Map<String, Value> {
            let ids = [&known.frame_event_id, &known.frame_entry_id];
            let is_id = |name: &String| ids.iter().any(|names| is_among(name, names));
            let fields = frame.iter().filter(|(name, _)| !is_id(name));
            fields
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect()
        };
        let mut numbered = self.list.iter().filter(|frame| number(frame).is_some());
        numbered.any(|frame| {
            let words = said(frame);
            let same: Vec<_> = kept
                .list
                .iter()
                .filter(|kept| said(kept) == words)
                .collect();
            !same.is_empty() && same.iter().all(|kept| number(kept) != number(frame))
        })
    }

    /// What is found in each frame that has it.
    fn each<'a, T>(&'a self, read: impl Fn(&'a Map<String, Value>) -> Option<T>) -> Vec<T> {
        self.list.iter().filter_map(read).collect()
    }

    /// The paths to the values of this form that most frames have, those at the top first.
    fn paths(&self, is_it: impl Fn(&Value) -> bool) -> Vec<String> {
        let mut found: Vec<(String, usize)> = Vec::new();
        for frame in &self.list {
            for (path, value) in leaves(frame) {
                if !is_it(value) || !is_name(&path) {
                    continue;
                }
                match found.iter_mut().find(|(known, _)| *known == path) {
                    Some((_, times)) => *times += 1,
                    None => found.push((path, 1)),
                }
            }
        }
        found.retain(|(_, times)| times * 2 > self.list.len());
        found.into_iter().map(|(path, _)| path).collect()
    }
}

/// The values of an object, and those of the objects in it.
fn leaves(fields: &Map<String, Value>) -> Vec<(String, &Value)> {
    let mut inner = Vec::new();
    let mut all = Vec::new();
    for (name, value) in fields {
        match value {
            Value::Object(object) => inner.extend(
                leaves(object)
                    .into_iter()
                    .map(|(path, value)| (format!("{name}.{path}"), value)),
            ),
            value => all.push((name.clone(), value)),
        }
    }
    all.extend(inner);
    all
}

struct Learner {
    frames: Frames,
    /// By which the frames are read: what the caller knows, and what was learned.
    wire: WireNames,
    /// What is needed beside the defaults.
    needed: Map<String, Value>,
    dialect: Map<String, Value>,
    notes: Vec<String>,
}

impl Learner {
    fn switch(&mut self, name: &str, value: impl Into<Value>) {
        self.dialect.insert(name.to_owned(), value.into());
    }

    fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    fn need(&mut self, name: &str, value: &str) {
        let names = self.needed.entry(name).or_insert_with(|| json!([]));
        if let Some(names) = names.as_array_mut()
            && !names.iter().any(|known| known == value)
        {
            names.push(value.into());
        }
    }

    fn kind<'a>(&self, frame: &'a Map<String, Value>) -> Option<&'a str> {
        find(frame, &self.wire.frame_kind).and_then(Value::as_str)
    }

    fn meaning_of(&self, frame: &Map<String, Value>) -> Option<EventType> {
        self.kind(frame).map(|kind| kind_of(kind, &self.wire))
    }

    /// Where frames say what they are and which they are.
    fn places(&mut self) {
        let few = |found: usize, frames: &Frames| found * 2 < frames.list.len();
        if few(
            self.frames.each(|frame| self.kind(frame)).len(),
            &self.frames,
        ) {
            let names = |value: &Value| {
                value
                    .as_str()
                    .is_some_and(|kind| is_of_turns(&kind_of(kind, &self.wire)))
            };
            if let Some(path) = self.frames.paths(names).into_iter().next() {
                self.need("frame_kind", &path);
                self.wire.frame_kind = vec![path];
            }
        }
        let number =
            |frame: &Map<String, Value>| find(frame, &self.wire.frame_event_id).map(|_| ());
        if few(self.frames.each(number).len(), &self.frames) {
            let rises = |path: &String| {
                let read = |frame| at_path(frame, path).and_then(meaning::whole_number);
                let ids: Vec<i64> = self.frames.each(read);
                ids.len() > 1 && ids.windows(2).all(|pair| pair[1] == pair[0] + 1)
            };
            let paths = self
                .frames
                .paths(|value| meaning::whole_number(value).is_some());
            if let Some(path) = paths.into_iter().find(rises) {
                self.need("frame_event_id", &path);
                self.wire.frame_event_id = vec![path];
            }
        }
    }

    /// What the kinds are called.
    fn kinds(&mut self, message: Option<&Map<String, Value>>, content: Option<&str>, over: bool) {
        let mut raw: Vec<String> = Vec::new();
        for kind in self.frames.each(|frame| self.kind(frame)) {
            if !raw.iter().any(|known| known == kind) {
                raw.push(kind.to_owned());
            }
        }
        let aborted = message
            .and_then(|message| message.get("aborted"))
            .and_then(Value::as_bool)
            .unwrap_or_default();
        for kind in &raw {
            if is_of_turns(&kind_of(kind, &self.wire)) || !is_name(kind) {
                continue;
            }
            if let Some(list) = self.list_for(kind, aborted, content, over) {
                self.kinds_of(list).push(kind.clone());
            }
        }
        let usual = WireNames::default();
        let mut names = BTreeMap::new();
        for kind in &raw {
            let event_type = kind_of(kind, &self.wire);
            let name = event_type.name();
            if !is_of_turns(&event_type) || !is_name(kind) {
                continue;
            }
            if name == kind {
                names.remove(name);
            } else if !raw.iter().any(|other| other == name) {
                names.entry(name.to_owned()).or_insert(kind.clone());
            }
            if kind_of(kind, &usual) != event_type
                && !is_an_end_by_its_words(kind, &event_type)
                && let Some(list) = list_of(&event_type)
            {
                self.need(list, kind);
            }
        }
        if !names.is_empty() {
            self.switch("kinds", json!(names));
        }
    }

    /// The list of names that a kind belongs to which nobody knows.
    fn list_for(
        &self,
        kind: &str,
        aborted: bool,
        content: Option<&str>,
        over: bool,
    ) -> Option<&'static str> {
        let of_kind = |frame: &&Map<String, Value>| self.kind(frame) == Some(kind);
        let frames: Vec<_> = self.frames.list.iter().filter(of_kind).collect();
        let in_block = |prefix: &str| {
            frames.iter().all(|frame| {
                let block = find(frame, &self.wire.frame_block_id).and_then(Value::as_str);
                block.is_some_and(|block| block.starts_with(prefix))
            })
        };
        if in_block("text:") {
            return Some("text_kinds");
        }
        if in_block("thought:") {
            return Some("thought_kinds");
        }
        let is_last = self.frames.list.last().is_some_and(|last| of_kind(&last));
        if over && is_last && frames.len() == 1 {
            let says = |names: &[&str]| {
                leaves(frames[0]).iter().any(|(path, value)| {
                    let name = path.rsplit('.').next().unwrap_or(path);
                    value.is_string() && names.iter().any(|wanted| is_same(wanted, name))
                })
            };
            return Some(if aborted {
                "aborted_kinds"
            } else if says(&["message", "error", "detail"]) {
                "failed_kinds"
            } else if says(&["reason"]) {
                "aborted_kinds"
            } else {
                "completed_kinds"
            });
        }
        // Whether they are what the history's text is made of.
        let content = content.filter(|content| !content.is_empty())?;
        let mut wire = self.wire.clone();
        wire.text_kinds.push(kind.to_owned());
        let dialect = Dialect::new(&wire);
        let mut assembly = Assembly::new();
        for frame in frames {
            let event = dialect.event(&text_of(frame));
            assembly.add(&event);
        }
        assembly.settle(content).then_some("text_kinds")
    }

    fn kinds_of(&mut self, list: &str) -> &mut Vec<String> {
        match list {
            "text_kinds" => &mut self.wire.text_kinds,
            "thought_kinds" => &mut self.wire.thought_kinds,
            "aborted_kinds" => &mut self.wire.aborted_kinds,
            "failed_kinds" => &mut self.wire.failed_kinds,
            _ => &mut self.wire.completed_kinds,
        }
    }

    /// Where frames have what they say, and in which field a text is.
    fn payloads(&mut self) {
        let holds = |name: &'static str| {
            let held = |frame: &&Map<String, Value>| frame.get(name).is_some_and(Value::is_object);
            self.frames.list.iter().filter(held).count()
        };
        let (payload, data) = (holds("payload"), holds("data"));
        let texts: Vec<Map<String, Value>> = self.of_kind(&EventType::Text);
        let text_at = |name: &str| {
            !texts.is_empty()
                && texts
                    .iter()
                    .all(|text| text.get(name).is_some_and(Value::is_string))
        };
        let received = self.of_kind(&EventType::MessageReceived);
        let said_at_content = text_at("content")
            || received
                .iter()
                .any(|text| text.get("content").is_some_and(Value::is_string));
        let place = if data > payload {
            "data"
        } else if payload > 0 && said_at_content {
            "content"
        } else if payload > 0 || self.frames.list.is_empty() {
            "payload"
        } else {
            "flat"
        };
        if place != "payload" {
            self.switch("payload", place);
        }
        if place == "content" {
            return;
        }
        if let Some(name) = self.field_of(&texts, place, &self.wire.text_fields) {
            if name != "text" {
                self.switch("text_field", name.as_str());
            }
            if !is_among(&name, &WireNames::default().text_fields) {
                self.need("text_fields", &name);
            }
            if !is_among(&name, &self.wire.text_fields) {
                self.wire.text_fields.insert(0, name);
            }
        }
        let thoughts = self.of_kind(&EventType::Thought);
        if let Some(name) = self.field_of(&thoughts, place, &self.wire.thought_fields)
            && !is_among(&name, &self.wire.thought_fields)
        {
            self.need("thought_fields", &name);
            self.wire.thought_fields.insert(0, name);
        }
    }

    fn of_kind(&self, kind: &EventType) -> Vec<Map<String, Value>> {
        let is_it = |frame: &&Map<String, Value>| self.meaning_of(frame).as_ref() == Some(kind);
        self.frames.list.iter().filter(is_it).cloned().collect()
    }

    /// The field that has the text of these frames: one of those that are known, else
    /// the only text that all of them have.
    fn field_of(
        &self,
        frames: &[Map<String, Value>],
        place: &str,
        known: &[String],
    ) -> Option<String> {
        let ids = [
            &self.wire.frame_kind,
            &self.wire.frame_event_id,
            &self.wire.frame_block_id,
            &self.wire.frame_message_id,
            &self.wire.frame_entry_id,
            &self.wire.frame_timestamp,
        ];
        let said = |frame: &Map<String, Value>| -> Vec<String> {
            let fields = match place {
                "flat" => Some(frame),
                place => frame.get(place).and_then(Value::as_object),
            };
            let fields = fields.into_iter().flatten();
            let texts = fields.filter(|(name, value)| {
                let is_id = place == "flat" && ids.iter().any(|names| is_among(name, names));
                !is_id && is_name(name) && text_in(value).is_some()
            });
            texts.map(|(name, _)| name.clone()).collect()
        };
        let mut common = said(frames.first()?);
        for frame in frames {
            let here = said(frame);
            common.retain(|name| here.contains(name));
        }
        let first = known
            .iter()
            .find_map(|name| common.iter().find(|other| is_same(name, other)));
        match (first, &common[..]) {
            (Some(name), _) => Some(name.clone()),
            (None, [name]) => Some(name.clone()),
            _ => None,
        }
    }

    /// The numbers of the events, and how names are written.
    fn numbers(&mut self) {
        let numbers = self
            .frames
            .each(|frame| find(frame, &self.wire.frame_event_id));
        let as_texts = !numbers.is_empty() && numbers.iter().all(|number| number.is_string());
        let read: Vec<i64> = numbers
            .into_iter()
            .filter_map(meaning::whole_number)
            .collect();
        let falls = read.windows(2).any(|pair| pair[1] <= pair[0]);
        let stands = read.len() > 1 && read.iter().all(|number| *number == read[0]);
        let ids = match (as_texts, stands, falls) {
            _ if self.frames.counted_per_socket => Some("per_socket"),
            (true, ..) => Some("text"),
            (_, true, _) => Some("still"),
            (_, _, true) => Some("restarting"),
            _ => None,
        };
        if let Some(ids) = ids {
            self.switch("event_ids", ids);
        }
        if self.frames.without_entry_ids {
            self.switch("without_entry_ids", true);
        }
        if self.frames.sealed {
            self.note(
                "Frames stand as a text in a field of another object: `decode_frame` has to open them for a client.",
            );
        }
    }

    /// How responses look, and what the start of a turn is called by.
    fn start(&mut self, seen: &Seen, known: &WireNames, history: Option<&Opened>) {
        let names = [
            "session_id",
            "workflow_id",
            "user_message_id",
            "queue_position",
        ];
        let start = Opened::of(&seen.start, |fields| {
            let is_start = names.iter().any(|name| field_of(fields, name).is_some());
            // A path may lead into the wrapper.
            let mut ids = known.agent_message_id.iter();
            is_start || ids.any(|name| field_of(fields, name).is_some())
        });
        let list = Opened::of(&seen.list, |fields| {
            find(fields, &known.sessions).is_some_and(Value::is_array)
        });
        let responses: Vec<&Opened> = [start.as_ref(), history, list.as_ref()]
            .into_iter()
            .flatten()
            .collect();
        let sealed = responses.iter().any(|response| response.sealed);
        match (self.frames.sealed, sealed) {
            (true, true) => self.switch("envelope", "all"),
            (true, false) => self.switch("envelope", "frames"),
            (false, true) => self.switch("envelope", "responses"),
            (false, false) => {}
        }
        if sealed {
            self.note(
                "Responses stand as a text in a field of another object: `decode_answer` has to open them for a client.",
            );
        }
        let wrappers: Vec<&str> = responses
            .iter()
            .filter_map(|response| response.wrapper)
            .collect();
        if wrappers.contains(&"data") {
            self.switch("wrapped", true);
        } else if let Some(wrapper) = wrappers.first() {
            self.note(format!(
                "Responses stand in a field `{wrapper}`, which the emulator does not play: it knows `data`."
            ));
        }
        let in_frames = ["event_id", "block_id", "message_id", "stream_entry_id"];
        let framed = self
            .frames
            .list
            .iter()
            .find_map(|frame| camel(frame, &in_frames));
        let started = start
            .as_ref()
            .and_then(|start| camel(&start.fields, &names));
        let is_camel = framed.or(started).unwrap_or_default();
        if is_camel {
            self.switch("camel_case", true);
        }
        if let (Some(framed), Some(started)) = (framed, started)
            && framed != started
        {
            self.note(
                "Names in frames and those in responses are written in two ways; the emulator writes all of them as in the \
                 frames.",
            );
        }
        if let Some(start) = start {
            self.agent_message(&start.fields, seen, known, is_camel);
        }
    }

    /// The field of a start that names the agent message.
    fn agent_message(
        &mut self,
        start: &Map<String, Value>,
        seen: &Seen,
        known: &WireNames,
        is_camel: bool,
    ) {
        let is_it = |value: &Value| id_of(value).as_deref() == Some(seen.message_id.as_str());
        let mut paths: Vec<String> = leaves(start)
            .into_iter()
            .filter(|(path, value)| is_name(path) && is_it(value))
            .map(|(path, _)| path)
            .collect();
        let place = |path: &String| {
            let mut names = known.agent_message_id.iter();
            names.position(|name| is_same(name, path))
        };
        paths.sort_by_key(|path| place(path).unwrap_or(usize::MAX));
        let Some(path) = paths.into_iter().next() else {
            self.switch("agent_message_id", "");
            return;
        };
        let name = if is_camel { snake(&path) } else { path.clone() };
        if path.contains('.') {
            self.note(format!(
                "The start of a turn names its agent message in `{path}`, which the emulator does not play."
            ));
        } else if name != "agent_message_id" {
            self.switch("agent_message_id", name.as_str());
        }
        if !is_among(&path, &WireNames::default().agent_message_id) {
            self.need("agent_message_id", &path);
        }
    }

    /// How a page of a list says where it stands.
    fn list(&mut self, list: &Value, known: &WireNames) {
        let has_list = |fields: &Map<String, Value>| {
            find(fields, &known.sessions).is_some_and(Value::is_array)
        };
        let list = unsealed(list).unwrap_or_else(|| list.clone());
        if list.is_array() {
            self.switch("page_marks", "none");
            self.note("A list of sessions is bare, which the emulator does not play.");
        }
        let Some(Opened { fields, .. }) = Opened::of(&list, has_list) else {
            return;
        };
        if !has_list(&fields) {
            let is_list = |value: &Value| {
                let items = value.as_array();
                items.is_some_and(|items| !items.is_empty() && items.iter().all(Value::is_object))
            };
            let mut found = leaves(&fields).into_iter();
            match found.find(|(path, value)| is_name(path) && is_list(value)) {
                Some((path, _)) => self.need("sessions", &path),
                None => return,
            }
        }
        let marks = field_of(&fields, &known.meta).and_then(Value::as_object);
        let pages = marks.map(|marks| leaves(marks).iter().any(|(_, mark)| mark.is_string()));
        let marks = match pages {
            Some(false) => return,
            Some(true) => "text",
            None if field_of(&fields, "pagination").is_some_and(Value::is_object) => "pagination",
            None if field_of(&fields, "has_more").is_some() => "has_more",
            None => "none",
        };
        self.switch("page_marks", marks);
    }

    /// The one name of the prompt.
    fn prompt(&mut self, seen: &Seen, known: &WireNames) {
        let usual = WireNames::default().prompt;
        let own = || match &known.prompt[..] {
            [name] if !usual.contains(name) => Some(name.clone()),
            _ => None,
        };
        let Some(name) = seen.prompt_name.clone().or_else(own) else {
            return;
        };
        if !usual.contains(&name) {
            self.need("prompt", &name);
        }
        self.switch("prompt", name);
    }

    /// The events in their documented form.
    fn events(&mut self, content: Option<&str>, mode: TextMode) -> Vec<Value> {
        let dialect = Dialect::new(&self.wire);
        let texts = self.frames.list.iter().map(text_of);
        let events: Vec<Event> = texts.map(|text| dialect.event(&text)).collect();
        let read = |mode: TextMode| {
            let mut assembly = Assembly::reading(mode);
            events.iter().for_each(|event| assembly.add(event));
            assembly
        };
        let is_text = |event: &&Event| *event.event_type() == EventType::Text;
        let texts: Vec<&Event> = events.iter().filter(is_text).collect();
        let (auto, adding) = (read(TextMode::Auto), read(TextMode::Delta).text());
        let repeating = read(TextMode::Cumulative).text();
        let repeats = match (mode, content.filter(|content| !content.is_empty())) {
            (TextMode::Delta, _) => false,
            (TextMode::Cumulative, _) => true,
            (_, Some(content)) if content == adding => false,
            (_, Some(content)) if content == repeating => true,
            _ => {
                // Many that repeat by chance are none.
                if auto.is_ambiguous() && texts.len() <= FEW_TEXTS {
                    self.note(
                        "Whether the frames of a text add to it or repeat it cannot be told from this turn: record one with a \
                         longer answer, or say so with --text-mode.",
                    );
                }
                auto.text() != adding
            }
        };
        if repeats {
            self.switch("text", "cumulative");
        }
        if content == Some("") && !adding.is_empty() {
            self.switch("without_content", true);
            if repeats {
                self.note(
                    "Texts are repeated and the history does not have them: read them with the text mode `cumulative`.",
                );
            }
        }
        let mut blocks: BTreeMap<String, String> = BTreeMap::new();
        let told = |event: &Event| {
            let frame = event.frame().unwrap_or_default();
            let mut payload = event.data();
            if repeats
                && *event.event_type() == EventType::Text
                && let Some(text) = payload.get("text").and_then(Value::as_str)
            {
                let block = frame.block_id.clone().unwrap_or_default();
                let so_far = blocks.insert(block, text.to_owned()).unwrap_or_default();
                let piece = text.strip_prefix(&so_far).unwrap_or(text).to_owned();
                payload["text"] = piece.into();
            }
            json!({
                "kind": event.event_type().name(),
                "block_id": frame.block_id,
                "timestamp": frame.timestamp,
                "payload": payload,
            })
        };
        events.iter().map(told).collect()
    }

    /// Whether what is needed is enough.
    fn check(&mut self) {
        let names = serde_json::from_value(Value::Object(self.needed.clone()));
        let Ok(names) = names else { return };
        let (needed, learned) = (Dialect::new(&names), Dialect::new(&self.wire));
        let odd = self.frames.list.iter().find(|frame| {
            let text = text_of(frame);
            let (one, other) = (needed.event(&text), learned.event(&text));
            one.event_type() != other.event_type() || one.data() != other.data()
        });
        let unknown = self
            .frames
            .list
            .iter()
            .any(|frame| self.kind(frame).is_none());
        if odd.is_some() || unknown {
            self.note(
                "Some frames are in a form that no name in `wire` reads: bring them into the documented one with \
                 `decode_frame`.",
            );
        }
    }
}

fn text_of(frame: &Map<String, Value>) -> String {
    serde_json::to_string(frame).unwrap_or_default()
}

fn field_of<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    super::dialect::field(fields, name)
}

fn is_among(name: &str, names: &[String]) -> bool {
    names.iter().any(|other| is_same(other, name))
}

fn list_of(event_type: &EventType) -> Option<&'static str> {
    Some(match event_type {
        EventType::Text => "text_kinds",
        EventType::Thought => "thought_kinds",
        EventType::TaskCompleted => "completed_kinds",
        EventType::TaskAborted => "aborted_kinds",
        EventType::TaskError => "failed_kinds",
        _ => return None,
    })
}

/// Whether a kind that comes last is taken for this end without being named.
fn is_an_end_by_its_words(kind: &str, event_type: &EventType) -> bool {
    let event = Event::from_frame(json!({"kind": kind, "payload": {}}).to_string());
    end_it_may_be(&event).as_ref() == Some(event_type)
}

/// Whether a text can be a name, and so nothing that somebody said.
fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | ':' | '/');
    !text.is_empty() && text.chars().count() <= LONGEST_NAME && text.chars().all(plain)
}

/// Whether the first of these names that is there is written in camelCase.
fn camel(fields: &Map<String, Value>, names: &[&str]) -> Option<bool> {
    let written = fields
        .keys()
        .find(|key| names.iter().any(|name| is_same(name, key)));
    written.map(|key| !key.contains('_') && key.chars().any(char::is_uppercase))
}

/// A name in camelCase as the documentation would write it.
fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;

    /// A turn as it is documented, of these frames.
    fn seen(frames: Value) -> Seen {
        let Value::Array(frames) = frames else {
            return Seen::default();
        };
        let message = json!({"id": "m", "type": "agent", "content": "ab", "aborted": false, "events": frames});
        Seen {
            start: json!({"session_id": "s", "workflow_id": "w", "agent_message_id": "m"}),
            history: json!({"session": {"sessionId": "s"}, "messages": [{"id": "u", "content": "go"}, message]}),
            list: json!({"sessions": [{"sessionId": "s"}], "meta": {"total_pages": 1}}),
            sockets: vec![frames],
            message_id: "m".to_owned(),
            prompt_name: None,
            over: true,
        }
    }

    /// The frames that a turn has anyway.
    fn usual() -> Value {
        json!([
            {"event_id": 1, "kind": "text", "block_id": "text:a", "payload": {"text": "a"}},
            {"event_id": 2, "kind": "text", "block_id": "text:a", "payload": {"text": "b"}},
            {"event_id": 3, "kind": "task.completed", "payload": {}},
        ])
    }

    fn learned(seen: &Seen) -> Learned {
        learn(seen, &WireNames::default(), TextMode::Auto)
    }

    fn told(seen: &Seen) -> (Value, Value, String) {
        let Learned {
            dialect,
            wire,
            notes,
            ..
        } = learned(seen);
        (json!(dialect), json!(wire), notes.join(" "))
    }

    #[test]
    fn what_is_documented_needs_nothing() {
        let Learned {
            dialect,
            wire,
            events,
            content,
            notes,
        } = learned(&seen(usual()));
        assert_eq!((json!(dialect), json!(wire)), (json!({}), json!({})));
        assert_eq!(notes, Vec::<String>::new());
        assert_eq!(content.as_deref(), Some("ab"));
        assert_eq!(
            events[1],
            json!({"kind": "text", "block_id": "text:a", "timestamp": null, "payload": {"text": "b"}})
        );
        assert!(learned(&Seen::default()).events.is_empty());
    }

    #[test]
    fn names_that_no_default_reads_are_found() {
        let frame = |no: i64, what: &str, says: Value| json!({"meta": {"what": what, "no": no}, "payload": says});
        let (dialect, wire, notes) = told(&seen(json!([
            frame(1, "text", json!({"prose": "a"})),
            frame(2, "thought", json!({"musing": "hm"})),
            frame(3, "text", json!({"prose": "b"})),
            frame(4, "task.completed", json!({})),
        ])));
        assert_eq!(dialect, json!({"text_field": "prose"}));
        assert_eq!(
            wire,
            json!({"frame_kind": ["meta.what"], "frame_event_id": ["meta.no"], "text_fields": ["prose"],
                "thought_fields": ["musing"]})
        );
        assert_eq!(notes, "");

        let mut odd = seen(usual());
        odd.start = json!({"session_id": "s", "turn": {"reply": {"id": "m"}}});
        odd.list = json!({"rows": [{"sessionId": "s"}]});
        let (dialect, wire, notes) = told(&odd);
        assert_eq!(dialect, json!({"page_marks": "none"}));
        assert_eq!(
            wire,
            json!({"agent_message_id": ["turn.reply.id"], "sessions": ["rows"]})
        );
        assert!(notes.contains("`turn.reply.id`"), "{notes}");
    }

    #[test]
    fn kinds_are_known_by_their_blocks_the_history_and_the_end() {
        let frame = |kind: &str, block: Option<&str>, payload: Value| json!({"event_id": 1, "kind": kind, "block_id": block, "payload": payload});
        for (last, name) in [
            (json!({}), "completed_kinds"),
            (json!({"message": "No"}), "failed_kinds"),
            (json!({"reason": "Budget"}), "aborted_kinds"),
        ] {
            let (_, wire, _) = told(&seen(json!([
                frame("ponder", Some("thought:1"), json!({"thought": "hm"})),
                frame("say", Some("text:1"), json!({"text": "ab"})),
                frame("progress.note", None, json!({"text": "x"})),
                frame("finis", None, last),
            ])));
            let wanted =
                json!({"thought_kinds": ["ponder"], "text_kinds": ["say"], name: ["finis"]});
            assert_eq!(wire, wanted);
        }
        // Without blocks, the history knows what the text is.
        let frames = json!([
            frame("note", None, json!({"text": "x"})),
            frame("say", None, json!({"text": "a"})),
            frame("say", None, json!({"text": "b"})),
            frame("task.completed", None, json!({}))
        ]);
        let (dialect, wire, _) = told(&seen(frames.clone()));
        assert_eq!(
            dialect,
            json!({"kinds": {"text": "say"}, "event_ids": "still"})
        );
        assert_eq!(wire, json!({"text_kinds": ["say"]}));
        // A turn that is still running has no end.
        let mut running = seen(json!([
            frame("text", None, json!({"text": "ab"})),
            frame("finis", None, json!({}))
        ]));
        running.over = false;
        assert_eq!(told(&running).1, json!({}));
    }

    #[test]
    fn what_cannot_be_told_is_said() {
        let part = |text: &str| json!({"event_id": 1, "kind": "text", "payload": {"text": text}});
        let mut open = seen(json!([part("1"), part("10")]));
        open.history["messages"][1]["content"] = json!("");
        let (dialect, _, notes) = told(&open);
        assert_eq!(dialect["text"], "cumulative");
        assert!(notes.contains("cannot be told"), "{notes}");
        let adding = learn(&open, &WireNames::default(), TextMode::Delta);
        assert_eq!(
            json!(adding.dialect),
            json!({"event_ids": "still", "without_content": true})
        );
        assert_eq!(adding.notes, Vec::<String>::new());

        let mut odd = seen(usual());
        odd.start = json!({"result": odd.start});
        odd.list = json!([]);
        let (dialect, wire, notes) = told(&odd);
        assert_eq!((dialect, wire), (json!({"page_marks": "none"}), json!({})));
        for part in ["a field `result`", "is bare"] {
            assert!(notes.contains(part), "{notes}");
        }
        let (_, _, notes) = told(&seen(json!([{"text": "a"}, {"text": "b"}])));
        assert!(notes.contains("`decode_frame`"), "{notes}");
    }

    #[test]
    fn only_what_can_be_a_name_is_learned() {
        let said = "This is what somebody said";
        let (dialect, wire, _) = told(&seen(json!([
            {"event_id": 1, "kind": said, "block_id": "text:a", "payload": {said: said}},
            {"event_id": 2, "kind": "text", "block_id": "text:a", "payload": {said: "ab"}},
            {"event_id": 3, "kind": "x".repeat(LONGEST_NAME + 1), "payload": {}},
        ])));
        assert_eq!(dialect, json!({}));
        assert_eq!(wire, json!({}));
    }

    #[test]
    fn sockets_that_count_for_themselves_are_told_from_those_that_repeat() {
        let part = |id: i64, text: &str| json!({"event_id": id, "kind": "text", "payload": {"text": text}});
        let kept = json!([part(1, "a"), part(2, "b"), part(3, "c")]);
        for (second, ids) in [
            (vec![part(1, "c")], json!({"event_ids": "per_socket"})),
            (vec![part(3, "c")], json!({})),
            // All of it comes again.
            (vec![part(1, "a"), part(2, "b"), part(3, "c")], json!({})),
            (
                vec![json!({"kind": "text", "payload": {"text": "c"}})],
                json!({}),
            ),
        ] {
            let mut seen = seen(kept.clone());
            seen.history["messages"][1]["content"] = json!("abc");
            seen.sockets = vec![vec![part(1, "a"), part(2, "b")], second];
            let Learned {
                dialect, events, ..
            } = learned(&seen);
            assert_eq!((json!(dialect), events.len()), (ids, 3));
        }
    }

    #[test]
    fn an_ack_and_events_of_another_turn_are_no_part_of_it() {
        let mut frames = usual();
        let list = frames.as_array_mut().expect("a list");
        list.insert(0, json!({"type": "ack", "resume_from": ""}));
        list.insert(
            2,
            json!({"event_id": 9, "kind": "TEXT", "message_id": "other", "payload": {"text": "x"}}),
        );
        let Learned {
            dialect, events, ..
        } = learned(&seen(frames));
        assert_eq!((json!(dialect), events.len()), (json!({}), 3));
    }
}

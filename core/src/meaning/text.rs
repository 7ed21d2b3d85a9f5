//! The text of an event, for a person.

use std::borrow::Cow;

use super::json::{Name, each_member, plain, plain_noting, unquoted};

/// The fields that may hold the text: the first that does counts.
pub const TEXT_FIELDS: [&str; 6] = ["text", "thought", "error", "message", "reason", "tool_name"];

/// The same for what a failed turn says of its failure.
const FAILURE_FIELDS: [&str; 4] = ["message", "error", "reason", "code"];

/// Where an event's text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text<'a> {
    /// In this field of the data, which is an object: its place in
    /// [`TEXT_FIELDS`], and its JSON.
    Field(usize, &'a str),
    /// This is it.
    Own(Cow<'a, str>),
}

impl Text<'_> {
    /// The text itself.
    pub fn read(self) -> String {
        match self {
            Self::Field(_, json) => unquoted(json).unwrap_or_default().into_owned(),
            Self::Own(text) => text.into_owned(),
        }
    }
}

/// The text of an event's data. `failed_turn`: it is the data of a `task.error`
/// (docs/spec/raccoon.md, section 5.3).
pub(crate) fn text_of(data: &str, failed_turn: bool) -> Text<'_> {
    if failed_turn {
        return Text::Own(failure(data));
    }
    let mut found = Found::default();
    let read = each_member(data, |name, value| found.note(name, value));
    found.text(data, read.is_some())
}

/// The data in its [`plain`] form and its text, for an event that is no turn's.
pub(crate) fn plain_and_text(data: &str) -> (Option<Cow<'_, str>>, Text<'_>) {
    let mut found = Found::default();
    let plain = plain_noting(data, |name, value| found.note(name, value));
    let text = found.text(data, plain.is_some());
    (plain, text)
}

/// The fields of [`TEXT_FIELDS`] that an object has.
#[derive(Default)]
struct Found<'a>([Option<&'a str>; TEXT_FIELDS.len()]);

impl<'a> Found<'a> {
    fn note(&mut self, name: Name<'a>, value: &'a str) {
        let name = name.read();
        if let Some(at) = TEXT_FIELDS.iter().position(|field| *field == name) {
            self.0[at] = Some(value);
        }
    }

    fn text(self, data: &'a str, is_json: bool) -> Text<'a> {
        if !is_json {
            return Text::Own(Cow::Borrowed(data));
        }
        for (at, value) in self.0.into_iter().enumerate() {
            match value {
                Some(value) if value.starts_with('"') => return Text::Field(at, value),
                Some(value) if TEXT_FIELDS[at] == "error" => {
                    if let Some(text) = message_in(value) {
                        return Text::Own(text);
                    }
                }
                _ => {}
            }
        }
        // No object, or one without a text.
        Text::Own(string(data).unwrap_or_default())
    }
}

/// What failed, by the first field that says it; else all that came.
fn failure(data: &str) -> Cow<'_, str> {
    let mut found = [None; FAILURE_FIELDS.len()];
    let is_json = each_member(data, |name, value| {
        let name = name.read();
        if let Some(at) = FAILURE_FIELDS.iter().position(|field| *field == name) {
            found[at] = Some(value);
        }
    });
    let [message, error, reason, code] = found;
    let texts = [
        message.and_then(string),
        error.and_then(string),
        error.and_then(message_in),
        reason.and_then(string),
        code.and_then(string),
        is_json.and_then(|()| string(data)),
    ];
    let mut said = texts.into_iter().flatten();
    said.find(|text| !text.trim().is_empty())
        .unwrap_or(Cow::Borrowed(data))
}

/// The `message` of an object.
fn message_in(object: &str) -> Option<Cow<'_, str>> {
    let mut found = None;
    each_member(object, |name, value| {
        if name.read() == "message" {
            found = string(value);
        }
    })?;
    found
}

/// The string that a whole JSON text is.
fn string(json: &str) -> Option<Cow<'_, str>> {
    let json = json.trim_start_matches('\u{feff}');
    unquoted(json.trim_matches([' ', '\n', '\r', '\t'])).filter(|_| plain(json).is_some())
}

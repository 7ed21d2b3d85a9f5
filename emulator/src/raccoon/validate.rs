//! Bodies and queries, checked.

use crate::errors::{ApiError, Problems};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

const MODES: [&str; 5] = ["auto", "plan", "deepsearch", "slides", "code"];
const TITLE_LENGTH: usize = 255;
const LIST_LIMIT: u64 = 100;

/// A checked `POST /sessions/new`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StartTurn {
    pub(super) session_id: String,
    pub(super) prompt: String,
    pub(super) mode: String,
    /// References to uploads, as they came.
    pub(super) files: Vec<Value>,
    pub(super) references: Vec<Value>,
    pub(super) history: Vec<Value>,
    pub(super) base_prompt: Option<String>,
    pub(super) sdk_version: Option<String>,
    pub(super) continuation: Option<String>,
    /// The fields that are not known.
    pub(super) extra: Map<String, Value>,
}

/// The fields of `POST /sessions/new`.
const TURN_FIELDS: [&str; 11] = [
    "session_id",
    "prompt",
    "task",
    "mode",
    "files",
    "references",
    "history",
    "base_prompt",
    "sdk_version",
    "ace_version",
    "continuation",
];

fn object(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    let (kind, text) = match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => return Ok(fields),
        Ok(_) => ("dict_type", "Input should be a JSON object".to_owned()),
        Err(error) => ("json_invalid", format!("Input is not valid JSON: {error}")),
    };
    let mut problems = Problems::default();
    problems.add(&["body"], kind, text);
    problems.into_result().map(|()| Map::new())
}

/// The fields of a body; `null` is an absent field.
struct Body {
    fields: Map<String, Value>,
    problems: Problems,
}

impl Body {
    fn parse(body: &[u8]) -> Result<Self, ApiError> {
        Ok(Self {
            fields: object(body)?,
            problems: Problems::default(),
        })
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    fn wrong(&mut self, name: &str, kind: &str, text: impl Into<String>) {
        self.problems.add(&["body", name], kind, text);
    }

    fn text(&mut self, name: &str) -> Option<String> {
        let text = self.get(name)?.as_str().map(str::to_owned);
        if text.is_none() {
            self.wrong(name, "string_type", "Input should be a valid string");
        }
        text
    }

    /// A text that must be one of these.
    fn word(&mut self, name: &str, words: &[&str]) -> Option<String> {
        let text = self.text(name)?;
        if !words.contains(&text.as_str()) {
            let known = words.join(", ");
            self.wrong(name, "enum", format!("Input should be one of {known}"));
        }
        Some(text)
    }

    fn list(&mut self, name: &str) -> Vec<Value> {
        let Some(value) = self.get(name) else {
            return Vec::new();
        };
        let list = value.as_array().cloned();
        if list.is_none() {
            self.wrong(name, "list_type", "Input should be a valid list");
        }
        list.unwrap_or_default()
    }
}

/// `only`: the one name of the prompt that is taken.
pub(super) fn start_turn(body: &[u8], only: Option<&str>) -> Result<StartTurn, ApiError> {
    let mut body = Body::parse(body)?;
    for other in only.map_or(&[][..], |_| &["prompt", "task"]) {
        if Some(*other) != only && body.get(other).is_some() {
            body.wrong(other, "extra_forbidden", "Extra inputs are not permitted");
        }
    }
    let session_id = body.text("session_id");
    match &session_id {
        None if body.get("session_id").is_none() => {
            body.wrong("session_id", "missing", "Field required");
        }
        Some(id) if !is_uuid(id) => {
            body.wrong("session_id", "uuid_parsing", "Input should be a valid UUID");
        }
        _ => {}
    }
    let (first, second) = (only.unwrap_or("prompt"), only.unwrap_or("task"));
    let (prompt, task) = (body.text(first), body.text(second));
    let text = match (prompt, task) {
        (Some(prompt), Some(task)) => {
            if prompt != task {
                let text = "`prompt` and `task` are two names of one field: send one, or the same text in both";
                body.wrong("task", "value_error", text);
            }
            Some(prompt)
        }
        (prompt, task) => prompt.or(task),
    };
    let is_there = body.get(first).or(body.get(second)).is_some();
    match &text {
        None if !is_there => body.wrong(first, "missing", "Field required"),
        Some(text) if text.trim().is_empty() => {
            let text = "String should have at least 1 character that is not a blank";
            body.wrong(first, "string_too_short", text);
        }
        _ => {}
    }
    let mode = body.word("mode", &MODES);
    let mut version = |name| body.word(name, &["fast", "think"]);
    let sdk_version = version("sdk_version");
    let sdk_version = version("ace_version").or(sdk_version);
    let base_prompt = body.text("base_prompt");
    let continuation = body.text("continuation");
    let history = body.list("history");
    let references = body.list("references");
    let files = body.list("files");
    if files.iter().any(|file| !file["key"].is_string()) {
        let text = "Each file needs the `key` that its upload returned";
        body.wrong("files", "missing", text);
    }
    body.problems.into_result()?;
    let mut extra = body.fields;
    extra.retain(|name, _| !TURN_FIELDS.contains(&name.as_str()));
    Ok(StartTurn {
        session_id: session_id.unwrap_or_default(),
        prompt: text.unwrap_or_default(),
        mode: mode.unwrap_or_else(|| "auto".to_owned()),
        files,
        references,
        history,
        base_prompt,
        sdk_version,
        continuation,
        extra,
    })
}

fn is_uuid(text: &str) -> bool {
    let fits = |(index, byte): (usize, u8)| match index {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.bytes().enumerate().all(fits)
}

pub(super) fn title(body: &[u8]) -> Result<String, ApiError> {
    let mut body = Body::parse(body)?;
    let title = body.text("title").map(|title| title.trim().to_owned());
    match &title {
        None if body.get("title").is_none() => body.wrong("title", "missing", "Field required"),
        Some(title) if title.is_empty() => {
            let text = "String should have at least 1 character that is not a blank";
            body.wrong("title", "string_too_short", text);
        }
        Some(title) if title.chars().count() > TITLE_LENGTH => {
            let text = "String should have at most 255 characters";
            body.wrong("title", "string_too_long", text);
        }
        _ => {}
    }
    body.problems.into_result()?;
    Ok(title.unwrap_or_default())
}

/// What a list is asked for.
#[derive(Debug)]
pub(super) struct ListQuery {
    pub(super) page: u64,
    pub(super) limit: u64,
    /// In lower case.
    pub(super) search: String,
    pub(super) by: SortBy,
    pub(super) ascending: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SortBy {
    Updated,
    Created,
    Title,
}

pub(super) fn list(query: &str) -> Result<ListQuery, ApiError> {
    let mut problems = Problems::default();
    let mut list = ListQuery {
        page: 1,
        limit: 20,
        search: String::new(),
        by: SortBy::Updated,
        ascending: false,
    };
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let place = ["query", &*name];
        let mut number = |most: u64| {
            let number = value.parse().ok().filter(|n| (1..=most).contains(n));
            if number.is_none() {
                let most = match most {
                    u64::MAX => String::new(),
                    most => format!(" to {most}"),
                };
                let text = format!("Input should be an integer from 1{most}");
                problems.add(&place, "int_parsing", text);
            }
            number.unwrap_or(1)
        };
        match &*name {
            "page" => list.page = number(u64::MAX),
            "limit" => list.limit = number(LIST_LIMIT),
            "search" => list.search = value.to_lowercase(),
            "sort_by" | "sortBy" => match &*value {
                "updatedAt" => list.by = SortBy::Updated,
                "createdAt" => list.by = SortBy::Created,
                "title" => list.by = SortBy::Title,
                _ => {
                    let text = "Input should be 'updatedAt', 'createdAt' or 'title'";
                    problems.add(&place, "enum", text);
                }
            },
            "sort_order" | "sortOrder" | "order" => match &*value {
                "asc" => list.ascending = true,
                "desc" => list.ascending = false,
                _ => problems.add(&place, "enum", "Input should be 'asc' or 'desc'"),
            },
            _ => {}
        }
    }
    problems.into_result()?;
    Ok(list)
}

/// The key that an upload is stored under.
pub(super) fn upload_key(key: &str) -> Result<String, ApiError> {
    let parts = || {
        key.split(['/', '\\'])
            .filter(|part| !part.is_empty() && *part != ".")
    };
    let mut problems = Problems::default();
    let place = ["body", "key"];
    if parts().any(|part| part == "..") {
        problems.add(&place, "value_error", "The key may not contain `..`");
    } else if key.chars().any(char::is_control) {
        let text = "The key may not contain control characters";
        problems.add(&place, "value_error", text);
    } else if parts().next().is_none() {
        let text = "The key should name a file, such as {session_id}/report.pdf";
        problems.add(&place, "string_too_short", text);
    }
    problems.into_result()?;
    Ok(parts().collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upload_keys_are_normalised_and_stay_inside() {
        assert_eq!(upload_key("/a//./b c.txt").unwrap(), "a/b c.txt");
        assert_eq!(upload_key("a\\b..txt").unwrap(), "a/b..txt");
        for bad in ["", "/", "a/../b", "..", "a\\..\\b", "a\nb"] {
            assert!(upload_key(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn uuids_are_known() {
        assert!(is_uuid("2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415"));
        for bad in [
            "",
            "x",
            "2b9d6c1e8f344c57a1de6b0f92c7e415",
            "2b9d6c1e-8f34-4c57-a1de-6b0f92c7e41g",
        ] {
            assert!(!is_uuid(bad), "{bad}");
        }
    }
}

//! Bodies and queries, checked.

use super::log::{Kind, Kinds};
use super::models::AGENTS;
use crate::errors::{ApiError, Problems};
use axum::http::StatusCode;
use serde_json::{Map, Value};
use url::Url;

const MESSAGE_LENGTH: usize = 10_000;
const URL_LENGTH: usize = 2_000;

/// The fields of a JSON body. An absent body is an empty object, `null` an absent field.
#[derive(Debug)]
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let problem = |kind: &str, text: String| {
            let mut problems = Problems::default();
            problems.add(&["body"], kind, text);
            problems.into_result().map(|()| Self(Map::new()))
        };
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(Map::new()));
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => problem("dict_type", "Input should be a JSON object".to_owned()),
            Err(error) => problem("json_invalid", format!("Input is not valid JSON: {error}")),
        }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str, problems: &mut Problems) -> Option<String> {
        match self.get(name)? {
            Value::String(text) => Some(text.clone()),
            _ => {
                problems.add(
                    &["body", name],
                    "string_type",
                    "Input should be a valid string",
                );
                None
            }
        }
    }

    fn boolean(&self, name: &str, problems: &mut Problems) -> Option<bool> {
        match self.get(name)? {
            Value::Bool(value) => Some(*value),
            Value::String(text) if flag(text).is_some() => flag(text),
            _ => {
                problems.add(
                    &["body", name],
                    "bool_type",
                    "Input should be a valid boolean",
                );
                None
            }
        }
    }
}

/// `true` and `false` as FastAPI reads them.
fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" | "y" | "t" => Some(true),
        "false" | "0" | "no" | "off" | "n" | "f" => Some(false),
        _ => None,
    }
}

/// The parameters of a query; of repeated ones the last counts.
#[derive(Debug)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(query: &str) -> Self {
        Self(
            url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .rev()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
    }

    fn flag(&self, name: &str, default: bool, problems: &mut Problems) -> bool {
        let Some(text) = self.get(name) else {
            return default;
        };
        flag(text).unwrap_or_else(|| {
            problems.add(
                &["query", name],
                "bool_parsing",
                "Input should be a valid boolean, unable to interpret input",
            );
            default
        })
    }
}

/// A checked `POST /sessions`.
#[derive(Debug)]
pub(crate) struct CreateBody {
    pub(crate) agent_name: String,
    pub(crate) webhook_url: Option<String>,
    pub(crate) restore: Option<Restore>,
    pub(crate) extras: Map<String, Value>,
}

/// What a new session takes over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Restore {
    /// The snapshot of a deleted session.
    Session(String),
    /// The snapshot with this environment id.
    Environment(String),
    /// The caller's default environment.
    Default,
}

pub(crate) fn create(fields: &Fields) -> Result<CreateBody, ApiError> {
    let mut problems = Problems::default();
    let agent_name = fields
        .text("agent_name", &mut problems)
        .unwrap_or_else(|| "agi-0".to_owned());
    if !AGENTS.contains(&agent_name.as_str()) {
        let text = format!(
            "Unknown agent `{agent_name}`; use one of {}",
            AGENTS.join(", ")
        );
        problems.add(&["body", "agent_name"], "enum", text);
    }
    let webhook_url = fields.text("webhook_url", &mut problems);
    if let Some(url) = &webhook_url {
        if url.chars().count() > URL_LENGTH {
            problems.add(
                &["body", "webhook_url"],
                "url_too_long",
                "URL should have at most 2000 characters",
            );
        } else if http_url(url).is_none() {
            problems.add(
                &["body", "webhook_url"],
                "url_scheme",
                "URL scheme should be 'http' or 'https'",
            );
        }
    }
    fields.boolean("enable_memory_snapshot", &mut problems);
    let session = fields
        .text("restore_from_session_id", &mut problems)
        .map(Restore::Session);
    let user = fields
        .text("restore_default_environment_from_user_id", &mut problems)
        .map(|_| Restore::Default);
    let environment = fields
        .text("restore_from_environment_id", &mut problems)
        .map(Restore::Environment);
    let extras = extras(fields, &mut problems);
    problems.into_result()?;
    Ok(CreateBody {
        agent_name,
        webhook_url,
        restore: session.or(user).or(environment),
        extras,
    })
}

/// The fields beyond the reference; those the session object shows.
fn extras(fields: &Fields, problems: &mut Problems) -> Map<String, Value> {
    let mut shown = Map::new();
    for name in [
        "goal",
        "environment_type",
        "model",
        "cdp_url",
        "cdp_ws_url",
        "restore_from_environment_id",
    ] {
        if let Some(text) = fields.text(name, problems).filter(|_| name == "goal") {
            shown.insert(name.to_owned(), text.into());
        }
    }
    if fields.get("max_steps").is_some_and(|steps| !steps.is_u64()) {
        problems.add(
            &["body", "max_steps"],
            "int_type",
            "Input should be a positive integer",
        );
    }
    if let Some(kind) = fields.text("agent_session_type", problems) {
        let browser_missing = fields.get("cdp_url").or(fields.get("cdp_ws_url")).is_none();
        match kind.as_str() {
            "external-cdp" if browser_missing => {
                problems.add(
                    &["body", "cdp_url"],
                    "missing",
                    "Field required for agent_session_type `external-cdp`",
                );
            }
            "managed-cdp" | "external-cdp" | "desktop" => {}
            _ => problems.add(
                &["body", "agent_session_type"],
                "enum",
                "Input should be 'managed-cdp', 'external-cdp' or 'desktop'",
            ),
        }
        shown.insert("agent_session_type".to_owned(), kind.into());
    }
    if shown.is_empty()
        && (fields
            .get("environment_type")
            .or(fields.get("restore_from_environment_id")))
        .is_some()
    {
        shown.insert("agent_session_type".to_owned(), "managed-cdp".into());
    }
    shown
}

/// Whether to keep a snapshot on deletion, and whether as the default environment too.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Save {
    pub(crate) snapshot: bool,
    pub(crate) as_default: bool,
}

pub(crate) fn delete(query: &Query) -> Result<Save, ApiError> {
    let mut problems = Problems::default();
    let snapshot = match query.get("save_snapshot_mode") {
        None | Some("none") => false,
        Some("memory" | "filesystem") => true,
        Some(_) => {
            let text = "Input should be 'none', 'memory' or 'filesystem'";
            problems.add(&["query", "save_snapshot_mode"], "enum", text);
            true
        }
    };
    let as_default = query.flag("save_as_default", false, &mut problems);
    if as_default && !snapshot {
        let text = "save_as_default=true needs save_snapshot_mode `memory` or `filesystem`";
        problems.add(&["query", "save_as_default"], "value_error", text);
    }
    problems.into_result()?;
    Ok(Save {
        snapshot,
        as_default,
    })
}

/// A message's text and start page.
pub(crate) fn message(fields: &Fields) -> Result<(String, Option<String>), ApiError> {
    let mut problems = Problems::default();
    let place = ["body", "message"];
    let text = fields.text("message", &mut problems);
    match &text {
        None if fields.get("message").is_none() => {
            problems.add(&place, "missing", "Field required")
        }
        Some(text) if text.trim().is_empty() => {
            problems.add(
                &place,
                "string_too_short",
                "String should have at least 1 character that is not a blank",
            );
        }
        Some(text) if text.chars().count() > MESSAGE_LENGTH => {
            problems.add(
                &place,
                "string_too_long",
                "String should have at most 10000 characters",
            );
        }
        _ => {}
    }
    let start_url = fields
        .text("start_url", &mut problems)
        .filter(|url| !url.is_empty());
    if start_url
        .as_ref()
        .is_some_and(|url| url.chars().count() > URL_LENGTH)
    {
        problems.add(
            &["body", "start_url"],
            "string_too_long",
            "String should have at most 2000 characters",
        );
    }
    problems.into_result()?;
    Ok((text.unwrap_or_default(), start_url))
}

/// `after_id` and `sanitize` of `/messages`.
pub(crate) fn messages(query: &Query) -> Result<(u64, bool), ApiError> {
    let mut problems = Problems::default();
    let after = query
        .get("after_id")
        .map_or(Some(0), |text| text.trim().parse().ok());
    if after.is_none() {
        problems.add(
            &["query", "after_id"],
            "int_parsing",
            "Input should be an integer greater than or equal to 0",
        );
    }
    let sanitize = query.flag("sanitize", true, &mut problems);
    problems.into_result()?;
    Ok((after.unwrap_or_default(), sanitize))
}

/// What a stream is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EventsQuery {
    pub(crate) kinds: Kinds,
    pub(crate) sanitize: bool,
    pub(crate) history: bool,
}

pub(crate) fn events(query: &Query) -> Result<EventsQuery, ApiError> {
    let mut problems = Problems::default();
    let names = query.get("event_types").unwrap_or_default();
    let kinds = if names.trim().is_empty() {
        Kinds::ALL
    } else {
        names.split(',').fold(Kinds::NONE, |kinds, name| {
            let known = Kind::EVENTS
                .into_iter()
                .find(|kind| kind.event_name() == name.trim());
            known.map_or(kinds, |kind| kinds.with(kind))
        })
    };
    let sanitize = query.flag("sanitize", true, &mut problems);
    let history = query.flag("include_history", true, &mut problems);
    problems.into_result()?;
    Ok(EventsQuery {
        kinds,
        sanitize,
        history,
    })
}

/// The address of a `navigate` request.
pub(crate) fn navigate(fields: &Fields) -> Result<Url, ApiError> {
    let mut problems = Problems::default();
    let text = fields.text("url", &mut problems);
    if fields.get("url").is_none() {
        problems.add(&["body", "url"], "missing", "Field required");
    }
    problems.into_result()?;
    text.filter(|text| text.chars().count() <= URL_LENGTH)
        .and_then(|text| http_url(&text))
        .ok_or_else(|| ApiError::new(StatusCode::BAD_REQUEST, "Invalid URL format"))
}

/// Which models `GET /models` lists: all, or those for a browser or a desktop.
pub(crate) fn models(query: &Query) -> Result<Option<bool>, ApiError> {
    match query.get("filter") {
        None | Some("") => Ok(None),
        Some("cdp") => Ok(Some(false)),
        Some("desktop") => Ok(Some(true)),
        Some(_) => {
            let mut problems = Problems::default();
            problems.add(
                &["query", "filter"],
                "enum",
                "Input should be 'cdp' or 'desktop'",
            );
            problems.into_result().map(|()| None)
        }
    }
}

/// An absolute http(s) address with a host.
pub(crate) fn http_url(text: &str) -> Option<Url> {
    // The URL parser repairs what a browser's address bar would; the API wants it written out.
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    if !(lower.starts_with("http://") || lower.starts_with("https://"))
        || text.chars().any(char::is_whitespace)
    {
        return None;
    }
    Url::parse(text).ok().filter(Url::has_host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_absolute_and_http() {
        for good in ["http://h", "https://h:1/p?q#f", "HTTP://h/"] {
            assert!(http_url(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "h",
            "h.com/",
            "/x",
            "ftp://h/",
            "http:/h",
            "http://",
            "file:///etc",
            "javascript:1",
            "http://a b/",
        ] {
            assert!(http_url(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn filters_ignore_what_they_do_not_know() {
        let kinds = |query: &str| events(&Query::parse(query)).unwrap().kinds;
        assert_eq!(kinds(""), Kinds::ALL);
        assert_eq!(kinds("event_types="), Kinds::ALL);
        let some = kinds("event_types=done,%20question,nonsense");
        assert!(
            some.has(Kind::Done)
                && some.has(Kind::Question)
                && !some.has(Kind::Thought)
                && !some.has(Kind::Heartbeat)
        );
        assert_eq!(kinds("event_types=nonsense"), Kinds::NONE);
    }

    #[test]
    fn booleans_follow_fastapi() {
        for (text, value) in [
            ("True", true),
            ("1", true),
            ("YES", true),
            ("off", false),
            ("0", false),
        ] {
            assert_eq!(
                events(&Query::parse(&format!("include_history={text}")))
                    .unwrap()
                    .history,
                value
            );
        }
        assert!(events(&Query::parse("include_history=maybe")).is_err());
    }
}

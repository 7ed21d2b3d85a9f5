//! Bad input is refused here, before anything is sent.

use super::ids::is_uuid;
use super::models::{
    EventOptions, ListSessions, RunTurns, StartTurn, TurnEventOptions, TurnMessage,
};
use crate::error::{Error, Result};
use crate::ws::KeepAlive;

use crate::validate::duration;

const MAX_TITLE: usize = 255;

const MAX_PAGE: u64 = 100;

/// A session is named by a UUID, which its user makes
/// (docs/spec/raccoon.md, section 1).
pub(crate) fn session_id(id: &str) -> Result<()> {
    if is_uuid(id) {
        return Ok(());
    }
    Err(Error::invalid(no_uuid(id)))
}

/// The same where a fresh session would do, too.
pub(crate) fn session_id_or_none(id: &str) -> Result<()> {
    if is_uuid(id) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{}, or leave it out for a fresh session",
        no_uuid(id)
    )))
}

fn no_uuid(id: &str) -> String {
    format!(
        "`session_id` is {id:?}, which is no UUID. Pass one such as 2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415"
    )
}

pub(super) fn message_id(id: &str) -> Result<()> {
    if id.is_empty() {
        return Err(Error::invalid(
            "`message_id` is empty. Pass the id of the turn's agent message, as the turn or its error names it",
        ));
    }
    Ok(())
}

pub(super) fn start_turn(start: &StartTurn) -> Result<()> {
    if start.prompt.trim().is_empty() {
        return Err(Error::invalid(
            "`prompt` is empty. Say what the agent shall do",
        ));
    }
    if start.mode.is_empty() {
        return Err(Error::invalid(
            "`mode` is empty. Use auto, plan, code, deepsearch or slides, or leave it out for auto",
        ));
    }
    if start.extra.contains_key("session_id") {
        return Err(Error::invalid(
            "`extra` has a `session_id`. Start the turn in that session instead",
        ));
    }
    event_options(&start.events)
}

pub(super) fn run_turns(plan: &RunTurns) -> Result<()> {
    if plan.concurrency == 0 {
        return Err(Error::invalid(
            "`concurrency` is 0. Pass how many turns may run at once, such as 4",
        ));
    }
    for (index, given) in plan.turns.iter().enumerate() {
        let session = given.session_id.as_deref().map_or(Ok(()), session_id);
        session
            .and_then(|()| start_turn(&given.turn))
            .map_err(|error| of_turn(index, &error))?;
    }
    plan.timeout
        .map_or(Ok(()), |timeout| duration("timeout", timeout).map(drop))
}

/// The same error, of one of many turns.
pub(crate) fn of_turn(index: usize, error: &Error) -> Error {
    let message = error.message();
    Error::invalid(format!("The turn with the index {index}: {message}"))
}

pub(super) fn event_options(options: &TurnEventOptions) -> Result<()> {
    options.keep_alive().map(drop)
}

pub(super) fn session_events(session_id: &str, options: &EventOptions) -> Result<()> {
    duration("poll_interval", options.poll_interval)?;
    if let Some(timeout) = options.timeout {
        duration("timeout", timeout)?;
    }
    let Some(after) = &options.after else {
        return Ok(());
    };
    if !after.session_id.eq_ignore_ascii_case(session_id) {
        return Err(Error::invalid(format!(
            "`after` is a place in the session {:?}, not in this one. Pass a place in this session, or leave it out",
            after.session_id
        )));
    }
    if after.message_id.is_empty() {
        return Err(Error::invalid(
            "`after` names no message. Pass an event of this session, or a resume point with its `message_id`",
        ));
    }
    if !options.include_history {
        return Err(Error::invalid(
            "`after` says where to begin, and so does `include_history`. Pass one of them",
        ));
    }
    Ok(())
}

/// The title that is sent.
pub(super) fn title(title: &str) -> Result<&str> {
    let trimmed = title.trim();
    match trimmed.chars().count() {
        0 => Err(Error::invalid("`title` is empty. Give the session a name")),
        length if length > MAX_TITLE => Err(Error::invalid(format!(
            "`title` has {length} characters; the service takes at most {MAX_TITLE}. Shorten it"
        ))),
        _ => Ok(trimmed),
    }
}

pub(super) fn list_sessions(list: &ListSessions) -> Result<()> {
    if list.page == Some(0) {
        return Err(Error::invalid("`page` is 0. The first page is 1"));
    }
    match list.limit {
        Some(limit) if limit == 0 || limit > MAX_PAGE => Err(Error::invalid(format!(
            "`limit` is {limit}. Ask for 1 to {MAX_PAGE} sessions per page"
        ))),
        _ => Ok(()),
    }
}

pub(super) fn message(text: &str) -> Result<()> {
    if text.trim().is_empty() {
        return Err(Error::invalid(
            "`text` is empty. Say what the agent shall know",
        ));
    }
    Ok(())
}

/// Whether a key would leave its place.
fn strays(key: &str) -> bool {
    key.is_empty()
        || key.chars().any(char::is_control)
        || key
            .split(['/', '\\'])
            .any(|part| matches!(part, "." | ".."))
}

pub(super) fn folder(folder: &str) -> Result<()> {
    if strays(folder) {
        return Err(Error::invalid(format!(
            "`folder` is {folder:?}, which is no place for a file. Use one such as reports/2026, or leave it out"
        )));
    }
    Ok(())
}

pub(super) fn key(key: &str) -> Result<()> {
    if strays(key) {
        return Err(Error::invalid(format!(
            "`key` is {key:?}, which is no place for a file. Use {{session_id}}/{{name}}, or leave it out"
        )));
    }
    Ok(())
}

/// The name of a file alone: without folders, `..` and control characters.
pub(super) fn file_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().filter(|char| !char.is_control()).collect();
    match clean.trim() {
        "" | "." | ".." => "file".to_owned(),
        clean => clean.to_owned(),
    }
}

pub(super) fn content_type(content_type: &str) -> Result<()> {
    if is_media_type(content_type) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "`content_type` is {content_type:?}, which is no media type. Give one such as application/pdf, or leave it out"
    )))
}

/// `type/subtype`, and parameters perhaps.
fn is_media_type(text: &str) -> bool {
    let is_token = |text: &str| {
        let is_of_tokens =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        !text.is_empty() && text.bytes().all(is_of_tokens)
    };
    let (kind, parameters) = text.split_once(';').unwrap_or((text, ""));
    let (kind, subtype) = kind.split_once('/').unwrap_or_default();
    let is_printable = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    is_token(kind) && is_token(subtype.trim_end()) && parameters.bytes().all(is_printable)
}

impl TurnEventOptions {
    pub(super) fn keep_alive(&self) -> Result<KeepAlive> {
        Ok(KeepAlive {
            ping_interval: duration("ping_interval", self.ping_interval)?,
            idle_timeout: duration("idle_timeout", self.idle_timeout)?,
        })
    }
}

impl StartTurn {
    /// Refuses what the service would refuse. Sends nothing.
    ///
    /// # Errors
    /// `InvalidRequest` for what would be refused.
    pub fn check(&self) -> Result<()> {
        start_turn(self)
    }
}

impl RunTurns {
    /// Refuses what the service would refuse. Sends nothing.
    ///
    /// # Errors
    /// `InvalidRequest` for what would be refused.
    pub fn check(&self) -> Result<()> {
        run_turns(self)
    }
}

impl TurnMessage {
    /// Refuses what the service would refuse. Sends nothing.
    ///
    /// # Errors
    /// `InvalidRequest` for what would be refused.
    pub fn check(&self) -> Result<()> {
        message(&self.text)
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn session_ids_are_uuids() {
        for good in [
            "2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415",
            "2B9D6C1E-8F34-4C57-A1DE-6B0F92C7E415",
            "00000000-0000-0000-0000-000000000000",
        ] {
            assert!(session_id(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "2b9d6c1e8f344c57a1de6b0f92c7e415",
            "2b9d6c1e-8f34-4c57-a1de-6b0f92c7e41g",
            "2b9d6c1e-8f34-4c57-a1de-6b0f92c7e4155",
            "2b9d6c1e-8f34-4c57-a1de-6b0f92c7e4/5",
            " 2b9d6c1e-8f34-4c57-a1de-6b0f92c7e41",
        ] {
            let error = session_id(bad).expect_err("it is refused");
            assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{bad}");
        }
    }

    #[test]
    fn names_of_files_lose_their_folders() {
        for (given, name) in [
            ("report.pdf", "report.pdf"),
            ("/home/me/report.pdf", "report.pdf"),
            ("C:\\Users\\me\\report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("..", "file"),
            ("a/", "file"),
            ("", "file"),
            ("a\r\nb\0.txt", "ab.txt"),
            (" é.md ", "é.md"),
        ] {
            assert_eq!(file_name(given), name, "{given:?}");
        }
    }

    #[test]
    fn keys_stay_in_their_place() {
        for (given, good) in [
            ("s/report.pdf", true),
            ("report.pdf", true),
            ("", false),
            ("s/../x", false),
            ("..\\x", false),
            ("s/./x", false),
            ("s/a\nb", false),
        ] {
            assert_eq!(key(given).is_ok(), good, "{given:?}");
        }
    }

    #[test]
    fn content_types_are_media_types() {
        for (given, good) in [
            ("text/csv", true),
            ("text/csv; charset=utf-8", true),
            ("text/plain ;charset=\"utf 8\"", true),
            ("application/vnd.ms-excel.sheet+xml", true),
            ("", false),
            ("text", false),
            ("bad type", false),
            ("bad type/x", false),
            ("text/", false),
            ("text/a/b", false),
            ("text/csv\r\nX: y", false),
            ("text/csv; a=\n", false),
            ("té/xt", false),
        ] {
            assert_eq!(content_type(given).is_ok(), good, "{given:?}");
        }
    }

    #[test]
    fn titles_are_trimmed_and_counted_in_characters() {
        assert_eq!(title("  Digest ").expect("a title"), "Digest");
        assert!(title(&"é".repeat(255)).is_ok());
        for bad in ["", " \n", &"é".repeat(256)] {
            assert!(title(bad).is_err(), "{bad}");
        }
    }
}
